//! Posts for tiers and lists: on the wire, in apps, inside, and the tiers themselves.

use afterparty::kernel::id::AudienceId;
use afterparty::members::{rules, tiers};
use afterparty::timelines::places::{self, Place};
use afterparty::timelines::{Wished, lists};
use reqwest::header::LOCATION;
use serde_json::{Value, json};

use crate::both;
use crate::support::node::{png, text};
use crate::support::{Backend, TestNode, settle};

both!(
    a_post_for_a_tier_leaves_as_personal_copies,
    a_copy_arrives_at_the_home_of_who_may_see_it,
    a_post_for_several_tiers_opens_to_each,
    a_file_in_an_app_closes_with_the_right_to_see_it,
    a_member_writes_to_a_list,
    a_badge_is_shown_where_its_owner_wants_it,
    the_rule_of_a_tier_proposes_and_people_refuse,
    a_blur_that_everybody_sees_goes_with_the_copies,
);

async fn tier(node: &TestNode, host: &str, name: &str) -> String {
    let answer = node.form("/operator/tiers", host, &[("name", name)]).await;
    assert_eq!(answer.status(), 303, "{}", text(answer).await);
    let newest = node.count("SELECT MAX(audience_id) AS n FROM tiers").await;
    newest.to_string()
}

async fn give(node: &TestNode, host: &str, tier: &str, handle: &str) {
    let path = format!("/operator/tiers/{tier}/grant");
    let answer = node.form(&path, host, &[("handle", handle)]).await;
    assert_eq!(answer.status(), 303, "{}", text(answer).await);
}

/// Writes through the page; the path of the post.
async fn write(
    node: &TestNode,
    cookie: &str,
    values: &[(&str, &str)],
    files: &[(&str, &str, &[u8])],
) -> String {
    let mut all = vec![("described", "1")];
    all.extend(values);
    let answer = node.upload("/posts", cookie, &all, files).await;
    assert_eq!(answer.status(), 303, "{}", text(answer).await);
    answer.headers()[LOCATION].to_str().unwrap().to_owned()
}

fn named(document: &Value, field: &str) -> Vec<String> {
    let all = document[field].as_array().unwrap();
    all.iter()
        .map(|one| one.as_str().unwrap().to_owned())
        .collect()
}

