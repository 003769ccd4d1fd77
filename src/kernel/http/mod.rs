//! The guarded client: every request whose address someone else chose goes through here.
//!
//! Addresses are checked at the moment of connecting, redirects by hand, bodies against a limit while they arrive.

mod coming;
mod guard;
mod kept;
pub mod scanner;
pub mod shortage;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use url::{Host, Url};

use crate::kernel::config::FederationSettings;
use crate::kernel::origin::parse_url;
pub use coming::Coming;
pub use guard::Guard;
use kept::Kept;
pub use kept::{descriptors, raise_descriptors};

/// Most bytes of a document.
pub const DOCUMENT: usize = 1 << 20;
/// Most bytes of a remote picture.
pub const PICTURE: usize = 16 << 20;

const CONNECT: Duration = Duration::from_secs(5);
const TOTAL: Duration = Duration::from_secs(30);

/// Why a request to someone else's address did not end in an answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FetchError {
    /// The address must not be talked to.
    #[error("the address {0} is not allowed")]
    Refused(String),
    /// Something of ours is short: descriptors, memory, the network, names. The other side has no part in it.
    #[error("{0}")]
    Ours(String),
    /// There was no connection: nothing was sent.
    #[error("{0}")]
    Unconnected(String),
    /// The other side did not answer, or broke off.
    #[error("{0}")]
    Unreachable(String),
    /// The answer is larger than its purpose allows.
    #[error("the answer is too large")]
    TooLarge,
    /// The answer has an unwanted status.
    #[error("the other side answered {0}")]
    Status(StatusCode),
    /// The answer is not what was asked for.
    #[error("{0}")]
    Unusable(&'static str),
}

impl FetchError {
    /// The message that says it to a person.
    pub fn sentence(&self) -> &'static str {
        match self {
            Self::Refused(_) => "look-up-refused",
            Self::Ours(_) | Self::Unconnected(_) | Self::Unreachable(_) => "look-up-silent",
            Self::Status(StatusCode::NOT_FOUND | StatusCode::GONE) => "look-up-nobody",
            Self::Status(_) => "look-up-silent",
            Self::TooLarge | Self::Unusable(_) => "look-up-unusable",
        }
    }

    /// Whether the same request may succeed later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Ours(_) | Self::Unconnected(_) | Self::Unreachable(_) => true,
            Self::Status(status) => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
            _ => false,
        }
    }

    /// Whether the other side says that the thing is gone.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Status(StatusCode::GONE | StatusCode::NOT_FOUND))
    }
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, within the limit.
    pub body: Bytes,
    /// The address that answered.
    pub url: Url,
}

impl Answer {
    /// The media type without parameters, lower-case.
    pub fn media_type(&self) -> String {
        let value = self
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        value
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
    }
}

/// The guarded client; cheap to clone.
#[derive(Clone, Debug)]
pub struct Http {
    /// Keeps connections for a while.
    client: reqwest::Client,
    /// Closes each behind itself.
    once: reqwest::Client,
    kept: Arc<Kept>,
    guard: Arc<Guard>,
}

