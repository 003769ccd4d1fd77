//! Actors: reading theirs, writing ours, finding the owner of a key.

use std::time::Duration;

use serde_json::{Value, json};

use super::doc::Doc;
use super::fetch::{self, Budget};
use super::webfinger;
use crate::accounts::remote::{self, Profile};
use crate::accounts::{self, Account, Emoji, Field, Kind, remove as tombs};
use crate::app::App;
use crate::error::Result;
use crate::kernel::crypt::PublicKey;
use crate::kernel::html::{sanitize, truncate};
use crate::kernel::http::FetchError;
use crate::kernel::id::AccountId;
use crate::kernel::origin::{host_of_uri, parse_url, same_origin};
use crate::kernel::text::{self, simple_html};
use crate::nodes;
use crate::nodes::health::{self, Shown};
use crate::posts;

/// The types an actor may have.
pub const TYPES: [&str; 5] = ["Person", "Service", "Application", "Group", "Organization"];
/// After how long a remote account is fetched again when it is needed.
const STALE: Duration = Duration::from_secs(86_400);

/// Reads an actor document; nothing when it is none or lacks what an account needs.
#[expect(
    clippy::too_many_lines,
    reason = "one line for each member of the document"
)]
pub fn read(document: &Value) -> Option<Profile> {
    let doc = Doc(document);
    let uri = doc.id().filter(|id| parse_url(id).is_some())?.to_owned();
    // Without an inbox nobody can answer it. One on another host counts once that host confirms it.
    let inbox = doc.link("inbox")?;
    let actor_type = doc.kind_in(&TYPES)?.to_owned();
    let host = host_of_uri(&uri)?;
    let name = name_of(&doc, &actor_type, &host)?;
    let own = |url: Option<String>| url.filter(|url| host_of_uri(url).as_ref() == Some(&host));
    let endpoints = Doc(doc.get("endpoints"));
    let key = doc.objects("publicKey").into_iter().find_map(|key| {
        let owner = key.id_of("owner").or_else(|| key.id_of("controller"));
        let id = key.id().filter(|id| same_origin(id, &uri))?;
        (owner.is_none() || owner == Some(uri.as_str()))
            .then(|| Some((id.to_owned(), key.text("publicKeyPem", 16_384)?)))?
    });
    // A key that is somebody else's makes the whole document a lie; one whose id is no address is nobody's.
    let keys = doc.objects("publicKey");
    if key.is_none()
        && keys
            .iter()
            .any(|key| key.id().and_then(parse_url).is_some())
    {
        return None;
    }
    let multikey = doc
        .objects("assertionMethod")
        .into_iter()
        .take(8)
        .find_map(|key| {
            let sound = key.kind_in(&["Multikey"]).is_some()
                && key.id_of("controller") == Some(uri.as_str());
            let id = key.id().filter(|id| sound && same_origin(id, &uri))?;
            let value = key.text("publicKeyMultibase", 200)?;
            PublicKey::from_multibase(&value).map(|_| (id.to_owned(), value))
        });
    let bio = doc
        .text("summary", 20_000)
        .map(|bio| sanitize(&bio))
        .unwrap_or_default();
    Some(Profile {
        name: truncate(&name, 400).to_owned(),
        url: doc.link("url"),
        display_name: doc.text("name", 500).unwrap_or_default(),
        bio,
        fields: fields(&doc),
        emojis: emojis(&doc),
        avatar_url: doc
            .objects("icon")
            .into_iter()
            .find_map(|icon| icon.link("url"))
            .or_else(|| doc.link("icon")),
        header_url: doc
            .objects("image")
            .into_iter()
            .find_map(|image| image.link("url"))
            .or_else(|| doc.link("image")),
        locked: doc.flag("manuallyApprovesFollowers"),
        discoverable: doc.flag("discoverable"),
        indexable: doc.flag("indexable"),
        rsa: key,
        ed25519: multikey,
        shared_inbox: endpoints
            .link("sharedInbox")
            .or_else(|| doc.link("sharedInbox"))
            .filter(|shared| host_of_uri(shared).as_ref() == Some(&host)),
        foreign_inbox: Some(inbox.clone())
            .filter(|inbox| host_of_uri(inbox).as_ref() != Some(&host)),
        inbox: Some(inbox).filter(|inbox| host_of_uri(inbox).as_ref() == Some(&host)),
        collections: ["followers", "following", "outbox", "featured"]
            .map(|key| own(doc.id_of(key).map(str::to_owned))),
        aliases: doc
            .ids("alsoKnownAs")
            .into_iter()
            .filter(|alias| parse_url(alias).is_some())
            .take(10)
            .map(str::to_owned)
            .collect(),
        moved_to: doc
            .id_of("movedTo")
            .filter(|target| parse_url(target).is_some())
            .map(str::to_owned),
        created_at: doc.time("published"),
        actor_type,
        host,
        uri,
    })
}

