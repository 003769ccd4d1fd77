//! A flood that comes, and a herd that comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use afterparty::kernel::db::sql;
use afterparty::worker;
use futures_util::StreamExt as _;
use http::{Method, StatusCode};
use serde_json::json;

use super::rounds;
use crate::both;
use crate::support::ledger::Ledger;
use crate::support::node::client;
use crate::support::pair::Member;
use crate::support::{Backend, Net, Peer, Process, TestNode, balance, rows, settle};

both!(a_herd_that_comes_back_gets_its_turns);

/// Many hosts behind one address, all away or all there; how many requests it has at a time, and had in all.
#[derive(Default)]
struct Herd {
    away: AtomicBool,
    now: AtomicUsize,
    most: AtomicUsize,
    taken: AtomicUsize,
}

impl Herd {
    async fn start(self: &Arc<Self>) -> std::net::SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let herd = self.clone();
        let router = axum::Router::new().fallback(move |method: Method| {
            let herd = herd.clone();
            async move { herd.answer(&method).await }
        });
        #[allow(
            clippy::disallowed_methods,
            reason = "the server lives as long as its test"
        )]
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    async fn answer(&self, method: &Method) -> StatusCode {
        if method != Method::POST {
            return StatusCode::NOT_FOUND;
        }
        if self.away.load(Ordering::SeqCst) {
            return StatusCode::BAD_GATEWAY;
        }
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(40)).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        self.taken.fetch_add(1, Ordering::SeqCst);
        StatusCode::ACCEPTED
    }
}

/// The moments at which hosts are tried again, in order.
async fn next_attempts(node: &TestNode) -> Vec<i64> {
    let rows = sql("SELECT next_attempt_at AS n FROM nodes WHERE id >= 1000 ORDER BY n")
        .all(node.db())
        .await
        .unwrap();
    rows.iter().map(|row| row.get("n").unwrap()).collect()
}

