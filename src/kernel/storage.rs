//! Files: pictures and other media in the data folder.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::kernel::crypt;

/// A folder of files with unguessable names.
#[derive(Clone, Debug)]
pub struct Storage {
    folder: PathBuf,
}

impl Storage {
    /// Files below `folder`.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Writes a file durably and returns its name, `ab/…​.png`.
    ///
    /// # Errors
    /// What the system says; then no file is left.
    pub async fn write(&self, bytes: Vec<u8>, extension: &'static str) -> io::Result<String> {
        let storage = self.clone();
        tokio::task::spawn_blocking(move || storage.write_now(&bytes, extension))
            .await
            .map_err(io::Error::other)?
    }

    fn write_now(&self, bytes: &[u8], extension: &str) -> io::Result<String> {
        let token = crypt::opaque();
        let shard = crypt::hex(&crypt::sha256(token.as_bytes())[..1]);
        let folder = self.folder.join(&shard);
        fs::create_dir_all(&folder)?;
        let name = format!("{shard}/{token}.{extension}");
        let mut file = tempfile::NamedTempFile::new_in(&folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(self.folder.join(&name))
            .map_err(|error| error.error)?;
        fs::File::open(&folder)?.sync_all()?;
        Ok(name)
    }

    /// Where a file lies; nothing when the name is not one of ours.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        let sound = name.len() < 64
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "/-_.".contains(c))
            && !name.contains("..")
            && !name.starts_with('/');
        sound.then(|| self.folder.join(name))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// What the system says, also when the name is not one of ours.
    pub async fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let path = self.path(name).ok_or(io::ErrorKind::NotFound)?;
        tokio::fs::read(path).await
    }

    /// Removes a file; one that is gone already is no error.
    ///
    /// # Errors
    /// What the system says.
    pub async fn remove(&self, name: &str) -> io::Result<()> {
        let Some(path) = self.path(name) else {
            return Ok(());
        };
        match tokio::fs::remove_file(path).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
