//! The other ways through the door, and what follows from having come in.

use afterparty::accounts::Account;
use reqwest::header::LOCATION;
use serde_json::{Value, json};

use super::{cookies, path, target, text, way};
use crate::both;
use crate::support::{Backend, Net, Peer, TestNode, settle, smtp};

both!(
    a_home_proves_by_a_signature_who_comes,
    proofs_of_others_let_nobody_in,
    a_link_by_direct_message_lets_its_reader_in,
    a_code_by_mail_lets_in_and_joins_a_home,
    homes_of_the_misskey_family_have_their_own_door,
    a_guest_lets_the_house_act,
    what_is_done_at_home_is_seen_here,
    a_member_sees_the_houses_they_follow,
);

/// The cookie of the guest that an answer lets in; none where it does not.
fn guest_of(answer: &reqwest::Response) -> Option<String> {
    let mut set = cookies(answer).into_iter();
    let found = set.find(|cookie| cookie.contains("-guest=") && !cookie.ends_with('='));
    assert_eq!(
        found.is_some(),
        answer.status() == 303,
        "{}",
        answer.status()
    );
    found
}

async fn enters(node: &TestNode, back: &str, door: &str) -> Option<String> {
    guest_of(&node.get(back, &[("cookie", door)]).await)
}

/// Begins by the named means; where it leads, and the cookie of the way.
async fn begin(house: &TestNode, home: &str, by: &str) -> (String, String) {
    let fields = [("home", home), ("by", by), ("next", "/@nina")];
    let sent = house.form("/door/enter", "", &fields).await;
    assert_eq!(sent.status(), 200);
    let door = cookies(&sent).join("; ");
    (text(sent).await, door)
}

/// Where a home that speaks OpenWebAuth is asked to send somebody back to.
fn destination(page: &str) -> String {
    let to = url::Url::parse(&target(page)).unwrap();
    let hex = to.query_pairs().find(|(name, _)| name == "bdest");
    let hex = hex.unwrap().1.into_owned();
    let bytes: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect();
    path(&String::from_utf8(bytes).unwrap())
}

/// The houses of a member, as a browser reads them.
async fn entered(home: &TestNode, cookie: &str) -> String {
    text(home.get("/settings/apps", &[("cookie", cookie)]).await).await
}

