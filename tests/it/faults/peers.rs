//! Peers that answer with every status, that show bad certificates, that no name leads to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use afterparty::kernel::clock::Time;
use afterparty::kernel::db::sql;
use afterparty::kernel::id::AccountId;
use afterparty::nodes;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, version};

use crate::both;
use crate::support::rows;
use crate::support::{Backend, Net, Peer, TestNode, balance, dns, settle};

both!(every_status_has_its_consequence);

/// What an answer does to a delivery and to its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Consequence {
    /// The host waits, with everything for it.
    HostWaits,
    /// The delivery is tried again, the host is well.
    Again,
    /// The delivery is given up, the host is well.
    GivenUp,
    /// The actors behind the inbox are asked for anew.
    AsksAnew,
}

/// F13, promise 4: for each status what it means for the row and for the host, and no wait is shorter than was asked
/// for, nor longer than a day.
async fn every_status_has_its_consequence(backend: Backend) {
    use Consequence::{Again, AsksAnew, GivenUp, HostWaits};
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let date = "Wed, 21 Oct 2099 07:28:00 GMT";
    let cases = [
        (500, None, HostWaits),
        (503, Some("120"), HostWaits),
        (503, Some(date), HostWaits),
        (429, Some("1000000000"), HostWaits),
        (429, Some("soon"), HostWaits),
        (408, None, HostWaits),
        (401, None, HostWaits),
        (403, None, Again),
        (400, None, GivenUp),
        (422, None, GivenUp),
        (404, None, AsksAnew),
        (410, None, AsksAnew),
        (301, None, AsksAnew),
        (307, None, AsksAnew),
    ];
    let mut peers = Vec::new();
    for at in 0..cases.len() {
        peers.push(Peer::start(&mut net, &format!("peer{at}.test")).await);
    }
    let node = net.node("here.test", &backend, listener, &[]).await;
    let nina = node.host("nina").await;
    for peer in &peers {
        let friend = peer.actor("friend");
        let follow = peer.activity("Follow", &friend, 1, json!(nina.uri));
        assert_eq!(peer.send(&node, &follow).await, 202);
    }
    settle(&[&node]).await;
    for (peer, (status, wait, _)) in peers.iter().zip(cases) {
        peer.forget();
        let headers: Vec<(&str, &str)> =
            wait.map(|wait| ("retry-after", wait)).into_iter().collect();
        peer.answer_inbox(status, &headers);
    }
    let begun = net.clock.now();
    node.post(&nina, "what comes of it").await;
    settle(&[&node]).await;
    for (at, (status, wait, expected)) in cases.into_iter().enumerate() {
        let host = format!("peer{at}.test");
        let known = nodes::find(node.app(), &host).await.unwrap().unwrap();
        let row = sql("SELECT COUNT(*) AS n, COALESCE(SUM(CASE WHEN dead_at IS NULL THEN 0 ELSE 1 END), 0) AS dead FROM deliveries WHERE node_id = $1")
            .bind(known.id)
            .one(node.db())
            .await
            .unwrap();
        let rows = row.get::<i64>("n").unwrap();
        let dead = match &backend {
            Backend::Sqlite => row.get::<i64>("dead").unwrap(),
            Backend::Postgres(_) => dead_rows(&node, &host).await,
        };
        let case = format!("{status} {wait:?}: {known:?}, {rows} rows, {dead} dead");
        match expected {
            HostWaits => {
                assert_eq!((rows, dead, known.failures), (1, 0, 1), "{case}");
                let waits = known.next_attempt_at.since(begun);
                let least = match wait {
                    Some("120") => 120,
                    Some("1000000000") | Some("Wed, 21 Oct 2099 07:28:00 GMT") => 86_300,
                    _ => 7,
                };
                assert!(waits >= Duration::from_secs(least), "{case}");
                assert!(waits <= Duration::from_secs(86_500), "{case}");
            }
            Again => assert_eq!((rows, dead, known.failures), (1, 0, 0), "{case}"),
            GivenUp => assert_eq!((rows, dead, known.failures), (1, 1, 0), "{case}"),
            AsksAnew => {
                let asked = peers[at]
                    .seen()
                    .iter()
                    .any(|seen| seen.path.contains("/users/friend"));
                assert!(asked && known.failures <= 1, "{case}");
            }
        }
    }
    balance(&[&node]).await;
}

