//! What is taken back and done again, under the same id or another; and requests that come twice.

use std::time::Duration;

use afterparty::accounts;
use serde_json::{Value, json};

use crate::both;
use crate::support::peer::post_raw;
use crate::support::{Backend, Net, Peer, TestNode, balance, settle, shared};

both!(
    an_id_that_was_undone_is_free_again,
    the_same_request_has_no_second_effect,
    an_undo_that_comes_first_swallows_one,
    updates_are_told_apart_by_what_they_say,
    recorded_ids_that_come_again_count,
    a_move_needs_no_word_in_the_document,
    a_move_that_moved_nobody_does_not_count,
);

/// What a kind of activity leaves behind, counted.
const LEFT: [(&str, &str); 4] = [
    ("Follow", "SELECT COUNT(*) AS n FROM follows"),
    ("Like", "SELECT COUNT(*) AS n FROM favourites"),
    (
        "Announce",
        "SELECT COUNT(*) AS n FROM posts WHERE boost_of_id IS NOT NULL",
    ),
    ("Block", "SELECT COUNT(*) AS n FROM blocks"),
];

/// A second later, as signatures count.
fn later(net: &Net) {
    net.clock.advance(Duration::from_secs(1));
}

/// Sends an activity, which is taken, and lets it have its effect.
async fn send(node: &TestNode, peer: &Peer, activity: &Value) {
    assert_eq!(peer.send(node, activity).await, 202);
    settle(&[node]).await;
}

/// Each kind of activity about nina or a post of hers.
async fn kinds(node: &TestNode, peer: &Peer) -> Vec<(Value, &'static str)> {
    let nina = node.host("nina").await;
    let post = node.post(&nina, "a song").await;
    let friend = peer.actor("friend");
    let of = |(kind, count): (&str, &'static str)| {
        let whole = matches!(kind, "Follow" | "Block");
        let object = if whole { &nina.uri } else { &post.uri };
        (peer.activity(kind, &friend, 1, json!(object)), count)
    };
    LEFT.into_iter().map(of).collect()
}

async fn an_id_that_was_undone_is_free_again(backend: Backend) {
    let (net, node, peer) = TestNode::with_peer(&backend, "peer.test").await;
    let mut number = 100;
    for (done, count) in kinds(&node, &peer).await {
        // Taken back by the whole activity and by its id, again and again.
        for form in [done.clone(), done["id"].clone(), done.clone()] {
            later(&net);
            send(&node, &peer, &done).await;
            assert_eq!(node.count(count).await, 1, "{done}");
            later(&net);
            number += 1;
            let undo = peer.activity("Undo", &peer.actor("friend"), number, form);
            send(&node, &peer, &undo).await;
            assert_eq!(node.count(count).await, 0, "{done}");
        }
    }
    assert_eq!(peer.received("Accept").len(), 3, "each follow is answered");
    balance(&[&node]).await;
}

async fn the_same_request_has_no_second_effect(backend: Backend) {
    let (net, node, peer) = TestNode::with_peer(&backend, "peer.test").await;
    let friend = peer.actor("friend");
    let key = format!("{friend}#main-key");
    let mut number = 100;
    for (done, count) in kinds(&node, &peer).await {
        for path in ["/inbox", "/users/nina/inbox"] {
            later(&net);
            let body = done.to_string().into_bytes();
            let headers = peer.sign(&key, &node.name, path, &body);
            let again = async || {
                let sent = post_raw(&node, path, headers.clone(), body.clone()).await;
                assert_eq!(sent, 202, "{path}");
                settle(&[&node]).await;
            };
            again().await;
            assert_eq!(node.count(count).await, 1, "{done}");
            later(&net);
            number += 1;
            let undo = peer.activity("Undo", &friend, number, done.clone());
            send(&node, &peer, &undo).await;
            // As long as its signature is good, and after the next Undo as well.
            for _ in 0..3 {
                net.clock.advance(Duration::from_secs(600));
                again().await;
                assert_eq!(node.count(count).await, 0, "{done}");
            }
        }
    }
    balance(&[&node]).await;
}

async fn an_undo_that_comes_first_swallows_one(backend: Backend) {
    let (net, node, peer) = TestNode::with_peer(&backend, "peer.test").await;
    let friend = peer.actor("friend");
    let key = format!("{friend}#main-key");
    let mut number = 100;
    for (done, count) in kinds(&node, &peer).await {
        later(&net);
        let body = done.to_string().into_bytes();
        let early = peer.sign(&key, &node.name, "/inbox", &body);
        later(&net);
        number += 1;
        let undo = peer.activity("Undo", &friend, number, done.clone());
        send(&node, &peer, &undo).await;
        assert_eq!(post_raw(&node, "/inbox", early, body).await, 202);
        settle(&[&node]).await;
        assert_eq!(node.count(count).await, 0, "{done}: it was signed before");
        later(&net);
        send(&node, &peer, &done).await;
        assert_eq!(node.count(count).await, 1, "{done}: it was signed later");
    }
    balance(&[&node]).await;
}

