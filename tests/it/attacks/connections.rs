//! Connections and addresses as strangers send them.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{raw, scene};
use crate::both;
use crate::support::{Backend, TestNode};

both!(
    half_open_connections_end,
    addresses_with_control_characters_are_no_fault_of_ours,
    only_our_own_host_is_answered,
    bodies_wait_within_bounds,
    apps_come_back_by_addresses_that_apps_have,
);

/// How long a connection lives on which this was written.
async fn life(node: &TestNode, written: &[u8]) -> Duration {
    let mut stream = TcpStream::connect(node.running.address).await.unwrap();
    stream.write_all(written).await.unwrap();
    let begun = Instant::now();
    let mut rest = Vec::new();
    let read = stream.read_to_end(&mut rest);
    let _ = tokio::time::timeout(Duration::from_secs(20), read).await;
    begun.elapsed()
}

async fn half_open_connections_end(backend: Backend) {
    let s = scene(&backend).await;
    let half: [&[u8]; 4] = [
        b"",
        b"GET",
        b"GET / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\nhost: here.test\r\nx-long: ",
    ];
    let lives = half.iter().map(|written| life(&s.node, written));
    for (written, life) in half.iter().zip(futures_util::future::join_all(lives).await) {
        assert!(life < Duration::from_secs(14), "{written:?}: {life:?}");
    }
    // HTTP/2 without TLS is not spoken.
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let answer = raw(&s.node, preface).await;
    assert!(!answer.contains(" 20"), "{answer}");
}

async fn addresses_with_control_characters_are_no_fault_of_ours(backend: Backend) {
    let s = scene(&backend).await;
    let cookie = s.node.cookie(&s.nina).await;
    for code in [
        "%00",
        "%0a",
        "%0d%0ax",
        "%7f",
        "%1b%5b31m",
        "%0D%0ASet-Cookie:x=y",
    ] {
        for path in [
            "/users/{}",
            "/users/{}/posts/{}",
            "/users/nina/posts/{}",
            "/users/nina/posts/1/{}",
            "/users/nina/posts/1/c/{}",
            "/users/nina/{}",
            "/@{}",
            "/@nina/{}",
            "/tags/{}",
            "/contexts/{}",
            "/activities/{}",
            "/media/aa/{}",
            "/media/{}/aa.png",
            "/proxy/{}/x",
            "/invite/{}",
            "/mail/{}/x",
            "/mail/reset/{}",
            "/waiting/{}",
            "/auth/home/callback/{}",
            "/api/v1/accounts/{}",
            "/api/v1/timelines/tag/{}",
            "/search?q={}",
            "/sign-in?next={}",
            "/door?object={}&next={}",
            "/authorize_interaction?uri={}",
            "/.well-known/webfinger?resource={}",
            "/api/v1/accounts/lookup?acct={}",
            "/{}",
        ] {
            let path = path.replace("{}", code);
            for accept in ["text/html", "application/activity+json"] {
                let headers = [("accept", accept), ("cookie", &*cookie)];
                let answer = s.node.get(&path, &headers).await;
                let status = answer.status();
                assert!(!status.is_server_error(), "{path} for {accept}: {status}");
                assert!(answer.headers().get("x").is_none());
            }
        }
    }
}

async fn only_our_own_host_is_answered(backend: Backend) {
    let s = scene(&backend).await;
    for (host, ours) in [
        ("here.test", true),
        ("HERE.test:80", true),
        ("here.test:", false),
        ("here.test:080", false),
        ("here.test:80:80", false),
        ("here.test:99999", false),
        ("here.test:-1", false),
        ("here.test:443", false),
        ("here.test.", false),
        ("evil.test", false),
    ] {
        let request = format!("GET /about HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let answer = raw(&s.node, request.as_bytes()).await;
        let refused = answer.contains(" 421 ") || answer.contains(" 400 ");
        assert_eq!(refused, !ours, "{host}: {answer}");
        if !ours && !host.contains("99999") && !host.contains("-1") {
            assert!(answer.contains(" 421 "), "{host}: {answer}");
        }
    }
}

async fn bodies_wait_within_bounds(backend: Backend) {
    let s = scene(&backend).await;
    // Twenty uploads of one address that stop just before their end, each of what a form may hold.
    let mut open = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(s.node.running.address).await.unwrap();
        let head = "POST /inbox HTTP/1.1\r\nhost: here.test\r\ncontent-type: application/activity+json\r\ncontent-length: 1048576\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let _ = stream.write_all(&vec![b' '; 1_048_575]).await;
        open.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut refused = 0;
    for stream in &mut open {
        let mut answer = [0; 64];
        let read = stream.read(&mut answer);
        if let Ok(Ok(length)) = tokio::time::timeout(Duration::from_millis(50), read).await {
            refused += usize::from(String::from_utf8_lossy(&answer[..length]).contains(" 503 "));
        }
    }
    assert!(refused >= 4, "{refused} of 20 were refused");
    drop(open);
    tokio::time::sleep(Duration::from_millis(500)).await;
    // What was held is free again.
    assert_eq!(s.evil.send(&s.node, &s.follow(1)).await, 202);
}

async fn apps_come_back_by_addresses_that_apps_have(backend: Backend) {
    let s = scene(&backend).await;
    let register = async |address: &str| {
        s.net.clock.advance(Duration::from_secs(60));
        let body: String = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("client_name", "An app"), ("redirect_uris", address)])
            .finish();
        let request = crate::support::node::client()
            .post(s.node.at("/api/v1/apps"))
            .header("host", "here.test")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        request.send().await.unwrap().status().as_u16()
    };
    for address in [
        "https://app.example/callback",
        "http://localhost:8080/",
        "urn:ietf:wg:oauth:2.0:oob",
        "com.tapbots.ivory:/request_token",
        "mastodon-android-auth://callback",
        "icecubesapp://",
        "tusky://oauth",
    ] {
        assert_eq!(register(address).await, 200, "{address}");
    }
    let before = s.node.count("SELECT COUNT(*) AS n FROM apps").await;
    for scheme in [
        "javascript",
        "JaVaScRiPt",
        "data",
        "vbscript",
        "blob",
        "file",
        "about",
        "filesystem",
        "view-source",
        "intent",
        "content",
        "ftp",
        "ws",
        "wss",
        "mailto",
        "tel",
        "sms",
        "ssh",
        "smb",
        "ldap",
        "jar",
        "chrome",
        "resource",
        "ms-msdt",
        "search-ms",
        "shell",
        "android-app",
        "itms-services",
        "x-apple.systempreferences:",
        "urn:other",
    ] {
        assert_eq!(register(&format!("{scheme}:x")).await, 422, "{scheme}");
    }
    assert_eq!(before, s.node.count("SELECT COUNT(*) AS n FROM apps").await);
}
