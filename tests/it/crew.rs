//! The crew: who may do what, in whose name, and what of it is noted.

use afterparty::accounts::Account;
use reqwest::header::LOCATION;

use crate::both;
use crate::support::node::text;
use crate::support::{Backend, TestNode, settle};

both!(
    each_page_of_the_desk_takes_its_right,
    a_draft_is_handed_in_given_back_and_let_through,
    what_is_for_the_crew_is_read_by_the_crew,
    a_post_of_the_house_says_who_wrote_it_to_whom_it_may,
    a_post_waits_for_its_moment_on_the_calendar,
    nobody_raises_themselves,
);

/// A member in the crew with these rights, signed in.
async fn helper(node: &TestNode, host: &str, name: &str, rights: &[&str]) -> (Account, String) {
    let account = node.sign_up(name).await;
    let mut fields = vec![("handle", name)];
    fields.extend(rights.iter().map(|right| ("right", *right)));
    let answer = node.form("/operator/crew", host, &fields).await;
    assert_eq!(answer.status(), 303, "{}", text(answer).await);
    let cookie = node.cookie(&account).await;
    (account, cookie)
}

/// Line 50: routes by rights, as a table.
async fn each_page_of_the_desk_takes_its_right(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    let rights = ["post", "draft", "moderate", "admit", "figures", "run"];
    let mut crew = Vec::new();
    for right in rights {
        crew.push((right, helper(&node, &host, right, &[right]).await));
    }
    let fan = node.sign_up("fan").await;
    let fan = node.cookie(&fan).await;
    let pages: [(&str, &[&str]); 14] = [
        ("/desk", &rights),
        ("/operator", &["run"]),
        ("/operator/figures", &["figures"]),
        ("/operator/crew", &["run"]),
        ("/operator/log", &["run"]),
        ("/operator/look", &["run"]),
        ("/operator/joining", &["admit"]),
        ("/operator/tiers", &["admit"]),
        ("/operator/peace", &["moderate"]),
        ("/operator/queue", &["moderate"]),
        ("/operator/rules", &["moderate"]),
        ("/operator/blocks", &["moderate"]),
        ("/operator/waiting", &["admit"]),
        ("/operator/import", &["admit"]),
    ];
    for (page, may) in pages {
        let of = async |cookie: &str| {
            node.get(page, &[("cookie", cookie)])
                .await
                .status()
                .as_u16()
        };
        assert_eq!(of("").await, 303, "{page} for a visitor");
        assert_eq!(of(&fan).await, 404, "{page} for a member");
        assert_eq!(of(&host).await, 200, "{page} for the host");
        for (right, (_, cookie)) in &crew {
            let expected = if may.contains(right) { 200 } else { 403 };
            assert_eq!(
                of(cookie).await,
                expected,
                "{page} for the crew that may {right}"
            );
        }
    }
    let forms: [(&str, &[&str]); 7] = [
        ("/operator/house", &["run"]),
        ("/operator/crew", &["run"]),
        ("/operator/members", &["run"]),
        ("/operator/announcements", &["run"]),
        ("/operator/joining", &["admit"]),
        ("/operator/tiers", &["admit"]),
        ("/operator/drafts/1/publish", &["post", "draft"]),
    ];
    for (path, may) in forms {
        let of = async |cookie: &str| node.form(path, cookie, &[]).await.status().as_u16();
        assert_eq!(of(&fan).await, 404, "{path} for a member");
        for (right, (_, cookie)) in &crew {
            let status = of(cookie).await;
            assert_eq!(
                status == 403,
                !may.contains(right),
                "{path} for {right}: {status}"
            );
        }
    }
    // Taken back, it ends with the next request, in a session that stays open.
    let (account, cookie) = &crew[2].1;
    node.form(&format!("/operator/crew/{}", account.id), &host, &[])
        .await;
    let peace = async || node.get("/desk", &[("cookie", cookie)]).await.status();
    assert_eq!(peace().await, 404);
    assert_eq!(node.get("/home", &[("cookie", cookie)]).await.status(), 200);
    // Somebody who is locked out is out altogether.
    let (account, cookie) = &crew[5].1;
    node.form(
        &format!("/operator/members/{}/disable", account.id),
        &host,
        &[],
    )
    .await;
    assert_eq!(
        node.get("/operator", &[("cookie", cookie)]).await.status(),
        303
    );
    // Whoever runs the node makes nobody a host, nor locks out whom the host chose.
    let (_, runner) = helper(&node, &host, "runner", &["run"]).await;
    let (other, _) = &crew[0].1;
    let fan_id = node.account("fan").await.id;
    for (id, verb) in [
        (fan_id, "make-host"),
        (other.id, "disable"),
        (nina.id, "make-member"),
        (nina.id, "disable"),
    ] {
        let path = format!("/operator/members/{id}/{verb}");
        assert_eq!(node.form(&path, &runner, &[]).await.status(), 403, "{path}");
    }
    // A host is no crew; nobody else's member is.
    for handle in ["nina", "nobody"] {
        let fields = [("handle", handle), ("right", "run")];
        assert_eq!(
            node.form("/operator/crew", &host, &fields).await.status(),
            422
        );
    }
    let log = text(node.get("/operator/log", &[("cookie", &host)]).await).await;
    assert!(
        log.contains("changed the crew:") && log.contains("@moderate: moderate"),
        "{log}"
    );
}

