//! Where a request comes from.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::request::Parts;

use crate::kernel::config::Network;

/// The other end of a connection; each request carries it.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Where a request comes from, as [`address`] tells it.
pub fn source(proxies: &[Network], parts: &Parts) -> IpAddr {
    let peer = parts.extensions.get::<Peer>().map(|peer| peer.0);
    address(proxies, &parts.headers, peer)
}

/// The browser's address: of the connection, or as a trusted proxy tells it.
pub fn address(proxies: &[Network], headers: &HeaderMap, peer: Option<SocketAddr>) -> IpAddr {
    let peer = peer.map_or(IpAddr::from([127, 0, 0, 1]), |peer| {
        peer.ip().to_canonical()
    });
    let trusted = |ip: IpAddr| proxies.iter().any(|network| network.contains(ip));
    if !trusted(peer) {
        return prefix(peer);
    }
    let told = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|entry| entry.trim().parse::<IpAddr>().ok())
        .map(|ip| ip.to_canonical());
    // The last entry that no proxy of ours wrote about itself.
    prefix(
        told.collect::<Vec<_>>()
            .into_iter()
            .rev()
            .find(|ip| !trusted(*ip))
            .unwrap_or(peer),
    )
}

/// What limits are keyed by: an IPv4 address, the /64 of an IPv6 one.
fn prefix(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => {
            let mut segments = v6.segments();
            segments[4..].fill(0);
            IpAddr::from(segments)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{HeaderMap, IpAddr, address};

    #[test]
    fn one_machine_has_one_address() {
        let told = |entry: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", entry.parse().unwrap());
            let proxy = super::Network::parse("127.0.0.0/8").unwrap();
            address(&[proxy], &headers, Some("127.0.0.1:1".parse().unwrap()))
        };
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(told("192.0.2.7"), ip("192.0.2.7"));
        assert_eq!(told("::ffff:192.0.2.7"), ip("192.0.2.7"));
        assert_eq!(told("2001:db8::1:2:3:4"), ip("2001:db8::"));
        assert_eq!(told("6.6.6.6, 192.0.2.7"), ip("192.0.2.7"));
        assert_eq!(told("192.0.2.7, ::ffff:127.0.0.1"), ip("192.0.2.7"));
    }
}
