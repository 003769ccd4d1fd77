//! Settings: defaults, then the file, then the environment, then flags.
//!
//! Every key stands once, in [`keys::KEYS`]: its name, what it means, what it takes, its default, and where it goes.

mod keys;
mod load;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

pub use keys::KEYS;
pub use load::{ConfigError, Loaded, example, load};

/// A range of addresses in CIDR form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads `127.0.0.0/8`, `::1/128` or a single address.
    pub fn parse(text: &str) -> Option<Self> {
        let (base, bits) = match text.split_once('/') {
            Some((base, bits)) => (base.parse().ok()?, bits.parse().ok()?),
            None => {
                let base: IpAddr = text.parse().ok()?;
                (base, if base.is_ipv4() { 32 } else { 128 })
            }
        };
        let most = if base.is_ipv4() { 32 } else { 128 };
        (bits <= most).then_some(Self { base, bits })
    }

    /// Whether the address lies in this range; a mapped IPv4 address counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.bits);
                u64::from(base.to_bits()) >> shift == u64::from(address.to_bits()) >> shift
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.bits);
                base.to_bits().checked_shr(shift) == address.to_bits().checked_shr(shift)
            }
            _ => false,
        }
    }
}

/// Where a name is reached instead of where DNS says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostEntry {
    /// The address.
    pub ip: IpAddr,
    /// The port that replaces the URL's for the connection.
    pub port: Option<u16>,
}

/// Who may register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationMode {
    /// Nobody; the host makes accounts.
    Closed,
    /// Anybody with a confirmed e-mail address.
    Open,
}

/// `node.*`
#[derive(Clone, Debug)]
pub struct NodeSettings {
    /// The public base URL.
    pub url: Option<String>,
    /// What handles end in, where it is not the URL's host.
    pub domain: Option<String>,
}

/// `server.*`
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Where the server listens.
    pub listen: SocketAddr,
    /// Where figures for Prometheus are served.
    pub metrics_listen: Option<SocketAddr>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
}

/// `federation.*`
#[derive(Clone, Debug)]
pub struct FederationSettings {
    /// Private networks that may be talked to.
    pub allow_networks: Vec<Network>,
    /// Whether plain `http` peers are admitted.
    pub allow_http: bool,
    /// Names that are reached at a given address.
    pub hosts: BTreeMap<String, HostEntry>,
    /// A PEM file with a further certificate authority.
    pub extra_ca: Option<PathBuf>,
    /// A resolver to ask instead of the system's.
    pub dns: Option<SocketAddr>,
    /// Whether public objects are served to signed requests only.
    pub authorized_fetch: bool,
}

/// `storage.*`
#[derive(Clone, Default)]
pub struct StorageSettings {
    /// The bucket that media are kept in; the data folder where there is none.
    pub bucket: Option<String>,
    /// The address of the S3-compatible service; Amazon's where there is none.
    pub endpoint: Option<String>,
    /// The region.
    pub region: String,
    /// The id of the key.
    pub access_key: Option<String>,
    /// The key.
    pub secret_key: Option<String>,
}

