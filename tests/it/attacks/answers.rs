//! Who may not see a post may not answer it, and nobody buries what others answered.

use std::time::Duration;

use afterparty::accounts::Account;
use afterparty::audiences::Audience;
use afterparty::posts::compose::Draft;
use afterparty::posts::{Post, thread};
use afterparty::relations::{blocks, follows};
use serde_json::{Value, json};

use super::{Scene, ledger, scene};
use crate::both;
use crate::support::node::text;
use crate::support::{Backend, settle};

both!(
    who_may_not_see_a_post_does_nothing_about_it,
    who_is_blocked_answers_nobody_who_blocked_them,
    what_is_hidden_looks_like_what_is_not_there,
    answers_of_members_are_never_pushed_out,
    one_stranger_is_no_crowd,
    counts_tell_of_nothing_narrower,
);

const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";

async fn write(s: &Scene, text: &str, audience: Audience) -> Post {
    let draft = Draft {
        text: text.to_owned(),
        audience,
        ..Draft::default()
    };
    s.node.write(&s.nina, draft).await
}

/// Eve's account, once she was heard of.
async fn known(s: &Scene) -> Account {
    let like = s
        .evil
        .activity("Like", &s.eve, 9, json!("http://here.test/x"));
    assert_eq!(s.evil.send(&s.node, &like).await, 202);
    s.node.account("eve@evil.test").await
}

/// Every kind of activity of eve that names a post.
fn about(s: &Scene, uri: &str, number: u32) -> Vec<Value> {
    let reply = |n: u32, to: Value| {
        let mut note = s.evil.note(&s.eve, n, "from a stranger");
        note["inReplyTo"] = json!(uri);
        note["to"] = to;
        s.evil.activity("Create", &s.eve, n, note)
    };
    let mut quote = s.evil.note(&s.eve, number + 2, "a quote");
    quote["quote"] = json!(uri);
    let mut vote = json!({"id": s.evil.at(&format!("/votes/{number}")), "type": "Note", "attributedTo": s.eve, "name": "yes", "inReplyTo": uri, "to": [s.nina.uri]});
    vote["published"] = json!(s.net.clock.now().rfc3339());
    let mut request = s
        .evil
        .activity("QuoteRequest", &s.eve, number + 4, json!(uri));
    request["instrument"] = json!(s.evil.at(&format!("/notes/{number}")));
    let mut emoji = s
        .evil
        .activity("EmojiReact", &s.eve, number + 5, json!(uri));
    emoji["content"] = json!("🔥");
    vec![
        reply(number, json!([PUBLIC])),
        reply(number + 1, json!([s.nina.uri])),
        s.evil.activity("Create", &s.eve, number + 2, quote),
        s.evil.activity("Create", &s.eve, number + 3, vote),
        request,
        emoji,
        s.evil.activity("Like", &s.eve, number + 6, json!(uri)),
        s.evil.activity("Announce", &s.eve, number + 7, json!(uri)),
    ]
}

/// What is kept about a post, and how many hang on it.
async fn kept(s: &Scene, post: &Post) -> Vec<i64> {
    let now = s.node.post_by_uri(&post.uri).await.unwrap();
    let mut kept = vec![now.replies_count, now.favourites_count, now.boosts_count];
    for statement in [
        "SELECT COUNT(*) AS n FROM posts WHERE in_reply_to_id IS NOT NULL",
        "SELECT COUNT(*) AS n FROM posts WHERE quote_of_id IS NOT NULL",
        "SELECT COUNT(*) AS n FROM posts WHERE boost_of_id IS NOT NULL",
        "SELECT COUNT(*) AS n FROM favourites",
        "SELECT COUNT(*) AS n FROM poll_votes",
        "SELECT COUNT(*) AS n FROM quote_stamps",
        "SELECT COUNT(*) AS n FROM quote_wishes",
    ] {
        kept.push(s.node.count(statement).await);
    }
    kept
}

