//! Followers that a restored house forgot: it asks the houses it knows whom their people follow here.
//!
//! Followers synchronisation (FEP-8fcf) would do the opposite: what a house does not know of its followers, their homes
//! forget as well. So nothing is compared with a host until it was asked; and what it tells counts from the moment of
//! the backup on, since what was before, the backup knows.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::Response;
use http::request::Parts;
use serde::Deserialize;
use serde_json::{Value, json};

use super::doc::Doc;
use super::fetch::{self, Budget};
use super::{actor, serve, sync};
use crate::accounts::{self, Kind};
use crate::app::{App, Restored};
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::kernel::clock::Time;
use crate::kernel::db::{Row, sql};
use crate::kernel::id::{FollowId, NodeId};
use crate::kernel::origin::same_origin;
use crate::nodes::restored;
use crate::relations::follows;

/// Where a house tells whom its people follow on the asking host.
pub const FOLLOWING: &str = "/actor/following_synchronization";
/// Where a house tells who of the asking host follows its people.
pub const FOLLOWERS: &str = "/actor/followers_synchronization";
/// Follows on one page.
const PAGE: usize = 200;
/// Pages that are read of one house.
const PAGES: usize = 100;
/// Houses that are asked in an hour.
const HOUSES: i64 = 500;
/// People of a house who are looked up because it told of them.
const STRANGERS: usize = 2_000;
/// Clocks of two houses differ by less.
const SKEW: Duration = Duration::from_secs(3_600);

/// Which page is asked for.
#[derive(Debug, Deserialize)]
pub struct Paging {
    after: Option<i64>,
}

/// `GET /actor/following_synchronization`: to the house that signs.
pub async fn following(
    State(app): State<App>,
    Query(paging): Query<Paging>,
    parts: Parts,
) -> Response {
    serve::answer(show(&app, FOLLOWING, &paging, &parts).await)
}

/// `GET /actor/followers_synchronization`: to the house that signs.
pub async fn followers(
    State(app): State<App>,
    Query(paging): Query<Paging>,
    parts: Parts,
) -> Response {
    serve::answer(show(&app, FOLLOWERS, &paging, &parts).await)
}

/// A page of the follows between our people and those of the asking host, in one direction: Follow activities with the
/// moment at which they were accepted.
async fn show(app: &App, path: &str, paging: &Paging, parts: &Parts) -> Result<(Value, bool)> {
    let asking = serve::asker(app, parts).await?;
    let asking = asking.ok_or(Error::SignInRequired)?;
    let after = FollowId(paging.after.unwrap_or_default());
    let query = if path == FOLLOWING {
        sql(
            "SELECT follows.id, follows.uri, follows.accepted_at, follower.uri AS actor, followed.uri AS object FROM accounts AS followed JOIN follows ON follows.followee_id = followed.id JOIN accounts AS follower ON follower.id = follows.follower_id WHERE followed.host = $1 AND followed.kind = 'remote' AND follower.kind = 'local' AND follower.deleted_at IS NULL AND follows.accepted_at IS NOT NULL AND follows.id > $2 ORDER BY follows.id LIMIT $3",
        )
    } else {
        sql(
            "SELECT follows.id, follows.uri, follows.accepted_at, follower.uri AS actor, followed.uri AS object FROM accounts AS follower JOIN follows ON follows.follower_id = follower.id JOIN accounts AS followed ON followed.id = follows.followee_id WHERE follower.host = $1 AND follower.kind = 'remote' AND followed.kind = 'local' AND followed.deleted_at IS NULL AND follows.accepted_at IS NOT NULL AND follows.id > $2 ORDER BY follows.id LIMIT $3",
        )
    };
    let query = query
        .bind(&asking.host)
        .bind(after)
        .bind(i64::try_from(PAGE).unwrap_or(0));
    let rows = query.all(&app.db).await?;
    let item = |row: &Row| -> sqlx::Result<Value> {
        Ok(json!({
            "type": "Follow",
            "id": row.get::<String>("uri")?,
            "actor": row.get::<String>("actor")?,
            "object": row.get::<String>("object")?,
            "published": row.get::<Time>("accepted_at")?.rfc3339(),
        }))
    };
    let items = rows.iter().map(item).collect::<sqlx::Result<Vec<_>>>()?;
    let id = app.origin().at(path);
    let mut page = json!({
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": format!("{id}?after={after}"),
        "type": "OrderedCollectionPage",
        "partOf": id,
        "orderedItems": items,
    });
    if let Some(last) = rows.last().filter(|_| rows.len() == PAGE) {
        page["next"] = json!(format!("{id}?after={}", last.get::<FollowId>("id")?));
    }
    Ok((page, false))
}

/// Leaves a job for each of the next houses that are to be asked.
///
/// # Errors
/// What the database says.
pub async fn ask_all(app: &App) -> sqlx::Result<()> {
    let Some(since) = restored::recent(app) else {
        return Ok(());
    };
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    for node in restored::next_unasked(&mut tx, since, now, HOUSES).await? {
        jobs::enqueue(&mut tx, now, Job::AskFollows(node)).await?;
    }
    tx.commit().await
}

/// A follow that another house told of, between one of its people and one of ours.
struct Told {
    id: String,
    actor: String,
    object: String,
    at: Option<Time>,
}

