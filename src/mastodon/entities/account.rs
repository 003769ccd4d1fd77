//! Account, CredentialAccount, Relationship.

use serde_json::{Value, json};

use super::emojis;
use crate::accounts::preferences::{self, Preferences};
use crate::accounts::{self, Account, Kind, Role};
use crate::app::App;
use crate::error::Result;
use crate::kernel::clock::Time;

use crate::kernel::page::Window;
use crate::kernel::text::simple_html;
use crate::media::proxy;
use crate::relations::between::Relationship;
use crate::relations::follows;

/// A picture's absolute address: ours, a remote one through the proxy, or the one that stands for none.
fn picture(app: &App, file: Option<&String>, remote: Option<&String>, none: &str) -> String {
    let path = match (file, remote) {
        (Some(file), _) => format!("/media/{file}"),
        (None, Some(url)) => proxy::address(app, url),
        (None, None) => none.to_owned(),
    };
    app.origin().at(&path)
}

/// An Account.
pub fn account(app: &App, account: &Account) -> Value {
    let avatar = picture(
        app,
        account.avatar.as_ref(),
        account.avatar_url.as_ref(),
        "/assets/avatar.png",
    );
    let header = picture(
        app,
        account.header.as_ref(),
        account.header_url.as_ref(),
        "/assets/header.png",
    );
    let local = account.is_local();
    let html = |text: &str| {
        if local {
            simple_html(text)
        } else {
            text.to_owned()
        }
    };
    let fields: Vec<Value> = account
        .open_fields()
        .map(|field| json!({"name": field.name, "value": html(&field.value), "verified_at": field.verified_at.map(crate::kernel::clock::Time::rfc3339)}))
        .collect();
    json!({
        "id": account.id.to_string(),
        "username": account.name,
        "acct": account.acct(),
        "uri": account.uri,
        "url": account.url.as_ref().unwrap_or(&account.uri),
        "display_name": account.display_name,
        "note": html(&account.bio),
        "avatar": avatar,
        "avatar_static": avatar,
        "avatar_description": "",
        "header": header,
        "header_static": header,
        "header_description": "",
        "locked": account.locked,
        "bot": account.bot,
        "group": account.actor_type == "Group",
        "discoverable": account.discoverable,
        "indexable": account.indexable,
        "noindex": !account.indexable,
        "hide_collections": false,
        "created_at": Time(account.created_at.0 / 86_400_000 * 86_400_000).rfc3339(),
        "last_status_at": account.last_post_at.map(Time::date),
        "followers_count": account.followers_count,
        "following_count": account.following_count,
        "statuses_count": account.posts_count,
        "emojis": emojis(app, &account.emojis),
        "fields": fields,
        "roles": roles(account),
    })
}

/// The role people see: the host of this house.
fn roles(account: &Account) -> Vec<Value> {
    if account.kind == Kind::Local && account.role == Role::Host {
        vec![json!({"id": "1", "name": "Host", "color": ""})]
    } else {
        Vec::new()
    }
}

/// Several accounts, with where each of them moved.
///
/// # Errors
/// What the database says.
pub async fn several(app: &App, list: &[Account]) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    for one in list {
        let mut entity = account(app, one);
        if let Some(target) = &one.moved_to
            && let Some(target) = accounts::find_by_uri(app, target).await?
        {
            entity["moved"] = account(app, &target);
        }
        found.push(entity);
    }
    Ok(found)
}

/// What clients call an audience.
pub fn visibility(audience: &str) -> &'static str {
    match audience {
        "public" => "public",
        "unlisted" => "unlisted",
        "people" => "direct",
        _ => "private",
    }
}

/// What clients call a policy of quotes.
pub fn quote_policy(policy: &str) -> &str {
    match policy {
        "everyone" => "public",
        policy => policy,
    }
}

/// A CredentialAccount: the member's own.
///
/// # Errors
/// What the database says.
pub async fn own(app: &App, member: &Account) -> Result<Value> {
    let Preferences {
        audience,
        sensitive,
        language,
        hides_follows,
        quote_policy,
        ..
    } = preferences::get(app, member.id).await?;
    let requests = follows::requests(app, member.id, Window::newest(80)).await?;
    let mut entity = account(app, member);
    let fields: Vec<Value> = member
        .fields
        .iter()
        .map(|field| json!({"name": field.name, "value": field.value, "verified_at": field.verified_at.map(crate::kernel::clock::Time::rfc3339)}))
        .collect();
    entity["source"] = json!({
        "privacy": visibility(&audience),
        "sensitive": sensitive,
        "language": language,
        "note": member.bio,
        "fields": fields,
        "follow_requests_count": requests.len(),
        "hide_collections": hides_follows,
        "discoverable": member.discoverable,
        "indexable": member.indexable,
        "attribution_domains": [],
        "quote_policy": self::quote_policy(&quote_policy),
    });
    entity["hide_collections"] = json!(hides_follows);
    let host = member.is_host();
    entity["role"] = json!({
        "id": if host { "1" } else { "-99" },
        "name": if host { "Host" } else { "" },
        "color": "",
        "permissions": "0",
        "highlighted": host,
    });
    Ok(entity)
}

/// A Relationship.
pub fn relationship(account: &Account, r: &Relationship) -> Value {
    json!({
        "id": account.id.to_string(),
        "following": r.following,
        "showing_reblogs": r.following && r.boosts,
        "notifying": r.following && r.notify,
        "languages": Some(&r.languages).filter(|all| !all.is_empty()),
        "followed_by": r.followed_by,
        "blocking": r.blocking,
        "blocked_by": r.blocked_by,
        "muting": r.muting,
        "muting_notifications": r.muting && r.muting_notifications,
        "muting_expires_at": r.muted_until.map(Time::rfc3339),
        "requested": r.requested,
        "requested_by": r.requested_by,
        "domain_blocking": r.node_muted,
        "endorsed": r.endorsed,
        "note": r.note,
    })
}

/// The line of a page's mention of somebody, for posts.
pub fn mention(account: &Account) -> Value {
    json!({
        "id": account.id.to_string(),
        "username": account.name,
        "url": account.url.as_ref().unwrap_or(&account.uri),
        "acct": account.acct(),
    })
}
