//! Looking at a home: where its doors are, and what it can do.

use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::{Closed, miauth};
use crate::accounts;
use crate::app::App;
use crate::federation::doc::Doc;
use crate::federation::fetch::Budget;
use crate::federation::{nodeinfo, webfinger};
use crate::kernel::http::DOCUMENT;
use crate::kernel::json;
use crate::kernel::origin::{ascii_domain, host_of, name_of, origin_of, parse_url, same_origin};
use crate::nodes;

/// How long a home may take to be looked at.
const PATIENCE: Duration = Duration::from_secs(12);

/// Where somebody says their home is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Their name there, where it was said.
    pub name: Option<String>,
    /// The domain, as in a handle.
    pub domain: String,
}

/// What a home's OAuth server offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doors {
    /// Who it says it is; nothing where it publishes no metadata.
    pub issuer: Option<String>,
    /// Where people are asked.
    pub authorize: String,
    /// Where codes become tokens.
    pub token: String,
    /// Where tokens are given back.
    pub revoke: String,
    /// Where apps are registered.
    pub register: String,
    /// Who a token is (OpenID Connect), where it is published.
    pub userinfo: Option<String>,
    /// What we ask for.
    pub scope: &'static str,
}

/// A home as it was found.
#[derive(Clone, Debug)]
pub struct Home {
    /// Scheme, host and port of what answers there.
    pub origin: String,
    /// The handle, where a name was said.
    pub handle: Option<String>,
    /// The actor's id, where a name was said.
    pub actor: Option<String>,
    /// The template of "follow this from home".
    pub subscribe: Option<String>,
    /// Templates by what is wanted (FEP-3b86): the last part of their relation, lower-case, and the template.
    pub intents: Vec<(String, String)>,
    /// How somebody proves to be who they are.
    pub doors: Option<Doors>,
    /// Where OpenWebAuth begins (FEP-61cf).
    pub magic: Option<String>,
    /// Whether it has MiAuth.
    pub miauth: bool,
    /// Whether it runs what is known to have a page to interact at, without saying so.
    pub interacts: bool,
}

/// Programs that have `/authorize_interaction`.
const INTERACTS: [&str; 6] = [
    "mastodon",
    "hometown",
    "fedibird",
    "kmyblue",
    "glitchcafe",
    "afterparty",
];

/// Reads `@me@server`, `me@server`, a server or the address of a profile.
///
/// # Errors
/// Why it cannot be a home.
pub fn parse(app: &App, text: &str) -> Result<Address, Closed> {
    let text = text.trim();
    if text.is_empty() || text.len() > 500 {
        return Err(Closed::NotAHome);
    }
    let address = if text.starts_with("https://") || text.starts_with("http://") {
        let url = parse_url(text).ok_or(Closed::NotAHome)?;
        let first = url.path_segments().and_then(|mut parts| parts.next());
        let name = first.and_then(|part| part.strip_prefix('@'));
        let name = name.filter(|name| !name.contains('@')).map(str::to_owned);
        Address {
            name,
            domain: host_of(&url).ok_or(Closed::NotAHome)?,
        }
    } else if text.trim_start_matches('@').contains('@') {
        let (name, domain) = accounts::split_handle(text).ok_or(Closed::NotAHome)?;
        Address {
            name: Some(name),
            domain,
        }
    } else {
        let domain = ascii_domain(text).ok_or(Closed::NotAHome)?;
        Address { name: None, domain }
    };
    let own = app.origin();
    if address.domain == own.domain || address.domain == own.authority() {
        return Err(Closed::OurOwn);
    }
    let known = app
        .settings
        .federation
        .hosts
        .contains_key(name_of(&address.domain));
    // An address or a port is a home only where the operator admits such peers.
    let name = name_of(&address.domain);
    let odd = name != address.domain
        || name
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok();
    let tests = !app.settings.federation.allow_networks.is_empty();
    let public = (name.contains('.') && (!odd || tests)) || known;
    if !public || address.domain.ends_with(".onion") {
        return Err(Closed::NotAHome);
    }
    Ok(address)
}

