//! Accounts: looking at them, and what one does with them.

use std::time::Duration;

use serde_json::{Value, json};

use super::answer::{done, json_of, list, newest_first, window};
use super::entities::{account, various};
use super::timelines::statuses;
use super::{Answer, Caller, Path, Refused};
use crate::accounts::{self, Account, Kind, preferences};
use crate::app::App;
use crate::error::{Error, Result};
use crate::federation::look_up;
use crate::federation::objects::Found;
use crate::kernel::id::{AccountId, FollowId};
use crate::kernel::page::Window;
use crate::posts::keep;
use crate::relations::blocks::{self, Mute};
use crate::relations::{between, follows};
use crate::timelines::{self, Part, lists, tags};

/// An account people can look at.
pub(super) async fn seen(app: &App, id: AccountId) -> Result<Account> {
    let found = accounts::find(app, id).await?;
    found
        .filter(|account| account.is_active() && account.kind != Kind::Guest)
        .ok_or(Error::NotFound)
}

/// Accounts as a list, with links by the ids of the rows they stand in.
pub async fn people(call: &Caller, rows: Vec<(i64, Account)>, window: Window) -> Answer {
    let rows = newest_first(rows, window);
    let ends = rows.first().zip(rows.last()).map(|(a, b)| (a.0, b.0));
    let people: Vec<Account> = rows.into_iter().map(|(_, account)| account).collect();
    Ok(list(
        call,
        ends,
        account::several(&call.app, &people).await?,
    ))
}

/// `GET /api/v1/accounts/{id}`
pub async fn show(Path(id): Path<AccountId>, call: Caller) -> Answer {
    let found = seen(&call.app, id).await?;
    let mut entities = account::several(&call.app, &[found]).await?;
    Ok(json_of(entities.pop().unwrap_or_default()))
}

/// `GET /api/v1/accounts`: several by their ids.
pub async fn several(call: Caller) -> Answer {
    let ids: Vec<AccountId> = call.params.numbers("id");
    let mut found = accounts::list(&call.app, &ids).await?;
    found.retain(|account| account.deleted_at.is_none() && account.kind != Kind::Guest);
    Ok(json_of(json!(account::several(&call.app, &found).await?)))
}

/// `GET /api/v1/accounts/verify_credentials`
pub async fn verify(call: Caller) -> Answer {
    Ok(json_of(account::own(&call.app, call.member()?).await?))
}

/// `GET /api/v1/accounts/lookup`: by handle, without asking anybody.
pub async fn lookup(call: Caller) -> Answer {
    let found = accounts::find_by_handle(&call.app, call.params.text("acct")).await?;
    let found = found
        .filter(|account| account.deleted_at.is_none() && account.kind != Kind::Guest)
        .ok_or(Error::NotFound)?;
    let mut entities = account::several(&call.app, &[found]).await?;
    Ok(json_of(entities.pop().unwrap_or_default()))
}

/// `GET /api/v1/accounts/search`
pub async fn search(call: Caller) -> Answer {
    let found = find(&call, 40).await?;
    Ok(json_of(json!(account::several(&call.app, &found).await?)))
}

/// People for a search: known ones, and with `resolve` whom a handle or address leads to.
pub async fn find(call: &Caller, usual: i64) -> Result<Vec<Account>, Refused> {
    let params = &call.params;
    let text = params.text("q").trim();
    let limit = params.number("limit").unwrap_or(usual).clamp(1, 80);
    let offset = params.number("offset").unwrap_or(0).clamp(0, 10_000);
    let following = params.flag("following") == Some(true);
    let viewer = call.viewer.as_ref();
    let mut found =
        crate::search::people(&call.app, viewer, text, following, (limit, offset)).await?;
    if params.flag("resolve") == Some(true)
        && let Some(member) = viewer
        && let Some(Found::Account(account)) = resolve(&call.app, member, text).await?
        && found.iter().all(|one| one.id != account.id)
    {
        found.insert(0, account);
    }
    found.truncate(usize::try_from(limit).unwrap_or(40));
    Ok(found)
}

