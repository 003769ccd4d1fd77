//! What waited for a server that was down: rights are asked again before it leaves.

use std::time::Duration;

use afterparty::audiences::Audience;
use afterparty::media::incoming::Incoming;
use afterparty::media::upload::{self, Upload};
use afterparty::posts::compose::Draft;
use afterparty::posts::{Post, boosts, favourites, held, remove};
use afterparty::relations::{blocks, follows};
use serde_json::{Value, json};

use super::{Scene, scene};
use crate::both;
use crate::support::node::png;
use crate::support::{Backend, settle};

both!(
    rights_are_asked_again_before_anything_leaves,
    what_never_left_has_no_end,
    files_of_narrower_posts_open_for_minutes,
);

/// A scene in which eve follows nina, and her server is down from now on.
async fn down(backend: &Backend) -> Scene {
    let s = scene(backend).await;
    s.evil.send(&s.node, &s.follow(1)).await;
    settle(&[&s.node]).await;
    assert_eq!(s.node.followers_of("nina").await, ["eve@evil.test"]);
    s.evil.answer_inbox(503, &[]);
    // What the outage is noticed by.
    s.node.post(&s.nina, "open").await;
    settle(&[&s.node]).await;
    s
}

async fn back(s: &Scene) {
    s.evil.answer_inbox(202, &[]);
    s.evil.forget();
    for _ in 0..3 {
        s.net.clock.advance(Duration::from_secs(7_200));
        settle(&[&s.node]).await;
    }
}

async fn write(s: &Scene, text: &str, audience: Audience) -> Post {
    let draft = Draft {
        text: text.to_owned(),
        audience,
        ..Draft::default()
    };
    let post = s.node.write(&s.nina, draft).await;
    settle(&[&s.node]).await;
    post
}

fn everything(s: &Scene) -> String {
    let bodies = s.evil.seen().into_iter();
    bodies
        .filter(|seen| seen.method == http::Method::POST)
        .map(|seen| seen.body.to_string())
        .collect()
}

async fn rights_are_asked_again_before_anything_leaves(backend: Backend) {
    for way in ["removed", "blocked", "unfollowed", "held", "deleted"] {
        let s = down(&backend).await;
        let secret = write(&s, "for followers alone", Audience::Followers).await;
        let open = write(&s, "for everybody to see", Audience::Public).await;
        let eve = s.node.account("eve@evil.test").await;
        let follow = follows::find(s.node.db(), eve.id, s.nina.id)
            .await
            .unwrap()
            .unwrap();
        match way {
            "removed" => {
                follows::reject(s.node.app(), &follow).await.unwrap();
            }
            "blocked" => blocks::block(s.node.app(), &s.nina, &eve).await.unwrap(),
            "unfollowed" => {
                let undo = s.evil.activity("Undo", &s.eve, 2, s.follow(1));
                assert_eq!(s.evil.send(&s.node, &undo).await, 202);
            }
            "held" => held::hold(s.node.app(), &secret, "alarm").await.unwrap(),
            _ => remove::delete(s.node.app(), &s.nina, secret.id)
                .await
                .unwrap(),
        }
        settle(&[&s.node]).await;
        back(&s).await;
        let sent = everything(&s);
        assert!(!sent.contains("for followers alone"), "{way}: {sent}");
        let open_left = sent.contains("for everybody to see");
        assert_eq!(open_left, way != "blocked", "{way}");
        // An edit made meanwhile does not leave either.
        assert!(
            !sent.contains(&secret.uri) || way == "held",
            "{way}: {sent}"
        );
        let _ = open;
    }
}

