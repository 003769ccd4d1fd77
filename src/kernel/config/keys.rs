//! The table of settings.

use std::path::PathBuf;

use toml::Value;

use super::{HostEntry, Network, RegistrationMode, Settings};
use crate::kernel::origin::{Origin, ascii_domain};

/// One setting.
pub struct Key {
    /// `section.name`
    pub name: &'static str,
    /// What it is for, as the example file says.
    pub about: &'static str,
    /// What a value must be.
    pub expected: &'static str,
    /// The default as TOML; nothing where there is none.
    pub default: Option<&'static str>,
    /// Reads a value into the settings; nothing when it is not of the expected kind.
    pub set: fn(&mut Settings, &Value) -> Option<()>,
}

fn text(value: &Value) -> Option<String> {
    value
        .as_str()
        .filter(|text| !text.trim().is_empty())
        .map(str::to_owned)
}

fn parsed<T: std::str::FromStr>(value: &Value) -> Option<T> {
    value.as_str()?.parse().ok()
}

fn networks(value: &Value) -> Option<Vec<Network>> {
    value
        .as_array()?
        .iter()
        .map(|item| Network::parse(item.as_str()?))
        .collect()
}

/// Schemes of addresses (RFC 3986 §3.1), lower-case; those that run code are none.
fn schemes(value: &Value) -> Option<Vec<String>> {
    let read = |item: &Value| {
        let scheme = item.as_str()?.to_ascii_lowercase();
        let sound = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
            && !["javascript", "data", "vbscript", "blob", "file"].contains(&&*scheme);
        sound.then_some(scheme)
    };
    value.as_array()?.iter().map(read).collect()
}

fn host_entry(value: &Value) -> Option<HostEntry> {
    let text = value.as_str()?;
    if let Ok(ip) = text.parse() {
        return Some(HostEntry { ip, port: None });
    }
    let address: std::net::SocketAddr = text.parse().ok()?;
    Some(HostEntry {
        ip: address.ip(),
        port: Some(address.port()),
    })
}

macro_rules! key {
    ($name:literal, $about:literal, $expected:literal, $default:expr, |$settings:ident, $value:ident| $set:expr) => {
        Key {
            name: $name,
            about: $about,
            expected: $expected,
            default: $default,
            set: |$settings, $value| {
                $set;
                Some(())
            },
        }
    };
}

macro_rules! limit {
    ($name:literal, $about:literal, $default:literal, $least:literal ..= $most:literal, $field:ident) => {
        Key {
            name: $name,
            about: $about,
            expected: concat!(
                "a whole number from ",
                stringify!($least),
                " to ",
                stringify!($most)
            ),
            default: Some($default),
            set: |settings, value| {
                settings.limits.$field = value
                    .as_integer()
                    .filter(|n| ($least..=$most).contains(n))?;
                Some(())
            },
        }
    };
}

