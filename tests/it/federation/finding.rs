//! Finding people and posts of others, and reading what others sign, in the shapes in which they come.

use afterparty::federation::look_up;
use afterparty::federation::objects::Found;
use afterparty::kernel::crypt::RsaKey;
use serde_json::{Value, json};

use crate::both;
use crate::support::peer::post_raw;
use crate::support::{Backend, Net, Peer, TestNode, settle, shared};

both!(
    whoever_cannot_be_verified_reads_what_anybody_may,
    a_seen_key_and_a_wrong_signature_are_refused,
    a_domain_points_to_its_server,
    a_page_names_its_document,
    what_is_here_is_found_here,
    requests_are_read_in_any_shape,
    a_message_by_another_name_is_private,
    an_actor_is_taken_without_a_key_of_nobody,
);

/// The recorded document of a case, about `peer.test` and `here.test`; nothing where the folder is not there.
fn recorded(number: &str) -> Option<Value> {
    let file = shared()?.join(format!("cases/{number}.json"));
    let text = std::fs::read_to_string(file).unwrap();
    let text = text
        .replace("PEER", "peer.test")
        .replace("NODE", "here.test");
    Some(serde_json::from_str(&text).unwrap())
}

/// Cases 27, 29 and 31, and others of their kind.
async fn whoever_cannot_be_verified_reads_what_anybody_may(backend: Backend) {
    let mut net = Net::new();
    let (one, other) = (
        net.listen("here.test").await,
        net.listen("strict.test").await,
    );
    let peer = Peer::start(&mut net, "peer.test").await;
    let node = net.node("here.test", &backend, one, &[]).await;
    let demand = [("federation.authorized_fetch", "true")];
    let strict = net
        .node("strict.test", &Backend::Sqlite, other, &demand)
        .await;
    let nina = node.host("nina").await;
    let post = node.post(&nina, "a song").await;
    let path = post
        .uri
        .strip_prefix("http://here.test")
        .unwrap()
        .to_owned();
    let theirs = strict.host("nina").await;
    let hidden = strict.post(&theirs, "a song").await;
    let hidden = hidden
        .uri
        .strip_prefix("http://strict.test")
        .unwrap()
        .to_owned();
    let mut shapes = vec![
        ("503", 503, "text/plain", json!("down")),
        ("404", 404, "text/plain", json!("gone")),
        ("a page", 200, "text/html", json!("<p>hello")),
        (
            "no key",
            200,
            "application/activity+json",
            json!({"id": peer.at("/site"), "type": "Person", "inbox": peer.at("/inbox")}),
        ),
        ("nonsense", 200, "application/activity+json", json!([1, 2])),
    ];
    for number in ["027", "031"] {
        if let Some(mut document) = recorded(number) {
            document["publicKey"]["publicKeyPem"] = json!(peer.pem());
            shapes.push((number, 200, "application/activity+json", document));
        }
    }
    for (number, (name, status, media_type, body)) in shapes.into_iter().enumerate() {
        // A fresh actor each time, so that nothing is remembered.
        let site = format!("/site{number}");
        let body = body.to_string().replace("/site", &site);
        peer.serve_at(&site, status, media_type, body.into_bytes());
        let (found, document) = peer.fetch(&node, &peer.at(&site), &path).await;
        assert_eq!(found, 200, "{name}: {document}");
        let (found, _) = peer.fetch(&strict, &peer.at(&site), &hidden).await;
        let verified = matches!(name, "027" | "031");
        assert_eq!(found, if verified { 200 } else { 401 }, "{name}");
    }
}

async fn a_seen_key_and_a_wrong_signature_are_refused(backend: Backend) {
    let (_net, node, peer) = TestNode::with_peer(&backend, "peer.test").await;
    let nina = node.host("nina").await;
    let post = node.post(&nina, "a song").await;
    let path = post
        .uri
        .strip_prefix("http://here.test")
        .unwrap()
        .to_owned();
    let friend = peer.actor("friend");
    assert_eq!(peer.fetch(&node, &friend, &path).await.0, 200);
    // Somebody else signs in their name, and the true key can, or cannot, be asked for again.
    let thief = peer.with_key(RsaKey::generate().unwrap().0);
    assert_eq!(thief.fetch(&node, &friend, &path).await.0, 401);
    peer.serve_at("/users/friend", 503, "text/plain", Vec::new());
    assert_eq!(thief.fetch(&node, &friend, &path).await.0, 401);
    assert_eq!(peer.fetch(&node, &friend, &path).await.0, 200);
}

async fn find(node: &TestNode, text: &str) -> Option<Found> {
    look_up::find(node.app(), text).await.ok()
}

