//! The command line: everything an operator does without a browser.

mod accounts;
mod backup;
mod database;
mod demo;
mod doctor;
mod restore;
mod serve;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::app::{App, Parts};
use crate::error::Error;
use crate::kernel::clock::Clock;
use crate::kernel::config::{self, Loaded, Settings};
use crate::kernel::db::Db;
use crate::kernel::origin::Origin;
use crate::nodes::{restored, setup};
use crate::ui::Locale;

pub use serve::{Running, start};

/// A community node for one artist, band, label or brand.
#[derive(Parser)]
#[command(name = "afterparty", version, arg_required_else_help = false)]
struct Cli {
    /// The settings file (default: config/afterparty.toml, where it exists)
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A setting, such as server.listen=127.0.0.1:8081; can be given several times
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
    /// Run the node (this is what happens without a verb)
    Serve,
    /// Run two houses that talk to each other and to nobody else
    Demo {
        /// Keep the data in this folder
        #[arg(long, value_name = "DIR")]
        keep: Option<PathBuf>,
        /// First port; the second house takes the next one
        #[arg(long, default_value_t = 4001)]
        port: u16,
    },
    /// Bring the database up to date
    Migrate {
        /// Begin a new house even though the key or the media of one are there
        #[arg(long)]
        new_house: bool,
    },
    /// Look whether everything is in order
    Doctor,
    /// Settings
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Accounts of this house
    #[command(subcommand)]
    Account(AccountVerb),
    /// Write a post
    Post { name: String, text: String },
    /// Follow somebody
    Follow { name: String, handle: String },
    /// Show somebody's home
    Timeline {
        name: String,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
        #[arg(long, default_value_t = 20)]
        limit: i64,
    },
    /// Read a mail that came back, from standard input: no invitation goes again to an address that does not exist
    Bounced,
    /// Print a token with which a script may act for somebody
    Token {
        name: String,
        /// What it may do
        #[arg(long, default_value = "read write")]
        scopes: String,
    },
    /// Save everything into one file, also while the node runs
    Backup { file: PathBuf },
    /// Restore a backup into an empty data folder
    Restore { file: PathBuf },
    /// Print the version
    Version,
}

#[derive(Subcommand)]
enum ConfigVerb {
    /// Print every setting, its value and where it comes from
    Show,
    /// Print an example file with every setting
    Example,
    /// Change the public address, while no other node knows it
    Rehome { url: String },
}

#[derive(Subcommand)]
enum AccountVerb {
    /// Make an account; the password comes from standard input or is generated and printed
    Create {
        name: String,
        #[arg(long)]
        email: Option<String>,
        #[arg(long, default_value = "member")]
        role: String,
    },
    /// List the accounts
    List,
    /// Lock an account out
    Disable { name: String },
    /// Let an account in again
    Enable { name: String },
    /// Set a new password
    ResetPassword { name: String },
    /// Give an account another role: host, crew or member
    Role { name: String, role: String },
}

/// Prints a line; a closed pipe is no reason to fail.
fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let _ = tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("AFTERPARTY_LOG")
                .unwrap_or_else(|_| "info,sqlx=warn,hyper=warn".into()),
        )
        .with_writer(io::stderr)
        // It would say so on the same output, and panic where that is closed.
        .log_internal_errors(false)
        // Programs read a log that is no terminal.
        .with_ansi(io::stderr().is_terminal())
        .try_init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let outcome = runtime
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(run(cli)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let sentence = match error.downcast_ref::<Error>() {
                Some(Error::Invalid(problems)) => problems
                    .iter()
                    .map(|problem| Locale::En.sentence(&problem.sentence))
                    .collect::<Vec<_>>()
                    .join(" "),
                Some(Error::Conflict(sentence) | Error::Unavailable(sentence)) => {
                    Locale::En.sentence(sentence)
                }
                _ => format!("{error:#}"),
            };
            let _ = writeln!(io::stderr(), "afterparty: {sentence}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.verb.as_ref() {
        Some(Verb::Version) => {
            say(concat!("afterparty ", env!("CARGO_PKG_VERSION")));
            return Ok(());
        }
        Some(Verb::Config(ConfigVerb::Example)) => {
            let _ = io::stdout().write_all(config::example().as_bytes());
            return Ok(());
        }
        Some(Verb::Demo { keep, port }) => return demo::run(keep.clone(), *port).await,
        _ => {}
    }
    let loaded = load(&cli)?;
    let settings = loaded.settings.clone();
    match cli.verb.unwrap_or(Verb::Serve) {
        Verb::Serve => serve::run(settings).await,
        Verb::Migrate { new_house } => {
            database::open_or_begin(&settings, new_house).await?;
            say("The database is up to date.");
            Ok(())
        }
        Verb::Doctor => doctor::run(settings).await,
        Verb::Config(ConfigVerb::Rehome { url }) => rehome(settings, &url).await,
        Verb::Config(_) => {
            show(&loaded);
            Ok(())
        }
        Verb::Backup { file } => backup::save(&settings, &loaded, &file).await,
        Verb::Restore { file } => restore::restore(&settings, &file).await,
        verb => accounts::run(&open(settings).await?, verb).await,
    }
}

