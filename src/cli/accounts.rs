//! Verbs about accounts, posts and follows; they work beside a running server and without one.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};

use serde_json::json;

use super::{AccountVerb, Verb, say};
use crate::accounts::create::{self, New};
use crate::accounts::{self, Account, Kind, Role, bounces, dispatch, sign_in};
use crate::app::App;
use crate::federation::webfinger;
use crate::jobs::{self, Job};
use crate::kernel::page::Window;
use crate::nodes::setup;
use crate::oauth::{Scopes, apps, scopes, tokens};
use crate::posts::compose::{self, Draft};
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
            webfinger::learn_mentions(app, &draft.text).await;
            let post = compose::create(app, &author, draft).await?;
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

/// A mail that came back, as a mail server hands it to a program.
async fn bounced(app: &App) -> anyhow::Result<()> {
    let mut mail = Vec::new();
    io::stdin().lock().take(RETURNED).read_to_end(&mut mail)?;
    for address in bounces::addresses(&String::from_utf8_lossy(&mail)) {
        dispatch::stop(app, &address, "bounced").await?;
        say(&address);
    }
    Ok(())
}

async fn account(app: &App, verb: AccountVerb) -> anyhow::Result<()> {
    match verb {
        AccountVerb::Create {
            name,
            email,
            role: wanted,
        } => {
            let (password, generated) = password();
            let new = New {
                name: &name,
                display_name: "",
                email: email.as_deref(),
                password: &password,
                role: role(&wanted)?,
                confirmed: true,
            };
            if setup::stored_origin(&app.db).await?.is_none() {
                setup::keep_origin(&app.db, &app.origin()).await?;
            }
            let account = create::create(app, new).await?;
            say(&format!("@{} is here.", account.handle(&app.origin())));
            if generated {
                say(&format!("Password: {password}"));
            }
        }
        AccountVerb::List => {
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
        }
        AccountVerb::Disable { name } => {
            accounts::set_disabled(app, &local(app, &name).await?, true).await?;
            say(&format!("{name} is locked out."));
        }
        AccountVerb::Enable { name } => {
            accounts::set_disabled(app, &local(app, &name).await?, false).await?;
            say(&format!("{name} is let in again."));
        }
        AccountVerb::ResetPassword { name } => {
            let (password, generated) = password();
            sign_in::set_password(app, local(app, &name).await?.id, &password).await?;
            say(&format!(
                "{name} has a new password and is signed out everywhere."
            ));
            if generated {
                say(&format!("Password: {password}"));
            }
        }
        AccountVerb::Role { name, role: wanted } => {
            accounts::set_role(app, &local(app, &name).await?, role(&wanted)?).await?;
            say(&format!("{name} is {wanted} now."));
        }
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
    let (_, secret) = tokens::issue(app, &client, Some(member.id), &scopes).await?;
    say(&format!(
        "A token for {name}, who sees it in the settings under Apps. It is shown only now."
    ));
    say(&secret);
    Ok(())
}
