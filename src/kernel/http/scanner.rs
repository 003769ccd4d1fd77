//! The operator's own scanner of uploads: each file is sent to it, and it says what is to become of it.

use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt as _;

use crate::kernel::storage;

/// How long a scanner may take; then the file waits for a look.
const PATIENCE: Duration = Duration::from_secs(30);
/// Most bytes of an answer.
const ANSWER: usize = 16 << 10;

/// What becomes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scanned {
    /// It is taken.
    Allow,
    /// What it hangs on waits for a look.
    Hold,
    /// It is not taken.
    Block,
}

/// A scanner at an address that the operator set, so it is asked without the guard that stands before addresses others
/// chose.
#[derive(Clone, Debug)]
pub struct Scanner {
    client: reqwest::Client,
    url: String,
}

impl Scanner {
    /// A scanner at an address.
    ///
    /// # Errors
    /// When no client can be made.
    #[expect(
        clippy::disallowed_methods,
        reason = "the operator's own service, beside the guarded client"
    )]
    pub fn new(url: &str) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()?;
        Ok(Self {
            client,
            url: url.to_owned(),
        })
    }

    /// Sends a file (`POST`, its bytes as the body, its type in `content-type`) and reads the verdict
    /// `{"verdict": "allow" | "hold" | "block"}`. A scanner that is silent or says something else lets the file wait.
    pub async fn look(&self, file: &Path, media_type: &str) -> Scanned {
        match self.ask(file, media_type).await {
            Ok(verdict) => verdict,
            Err(error) => {
                tracing::warn!(%error, "the scanner of uploads gave no verdict; the file waits for a look");
                Scanned::Hold
            }
        }
    }

    async fn ask(&self, file: &Path, media_type: &str) -> anyhow::Result<Scanned> {
        let file = tokio::fs::File::open(file).await?;
        let length = file.metadata().await?.len();
        let answer = self
            .client
            .post(&self.url)
            .header(http::header::CONTENT_TYPE, media_type)
            .body(reqwest::Body::wrap_stream(storage::read_on(file, length)))
            .send()
            .await?
            .error_for_status()?;
        let mut said = Vec::new();
        let mut body = answer.bytes_stream();
        while let Some(piece) = body.next().await {
            said.extend_from_slice(&piece?);
            anyhow::ensure!(said.len() <= ANSWER, "its answer is too long");
        }
        let said: serde_json::Value = serde_json::from_slice(&said)?;
        match said["verdict"].as_str() {
            Some("allow") => Ok(Scanned::Allow),
            Some("hold") => Ok(Scanned::Hold),
            Some("block") => Ok(Scanned::Block),
            _ => anyhow::bail!("its answer holds no verdict"),
        }
    }
}
