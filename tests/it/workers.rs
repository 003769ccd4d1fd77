//! Work in lanes: what waits for others stands in nobody's way, and order holds, also across processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use afterparty::app::App;
use afterparty::cli::open_with;
use afterparty::jobs::lanes::Lane;
use afterparty::jobs::{self, Job};
use afterparty::kernel::clock::{Clock, Time};
use afterparty::kernel::config;
use afterparty::kernel::db::{Db, sql};
use afterparty::kernel::html::to_text;
use afterparty::kernel::id::{AccountId, InboxId, NodeId};
use afterparty::relations::follows;
use afterparty::{posts, worker};
use serde_json::json;
use tokio::net::TcpListener;

use crate::both;
use crate::support::rows;
use crate::support::{Backend, Net, Peer, TestNode, balance, settle};

both!(
    a_hundred_silent_houses_hold_nobody_up,
    what_leaves_is_taken_by_one,
    a_job_that_somebody_else_took_is_theirs,
    what_one_sender_sent_is_processed_in_order,
    an_inbox_that_leads_elsewhere_loses_nothing,
    a_clock_that_jumped_leaves_nothing_behind,
    what_is_undone_before_it_comes_has_no_effect,
    a_like_waits_for_its_post,
);

/// A listener that takes connections and says nothing; how many it took.
async fn silent() -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let taken = count.clone();
    #[allow(
        clippy::disallowed_methods,
        reason = "the listener lives as long as its test"
    )]
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            taken.fetch_add(1, Ordering::SeqCst);
            held.push(connection);
        }
    });
    (address, count)
}

/// Work for a silent host, of eight kinds, one of them twice.
async fn work_for(node: &TestNode, nina: AccountId, number: i64) -> Vec<Job> {
    let host = format!("silent{number}.test");
    let id = 1_000 + number;
    let at = |path: &str| format!("http://{host}{path}");
    rows::stranger(node.db(), id, &host).await;
    let account = AccountId(id);
    vec![
        Job::FetchNodeInfo(NodeId(id)),
        Job::CheckHandle {
            account,
            fetches: 5,
        },
        Job::Backfill(account),
        Job::Refresh(account),
        Job::MendInbox(InboxId(id)),
        Job::SyncFollowers {
            account,
            url: at("/followers"),
            digest: "0".repeat(64),
        },
        Job::FollowHandle {
            account: nina,
            handle: format!("@x@{host}"),
        },
        Job::SendLeave {
            account: nina,
            house: host.clone(),
        },
        Job::FetchNodeInfo(NodeId(id)),
    ]
}