/// Asks a house whom its people follow here and who of ours follows there, and sets right what the backup did not know.
///
/// # Errors
/// When it does not answer; it is asked again.
pub async fn ask(app: &App, node: NodeId) -> anyhow::Result<()> {
    let (Some(since), Some(host)) = (
        restored::recent(app),
        restored::host_of_unasked(&app.db, node).await?,
    ) else {
        return Ok(());
    };
    for path in [FOLLOWING, FOLLOWERS] {
        let first = format!("{}://{host}{path}", app.origin().scheme());
        let (told, complete) = read_all(app, &first).await?;
        let mut strangers = STRANGERS;
        for one in &told {
            take_in(app, one, since, &mut strangers).await?;
        }
        let pairs = told.into_iter().map(|one| (one.actor, one.object));
        let pairs: BTreeSet<(String, String)> = pairs.collect();
        if complete {
            forget_others(app, path, (&host, since), &pairs).await?;
        }
    }
    restored::asked(&app.db, node, app.clock.now()).await?;
    Ok(())
}

/// What a house tells, and whether that is all.
async fn read_all(app: &App, first: &str) -> anyhow::Result<(Vec<Told>, bool)> {
    let signer = accounts::node_actor(app).await?;
    let origin = app.origin();
    let (mut next, mut told) = (Some(first.to_owned()), Vec::new());
    for _ in 0..PAGES {
        let Some(url) = next.take() else { break };
        let (document, from) =
            fetch::document(app, &url, Some(&signer), &Budget::inbound()).await?;
        anyhow::ensure!(same_origin(from.as_str(), &url), "it leads elsewhere");
        let told_here = Doc(&document).objects("orderedItems");
        for doc in told_here.into_iter().take(PAGE) {
            let (Some(id), Some(actor), Some(object)) =
                (doc.id(), doc.id_of("actor"), doc.id_of("object"))
            else {
                continue;
            };
            // One of theirs and one of ours: nobody else is theirs to tell of.
            let theirs = same_origin(actor, &url) && same_origin(id, &url) && origin.owns(object);
            if theirs || (origin.owns(actor) && same_origin(object, &url)) {
                told.push(Told {
                    id: id.to_owned(),
                    actor: actor.to_owned(),
                    object: object.to_owned(),
                    at: doc.time("published"),
                });
            }
        }
        next = Doc(&document)
            .id_of("next")
            .filter(|next| same_origin(next, &url))
            .map(str::to_owned);
    }
    Ok((told, next.is_none()))
}

/// Takes in a follow from after the backup, looking up so many people whom this house does not know.
async fn take_in(
    app: &App,
    told: &Told,
    since: Restored,
    strangers: &mut usize,
) -> anyhow::Result<()> {
    if told.at.is_none_or(|at| at.plus(SKEW) < since.made_at) {
        return Ok(());
    }
    let budget = Budget::inbound();
    let is_ours = app.origin().owns(&told.actor);
    let (ours, theirs) = if is_ours {
        (&told.actor, &told.object)
    } else {
        (&told.object, &told.actor)
    };
    let ours = accounts::find_by_uri(app, ours).await?;
    let Some(ours) = ours.filter(|one| one.kind == Kind::Local && one.is_active()) else {
        return Ok(());
    };
    let told_of = theirs;
    if accounts::find_by_uri(app, told_of).await?.is_none() {
        let Some(left) = strangers.checked_sub(1) else {
            tracing::warn!(told_of, "a house told of more people than are looked up");
            return Ok(());
        };
        *strangers = left;
    }
    let found = actor::resolve(app, told_of, &budget).await;
    // A document may name somebody else, whom this house cannot speak for.
    let Some(theirs) = found.ok().filter(|found| found.uri == *told_of) else {
        return Ok(());
    };
    if is_ours {
        follows::remember(app, &ours, &theirs).await?;
    } else if follows::find(&app.db, theirs.id, ours.id).await?.is_none() {
        follows::receive(app, &theirs, &ours, &told.id).await?;
    }
    Ok(())
}

/// Ends the follows that the house did not tell of: they ended after the backup.
async fn forget_others(
    app: &App,
    path: &str,
    (host, since): (&str, Restored),
    told: &BTreeSet<(String, String)>,
) -> anyhow::Result<()> {
    let query = if path == FOLLOWING {
        sql(
            "SELECT follower.id AS follower_id, follower.uri AS actor, followed.id AS followed_id, followed.uri AS object FROM accounts AS follower JOIN follows ON follows.follower_id = follower.id JOIN accounts AS followed ON followed.id = follows.followee_id WHERE follower.host = $1 AND follower.kind = 'remote' AND followed.kind = 'local' AND follows.accepted_at < $3 LIMIT $2",
        )
    } else {
        sql(
            "SELECT follower.id AS follower_id, follower.uri AS actor, followed.id AS followed_id, followed.uri AS object FROM accounts AS followed JOIN follows ON follows.followee_id = followed.id JOIN accounts AS follower ON follower.id = follows.follower_id WHERE followed.host = $1 AND followed.kind = 'remote' AND follower.kind = 'local' AND follows.accepted_at < $3 LIMIT $2",
        )
    };
    let query = query.bind(host).bind(sync::COMPARED).bind(since.made_at);
    let rows = query.all(&app.db).await?;
    for row in rows {
        if told.contains(&(row.get("actor")?, row.get("object")?)) {
            continue;
        }
        let follow =
            follows::find(&app.db, row.get("follower_id")?, row.get("followed_id")?).await?;
        if let Some(follow) = follow {
            follows::withdraw(app, &follow).await?;
        }
    }
    Ok(())
}
