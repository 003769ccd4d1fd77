//! Backup: database, key file, settings and media in one archive, which is there whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::{database, say};
use crate::kernel::clock::{Clock, Time};
use crate::kernel::config::{KEYS, Loaded, Settings};
use crate::kernel::db::{Db, schema_version};
use crate::kernel::failpoint;

/// What an archive says of itself, in `backup.json`, its first entry.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Manifest {
    /// The program that made it.
    pub program: String,
    /// The schema of the database.
    pub schema: i64,
    /// When it was begun, in milliseconds.
    pub made_at: i64,
}

/// Name of the manifest.
pub(super) const MANIFEST: &str = "backup.json";
/// Name of the copy of an SQLite database.
pub(super) const SQLITE: &str = "database.db";
/// Name of the dump of a PostgreSQL database.
pub(super) const POSTGRES: &str = "database.sql";
/// Name of the archive while it grows.
const ARCHIVE: &str = "archive";
/// Name of what is held while a backup is under way.
const LOCK: &str = "lock";

/// The folder that an archive grows in, beside it; what a backup that was killed left there is removed.
struct Work {
    folder: PathBuf,
    _lock: File,
}

impl Work {
    fn begin(file: &Path) -> anyhow::Result<Self> {
        let mut name = file.as_os_str().to_owned();
        name.push(".part");
        let folder = PathBuf::from(name);
        let made = fs::DirBuilder::new().mode(0o700).create(&folder);
        if let Err(cause) = made
            && cause.kind() != io::ErrorKind::AlreadyExists
        {
            anyhow::bail!("{} cannot be made: {cause}", folder.display());
        }
        // What stands there may be somebody else's: the key of the house is written into it.
        anyhow::ensure!(
            is_private(&folder)?,
            "{} is not a folder that only you can read; move it away, or choose another name",
            folder.display()
        );
        let lock = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(folder.join(LOCK))?;
        lock.try_lock()
            .map_err(|_| anyhow::anyhow!("another backup to {} is under way", file.display()))?;
        remove_left(&folder)?;
        Ok(Self {
            folder,
            _lock: lock,
        })
    }
}

/// Whether this is a folder, no link to one, that belongs to who runs the program and to nobody else.
fn is_private(folder: &Path) -> anyhow::Result<bool> {
    let found = fs::symlink_metadata(folder)?;
    let own = rustix::process::geteuid().as_raw();
    Ok(found.is_dir() && found.uid() == own && found.mode().trailing_zeros() >= 6)
}

/// Removes what a backup that was killed left, and nothing else.
fn remove_left(folder: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let ours = name == ARCHIVE || name == POSTGRES || name.starts_with(SQLITE);
        if name == LOCK {
            continue;
        }
        anyhow::ensure!(
            ours,
            "{} holds {name}, which no backup left there; move it away",
            folder.display()
        );
        fs::remove_file(entry.path())?;
    }
    Ok(())
}

impl Drop for Work {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// `afterparty backup FILE`
pub async fn save(settings: &Settings, loaded: &Loaded, file: &Path) -> anyhow::Result<()> {
    if file.exists() {
        anyhow::bail!("{} exists already; choose another name", file.display());
    }
    let db = database::open_as_it_is(settings).await?;
    let work = Work::begin(file)?;
    let manifest = Manifest {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        schema: schema_version(&db).await?,
        made_at: Clock::system().now().0,
    };
    // The media are read after the database: a file that a row names is there already.
    let name = copy(&db, settings, &work.folder).await?;
    db.close().await;
    failpoint::reach("backup.copied", "");
    let settings_text = settings_text(loaded);
    let (settings, out) = (settings.clone(), file.to_owned());
    tokio::task::spawn_blocking(move || {
        let archive = work.folder.join(ARCHIVE);
        let parts = Parts {
            manifest,
            settings_text,
            database: name,
        };
        pack(&settings, &parts, &work.folder, &archive)?;
        failpoint::reach("backup.packed", "");
        publish(&archive, &out)
    })
    .await??;
    say(&format!(
        "Saved to {}. It contains the key of the house: keep it where only you can read it.",
        file.display()
    ));
    Ok(())
}

/// Copies the database into the folder; the name of the copy.
async fn copy(db: &Db, settings: &Settings, folder: &Path) -> anyhow::Result<&'static str> {
    if !db.is_postgres() {
        db.copy_to(&folder.join(SQLITE)).await?;
        return Ok(SQLITE);
    }
    let status = Command::new("pg_dump")
        .arg("--no-owner")
        .arg("--no-privileges")
        .arg("--file")
        .arg(folder.join(POSTGRES))
        .arg(settings.database_url())
        .status();
    match status {
        Ok(status) if status.success() => Ok(POSTGRES),
        _ => anyhow::bail!(
            "pg_dump failed; install PostgreSQL's client programs of the server's version"
        ),
    }
}

/// What was set, as comments.
fn settings_text(loaded: &Loaded) -> String {
    let set = KEYS.iter().filter_map(|key| {
        let (value, origin) = loaded.origins.get(key.name)?;
        let line = format!("# {} = {value}  (from {origin})\n", key.name);
        (origin != "default").then_some(line)
    });
    set.collect()
}

struct Parts {
    manifest: Manifest,
    settings_text: String,
    database: &'static str,
}

fn pack(settings: &Settings, parts: &Parts, folder: &Path, out: &Path) -> anyhow::Result<()> {
    let target = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(out)?;
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(
        target,
        flate2::Compression::fast(),
    ));
    append_text(
        &mut archive,
        MANIFEST,
        &serde_json::to_string(&parts.manifest)?,
    )?;
    archive.append_path_with_name(folder.join(parts.database), parts.database)?;
    archive.append_path_with_name(settings.key_file(), "secret.key")?;
    append_text(&mut archive, "settings.toml", &parts.settings_text)?;
    append_media(
        &mut archive,
        &settings.data_dir.join("media"),
        Path::new("media"),
    )?;
    let mut file = archive.into_inner()?.finish()?;
    file.flush()?;
    file.sync_all()?;
    Ok(())
}

fn append_text(
    archive: &mut tar::Builder<impl io::Write>,
    name: &str,
    text: &str,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o600);
    archive.append_data(&mut header, name, text.as_bytes())
}

/// Appends a folder of media. What is deleted meanwhile is left out.
fn append_media(
    archive: &mut tar::Builder<impl io::Write>,
    folder: &Path,
    name: &Path,
) -> io::Result<()> {
    let Some(entries) = unless_gone(fs::read_dir(folder))? else {
        return Ok(());
    };
    for entry in entries {
        let entry = entry?;
        let name = name.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            append_media(archive, &entry.path(), &name)?;
        } else if let Some(mut file) = unless_gone(File::open(entry.path()))? {
            archive.append_file(&name, &mut file)?;
        }
    }
    Ok(())
}

fn unless_gone<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        outcome => outcome.map(Some),
    }
}

/// Gives the archive its name, over nothing that is there.
fn publish(archive: &Path, out: &Path) -> anyhow::Result<()> {
    if fs::hard_link(archive, out).is_err() {
        if out.exists() {
            anyhow::bail!("{} exists already; choose another name", out.display());
        }
        // Some file systems know one name for a file.
        fs::rename(archive, out)?;
    }
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(())
}

/// The moment of a backup, for people.
pub(super) fn moment(made_at: i64) -> String {
    Time(made_at).rfc3339()
}
