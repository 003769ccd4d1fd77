//! What the author of a post lets others do with it, and what they say when they are asked.

use afterparty::accounts::Account;
use afterparty::kernel::id::PostId;
use afterparty::posts::compose::Draft;
use afterparty::posts::{Post, boosts, favourites};
use serde_json::{Value, json};

use crate::support::{Backend, Peer, TestNode, settle};

crate::both!(
    an_answer_waits_for_the_author_who_was_asked,
    a_refused_answer_is_seen_by_its_author_alone,
    what_is_not_wanted_is_refused_before_it_leaves,
    a_boost_waits_and_a_favourite_is_taken_back,
    our_policies_name_whom_a_post_is_for,
);

const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";

/// A node with nina, her follower at the peer, and a post there whose author has this policy.
struct Scene {
    node: TestNode,
    peer: Peer,
    nina: Account,
    author: String,
    post: PostId,
}

async fn scene(backend: &Backend, policy: impl Fn(&str) -> Value) -> Scene {
    let (_net, node, peer) = TestNode::with_peer(backend, "peer.test").await;
    let nina = node.host("nina").await;
    // The follower has an inbox of their own, so that what came to them is told from what came to the author.
    let mut friend = peer.actor_document("friend");
    friend.as_object_mut().unwrap().remove("endpoints");
    peer.serve(&friend);
    let (author, friend) = (peer.actor("author"), peer.at("/users/friend"));
    let follow = peer.activity("Follow", &friend, 1, json!(nina.uri));
    assert_eq!(peer.send(&node, &follow).await, 202);
    let mut note = peer.note(&author, 1, "a question");
    note["interactionPolicy"] = policy(&author);
    peer.serve(&note);
    let found = afterparty::federation::look_up::find(node.app(), note["id"].as_str().unwrap())
        .await
        .unwrap();
    let afterparty::federation::objects::Found::Post(post) = found else {
        panic!("no post");
    };
    settle(&[&node]).await;
    peer.forget();
    Scene {
        post: post.id,
        node,
        peer,
        nina,
        author,
    }
}

impl Scene {
    async fn post(&self) -> Post {
        let found = afterparty::posts::find(self.node.app(), self.post).await;
        found.unwrap().unwrap()
    }

    async fn answer(&self) -> Post {
        let draft = Draft {
            text: "an answer".into(),
            in_reply_to: Some(self.post),
            ..Draft::default()
        };
        let post = self.node.write(&self.nina, draft).await;
        settle(&[&self.node]).await;
        post
    }

    /// The inboxes that an activity came to.
    fn inboxes(&self, kind: &str) -> Vec<String> {
        let seen = self.peer.seen().into_iter();
        seen.filter(|seen| seen.body["type"] == kind)
            .map(|seen| seen.path)
            .collect()
    }

    async fn says(&self, mut activity: Value) {
        activity["to"] = json!([self.nina.uri]);
        assert_eq!(self.peer.send(&self.node, &activity).await, 202);
        settle(&[&self.node]).await;
    }

    async fn open_pages(&self, post: &Post) -> u16 {
        let page = format!("/@nina/{}", post.id);
        self.node.get(&page, &[]).await.status().as_u16()
    }
}

