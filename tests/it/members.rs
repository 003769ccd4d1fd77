//! Becoming a member: how the house is open, who asks, and who comes by whose invitation.

use afterparty::accounts::Role;
use afterparty::accounts::create::New;
use afterparty::locale::Locale;
use afterparty::members;
use reqwest::header::LOCATION;

use crate::both;
use crate::support::node::{PASSWORD, text};
use crate::support::{Backend, Net, TestNode, settle, smtp};

both!(
    the_host_decides_who_may_become_a_member,
    who_asks_is_let_in_by_the_host,
    invitations_are_sent_seen_and_taken_back,
    an_invitation_counts_as_often_as_it_says,
    what_is_for_a_tier_is_nowhere_else,
    who_never_showed_an_address_is_theirs_stays_out,
);

async fn set_mode(node: &TestNode, host: &str, mode: &str, questions: &str, allowance: &str) {
    let fields = [
        ("mode", mode),
        ("questions", questions),
        ("allowance", allowance),
    ];
    let answer = node.form("/operator/joining", host, &fields).await;
    assert_eq!(answer.status(), 303, "{}", text(answer).await);
}

async fn sign_up(node: &TestNode, name: &str, code: &str, answers: &[&str]) -> reqwest::Response {
    let email = format!("{name}@mail.example");
    let mut fields = vec![
        ("name", name),
        ("email", email.as_str()),
        ("password", PASSWORD),
        ("code", code),
    ];
    fields.extend(answers.iter().map(|answer| ("answer", *answer)));
    node.form("/sign-up", "", &fields).await
}

/// The code of the newest invitation.
async fn newest(node: &TestNode, cookie: &str) -> String {
    let page = text(node.get("/invitations", &[("cookie", cookie)]).await).await;
    let code = page.split("/invite/").nth(1).unwrap();
    code.split('<').next().unwrap().to_owned()
}

async fn the_host_decides_who_may_become_a_member(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    let fan = node.sign_up("fan").await;
    let member = node.cookie(&fan).await;
    assert_eq!(
        node.get("/operator/joining", &[("cookie", &member)])
            .await
            .status(),
        404
    );
    let stranger = node
        .form("/operator/joining", &member, &[("mode", "open")])
        .await;
    assert_eq!(stranger.status(), 404);
    // As the settings say until the host says something else.
    assert_eq!(sign_up(&node, "one", "", &[]).await.status(), 403);
    let page = async || text(node.get("/sign-up", &[]).await).await;
    assert!(!page().await.contains("name=\"password\""));
    set_mode(&node, &host, "open", "", "0").await;
    assert!(page().await.contains("name=\"password\""));
    assert_eq!(sign_up(&node, "one", "", &[]).await.status(), 303);
    let open = async |wanted: bool| {
        let nodeinfo = text(node.get("/nodeinfo/2.1", &[]).await).await;
        assert_eq!(
            nodeinfo.contains("\"openRegistrations\":true"),
            wanted,
            "{nodeinfo}"
        );
    };
    open(true).await;
    set_mode(&node, &host, "invitation", "", "0").await;
    open(false).await;
    assert!(page().await.contains("by invitation"));
    assert_eq!(sign_up(&node, "two", "", &[]).await.status(), 403);
    let wrong = sign_up(&node, "two", "nonsense", &[]).await;
    assert_eq!(wrong.status(), 422);
    assert!(text(wrong).await.contains("does not count any more"));
    // A house that is closed lets nobody in, invited or not.
    node.form("/invitations", &host, &[("most", "3"), ("days", "7")])
        .await;
    let code = newest(&node, &host).await;
    set_mode(&node, &host, "closed", "", "0").await;
    assert_eq!(sign_up(&node, "two", &code, &[]).await.status(), 403);
    assert!(
        !text(node.get(&format!("/invite/{code}"), &[]).await)
            .await
            .contains("name=\"password\"")
    );
    set_mode(&node, &host, "invitation", "", "0").await;
    assert!(
        text(node.get(&format!("/invite/{code}"), &[]).await)
            .await
            .contains("nina invites you")
    );
}

