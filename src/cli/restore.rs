//! Restore: a backup is unpacked and looked through beside its place, and moved there whole; one that was interrupted
//! is begun anew.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::backup::{MANIFEST, Manifest, POSTGRES, SQLITE, moment};
use super::{database, say};
use crate::kernel::clock::{Clock, Time};
use crate::kernel::config::Settings;
use crate::kernel::db::Db;
use crate::kernel::failpoint;
use crate::nodes::restored;

/// The folder in the data folder where a backup is unpacked; while it is there, the rest is not whole.
const UNPACKED: &str = ".restore";

/// What stands in it from the moment on at which files are moved to their places.
const PLACING: &str = "placing";

/// Refuses a data folder in which a restore was interrupted.
///
/// # Errors
/// With what to do.
pub(super) fn refuse_half(folder: &Path) -> anyhow::Result<()> {
    if folder.join(UNPACKED).exists() {
        anyhow::bail!(
            "a restore into {} was interrupted; run `afterparty restore` once more, it begins anew",
            folder.display()
        );
    }
    Ok(())
}

/// `afterparty restore FILE`
pub async fn restore(settings: &Settings, file: &Path) -> anyhow::Result<()> {
    let folder = &settings.data_dir;
    check_targets(settings).await?;
    begin(settings)?;
    let work = folder.join(UNPACKED);
    let looked_through = look_through(settings, file, &work).await;
    // Until here nothing else was touched.
    let manifest = looked_through.inspect_err(|_| drop(fs::remove_dir_all(&work)))?;
    fs::write(work.join(PLACING), [])?;
    failpoint::reach("restore.unpacked", "");
    move_files(settings, &work)?;
    failpoint::reach("restore.moved", "");
    if is_sqlite(settings) {
        let wanted = sqlite_file(settings);
        fs::rename(work.join(SQLITE), &wanted)
            .map_err(|cause| anyhow::anyhow!("{} cannot be written: {cause}", wanted.display()))?;
        sync_folder(&wanted)?;
    } else {
        read_dump(settings, &work.join(POSTGRES), manifest.as_ref()).await?;
    }
    failpoint::reach("restore.read", "");
    fs::remove_dir_all(&work)?;
    sync_folder(&work)?;
    say(&format!(
        "Restored into {}, {}. The old settings are in settings.toml there, as comments.",
        folder.display(),
        manifest.map_or_else(
            || "from an older backup".to_owned(),
            |manifest| format!("as it was at {}", moment(manifest.made_at))
        )
    ));
    Ok(())
}

fn is_sqlite(settings: &Settings) -> bool {
    settings.database_url().starts_with("sqlite:")
}

/// Unpacks a backup beside its place and sees that it is whole and fits.
async fn look_through(
    settings: &Settings,
    file: &Path,
    work: &Path,
) -> anyhow::Result<Option<Manifest>> {
    let (source, target) = (file.to_owned(), work.to_owned());
    let manifest = tokio::task::spawn_blocking(move || unpack(&source, &target)).await??;
    let (of, names) = if is_sqlite(settings) {
        ("PostgreSQL", "SQLite")
    } else {
        ("SQLite", "PostgreSQL")
    };
    if work.join(SQLITE).exists() != is_sqlite(settings) {
        anyhow::bail!("the backup is of {of}, but database.url names {names}");
    }
    if is_sqlite(settings) {
        prepare(&work.join(SQLITE), manifest.as_ref()).await?;
    }
    Ok(manifest)
}

/// Takes an empty folder, or one in which a restore was interrupted.
fn begin(settings: &Settings) -> anyhow::Result<()> {
    let folder = &settings.data_dir;
    if folder.join(UNPACKED).exists() {
        for target in targets(settings).filter(|target| is_placed(settings, target)) {
            fs::remove_file(target)?;
        }
        // What a restore puts here, and nothing else.
        let database = is_sqlite(settings).then(|| with_companions(&sqlite_file(settings)));
        let database: Vec<_> = database.into_iter().flatten().collect();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let own = [UNPACKED, "media", "settings.toml", "secret.key"].contains(&&*name);
            let of_database = database
                .iter()
                .any(|one| one.file_name() == path.file_name());
            if own && path.is_dir() {
                fs::remove_dir_all(path)?;
            } else if own || of_database {
                fs::remove_file(path)?;
            }
        }
    }
    // The root of a file system holds a folder of its own.
    let foreign = |name: &std::ffi::OsStr| name != "lost+found";
    if folder.is_dir()
        && fs::read_dir(folder)?
            .flatten()
            .any(|one| foreign(&one.file_name()))
    {
        anyhow::bail!(
            "{} is not empty; restore into an empty data.dir",
            folder.display()
        );
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder
        .create(folder.join(UNPACKED))
        .map_err(|cause| anyhow::anyhow!("data.dir is {}: {cause}", folder.display()))
}

fn sqlite_file(settings: &Settings) -> PathBuf {
    let url = settings.database_url();
    PathBuf::from(url.trim_start_matches("sqlite:").trim_start_matches("//"))
}

/// What a restore writes that may have its place outside the data folder.
fn targets(settings: &Settings) -> impl Iterator<Item = PathBuf> {
    let database = is_sqlite(settings).then(|| with_companions(&sqlite_file(settings)));
    std::iter::once(settings.key_file()).chain(database.into_iter().flatten())
}