/// What an actor is called in its handle. Some write the whole handle there; an application that only signs may have no
/// name, and is called after its host.
fn name_of(doc: &Doc<'_>, actor_type: &str, host: &str) -> Option<String> {
    let plain =
        |name: &&str| accounts::split_handle(name).is_some_and(|(_, domain)| domain.is_empty());
    let said = doc.get("preferredUsername").as_str();
    let said = said.map(|said| {
        let whole = said.trim_start_matches('@').split_once('@');
        whole.map_or(said, |(name, _)| name)
    });
    let found = said.or_else(|| doc.get("name").as_str()).filter(plain);
    let host = host
        .split(':')
        .next()
        .filter(|_| actor_type == "Application");
    found.or(host.filter(plain)).map(str::to_owned)
}

fn fields(doc: &Doc<'_>) -> Vec<Field> {
    doc.objects("attachment")
        .into_iter()
        .filter(|field| field.kind_in(&["PropertyValue"]).is_some())
        .filter_map(|field| {
            Some(Field {
                name: field.text("name", 2_000)?,
                value: sanitize(&field.text("value", 2_000)?),
                verified_at: None,
                for_followers: false,
            })
        })
        .take(16)
        .collect()
}

/// The custom emoji a document defines, at most a hundred.
pub fn emojis(doc: &Doc<'_>) -> Vec<Emoji> {
    doc.objects("tag")
        .into_iter()
        .filter(|tag| tag.kind_in(&["Emoji"]).is_some())
        .filter_map(|tag| {
            let shortcode = tag.text("name", 100)?.trim_matches(':').to_owned();
            let url = tag
                .objects("icon")
                .into_iter()
                .find_map(|icon| icon.link("url"))
                .or_else(|| tag.link("icon"))?;
            let sound = !shortcode.is_empty()
                && shortcode
                    .chars()
                    .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '+'));
            sound.then_some(Emoji { shortcode, url })
        })
        .take(100)
        .collect()
}

/// The account of an actor id: as known here and fresh enough, else fetched. A known one survives a dead host.
///
/// # Errors
/// When it is not known and cannot be fetched.
pub async fn resolve(app: &App, uri: &str, budget: &Budget) -> Result<Account, FetchError> {
    let database = |error: crate::error::Error| FetchError::Unreachable(error.to_string());
    let known = accounts::find_by_uri(app, uri).await.map_err(database)?;
    let now = app.clock.now();
    match known {
        Some(account) if account.is_local() => Ok(account),
        Some(account) if account.fetched_at.is_some_and(|at| now.since(at) < STALE) => Ok(account),
        Some(account) => match refresh(app, uri, budget).await {
            Ok(account) => Ok(account),
            Err(_) => Ok(account),
        },
        None => refresh(app, uri, budget).await,
    }
}

/// Fetches an actor and writes what it says.
///
/// # Errors
/// When it cannot be fetched, is no actor or ended before.
pub async fn refresh(app: &App, uri: &str, budget: &Budget) -> Result<Account, FetchError> {
    let document = fetch::object(app, uri, None, budget).await?;
    write(app, &document, budget).await
}

