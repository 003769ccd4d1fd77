//! The acceptance list of attacks, replayed against a running node: the status, and that nothing changed.
//! The numbers are those of the list.

use std::time::Duration;

use afterparty::accounts;
use afterparty::audiences::Audience;
use afterparty::kernel::clock::Time;
use afterparty::kernel::crypt;
use afterparty::nodes;
use afterparty::posts::compose::Draft;
use afterparty::relations::follows;
use serde_json::{Value, json};

use crate::both;
use crate::support::peer::post_raw;
use crate::support::{Backend, Net, Peer, TestNode, settle};

both!(
    requests_that_are_not_what_they_were_signed_as,
    times_and_digests_that_do_not_hold,
    keys_that_are_not_the_senders,
    addresses_that_lead_inside,
    keys_change_and_old_ones_end,
    nobody_acts_on_what_is_anothers,
    embedded_lies_are_not_believed,
    blocked_hosts_are_not_heard,
    fetched_documents_speak_for_their_own_host,
    endless_and_huge_answers_are_cut,
    hostile_json_has_no_effect,
    text_from_strangers_runs_nowhere,
    order_does_not_matter,
    cookies_work_from_our_own_pages_only,
);

/// What must not change: counts of everything an attack could touch.
async fn ledger(node: &TestNode) -> Vec<i64> {
    let mut counts = Vec::new();
    for statement in [
        "SELECT COUNT(*) AS n FROM follows",
        "SELECT COUNT(*) AS n FROM posts",
        "SELECT COUNT(*) AS n FROM favourites",
        "SELECT COUNT(*) AS n FROM notifications",
        "SELECT COUNT(*) AS n FROM blocks",
        "SELECT COUNT(*) AS n FROM reports",
        "SELECT COUNT(*) AS n FROM post_people",
        "SELECT CAST(COALESCE(SUM(version), 0) AS BIGINT) AS n FROM posts",
    ] {
        counts.push(node.count(statement).await);
    }
    counts
}

struct Scene {
    net: Net,
    node: TestNode,
    evil: Peer,
    victim: Peer,
    eve: String,
    vic: String,
    nina: accounts::Account,
    canary: std::net::TcpListener,
}

async fn scene(backend: &Backend) -> Scene {
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let evil = Peer::start(&mut net, "evil.test").await;
    let victim = Peer::start(&mut net, "victim.test").await;
    // A listener outside of the admitted network that must see nobody.
    let canary = std::net::TcpListener::bind("127.2.0.1:0").unwrap();
    canary.set_nonblocking(true).unwrap();
    net.name("rebind.test", canary.local_addr().unwrap());
    let node = net.node("here.test", backend, listener, &[]).await;
    let nina = node.host("nina").await;
    let (eve, vic) = (evil.actor("eve"), victim.actor("vic"));
    Scene {
        net,
        node,
        evil,
        victim,
        eve,
        vic,
        nina,
        canary,
    }
}

impl Scene {
    fn follow(&self, number: u32) -> Value {
        self.evil
            .activity("Follow", &self.eve, number, json!(self.nina.uri))
    }

    fn key(&self) -> String {
        format!("{}#main-key", self.eve)
    }

    /// A signed Follow whose headers were changed; its status. Nothing may have happened.
    async fn bent(&self, number: u32, change: impl Fn(&mut Vec<(String, String)>)) -> u16 {
        let before = ledger(&self.node).await;
        let body = self.follow(number).to_string().into_bytes();
        let mut headers = self.evil.sign(&self.key(), "here.test", "/inbox", &body);
        change(&mut headers);
        let status = post_raw(&self.node, "/inbox", headers, body).await;
        settle(&[&self.node]).await;
        assert_eq!(
            before,
            ledger(&self.node).await,
            "attack {number} had an effect"
        );
        status
    }

