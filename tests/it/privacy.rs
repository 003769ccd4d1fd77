//! What each person decides about themselves: who sees what, what they take along and bring, and whom they let lie.

use std::io::Read as _;

use crate::both;
use crate::support::node::{ok, text};
use crate::support::{Backend, TestNode, settle};

both!(
    a_stranger_sees_what_the_preview_for_strangers_shows,
    follows_are_hidden_and_requests_let_lie,
    what_is_taken_along_is_read_by_the_next_home,
    whoever_leaves_sees_how_far_it_is,
    what_is_narrow_stays_so_by_every_way,
    erasing_leaves_nothing_of_ones_own,
);

async fn a_stranger_sees_what_the_preview_for_strangers_shows(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let (ana, bob) = (node.sign_up("ana").await, node.sign_up("bob").await);
    node.follow(&bob, "ana").await;
    node.post(&ana, "for everybody").await;
    settle(&[&node]).await;
    let cookie = node.cookie(&ana).await;
    let values = [
        ("display_name", "Ana"),
        ("bio", "Hi"),
        ("field_name", "Site"),
        ("field_value", "open.example"),
        ("field_for", ""),
        ("field_name", "Phone"),
        ("field_value", "5550199"),
        ("field_for", "followers"),
    ];
    let saved = node.upload("/settings", &cookie, &values, &[]).await;
    assert_eq!(saved.status(), 303, "{}", text(saved).await);
    let page = async |path: &str, cookie: &str| {
        let shown = text(node.get(path, &[("cookie", cookie)]).await).await;
        // When the page was drawn is no part of what it shows.
        let (before, after) = shown.split_once("data-drawn=").unwrap();
        format!("{before}{}", after.split_once('>').unwrap().1)
    };
    let (stranger, preview) = (
        page("/@ana", "").await,
        page("/@ana?as=stranger", &cookie).await,
    );
    assert_eq!(stranger, preview);
    assert!(stranger.contains("open.example") && !stranger.contains("5550199"));
    assert!(page("/@ana", &cookie).await.contains("5550199"));
    assert!(
        page("/@ana", &node.cookie(&bob).await)
            .await
            .contains("5550199")
    );
    assert!(
        !page("/@ana", &node.cookie(&nina).await)
            .await
            .contains("5550199")
    );
    let (_, actor) = node.document("/users/ana").await;
    assert!(actor.to_string().contains("open.example") && !actor.to_string().contains("5550199"));
    let api = text(node.get("/api/v1/accounts/lookup?acct=ana", &[]).await).await;
    assert!(
        api.contains("open.example") && !api.contains("5550199"),
        "{api}"
    );
    // Of the host, on the front page, too.
    let host = node.cookie(&nina).await;
    node.upload("/settings", &host, &values, &[]).await;
    assert!(
        !page("/", "").await.contains("5550199") && page("/", "").await.contains("open.example")
    );
}

