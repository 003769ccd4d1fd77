//! Opening the database of a house: what stands in the way is named, and no new house is begun over what is left of
//! another.

use std::path::Path;

use sqlx::postgres::PgConnectOptions;

use super::restore;
use crate::kernel::config::Settings;
use crate::kernel::db::Db;

/// What is there beside a database.
struct Left {
    key: bool,
    media: bool,
}

impl Left {
    fn of(settings: &Settings) -> Self {
        // A key that was put elsewhere may have been made for a house that is yet to begin.
        let own = settings.key_file.is_none();
        Self {
            key: own && settings.key_file().exists(),
            media: has_files(&settings.data_dir.join("media")),
        }
    }
}

fn has_files(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            has_files(&path)
        } else {
            true
        }
    })
}

/// Opens the database and brings it up to date.
///
/// # Errors
/// With the name of the setting and the cause: the folder cannot be written, the server does not answer, the database
/// is gone while the key or the media of a house are there.
pub async fn open(settings: &Settings) -> anyhow::Result<Db> {
    open_or_begin(settings, false).await
}

/// As [`open`]; `begin` allows a new house over what is left of another.
///
/// # Errors
/// As [`open`].
pub async fn open_or_begin(settings: &Settings, begin: bool) -> anyhow::Result<Db> {
    let db = reach(settings, begin).await?;
    db.migrate().await?;
    Ok(db)
}

/// As [`open`], but the schema stays as it is, and there must be one: what is saved before an upgrade is not upgraded.
///
/// # Errors
/// As [`open`].
pub async fn open_as_it_is(settings: &Settings) -> anyhow::Result<Db> {
    let db = reach(settings, false).await?;
    if !db.has_schema().await? {
        anyhow::bail!("there is no house in {}", shown(&settings.database_url()));
    }
    Ok(db)
}

async fn reach(settings: &Settings, begin: bool) -> anyhow::Result<Db> {
    let folder = &settings.data_dir;
    create_private(folder)
        .and_then(|()| try_write(folder))
        .map_err(|cause| {
            anyhow::anyhow!(
                "data.dir is {}, which cannot be written: {cause}",
                folder.display()
            )
        })?;
    restore::refuse_half(folder)?;
    // Looked at before the database: who begins a house makes the database first, and then the key.
    let left = Left::of(settings);
    let url = settings.database_url();
    let file = url
        .strip_prefix("sqlite:")
        .map(|file| Path::new(file.trim_start_matches("//")));
    let is_there = file.is_none_or(|file| file.metadata().is_ok_and(|known| known.len() > 0));
    if !is_there && !begin {
        left.refuse(settings)?;
    }
    let db = connect(&url).await?;
    if !begin && !db.has_schema().await? {
        left.refuse(settings)?;
    }
    Ok(db)
}

impl Left {
    fn refuse(&self, settings: &Settings) -> anyhow::Result<()> {
        let what = match (self.key, self.media) {
            (false, false) => return Ok(()),
            (true, false) => format!("the key of a house ({})", settings.key_file().display()),
            (_, true) => format!(
                "the media of a house ({})",
                settings.data_dir.join("media").display()
            ),
        };
        anyhow::bail!(
            "{what} is there, but its database is not ({}). Check database.url; bring the database back, or restore a backup into an empty data.dir. Only if this house never was anything: `afterparty migrate --new-house` begins it anew.",
            shown(&settings.database_url())
        )
    }
}

/// The address of a database without its password.
fn shown(url: &str) -> String {
    url::Url::parse(url).map_or_else(
        |_| url.to_owned(),
        |mut url| {
            if url.password().is_some() {
                let _ = url.set_password(Some("…"));
            }
            url.to_string()
        },
    )
}

/// Opens the database at an address, as it is.
pub(super) async fn connect(url: &str) -> anyhow::Result<Db> {
    let cause = match Db::open(url).await {
        Ok(db) => return Ok(db),
        Err(cause) => cause,
    };
    // A pool that waited in vain does not say for what.
    let cause = match (&cause, url.parse::<PgConnectOptions>()) {
        (sqlx::Error::PoolTimedOut, Ok(options)) if !url.starts_with("sqlite:") => {
            let asked = <sqlx::PgConnection as sqlx::Connection>::connect_with(&options).await;
            asked.err().unwrap_or(cause)
        }
        _ => cause,
    };
    anyhow::bail!(
        "database.url is {}, which cannot be opened: {cause}",
        shown(url)
    )
}

/// Makes the folder of everything that must not be read by others on the machine.
fn create_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn try_write(folder: &Path) -> std::io::Result<()> {
    tempfile::tempfile_in(folder).map(|_| ())
}
