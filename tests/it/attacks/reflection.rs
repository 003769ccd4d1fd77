//! What a peer says must not have us write to somebody else, nor the same thing again and again.

use afterparty::kernel::crypt;
use afterparty::relations::digests::Digest;
use serde_json::json;

use super::{ledger, scene};
use crate::both;
use crate::support::peer::post_raw;
use crate::support::{Backend, settle};

both!(
    a_list_of_followers_is_no_lever,
    inboxes_lie_at_home_or_are_confirmed,
);

async fn a_list_of_followers_is_no_lever(backend: Backend) {
    let s = scene(&backend).await;
    let like = s
        .evil
        .activity("Like", &s.eve, 9, json!("http://here.test/x"));
    assert_eq!(s.evil.send(&s.node, &like).await, 202);
    settle(&[&s.node]).await;
    let before = ledger(&s.node).await;
    let mut ways = Vec::new();
    let member = s.nina.uri.as_str();
    // The same member an odd number of times has the digest of once; and many who are not there.
    ways.push(vec![member.to_owned(); 255]);
    ways.push(
        (0..2_000)
            .map(|n| format!("http://here.test/users/nobody{n}"))
            .collect(),
    );
    let mut mixed: Vec<String> = vec![member.to_owned(); 3];
    mixed.extend((0..50).map(|n| s.victim.at(&format!("/users/{n}"))));
    ways.push(mixed);
    for (n, items) in ways.iter().enumerate() {
        s.net.clock.advance(std::time::Duration::from_secs(3600));
        let url = format!("{}/followers_synchronization", s.eve);
        s.evil.serve(&json!({"@context": "https://www.w3.org/ns/activitystreams", "id": url, "type": "OrderedCollection", "orderedItems": items}));
        let digest = crypt::hex(&Digest::of(items.iter().map(String::as_str)).sum);
        let body = s.follow(60 + n as u32);
        let body = s
            .evil
            .activity("Like", &s.eve, 60 + n as u32, body["object"].clone())
            .to_string()
            .into_bytes();
        let mut headers = s.evil.sign(&s.key(), "here.test", "/inbox", &body);
        headers.push((
            "collection-synchronization".to_owned(),
            format!(
                "collectionId=\"{}/followers\", url=\"{url}\", digest=\"{digest}\"",
                s.eve
            ),
        ));
        s.evil.forget();
        assert_eq!(post_raw(&s.node, "/inbox", headers, body).await, 202);
        settle(&[&s.node]).await;
        let posts = s.evil.received("Undo").len() + s.victim.received("Undo").len();
        assert!(posts <= 1, "list {n} made {posts} requests");
    }
    assert_eq!(before, ledger(&s.node).await);
}

async fn inboxes_lie_at_home_or_are_confirmed(backend: Backend) {
    let s = scene(&backend).await;
    // An actor whose inbox and shared inbox lie at the victim's.
    let mut document = s.evil.actor_document("mallory");
    document["inbox"] = json!(s.victim.at("/users/vic/inbox"));
    document["endpoints"]["sharedInbox"] = json!(s.victim.at("/inbox"));
    s.evil.serve(&document);
    let mallory = document["id"].as_str().unwrap().to_owned();
    let follow = s.evil.activity("Follow", &mallory, 1, json!(s.nina.uri));
    assert_eq!(s.evil.send(&s.node, &follow).await, 202);
    // Another, whose shared inbox alone does.
    let mut document = s.evil.actor_document("mona");
    document["endpoints"]["sharedInbox"] = json!(s.victim.at("/inbox"));
    s.evil.serve(&document);
    let mona = document["id"].as_str().unwrap().to_owned();
    let follow = s.evil.activity("Follow", &mona, 2, json!(s.nina.uri));
    assert_eq!(s.evil.send(&s.node, &follow).await, 202);
    settle(&[&s.node]).await;
    s.node.post(&s.nina, "to my followers").await;
    settle(&[&s.node]).await;
    let at_victim = s.victim.seen();
    assert!(
        at_victim
            .iter()
            .all(|seen| seen.method != http::Method::POST),
        "{at_victim:?}"
    );
    let paths: Vec<String> = s.evil.seen().into_iter().map(|seen| seen.path).collect();
    assert!(paths.contains(&"/users/mona/inbox".to_owned()), "{paths:?}");
    // A host that says that it serves somebody gets what is for them.
    let hosted = s.evil.at("/users/hosted");
    let jrd = json!({"subject": "acct:hosted@victim.test", "links": [{"rel": "self", "type": "application/activity+json", "href": hosted}]});
    s.victim.serve_at(
        "/.well-known/webfinger",
        200,
        "application/jrd+json",
        jrd.to_string().into_bytes(),
    );
    let mut document = s.evil.actor_document("hosted");
    document["inbox"] = json!(s.victim.at("/users/hosted/inbox"));
    document["endpoints"] = json!({});
    s.evil.serve(&document);
    let follow = s.evil.activity("Follow", &hosted, 3, json!(s.nina.uri));
    assert_eq!(s.evil.send(&s.node, &follow).await, 202);
    settle(&[&s.node]).await;
    s.node.post(&s.nina, "to the hosted one").await;
    settle(&[&s.node]).await;
    let posted = s.victim.seen().into_iter();
    let posted: Vec<String> = posted
        .filter(|seen| seen.method == http::Method::POST)
        .map(|seen| seen.path)
        .collect();
    assert!(posted.contains(&"/users/hosted/inbox".to_owned()));
}
