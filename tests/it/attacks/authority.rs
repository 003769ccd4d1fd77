//! Authority: nobody acts on what is somebody else's.

use std::time::Duration;

use afterparty::audiences::Audience;
use afterparty::posts::compose::Draft;
use serde_json::json;

use super::scene;
use crate::both;
use crate::support::{Backend, settle};

both!(
    nobody_acts_on_what_is_anothers,
    embedded_lies_are_not_believed,
    order_does_not_matter,
);

async fn nobody_acts_on_what_is_anothers(backend: Backend) {
    let s = scene(&backend).await;
    let fan = s.node.sign_up("fan").await;
    // The victim follows and is followed, and has a post here.
    s.node.follow(&fan, &s.vic).await;
    settle(&[&s.node]).await;
    let asked = s.victim.received("Follow").pop().unwrap();
    s.victim
        .send(
            &s.node,
            &s.victim.activity("Accept", &s.vic, 1, asked["id"].clone()),
        )
        .await;
    s.victim
        .send(
            &s.node,
            &s.victim.activity("Follow", &s.vic, 2, json!(s.nina.uri)),
        )
        .await;
    let note = s.victim.note(&s.vic, 1, "genuine");
    s.victim.serve(&note);
    s.victim
        .send(
            &s.node,
            &s.victim.activity("Create", &s.vic, 3, note.clone()),
        )
        .await;
    s.evil.send(&s.node, &s.follow(1)).await;
    settle(&[&s.node]).await;
    assert_eq!(s.node.home_of("fan").await, ["genuine"]);
    let note_id = note["id"].clone();
    // 19, 20: updates of what is not eve's, or not known.
    let mut forged = note.clone();
    forged["content"] = json!("<p>forged</p>");
    s.harmless(&s.evil.activity("Update", &s.eve, 190, forged.clone()))
        .await;
    forged["attributedTo"] = json!(s.eve);
    s.harmless(&s.evil.activity("Update", &s.eve, 191, forged.clone()))
        .await;
    let unknown = s.victim.note(&s.vic, 77, "never seen");
    s.harmless(&s.evil.activity("Update", &s.eve, 200, unknown))
        .await;
    // 21: deletes.
    s.harmless(&s.evil.activity("Delete", &s.eve, 210, note_id.clone()))
        .await;
    s.harmless(&s.evil.activity(
        "Delete",
        &s.eve,
        211,
        json!({"id": note_id, "type": "Tombstone"}),
    ))
    .await;
    s.harmless(&s.evil.activity("Delete", &s.eve, 212, json!(s.vic)))
        .await;
    s.harmless(&s.evil.activity("Delete", &s.eve, 213, json!(s.nina.uri)))
        .await;
    // 22: undos.
    let their_follow = json!({"id": s.victim.at("/activities/Follow-2"), "type": "Follow", "actor": s.vic, "object": s.nina.uri});
    s.harmless(&s.evil.activity("Undo", &s.eve, 220, their_follow.clone()))
        .await;
    s.harmless(
        &s.evil
            .activity("Undo", &s.eve, 221, their_follow["id"].clone()),
    )
    .await;
    // 23: answers to what was never asked, or asked of somebody else.
    let never = json!({"id": "http://here.test/activities/never", "type": "Follow", "actor": fan.uri, "object": s.eve});
    s.harmless(&s.evil.activity("Accept", &s.eve, 230, never))
        .await;
    let bent = json!({"id": asked["id"], "type": "Follow", "actor": fan.uri, "object": s.vic});
    s.harmless(&s.evil.activity("Reject", &s.eve, 231, bent))
        .await;
    s.harmless(&s.evil.activity("Reject", &s.eve, 232, asked["id"].clone()))
        .await;
    // 25, 26: posts in another's name, or under a known id.
    let mut stolen = s.evil.note(&s.eve, 2, "stolen");
    stolen["attributedTo"] = json!(s.vic);
    stolen["to"] = json!([fan.uri]);
    s.harmless(&s.evil.activity("Create", &s.eve, 250, stolen))
        .await;
    let mut known = note.clone();
    known["attributedTo"] = json!(s.eve);
    known["to"] = json!([fan.uri]);
    s.harmless(&s.evil.activity("Create", &s.eve, 260, known))
        .await;
    // 30: an object on our own host.
    let ours = s.node.post(&s.nina, "ours").await;
    settle(&[&s.node]).await;
    let mut overwrite = s.evil.note(&s.eve, 3, "overwritten");
    overwrite["id"] = json!(ours.uri);
    s.harmless(&s.evil.activity("Create", &s.eve, 300, overwrite.clone()))
        .await;
    s.harmless(&s.evil.activity("Update", &s.eve, 301, overwrite))
        .await;
    // 27: a boost of a post that not everyone may see.
    let narrow = s
        .node
        .write(
            &s.nina,
            Draft {
                text: "followers".into(),
                audience: Audience::Followers,
                ..Draft::default()
            },
        )
        .await;
    settle(&[&s.node]).await;
    s.harmless(&s.evil.activity("Announce", &s.eve, 270, json!(narrow.uri)))
        .await;
    // Things that make no sense.
    s.harmless(&s.evil.activity("Follow", &s.eve, 280, json!(s.eve)))
        .await;
    s.harmless(
        &s.evil
            .activity("Follow", &s.eve, 281, json!([s.nina.uri, fan.uri])),
    )
    .await;
    s.harmless(&s.evil.activity(
        "Like",
        &s.eve,
        282,
        json!("http://here.test/users/nina/posts/1"),
    ))
    .await;
    s.harmless(&s.evil.activity("Explode", &s.eve, 283, json!(s.nina.uri)))
        .await;
    s.harmless(&s.evil.activity("EmojiReact", &s.eve, 284, json!(ours.uri)))
        .await;
    assert_eq!(s.node.home_of("fan").await, ["genuine"]);
    // Blocked by one of ours, eve's follow is refused without a word.
    let eve = s.node.account("eve@evil.test").await;
    afterparty::relations::blocks::block(s.node.app(), &s.nina, &eve)
        .await
        .unwrap();
    settle(&[&s.node]).await;
    s.harmless(&s.follow(290)).await;
}