async fn write(node: &TestNode, cookie: &str, values: &[(&str, &str)]) -> String {
    let answer = node.upload("/posts", cookie, values, &[]).await;
    assert_eq!(answer.status(), 303, "{}", text(answer).await);
    answer.headers()[LOCATION].to_str().unwrap().to_owned()
}

async fn a_draft_is_handed_in_given_back_and_let_through(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    let (_, ana) = helper(&node, &host, "ana", &["draft"]).await;
    let (_, bea) = helper(&node, &host, "bea", &["post"]).await;
    let fan = node.sign_up("fan").await;
    let fan = node.cookie(&fan).await;
    let draft = [
        ("text", "A frist draft"),
        ("as_house", "1"),
        ("audience", "public"),
        ("key", "d1"),
    ];
    assert_eq!(write(&node, &ana, &draft).await, "/calendar");
    assert_eq!(node.count("SELECT COUNT(*) AS n FROM posts").await, 0);
    let stranger = node.upload("/posts", &fan, &draft, &[]).await;
    assert_eq!(stranger.status(), 403);
    let id = node.count("SELECT MAX(id) AS n FROM house_drafts").await;
    let act = async |cookie: &str, verb: &str, words: &str| {
        let path = format!("/operator/drafts/{id}/{verb}");
        let seen = "SELECT COALESCE(MAX(updated_at), 0) AS n FROM house_drafts";
        let seen = node.count(seen).await.to_string();
        let fields = [("words", words), ("seen", &*seen)];
        node.form(&path, cookie, &fields).await.status().as_u16()
    };
    assert_eq!(act(&ana, "publish", "").await, 403);
    assert_eq!(act(&fan, "publish", "").await, 404);
    assert_eq!(act(&bea, "return", "Mind the typo").await, 303);
    let page = text(node.get("/calendar", &[("cookie", &ana)]).await).await;
    assert!(
        page.contains("Mind the typo") && page.contains("given back"),
        "{page}"
    );
    let form = text(
        node.get(&format!("/compose?draft={id}"), &[("cookie", &ana)])
            .await,
    )
    .await;
    assert!(form.contains("A frist draft"), "{form}");
    let number = id.to_string();
    let again = [
        ("text", "A first draft"),
        ("as_house", "1"),
        ("again", &*number),
        ("audience", "public"),
        ("key", "d2"),
    ];
    assert_eq!(write(&node, &ana, &again).await, "/calendar");
    // What is for few stays so when it is changed, and nobody changes what another prepared.
    let inside = [
        ("text", "For us"),
        ("as_house", "1"),
        ("prepare", "1"),
        ("audience", "crew"),
        ("key", "d3"),
    ];
    write(&node, &ana, &inside).await;
    let newest = node.count("SELECT MAX(id) AS n FROM house_drafts").await;
    let form = text(
        node.get(&format!("/compose?draft={newest}"), &[("cookie", &bea)])
            .await,
    )
    .await;
    assert!(form.contains("<option value=\"crew\" selected"), "{form}");
    let (_, dora) = helper(&node, &host, "dora", &["draft"]).await;
    let theirs = newest.to_string();
    let stolen = [
        ("text", "Mine"),
        ("as_house", "1"),
        ("again", &*theirs),
        ("audience", "public"),
        ("key", "d4"),
    ];
    assert_eq!(
        node.upload("/posts", &dora, &stolen, &[]).await.status(),
        422
    );
    node.form(&format!("/operator/drafts/{newest}/discard"), &bea, &[])
        .await;
    // Publishing what reads differently than when it was looked at is refused.
    let stale = node
        .form(
            &format!("/operator/drafts/{id}/publish"),
            &bea,
            &[("seen", "1")],
        )
        .await;
    assert_eq!(stale.status(), 422);
    assert_eq!(act(&bea, "publish", "").await, 303);
    assert_eq!(act(&bea, "publish", "").await, 404, "once");
    let post = node.count("SELECT MAX(id) AS n FROM posts").await;
    let shown = text(node.get(&format!("/@nina/{post}"), &[]).await).await;
    assert!(
        shown.contains("A first draft") && !shown.contains("written by"),
        "{shown}"
    );
    let log = text(node.get("/operator/log", &[("cookie", &host)]).await).await;
    for act in ["gave a draft back:", "let a draft through:"] {
        assert!(log.contains(act), "{log}");
    }
}