fn load(cli: &Cli) -> anyhow::Result<Loaded> {
    let default = PathBuf::from("config/afterparty.toml");
    let file = cli
        .config
        .clone()
        .or_else(|| default.exists().then_some(default));
    let environment: Vec<(String, String)> = std::env::vars()
        .filter(|(name, _)| name.starts_with("AFTERPARTY_"))
        .collect();
    let mut flags = Vec::new();
    for flag in &cli.set {
        let (key, value) = flag.split_once('=').ok_or_else(|| {
            anyhow::anyhow!(
                "--set {flag}: expected KEY=VALUE, such as server.listen=127.0.0.1:8081"
            )
        })?;
        flags.push((key.to_owned(), value.to_owned()));
    }
    Ok(config::load(file.as_deref(), &environment, &flags)?)
}

fn show(loaded: &Loaded) {
    for key in config::KEYS {
        match loaded.origins.get(key.name) {
            Some((value, origin)) => say(&format!("{} = {value}  # {origin}", key.name)),
            None => say(&format!("{} is not set", key.name)),
        }
    }
}

async fn rehome(settings: Settings, url: &str) -> anyhow::Result<()> {
    let domain = settings.node.domain.clone();
    let after = Origin::parse(url, domain.as_deref())
        .ok_or_else(|| anyhow::anyhow!("{url} is not an address such as https://nova.example"))?;
    let db = database::open(&settings).await?;
    let before = setup::stored_origin(&db)
        .await?
        .ok_or_else(|| anyhow::anyhow!("the house is not set up yet"))?;
    setup::rehome(&db, &before, &after).await?;
    say(&format!(
        "The house is now at {}. If node.url is set, change it too.",
        after.url
    ));
    Ok(())
}

/// The public address: as kept, else as set, else where the server listens.
async fn origin(settings: &Settings, db: &Db) -> anyhow::Result<Origin> {
    let domain = settings.node.domain.as_deref();
    let set = settings
        .node
        .url
        .as_deref()
        .and_then(|url| Origin::parse(url, domain));
    if let Some(kept) = setup::stored_origin(db).await? {
        if let Some(set) = set.filter(|set| set.url != kept.url) {
            anyhow::bail!(
                "node.url is {}, but this house was set up as {}. Set node.url back; while no other node knows the house, `afterparty config rehome {}` changes it.",
                set.url,
                kept.url,
                set.url
            );
        }
        return Ok(kept);
    }
    let fallback = format!("http://localhost:{}", settings.server.listen.port());
    set.or_else(|| Origin::parse(&fallback, domain))
        .ok_or_else(|| anyhow::anyhow!("node.url cannot be read"))
}

/// Opens the node beside or without a running server.
///
/// # Errors
/// When the database, the key file or the settings cannot be used.
pub async fn open(settings: Settings) -> anyhow::Result<App> {
    open_with(settings, Clock::system(), false).await
}

/// As [`open`], with the clock given; `demo` marks a house of the demonstration.
///
/// # Errors
/// As [`open`].
pub async fn open_with(settings: Settings, clock: Clock, demo: bool) -> anyhow::Result<App> {
    let db = database::open(&settings).await?;
    db.set_clock(&clock).await?;
    let origin = origin(&settings, &db).await?;
    let restored = restored::find(&db).await?;
    let app = App::new(Parts {
        settings,
        db,
        clock,
        origin,
        demo,
        restored,
    })?;
    crate::accounts::create::ensure_node_actor(&app).await?;
    let node = crate::accounts::node_actor(&app).await?;
    crate::accounts::keys::signer(&app, &node).await?;
    Ok(app)
}
