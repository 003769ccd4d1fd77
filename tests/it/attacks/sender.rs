//! Sender authenticity: who signs, with which key, for which request.

use std::time::Duration;

use afterparty::kernel::clock::Time;
use afterparty::kernel::crypt;
use afterparty::nodes;
use serde_json::json;

use super::{ALL, ledger, raw, scene, set};
use crate::both;
use crate::support::peer::post_raw;
use crate::support::{Backend, Net, Peer, dns, settle};

both!(
    requests_that_are_not_what_they_were_signed_as,
    times_and_digests_that_do_not_hold,
    keys_that_are_not_the_senders,
    addresses_that_lead_inside,
    keys_change_and_old_ones_end,
    blocked_hosts_are_not_heard,
);

async fn requests_that_are_not_what_they_were_signed_as(backend: Backend) {
    let s = scene(&backend).await;
    // 1, 2: the honest request, and the same bytes again.
    let follow = s.follow(1);
    assert_eq!(s.evil.send(&s.node, &follow).await, 202);
    settle(&[&s.node]).await;
    assert_eq!(s.node.followers_of("nina").await, ["eve@evil.test"]);
    let before = ledger(&s.node).await;
    assert_eq!(s.evil.send(&s.node, &follow).await, 202);
    settle(&[&s.node]).await;
    assert_eq!(before, ledger(&s.node).await);
    // 3: another body under the same headers.
    let mut headers = s.evil.sign(
        &s.key(),
        "here.test",
        "/inbox",
        follow.to_string().as_bytes(),
    );
    let other = s
        .evil
        .activity("Follow", &s.eve, 99, json!(s.nina.uri))
        .to_string()
        .into_bytes();
    assert_eq!(
        post_raw(&s.node, "/inbox", headers.clone(), other).await,
        401
    );
    // 4: a second security header.
    for name in ["digest", "date", "signature", "content-type"] {
        let twice = headers
            .iter()
            .find(|(key, _)| key == name)
            .cloned()
            .unwrap();
        assert_eq!(
            s.bent(40, |headers| headers.push(twice.clone())).await,
            400,
            "{name} twice"
        );
    }
    // 5: signed for another host.
    set(&mut headers, "host", "evil.test");
    assert_eq!(
        post_raw(&s.node, "/inbox", headers, follow.to_string().into_bytes()).await,
        421
    );
    assert_eq!(
        s.resigned(50, &ALL, |headers| set(headers, "host", "evil.test"))
            .await,
        421
    );
    // The same by an absolute target, by a second Host and by another protocol.
    let before = ledger(&s.node).await;
    let body = s.follow(51).to_string().into_bytes();
    let written = |first: &str, more: &str| {
        let mut text = format!("POST {first} HTTP/1.1\r\n{more}");
        for (name, value) in s.evil.sign(&s.key(), "here.test", "/inbox", &body) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!(
            "content-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        ));
        [text.into_bytes(), body.clone()].concat()
    };
    for target in ["http://evil.test/inbox", "http://here.test/inbox"] {
        assert!(
            raw(&s.node, &written(target, "")).await.contains(" 421 "),
            "{target}"
        );
    }
    for second in ["host: evil.test\r\n", "host: here.test\r\n"] {
        let first = raw(&s.node, &written("/inbox", second)).await;
        assert!(
            first.contains(" 400 ") || first.contains(" 421 "),
            "{first}"
        );
    }
    let preface = raw(&s.node, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(!preface.contains(" 20"), "{preface}");
    settle(&[&s.node]).await;
    assert_eq!(before, ledger(&s.node).await);
    // The same bytes without the trick are let in.
    assert!(raw(&s.node, &written("/inbox", "")).await.contains(" 202 "));
    settle(&[&s.node]).await;
    // 6: too little is covered.
    for covered in [
        &["digest"][..],
        &["(request-target)", "host", "date"],
        &["host", "date", "digest"],
        &["(request-target)", "date", "digest"],
        &["(request-target)", "host", "digest"],
    ] {
        assert_eq!(s.resigned(60, covered, |_| ()).await, 401, "{covered:?}");
    }
    // For another path.
    let body = s.follow(61).to_string().into_bytes();
    assert_eq!(
        post_raw(
            &s.node,
            "/inbox",
            s.evil
                .sign(&s.key(), "here.test", "/users/nina/inbox", &body),
            body
        )
        .await,
        401
    );
    // 18: what cannot be read.
    for junk in [
        "",
        "junk",
        "keyId=\"x\"",
        "keyId=\"http://evil.test/users/eve#main-key\",signature=\"%%%\",headers=\"(request-target) host date digest\"",
    ] {
        assert_eq!(
            s.bent(180, |headers| set(headers, "signature", junk)).await,
            401,
            "{junk}"
        );
    }
    assert_eq!(
        s.bent(181, |headers| set(headers, "content-type", "text/html"))
            .await,
        415
    );
    assert_eq!(
        s.bent(182, |headers| headers
            .push(("content-encoding".into(), "gzip".into())))
            .await,
        415
    );
}

async fn times_and_digests_that_do_not_hold(backend: Backend) {
    let s = scene(&backend).await;
    let now = s.node.app().clock.now();
    let at = |seconds: i64| Time(now.0 + seconds * 1000).http_date();
    // 7: no time at all.
    assert_eq!(
        s.resigned(70, &["(request-target)", "host", "digest"], |headers| {
            headers.retain(|(name, _)| name != "date")
        })
        .await,
        401
    );
    // 8: too old, too new, junk.
    for date in [
        at(7200),
        at(-7200),
        at(315_360_000),
        at(-3700),
        at(400),
        "junk".to_owned(),
    ] {
        assert_eq!(
            s.resigned(80, &ALL, |headers| set(headers, "date", &date))
                .await,
            401,
            "{date}"
        );
    }
    // 9: `created` beyond what a clock can hold, in every way.
    for created in [
        "18446744073709551615",
        "18446744073709551616",
        "9223372036854775808",
        "-1",
        "1e9",
        "",
        "99999999999",
    ] {
        let status = s.bent(90, |headers| {
            let value = headers
                .iter()
                .find(|(name, _)| name == "signature")
                .unwrap()
                .1
                .replace(
                    "headers=\"",
                    &format!("created={created},headers=\"(created) "),
                );
            set(headers, "signature", &value);
        });
        assert_eq!(status.await, 401, "created={created}");
    }
    // 10: no digest, a wrong one, two in one, another algorithm alone.
    let good = |headers: &[(String, String)]| {
        headers
            .iter()
            .find(|(name, _)| name == "digest")
            .unwrap()
            .1
            .clone()
    };
    assert_eq!(
        s.resigned(100, &["(request-target)", "host", "date"], |headers| {
            headers.retain(|(name, _)| name != "digest")
        })
        .await,
        401
    );
    assert_eq!(
        s.resigned(101, &ALL, |headers| set(headers, "digest", "SHA-256=AAAA"))
            .await,
        401
    );
    assert_eq!(
        s.resigned(102, &ALL, |headers| {
            let both = format!("SHA-256=AAAA,{}", good(headers));
            set(headers, "digest", &both)
        })
        .await,
        401
    );
    assert_eq!(
        s.resigned(103, &ALL, |headers| set(headers, "digest", "MD5=AAAA"))
            .await,
        401
    );
    // A lower-case name is the same algorithm.
    let body = s.follow(104).to_string().into_bytes();
    let mut headers = s.evil.sign(&s.key(), "here.test", "/inbox", &body);
    let lower = good(&headers).replace("SHA-256", "sha-256");
    headers.retain(|(name, _)| name != "signature");
    set(&mut headers, "digest", &lower);
    let signature = s.evil.signature(&s.key(), "post", "/inbox", &ALL, &headers);
    headers.push(("signature".into(), signature));
    assert_eq!(post_raw(&s.node, "/inbox", headers, body).await, 202);
}

async fn keys_that_are_not_the_senders(backend: Backend) {
    let s = scene(&backend).await;
    // 11: the key of another actor.
    let other = s.evil.actor("mallory");
    let body = s.follow(110).to_string().into_bytes();
    let before = ledger(&s.node).await;
    assert_eq!(
        post_raw(
            &s.node,
            "/inbox",
            s.evil
                .sign(&format!("{other}#main-key"), "here.test", "/inbox", &body),
            body
        )
        .await,
        401
    );
    // 12: a key document that claims the victim as its owner.
    s.evil.serve(&json!({"@context": "https://w3id.org/security/v1", "id": s.evil.at("/keys/1"), "owner": s.vic, "publicKeyPem": s.evil.pem()}));
    let mut stolen = s.evil.activity("Follow", &s.vic, 120, json!(s.nina.uri));
    stolen["id"] = json!(s.victim.at("/activities/120"));
    let body = stolen.to_string().into_bytes();
    assert_eq!(
        post_raw(
            &s.node,
            "/inbox",
            s.evil
                .sign(&s.evil.at("/keys/1"), "here.test", "/inbox", &body),
            body
        )
        .await,
        401
    );
    // The same with a whole actor document of the victim, served by the attacker.
    let mut fake = s.victim.actor_document("vic");
    fake["publicKey"]["publicKeyPem"] = json!(s.evil.pem());
    s.evil.serve_at(
        "/fake",
        200,
        "application/activity+json",
        fake.to_string().into_bytes(),
    );
    let body = stolen.to_string().into_bytes();
    assert_eq!(
        post_raw(
            &s.node,
            "/inbox",
            s.evil
                .sign(&s.evil.at("/fake"), "here.test", "/inbox", &body),
            body
        )
        .await,
        401
    );
    // 13: the victim's host redirects to the attacker.
    s.victim
        .serve_at("/users/gone", 302, &s.evil.at("/stolen"), Vec::new());
    let mut fake = s.victim.actor_document("gone");
    fake["publicKey"]["publicKeyPem"] = json!(s.evil.pem());
    s.evil.serve_at(
        "/stolen",
        200,
        "application/activity+json",
        fake.to_string().into_bytes(),
    );
    let gone = s.victim.at("/users/gone");
    let mut stolen = s.evil.activity("Follow", &gone, 130, json!(s.nina.uri));
    stolen["id"] = json!(s.victim.at("/activities/130"));
    let body = stolen.to_string().into_bytes();
    assert_eq!(
        post_raw(
            &s.node,
            "/inbox",
            s.evil
                .sign(&format!("{gone}#main-key"), "here.test", "/inbox", &body),
            body
        )
        .await,
        401
    );
    // 14: an id on another host; the genuine activity of that id still counts later.
    let mut squat = s.follow(140);
    squat["id"] = json!(s.victim.at("/activities/Follow-1"));
    assert_eq!(s.evil.send(&s.node, &squat).await, 401);
    squat["id"] = json!("http://here.test/activities/mine");
    assert_eq!(s.evil.send(&s.node, &squat).await, 401);
    settle(&[&s.node]).await;
    assert_eq!(before, ledger(&s.node).await);
    assert_eq!(
        s.victim
            .send(
                &s.node,
                &s.victim.activity("Follow", &s.vic, 1, json!(s.nina.uri))
            )
            .await,
        202
    );
    settle(&[&s.node]).await;
    assert_eq!(s.node.followers_of("nina").await, ["vic@victim.test"]);
    // Keys that burn time or are none.
    for pem in [
        "",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        &"x".repeat(100_000),
    ] {
        let mut odd = s.evil.actor_document("odd");
        odd["publicKey"]["publicKeyPem"] = json!(pem);
        s.evil.serve(&odd);
        assert_eq!(
            s.evil
                .send(
                    &s.node,
                    &s.evil
                        .activity("Follow", &s.evil.at("/users/odd"), 141, json!(s.nina.uri))
                )
                .await,
            401
        );
    }
    // Two actors at once.
    let mut two = s.follow(142);
    two["actor"] = json!([s.eve, s.vic]);
    let body = two.to_string().into_bytes();
    assert_eq!(
        post_raw(
            &s.node,
            "/inbox",
            s.evil.sign(&s.key(), "here.test", "/inbox", &body),
            body
        )
        .await,
        401
    );
}

async fn addresses_that_lead_inside(backend: Backend) {
    let s = scene(&backend).await;
    let port = s.canary.local_addr().unwrap().port();
    // 16: keys at addresses that nobody outside may make us ask.
    for host in [
        "127.2.0.1",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "169.254.169.254",
        "100.64.0.1",
        "[::ffff:127.2.0.1]",
        "[64:ff9b::7f00:1]",
        "10.0.0.1",
        "rebind.test",
        "localhost.localdomain",
        "2130837505",
        "0177.0.0.1",
    ] {
        for key in [
            format!("http://{host}:{port}/users/eve#main-key"),
            format!("http://{host}/key"),
        ] {
            let body = s.follow(160).to_string().into_bytes();
            let status = post_raw(
                &s.node,
                "/inbox",
                s.evil.sign(&key, "here.test", "/inbox", &body),
                body,
            )
            .await;
            assert!(status == 401 || status == 503, "{key}: {status}");
        }
    }
    for key in [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "http://here.test/users/nina#main-key",
        "http://evil.test@127.2.0.1/",
        "//evil.test/x",
        &format!("http://evil.test/{}", "x".repeat(8000)),
    ] {
        let body = s.follow(161).to_string().into_bytes();
        assert_eq!(
            post_raw(
                &s.node,
                "/inbox",
                s.evil.sign(key, "here.test", "/inbox", &body),
                body
            )
            .await,
            401,
            "{}",
            &key[..30.min(key.len())]
        );
    }
    // 35: redirects inside, in circles, to files.
    for target in [
        format!("http://127.2.0.1:{port}/x"),
        format!("http://rebind.test:{port}/x"),
        "file:///etc/passwd".to_owned(),
        s.evil.at("/loop"),
    ] {
        s.evil.serve_at("/loop", 302, &target, Vec::new());
        assert!(
            afterparty::federation::look_up::find(s.node.app(), &s.evil.at("/loop"))
                .await
                .is_err()
        );
    }
    s.canary_is_silent();
}

async fn keys_change_and_old_ones_end(backend: Backend) {
    let s = scene(&backend).await;
    assert_eq!(s.evil.send(&s.node, &s.follow(1)).await, 202);
    // 15: a new key at the same host: accepted after exactly one look.
    let other = Peer::start(&mut Net::new(), "evil.test").await;
    let mut document = s.evil.actor_document("eve");
    document["publicKey"]["publicKeyPem"] = json!(other.pem());
    s.evil.serve(&document);
    s.evil.forget();
    let sign = |number: u32| {
        let body = s.follow(number).to_string().into_bytes();
        let date = s.node.app().clock.now().http_date();
        let mut headers = vec![
            ("host".to_owned(), "here.test".to_owned()),
            ("date".to_owned(), date),
            (
                "digest".to_owned(),
                format!("SHA-256={}", crypt::sha256_base64(&body)),
            ),
            (
                "content-type".to_owned(),
                "application/activity+json".to_owned(),
            ),
        ];
        let signature = other.signature(&s.key(), "post", "/inbox", &ALL, &headers);
        headers.push(("signature".to_owned(), signature));
        (headers, body)
    };
    let (headers, body) = sign(150);
    assert_eq!(post_raw(&s.node, "/inbox", headers, body).await, 202);
    let looks = || {
        s.evil
            .seen()
            .iter()
            .filter(|seen| seen.path == "/users/eve")
            .count()
    };
    assert_eq!(looks(), 1);
    // The old key is worth nothing, and a hundred bad signatures cause no more looks.
    for number in 0..100 {
        assert_eq!(s.evil.send(&s.node, &s.follow(1000 + number)).await, 401);
    }
    assert_eq!(looks(), 1);
    // When the host is silent during a change, nobody is let in.
    s.net.clock.advance(Duration::from_secs(700));
    s.evil.serve_at("/users/eve", 500, "text/plain", Vec::new());
    assert_eq!(s.evil.send(&s.node, &s.follow(151)).await, 503);
}

async fn blocked_hosts_are_not_heard(backend: Backend) {
    let s = scene(&backend).await;
    assert_eq!(s.evil.send(&s.node, &s.follow(1)).await, 202);
    settle(&[&s.node]).await;
    // 17: the block of a name covers what is below it.
    nodes::block(s.node.app(), "test").await.unwrap();
    assert!(
        s.node.followers_of("nina").await.is_empty(),
        "its people's follows end"
    );
    // A trailing dot does not make another host of it.
    let body = s.follow(172).to_string().into_bytes();
    s.evil.forget();
    for key in [
        "http://evil.test./users/eve#main-key",
        "http://sub.evil.test/users/eve#main-key",
    ] {
        let headers = s.evil.sign(key, "here.test", "/inbox", &body);
        let status = post_raw(&s.node, "/inbox", headers, body.clone()).await;
        assert!([401, 403].contains(&status), "{key}: {status}");
    }
    assert_eq!(s.bent(170, |_| ()).await, 403);
    assert!(s.evil.seen().is_empty(), "nothing is fetched from there");
    let unknown = s.evil.actor("unknown");
    assert!(
        afterparty::federation::look_up::find(s.node.app(), &unknown)
            .await
            .is_err()
    );
    s.node.post(&s.nina, "not for you").await;
    settle(&[&s.node]).await;
    assert!(s.evil.seen().is_empty());
    nodes::measures::remove(s.node.app(), "test").await.unwrap();
    assert_eq!(s.evil.send(&s.node, &s.follow(171)).await, 202);
}

/// 16: names that lead somewhere else each time they are asked for, or to several places at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_checked_at_every_connection() {
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let canary = std::net::TcpListener::bind("127.2.0.1:0").unwrap();
    canary.set_nonblocking(true).unwrap();
    let port = canary.local_addr().unwrap().port();
    let mut asked = 0;
    let resolver = dns::start(move |name, six| match (name, six) {
        ("rebind.test", false) => {
            asked += 1;
            vec![
                if asked % 2 == 1 {
                    "127.0.0.1"
                } else {
                    "127.2.0.1"
                }
                .parse()
                .unwrap(),
            ]
        }
        ("mixed.test", false) => vec!["127.0.0.1".parse().unwrap()],
        ("mixed.test", true) => vec!["::1".parse().unwrap()],
        ("many.test", false) => ["127.0.0.1", "127.2.0.1"]
            .map(|ip| ip.parse().unwrap())
            .to_vec(),
        ("inside.test", false) => vec!["127.2.0.1".parse().unwrap()],
        _ => Vec::new(),
    })
    .await;
    let evil = Peer::start(&mut net, "evil.test").await;
    let resolver = resolver.to_string();
    let node = net
        .node(
            "here.test",
            &Backend::Sqlite,
            listener,
            &[("federation.dns", &resolver)],
        )
        .await;
    let nina = node.host("nina").await;
    let before = ledger(&node).await;
    for (host, expected) in [
        ("rebind.test", 503),
        ("rebind.test", 401),
        ("rebind.test", 503),
        ("mixed.test", 401),
        ("many.test", 401),
        ("inside.test", 401),
        ("nowhere.test", 401),
    ] {
        let actor = format!("http://{host}:{port}/users/eve");
        let follow = json!({"id": format!("{actor}/1"), "type": "Follow", "actor": actor, "object": nina.uri});
        let body = follow.to_string().into_bytes();
        let headers = evil.sign(&format!("{actor}#main-key"), "here.test", "/inbox", &body);
        assert_eq!(
            post_raw(&node, "/inbox", headers, body).await,
            expected,
            "{host}"
        );
    }
    settle(&[&node]).await;
    assert_eq!(before, ledger(&node).await);
    assert!(canary.accept().is_err(), "somebody came to the canary");
}
