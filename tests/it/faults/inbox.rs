//! What comes doubled, in any order, and all at once.

use std::collections::BTreeSet;

use afterparty::kernel::db::sql;
use serde_json::{Value, json};

use super::rounds;
use crate::both;
use crate::support::{Backend, Net, Peer, TestNode, balance, settle};

both!(
    what_comes_a_hundred_times_has_one_effect,
    the_order_in_which_it_comes_does_not_matter,
    a_herd_after_an_outage_is_taken_in,
);

/// F17: the same activities a hundred times, at the same moment, by both inboxes.
async fn what_comes_a_hundred_times_has_one_effect(backend: Backend) {
    let (_net, node, peer) = TestNode::with_peer(&backend, "peer.test").await;
    let nina = node.host("nina").await;
    let post = node.post(&nina, "a song").await;
    let friend = peer.actor("friend");
    let mut note = peer.note(&friend, 2, "an answer");
    note["inReplyTo"] = json!(post.uri);
    let activities = [
        peer.activity("Follow", &friend, 1, json!(nina.uri)),
        peer.activity("Create", &friend, 2, note),
        peer.activity("Like", &friend, 3, json!(post.uri)),
        peer.activity("Announce", &friend, 4, json!(post.uri)),
    ];
    let mut sent = Vec::new();
    for number in 0..100 {
        for activity in &activities {
            let path = if number % 2 == 0 {
                "/inbox"
            } else {
                "/users/nina/inbox"
            };
            sent.push(peer.send_to(&node, path, activity));
        }
    }
    let mut statuses = BTreeSet::new();
    for few in chunks(sent, 40) {
        statuses.extend(futures_util::future::join_all(few).await);
    }
    assert!(
        statuses
            .iter()
            .all(|status| (200..300).contains(status) || *status == 429),
        "{statuses:?}"
    );
    settle(&[&node]).await;
    let post = node.post_by_uri(&post.uri).await.unwrap();
    assert_eq!(
        (post.replies_count, post.favourites_count, post.boosts_count),
        (1, 1, 1)
    );
    assert_eq!(node.followers_of("nina").await, ["friend@peer.test"]);
    let mut told = node.notices_of("nina").await;
    told.sort_unstable();
    let once: BTreeSet<&str> = told.iter().copied().collect();
    assert_eq!(told.len(), once.len(), "{told:?}");
    balance(&[&node]).await;
}

fn chunks<T>(list: Vec<T>, size: usize) -> Vec<Vec<T>> {
    let (mut out, mut list) = (Vec::new(), list.into_iter().peekable());
    while list.peek().is_some() {
        out.push(list.by_ref().take(size).collect());
    }
    out
}

/// All orders of so many things.
fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for shorter in orders(count - 1) {
        for at in 0..count {
            let mut one = shorter.clone();
            one.insert(at, count - 1);
            all.push(one);
        }
    }
    all
}

/// What six activities leave behind: a note that was liked and edited, one that was deleted, a follow that was undone.
async fn state(node: &TestNode, peer: &Peer, round: u32) -> (i64, i64, i64, i64) {
    let of = |number: u32| format!("{}{}", peer.at("/objects/"), round * 10 + number);
    let count = async |statement: &'static str, uri: String| -> i64 {
        let row = sql(statement).bind(uri).one(node.db()).await.unwrap();
        row.get("n").unwrap()
    };
    (
        count("SELECT COUNT(*) AS n FROM posts WHERE uri = $1 AND html LIKE '%second%'", of(1)).await,
        count("SELECT COUNT(*) AS n FROM favourites JOIN posts ON posts.id = favourites.post_id WHERE posts.uri = $1", of(1)).await,
        count("SELECT COUNT(*) AS n FROM posts WHERE uri = $1", of(4)).await,
        count("SELECT COUNT(*) AS n FROM follows JOIN accounts ON accounts.id = follows.follower_id WHERE accounts.uri = $1", peer.actor(&format!("fan{round}"))).await,
    )
}

