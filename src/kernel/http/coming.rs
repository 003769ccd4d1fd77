//! An answer that is read piece by piece.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use url::Url;

use super::{Answer, FetchError, unreachable_or_refused};

/// An answer whose body is still coming.
#[derive(Debug)]
pub struct Coming {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The address that answered.
    pub url: Url,
    pub(super) left: u64,
    pub(super) answer: reqwest::Response,
}

impl Coming {
    /// A header as text, empty where there is none.
    pub fn header(&self, name: header::HeaderName) -> String {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    }

    /// The answer with its whole body.
    pub(super) async fn whole(mut self) -> Result<Answer, FetchError> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status: self.status,
            headers: self.headers,
            body: body.into(),
            url: self.url,
        })
    }

    /// The next piece of the body; nothing at its end.
    ///
    /// # Errors
    /// When the other side breaks off or sends more than the limit.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, FetchError> {
        let chunk = self
            .answer
            .chunk()
            .await
            .map_err(|error| unreachable_or_refused(&error))?;
        let Some(chunk) = chunk else {
            return Ok(None);
        };
        self.left = self
            .left
            .checked_sub(chunk.len() as u64)
            .ok_or(FetchError::TooLarge)?;
        Ok(Some(chunk))
    }
}