async fn an_answer_waits_for_the_author_who_was_asked(backend: Backend) {
    // As it is written today, and as its first drafts had it.
    for (at, (automatic, manual)) in [
        ("automaticApproval", "manualApproval"),
        ("always", "approvalRequired"),
    ]
    .into_iter()
    .enumerate()
    {
        let s = scene(
            &backend,
            |author| json!({"canReply": {automatic: author, manual: [PUBLIC]}}),
        )
        .await;
        let cookie = s.node.cookie(&s.nina).await;
        let page = format!("/@author@peer.test/{}", s.post);
        let page = s.node.get(&page, &[("cookie", &cookie)]).await;
        let page = page.text().await.unwrap();
        assert!(page.contains("looks at answers first"), "said before");
        let answer = s.answer().await;
        assert_eq!(
            s.inboxes("Create"),
            ["/users/author/inbox"],
            "to its author alone"
        );
        let sent = s.peer.received("Create").remove(0);
        assert_eq!(sent["object"]["id"], answer.uri);
        assert_eq!(sent["object"]["to"], json!([PUBLIC]), "as it will be");
        assert_eq!(s.open_pages(&answer).await, 404, "nobody else sees it");
        let own = s
            .node
            .get(&format!("/@nina/{}", answer.id), &[("cookie", &cookie)])
            .await;
        let own = own.text().await.unwrap();
        assert!(own.contains("only you see this"));
        let queue = s.node.get("/operator/peace", &[("cookie", &cookie)]).await;
        let queue = queue.text().await.unwrap();
        assert!(!queue.contains("an answer"), "the house is not asked");
        // Somebody else cannot say yes.
        let thief = s.peer.actor("thief");
        let mut accept = s.peer.activity("Accept", &thief, 2, json!(answer.uri));
        s.says(accept.clone()).await;
        assert_eq!(s.open_pages(&answer).await, 404);
        accept = s.peer.activity("Accept", &s.author, 3, json!(answer.uri));
        let consent = if at == 0 {
            accept["result"] = json!(s.peer.at("/approvals/1"));
            accept["result"].clone()
        } else {
            accept["id"].clone()
        };
        s.peer.forget();
        s.says(accept).await;
        assert_eq!(s.open_pages(&answer).await, 200);
        let sent = s.peer.received("Create");
        let inboxes = s.inboxes("Create");
        assert!(inboxes.contains(&"/users/friend/inbox".to_owned()));
        assert_eq!(sent[0]["object"]["approvedBy"], consent);
        assert_eq!(s.post().await.replies_count, 1);
    }
}

async fn a_refused_answer_is_seen_by_its_author_alone(backend: Backend) {
    let s = scene(
        &backend,
        |_| json!({"canReply": {"automaticApproval": [], "manualApproval": PUBLIC}}),
    )
    .await;
    let answer = s.answer().await;
    s.peer.forget();
    let reject = s.peer.activity(
        "Reject",
        &s.author,
        2,
        json!({"id": answer.uri, "type": "Note"}),
    );
    s.says(reject).await;
    assert!(s.peer.received("Create").is_empty());
    assert_eq!(s.open_pages(&answer).await, 404);
    let cookie = s.node.cookie(&s.nina).await;
    let page = format!("/@nina/{}", answer.id);
    let page = s.node.get(&page, &[("cookie", &cookie)]).await;
    assert!(
        page.text()
            .await
            .unwrap()
            .contains("did not let this through")
    );
    assert_eq!(s.post().await.replies_count, 0);
    // Its author may think better of it.
    let accept = s.peer.activity("Accept", &s.author, 3, json!(answer.uri));
    s.says(accept).await;
    assert_eq!(s.open_pages(&answer).await, 200);
    // What is not for them does not leave for them, and nobody is refused who was not asked.
    s.peer.forget();
    let narrow = Draft {
        text: "@nina alone".into(),
        in_reply_to: Some(s.post),
        audience: afterparty::audiences::Audience::People,
        ..Draft::default()
    };
    let narrow = s.node.write(&s.nina, narrow).await;
    settle(&[&s.node]).await;
    assert_eq!(narrow.approval, None);
    assert!(s.peer.received("Create").is_empty());
    let reject = s.peer.activity("Reject", &s.author, 4, json!(narrow.uri));
    s.says(reject).await;
    let kept = afterparty::posts::find(s.node.app(), narrow.id)
        .await
        .unwrap();
    assert_eq!(kept.unwrap().approval, None);
}