impl std::fmt::Debug for StorageSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StorageSettings")
            .field("bucket", &self.bucket)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// `limits.*`
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Characters of a post; a link counts 23, a handle without its domain.
    pub post_chars: i64,
    /// Characters of a content warning.
    pub warning_chars: i64,
    /// Attachments of a post.
    pub attachments: i64,
    /// Characters of a picture's description.
    pub description_chars: i64,
    /// Options of a poll.
    pub poll_options: i64,
    /// Characters of a poll option.
    pub poll_option_chars: i64,
    /// Shortest poll, seconds.
    pub poll_shortest: i64,
    /// Longest poll, seconds.
    pub poll_longest: i64,
    /// Characters of a bio.
    pub bio_chars: i64,
    /// Fields of a profile.
    pub profile_fields: i64,
    /// Characters of a profile field's name or value.
    pub profile_field_chars: i64,
    /// Characters of a display name.
    pub name_chars: i64,
    /// Bytes of an uploaded picture.
    pub picture_bytes: i64,
    /// Bytes of an uploaded sound.
    pub sound_bytes: i64,
    /// Bytes of an uploaded video.
    pub video_bytes: i64,
    /// Bytes of all uploads of one member; the host's are not bounded.
    pub member_bytes: i64,
    /// Bytes of a remote sound or video that is shown here.
    pub remote_bytes: i64,
    /// Bytes the cache of remote pictures, sound and video may take.
    pub cache_bytes: i64,
    /// Requests of one member, or one address, to the client API in five minutes.
    pub requests: i64,
}

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The node's name in the world.
    pub node: NodeSettings,
    /// How requests come in.
    pub server: ServerSettings,
    /// Further schemes by which apps lead people back.
    pub redirect_schemes: Vec<String>,
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// The database's address.
    pub database_url: Option<String>,
    /// Where media are kept.
    pub storage: StorageSettings,
    /// How other nodes are reached.
    pub federation: FederationSettings,
    /// The operator's scanner of uploads.
    pub scanner: Option<String>,
    /// The SMTP server's address.
    pub mail_url: Option<String>,
    /// The sender of our mails.
    pub mail_from: Option<String>,
    /// How many mails to many leave in an hour.
    pub mail_per_hour: i64,
    /// The key file.
    pub key_file: Option<PathBuf>,
    /// Who may register.
    pub registration: RegistrationMode,
    /// Bounds on what people write.
    pub limits: Limits,
}

impl Settings {
    /// Settings before any key was read; [`load()`] fills in the defaults of [`KEYS`].
    fn blank() -> Self {
        Self {
            node: NodeSettings {
                url: None,
                domain: None,
            },
            server: ServerSettings {
                listen: ([127, 0, 0, 1], 0).into(),
                metrics_listen: None,
                trusted_proxies: Vec::new(),
            },
            redirect_schemes: Vec::new(),
            data_dir: PathBuf::new(),
            database_url: None,
            storage: StorageSettings::default(),
            federation: FederationSettings {
                allow_networks: Vec::new(),
                allow_http: false,
                hosts: BTreeMap::new(),
                extra_ca: None,
                dns: None,
                authorized_fetch: false,
            },
            scanner: None,
            mail_url: None,
            mail_from: None,
            mail_per_hour: 600,
            key_file: None,
            registration: RegistrationMode::Closed,
            limits: Limits::default(),
        }
    }

    /// The database's address: as set, else a file in the data folder.
    pub fn database_url(&self) -> String {
        self.database_url
            .clone()
            .unwrap_or_else(|| format!("sqlite:{}", self.data_dir.join("afterparty.db").display()))
    }

    /// The key file: as set, else in the data folder.
    pub fn key_file(&self) -> PathBuf {
        self.key_file
            .clone()
            .unwrap_or_else(|| self.data_dir.join("secret.key"))
    }
}

#[cfg(test)]
mod tests {
    use super::Network;

    #[test]
    fn networks_contain_what_they_say() {
        let loopback = Network::parse("127.0.0.0/8").unwrap();
        assert!(loopback.contains("127.1.2.3".parse().unwrap()));
        assert!(loopback.contains("::ffff:127.0.0.1".parse().unwrap()));
        assert!(!loopback.contains("128.0.0.1".parse().unwrap()));
        assert!(
            Network::parse("0.0.0.0/0")
                .unwrap()
                .contains("8.8.8.8".parse().unwrap())
        );
        assert!(
            Network::parse("::1")
                .unwrap()
                .contains("::1".parse().unwrap())
        );
        assert!(
            !Network::parse("::1")
                .unwrap()
                .contains("::2".parse().unwrap())
        );
        assert!(Network::parse("1.2.3.4/33").is_none());
    }
}