/// Looks at a home: who answers for it, and which doors it has.
///
/// # Errors
/// Why it cannot be used.
pub async fn look(app: &App, address: &Address) -> Result<Home, Closed> {
    let looked = tokio::time::timeout(PATIENCE, look_now(app, address)).await;
    looked.map_err(|_| Closed::Silent)?
}

async fn look_now(app: &App, address: &Address) -> Result<Home, Closed> {
    if !app.federates() || is_blocked(app, &address.domain).await {
        return Err(Closed::Refused);
    }
    let budget = Budget::person();
    let mut home = Home {
        origin: webfinger::base_of(app, &address.domain),
        handle: None,
        actor: None,
        subscribe: None,
        intents: Vec::new(),
        doors: None,
        magic: None,
        miauth: false,
        interacts: false,
    };
    if let Some(name) = &address.name {
        let found = webfinger::ask(app, name, &address.domain, &budget).await?;
        let actor = parse_url(&found.actor).ok_or(Closed::Contradicts)?;
        home.origin = origin_of(&actor).ok_or(Closed::Contradicts)?;
        home.handle = Some(format!("@{}@{}", found.name, found.domain));
        home.actor = Some(found.actor);
        home.subscribe = found.subscribe;
        home.intents = found.intents;
        // It must stand in the same house as the actor.
        home.magic = found.magic.filter(|link| same_origin(link, &home.origin));
    } else {
        // A domain may only point to where its server is: by its host-meta, or by leading there.
        if let Some(there) = pointed_to(app, &home.origin).await {
            home.origin = there;
        }
        let asked = format!("{}/api/v2/instance", home.origin);
        if let Ok(answer) = app.http.get(&asked, "application/json", DOCUMENT).await {
            home.origin = origin_of(&answer.url).ok_or(Closed::Contradicts)?;
        }
    }
    let host = parse_url(&home.origin).and_then(|url| host_of(&url));
    let host = host.ok_or(Closed::Contradicts)?;
    if app.origin().owns(&home.origin) {
        return Err(Closed::OurOwn);
    }
    if is_blocked(app, &host).await {
        return Err(Closed::Refused);
    }
    home.doors = match doors(app, &home.origin).await {
        // What is done at home needs no proof of who somebody is.
        Err(_) if home.has_more() => None,
        looked => looked?,
    };
    if home.subscribe.is_none() && home.doors.is_some() {
        let software = nodeinfo::software_of(app, &host).await;
        home.interacts = software.is_some_and(|name| INTERACTS.contains(&&*name));
    }
    if home.doors.is_none() && home.magic.is_none() {
        home.miauth = miauth::is_there(app, &home.origin).await;
    }
    Ok(home)
}

/// The doors of a home that was looked at before.
///
/// # Errors
/// Why it cannot be used now.
pub async fn doors_of(app: &App, origin: &str) -> Result<Option<Doors>, Closed> {
    let host = parse_url(origin).and_then(|url| host_of(&url));
    if is_blocked(app, &host.ok_or(Closed::Contradicts)?).await {
        return Err(Closed::Refused);
    }
    let looked = tokio::time::timeout(PATIENCE, doors(app, origin)).await;
    looked.map_err(|_| Closed::Silent)?
}

/// The server that a domain's host-meta points to.
async fn pointed_to(app: &App, origin: &str) -> Option<String> {
    let template = webfinger::template_of(app, origin).await?;
    let link = template.split('?').next()?;
    parse_url(link).as_ref().and_then(origin_of)
}

async fn is_blocked(app: &App, host: &str) -> bool {
    nodes::is_blocked(app, host).await.unwrap_or(true)
}

