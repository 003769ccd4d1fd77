//! Following across two nodes.

use afterparty::accounts::profile::{self, Edit};
use afterparty::accounts::remove;
use afterparty::kernel::db::sql;
use afterparty::kernel::page::Window;
use afterparty::relations::digests::{self, Digest};
use afterparty::relations::{blocks, follows};

use crate::both;
use crate::support::{Backend, Peer, TestNode, settle};
use serde_json::json;

both!(
    a_fan_follows_an_artist_on_another_node,
    a_locked_artist_decides,
    a_follow_can_be_withdrawn_and_a_follower_removed,
    a_digest_changes_with_the_follows,
    a_block_ends_it_both_ways,
    a_block_says_that_no_follow_stands,
    older_posts_arrive_with_the_first_follow,
);

async fn a_fan_follows_an_artist_on_another_node(backend: Backend) {
    let (_, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    there.host("nina").await;
    here.follow(&fan, "nina@there.test").await;
    settle(&[&here, &there]).await;
    assert_eq!(there.followers_of("nina").await, ["fan@here.test"]);
    assert_eq!(here.account("fan").await.following_count, 1);
    assert_eq!(there.account("nina").await.followers_count, 1);
    assert_eq!(there.notices_of("nina").await, ["follow"]);
    here.follow(&fan, "nina@there.test").await;
    settle(&[&here, &there]).await;
    assert_eq!(
        there.account("nina").await.followers_count,
        1,
        "asking twice is asking once"
    );
}

async fn a_locked_artist_decides(backend: Backend) {
    let (_, [here, there]) = TestNode::two(&backend).await;
    let (fan, other) = (here.sign_up("fan").await, here.sign_up("other").await);
    let nina = there.host("nina").await;
    profile::update(
        there.app(),
        &nina,
        Edit {
            locked: true,
            ..Edit::default()
        },
    )
    .await
    .unwrap();
    here.follow(&fan, "nina@there.test").await;
    here.follow(&other, "nina@there.test").await;
    settle(&[&here, &there]).await;
    assert!(there.followers_of("nina").await.is_empty());
    assert_eq!(
        there.notices_of("nina").await,
        ["follow_request", "follow_request"]
    );
    let asked = follows::requests(there.app(), nina.id, Window::newest(10))
        .await
        .unwrap();
    assert_eq!(asked.len(), 2);
    for (id, account) in asked {
        let follow = follows::get(there.app(), id).await.unwrap().unwrap();
        if account.name == "fan" {
            follows::accept(there.app(), &follow).await.unwrap();
        } else {
            follows::reject(there.app(), &follow).await.unwrap();
        }
    }
    settle(&[&here, &there]).await;
    assert_eq!(there.followers_of("nina").await, ["fan@here.test"]);
    let nina_here = here.account("nina@there.test").await;
    assert!(
        follows::is_following(here.db(), fan.id, nina_here.id)
            .await
            .unwrap()
    );
    assert!(
        follows::find(here.db(), other.id, nina_here.id)
            .await
            .unwrap()
            .is_none()
    );
}

async fn a_follow_can_be_withdrawn_and_a_follower_removed(backend: Backend) {
    let (_, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let nina = there.host("nina").await;
    here.follow(&fan, "nina@there.test").await;
    settle(&[&here, &there]).await;
    let nina_here = here.account("nina@there.test").await;
    let follow = follows::find(here.db(), fan.id, nina_here.id)
        .await
        .unwrap()
        .unwrap();
    follows::withdraw(here.app(), &follow).await.unwrap();
    settle(&[&here, &there]).await;
    assert!(there.followers_of("nina").await.is_empty());
    assert_eq!(there.account("nina").await.followers_count, 0);

    here.follow(&fan, "nina@there.test").await;
    settle(&[&here, &there]).await;
    let fan_there = there.account("fan@here.test").await;
    let follow = follows::find(there.db(), fan_there.id, nina.id)
        .await
        .unwrap()
        .unwrap();
    follows::reject(there.app(), &follow).await.unwrap();
    settle(&[&here, &there]).await;
    assert!(
        follows::find(here.db(), fan.id, nina_here.id)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(here.account("fan").await.following_count, 0);
}

/// A peer hears of the end of both follows before it hears of the block, and who was blocked follows again afterwards.
async fn a_block_says_that_no_follow_stands(backend: Backend) {
    let (net, node, peer) = TestNode::with_peer(&backend, "peer.test").await;
    let nina = node.host("nina").await;
    let friend = peer.actor("friend");
    let follow = peer.activity("Follow", &friend, 1, json!(nina.uri));
    assert_eq!(peer.send(&node, &follow).await, 202);
    let them = node.look_up(&friend).await;
    follows::request(node.app(), &nina, &them).await.unwrap();
    settle(&[&node]).await;
    let ours = peer.received("Follow").pop().unwrap();
    let accept = peer.activity("Accept", &friend, 2, ours["id"].clone());
    assert_eq!(peer.send(&node, &accept).await, 202);
    settle(&[&node]).await;
    peer.forget();
    blocks::block(node.app(), &nina, &them).await.unwrap();
    settle(&[&node]).await;
    let kinds = |peer: &Peer| -> Vec<String> {
        let posts = peer.seen().into_iter().filter(|seen| seen.method == "POST");
        posts
            .map(|seen| seen.body["type"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(kinds(&peer), ["Undo", "Reject", "Block"]);
    let [undo, reject] = ["Undo", "Reject"].map(|kind| peer.received(kind).remove(0));
    assert_eq!(undo["object"]["id"], ours["id"]);
    assert_eq!(reject["object"]["id"], follow["id"]);
    net.clock.advance(std::time::Duration::from_secs(5));
    assert_eq!(
        peer.send(&node, &peer.activity("Follow", &friend, 3, json!(nina.uri)))
            .await,
        202
    );
    settle(&[&node]).await;
    assert!(node.followers_of("nina").await.is_empty(), "blocked");
    peer.forget();
    blocks::unblock(node.app(), &nina, &them).await.unwrap();
    settle(&[&node]).await;
    assert_eq!(kinds(&peer), ["Undo"]);
    // By the one from before, by the one that was refused, and by a new one.
    for number in [1, 3, 4] {
        net.clock.advance(std::time::Duration::from_secs(5));
        let again = peer.activity("Follow", &friend, number, json!(nina.uri));
        assert_eq!(peer.send(&node, &again).await, 202);
        settle(&[&node]).await;
        assert_eq!(
            node.followers_of("nina").await,
            ["friend@peer.test"],
            "{number}"
        );
    }
    follows::request(node.app(), &nina, &them).await.unwrap();
    settle(&[&node]).await;
    assert_eq!(peer.received("Follow").len(), 1);
}

async fn a_block_ends_it_both_ways(backend: Backend) {
    let (_, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let nina = there.host("nina").await;
    here.follow(&fan, "nina@there.test").await;
    there.follow(&nina, "fan@here.test").await;
    settle(&[&here, &there]).await;
    let fan_there = there.account("fan@here.test").await;
    blocks::block(there.app(), &nina, &fan_there).await.unwrap();
    settle(&[&here, &there]).await;
    let nina_here = here.account("nina@there.test").await;
    assert!(
        blocks::blocks(here.db(), nina_here.id, fan.id)
            .await
            .unwrap(),
        "the other node knows"
    );
    assert!(
        follows::find(here.db(), fan.id, nina_here.id)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        follows::find(here.db(), nina_here.id, fan.id)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        follows::request(here.app(), &fan, &nina_here)
            .await
            .is_err()
    );
    blocks::unblock(there.app(), &nina, &fan_there)
        .await
        .unwrap();
    settle(&[&here, &there]).await;
    assert!(
        !blocks::blocks(here.db(), nina_here.id, fan.id)
            .await
            .unwrap()
    );
}

async fn older_posts_arrive_with_the_first_follow(backend: Backend) {
    let (_, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let nina = there.host("nina").await;
    let pinned = there.post(&nina, "our story").await;
    for n in 0..3 {
        there.post(&nina, &format!("older {n}")).await;
    }
    afterparty::posts::keep::set_pinned(there.app(), &nina, pinned.id, true)
        .await
        .unwrap();
    settle(&[&here, &there]).await;
    here.follow(&fan, "nina@there.test").await;
    settle(&[&here, &there]).await;
    let mut home = here.home_of("fan").await;
    home.sort();
    assert_eq!(home, ["older 0", "older 1", "older 2", "our story"]);
    assert!(
        here.post_by_uri(&pinned.uri)
            .await
            .unwrap()
            .pinned_at
            .is_some()
    );
    assert!(
        here.notices_of("fan").await.is_empty(),
        "what is fetched makes no notification"
    );
}

/// What is kept of nina's followers on the other node is what a list of them gives; how many they are.
async fn digest_is_right(there: &TestNode) -> i64 {
    let nina = there.account("nina").await;
    let kept = digests::get(there.app(), nina.id, "here.test")
        .await
        .unwrap();
    let listed = follows::follower_uris_on(there.db(), nina.id, "here.test", 100)
        .await
        .unwrap();
    assert_eq!(kept, Digest::of(listed.iter().map(String::as_str)));
    kept.followers
}

async fn a_digest_changes_with_the_follows(backend: Backend) {
    let (_, [here, there]) = TestNode::two(&backend).await;
    let nina = there.host("nina").await;
    assert_eq!(digest_is_right(&there).await, 0);
    let mut fans = Vec::new();
    for name in ["ana", "ben", "cleo", "dora"] {
        let fan = here.sign_up(name).await;
        here.follow(&fan, "nina@there.test").await;
        fans.push(fan);
    }
    settle(&[&here, &there]).await;
    assert_eq!(digest_is_right(&there).await, 4);
    // One goes, one is removed, one ends their account.
    let nina_here = here.account("nina@there.test").await;
    let follow = follows::find(here.db(), fans[0].id, nina_here.id)
        .await
        .unwrap();
    follows::withdraw(here.app(), &follow.unwrap())
        .await
        .unwrap();
    let ben = there.account("ben@here.test").await;
    let follow = follows::find(there.db(), ben.id, nina.id).await.unwrap();
    follows::reject(there.app(), &follow.unwrap())
        .await
        .unwrap();
    settle(&[&here, &there]).await;
    assert_eq!(digest_is_right(&there).await, 2);
    remove::remove(here.app(), &fans[2]).await.unwrap();
    settle(&[&here, &there]).await;
    assert_eq!(digest_is_right(&there).await, 1);
    // A request that waits for an answer does not count; one that was answered does.
    sql("UPDATE accounts SET locked = 1 WHERE id = $1")
        .bind(nina.id)
        .run(there.db())
        .await
        .unwrap();
    here.follow(&fans[0], "nina@there.test").await;
    settle(&[&here, &there]).await;
    assert_eq!(digest_is_right(&there).await, 1);
    let ana = there.account("ana@here.test").await;
    let follow = follows::find(there.db(), ana.id, nina.id).await.unwrap();
    follows::accept(there.app(), &follow.unwrap())
        .await
        .unwrap();
    settle(&[&here, &there]).await;
    assert_eq!(digest_is_right(&there).await, 2);
    assert_eq!(
        digests::get(here.app(), nina_here.id, "").await.unwrap(),
        digests::get(there.app(), nina.id, "here.test")
            .await
            .unwrap(),
        "both sides agree"
    );
}
