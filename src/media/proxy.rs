//! Remote pictures, sound and video, shown from our own address: fetched by the guarded client, kept for a while.
//!
//! Pictures are decoded and encoded anew; sound and video are told by their first bytes and passed on as they are.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::incoming::{Arriving, Incoming};
use super::kinds::Kind;
use super::pictures;
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::clock::Time;
use crate::kernel::crypt;
use crate::kernel::db::sql;
use crate::kernel::http::FetchError;
use crate::kernel::origin::host_of_uri;
use crate::nodes;

/// How long what could not be fetched is not tried again.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long a sound or a video may take to arrive.
const TIME: Duration = Duration::from_secs(300);

/// What stands before an address whose copy may move; no address begins so.
const MOVING: char = '~';

/// A copy, ready to be handed out.
#[derive(Clone, Debug)]
pub struct Copy {
    /// Its media type.
    pub media_type: String,
    /// Its name in the cache.
    pub file: String,
}

/// The signed path under which we show what is remote.
pub fn address(app: &App, url: &str) -> String {
    format!(
        "/proxy/{}/{}",
        app.secret.sign_address(url),
        URL_SAFE_NO_PAD.encode(url)
    )
}

/// As [`address`], of a picture that goes on moving where it moves.
pub fn moving_address(app: &App, url: &str) -> String {
    address(app, &format!("{MOVING}{url}"))
}

/// The copy of what stands behind a signed path.
///
/// # Errors
/// `NotFound` when the path was not made by us or the thing cannot be had.
pub async fn fetch(app: &App, signature: &str, encoded: &str) -> Result<Copy> {
    let url = URL_SAFE_NO_PAD
        .decode(encoded)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or(Error::NotFound)?;
    if !crypt::equal(
        app.secret.sign_address(&url).as_bytes(),
        signature.as_bytes(),
    ) {
        return Err(Error::NotFound);
    }
    let key = crypt::token_hash(&url);
    if let Some(copy) = kept(app, &key).await? {
        return Ok(copy);
    }
    // One address is fetched once, however many ask at the same time; nobody waits for another address.
    let work = || async {
        if let Err(error) = fill(app, &url, &key).await {
            tracing::warn!(%error, "a copy could not be kept");
        }
    };
    app.downloads.join(&key, work).await;
    kept(app, &key).await?.ok_or(Error::NotFound)
}

/// Fetches what is missing, or notes that it cannot be had.
async fn fill(app: &App, url: &str, key: &str) -> Result<()> {
    match download(app, url).await {
        Ok((copy, bytes)) => {
            keep(app, key, Some(&copy), bytes).await?;
            make_room(app).await
        }
        Err(error) => {
            tracing::debug!(%error, "something remote could not be shown");
            keep(app, key, None, 0).await
        }
    }
}

/// The copy we have, if any.
///
/// # Errors
/// `NotFound` when it could not be had a moment ago.
async fn kept(app: &App, key: &str) -> Result<Option<Copy>> {
    let now = app.clock.now();
    let row = sql("SELECT key, file, media_type, bytes, used_at, failed_at FROM cached_pictures WHERE key = $1")
        .bind(key)
        .optional(&app.db)
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let failed_at: Option<Time> = row.get("failed_at")?;
    let Some(file) = row.get::<Option<String>>("file")? else {
        return if failed_at.is_some_and(|at| now.since(at) < PATIENCE) {
            Err(Error::NotFound)
        } else {
            Ok(None)
        };
    };
    if app.cache.size(&file).await.is_err() {
        return Ok(None);
    }
    let used_at: Time = row.get("used_at")?;
    if now.since(used_at).as_secs() > 3600 {
        sql("UPDATE cached_pictures SET used_at = $1 WHERE key = $2")
            .bind(now)
            .bind(key)
            .run(&app.db)
            .await?;
    }
    Ok(Some(Copy {
        media_type: row.get("media_type")?,
        file,
    }))
}