async fn who_asks_is_let_in_by_the_host(backend: Backend) {
    let (url, mails) = smtp::start().await;
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let settings = [("mail.url", url.as_str())];
    let node = net.node("here.test", &backend, listener, &settings).await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    set_mode(
        &node,
        &host,
        "request",
        "Why do you come?\nWhich song?",
        "0",
    )
    .await;
    let page = text(node.get("/sign-up", &[]).await).await;
    assert!(
        page.contains("Why do you come?") && page.contains("Ask to come in"),
        "{page}"
    );
    let short = sign_up(&node, "ana", "", &["For the music", ""]).await;
    assert_eq!(short.status(), 422);
    let page = text(short).await;
    assert!(
        page.contains("Answer every question") && page.contains("For the music"),
        "{page}"
    );
    for name in ["ana", "bea"] {
        let asked = sign_up(&node, name, "", &["For the music", "All"]).await;
        assert_eq!(asked.status(), 200);
    }
    assert!(
        node.count("SELECT COUNT(*) AS n FROM accounts WHERE name = 'ana'")
            .await
            == 0
    );
    let twice = sign_up(&node, "ana", "", &["Again", "All"]).await;
    assert_eq!(
        twice.status(),
        200,
        "nothing tells that somebody asked before"
    );
    assert_eq!(
        node.count("SELECT COUNT(*) AS n FROM join_requests").await,
        2
    );

    let desk = text(node.get("/operator/joining", &[("cookie", &host)]).await).await;
    assert!(
        desk.contains("@ana") && desk.contains("For the music"),
        "{desk}"
    );
    assert!(
        text(node.get("/desk", &[("cookie", &host)]).await)
            .await
            .contains("<b class=\"count\">2</b>")
    );
    let of = |verb: &str, at: usize| {
        let (action, _) = (desk.split("/operator/requests/").nth(at).unwrap(), 0);
        format!(
            "/operator/requests/{}/{verb}",
            action.split('/').next().unwrap()
        )
    };
    assert_eq!(node.form(&of("accept", 1), &host, &[]).await.status(), 303);
    assert_eq!(
        node.form(&of("accept", 1), &host, &[]).await.status(),
        404,
        "decided once"
    );
    assert_eq!(node.form(&of("refuse", 3), &host, &[]).await.status(), 303);
    settle(&[&node]).await;
    let told: Vec<String> = mails
        .lock()
        .unwrap()
        .iter()
        .map(|mail| mail.to.clone())
        .collect();
    assert!(
        told.contains(&"ana@mail.example".to_owned())
            && told.contains(&"bea@mail.example".to_owned()),
        "{told:?}"
    );
    assert!(node.account("ana").await.is_active());
    assert_eq!(
        node.count("SELECT COUNT(*) AS n FROM join_requests").await,
        0
    );
    assert_eq!(
        node.count("SELECT COUNT(*) AS n FROM accounts WHERE name = 'bea'")
            .await,
        0
    );
    // With the password they chose when they asked, once the address is confirmed.
    let link = mails.lock().unwrap().iter().find_map(|mail| {
        mail.text
            .split_whitespace()
            .find(|word| word.contains("/mail/confirm/"))
            .map(str::to_owned)
    });
    let link = link.unwrap().replace("http://here.test", "");
    node.form(&link, "", &[]).await;
    let fields = [("login", "ana"), ("password", PASSWORD)];
    assert_eq!(node.form("/sign-in", "", &fields).await.status(), 303);
}