/// The doors of a home: as its metadata say (RFC 8414), else those of the Mastodon API where it speaks that.
async fn doors(app: &App, origin: &str) -> Result<Option<Doors>, Closed> {
    let asked = format!("{origin}/.well-known/oauth-authorization-server");
    match app.http.get(&asked, "application/json", DOCUMENT).await {
        Ok(answer) => {
            // Some programs answer every unknown address with their start page: that is no metadata.
            let Ok(document) = json::parse(&answer.body) else {
                return unpublished(app, origin).await;
            };
            if origin_of(&answer.url).as_deref() != Some(origin) {
                return Err(Closed::Contradicts);
            }
            let doors = published(origin, &document)?;
            // Some publish how people are asked, but not where apps are registered: what is there then is the
            // Mastodon API's, or nothing.
            if Doc(&document).get("app_registration_endpoint").is_null() {
                let usual = unpublished(app, origin).await?;
                return Ok(usual.map(|_| doors));
            }
            Ok(Some(doors))
        }
        Err(error) if error.is_gone() => unpublished(app, origin).await,
        Err(error) => Err(error.into()),
    }
}

/// The usual doors, where the home speaks the Mastodon API.
async fn unpublished(app: &App, origin: &str) -> Result<Option<Doors>, Closed> {
    let instance = format!("{origin}/api/v1/instance");
    let answer = match app.http.get(&instance, "application/json", DOCUMENT).await {
        // Who cannot answer right now did not say that there is no door.
        Err(error) if error.is_passing() => return Err(error.into()),
        answer => answer.ok(),
    };
    let document = answer.and_then(|answer| json::parse(&answer.body).ok());
    let speaks = document.is_some_and(|document| document.get("version").is_some());
    Ok(speaks.then(|| usual(origin)))
}

/// The doors as every server with the Mastodon API has them.
fn usual(origin: &str) -> Doors {
    Doors {
        issuer: None,
        authorize: format!("{origin}/oauth/authorize"),
        token: format!("{origin}/oauth/token"),
        revoke: format!("{origin}/oauth/revoke"),
        register: format!("{origin}/api/v1/apps"),
        userinfo: None,
        scope: "read:accounts",
    }
}

/// The doors as metadata say; every one of them must stand in the same house.
fn published(origin: &str, document: &Value) -> Result<Doors, Closed> {
    let doc = Doc(document);
    let within = |name: &str| -> Result<Option<String>, Closed> {
        let Some(text) = doc.get(name).as_str() else {
            return Ok(None);
        };
        let there = parse_url(text).as_ref().and_then(origin_of);
        if there.as_deref() == Some(origin) {
            Ok(Some(text.to_owned()))
        } else {
            Err(Closed::Contradicts)
        }
    };
    let issuer = within("issuer")?.ok_or(Closed::Contradicts)?;
    let scopes: Vec<&str> = doc
        .get("scopes_supported")
        .as_array()
        .map(|list| list.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let userinfo = within("userinfo_endpoint")?;
    let profile = scopes.contains(&"profile") && userinfo.is_some();
    let usual = usual(origin);
    Ok(Doors {
        issuer: Some(issuer),
        authorize: within("authorization_endpoint")?.unwrap_or(usual.authorize),
        token: within("token_endpoint")?.unwrap_or(usual.token),
        revoke: within("revocation_endpoint")?.unwrap_or(usual.revoke),
        register: within("app_registration_endpoint")?.unwrap_or(usual.register),
        userinfo: userinfo.filter(|_| profile),
        scope: if profile { "profile" } else { "read:accounts" },
    })
}

impl Home {
    /// Whether there is something to offer even where its OAuth server cannot be understood.
    fn has_more(&self) -> bool {
        self.subscribe.is_some() || !self.intents.is_empty() || self.magic.is_some()
    }

    /// Its host, as people call it.
    pub fn host(&self) -> String {
        parse_url(&self.origin)
            .and_then(|url| host_of(&url))
            .unwrap_or_default()
    }

    /// Where this home does something with an object of ours: by the intent it publishes, the older template, or the
    /// page that most programs have. Nothing where it has none of them and its name is not known.
    pub fn does(&self, verb: &str, object: &Object<'_>) -> Option<String> {
        let encoded = |text: &str| -> String {
            url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
        };
        let filled = |template: &str, name: &str| {
            // Some want a handle where others want the id.
            let by_handle = template.contains(&format!("acct={{{name}}}"));
            let value = object.handle.filter(|_| by_handle).unwrap_or(object.uri);
            let link = template.replace(&format!("{{{name}}}"), &encoded(value));
            let link = link
                .replace("{on-success}", &encoded(object.done))
                .replace("{on-cancel}", &encoded(object.back));
            // Whatever else a template asks for stays empty.
            let link = without_placeholders(&link);
            let link = Url::parse(&link).ok()?;
            // A template that leads elsewhere is no door of this home.
            (origin_of(&link).as_deref() == Some(self.origin.as_str())).then(|| link.to_string())
        };
        let intent = self.intents.iter().find(|(known, _)| known == verb);
        if let Some((_, template)) = intent {
            let name = if verb == "create" {
                "inReplyTo"
            } else {
                "object"
            };
            return filled(template, name);
        }
        match &self.subscribe {
            Some(template) => filled(template, "uri"),
            None => filled(
                &format!("{}/authorize_interaction?uri={{uri}}", self.origin),
                "uri",
            )
            .filter(|_| self.interacts),
        }
    }
}

/// What is to be done something with.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a> {
    /// Its id.
    pub uri: &'a str,
    /// The handle, where it is an account: `name@domain`.
    pub handle: Option<&'a str>,
    /// Where to go when it is done.
    pub done: &'a str,
    /// Where to go when it is not.
    pub back: &'a str,
}

