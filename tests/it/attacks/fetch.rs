//! Fetching: documents, redirects and collections of hostile peers.

use std::time::Duration;

use afterparty::accounts;
use afterparty::relations::follows;
use serde_json::json;

use super::scene;
use crate::both;
use crate::support::peer::post_raw;
use crate::support::{Backend, Net, Peer, dns, settle};

both!(
    fetched_documents_speak_for_their_own_host,
    endless_and_huge_answers_are_cut,
);

async fn fetched_documents_speak_for_their_own_host(backend: Backend) {
    let s = scene(&backend).await;
    let look =
        async |address: &str| afterparty::federation::look_up::find(s.node.app(), address).await;
    // 33: media types that anybody could upload somewhere.
    let note = s.evil.note(&s.eve, 1, "uploaded");
    for media_type in [
        "application/json",
        "text/html",
        "text/plain",
        "application/ld+json",
    ] {
        s.evil
            .serve_at("/notes/1", 200, media_type, note.to_string().into_bytes());
        assert!(look(&s.evil.at("/notes/1")).await.is_err(), "{media_type}");
    }
    s.evil.serve_at(
        "/notes/1",
        200,
        "application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\"",
        note.to_string().into_bytes(),
    );
    assert!(look(&s.evil.at("/notes/1")).await.is_ok());
    // 34: an id on another host is asked there.
    let stolen = s.victim.note(&s.vic, 9, "put in the mouth");
    s.evil.serve_at(
        "/notes/9",
        200,
        "application/activity+json",
        stolen.to_string().into_bytes(),
    );
    assert!(look(&s.evil.at("/notes/9")).await.is_err());
    assert!(
        s.node
            .post_by_uri(stolen["id"].as_str().unwrap())
            .await
            .is_none()
    );
    // 38: a collection that never ends.
    let mut loops = s.evil.actor_document("looper");
    loops["outbox"] = json!(s.evil.at("/loop"));
    s.evil.serve(&loops);
    let endless = json!({"id": s.evil.at("/loop"), "type": "OrderedCollection", "first": s.evil.at("/loop"), "next": s.evil.at("/loop"), "orderedItems": [], "totalItems": "many"});
    s.evil.serve(&endless);
    let fan = s.node.sign_up("fan").await;
    let looper = s.evil.at("/users/looper");
    s.node.follow(&fan, &looper).await;
    settle(&[&s.node]).await;
    s.evil.forget();
    let asked = follows::local_follows_of(
        s.node.app(),
        accounts::find_by_uri(s.node.app(), &looper)
            .await
            .unwrap()
            .unwrap()
            .id,
    )
    .await
    .unwrap();
    s.evil
        .send(
            &s.node,
            &s.evil.activity("Accept", &looper, 1, json!(asked[0].0.uri)),
        )
        .await;
    settle(&[&s.node]).await;
    assert!(
        s.evil
            .seen()
            .iter()
            .filter(|seen| seen.path == "/loop")
            .count()
            <= 10
    );
    // The same in two steps, with numbers that are none, and with far too many items at once.
    let (one, two) = (s.evil.at("/one"), s.evil.at("/two"));
    s.evil.serve(&json!({"id": one, "type": "OrderedCollection", "first": two, "last": two, "next": two, "totalItems": 9_223_372_036_854_775_808_u64}));
    s.evil.serve(&json!({"id": two, "type": "OrderedCollectionPage", "next": one, "totalItems": -1, "orderedItems": vec![s.evil.at("/nothing"); 5000]}));
    let mut cycles = s.evil.actor_document("cycler");
    cycles["outbox"] = json!(one);
    s.evil.serve(&cycles);
    let cycler = node_account(&s, "/users/cycler").await;
    s.evil.forget();
    afterparty::federation::backfill::account(s.node.app(), cycler.id)
        .await
        .unwrap();
    let pages = s.evil.seen();
    assert!(pages.len() <= 60, "{} requests", pages.len());
    assert!(
        pages
            .iter()
            .filter(|seen| ["/one", "/two"].contains(&&*seen.path))
            .count()
            <= 10
    );
    // 39: a chain of answers that goes on and on.
    for number in 100..130 {
        let mut link = s.evil.note(&s.eve, number, "and on");
        link["inReplyTo"] = json!(s.evil.at(&format!("/notes/{}", number + 1)));
        s.evil.serve(&link);
    }
    let mut first = s.evil.note(&s.eve, 99, "it goes on");
    first["to"] = json!([fan.uri]);
    first["inReplyTo"] = json!(s.evil.at("/notes/100"));
    s.evil.forget();
    assert_eq!(
        s.evil
            .send(&s.node, &s.evil.activity("Create", &s.eve, 390, first))
            .await,
        202
    );
    settle(&[&s.node]).await;
    let fetched = s
        .evil
        .seen()
        .iter()
        .filter(|seen| seen.path.starts_with("/notes/"))
        .count();
    assert!((1..=5).contains(&fetched), "{fetched} fetches");
}

async fn endless_and_huge_answers_are_cut(backend: Backend) {
    let s = scene(&backend).await;
    // 37: ten megabytes where a document may have one.
    let huge = format!(
        "{{\"id\":\"{}\",\"pad\":\"{}\"}}",
        s.evil.at("/huge"),
        "x".repeat(10 << 20)
    );
    s.evil
        .serve_at("/huge", 200, "application/activity+json", huge.into_bytes());
    assert!(
        afterparty::federation::look_up::find(s.node.app(), &s.evil.at("/huge"))
            .await
            .is_err()
    );
    // 42: a body over the limit is refused by its announced length.
    let body = vec![b' '; (1 << 20) + 1];
    assert_eq!(
        post_raw(
            &s.node,
            "/inbox",
            s.evil.sign(&s.key(), "here.test", "/inbox", &body),
            body
        )
        .await,
        413
    );
    let body = vec![b' '; 1 << 20];
    assert_ne!(
        post_raw(
            &s.node,
            "/inbox",
            s.evil.sign(&s.key(), "here.test", "/inbox", &body),
            body
        )
        .await,
        413
    );
    assert_eq!(s.node.get("/healthz", &[]).await.status(), 200);
}

