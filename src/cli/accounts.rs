//! Verbs about accounts, posts and follows; they work beside a running server and without one.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};

use serde_json::json;

use super::{AccountVerb, Verb, say};
use crate::accounts::create::{self, New};
use crate::accounts::{self, Account, Kind, Role, bounces, dispatch, sign_in};
use crate::app::App;
use crate::crew::audit;
use crate::federation::look_up;
use crate::jobs::{self, Job};
use crate::kernel::clock::Time;
use crate::kernel::db::Tx;
use crate::kernel::id::AccountId;
use crate::kernel::page::Window;
use crate::moderation::{measures, writing};
use crate::nodes::setup;
use crate::oauth::{Scopes, apps, scopes, tokens};
use crate::posts::compose::Draft;
use crate::posts::view;
use crate::timelines;

async fn local(app: &App, name: &str) -> anyhow::Result<Account> {
    let found = accounts::find_local(app, name)
        .await?
        .filter(|account| account.kind == Kind::Local);
    found.ok_or_else(|| {
        anyhow::anyhow!("there is no account `{name}` here; `afterparty account list` shows all")
    })
}

fn role(name: &str) -> anyhow::Result<Role> {
    Role::parse(name)
        .ok_or_else(|| anyhow::anyhow!("the role is `{name}`, expected host, crew or member"))
}

/// The password: a line of standard input where that is no terminal, else a fresh one and whether to print it.
fn password() -> (String, bool) {
    if !io::stdin().is_terminal() {
        let mut line = String::new();
        if io::stdin().lock().read_line(&mut line).is_ok() && !line.trim_end().is_empty() {
            return (line.trim_end_matches(['\r', '\n']).to_owned(), false);
        }
    }
    (sign_in::generate_password(), true)
}

pub async fn run(app: &App, verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::Account(verb) => account(app, verb).await,
        Verb::Post { name, text } => {
            let author = local(app, &name).await?;
            let draft = Draft {
                text,
                ..Draft::default()
            };
            look_up::learn_mentions(app, &draft.text).await;
            let post = writing::write(app, &author, draft).await?;
            say(&post.uri);
            Ok(())
        }
        Verb::Follow { name, handle } => {
            let follower = local(app, &name).await?;
            jobs::enqueue(
                &app.db,
                app.clock.now(),
                Job::FollowHandle {
                    account: follower.id,
                    handle: handle.clone(),
                },
            )
            .await?;
            say(&format!(
                "{name} will follow {handle} as soon as the node runs."
            ));
            Ok(())
        }
        Verb::Timeline { name, json, limit } => timeline(app, &name, json, limit).await,
        Verb::Bounced => bounced(app).await,
        Verb::Token { name, scopes } => token(app, &name, &scopes).await,
        _ => Ok(()),
    }
}

/// Most bytes of a mail that came back.
const RETURNED: u64 = 4 << 20;

/// Begins to change something; what is typed here is done in the name of the house.
async fn begin(app: &App) -> anyhow::Result<(Tx, Time, AccountId)> {
    let house = accounts::node_actor(app).await?;
    Ok((app.db.begin().await?, app.clock.now(), house.id))
}

/// A mail that came back, as a mail server hands it to a program.
async fn bounced(app: &App) -> anyhow::Result<()> {
    let mut mail = Vec::new();
    io::stdin().lock().take(RETURNED).read_to_end(&mut mail)?;
    let addresses = bounces::addresses(&String::from_utf8_lossy(&mail));
    let (mut tx, now, house) = begin(app).await?;
    let mut fresh = 0;
    for address in &addresses {
        fresh += u64::from(dispatch::stop(&mut tx, now, address, "bounced").await?);
    }
    if fresh > 0 {
        audit::note(&mut tx, now, house, "mail-bounced", &fresh.to_string()).await?;
    }
    tx.commit().await?;
    for address in &addresses {
        say(address);
    }
    Ok(())
}

async fn account(app: &App, verb: AccountVerb) -> anyhow::Result<()> {
    match verb {
        AccountVerb::Create {
            name,
            email,
            role: wanted,
        } => make(app, &name, email.as_deref(), role(&wanted)?).await,
        AccountVerb::List => list(app).await,
        AccountVerb::Disable { name } => {
            change(app, &name, Change::Disable).await?;
            say(&format!("{name} is locked out."));
            Ok(())
        }
        AccountVerb::Enable { name } => {
            change(app, &name, Change::Enable).await?;
            say(&format!("{name} is let in again."));
            Ok(())
        }
        AccountVerb::ResetPassword { name } => reset_password(app, &name).await,
        AccountVerb::Role { name, role: wanted } => {
            change(app, &name, Change::Role(role(&wanted)?)).await?;
            say(&format!("{name} is {wanted} now."));
            Ok(())
        }
    }
}

