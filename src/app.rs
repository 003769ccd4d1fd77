//! What every request and every job has at hand.

use std::net::IpAddr;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Notify, broadcast, watch};

use crate::kernel::cache::Cache;
use crate::kernel::clock::Clock;
use crate::kernel::config::Settings;
use crate::kernel::crypt::{Ed25519Key, Passwords, PublicKey, RsaKey, Secret};
use crate::kernel::db::Db;
use crate::kernel::http::Http;
use crate::kernel::http::scanner::Scanner;
use crate::kernel::mail::Mailer;
use crate::kernel::origin::{Origin, parse_url};
use crate::kernel::rate::Limit;
use crate::kernel::storage::Storage;

/// The node; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// What an [`App`] points at.
pub struct Inner {
    /// What the operator set.
    pub settings: Settings,
    /// The database.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// The guarded client.
    pub http: Http,
    /// The way out for mail, where one is configured.
    pub mailer: Option<Mailer>,
    /// Our own pictures and other files.
    pub media: Storage,
    /// The operator's scanner of uploads, where there is one.
    pub scanner: Option<Scanner>,
    /// Copies of remote pictures, sound and video.
    pub cache: Storage,
    /// Held while a list that was brought is being worked on.
    pub importing: tokio::sync::Mutex<()>,
    /// Archives that members take along.
    pub archives: Storage,
    /// The node's secret key.
    pub secret: Secret,
    /// Password hashing.
    pub passwords: Passwords,
    /// Limits on how often.
    pub limits: Limits,
    /// Parsed keys of local accounts, by account id.
    pub signers: Cache<i64, (RsaKey, Ed25519Key)>,
    /// Parsed keys of remote accounts, by their text.
    pub verifiers: Cache<String, PublicKey>,
    /// Held while activities are written, so that they leave in the order of what they tell.
    pub leaving: tokio::sync::Mutex<()>,
    /// What open streams hear of, as it is read from the table of news.
    pub news: broadcast::Sender<Arc<str>>,
    /// Turns true when the node closes, so that open streams end.
    pub closing: watch::Sender<bool>,
    /// Rung when there may be new work.
    pub wake: Notify,
    /// Whether it was noted that another node knows ids of this one.
    pub known_elsewhere: AtomicBool,
    /// Whether this node is one of the demonstration, which talks to nobody else.
    pub demo: bool,
    origin: RwLock<Arc<Origin>>,
}

/// Limits on how often, keyed by address prefix, account or host.
pub struct Limits {
    /// Sign-ins of one address.
    pub sign_in_address: Limit<IpAddr>,
    /// Sign-ins to one account.
    pub sign_in_account: Limit<String>,
    /// Sign-ups of one address.
    pub sign_up: Limit<IpAddr>,
    /// Mails to one address.
    pub mail: Limit<String>,
    /// Look-ups of remote things by one account.
    pub look_up: Limit<i64>,
    /// Requests of one peer to the inbox.
    pub inbox: Limit<String>,
    /// Fetches of unknown keys, wherever from.
    pub unknown_keys: Limit<()>,
    /// Fetches of groups that others say have changed.
    pub group_refresh: Limit<String>,
    /// Comparisons of followers with one account's node.
    pub sync: Limit<i64>,
    /// Fetches of unknown keys from one host.
    pub unknown_key: Limit<String>,
    /// Re-fetches of the key of one actor.
    pub key_refetch: Limit<String>,
    /// Fetches of pictures by one address.
    pub pictures: Limit<IpAddr>,
    /// Requests of one member, or one address, to the client API.
    pub api: Limit<String>,
    /// Apps registered from one address.
    pub apps: Limit<IpAddr>,
    /// Tokens asked for from one address.
    pub tokens: Limit<IpAddr>,
    /// Registrations at one guest's home.
    pub registrations: Limit<String>,
    /// Registrations at homes, wherever.
    pub all_registrations: Limit<()>,
    /// Homes looked at for one address.
    pub homes: Limit<IpAddr>,
    /// Codes and links that visitors have sent to somebody, by one address.
    pub letters: Limit<IpAddr>,
    /// The same, by everybody.
    pub all_letters: Limit<()>,
    /// Tickets given to one actor.
    pub tickets: Limit<i64>,
}

