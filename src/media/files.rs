//! Files of ours: each upload has a name of its own, and what is the same byte for byte is kept once.
//!
//! Names are unguessable and differ for each upload, so nobody learns who else has a file.

use std::io;

use tempfile::NamedTempFile;

use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::crypt;
use crate::kernel::db::{Tx, sql};
use crate::kernel::storage::new_name;

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
    let ours = sql("INSERT INTO blobs (id, hash, bytes, uses) VALUES ($1, $2, $3, 0) ON CONFLICT (hash) DO NOTHING")
        .bind(&blob)
        .bind(hash)
        .bind(i64::try_from(length).unwrap_or(i64::MAX))
        .run(&mut tx)
        .await?;
    use_once_more(&mut tx, name, hash).await?;
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
    let row = sql("DELETE FROM files WHERE name = $1 RETURNING blob_id")
        .bind(name)
        .optional(&mut tx)
        .await?;
    let blob: String = match row {
        Some(row) => row.get("blob_id")?,
        None => {
            tx.commit().await?;
            return Ok(app.media.remove(name).await?);
        }
    };
    sql("UPDATE blobs SET uses = uses - 1 WHERE id = $1")
        .bind(&blob)
        .run(&mut tx)
        .await?;
    let unused = sql("DELETE FROM blobs WHERE id = $1 AND uses = 0")
        .bind(&blob)
        .run(&mut tx)
        .await?;
    tx.commit().await?;
    if unused == 1 {
        app.media.remove(&blob).await?;
    }
    Ok(())
}
