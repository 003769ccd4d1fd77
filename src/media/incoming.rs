//! A file on its way in: its kind is told by its first bytes, and its size is bounded while it arrives.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt as _;

use super::kinds::{HEAD, Kind, tag_before};
use crate::app::App;
use crate::error::{Error, Result};

/// The folder of files on their way in, on the same disk as those that arrived.
///
/// # Errors
/// What the system says.
pub fn folder(app: &App) -> io::Result<PathBuf> {
    let folder = app.settings.data_dir.join("incoming");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Removes what an earlier run of the program left on its way in.
///
/// # Errors
/// What the system says.
pub fn sweep(app: &App) -> io::Result<()> {
    for entry in std::fs::read_dir(folder(app)?)? {
        let entry = entry?;
        let age = entry.metadata()?.modified()?.elapsed().unwrap_or_default();
        if age.as_secs() > 86_400 {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// A file that arrives piece by piece.
pub struct Arriving {
    file: NamedTempFile,
    writer: tokio::fs::File,
    head: Vec<u8>,
    /// How many bytes of tags stand before what tells the kind.
    before: u64,
    kind: Option<Kind>,
    bytes: u64,
}

impl Arriving {
    /// A file of which nothing has arrived.
    ///
    /// # Errors
    /// What the system says.
    pub fn begin(app: &App) -> Result<Self> {
        let file = NamedTempFile::new_in(folder(app)?)?;
        Ok(Self {
            writer: tokio::fs::File::from_std(file.reopen()?),
            file,
            head: Vec::new(),
            before: 0,
            kind: None,
            bytes: 0,
        })
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// `Invalid` with a sentence as soon as it is clear that the file is of no kind that is taken, or too large.
    pub async fn push(&mut self, app: &App, piece: &Bytes) -> Result<()> {
        let at = self.bytes;
        self.bytes += piece.len() as u64;
        self.look(at, piece)?;
        // Tags stand before sound.
        let kind = self.kind.or((self.before > 0).then_some(Kind::Mp3));
        if let Some(kind) = kind {
            bound(app, kind, self.bytes)?;
        }
        Ok(self.writer.write_all(piece).await?)
    }

    /// Looks for what tells the kind in a piece that lies there; behind the tags that stand before it.
    fn look(&mut self, at: u64, piece: &[u8]) -> Result<()> {
        while self.kind.is_none() {
            let next = self.before + self.head.len() as u64;
            let from = usize::try_from(next.saturating_sub(at)).unwrap_or(usize::MAX);
            let rest = piece.get(from..).unwrap_or_default();
            let room = HEAD.saturating_sub(self.head.len()).min(rest.len());
            self.head.extend_from_slice(&rest[..room]);
            if self.head.len() < HEAD {
                break;
            }
            match tag_before(&self.head) {
                Some(length) => {
                    self.before += length;
                    self.head.clear();
                }
                None => self.kind = Some(Kind::tell_behind(&self.head, self.before)?),
            }
        }
        Ok(())
    }

    /// The whole file; nothing where nothing came, as of a field that was left empty.
    ///
    /// # Errors
    /// As [`Arriving::push`].
    pub async fn finish(mut self, app: &App) -> Result<Option<Incoming>> {
        if self.bytes == 0 {
            return Ok(None);
        }
        let kind = match self.kind {
            Some(kind) => kind,
            None => Kind::tell_behind(&self.head, self.before)?,
        };
        bound(app, kind, self.bytes)?;
        self.writer.flush().await?;
        Ok(Some(Incoming {
            file: self.file,
            kind,
            bytes: self.bytes,
        }))
    }
}

fn bound(app: &App, kind: Kind, bytes: u64) -> Result<()> {
    let (most, sentence) = kind.limit(app);
    if bytes > most {
        return Err(Error::invalid_with("media", sentence, most >> 20));
    }
    Ok(())
}

/// A file that arrived, of a known kind and within its bound.
#[derive(Debug)]
pub struct Incoming {
    /// Where it lies until it is kept.
    pub file: NamedTempFile,
    /// What it is.
    pub kind: Kind,
    /// How large it is.
    pub bytes: u64,
}

impl Incoming {
    /// Bytes that are at hand, as of the demonstration.
    ///
    /// # Errors
    /// As [`Arriving::push`].
    pub async fn of_bytes(app: &App, bytes: Vec<u8>) -> Result<Self> {
        let mut arriving = Arriving::begin(app)?;
        arriving.push(app, &Bytes::from(bytes)).await?;
        let nothing = || Error::invalid("media", "error-media-kind");
        arriving.finish(app).await?.ok_or_else(nothing)
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        self.file.path()
    }
}