/// Until something is so, or ten seconds are over.
async fn until(is: impl AsyncFn() -> bool) -> Duration {
    let begun = Instant::now();
    while !is().await {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "it does not come"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    begun.elapsed()
}

/// Runs the loops of a node until the flag is raised.
fn start(app: &App) -> (Arc<AtomicBool>, impl Future<Output = ()> + use<>) {
    let stop = Arc::new(AtomicBool::new(false));
    let loops = worker::run(app.clone(), stop.clone());
    #[allow(clippy::disallowed_methods, reason = "it is waited for")]
    let loops = tokio::spawn(loops);
    (stop, async move { loops.await.unwrap() })
}

async fn a_hundred_silent_houses_hold_nobody_up(backend: Backend) {
    let mut net = Net::real_time();
    let (silent, taken) = silent().await;
    for number in 0..100 {
        net.name(&format!("silent{number}.test"), silent);
    }
    let listener = net.listen("here.test").await;
    let peer = Peer::start(&mut net, "peer.test").await;
    let node = net.node("here.test", &backend, listener, &[]).await;
    let nina = node.host("nina").await;
    let fan = node.sign_up("fan").await;
    let friend = peer.actor("friend");
    let follow = peer.activity("Follow", &friend, 1, nina.uri.clone().into());
    assert_eq!(peer.send(&node, &follow).await, 202);
    settle(&[&node]).await;
    let now = node.app().clock.now();
    let mut jobs_of_all = Vec::new();
    for number in 0..100 {
        jobs_of_all.extend(work_for(&node, nina.id, number).await);
    }
    let mut tx = node.db().begin().await.unwrap();
    for job in jobs_of_all {
        jobs::enqueue(&mut tx, now, job).await.unwrap();
    }
    tx.commit().await.unwrap();
    // And what arrives makes us ask them too.
    for number in 0..90_u32 {
        let mention = format!("http://silent{number}.test/users/y");
        let object = json!({
            "id": peer.at(&format!("/notes/{number}")), "type": "Note", "attributedTo": friend,
            "content": "Hello", "to": ["https://www.w3.org/ns/activitystreams#Public", nina.uri],
            "inReplyTo": format!("http://silent{number}.test/notes/1"),
            "tag": [{"type": "Mention", "href": mention, "name": "@y"}],
        });
        let create = peer.activity("Create", &friend, 100 + number, object);
        assert_eq!(peer.send(&node, &create).await, 202);
    }
    let (stop, ended) = start(node.app());
    until(async || taken.load(Ordering::SeqCst) >= 40).await;
    peer.forget();
    // What is ours goes on at once: a follow is told of, and a healthy host gets its post.
    follows::request(node.app(), &fan, &nina).await.unwrap();
    let told = until(async || node.notices_of("nina").await.contains(&"follow")).await;
    node.post(&nina, "Doors at nine").await;
    let sent = until(async || !peer.received("Create").is_empty()).await;
    let other = peer.actor("other");
    let follow = peer.activity("Follow", &other, 9, nina.uri.clone().into());
    assert_eq!(peer.send(&node, &follow).await, 202);
    let accepted = until(async || !peer.received("Accept").is_empty()).await;
    println!("told after {told:?}, sent after {sent:?}, accepted after {accepted:?}");
    let waiting = node
        .count("SELECT COUNT(*) AS n FROM jobs WHERE dead_at IS NULL AND attempts <= 1 AND kind = 'fetch_node_info'")
        .await;
    assert!(
        waiting > 100,
        "nothing of the silent ones is done: {waiting}"
    );
    stop.store(true, Ordering::SeqCst);
    drop(ended);
    balance(&[&node]).await;
}

async fn what_leaves_is_taken_by_one(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let now = node.app().clock.now();
    for version in 0..5 {
        let account = nina.id;
        jobs::enqueue(node.db(), now, Job::SendProfile { account, version })
            .await
            .unwrap();
    }
    let claim = async |lane| jobs::claim(node.db(), now, lane, 3).await.unwrap();
    let first = claim(Lane::Leaving).await;
    assert_eq!(first.len(), 3);
    assert!(claim(Lane::Leaving).await.is_empty(), "one after the other");
    assert!(claim(Lane::Local).await.is_empty() && claim(Lane::Network).await.is_empty());
    for job in &first {
        jobs::finish(node.db(), job).await.unwrap();
    }
    let second = claim(Lane::Leaving).await;
    assert_eq!(second.len(), 2);
    assert!(first.iter().all(|job| job.id < second[0].id));
}

/// What came of work is noted by whose it is.
async fn a_job_that_somebody_else_took_is_theirs(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let now = node.app().clock.now();
    jobs::enqueue(node.db(), now, Job::Refresh(nina.id))
        .await
        .unwrap();
    let late = now.plus(Duration::from_secs(120));
    let claim = async |now| {
        let mut taken = jobs::claim(node.db(), now, Lane::Network, 9).await.unwrap();
        taken.pop().unwrap()
    };
    let first = claim(now).await;
    assert!(jobs::renew(node.db(), now, &first).await.unwrap());
    let second = claim(late).await;
    assert_eq!(first.id, second.id);
    assert!(!jobs::renew(node.db(), late, &first).await.unwrap());
    jobs::give_back(node.db(), late, &first, "too late")
        .await
        .unwrap();
    jobs::finish(node.db(), &first).await.unwrap();
    assert!(jobs::renew(node.db(), late, &second).await.unwrap());
    jobs::finish(node.db(), &second).await.unwrap();
    assert_eq!(node.count("SELECT COUNT(*) AS n FROM jobs").await, 0);
}

/// A second process beside a node: the same database and key.
async fn beside(net: &Net, node: &TestNode, clock: Clock) -> (tempfile::TempDir, App) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir_all(&data).unwrap();
    for entry in std::fs::read_dir(node.folder.path().join("data")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, data.join(path.file_name().unwrap())).unwrap();
        }
    }
    let flags = net.flags("here.test", &data, &node.database);
    let settings = config::load(None, &[], &flags).unwrap().settings;
    let app = open_with(settings, clock, false).await.unwrap();
    (folder, app)
}

