//! Taking a file in: checked, stripped of what tells too much, kept; what takes long is a job.

use super::incoming::Incoming;
use super::kinds::Kind;
use super::pictures;
use super::sound::{self, Facts};
use super::{Media, files, find_own, incoming, video};
use crate::accounts::{Account, Role};
use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::kernel::crypt;
use crate::kernel::db::{Conn, sql};
use crate::kernel::http::scanner::Scanned;
use crate::kernel::id::{AccountId, MediaId};

/// After this time a drawing that was begun counts as broken off.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(300);

/// A file with what its sender says about it.
#[derive(Debug)]
pub struct Upload {
    /// The file.
    pub file: Incoming,
    /// A picture to show for it, as it came.
    pub cover: Option<Vec<u8>>,
    /// What it shows.
    pub description: String,
    /// What must stay in view: thousandths from the middle, right and up.
    pub focus: (i64, i64),
}

/// What is known of a file once it is taken in.
#[derive(Default)]
struct Taken {
    kind: &'static str,
    media_type: &'static str,
    file: String,
    size: Option<(i64, i64)>,
    facts: Facts,
    preview: Option<String>,
    blurhash: Option<String>,
    processing: bool,
}

/// Takes a file in. A picture is ready at once; of sound the waves and of video the poster may still be drawn.
///
/// # Errors
/// `Invalid` with a sentence when it is broken, too large or over the member's share.
#[expect(
    clippy::disallowed_methods,
    reason = "the task is waited for; only whoever asked may go earlier"
)]
pub async fn upload(app: &App, account: &Account, upload: Upload) -> Result<Media> {
    // A file that is being kept is kept to its end, with its row, also when the sender is gone by then.
    let (app, account) = (app.clone(), account.clone());
    let kept = tokio::spawn(async move { take_in(&app, &account, upload).await });
    kept.await.map_err(anyhow::Error::from)?
}

/// A picture of a profile: looked at by the scanner, decoded and kept; its file.
///
/// # Errors
/// `Invalid` for the field where it is no picture, or none that is let through.
pub async fn portrait(
    app: &App,
    bytes: Vec<u8>,
    shape: pictures::Shape,
    field: &'static str,
) -> Result<String> {
    scan(app, &bytes, field).await?;
    let picture = pictures::process(bytes, shape).await?;
    files::put(app, picture.bytes, picture.extension).await
}

/// Asks the scanner about a picture that stands by itself: what would have to wait for a look is not taken.
async fn scan(app: &App, bytes: &[u8], field: &'static str) -> Result<()> {
    let Some(scanner) = &app.scanner else {
        return Ok(());
    };
    let file = tempfile::NamedTempFile::new_in(incoming::folder(app)?)?;
    tokio::fs::write(file.path(), bytes).await?;
    match scanner.look(file.path(), "application/octet-stream").await {
        Scanned::Allow => Ok(()),
        Scanned::Hold | Scanned::Block => Err(Error::invalid(field, "error-media-blocked")),
    }
}

