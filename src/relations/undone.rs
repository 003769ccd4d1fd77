//! What senders took back: an id that was undone is free for what is signed later, and what was signed before has no
//! effect, in whichever order they come.

use crate::app::App;
use crate::kernel::clock::Time;
use crate::kernel::db::{Tx, sql};

/// Activities that can be taken back, and then done again under the same id.
pub const UNDOABLE: [&str; 5] = ["Follow", "Announce", "Like", "EmojiReact", "Block"];

/// Notes that an id was undone by a request of this moment. Where nothing came under it that was not undone already,
/// one activity signed before is still to come and has no effect.
///
/// # Errors
/// What the database says.
pub async fn note(app: &App, id: &str, signed_at: Time) -> sqlx::Result<()> {
    let mut tx = app.db.begin().await?;
    let known = sql("SELECT id FROM received WHERE uri = $1 AND processed_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM undone WHERE undone.uri = received.uri AND undone.signed_at >= received.signed_at)")
        .bind(id)
        .optional(&mut tx)
        .await?;
    sql("INSERT INTO undone (uri, signed_at, swallows, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (uri) DO UPDATE SET swallows = undone.swallows + EXCLUDED.swallows, signed_at = CASE WHEN undone.signed_at > EXCLUDED.signed_at THEN undone.signed_at ELSE EXCLUDED.signed_at END, created_at = EXCLUDED.created_at")
        .bind(id)
        .bind(signed_at)
        .bind(i64::from(known.is_none()))
        .bind(app.clock.now())
        .run(&mut tx)
        .await?;
    tx.commit().await
}

/// Whether an activity was undone before it came: it was signed before, or in the same second and is the one that was
/// still to come.
///
/// # Errors
/// What the database says.
pub async fn swallows(app: &App, id: &str, signed_at: Time) -> sqlx::Result<bool> {
    let row = sql("SELECT signed_at, swallows FROM undone WHERE uri = $1")
        .bind(id)
        .optional(&app.db)
        .await?;
    let Some(row) = row else { return Ok(false) };
    let (undone, left): (Time, i64) = (row.get("signed_at")?, row.get("swallows")?);
    let swallowed = signed_at < undone || (signed_at == undone && left > 0);
    if swallowed && left > 0 {
        sql("UPDATE undone SET swallows = swallows - 1 WHERE uri = $1 AND swallows > 0")
            .bind(id)
            .run(&app.db)
            .await?;
    }
    Ok(swallowed)
}

/// Frees the id of what ended here, without a word of the sender, for whatever is signed later.
///
/// # Errors
/// What the database says.
pub async fn ended(tx: &mut Tx, id: &str, now: Time) -> sqlx::Result<()> {
    sql("INSERT INTO undone (uri, signed_at, swallows, created_at) SELECT uri, signed_at, 0, $2 FROM received WHERE uri = $1 AND processed_at IS NOT NULL ON CONFLICT (uri) DO UPDATE SET signed_at = CASE WHEN undone.signed_at > EXCLUDED.signed_at THEN undone.signed_at ELSE EXCLUDED.signed_at END")
        .bind(id)
        .bind(now)
        .run(tx)
        .await?;
    Ok(())
}

/// Frees the id of what was undone for a request that was signed no earlier than that, and the id of what had no effect
/// for one that was signed later.
///
/// # Errors
/// What the database says.
pub async fn free(tx: &mut Tx, id: &str, signed_at: Time) -> sqlx::Result<()> {
    sql("UPDATE received SET uri = uri || '#undone-' || id WHERE uri = $1 AND processed_at IS NOT NULL AND ((outcome LIKE 'no effect:%' AND signed_at < $2) OR EXISTS (SELECT 1 FROM undone WHERE undone.uri = $1 AND undone.signed_at >= received.signed_at AND undone.signed_at <= $2))")
        .bind(id)
        .bind(signed_at)
        .run(tx)
        .await?;
    Ok(())
}

/// Forgets what was undone before this moment.
///
/// # Errors
/// What the database says.
pub async fn forget(app: &App, before: Time) -> sqlx::Result<()> {
    sql("DELETE FROM undone WHERE created_at < $1")
        .bind(before)
        .run(&app.db)
        .await?;
    Ok(())
}
