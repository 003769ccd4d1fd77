//! Files of ours: each upload has a name of its own, and what is the same byte for byte is kept once.
//!
//! Names are unguessable and differ for each upload, so nobody learns who else has a file.

use std::io;

use tempfile::NamedTempFile;

use crate::accounts::Account;
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::crypt;
use crate::kernel::db::{Tx, sql};
use crate::kernel::storage::new_name;

/// What stands before the id of a file that nobody needs, in place of its hash; no hash is written so.
const GONE: &str = "gone ";

/// Keeps bytes and returns their name, `ab/…​.png`.
///
/// # Errors
/// What the storage or the database says.
pub async fn put(app: &App, bytes: Vec<u8>, extension: &str) -> Result<String> {
    let hash = crypt::hex(&crypt::sha256(&bytes));
    let name = new_name(extension);
    if point(app, &name, &hash).await? {
        return Ok(name);
    }
    let length = bytes.len() as u64;
    let blob = app.media.write(bytes, extension).await.map_err(silent)?;
    settle(app, &name, &hash, blob, length).await
}

/// Keeps a file that lies in the data folder, as [`put`] does with bytes.
///
/// # Errors
/// As [`put`].
pub async fn take(app: &App, file: NamedTempFile, extension: &str) -> Result<String> {
    let mut reader = file.reopen()?;
    let hashed = tokio::task::spawn_blocking(move || {
        let length = reader.metadata()?.len();
        Ok::<_, io::Error>((crypt::sha256_of(&mut reader)?, length))
    });
    let (hash, length) = hashed.await.map_err(anyhow::Error::from)??;
    let (hash, name) = (crypt::hex(&hash), new_name(extension));
    if point(app, &name, &hash).await? {
        return Ok(name);
    }
    let blob = app.media.take(file, extension).await.map_err(silent)?;
    settle(app, &name, &hash, blob, length).await
}

/// Gives a file of ours a second name, which keeps it when the first is given up; none where there is no such file.
///
/// # Errors
/// What the database says.
pub async fn keep_too(tx: &mut Tx, name: &str) -> sqlx::Result<Option<String>> {
    let extension = name.rsplit('.').next().unwrap_or_default();
    let second = new_name(extension);
    let row = sql("UPDATE blobs SET uses = uses + 1 WHERE uses > 0 AND id IN (SELECT blob_id FROM files WHERE name = $1) RETURNING id")
        .bind(name)
        .optional(&mut *tx)
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    sql("INSERT INTO files (name, blob_id) VALUES ($1, $2)")
        .bind(&second)
        .bind(row.get::<String>("id")?)
        .run(&mut *tx)
        .await?;
    Ok(Some(second))
}

/// A storage that does not take a file; a full disk has a sentence of its own.
fn silent(error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::StorageFull {
        return error.into();
    }
    tracing::error!(%error, "the storage of media did not take a file");
    Error::unavailable("error-storage", error)
}

/// Lets a name mean what is kept already; whether there is such a thing.
async fn point(app: &App, name: &str, hash: &str) -> Result<bool> {
    let mut tx = app.db.begin().await?;
    let found = use_once_more(&mut tx, name, hash).await?;
    tx.commit().await?;
    Ok(found)
}

async fn use_once_more(tx: &mut Tx, name: &str, hash: &str) -> sqlx::Result<bool> {
    let row = sql("UPDATE blobs SET uses = uses + 1 WHERE hash = $1 RETURNING id")
        .bind(hash)
        .optional(&mut *tx)
        .await?;
    let Some(row) = row else {
        return Ok(false);
    };
    sql("INSERT INTO files (name, blob_id) VALUES ($1, $2)")
        .bind(name)
        .bind(row.get::<String>("id")?)
        .run(&mut *tx)
        .await?;
    Ok(true)
}

