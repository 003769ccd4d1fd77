//! What the house says about itself, and what it tells people: texts, tiers, rights, reports, errors.

use serde_json::Value;

use crate::both;
use crate::support::node::client;
use crate::support::{Backend, Net, TestNode, settle, smtp};

both!(
    the_house_says_who_it_is,
    tiers_and_rights_are_told_of,
    a_report_is_confirmed,
    errors_are_in_the_language_of_who_asks,
    what_somebody_was_about_to_do_survives_signing_up,
);

async fn json(node: &TestNode, path: &str) -> (u16, Value) {
    let answer = node.get(path, &[]).await;
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap())
}

async fn the_house_says_who_it_is(backend: Backend) {
    let (net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let cookie = node.cookie(&nina).await;
    for path in ["privacy_policy", "terms_of_service"] {
        let path = format!("/api/v1/instance/{path}");
        assert_eq!(json(&node, &path).await.0, 404, "nothing is made up");
    }
    assert_eq!(node.get("/privacy", &[]).await.status(), 404);
    let fields = [
        ("about", "We are Nova.\n\nA band <b>from</b> Kiel."),
        ("rules", "Be kind.\r\n\r\n  No bootlegs. "),
        ("privacy", "We keep little."),
        ("terms", "Nova GbR"),
    ];
    let saved = node.form("/operator/texts", &cookie, &fields).await;
    assert_eq!(saved.status(), 303);
    let written = node.app().clock.now();
    let about = node.get("/about", &[]).await.text().await.unwrap();
    assert!(about.contains("<p>We are Nova.</p>") && about.contains("&lt;b&gt;from"));
    assert!(about.contains("<li>No bootlegs.</li>") && about.contains("/privacy"));
    let (_, rules) = json(&node, "/api/v1/instance/rules").await;
    assert_eq!(rules[1]["text"], "No bootlegs.");
    assert_eq!(json(&node, "/api/v2/instance").await.1["rules"], rules);
    // What reads as before keeps its date.
    net.clock.advance(std::time::Duration::from_secs(86_400));
    let mut later = fields;
    later[3].1 = "Nova GbR, Kiel";
    node.form("/operator/texts", &cookie, &later).await;
    let (_, policy) = json(&node, "/api/v1/instance/privacy_policy").await;
    assert_eq!(policy["content"], "<p>We keep little.</p>");
    assert_eq!(policy["updated_at"], written.rfc3339());
    let (_, terms) = json(&node, "/api/v1/instance/terms_of_service").await;
    assert_eq!(terms["effective_date"], node.app().clock.now().date());
    let (_, described) = json(&node, "/api/v1/instance/extended_description").await;
    assert_eq!(described["updated_at"], written.rfc3339());
    // What cannot be taken is said, and stays in the form.
    let long = "x".repeat(50_001);
    let refused = node
        .form(
            "/operator/texts",
            &cookie,
            &[("about", &long), ("rules", "Stay")],
        )
        .await;
    assert_eq!(refused.status(), 422);
    let refused = refused.text().await.unwrap();
    assert!(refused.contains("50000") && refused.contains(">Stay</textarea>"));
    let ana = node.sign_up("ana").await;
    let stranger = node.cookie(&ana).await;
    let theft = node.form("/operator/texts", &stranger, &fields).await;
    assert_eq!(theft.status(), 404);
}

async fn tiers_and_rights_are_told_of(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let ana = node.sign_up("ana").await;
    let cookie = node.cookie(&nina).await;
    let fields = [("name", "Inner"), ("colour", "#336699"), ("how", "By hand")];
    let made = node.form("/operator/tiers", &cookie, &fields).await;
    assert!(made.status().is_redirection(), "{}", made.status());
    let tier = afterparty::members::tiers::list(node.app()).await.unwrap();
    let tier = tier[0].id;
    for _ in 0..2 {
        let now = node.app().clock.now();
        let mut tx = node.app().db.begin().await.unwrap();
        afterparty::members::tiers::grant(&mut tx, now, (tier, ana.id), None, "hand")
            .await
            .unwrap();
        tx.commit().await.unwrap();
        settle(&[&node]).await;
    }
    assert_eq!(node.notices_of("ana").await, ["tier"], "once");
    let rights = afterparty::crew::Rights::parse("post");
    let now = node.app().clock.now();
    let mut tx = node.app().db.begin().await.unwrap();
    afterparty::crew::set_rights(&mut tx, now, ana.id, &rights)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    settle(&[&node]).await;
    assert_eq!(node.notices_of("ana").await, ["rights", "tier"]);
    let own = node.cookie(&ana).await;
    let page = node.get("/notifications", &[("cookie", &own)]).await;
    let page = page.text().await.unwrap();
    assert!(page.contains("gave you a tier") && page.contains(r#"href="/tiers""#));
    assert!(page.contains("took you into the crew") && page.contains(r#"href="/desk""#));
}

async fn a_report_is_confirmed(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    node.host("nina").await;
    let (ana, bob) = (node.sign_up("ana").await, node.sign_up("bob").await);
    let cookie = node.cookie(&ana).await;
    for (comment, bare) in [("", true), ("He shouts", false)] {
        let send = format!("/accounts/{}/send-report", bob.id);
        let sent = node.form(&send, &cookie, &[("comment", comment)]).await;
        let to = sent.headers()["location"].to_str().unwrap().to_owned();
        let page = node.get(&to, &[("cookie", &cookie)]).await;
        let page = page.text().await.unwrap();
        assert!(page.contains("the report arrived"), "{page}");
        assert_eq!(page.contains("You named no post"), bare, "{comment}");
    }
}

async fn errors_are_in_the_language_of_who_asks(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    for (language, sentence) in [
        ("de-DE,de;q=0.9", "Nicht gefunden"),
        ("en", "Record not found"),
        ("", "Record not found"),
    ] {
        let request = client()
            .get(node.at("/api/v1/statuses/1"))
            .header("host", &node.name)
            .header("accept-language", language);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["error"], sentence, "{language}");
    }
}

async fn what_somebody_was_about_to_do_survives_signing_up(backend: Backend) {
    let wish = "/oauth/authorize?client_id=x&scope=read";
    let (_net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    let open = [("mode", "open"), ("questions", ""), ("allowance", "0")];
    node.form("/operator/joining", &host, &open).await;
    let encoded: String = url::form_urlencoded::byte_serialize(wish.as_bytes()).collect();
    let page = node.get(&format!("/sign-in?next={encoded}"), &[]).await;
    let page = page.text().await.unwrap();
    assert!(page.contains("/sign-up?next=/oauth/authorize%3F"), "{page}");
    let page = node.get(&format!("/sign-up?next={encoded}"), &[]).await;
    let page = page.text().await.unwrap();
    assert!(
        page.contains("client_id=x&#38;scope=read") || page.contains("client_id=x&amp;scope=read"),
        "{page}"
    );
    let fields = |name, next| {
        [
            ("name", name),
            ("email", "ana@mail.test"),
            ("password", "a password of ana"),
            ("next", next),
        ]
    };
    let joined = node.form("/sign-up", "", &fields("ana", wish)).await;
    assert_eq!(joined.headers()["location"], wish);
    let away = fields("eve", "https://elsewhere.test/");
    let mut away = away.to_vec();
    away[1].1 = "eve@mail.test";
    let joined = node.form("/sign-up", "", &away).await;
    assert_eq!(joined.headers()["location"], "/settings", "only here");
    // By mail the way back leads to the same page.
    let (url, _mails) = smtp::start().await;
    let mut net = Net::new();
    let listener = net.listen("mail.test").await;
    let settings = [("mail.url", &*url), ("registration.mode", "open")];
    let node = net.node("mail.test", &backend, listener, &settings).await;
    node.host("nina").await;
    let joined = node.form("/sign-up", "", &fields("ana", wish)).await;
    assert_eq!(joined.status(), 200);
    let kept = joined.headers()["set-cookie"].to_str().unwrap();
    let kept = kept.split(';').next().unwrap().to_owned();
    let page = node.get("/sign-in", &[("cookie", &kept)]).await;
    let page = page.text().await.unwrap();
    assert!(
        page.contains(r#"name="next" value="/oauth/authorize"#),
        "{page}"
    );
}