#[expect(clippy::too_many_lines, reason = "the life of a copy, in order")]
async fn a_post_for_a_tier_leaves_as_personal_copies(backend: Backend) {
    let (_net, node, peer) = TestNode::with_peer(&backend, "peer.test").await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    let [ana, bea, cleo] = ["ana", "bea", "cleo"].map(|name| peer.actor(name));
    for (number, actor) in [&ana, &bea, &cleo].into_iter().enumerate() {
        let number = u32::try_from(number).unwrap();
        let follow = peer.activity("Follow", actor, number, nina.uri.clone().into());
        assert_eq!(peer.send(&node, &follow).await, 202);
    }
    settle(&[&node]).await;
    let fans = tier(&node, &host, "Superfans").await;
    for name in ["ana", "bea"] {
        give(&node, &host, &fans, &format!("@{name}@peer.test")).await;
    }
    peer.forget();
    let picture = png(40, 40);
    let values = [
        ("text", "The secret is xyzzy #plugh"),
        ("audience", "tiers"),
        ("tier", &*fans),
        ("teaser", "Something for superfans"),
        ("travels", "text"),
        ("key", "k"),
    ];
    let page = write(&node, &host, &values, &[("file", "a.png", &picture)]).await;
    let id = page.rsplit('/').next().unwrap().to_owned();
    settle(&[&node]).await;

    // One for each, to their own inbox, naming nobody else.
    let seen: Vec<_> = peer.seen();
    let sent: Vec<&crate::support::peer::Seen> =
        seen.iter().filter(|one| one.method == "POST").collect();
    let paths: Vec<&str> = sent.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(paths.len(), 2, "{paths:?}");
    assert!(paths.contains(&"/users/ana/inbox") && paths.contains(&"/users/bea/inbox"));
    let created = peer.received("Create");
    let copy_of = |actor: &String| {
        let found = created
            .iter()
            .find(|create| create["object"]["to"] == json!([actor]));
        found.unwrap_or_else(|| panic!("{created:?}"))["object"].clone()
    };
    let (hers, other) = (copy_of(&ana), copy_of(&bea));
    for (create, actor) in created.iter().zip([&ana, &bea]) {
        let told = create.to_string();
        assert!(told.contains("xyzzy") && told.contains("plugh"), "{told}");
        assert!(
            !told.contains("/followers") && !told.contains("#Public"),
            "{told}"
        );
        assert!(!told.contains("/media/"), "media never travels: {told}");
        assert!(
            told.contains(&format!("{page}?c=")),
            "a link to the page: {told}"
        );
        let note = &create["object"];
        assert_eq!(note["to"], create["to"]);
        assert_eq!(note["cc"], json!([]));
        assert_eq!(note["attachment"], json!([]));
        for collection in ["replies", "context", "likes", "shares"] {
            assert!(note[collection].is_null(), "{note}");
        }
        let quote = named(&note["interactionPolicy"]["canQuote"], "automaticApproval");
        assert_eq!(quote, [nina.uri.clone()]);
        let tag = note["tag"].to_string();
        assert!(tag.contains(&format!("\"{actor}\"")) == (note["to"][0] == **actor));
    }
    assert!(!hers.to_string().contains(&bea) && !other.to_string().contains(&ana));
    for field in ["id", "url"] {
        assert_ne!(hers[field], other[field]);
        assert_ne!(hers[field], json!(format!("http://here.test{page}")));
    }

    // Readable by whom it is for, by nobody else, and in no collection.
    let path = |note: &Value| {
        let uri = note["id"].as_str().unwrap().to_owned();
        uri.strip_prefix("http://here.test").unwrap().to_owned()
    };
    let (status, fetched) = peer.fetch(&node, &ana, &path(&hers)).await;
    assert_eq!(status, 200);
    assert_eq!(fetched["content"], hers["content"]);
    for actor in [&bea, &cleo] {
        assert_eq!(peer.fetch(&node, actor, &path(&hers)).await.0, 404);
    }
    assert_eq!(node.document(&path(&hers)).await.0, 404);
    for place in [
        format!("/users/nina/posts/{id}"),
        format!("/users/nina/posts/{id}/activity"),
        format!("{}/activity", path(&hers)),
        format!("/users/nina/posts/{id}/likes"),
        format!("/contexts/{id}"),
    ] {
        assert_eq!(peer.fetch(&node, &ana, &place).await.0, 404, "{place}");
    }
    for place in ["outbox?page=true", "collections/featured"] {
        let (_, found) = peer
            .fetch(&node, &ana, &format!("/users/nina/{place}"))
            .await;
        assert!(!found.to_string().contains("xyzzy"), "{found}");
    }

    // What is said about any copy is filed under the one post; who may not see it is not heard inside.
    let mut reply = peer.note(&ana, 1, "thank you");
    reply["inReplyTo"] = hers["id"].clone();
    reply["to"] = json!([nina.uri]);
    reply["cc"] = json!([]);
    let mut outsider = peer.note(&cleo, 2, "let me in");
    outsider["inReplyTo"] = hers["id"].clone();
    let activities = [
        peer.activity("Create", &ana, 10, reply),
        peer.activity("Like", &bea, 11, other["id"].clone()),
        peer.activity("Like", &cleo, 12, hers["id"].clone()),
        peer.activity("Create", &cleo, 13, outsider),
        peer.activity("Announce", &ana, 14, hers["id"].clone()),
    ];
    for activity in &activities {
        let actor = activity["actor"].as_str().unwrap();
        assert_eq!(
            peer.send_to(&node, "/users/nina/inbox", activity).await,
            202,
            "{actor}"
        );
    }
    settle(&[&node]).await;
    let post = node
        .post_by_uri(&format!("http://here.test/users/nina/posts/{id}"))
        .await
        .unwrap();
    assert_eq!(
        (post.favourites_count, post.boosts_count, post.replies_count),
        (1, 0, 1)
    );
    let shown = text(node.get(&page, &[("cookie", &host)]).await).await;
    assert!(shown.contains("thank you") && !shown.contains("let me in"));

    // Changed, each hears of it; who lost the right reads no more than everybody.
    let take = format!(
        "/operator/tiers/{fans}/take/{}",
        node.account("bea@peer.test").await.id
    );
    assert_eq!(node.form(&take, &host, &[]).await.status(), 303);
    assert_eq!(peer.fetch(&node, &bea, &path(&other)).await.0, 404);
    peer.forget();
    let edit = format!("/posts/{id}/edit");
    let changed = [("text", "The new secret is frotz")];
    assert_eq!(node.form(&edit, &host, &changed).await.status(), 303);
    settle(&[&node]).await;
    let updates = peer.received("Update");
    assert_eq!(updates.len(), 2, "{updates:?}");
    for update in &updates {
        let inside = update["object"]["id"] == hers["id"];
        assert_eq!(update.to_string().contains("frotz"), inside, "{update}");
        assert_eq!(
            update.to_string().contains("Something for superfans"),
            !inside,
            "{update}"
        );
    }
    // Gone, everybody who ever had one hears of it, each of their own.
    peer.forget();
    assert_eq!(
        node.form(&format!("/posts/{id}/delete"), &host, &[])
            .await
            .status(),
        303
    );
    settle(&[&node]).await;
    let gone = peer.received("Delete");
    assert_eq!(gone.len(), 2, "{gone:?}");
    for delete in &gone {
        assert_eq!(named(delete, "to").len(), 1, "{delete}");
        assert!(!delete.to_string().contains("#Public"), "{delete}");
    }
    assert_eq!(node.count("SELECT COUNT(*) AS n FROM post_copies").await, 0);

    // The teaser alone, or nothing, where the host says so.
    for (travels, expected) in [("teaser", 1), ("no", 0)] {
        peer.forget();
        let values = [
            ("text", "Only on the page: grue"),
            ("audience", "tiers"),
            ("tier", &*fans),
            ("teaser", "Come and look"),
            ("travels", travels),
            ("key", travels),
        ];
        write(&node, &host, &values, &[]).await;
        settle(&[&node]).await;
        let created = peer.received("Create");
        assert_eq!(created.len(), expected, "{created:?}");
        for create in &created {
            let told = create.to_string();
            assert!(
                told.contains("Come and look") && !told.contains("grue"),
                "{told}"
            );
        }
    }
}