/// Runs the loops of a node until the herd took so many and nothing waits.
async fn send_all(node: &TestNode, herd: &Herd, count: usize) {
    let stop = Arc::new(AtomicBool::new(false));
    let running = worker::run(node.app().clone(), stop.clone());
    let drained = async {
        let begun = Instant::now();
        while herd.taken.load(Ordering::SeqCst) < count
            || node.count("SELECT COUNT(*) AS n FROM deliveries").await > 0
        {
            assert!(
                begun.elapsed() < Duration::from_secs(300),
                "it does not end"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        stop.store(true, Ordering::SeqCst);
    };
    tokio::join!(running, drained);
}

/// F22: many hosts were away and come back: they are tried again spread over time, those that failed a few at a time,
/// those that are well never more than 64, and each gets the post once.
async fn a_herd_that_comes_back_gets_its_turns(backend: Backend) {
    let count = usize::try_from(rounds(200, 5_000)).unwrap();
    let mut net = Net::real_time();
    let herd = Arc::new(Herd::default());
    let address = herd.start().await;
    for number in 0..count {
        net.name(&format!("herd{number}.test"), address);
    }
    let listener = net.listen("here.test").await;
    let node = net.node("here.test", &backend, listener, &[]).await;
    let nina = node.host("nina").await;
    for number in 0..count {
        let id = 1_000 + i64::try_from(number).unwrap();
        rows::follower(node.db(), id, &format!("herd{number}.test"), nina.id).await;
    }
    herd.away.store(true, Ordering::SeqCst);
    node.post(&nina, "Doors at nine").await;
    settle(&[&node]).await;
    let failed = node
        .count("SELECT COUNT(*) AS n FROM nodes WHERE failures = 1")
        .await;
    assert_eq!(
        usize::try_from(failed).unwrap(),
        count,
        "all of them failed"
    );
    let mut again = next_attempts(&node).await;
    let wide = again[count - 1] - again[0];
    again.dedup();
    assert!(again.len() > count / 2, "{} moments", again.len());
    assert!(wide > 2_000, "spread over {wide} ms");
    // All of them at once, which chance would not bring about.
    sql("UPDATE nodes SET next_attempt_at = 0")
        .run(node.db())
        .await
        .unwrap();
    herd.away.store(false, Ordering::SeqCst);
    send_all(&node, &herd, count).await;
    let most = herd.most.swap(0, Ordering::SeqCst);
    assert!(
        (2..=8).contains(&most),
        "{most} of those that failed at a time"
    );
    assert_eq!(herd.taken.swap(0, Ordering::SeqCst), count, "each once");
    // Now they are well, and get the next one beside each other.
    node.post(&nina, "Doors are open").await;
    send_all(&node, &herd, count).await;
    let most = herd.most.load(Ordering::SeqCst);
    assert!((9..=64).contains(&most), "{most} at a time");
    assert_eq!(herd.taken.load(Ordering::SeqCst), count, "each once");
    balance(&[&node]).await;
}

/// F20: a flood of what is valid, wrongly signed, from nobody and large: memory stays small, few keys are fetched, what
/// was taken has its effect, and people are answered meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_loses_nothing_that_was_taken() {
    let count = u32::try_from(rounds(1_200, 300_000)).unwrap();
    let mut net = Net::real_time();
    let honest = Peer::start(&mut net, "honest.test").await;
    let evil = Peer::start(&mut net, "evil.test").await;
    let folder = tempfile::tempdir().unwrap();
    let house = Process::start(folder.path(), "here.test", net.hosts(), &[]).await;
    let ana = Member::new(&house, "ana");
    let friend = honest.actor("friend");
    let follow = honest.activity("Follow", &friend, 1, json!("http://here.test/users/ana"));
    let sign = |peer: &Peer, actor: &str, body: &[u8]| {
        peer.sign(&format!("{actor}#main-key"), "here.test", "/inbox", body)
    };
    let body = follow.to_string().into_bytes();
    let headers = sign(&honest, &friend, &body);
    assert_eq!(house.post("/inbox", headers, body).await, 202);
    house.forget_peak();
    let large = vec![b'x'; 1 << 20];
    let request = |number: u32| {
        let (peer, actor) = match number % 4 {
            0 => (&honest, friend.clone()),
            1 => (&evil, friend.clone()),
            kind => (&evil, evil.at(&format!("/users/nobody{number}-{kind}"))),
        };
        let body = if number % 4 == 3 {
            large.clone()
        } else {
            let mut note = honest.note(&actor, 10_000 + number, &format!("flood {number}"));
            note["cc"] = json!(["http://here.test/users/ana"]);
            note["tag"] = json!([{"type": "Mention", "href": "http://here.test/users/ana"}]);
            let create = peer.activity("Create", &actor, 10_000 + number, note);
            create.to_string().into_bytes()
        };
        let headers = sign(peer, &actor, &body);
        let house = &house;
        async move { (number, house.post("/inbox", headers, body).await) }
    };
    let begun = Instant::now();
    let flood = futures_util::stream::iter(0..count)
        .map(request)
        .buffer_unordered(64)
        .collect::<Vec<_>>();
    let read = async {
        let mut slowest = Duration::ZERO;
        for _ in 0..20 {
            let asked = Instant::now();
            let answer = client()
                .get(house.at("/@ana"))
                .header("host", "here.test")
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), 200, "people are answered");
            slowest = slowest.max(asked.elapsed());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        slowest
    };
    let (statuses, slowest) = tokio::join!(flood, read);
    println!(
        "{count} in {:?}; the slowest page took {slowest:?}",
        begun.elapsed()
    );
    let mut taken = Vec::new();
    for (number, status) in statuses {
        match number % 4 {
            0 => assert!([202, 429, 503].contains(&status), "valid: {status}"),
            _ => assert!(
                [400, 401, 413, 429, 503].contains(&status),
                "{number}: {status}"
            ),
        }
        if status == 202 {
            taken.push(format!("flood {number}"));
        }
    }
    assert!(!taken.is_empty(), "what is valid comes through");
    let peak = house.memory("VmHWM");
    assert!(peak < 512 * 1_024, "{peak} kB");
    let fetches = evil.seen().len() + honest.seen().len();
    assert!(fetches < 400, "{fetches} fetches");
    let ledger = Ledger::open(
        &format!("sqlite:{}", house.data().join("afterparty.db").display()),
        &house.data(),
    )
    .await;
    ledger.drains(120).await;
    ledger.holds_once(&taken.into_iter().collect()).await;
    ledger.is_sound().await;
    drop(ana);
}