impl Limits {
    fn new(settings: &Settings) -> Self {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        Self {
            sign_in_address: Limit::new(30, minutes(15)),
            sign_in_account: Limit::new(10, minutes(15)),
            sign_up: Limit::new(5, minutes(30)),
            mail: Limit::new(3, minutes(60)),
            look_up: Limit::new(10, minutes(1)),
            inbox: Limit::new(3600, minutes(1)),
            unknown_keys: Limit::new(1200, minutes(1)),
            group_refresh: Limit::new(1, minutes(10)),
            sync: Limit::new(4, minutes(60)),
            unknown_key: Limit::new(120, minutes(1)),
            key_refetch: Limit::new(1, minutes(10)),
            pictures: Limit::new(600, minutes(5)),
            api: Limit::new(
                u32::try_from(settings.limits.requests).unwrap_or(300),
                minutes(5),
            ),
            apps: Limit::new(25, minutes(10)),
            tokens: Limit::new(30, minutes(5)),
            registrations: Limit::new(2, minutes(10)),
            all_registrations: Limit::new(200, minutes(60)),
            homes: Limit::new(60, minutes(5)),
            letters: Limit::new(5, minutes(30)),
            all_letters: Limit::new(300, minutes(60)),
            tickets: Limit::new(30, minutes(5)),
        }
    }
}

/// What an [`App`] is made of.
pub struct Parts {
    /// What the operator set.
    pub settings: Settings,
    /// The opened, migrated database.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// The public address, as stored or provisional.
    pub origin: Origin,
    /// Whether this node is one of the demonstration.
    pub demo: bool,
}

impl App {
    /// Puts the node together.
    ///
    /// # Errors
    /// When the key file, the certificate authority or the mail address cannot be used.
    pub fn new(parts: Parts) -> anyhow::Result<Self> {
        let Parts {
            settings,
            db,
            clock,
            origin,
            demo,
        } = parts;
        let secret = Secret::load_or_create(&settings.key_file())?;
        let from = settings.mail_from.clone().unwrap_or_else(|| {
            format!("noreply@{}", crate::kernel::origin::name_of(&origin.domain))
        });
        let mailer = settings
            .mail_url
            .as_deref()
            .map(|url| Mailer::new(url, &from))
            .transpose()?;
        let scanner = settings.scanner.as_deref().map(Scanner::new).transpose()?;
        Ok(Self(Arc::new(Inner {
            scanner,
            http: Http::new(&settings.federation)?,
            media: Storage::open(&settings.data_dir, "media", &settings.storage)?,
            cache: Storage::open(&settings.data_dir, "cache", &settings.storage)?,
            importing: tokio::sync::Mutex::new(()),
            archives: Storage::open(&settings.data_dir, "archives", &settings.storage)?,
            passwords: Passwords::default(),
            limits: Limits::new(&settings),
            signers: Cache::new(2_000),
            verifiers: Cache::new(20_000),
            leaving: tokio::sync::Mutex::new(()),
            news: broadcast::channel(1024).0,
            closing: watch::Sender::new(false),
            wake: Notify::new(),
            known_elsewhere: AtomicBool::new(false),
            origin: RwLock::new(Arc::new(origin)),
            settings,
            db,
            clock,
            mailer,
            secret,
            demo,
        })))
    }

    /// This node's public address.
    pub fn origin(&self) -> Arc<Origin> {
        self.origin
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Takes over the address chosen at set-up.
    pub fn set_origin(&self, origin: Origin) {
        *self.origin.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(origin);
    }

    /// Whether this node talks to others: not while its address is one that only this machine reaches,
    /// unless the operator admits that network.
    pub fn federates(&self) -> bool {
        let origin = self.origin();
        if !origin.is_loopback() {
            return true;
        }
        let loopback = parse_url(&origin.url).and_then(|url| match url.host()? {
            url::Host::Ipv4(ip) => Some(IpAddr::V4(ip)),
            url::Host::Ipv6(ip) => Some(IpAddr::V6(ip)),
            url::Host::Domain(_) => Some(IpAddr::from([127, 0, 0, 1])),
        });
        loopback.is_some_and(|ip| {
            self.settings
                .federation
                .allow_networks
                .iter()
                .any(|network| network.contains(ip))
        })
    }

    /// The largest share of the data folder that pictures may take, and where it lies.
    pub fn data_dir(&self) -> PathBuf {
        self.settings.data_dir.clone()
    }
}

impl Deref for App {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}