async fn embedded_lies_are_not_believed(backend: Backend) {
    let s = scene(&backend).await;
    let fan = s.node.sign_up("fan").await;
    s.node.follow(&fan, &s.eve).await;
    settle(&[&s.node]).await;
    let asked = s.evil.received("Follow").pop().unwrap();
    s.evil
        .send(
            &s.node,
            &s.evil.activity("Accept", &s.eve, 1, asked["id"].clone()),
        )
        .await;
    settle(&[&s.node]).await;
    // 24: a boost with a made-up copy of the victim's post: the victim's host has the word.
    let note = s.victim.note(&s.vic, 1, "what was really said");
    s.victim.serve(&note);
    let mut fake = note.clone();
    fake["content"] = json!("<p>what was never said</p>");
    s.victim.forget();
    assert_eq!(
        s.evil
            .send(&s.node, &s.evil.activity("Announce", &s.eve, 240, fake))
            .await,
        202
    );
    settle(&[&s.node]).await;
    assert_eq!(s.node.home_of("fan").await, ["what was really said"]);
    assert_eq!(
        s.victim
            .seen()
            .iter()
            .filter(|seen| seen.path == "/notes/1")
            .count(),
        1
    );
    // 28: a private post does not get new readers from somebody else.
    let mut private = s.victim.note(&s.vic, 2, "between us");
    private["to"] = json!([fan.uri]);
    private["cc"] = json!([]);
    s.victim
        .send(
            &s.node,
            &s.victim.activity("Create", &s.vic, 2, private.clone()),
        )
        .await;
    settle(&[&s.node]).await;
    let post = s
        .node
        .post_by_uri(private["id"].as_str().unwrap())
        .await
        .unwrap();
    let other = s.node.sign_up("other").await;
    private["to"] = json!([fan.uri, other.uri]);
    for kind in ["Create", "Update", "Announce"] {
        assert_eq!(
            s.evil
                .send(
                    &s.node,
                    &s.evil.activity(kind, &s.eve, 280, private.clone())
                )
                .await,
            202
        );
    }
    settle(&[&s.node]).await;
    assert!(
        afterparty::posts::get_for(s.node.app(), Some(&other), post.id)
            .await
            .is_err()
    );
    assert!(
        afterparty::posts::get_for(s.node.app(), Some(&fan), post.id)
            .await
            .is_ok()
    );
    // 32: before a locked account says yes, the follower sees nothing of it.
    let mut locked = s.victim.actor_document("locked");
    locked["manuallyApprovesFollowers"] = json!(true);
    s.victim.serve(&locked);
    let locked = s.victim.at("/users/locked");
    s.node.follow(&fan, &locked).await;
    settle(&[&s.node]).await;
    let mut narrow = s.victim.note(&locked, 5, "members only");
    narrow["to"] = json!([s.victim.at("/users/locked/followers")]);
    narrow["cc"] = json!([]);
    s.victim
        .send(&s.node, &s.victim.activity("Create", &locked, 5, narrow))
        .await;
    settle(&[&s.node]).await;
    assert!(
        !s.node
            .home_of("fan")
            .await
            .contains(&"members only".to_owned())
    );
}