async fn a_copy_arrives_at_the_home_of_who_may_see_it(backend: Backend) {
    let (_net, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let nina = there.host("nina").await;
    let host = there.cookie(&nina).await;
    here.follow(&fan, "nina@there.test").await;
    settle(&[&here, &there]).await;
    let fans = tier(&there, &host, "Superfans").await;
    give(&there, &host, &fans, "@fan@here.test").await;
    let values = [
        ("text", "For you alone"),
        ("audience", "tiers"),
        ("tier", &*fans),
        ("travels", "text"),
        ("key", "k"),
    ];
    let page = write(&there, &host, &values, &[]).await;
    settle(&[&there, &here]).await;
    assert_eq!(here.home_of("fan").await, ["For you alone"]);
    // What the fan answers at home is read by the host under the post.
    let copy = here.count("SELECT MAX(id) AS n FROM posts").await;
    let cookie = here.cookie(&fan).await;
    let answer = [
        ("text", "@nina@there.test Thank you"),
        ("in_reply_to", &*copy.to_string()),
        ("audience", "people"),
        ("key", "a"),
    ];
    write(&here, &cookie, &answer, &[]).await;
    settle(&[&here, &there]).await;
    let shown = text(there.get(&page, &[("cookie", &host)]).await).await;
    assert!(shown.contains("Thank you"), "{shown}");
}

async fn a_post_for_several_tiers_opens_to_each(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    let names = ["ana", "bea", "cleo"];
    let mut cookies = Vec::new();
    for name in names {
        let account = node.sign_up(name).await;
        cookies.push(node.cookie(&account).await);
    }
    let (fans, inner) = (
        tier(&node, &host, "Fans").await,
        tier(&node, &host, "Inner circle").await,
    );
    give(&node, &host, &fans, "ana").await;
    give(&node, &host, &inner, "bea").await;
    let picture = png(64, 36);
    let values = [
        ("text", "For two circles"),
        // A ticked tier counts, whatever else stands there.
        ("audience", "public"),
        ("tier", &*fans),
        ("tier", &*inner),
        ("teaser", "Two circles"),
        ("blurred", "1"),
        ("travels", "no"),
        ("key", "k"),
    ];
    let page = write(&node, &host, &values, &[("file", "a.png", &picture)]).await;
    let status = async |cookie: &str| node.get(&page, &[("cookie", cookie)]).await.status();
    assert_eq!(status(&cookies[0]).await, 200);
    assert_eq!(status(&cookies[1]).await, 200);
    assert_eq!(status(&cookies[2]).await, 403);
    let teaser = text(node.get(&page, &[("cookie", &cookies[2])]).await).await;
    assert!(
        teaser.contains("Fans, Inner circle") && teaser.contains("src=\"data:image/png;base64,"),
        "{teaser}"
    );
    assert!(!teaser.contains("/media/"), "{teaser}");
    // Whoever is inside answers inside: the other circle reads it, nobody else.
    let id = page.rsplit('/').next().unwrap();
    let form = text(
        node.get(&format!("/compose?reply={id}"), &[("cookie", &cookies[0])])
            .await,
    )
    .await;
    assert!(form.contains("value=\"inside\""), "{form}");
    let answer = [
        ("text", "@nina from inside"),
        ("in_reply_to", id),
        ("audience", "inside"),
        ("key", "a"),
    ];
    write(&node, &cookies[0], &answer, &[]).await;
    for (cookie, sees) in [(&cookies[1], true), (&host, true)] {
        let shown = text(node.get(&page, &[("cookie", cookie)]).await).await;
        assert_eq!(shown.contains("from inside"), sees, "{shown}");
    }
    let profile = text(node.get("/@ana", &[("cookie", &cookies[2])]).await).await;
    assert!(!profile.contains("from inside"));
    // No stream carries it to who may not see it, whatever they listen to.
    let number = afterparty::kernel::id::PostId(id.parse().unwrap());
    let post = afterparty::posts::find(node.app(), number)
        .await
        .unwrap()
        .unwrap();
    let (inside, outside) = (node.account("ana").await, node.account("cleo").await);
    for who in [&inside, &outside] {
        node.follow(who, "nina").await;
    }
    let public = Place::Public(Wished::default());
    for (who, place, carried) in [
        (&inside, &Place::Home, true),
        (&outside, &Place::Home, false),
        (&inside, &public, false),
        (&outside, &public, false),
    ] {
        let found = places::has(node.app(), Some(who), place, &post)
            .await
            .unwrap();
        assert_eq!(found, carried, "{} at {place:?}", who.name);
    }
    // None chosen is told, with the text kept.
    let none = [("text", "Kept words"), ("audience", "tiers"), ("key", "n")];
    let refused = node.upload("/posts", &host, &none, &[]).await;
    assert_eq!(refused.status(), 422);
    let page = text(refused).await;
    assert!(
        page.contains("Choose at least one tier") && page.contains("Kept words"),
        "{page}"
    );
    // A tier that is removed opens nothing any more.
    assert_eq!(
        node.get(
            &format!("/operator/tiers/{fans}/remove"),
            &[("cookie", &host)]
        )
        .await
        .status(),
        200
    );
    node.form(&format!("/operator/tiers/{fans}/remove"), &host, &[])
        .await;
    assert_eq!(status(&cookies[0]).await, 403);
    assert_eq!(status(&cookies[1]).await, 200);
}

async fn a_file_in_an_app_closes_with_the_right_to_see_it(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    let ana = node.sign_up("ana").await;
    node.follow(&ana, "nina").await;
    settle(&[&node]).await;
    let fans = tier(&node, &host, "Fans").await;
    give(&node, &host, &fans, "ana").await;
    let picture = png(40, 40);
    let values = [
        ("text", "A picture"),
        ("tier", &*fans),
        ("audience", "tiers"),
        ("travels", "no"),
        ("key", "k"),
    ];
    write(&node, &host, &values, &[("file", "a.png", &picture)]).await;
    let bearer = format!("Bearer {}", crate::members::token_of(&node, &ana).await);
    let timeline = node
        .get("/api/v1/timelines/home", &[("authorization", &bearer)])
        .await;
    let timeline: Value = serde_json::from_str(&text(timeline).await).unwrap();
    let url = timeline[0]["media_attachments"][0]["url"].as_str().unwrap();
    let path = url
        .strip_prefix("http://here.test")
        .unwrap_or(url)
        .to_owned();
    let path = path
        .split_once("/media/")
        .map(|(_, rest)| format!("/media/{rest}"))
        .unwrap();
    // The address opens to an app, which has no cookie; it is worth as much as its owner's right.
    assert_eq!(node.get(&path, &[]).await.status(), 200, "{path}");
    let bare = path.split('?').next().unwrap();
    assert_eq!(node.get(bare, &[]).await.status(), 404);
    let stolen = path.replace(&format!("v={}", ana.id), &format!("v={}", nina.id));
    assert_eq!(node.get(&stolen, &[]).await.status(), 404);
    node.form(
        &format!("/operator/tiers/{fans}/take/{}", ana.id),
        &host,
        &[],
    )
    .await;
    assert_eq!(node.get(&path, &[]).await.status(), 404);
}

async fn a_member_writes_to_a_list(backend: Backend) {
    let (_net, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let (ana, bea) = (here.sign_up("ana").await, here.sign_up("bea").await);
    let nina = there.host("nina").await;
    let olga = there.sign_up("olga").await;
    for handle in ["ana", "nina@there.test"] {
        here.follow(&fan, handle).await;
    }
    for who in [&nina, &olga] {
        there.follow(who, "fan@here.test").await;
    }
    here.follow(&bea, "fan").await;
    settle(&[&here, &there]).await;
    let list = lists::create(
        here.app(),
        fan.id,
        lists::Edit {
            title: Some("Band".into()),
            ..lists::Edit::default()
        },
    );
    let list = list.await.unwrap();
    let people = [ana.id, here.account("nina@there.test").await.id];
    lists::set_people(here.app(), fan.id, list.id, &people, true)
        .await
        .unwrap();
    let cookie = here.cookie(&fan).await;
    let form = text(here.get("/compose", &[("cookie", &cookie)]).await).await;
    assert!(form.contains("Only my list Band"), "{form}");
    let choice = format!("list-{}", list.id);
    let values = [
        ("text", "For the band"),
        ("audience", &*choice),
        ("key", "k"),
    ];
    let page = write(&here, &cookie, &values, &[]).await;
    settle(&[&here, &there]).await;
    let (yes, no) = (here.cookie(&ana).await, here.cookie(&bea).await);
    assert_eq!(here.get(&page, &[("cookie", &yes)]).await.status(), 200);
    assert_eq!(here.get(&page, &[("cookie", &no)]).await.status(), 404);
    assert_eq!(there.home_of("nina").await, ["For the band"]);
    assert!(there.home_of("olga").await.is_empty());
    // Whoever is taken off the list, or unfollowed, is outside at once; nobody writes to the list of somebody else.
    lists::set_people(here.app(), fan.id, list.id, &[ana.id], false)
        .await
        .unwrap();
    assert_eq!(here.get(&page, &[("cookie", &yes)]).await.status(), 404);
    let stranger = here.upload("/posts", &no, &values, &[]).await;
    assert_eq!(stranger.status(), 422);
}

async fn a_badge_is_shown_where_its_owner_wants_it(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    let ana = node.sign_up("ana").await;
    let cookie = node.cookie(&ana).await;
    let fans = tier(&node, &host, "Fans").await;
    let face = [
        ("name", "Goldfans"),
        ("colour", "#B1005A"),
        ("sign", "★"),
        ("how", "Be kind"),
    ];
    let change = format!("/operator/tiers/{fans}/change");
    assert_eq!(node.form(&change, &host, &face).await.status(), 303);
    let wrong = [("name", "Goldfans"), ("colour", "pink")];
    assert_eq!(node.form(&change, &host, &wrong).await.status(), 422);
    give(&node, &host, &fans, "ana").await;
    node.post(&ana, "hello").await;
    let seen = async |path: &str| text(node.get(path, &[]).await).await.contains("Goldfans");
    assert!(
        !seen("/@ana").await && !seen("/local").await,
        "nobody learns it unasked"
    );
    let show = format!("/tiers/{fans}/show");
    for (place, profile, beside) in [
        ("profile", true, false),
        ("everywhere", true, true),
        ("", false, false),
    ] {
        assert_eq!(
            node.form(&show, &cookie, &[("shown", place)])
                .await
                .status(),
            303
        );
        assert_eq!(
            (seen("/@ana").await, seen("/local").await),
            (profile, beside),
            "{place}"
        );
    }
    node.form(&show, &cookie, &[("shown", "everywhere")]).await;
    node.form(
        &format!("/operator/tiers/{fans}/take/{}", ana.id),
        &host,
        &[],
    )
    .await;
    assert!(!seen("/@ana").await && !seen("/local").await);
    // Whoever has nothing changes nothing.
    let bob = node.sign_up("bob").await;
    node.form(&show, &node.cookie(&bob).await, &[("shown", "everywhere")])
        .await;
    assert!(!seen("/@bob").await);
    assert_eq!(
        node.form(&show, "", &[("shown", "everywhere")])
            .await
            .status(),
        303
    );
}

async fn the_rule_of_a_tier_proposes_and_people_refuse(backend: Backend) {
    let (net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    let (ana, bob) = (node.sign_up("ana").await, node.sign_up("bob").await);
    let post = node.post(&nina, "What do you think?").await;
    let cookie = node.cookie(&ana).await;
    for (who, key) in [(&ana, "1"), (&bob, "2")] {
        let values = [
            ("text", "@nina well"),
            ("in_reply_to", &*post.id.to_string()),
            ("audience", "public"),
            ("key", key),
        ];
        write(&node, &node.cookie(who).await, &values, &[]).await;
    }
    let answers = node.app();
    let newest = afterparty::posts::thread::open_replies(answers, &post, 0, 10)
        .await
        .unwrap();
    let of = |who: &afterparty::accounts::Account| {
        newest
            .iter()
            .find(|post| post.account == who.id)
            .unwrap()
            .clone()
    };
    // A favourite of one's own does not count.
    afterparty::posts::favourites::set(node.app(), &nina, &of(&ana), true)
        .await
        .unwrap();
    afterparty::posts::favourites::set(node.app(), &bob, &of(&bob), true)
        .await
        .unwrap();
    let fans = tier(&node, &host, "Superfans").await;
    let id = AudienceId(fans.parse().unwrap());
    let proposed = async || {
        let tier = tiers::get(node.app(), id).await.unwrap();
        let (db, now) = (&node.app().db, node.app().clock.now());
        let found = rules::proposed(db, now, nina.id, &tier).await.unwrap();
        found
            .into_iter()
            .map(|(account, _)| account.name)
            .collect::<Vec<_>>()
    };
    assert!(proposed().await.is_empty(), "off until it is switched on");
    let rule = [("on", "1"), ("days", "30"), ("answers", "1")];
    node.form(&format!("/operator/tiers/{fans}/rule"), &host, &rule)
        .await;
    assert!(proposed().await.is_empty(), "not 30 days yet");
    net.clock
        .advance(std::time::Duration::from_secs(31 * 86_400));
    assert_eq!(proposed().await, ["ana"]);
    let (cookie, host) = (node.cookie(&ana).await, {
        let _ = (cookie, host);
        node.cookie(&nina).await
    });
    let mine = text(node.get("/tiers", &[("cookie", &cookie)]).await).await;
    assert!(
        mine.contains("30 days here")
            && mine.contains("so far 31")
            && mine.contains("You did all of that"),
        "{mine}"
    );
    let desk = text(node.get("/operator/tiers", &[("cookie", &host)]).await).await;
    assert!(desk.contains("31 days here · one answer"), "{desk}");
    // Whoever does not want it is not proposed, and cannot be given it.
    node.form(&format!("/tiers/{fans}/refuse"), &cookie, &[])
        .await;
    assert!(proposed().await.is_empty());
    let path = format!("/operator/tiers/{fans}/grant");
    assert_eq!(
        node.form(&path, &host, &[("handle", "ana")]).await.status(),
        422
    );
    node.form(&format!("/tiers/{fans}/want"), &cookie, &[])
        .await;
    node.form(
        &format!("/operator/tiers/{fans}/grant-proposed"),
        &host,
        &[],
    )
    .await;
    assert!(proposed().await.is_empty());
    assert_eq!(tiers::get(node.app(), id).await.unwrap().holders, 1);
}

async fn a_blur_that_everybody_sees_goes_with_the_copies(backend: Backend) {
    let (_net, node, peer) = TestNode::with_peer(&backend, "peer.test").await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    let ana = peer.actor("ana");
    let follow = peer.activity("Follow", &ana, 1, nina.uri.clone().into());
    assert_eq!(peer.send(&node, &follow).await, 202);
    settle(&[&node]).await;
    let fans = tier(&node, &host, "Superfans").await;
    give(&node, &host, &fans, "@ana@peer.test").await;
    let picture = png(40, 40);
    let values = [
        ("text", "Look at @bob, who is no superfan"),
        ("audience", "tiers"),
        ("tier", &*fans),
        ("teaser", "A picture for superfans"),
        ("blurred", "1"),
        ("travels", "text"),
        ("key", "k"),
    ];
    let bob = node.sign_up("bob").await;
    let page = write(&node, &host, &values, &[("file", "a.png", &picture)]).await;
    settle(&[&node]).await;
    let copy = peer.received("Create")[0]["object"].clone();
    let blur = &copy["attachment"][0];
    assert_eq!(copy["attachment"].as_array().unwrap().len(), 1);
    assert!(
        blur["blurhash"].is_string() && blur["mediaType"] == "image/png",
        "{blur}"
    );
    assert!(
        !copy.to_string().contains("/media/"),
        "the picture itself stays"
    );
    // Homes fetch it without saying who they are; it is no picture of ours.
    let address = blur["url"]
        .as_str()
        .unwrap()
        .replace("http://here.test", "");
    let fetched = node.get(&address, &[]).await;
    assert_eq!(fetched.status(), 200);
    assert_eq!(fetched.headers()["content-type"], "image/png");
    let bytes = fetched.bytes().await.unwrap();
    assert!(bytes.starts_with(b"\x89PNG") && *bytes != *picture);
    assert_eq!(node.get(&format!("{address}x"), &[]).await.status(), 404);
    // Being thanked in it opens no tier.
    let theirs = node.cookie(&bob).await;
    let shown = text(node.get(&page, &[("cookie", &theirs)]).await).await;
    assert!(
        shown.contains("A picture for superfans") && !shown.contains("who is no superfan"),
        "{shown}"
    );
    let stranger = text(node.get("/@nina", &[]).await).await;
    assert!(stranger.contains("A picture for superfans"), "{stranger}");
}