async fn what_is_not_wanted_is_refused_before_it_leaves(backend: Backend) {
    let s = scene(&backend, |author| {
        let alone = json!({"automaticApproval": author});
        json!({"canReply": alone, "canLike": alone, "canAnnounce": alone})
    })
    .await;
    let cookie = s.node.cookie(&s.nina).await;
    let place = format!("/@author@peer.test/{}", s.post);
    let page = s.node.get(&place, &[("cookie", &cookie)]).await;
    let page = page.text().await.unwrap();
    assert!(page.contains("does not take answers"));
    assert!(!page.contains("/boost\"") && !page.contains("/favourite\""));
    let app = s.node.app();
    let post = s.post().await;
    assert!(boosts::boost(app, &s.nina, &post).await.is_err());
    assert!(favourites::set(app, &s.nina, &post, true).await.is_err());
    let id = s.post.to_string();
    let fields = [
        ("text", "let me"),
        ("in_reply_to", &*id),
        ("audience", "public"),
    ];
    let answer = s.node.upload("/posts", &cookie, &fields, &[]).await;
    assert_eq!(answer.status(), 422);
    assert!(answer.text().await.unwrap().contains("let me"), "kept");
    settle(&[&s.node]).await;
    for kind in ["Create", "Like", "Announce"] {
        assert!(s.peer.received(kind).is_empty(), "{kind}");
    }
    // Who is mentioned may answer, and so may whom a rule names; no rule lets everybody.
    let open = scene(&backend, |_| json!({"canReply": {}, "canLike": null})).await;
    open.answer().await;
    assert_eq!(open.inboxes("Create").len(), 2, "everybody gets it");
    let nina = open.nina.uri.clone();
    let named = scene(&backend, |_| json!({"canReply": {"always": nina}})).await;
    assert_eq!(named.answer().await.approval, None);
}

async fn a_boost_waits_and_a_favourite_is_taken_back(backend: Backend) {
    let asks = json!({"manualApproval": PUBLIC});
    let s = scene(&backend, |_| json!({"canLike": asks, "canAnnounce": asks})).await;
    let app = s.node.app();
    let post = s.post().await;
    let boost = boosts::boost(app, &s.nina, &post).await.unwrap();
    favourites::set(app, &s.nina, &post, true).await.unwrap();
    settle(&[&s.node]).await;
    assert_eq!(
        s.inboxes("Announce"),
        ["/users/author/inbox"],
        "to its author"
    );
    assert_eq!(s.post().await.boosts_count, 0, "nobody counts it yet");
    s.peer.forget();
    let accept = s.peer.activity("Accept", &s.author, 2, json!(boost.uri));
    s.says(accept.clone()).await;
    let sent = s.peer.received("Announce");
    assert_eq!(sent.len(), 2);
    assert_eq!(s.post().await.boosts_count, 1);
    assert_eq!(sent[0]["approvedBy"], accept["id"]);
    let like = favourites::find_uri(&app.db, s.nina.id, s.post)
        .await
        .unwrap();
    let like = like.unwrap();
    let reject = s.peer.activity("Reject", &s.author, 3, json!(like));
    s.says(reject).await;
    let after = favourites::find_uri(&app.db, s.nina.id, s.post)
        .await
        .unwrap();
    assert_eq!(after, None);
    assert_eq!(s.post().await.favourites_count, 0);
}

async fn our_policies_name_whom_a_post_is_for(backend: Backend) {
    let (_, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let nina = there.host("nina").await;
    let draft = Draft {
        text: "@fan@here.test for you".into(),
        audience: afterparty::audiences::Audience::People,
        ..Draft::default()
    };
    let sent = there.write(&nina, draft).await;
    settle(&[&here, &there]).await;
    let arrived = here.post_by_uri(&sent.uri).await.unwrap();
    favourites::set(here.app(), &fan, &arrived, true)
        .await
        .unwrap();
    let draft = Draft {
        text: "thank you".into(),
        in_reply_to: Some(arrived.id),
        audience: afterparty::audiences::Audience::People,
        ..Draft::default()
    };
    assert_eq!(here.write(&fan, draft).await.approval, None);
    settle(&[&here, &there]).await;
    let known = afterparty::posts::find(there.app(), sent.id).await.unwrap();
    assert_eq!(known.unwrap().favourites_count, 1);
}