async fn order_does_not_matter(backend: Backend) {
    let s = scene(&backend).await;
    let fan = s.node.sign_up("fan").await;
    s.evil.send(&s.node, &s.follow(1)).await;
    settle(&[&s.node]).await;
    // 29: deleted first, created later.
    let mut note = s.evil.note(&s.eve, 1, "too late");
    note["to"] = json!([fan.uri]);
    s.evil
        .send(
            &s.node,
            &s.evil.activity("Delete", &s.eve, 1, note["id"].clone()),
        )
        .await;
    settle(&[&s.node]).await;
    s.evil
        .send(&s.node, &s.evil.activity("Create", &s.eve, 1, note.clone()))
        .await;
    settle(&[&s.node]).await;
    assert!(
        s.node
            .post_by_uri(note["id"].as_str().unwrap())
            .await
            .is_none()
    );
    // A reply before its parent joins it once both are here.
    let mut parent = s.evil.note(&s.eve, 2, "parent");
    parent["to"] = json!([fan.uri]);
    let mut child = s.evil.note(&s.eve, 3, "child");
    child["to"] = json!([fan.uri]);
    child["inReplyTo"] = parent["id"].clone();
    s.evil
        .send(
            &s.node,
            &s.evil.activity("Create", &s.eve, 3, child.clone()),
        )
        .await;
    settle(&[&s.node]).await;
    s.evil
        .send(
            &s.node,
            &s.evil.activity("Create", &s.eve, 2, parent.clone()),
        )
        .await;
    settle(&[&s.node]).await;
    let (parent, child) = (
        s.node
            .post_by_uri(parent["id"].as_str().unwrap())
            .await
            .unwrap(),
        s.node
            .post_by_uri(child["id"].as_str().unwrap())
            .await
            .unwrap(),
    );
    assert_eq!(
        (child.in_reply_to, child.thread, parent.replies_count),
        (Some(parent.id), parent.thread, 1)
    );
    // Undone first, done later.
    let mallory = s.evil.actor("mallory");
    let follow = s.evil.activity("Follow", &mallory, 700, json!(s.nina.uri));
    s.evil
        .send(
            &s.node,
            &s.evil.activity("Undo", &mallory, 701, follow.clone()),
        )
        .await;
    settle(&[&s.node]).await;
    assert_eq!(s.evil.send(&s.node, &follow).await, 202);
    settle(&[&s.node]).await;
    assert_eq!(s.node.followers_of("nina").await, ["eve@evil.test"]);
    // Edited first, written later: the edit waits for it.
    let mut note = s.evil.note(&s.eve, 8, "new");
    note["to"] = json!([fan.uri]);
    let mut older = note.clone();
    older["content"] = json!("<p>old</p>");
    note["updated"] = json!(s.node.app().clock.now().rfc3339());
    s.evil
        .send(
            &s.node,
            &s.evil.activity("Update", &s.eve, 800, note.clone()),
        )
        .await;
    settle(&[&s.node]).await;
    s.evil
        .send(&s.node, &s.evil.activity("Create", &s.eve, 801, older))
        .await;
    settle(&[&s.node]).await;
    s.net.clock.advance(Duration::from_secs(120));
    settle(&[&s.node]).await;
    let edited = s
        .node
        .post_by_uri(note["id"].as_str().unwrap())
        .await
        .unwrap();
    assert_eq!(edited.html, "<p>new</p>");
    // An unknown actor's farewell costs nothing.
    s.victim.forget();
    let stranger = s.victim.at("/users/stranger");
    assert_eq!(
        s.victim
            .send(
                &s.node,
                &s.victim.activity("Delete", &stranger, 9, json!(stranger))
            )
            .await,
        202
    );
    assert!(s.victim.seen().is_empty(), "nothing was fetched for it");
}
