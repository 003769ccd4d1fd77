//! As a home: what somebody wants to do with a thing of another house is shown, asked and done here.

use std::collections::HashMap;

use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Response};

use crate::accounts::web::{ConfirmPage, MessagePage};
use crate::accounts::{self, Account};
use crate::app::App;
use crate::audiences;
use crate::error::Error;
use crate::federation::look_up;
use crate::federation::objects::Found;
use crate::kernel::html::{shorten, to_text};
use crate::kernel::origin::{host_of, parse_url};
use crate::posts::{Post, boosts, favourites};
use crate::relations::follows;
use crate::ui::page::onward;
use crate::ui::{Page, PageResult, SignedIn, Ui, see_other};

type Asked = HashMap<String, String>;

fn text<'a>(asked: &'a Asked, names: &[&str]) -> &'a str {
    let found = names.iter().find_map(|name| asked.get(*name));
    found.map(String::as_str).unwrap_or_default()
}

/// `GET /authorize_interaction?uri=`: shows what somebody wants to interact with.
pub async fn interact(
    State(app): State<App>,
    signed_in: SignedIn,
    Query(asked): Query<Asked>,
) -> PageResult {
    let uri = text(&asked, &["uri", "acct"]).to_owned();
    page(&app, signed_in, "object", &uri, &asked).await
}

/// `GET /intents/{verb}` (FEP-3b86): shows what is about to be done and asks; nothing happens by looking.
pub async fn show(
    State(app): State<App>,
    signed_in: SignedIn,
    Path(verb): Path<String>,
    Query(asked): Query<Asked>,
) -> PageResult {
    let uri = text(&asked, &["object", "inReplyTo"]).to_owned();
    page(&app, signed_in, &verb, &uri, &asked).await
}

/// What is meant, if the member may see it.
async fn look_up(app: &App, member: &Account, uri: &str) -> Result<Found, Error> {
    let found = look_up::for_member(app, member, uri).await?;
    let found = found.map_err(|error| Error::invalid("uri", error.sentence()))?;
    if let Found::Post(post) = &found
        && !audiences::may_see(app, Some(member), post.thing()).await?
    {
        return Err(Error::NotFound);
    }
    Ok(found)
}

async fn page(
    app: &App,
    SignedIn(member, visitor): SignedIn,
    verb: &str,
    uri: &str,
    asked: &Asked,
) -> PageResult {
    let ui = visitor.ui;
    if uri.is_empty() && verb == "create" {
        let content: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("content", text(asked, &["content"]))
            .finish();
        return Ok(see_other(&format!("/compose?{content}")));
    }
    let hidden = |verb: &str| {
        let mut hidden = vec![("object".to_owned(), uri.to_owned())];
        for name in ["on-success", "on-cancel"] {
            hidden.push((name.to_owned(), text(asked, &[name]).to_owned()));
        }
        (format!("/intents/{verb}"), hidden)
    };
    let (title, sentence, (action, hidden), button, back) = match look_up(app, &member, uri).await?
    {
        Found::Account(account) => (
            ui.tv("intent-follow", "name", account.shown_name().to_owned()),
            ui.handle(&account),
            hidden("follow"),
            ui.t("follow"),
            account.path(),
        ),
        Found::Post(post) => {
            let author = accounts::get(app, post.account).await?;
            let path = format!("{}/{}", author.path(), post.id);
            let (title, button) = match verb {
                "like" => ("intent-favourite", "favourite"),
                "announce" => ("intent-boost", "boost"),
                "create" => {
                    let query: String = url::form_urlencoded::Serializer::new(String::new())
                        .append_pair("reply", &post.id.to_string())
                        .append_pair("content", text(asked, &["content"]))
                        .finish();
                    return Ok(see_other(&format!("/compose?{query}")));
                }
                _ => return Ok(see_other(&path)),
            };
            (
                ui.tv(title, "name", author.shown_name().to_owned()),
                shorten(&to_text(&post.html), 300),
                hidden(verb),
                ui.t(button),
                path,
            )
        }
    };
    Ok(Page(ConfirmPage {
        title,
        sentence,
        action,
        ask_comment: false,
        hidden,
        button,
        danger: false,
        back: cancelled(app, asked).unwrap_or(back),
        ui,
    })
    .into_response())
}

/// Where a house wants its visitors back, if that is an address that may be gone to.
fn wanted(app: &App, asked: &Asked, name: &str) -> Option<(String, String)> {
    let url = parse_url(text(asked, &[name])).filter(|url| url.as_str().len() <= 2048)?;
    app.http.admit(url.as_str()).ok()?;
    Some((host_of(&url)?, url.into()))
}

fn cancelled(app: &App, asked: &Asked) -> Option<String> {
    wanted(app, asked, "on-cancel").map(|(_, url)| url)
}

/// `POST /intents/{verb}`: does it, says so, and goes back to the house that asked.
pub async fn perform(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Path(verb): Path<String>,
    Form(asked): Form<Asked>,
) -> PageResult {
    let path = match look_up(&app, &member, text(&asked, &["object"])).await? {
        Found::Account(account) if verb == "follow" => {
            follows::say(&app, &member, &account).await?;
            account.path()
        }
        Found::Post(post) => on_post(&app, &member, &verb, &post).await?,
        Found::Account(_) => return Err(Error::NotFound.into()),
    };
    Ok(afterwards(&app, visitor.ui, &asked, &path))
}

async fn on_post(app: &App, member: &Account, verb: &str, post: &Post) -> Result<String, Error> {
    match verb {
        "like" => favourites::set(app, member, post, true).await?,
        "announce" => drop(boosts::boost(app, member, post).await?),
        _ => return Err(Error::NotFound),
    }
    let author = accounts::get(app, post.account).await?;
    Ok(format!("{}/{}", author.path(), post.id))
}

fn afterwards(app: &App, ui: Ui, asked: &Asked, path: &str) -> Response {
    if let Some((host, target)) = wanted(app, asked, "on-success") {
        return onward(ui, target, &host, true);
    }
    if text(asked, &["on-success"]) != "(close)" {
        return see_other(path);
    }
    Page(MessagePage {
        title: ui.t("intent-done"),
        sentences: vec![ui.t("intent-close")],
        codes: Vec::new(),
        step: Some((path.to_owned(), ui.t("embed-open"))),
        ui,
    })
    .into_response()
}
