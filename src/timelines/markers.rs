//! How far a member has read.

use crate::app::App;
use crate::error::Result;
use crate::kernel::clock::Time;
use crate::kernel::db::sql;
use crate::kernel::id::AccountId;

/// How far one timeline was read.
#[derive(Clone, Debug)]
pub struct Marker {
    /// `home` or `notifications`.
    pub timeline: String,
    /// The last that was read.
    pub last_read: i64,
    /// Grows with every change.
    pub version: i64,
    /// When it last changed.
    pub updated_at: Time,
}

/// A member's markers.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App, member: AccountId) -> Result<Vec<Marker>> {
    let rows = sql("SELECT timeline, last_read_id, version, updated_at FROM markers WHERE account_id = $1 ORDER BY timeline")
        .bind(member)
        .all(&app.db)
        .await?;
    let read = |row: &crate::kernel::db::Row| {
        Ok(Marker {
            timeline: row.get("timeline")?,
            last_read: row.get("last_read_id")?,
            version: row.get("version")?,
            updated_at: row.get("updated_at")?,
        })
    };
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Notes how far a timeline was read; never further back than it was.
///
/// # Errors
/// What the database says.
pub async fn set(app: &App, member: AccountId, timeline: &str, last_read: i64) -> Result<()> {
    sql("INSERT INTO markers (account_id, timeline, last_read_id, version, updated_at) VALUES ($1, $2, $3, 1, $4) ON CONFLICT (account_id, timeline) DO UPDATE SET last_read_id = EXCLUDED.last_read_id, version = markers.version + 1, updated_at = EXCLUDED.updated_at WHERE EXCLUDED.last_read_id > markers.last_read_id")
        .bind(member)
        .bind(timeline)
        .bind(last_read)
        .bind(app.clock.now())
        .run(&app.db)
        .await?;
    Ok(())
}