/// Notes what was just stored; where somebody was faster, theirs stays and ours goes.
async fn settle(app: &App, name: &str, hash: &str, blob: String, length: u64) -> Result<String> {
    let mut tx = app.db.begin().await?;
    let mut ours = 0;
    for _ in 0..5 {
        ours = sql("INSERT INTO blobs (id, hash, bytes, uses) VALUES ($1, $2, $3, 0) ON CONFLICT (hash) DO NOTHING")
            .bind(&blob)
            .bind(hash)
            .bind(i64::try_from(length).unwrap_or(i64::MAX))
            .run(&mut tx)
            .await?;
        // Theirs may have gone in the same moment; then ours has room.
        if use_once_more(&mut tx, name, hash).await? {
            break;
        }
    }
    tx.commit().await?;
    if ours == 0 {
        app.media.remove(&blob).await?;
    }
    Ok(name.to_owned())
}

/// Under what name the storage has a file; files of before they were kept once have the same.
///
/// # Errors
/// What the database says.
pub async fn stored(app: &App, name: &str) -> Result<String> {
    let row = sql("SELECT blob_id FROM files WHERE name = $1")
        .bind(name)
        .optional(&app.db)
        .await?;
    Ok(match row {
        Some(row) => row.get("blob_id")?,
        None => name.to_owned(),
    })
}

/// Removes a file; what others use stays.
///
/// # Errors
/// What the storage or the database says.
pub async fn remove(app: &App, name: &str) -> Result<()> {
    let mut tx = app.db.begin().await?;
    let unused = release(&mut tx, name).await?;
    tx.commit().await?;
    if let Some(blob) = unused {
        drop_released(app, &blob).await?;
    }
    Ok(())
}

/// Gives up a file in the transaction of what it belonged to; what nobody else uses is to be dropped once that is
/// committed, and is found by [`sweep`] otherwise.
///
/// # Errors
/// What the database says.
pub async fn release(tx: &mut Tx, name: &str) -> sqlx::Result<Option<String>> {
    let row = sql("DELETE FROM files WHERE name = $1 RETURNING blob_id")
        .bind(name)
        .optional(&mut *tx)
        .await?;
    let Some(row) = row else {
        return Ok(Some(name.to_owned()));
    };
    let blob: String = row.get("blob_id")?;
    sql("UPDATE blobs SET uses = uses - 1 WHERE id = $1")
        .bind(&blob)
        .run(&mut *tx)
        .await?;
    // Under another hash no upload finds it any more; the row stays until the file is gone.
    let unused = sql("UPDATE blobs SET hash = $2 WHERE id = $1 AND uses = 0")
        .bind(&blob)
        .bind(format!("{GONE}{blob}"))
        .run(&mut *tx)
        .await?;
    Ok((unused == 1).then_some(blob))
}

/// Drops what nobody uses any more.
///
/// # Errors
/// What the storage or the database says.
pub async fn drop_released(app: &App, blob: &str) -> Result<()> {
    app.media.remove(blob).await?;
    sql("DELETE FROM blobs WHERE id = $1 AND uses = 0")
        .bind(blob)
        .run(&app.db)
        .await?;
    Ok(())
}

/// Removes the pictures of a profile that others took the place of.
///
/// # Errors
/// As [`remove`].
pub async fn replaced(app: &App, before: &Account, after: &Account) -> Result<()> {
    let pairs = [
        (&before.avatar, &after.avatar),
        (&before.header, &after.header),
    ];
    for (old, new) in pairs {
        if let Some(old) = old.as_ref().filter(|_| old != new) {
            remove(app, old).await?;
        }
    }
    Ok(())
}

/// Removes again what could not be removed when it was given up.
///
/// # Errors
/// What the database says; a storage that does not answer is asked again the next time.
pub async fn sweep(app: &App) -> Result<()> {
    let rows = sql("SELECT id FROM blobs WHERE uses = 0 AND hash >= $1 ORDER BY hash LIMIT 500")
        .bind(GONE)
        .all(&app.db)
        .await?;
    for row in rows {
        let blob: String = row.get("id")?;
        if let Err(error) = drop_released(app, &blob).await {
            tracing::warn!(blob, %error, "a file that nobody needs could not be removed yet");
        }
    }
    Ok(())
}
