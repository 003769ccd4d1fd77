//! What waits for a host, read batch by batch. Rights are asked again here: what waited for a server that was down goes
//! to nobody who may no longer see it.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;

use crate::accounts::{self, keys};
use crate::app::App;
use crate::federation::jcs;
use crate::kernel::clock::Time;
use crate::kernel::crypt;
use crate::kernel::db::{Row, ids, sql};
use crate::kernel::id::{AccountId, ActivityId, InboxId, NodeId};
use crate::media;

/// For how long is put off what waits for a look here.
const LATER: Duration = Duration::from_secs(3_600);

/// One activity on its way to one inbox.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    pub activity: ActivityId,
    pub inbox: InboxId,
    pub url: String,
    pub sender: AccountId,
    /// The activity's type.
    pub kind: String,
    pub body: String,
    pub attempts: i64,
    pub unknown_since: Option<Time>,
    pub followers_of: Option<i64>,
    /// Since when it may have arrived by an earlier attempt.
    pub begun_before: Option<Time>,
}

/// Whether a delivery may leave now.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leave {
    Yes,
    Later,
    Never,
}

fn read(row: &Row) -> sqlx::Result<(Delivery, Leave)> {
    let leave: String = row.get("leaves")?;
    let delivery = Delivery {
        activity: row.get("activity_id")?,
        inbox: row.get("inbox_id")?,
        url: row.get("url")?,
        sender: row.get("account_id")?,
        kind: row.get("kind")?,
        body: row.get("body")?,
        attempts: row.get("attempts")?,
        unknown_since: row.get("unknown_since")?,
        followers_of: row.get("followers_of")?,
        begun_before: row.get("begun_at")?,
    };
    let leave = match leave.as_str() {
        "yes" => Leave::Yes,
        "later" => Leave::Later,
        _ => Leave::Never,
    };
    Ok((delivery, leave))
}

/// The next deliveries of a host, at most so many: those that may leave, noted as begun. What may not is taken away.
///
/// # Errors
/// What the database says.
pub(super) async fn batch(app: &App, node: NodeId, most: i64) -> anyhow::Result<Vec<Delivery>> {
    loop {
        let rows = waiting(app, node, most).await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let (leaving, staying): (Vec<_>, Vec<_>) = rows
            .into_iter()
            .partition(|(_, leave)| *leave == Leave::Yes);
        for (delivery, leave) in staying {
            put_aside(app, &delivery, leave).await?;
        }
        let leaving = leaving.into_iter().map(|(delivery, _)| delivery).collect();
        let mut begun = begin(app, node, leaving).await?;
        for delivery in &mut begun {
            renew_addresses(app, delivery).await?;
        }
        if !begun.is_empty() {
            return Ok(begun);
        }
    }
}

async fn waiting(app: &App, node: NodeId, most: i64) -> sqlx::Result<Vec<(Delivery, Leave)>> {
    let rows = sql("SELECT deliveries.activity_id, deliveries.inbox_id, deliveries.attempts, deliveries.unknown_since, deliveries.begun_at, inboxes.url, activities.account_id, activities.kind, activities.body, activities.followers_of, \
        CASE WHEN activities.kind NOT IN ('Create', 'Update') THEN 'yes' \
        WHEN EXISTS (SELECT 1 FROM tombstones WHERE tombstones.uri = activities.object_uri) THEN 'never' \
        WHEN post.id IS NULL THEN 'yes' \
        WHEN post.held_for = 'approval' AND EXISTS (SELECT 1 FROM posts answered JOIN accounts asked ON asked.id = answered.account_id WHERE answered.id = post.in_reply_to_id AND deliveries.inbox_id IN (asked.inbox_id, asked.shared_inbox_id)) THEN 'yes' \
        WHEN post.held_for = 'refused' THEN 'never' \
        WHEN post.audience = 'held' THEN 'later' \
        WHEN post.audience IN ('public', 'unlisted') AND NOT EXISTS (SELECT 1 FROM blocks JOIN accounts blocked ON blocked.id = blocks.target_id WHERE blocks.account_id = post.account_id AND deliveries.inbox_id IN (blocked.inbox_id, blocked.shared_inbox_id)) THEN 'yes' \
        WHEN post.audience = 'grant' AND activities.kind = 'Update' THEN 'yes' \
        WHEN post.audience = 'grant' AND EXISTS (SELECT 1 FROM post_copies JOIN audience_parts ON audience_parts.audience_id = post.audience_id JOIN audience_members ON audience_members.audience_id = audience_parts.part_id AND audience_members.account_id = post_copies.account_id WHERE post_copies.uri = activities.object_uri AND (audience_members.until IS NULL OR audience_members.until > $2) AND NOT EXISTS (SELECT 1 FROM blocks WHERE blocks.account_id = post.account_id AND blocks.target_id = post_copies.account_id)) THEN 'yes' \
        WHEN post.audience <> 'grant' AND EXISTS (SELECT 1 FROM accounts reader WHERE (reader.inbox_id = deliveries.inbox_id OR reader.shared_inbox_id = deliveries.inbox_id) AND NOT EXISTS (SELECT 1 FROM blocks WHERE blocks.account_id = post.account_id AND blocks.target_id = reader.id) AND (EXISTS (SELECT 1 FROM post_people WHERE post_people.post_id = post.id AND post_people.account_id = reader.id) OR (post.audience <> 'people' AND EXISTS (SELECT 1 FROM follows WHERE follows.follower_id = reader.id AND follows.followee_id = post.account_id AND follows.accepted_at IS NOT NULL)))) THEN 'yes' \
        ELSE 'never' END AS leaves \
        FROM deliveries JOIN activities ON activities.id = deliveries.activity_id JOIN inboxes ON inboxes.id = deliveries.inbox_id \
        LEFT JOIN posts post ON post.id = COALESCE((SELECT posts.id FROM posts WHERE posts.uri = activities.object_uri), (SELECT post_copies.post_id FROM post_copies WHERE post_copies.uri = activities.object_uri)) \
        WHERE deliveries.node_id = $1 AND deliveries.dead_at IS NULL AND deliveries.parked_until <= $2 AND inboxes.waits_until <= $2 ORDER BY deliveries.activity_id LIMIT $3")
        .bind(node)
        .bind(app.clock.now())
        .bind(most)
        .all(&app.db)
        .await?;
    rows.iter().map(read).collect()
}

