//! Backup and restore: database, key file, settings and media in one archive.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Command;

use super::say;
use crate::kernel::config::{KEYS, Loaded, Settings};
use crate::kernel::db::Db;

/// `afterparty backup FILE`
pub async fn save(settings: &Settings, loaded: &Loaded, file: &Path) -> anyhow::Result<()> {
    if file.exists() {
        anyhow::bail!("{} exists already; choose another name", file.display());
    }
    let folder = tempfile::tempdir_in(
        file.parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new(".")),
    )?;
    let url = settings.database_url();
    let db = Db::open(&url).await?;
    let database = if db.is_postgres() {
        "database.sql"
    } else {
        "database.db"
    };
    let copy = folder.path().join(database);
    // The media are read after the database: a file that a row names is there already.
    if db.is_postgres() {
        let status = Command::new("pg_dump")
            .arg("--no-owner")
            .arg("--no-privileges")
            .arg("--file")
            .arg(&copy)
            .arg(&url)
            .status();
        match status {
            Ok(status) if status.success() => {}
            _ => anyhow::bail!(
                "pg_dump failed; install PostgreSQL's client programs of the server's version"
            ),
        }
    } else {
        db.copy_to(&copy).await?;
    }
    let settings_text: String = KEYS
        .iter()
        .filter_map(|key| {
            loaded
                .origins
                .get(key.name)
                .filter(|(_, origin)| origin != "default")
                .map(|(value, origin)| format!("# {} = {value}  (from {origin})\n", key.name))
        })
        .collect();
    let (settings, out, work) = (settings.clone(), file.to_owned(), folder.path().to_owned());
    tokio::task::spawn_blocking(move || {
        pack(
            &settings,
            &settings_text,
            &work.join(database),
            database,
            &out,
        )
    })
    .await??;
    say(&format!(
        "Saved to {}. It contains the key of the house: keep it where only you can read it.",
        file.display()
    ));
    Ok(())
}

fn pack(
    settings: &Settings,
    settings_text: &str,
    copy: &Path,
    database: &str,
    out: &Path,
) -> anyhow::Result<()> {
    let target = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(out)?;
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(
        target,
        flate2::Compression::fast(),
    ));
    archive.append_path_with_name(copy, database)?;
    archive.append_path_with_name(settings.key_file(), "secret.key")?;
    let mut header = tar::Header::new_gnu();
    header.set_size(settings_text.len() as u64);
    header.set_mode(0o600);
    archive.append_data(&mut header, "settings.toml", settings_text.as_bytes())?;
    let media = settings.data_dir.join("media");
    if media.is_dir() {
        archive.append_dir_all("media", media)?;
    }
    let mut file = archive.into_inner()?.finish()?;
    file.flush()?;
    file.sync_all()?;
    Ok(())
}

/// `afterparty restore FILE`
pub async fn restore(settings: &Settings, file: &Path) -> anyhow::Result<()> {
    let folder = &settings.data_dir;
    if folder.is_dir() && fs::read_dir(folder)?.next().is_some() {
        anyhow::bail!(
            "{} is not empty; restore into an empty data.dir",
            folder.display()
        );
    }
    fs::create_dir_all(folder)?;
    let (source, target) = (file.to_owned(), folder.clone());
    tokio::task::spawn_blocking(move || unpack(&source, &target)).await??;
    if settings.key_file() != folder.join("secret.key") {
        fs::rename(folder.join("secret.key"), settings.key_file())?;
    }
    let url = settings.database_url();
    let dump = folder.join("database.sql");
    if url.starts_with("sqlite:") {
        let wanted = url.trim_start_matches("sqlite:").trim_start_matches("//");
        fs::rename(folder.join("database.db"), wanted).map_err(|cause| {
            anyhow::anyhow!(
                "the backup holds no SQLite database, or {wanted} cannot be written: {cause}"
            )
        })?;
    } else {
        let status = Command::new("psql")
            .args([
                "--quiet",
                "--set",
                "ON_ERROR_STOP=1",
                "--output",
                "/dev/null",
                "--file",
            ])
            .arg(&dump)
            .arg(&url)
            .status();
        match status {
            Ok(status) if status.success() => fs::remove_file(&dump)?,
            _ => anyhow::bail!(
                "psql could not read the dump into {url}; the database must exist and be empty"
            ),
        }
    }
    let db = Db::open(&url).await?;
    db.migrate().await?;
    db.close().await;
    say(&format!(
        "Restored into {}. The old settings are in settings.toml there, as comments.",
        folder.display()
    ));
    Ok(())
}

/// Unpacks the archive; nothing in it leaves the folder, and the key is readable by its owner only.
fn unpack(source: &Path, target: &Path) -> anyhow::Result<()> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(File::open(source)?));
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.path()?.as_os_str() == "secret.key" {
            let mut key = Vec::new();
            entry.read_to_end(&mut key)?;
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(target.join("secret.key"))?;
            file.write_all(&key)?;
            file.sync_all()?;
        } else {
            entry.unpack_in(target)?;
        }
    }
    Ok(())
}