    /// As [`Scene::bent`], the signature made anew over other headers.
    async fn resigned(
        &self,
        number: u32,
        covered: &[&str],
        change: impl Fn(&mut Vec<(String, String)>),
    ) -> u16 {
        self.bent(number, |headers| {
            headers.retain(|(name, _)| name != "signature");
            change(headers);
            let signature = self
                .evil
                .signature(&self.key(), "post", "/inbox", covered, headers);
            headers.push(("signature".to_owned(), signature));
        })
        .await
    }

    /// Sends an activity of eve that is let in and has no effect.
    async fn harmless(&self, activity: &Value) {
        let before = ledger(&self.node).await;
        assert_eq!(
            self.evil.send(&self.node, activity).await,
            202,
            "{activity}"
        );
        settle(&[&self.node]).await;
        assert_eq!(before, ledger(&self.node).await, "{activity} had an effect");
    }

    fn canary_is_silent(&self) {
        assert!(self.canary.accept().is_err(), "somebody came to the canary");
    }
}

const ALL: [&str; 4] = ["(request-target)", "host", "date", "digest"];

fn set(headers: &mut Vec<(String, String)>, name: &str, value: &str) {
    headers.retain(|(key, _)| key != name);
    headers.push((name.to_owned(), value.to_owned()));
}

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
            afterparty::federation::webfinger::look_up(s.node.app(), &s.evil.at("/loop"))
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
    s.evil.forget();
    assert_eq!(s.bent(170, |_| ()).await, 403);
    assert!(s.evil.seen().is_empty(), "nothing is fetched from there");
    let unknown = s.evil.actor("unknown");
    assert!(
        afterparty::federation::webfinger::look_up(s.node.app(), &unknown)
            .await
            .is_err()
    );
    s.node.post(&s.nina, "not for you").await;
    settle(&[&s.node]).await;
    assert!(s.evil.seen().is_empty());
    nodes::unblock(s.node.app(), "test").await.unwrap();
    assert_eq!(s.evil.send(&s.node, &s.follow(171)).await, 202);
}

async fn fetched_documents_speak_for_their_own_host(backend: Backend) {
    let s = scene(&backend).await;
    let look = async |address: &str| {
        afterparty::federation::webfinger::look_up(s.node.app(), address).await
    };
    // 33: media types that anybody could upload somewhere.
    let note = s.evil.note(&s.eve, 1, "uploaded");
    for media_type in [
        "application/json",
        "text/html",
        "text/plain",
        "application/ld+json",
    ] {
        s.evil
            .serve_at("/notes/1", 200, media_type, note.to_string().into_bytes());
        assert!(look(&s.evil.at("/notes/1")).await.is_err(), "{media_type}");
    }
    s.evil.serve_at(
        "/notes/1",
        200,
        "application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\"",
        note.to_string().into_bytes(),
    );
    assert!(look(&s.evil.at("/notes/1")).await.is_ok());
    // 34: an id on another host is asked there.
    let stolen = s.victim.note(&s.vic, 9, "put in the mouth");
    s.evil.serve_at(
        "/notes/9",
        200,
        "application/activity+json",
        stolen.to_string().into_bytes(),
    );
    assert!(look(&s.evil.at("/notes/9")).await.is_err());
    assert!(
        s.node
            .post_by_uri(stolen["id"].as_str().unwrap())
            .await
            .is_none()
    );
    // 38: a collection that never ends.
    let mut loops = s.evil.actor_document("looper");
    loops["outbox"] = json!(s.evil.at("/loop"));
    s.evil.serve(&loops);
    let endless = json!({"id": s.evil.at("/loop"), "type": "OrderedCollection", "first": s.evil.at("/loop"), "next": s.evil.at("/loop"), "orderedItems": [], "totalItems": "many"});
    s.evil.serve(&endless);
    let fan = s.node.sign_up("fan").await;
    let looper = s.evil.at("/users/looper");
    s.node.follow(&fan, &looper).await;
    settle(&[&s.node]).await;
    s.evil.forget();
    let asked = follows::local_follows_of(
        s.node.app(),
        accounts::find_by_uri(s.node.app(), &looper)
            .await
            .unwrap()
            .unwrap()
            .id,
    )
    .await
    .unwrap();
    s.evil
        .send(
            &s.node,
            &s.evil.activity("Accept", &looper, 1, json!(asked[0].0.uri)),
        )
        .await;
    settle(&[&s.node]).await;
    assert!(
        s.evil
            .seen()
            .iter()
            .filter(|seen| seen.path == "/loop")
            .count()
            <= 10
    );
    // 39: a chain of answers that goes on and on.
    for number in 100..130 {
        let mut link = s.evil.note(&s.eve, number, "and on");
        link["inReplyTo"] = json!(s.evil.at(&format!("/notes/{}", number + 1)));
        s.evil.serve(&link);
    }
    let mut first = s.evil.note(&s.eve, 99, "it goes on");
    first["to"] = json!([fan.uri]);
    first["inReplyTo"] = json!(s.evil.at("/notes/100"));
    s.evil.forget();
    assert_eq!(
        s.evil
            .send(&s.node, &s.evil.activity("Create", &s.eve, 390, first))
            .await,
        202
    );
    settle(&[&s.node]).await;
    let fetched = s
        .evil
        .seen()
        .iter()
        .filter(|seen| seen.path.starts_with("/notes/"))
        .count();
    assert!((1..=5).contains(&fetched), "{fetched} fetches");
}

