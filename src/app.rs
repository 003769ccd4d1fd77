//! What every request and every job has at hand.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Notify, broadcast, watch};

use crate::kernel::cache::{Cache, Recent};
use crate::kernel::clock::{Clock, Time};
use crate::kernel::config::Settings;
use crate::kernel::crypt::{Ed25519Key, Passwords, PublicKey, RsaKey, Secret};
use crate::kernel::db::Db;
use crate::kernel::flights::Flights;
use crate::kernel::http::Http;
use crate::kernel::http::scanner::Scanner;
use crate::kernel::id::AccountId;
use crate::kernel::mail::Mailer;
use crate::kernel::origin::{Origin, parse_url};
use crate::kernel::rate_limit::RateLimit;
use crate::kernel::slots::Slots;
use crate::kernel::storage::Storage;

/// Drawn icons that are kept.
const ICONS: NonZeroUsize = NonZeroUsize::new(12).expect("it is not zero");
/// Parsed keys of local accounts that are kept.
const SIGNERS: NonZeroUsize = NonZeroUsize::new(2_000).expect("it is not zero");
/// Parsed keys of remote accounts that are kept.
const VERIFIERS: NonZeroUsize = NonZeroUsize::new(20_000).expect("it is not zero");

/// The node; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// Why a key could not be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFetch {
    /// Too many are asked for from there.
    Often,
    /// Its host does not answer right now.
    Silent,
    /// There is no such key, or it is not to be trusted.
    Unusable,
}

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
    /// Icons of the house that were drawn, by what they show.
    pub icons: Cache<String, Vec<u8>>,
    /// Pages that are open and listen, by address.
    pub open_pages: Slots,
    /// Streams of apps that are open, by member.
    pub streams: Slots,
    /// Requests whose key is being looked for, by source address.
    pub looking: Slots,
    /// Keys that are being fetched, by key: whose each is.
    pub key_fetches: Flights<Result<AccountId, KeyFetch>>,
    /// Copies of remote files that are being made, by address.
    pub downloads: Flights<()>,
    /// Bytes of request bodies that are held in memory, by source address.
    pub bodies: Slots,
    /// The order of the waiting list as it was read last: number, place, brought.
    pub standings: Recent<Arc<Vec<(i64, i64, i64)>>>,
    /// The backup that this house was restored from.
    pub restored: Option<Restored>,
    /// When the database was last tried, and what came of it.
    pub probe: tokio::sync::Mutex<Option<(std::time::Instant, Result<(), String>)>>,
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

/// Rate limits. What nobody proved counts against the address it comes from, never against the name it claims.
pub struct Limits {
    /// Sign-ins that failed, by address.
    pub sign_in_address: RateLimit,
    /// Sign-ins that failed, by account and address, or by a device that signed in before.
    pub sign_in_account: RateLimit,
    /// Sign-ins that failed, by account, from devices that never signed in to it.
    pub sign_in_strangers: RateLimit,
    /// Codes of a second factor that were wrong, by account and source.
    pub factor: RateLimit,
    /// Sign-ups of one address.
    pub sign_up: RateLimit,
    /// Mails and direct messages to one address, by who asks and for what.
    pub mail: RateLimit,
    /// Mails to one address, whoever asks and for what.
    pub mail_in_all: RateLimit,
    /// Look-ups of remote things by one account.
    pub look_up: RateLimit,
    /// Verified requests of one peer to the inbox.
    pub inbox: RateLimit,
    /// Requests whose signature did not verify, or had to be looked up, by source address.
    pub unverified: RateLimit,
    /// Fetches of keys nobody here knows, wherever from.
    pub unknown_keys: RateLimit,
    /// The same by source address: no source spends more than its share of the pool.
    pub unknown_keys_source: RateLimit,
    /// The same by source address and the host that is asked.
    pub unknown_keys_host: RateLimit,
    /// Fetches of groups that others say have changed.
    pub group_refresh: RateLimit,
    /// Comparisons of followers with one account's node.
    pub sync: RateLimit,
    /// Re-fetches of the key of one actor, by who asks for them.
    pub key_refetch: RateLimit,
    /// Fetches of pictures by one address.
    pub pictures: RateLimit,
    /// Requests of one member, or one address, to the client API.
    pub api: RateLimit,
    /// Apps registered from one address.
    pub apps: RateLimit,
    /// Tokens refused to one address.
    pub tokens: RateLimit,
    /// Registrations at one guest's home, by who asks for them.
    pub registrations: RateLimit,
    /// Registrations at homes, wherever.
    pub all_registrations: RateLimit,
    /// Homes looked at for one address.
    pub homes: RateLimit,
    /// Codes and links that visitors have sent to somebody, by one address.
    pub letters: RateLimit,
    /// The same, by everybody.
    pub all_letters: RateLimit,
    /// Tickets given to one actor.
    pub tickets: RateLimit,
}

impl Limits {
    fn new(settings: &Settings) -> Self {
        let limit = |burst, seconds| RateLimit::new(burst, Duration::from_secs(seconds));
        let (minute, hour, day) = (60, 3_600, 86_400);
        Self {
            sign_in_address: limit(30, 15 * minute),
            sign_in_account: limit(10, 15 * minute),
            sign_in_strangers: limit(40, hour),
            factor: limit(5, 15 * minute),
            sign_up: limit(5, 30 * minute),
            mail: limit(3, hour),
            mail_in_all: limit(20, day),
            look_up: limit(10, minute),
            // 60 a second in the long run.
            inbox: limit(300, 5),
            unverified: limit(300, 5 * minute),
            unknown_keys: limit(1_200, minute),
            unknown_keys_source: limit(120, minute),
            unknown_keys_host: limit(60, minute),
            group_refresh: limit(1, 10 * minute),
            sync: limit(4, hour),
            key_refetch: limit(1, 10 * minute),
            pictures: limit(600, 5 * minute),
            api: limit(
                u32::try_from(settings.limits.requests).unwrap_or(300),
                5 * minute,
            ),
            apps: limit(25, 10 * minute),
            tokens: limit(30, 5 * minute),
            registrations: limit(2, 10 * minute),
            all_registrations: limit(200, hour),
            homes: limit(60, 5 * minute),
            letters: limit(5, 30 * minute),
            all_letters: limit(300, hour),
            tickets: limit(30, 5 * minute),
        }
    }
}

/// A house that came back from a backup.
#[derive(Clone, Copy, Debug)]
pub struct Restored {
    /// From when its memory is.
    pub made_at: Time,
    /// When it came back.
    pub at: Time,
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
    /// The backup it was restored from.
    pub restored: Option<Restored>,
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
            restored,
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
            signers: Cache::new(SIGNERS),
            verifiers: Cache::new(VERIFIERS),
            icons: Cache::new(ICONS),
            // Forty for one address, five thousand for everybody.
            open_pages: Slots::new(40, 5_000),
            streams: Slots::new(10, usize::MAX),
            looking: Slots::new(16, 256),
            key_fetches: Flights::default(),
            downloads: Flights::default(),
            bodies: Slots::new(16 << 20, 128 << 20),
            standings: Recent::default(),
            probe: tokio::sync::Mutex::default(),
            restored,
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
