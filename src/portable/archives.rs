//! Archives of everything of one's own: asked for, packed in the background, kept for a week.

use std::time::Duration;

use super::packing;
use crate::accounts::{self, Account};
use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::kernel::clock::Time;
use crate::kernel::db::{Row, sql};
use crate::kernel::id::{self, AccountId};

/// The columns of `archives` that are read.
macro_rules! archive_columns {
    () => {
        "archives.id, archives.account_id, archives.total, archives.done, archives.file, archives.bytes, archives.created_at"
    };
}

/// How long an archive is kept.
const KEPT: Duration = Duration::from_secs(7 * 86_400);
/// After which time one that does not come to an end may be asked for again.
const STUCK: Duration = Duration::from_secs(3600);

/// An archive, packed or on its way.
#[derive(Clone, Debug)]
pub struct Archive {
    /// Its number.
    pub id: i64,
    /// How many posts there are.
    pub total: i64,
    /// How many are packed.
    pub done: i64,
    /// Its file in [`App::archives`], once it is packed.
    pub file: Option<String>,
    /// How large it is, bytes.
    pub bytes: u64,
    /// When it was asked for.
    pub created_at: Time,
}

impl Archive {
    /// How large it is, in words.
    pub fn size(&self) -> String {
        match self.bytes {
            small @ 0..1_000_000 => format!("{} kB", small.div_ceil(1000)),
            large => format!("{}.{} MB", large / 1_000_000, large / 100_000 % 10),
        }
    }

    fn may_be_replaced(&self, now: Time) -> bool {
        self.file.is_some() || now.since(self.created_at) > STUCK
    }
}

fn read(row: &Row) -> sqlx::Result<Archive> {
    Ok(Archive {
        id: row.get("id")?,
        total: row.get("total")?,
        done: row.get("done")?,
        file: row.get("file")?,
        bytes: u64::try_from(row.get::<i64>("bytes")?).unwrap_or(0),
        created_at: row.get("created_at")?,
    })
}

/// The archive of a member, if they asked for one in the last week.
///
/// # Errors
/// What the database says.
pub async fn of(app: &App, member: AccountId) -> Result<Option<Archive>> {
    let row = sql(concat!(
        "SELECT ",
        archive_columns!(),
        " FROM archives WHERE account_id = $1"
    ))
    .bind(member)
    .optional(&app.db)
    .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// Asks for an archive, in place of the one before; nothing happens while one is being packed.
///
/// # Errors
/// What the database says.
pub async fn ask(app: &App, member: &Account) -> Result<()> {
    let now = app.clock.now();
    let earlier = of(app, member.id).await?;
    if earlier
        .as_ref()
        .is_some_and(|one| !one.may_be_replaced(now))
    {
        return Ok(());
    }
    let number = id::mint(now);
    let mut tx = app.db.begin().await?;
    sql("INSERT INTO archives (id, account_id, total, created_at) SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), COUNT(*), CAST($3 AS BIGINT) FROM posts WHERE account_id = $2 ON CONFLICT (account_id) DO UPDATE SET id = EXCLUDED.id, total = EXCLUDED.total, done = 0, file = NULL, bytes = 0, created_at = EXCLUDED.created_at, packed_at = NULL")
        .bind(number)
        .bind(member.id)
        .bind(now)
        .run(&mut tx)
        .await?;
    jobs::enqueue(&mut tx, now, Job::PackArchive(number)).await?;
    tx.commit().await?;
    app.wake.notify_waiters();
    if let Some(file) = earlier.and_then(|one| one.file) {
        app.archives.remove(&file).await?;
    }
    Ok(())
}

/// Packs an archive that was asked for.
///
/// # Errors
/// What the database or the storage says.
pub async fn pack(app: &App, id: i64) -> Result<()> {
    let row = sql(concat!(
        "SELECT ",
        archive_columns!(),
        " FROM archives WHERE id = $1 AND file IS NULL"
    ))
    .bind(id)
    .optional(&app.db)
    .await?;
    let Some(row) = row else { return Ok(()) };
    let member = accounts::get(app, row.get("account_id")?).await?;
    let packed = packing::write(app, &member, id).await?;
    let bytes = packed.as_file().metadata()?.len();
    let file = app.archives.take(packed, "tar.gz").await?;
    let kept = sql("UPDATE archives SET file = $2, bytes = $3, done = total, packed_at = $4 WHERE id = $1 AND file IS NULL")
        .bind(id)
        .bind(&file)
        .bind(i64::try_from(bytes).unwrap_or(i64::MAX))
        .bind(app.clock.now())
        .run(&app.db)
        .await?;
    if kept == 0 {
        // Whoever asked left meanwhile, or asked again.
        app.archives.remove(&file).await?;
    }
    Ok(())
}

/// The archive of a member as a file that can be taken.
///
/// # Errors
/// `NotFound` where none is packed.
pub async fn packed(app: &App, member: AccountId) -> Result<(String, u64)> {
    let archive = of(app, member).await?.ok_or(Error::NotFound)?;
    let file = archive.file.ok_or(Error::NotFound)?;
    Ok((file, archive.bytes))
}

/// Removes the archives of a week ago and those of members who left.
///
/// # Errors
/// What the database or the storage says.
pub async fn sweep(app: &App) -> Result<()> {
    let rows = sql("DELETE FROM archives WHERE created_at < $1 OR EXISTS (SELECT 1 FROM accounts WHERE accounts.id = archives.account_id AND accounts.deleted_at IS NOT NULL) RETURNING file")
        .bind(app.clock.now().minus(KEPT))
        .all(&app.db)
        .await?;
    for row in rows {
        if let Some(file) = row.get::<Option<String>>("file")? {
            app.archives.remove(&file).await?;
        }
    }
    Ok(())
}