async fn endless_and_huge_answers_are_cut(backend: Backend) {
    let s = scene(&backend).await;
    // 37: ten megabytes where a document may have one.
    let huge = format!(
        "{{\"id\":\"{}\",\"pad\":\"{}\"}}",
        s.evil.at("/huge"),
        "x".repeat(10 << 20)
    );
    s.evil
        .serve_at("/huge", 200, "application/activity+json", huge.into_bytes());
    assert!(
        afterparty::federation::webfinger::look_up(s.node.app(), &s.evil.at("/huge"))
            .await
            .is_err()
    );
    // 42: a body over the limit is refused by its announced length.
    let body = vec![b' '; (1 << 20) + 1];
    assert_eq!(
        post_raw(
            &s.node,
            "/inbox",
            s.evil.sign(&s.key(), "here.test", "/inbox", &body),
            body
        )
        .await,
        413
    );
    let body = vec![b' '; 1 << 20];
    assert_ne!(
        post_raw(
            &s.node,
            "/inbox",
            s.evil.sign(&s.key(), "here.test", "/inbox", &body),
            body
        )
        .await,
        413
    );
    assert_eq!(s.node.get("/healthz", &[]).await.status(), 200);
}

async fn hostile_json_has_no_effect(backend: Backend) {
    let s = scene(&backend).await;
    assert_eq!(s.evil.send(&s.node, &s.follow(1)).await, 202);
    settle(&[&s.node]).await;
    let before = ledger(&s.node).await;
    // 41
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let many = format!(
        "{{\"actor\":\"{}\",\"tag\":[{}]}}",
        s.eve,
        vec!["1"; 300_000].join(",")
    );
    let twice = format!("{{\"actor\":\"{}\",\"actor\":\"{}\"}}", s.eve, s.vic);
    for body in [
        deep.as_str(),
        &many,
        &twice,
        "{\"a\":\"\\u0000\"}",
        "{\"a\":\"\\ud800\"}",
        "null",
        "",
        "[]",
        "NaN",
        "{} {}",
        "\u{feff}{}",
        "{\"a\":1e999}",
    ] {
        let body = body.as_bytes().to_vec();
        let status = post_raw(
            &s.node,
            "/inbox",
            s.evil.sign(&s.key(), "here.test", "/inbox", &body),
            body.clone(),
        )
        .await;
        assert!(
            (400..500).contains(&status),
            "{status} for {}",
            String::from_utf8_lossy(&body[..body.len().min(40)])
        );
    }
    let body = [0xff, 0xfe, 0x00].to_vec();
    assert_eq!(
        post_raw(
            &s.node,
            "/inbox",
            s.evil.sign(&s.key(), "here.test", "/inbox", &body),
            body
        )
        .await,
        400
    );
    // Every shape of every member: let in or not, never a fault of ours.
    let shapes = [
        json!(null),
        json!(""),
        json!("x"),
        json!(7),
        json!(true),
        json!([]),
        json!({}),
        json!([[]]),
        json!([null, 1, {}]),
        json!({"id": 7}),
        json!({"type": ["Note", "Person"]}),
    ];
    for kind in [
        "Create",
        "Update",
        "Delete",
        "Follow",
        "Accept",
        "Reject",
        "Undo",
        "Announce",
        "Like",
        "Block",
        "Flag",
        "Move",
        "Add",
        "QuoteRequest",
    ] {
        for (n, shape) in shapes.iter().enumerate() {
            let mut activity = s
                .evil
                .activity(kind, &s.eve, 4100 + n as u32, shape.clone());
            activity["to"] = shape.clone();
            activity["target"] = shape.clone();
            assert_eq!(s.evil.send(&s.node, &activity).await, 202, "{activity}");
        }
    }
    for member in [
        "content",
        "name",
        "tag",
        "attachment",
        "url",
        "summary",
        "published",
        "inReplyTo",
        "oneOf",
        "quote",
        "interactionPolicy",
        "icon",
        "cc",
    ] {
        for (n, shape) in shapes.iter().enumerate() {
            let mut note = s.evil.note(&s.eve, 5000 + n as u32, "odd");
            note[member] = shape.clone();
            assert_eq!(
                s.evil
                    .send(
                        &s.node,
                        &s.evil.activity("Create", &s.eve, 5000 + n as u32, note)
                    )
                    .await,
                202
            );
        }
    }
    settle(&[&s.node]).await;
    assert_eq!(before, ledger(&s.node).await);
    assert_eq!(
        s.node
            .count("SELECT COUNT(*) AS n FROM received WHERE processed_at IS NULL")
            .await,
        0
    );
    assert_eq!(
        s.node
            .count("SELECT COUNT(*) AS n FROM received WHERE outcome = 'processing broke down'")
            .await,
        0
    );
}