async fn follows_are_hidden_and_requests_let_lie(backend: Backend) {
    let (_net, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let ana = there.sign_up("ana").await;
    let bob = there.sign_up("bob").await;
    here.follow(&fan, "ana@there.test").await;
    there.follow(&bob, "ana").await;
    settle(&[&here, &there]).await;
    let cookie = there.cookie(&ana).await;
    let sees = async |cookie: &str| {
        let page = text(there.get("/@ana/followers", &[("cookie", cookie)]).await).await;
        page.contains("@bob@there.test")
    };
    let followers = async || there.document("/users/ana/followers?page=true").await;
    let api = format!("/api/v1/accounts/{}/followers", ana.id);
    assert!(sees("").await && followers().await.1.to_string().contains("/users/bob"));
    ok(
        &there,
        "/settings/people/follows",
        &cookie,
        &[("hide", "1")],
    )
    .await;
    assert!(!sees("").await && sees(&cookie).await);
    assert_eq!(followers().await.0, 404);
    let (_, whole) = there.document("/users/ana/followers").await;
    assert!(
        whole["totalItems"] == 2 && whole["first"].is_null(),
        "{whole}"
    );
    assert_eq!(text(there.get(&api, &[]).await).await, "[]");
    // One's own followers can be removed, one by one.
    ok(
        &there,
        &format!("/accounts/{}/dismiss", bob.id),
        &cookie,
        &[],
    )
    .await;
    assert!(!sees(&cookie).await);
    // A request that is let lie is gone, and nobody is told.
    afterparty::kernel::db::sql("UPDATE accounts SET locked = 1 WHERE id = $1")
        .bind(ana.id)
        .run(there.db())
        .await
        .unwrap();
    let other = here.sign_up("other").await;
    here.follow(&other, "ana@there.test").await;
    settle(&[&here, &there]).await;
    let asker = there.account("other@here.test").await;
    let page = text(there.get("/requests", &[("cookie", &cookie)]).await).await;
    assert!(page.contains("Let it lie"), "{page}");
    ok(
        &there,
        &format!("/accounts/{}/ignore", asker.id),
        &cookie,
        &[],
    )
    .await;
    settle(&[&here, &there]).await;
    let page = text(there.get("/requests", &[("cookie", &cookie)]).await).await;
    assert!(!page.contains("@other@here.test"), "{page}");
    let waits = here
        .count("SELECT COUNT(*) AS n FROM follows WHERE accepted_at IS NULL")
        .await;
    assert_eq!(waits, 1, "whoever asked still waits, and knows no more");
}

async fn what_is_taken_along_is_read_by_the_next_home(backend: Backend) {
    let (_net, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let (nina, ana) = (there.host("nina").await, there.sign_up("ana").await);
    here.follow(&fan, "nina@there.test").await;
    here.look_up("ana@there.test").await;
    settle(&[&here, &there]).await;
    let cookie = here.cookie(&fan).await;
    let other = here.account("ana@there.test").await;
    ok(&here, &format!("/accounts/{}/mute", other.id), &cookie, &[]).await;
    let post = there.post(&nina, "keep this").await;
    settle(&[&here, &there]).await;
    let copy = here.post_by_uri(&post.uri).await.unwrap();
    ok(&here, &format!("/posts/{}/bookmark", copy.id), &cookie, &[]).await;
    let png = crate::support::node::png(20, 20);
    let values = [
        ("text", "my picture"),
        ("audience", "public"),
        ("key", "p"),
        ("described", "1"),
    ];
    let written = here
        .upload("/posts", &cookie, &values, &[("file", "a.png", &png)])
        .await;
    assert_eq!(written.status(), 303);
    let take = async |what: &str| {
        let answer = here
            .get(&format!("/settings/data/{what}"), &[("cookie", &cookie)])
            .await;
        assert_eq!(answer.status(), 200, "{what}");
        answer.bytes().await.unwrap().to_vec()
    };
    let csv = async |what: &str| String::from_utf8(take(what).await).unwrap();
    assert_eq!(
        csv("following").await,
        "Account address,Show boosts,Notify on new posts,Languages\nnina@there.test,true,false,\n"
    );
    assert_eq!(
        csv("mutes").await,
        "Account address,Hide notifications\nana@there.test,true\n"
    );
    assert_eq!(csv("bookmarks").await, format!("{}\n", post.uri));
    assert_eq!(here.get("/settings/data/archive", &[]).await.status(), 303);
    // The archive holds all of it, with the file of the post; it is packed beside, and the page says how far it is.
    let asked = here
        .get("/settings/data/archive", &[("cookie", &cookie)])
        .await;
    assert_eq!(asked.status(), 404);
    let proof = [("current", crate::support::node::PASSWORD)];
    let data = async || text(here.get("/settings/data", &[("cookie", &cookie)]).await).await;
    ok(&here, "/settings/data/archive", &cookie, &proof).await;
    ok(&here, "/settings/data/archive", &cookie, &proof).await;
    let page = data().await;
    assert!(
        page.contains("0 / 1") && page.contains("data-again"),
        "{page}"
    );
    settle(&[&here]).await;
    let page = data().await;
    assert!(
        page.contains("kept for a week") && !page.contains("data-again"),
        "{page}"
    );
    let packed = take("archive").await;
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&*packed));
    let mut names = Vec::new();
    let mut outbox = String::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        if name == "outbox.json" {
            entry.read_to_string(&mut outbox).unwrap();
        }
        names.push(name);
    }
    for wanted in [
        "actor.json",
        "outbox.json",
        "likes.json",
        "bookmarks.json",
        "following_accounts.csv",
        "lists.csv",
    ] {
        assert!(names.iter().any(|name| name == wanted), "{names:?}");
    }
    let outbox: serde_json::Value = serde_json::from_str(&outbox).unwrap();
    let file = outbox["orderedItems"][0]["object"]["attachment"][0]["url"]
        .as_str()
        .unwrap();
    assert!(
        names.iter().any(|name| format!("/{name}") == file),
        "{file} in {names:?}"
    );

    // Brought to another account, line by line, with what could not be done.
    let bring = async |kind: &str, list: &str| {
        let newcomer = here.account("newcomer").await;
        let cookie = here.cookie(&newcomer).await;
        let brought = here
            .upload(
                "/settings/data",
                &cookie,
                &[("kind", kind)],
                &[("file", "list.csv", list.as_bytes())],
            )
            .await;
        assert_eq!(brought.status(), 303, "{}", text(brought).await);
        settle(&[&here, &there]).await;
    };
    let newcomer = here.sign_up("newcomer").await;
    bring(
        "following",
        &format!("{}nobody@there.test,true,false,\n", csv("following").await),
    )
    .await;
    bring("mutes", &csv("mutes").await).await;
    bring("bookmarks", &csv("bookmarks").await).await;
    bring("domains", "#domain\nloud.example\n").await;
    bring("lists", "Friends,nina@there.test\n").await;
    let cookie = here.cookie(&newcomer).await;
    let page = text(here.get("/settings/data", &[("cookie", &cookie)]).await).await;
    assert!(
        page.contains("2 / 2") && page.contains("nobody@there.test"),
        "{page}"
    );
    let take = async |what: &str| {
        let answer = here
            .get(&format!("/settings/data/{what}"), &[("cookie", &cookie)])
            .await;
        text(answer).await
    };
    assert!(take("following").await.contains("nina@there.test"));
    assert!(take("mutes").await.contains("ana@there.test"));
    assert!(take("bookmarks").await.contains(&post.uri));
    assert_eq!(take("domains").await, "loud.example\n");
    assert_eq!(take("lists").await, "Friends,nina@there.test\n");
    let fields = [("kind", "lists"), ("list", " ")];
    let empty = here.upload("/settings/data", &cookie, &fields, &[]).await;
    assert_eq!(empty.status(), 422);
    let _ = ana;
}