async fn take_in(app: &App, account: &Account, upload: Upload) -> Result<Media> {
    check_description(app, &upload.description)?;
    check_share(app, account, upload.file.bytes).await?;
    let bytes = upload.file.bytes;
    let scanned = match &app.scanner {
        Some(scanner) => {
            let file = &upload.file;
            scanner.look(file.path(), file.kind.media_type()).await
        }
        None => Scanned::Allow,
    };
    if scanned == Scanned::Block {
        return Err(Error::invalid("media", "error-media-blocked"));
    }
    if let Some(cover) = &upload.cover {
        scan(app, cover, "media").await?;
    }
    let taken = match upload.file.kind.group() {
        "image" => picture(app, upload.file).await?,
        "audio" => take_sound(app, upload.file, upload.cover).await?,
        _ => take_video(app, upload.file, upload.cover).await?,
    };
    let now = app.clock.now();
    let id = MediaId::mint(now);
    let mut tx = app.db.begin().await?;
    // The member's row is held, so that uploads at the same moment are counted one after the other.
    sql("UPDATE accounts SET updated_at = updated_at WHERE id = $1")
        .bind(account.id)
        .run(&mut tx)
        .await?;
    let held = share(&mut tx, account.id).await?;
    if is_over(app, account, held, bytes) {
        drop(tx);
        for name in taken.preview.iter().chain([&taken.file]) {
            files::remove(app, name).await?;
        }
        return Err(over(app));
    }
    sql("INSERT INTO media (id, account_id, kind, media_type, file, preview, width, height, duration_ms, blurhash, description, focus_x, focus_y, bytes, processing, title, artist, album, created_at, suspect) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)")
        .bind(id)
        .bind(account.id)
        .bind(taken.kind)
        .bind(taken.media_type)
        .bind(&taken.file)
        .bind(taken.preview)
        .bind(taken.size.map(|(width, _)| width))
        .bind(taken.size.map(|(_, height)| height))
        .bind(taken.facts.duration_ms)
        .bind(taken.blurhash)
        .bind(upload.description.trim())
        .bind(upload.focus.0.clamp(-1000, 1000))
        .bind(upload.focus.1.clamp(-1000, 1000))
        .bind(i64::try_from(bytes).unwrap_or(i64::MAX))
        .bind(taken.processing)
        .bind(taken.facts.tags.title)
        .bind(taken.facts.tags.artist)
        .bind(taken.facts.tags.album)
        .bind(now)
        .bind(scanned == Scanned::Hold)
        .run(&mut tx)
        .await?;
    if taken.processing {
        jobs::enqueue(&mut tx, now, Job::ProcessMedia(id)).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    find_own(app, account.id, id).await?.ok_or(Error::NotFound)
}

/// Refuses a description that is too long.
///
/// # Errors
/// `Invalid` with the bound.
pub fn check_description(app: &App, description: &str) -> Result<()> {
    let most = usize::try_from(app.settings.limits.description_chars).unwrap_or(usize::MAX);
    if description.chars().count() > most {
        return Err(Error::invalid_with("description", "error-too-long", most));
    }
    Ok(())
}

/// How many bytes an account's uploads take.
///
/// # Errors
/// What the database says.
pub async fn share_of(app: &App, account: AccountId) -> Result<i64> {
    Ok(share(&app.db, account).await?)
}

async fn share(conn: impl Conn, account: AccountId) -> sqlx::Result<i64> {
    sql("SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) AS n FROM media WHERE account_id = $1 AND remote_url IS NULL")
        .bind(account)
        .one(conn)
        .await?
        .get("n")
}

fn is_over(app: &App, account: &Account, held: i64, bytes: u64) -> bool {
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    account.role != Role::Host && held.saturating_add(bytes) > app.settings.limits.member_bytes
}

fn over(app: &App) -> Error {
    Error::invalid_with(
        "media",
        "error-share",
        app.settings.limits.member_bytes >> 20,
    )
}

async fn check_share(app: &App, account: &Account, bytes: u64) -> Result<()> {
    let held = share_of(app, account.id).await?;
    if is_over(app, account, held, bytes) {
        return Err(over(app));
    }
    Ok(())
}

async fn picture(app: &App, file: Incoming) -> Result<Taken> {
    let picture = pictures::process_file(file.path(), pictures::POST).await?;
    let preview = files::put(app, picture.preview, "jpg").await?;
    Ok(Taken {
        kind: "image",
        media_type: picture.media_type,
        file: files::put(app, picture.bytes, picture.extension).await?,
        preview: Some(preview),
        size: Some((picture.width.into(), picture.height.into())),
        blurhash: Some(picture.blurhash),
        ..Taken::default()
    })
}

async fn take_sound(app: &App, file: Incoming, cover: Option<Vec<u8>>) -> Result<Taken> {
    let facts = sound::inspect(file.path(), file.kind).await?;
    if file.kind == Kind::M4a {
        // Its tags are read; what else stands beside them may tell who bought it and where it was recorded.
        video::clean(file.path(), file.kind).await?;
    }
    keep(app, file.kind, "audio", file, facts, cover).await
}

async fn take_video(app: &App, file: Incoming, cover: Option<Vec<u8>>) -> Result<Taken> {
    let tags = match file.kind {
        Kind::WebM => Facts::default(),
        _ => sound::inspect(file.path(), Kind::M4a)
            .await
            .unwrap_or_default(),
    };
    let told = video::clean(file.path(), file.kind).await?;
    if !told.has_pictures {
        let kind = if file.kind == Kind::WebM {
            Kind::WebM
        } else {
            Kind::M4a
        };
        let facts = Facts {
            duration_ms: tags.duration_ms.or(told.duration_ms),
            ..tags
        };
        return keep(app, kind, "audio", file, facts, cover).await;
    }
    let facts = Facts {
        duration_ms: told.duration_ms,
        ..Facts::default()
    };
    let taken = keep(app, file.kind, "video", file, facts, cover).await?;
    Ok(Taken {
        size: told.size.or(taken.size),
        ..taken
    })
}

/// Keeps a sound or a video with its cover; a cover of its own choosing must be a picture, one inside may be broken.
async fn keep(
    app: &App,
    kind: Kind,
    group: &'static str,
    file: Incoming,
    mut facts: Facts,
    cover: Option<Vec<u8>>,
) -> Result<Taken> {
    let inside = facts.cover.take();
    let cover = match (cover, inside) {
        (Some(bytes), _) => Some(pictures::process(bytes, pictures::COVER).await?),
        (None, Some(bytes)) => pictures::process(bytes, pictures::COVER).await.ok(),
        (None, None) => None,
    };
    if kind.group() == "audio" {
        let drawn = cover.as_ref().map(|cover| cover.preview.as_slice());
        let played = sound::clean(file.path(), kind, &facts.tags, drawn).await?;
        facts.duration_ms = played.or(facts.duration_ms);
    }
    let media_type = match (kind, group) {
        (Kind::WebM, "audio") => "audio/webm",
        _ => kind.media_type(),
    };
    let processing = match group {
        "audio" => true,
        _ => cover.is_none() && video::poster::can_be_drawn(),
    };
    let mut taken = Taken {
        kind: group,
        media_type,
        file: files::take(app, file.file, kind.extension()).await?,
        facts,
        processing,
        ..Taken::default()
    };
    if let Some(cover) = cover {
        taken.blurhash = Some(cover.blurhash);
        taken.preview = Some(files::put(app, cover.preview, "jpg").await?);
    }
    Ok(taken)
}

/// Draws what takes long: the waves of a sound, the poster of a video. What cannot be drawn is left out.
///
/// # Errors
/// What the storage or the database says.
pub async fn process(app: &App, id: MediaId) -> Result<()> {
    // Whoever asks first does it; a program that ended meanwhile left it to be done again.
    let now = app.clock.now();
    let row = sql("UPDATE media SET processing = $2 WHERE id = $1 AND processing > 0 AND (processing = 1 OR processing < $3) RETURNING account_id, kind, file")
        .bind(id)
        .bind(now)
        .bind(now.minus(AGAIN))
        .optional(&app.db)
        .await?;
    let Some(row) = row else {
        return Ok(());
    };
    let name: String = row.get("file")?;
    let stored = files::stored(app, &name).await?;
    let local = app.media.fetch(&stored, &incoming::folder(app)?).await?;
    let head = super::kinds::head_of(local.path()).await?;
    match (row.get::<String>("kind")?.as_str(), Kind::tell(&head)) {
        ("audio", Ok(kind)) => {
            let drawn = sound::draw(local.path(), kind).await;
            let (bars, ms) = drawn.map_or((None, None), |(bars, ms)| (Some(bars), Some(ms)));
            sql("UPDATE media SET waveform = $1, duration_ms = COALESCE($2, duration_ms) WHERE id = $3")
                .bind(bars.map(|bars| crypt::base64(&bars)))
                .bind(ms)
                .bind(id)
                .run(&app.db)
                .await?;
        }
        ("video", Ok(kind)) => {
            if let Some(bytes) = video::poster::draw(local.path(), kind).await {
                give_poster(app, id, bytes).await?;
            }
        }
        _ => {}
    }
    sql("UPDATE media SET processing = 0 WHERE id = $1")
        .bind(id)
        .run(&app.db)
        .await?;
    Ok(())
}

/// Gives a video the picture that was drawn for it, unless its author gave it one meanwhile.
async fn give_poster(app: &App, id: MediaId, bytes: Vec<u8>) -> Result<()> {
    let cover = pictures::process(bytes, pictures::COVER).await?;
    let preview = files::put(app, cover.preview, "jpg").await?;
    let touched =
        sql("UPDATE media SET preview = $1, blurhash = $2 WHERE id = $3 AND preview IS NULL")
            .bind(&preview)
            .bind(cover.blurhash)
            .bind(id)
            .run(&app.db)
            .await?;
    if touched == 0 {
        files::remove(app, &preview).await?;
    }
    Ok(())
}

/// Gives a sound or a video the picture that is shown for it.
///
/// # Errors
/// `Invalid` with a sentence when it is no picture.
pub async fn set_cover(app: &App, id: MediaId, bytes: Vec<u8>) -> Result<()> {
    scan(app, &bytes, "thumbnail").await?;
    let cover = pictures::process(bytes, pictures::COVER).await?;
    let preview = files::put(app, cover.preview, "jpg").await?;
    let before = sql("SELECT preview FROM media WHERE id = $1")
        .bind(id)
        .optional(&app.db)
        .await?;
    sql("UPDATE media SET preview = $1, blurhash = $2 WHERE id = $3")
        .bind(&preview)
        .bind(cover.blurhash)
        .bind(id)
        .run(&app.db)
        .await?;
    if let Some(old) = before.and_then(|row| row.get::<Option<String>>("preview").ok()?) {
        files::remove(app, &old).await?;
    }
    Ok(())
}
