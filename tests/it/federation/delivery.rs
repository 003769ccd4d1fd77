//! Peers that are dead, slow or say no: the clock belongs to the host, nothing is lost, nothing is sent twice.

use std::time::Duration;

use afterparty::kernel::db::sql;
use afterparty::nodes::{self, health};
use afterparty::posts::remove;
use serde_json::{Value, json};

use crate::both;
use crate::support::node::{ok, text};
use crate::support::{Backend, Net, Peer, TestNode, balance, settle};

both!(
    a_dead_peer_gets_everything_in_order_once_it_is_back,
    retry_after_is_honoured,
    a_refused_activity_is_given_up_and_others_flow,
    a_peer_that_wants_the_newer_signatures_gets_them,
    a_delete_cancels_a_create_that_was_never_sent,
    the_operator_retries_and_gives_up,
    what_was_given_up_is_shown_by_host,
    a_repeated_activity_has_one_effect,
    a_silent_week_suspends_and_a_word_resumes,
    an_unknown_signature_is_given_up_after_a_day,
    what_was_forbidden_holds_nothing_back,
    what_a_program_does_not_know_is_the_rows_fault,
    a_new_inbox_gets_what_the_old_one_refused,
    a_peer_that_announces_newer_signatures_gets_them_at_once,
);

/// A node, a peer with one follower of `nina`.
async fn with_follower(backend: &Backend) -> (Net, TestNode, Peer) {
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let peer = Peer::start(&mut net, "peer.test").await;
    let node = net.node("here.test", backend, listener, &[]).await;
    let nina = node.host("nina").await;
    let friend = peer.actor("friend");
    assert_eq!(
        peer.send(&node, &peer.activity("Follow", &friend, 1, nina.uri.into()))
            .await,
        202
    );
    settle(&[&node]).await;
    assert_eq!(peer.received("Accept").len(), 1);
    peer.forget();
    (net, node, peer)
}