async fn dead_rows(node: &TestNode, host: &str) -> i64 {
    let row = sql("SELECT COUNT(*) AS n FROM deliveries JOIN nodes ON nodes.id = deliveries.node_id WHERE nodes.host = $1 AND deliveries.dead_at IS NOT NULL")
        .bind(host)
        .one(node.db())
        .await
        .unwrap();
    row.get("n").unwrap()
}

/// A server that shows a certificate; how many requests it read.
async fn server(config: ServerConfig) -> (SocketAddr, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (read, plain) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, bare) = (read.clone(), plain.clone());
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut first = [0];
            if stream
                .peek(&mut first)
                .await
                .is_ok_and(|length| length == 1)
                && first[0] != 0x16
            {
                bare.fetch_add(1, Ordering::SeqCst);
                continue;
            }
            let (acceptor, counted) = (acceptor.clone(), counted.clone());
            tokio::spawn(async move {
                if let Ok(mut stream) = acceptor.accept(stream).await
                    && stream
                        .read(&mut [0; 64])
                        .await
                        .is_ok_and(|length| length > 0)
                {
                    counted.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    (address, read, plain)
}

/// A follower of nina on a host that is reached by https.
async fn https_follower(node: &TestNode, nina: AccountId, host: &str, id: i64) {
    rows::follower(node.db(), id, &format!("https://{host}"), nina).await;
}

/// F15: an expired certificate, one of another name, one that nobody vouches for, and an old protocol: nothing is sent,
/// least of all in the open, the operator sees why, and it is tried again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_certificates_get_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, authority.self_signed(&authority_key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let config = |name: &str, expired: bool, signed: bool| {
        let key = KeyPair::generate().unwrap();
        let mut wanted = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if expired {
            (wanted.not_before, wanted.not_after) =
                (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
        }
        let cert = if signed {
            wanted.signed_by(&key, &issuer).unwrap()
        } else {
            wanted.self_signed(&key).unwrap()
        };
        let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
        ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS12, &version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![cert.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap()
    };
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let cases = [
        ("good.test", config("good.test", false, true)),
        ("expired.test", config("expired.test", true, true)),
        ("wrong.test", config("another.test", false, true)),
        ("selfmade.test", config("selfmade.test", false, false)),
    ];
    let mut servers = Vec::new();
    for (name, config) in cases {
        let (address, read, plain) = server(config).await;
        net.name(name, address);
        servers.push((name, read, plain));
    }
    let extra = [("federation.extra_ca", file.to_str().unwrap())];
    let node = net
        .node("here.test", &Backend::Sqlite, listener, &extra)
        .await;
    let nina = node.host("nina").await;
    for (at, (name, ..)) in servers.iter().enumerate() {
        https_follower(&node, nina.id, name, 500 + i64::try_from(at).unwrap()).await;
    }
    node.post(&nina, "in confidence").await;
    settle(&[&node]).await;
    for (name, read, plain) in &servers {
        let known = nodes::find(node.app(), name).await.unwrap().unwrap();
        assert_eq!(
            plain.load(Ordering::SeqCst),
            0,
            "{name}: nothing goes in the open"
        );
        if *name == "good.test" {
            assert!(
                read.load(Ordering::SeqCst) > 0,
                "the others fail by their certificates: {known:?}"
            );
            continue;
        }
        assert_eq!(read.load(Ordering::SeqCst), 0, "{name}");
        let why = known.last_error.unwrap_or_default();
        assert!(why.contains("certificate"), "{name}: {why}");
        assert!(
            known.failures == 1 && known.next_attempt_at > net.clock.now(),
            "{name}"
        );
        assert_eq!(dead_rows(&node, name).await, 0);
    }
    balance(&[&node]).await;
}

/// F29: while names lead nowhere what comes is taken in, what leaves waits; it leaves when they do again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_lead_nowhere_for_a_while_hold_up_what_leaves_only() {
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let far = Peer::start(&mut net, "far.test").await;
    let port = net.address("far.test").port();
    let up = Arc::new(AtomicBool::new(true));
    let answers = up.clone();
    let resolver = dns::start(move |name, six| {
        let known = name == "named.test" && !six && answers.load(Ordering::SeqCst);
        known
            .then(|| "127.0.0.1".parse().unwrap())
            .into_iter()
            .collect()
    })
    .await;
    let node = net
        .node(
            "here.test",
            &Backend::Sqlite,
            listener,
            &[("federation.dns", &resolver.to_string())],
        )
        .await;
    let nina = node.host("nina").await;
    // The same peer, by a name that the resolver knows.
    let host = format!("named.test:{port}");
    https_follower(&node, nina.id, &host, 700).await;
    sql("UPDATE inboxes SET url = $1 WHERE id = 700")
        .bind(format!("http://{host}/inbox"))
        .run(node.db())
        .await
        .unwrap();
    up.store(false, Ordering::SeqCst);
    node.post(&nina, "into the void").await;
    settle(&[&node]).await;
    assert_eq!(far.received("Create").len(), 0);
    let friend = far.actor("friend");
    let note = far.note(&friend, 1, "I am heard");
    let mut create = far.activity("Create", &friend, 1, note);
    create["object"]["tag"] = json!([{"type": "Mention", "href": nina.uri}]);
    create["object"]["cc"] = json!([nina.uri]);
    assert_eq!(
        far.send(&node, &create).await,
        202,
        "what comes is taken in"
    );
    settle(&[&node]).await;
    assert!(node.post_by_uri(&far.at("/notes/1")).await.is_some());
    up.store(true, Ordering::SeqCst);
    let mut waited = Time(0);
    for _ in 0..12 {
        net.clock.advance(Duration::from_secs(60));
        settle(&[&node]).await;
        if !far.received("Create").is_empty() {
            waited = net.clock.now();
            break;
        }
    }
    assert!(
        waited > Time(0),
        "it leaves when names lead somewhere again"
    );
    balance(&[&node]).await;
}

/// A server that answers once on each connection and then closes it without a word; how many connections it had.
async fn speaks_once(listener: TcpListener, connections: Arc<AtomicUsize>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        connections.fetch_add(1, Ordering::SeqCst);
        let mut bytes = [0; 4096];
        for round in 0..2 {
            // The whole of a small request.
            if stream.read(&mut bytes).await.unwrap_or(0) == 0 || round == 1 {
                break;
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nyes";
            stream.write_all(&answer[..answer.len() - 1]).await.unwrap();
        }
    }
}

/// What was sent on a connection that the other side closed meanwhile is sent once more, on a new one; what a fresh
/// connection breaks off at is an error.
#[tokio::test]
async fn a_kept_connection_may_close_without_a_word() {
    let mut net = Net::new();
    let (own, odd) = (net.listen("here.test").await, net.listen("odd.test").await);
    let node = net.node("here.test", &Backend::Sqlite, own, &[]).await;
    let connections = Arc::new(AtomicUsize::new(0));
    #[allow(
        clippy::disallowed_methods,
        reason = "the server lives as long as its test"
    )]
    let server = tokio::spawn(speaks_once(odd, connections.clone()));
    for round in 1..=3 {
        let got = node
            .app()
            .http
            .get("http://odd.test/", "text/plain", 100)
            .await;
        assert_eq!(got.unwrap().body.as_ref(), b"ye");
        assert_eq!(connections.load(Ordering::SeqCst), round);
    }
    server.abort();
}