/// What a handle or an address leads to, asked for by a member; nothing where it leads nowhere.
///
/// # Errors
/// What the database says; `TooMany` where they looked up too much.
pub async fn resolve(app: &App, member: &Account, text: &str) -> Result<Option<Found>, Error> {
    let looks = text.starts_with("http") || text.trim_start_matches('@').contains('@');
    if !looks {
        return Ok(None);
    }
    Ok(look_up::for_member(app, member, text).await?.ok())
}

pub(super) async fn relationship_of(call: &Caller, other: &Account) -> Answer {
    let relation = between::one(&call.app, call.member()?.id, other).await?;
    Ok(json_of(account::relationship(other, &relation)))
}

/// `GET /api/v1/accounts/relationships`
pub async fn relationships(call: Caller) -> Answer {
    let ids: Vec<AccountId> = call.params.numbers("id");
    let others = accounts::list(&call.app, &ids).await?;
    let relations = between::list(&call.app, call.member()?.id, &others).await?;
    // In the order that was asked for.
    let entities: Vec<Value> = ids
        .iter()
        .filter_map(|id| {
            let other = others.iter().find(|other| other.id == *id)?;
            Some(account::relationship(other, relations.get(id)?))
        })
        .collect();
    Ok(json_of(json!(entities)))
}

/// `GET /api/v1/accounts/{id}/statuses`
pub async fn posts(Path(id): Path<AccountId>, call: Caller) -> Answer {
    let owner = seen(&call.app, id).await?;
    let window = window(&call, 20, 40);
    let flag = |name: &str| call.params.flag(name) == Some(true);
    if flag("pinned") {
        let pinned = keep::pinned(&call.app, call.viewer.as_ref(), owner.id).await?;
        let whole = Window::newest(20);
        return statuses(&call, pinned, whole, "account").await;
    }
    let part = Part {
        media: flag("only_media"),
        no_replies: flag("exclude_replies"),
        no_boosts: flag("exclude_reblogs"),
        tag: crate::kernel::text::fold_tag(call.params.text("tagged")),
    };
    let viewer = call.viewer.as_ref();
    let found = timelines::part_of_account(&call.app, viewer, owner.id, &part, window).await?;
    statuses(&call, found, window, "account").await
}

/// `GET /api/v1/accounts/{id}/followers`
pub async fn followers(Path(id): Path<AccountId>, call: Caller) -> Answer {
    let owner = seen(&call.app, id).await?;
    let window = window(&call, 40, 80);
    if preferences::hides_follows(&call.app, &owner, call.viewer.as_ref()).await? {
        return people(&call, Vec::new(), window).await;
    }
    let rows = follows::followers(&call.app, owner.id, window).await?;
    people(&call, numbered(rows), window).await
}

/// `GET /api/v1/accounts/{id}/following`
pub async fn following(Path(id): Path<AccountId>, call: Caller) -> Answer {
    let owner = seen(&call.app, id).await?;
    let window = window(&call, 40, 80);
    if preferences::hides_follows(&call.app, &owner, call.viewer.as_ref()).await? {
        return people(&call, Vec::new(), window).await;
    }
    let rows = follows::following(&call.app, owner.id, window).await?;
    people(&call, numbered(rows), window).await
}

fn numbered(rows: Vec<(FollowId, Account)>) -> Vec<(i64, Account)> {
    rows.into_iter()
        .map(|(id, account)| (id.0, account))
        .collect()
}