/// Takes away what may never leave, and puts off what may not yet.
async fn put_aside(app: &App, delivery: &Delivery, leave: Leave) -> sqlx::Result<()> {
    let statement = if leave == Leave::Later {
        sql("UPDATE deliveries SET parked_until = $3 WHERE activity_id = $1 AND inbox_id = $2")
    } else {
        sql("DELETE FROM deliveries WHERE activity_id = $1 AND inbox_id = $2 AND $3 > 0")
    };
    statement
        .bind(delivery.activity)
        .bind(delivery.inbox)
        .bind(app.clock.now().plus(LATER))
        .run(&app.db)
        .await?;
    Ok(())
}

/// Notes that deliveries begin: from now on they may have arrived. What was taken back in between is not among them.
async fn begin(app: &App, node: NodeId, leaving: Vec<Delivery>) -> sqlx::Result<Vec<Delivery>> {
    if leaving.is_empty() {
        return Ok(leaving);
    }
    let rows = sql("UPDATE deliveries SET begun_at = COALESCE(begun_at, $1) WHERE node_id = $2 AND activity_id IN (SELECT value FROM json_each($3)) AND inbox_id IN (SELECT value FROM json_each($4)) AND dead_at IS NULL RETURNING activity_id, inbox_id")
        .bind(app.clock.now())
        .bind(node)
        .bind(ids(leaving.iter().map(|delivery| delivery.activity)))
        .bind(ids(leaving.iter().map(|delivery| delivery.inbox)))
        .all(&app.db)
        .await?;
    let there: HashSet<(i64, i64)> = rows
        .iter()
        .map(|row| Ok((row.get("activity_id")?, row.get("inbox_id")?)))
        .collect::<sqlx::Result<_>>()?;
    let begun = leaving
        .into_iter()
        .filter(|delivery| there.contains(&(delivery.activity.0, delivery.inbox.0)));
    Ok(begun.collect())
}

/// Gives files in an activity that waited for long addresses that open again, for a while.
async fn renew_addresses(app: &App, delivery: &mut Delivery) -> anyhow::Result<()> {
    if !delivery.body.contains(media::SIGNED) {
        return Ok(());
    }
    let mut body: Value = serde_json::from_str(&delivery.body)?;
    if !media::renew_addresses(app, &mut body) {
        return Ok(());
    }
    let sender = accounts::get(app, delivery.sender).await?;
    let (_, ed25519) = keys::signer(app, &sender).await?;
    if let Some(members) = body.as_object_mut() {
        members.remove("proof");
    }
    let key = sender.ed25519_key_id.as_deref().unwrap_or_default();
    jcs::prove(&mut body, &ed25519, key, app.clock.now());
    delivery.body = body.to_string();
    sql("UPDATE activities SET body = $1, digest = $2 WHERE id = $3")
        .bind(&delivery.body)
        .bind(crypt::sha256_base64(delivery.body.as_bytes()))
        .bind(delivery.activity)
        .run(&app.db)
        .await?;
    Ok(())
}