async fn what_is_for_the_crew_is_read_by_the_crew(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    let (ana, cookie) = helper(&node, &host, "ana", &["moderate"]).await;
    let (_, bea) = helper(&node, &host, "bea", &["draft"]).await;
    let fan = node.sign_up("fan").await;
    let fan = node.cookie(&fan).await;
    let form = text(node.get("/compose", &[("cookie", &fan)]).await).await;
    assert!(!form.contains("value=\"crew\""));
    let values = [
        ("text", "Doors at eight, loading at three"),
        ("audience", "crew"),
        ("key", "c"),
    ];
    assert_eq!(
        node.upload("/posts", &fan, &values, &[]).await.status(),
        403
    );
    let page = write(&node, &cookie, &values).await;
    let of = async |cookie: &str| {
        node.get(&page, &[("cookie", cookie)])
            .await
            .status()
            .as_u16()
    };
    assert_eq!(
        (
            of(&bea).await,
            of(&host).await,
            of(&fan).await,
            of("").await
        ),
        (200, 200, 404, 404)
    );
    node.form(&format!("/operator/crew/{}", ana.id), &host, &[])
        .await;
    assert_eq!(of(&cookie).await, 200, "one's own");
    let theirs = [("text", "Only us"), ("audience", "crew"), ("key", "d")];
    let page = write(&node, &bea, &theirs).await;
    assert_eq!(node.get(&page, &[("cookie", &cookie)]).await.status(), 404);
    settle(&[&node]).await;
    assert_eq!(node.count("SELECT COUNT(*) AS n FROM activities").await, 0);
}

async fn a_post_of_the_house_says_who_wrote_it_to_whom_it_may(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    let (_, bea) = helper(&node, &host, "bea", &["post"]).await;
    let values = [
        ("text", "Hello from the house"),
        ("as_house", "1"),
        ("audience", "public"),
        ("key", "1"),
    ];
    let page = write(&node, &bea, &values).await;
    assert!(page.starts_with("/@nina/"), "{page}");
    let of =
        async |page: &str, cookie: &str| text(node.get(page, &[("cookie", cookie)]).await).await;
    assert!(!of(&page, "").await.contains("written by"));
    assert!(of(&page, &host).await.contains("written by"));
    let signed = [
        ("text", "Signed"),
        ("as_house", "1"),
        ("signed", "1"),
        ("audience", "public"),
        ("key", "2"),
    ];
    let page = write(&node, &bea, &signed).await;
    assert!(of(&page, "").await.contains("written by"));
}