async fn who_may_not_see_a_post_does_nothing_about_it(backend: Backend) {
    let s = scene(&backend).await;
    let fan = s.node.sign_up("fan").await;
    // A member follows eve, so that what she writes is wanted here as such.
    let eve = known(&s).await;
    follows::request(s.node.app(), &fan, &eve).await.unwrap();
    afterparty::kernel::db::sql("UPDATE follows SET accepted_at = 1")
        .run(s.node.db())
        .await
        .unwrap();
    let narrow = [
        write(&s, "for followers", Audience::Followers).await,
        write(&s, "@fan for you", Audience::People).await,
    ];
    for (at, post) in narrow.iter().enumerate() {
        let before = kept(&s, post).await;
        for activity in about(&s, &post.uri, 100 + 20 * at as u32) {
            assert_eq!(s.evil.send(&s.node, &activity).await, 202, "{activity}");
            settle(&[&s.node]).await;
            assert_eq!(before, kept(&s, post).await, "{activity}");
        }
        let around = thread::around(s.node.app(), Some(&s.nina), post, None)
            .await
            .unwrap();
        assert!(around.below.is_empty(), "{around:?}");
        // The thread tells nobody that it is there.
        let (status, _) = s.node.document(&format!("/contexts/{}", post.thread)).await;
        assert_eq!(status, 404);
    }
    // The same by a follower has its effect.
    s.evil.send(&s.node, &s.follow(1)).await;
    settle(&[&s.node]).await;
    let like = s.evil.activity("Like", &s.eve, 900, json!(narrow[0].uri));
    s.evil.send(&s.node, &like).await;
    let mut note = s.evil.note(&s.eve, 901, "by a follower");
    note["inReplyTo"] = json!(narrow[0].uri);
    note["to"] = json!([s.nina.uri]);
    s.evil
        .send(&s.node, &s.evil.activity("Create", &s.eve, 901, note))
        .await;
    settle(&[&s.node]).await;
    let post = s.node.post_by_uri(&narrow[0].uri).await.unwrap();
    assert_eq!((post.favourites_count, post.replies_count), (1, 1));
}

async fn who_is_blocked_answers_nobody_who_blocked_them(backend: Backend) {
    let s = scene(&backend).await;
    let open = write(&s, "open to all", Audience::Public).await;
    let eve = known(&s).await;
    blocks::block(s.node.app(), &s.nina, &eve).await.unwrap();
    settle(&[&s.node]).await;
    let before = (ledger(&s.node).await, kept(&s, &open).await);
    for activity in about(&s, &open.uri, 200) {
        assert_eq!(s.evil.send(&s.node, &activity).await, 202, "{activity}");
        settle(&[&s.node]).await;
        let after = (ledger(&s.node).await, kept(&s, &open).await);
        assert_eq!(before, after, "{activity}");
    }
    let (_, replies) = s
        .node
        .document(&format!("/users/nina/posts/{}/replies", open.id))
        .await;
    assert_eq!(replies["totalItems"], 0, "{replies}");
    // One that came before the block is shown to nobody else either, once it stands.
    blocks::unblock(s.node.app(), &s.nina, &eve).await.unwrap();
    let mut note = s.evil.note(&s.eve, 300, "before the block");
    note["inReplyTo"] = json!(open.uri);
    s.evil
        .send(
            &s.node,
            &s.evil.activity("Create", &s.eve, 300, note.clone()),
        )
        .await;
    settle(&[&s.node]).await;
    let replies = format!("/users/nina/posts/{}/replies", open.id);
    assert_eq!(s.node.document(&replies).await.1["totalItems"], 1);
    blocks::block(s.node.app(), &s.nina, &eve).await.unwrap();
    let context = format!("/contexts/{}", open.thread);
    for path in [&replies, &context] {
        let (status, document) = s.node.document(path).await;
        assert_eq!(status, 200);
        assert!(
            !document.to_string().contains("/notes/300"),
            "{path}: {document}"
        );
    }
}