/// Whether this stands where it does because a restore that was interrupted put it there: it had begun to, and what it
/// unpacked is gone from the folder, or the same.
fn is_placed(settings: &Settings, target: &Path) -> bool {
    let work = settings.data_dir.join(UNPACKED);
    let name = if target == settings.key_file() {
        "secret.key"
    } else if is_sqlite(settings) && target == sqlite_file(settings) {
        SQLITE
    } else {
        return false;
    };
    let unpacked = work.join(name);
    let same = || fs::read(&unpacked).ok() == fs::read(target).ok();
    work.join(PLACING).exists() && target.exists() && (!unpacked.exists() || same())
}

/// A database file and what SQLite keeps beside it.
fn with_companions(file: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|end| {
        let mut name = file.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    })
}

/// Nothing that is there already is written over; but for what a restore left that was interrupted.
async fn check_targets(settings: &Settings) -> anyhow::Result<()> {
    let folder = &settings.data_dir;
    let interrupted = folder.join(UNPACKED).exists();
    for path in targets(settings) {
        if path.exists() && !path.starts_with(folder) && !is_placed(settings, &path) {
            anyhow::bail!("{} exists already; move it away first", path.display());
        }
    }
    if !is_sqlite(settings) {
        let db = database::connect(&settings.database_url()).await?;
        if db.has_schema().await? {
            anyhow::bail!(
                "the database that database.url names is not empty{}; drop it, create it anew and run this once more",
                if interrupted {
                    ": a restore was interrupted"
                } else {
                    ""
                }
            );
        }
        db.close().await;
    }
    Ok(())
}

/// Looks through a copy of an SQLite database and brings it up to date.
async fn prepare(file: &Path, manifest: Option<&Manifest>) -> anyhow::Result<()> {
    let db = Db::open(&format!("sqlite:{}", file.display())).await?;
    let faults = db.faults().await?;
    if !faults.is_empty() {
        anyhow::bail!(
            "the database in the backup is damaged: {}",
            faults.join("; ")
        );
    }
    finish(&db, manifest).await
}

/// Brings a restored database up to date and notes from when it is.
async fn finish(db: &Db, manifest: Option<&Manifest>) -> anyhow::Result<()> {
    db.migrate().await?;
    if let Some(manifest) = manifest {
        restored::note(db, Time(manifest.made_at), Clock::system().now()).await?;
    }
    db.close().await;
    Ok(())
}

async fn read_dump(
    settings: &Settings,
    dump: &Path,
    manifest: Option<&Manifest>,
) -> anyhow::Result<()> {
    let url = settings.database_url();
    let status = Command::new("psql")
        .args([
            "--quiet",
            "--single-transaction",
            "--set",
            "ON_ERROR_STOP=1",
        ])
        .args(["--output", "/dev/null", "--file"])
        .arg(dump)
        .arg(&url)
        .status();
    if !status.is_ok_and(|status| status.success()) {
        anyhow::bail!(
            "psql could not read the dump into the database that database.url names; it must exist and be empty, and PostgreSQL's client programs must be installed"
        );
    }
    finish(&Db::open(&url).await?, manifest).await
}

/// Moves key, settings and media to their places.
fn move_files(settings: &Settings, work: &Path) -> anyhow::Result<()> {
    let folder = &settings.data_dir;
    for name in ["media", "settings.toml"] {
        let unpacked = work.join(name);
        if unpacked.exists() {
            fs::rename(unpacked, folder.join(name))?;
        }
    }
    let (from, to) = (work.join("secret.key"), settings.key_file());
    // The key may have its place on another file system.
    if fs::rename(&from, &to).is_err() {
        write_key(&fs::read(&from)?, &to)?;
    }
    sync_folder(&to)
}

fn write_key(key: &[u8], to: &Path) -> anyhow::Result<()> {
    let file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to);
    let mut file = file.map_err(|cause| anyhow::anyhow!("{}: {cause}", to.display()))?;
    file.write_all(key)?;
    file.sync_all()?;
    Ok(())
}

/// Makes the name of a file durable.
fn sync_folder(file: &Path) -> anyhow::Result<()> {
    if let Some(folder) = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Unpacks an archive to its end, each file durably; nothing in it leaves the folder, and the key is readable by its
/// owner only.
fn unpack(source: &Path, target: &Path) -> anyhow::Result<Option<Manifest>> {
    let file = File::open(source)
        .map_err(|cause| anyhow::anyhow!("{} cannot be read: {cause}", source.display()))?;
    let unpacked = unpack_all(file, target);
    let has_all = ["secret.key", "settings.toml"]
        .iter()
        .all(|name| target.join(name).exists());
    match unpacked {
        Ok(manifest) if has_all => Ok(manifest),
        Ok(_) => anyhow::bail!("{} is no backup of a house", source.display()),
        Err(cause) => anyhow::bail!(
            "{} cannot be unpacked, or is not whole: {cause}",
            source.display()
        ),
    }
}

fn unpack_all(file: File, target: &Path) -> anyhow::Result<Option<Manifest>> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let mut manifest = None;
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.into_owned();
        if name.as_os_str() == "secret.key" {
            let mut key = Vec::new();
            entry.by_ref().take(4_096).read_to_end(&mut key)?;
            write_key(&key, &target.join("secret.key"))?;
        } else if name.as_os_str() == MANIFEST {
            let text = io::read_to_string(entry.take(65_536))?;
            manifest = Some(serde_json::from_str(&text)?);
        } else if entry.unpack_in(target)? && entry.header().entry_type().is_file() {
            File::open(target.join(name))?.sync_all()?;
        }
    }
    // The sum of what was packed stands at the end.
    io::copy(&mut archive.into_inner(), &mut io::sink())?;
    Ok(manifest)
}
