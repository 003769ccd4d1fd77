//! Pages as a person without JavaScript meets them.

use afterparty::accounts::sign_in;
use afterparty::nodes::setup;
use afterparty::posts::compose::Draft;
use quick_xml::events::Event;
use serde_json::Value;

use crate::both;
use crate::support::node::{PASSWORD, text};
use crate::support::{Backend, Net, TestNode, settle, smtp};

both!(
    a_newcomer_sets_the_house_up,
    a_form_keeps_what_was_typed,
    pages_and_documents_share_an_address,
    a_forgotten_password_is_replaced,
    newcomers_confirm_their_address_by_mail,
    members_follow_and_write_with_forms,
    public_lists_have_feeds
);

async fn a_newcomer_sets_the_house_up(backend: Backend) {
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let node = net.node("here.test", &backend, listener, &[]).await;
    assert!(
        text(node.get("/", &[("accept", "text/html")]).await)
            .await
            .contains("A house is being built here")
    );
    let token = setup::new_token(node.app()).await.unwrap();
    assert_eq!(node.get("/setup/wrong", &[]).await.status(), 404);
    let page = text(
        node.get(&format!("/setup/{token}"), &[("accept-language", "de")])
            .await,
    )
    .await;
    assert!(
        page.contains("lässt sich später nicht ändern")
            && page.contains("value=\"http://here.test\"")
    );
    let answers = [
        ("house", "Nova"),
        ("display_name", "Nina"),
        ("name", "nina"),
        ("password", "a long password"),
        ("accent", "#0b7285"),
        ("url", "http://here.test"),
    ];
    let mut wrong = answers;
    wrong[2].1 = "Nina!";
    let answer = node.form(&format!("/setup/{token}"), "", &wrong).await;
    assert_eq!(answer.status(), 422);
    let page = text(answer).await;
    assert!(
        page.contains("value=\"Nina!\"") && page.contains("letters a to z"),
        "what was typed is kept"
    );
    let answer = node.form(&format!("/setup/{token}"), "", &answers).await;
    assert_eq!(answer.headers()["location"], "/setup/done");
    let cookie = answer.headers()["set-cookie"]
        .to_str()
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    assert!(
        answer.headers()["set-cookie"]
            .to_str()
            .unwrap()
            .contains("HttpOnly; SameSite=Lax")
    );
    let page = text(node.get("/setup/done", &[("cookie", &cookie)]).await).await;
    assert!(page.contains("Save this file with your backups") && page.contains("secret.key"));
    assert_eq!(
        node.form(&format!("/setup/{token}"), "", &answers)
            .await
            .status(),
        404,
        "it works once"
    );
    assert!(
        text(node.get("/", &[("accept", "text/html")]).await)
            .await
            .contains("Nina")
    );
    assert!(
        text(node.get("/theme.css", &[]).await)
            .await
            .contains("--accent")
    );
}

