//! Remote pictures, shown from our own address: fetched by the guarded client, decoded, encoded anew, kept for a while.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::pictures;
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::crypt;
use crate::kernel::db::sql;
use crate::kernel::http::PICTURE;
use crate::kernel::origin::host_of_uri;
use crate::nodes;

/// How long a picture that could not be fetched is not tried again.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(600);

/// The signed path under which we show a remote picture.
pub fn address(app: &App, url: &str) -> String {
    format!(
        "/proxy/{}/{}",
        app.secret.sign_address(url),
        URL_SAFE_NO_PAD.encode(url)
    )
}

/// The picture behind a signed path: its media type and bytes.
///
/// # Errors
/// `NotFound` when the path was not made by us or the picture cannot be had.
pub async fn fetch(app: &App, signature: &str, encoded: &str) -> Result<(String, Vec<u8>)> {
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
    let now = app.clock.now();
    let row = sql("SELECT * FROM cached_pictures WHERE key = $1")
        .bind(&key)
        .optional(&app.db)
        .await?;
    if let Some(row) = row {
        let (file, failed_at): (Option<String>, Option<crate::kernel::clock::Time>) =
            (row.get("file")?, row.get("failed_at")?);
        if let Some(file) = file
            && let Ok(bytes) = app.cache.read(&file).await
        {
            let used_at: crate::kernel::clock::Time = row.get("used_at")?;
            if now.since(used_at).as_secs() > 3600 {
                sql("UPDATE cached_pictures SET used_at = $1 WHERE key = $2")
                    .bind(now)
                    .bind(&key)
                    .run(&app.db)
                    .await?;
            }
            return Ok((row.get("media_type")?, bytes));
        }
        if failed_at.is_some_and(|at| now.since(at) < PATIENCE) {
            return Err(Error::NotFound);
        }
    }
    let got = download(app, &url).await;
    match got {
        Ok(picture) => {
            let file = app
                .cache
                .write(picture.bytes.clone(), picture.extension)
                .await?;
            keep(
                app,
                &key,
                Some(&file),
                picture.media_type,
                picture.bytes.len(),
            )
            .await?;
            make_room(app).await?;
            Ok((picture.media_type.to_owned(), picture.bytes))
        }
        Err(error) => {
            tracing::debug!(%error, "a remote picture could not be shown");
            keep(app, &key, None, "", 0).await?;
            Err(Error::NotFound)
        }
    }
}

async fn download(app: &App, url: &str) -> Result<pictures::Picture> {
    let host = host_of_uri(url).ok_or(Error::NotFound)?;
    if !app.federates() || nodes::is_blocked(app, &host).await? {
        return Err(Error::NotFound);
    }
    let answer = app
        .http
        .get(url, "image/webp,image/png,image/jpeg,image/gif", PICTURE)
        .await
        .map_err(|error| Error::unavailable("error-remote", error))?;
    pictures::process(answer.body.to_vec(), pictures::COPY).await
}

async fn keep(
    app: &App,
    key: &str,
    file: Option<&str>,
    media_type: &str,
    bytes: usize,
) -> Result<()> {
    let now = app.clock.now();
    sql("INSERT INTO cached_pictures (key, file, media_type, bytes, used_at, failed_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (key) DO UPDATE SET file = EXCLUDED.file, media_type = EXCLUDED.media_type, bytes = EXCLUDED.bytes, used_at = EXCLUDED.used_at, failed_at = EXCLUDED.failed_at")
        .bind(key)
        .bind(file)
        .bind(media_type)
        .bind(i64::try_from(bytes).unwrap_or(0))
        .bind(now)
        .bind(file.is_none().then_some(now))
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