async fn invitations_are_sent_seen_and_taken_back(backend: Backend) {
    let (_net, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let nina = there.host("nina").await;
    let host = there.cookie(&nina).await;
    set_mode(&there, &host, "invitation", "", "2").await;
    // To a handle, as a direct message, for one person.
    let sent = there
        .form(
            "/invitations",
            &host,
            &[("address", "@fan@here.test"), ("most", "9")],
        )
        .await;
    assert_eq!(sent.status(), 303);
    settle(&[&there, &here]).await;
    let own = here.cookie(&fan).await;
    let message = here.newest_message(&own).await;
    let code = message
        .split("http://there.test/invite/")
        .nth(1)
        .expect("a link");
    let code = code.split(['"', '<']).next().unwrap().to_owned();
    let page = async || text(there.get("/invitations", &[("cookie", &host)]).await).await;
    assert!(
        page().await.contains("<b>Sent</b> 0 / 1"),
        "{}",
        page().await
    );
    // What looks at every link, such as a preview in a chat, is nobody (case 115).
    let link = format!("/invite/{code}");
    let preview = [("user-agent", "Slackbot-LinkExpanding 1.0")];
    there.get(&link, &preview).await;
    there.get(&link, &[]).await;
    let head = crate::support::node::client()
        .head(there.at(&link))
        .header("host", "there.test");
    assert!(head.send().await.unwrap().status().is_success());
    assert!(!page().await.contains("<b>Looked at</b>"));
    let opened = there.form(&format!("{link}/opened"), "", &[]).await;
    assert_eq!(opened.status(), 204);
    assert!(page().await.contains("<b>Looked at</b>"));
    assert_eq!(sign_up(&there, "ana", &code, &[]).await.status(), 303);
    assert!(page().await.contains("<b>Used</b> 1 / 1"));
    let used = sign_up(&there, "bea", &code, &[]).await;
    assert_eq!(used.status(), 422);

    // A member invites as many as the host allows; who came stands below who brought them.
    let ana = there.account("ana").await;
    let cookie = there.cookie(&ana).await;
    let two = [("most", "2"), ("days", "3"), ("note", "for the tour")];
    assert_eq!(
        there.form("/invitations", &cookie, &two).await.status(),
        303
    );
    let more = there.form("/invitations", &cookie, &[("most", "1")]).await;
    assert_eq!(more.status(), 422);
    assert!(text(more).await.contains("more than you may still invite"));
    let code = newest(&there, &cookie).await;
    assert_eq!(sign_up(&there, "bea", &code, &[]).await.status(), 303);
    let desk = text(there.get("/operator/joining", &[("cookie", &host)]).await).await;
    assert!(
        desk.contains("invited by the house") && desk.contains("through 2 hands"),
        "{desk}"
    );
    let place = |name: &str| desk.find(&format!("/@{name}\"")).unwrap();
    assert!(place("ana") < place("bea"));
    // Taken back with everything that grew from it: bea's and ana's open invitations end, the people stay.
    let first = there.count("SELECT MIN(id) AS n FROM invitations").await;
    let others = there
        .form(
            &format!("/operator/invitations/{first}/revoke-branch"),
            &cookie,
            &[],
        )
        .await;
    assert_eq!(others.status(), 404, "only the host");
    let revoked = there
        .form(
            &format!("/operator/invitations/{first}/revoke-branch"),
            &host,
            &[],
        )
        .await;
    assert_eq!(revoked.status(), 303);
    let late = sign_up(&there, "cleo", &code, &[]).await;
    assert_eq!(late.status(), 422);
    assert!(there.account("bea").await.is_active());
    let wrong = there
        .form("/invitations", &host, &[("address", "@nobody@here.test")])
        .await;
    assert_eq!(wrong.status(), 422);
    let signed_in = there
        .get(&format!("/invite/{code}"), &[("cookie", &cookie)])
        .await;
    assert_eq!(signed_in.headers()[LOCATION], "/");
}

async fn an_invitation_counts_as_often_as_it_says(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    set_mode(&node, &host, "invitation", "", "0").await;
    node.form("/invitations", &host, &[("most", "7"), ("days", "1")])
        .await;
    let code = newest(&node, &host).await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..50 {
        let (app, code) = (node.app().clone(), code.clone());
        tasks.spawn(async move {
            let (name, email) = (format!("fan{n}"), format!("fan{n}@mail.example"));
            let new = New {
                name: &name,
                display_name: "",
                email: Some(&email),
                password: PASSWORD,
                role: Role::Member,
                confirmed: true,
            };
            members::join(&app, new, (&code, [127, 0, 0, 1].into()), Locale::En)
                .await
                .is_ok()
        });
    }
    let came = tasks
        .join_all()
        .await
        .into_iter()
        .filter(|came| *came)
        .count();
    assert_eq!(came, 7);
    assert_eq!(node.count("SELECT COUNT(*) AS n FROM invited").await, 7);
    assert_eq!(node.count("SELECT uses AS n FROM invitations").await, 7);
    assert_eq!(
        node.count("SELECT COUNT(*) AS n FROM accounts WHERE name LIKE 'fan%'")
            .await,
        7
    );
}

/// What nobody but who has the tier may ever find.
const MARKER: &str = "xyzzyplugh";

/// Every address this house answers, read from its tables of routes: a new one is looked at as well, and one with a
/// new kind of part fails until somebody says what stands for it here.
fn every_route(post: &str, account: i64, file: &str) -> Vec<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let tables = [
        "src/server/pages.rs",
        "src/server/mod.rs",
        "src/mastodon/routes.rs",
    ];
    let text: String = tables
        .iter()
        .map(|table| std::fs::read_to_string(root.join(table)).unwrap())
        .collect();
    // Streams do not end, and have tests of their own; the source is a packed archive.
    let streams = ["/live", "/api/v1/streaming", "/source"];
    let quoted = text.split('"').skip(1).step_by(2);
    let paths = quoted.filter(|path| path.starts_with('/') && !path.contains([' ', '\n']));
    let mut found = Vec::new();
    for path in paths.filter(|path| !streams.iter().any(|stream| path.starts_with(stream))) {
        let number = if path.starts_with("/api/v1/accounts/") {
            account.to_string()
        } else {
            post.to_owned()
        };
        let mut filled = String::new();
        let mut rest = path;
        while let Some((before, after)) = rest.split_once('{') {
            let (part, after) = after.split_once('}').unwrap();
            filled.push_str(before);
            filled.push_str(match part {
                "handle" => "@nina",
                "name" => "nina",
                "id" | "what" | "quoting" => &number,
                "tag" | "hashtag" => MARKER,
                "shard" => file.split('/').nth(2).unwrap(),
                "file" => file.split('/').nth(3).unwrap(),
                "verb" => "delete",
                "size" => "192.png",
                "version" => "2.1",
                "host" => "here.test",
                "*rest" => "outbox",
                "account" | "list_id" | "group_key" => "1",
                "token" | "state" | "key" | "code" | "purpose" | "signature" | "address"
                | "offer" => "x",
                other => panic!("{path}: what stands for {other}?"),
            });
            rest = after;
        }
        filled.push_str(rest);
        found.push(filled);
    }
    found.sort();
    found.dedup();
    found
}