async fn a_form_keeps_what_was_typed(backend: Backend) {
    let (_, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let cookie = node.cookie(&nina).await;
    let long = "word ".repeat(1200);
    let values = [
        ("text", long.as_str()),
        ("audience", "followers"),
        ("key", "k"),
    ];
    let answer = node.upload("/posts", &cookie, &values, &[]).await;
    assert_eq!(answer.status(), 422);
    let page = text(answer).await;
    assert!(
        page.contains(&long)
            && page.contains("at most 5000")
            && page.contains("value=\"followers\" selected")
    );
    assert_eq!(node.account("nina").await.posts_count, 0);
    assert_eq!(node.get("/nothing/here/at/all", &[]).await.status(), 404);
    assert!(
        text(node.get("/nothing", &[]).await).await.contains("<h1>"),
        "also what is not there has a page"
    );
    let odd = node.get("/@nina?before=zz", &[]).await;
    assert_eq!(odd.status(), 400);
    assert!(
        text(odd).await.contains("cannot be read"),
        "also that has a page"
    );
    assert_eq!(
        node.get("/home", &[]).await.headers()["location"],
        "/sign-in?next=%2Fhome"
    );
}

async fn pages_and_documents_share_an_address(backend: Backend) {
    let (_, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let post = node.post(&nina, "hello").await;
    let path = post
        .uri
        .strip_prefix("http://here.test")
        .unwrap()
        .to_owned();
    // A page says where the document is, also to programs that do not read it.
    for (page, document) in [
        ("/@nina", &nina.uri),
        (&*format!("/@nina/{}", post.id), &post.uri),
    ] {
        let answer = node.get(page, &[("accept", "text/html")]).await;
        let link = answer.headers()["link"].to_str().unwrap();
        assert!(
            link.contains(&format!("<{document}>; rel=\"alternate\"")),
            "{link}"
        );
    }
    for (address, accept, wanted) in [
        (
            "/users/nina",
            "application/activity+json",
            "application/activity+json",
        ),
        (
            "/@nina",
            "application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\"",
            "application/activity+json",
        ),
        ("/@nina", "text/html", "text/html; charset=utf-8"),
        (
            &path,
            "text/html;q=0.9, application/activity+json",
            "application/activity+json",
        ),
    ] {
        let answer = node.get(address, &[("accept", accept)]).await;
        assert_eq!(
            answer.headers()["content-type"],
            wanted,
            "{address} as {accept}"
        );
        assert!(
            answer
                .headers()
                .get_all("vary")
                .iter()
                .any(|value| value.to_str().unwrap().contains("Accept"))
        );
    }
    assert_eq!(
        node.get("/users/nina", &[("accept", "text/html")])
            .await
            .headers()["location"],
        "/@nina"
    );
    assert_eq!(
        node.get("/", &[("accept", "application/activity+json")])
            .await
            .headers()["location"],
        "http://here.test/users/nina"
    );
    let (_, actor) = node.document("/users/nina").await;
    assert!(actor["publicKey"].is_object(), "one key, never a list");
    assert!(
        actor["assertionMethod"][0]["publicKeyMultibase"]
            .as_str()
            .unwrap()
            .starts_with("z6Mk")
    );
    let found: Value = serde_json::from_str(
        &text(
            node.get("/.well-known/webfinger?resource=acct:nina@here.test", &[])
                .await,
        )
        .await,
    )
    .unwrap();
    assert_eq!(found["subject"], "acct:nina@here.test");
    assert!(
        found["links"]
            .as_array()
            .unwrap()
            .iter()
            .any(|link| link["rel"] == "http://ostatus.org/schema/1.0/subscribe")
    );
    assert_eq!(
        node.get("/.well-known/webfinger?resource=acct:nobody@here.test", &[])
            .await
            .status(),
        404
    );
    assert_eq!(node.get("/.well-known/webfinger", &[]).await.status(), 400);
    let nodeinfo: Value =
        serde_json::from_str(&text(node.get("/nodeinfo/2.1", &[]).await).await).unwrap();
    assert_eq!(nodeinfo["software"]["name"], "afterparty");
    assert_eq!(
        node.get("/source", &[]).await.headers()["content-type"],
        "application/gzip"
    );
}

async fn a_forgotten_password_is_replaced(backend: Backend) {
    let (_, node) = TestNode::one(&backend).await;
    use afterparty::accounts::create::{self, New};
    let new = New {
        name: "nina",
        display_name: "",
        email: Some("Nina@Nova.example"),
        password: PASSWORD,
        role: afterparty::accounts::Role::Host,
        confirmed: true,
    };
    let nina = create::create(node.app(), new).await.unwrap();
    let known = text(
        node.form("/forgot", "", &[("login", "nina@nova.example")])
            .await,
    )
    .await;
    let unknown = text(
        node.form("/forgot", "", &[("login", "nobody@nova.example")])
            .await,
    )
    .await;
    assert_eq!(known, unknown, "the page does not tell who exists");
    let mails = afterparty::accounts::letters::list(node.app())
        .await
        .unwrap();
    assert_eq!(
        (mails.len(), mails[0].recipient.as_str()),
        (1, "nina@nova.example")
    );
    let link = mails[0]
        .body
        .split_whitespace()
        .find(|word| word.starts_with("http://here.test/mail/reset/"))
        .unwrap();
    let path = link.strip_prefix("http://here.test").unwrap();
    let cookie = node.cookie(&nina).await;
    assert_eq!(
        node.get(path, &[]).await.status(),
        200,
        "looking changes nothing"
    );
    assert_eq!(
        node.form(path, "", &[("password", "short")]).await.status(),
        422
    );
    assert_eq!(
        node.form(path, "", &[("password", "a new long password")])
            .await
            .status(),
        200
    );
    assert_eq!(
        node.form(path, "", &[("password", "another long password")])
            .await
            .status(),
        404,
        "a link works once"
    );
    assert!(
        sign_in::password_fits(node.app(), nina.id, "a new long password")
            .await
            .unwrap()
    );
    assert!(
        node.get("/home", &[("cookie", &cookie)])
            .await
            .status()
            .is_redirection(),
        "every session has ended"
    );
}

async fn newcomers_confirm_their_address_by_mail(backend: Backend) {
    let (url, mails) = smtp::start().await;
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let settings = [("mail.url", &*url), ("registration.mode", "open")];
    let node = net.node("here.test", &backend, listener, &settings).await;
    node.host("nina").await;
    let last = || {
        let mail = mails.lock().unwrap().last().cloned().unwrap();
        let link = mail
            .text
            .split_whitespace()
            .find_map(|word| word.strip_prefix("http://here.test"));
        (mail.to.clone(), link.unwrap().to_owned(), mail.text.clone())
    };
    let form = [
        ("name", "fan"),
        ("email", "Fan@Home.example"),
        ("password", "a long password"),
    ];
    assert_eq!(node.form("/sign-up", "", &form).await.status(), 200);
    settle(&[&node]).await;
    let (to, path, mail) = last();
    assert_eq!(to, "Fan@Home.example");
    assert!(
        mail.contains("Subject: ") && path.starts_with("/mail/confirm/"),
        "{mail}"
    );
    // Before the address is confirmed, nobody signs in.
    let door = [("login", "fan"), ("password", "a long password")];
    let early = node.form("/sign-in", "", &door).await;
    assert!(!early.status().is_redirection(), "{}", early.status());
    assert_eq!(node.get(&path, &[]).await.status(), 200);
    assert_eq!(node.form(&path, "", &[]).await.status(), 200);
    assert_eq!(
        node.form("/sign-in", "", &door).await.headers()["location"],
        "/home"
    );
    // The same address a second time is answered alike, and makes no second account.
    let again = [
        ("name", "other"),
        ("email", "fan@home.example"),
        ("password", "a long password"),
    ];
    let known = text(node.form("/sign-up", "", &again).await).await;
    settle(&[&node]).await;
    assert!(last().2.contains("already"), "the owner learns of it");
    let fresh = [
        ("name", "third"),
        ("email", "new@home.example"),
        ("password", "a long password"),
    ];
    let unknown = text(node.form("/sign-up", "", &fresh).await).await;
    settle(&[&node]).await;
    assert_eq!(
        known.replace("fan@home.example", "x"),
        unknown.replace("new@home.example", "x"),
        "the page does not tell who exists"
    );
    assert_eq!(
        node.count("SELECT COUNT(*) AS n FROM accounts WHERE name = 'other'")
            .await,
        0
    );
    // A forgotten password and another address come by the same way.
    node.form("/forgot", "", &[("login", "fan")]).await;
    settle(&[&node]).await;
    let (_, path, _) = last();
    let new = [("password", "another long password")];
    assert_eq!(node.form(&path, "", &new).await.status(), 200);
    let fan = node.account("fan").await;
    let cookie = node.cookie(&fan).await;
    let change = [
        ("current", "another long password"),
        ("email", "fan@new.example"),
    ];
    node.form("/settings/email", &cookie, &change).await;
    settle(&[&node]).await;
    let (to, path, _) = last();
    assert_eq!(
        (to.as_str(), path.starts_with("/mail/change/")),
        ("fan@new.example", true)
    );
    assert_eq!(node.form(&path, "", &[]).await.status(), 200);
    let known = sign_in::email(node.app(), fan.id).await.unwrap();
    assert_eq!(known.as_deref(), Some("fan@new.example"));
}

/// Every public list is a feed that any reader understands; nothing narrow and nothing hostile stands in it.
async fn public_lists_have_feeds(backend: Backend) {
    let (_, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let evil = "]]> </content> <script>alert(1)</script> & \u{1}\u{b}\u{fffe} #tour \u{202e}";
    node.post(&nina, evil).await;
    let narrow = Draft {
        text: "for friends".into(),
        audience: afterparty::audiences::Audience::Followers,
        ..Draft::default()
    };
    node.write(&nina, narrow).await;
    let warned = Draft {
        text: "the end of the film".into(),
        warning: "spoiler".into(),
        ..Draft::default()
    };
    node.write(&nina, warned).await;
    for (path, page, entries) in [
        ("/feed.atom", "/", 2),
        ("/@nina/feed.atom", "/@nina", 2),
        ("/local/feed.atom", "/local", 2),
        ("/tags/tour/feed.atom", "/tags/tour", 1),
    ] {
        let answer = node.get(path, &[]).await;
        assert_eq!(answer.status(), 200, "{path}");
        let kind = &answer.headers()["content-type"];
        assert_eq!(kind, "application/atom+xml; charset=utf-8");
        let feed = text(answer).await;
        let mut reader = quick_xml::Reader::from_str(&feed);
        let mut found = 0;
        loop {
            let event = reader.read_event();
            match event.unwrap_or_else(|error| panic!("{path}: {error}\n{feed}")) {
                Event::Start(tag) if tag.name().as_ref() == b"entry" => found += 1,
                Event::Eof => break,
                _ => {}
            }
        }
        assert_eq!(found, entries, "{path}: {feed}");
        let sound = |c: char| c >= ' ' && c != '\u{fffe}' && c != '\u{ffff}' || c == '\n';
        assert!(feed.chars().all(sound), "{path}");
        for secret in ["<script", "for friends", "end of the film"] {
            assert!(!feed.contains(secret), "{path}: {secret}");
        }
        let html = text(node.get(page, &[]).await).await;
        assert!(
            html.contains("application/atom+xml"),
            "{page} names its feed"
        );
    }
    let nobody = node.get("/@nobody/feed.atom", &[]).await;
    assert_eq!(nobody.status(), 404);
}

async fn members_follow_and_write_with_forms(backend: Backend) {
    let (_, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let nina = there.host("nina").await;
    let cookie = here.cookie(&fan).await;
    let page = text(
        here.get("/search?q=nina%40there.test", &[("cookie", &cookie)])
            .await,
    )
    .await;
    assert!(page.contains("@nina@there.test"));
    // Words find people, hashtags and posts; what finds nothing says what would.
    let me = here.account("fan").await;
    let boat = here.post(&me, "Das Boot in Zürich #zuri").await;
    for (query, found) in [
        (
            "zurich",
            boat.url.clone().unwrap().replace("http://here.test", ""),
        ),
        ("zur", "/tags/zuri".to_owned()),
        ("nin", "@nina@there.test".to_owned()),
        ("submarine", "Nothing here holds".to_owned()),
    ] {
        let path = format!("/search?q={query}");
        let page = text(here.get(&path, &[("cookie", &cookie)]).await).await;
        assert!(page.contains(&found), "{query}: {page}");
    }
    let id = here.account("nina@there.test").await.id;
    assert_eq!(
        here.form(&format!("/accounts/{id}/follow"), &cookie, &[])
            .await
            .headers()["location"],
        "/@nina@there.test"
    );
    settle(&[&here, &there]).await;
    assert_eq!(there.followers_of("nina").await, ["fan@here.test"]);
    let post = there.post(&nina, "hello @fan@here.test").await;
    settle(&[&here, &there]).await;
    let seen = here.post_by_uri(&post.uri).await.unwrap();
    here.form(&format!("/posts/{}/favourite", seen.id), &cookie, &[])
        .await;
    here.form(
        &format!("/posts/{}/boost", seen.id),
        &cookie,
        &[("back", "//evil.test")],
    )
    .await;
    settle(&[&here, &there]).await;
    let counted = there.post_by_uri(&post.uri).await.unwrap();
    assert_eq!((counted.favourites_count, counted.boosts_count), (1, 1));
    for path in [
        "/home",
        "/notifications",
        "/bookmarks",
        "/requests",
        "/settings",
        "/settings/security",
        "/settings/people",
        "/settings/leave",
        "/compose",
        "/local",
        &format!("/@nina@there.test/{}", seen.id),
        "/@fan/following",
    ] {
        for language in ["en", "de"] {
            let answer = here
                .get(path, &[("cookie", &cookie), ("accept-language", language)])
                .await;
            assert_eq!(answer.status(), 200, "{path}");
            assert!(
                text(answer)
                    .await
                    .contains(&format!("<html lang=\"{language}\">"))
            );
        }
    }
    assert_eq!(
        here.get("/operator", &[("cookie", &cookie)]).await.status(),
        404,
        "only for the host"
    );
    let host = there.cookie(&nina).await;
    assert!(
        text(there.get("/operator", &[("cookie", &host)]).await)
            .await
            .contains("here.test")
    );
    let intent = text(
        here.get(
            "/authorize_interaction?uri=http%3A%2F%2Fthere.test%2Fusers%2Fnina",
            &[("cookie", &cookie)],
        )
        .await,
    )
    .await;
    assert!(intent.contains("Follow nina?"), "an intent asks first");
}