async fn text_from_strangers_runs_nowhere(backend: Backend) {
    let s = scene(&backend).await;
    let fan = s.node.sign_up("fan").await;
    let payloads = [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "<a href=\"javascript:alert(1)\">x</a>",
        "<iframe srcdoc=\"<script>alert(1)</script>\"></iframe>",
        "<style>@import 'x'</style>",
        "<p style=\"position:fixed\">x</p>",
        "</textarea></title><script>alert(1)</script>",
        "\"><script>alert(1)</script>",
        "{{7*7}}",
        "<form action=x><button formaction=y>z</button></form>",
        "<math><annotation-xml encoding=\"text/html\"><style><img src=x onerror=alert(1)></style></annotation-xml></math>",
    ];
    for (n, payload) in payloads.iter().enumerate() {
        let mut document = s.evil.actor_document("eve");
        document["name"] = json!(payload);
        document["summary"] = json!(payload);
        document["url"] = json!("javascript:alert(1)");
        document["icon"] = json!({"type": "Image", "url": "javascript:alert(1)"});
        document["attachment"] = json!([{"type": "PropertyValue", "name": payload, "value": payload}, {"type": "PropertyValue", "name": "x", "value": "<a href=\"javascript:alert(1)\">x</a>"}]);
        s.evil
            .send(
                &s.node,
                &s.evil.activity("Update", &s.eve, 430 + n as u32, document),
            )
            .await;
        let mut note = s.evil.note(&s.eve, 430 + n as u32, payload);
        note["to"] = json!([fan.uri, "https://www.w3.org/ns/activitystreams#Public"]);
        note["summary"] = json!(payload);
        note["url"] = json!("javascript:alert(1)");
        note["tag"] = json!([{"type": "Hashtag", "name": payload}, {"type": "Emoji", "name": ":x:", "icon": {"url": "javascript:alert(1)"}}, {"type": "Mention", "href": fan.uri}]);
        note["attachment"] = json!([{"type": "Image", "mediaType": "image/png", "url": "http://evil.test/x.png", "name": payload}, {"type": "Link", "href": "javascript:alert(1)"}]);
        note["oneOf"] = json!([{"type": "Note", "name": payload}]);
        assert_eq!(
            s.evil
                .send(
                    &s.node,
                    &s.evil.activity("Create", &s.eve, 4300 + n as u32, note)
                )
                .await,
            202
        );
        settle(&[&s.node]).await;
        let post = s
            .node
            .post_by_uri(&s.evil.at(&format!("/notes/{}", 430 + n)))
            .await
            .expect("the post itself is taken");
        let cookie = s.node.cookie(&fan).await;
        for path in [
            format!("/@eve@evil.test/{}", post.id),
            "/@eve@evil.test".to_owned(),
            "/home".to_owned(),
            "/notifications".to_owned(),
        ] {
            let answer = s
                .node
                .get(&path, &[("cookie", &cookie), ("accept", "text/html")])
                .await;
            assert_eq!(answer.status(), 200, "{path}");
            assert!(
                answer.headers()["content-security-policy"]
                    .to_str()
                    .unwrap()
                    .contains("script-src 'self'")
            );
            let page = answer.text().await.unwrap();
            // 43, 46: nothing of it is markup any more.
            for trace in [
                "<script>alert",
                "onerror=alert",
                "onload=alert(1)>",
                "href=\"javascript",
                "src=\"javascript",
                "<iframe",
                "<style",
                "style=\"position",
                "<math",
                "<button formaction",
                ">49<",
            ] {
                let escaped = page
                    .replace("&lt;", "‹")
                    .replace("&#60;", "‹")
                    .replace("&quot;", "”")
                    .replace("&#34;", "”");
                let found = escaped.contains(trace)
                    && !(trace.starts_with("on")
                        && !escaped.contains(&format!("<img src=x {trace}"))
                        && !escaped.contains(&format!("<svg/{trace}")));
                assert!(!found, "{trace} on {path} after {payload}");
            }
        }
    }
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

async fn cookies_work_from_our_own_pages_only(backend: Backend) {
    let s = scene(&backend).await;
    let cookie = s.node.cookie(&s.nina).await;
    let post = s.node.post(&s.nina, "mine").await;
    // 47: from another site, or without knowing which.
    let client = crate::support::node::client();
    for (path, origin, site) in [
        ("/sign-out", "http://evil.test", "cross-site"),
        (
            &*format!("/posts/{}/delete", post.id),
            "http://evil.test",
            "cross-site",
        ),
        ("/posts", "null", "cross-site"),
        ("/settings", "http://here.test.evil.test", "same-site"),
        ("/operator/blocks", "http://evil.test", "cross-site"),
    ] {
        let request = client
            .post(s.node.at(path))
            .header("host", "here.test")
            .header("cookie", &cookie)
            .header("origin", origin)
            .header("sec-fetch-site", site)
            .body("x=y");
        assert_eq!(request.send().await.unwrap().status(), 403, "{path}");
    }
    assert!(s.node.post_by_uri(&post.uri).await.is_some());
    // 51, 57: a forged Host, and redirects that leave the house.
    let answer = client
        .get(s.node.at("/about"))
        .header("host", "evil.test")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 421);
    for next in ["//evil.test", "https://evil.test", "/\\evil.test"] {
        let answer = s
            .node
            .form(
                "/sign-in",
                "",
                &[
                    ("login", "nina"),
                    ("password", crate::support::node::PASSWORD),
                    ("next", next),
                ],
            )
            .await;
        assert_eq!(answer.headers()["location"], "/home", "{next}");
    }
    // 52: guessing ends at the limit, whatever the address pretends to be.
    let mut statuses = Vec::new();
    for n in 0..15 {
        let request = client
            .post(s.node.at("/sign-in"))
            .header("host", "here.test")
            .header("x-forwarded-for", format!("203.0.113.{n}"));
        statuses.push(
            request
                .header("content-type", "application/x-www-form-urlencoded")
                .body("login=nina&password=guess")
                .send()
                .await
                .unwrap()
                .status()
                .as_u16(),
        );
    }
    assert!(statuses.contains(&429), "{statuses:?}");
    // 54: what is not for the viewer looks like what is not there.
    let hidden = s
        .node
        .write(
            &s.nina,
            Draft {
                text: "secret".into(),
                audience: Audience::Followers,
                ..Draft::default()
            },
        )
        .await;
    let text = async |id: i64| {
        let answer = s
            .node
            .get(&format!("/@nina/{id}"), &[("accept", "text/html")])
            .await;
        (answer.status(), answer.text().await.unwrap())
    };
    assert_eq!(text(hidden.id.0).await.0, 404);
    let strip = |page: String| page.replace(|c: char| c.is_ascii_digit(), "");
    let (seen, missing) = (text(hidden.id.0).await, text(hidden.id.0 + 1).await);
    assert_eq!((seen.0, strip(seen.1)), (missing.0, strip(missing.1)));
    // 58: the headers of every page.
    let answer = s.node.get("/", &[("accept", "text/html")]).await;
    for name in [
        "content-security-policy",
        "x-content-type-options",
        "referrer-policy",
        "permissions-policy",
        "cross-origin-opener-policy",
        "vary",
    ] {
        assert!(answer.headers().contains_key(name), "{name}");
    }
}