async fn turns(apps: &[&App]) {
    for _ in 0..300 {
        let all = apps.iter().map(|app| worker::turn(app));
        let busy = futures_util::future::join_all(all).await;
        if busy.into_iter().all(|busy| !busy.unwrap()) {
            return;
        }
    }
    panic!("they do not come to rest");
}

async fn what_one_sender_sent_is_processed_in_order(backend: Backend) {
    let (net, node, peer) = TestNode::with_peer(&backend, "peer.test").await;
    let nina = node.host("nina").await;
    let friend = peer.actor("friend");
    let note = |version: u32| {
        json!({
            "id": peer.at("/notes/1"), "type": "Note", "attributedTo": friend,
            "content": format!("version {version}"),
            "to": ["https://www.w3.org/ns/activitystreams#Public", nina.uri],
            "tag": [{"type": "Mention", "href": nina.uri, "name": "@nina"}],
        })
    };
    let create = peer.activity("Create", &friend, 1, note(0));
    assert_eq!(peer.send(&node, &create).await, 202);
    for version in 1..60 {
        let update = peer.activity("Update", &friend, 1 + version, note(version));
        assert_eq!(peer.send(&node, &update).await, 202);
    }
    let second = match node.db() {
        Db::Postgres(_) => Some(beside(&net, &node, net.clock.clone()).await),
        Db::Sqlite { .. } => None,
    };
    let mut apps = vec![node.app()];
    apps.extend(second.iter().map(|(_, app)| app));
    turns(&apps).await;
    let post = node.post_by_uri(&peer.at("/notes/1")).await.unwrap();
    assert_eq!(to_text(&post.html), "version 59");
    let seen = posts::edit::history(node.app(), post.id).await.unwrap();
    let seen: Vec<String> = seen.iter().map(|one| to_text(&one.html)).collect();
    let wanted: Vec<String> = (0..59)
        .map(|version| format!("version {version}"))
        .collect();
    assert_eq!(seen, wanted);
}