/// Case 19, and case 23 on the way: a domain that only has a host-meta.
async fn a_domain_points_to_its_server(backend: Backend) {
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let peer = Peer::start(&mut net, "peer.test").await;
    let bare = Peer::start(&mut net, "bare.test").await;
    let node = net.node("here.test", &backend, listener, &[]).await;
    let cleo = peer.actor("cleo");
    let answer = json!({"subject": "acct:cleo@bare.test", "links": [
        {"rel": "self", "type": "application/activity+json; charset=utf-8", "href": cleo},
    ]});
    let answer = answer.to_string().into_bytes();
    peer.serve_at(
        "/.well-known/webfinger",
        200,
        "application/jrd+json",
        answer,
    );
    for (template, works) in [
        (
            "http://elsewhere.test/.well-known/webfinger?resource={uri}",
            false,
        ),
        (
            "http://127.0.0.1/.well-known/webfinger?resource={uri}",
            false,
        ),
        ("http://peer.test/.well-known/webfinger", false),
        (
            "http://peer.test/.well-known/webfinger?resource={uri}",
            true,
        ),
    ] {
        let meta = format!(
            "<?xml version=\"1.0\"?><XRD xmlns=\"http://docs.oasis-open.org/ns/xri/xrd-1.0\"><Link rel=\"other\" template=\"http://peer.test/{{uri}}\"/><Link rel=\"lrdd\" template=\"{template}\"/></XRD>"
        );
        bare.serve_at(
            "/.well-known/host-meta",
            200,
            "application/xrd+xml",
            meta.into_bytes(),
        );
        let found = find(&node, "@cleo@bare.test").await;
        assert_eq!(found.is_some(), works, "{template}");
    }
    assert_eq!(node.account("cleo@bare.test").await.uri, cleo);
}

/// Case 21: by its header, and by its head.
async fn a_page_names_its_document(backend: Backend) {
    let (_net, node, peer) = TestNode::with_peer(&backend, "peer.test").await;
    let friend = peer.actor("friend");
    for number in [2, 3, 4] {
        let mut note = peer.note(&friend, number, "a post of a blog");
        note["id"] = json!(peer.at(&format!("/n/{number}")));
        peer.serve(&note);
    }
    let link = "<http://peer.test/feed>; rel=\"alternate\"; type=\"application/rss+xml\", <http://peer.test/n/2>; rel=\"alternate\"; type=\"application/activity+json\"";
    peer.serve_at("/blog/two/", 200, "text/html", b"<p>two".to_vec());
    peer.serve_with("/blog/two/", ("link", link));
    let head = b"<html><head><link rel=alternate type=application/activity+json href='../../n/3'>";
    peer.serve_at(
        "/blog/three/",
        200,
        "text/html; charset=utf-8",
        head.to_vec(),
    );
    let other =
        b"<link rel=alternate type=application/activity+json href='http://here.test/users/nina'>";
    peer.serve_at("/blog/four/", 200, "text/html", other.to_vec());
    for (page, id) in [
        ("two", Some("/n/2")),
        ("three", Some("/n/3")),
        ("four", None),
    ] {
        let found = find(&node, &peer.at(&format!("/blog/{page}/"))).await;
        let found = found.map(|found| match found {
            Found::Post(post) => post.uri,
            Found::Account(account) => account.uri,
        });
        assert_eq!(found, id.map(|id| peer.at(id)), "{page}");
    }
}

/// What is known here is asked for nowhere, whether by its id or by its page; and a page counts on its own host only.
async fn what_is_here_is_found_here(backend: Backend) {
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let peer = Peer::start(&mut net, "peer.test").await;
    let evil = Peer::start(&mut net, "evil.test").await;
    let node = net.node("here.test", &backend, listener, &[]).await;
    let nina = node.host("nina").await;
    for (of, number) in [(&peer, 1), (&evil, 2)] {
        let friend = of.actor("friend");
        let mut note = of.note(&friend, number, "hello");
        note["url"] = json!(if number == 1 {
            peer.at("/@friend/1")
        } else {
            peer.at("/@friend/2")
        });
        note["tag"] = json!([{"type": "Mention", "href": nina.uri, "name": "@nina"}]);
        assert_eq!(
            of.send(&node, &of.activity("Create", &friend, number, note))
                .await,
            202
        );
    }
    settle(&[&node]).await;
    peer.forget();
    for text in ["http://peer.test/@friend/1", "http://peer.test/notes/1"] {
        let Some(Found::Post(post)) = find(&node, text).await else {
            panic!("{text}");
        };
        assert_eq!(post.uri, peer.at("/notes/1"));
    }
    assert!(peer.seen().is_empty(), "{:?}", peer.seen());
    assert!(find(&node, "http://peer.test/@friend/2").await.is_none());
}

