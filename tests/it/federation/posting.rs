//! Posts across two nodes: written, answered, edited, deleted, narrow and wide.

use afterparty::audiences::Audience;
use afterparty::kernel::html::to_text;
use afterparty::moderation::writing;
use afterparty::posts::compose::Draft;
use afterparty::posts::edit::{self, Edit};
use afterparty::posts::{remove, thread};

use crate::both;
use crate::support::{Backend, TestNode, settle};

both!(
    a_post_arrives_and_is_answered,
    an_edit_travels_with_its_history,
    a_deleted_post_goes_everywhere_and_stays_away,
    messages_stand_on_a_page_of_their_own,
    narrow_posts_reach_only_whom_they_name,
    a_followers_post_opens_to_signed_fetches_of_followers_only,
    the_same_key_makes_one_post,
);

async fn a_post_arrives_and_is_answered(backend: Backend) {
    let (_, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let nina = there.host("nina").await;
    here.follow(&fan, "nina@there.test").await;
    settle(&[&here, &there]).await;
    let post = there
        .post(&nina, "Hello @fan@here.test, a #show https://a.example/x")
        .await;
    settle(&[&here, &there]).await;
    let seen = here.post_by_uri(&post.uri).await.unwrap();
    assert_eq!(to_text(&seen.html), to_text(&post.html));
    assert_eq!(here.notices_of("fan").await, ["mention"]);
    assert_eq!(
        afterparty::posts::tags(here.app(), seen.id).await.unwrap(),
        ["show"]
    );

    let reply = here
        .write(
            &fan,
            Draft {
                text: "@nina@there.test yes!".into(),
                in_reply_to: Some(seen.id),
                ..Draft::default()
            },
        )
        .await;
    settle(&[&here, &there]).await;
    let answer = there.post_by_uri(&reply.uri).await.unwrap();
    assert_eq!(answer.in_reply_to, Some(post.id));
    assert_eq!(there.post_by_uri(&post.uri).await.unwrap().replies_count, 1);
    assert_eq!(there.notices_of("nina").await, ["mention", "follow"]);
    let around = thread::around(there.app(), None, &post, None)
        .await
        .unwrap();
    assert_eq!(around.below.len(), 1);
    let (status, replies) = there
        .document(&format!("/users/nina/posts/{}/replies", post.id))
        .await;
    assert_eq!(
        (status, replies["first"]["items"][0].as_str()),
        (200, Some(reply.uri.as_str()))
    );
    let (status, context) = there.document(&format!("/contexts/{}", post.thread)).await;
    assert_eq!((status, context["totalItems"].as_i64()), (200, Some(2)));
}

async fn an_edit_travels_with_its_history(backend: Backend) {
    let (net, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let nina = there.host("nina").await;
    here.follow(&fan, "nina@there.test").await;
    settle(&[&here, &there]).await;
    let post = there.post(&nina, "Doors at nine").await;
    settle(&[&here, &there]).await;
    net.clock.advance(std::time::Duration::from_secs(60));
    writing::change(
        there.app(),
        &nina,
        post.id,
        Edit {
            text: "Doors at eight".into(),
            ..Edit::default()
        },
    )
    .await
    .unwrap();
    settle(&[&here, &there]).await;
    let seen = here.post_by_uri(&post.uri).await.unwrap();
    assert_eq!(to_text(&seen.html), "Doors at eight");
    assert!(seen.edited_at.is_some());
    let history = edit::history(here.app(), seen.id).await.unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(to_text(&history[0].html), "Doors at nine");
}

async fn a_deleted_post_goes_everywhere_and_stays_away(backend: Backend) {
    let (_, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let nina = there.host("nina").await;
    here.follow(&fan, "nina@there.test").await;
    settle(&[&here, &there]).await;
    let post = there.post(&nina, "Oops").await;
    settle(&[&here, &there]).await;
    assert!(here.post_by_uri(&post.uri).await.is_some());
    remove::delete(there.app(), &nina, post.id).await.unwrap();
    settle(&[&here, &there]).await;
    assert!(here.post_by_uri(&post.uri).await.is_none());
    assert!(here.home_of("fan").await.is_empty());
    assert_eq!(
        there
            .document(&format!("/users/nina/posts/{}", post.id))
            .await
            .0,
        410
    );
    assert!(
        here.get(&format!("/search?q={}", post.uri), &[])
            .await
            .status()
            .is_redirection(),
        "look-up needs a member"
    );
    // Looked up by its address, it does not come back.
    let found = afterparty::federation::look_up::find(here.app(), &post.uri).await;
    assert!(found.is_err());
}

async fn messages_stand_on_a_page_of_their_own(backend: Backend) {
    let (_, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let nina = there.host("nina").await;
    let write = async |text: &str, audience| {
        let draft = Draft {
            text: text.into(),
            audience,
            ..Draft::default()
        };
        there.write(&nina, draft).await;
        settle(&[&here, &there]).await;
    };
    let cookie = here.cookie(&fan).await;
    let list = async || {
        let page = here.get("/conversations", &[("cookie", &cookie)]).await;
        page.text().await.unwrap()
    };
    assert!(
        list().await.contains("Nobody has written to you alone"),
        "empty"
    );
    write("@fan@here.test one", Audience::People).await;
    let new = r#"<li class="unread">"#;
    assert!(list().await.contains(new), "nobody has read it");
    let message = here.newest_message(&cookie).await;
    assert!(message.contains("</span> one</p>"), "{message}");
    assert!(!list().await.contains(new), "read by opening it");
    let page = list().await;
    let act = |verb: &str| {
        let place = page.split("/conversations/").nth(1).unwrap();
        let id = place.split('/').next().unwrap();
        format!("/conversations/{id}/{verb}")
    };
    here.form(&act("unread"), &cookie, &[]).await;
    assert!(list().await.contains(new), "to be read again");
    here.form(&act("remove"), &cookie, &[]).await;
    assert!(
        !list().await.contains(r#"class="words""#),
        "out of the list"
    );
    assert_eq!(
        here.form(&act("burn"), &cookie, &[]).await.status(),
        404,
        "no such thing"
    );
    let other = here.sign_up("other").await;
    let stranger = here.cookie(&other).await;
    assert_eq!(here.form(&act("read"), &stranger, &[]).await.status(), 404);
    // Who is followed may write to one at home, as before.
    here.follow(&fan, "nina@there.test").await;
    settle(&[&here, &there]).await;
    assert_eq!(here.home_of("fan").await, ["@fan one"]);
    write("@fan@here.test two", Audience::People).await;
    assert_eq!(here.home_of("fan").await.len(), 2);
    assert!(list().await.contains("two"), "and it is a message too");
    // Writing to somebody begins with their name, for them alone.
    let profile = here.get("/@nina@there.test", &[("cookie", &cookie)]).await;
    let profile = profile.text().await.unwrap();
    let button = "/compose?audience=people&amp;mention=nina%40there.test";
    assert!(profile.contains(button), "{profile}");
    let form = here
        .get(&button.replace("&amp;", "&"), &[("cookie", &cookie)])
        .await;
    let form = form.text().await.unwrap();
    assert!(form.contains(r#"<option value="people" selected>"#));
    assert!(form.contains(">@nina@there.test </textarea>"));
}

async fn narrow_posts_reach_only_whom_they_name(backend: Backend) {
    let (_, [here, there]) = TestNode::two(&backend).await;
    let (fan, other) = (here.sign_up("fan").await, here.sign_up("other").await);
    let nina = there.host("nina").await;
    here.follow(&fan, "nina@there.test").await;
    settle(&[&here, &there]).await;
    there
        .write(
            &nina,
            Draft {
                text: "for followers".into(),
                audience: Audience::Followers,
                ..Draft::default()
            },
        )
        .await;
    let direct = there
        .write(
            &nina,
            Draft {
                text: "@other@here.test for you".into(),
                audience: Audience::People,
                ..Draft::default()
            },
        )
        .await;
    settle(&[&here, &there]).await;
    assert_eq!(here.home_of("fan").await, ["for followers"]);
    assert!(here.home_of("other").await.is_empty(), "of a stranger");
    let cookie = here.cookie(&other).await;
    assert!(
        here.newest_message(&cookie)
            .await
            .contains("</span> for you</p>")
    );
    let seen = here.post_by_uri(&direct.uri).await.unwrap();
    assert!(
        afterparty::posts::get_for(here.app(), Some(&fan), seen.id)
            .await
            .is_err()
    );
    assert!(
        afterparty::posts::get_for(here.app(), None, seen.id)
            .await
            .is_err()
    );
    // The answer to a narrow post is no wider than it.
    let answer = here
        .write(
            &other,
            Draft {
                text: "thanks".into(),
                in_reply_to: Some(seen.id),
                ..Draft::default()
            },
        )
        .await;
    assert_eq!(answer.audience, Audience::People);
    // A marker of the narrow posts stands on no page or document for strangers.
    for path in [
        "/",
        "/@nina",
        "/local",
        "/users/nina/outbox?page=true",
        "/tags/x",
    ] {
        let body = there.get(path, &[]).await.text().await.unwrap();
        assert!(
            !body.contains("for followers") && !body.contains("for you"),
            "{path}"
        );
    }
}

async fn a_followers_post_opens_to_signed_fetches_of_followers_only(backend: Backend) {
    let mut net = crate::support::Net::new();
    let listener = net.listen("here.test").await;
    let peer = crate::support::Peer::start(&mut net, "peer.test").await;
    let node = net.node("here.test", &backend, listener, &[]).await;
    let nina = node.host("nina").await;
    let (friend, stranger) = (peer.actor("friend"), peer.actor("stranger"));
    assert_eq!(
        peer.send(
            &node,
            &peer.activity("Follow", &friend, 1, nina.uri.clone().into())
        )
        .await,
        202
    );
    settle(&[&node]).await;
    let post = node
        .write(
            &nina,
            Draft {
                text: "for followers".into(),
                audience: Audience::Followers,
                ..Draft::default()
            },
        )
        .await;
    let path = format!("/users/nina/posts/{}", post.id);
    assert_eq!(node.document(&path).await.0, 404);
    assert_eq!(peer.fetch(&node, &stranger, &path).await.0, 404);
    let (status, document) = peer.fetch(&node, &friend, &path).await;
    assert_eq!(
        (status, document["id"].as_str()),
        (200, Some(post.uri.as_str()))
    );
    let answer = node
        .get(&path, &[("accept", "application/activity+json")])
        .await;
    assert!(
        answer.headers()["vary"]
            .to_str()
            .unwrap()
            .contains("Signature"),
        "also on errors"
    );
}

async fn the_same_key_makes_one_post(backend: Backend) {
    let (_, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let draft = Draft {
        text: "once".into(),
        idempotency_key: Some("k1".into()),
        ..Draft::default()
    };
    let (a, b, c) = tokio::join!(
        node.write(&nina, draft.clone()),
        node.write(&nina, draft.clone()),
        node.write(&nina, draft.clone())
    );
    assert_eq!((a.id, a.id), (b.id, c.id));
    assert_eq!(node.account("nina").await.posts_count, 1);
}