/// Everything that can be taken back, taken back before it left: neither the one nor the other leaves.
async fn what_never_left_has_no_end(backend: Backend) {
    let s = down(&backend).await;
    let note = s.evil.note(&s.eve, 7, "likable");
    s.evil
        .send(
            &s.node,
            &s.evil.activity("Create", &s.eve, 7, {
                let mut note = note.clone();
                note["to"] = json!([s.nina.uri, "https://www.w3.org/ns/activitystreams#Public"]);
                note
            }),
        )
        .await;
    settle(&[&s.node]).await;
    let theirs = s
        .node
        .post_by_uri(note["id"].as_str().unwrap())
        .await
        .unwrap();
    let regretted = write(&s, "regretted", Audience::Public).await;
    boosts::boost(s.node.app(), &s.nina, &theirs).await.unwrap();
    favourites::set(s.node.app(), &s.nina, &theirs, true)
        .await
        .unwrap();
    settle(&[&s.node]).await;
    remove::delete(s.node.app(), &s.nina, regretted.id)
        .await
        .unwrap();
    boosts::unboost(s.node.app(), &s.nina, &theirs)
        .await
        .unwrap();
    favourites::set(s.node.app(), &s.nina, &theirs, false)
        .await
        .unwrap();
    settle(&[&s.node]).await;
    back(&s).await;
    for kind in ["Announce", "Like", "Undo", "Delete"] {
        assert_eq!(s.evil.received(kind).len(), 0, "{kind}");
    }
    // What left has an end: an answer was lost, so it may have arrived.
    let sent = write(&s, "sent", Audience::Public).await;
    s.evil.answer_inbox(500, &[]);
    let doubtful = write(&s, "doubtful", Audience::Public).await;
    remove::delete(s.node.app(), &s.nina, sent.id)
        .await
        .unwrap();
    remove::delete(s.node.app(), &s.nina, doubtful.id)
        .await
        .unwrap();
    settle(&[&s.node]).await;
    back(&s).await;
    let ended = s.evil.received("Delete").into_iter();
    let mut ended: Vec<String> = ended
        .map(|delete| delete["object"]["id"].as_str().unwrap().to_owned())
        .collect();
    ended.sort();
    let mut expected = [sent.uri, doubtful.uri];
    expected.sort();
    assert_eq!(ended, expected);
    assert!(!everything(&s).contains("doubtful\""), "it left no more");
}

/// A post of nina's for her followers, with a picture.
async fn with_picture(s: &Scene, text: &str) -> Post {
    let upload = Upload {
        file: Incoming::of_bytes(s.node.app(), png(40, 30)).await.unwrap(),
        cover: None,
        description: "The stage".to_owned(),
        focus: (0, 0),
    };
    let picture = upload::upload(s.node.app(), &s.nina, upload).await.unwrap();
    let draft = Draft {
        text: text.to_owned(),
        audience: Audience::Followers,
        media: vec![picture.id],
        ..Draft::default()
    };
    let post = s.node.write(&s.nina, draft).await;
    settle(&[&s.node]).await;
    post
}

async fn files_of_narrower_posts_open_for_minutes(backend: Backend) {
    let s = scene(&backend).await;
    s.evil.send(&s.node, &s.follow(1)).await;
    settle(&[&s.node]).await;
    let address_of = |activity: &Value| {
        let url = activity["object"]["attachment"][0]["url"].as_str().unwrap();
        url.replace("http://here.test", "")
    };
    let post = with_picture(&s, "a picture for followers").await;
    let first = address_of(&s.evil.received("Create")[0]);
    let bare = first.split('?').next().unwrap().to_owned();
    assert_eq!(s.node.get(&first, &[]).await.status(), 200);
    assert_eq!(s.node.get(&bare, &[]).await.status(), 404);
    // Bent in any way it opens nothing.
    let longer = first.replacen("?e=1", "?e=2", 1);
    for bent in [longer, format!("{first}x"), first.replace("&k=", "&v=1&k=")] {
        assert_eq!(s.node.get(&bent, &[]).await.status(), 404, "{bent}");
    }
    s.net.clock.advance(Duration::from_secs(600));
    assert_eq!(s.node.get(&first, &[]).await.status(), 404, "it has ended");
    // A document asked for later has addresses that open; so has one that waited for a server that was down.
    let path = post.uri.replace("http://here.test", "");
    let (status, note) = s.evil.fetch(&s.node, &s.eve, &path).await;
    assert_eq!(status, 200);
    let again = address_of(&json!({"object": note}));
    assert_eq!(s.node.get(&again, &[]).await.status(), 200);
    s.evil.answer_inbox(503, &[]);
    with_picture(&s, "one more").await;
    back(&s).await;
    let late = s.evil.received("Create");
    let late = late.last().unwrap();
    let address = address_of(late);
    s.net.clock.advance(Duration::from_secs(1));
    // The clock moved on while it was delivered; what was handed out then lasted ten minutes at most.
    let ends = |address: &str| -> i64 {
        let (_, rest) = address.split_once("?e=").unwrap();
        rest.split('&').next().unwrap().parse().unwrap()
    };
    assert!(
        ends(&address) > ends(&first) + 600_000,
        "it was renewed before it left"
    );
}
