//! Attacks on memory, against the program as a process of its own.

use std::io::Write as _;

use serde_json::json;

use crate::support::{Net, Peer, Process};

/// 37, 41, 45: bombs of all kinds leave the process alive and small.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bombs_leave_the_process_small() {
    let mut net = Net::real_time();
    let evil = Peer::start(&mut net, "evil.test").await;
    let folder = tempfile::tempdir().unwrap();
    let mut node = Process::start(folder.path(), "here.test", net.hosts(), &[]).await;
    let eve = evil.actor("eve");
    // A first request warms what stays: the pool, the keys, the allocator.
    let follow = evil.activity("Follow", &eve, 1, json!("http://here.test/users/nobody"));
    let body = follow.to_string().into_bytes();
    let key = format!("{eve}#main-key");
    let headers = evil.sign(&key, "here.test", "/inbox", &body);
    assert_eq!(node.post("/inbox", headers, body).await, 202);
    // 37: a hundred megabytes as they are, and as a tenth of a megabyte that unfolds to them.
    let huge = vec![b' '; 100 << 20];
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&huge).unwrap();
    evil.serve_at("/users/huge", 200, "application/activity+json", huge);
    evil.serve_packed(
        "/users/bomb",
        "application/activity+json",
        packed.finish().unwrap(),
    );
    let before = node.memory("VmRSS");
    node.forget_peak();
    for name in ["huge", "bomb"] {
        let actor = evil.at(&format!("/users/{name}"));
        let body = evil
            .activity(
                "Follow",
                &actor,
                370,
                json!("http://here.test/users/nobody"),
            )
            .to_string()
            .into_bytes();
        let headers = evil.sign(&format!("{actor}#main-key"), "here.test", "/inbox", &body);
        assert_eq!(node.post("/inbox", headers, body).await, 401, "{name}");
    }
    let grown = node.memory("VmHWM") - before;
    assert!(grown <= 8 << 10, "fetching grew by {grown} kB");
    // 41: what is deep, long or wide in a megabyte.
    let bodies = [
        format!("{}{}", "[".repeat(200_000), "]".repeat(200_000)),
        format!(
            "{{\"actor\":\"{eve}\",\"tag\":[{}]}}",
            vec!["1"; 500_000].join(",")
        ),
        format!(
            "{{\"actor\":\"{eve}\",\"tag\":[{}]}}",
            vec!["{}"; 300_000].join(",")
        ),
        format!(
            "{{{}}}",
            (0..70_000)
                .map(|n| format!("\"k{n}\":{n}"))
                .collect::<Vec<_>>()
                .join(",")
        ),
    ];
    let before = node.memory("VmRSS");
    for round in 0..5 {
        for body in &bodies {
            let body = body.as_bytes()[..body.len().min(1 << 20)].to_vec();
            let headers = evil.sign(&key, "here.test", "/inbox", &body);
            let status = node.post("/inbox", headers, body).await;
            assert!((400..500).contains(&status), "{status} in round {round}");
        }
    }
    let grown = node.memory("VmRSS") - before;
    assert!(grown <= 24 << 10, "twenty bodies left {grown} kB behind");
    assert!(node.is_alive());
}