/// What comes of an answer is the same where there is nothing, and where there is something that is not theirs.
async fn what_is_hidden_looks_like_what_is_not_there(backend: Backend) {
    let s = scene(&backend).await;
    let hidden = write(&s, "for followers", Audience::Followers).await;
    let missing = hidden
        .uri
        .replace(&hidden.id.to_string(), "117687000000000001");
    for (at, kind) in ["reply", "quote", "like", "announce"].iter().enumerate() {
        let mut outcomes = Vec::new();
        for (n, uri) in [&hidden.uri, &missing].into_iter().enumerate() {
            let number = 500 + 10 * at as u32 + n as u32;
            let mut note = s.evil.note(&s.eve, number, "words");
            let activity = match *kind {
                "reply" => {
                    note["inReplyTo"] = json!(uri);
                    s.evil.activity("Create", &s.eve, number, note)
                }
                "quote" => {
                    note["quote"] = json!(uri);
                    s.evil.activity("Create", &s.eve, number, note)
                }
                "like" => s.evil.activity("Like", &s.eve, number, json!(uri)),
                _ => s.evil.activity("Announce", &s.eve, number, json!(uri)),
            };
            assert_eq!(s.evil.send(&s.node, &activity).await, 202);
            settle(&[&s.node]).await;
            let id = activity["id"].as_str().unwrap();
            outcomes.push((
                s.node.outcome(id).await,
                s.node
                    .post_by_uri(&s.evil.at(&format!("/notes/{number}")))
                    .await
                    .is_some(),
            ));
        }
        assert_eq!(outcomes[0], outcomes[1], "{kind}");
    }
}

/// An answer of eve that claims a date.
async fn answer(s: &Scene, to: &Post, number: u32, published: &str) {
    let mut note = s.evil.note(&s.eve, number, &format!("noise {number}"));
    note["inReplyTo"] = json!(to.uri);
    note["published"] = json!(published);
    let create = s.evil.activity("Create", &s.eve, number, note);
    assert_eq!(s.evil.send(&s.node, &create).await, 202);
}

async fn member_answers(s: &Scene, member: &Account, to: &Post, words: &str) -> Post {
    let draft = Draft {
        text: words.to_owned(),
        in_reply_to: Some(to.id),
        ..Draft::default()
    };
    s.node.write(member, draft).await
}

async fn answers_of_members_are_never_pushed_out(backend: Backend) {
    let s = scene(&backend).await;
    let ana = s.node.sign_up("ana").await;
    let post = write(&s, "the concert", Audience::Public).await;
    net_ahead(&s, 60);
    // More answers than are shown at once, each older than the post itself as it says.
    for number in 1_000..1_620 {
        answer(&s, &post, number, "2020-01-01T00:00:00Z").await;
        if number % 50 == 0 {
            net_ahead(&s, 2);
            settle(&[&s.node]).await;
        }
    }
    settle(&[&s.node]).await;
    let early = member_answers(&s, &ana, &post, "I was there first").await;
    // A member's answer to one that is not among the first.
    let late = s.node.post_by_uri(&s.evil.at("/notes/1619")).await.unwrap();
    let deep = member_answers(&s, &ana, &late, "and this is noise").await;
    let around = thread::around(s.node.app(), None, &post, None)
        .await
        .unwrap();
    let place = |id| around.below.iter().position(|(post, _)| post.id == id);
    assert!(place(early.id).is_some() && place(deep.id).is_some());
    assert!(place(late.id).unwrap() < place(deep.id).unwrap());
    assert!(around.next.is_some(), "there is more");
    // Page by page, each answer once.
    let mut seen: Vec<_> = around
        .below
        .iter()
        .filter(|(post, _)| post.account != ana.id)
        .map(|(post, _)| post.id)
        .collect();
    let mut next = around.next;
    while let Some(after) = next {
        let page = thread::around(s.node.app(), None, &post, Some(after))
            .await
            .unwrap();
        let others = page.below.iter().filter(|(post, _)| post.account != ana.id);
        seen.extend(others.map(|(post, _)| post.id));
        next = page.next;
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 620);
    // The page, the API and the collection show it.
    let path = post.url.clone().unwrap().replace("http://here.test", "");
    let page = text(s.node.get(&path, &[("accept", "text/html")]).await).await;
    assert!(page.contains("I was there first") && page.contains("?answers="));
    let api = format!("/api/v1/statuses/{}/context", post.id);
    let context: Value = s.node.get(&api, &[]).await.json().await.unwrap();
    assert!(context.to_string().contains("I was there first"));
    let (_, replies) = s
        .node
        .document(&format!("/users/nina/posts/{}/replies", post.id))
        .await;
    assert!(
        replies["first"].to_string().contains(&early.uri),
        "{replies}"
    );
    assert_eq!(replies["totalItems"], 621);
    // What came first is shown first, whatever date it claims.
    answer(&s, &post, 2_000, "2019-01-01T00:00:00Z").await;
    settle(&[&s.node]).await;
    let around = thread::around(s.node.app(), None, &post, None)
        .await
        .unwrap();
    let newest = s.evil.at("/notes/2000");
    assert!(around.below.iter().all(|(post, _)| post.uri != newest));
}

