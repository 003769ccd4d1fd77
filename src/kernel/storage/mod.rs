//! Files with unguessable names: in the data folder, or in a bucket of any S3-compatible service.

mod bucket;
mod disk;

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use tempfile::{NamedTempFile, TempPath};

use crate::kernel::config::StorageSettings;
use crate::kernel::crypt;
pub use bucket::Bucket;
pub use disk::{Disk, read_on};

/// A file's content as it is read.
pub type Content = BoxStream<'static, io::Result<Bytes>>;

/// Where files are kept.
#[derive(Clone, Debug)]
pub enum Storage {
    /// A folder.
    Disk(Disk),
    /// A bucket.
    Bucket(Bucket),
}

/// A file that can be read and sought here, for as long as this is held.
#[derive(Debug)]
pub struct Local {
    path: PathBuf,
    _copy: Option<TempPath>,
}

impl Local {
    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Storage {
    /// Files of one kind, below `data` or, where a bucket is configured, in it.
    ///
    /// # Errors
    /// When the bucket's address or keys cannot be used.
    pub fn open(data: &Path, kind: &str, settings: &StorageSettings) -> anyhow::Result<Self> {
        Ok(match &settings.bucket {
            Some(_) => Self::Bucket(Bucket::open(kind, settings)?),
            None => Self::Disk(Disk::new(data.join(kind))),
        })
    }

    /// Writes a file durably and returns its name, `ab/…​.png`.
    ///
    /// # Errors
    /// What the system or the service says; then no file is left.
    pub async fn write(&self, bytes: Vec<u8>, extension: &str) -> io::Result<String> {
        let name = new_name(extension);
        match self {
            Self::Disk(disk) => disk.write(bytes, &name).await?,
            Self::Bucket(bucket) => bucket.write(bytes, &name).await?,
        }
        Ok(name)
    }

    /// Takes over a file that lies in the data folder, as [`Storage::write`] does with bytes.
    ///
    /// # Errors
    /// What the system or the service says; then no file is left.
    pub async fn take(&self, file: NamedTempFile, extension: &str) -> io::Result<String> {
        let name = new_name(extension);
        match self {
            Self::Disk(disk) => disk.take(file, &name).await?,
            Self::Bucket(bucket) => bucket.take(file.path(), &name).await?,
        }
        Ok(name)
    }

    /// How large a file is, bytes.
    ///
    /// # Errors
    /// `NotFound`, also when the name is not one of ours, or what the service says.
    pub async fn size(&self, name: &str) -> io::Result<u64> {
        check(name)?;
        match self {
            Self::Disk(disk) => disk.size(name).await,
            Self::Bucket(bucket) => bucket.size(name).await,
        }
    }

    /// Part of a file, as it is read.
    ///
    /// # Errors
    /// As [`Storage::size`].
    pub async fn part(&self, name: &str, range: Range<u64>) -> io::Result<Content> {
        check(name)?;
        match self {
            Self::Disk(disk) => disk.part(name, range).await,
            Self::Bucket(bucket) => bucket.part(name, range).await,
        }
    }

    /// A whole small file.
    ///
    /// # Errors
    /// As [`Storage::size`].
    pub async fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        check(name)?;
        match self {
            Self::Disk(disk) => disk.read(name).await,
            Self::Bucket(bucket) => bucket.read(name).await,
        }
    }

    /// A file as one that can be read and sought here; a copy in `folder` where it lies elsewhere.
    ///
    /// # Errors
    /// As [`Storage::size`].
    pub async fn fetch(&self, name: &str, folder: &Path) -> io::Result<Local> {
        check(name)?;
        Ok(match self {
            Self::Disk(disk) => Local {
                path: disk.path(name),
                _copy: None,
            },
            Self::Bucket(bucket) => {
                let copy = bucket.copy(name, folder).await?;
                Local {
                    path: copy.to_path_buf(),
                    _copy: Some(copy),
                }
            }
        })
    }

    /// Removes a file; one that is gone already is no error.
    ///
    /// # Errors
    /// What the system or the service says.
    pub async fn remove(&self, name: &str) -> io::Result<()> {
        if check(name).is_err() {
            return Ok(());
        }
        let removed = match self {
            Self::Disk(disk) => disk.remove(name).await,
            Self::Bucket(bucket) => bucket.remove(name).await,
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// A fresh name nobody can guess, `ab/…​.png`.
pub fn new_name(extension: &str) -> String {
    let token = crypt::opaque();
    let shard = crypt::hex(&crypt::sha256(token.as_bytes())[..1]);
    format!("{shard}/{token}.{extension}")
}

/// Lets a name pass that is one of ours.
fn check(name: &str) -> io::Result<()> {
    let sound = name.len() < 64
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/-_.".contains(c))
        && !name.contains("..")
        && !name.contains("//")
        && !name.starts_with('/');
    if sound {
        Ok(())
    } else {
        Err(io::ErrorKind::NotFound.into())
    }
}
