//! WebFinger (RFC 7033): finding actors by handle, and being found.

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::actor;
use super::doc::Doc;
use super::fetch::Budget;
use crate::accounts::{self, Account, remote};
use crate::app::App;
use crate::error::Result;
use crate::kernel::html::escape;
use crate::kernel::http::{DOCUMENT, FetchError};
use crate::kernel::json;
use crate::kernel::markup;
use crate::kernel::origin::{parse_url, same_origin};
use crate::nodes;

/// What a handle leads to: the handle its node gives, lower-case domain included, and the actor's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The name before the domain.
    pub name: String,
    /// The domain.
    pub domain: String,
    /// The actor's id.
    pub actor: String,
    /// The template of "follow this from home" (OStatus).
    pub subscribe: Option<String>,
    /// What can be done from there (FEP-3b86): the verb, lower-case, and its template.
    pub intents: Vec<(String, String)>,
    /// Where its people prove by OpenWebAuth who they are (FEP-61cf).
    pub magic: Option<String>,
}

/// Where a site takes the proof of OpenWebAuth (FEP-61cf).
const PROOFS: &str = "http://purl.org/openwebauth/v1";
/// Where a home gives it.
const MAGIC: &str = "http://purl.org/openwebauth/v1#redirect";

/// Scheme and host under which a domain is asked.
pub fn base_of(app: &App, domain: &str) -> String {
    let plain = app.settings.federation.allow_http
        && app.http.admit(&format!("http://{domain}/")).is_ok()
        && is_plain(app, domain);
    format!("{}://{domain}", if plain { "http" } else { "https" })
}

/// Asks a domain about a handle of its own.
///
/// # Errors
/// When it cannot be asked or names no actor.
pub async fn ask(
    app: &App,
    name: &str,
    domain: &str,
    budget: &Budget,
) -> Result<Found, FetchError> {
    if !app.federates() || nodes::is_blocked(app, domain).await.unwrap_or(true) {
        return Err(FetchError::Refused(domain.to_owned()));
    }
    if !budget.take() {
        return Err(FetchError::Unusable("it would cause too many fetches"));
    }
    let base = base_of(app, domain);
    let resource = format!("acct:{name}@{domain}");
    let encoded: String = url::form_urlencoded::byte_serialize(resource.as_bytes()).collect();
    let usual = format!("{base}/.well-known/webfinger?resource={encoded}");
    let error = match ask_at(app, &usual, name, domain).await {
        Err(error) if !error.is_passing() => error,
        answered => return answered,
    };
    // Some domains only say where their people are asked for.
    match template_of(app, &base).await {
        Some(template) if budget.take() => {
            let url = template.replace("{uri}", &encoded);
            ask_at(app, &url, name, domain).await
        }
        _ => Err(error),
    }
}

async fn ask_at(app: &App, url: &str, name: &str, domain: &str) -> Result<Found, FetchError> {
    let accept = "application/jrd+json, application/json";
    let answer = app.http.get(url, accept, DOCUMENT).await?;
    let document = json::parse(&answer.body).map_err(|_| FetchError::Unusable("it is no JSON"))?;
    read(&document, name, domain).ok_or(FetchError::Unusable("the answer names no actor"))
}

/// Where a domain's host-meta says that its people are asked for (RFC 6415 §3.1): an address with `{uri}` in it.
pub async fn template_of(app: &App, base: &str) -> Option<String> {
    let asked = format!("{base}/.well-known/host-meta");
    let answer = app.http.get(&asked, "application/xrd+xml", DOCUMENT).await;
    let answer = answer.ok()?;
    let text = String::from_utf8_lossy(&answer.body);
    markup::links(&text).find_map(|link| {
        let people = link.get("rel")?.eq_ignore_ascii_case("lrdd");
        link.get("template")
            .filter(|template| people && template.contains("{uri}"))
    })
}

/// Where a site takes the proof of OpenWebAuth: asked of the site's own address; it must stand in the same house.
///
/// # Errors
/// When it cannot be asked or takes none.
pub async fn proofs_of(app: &App, origin: &str) -> Result<String, FetchError> {
    let unusable = FetchError::Unusable("the site takes no proof");
    let mut url = parse_url(&format!("{origin}/.well-known/webfinger"))
        .ok_or_else(|| FetchError::Refused(origin.to_owned()))?;
    url.query_pairs_mut()
        .append_pair("resource", &format!("{origin}/"));
    let accept = "application/jrd+json, application/json";
    let answer = app.http.get(url.as_str(), accept, DOCUMENT).await?;
    let document = json::parse(&answer.body).map_err(|_| FetchError::Unusable("it is no JSON"))?;
    let found = Doc(&document)
        .objects("links")
        .into_iter()
        .find_map(|link| {
            let here = link.get("rel").as_str() == Some(PROOFS);
            link.get("href")
                .as_str()
                .filter(|_| here)
                .map(str::to_owned)
        });
    found
        .filter(|href| same_origin(href, origin))
        .ok_or(unusable)
}