async fn a_home_proves_by_a_signature_who_comes(backend: Backend) {
    let (_net, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    there.host("nina").await;
    let own = here.cookie(&fan).await;
    let (page, door) = begin(&there, "@fan@here.test", "magic").await;
    let there_to = target(&page);
    assert!(
        there_to.starts_with("http://here.test/magic?owa=1&bdest="),
        "{there_to}"
    );

    // The home asks once; looking does nothing.
    let magic = path(&there_to);
    assert_eq!(
        here.get(&magic, &[]).await.status(),
        303,
        "who is not signed in does that first"
    );
    let asked = text(here.get(&magic, &[("cookie", &own)]).await).await;
    assert!(
        asked.contains("there.test") && asked.contains("wants to know who you are"),
        "{asked}"
    );
    let tickets = "SELECT COUNT(*) AS n FROM guest_tickets";
    assert_eq!(there.count(tickets).await, 0);
    let dest = asked.split("name=\"dest\" value=\"").nth(1).unwrap();
    let dest = dest.split('"').next().unwrap().to_owned();
    let fields = [("owa", "1"), ("dest", dest.as_str())];
    let sent = text(here.form("/magic", &own, &fields).await).await;
    let back = path(&target(&sent));
    assert!(back.contains("owt="), "{back}");
    assert_eq!(
        there
            .count("SELECT COUNT(*) AS n FROM guest_sessions")
            .await,
        0
    );
    let guest = enters(&there, &back, &door).await.expect("let in");
    let known = text(there.get("/guest", &[("cookie", &guest)]).await).await;
    assert!(known.contains("@fan@here.test"), "{known}");
    assert!(
        enters(&there, &back, &door).await.is_none(),
        "a ticket is good for one time"
    );

    // The next time nobody is asked; another browser cannot use the way.
    let (page, door) = begin(&there, "@fan@here.test", "magic").await;
    let magic = path(&target(&page));
    let sent = text(here.get(&magic, &[("cookie", &own)]).await).await;
    let back = path(&target(&sent));
    assert!(back.starts_with("/auth/owa/"), "{sent}");
    let (_, other) = begin(&there, "@fan@here.test", "magic").await;
    assert!(enters(&there, &back, &other).await.is_none());
    assert!(
        enters(&there, &back, &door).await.is_none(),
        "used up by the attempt"
    );

    // The home lists the house; whoever leaves it there is out here.
    assert!(entered(&here, &own).await.contains("http://there.test"));
    let left = here
        .form(
            "/settings/apps/leave",
            &own,
            &[("origin", "http://there.test")],
        )
        .await;
    assert_eq!(left.status(), 303);
    assert!(!entered(&here, &own).await.contains("http://there.test"));
    settle(&[&here, &there]).await;
    assert_eq!(
        there.get("/guest", &[("cookie", &guest)]).await.status(),
        303
    );
    let asked = text(here.get(&magic, &[("cookie", &own)]).await).await;
    assert!(
        asked.contains("wants to know who you are"),
        "it has to ask again"
    );
    // A member is sent nowhere that cannot be a house.
    for nowhere in [
        "owa=1&dest=javascript:alert(1)",
        "owa=1&dest=http://here.test/x",
        "owa=1&bdest=zz",
        "dest=http://there.test/",
    ] {
        let refused = here
            .get(&format!("/magic?{nowhere}"), &[("cookie", &own)])
            .await;
        assert_eq!(refused.status(), 400, "{nowhere}");
    }
}

async fn proofs_of_others_let_nobody_in(backend: Backend) {
    let mut net = Net::new();
    let evil = Peer::start(&mut net, "evil.test").await;
    let home = Peer::start(&mut net, "home.test").await;
    let listener = net.listen("here.test").await;
    let node = net.node("here.test", &backend, listener, &[]).await;
    node.host("nina").await;
    let (mallory, eve) = (evil.actor("mallory"), home.actor("eve"));
    let finger = json!({"subject": "acct:eve@home.test", "links": [
        {"rel": "self", "type": "application/activity+json", "href": eve},
        {"rel": "http://purl.org/openwebauth/v1#redirect", "href": home.at("/magic")},
    ]});
    home.serve_at(
        "/.well-known/webfinger",
        200,
        "application/json",
        finger.to_string().into_bytes(),
    );
    assert_eq!(node.get("/owa", &[]).await.status(), 401, "nobody signed");
    let (status, ticket) = home.fetch(&node, &eve, "/owa").await;
    assert_eq!((status, &ticket["success"]), (200, &json!(true)));
    let open = |peer: &Peer, ticket: &Value| peer.open(ticket["encrypted_token"].as_str().unwrap());
    let honest = open(&home, &ticket);
    let (_, ticket) = evil.fetch(&node, &mallory, "/owa").await;
    let foreign = open(&evil, &ticket);
    let sessions = "SELECT COUNT(*) AS n FROM guest_sessions";
    for (owt, why) in [
        (foreign.as_str(), "of another host"),
        ("", "none"),
        ("x", "unknown"),
    ] {
        let (page, door) = begin(&node, "eve@home.test", "magic").await;
        let back = destination(&page);
        assert!(
            enters(&node, &format!("{back}owt={owt}"), &door)
                .await
                .is_none(),
            "{why}"
        );
    }
    assert_eq!(node.count(sessions).await, 0);
    let (page, door) = begin(&node, "eve@home.test", "magic").await;
    let back = destination(&page);
    assert!(
        enters(&node, &format!("{back}owt={honest}"), &door)
            .await
            .is_some(),
        "the truth lets somebody in"
    );
}

async fn a_link_by_direct_message_lets_its_reader_in(backend: Backend) {
    let (net, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    there.host("nina").await;
    let (page, door) = begin(&there, "@fan@here.test", "letter").await;
    let code = page
        .split("<code>")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap()
        .to_owned();
    settle(&[&there, &here]).await;
    let own = here.cookie(&fan).await;
    let message = here.newest_message(&own).await;
    assert!(
        message.contains(&code),
        "the code stands in the message: {message}"
    );
    let link = message
        .split("http://there.test/auth/letter/")
        .nth(1)
        .expect("a link");
    let link = format!("/auth/letter/{}", link.split(['"', '<']).next().unwrap());
    // It is for nobody else, neither here nor there.
    let asked = "SELECT COUNT(*) AS n FROM posts WHERE audience <> 'people'";
    assert_eq!(here.count(asked).await, 0);

    assert_eq!(there.get(&link, &[]).await.status(), 422, "another browser");
    for _ in 0..2 {
        let looked = there.get(&link, &[("cookie", &door)]).await;
        assert_eq!(looked.status(), 200, "looking uses nothing up");
    }
    let guest = guest_of(&there.form(&link, &door, &[]).await).expect("let in");
    let known = text(there.get("/guest", &[("cookie", &guest)]).await).await;
    assert!(known.contains("@fan@here.test"));
    assert!(
        guest_of(&there.form(&link, &door, &[]).await).is_none(),
        "once"
    );
    // An hour, and not too many letters.
    let (_, late) = begin(&there, "@fan@here.test", "letter").await;
    settle(&[&there, &here]).await;
    let message = here.newest_message(&own).await;
    let link = message
        .split("http://there.test/auth/letter/")
        .nth(1)
        .unwrap();
    let link = format!("/auth/letter/{}", link.split(['"', '<']).next().unwrap());
    net.clock.advance(std::time::Duration::from_secs(3601));
    assert!(guest_of(&there.form(&link, &late, &[]).await).is_none());
    for _ in 0..3 {
        begin(&there, "@fan@here.test", "letter").await;
    }
    let fields = [("home", "@fan@here.test"), ("by", "letter")];
    let often = there.form("/door/enter", "", &fields).await;
    assert_eq!(often.status(), 422);
    assert!(text(often).await.contains("several times already"));
}

async fn a_code_by_mail_lets_in_and_joins_a_home(backend: Backend) {
    let (url, mails) = smtp::start().await;
    let mut net = Net::new();
    let (first, second) = (
        net.listen("here.test").await,
        net.listen("there.test").await,
    );
    let here = net.node("here.test", &backend, first, &[]).await;
    let settings = [
        ("mail.url", url.as_str()),
        ("mail.from", "house@there.test"),
    ];
    let there = net.node("there.test", &backend, second, &settings).await;
    let fan = here.sign_up("fan").await;
    there.host("nina").await;
    // What no home answers to may be a mail address.
    let offer = there
        .form("/door", "", &[("home", "fan@nowhere.test")])
        .await;
    assert_eq!(offer.status(), 422);
    assert!(text(offer).await.contains("action=\"/door/mail\""));
    let sent = there
        .form(
            "/door/mail",
            "",
            &[("home", "Fan@Nowhere.test"), ("next", "/@nina")],
        )
        .await;
    assert_eq!(sent.status(), 200);
    let door = cookies(&sent).join("; ");
    let page = text(sent).await;
    let state = page.split("name=\"state\" value=\"").nth(1).unwrap();
    let state = state.split('"').next().unwrap().to_owned();
    settle(&[&there]).await;
    let mail = mails.lock().unwrap().pop().expect("a mail");
    assert_eq!(mail.to, "fan@nowhere.test");
    let code: String = mail
        .text
        .lines()
        .rev()
        .find_map(|line| {
            line.split_whitespace()
                .find(|word| word.len() == 6 && word.bytes().all(|b| b.is_ascii_digit()))
        })
        .unwrap()
        .to_owned();
    let other = if code == "000000" { "111111" } else { "000000" };
    let wrong = there
        .form("/door/code", &door, &[("state", &state), ("code", other)])
        .await;
    assert_eq!(wrong.status(), 422);
    assert!(text(wrong).await.contains("not the code"));
    let stolen = there
        .form("/door/code", "", &[("state", &state), ("code", &code)])
        .await;
    assert_eq!(stolen.status(), 422, "another browser, which uses it up");

    let again = || async {
        let sent = there
            .form("/door/mail", "", &[("home", "fan@nowhere.test")])
            .await;
        let door = cookies(&sent).join("; ");
        let page = text(sent).await;
        let state = page.split("name=\"state\" value=\"").nth(1).unwrap();
        let state = state.split('"').next().unwrap().to_owned();
        settle(&[&there]).await;
        let mail = mails.lock().unwrap().pop().expect("a mail");
        let code = mail.text.lines().rev().find_map(|line| {
            let word = line
                .split_whitespace()
                .find(|word| word.len() == 6 && word.bytes().all(|b| b.is_ascii_digit()));
            word.map(str::to_owned)
        });
        (door, state, code.unwrap())
    };
    let (door, state, code) = again().await;
    let fields = [("state", state.as_str()), ("code", code.as_str())];
    let guest = guest_of(&there.form("/door/code", &door, &fields).await).expect("let in");
    let known = text(there.get("/guest", &[("cookie", &guest)]).await).await;
    assert!(
        known.contains("fan@nowhere.test") && known.contains("known by mail"),
        "{known}"
    );
    // Such a guest is nobody on the wire and no member.
    let row = "SELECT id AS n FROM accounts WHERE kind = 'guest'";
    let id = there.count(row).await;
    assert_eq!(there.document(&format!("/guests/{id}")).await.0, 404);
    assert_ne!(
        there.get("/home", &[("cookie", &guest)]).await.status(),
        200
    );
    // What a guest by mail may see goes along when they prove a home in the same browser.
    let nina = there.account("nina").await;
    for (statement, second) in [
        (
            "INSERT INTO audiences (id, account_id, kind, name, created_at) VALUES (7, $1, 'tier', 'fans', $2)",
            0,
        ),
        (
            "INSERT INTO audience_members (audience_id, account_id, until) SELECT 7, $2, NULL FROM accounts WHERE id = $1",
            id,
        ),
    ] {
        let query = afterparty::kernel::db::sql(statement)
            .bind(nina.id)
            .bind(second);
        query.run(there.db()).await.unwrap();
    }
    let (back, way) = way(&there, &here, &fan, "/@nina").await;
    let both = format!("{way}; {guest}");
    let proven = enters(&there, &path(&back), &both).await.expect("let in");
    let asked = text(there.get("/guest", &[("cookie", &proven)]).await).await;
    let offer = "came in with fan@nowhere.test as well";
    assert!(asked.contains(offer), "{asked}");
    let moved = "SELECT account_id AS n FROM audience_members WHERE audience_id = 7";
    assert_eq!(there.count(moved).await, id, "not before it was said");
    let joined = there.form("/guest/join", &proven, &[]).await;
    assert_eq!(joined.status(), 303);
    let known = text(there.get("/guest", &[("cookie", &proven)]).await).await;
    assert!(
        known.contains("@fan@here.test")
            && known.contains("fan@nowhere.test")
            && known.contains("joined to your home"),
        "{known}"
    );
    assert_eq!(
        there.get("/guest", &[("cookie", &guest)]).await.status(),
        303,
        "one of them is left"
    );
    assert_eq!(
        there.count(moved).await,
        there.account("fan@here.test").await.id.0
    );
    // The address alone is not enough any more.
    let (door, state, code) = again().await;
    let fields = [("state", state.as_str()), ("code", code.as_str())];
    let answer = there.form("/door/code", &door, &fields).await;
    assert_eq!(answer.status(), 422);
    assert!(text(answer).await.contains("Come in from there"));
}

async fn homes_of_the_misskey_family_have_their_own_door(backend: Backend) {
    let mut net = Net::new();
    let home = Peer::start(&mut net, "home.test").await;
    let victim = Peer::start(&mut net, "vic.test").await;
    let listener = net.listen("here.test").await;
    let node = net.node("here.test", &backend, listener, &[]).await;
    node.host("nina").await;
    let (eve, vic) = (home.actor("eve"), victim.actor("eve"));
    let says = |path: &str, document: Value| {
        home.serve_at(
            path,
            200,
            "application/json",
            document.to_string().into_bytes(),
        )
    };
    let finger = |actor: &str| json!({"subject": "acct:eve@home.test", "links": [{"rel": "self", "type": "application/activity+json", "href": actor}]});
    says("/.well-known/webfinger", finger(&eve));
    says("/api/meta", json!({"features": {"miauth": true}}));
    says("/api/i/revoke-token", json!({}));
    let go = async |answer: Value| {
        let (page, door) = begin(&node, "eve@home.test", "").await;
        let to = url::Url::parse(&target(&page)).unwrap();
        assert!(
            to.path().starts_with("/miauth/")
                && to.query().unwrap().contains("permission=read%3Aaccount"),
            "{to}"
        );
        let session = to.path().rsplit('/').next().unwrap().to_owned();
        says(&format!("/api/miauth/{session}/check"), answer);
        let back = format!("/auth/miauth?session={session}");
        let came = node.get(&back, &[("cookie", &door)]).await;
        assert!(
            !cookies(&came)
                .iter()
                .any(|cookie| cookie.contains("-guest=")),
            "not yet"
        );
        if came.status() != 200 {
            return None;
        }
        // Who it is gets a code by direct message, since the page over there can be handed to somebody else.
        let door = cookies(&came).join("; ");
        let page = text(came).await;
        let state = page.split("name=\"state\" value=\"").nth(1).unwrap();
        let state = state.split('"').next().unwrap().to_owned();
        settle(&[&node]).await;
        let message = home.received("Create").pop().expect("a message");
        assert_eq!(message["to"], json!([eve]));
        let content = message["object"]["content"].as_str().unwrap().to_owned();
        let code = content
            .split(|c: char| !c.is_ascii_digit())
            .find(|word| word.len() == 6);
        let fields = [
            ("by", "confirm"),
            ("state", &state),
            ("code", code.unwrap()),
        ];
        let stolen = node
            .form(
                "/door/code",
                "",
                &[("by", "mail"), ("state", &state), ("code", code.unwrap())],
            )
            .await;
        assert_eq!(stolen.status(), 422, "a code is good for its own way only");
        guest_of(&node.form("/door/code", &door, &fields).await)
    };
    assert!(
        go(json!({"ok": true, "token": "t", "user": {"username": "eve", "host": null}}))
            .await
            .is_some()
    );
    let revoked = home
        .seen()
        .iter()
        .any(|seen| seen.path == "/api/i/revoke-token");
    assert!(revoked, "the token is given back");
    for lie in [
        json!({"ok": false}),
        json!({"ok": true, "user": {"username": "eve", "host": "vic.test"}}),
        json!({"ok": true, "user": {"username": "nobody", "host": null}}),
        json!({"ok": true, "user": {"username": "../eve", "host": null}}),
    ] {
        assert!(go(lie.clone()).await.is_none(), "{lie}");
    }
    says("/.well-known/webfinger", finger(&vic));
    let fields = [("home", "eve@home.test"), ("by", "miauth")];
    let refused = node.form("/door/enter", "", &fields).await;
    assert_ne!(refused.status(), 303);
    assert_eq!(
        node.count("SELECT COUNT(*) AS n FROM guest_sessions").await,
        1
    );
}

/// Lets the house act, by the whole way; the cookie of the guest.
async fn acting(here: &TestNode, there: &TestNode, fan: &Account) -> String {
    let fields = [
        ("home", "@fan@here.test"),
        ("by", "oauth"),
        ("acts", "1"),
        ("next", "/guest"),
    ];
    let sent = there.form("/door/enter", "", &fields).await;
    let door = cookies(&sent).join("; ");
    let target = target(&text(sent).await);
    assert!(target.contains("write%3Afollows"), "{target}");
    let own = here.cookie(fan).await;
    let asked = text(here.get(&path(&target), &[("cookie", &own)]).await).await;
    assert!(
        asked.contains("name=\"answer\" value=\"yes\""),
        "it is asked for explicitly: {asked}"
    );
    let back = path(&super::agree(here, &own, &target).await);
    enters(there, &back, &door).await.expect("let in")
}

async fn a_guest_lets_the_house_act(backend: Backend) {
    let (net, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let nina = there.host("nina").await;
    let post = there.post(&nina, "Hello").await;
    let (back, door) = way(&there, &here, &fan, "/@nina").await;
    let plain = enters(&there, &path(&back), &door).await.unwrap();
    let page = text(there.get("/@nina", &[("cookie", &plain)]).await).await;
    assert!(
        !page.contains("/guest/follow/"),
        "not before it was allowed"
    );
    let follow = format!("/guest/follow/{}", nina.id);
    assert_eq!(there.form(&follow, &plain, &[]).await.status(), 422);

    let guest = acting(&here, &there, &fan).await;
    let sealed = afterparty::kernel::db::sql("SELECT token_sealed FROM guest_grants")
        .one(there.db())
        .await
        .unwrap();
    let sealed: String = sealed.get("token_sealed").unwrap();
    let live = "SELECT COUNT(*) AS n FROM tokens WHERE account_id IS NOT NULL";
    assert_eq!(here.count(live).await, 1);
    assert!(sealed.len() > 60, "sealed: {sealed}");
    let page = text(there.get("/@nina", &[("cookie", &guest)]).await).await;
    assert!(page.contains(&follow), "{page}");
    let done = there.form(&follow, &guest, &[]).await;
    assert_eq!(done.status(), 303, "{}", text(done).await);
    settle(&[&here, &there]).await;
    assert_eq!(there.followers_of("nina").await, ["fan@here.test"]);
    let shown = text(there.get("/@nina", &[("cookie", &guest)]).await).await;
    assert!(shown.contains("You follow from home"));

    let place = path(post.url.as_ref().unwrap());
    let page = text(there.get(&place, &[("cookie", &guest)]).await).await;
    let reply = format!("/guest/reply/{}", post.id);
    assert!(page.contains(&reply), "{page}");
    let fields = [("text", "from my home"), ("key", "k1")];
    for _ in 0..2 {
        let done = there.form(&reply, &guest, &fields).await;
        assert_eq!(done.status(), 303, "{}", text(done).await);
    }
    settle(&[&here, &there]).await;
    let page = text(there.get(&place, &[]).await).await;
    assert_eq!(
        page.matches("from my home").count(),
        1,
        "once, and by the fan: {page}"
    );
    assert!(page.contains("@fan@here.test"));

    // Taken back, it is taken back at home too; what was written is not lost.
    assert_eq!(
        there.form("/guest/withdraw", &guest, &[]).await.status(),
        303
    );
    assert_eq!(here.count(live).await, 0);
    let refused = there
        .form(&reply, &guest, &[("text", "too late"), ("key", "k2")])
        .await;
    assert_eq!(refused.status(), 422);
    assert!(text(refused).await.contains("too late</textarea>"));
    // Or the home ends it: the next use finds out.
    let guest = acting(&here, &there, &fan).await;
    afterparty::kernel::db::sql("DELETE FROM tokens")
        .run(here.db())
        .await
        .unwrap();
    let refused = there
        .form(&reply, &guest, &[("text", "x"), ("key", "k3")])
        .await;
    assert!(text(refused).await.contains("does not let this house act"));
    assert_eq!(
        there.count("SELECT COUNT(*) AS n FROM guest_grants").await,
        0
    );
    // Whoever leaves the house at home takes that back as well.
    acting(&here, &there, &fan).await;
    assert_eq!(here.count(live).await, 1);
    let own = here.cookie(&fan).await;
    let left = here
        .form(
            "/settings/apps/leave",
            &own,
            &[("origin", "http://there.test")],
        )
        .await;
    assert_eq!(left.status(), 303);
    assert_eq!(here.count(live).await, 0);
    settle(&[&here, &there]).await;
    assert_eq!(
        there.count("SELECT COUNT(*) AS n FROM guest_grants").await,
        0
    );
    // After thirty days it is over by itself, also at home.
    acting(&here, &there, &fan).await;
    net.clock
        .advance(std::time::Duration::from_secs(30 * 86_400 + 1));
    afterparty::guests::sessions::sweep(there.app())
        .await
        .unwrap();
    assert_eq!(
        there.count("SELECT COUNT(*) AS n FROM guest_grants").await,
        0
    );
    assert_eq!(here.count(live).await, 0);
}

async fn what_is_done_at_home_is_seen_here(backend: Backend) {
    let (net, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let nina = there.host("nina").await;
    let post = there.post(&nina, "Hello").await;
    let own = here.cookie(&fan).await;
    for (verb, object) in [
        ("follow", &nina.uri),
        ("like", &post.uri),
        ("announce", &post.uri),
    ] {
        let fields = [
            ("home", "fan@here.test"),
            ("verb", verb),
            ("object", object.as_str()),
            ("known", "1"),
        ];
        let sent = there.form("/door", "", &fields).await;
        let wish = cookies(&sent).join("; ");
        let to = url::Url::parse(&target(&text(sent).await)).unwrap();
        let success = to
            .query_pairs()
            .find(|(name, _)| name == "on-success")
            .unwrap()
            .1
            .into_owned();
        let done = path(&success);
        let waiting = text(there.get(&done, &[("cookie", &wish)]).await).await;
        assert!(waiting.contains("Waiting for your home"), "{waiting}");
        assert_eq!(
            there.get(&done, &[]).await.status(),
            303,
            "another browser learns nothing"
        );
        // At home: one button, and back by itself.
        let asked = text(here.get(&path(to.as_str()), &[("cookie", &own)]).await).await;
        assert!(
            asked.contains(&format!("action=\"/intents/{verb}\"")),
            "{asked}"
        );
        let fields = [
            ("object", object.as_str()),
            ("on-success", success.as_str()),
        ];
        let went = text(here.form(&format!("/intents/{verb}"), &own, &fields).await).await;
        assert_eq!(target(&went), success);
        let mut stream = there
            .get(
                &format!("/live?page={}", done.trim_end_matches('?')),
                &[("cookie", &wish)],
            )
            .await;
        assert_eq!(stream.status(), 200);
        let mut news = afterparty::jobs::news::Reader::new(there.app().clock.now());
        news.read(there.app()).await.unwrap();
        settle(&[&here, &there]).await;
        for told in news.read(there.app()).await.unwrap() {
            there.app().news.send(told).unwrap();
        }
        let mut told = String::new();
        let wait = std::time::Duration::from_millis(400);
        while let Ok(Ok(Some(piece))) = tokio::time::timeout(wait, stream.chunk()).await {
            told.push_str(&String::from_utf8_lossy(&piece));
        }
        assert!(told.contains("event: done"), "{verb}: {told}");
        let seen = text(there.get(&done, &[("cookie", &wish)]).await).await;
        assert!(
            seen.contains("It arrived here, signed by your home"),
            "{verb}: {seen}"
        );
    }
    // Who follows already says so once more, and is seen.
    net.clock.advance(std::time::Duration::from_secs(60));
    let fields = [
        ("home", "fan@here.test"),
        ("verb", "follow"),
        ("object", nina.uri.as_str()),
        ("known", "1"),
    ];
    let sent = there.form("/door", "", &fields).await;
    let wish = cookies(&sent).join("; ");
    let to = url::Url::parse(&target(&text(sent).await)).unwrap();
    let success = to.query_pairs().find(|(name, _)| name == "on-success");
    let done = path(&success.unwrap().1);
    let waiting = text(there.get(&done, &[("cookie", &wish)]).await).await;
    assert!(
        waiting.contains("Waiting for your home"),
        "nothing is told of before"
    );
    let fields = [("object", nina.uri.as_str())];
    assert_eq!(
        here.form("/intents/follow", &own, &fields).await.status(),
        303
    );
    settle(&[&here, &there]).await;
    let seen = text(there.get(&done, &[("cookie", &wish)]).await).await;
    assert!(seen.contains("It arrived here"), "{seen}");
    assert_eq!(there.followers_of("nina").await, ["fan@here.test"]);
    // A home sends nobody to an address that may not be gone to.
    let fields = [
        ("object", nina.uri.as_str()),
        ("on-success", "javascript:alert(1)"),
    ];
    let answer = here.form("/intents/follow", &own, &fields).await;
    assert_eq!(answer.status(), 303);
    assert_eq!(answer.headers()[LOCATION], "/@nina@there.test");
}

async fn a_member_sees_the_houses_they_follow(backend: Backend) {
    let (_net, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let own = here.cookie(&fan).await;
    let nina = there.host("nina").await;
    let empty = text(here.get("/houses", &[("cookie", &own)]).await).await;
    assert!(empty.contains("You follow nobody yet"));
    here.follow(&fan, "nina@there.test").await;
    settle(&[&here, &there]).await;
    there.post(&nina, "Doors at eight").await;
    settle(&[&there, &here]).await;
    let page = text(here.get("/houses", &[("cookie", &own)]).await).await;
    assert!(
        page.contains("1 new")
            && page.contains("Doors at eight")
            && page.contains("Visit there.test"),
        "{page}"
    );
    let page = text(here.get("/houses", &[("cookie", &own)]).await).await;
    assert!(
        !page.contains("1 new") && page.contains("Doors at eight"),
        "seen is seen"
    );
}