/// Cases 25, 119 and 121, and an object's id in an array.
async fn requests_are_read_in_any_shape(backend: Backend) {
    let (_net, node, peer) = TestNode::with_peer(&backend, "peer.test").await;
    let nina = node.host("nina").await;
    let post = node.post(&nina, "a song").await;
    let mut number = 0;
    for shape in ["mark", "capitals", "identity", "array", "array of objects"] {
        number += 1;
        let friend = peer.actor(&format!("friend{number}"));
        let key = format!("{friend}#main-key");
        let object = match shape {
            "array" => json!([post.uri]),
            "array of objects" => json!({"id": [post.uri], "type": "Note"}),
            _ => json!(post.uri),
        };
        let mut body = peer
            .activity("Like", &friend, number, object)
            .to_string()
            .into_bytes();
        if shape == "mark" {
            body.splice(0..0, *b"\xef\xbb\xbf");
        }
        let mut headers = peer.sign(&key, "here.test", "/inbox", &body);
        if shape == "capitals" {
            headers.pop();
            let covered = ["(request-target)", "host", "date", "digest"];
            let signature = peer.signature(&key, "post", "/inbox", &covered, &headers);
            let signature = signature.replace("host date digest", "Host Date Digest");
            headers.push(("signature".to_owned(), signature));
        }
        if shape == "identity" {
            headers.push(("content-encoding".to_owned(), "Identity".to_owned()));
        }
        assert_eq!(
            post_raw(&node, "/inbox", headers, body).await,
            202,
            "{shape}"
        );
        settle(&[&node]).await;
        let liked = "SELECT COUNT(*) AS n FROM favourites";
        assert_eq!(node.count(liked).await, i64::from(number), "{shape}");
    }
    // What is packed is still refused.
    let body = peer
        .activity("Like", &peer.actor("friend1"), 99, json!(post.uri))
        .to_string();
    let key = format!("{}#main-key", peer.at("/users/friend1"));
    let mut headers = peer.sign(&key, "here.test", "/inbox", body.as_bytes());
    headers.push(("content-encoding".to_owned(), "gzip".to_owned()));
    assert_eq!(
        post_raw(&node, "/inbox", headers, body.into_bytes()).await,
        415
    );
}

/// A ChatMessage is a direct post to whom it names.
async fn a_message_by_another_name_is_private(backend: Backend) {
    let (_net, node, peer) = TestNode::with_peer(&backend, "peer.test").await;
    let nina = node.host("nina").await;
    let other = node.sign_up("other").await;
    let friend = peer.actor("friend");
    let message = json!({
        "id": peer.at("/chat/1"), "type": "ChatMessage", "attributedTo": friend, "actor": friend,
        "content": "psst", "to": [nina.uri], "published": "2026-11-02T10:00:00Z",
    });
    let mut create = peer.activity("Create", &friend, 1, message);
    create["to"] = json!([nina.uri]);
    assert_eq!(peer.send(&node, &create).await, 202);
    settle(&[&node]).await;
    let post = node
        .post_by_uri(&peer.at("/chat/1"))
        .await
        .expect("it is taken");
    assert_eq!(post.audience, afterparty::audiences::Audience::People);
    for (reader, sees) in [(&nina, true), (&other, false)] {
        let may = afterparty::audiences::may_see(node.app(), Some(reader), post.thing()).await;
        assert_eq!(may.unwrap(), sees, "{}", reader.name);
    }
    assert_eq!(node.notices_of("nina").await, ["mention"]);
}

/// A key whose id is no address belongs to nobody; one of another host still makes the document a lie.
async fn an_actor_is_taken_without_a_key_of_nobody(backend: Backend) {
    let (_net, node, peer) = TestNode::with_peer(&backend, "peer.test").await;
    for (name, key, taken) in [
        ("a", json!("main-key"), true),
        ("b", json!("acct:b@peer.test"), true),
        ("c", json!(null), true),
        ("d", json!("http://evil.test/users/d#main-key"), false),
    ] {
        let uri = peer.actor(name);
        let mut document = peer.actor_document(name);
        document["publicKey"]["id"] = key;
        peer.serve(&document);
        let found = find(&node, &uri).await;
        assert_eq!(found.is_some(), taken, "{name}");
        if let Some(Found::Account(account)) = found {
            assert_eq!(account.public_key_id, None);
        }
    }
}