/// 36: who hangs or drips is cut, and the worker is free again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_peers_are_left_within_their_time() {
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let slow = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    net.name("slow.test", slow.local_addr().unwrap());
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = slow.accept().await {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/activity+json\r\ncontent-length: 1000000\r\n\r\n").await;
            held.push(tokio::spawn(async move {
                while stream.write_all(b" ").await.is_ok() {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }));
        }
    });
    let node = net.node("here.test", &Backend::Sqlite, listener, &[]).await;
    let begun = std::time::Instant::now();
    let found =
        afterparty::federation::webfinger::look_up(node.app(), "http://slow.test/users/eve").await;
    assert!(found.is_err());
    assert!(
        begun.elapsed() < Duration::from_secs(31),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(node.get("/healthz", &[]).await.status(), 200);
}

/// 44, 45: where a picture was taken stays with who took it; what is no picture stays outside.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_lose_what_they_tell_and_traps_are_refused() {
    let (_, node) = TestNode::one(&Backend::Sqlite).await;
    let nina = node.host("nina").await;
    let mut jpeg = std::io::Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(40, 30)
        .write_to(&mut jpeg, image::ImageFormat::Jpeg)
        .unwrap();
    let plain = jpeg.into_inner();
    // An EXIF block right behind the start marker, with a place in it.
    let exif = b"Exif\0\0MM\0*GPSLatitude 53.5511 GPSLongitude 9.9937";
    let mut tagged = plain[..2].to_vec();
    tagged.extend([0xff, 0xe1]);
    tagged.extend(u16::try_from(exif.len() + 2).unwrap().to_be_bytes());
    tagged.extend(exif);
    tagged.extend(&plain[2..]);
    let kept = afterparty::media::upload(node.app(), &nina, tagged, "", (0, 0))
        .await
        .unwrap();
    for file in [kept.file.unwrap(), kept.preview.unwrap()] {
        let bytes = node.app().media.read(&file).await.unwrap();
        assert!(
            !bytes.windows(3).any(|window| window == b"GPS"),
            "{file} still tells where"
        );
    }
    for trap in [
        &b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>"[..],
        b"push graphic-context",
        b"<html>",
        b"{\"type\":\"Person\"}",
        b"GIF89a",
    ] {
        let refused = afterparty::media::upload(node.app(), &nina, trap.to_vec(), "", (0, 0)).await;
        assert!(matches!(refused, Err(afterparty::error::Error::Invalid(_))));
    }
    // A file's name leads nowhere else.
    for path in [
        "/media/..%2f..%2fsecret.key/x",
        "/media/../secret.key",
        "/media/aa/..%2f..%2f..%2fsecret.key",
    ] {
        assert_eq!(node.get(path, &[]).await.status(), 404, "{path}");
    }
}
