//! Files in a folder, written durably.

use std::fs;
use std::io::{self, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::stream;
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::Content;

/// Bytes read at once.
const STEP: u64 = 64 << 10;

/// A folder of files.
#[derive(Clone, Debug)]
pub struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// Files below `folder`.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(super) async fn write(&self, bytes: Vec<u8>, name: &str) -> io::Result<()> {
        let path = self.path(name);
        blocking(move || {
            let mut file = NamedTempFile::new_in(folder_of(&path)?)?;
            file.write_all(&bytes)?;
            persist(file, &path)
        })
        .await
    }

    pub(super) async fn take(&self, file: NamedTempFile, name: &str) -> io::Result<()> {
        let path = self.path(name);
        blocking(move || {
            folder_of(&path)?;
            persist(file, &path)
        })
        .await
    }

    pub(super) async fn size(&self, name: &str) -> io::Result<u64> {
        Ok(tokio::fs::metadata(self.path(name)).await?.len())
    }

    pub(super) async fn part(&self, name: &str, range: Range<u64>) -> io::Result<Content> {
        let mut file = tokio::fs::File::open(self.path(name)).await?;
        file.seek(io::SeekFrom::Start(range.start)).await?;
        let left = range.end.saturating_sub(range.start);
        Ok(read_on(file, left))
    }

    pub(super) async fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        tokio::fs::read(self.path(name)).await
    }

    pub(super) async fn remove(&self, name: &str) -> io::Result<()> {
        tokio::fs::remove_file(self.path(name)).await
    }
}

/// The folder a file goes to, made where it is missing.
fn folder_of(path: &Path) -> io::Result<&Path> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder)?;
    Ok(folder)
}

/// Gives a file its name once its content is on the disk.
fn persist(file: NamedTempFile, path: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    fs::File::open(folder_of(path)?)?.sync_all()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}

/// So many bytes of an open file, from where it stands, piece by piece; an error where it ends before.
pub fn read_on(file: tokio::fs::File, length: u64) -> Content {
    Box::pin(stream::try_unfold(
        (file, length),
        |(mut file, left)| async move {
            if left == 0 {
                return Ok(None);
            }
            let mut chunk = vec![0; usize::try_from(left.min(STEP)).unwrap_or(0)];
            let read = file.read(&mut chunk).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            chunk.truncate(read);
            Ok(Some((Bytes::from(chunk), (file, left - read as u64))))
        },
    ))
}