/// A node on PostgreSQL with a peer; nothing where there is none.
async fn on_postgres() -> Option<(Net, TestNode, Peer)> {
    let backend = Backend::postgres()?;
    Some(TestNode::with_peer(&backend, "peer.test").await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_send_in_order_and_once() {
    let Some((net, node, peer)) = on_postgres().await else {
        return;
    };
    let nina = node.host("nina").await;
    for name in ["one", "two", "three"] {
        let friend = peer.actor(name);
        let follow = peer.activity("Follow", &friend, 1, nina.uri.clone().into());
        assert_eq!(peer.send(&node, &follow).await, 202);
    }
    settle(&[&node]).await;
    peer.forget();
    let (_folder, other) = beside(&net, &node, net.clock.clone()).await;
    for number in 0..80 {
        node.post(&nina, &format!("post {number}")).await;
        net.clock.advance(Duration::from_millis(5));
    }
    turns(&[node.app(), &other]).await;
    let said: Vec<String> = peer
        .received("Create")
        .iter()
        .map(|create| to_text(create["object"]["content"].as_str().unwrap()))
        .collect();
    let wanted: Vec<String> = (0..80).map(|number| format!("post {number}")).collect();
    assert_eq!(said, wanted);
    balance(&[&node]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_ahead_goes_by_the_database() {
    let Some((net, node, _peer)) = on_postgres().await else {
        return;
    };
    let (_folder, app) = beside(&net, &node, Clock::ahead(60_000)).await;
    let off = |clock: &Clock| clock.now().0.abs_diff(Clock::system().now().0);
    assert!(off(&app.clock) < 2_000, "{}", off(&app.clock));
    // It is off again, as clocks get: the next look puts it right.
    app.clock.set(Time(app.clock.now().0 + 3_600_000));
    app.db.set_clock(&app.clock).await.unwrap();
    assert!(off(&app.clock) < 2_000, "{}", off(&app.clock));
}

/// A post and its answer, or its quote, that come in the same moment find each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_in_the_same_moment_finds_each_other() {
    let Some((net, node, peer)) = on_postgres().await else {
        return;
    };
    let nina = node.host("nina").await;
    let (_folder, other) = beside(&net, &node, net.clock.clone()).await;
    let (parents, answers) = (peer.actor("parents"), peer.actor("answers"));
    let note = |path: &str, by: &str, more: serde_json::Value| {
        let mut note = json!({
            "id": peer.at(path), "type": "Note", "attributedTo": by, "content": "Hello",
            "to": ["https://www.w3.org/ns/activitystreams#Public", nina.uri],
            "tag": [{"type": "Mention", "href": nina.uri, "name": "@nina"}],
        });
        note.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        note
    };
    for number in 0..40_u32 {
        let (parent, answer) = (format!("/p/{number}"), format!("/a/{number}"));
        let more = if number % 2 == 0 {
            json!({"inReplyTo": peer.at(&parent)})
        } else {
            json!({"quote": peer.at(&parent)})
        };
        let parent = note(&parent, &parents, json!({}));
        let answer = note(&answer, &answers, more);
        let sent = [
            peer.activity("Create", &parents, 1_000 + number, parent),
            peer.activity("Create", &answers, 2_000 + number, answer),
        ];
        for activity in &sent {
            assert_eq!(peer.send(&node, activity).await, 202);
        }
        turns(&[node.app(), &other]).await;
    }
    let alone = "SELECT COUNT(*) AS n FROM posts WHERE (in_reply_to_uri IS NOT NULL AND in_reply_to_id IS NULL) OR (quote_uri IS NOT NULL AND quote_of_id IS NULL)";
    assert_eq!(node.count("SELECT COUNT(*) AS n FROM posts").await, 80);
    assert_eq!(node.count(alone).await, 0);
}

/// Followers of the host on these silent hosts.
async fn silent_followers(node: &TestNode, nina: AccountId, count: i64) {
    for number in 0..count {
        let host = format!("silent{number}.test");
        rows::follower(node.db(), 1_000 + number, &host, nina).await;
    }
}

/// A hundred hosts that take connections and never answer delay nobody who does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_peers_do_not_delay_the_healthy() {
    let mut net = Net::real_time();
    let (silent, taken) = silent().await;
    for number in 0..100 {
        net.name(&format!("silent{number}.test"), silent);
    }
    let listener = net.listen("here.test").await;
    let peer = Peer::start(&mut net, "peer.test").await;
    let node = net.node("here.test", &Backend::Sqlite, listener, &[]).await;
    let nina = node.host("nina").await;
    silent_followers(&node, nina.id, 100).await;
    let friend = peer.actor("friend");
    let follow = peer.activity("Follow", &friend, 1, nina.uri.clone().into());
    assert_eq!(peer.send(&node, &follow).await, 202);
    settle(&[&node]).await;
    // The healthy one comes last.
    sql("UPDATE nodes SET next_attempt_at = 5 WHERE host = 'peer.test'")
        .run(node.db())
        .await
        .unwrap();
    peer.forget();
    let (stop, ended) = start(node.app());
    node.post(&nina, "Doors at nine").await;
    let sent = until(async || !peer.received("Create").is_empty()).await;
    assert!(taken.load(Ordering::SeqCst) >= 64, "many at a time");
    println!("sent after {sent:?}");
    stop.store(true, Ordering::SeqCst);
    drop(ended);
    balance(&[&node]).await;
}

/// A server that answers each request with these bytes, and hangs up; how many it got.
async fn odd(answer: &'static [u8]) -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let seen = count.clone();
    #[allow(
        clippy::disallowed_methods,
        reason = "the listener lives as long as its test"
    )]
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut asked = vec![0; 64 << 10];
            let _ = connection.read(&mut asked).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            seen.fetch_add(1, Ordering::SeqCst);
            let _ = connection.write_all(answer).await;
        }
    });
    (address, count)
}

