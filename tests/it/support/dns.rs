//! A resolver on loopback that answers what a test wants, also differently each time.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::net::UdpSocket;

type Answer = Box<dyn FnMut(&str, bool) -> Vec<IpAddr> + Send>;

/// Starts a resolver; `answer` is given the name and whether IPv6 is asked for.
pub async fn start(answer: impl FnMut(&str, bool) -> Vec<IpAddr> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let answer: Arc<Mutex<Answer>> = Arc::new(Mutex::new(Box::new(answer)));
    tokio::spawn(async move {
        let mut query = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut query).await {
            let query = &query[..length];
            let mut name = Vec::new();
            let mut at = 12;
            while query[at] != 0 {
                let end = at + 1 + usize::from(query[at]);
                name.push(String::from_utf8_lossy(&query[at + 1..end]).into_owned());
                at = end;
            }
            let six = query[at + 2] == 28;
            let found: Vec<IpAddr> = (answer.lock().unwrap())(&name.join("."), six)
                .into_iter()
                .filter(|ip| ip.is_ipv6() == six)
                .collect();
            let mut reply = query[..2].to_vec();
            reply.extend([
                0x81,
                0x80,
                0,
                1,
                0,
                u8::try_from(found.len()).unwrap(),
                0,
                0,
                0,
                0,
            ]);
            reply.extend(&query[12..at + 5]);
            for ip in found {
                reply.extend([0xc0, 12, 0, if six { 28 } else { 1 }, 0, 1, 0, 0, 0, 0]);
                match ip {
                    IpAddr::V4(ip) => {
                        reply.extend([0, 4]);
                        reply.extend(ip.octets());
                    }
                    IpAddr::V6(ip) => {
                        reply.extend([0, 16]);
                        reply.extend(ip.octets());
                    }
                }
            }
            let _ = socket.send_to(&reply, from).await;
        }
    });
    address
}
