//! Where a request comes from.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

use crate::kernel::config::Network;

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
        .filter_map(|entry| entry.trim().parse::<IpAddr>().ok());
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