/// F18: Update before Create, Like before its note, Delete before Create, Undo before Follow: in each order the same.
async fn the_order_in_which_it_comes_does_not_matter(backend: Backend) {
    let (_net, node, peer) = TestNode::with_peer(&backend, "peer.test").await;
    let nina = node.host("nina").await;
    // Somebody here follows, so that the notes are wanted.
    let all = orders(6);
    let step = usize::try_from(rounds(24, 1)).unwrap();
    for (round, order) in all
        .iter()
        .enumerate()
        .filter(|(round, _)| round % step == 0)
    {
        let round = u32::try_from(round).unwrap() + 1;
        let (author, fan) = (peer.actor("friend"), peer.actor(&format!("fan{round}")));
        let dated = |mut value: Value, at: u32| {
            value["published"] = json!(format!("2026-11-02T10:00:{at:02}Z"));
            value
        };
        let object = |number: u32, text: &str| {
            let mut note = peer.note(&author, round * 10 + number, text);
            note["id"] = json!(format!("{}{}", peer.at("/objects/"), round * 10 + number));
            note["tag"] = json!([{"type": "Mention", "href": nina.uri, "name": "@nina@here.test"}]);
            note["cc"] = json!([nina.uri]);
            note
        };
        let mut edited = object(1, "the second text");
        edited["updated"] = json!("2026-11-02T10:00:30Z");
        let follow = peer.activity("Follow", &fan, round * 10 + 5, json!(nina.uri));
        let activities = [
            dated(
                peer.activity(
                    "Create",
                    &author,
                    round * 10 + 1,
                    object(1, "the first text"),
                ),
                1,
            ),
            dated(peer.activity("Update", &author, round * 10 + 2, edited), 30),
            peer.activity(
                "Like",
                &fan,
                round * 10 + 3,
                json!(format!("{}{}", peer.at("/objects/"), round * 10 + 1)),
            ),
            dated(
                peer.activity(
                    "Create",
                    &author,
                    round * 10 + 4,
                    object(4, "to be deleted"),
                ),
                2,
            ),
            peer.activity(
                "Delete",
                &author,
                round * 10 + 6,
                json!(format!("{}{}", peer.at("/objects/"), round * 10 + 4)),
            ),
            peer.activity("Undo", &fan, round * 10 + 7, follow.clone()),
        ];
        let before = state(&node, &peer, round).await;
        assert_eq!(before, (0, 0, 0, 0));
        for at in order {
            if *at == 5 {
                // A follow and its end, in either order.
                let both = if order[0] % 2 == 0 {
                    [&follow, &activities[5]]
                } else {
                    [&activities[5], &follow]
                };
                for one in both {
                    assert_eq!(peer.send(&node, one).await, 202);
                    settle(&[&node]).await;
                }
                continue;
            }
            assert_eq!(peer.send(&node, &activities[*at]).await, 202);
            settle(&[&node]).await;
        }
        for _ in 0..4 {
            _net.clock.advance(std::time::Duration::from_secs(60));
            settle(&[&node]).await;
        }
        assert_eq!(state(&node, &peer, round).await, (1, 1, 0, 0), "{order:?}");
    }
    balance(&[&node]).await;
}

/// F21: forty houses that kept what they had for us come at once after an outage: all of it is taken in, once.
async fn a_herd_after_an_outage_is_taken_in(backend: Backend) {
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let houses = usize::try_from(rounds(12, 60)).unwrap();
    let mut peers = Vec::new();
    for number in 0..houses {
        peers.push(Peer::start(&mut net, &format!("peer{number}.test")).await);
    }
    let node = net.node("here.test", &backend, listener, &[]).await;
    let nina = node.host("nina").await;
    let post = node.post(&nina, "open again").await;
    let mut activities = Vec::new();
    for peer in &peers {
        for number in 0..10 {
            let fan = peer.actor(&format!("fan{number}"));
            activities.push((peer, peer.activity("Like", &fan, number, json!(post.uri))));
        }
    }
    // Who is told to come later, comes later.
    for _ in 0..40 {
        let sent = activities
            .iter()
            .map(async |(peer, activity)| peer.send(&node, activity).await);
        let mut statuses = Vec::new();
        for few in chunks(sent.collect(), 30) {
            statuses.extend(futures_util::future::join_all(few).await);
        }
        let mut left = Vec::new();
        for (one, status) in activities.into_iter().zip(statuses) {
            match status {
                200..300 => {}
                429 | 503 => left.push(one),
                other => panic!("{other}"),
            }
        }
        activities = left;
        if activities.is_empty() {
            break;
        }
        net.clock.advance(std::time::Duration::from_secs(60));
    }
    assert!(activities.is_empty());
    settle(&[&node]).await;
    let post = node.post_by_uri(&post.uri).await.unwrap();
    assert_eq!(post.favourites_count, i64::try_from(houses * 10).unwrap());
    balance(&[&node]).await;
}