async fn a_post_waits_for_its_moment_on_the_calendar(backend: Backend) {
    let (net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    let at = node
        .app()
        .clock
        .now()
        .plus(std::time::Duration::from_secs(7200));
    // As a browser two hours east of Greenwich writes it.
    let local = at.plus(std::time::Duration::from_secs(7200)).rfc3339();
    let values = [
        ("text", "Later"),
        ("at", &local[..16]),
        ("zone", "120"),
        ("audience", "public"),
        ("key", "1"),
    ];
    assert_eq!(write(&node, &host, &values).await, "/calendar");
    let page = text(node.get("/calendar", &[("cookie", &host)]).await).await;
    assert!(page.contains("Later"), "{page}");
    let soon = [
        ("text", "Kept"),
        ("at", "2001-01-01T10:00"),
        ("zone", "0"),
        ("audience", "public"),
        ("key", "2"),
    ];
    let refused = node.upload("/posts", &host, &soon, &[]).await;
    assert_eq!(refused.status(), 422);
    assert!(text(refused).await.contains("Kept"));
    settle(&[&node]).await;
    assert_eq!(node.count("SELECT COUNT(*) AS n FROM posts").await, 0);
    net.clock.advance(std::time::Duration::from_secs(7300));
    settle(&[&node]).await;
    assert_eq!(node.count("SELECT COUNT(*) AS n FROM posts").await, 1);
    let host = node.cookie(&nina).await;
    let at = node
        .app()
        .clock
        .now()
        .plus(std::time::Duration::from_secs(7200))
        .rfc3339();
    let values = [
        ("text", "Never"),
        ("at", &at[..16]),
        ("zone", "0"),
        ("audience", "public"),
        ("key", "3"),
    ];
    write(&node, &host, &values).await;
    let id = node.count("SELECT MAX(id) AS n FROM scheduled_posts").await;
    let fan = node.sign_up("fan").await;
    let fan = node.cookie(&fan).await;
    let cancel = format!("/calendar/{id}/cancel");
    assert_eq!(node.form(&cancel, &fan, &[]).await.status(), 404);
    assert_eq!(node.form(&cancel, &host, &[]).await.status(), 303);
    assert_eq!(
        node.count("SELECT COUNT(*) AS n FROM scheduled_posts")
            .await,
        0
    );
}

async fn nobody_raises_themselves(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    let (runner, runs) = helper(&node, &host, "runner", &["run"]).await;
    let (keeper, _) = helper(&node, &host, "keeper", &["moderate"]).await;
    let change = async |who: &Account, rights: &[&str]| {
        let fields: Vec<_> = rights.iter().map(|right| ("right", *right)).collect();
        let path = format!("/operator/crew/{}", who.id);
        node.form(&path, &runs, &fields).await.status().as_u16()
    };
    assert_eq!(change(&runner, &["run", "post", "moderate"]).await, 403);
    assert_eq!(
        change(&keeper, &[]).await,
        403,
        "what one has not one does not take"
    );
    assert_eq!(change(&keeper, &["moderate", "run"]).await, 403);
    node.sign_up("new").await;
    let new = node.account("new").await;
    assert_eq!(change(&new, &["post"]).await, 403);
    assert_eq!(change(&new, &["run"]).await, 303);
    // What is done with a right stands in the log.
    let ana = node.sign_up("ana").await;
    node.form(&format!("/operator/members/{}/disable", ana.id), &runs, &[])
        .await;
    let log = text(node.get("/operator/log", &[("cookie", &host)]).await).await;
    assert!(log.contains("locked out:</b> @ana"), "{log}");
}
