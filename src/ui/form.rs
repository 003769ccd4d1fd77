//! Reading a form with files, piece by piece, within bounds.

use std::time::Duration;

use axum::extract::multipart::Field;
use bytes::Bytes;
use http::StatusCode;

use crate::error::{Error, Result};

/// How long a form may fall silent while it is sent.
const SILENCE: Duration = Duration::from_secs(30);
/// Bytes of what is typed into one field.
pub const TYPED: usize = 256 << 10;

/// The next piece of a field; who falls silent is not waited for.
///
/// # Errors
/// `Invalid` when the form breaks off or is larger than the page takes.
pub async fn piece(part: &mut Field<'_>) -> Result<Option<Bytes>> {
    match tokio::time::timeout(SILENCE, part.chunk()).await {
        Ok(Ok(piece)) => Ok(piece),
        Ok(Err(error)) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Err(Error::invalid("media", "error-too-big"))
        }
        _ => Err(Error::invalid("text", "error-form")),
    }
}

/// A whole field of at most so many bytes.
///
/// # Errors
/// As [`piece`], and when there is more.
pub async fn held(part: &mut Field<'_>, most: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(piece) = piece(part).await? {
        if bytes.len() + piece.len() > most {
            return Err(Error::invalid_with(
                "picture",
                "error-picture-bytes",
                most >> 20,
            ));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// What was typed into a field.
///
/// # Errors
/// As [`held`].
pub async fn typed(part: &mut Field<'_>) -> Result<String> {
    let bytes = held(part, TYPED).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