fn without_placeholders(link: &str) -> String {
    let mut kept = String::new();
    let mut rest = link;
    while let Some((before, after)) = rest.split_once('{') {
        kept.push_str(before);
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::{Home, Object, published};
    use serde_json::json;

    #[test]
    fn metadata_that_lead_elsewhere_are_refused() {
        let good = json!({"issuer": "https://home.example/", "token_endpoint": "https://home.example/t", "userinfo_endpoint": "https://home.example/u", "scopes_supported": ["read", "profile"]});
        let doors = published("https://home.example", &good).unwrap();
        assert_eq!(
            (doors.scope, doors.token.as_str()),
            ("profile", "https://home.example/t")
        );
        assert_eq!(doors.authorize, "https://home.example/oauth/authorize");
        for (name, value) in [
            ("issuer", "https://evil.example"),
            ("token_endpoint", "https://evil.example/t"),
            ("authorization_endpoint", "http://home.example/a"),
            ("revocation_endpoint", "https://home.example:8443/r"),
            ("userinfo_endpoint", "javascript:alert(1)"),
            (
                "app_registration_endpoint",
                "https://home.example.evil.example/r",
            ),
        ] {
            let mut bad = good.clone();
            bad[name] = json!(value);
            assert!(published("https://home.example", &bad).is_err(), "{name}");
        }
        assert!(published("https://home.example", &json!({})).is_err());
    }

    #[test]
    fn a_home_does_what_its_templates_say_and_nothing_elsewhere() {
        let mut home = Home {
            origin: "https://home.example".to_owned(),
            handle: None,
            actor: None,
            subscribe: None,
            intents: Vec::new(),
            doors: None,
            magic: None,
            miauth: false,
            interacts: false,
        };
        let object = &Object {
            uri: "https://nova.example/users/nova",
            handle: Some("nova@nova.example"),
            done: "https://nova.example/door/done/x",
            back: "https://nova.example/",
        };
        assert_eq!(home.does("follow", object), None, "nothing is guessed");
        home.interacts = true;
        let expected = "https://home.example/authorize_interaction?uri=https%3A%2F%2Fnova.example%2Fusers%2Fnova";
        assert_eq!(home.does("follow", object).as_deref(), Some(expected));
        home.subscribe = Some("https://home.example/ostatus?acct={uri}&x={other}".to_owned());
        let expected = "https://home.example/ostatus?acct=nova%40nova.example&x=";
        assert_eq!(home.does("follow", object).as_deref(), Some(expected));
        home.subscribe = Some("https://home.example/i?uri={uri}".to_owned());
        let expected = "https://home.example/i?uri=https%3A%2F%2Fnova.example%2Fusers%2Fnova";
        assert_eq!(home.does("follow", object).as_deref(), Some(expected));
        home.intents = vec![(
            "follow".to_owned(),
            "https://evil.example/{object}".to_owned(),
        )];
        assert_eq!(home.does("follow", object), None);
    }
}