/// Hosts that tests reach without TLS: loopback names, addresses and configured ones.
fn is_plain(app: &App, domain: &str) -> bool {
    let name = crate::kernel::origin::name_of(domain);
    let own = app.origin();
    own.scheme() == "http"
        && (name.ends_with(".localhost")
            || name == "localhost"
            || name.parse::<std::net::IpAddr>().is_ok()
            || app.settings.federation.hosts.contains_key(name))
}

/// Reads an answer to a question about `name@domain`.
fn read(document: &Value, name: &str, domain: &str) -> Option<Found> {
    let doc = Doc(document);
    let actor = doc.objects("links").into_iter().find_map(|link| {
        let kind = link.get("type").as_str().unwrap_or_default();
        let activity = link.media_type("type") == "application/activity+json"
            || (kind.starts_with("application/ld+json") && kind.contains("activitystreams"));
        (link.get("rel").as_str() == Some("self") && activity).then(|| link.get("href").as_str())?
    })?;
    parse_url(actor)?;
    let subject = doc
        .get("subject")
        .as_str()
        .and_then(|subject| subject.strip_prefix("acct:"))
        .and_then(accounts::split_handle);
    let (name, domain) = subject
        .filter(|(_, domain)| !domain.is_empty())
        .unwrap_or_else(|| (name.to_owned(), domain.to_owned()));
    let mut found = Found {
        name,
        domain,
        actor: actor.to_owned(),
        subscribe: None,
        intents: Vec::new(),
        magic: None,
    };
    for link in doc.objects("links").into_iter().take(100) {
        let (rel, template) = (link.get("rel").as_str(), link.get("template").as_str());
        if rel == Some(MAGIC) {
            found.magic = link.get("href").as_str().map(str::to_owned);
        }
        let (Some(rel), Some(template)) = (rel, template) else {
            continue;
        };
        if rel == "http://ostatus.org/schema/1.0/subscribe" {
            found.subscribe = Some(template.to_owned());
        } else if let Some(verb) = rel.strip_prefix("https://w3id.org/fep/3b86/") {
            found
                .intents
                .push((verb.to_ascii_lowercase(), template.to_owned()));
        }
    }
    Some(found)
}

/// The account of a handle, asked of its domain; both the domain and the actor's own host must agree.
///
/// # Errors
/// When it cannot be asked, or the two do not agree.
pub async fn resolve(
    app: &App,
    name: &str,
    domain: &str,
    budget: &Budget,
) -> Result<Account, FetchError> {
    let mut found = ask(app, name, domain, budget).await?;
    if found.domain != domain {
        // The handle's true domain has the last word about it.
        let (name, domain) = (found.name.clone(), found.domain.clone());
        let again = ask(app, &name, &domain, budget).await?;
        if again.actor != found.actor || again.domain != domain {
            return Err(FetchError::Unusable(
                "the handle's domain names another actor",
            ));
        }
        found = again;
    }
    let account = actor::resolve(app, &found.actor, budget).await?;
    if account.name.to_lowercase() != found.name.to_lowercase() {
        return Err(FetchError::Unusable("the actor has another name"));
    }
    confirm(app, &account, &found.domain, budget).await
}

/// Notes the domain of an account's handle, once its own host confirms that domain too.
async fn confirm(
    app: &App,
    account: &Account,
    domain: &str,
    budget: &Budget,
) -> Result<Account, FetchError> {
    if account.domain == domain || account.is_local() {
        return Ok(account.clone());
    }
    let theirs = ask(app, &account.name, &account.host, budget).await?;
    if theirs.domain != domain || theirs.actor != account.uri {
        return Err(FetchError::Unusable(
            "the actor's host names another handle",
        ));
    }
    let database = |error: crate::error::Error| FetchError::Unreachable(error.to_string());
    remote::set_domain(&app.db, account, domain)
        .await
        .map_err(database)?;
    accounts::get(app, account.id).await.map_err(database)
}

/// Checks the handle of an account that came by its actor id: its host may give its people another domain.
///
/// # Errors
/// What the database says; a host that cannot be asked leaves the handle as it is.
pub async fn check(app: &App, account: &Account, budget: &Budget) -> Result<()> {
    if account.is_local() {
        return Ok(());
    }
    let Ok(theirs) = ask(app, &account.name, &account.host, budget).await else {
        return Ok(());
    };
    if theirs.actor != account.uri || theirs.domain == account.domain {
        return Ok(());
    }
    let Ok(again) = ask(app, &theirs.name, &theirs.domain, budget).await else {
        return Ok(());
    };
    if again.actor == account.uri && again.domain == theirs.domain {
        remote::set_domain(&app.db, account, &theirs.domain).await?;
    }
    Ok(())
}