async fn updates_are_told_apart_by_what_they_say(backend: Backend) {
    let (net, node, peer) = TestNode::with_peer(&backend, "peer.test").await;
    let nina = node.host("nina").await;
    let friend = peer.actor("friend");
    let mut note = peer.note(&friend, 1, "zero");
    note["tag"] = json!([{"type": "Mention", "href": nina.uri, "name": "@nina"}]);
    send(
        &node,
        &peer,
        &peer.activity("Create", &friend, 1, note.clone()),
    )
    .await;
    for text in ["one", "two", "three"] {
        later(&net);
        note["content"] = json!(text);
        note["updated"] = json!(net.clock.now().rfc3339());
        send(
            &node,
            &peer,
            &peer.activity("Update", &friend, 2, note.clone()),
        )
        .await;
        let found = node
            .post_by_uri(note["id"].as_str().unwrap())
            .await
            .unwrap();
        assert!(found.html.contains(text), "{}", found.html);
    }
    // The same once more is not taken up once more.
    later(&net);
    send(&node, &peer, &peer.activity("Update", &friend, 2, note)).await;
    let updates = "SELECT COUNT(*) AS n FROM received WHERE uri LIKE '%Update-2#%'";
    assert_eq!(node.count(updates).await, 3);
}

/// Cases 1 and 3.
async fn recorded_ids_that_come_again_count(backend: Backend) {
    for (number, at) in [("001", 0), ("003", 2)] {
        let Some(folder) = shared() else { return };
        let text = std::fs::read_to_string(folder.join(format!("cases/{number}.json"))).unwrap();
        let (net, node, peer) = TestNode::with_peer(&backend, "peer.test").await;
        let nova = node.host("nova").await;
        let post = node.post(&nova, "a song").await;
        peer.actor("ana");
        let text = text
            .replace("PEER", "peer.test")
            .replace("NODE", "here.test")
            .replace("(id of a post of nova)", &post.uri);
        let activities: Vec<Value> = serde_json::from_str(&text).unwrap();
        for activity in &activities {
            later(&net);
            send(&node, &peer, activity).await;
        }
        assert_eq!(node.count(LEFT[at].1).await, 1, "{number}");
    }
}

/// One of ours follows `old`, which moves to `new`.
async fn followed(node: &TestNode, peer: &Peer) -> (String, String) {
    let fan = node.sign_up("fan").await;
    let (old, new) = (peer.actor("old"), peer.actor("new"));
    let found = node.look_up(&old).await;
    afterparty::relations::follows::request(node.app(), &fan, &found)
        .await
        .unwrap();
    settle(&[node]).await;
    let sent = peer.received("Follow").pop().unwrap();
    send(
        node,
        peer,
        &peer.activity("Accept", &old, 1, sent["id"].clone()),
    )
    .await;
    (old, new)
}

fn name_old(peer: &Peer, old: &str) {
    let mut document = peer.actor_document("new");
    document["alsoKnownAs"] = json!([old]);
    peer.serve(&document);
}

async fn moved_to(node: &TestNode, uri: &str) -> Option<String> {
    let account = accounts::find_by_uri(node.app(), uri).await.unwrap();
    account.unwrap().moved_to
}

/// The Move and the new account's word are enough, and reading the old document again does not take it back; a document
/// that once said so does.
async fn a_move_needs_no_word_in_the_document(backend: Backend) {
    let (net, node, peer) = TestNode::with_peer(&backend, "peer.test").await;
    let (old, new) = followed(&node, &peer).await;
    name_old(&peer, &old);
    let mut moving = peer.activity("Move", &old, 2, json!(old));
    moving["target"] = json!(new);
    send(&node, &peer, &moving).await;
    assert_eq!(moved_to(&node, &old).await.as_deref(), Some(&*new));
    let mut document = peer.actor_document("old");
    let said = [
        (None, true),
        (None, true),
        (Some(&new), true),
        (None, false),
    ];
    for (number, (said, kept)) in (3..).zip(said) {
        document["movedTo"] = json!(said);
        peer.serve(&document);
        net.clock.advance(Duration::from_secs(2 * 86_400));
        let update = peer.activity("Update", &old, number, document.clone());
        send(&node, &peer, &update).await;
        let found = moved_to(&node, &old).await;
        assert_eq!(found.is_some(), kept, "{said:?}");
    }
}

/// A Move that nobody could follow does not stand in the way of the next one; one that moved somebody does.
async fn a_move_that_moved_nobody_does_not_count(backend: Backend) {
    let (_net, node, peer) = TestNode::with_peer(&backend, "peer.test").await;
    let (old, new) = (peer.actor("old"), peer.actor("new"));
    name_old(&peer, &old);
    let moving = async |number: u32, target: &str| {
        let mut moving = peer.activity("Move", &old, number, json!(old));
        moving["target"] = json!(target);
        send(&node, &peer, &moving).await;
    };
    moving(2, &new).await;
    assert_eq!(moved_to(&node, &old).await.as_deref(), Some(&*new));
    // A fan comes, and it moves for good.
    let fan = node.sign_up("fan").await;
    let found = node.look_up(&old).await;
    afterparty::relations::follows::request(node.app(), &fan, &found)
        .await
        .unwrap();
    settle(&[&node]).await;
    let sent = peer.received("Follow").pop().unwrap();
    send(
        &node,
        &peer,
        &peer.activity("Accept", &old, 1, sent["id"].clone()),
    )
    .await;
    moving(3, &new).await;
    assert_eq!(peer.received("Follow").len(), 2, "the fan went along");
    let third = peer.actor("third");
    let mut document = peer.actor_document("third");
    document["alsoKnownAs"] = json!([old]);
    peer.serve(&document);
    moving(4, &third).await;
    assert_eq!(
        moved_to(&node, &old).await.as_deref(),
        Some(&*new),
        "once in a week"
    );
}