async fn node_account(s: &super::Scene, path: &str) -> accounts::Account {
    let found = afterparty::federation::look_up::find(s.node.app(), &s.evil.at(path)).await;
    match found.unwrap() {
        afterparty::federation::objects::Found::Account(account) => account,
        afterparty::federation::objects::Found::Post(_) => panic!("{path} is a post"),
    }
}

/// 39: every name under a domain leads to the attacker; whatever an activity refers to, it causes at most
/// five requests: its key, its thread, its mentions, its quote and the homes of everybody in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_activity_causes_at_most_five_requests() {
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let evil = Peer::start(&mut net, "evil.test").await;
    let port = net.address("evil.test").port();
    let resolver = dns::start(|_, six| {
        if six {
            Vec::new()
        } else {
            vec!["127.0.0.1".parse().unwrap()]
        }
    })
    .await
    .to_string();
    let node = net
        .node(
            "here.test",
            &Backend::Sqlite,
            listener,
            &[("federation.dns", &resolver)],
        )
        .await;
    let nina = node.host("nina").await;
    let host = |n: u32| format!("http://h{n}.wild.test:{port}");
    for n in 0..40 {
        // A person, a post of theirs and their collections, each on a host of its own.
        let actor = format!("{}/users/a{n}", host(n));
        let mut document = evil.actor_document(&format!("a{n}"));
        document["id"] = json!(actor);
        document["inbox"] = json!(format!("{actor}/inbox"));
        document["endpoints"] = json!({});
        document["featured"] = json!(format!("{actor}/featured"));
        document["publicKey"]["id"] = json!(format!("{actor}#main-key"));
        document["publicKey"]["owner"] = json!(actor);
        evil.serve_at(
            &format!("/users/a{n}"),
            200,
            "application/activity+json",
            document.to_string().into_bytes(),
        );
        let note = json!({"id": format!("{}/notes/{n}", host(n)), "type": "Note", "attributedTo": actor, "content": "and on",
            "inReplyTo": format!("{}/notes/{}", host(n + 1), n + 1), "quote": format!("{}/notes/{}", host(n + 2), n + 2),
            "to": ["https://www.w3.org/ns/activitystreams#Public"],
            "tag": (0..40).map(|m| json!({"type": "Mention", "href": format!("{}/users/a{m}", host(m)), "name": format!("@a{m}@h{m}.wild.test")})).collect::<Vec<_>>()});
        evil.serve_at(
            &format!("/notes/{n}"),
            200,
            "application/activity+json",
            note.to_string().into_bytes(),
        );
    }
    let actor = format!("{}/users/a0", host(0));
    let mut note = json!({"id": format!("{}/first", host(0)), "type": "Note", "attributedTo": actor, "content": "it begins",
        "inReplyTo": format!("{}/notes/1", host(1)), "quote": format!("{}/notes/2", host(2)), "to": [nina.uri],
        "tag": (1..40).map(|m| json!({"type": "Mention", "href": format!("{}/users/a{m}", host(m)), "name": format!("@a{m}@h{m}.wild.test:{port}")})).collect::<Vec<_>>()});
    note["cc"] = json!(
        (1..40)
            .map(|m| format!("{}/users/a{m}", host(m)))
            .collect::<Vec<_>>()
    );
    let create = json!({"id": format!("{}/create", host(0)), "type": "Create", "actor": actor, "object": note, "to": [nina.uri]});
    let body = create.to_string().into_bytes();
    let headers = evil.sign(&format!("{actor}#main-key"), "here.test", "/inbox", &body);
    assert_eq!(post_raw(&node, "/inbox", headers, body).await, 202);
    settle(&[&node]).await;
    net.clock.advance(Duration::from_secs(7 * 86_400));
    settle(&[&node]).await;
    assert!(
        node.post_by_uri(&format!("{}/first", host(0)))
            .await
            .is_some()
    );
    let seen: Vec<String> = evil.seen().into_iter().map(|seen| seen.path).collect();
    assert!((2..=5).contains(&seen.len()), "{seen:?}");
}

/// 36: who hangs or drips is cut, and the worker is free again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_peers_are_left_within_their_time() {
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    for (name, drips) in [("slow.test", true), ("hang.test", false)] {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        net.name(name, socket.local_addr().unwrap());
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((stream, _)) = socket.accept().await {
                held.push(tokio::spawn(keep_waiting(stream, drips)));
            }
        });
    }
    let node = net.node("here.test", &Backend::Sqlite, listener, &[]).await;
    let begun = std::time::Instant::now();
    let look = async |host: &str| {
        let address = format!("http://{host}/users/eve");
        afterparty::federation::look_up::find(node.app(), &address).await
    };
    let (slow, hang) = tokio::join!(look("slow.test"), look("hang.test"));
    assert!(slow.is_err() && hang.is_err());
    assert!(
        begun.elapsed() < Duration::from_secs(31),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(node.get("/healthz", &[]).await.status(), 200);
}

/// Takes a request and never ends its answer, or never begins it.
async fn keep_waiting(mut stream: tokio::net::TcpStream, drips: bool) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let _ = stream.read(&mut [0; 4096]).await;
    if !drips {
        std::future::pending::<()>().await;
    }
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/activity+json\r\ncontent-length: 1000000\r\n\r\n").await;
    while stream.write_all(b" ").await.is_ok() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