/// Every setting, in the order of the example file.
pub const KEYS: &[Key] = &[
    key!(
        "node.url",
        "The public address of this node. It is asked at set-up and cannot be changed once another node knows it.",
        "an http or https address without a path, such as \"https://nova.example\"",
        None,
        |s, v| s.node.url = Some(text(v).and_then(|t| Origin::parse(&t, None))?.url)
    ),
    key!(
        "node.domain",
        "What handles end in, where it is not the host of node.url.",
        "a domain such as \"nova.example\"",
        None,
        |s, v| s.node.domain = Some(text(v).and_then(|t| ascii_domain(&t))?)
    ),
    key!(
        "server.listen",
        "Where the server listens; put a proxy with TLS in front of it.",
        "an address and port such as \"127.0.0.1:8080\"",
        Some("\"127.0.0.1:8080\""),
        |s, v| s.server.listen = parsed(v)?
    ),
    key!(
        "server.metrics_listen",
        "Where figures for Prometheus are served; off unless set.",
        "an address and port such as \"127.0.0.1:9100\"",
        None,
        |s, v| s.server.metrics_listen = Some(parsed(v)?)
    ),
    key!(
        "server.trusted_proxies",
        "Proxies whose X-Forwarded-For header is believed.",
        "a list of networks such as [\"127.0.0.1/32\"]",
        Some("[\"127.0.0.1/32\", \"::1/128\"]"),
        |s, v| s.server.trusted_proxies = networks(v)?
    ),
    key!(
        "oauth.redirect_schemes",
        "Schemes by which apps lead people back, beside https, known apps and domains read backwards (org.example.app).",
        "a list of schemes such as [\"newapp\"]",
        Some("[]"),
        |s, v| s.redirect_schemes = schemes(v)?
    ),
    key!(
        "data.dir",
        "The folder of the database, the media and the key file.",
        "a path",
        Some("\"data\""),
        |s, v| s.data_dir = PathBuf::from(text(v)?)
    ),
    key!(
        "database.url",
        "The database; a file in data.dir unless set.",
        "an address that begins with sqlite: or postgres:",
        None,
        |s, v| s.database_url = Some(text(v).filter(|t| {
            ["sqlite:", "postgres:", "postgresql:"]
                .iter()
                .any(|scheme| t.starts_with(scheme))
        })?)
    ),
    key!(
        "storage.bucket",
        "The bucket of an S3-compatible service that media are kept in; data.dir unless set. The bucket stays private: this node hands the files out.",
        "the name of a bucket",
        None,
        |s, v| s.storage.bucket = Some(text(v)?)
    ),
    key!(
        "storage.endpoint",
        "The address of that service; Amazon's unless set.",
        "an http or https address such as \"https://s3.example\"",
        None,
        |s, v| s.storage.endpoint =
            Some(text(v).filter(|t| { t.starts_with("https://") || t.starts_with("http://") })?)
    ),
    key!(
        "storage.region",
        "The region of the bucket.",
        "a name such as \"us-east-1\"",
        Some("\"us-east-1\""),
        |s, v| s.storage.region = text(v)?
    ),
    key!(
        "storage.access_key",
        "The id of the key for the bucket.",
        "text",
        None,
        |s, v| s.storage.access_key = Some(text(v)?)
    ),
    key!(
        "storage.secret_key",
        "The key for the bucket; best set as AFTERPARTY_STORAGE__SECRET_KEY.",
        "text",
        None,
        |s, v| s.storage.secret_key = Some(text(v)?)
    ),
    key!(
        "secrets.key_file",
        "The key that seals private keys and tokens; data.dir/secret.key unless set. Keep it with your backups.",
        "a path",
        None,
        |s, v| s.key_file = Some(PathBuf::from(text(v)?))
    ),
    key!(
        "media.scanner",
        "A scanner of your own that every upload is sent to; it answers {\"verdict\": \"allow\"}, \"hold\" or \"block\". While it is silent, uploads wait for a look.",
        "an address that begins with http: or https:",
        None,
        |s, v| s.scanner =
            Some(text(v).filter(|t| t.starts_with("http://") || t.starts_with("https://"))?)
    ),
    key!(
        "mail.url",
        "The SMTP server, such as smtp://name:password@mail.example:587. Over smtp: the connection is protected by STARTTLS, or nothing is sent, except to this machine; ?tls=opportunistic or ?tls=none at its end says otherwise. Without it mails are kept on the operator's outbox page.",
        "an address that begins with smtp: or smtps:",
        None,
        |s, v| s.mail_url =
            Some(text(v).filter(|t| t.starts_with("smtp:") || t.starts_with("smtps:"))?)
    ),
    key!(
        "mail.from",
        "The sender of mails; noreply@ the node's domain unless set.",
        "an e-mail address",
        None,
        |s, v| s.mail_from = Some(text(v).filter(|t| t.contains('@'))?)
    ),
    key!(
        "mail.per_hour",
        "How many mails to many (invitations from a list, the waiting list) leave in an hour.",
        "a number from 1 to 100000",
        Some("600"),
        |s, v| s.mail_per_hour = v.as_integer().filter(|n| (1..=100_000).contains(n))?
    ),
    key!(
        "registration.mode",
        "Who may register: \"closed\" (the host makes accounts) or \"open\".",
        "\"closed\" or \"open\"",
        Some("\"closed\""),
        |s, v| s.registration = match v.as_str()? {
            "closed" => RegistrationMode::Closed,
            "open" => RegistrationMode::Open,
            _ => return None,
        }
    ),
    key!(
        "federation.authorized_fetch",
        "Whether public posts, too, are served to other nodes only on signed requests.",
        "true or false",
        Some("false"),
        |s, v| s.federation.authorized_fetch = v.as_bool()?
    ),
    key!(
        "federation.allow_networks",
        "Private networks that may be talked to. For tests; leave it empty on a public node.",
        "a list of networks such as [\"127.0.0.0/8\"]",
        Some("[]"),
        |s, v| s.federation.allow_networks = networks(v)?
    ),
    key!(
        "federation.allow_http",
        "Whether nodes without TLS are admitted. For tests.",
        "true or false",
        Some("false"),
        |s, v| s.federation.allow_http = v.as_bool()?
    ),
    key!(
        "federation.hosts",
        "Names that are reached at a given address. For tests.",
        "a table of names to addresses such as { \"peer.test\" = \"127.1.0.2:8001\" }",
        Some("{}"),
        |s, v| s.federation.hosts = v
            .as_table()?
            .iter()
            .map(|(name, to)| Some((name.to_ascii_lowercase(), host_entry(to)?)))
            .collect::<Option<_>>()?
    ),
    key!(
        "federation.extra_ca",
        "A further certificate authority for connections to other nodes. For tests.",
        "the path of a PEM file",
        None,
        |s, v| s.federation.extra_ca = Some(PathBuf::from(text(v)?))
    ),
    key!(
        "federation.dns",
        "A resolver to ask instead of the system's. For tests.",
        "an address and port such as \"127.0.0.1:5353\"",
        None,
        |s, v| s.federation.dns = Some(parsed(v)?)
    ),
    limit!(
        "limits.post_chars",
        "Characters of a post; a link counts 23, a handle without its domain.",
        "5000",
        1..=100_000,
        post_chars
    ),
    limit!(
        "limits.warning_chars",
        "Characters of a content warning.",
        "500",
        1..=5_000,
        warning_chars
    ),
    limit!(
        "limits.attachments",
        "Attachments of a post.",
        "8",
        0..=16,
        attachments
    ),
    limit!(
        "limits.description_chars",
        "Characters of a picture's description.",
        "1500",
        1..=10_000,
        description_chars
    ),
    limit!(
        "limits.poll_options",
        "Options of a poll.",
        "10",
        2..=20,
        poll_options
    ),
    limit!(
        "limits.poll_option_chars",
        "Characters of a poll option.",
        "100",
        1..=500,
        poll_option_chars
    ),
    limit!(
        "limits.poll_shortest",
        "Shortest poll, in seconds.",
        "300",
        1..=86_400,
        poll_shortest
    ),
    limit!(
        "limits.poll_longest",
        "Longest poll, in seconds.",
        "2592000",
        300..=31_536_000,
        poll_longest
    ),
    limit!(
        "limits.bio_chars",
        "Characters of a bio.",
        "2000",
        1..=20_000,
        bio_chars
    ),
    limit!(
        "limits.profile_fields",
        "Fields of a profile.",
        "8",
        0..=16,
        profile_fields
    ),
    limit!(
        "limits.profile_field_chars",
        "Characters of a profile field's name or value.",
        "255",
        1..=2_000,
        profile_field_chars
    ),
    limit!(
        "limits.name_chars",
        "Characters of a display name.",
        "60",
        1..=500,
        name_chars
    ),
    limit!(
        "limits.picture_bytes",
        "Bytes of an uploaded picture.",
        "16777216",
        100_000..=268_435_456,
        picture_bytes
    ),
    limit!(
        "limits.sound_bytes",
        "Bytes of an uploaded sound.",
        "104857600",
        100_000..=1_073_741_824,
        sound_bytes
    ),
    limit!(
        "limits.video_bytes",
        "Bytes of an uploaded video.",
        "209715200",
        100_000..=4_294_967_296,
        video_bytes
    ),
    limit!(
        "limits.member_bytes",
        "Bytes of all uploads of one member; the host's are not bounded.",
        "2147483648",
        1_000_000..=1_099_511_627_776,
        member_bytes
    ),
    limit!(
        "limits.remote_bytes",
        "Bytes of a remote sound or video that is shown here.",
        "104857600",
        100_000..=1_073_741_824,
        remote_bytes
    ),
    limit!(
        "limits.cache_bytes",
        "Bytes the cache of remote pictures, sound and video may take.",
        "2147483648",
        1_000_000..=1_099_511_627_776,
        cache_bytes
    ),
    limit!(
        "limits.requests",
        "Requests of one member, or one address, to the client API in five minutes.",
        "300",
        10..=1_000_000,
        requests
    ),
];
