//! What is done about deliveries beside sending them: inboxes that moved, clocks that were wrong, what nobody waits for.

use std::time::Duration;

use super::pause;
use crate::app::App;
use crate::federation::actor;
use crate::kernel::clock::Time;
use crate::kernel::db::{ids, sql};
use crate::kernel::id::{AccountId, InboxId};
use crate::relations::undone;

/// Asks the owners of an inbox that is no more for their new one; what waited goes there, or is given up.
///
/// # Errors
/// What the database says.
pub async fn mend_inbox(app: &App, inbox: InboxId) -> anyhow::Result<()> {
    ask_owners(app, inbox, true).await
}

/// Asks the owners of an inbox that leads elsewhere for their new one; what waited goes there, or is tried again here
/// where that is still theirs.
///
/// # Errors
/// What the database says.
pub async fn follow_inbox(app: &App, inbox: InboxId) -> anyhow::Result<()> {
    ask_owners(app, inbox, false).await
}

async fn ask_owners(app: &App, inbox: InboxId, is_gone: bool) -> anyhow::Result<()> {
    let owners = sql("SELECT id, uri FROM accounts WHERE kind = 'remote' AND deleted_at IS NULL AND (inbox_id = $1 OR shared_inbox_id = $1) ORDER BY id LIMIT 50")
        .bind(inbox)
        .all(&app.db)
        .await?;
    let mut asked = Vec::new();
    for owner in &owners {
        let id: AccountId = owner.get("id")?;
        actor::bring_up_to_date(app, id).await?;
        asked.push(id);
    }
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    sql("INSERT INTO deliveries (activity_id, inbox_id, node_id) SELECT deliveries.activity_id, t.inbox_id, inboxes.node_id FROM deliveries JOIN (SELECT DISTINCT COALESCE(shared_inbox_id, inbox_id) AS inbox_id FROM accounts WHERE deleted_at IS NULL AND id IN (SELECT value FROM json_each($2))) t ON t.inbox_id <> $1 JOIN inboxes ON inboxes.id = t.inbox_id WHERE deliveries.inbox_id = $1 AND deliveries.dead_at IS NULL ON CONFLICT (activity_id, inbox_id) DO NOTHING")
        .bind(inbox)
        .bind(ids(asked))
        .run(&mut tx)
        .await?;
    let owned = sql("SELECT id FROM accounts WHERE (inbox_id = $1 OR shared_inbox_id = $1) AND kind = 'remote' AND deleted_at IS NULL LIMIT 1")
        .bind(inbox)
        .optional(&mut tx)
        .await?;
    if is_gone || owned.is_none() {
        sql("UPDATE deliveries SET dead_at = $2 WHERE inbox_id = $1 AND dead_at IS NULL")
            .bind(inbox)
            .bind(now)
            .run(&mut tx)
            .await?;
    }
    pause(&mut tx, inbox, Time(0)).await?;
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// Nothing waits longer than this for its next try.
const FARTHEST: Duration = Duration::from_secs(2 * 86_400);

/// Lets go at once what a clock that was wrong for a while put off beyond all measure.
///
/// # Errors
/// What the database says.
pub async fn set_right(app: &App) -> sqlx::Result<()> {
    let now = app.clock.now();
    for statement in [
        sql(
            "UPDATE nodes SET next_attempt_at = 0, leased_until = 0 WHERE next_attempt_at > $1 OR leased_until > $1",
        ),
        sql("UPDATE inboxes SET waits_until = 0 WHERE waits_until > 0 AND waits_until > $1"),
        sql("UPDATE deliveries SET parked_until = 0 WHERE parked_until > 0 AND parked_until > $1"),
        sql(
            "UPDATE received SET next_attempt_at = 0, leased_until = 0 WHERE processed_at IS NULL AND (next_attempt_at > $1 OR leased_until > $1)",
        ),
        sql(
            "UPDATE jobs SET leased_until = 0 WHERE dead_at IS NULL AND leased_until > 0 AND leased_until > $1",
        ),
        sql("UPDATE jobs SET run_at = 0 WHERE dead_at IS NULL AND attempts > 0 AND run_at > $1"),
    ] {
        statement.bind(now.plus(FARTHEST)).run(&app.db).await?;
    }
    Ok(())
}

/// Removes sent activities nobody waits for any more, and what was given up a month ago.
///
/// # Errors
/// What the database says.
pub async fn sweep(app: &App) -> sqlx::Result<()> {
    let before = app.clock.now().minus(Duration::from_secs(30 * 86_400));
    sql("DELETE FROM deliveries WHERE dead_at IS NOT NULL AND dead_at < $1")
        .bind(before)
        .run(&app.db)
        .await?;
    sql("DELETE FROM deliveries WHERE node_id IN (SELECT id FROM nodes WHERE suspended_at IS NOT NULL AND suspended_at < $1)")
        .bind(before)
        .run(&app.db)
        .await?;
    sql("DELETE FROM activities WHERE created_at < $1 AND NOT EXISTS (SELECT 1 FROM deliveries WHERE deliveries.activity_id = activities.id)").bind(before).run(&app.db).await?;
    sql("DELETE FROM received WHERE processed_at IS NOT NULL AND processed_at < $1")
        .bind(before)
        .run(&app.db)
        .await?;
    undone::forget(app, before).await?;
    Ok(())
}