fn net_ahead(s: &Scene, seconds: u64) {
    s.net.clock.advance(Duration::from_secs(seconds));
}

async fn one_stranger_is_no_crowd(backend: Backend) {
    let s = scene(&backend).await;
    let ana = s.node.sign_up("ana").await;
    let post = write(&s, "the concert", Audience::Public).await;
    let own = member_answers(&s, &ana, &post, "looking forward").await;
    let now = s.net.clock.now().rfc3339();
    for number in 3_000..3_040 {
        answer(&s, &post, number, &now).await;
    }
    settle(&[&s.node]).await;
    assert_eq!(s.node.count("SELECT COUNT(*) AS n FROM calm").await, 0);
    let held = "SELECT COUNT(*) AS n FROM posts WHERE held_audience IS NOT NULL";
    assert_eq!(s.node.count(held).await, 0);
    // Many strangers are one; it looks back at them, and never at who is a member here.
    for n in 0..30 {
        let actor = s.evil.actor(&format!("crowd{n}"));
        let mut note = s.evil.note(&actor, 4_000 + n, "me too");
        note["inReplyTo"] = json!(post.uri);
        s.evil
            .send(&s.node, &s.evil.activity("Create", &actor, 4_000 + n, note))
            .await;
    }
    settle(&[&s.node]).await;
    assert!(s.node.count("SELECT COUNT(*) AS n FROM calm").await > 0);
    assert!(s.node.count(held).await > 10);
    let path = own.url.unwrap().replace("http://here.test", "");
    assert_eq!(s.node.get(&path, &[]).await.status(), 200, "for everybody");
    let around = thread::around(s.node.app(), Some(&s.nina), &post, None)
        .await
        .unwrap();
    assert!(around.below.iter().any(|(post, _)| post.id == own.id));
}

async fn counts_tell_of_nothing_narrower(backend: Backend) {
    let s = scene(&backend).await;
    let api = format!("/api/v1/accounts/{}", s.nina.id);
    let told = async || {
        let account: Value = s.node.get(&api, &[]).await.json().await.unwrap();
        let (_, outbox) = s.node.document("/users/nina/outbox").await;
        (
            account["statuses_count"].clone(),
            account["last_status_at"].clone(),
            outbox["totalItems"].clone(),
        )
    };
    let open = write(&s, "open", Audience::Public).await;
    let before = told().await;
    assert_eq!((&before.0, &before.2), (&json!(1), &json!(1)));
    net_ahead(&s, 2 * 86_400);
    let mut narrow = Vec::new();
    for audience in [Audience::Followers, Audience::People] {
        let draft = Draft {
            text: "narrow".to_owned(),
            audience,
            in_reply_to: Some(open.id),
            ..Draft::default()
        };
        narrow.push(s.node.write(&s.nina, draft).await);
    }
    assert_eq!(before, told().await);
    let shown: Value = s
        .node
        .get(&format!("/api/v1/statuses/{}", open.id), &[])
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(shown["replies_count"], 0);
    for post in narrow {
        afterparty::posts::remove::delete(s.node.app(), &s.nina, post.id)
            .await
            .unwrap();
    }
    assert_eq!(before, told().await);
}