async fn make(app: &App, name: &str, email: Option<&str>, role: Role) -> anyhow::Result<()> {
    let (password, generated) = password();
    let new = New {
        name,
        display_name: "",
        email,
        password: &password,
        role,
        confirmed: true,
    };
    let prepared = create::prepare(app, new).await?;
    let known = setup::stored_origin(&app.db).await?.is_some();
    let (mut tx, now, house) = begin(app).await?;
    if !known {
        setup::keep_origin(&mut tx, &app.origin()).await?;
    }
    let account = create::write(app, &mut tx, prepared).await?;
    let said = format!("@{} ({})", account.name, role.name());
    audit::note(&mut tx, now, house, "member-made", &said).await?;
    tx.commit().await?;
    say(&format!("@{} is here.", account.handle(&app.origin())));
    if !known {
        say(&format!(
            "This house stands at {} from now on. While no other node knows it, `afterparty config rehome` changes that.",
            app.origin().url
        ));
    }
    if generated {
        say(&format!("Password: {password}"));
    }
    Ok(())
}

async fn list(app: &App) -> anyhow::Result<()> {
    for account in accounts::list_local(app).await? {
        let state = if account.disabled_at.is_some() {
            "  locked out"
        } else {
            ""
        };
        say(&format!(
            "{:<30} {:<8}{state}",
            account.name,
            account.role.name()
        ));
    }
    Ok(())
}

/// What changes about an account.
#[derive(Clone, Copy)]
enum Change {
    Disable,
    Enable,
    Role(Role),
}

async fn change(app: &App, name: &str, change: Change) -> anyhow::Result<()> {
    let member = local(app, name).await?;
    let (mut tx, now, house) = begin(app).await?;
    let (act, changed) = match change {
        Change::Disable => {
            let disabled = accounts::set_disabled(&mut tx, member.id, Some(now)).await?;
            ("member-disable".to_owned(), disabled)
        }
        Change::Enable => {
            let enabled = measures::let_in(&mut tx, now, member.id).await?;
            ("member-enable".to_owned(), enabled)
        }
        Change::Role(role) => {
            let given = accounts::set_role(&mut tx, member.id, role).await?;
            (format!("member-make-{}", role.name()), given)
        }
    };
    if changed {
        let said = format!("@{}", member.name);
        audit::note(&mut tx, now, house, &act, &said).await?;
    }
    Ok(tx.commit().await?)
}

async fn reset_password(app: &App, name: &str) -> anyhow::Result<()> {
    let member = local(app, name).await?;
    let (password, generated) = password();
    sign_in::check_password(&password)?;
    let hash = app.passwords.hash(&password).await;
    let (mut tx, now, house) = begin(app).await?;
    sign_in::write_password(&mut tx, member.id, &hash).await?;
    let said = format!("@{}", member.name);
    audit::note(&mut tx, now, house, "member-password", &said).await?;
    tx.commit().await?;
    say(&format!(
        "{name} has a new password and is signed out everywhere."
    ));
    if generated {
        say(&format!("Password: {password}"));
    }
    Ok(())
}

async fn timeline(app: &App, name: &str, json: bool, limit: i64) -> anyhow::Result<()> {
    let member = local(app, name).await?;
    let posts = timelines::home(app, &member, Window::newest(limit.clamp(1, 1000))).await?;
    for view in view::load(app, Some(&member), &posts).await? {
        let author = view.author.handle(&app.origin());
        let line = if json {
            json!({"id": view.entry().to_string(), "uri": view.post.uri, "author": author, "content": view.post.html, "created_at": view.post.created_at.rfc3339()}).to_string()
        } else {
            format!(
                "{}  @{author}\n  {}\n",
                view.post.created_at.rfc3339(),
                view.words(200)
            )
        };
        say(&line);
    }
    Ok(())
}

/// Prints a token on its last line.
async fn token(app: &App, name: &str, scopes: &str) -> anyhow::Result<()> {
    let member = local(app, name).await?;
    let scopes = Scopes::parse(scopes)
        .filter(|scopes| !scopes.is_empty())
        .ok_or_else(|| {
            let known = scopes::ALL.join(", ");
            anyhow::anyhow!("--scopes is `{scopes}`, expected some of {known}")
        })?;
    let client = apps::of_the_command_line(app).await?;
    let (mut tx, now, house) = begin(app).await?;
    let (_, secret) = tokens::issue_in(&mut tx, &client, Some(member.id), &scopes, now).await?;
    let said = format!("@{}: {scopes}", member.name);
    audit::note(&mut tx, now, house, "member-token", &said).await?;
    tx.commit().await?;
    say(&format!(
        "A token for {name}, who sees it in the settings under Apps. It is shown only now."
    ));
    say(&secret);
    Ok(())
}