/// A token with which an app acts for somebody.
pub async fn token_of(node: &TestNode, account: &afterparty::accounts::Account) -> String {
    let client = afterparty::oauth::apps::of_the_command_line(node.app())
        .await
        .unwrap();
    let scopes = afterparty::oauth::scopes::Scopes::parse("read write").unwrap();
    let issued =
        afterparty::oauth::tokens::issue(node.app(), &client, Some(account.id), &scopes).await;
    issued.unwrap().1
}

async fn what_is_for_a_tier_is_nowhere_else(backend: Backend) {
    let (net, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let nina = there.host("nina").await;
    let host = there.cookie(&nina).await;
    let (ana, bob) = (there.sign_up("ana").await, there.sign_up("bob").await);
    let (holder, other) = (there.cookie(&ana).await, there.cookie(&bob).await);
    for (who, name) in [(&ana, "nina"), (&bob, "nina")] {
        there.follow(who, name).await;
    }
    here.follow(&fan, "nina@there.test").await;
    settle(&[&here, &there]).await;
    let made = there
        .form(
            "/operator/tiers",
            &host,
            &[("name", "Superfans"), ("how", "Come to two shows")],
        )
        .await;
    assert_eq!(made.status(), 303);
    let nobody = there
        .form("/operator/tiers", &other, &[("name", "Mine")])
        .await;
    assert_eq!(nobody.status(), 404);
    let tier = there.count("SELECT audience_id AS n FROM tiers").await;
    for who in ["ana", "@fan@here.test"] {
        let given = there
            .form(
                &format!("/operator/tiers/{tier}/grant"),
                &host,
                &[("handle", who)],
            )
            .await;
        assert_eq!(given.status(), 303, "{}", text(given).await);
    }
    // Whoever wants to hear of every post of the host does not hear of this one.
    afterparty::relations::between::set_wishes(
        there.app(),
        bob.id,
        nina.id,
        &afterparty::relations::between::Wishes {
            notify: Some(true),
            ..Default::default()
        },
    )
    .await
    .unwrap();

    let values = [
        ("text", "The secret is xyzzyplugh #xyzzyplugh"),
        ("audience", "tiers"),
        ("tier", &*tier.to_string()),
        ("travels", "no"),
        ("teaser", "Something for the superfans"),
        ("key", "t1"),
        ("described", "1"),
    ];
    let stranger = there.upload("/posts", &other, &values, &[]).await;
    assert_eq!(
        stranger.status(),
        422,
        "nobody writes for a tier that is not theirs"
    );
    let png = crate::support::node::png(40, 40);
    let written = there
        .upload("/posts", &host, &values, &[("file", "a.png", &png)])
        .await;
    assert_eq!(written.status(), 303, "{}", text(written).await);
    let page = written.headers()[LOCATION].to_str().unwrap().to_owned();
    let id = page.rsplit('/').next().unwrap().to_owned();
    settle(&[&there, &here]).await;

    // On the page, for who has it: a member, and a guest from elsewhere.
    let shown = text(there.get(&page, &[("cookie", &holder)]).await).await;
    assert!(
        shown.contains(MARKER) && shown.contains("For a few"),
        "{shown}"
    );
    let file = shown.split("src=\"/media/").nth(1).unwrap();
    let file = format!("/media/{}", file.split('"').next().unwrap());
    assert_eq!(there.get(&file, &[("cookie", &holder)]).await.status(), 200);
    let arrival = afterparty::guests::door::Arrival {
        guest: there.account("fan@here.test").await,
        origin: "http://here.test".into(),
        next: "/".into(),
        other: false,
        method: "oauth",
    };
    let session = afterparty::guests::sessions::start(there.app(), &arrival, "test")
        .await
        .unwrap();
    let guest = format!("afterparty-80-guest={session}");
    assert!(
        text(there.get(&page, &[("cookie", &guest)]).await)
            .await
            .contains(MARKER)
    );

    // Nowhere else: neither for a follower here, nor for a visitor, nor on the wire.
    let teaser = there.get(&page, &[("cookie", &other)]).await;
    assert_eq!(teaser.status(), 403);
    let teaser = text(teaser).await;
    assert!(
        teaser.contains("Something for the superfans") && teaser.contains("Come to two shows"),
        "{teaser}"
    );
    assert!(
        text(there.get("/", &[]).await)
            .await
            .contains("Something for the superfans")
    );
    let places = [
        "/",
        "/@nina",
        &page,
        &format!("{page}/history"),
        "/local",
        "/home",
        "/houses",
        "/notifications",
        "/search?q=xyzzyplugh",
        "/tags/xyzzyplugh",
        "/feed.atom",
        "/@nina/feed.atom",
        "/local/feed.atom",
        "/tags/xyzzyplugh/feed.atom",
        "/embed",
        "/embed/@nina",
        &format!("/embed/@nina/{id}"),
        &format!("/users/nina/posts/{id}"),
        "/users/nina/outbox?page=1",
        &format!("/contexts/{id}"),
        "/users/nina/collections/featured",
        &format!("/users/nina/posts/{id}/replies"),
        &format!("/api/oembed?url=http%3A%2F%2Fthere.test{page}"),
        &format!("/api/v1/statuses/{id}"),
        &format!("/api/v1/statuses/{id}/context"),
        "/api/v1/timelines/public",
        "/api/v1/timelines/tag/xyzzyplugh",
        &format!("/api/v1/accounts/{}/statuses", nina.id),
        "/api/v2/search?q=xyzzyplugh",
        "/api/v1/trends/statuses",
        "/api/v1/trends/tags",
        &format!("/activities/{id}"),
        &file,
    ];
    let everything = every_route(&id, nina.id.0, &file);
    assert!(everything.len() > 180, "{}", everything.len());
    let token = token_of(&there, &bob).await;
    let bearer = format!("Bearer {token}");
    let places: Vec<String> = places.iter().map(|path| (*path).to_owned()).collect();
    for path in places.iter().chain(&everything) {
        // Nobody asks so often that they are told to wait, which would hide what there is to see.
        net.clock.advance(std::time::Duration::from_secs(10));
        for (name, value) in [
            ("x-nobody", ""),
            ("cookie", &*other),
            ("authorization", &*bearer),
        ] {
            for accept in ["text/html", "application/activity+json"] {
                let answer = there.get(path, &[(name, value), ("accept", accept)]).await;
                assert_ne!(answer.status(), 429, "{path}");
                if *path == file {
                    assert_eq!(answer.status(), 404);
                }
                let found = answer.bytes().await.unwrap();
                // What was asked for is said again, in a title or a field.
                let asked = path.contains(MARKER);
                let found = String::from_utf8_lossy(&found);
                assert!(
                    asked || !found.contains(MARKER),
                    "{path} as {name}: {found}"
                );
                assert!(
                    !found.contains("The secret is"),
                    "{path} as {name}: {found}"
                );
            }
        }
    }
    let (_, document) = there.document(&format!("/users/nina/posts/{id}")).await;
    assert!(document.is_null(), "{document}");
    assert_eq!(
        here.count("SELECT COUNT(*) AS n FROM posts").await,
        0,
        "the home of who has it got nothing"
    );
    assert_eq!(
        there
            .count("SELECT COUNT(*) AS n FROM activities WHERE kind IN ('Create', 'Update')")
            .await,
        0
    );
    assert!(!there.notices_of("bob").await.contains(&"post"));
    // A member's app shows it to who has it, and to nobody else.
    let app = async |account: &afterparty::accounts::Account| {
        let bearer = format!("Bearer {}", token_of(&there, account).await);
        let headers = [("authorization", bearer.as_str())];
        text(there.get("/api/v1/timelines/home", &headers).await).await
    };
    assert!(app(&ana).await.contains(MARKER));
    assert!(!app(&bob).await.contains(MARKER));

    // Taken back, it closes at once; given for a while, it closes by itself.
    let take = format!("/operator/tiers/{tier}/take/{}", ana.id);
    assert_eq!(there.form(&take, &host, &[]).await.status(), 303);
    assert_eq!(there.get(&page, &[("cookie", &holder)]).await.status(), 403);
    assert_eq!(there.get(&file, &[("cookie", &holder)]).await.status(), 404);
    let days = [("handle", "ana"), ("days", "2")];
    assert_eq!(
        there
            .form(&format!("/operator/tiers/{tier}/grant"), &host, &days)
            .await
            .status(),
        303
    );
    assert_eq!(there.get(&page, &[("cookie", &holder)]).await.status(), 200);
    net.clock
        .advance(std::time::Duration::from_secs(2 * 86_400 + 1));
    assert_eq!(there.get(&page, &[("cookie", &holder)]).await.status(), 403);
    // Deleted, nobody elsewhere is told of what they never had.
    assert_eq!(
        there
            .form(&format!("/posts/{id}/delete"), &host, &[])
            .await
            .status(),
        303
    );
    settle(&[&there, &here]).await;
    assert_eq!(there.count("SELECT COUNT(*) AS n FROM deliveries").await, 0);
    assert_eq!(there.get(&page, &[("cookie", &other)]).await.status(), 404);

    // An invitation may give it.
    set_mode(&there, &host, "invitation", "", "0").await;
    let gives = [("most", "1"), ("tier", &*tier.to_string())];
    assert_eq!(
        there.form("/invitations", &host, &gives).await.status(),
        303
    );
    let code = newest(&there, &host).await;
    assert_eq!(sign_up(&there, "cleo", &code, &[]).await.status(), 303);
    let cleo = there.account("cleo").await.id;
    let held =
        afterparty::members::tiers::holders(there.app(), afterparty::kernel::id::AudienceId(tier))
            .await
            .unwrap();
    assert!(held.iter().any(|(account, _)| account.id == cleo));
}

async fn who_never_showed_an_address_is_theirs_stays_out(backend: Backend) {
    let (url, mails) = smtp::start().await;
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let settings = [("mail.url", &*url), ("registration.mode", "open")];
    let node = net.node("here.test", &backend, listener, &settings).await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    let join = |name: &'static str, email: &'static str, code: String| {
        let node = &node;
        let clock = &net.clock;
        async move {
            // So many sign-ups from one place take their time.
            clock.advance(std::time::Duration::from_secs(3600));
            let fields = [
                ("name", name),
                ("email", email),
                ("password", PASSWORD),
                ("code", &*code),
            ];
            node.form("/sign-up", "", &fields).await
        }
    };
    let signs_in = async |name: &str| {
        let fields = [("login", name), ("password", PASSWORD)];
        let answer = node.form("/sign-in", "", &fields).await;
        answer.status().is_redirection()
    };
    let link = || {
        let mails = mails.lock().unwrap();
        let words = mails.last().unwrap().text.split_whitespace();
        let mut links = words.filter_map(|word| word.strip_prefix("http://here.test"));
        links.next().unwrap().to_owned()
    };
    // Two with one address: neither is in before the mailbox is theirs, and the first is not in because of the second.
    assert_eq!(
        join("first", "one@mail.example", String::new())
            .await
            .status(),
        200
    );
    settle(&[&node]).await;
    let confirm = link();
    assert_eq!(
        join("second", "one@mail.example", String::new())
            .await
            .status(),
        200
    );
    settle(&[&node]).await;
    assert!(!signs_in("first").await && !signs_in("second").await);
    // Whoever opens the mail has it; the other one is out for good.
    assert_eq!(node.form(&link(), "", &[]).await.status(), 200);
    assert!(signs_in("second").await && !signs_in("first").await);
    assert_eq!(node.form(&confirm, "", &[]).await.status(), 422);
    // Without an invitation that counts, nothing is said about addresses.
    set_mode(&node, &host, "invitation", "", "0").await;
    for email in ["one@mail.example", "new@mail.example"] {
        let answer = join("third", email, "x".into()).await;
        assert_eq!(answer.status(), 422, "{email}");
    }
    // Invitations of somebody who is locked out let nobody in.
    set_mode(&node, &host, "invitation", "", "5").await;
    let ana = node.sign_up("ana").await;
    let cookie = node.cookie(&ana).await;
    node.form("/invitations", &cookie, &[("most", "3"), ("days", "7")])
        .await;
    let code = newest(&node, &cookie).await;
    assert!(node.lock_out(&ana, true).await);
    assert_eq!(
        join("fourth", "four@mail.example", code.clone())
            .await
            .status(),
        422
    );
    assert!(node.lock_out(&ana, false).await);
    // Turned-away domains are, however they are written.
    let rules = [("mail_domains", "banned.example")];
    assert_eq!(
        node.form("/operator/rules", &host, &rules).await.status(),
        303
    );
    let banned = join("fourth", " Me@Banned.example ", code.clone()).await;
    assert_eq!(banned.status(), 422);
    assert_eq!(
        join("fourth", "four@mail.example", code).await.status(),
        200
    );
    // An invitation that was sent is spent, also when it is taken back: the house is nobody's post office.
    set_mode(&node, &host, "invitation", "", "2").await;
    let cookie = node.cookie(&node.account("ana").await).await;
    let invite = [("address", "a@mail.example"), ("days", "7")];
    assert_eq!(
        node.form("/invitations", &cookie, &invite).await.status(),
        422
    );
}