async fn download(app: &App, address: &str) -> Result<(Copy, u64)> {
    let (url, shape) = match address.strip_prefix(MOVING) {
        Some(url) => (url, pictures::MOVING_COPY),
        None => (address, pictures::COPY),
    };
    let host = host_of_uri(url).ok_or(Error::NotFound)?;
    if !app.federates() || nodes::is_blocked(app, &host).await? {
        return Err(Error::NotFound);
    }
    if nodes::measures::about(app, &host).await?.reject_media {
        return Err(Error::NotFound);
    }
    let arrived = receive(app, url).await?;
    if arrived.kind != Kind::Picture {
        let (bytes, kind) = (arrived.bytes, arrived.kind);
        let copy = Copy {
            media_type: kind.media_type().to_owned(),
            file: app.cache.take(arrived.file, kind.extension()).await?,
        };
        return Ok((copy, bytes));
    }
    let bytes = tokio::fs::read(arrived.path()).await?;
    let picture = pictures::process(bytes, shape).await?;
    let bytes = picture.bytes.len() as u64;
    let copy = Copy {
        media_type: picture.media_type.to_owned(),
        file: app.cache.write(picture.bytes, picture.extension).await?,
    };
    Ok((copy, bytes))
}

/// Reads it to the disk; what turns out to be of no kind we show, or too large for its kind, ends at once.
async fn receive(app: &App, url: &str) -> Result<Incoming> {
    let gone = |error: FetchError| Error::unavailable("error-remote", error);
    let accept = "image/webp,image/png,image/jpeg,image/gif,audio/*;q=0.9,video/*;q=0.9";
    let most = u64::try_from(app.settings.limits.remote_bytes).unwrap_or(0);
    let mut coming = app
        .http
        .download(url, accept, most, TIME)
        .await
        .map_err(gone)?;
    let mut arriving = Arriving::begin(app)?;
    while let Some(piece) = coming.chunk().await.map_err(gone)? {
        arriving.push(app, &piece).await?;
    }
    arriving.finish(app).await?.ok_or(Error::NotFound)
}

async fn keep(app: &App, key: &str, copy: Option<&Copy>, bytes: u64) -> Result<()> {
    let now = app.clock.now();
    sql("INSERT INTO cached_pictures (key, file, media_type, bytes, used_at, failed_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (key) DO UPDATE SET file = EXCLUDED.file, media_type = EXCLUDED.media_type, bytes = EXCLUDED.bytes, used_at = EXCLUDED.used_at, failed_at = EXCLUDED.failed_at")
        .bind(key)
        .bind(copy.map(|copy| copy.file.as_str()))
        .bind(copy.map_or("", |copy| copy.media_type.as_str()))
        .bind(i64::try_from(bytes).unwrap_or(0))
        .bind(now)
        .bind(copy.is_none().then_some(now))
        .run(&app.db)
        .await?;
    Ok(())
}

/// Forgets what was not looked at for the longest time, until the cache fits.
async fn make_room(app: &App) -> Result<()> {
    let total: i64 =
        sql("SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) AS n FROM cached_pictures")
            .one(&app.db)
            .await?
            .get("n")?;
    let mut over = total - app.settings.limits.cache_bytes;
    if over <= 0 {
        return Ok(());
    }
    let rows = sql("SELECT key, file, bytes FROM cached_pictures ORDER BY used_at, key LIMIT 200")
        .all(&app.db)
        .await?;
    for row in rows {
        if over <= 0 {
            break;
        }
        if let Some(file) = row.get::<Option<String>>("file")? {
            app.cache.remove(&file).await?;
        }
        sql("DELETE FROM cached_pictures WHERE key = $1")
            .bind(row.get::<String>("key")?)
            .run(&app.db)
            .await?;
        over -= row.get::<i64>("bytes")?;
    }
    Ok(())
}
