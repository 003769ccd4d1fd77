//! Letting an app in: the page that asks, and the page that shows who is in.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::OUT_OF_BAND;
use super::apps::{self, App as Client};
use super::codes::{self, Consent};
use super::scopes::Scopes;
use super::tokens::{self, Grant};
use crate::accounts::Account;
use crate::accounts::web::MessagePage;
use crate::app::App;
use crate::error::{Error, Result};
use crate::guests::{entered, grants};
use crate::kernel::id::AppId;
use crate::ui::page::{onward, with_status};
use crate::ui::{Page, PageResult, SignedIn, Ui, Visitor, see_other};

/// What an app asks for when it sends somebody here (RFC 6749 §4.1.1, RFC 7636 §4.3).
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Request {
    response_type: String,
    client_id: String,
    redirect_uri: String,
    scope: String,
    state: String,
    code_challenge: String,
    code_challenge_method: String,
    force_login: String,
}

/// A request that was looked at: who asks, for what, and where the answer goes.
struct Asked {
    client: Client,
    scopes: Scopes,
    challenge: Option<String>,
}

/// Why a request is not even shown: what is wrong goes to the person, or back to the app.
enum Refused {
    /// The address to go back to cannot be believed.
    Here(&'static str),
    /// The app hears of it.
    There(&'static str, &'static str),
}

async fn look(app: &App, request: &Request) -> Result<std::result::Result<Asked, Refused>> {
    let client = match apps::resolve(app, &request.client_id).await {
        Ok(client) => client,
        Err(Error::NotFound) => return Ok(Err(Refused::Here("oauth-unknown-app"))),
        Err(error) => return Err(error),
    };
    if !client.redirects_to(&request.redirect_uri) {
        return Ok(Err(Refused::Here("oauth-wrong-address")));
    }
    if request.response_type != "code" {
        return Ok(Err(Refused::There(
            "unsupported_response_type",
            "the only response type is code",
        )));
    }
    let wished = if request.scope.trim().is_empty() {
        "read"
    } else {
        &request.scope
    };
    let Some(scopes) = Scopes::parse(wished).filter(|scopes| scopes.within(&client.scopes)) else {
        return Ok(Err(Refused::There(
            "invalid_scope",
            "a scope is unknown or was not registered",
        )));
    };
    let challenge = Some(request.code_challenge.clone()).filter(|text| !text.is_empty());
    let sound = challenge.is_none()
        || (request.code_challenge_method == "S256" && request.code_challenge.len() == 43);
    let public = request.client_id.starts_with("http");
    if !sound || (public && challenge.is_none()) {
        return Ok(Err(Refused::There(
            "invalid_request",
            "a code challenge by S256 is needed",
        )));
    }
    Ok(Ok(Asked {
        client,
        scopes,
        challenge,
    }))
}

#[derive(Template)]
#[template(path = "oauth/ask.html")]
struct AskPage {
    ui: Ui,
    title: String,
    website: Option<String>,
    sentences: Vec<String>,
    hidden: Vec<(String, String)>,
    switch: String,
}

/// `GET /oauth/authorize`: who is not signed in does that first; nothing happens by looking.
pub async fn ask(
    State(app): State<App>,
    visitor: Visitor,
    uri: axum::extract::OriginalUri,
    Query(request): Query<Request>,
) -> PageResult {
    let here = uri.path_and_query().map_or("/", |path| path.as_str());
    let sign_in: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair(
            "next",
            &here.replace("force_login=true", "force_login=false"),
        )
        .finish();
    let sign_in = format!("/sign-in?{sign_in}");
    let by_address = request.client_id.starts_with("http");
    match &visitor.account {
        // Nothing is fetched for a visitor.
        None if by_address => return Ok(see_other(&sign_in)),
        Some(member) if by_address => app
            .limits
            .look_up
            .take(member.id.0, app.clock.now())
            .map_err(Error::TooMany)?,
        _ => {}
    }
    let asked = match look(&app, &request).await? {
        Ok(asked) => asked,
        Err(refused) => return Ok(refuse(&app, visitor.ui, &request, &refused, false)),
    };
    if visitor.account.is_none() || request.force_login == "true" {
        return Ok(see_other(&sign_in));
    }
    let ui = visitor.ui;
    if let Some(member) = &visitor.account
        && is_known(&app, member, &request, &asked).await?
    {
        return let_in(&app, ui, member, &request, asked).await;
    }
    let hidden = serde_json::to_value(&request)?;
    let hidden = hidden.as_object().into_iter().flatten();
    // A house that only wants to know who somebody is does not act.
    let who = asked.scopes.names() == ["profile"];
    let title = if who { "oauth-ask-who" } else { "oauth-ask" };
    let page = AskPage {
        title: ui.tv(title, "value", asked.client.name.clone()),
        website: asked.client.website,
        sentences: sentences(&ui, &asked.scopes),
        hidden: hidden
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect(),
        switch: sign_in,
        ui,
    };
    Ok(Page(page).into_response())
}

/// What scopes mean, in plain words.
fn sentences(ui: &Ui, scopes: &Scopes) -> Vec<String> {
    let names = scopes.names();
    let covered = |name: &str| {
        name.split_once(':')
            .is_some_and(|(family, _)| names.contains(&family))
    };
    names
        .iter()
        .filter(|name| !covered(name))
        .map(|name| ui.t(&format!("scope-{}", name.replace(':', "-"))))
        .collect()
}

/// A member's answer, with everything the app sent.
#[derive(Debug, Deserialize)]
pub struct Answer {
    #[serde(flatten)]
    request: Request,
    #[serde(default)]
    answer: String,
}

/// `POST /oauth/authorize`
pub async fn decide(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Form(form): Form<Answer>,
) -> PageResult {
    let request = form.request;
    let asked = match look(&app, &request).await? {
        Ok(asked) => asked,
        Err(refused) => return Ok(refuse(&app, visitor.ui, &request, &refused, true)),
    };
    if form.answer != "yes" {
        let refused = Refused::There("access_denied", "the member said no");
        return Ok(refuse(&app, visitor.ui, &request, &refused, true));
    }
    let ui = visitor.ui;
    let_in(&app, ui, &member, &request, asked).await
}

/// Whether a member said before that this house may know who they are, and it wants no more than that.
async fn is_known(app: &App, member: &Account, request: &Request, asked: &Asked) -> Result<bool> {
    let Some(house) = entered::house_of(&request.redirect_uri) else {
        return Ok(false);
    };
    let who = asked.scopes.names() == ["profile"] && asked.challenge.is_some();
    Ok(who && entered::knows(app, member.id, &house, &asked.client.client_id).await?)
}

/// Gives the app its code and sends the member back.
async fn let_in(
    app: &App,
    ui: Ui,
    member: &Account,
    request: &Request,
    asked: Asked,
) -> PageResult {
    // What wants to know who somebody is, and perhaps to follow and answer for them, is another house.
    let acting = format!("profile {}", grants::SCOPES);
    let house =
        asked.scopes.names() == ["profile"] || Scopes::parse(&acting) == Some(asked.scopes.clone());
    if let Some(origin) = entered::house_of(&request.redirect_uri).filter(|_| house) {
        entered::note(app, member.id, &origin, &asked.client.client_id).await?;
    }
    let consent = Consent {
        redirect_uri: request.redirect_uri.clone(),
        scopes: asked.scopes,
        challenge: asked.challenge,
    };
    let code = codes::issue(app, &asked.client, member, &consent).await?;
    if request.redirect_uri == OUT_OF_BAND {
        let page = MessagePage {
            title: ui.t("oauth-code-title"),
            sentences: vec![ui.tv("oauth-code", "value", asked.client.name)],
            codes: vec![code],
            step: None,
            ui,
        };
        return Ok(Page(page).into_response());
    }
    let target = with_answer(app, request, &[("code", &code)]);
    Ok(onward(ui, target, &asked.client.name, true))
}

/// The address to go back to, with the answer, the app's own words and who answers (RFC 9207).
fn with_answer(app: &App, request: &Request, answer: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(answer);
    if !request.state.is_empty() {
        query.append_pair("state", &request.state);
    }
    query.append_pair("iss", &app.origin().url);
    // Byte for byte what was registered, with the answer behind it.
    let mark = if request.redirect_uri.contains('?') {
        '&'
    } else {
        '?'
    };
    format!("{}{mark}{}", request.redirect_uri, query.finish())
}

/// Says no: here, or back there; by itself only after a member's own answer.
fn refuse(app: &App, ui: Ui, request: &Request, refused: &Refused, by_itself: bool) -> Response {
    match refused {
        Refused::There(error, why) if request.redirect_uri != OUT_OF_BAND => {
            let answer = [("error", *error), ("error_description", *why)];
            let target = with_answer(app, request, &answer);
            onward(ui, target, &request.client_id, by_itself)
        }
        Refused::There(_, _) => stopped(ui, "oauth-refused"),
        Refused::Here(sentence) => stopped(ui, sentence),
    }
}

fn stopped(ui: Ui, sentence: &'static str) -> Response {
    let page = MessagePage {
        title: ui.t("oauth-stopped"),
        sentences: vec![ui.t(sentence)],
        codes: Vec::new(),
        step: None,
        ui,
    };
    with_status(StatusCode::BAD_REQUEST, page)
}

#[derive(Template)]
#[template(path = "oauth/apps.html")]
struct AppsPage {
    ui: Ui,
    grants: Vec<(Grant, Vec<String>)>,
    houses: Vec<entered::House>,
}

/// `GET /settings/apps`
pub async fn index(State(app): State<App>, SignedIn(member, visitor): SignedIn) -> PageResult {
    let ui = visitor.ui;
    let grants = tokens::grants(&app, member.id)
        .await?
        .into_iter()
        .map(|grant| {
            let words = sentences(&ui, &grant.scopes);
            (grant, words)
        })
        .collect();
    let houses = entered::list(&app, member.id).await?;
    Ok(Page(AppsPage { ui, grants, houses }).into_response())
}

/// `POST /settings/apps/{id}/end`
pub async fn end(
    State(app): State<App>,
    SignedIn(member, _): SignedIn,
    Path(id): Path<AppId>,
) -> PageResult {
    tokens::end_app(&app, member.id, id).await?;
    entered::forget(&app, member.id, &apps::get(&app, id).await?.client_id).await?;
    Ok(see_other("/settings/apps"))
}