/// Asks for a remote account anew; one that its host says is gone ends here too.
///
/// # Errors
/// What the database says; a host that cannot be asked leaves the account as it is.
pub async fn bring_up_to_date(app: &App, id: AccountId) -> anyhow::Result<()> {
    let account = accounts::get(app, id).await?;
    match refresh(app, &account.uri, &Budget::inbound()).await {
        Err(FetchError::Status(http::StatusCode::GONE)) if !account.is_local() => {
            let mut tx = app.db.begin().await?;
            tombs::mark(&mut tx, &account, app.clock.now()).await?;
            tombs::sever(&mut tx, id).await?;
            tx.commit().await?;
            while posts::remove::erase_some_of(app, &account).await? {}
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Writes an actor document that was fetched from its own host, or came signed by the actor itself.
///
/// # Errors
/// When it is no actor or ended before.
pub async fn write(app: &App, document: &Value, budget: &Budget) -> Result<Account, FetchError> {
    let mut profile = read(document).ok_or(FetchError::Unusable("it is no actor"))?;
    let database = |error: sqlx::Error| FetchError::Unreachable(error.to_string());
    let ours = |url: &Option<String>| url.as_ref().is_some_and(|url| app.origin().owns(url));
    if ours(&profile.inbox)
        || ours(&profile.foreign_inbox)
        || app.origin().owns(&profile.uri)
        || tombs::is_gone(&app.db, &profile.uri)
            .await
            .map_err(database)?
    {
        return Err(FetchError::Unusable("the actor cannot be taken"));
    }
    let known = accounts::find_by_uri(app, &profile.uri)
        .await
        .ok()
        .flatten();
    let named = known
        .as_ref()
        .is_some_and(|known| known.name == profile.name);
    if let Some(inbox) = profile.foreign_inbox.take() {
        profile.inbox = confirmed(app, &profile, known.as_ref(), inbox, budget).await;
    }
    let fetches = if named { 0 } else { budget.set_aside(2) };
    let account = remote::upsert(app, &profile, fetches)
        .await
        .map_err(|error| FetchError::Unreachable(error.to_string()))?;
    health::announced(&app.db, &account.host, shown(document), app.clock.now())
        .await
        .map_err(database)?;
    Ok(account)
}

/// An inbox on another host, where that host says by WebFinger that it serves this actor: else anybody could have us
/// send to whoever they name. What was confirmed before is not asked again.
async fn confirmed(
    app: &App,
    profile: &Profile,
    known: Option<&Account>,
    inbox: String,
    budget: &Budget,
) -> Option<String> {
    if let Some(id) = known.and_then(|known| known.inbox_id)
        && nodes::inbox_url(&app.db, id).await.ok()?.as_ref() == Some(&inbox)
    {
        return Some(inbox);
    }
    let host = host_of_uri(&inbox)?;
    let found = webfinger::ask(app, &profile.name, &host, budget)
        .await
        .ok()?;
    (found.actor == profile.uri).then_some(inbox)
}

/// Which signatures an actor's software says it reads (FEP-844e).
fn shown(document: &Value) -> Shown {
    let generator = Doc(document.get("generator").unwrap_or(&Value::Null));
    let mut shown = Shown::default();
    for entry in generator.each("implements").into_iter().take(32) {
        let href = entry
            .id()
            .or_else(|| entry.get("href").as_str())
            .unwrap_or_default();
        let (page, section) = href.split_once('#').unwrap_or((href, ""));
        if page.trim_end_matches('/').ends_with("/rfc9421") {
            shown.rfc9421 = true;
            shown.ed25519 |= section == ED25519_SECTION;
        }
    }
    shown
}

/// Where RFC 9421 tells how Ed25519 signs.
const ED25519_SECTION: &str = "section-3.3.6";

/// The account that owns a key, fetched where it is not known.
///
/// # Errors
/// When the key's document cannot be fetched or does not lead to an actor that names this key.
pub async fn by_key(app: &App, key_id: &str, budget: &Budget) -> Result<Account, FetchError> {
    let address = key_id.split('#').next().unwrap_or(key_id);
    let (document, from) = fetch::document(app, address, None, budget).await?;
    let doc = Doc(&document);
    let owner = if doc.kind_in(&TYPES).is_some() {
        doc.id()
    } else {
        doc.id_of("owner").or_else(|| doc.id_of("controller"))
    };
    let owner = owner
        .filter(|owner| same_origin(owner, key_id))
        .ok_or(FetchError::Unusable("the key has no owner"))?
        .to_owned();
    // A document that its own host served under its own id needs no second fetch.
    let account =
        if doc.id() == Some(address) && owner == address && same_origin(from.as_str(), key_id) {
            write(app, &document, budget).await?
        } else {
            refresh(app, &owner, budget).await?
        };
    if owns_key(&account, key_id) {
        Ok(account)
    } else {
        Err(FetchError::Unusable("the actor does not name the key"))
    }
}

/// Whether an account names this key as its own.
pub fn owns_key(account: &Account, key_id: &str) -> bool {
    account.public_key_id.as_deref() == Some(key_id)
        || account.ed25519_key_id.as_deref() == Some(key_id)
}

/// The parsed key of an account with this id, parsed once.
pub fn verifier(app: &App, account: &Account, key_id: &str) -> Option<PublicKey> {
    let text = if account.public_key_id.as_deref() == Some(key_id) {
        account.public_key_pem.clone()
    } else if account.ed25519_key_id.as_deref() == Some(key_id) {
        account.ed25519_key.clone()
    } else {
        None
    }?;
    if let Some(key) = app.verifiers.get(&text) {
        return Some(key);
    }
    let key = PublicKey::from_pem(&text).or_else(|| PublicKey::from_multibase(&text))?;
    app.verifiers.put(text, key.clone());
    Some(key)
}

/// The context of our actor documents.
fn context() -> Value {
    json!([
        "https://www.w3.org/ns/activitystreams",
        "https://w3id.org/security/v1",
        "https://w3id.org/security/data-integrity/v1",
        "https://w3id.org/security/multikey/v1",
        {
            "toot": "http://joinmastodon.org/ns#", "schema": "http://schema.org#", "PropertyValue": "schema:PropertyValue", "value": "schema:value",
            "manuallyApprovesFollowers": "as:manuallyApprovesFollowers", "movedTo": {"@id": "as:movedTo", "@type": "@id"}, "alsoKnownAs": {"@id": "as:alsoKnownAs", "@type": "@id"},
            "discoverable": "toot:discoverable", "indexable": "toot:indexable", "featured": {"@id": "toot:featured", "@type": "@id"},
            "implements": {"@id": "https://w3id.org/fep/844e#implements", "@type": "@id"},
            "gts": "https://gotosocial.org/ns#", "interactionPolicy": {"@id": "gts:interactionPolicy", "@type": "@id"},
            "automaticApproval": {"@id": "gts:automaticApproval", "@type": "@id"}, "manualApproval": {"@id": "gts:manualApproval", "@type": "@id"},
            "canFeature": {"@id": "https://w3id.org/fep/7aa9#canFeature", "@type": "@id"}, "featuredCollections": {"@id": "https://w3id.org/fep/7aa9#featuredCollections", "@type": "@id"},
            "webfinger": "https://purl.archive.org/socialweb/webfinger#webfinger"
        }
    ])
}

/// The collections in which an account features others (FEP-7aa9).
pub fn featured_collections(uri: &str) -> String {
    format!("{uri}/collections/lists")
}

/// Who may put an account into a collection of theirs: whoever asks, where it may be found (FEP-7aa9).
fn can_feature(account: &Account) -> Value {
    let asked = if account.discoverable {
        vec![super::PUBLIC]
    } else {
        Vec::new()
    };
    json!({"automaticApproval": [account.uri], "manualApproval": asked})
}

/// The actor document of a local account.
pub fn build(app: &App, account: &Account) -> Value {
    let origin = app.origin();
    let uri = &account.uri;
    let mut doc = json!({
        "@context": context(),
        "id": uri,
        "type": account.actor_type,
        "preferredUsername": account.name,
        "webfinger": account.handle(&origin),
        "name": account.shown_name(),
        "summary": simple_html(&account.bio),
        "url": account.url,
        "inbox": format!("{uri}/inbox"),
        "outbox": account.outbox_uri,
        "followers": account.followers_uri,
        "following": account.following_uri,
        "featured": account.featured_uri,
        "featuredCollections": featured_collections(uri),
        "interactionPolicy": {"canFeature": can_feature(account)},
        "endpoints": {"sharedInbox": origin.at("/inbox")},
        "manuallyApprovesFollowers": account.locked,
        "discoverable": account.discoverable,
        "indexable": account.indexable,
        "published": account.created_at.rfc3339(),
        "publicKey": {"id": account.public_key_id, "owner": uri, "publicKeyPem": account.public_key_pem},
        "assertionMethod": [{"id": account.ed25519_key_id, "type": "Multikey", "controller": uri, "publicKeyMultibase": account.ed25519_key}],
        "attachment": account.open_fields().map(|field| json!({"type": "PropertyValue", "name": field.name, "value": text::field_html(&field.value)})).collect::<Vec<_>>(),
        "generator": {"type": "Application", "name": "Afterparty", "implements": [
            {"href": "https://datatracker.ietf.org/doc/html/rfc9421", "name": "RFC-9421: HTTP Message Signatures"},
            {"href": format!("https://datatracker.ietf.org/doc/html/rfc9421#{ED25519_SECTION}"), "name": "RFC-9421: EdDSA Using Curve edwards25519"}
        ]},
    });
    if account.kind == Kind::Node {
        doc["inbox"] = json!(origin.at("/actor/inbox"));
        doc["name"] = json!(origin.domain);
    }
    if !account.aliases.is_empty() {
        doc["alsoKnownAs"] = json!(account.aliases);
    }
    if let Some(target) = &account.moved_to {
        doc["movedTo"] = json!(target);
    }
    for (key, file) in [("icon", &account.avatar), ("image", &account.header)] {
        if let Some(file) = file {
            let media_type = if file.ends_with(".png") {
                "image/png"
            } else {
                "image/jpeg"
            };
            doc[key] = json!({"type": "Image", "mediaType": media_type, "url": origin.at(&format!("/media/{file}"))});
        }
    }
    doc
}

/// A field's value: a link to itself where it is an address.
#[cfg(test)]
mod tests {
    use super::read;
    use serde_json::json;

    #[test]
    fn an_actor_speaks_only_for_its_own_host() {
        let document = json!({
            "id": "https://a.example/users/nina", "type": ["Person", "vcard:individual"], "preferredUsername": "nina",
            "inbox": "https://a.example/users/nina/inbox", "followers": "https://a.example/users/nina/followers",
            "endpoints": {"sharedInbox": "https://a.example/inbox"},
            "publicKey": {"id": "https://a.example/users/nina#main-key", "owner": "https://victim.example/users/v", "publicKeyPem": "x"}
        });
        assert!(read(&document).is_none(), "the key is the victim's");
        let mut sound = document.clone();
        sound["publicKey"]["owner"] = json!("https://a.example/users/nina");
        sound["outbox"] = json!("https://evil.example/outbox");
        let profile = read(&sound).unwrap();
        assert_eq!(
            profile.shared_inbox.as_deref(),
            Some("https://a.example/inbox")
        );
        assert_eq!(
            profile.collections[2], None,
            "collections of its own host only"
        );
        sound["inbox"] = json!("https://victim.example/inbox");
        sound["endpoints"]["sharedInbox"] = json!("https://victim.example/inbox");
        let profile = read(&sound).unwrap();
        assert_eq!((profile.inbox, profile.shared_inbox), (None, None));
        sound["inbox"] = json!(null);
        assert!(read(&sound).is_none());
        assert!(read(&json!({"id": "https://a.example/n/1", "type": "Note"})).is_none());
        assert!(
            read(&json!({"id": "javascript:x", "type": "Person", "preferredUsername": "x"}))
                .is_none()
        );
    }
}