/// `POST /api/v1/accounts/{id}/follow`
pub async fn follow(Path(id): Path<AccountId>, call: Caller) -> Answer {
    let (app, member) = (&call.app, call.member()?);
    let other = seen(app, id).await?;
    if other.id == member.id {
        return Err(Error::Forbidden.into());
    }
    if follows::find(&app.db, member.id, other.id).await?.is_none() {
        follows::request(app, member, &other).await?;
    }
    let languages = call.params.list("languages").into_iter();
    let wishes = between::Wishes {
        boosts: call.params.flag("reblogs"),
        notify: call.params.flag("notify"),
        languages: call
            .params
            .has("languages")
            .then(|| languages.map(str::to_owned).collect()),
    };
    between::set_wishes(app, member.id, other.id, &wishes).await?;
    relationship_of(&call, &other).await
}

/// `POST /api/v1/accounts/{id}/unfollow`
pub async fn unfollow(Path(id): Path<AccountId>, call: Caller) -> Answer {
    let app = &call.app;
    let other = seen(app, id).await?;
    if let Some(follow) = follows::find(&app.db, call.member()?.id, other.id).await? {
        follows::withdraw(app, &follow).await?;
    }
    relationship_of(&call, &other).await
}

/// `POST /api/v1/accounts/{id}/remove_from_followers`
pub async fn remove_follower(Path(id): Path<AccountId>, call: Caller) -> Answer {
    let other = seen(&call.app, id).await?;
    between::remove_follower(&call.app, call.member()?, other.id).await?;
    relationship_of(&call, &other).await
}

/// `POST /api/v1/accounts/{id}/block`
pub async fn block(Path(id): Path<AccountId>, call: Caller) -> Answer {
    let other = seen(&call.app, id).await?;
    blocks::block(&call.app, call.member()?, &other).await?;
    relationship_of(&call, &other).await
}

/// `POST /api/v1/accounts/{id}/unblock`
pub async fn unblock(Path(id): Path<AccountId>, call: Caller) -> Answer {
    let other = seen(&call.app, id).await?;
    blocks::unblock(&call.app, call.member()?, &other).await?;
    relationship_of(&call, &other).await
}

/// `POST /api/v1/accounts/{id}/mute`
pub async fn mute(Path(id): Path<AccountId>, call: Caller) -> Answer {
    let other = seen(&call.app, id).await?;
    let seconds = call
        .params
        .number::<u64>("duration")
        .filter(|seconds| *seconds > 0);
    let mute = Mute {
        notifications: call.params.flag("notifications").unwrap_or(true),
        until: seconds.map(|seconds| call.app.clock.now().plus(Duration::from_secs(seconds))),
    };
    blocks::set_muted(&call.app, call.member()?, &other, Some(mute)).await?;
    relationship_of(&call, &other).await
}

/// `POST /api/v1/accounts/{id}/unmute`
pub async fn unmute(Path(id): Path<AccountId>, call: Caller) -> Answer {
    let other = seen(&call.app, id).await?;
    blocks::set_muted(&call.app, call.member()?, &other, None).await?;
    relationship_of(&call, &other).await
}

/// `POST /api/v1/accounts/{id}/note`
pub async fn note(Path(id): Path<AccountId>, call: Caller) -> Answer {
    let other = seen(&call.app, id).await?;
    let text = call.params.text("comment");
    between::write_note(&call.app, call.member()?.id, other.id, text).await?;
    relationship_of(&call, &other).await
}

/// `GET /api/v1/accounts/{id}/lists`
pub async fn in_lists(Path(id): Path<AccountId>, call: Caller) -> Answer {
    let found = lists::containing(&call.app, call.member()?.id, id).await?;
    Ok(json_of(json!(
        found.iter().map(various::list).collect::<Vec<_>>()
    )))
}

/// `GET /api/v1/accounts/{id}/featured_tags`
pub async fn featured(Path(id): Path<AccountId>, call: Caller) -> Answer {
    let owner = seen(&call.app, id).await?;
    let found = tags::featured(&call.app, owner.id).await?;
    let entities: Vec<Value> = found
        .iter()
        .map(|one| various::featured_tag(&call.app, one))
        .collect();
    Ok(json_of(json!(entities)))
}