async fn a_dead_peer_gets_everything_in_order_once_it_is_back(backend: Backend) {
    let (net, node, peer) = with_follower(&backend).await;
    let nina = node.account("nina").await;
    peer.answer_inbox(503, &[]);
    for n in 0..5 {
        node.post(&nina, &format!("post {n}")).await;
        net.clock.advance(Duration::from_millis(5));
    }
    settle(&[&node]).await;
    assert_eq!(
        peer.received("Create").len(),
        1,
        "after one failure the host waits, with everything behind it"
    );
    let known = nodes::find(node.app(), "peer.test").await.unwrap().unwrap();
    assert_eq!(known.failures, 1);
    assert!(known.last_error.unwrap().contains("503"));
    let mut last = known.next_attempt_at;
    for expected in [60_u64, 300, 1800] {
        net.clock
            .advance(last.since(node.app().clock.now()) + Duration::from_millis(1));
        settle(&[&node]).await;
        let now = node.app().clock.now();
        last = nodes::find(node.app(), "peer.test")
            .await
            .unwrap()
            .unwrap()
            .next_attempt_at;
        let wait = last.since(now).as_secs();
        assert!(
            wait >= expected * 3 / 4 - 1 && wait <= expected * 5 / 4 + 1,
            "{wait} s, expected about {expected}"
        );
    }
    peer.answer_inbox(202, &[]);
    peer.forget();
    net.clock.advance(Duration::from_secs(3 * 86_400));
    settle(&[&node]).await;
    let texts: Vec<String> = peer
        .received("Create")
        .iter()
        .map(|create| create["object"]["content"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        texts,
        (0..5)
            .map(|n| format!("<p>post {n}</p>"))
            .collect::<Vec<_>>()
    );
    assert_eq!(node.count("SELECT COUNT(*) AS n FROM deliveries").await, 0);
    assert_eq!(
        nodes::find(node.app(), "peer.test")
            .await
            .unwrap()
            .unwrap()
            .failures,
        0
    );
    balance(&[&node]).await;
}

async fn retry_after_is_honoured(backend: Backend) {
    let (net, node, peer) = with_follower(&backend).await;
    let nina = node.account("nina").await;
    peer.answer_inbox(429, &[("retry-after", "7200")]);
    node.post(&nina, "patience").await;
    settle(&[&node]).await;
    net.clock.advance(Duration::from_secs(7100));
    settle(&[&node]).await;
    assert_eq!(peer.received("Create").len(), 1);
    peer.answer_inbox(202, &[]);
    net.clock.advance(Duration::from_secs(200));
    settle(&[&node]).await;
    assert_eq!(peer.received("Create").len(), 2);
    // An absurd wish is cut to a day.
    peer.answer_inbox(503, &[("retry-after", "1000000000")]);
    node.post(&nina, "more patience").await;
    settle(&[&node]).await;
    let next = nodes::find(node.app(), "peer.test")
        .await
        .unwrap()
        .unwrap()
        .next_attempt_at;
    assert_eq!(next.since(node.app().clock.now()).as_secs(), 86_400);
    balance(&[&node]).await;
}

async fn a_refused_activity_is_given_up_and_others_flow(backend: Backend) {
    let (net, node, peer) = with_follower(&backend).await;
    let nina = node.account("nina").await;
    peer.answer_inbox(422, &[]);
    node.post(&nina, "unwanted").await;
    settle(&[&node]).await;
    assert_eq!(
        node.count("SELECT COUNT(*) AS n FROM deliveries WHERE dead_at IS NOT NULL")
            .await,
        1,
        "kept for the operator to see"
    );
    peer.answer_inbox(403, &[]);
    node.post(&nina, "forbidden").await;
    for _ in 0..4 {
        settle(&[&node]).await;
        net.clock.advance(Duration::from_secs(61));
    }
    assert_eq!(
        peer.received("Create")
            .iter()
            .filter(|create| create["object"]["content"] == "<p>forbidden</p>")
            .count(),
        3,
        "three tries"
    );
    peer.answer_inbox(202, &[]);
    peer.forget();
    node.post(&nina, "welcome").await;
    settle(&[&node]).await;
    assert_eq!(peer.received("Create").len(), 1);
    balance(&[&node]).await;
}

async fn a_peer_that_wants_the_newer_signatures_gets_them(backend: Backend) {
    let (_, node, peer) = with_follower(&backend).await;
    let nina = node.account("nina").await;
    peer.answer_inbox(401, &[]);
    node.post(&nina, "knock knock").await;
    settle(&[&node]).await;
    let knocks = peer.seen();
    let knocks: Vec<bool> = knocks
        .iter()
        .filter(|seen| seen.method == "POST")
        .map(|seen| seen.headers.contains_key("signature-input"))
        .collect();
    assert_eq!(
        knocks,
        [false, true],
        "the older form first, the newer one right after"
    );
    balance(&[&node]).await;
}

async fn a_delete_cancels_a_create_that_was_never_sent(backend: Backend) {
    let (net, node, peer) = with_follower(&backend).await;
    let nina = node.account("nina").await;
    peer.answer_inbox(503, &[]);
    node.post(&nina, "first").await;
    settle(&[&node]).await;
    let regretted = node.post(&nina, "regretted").await;
    settle(&[&node]).await;
    remove::delete(node.app(), &nina, regretted.id)
        .await
        .unwrap();
    settle(&[&node]).await;
    peer.answer_inbox(202, &[]);
    peer.forget();
    net.clock.advance(Duration::from_secs(3600));
    settle(&[&node]).await;
    assert_eq!(peer.received("Create").len(), 1);
    assert_eq!(
        peer.received("Create")[0]["object"]["content"],
        "<p>first</p>"
    );
    assert_eq!(
        peer.received("Delete").len(),
        0,
        "what never left has no end"
    );
    balance(&[&node]).await;
}

async fn the_operator_retries_and_gives_up(backend: Backend) {
    let (_, node, peer) = with_follower(&backend).await;
    let nina = node.account("nina").await;
    peer.answer_inbox(503, &[]);
    node.post(&nina, "waiting").await;
    settle(&[&node]).await;
    let id = nodes::find(node.app(), "peer.test")
        .await
        .unwrap()
        .unwrap()
        .id;
    peer.answer_inbox(202, &[]);
    let mut tx = node.app().db.begin().await.unwrap();
    health::retry(&mut tx, id).await.unwrap();
    tx.commit().await.unwrap();
    settle(&[&node]).await;
    assert_eq!(peer.received("Create").len(), 2);
    peer.answer_inbox(503, &[]);
    node.post(&nina, "never mind").await;
    settle(&[&node]).await;
    let mut tx = node.app().db.begin().await.unwrap();
    let host = health::give_up(&mut tx, id).await.unwrap();
    assert_eq!(host.as_deref(), Some("peer.test"));
    tx.commit().await.unwrap();
    assert_eq!(node.count("SELECT COUNT(*) AS n FROM deliveries").await, 0);
    balance(&[&node]).await;
}

async fn a_repeated_activity_has_one_effect(backend: Backend) {
    let (_, node, peer) = with_follower(&backend).await;
    let nina = node.account("nina").await;
    let post = node.post(&nina, "like me").await;
    settle(&[&node]).await;
    let friend = peer.at("/users/friend");
    let like = peer.activity("Like", &friend, 7, json!(post.uri));
    for path in ["/inbox", "/inbox", "/users/nina/inbox", "/inbox"] {
        assert_eq!(peer.send_to(&node, path, &like).await, 202);
    }
    settle(&[&node]).await;
    assert_eq!(
        node.post_by_uri(&post.uri).await.unwrap().favourites_count,
        1
    );
    let mut notices = node.notices_of("nina").await;
    notices.sort_unstable();
    assert_eq!(notices, ["favourite", "follow"]);
    assert_eq!(
        node.outcome(like["id"].as_str().unwrap()).await.as_deref(),
        Some("done")
    );
    balance(&[&node]).await;
}

async fn a_silent_week_suspends_and_a_word_resumes(backend: Backend) {
    let (net, node, peer) = with_follower(&backend).await;
    let nina = node.account("nina").await;
    peer.answer_inbox(503, &[]);
    node.post(&nina, "anybody there?").await;
    for _ in 0..20 {
        settle(&[&node]).await;
        net.clock.advance(Duration::from_secs(43_200));
    }
    settle(&[&node]).await;
    assert!(
        nodes::find(node.app(), "peer.test")
            .await
            .unwrap()
            .unwrap()
            .suspended_at
            .is_some()
    );
    peer.answer_inbox(202, &[]);
    peer.forget();
    net.clock.advance(Duration::from_secs(86_400));
    settle(&[&node]).await;
    assert!(
        peer.received("Create").is_empty(),
        "nothing is sent to a suspended node"
    );
    let friend = peer.at("/users/friend");
    let post = node.post(&nina, "more").await;
    assert_eq!(
        peer.send(&node, &peer.activity("Like", &friend, 9, json!(post.uri)))
            .await,
        202
    );
    settle(&[&node]).await;
    assert_eq!(
        peer.received("Create").len(),
        2,
        "it was heard of, so everything goes"
    );
    balance(&[&node]).await;
}

async fn an_unknown_signature_is_given_up_after_a_day(backend: Backend) {
    let (net, node, peer) = with_follower(&backend).await;
    let nina = node.account("nina").await;
    peer.answer_inbox(401, &[]);
    node.post(&nina, "who are you?").await;
    let dead = "SELECT COUNT(*) AS n FROM deliveries WHERE dead_at IS NOT NULL";
    for _ in 0..8 {
        settle(&[&node]).await;
        net.clock.advance(Duration::from_secs(3 * 3600));
        assert_eq!(node.count(dead).await, 0, "not before a day is over");
    }
    for _ in 0..4 {
        net.clock.advance(Duration::from_secs(12 * 3600));
        settle(&[&node]).await;
    }
    assert_eq!(node.count(dead).await, 1);
    let known = nodes::find(node.app(), "peer.test").await.unwrap().unwrap();
    assert!(known.suspended_at.is_none());
    balance(&[&node]).await;
}

async fn what_was_forbidden_holds_nothing_back(backend: Backend) {
    let (net, node, peer) = with_follower(&backend).await;
    let nina = node.account("nina").await;
    let texts = || -> Vec<String> {
        let created = peer.received("Create");
        let text = |create: &Value| create["object"]["content"].as_str().unwrap().to_owned();
        created.iter().map(text).collect()
    };
    peer.answer_inbox(403, &[]);
    node.post(&nina, "one").await;
    settle(&[&node]).await;
    peer.answer_inbox(202, &[]);
    peer.forget();
    net.clock.advance(Duration::from_millis(5));
    node.post(&nina, "two").await;
    settle(&[&node]).await;
    assert_eq!(texts(), ["<p>two</p>"], "it does not wait");
    net.clock.advance(Duration::from_secs(61));
    settle(&[&node]).await;
    assert_eq!(texts(), ["<p>two</p>", "<p>one</p>"], "it is tried again");
    balance(&[&node]).await;
}

/// A program that breaks down at a type it does not know is well otherwise.
async fn what_a_program_does_not_know_is_the_rows_fault(backend: Backend) {
    let (net, node, peer) = with_follower(&backend).await;
    let nina = node.account("nina").await;
    for (round, kind) in ["QuoteRequest", "Move", "Flag", "EmojiReact"]
        .into_iter()
        .enumerate()
    {
        let inbox = sql("SELECT inbox_id, inboxes.node_id FROM accounts JOIN inboxes ON inboxes.id = inbox_id WHERE name = 'friend'")
            .one(node.db())
            .await
            .unwrap();
        let id = i64::try_from(round).unwrap() + 1;
        let uri = format!("{}/{kind}", nina.uri);
        sql("INSERT INTO activities (id, uri, account_id, kind, object_uri, body, digest, created_at) VALUES ($1, $2, $3, $4, $2, $5, '', 1)")
            .bind(id)
            .bind(&uri)
            .bind(nina.id)
            .bind(kind)
            .bind(json!({"id": uri, "type": kind, "actor": nina.uri}).to_string())
            .run(node.db())
            .await
            .unwrap();
        sql("INSERT INTO deliveries (activity_id, inbox_id, node_id) VALUES ($1, $2, $3)")
            .bind(id)
            .bind(inbox.get::<i64>("inbox_id").unwrap())
            .bind(inbox.get::<i64>("node_id").unwrap())
            .run(node.db())
            .await
            .unwrap();
        peer.answer_inbox(500, &[]);
        settle(&[&node]).await;
        peer.answer_inbox(202, &[]);
        peer.forget();
        node.post(&nina, kind).await;
        settle(&[&node]).await;
        assert_eq!(peer.received("Create").len(), 1, "{kind} holds nothing up");
        assert_eq!(
            node.count("SELECT COUNT(*) AS n FROM nodes WHERE failures > 0")
                .await,
            0
        );
        net.clock.advance(Duration::from_secs(61));
        settle(&[&node]).await;
        assert_eq!(peer.received(kind).len(), 1, "{kind} is tried again");
    }
}

async fn a_new_inbox_gets_what_the_old_one_refused(backend: Backend) {
    let (_, node, peer) = with_follower(&backend).await;
    let nina = node.account("nina").await;
    let mut moved = peer.actor_document("friend");
    moved["endpoints"]["sharedInbox"] = json!(peer.at("/new-inbox"));
    moved["inbox"] = json!(peer.at("/new-inbox"));
    peer.serve(&moved);
    peer.answer_one_inbox("/inbox", 410);
    node.post(&nina, "where are you?").await;
    settle(&[&node]).await;
    let posts: Vec<String> = peer
        .seen()
        .into_iter()
        .filter(|seen| seen.method == "POST")
        .map(|seen| seen.path)
        .collect();
    assert_eq!(posts, ["/inbox", "/new-inbox"]);
    // Where nobody has another inbox, it is given up, for the operator to see.
    peer.answer_one_inbox("/new-inbox", 404);
    node.post(&nina, "gone?").await;
    settle(&[&node]).await;
    let waiting = "SELECT COUNT(*) AS n FROM deliveries WHERE dead_at IS NULL";
    assert_eq!(node.count(waiting).await, 0);
    // The actor itself is gone: its follow ends, and nothing is sent any more.
    peer.serve_at("/users/friend", 410, "text/plain", Vec::new());
    node.post(&nina, "farewell").await;
    settle(&[&node]).await;
    assert!(node.followers_of("nina").await.is_empty());
    balance(&[&node]).await;
}

async fn a_peer_that_announces_newer_signatures_gets_them_at_once(backend: Backend) {
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let peer = Peer::start(&mut net, "peer.test").await;
    let node = net.node("here.test", &backend, listener, &[]).await;
    let nina = node.host("nina").await;
    let mut document = peer.actor_document("friend");
    document["generator"] = json!({"type": "Application", "implements": [
        {"href": "https://datatracker.ietf.org/doc/html/rfc9421", "name": "RFC 9421"}]});
    peer.serve(&document);
    let friend = peer.at("/users/friend");
    let follow = peer.activity("Follow", &friend, 1, nina.uri.clone().into());
    assert_eq!(peer.send(&node, &follow).await, 202);
    settle(&[&node]).await;
    let input = |peer: &Peer| {
        let last = peer.seen().into_iter().rfind(|seen| seen.method == "POST");
        let headers = last.unwrap().headers;
        headers
            .get("signature-input")
            .map(|value| value.to_str().unwrap().to_owned())
    };
    assert!(input(&peer).unwrap().contains("alg=\"rsa-v1_5-sha256\""));
    // With Ed25519 it gets the key that is cheap to sign with.
    document["generator"]["implements"] = json!([
        {"href": "https://datatracker.ietf.org/doc/html/rfc9421#section-3.3.6", "name": "EdDSA"}]);
    peer.serve(&document);
    let update = peer.activity("Update", &friend, 2, document);
    assert_eq!(peer.send(&node, &update).await, 202);
    settle(&[&node]).await;
    node.post(&nina, "cheaply signed").await;
    settle(&[&node]).await;
    let ed25519 = input(&peer).unwrap();
    assert!(ed25519.contains("alg=\"ed25519\"") && ed25519.contains("#ed25519-key"));
    // What it refuses once, it is spared for a week.
    peer.forget();
    peer.answer_inbox(401, &[]);
    node.post(&nina, "refused").await;
    settle(&[&node]).await;
    let forms: Vec<bool> = peer
        .seen()
        .iter()
        .filter(|seen| seen.method == "POST")
        .map(|seen| seen.headers.contains_key("signature-input"))
        .collect();
    assert_eq!(forms, [true, false]);
    balance(&[&node]).await;
}

async fn what_was_given_up_is_shown_by_host(backend: Backend) {
    let (_net, node, peer) = with_follower(&backend).await;
    let nina = node.account("nina").await;
    let cookie = node.cookie(&nina).await;
    let page = async |path: &str| text(node.get(path, &[("cookie", &cookie)]).await).await;
    assert!(
        page("/operator/given-up")
            .await
            .contains("everything arrived")
    );
    // Refused once, while the host is well otherwise: the next one arrives.
    peer.answer_inbox(422, &[]);
    let refused = [
        node.post(&nina, "odd").await,
        node.post(&nina, "odder").await,
    ];
    settle(&[&node]).await;
    peer.answer_inbox(202, &[]);
    node.post(&nina, "fine").await;
    settle(&[&node]).await;
    // One that came could not be processed.
    let friend = peer.actor("friend");
    let note = peer.note(&friend, 7, "hello");
    let create = peer.activity("Create", &friend, 7, note);
    assert_eq!(peer.send(&node, &create).await, 202);
    sql("UPDATE received SET processed_at = 5, attempts = 8, outcome = 'given up: a reason' WHERE uri = $1")
        .bind(create["id"].as_str().unwrap())
        .run(node.db())
        .await
        .unwrap();
    let hosts = page("/operator/given-up").await;
    assert!(
        hosts.contains("peer.test") && hosts.contains("2 to them") && hosts.contains("1 from them"),
        "{hosts}"
    );
    let host = page("/operator/given-up/peer.test").await;
    assert!(
        host.contains("422") && host.contains("a reason") && host.contains("<b>Create</b>"),
        "{host}"
    );
    // One is tried again, one is given up for good, what came is tried again.
    peer.forget();
    let row = sql("SELECT activities.id, deliveries.inbox_id FROM activities JOIN deliveries ON deliveries.activity_id = activities.id WHERE activities.object_uri = $1")
        .bind(&refused[0].uri)
        .one(node.db())
        .await
        .unwrap();
    let (activity, inbox) = (
        row.get::<i64>("id").unwrap(),
        row.get::<i64>("inbox_id").unwrap(),
    );
    let (activity, inbox) = (activity.to_string(), inbox.to_string());
    let which = [("activity", &*activity), ("inbox", &*inbox)];
    ok(&node, "/operator/given-up/peer.test/retry", &cookie, &which).await;
    let received = sql("SELECT id FROM received WHERE body IS NOT NULL AND processed_at = 5")
        .one(node.db())
        .await
        .unwrap();
    let received = received.get::<i64>("id").unwrap().to_string();
    ok(
        &node,
        "/operator/given-up/peer.test/retry",
        &cookie,
        &[("received", &*received)],
    )
    .await;
    settle(&[&node]).await;
    let arrived = peer.received("Create");
    assert_eq!(arrived.len(), 1, "only the one");
    assert_eq!(arrived[0]["object"]["id"], *refused[0].uri);
    let came = node.outcome(create["id"].as_str().unwrap()).await.unwrap();
    assert!(!came.contains("given up"), "{came}");
    ok(&node, "/operator/given-up/peer.test/give-up", &cookie, &[]).await;
    assert!(
        page("/operator/given-up")
            .await
            .contains("everything arrived")
    );
    assert_eq!(node.count("SELECT COUNT(*) AS n FROM deliveries").await, 0);
    assert_eq!(
        node.count("SELECT COUNT(*) AS n FROM audit_log WHERE act LIKE 'node-%'")
            .await,
        3
    );
    // It is the operator's.
    let ana = node.sign_up("ana").await;
    let theirs = node.cookie(&ana).await;
    assert_eq!(
        node.get("/operator/given-up", &[("cookie", &theirs)])
            .await
            .status(),
        404
    );
    let answer = node
        .form("/operator/given-up/peer.test/retry", &theirs, &[])
        .await;
    assert_eq!(answer.status(), 404);
    balance(&[&node]).await;
}