/// What was taken is taken, whatever follows its status.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_success_with_an_odd_body_is_a_success() {
    for answer in [
        &b"HTTP/1.1 202 Accepted\r\ncontent-length: 100\r\n\r\ncut short"[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\nno chunk",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nplain",
    ] {
        let mut net = Net::new();
        let (address, seen) = odd(answer).await;
        net.name("silent0.test", address);
        let listener = net.listen("here.test").await;
        let node = net.node("here.test", &Backend::Sqlite, listener, &[]).await;
        let nina = node.host("nina").await;
        silent_followers(&node, nina.id, 1).await;
        sql("DELETE FROM jobs").run(node.db()).await.unwrap();
        node.post(&nina, "Doors at nine").await;
        settle(&[&node]).await;
        net.clock.advance(Duration::from_secs(3_600));
        settle(&[&node]).await;
        assert_eq!(node.count("SELECT COUNT(*) AS n FROM deliveries").await, 0);
        assert_eq!(
            node.count("SELECT failures AS n FROM nodes WHERE id = 1000")
                .await,
            0
        );
        assert_eq!(seen.load(Ordering::SeqCst), 1, "sent once");
        balance(&[&node]).await;
    }
}

async fn an_inbox_that_leads_elsewhere_loses_nothing(backend: Backend) {
    for status in [301, 302, 307, 308] {
        let (net, node, peer) = TestNode::with_peer(&backend, "peer.test").await;
        let nina = node.host("nina").await;
        let mut friend = peer.actor_document("friend");
        friend.as_object_mut().unwrap().remove("endpoints");
        peer.serve(&friend);
        let uri = peer.at("/users/friend");
        let follow = peer.activity("Follow", &uri, 1, nina.uri.clone().into());
        assert_eq!(peer.send(&node, &follow).await, 202);
        settle(&[&node]).await;
        peer.forget();
        peer.answer_inbox(status, &[("location", "http://peer.test/other")]);
        node.post(&nina, "Doors at nine").await;
        settle(&[&node]).await;
        let at = |path: &str| {
            let seen = peer.seen();
            seen.iter()
                .filter(|one| one.path == path && one.method == "POST")
                .count()
        };
        assert_eq!(
            (at("/users/friend/inbox"), at("/other")),
            (1, 0),
            "{status} is not followed"
        );
        // Its owner says where it is now.
        friend["inbox"] = json!(peer.at("/users/friend/new"));
        peer.serve(&friend);
        peer.answer_inbox(202, &[]);
        for _ in 0..5 {
            net.clock.advance(Duration::from_secs(3_600));
            settle(&[&node]).await;
        }
        let sent = at("/users/friend/new") + at("/users/friend/inbox") - 1;
        assert_eq!(sent, 1, "{status}: lost or doubled");
        assert_eq!(
            node.count("SELECT COUNT(*) AS n FROM deliveries WHERE dead_at IS NULL")
                .await,
            0
        );
        balance(&[&node]).await;
    }
}

async fn a_clock_that_jumped_leaves_nothing_behind(backend: Backend) {
    let (net, node, peer) = TestNode::with_peer(&backend, "peer.test").await;
    let nina = node.host("nina").await;
    let friend = peer.actor("friend");
    let follow = peer.activity("Follow", &friend, 1, nina.uri.clone().into());
    assert_eq!(peer.send(&node, &follow).await, 202);
    settle(&[&node]).await;
    peer.forget();
    let year = net.clock.now().plus(Duration::from_secs(365 * 86_400));
    for statement in [
        "UPDATE nodes SET next_attempt_at = $1, leased_until = $1",
        "UPDATE inboxes SET waits_until = $1",
    ] {
        sql(statement).bind(year).run(node.db()).await.unwrap();
    }
    node.post(&nina, "Doors at nine").await;
    sql("UPDATE jobs SET leased_until = $1")
        .bind(year)
        .run(node.db())
        .await
        .unwrap();
    settle(&[&node]).await;
    assert!(peer.received("Create").is_empty());
    afterparty::federation::delivery::set_right(node.app())
        .await
        .unwrap();
    settle(&[&node]).await;
    assert_eq!(peer.received("Create").len(), 1);
    balance(&[&node]).await;
}