/// What WebFinger is asked.
#[derive(Deserialize)]
pub struct Question {
    resource: Option<String>,
}

/// `GET /.well-known/webfinger`
pub async fn show(State(app): State<App>, Query(question): Query<Question>) -> Response {
    let Some(resource) = question.resource else {
        return (StatusCode::BAD_REQUEST, "resource is missing").into_response();
    };
    match find(&app, &resource).await {
        Ok(Some(account)) => {
            let body = describe(&app, &account).to_string();
            let headers = [
                (
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("application/jrd+json; charset=utf-8"),
                ),
                (
                    header::ACCESS_CONTROL_ALLOW_ORIGIN,
                    HeaderValue::from_static("*"),
                ),
                (
                    header::CACHE_CONTROL,
                    HeaderValue::from_static("max-age=300"),
                ),
            ];
            (headers, body).into_response()
        }
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// The local account of a resource: `acct:name@domain`, an actor's id or a profile's address.
async fn find(app: &App, resource: &str) -> Result<Option<Account>> {
    let origin = app.origin();
    let found = if let Some(path) = origin.path_of(resource) {
        if path == "/actor" || path.is_empty() || path == "/" {
            Some(accounts::node_actor(app).await?)
        } else {
            let name = path
                .strip_prefix("/users/")
                .or_else(|| path.strip_prefix("/@"))
                .filter(|name| !name.contains('/'));
            match name {
                Some(name) => accounts::find_local(app, name).await?,
                None => None,
            }
        }
    } else {
        let handle = resource.strip_prefix("acct:").unwrap_or(resource);
        match accounts::split_handle(handle) {
            Some((name, domain)) if domain == origin.domain || domain == origin.authority() => {
                accounts::find_local(app, &name).await?
            }
            _ => None,
        }
    };
    Ok(found.filter(Account::is_active))
}

/// The answer about a local account (with the `subscribe` template and the intents of FEP-3b86).
fn describe(app: &App, account: &Account) -> Value {
    let origin = app.origin();
    let intent = |name: &str, parameters: &str| json!({"rel": format!("https://w3id.org/fep/3b86/{name}"), "template": origin.at(&format!("/intents/{}?{parameters}", name.to_lowercase()))});
    let mut links = vec![
        json!({"rel": "http://webfinger.net/rel/profile-page", "type": "text/html", "href": account.url}),
        json!({"rel": "self", "type": "application/activity+json", "href": account.uri}),
    ];
    if account.kind == accounts::Kind::Node {
        links.push(json!({"rel": PROOFS, "type": "application/json", "href": origin.at("/owa")}));
    }
    if account.kind == accounts::Kind::Local {
        links.push(json!({"rel": MAGIC, "type": "text/html", "href": origin.at("/magic")}));
        links.push(json!({"rel": "http://ostatus.org/schema/1.0/subscribe", "template": origin.at("/authorize_interaction?uri={uri}")}));
        for name in ["Follow", "Like", "Announce", "Object"] {
            links.push(intent(
                name,
                "object={object}&on-success={on-success}&on-cancel={on-cancel}",
            ));
        }
        links.push(intent(
            "Create",
            "content={content}&inReplyTo={inReplyTo}&on-success={on-success}&on-cancel={on-cancel}",
        ));
    }
    json!({"subject": format!("acct:{}", account.handle(&origin)), "aliases": [account.url, account.uri], "links": links})
}

/// `GET /.well-known/host-meta` (RFC 6415)
pub async fn host_meta(State(app): State<App>) -> Response {
    let template = app.origin().at("/.well-known/webfinger?resource={uri}");
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<XRD xmlns=\"http://docs.oasis-open.org/ns/xri/xrd-1.0\"><Link rel=\"lrdd\" template=\"{}\"/></XRD>\n",
        escape(&template)
    );
    (
        [(header::CONTENT_TYPE, "application/xrd+xml; charset=utf-8")],
        body,
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::{Found, read};
    use serde_json::json;

    #[test]
    fn answers_of_many_shapes_are_read() {
        let links = json!([
            {"rel": "self", "type": null, "href": "https://a.example/x"},
            {"rel": "self", "type": "application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\"", "href": "https://a.example/users/nina"},
        ]);
        let found = read(
            &json!({"subject": "acct:Nina@A.example", "links": links}),
            "nina",
            "a.example",
        )
        .unwrap();
        assert_eq!(
            found,
            Found {
                name: "Nina".into(),
                domain: "a.example".into(),
                actor: "https://a.example/users/nina".into(),
                subscribe: None,
                intents: Vec::new(),
                magic: None,
            }
        );
        assert!(read(&json!({"links": []}), "nina", "a.example").is_none());
    }
}