impl Http {
    /// A client that admits what the settings admit.
    ///
    /// # Errors
    /// When the extra certificate authority cannot be read.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that builds a client"
    )]
    pub fn new(settings: &FederationSettings) -> anyhow::Result<Self> {
        let guard = Arc::new(Guard::new(settings));
        let ca = match &settings.extra_ca {
            Some(file) => {
                let pem = std::fs::read(file).map_err(|cause| {
                    anyhow::anyhow!("federation.extra_ca: {}: {cause}", file.display())
                })?;
                Some(reqwest::Certificate::from_pem(&pem)?)
            }
            None => None,
        };
        let build = |kept| {
            let mut builder = reqwest::Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(CONNECT)
                .timeout(TOTAL)
                .http1_only()
                .pool_max_idle_per_host(kept)
                .pool_idle_timeout(kept::IDLE)
                .user_agent(concat!("Afterparty/", env!("CARGO_PKG_VERSION")))
                .dns_resolver(guard.clone());
            if let Some(ca) = &ca {
                builder = builder.add_root_certificate(ca.clone());
            }
            builder.build()
        };
        Ok(Self {
            client: build(kept::PER_HOST)?,
            once: build(0)?,
            kept: Arc::default(),
            guard,
        })
    }

    /// Checks an address before anything is sent: scheme, form and, where the host is an IP address, the address.
    ///
    /// # Errors
    /// `Refused` when it must not be talked to.
    pub fn admit(&self, url: &str) -> Result<Url, FetchError> {
        let refused = || FetchError::Refused(url.chars().take(200).collect());
        let parsed = parse_url(url).ok_or_else(refused)?;
        if parsed.scheme() != "https" && !self.guard.allow_http {
            return Err(refused());
        }
        let admitted = match parsed.host() {
            Some(Host::Ipv4(ip)) => self.guard.admits(ip.into()),
            Some(Host::Ipv6(ip)) => self.guard.admits(ip.into()),
            Some(Host::Domain(name)) => self.guard.admits_name(name),
            None => false,
        };
        if admitted { Ok(parsed) } else { Err(refused()) }
    }

    /// Sends one request and reads its answer up to `limit` bytes; redirects are answers.
    ///
    /// # Errors
    /// When the address is refused, the other side unreachable or the answer too large.
    pub async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
        limit: usize,
    ) -> Result<Answer, FetchError> {
        let bounds = (TOTAL, limit as u64);
        let coming = self.start(method, url, headers, body, bounds).await?;
        coming.whole().await
    }

    /// Sends something whose answer is a status: what follows a success is not looked at, since it was taken whatever is
    /// said about it.
    ///
    /// # Errors
    /// As [`Http::send`], and of the body only where the status is no success.
    pub async fn deliver(
        &self,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, FetchError> {
        let bounds = (TOTAL, u64::MAX);
        let mut coming = self.start(Method::POST, url, headers, body, bounds).await?;
        coming.left = DOCUMENT as u64;
        let taken = coming.status.is_success();
        let answer = Answer {
            status: coming.status,
            headers: coming.headers.clone(),
            body: Bytes::new(),
            url: coming.url.clone(),
        };
        match coming.whole().await {
            Ok(answer) => Ok(answer),
            Err(_) if taken => Ok(answer),
            Err(error) => Err(error),
        }
    }

    /// Sends one request; its answer is read by whoever asked, within a time and a number of bytes.
    async fn start(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
        (time, limit): (Duration, u64),
    ) -> Result<Coming, FetchError> {
        let url = self.admit(url.as_str())?;
        let (target, host) = self.guard.target(&url);
        let may_be_reused = self.kept.may_be_reused(url.authority());
        let client = if self.kept.has_room(url.authority()) {
            &self.client
        } else {
            &self.once
        };
        let request = |client: &reqwest::Client| {
            let request = client
                .request(method.clone(), target.clone())
                .headers(headers.clone())
                .timeout(time)
                .body(body.clone());
            match &host {
                Some(host) => request.header(header::HOST, host),
                None => request,
            }
        };
        let mut answer = request(client).send().await;
        // Some close what is kept without a word: what was sent on it was not read.
        if may_be_reused && answer.as_ref().is_err_and(broke_off) {
            answer = request(&self.once).send().await;
        }
        let answer = answer.map_err(|error| unreachable_or_refused(&error))?;
        let length = answer.content_length();
        if length.is_some_and(|length| length > limit) {
            return Err(FetchError::TooLarge);
        }
        Ok(Coming {
            status: answer.status(),
            headers: answer.headers().clone(),
            url,
            left: limit,
            answer,
        })
    }

    /// Gets a document with an `Accept` header and no signature, following up to three redirects.
    ///
    /// # Errors
    /// As [`Http::send`], and `Status` when the answer is no success.
    pub async fn get(
        &self,
        url: &str,
        accept: &'static str,
        limit: usize,
    ) -> Result<Answer, FetchError> {
        let coming = self.download(url, accept, limit as u64, TOTAL).await?;
        coming.whole().await
    }

    /// As [`Http::get`], for what is too large to be held: it is read piece by piece, within a time.
    ///
    /// # Errors
    /// As [`Http::get`].
    pub async fn download(
        &self,
        url: &str,
        accept: &'static str,
        limit: u64,
        time: Duration,
    ) -> Result<Coming, FetchError> {
        let mut url = self.admit(url)?;
        for _ in 0..=3 {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            let coming = self
                .start(Method::GET, &url, headers, Bytes::new(), (time, limit))
                .await?;
            if let Some(next) = target_of(coming.status, &coming.headers, &coming.url) {
                url = self.admit(&next)?;
                continue;
            }
            return if coming.status.is_success() {
                Ok(coming)
            } else {
                Err(FetchError::Status(coming.status))
            };
        }
        Err(FetchError::Unusable("it redirects too often"))
    }
}

/// Where an answer redirects to, as an absolute address.
pub fn redirect_of(answer: &Answer) -> Option<String> {
    target_of(answer.status, &answer.headers, &answer.url)
}

fn target_of(status: StatusCode, headers: &HeaderMap, url: &Url) -> Option<String> {
    let redirects = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = headers
        .get(header::LOCATION)
        .filter(|_| redirects)?
        .to_str()
        .ok()?;
    url.join(location).ok().map(Into::into)
}

/// Whether a connection was closed before an answer began.
fn broke_off(error: &reqwest::Error) -> bool {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(cause) = source {
        if let Some(cause) = cause.downcast_ref::<hyper::Error>() {
            return cause.is_incomplete_message() || cause.is_canceled();
        }
        let reset = cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|cause| cause.kind() == std::io::ErrorKind::ConnectionReset);
        if reset && !error.is_connect() && !error.is_timeout() {
            return true;
        }
        source = cause.source();
    }
    false
}

fn unreachable_or_refused(error: &reqwest::Error) -> FetchError {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(cause) = source {
        if let Some(refused) = cause.downcast_ref::<guard::RefusedAddress>() {
            return FetchError::Refused(refused.0.clone());
        }
        if let Some(short) = shortage::of(cause) {
            shortage::say(&short);
            return FetchError::Ours(short);
        }
        source = cause.source();
    }
    let what = if error.is_timeout() {
        "it did not answer in time"
    } else if error.is_connect() {
        "it could not be reached"
    } else {
        "the connection broke off"
    };
    let mut root: &dyn std::error::Error = error;
    while let Some(cause) = root.source() {
        root = cause;
    }
    let why = root.to_string().chars().take(120).collect::<String>();
    let said = format!("{what} ({why})");
    if error.is_connect() {
        FetchError::Unconnected(said)
    } else {
        FetchError::Unreachable(said)
    }
}