async fn what_is_undone_before_it_comes_has_no_effect(backend: Backend) {
    let (net, node, peer) = TestNode::with_peer(&backend, "peer.test").await;
    let nina = node.host("nina").await;
    let post = node.post(&nina, "Doors at nine").await;
    let friend = peer.actor("friend");
    for (number, kind) in ["Like", "Announce", "Follow"].into_iter().enumerate() {
        let number = u32::try_from(number).unwrap();
        let object = if kind == "Follow" {
            &nina.uri
        } else {
            &post.uri
        };
        let done = peer.activity(kind, &friend, number, object.clone().into());
        for form in [done.clone(), done["id"].clone()] {
            let undo = peer.activity(
                "Undo",
                &friend,
                10 + number * 2 + u32::from(form.is_string()),
                form,
            );
            peer.send(&node, &undo).await;
            settle(&[&node]).await;
        }
        assert_eq!(peer.send(&node, &done).await, 202);
        settle(&[&node]).await;
        net.clock.advance(Duration::from_secs(600));
        settle(&[&node]).await;
    }
    for table in [
        "SELECT COUNT(*) AS n FROM favourites",
        "SELECT COUNT(*) AS n FROM posts WHERE boost_of_id IS NOT NULL",
        "SELECT COUNT(*) AS n FROM follows",
    ] {
        assert_eq!(node.count(table).await, 0, "{table}");
    }
    balance(&[&node]).await;
}

async fn a_like_waits_for_its_post(backend: Backend) {
    let (net, node, peer) = TestNode::with_peer(&backend, "peer.test").await;
    let nina = node.host("nina").await;
    let (friend, fan) = (peer.actor("friend"), peer.actor("fan"));
    let mut note = peer.note(&friend, 1, "Hello");
    note["tag"] = json!([{"type": "Mention", "href": nina.uri, "name": "@nina"}]);
    let like = peer.activity("Like", &fan, 1, note["id"].clone());
    assert_eq!(peer.send(&node, &like).await, 202);
    settle(&[&node]).await;
    let create = peer.activity("Create", &friend, 2, note);
    assert_eq!(peer.send(&node, &create).await, 202);
    for _ in 0..4 {
        settle(&[&node]).await;
        net.clock.advance(Duration::from_secs(120));
    }
    assert_eq!(node.count("SELECT COUNT(*) AS n FROM favourites").await, 1);
    balance(&[&node]).await;
}

/// A database that cannot be used is said, with when to come back, on every surface.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_database_is_unavailable_and_not_a_fault() {
    let (_net, node, peer) = TestNode::with_peer(&Backend::Sqlite, "peer.test").await;
    let nina = node.host("nina").await;
    let cookie = node.cookie(&nina).await;
    let token = crate::members::token_of(&node, &nina).await;
    let friend = peer.actor("friend");
    let follow = peer.activity("Follow", &friend, 1, nina.uri.clone().into());
    assert_eq!(peer.send(&node, &follow).await, 202);
    settle(&[&node]).await;
    let like = peer.activity("Like", &friend, 2, nina.uri.clone().into());
    let other = sqlx::SqlitePool::connect(&node.database).await.unwrap();
    let mut other = other.acquire().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut *other)
        .await
        .unwrap();
    let fields = [("text", "Hello"), ("audience", "public"), ("key", "k")];
    let bearer = format!("Bearer {token}");
    let api = crate::support::node::client()
        .post(node.at("/api/v1/statuses"))
        .header("host", &node.name)
        .header("authorization", bearer)
        .json(&json!({"status": "Hello"}));
    let (page, api, ready, inbox) = tokio::join!(
        node.upload("/posts", &cookie, &fields, &[]),
        async { api.send().await.unwrap() },
        node.get("/readyz", &[]),
        peer.send(&node, &like),
    );
    for (what, answer) in [("page", page), ("api", api), ("readyz", ready)] {
        assert_eq!(answer.status(), 503, "{what}");
        assert!(answer.headers().contains_key("retry-after"), "{what}");
    }
    assert_eq!(inbox, 503);
    sqlx::query("ROLLBACK").execute(&mut *other).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(node.get("/readyz", &[]).await.status(), 200);
    assert_eq!(
        node.upload("/posts", &cookie, &fields, &[]).await.status(),
        303
    );
    balance(&[&node]).await;
}
