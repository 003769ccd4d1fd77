//! Which addresses may be connected to; asked by the client's resolver at the moment of connecting.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use http::HeaderValue;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::UdpSocket;
use url::Url;

use crate::kernel::config::{FederationSettings, HostEntry, Network};
use crate::kernel::crypt;

/// The rules about addresses.
#[derive(Debug, Clone)]
pub struct Guard {
    networks: Vec<Network>,
    hosts: BTreeMap<String, HostEntry>,
    dns: Option<SocketAddr>,
    /// Whether `http` is admitted.
    pub(super) allow_http: bool,
}

/// The name leads to an address that must not be talked to.
#[derive(Debug, thiserror::Error)]
#[error("the address of {0} is not allowed")]
pub(super) struct RefusedAddress(pub String);

impl Guard {
    pub(super) fn new(settings: &FederationSettings) -> Self {
        Self {
            networks: settings.allow_networks.clone(),
            hosts: settings.hosts.clone(),
            dns: settings.dns,
            allow_http: settings.allow_http,
        }
    }

    /// Whether an address may be connected to: public, or in a network the operator admits.
    pub fn admits(&self, ip: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(ip)) || is_public(ip)
    }

    /// Whether a name may be looked up at all.
    pub(super) fn admits_name(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        self.hosts.contains_key(&name)
            || is_localhost(&name)
            || (name.contains('.') && !name.ends_with(".onion") && !name.ends_with(".local"))
    }

    /// The address to connect to and, where the configured port differs from the URL's, the `Host` header to send.
    pub(super) fn target(&self, url: &Url) -> (Url, Option<HeaderValue>) {
        let entry = url.host_str().and_then(|name| self.hosts.get(name));
        let (Some(port), Some(_)) = (entry.and_then(|entry| entry.port), url.port()) else {
            return (url.clone(), None);
        };
        let host =
            crate::kernel::origin::host_of(url).and_then(|host| HeaderValue::from_str(&host).ok());
        let mut target = url.clone();
        if target.set_port(Some(port)).is_err() {
            return (url.clone(), None);
        }
        (target, host)
    }

    async fn addresses(&self, name: &str) -> std::io::Result<Vec<SocketAddr>> {
        if let Some(entry) = self.hosts.get(name) {
            return Ok(vec![SocketAddr::new(entry.ip, entry.port.unwrap_or(0))]);
        }
        if is_localhost(name) {
            return Ok(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]);
        }
        if let Some(server) = self.dns {
            return ask(server, name).await.map_err(NoNames::told);
        }
        let found = tokio::net::lookup_host((name, 0)).await;
        Ok(found.map_err(NoNames::told)?.take(32).collect())
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let name = name.as_str().trim_end_matches('.').to_ascii_lowercase();
            let found = guard.addresses(&name).await?;
            // One bad address among good ones is a trick; none of them is used.
            if found.is_empty() || !found.iter().all(|address| guard.admits(address.ip())) {
                return Err(RefusedAddress(name).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Nobody answers who knows which address a name has.
#[derive(Debug, thiserror::Error)]
#[error("no resolver answers, so names lead nowhere ({0})")]
pub struct NoNames(String);

impl NoNames {
    /// Tells a resolver that does not answer from one that knows no such name.
    fn told(error: std::io::Error) -> std::io::Error {
        let silent = matches!(
            error.kind(),
            std::io::ErrorKind::TimedOut | std::io::ErrorKind::ConnectionRefused
        );
        // What the system's resolver says where none answers (`EAI_AGAIN`).
        let said = error.to_string();
        if silent || said.contains("Temporary failure in name resolution") {
            return std::io::Error::other(Self(said));
        }
        error
    }
}

fn is_localhost(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

/// Whether an address belongs to the public internet (the special-purpose registries of RFC 6890).
fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => {
            let s = ip.segments();
            // Addresses that carry an IPv4 address are as public as that is.
            let embedded = |high: u16, low: u16| {
                let [a, b] = high.to_be_bytes();
                let [c, d] = low.to_be_bytes();
                is_public_v4(Ipv4Addr::new(a, b, c, d))
            };
            if s[0] == 0x64 && s[1] == 0xff9b {
                return s[2..6] == [0; 4] && embedded(s[6], s[7]);
            }
            if s[0] == 0x2002 {
                return embedded(s[1], s[2]);
            }
            // Only global unicast, without documentation, Teredo, ORCHID and benchmarking ranges.
            (s[0] & 0xe000) == 0x2000
                && !(s[0] == 0x2001 && (s[1] < 0x0200 || s[1] == 0x0db8))
                && !(s[0] == 0x3fff && s[1] < 0x1000)
        }
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_broadcast()
        || ip.is_documentation()
        || ip.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19)))
}

/// Asks the configured resolver for A and AAAA records (RFC 1035), without any cache.
async fn ask(server: SocketAddr, name: &str) -> std::io::Result<Vec<SocketAddr>> {
    let mut found = Vec::new();
    for kind in [1_u16, 28] {
        let socket = UdpSocket::bind(if server.is_ipv4() {
            "0.0.0.0:0"
        } else {
            "[::]:0"
        })
        .await?;
        socket.connect(server).await?;
        let id = crypt::random_u16();
        let mut query = [&id.to_be_bytes()[..], &[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]].concat();
        for label in name.split('.') {
            query.push(u8::try_from(label.len()).unwrap_or(63).min(63));
            query.extend(label.bytes().take(63));
        }
        query.push(0);
        query.extend([&kind.to_be_bytes()[..], &[0, 1]].concat());
        socket.send(&query).await?;
        let mut answer = [0; 4096];
        let length = tokio::time::timeout(Duration::from_secs(4), socket.recv(&mut answer))
            .await
            .map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
        found.extend(read_answer(&answer[..length], id, query.len(), kind).unwrap_or_default());
    }
    Ok(found)
}

/// The addresses in an answer whose question took `question` bytes.
fn read_answer(bytes: &[u8], id: u16, question: usize, kind: u16) -> Option<Vec<SocketAddr>> {
    if bytes.get(..2)? != id.to_be_bytes() {
        return None;
    }
    let count = u16::from_be_bytes(bytes.get(6..8)?.try_into().ok()?);
    let mut at = question;
    let mut found = Vec::new();
    for _ in 0..count.min(64) {
        while let Some(length) = bytes.get(at) {
            if length & 0xc0 == 0xc0 {
                at += 2;
                break;
            }
            at += usize::from(*length) + 1;
            if *length == 0 {
                break;
            }
        }
        let its_kind = u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?);
        let length = usize::from(u16::from_be_bytes(
            bytes.get(at + 8..at + 10)?.try_into().ok()?,
        ));
        let body = bytes.get(at + 10..at + 10 + length)?;
        at += 10 + length;
        match (its_kind == kind, body.len()) {
            (true, 4) => found.push(SocketAddr::from((<[u8; 4]>::try_from(body).ok()?, 0))),
            (true, 16) => found.push(SocketAddr::from((<[u8; 16]>::try_from(body).ok()?, 0))),
            _ => {}
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::is_public;

    #[test]
    fn only_the_public_internet_is_public() {
        for ip in [
            "127.0.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in [
            "8.8.8.8",
            "1.1.1.1",
            "2606:4700::1111",
            "64:ff9b::808:808",
            "::ffff:8.8.8.8",
        ] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }
}