/// `GET /api/v1/accounts/familiar_followers`
pub async fn familiar(call: Caller) -> Answer {
    let member = call.member()?.id;
    let mut found = Vec::new();
    for id in call.params.numbers::<AccountId>("id").into_iter().take(40) {
        let people = between::familiar(&call.app, member, id).await?;
        let people = account::several(&call.app, &people).await?;
        found.push(json!({"id": id.to_string(), "accounts": people}));
    }
    Ok(json_of(json!(found)))
}

/// `GET /api/v1/blocks`
pub async fn blocked(call: Caller) -> Answer {
    let (blocked, _, _) = blocks::list(&call.app, call.member()?.id).await?;
    all_at_once(&call, &blocked).await
}

/// `GET /api/v1/mutes`
pub async fn muted(call: Caller) -> Answer {
    let member = call.member()?.id;
    let (_, muted, _) = blocks::list(&call.app, member).await?;
    let ends = blocks::mutes_that_end(&call.app, member).await?;
    let mut entities = first_page(&call, &muted).await?;
    for (entity, account) in entities.iter_mut().zip(&muted) {
        let until = ends.get(&account.id).map(|until| until.rfc3339());
        entity["mute_expires_at"] = json!(until);
    }
    Ok(list(&call, None, entities))
}

/// A list that is short enough for one page.
async fn all_at_once(call: &Caller, people: &[Account]) -> Answer {
    Ok(list(call, None, first_page(call, people).await?))
}

async fn first_page(call: &Caller, people: &[Account]) -> Result<Vec<Value>, Refused> {
    // A client that asks for more than the first page has seen all of it.
    let first = !["max_id", "min_id", "since_id"]
        .iter()
        .any(|name| call.params.has(name));
    let shown = if first { people } else { &[] };
    Ok(account::several(&call.app, shown).await?)
}

/// `GET /api/v1/domain_blocks`: the nodes a member mutes.
pub async fn muted_nodes(call: Caller) -> Answer {
    let (_, _, nodes) = blocks::list(&call.app, call.member()?.id).await?;
    Ok(list(
        &call,
        None,
        nodes.into_iter().map(Value::String).collect(),
    ))
}

/// `POST /api/v1/domain_blocks`
pub async fn mute_node(call: Caller) -> Answer {
    set_node(&call, true).await
}

/// `DELETE /api/v1/domain_blocks`
pub async fn unmute_node(call: Caller) -> Answer {
    set_node(&call, false).await
}

async fn set_node(call: &Caller, muted: bool) -> Answer {
    let domain = crate::kernel::origin::ascii_domain(call.params.text("domain"));
    let domain = domain.ok_or_else(|| Error::invalid("domain", "error-domain"))?;
    blocks::set_node_muted(&call.app, call.member()?.id, &domain, muted).await?;
    done()
}

/// `GET /api/v1/follow_requests`
pub async fn requests(call: Caller) -> Answer {
    let window = window(&call, 40, 80);
    let rows = follows::requests(&call.app, call.member()?.id, window).await?;
    people(&call, numbered(rows), window).await
}

/// `POST /api/v1/follow_requests/{account_id}/authorize`
pub async fn accept(Path(id): Path<AccountId>, call: Caller) -> Answer {
    answer_request(&call, id, true).await
}

/// `POST /api/v1/follow_requests/{account_id}/reject`
pub async fn reject(Path(id): Path<AccountId>, call: Caller) -> Answer {
    answer_request(&call, id, false).await
}

async fn answer_request(call: &Caller, from: AccountId, yes: bool) -> Answer {
    let app = &call.app;
    let other = seen(app, from).await?;
    let follow = follows::find(&app.db, from, call.member()?.id).await?;
    let follow = follow.ok_or(Error::NotFound)?;
    if yes {
        follows::accept(app, &follow).await?;
    } else if follow.accepted_at.is_none() {
        follows::reject(app, &follow).await?;
    }
    relationship_of(call, &other).await
}