async fn whoever_leaves_sees_how_far_it_is(backend: Backend) {
    let (_net, [here, there]) = TestNode::two(&backend).await;
    let (nina, fan) = (here.host("nina").await, here.sign_up("fan").await);
    let far = there.sign_up("far").await;
    there.follow(&far, "fan@here.test").await;
    settle(&[&here, &there]).await;
    for at in 0..3 {
        here.post(&fan, &format!("post {at}")).await;
    }
    settle(&[&here, &there]).await;
    let cookie = here.cookie(&fan).await;
    let proof = [("current", crate::support::node::PASSWORD)];
    ok(&here, "/settings/data/archive", &cookie, &proof).await;
    settle(&[&here]).await;
    let leave = |cookie: String, password: &'static str| {
        let here = &here;
        async move {
            let fields = [("current", password)];
            here.form("/settings/delete", &cookie, &fields).await
        }
    };
    assert_eq!(leave(cookie.clone(), "wrong").await.status(), 422);
    let gone = leave(cookie.clone(), crate::support::node::PASSWORD).await;
    let page = gone.headers()["location"].to_str().unwrap().to_owned();
    assert!(page.starts_with("/farewell/"), "{page}");
    let shown = async || text(here.get(&page, &[("cookie", &cookie)]).await).await;
    let before = shown().await;
    assert!(
        before.contains("0 / 3") && before.contains("about to be told"),
        "{before}"
    );
    assert!(
        before.contains("data-again") && before.contains("/sign-in"),
        "{before}"
    );
    settle(&[&here, &there]).await;
    let after = shown().await;
    assert!(
        after.contains("3 / 3") && after.contains("has been told"),
        "{after}"
    );
    assert!(!after.contains("data-again"), "{after}");
    assert_eq!(
        there
            .count("SELECT COUNT(*) AS n FROM accounts WHERE name = 'fan' AND deleted_at IS NULL")
            .await,
        0
    );
    assert_eq!(here.get("/farewell/nobody", &[]).await.status(), 404);
    // Of the last host nothing ends.
    let host = here.cookie(&nina).await;
    assert_eq!(
        leave(host, crate::support::node::PASSWORD).await.status(),
        409
    );
}

async fn what_is_narrow_stays_so_by_every_way(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    node.host("nina").await;
    let (ana, bob) = (node.sign_up("ana").await, node.sign_up("bob").await);
    let cookie = node.cookie(&ana).await;
    let values = [
        ("display_name", "Ana"),
        ("field_name", "Phone"),
        ("field_value", "5550199"),
        ("field_for", "followers"),
    ];
    node.upload("/settings", &cookie, &values, &[]).await;
    // An app sends all lines back without knowing for whom they are.
    let app = afterparty::oauth::apps::of_the_command_line(node.app())
        .await
        .unwrap();
    let scopes = afterparty::oauth::Scopes::parse("read write").unwrap();
    let (_, token) = afterparty::oauth::tokens::issue(node.app(), &app, Some(ana.id), &scopes)
        .await
        .unwrap();
    let body = serde_json::json!({"display_name": "Ana!", "fields_attributes": [{"name": "Phone", "value": "5550199"}]});
    let changed = crate::support::node::client()
        .patch(node.at("/api/v1/accounts/update_credentials"))
        .header("host", &node.name)
        .header("content-type", "application/json")
        .bearer_auth(token)
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(changed.status(), 200, "{}", text(changed).await);
    let page = text(node.get("/@ana", &[]).await).await;
    assert!(page.contains("Ana!") && !page.contains("5550199"), "{page}");
    let (_, actor) = node.document("/users/ana").await;
    assert!(!actor.to_string().contains("5550199"));
    // A list of bookmarks tells nothing about what one may not see.
    let secret = node
        .write(
            &bob,
            afterparty::posts::compose::Draft {
                text: "for me alone".into(),
                audience: afterparty::audiences::Audience::People,
                ..Default::default()
            },
        )
        .await;
    let open = node.post(&bob, "for everybody").await;
    let list = format!("{}\n{}\n", secret.uri, open.uri);
    let brought = node
        .upload(
            "/settings/data",
            &cookie,
            &[("kind", "bookmarks")],
            &[("file", "b.csv", list.as_bytes())],
        )
        .await;
    assert_eq!(brought.status(), 303);
    let busy = node
        .upload(
            "/settings/data",
            &cookie,
            &[("kind", "bookmarks"), ("list", &list)],
            &[],
        )
        .await;
    assert_eq!(busy.status(), 422, "one list after the other");
    settle(&[&node]).await;
    let own = text(
        node.get("/settings/data/bookmarks", &[("cookie", &cookie)])
            .await,
    )
    .await;
    assert_eq!(own, format!("{}\n", open.uri));
    // Whoever asks again after their request was let lie is not heard of again.
    afterparty::kernel::db::sql("UPDATE accounts SET locked = 1 WHERE id = $1")
        .bind(ana.id)
        .run(node.db())
        .await
        .unwrap();
    node.follow(&bob, "ana").await;
    settle(&[&node]).await;
    ok(&node, &format!("/accounts/{}/ignore", bob.id), &cookie, &[]).await;
    let asked = node.notices_of("ana").await.len();
    node.follow(&bob, "ana").await;
    settle(&[&node]).await;
    assert_eq!(node.notices_of("ana").await.len(), asked);
    let page = text(node.get("/requests", &[("cookie", &cookie)]).await).await;
    assert!(!page.contains("@bob"), "{page}");
    let theirs = node.cookie(&bob).await;
    let page = text(node.get("/@ana", &[("cookie", &theirs)]).await).await;
    assert!(
        page.contains("Asked"),
        "who asked sees no difference: {page}"
    );
}

async fn erasing_leaves_nothing_of_ones_own(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let fan = node.sign_up("fan").await;
    let cookie = node.cookie(&fan).await;
    let png = crate::support::node::png(40, 40);
    let values = [("display_name", "Fan")];
    let saved = node
        .upload("/settings", &cookie, &values, &[("avatar", "a.png", &png)])
        .await;
    assert_eq!(saved.status(), 303);
    let post = node.post(&nina, "liked once").await;
    ok(
        &node,
        &format!("/posts/{}/favourite", post.id),
        &cookie,
        &[],
    )
    .await;
    let list = [("kind", "domains"), ("list", "loud.example")];
    node.upload("/settings/data", &cookie, &list, &[]).await;
    settle(&[&node]).await;
    assert_eq!(node.count("SELECT COUNT(*) AS n FROM files").await, 1);
    let picture = node.account("fan").await.avatar.unwrap();
    let fields = [("current", crate::support::node::PASSWORD)];
    ok(&node, "/settings/delete", &cookie, &fields).await;
    settle(&[&node]).await;
    for (what, left) in [
        ("files", node.count("SELECT COUNT(*) AS n FROM files").await),
        ("favourites", node.count("SELECT COUNT(*) AS n FROM favourites").await),
        ("imports", node.count("SELECT COUNT(*) AS n FROM imports").await),
        ("muted nodes", node.count("SELECT COUNT(*) AS n FROM muted_nodes").await),
        ("credentials", node.count("SELECT COUNT(*) AS n FROM credentials WHERE account_id IN (SELECT id FROM accounts WHERE name = 'fan')").await),
    ] {
        assert_eq!(left, 0, "{what}");
    }
    let post = node.post_by_uri(&post.uri).await.unwrap();
    assert_eq!(post.favourites_count, 0);
    assert_eq!(
        node.get(&format!("/media/{picture}"), &[]).await.status(),
        404
    );
}
