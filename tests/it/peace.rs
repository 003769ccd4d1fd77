//! Keeping the peace: what waits for a look, rules at the door, calm when a crowd comes, measures and reports.

use std::time::Duration;

use afterparty::accounts::Account;
use afterparty::audiences::Audience;
use afterparty::kernel::id::PostId;
use afterparty::moderation::{calm, measures};
use afterparty::posts::compose::Draft;
use afterparty::posts::{Post, held};
use afterparty::relations::follows;
use serde_json::json;

use crate::both;
use crate::support::node::{ok, text};
use crate::support::{Backend, Net, TestNode, settle};

both!(
    what_waits_is_seen_by_its_author_alone_until_it_is_let_through,
    the_rules_at_the_door_hold_turn_away_and_hide,
    calm_goes_by_the_clock_and_is_undone_at_once,
    a_crowd_waits_and_old_followers_pass,
    each_measure_does_what_it_says_until_it_is_lifted,
    who_is_measured_reads_why_and_answers,
    a_report_keeps_what_it_is_about_and_tells_what_came_of_it,
    measures_on_nodes_reach_below_and_show_what_they_cut,
    what_goes_around_the_gate_meets_it_too,
    the_gate_leaves_alone_what_is_no_business_of_the_house,
    a_scanner_takes_holds_and_turns_away,
    a_reported_picture_stays_for_who_looks,
    what_finds_its_place_or_its_words_later_meets_the_gate,
    who_is_suspended_elsewhere_reads_no_more_and_is_told_why,
    guests_come_in_by_the_rules_of_the_house,
);

/// A report about a post, which its author deletes then.
async fn report_and_delete(node: &TestNode, by: &str, author: &Account, post: &Post, words: &str) {
    let told = [
        ("comment", words),
        ("category", "violation"),
        ("post", &*post.uri),
    ];
    let path = format!("/accounts/{}/send-report", author.id);
    ok(node, &path, by, &told).await;
    afterparty::posts::remove::delete(node.app(), author, post.id)
        .await
        .unwrap();
}

/// An answer through the app's door; what the server says.
async fn answer(node: &TestNode, cookie: &str, to: &Post, words: &str) -> reqwest::Response {
    let (id, key) = (to.id.to_string(), format!("{words}{cookie}"));
    let fields = [
        ("text", words),
        ("in_reply_to", id.as_str()),
        ("audience", "public"),
        ("key", key.as_str()),
    ];
    node.upload("/posts", cookie, &fields, &[]).await
}

async fn begin(node: &TestNode, host: &str, kind: &str, more: &[(&str, &str)]) {
    let mut fields = vec![("act", "begin"), ("kind", kind), ("lasts", "60")];
    fields.extend(more);
    ok(node, "/operator/peace", host, &fields).await;
}

async fn undo(node: &TestNode, host: &str) {
    ok(node, "/operator/peace", host, &[("act", "undo")]).await;
}

fn reply(to: &Post, words: &str) -> Draft {
    Draft {
        text: words.into(),
        in_reply_to: Some(to.id),
        audience: Audience::Public,
        ..Draft::default()
    }
}

async fn waiting(node: &TestNode) -> i64 {
    held::counts(node.app()).await.unwrap().0
}

async fn what_waits_is_seen_by_its_author_alone_until_it_is_let_through(backend: Backend) {
    let (_net, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let nina = there.host("nina").await;
    let host = there.cookie(&nina).await;
    let ana = there.sign_up("ana").await;
    let ana_cookie = there.cookie(&ana).await;
    here.follow(&fan, "nina@there.test").await;
    here.follow(&fan, "ana@there.test").await;
    settle(&[&here, &there]).await;
    let post = there.post(&nina, "What do you say?").await;
    settle(&[&here, &there]).await;
    begin(&there, &host, "hold", &[]).await;

    let copy = here.post_by_uri(&post.uri).await.unwrap();
    here.write(&fan, reply(&copy, "@nina@there.test xyzzy from afar"))
        .await;
    let own = answer(&there, &ana_cookie, &post, "@nina xyzzy from here").await;
    assert_eq!(own.status(), 303);
    settle(&[&here, &there]).await;
    assert_eq!(waiting(&there).await, 2);
    assert_eq!(there.notices_of("nina").await, ["follow"]);
    let page = post.url.clone().unwrap().replace("http://there.test", "");
    let token = crate::members::token_of(&there, &nina).await;
    let bearer = format!("Bearer {token}");
    let shows = async |path: &str, header: (&str, &str)| {
        text(there.get(path, &[header]).await)
            .await
            .contains("xyzzy")
    };
    let places = [
        page.clone(),
        "/".into(),
        "/local".into(),
        "/home".into(),
        "/notifications".into(),
        "/search?q=xyzzy".into(),
        format!("/users/nina/posts/{}/replies", post.id),
        format!("/contexts/{}", post.id),
        "/users/ana/outbox?page=true".into(),
        "/@ana".into(),
        "/@fan@here.test".into(),
        format!("/api/v1/statuses/{}/context", post.id),
        "/api/v1/timelines/public".into(),
    ];
    let bob = there.sign_up("bob").await;
    let bob = there.cookie(&bob).await;
    for path in &places {
        for header in [
            ("x-nobody", ""),
            ("cookie", &*host),
            ("cookie", &*bob),
            ("authorization", &*bearer),
        ] {
            let title = path.starts_with("/search");
            assert!(title || !shows(path, header).await, "{path} as {header:?}");
        }
    }
    // Its author sees it where it stands, and that it waits.
    let mine = text(there.get(&page, &[("cookie", &ana_cookie)]).await).await;
    assert!(
        mine.contains("xyzzy from here") && mine.contains("Waits for a look"),
        "{mine}"
    );
    assert_eq!(there.count("SELECT COUNT(*) AS n FROM activities WHERE kind = 'Create' AND object_uri LIKE '%/ana/%'").await, 0);
    let queue = text(there.get("/operator/queue", &[("cookie", &host)]).await).await;
    assert!(
        queue.contains("xyzzy from afar")
            && queue.contains("xyzzy from here")
            && queue.contains("a stranger"),
        "{queue}"
    );

    // Put aside, it waits no longer; looked at again, it does.
    ok(&there, "/operator/queue", &host, &[("act", "drop-all")]).await;
    assert_eq!(waiting(&there).await, 0);
    ok(&there, "/operator/queue", &host, &[("act", "take-back")]).await;
    assert_eq!(waiting(&there).await, 2);
    // By node, then what is left.
    ok(
        &there,
        "/operator/queue",
        &host,
        &[("act", "release-all"), ("host", "here.test")],
    )
    .await;
    settle(&[&here, &there]).await;
    let shown = text(there.get(&page, &[]).await).await;
    assert!(
        shown.contains("xyzzy from afar") && !shown.contains("xyzzy from here"),
        "{shown}"
    );
    let left = held::list(there.app(), &held::Wished::default(), 10)
        .await
        .unwrap();
    let id = left[0].post.id.to_string();
    ok(
        &there,
        "/operator/queue",
        &host,
        &[("act", "release"), ("post", &id)],
    )
    .await;
    settle(&[&here, &there]).await;
    let told = there.notices_of("nina").await;
    assert_eq!(
        told.iter().filter(|kind| **kind == "mention").count(),
        2,
        "{told:?}"
    );
    let after = there.post_by_uri(&post.uri).await.unwrap();
    assert_eq!(after.replies_count, 2);
    assert!(
        here.post_by_uri(&left[0].post.uri).await.is_some(),
        "let through, it is sent"
    );
    assert!(shows("/search?q=from+here", ("cookie", &*ana_cookie)).await);
}

async fn the_rules_at_the_door_hold_turn_away_and_hide(backend: Backend) {
    let (_net, node, peer) = TestNode::with_peer(&backend, "peer.test").await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    let ana = node.sign_up("ana").await;
    let ana = node.cookie(&ana).await;
    let stranger = peer.actor("stranger");
    let post = node.post(&nina, "Hello").await;
    let mut number = 0;
    let mut from_afar = async |words: &str| {
        number += 1;
        let mut note = peer.note(&stranger, number, words);
        note["inReplyTo"] = json!(post.uri);
        let uri = note["id"].as_str().unwrap().to_owned();
        let activity = peer.activity("Create", &stranger, number, note);
        assert_eq!(peer.send(&node, &activity).await, 202);
        settle(&[&node]).await;
        node.post_by_uri(&uri).await
    };
    let rules = async |fields: &[(&str, &str)]| ok(&node, "/operator/rules", &host, fields).await;
    // Without rules everybody is heard.
    assert_eq!(from_afar("hello").await.unwrap().audience, Audience::Public);

    // Filters: tried first, then waiting, turned away, or hidden.
    let add = async |kind: &str, pattern: &str, does: &str| {
        let fields = [
            ("act", "add"),
            ("kind", kind),
            ("pattern", pattern),
            ("does", does),
        ];
        ok(&node, "/operator/filters", &host, &fields).await;
    };
    let tried = [
        ("act", "try"),
        ("kind", "word"),
        ("pattern", "hello"),
        ("does", "hold"),
    ];
    let tried = text(node.form("/operator/filters", &host, &tried).await).await;
    assert!(tried.contains("1 of the last thousand"), "{tried}");
    assert_eq!(
        node.count("SELECT COUNT(*) AS n FROM word_filters").await,
        0
    );
    add("word", "free tickets", "hold").await;
    add("link", "spam.example", "refuse").await;
    add("word", "gore", "hide").await;
    assert_eq!(
        from_afar("get Free Tickets").await.unwrap().audience,
        Audience::Held
    );
    assert!(from_afar("see https://a.spam.example/x").await.is_none());
    assert!(from_afar("gore").await.unwrap().sensitive);
    assert!(!from_afar("gorey").await.unwrap().sensitive);
    let refused = answer(&node, &ana, &post, "look http://spam.example").await;
    assert_eq!(refused.status(), 422);
    let page = text(refused).await;
    assert!(
        page.contains("Say it in other words") && page.contains("look http://spam.example"),
        "{page}"
    );
    // What passed and is changed into what does not, waits from then on.
    let passed = from_afar("nice").await.unwrap();
    let mut note = peer.note(&stranger, number_of(&passed), "free tickets after all");
    note["inReplyTo"] = json!(post.uri);
    let update = peer.activity("Update", &stranger, 900, note);
    assert_eq!(peer.send(&node, &update).await, 202);
    settle(&[&node]).await;
    assert_eq!(
        node.post_by_uri(&passed.uri).await.unwrap().audience,
        Audience::Held
    );

    // The first posts of somebody new wait; members of long standing do not.
    rules(&[("first_posts", "20")]).await;
    assert_eq!(
        from_afar("one more").await.unwrap().audience,
        Audience::Held
    );
    rules(&[("first_posts", "2")]).await;
    assert_eq!(
        from_afar("and more").await.unwrap().audience,
        Audience::Public
    );
    // Days and a tier: a member reads why, what comes from elsewhere waits.
    rules(&[("days", "3")]).await;
    assert_eq!(from_afar("too new").await.unwrap().audience, Audience::Held);
    let refused = answer(&node, &ana, &post, "too new, too").await;
    assert_eq!(refused.status(), 422);
    ok(&node, "/operator/tiers", &host, &[("name", "Fans")]).await;
    let tier = node
        .count("SELECT audience_id AS n FROM tiers")
        .await
        .to_string();
    rules(&[("tier", &tier)]).await;
    assert_eq!(from_afar("without").await.unwrap().audience, Audience::Held);
    let give = format!("/operator/tiers/{tier}/grant");
    ok(&node, &give, &host, &[("handle", "@stranger@peer.test")]).await;
    assert_eq!(from_afar("with").await.unwrap().audience, Audience::Public);
    ok(&node, &format!("/tiers/{tier}/refuse"), &ana, &[]).await;
    assert_eq!(answer(&node, &ana, &post, "without").await.status(), 422);
    // Pictures of strangers are hidden at first.
    let take = format!(
        "/operator/tiers/{tier}/take/{}",
        node.account("stranger@peer.test").await.id
    );
    ok(&node, &take, &host, &[]).await;
    rules(&[("blur", "1")]).await;
    assert!(from_afar("a picture").await.unwrap().sensitive);
    // Throw-away mail.
    let wrong = [("mail_domains", "bad/domain")];
    assert_eq!(
        node.form("/operator/rules", &host, &wrong).await.status(),
        422
    );
    rules(&[("mail_domains", "mail.example\nthrowaway.example")]).await;
    ok(&node, "/operator/joining", &host, &[("mode", "open")]).await;
    let fields = [
        ("name", "tom"),
        ("email", "tom@a.mail.example"),
        ("password", crate::support::node::PASSWORD),
    ];
    let refused = node.form("/sign-up", "", &fields).await;
    assert_eq!(refused.status(), 422);
    assert!(text(refused).await.contains("Use another one"));
}

/// The number a peer's note has in its address.
fn number_of(post: &Post) -> u32 {
    post.uri.rsplit('/').next().unwrap().parse().unwrap()
}

async fn calm_goes_by_the_clock_and_is_undone_at_once(backend: Backend) {
    let (net, node, peer) = TestNode::with_peer(&backend, "peer.test").await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    let (fan, stranger) = (peer.actor("fan"), peer.actor("stranger"));
    let follow = peer.activity("Follow", &fan, 1, nina.uri.clone().into());
    assert_eq!(peer.send(&node, &follow).await, 202);
    settle(&[&node]).await;
    let post = node.post(&nina, "Hello").await;
    settle(&[&node]).await;
    let mut number = 10;
    let mut from = async |actor: &str| {
        number += 1;
        let mut note = peer.note(actor, number, "well");
        note["inReplyTo"] = json!(post.uri);
        let uri = note["id"].as_str().unwrap().to_owned();
        let activity = peer.activity("Create", actor, number, note);
        assert_eq!(peer.send(&node, &activity).await, 202);
        settle(&[&node]).await;
        node.post_by_uri(&uri).await.unwrap().audience
    };
    let (open, waits) = (Audience::Public, Audience::Held);
    // Slowly: one a person in ten minutes.
    begin(&node, &host, "slow", &[("minutes", "10")]).await;
    assert_eq!(from(&fan).await, open);
    assert_eq!(from(&fan).await, waits);
    net.clock.advance(Duration::from_secs(11 * 60));
    assert_eq!(from(&fan).await, open);
    let host = node.cookie(&nina).await;
    undo(&node, &host).await;
    // Followers and guests only.
    begin(&node, &host, "known", &[]).await;
    assert_eq!((from(&fan).await, from(&stranger).await), (open, waits));
    undo(&node, &host).await;
    // One node.
    begin(&node, &host, "quarantine", &[("host", "peer.test")]).await;
    assert_eq!(from(&fan).await, waits);
    let nowhere = [
        ("act", "begin"),
        ("kind", "quarantine"),
        ("host", "no domain"),
    ];
    assert_eq!(
        node.form("/operator/peace", &host, &nowhere).await.status(),
        422
    );
    let end = [
        ("act", "end"),
        ("kind", "quarantine"),
        ("host", "peer.test"),
    ];
    ok(&node, "/operator/peace", &host, &end).await;
    assert_eq!(from(&fan).await, open);
    // Nobody: others are told, and told again when it is over by itself.
    peer.forget();
    begin(&node, &host, "pause", &[]).await;
    settle(&[&node]).await;
    let policy = |kind: &str| {
        let updates = peer.received("Update");
        let last = updates
            .last()
            .unwrap_or_else(|| panic!("no Update"))
            .clone();
        last["object"]["interactionPolicy"][kind]["automaticApproval"].clone()
    };
    assert_eq!(policy("canReply"), json!([nina.uri]));
    assert_eq!(from(&fan).await, waits);
    let ana = node.sign_up("ana").await;
    let refused = answer(&node, &node.cookie(&ana).await, &post, "kept words").await;
    assert_eq!(refused.status(), 422);
    let page = text(refused).await;
    assert!(
        page.contains("Answers are paused") && page.contains("kept words"),
        "{page}"
    );
    peer.forget();
    net.clock.advance(Duration::from_secs(3601));
    settle(&[&node]).await;
    assert_eq!(
        policy("canReply"),
        json!(["https://www.w3.org/ns/activitystreams#Public"])
    );
    assert_eq!(from(&fan).await, open);
    // A sentence for everybody; and one click for all of it.
    let host = node.cookie(&nina).await;
    ok(
        &node,
        "/operator/peace",
        &host,
        &[("act", "pin"), ("note", "Be kind to each other")],
    )
    .await;
    begin(&node, &host, "hold", &[]).await;
    begin(&node, &host, "slow", &[]).await;
    assert!(
        text(node.get("/", &[]).await)
            .await
            .contains("Be kind to each other")
    );
    undo(&node, &host).await;
    assert!(calm::active(node.app()).await.unwrap().is_empty());
    assert!(
        !text(node.get("/", &[]).await)
            .await
            .contains("Be kind to each other")
    );
    let log = text(node.get("/operator/log", &[("cookie", &host)]).await).await;
    assert!(log.contains("undid every measure"), "{log}");
}

async fn a_crowd_waits_and_old_followers_pass(backend: Backend) {
    let (net, [here, there]) = TestNode::two(&backend).await;
    let old = here.sign_up("old").await;
    let nina = there.host("nina").await;
    here.follow(&old, "nina@there.test").await;
    settle(&[&here, &there]).await;
    net.clock.advance(Duration::from_secs(31 * 86_400));
    let post = there.post(&nina, "An opinion").await;
    settle(&[&here, &there]).await;
    let copy = here.post_by_uri(&post.uri).await.unwrap();
    let mut crowd: Vec<Account> = Vec::new();
    for number in 0..50 {
        crowd.push(here.sign_up(&format!("angry{number}")).await);
    }
    // 500 answers of 50 fresh accounts, and ten of a follower of old among them.
    for round in 0..10 {
        for who in &crowd {
            // All of it within a minute.
            net.clock.advance(Duration::from_millis(110));
            let words = format!("@nina@there.test no, round {round}");
            here.write(who, reply(&copy, &words)).await;
        }
        here.write(
            &old,
            reply(&copy, &format!("@nina@there.test yes, round {round}")),
        )
        .await;
    }
    settle(&[&here, &there]).await;
    // What the house did not take at once, for there was too much of it, is sent again.
    for _ in 0..60 {
        if here.count("SELECT COUNT(*) AS n FROM deliveries").await == 0 {
            break;
        }
        net.clock.advance(Duration::from_secs(61));
        settle(&[&here, &there]).await;
    }
    let page = post.url.clone().unwrap().replace("http://there.test", "");
    let begun = std::time::Instant::now();
    let shown = text(there.get(&page, &[]).await).await;
    let drawn = begun.elapsed();
    let host = there.cookie(&nina).await;
    let begun = std::time::Instant::now();
    let desk = text(there.get("/operator/queue", &[("cookie", &host)]).await).await;
    let desk_drawn = begun.elapsed();
    assert!(desk.contains("a stranger"));
    let came = there
        .count("SELECT COUNT(*) AS n FROM posts WHERE in_reply_to_id IS NOT NULL")
        .await;
    let waits = waiting(&there).await;
    println!("crowd: {came} came, {waits} wait, the page took {drawn:?}, the queue {desk_drawn:?}");
    assert_eq!(came, 510, "nothing is lost");
    assert!(waits >= 475, "95 in a hundred wait: {waits}");
    for round in 0..10 {
        assert!(
            shown.contains(&format!("yes, round {round}")),
            "who followed for a month passes"
        );
    }
    // Whoever keeps the peace was told, once.
    assert_eq!(
        there
            .notices_of("nina")
            .await
            .iter()
            .filter(|kind| **kind == "alarm")
            .count(),
        1
    );
    // One click lets it all through, another measure none of it.
    let (all, _) = held::counts(there.app()).await.unwrap();
    ok(&there, "/operator/queue", &host, &[("act", "drop-all")]).await;
    assert_eq!(waiting(&there).await, 0);
    ok(&there, "/operator/queue", &host, &[("act", "take-back")]).await;
    ok(&there, "/operator/queue", &host, &[("act", "release-all")]).await;
    settle(&[&there]).await;
    let after = there.post_by_uri(&post.uri).await.unwrap();
    assert_eq!((all, after.replies_count), (waits, 510));
}

#[expect(clippy::too_many_lines, reason = "each measure in turn")]
async fn each_measure_does_what_it_says_until_it_is_lifted(backend: Backend) {
    let (net, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let nina = there.host("nina").await;
    let ana = there.sign_up("ana").await;
    here.follow(&fan, "nina@there.test").await;
    here.follow(&fan, "ana@there.test").await;
    settle(&[&here, &there]).await;
    let host = there.cookie(&nina).await;
    let (mine, theirs) = (
        there.post(&ana, "by ana").await,
        here.post(&fan, "hi @nina@there.test by fan").await,
    );
    settle(&[&here, &there]).await;
    let remote = there.account("fan@here.test").await;
    let cookie = there.cookie(&ana).await;
    let measure = async |who: &Account, kind: &str| {
        net.clock.advance(Duration::from_secs(1));
        let fields = [("kind", kind), ("reasons", "Because"), ("sure", "1")];
        ok(
            &there,
            &format!("/operator/accounts/{}", who.id),
            &host,
            &fields,
        )
        .await;
        let newest = "SELECT id AS n FROM measures ORDER BY created_at DESC LIMIT 1";
        let newest = there.count(newest).await;
        format!("/operator/measures/{newest}/lift")
    };
    let page = |post: &Post| post.url.clone().unwrap().replace("http://there.test", "");
    let status = async |path: &str, cookie: &str| {
        there
            .get(path, &[("cookie", cookie)])
            .await
            .status()
            .as_u16()
    };
    // Whoever keeps the peace does nothing to the house, nor without reasons.
    let of = |account: &Account| format!("/operator/accounts/{}", account.id);
    assert_eq!(
        there
            .form(&of(&nina), &host, &[("kind", "suspend"), ("reasons", "x")])
            .await
            .status(),
        403
    );
    assert_eq!(
        there
            .form(&of(&ana), &host, &[("kind", "suspend"), ("reasons", " ")])
            .await
            .status(),
        422
    );

    // Silence: on no public list.
    let local = async || {
        text(there.get("/local", &[]).await)
            .await
            .contains("by ana")
    };
    assert!(local().await);
    let lift = measure(&ana, "silence").await;
    assert!(!local().await);
    assert_eq!(status(&page(&mine), "").await, 200);
    ok(&there, &lift, &host, &[]).await;
    assert!(local().await);

    // Sensitive: pictures are hidden at first, of what is written from now on.
    let lift = measure(&ana, "sensitive").await;
    let form = [
        ("text", "a picture, says ana"),
        ("audience", "public"),
        ("key", "s"),
    ];
    there.upload("/posts", &cookie, &form, &[]).await;
    let newest = PostId(
        there
            .count("SELECT MAX(id) AS n FROM posts WHERE is_local = 1")
            .await,
    );
    assert!(
        afterparty::posts::find(there.app(), newest)
            .await
            .unwrap()
            .unwrap()
            .sensitive
    );
    ok(&there, &lift, &host, &[]).await;

    // Freeze: reads, writes nothing, on the page and in an app; nor from elsewhere.
    let lift = measure(&ana, "freeze").await;
    let frozen = measure(&remote, "freeze").await;
    assert_eq!(status("/home", &cookie).await, 200);
    let refused = there
        .upload(
            "/posts",
            &cookie,
            &[
                ("text", "What I had to say"),
                ("audience", "public"),
                ("key", "f"),
            ],
            &[],
        )
        .await;
    assert_eq!(refused.status(), 422);
    let refused = refused.text().await.unwrap();
    assert!(
        refused.contains("What I had to say") && refused.contains("can only read"),
        "nothing typed is lost"
    );
    assert_eq!(
        there
            .form(&format!("/accounts/{}/follow", nina.id), &cookie, &[])
            .await
            .status(),
        409
    );
    let bearer = format!("Bearer {}", crate::members::token_of(&there, &ana).await);
    let app = crate::support::node::client()
        .post(there.at("/api/v1/statuses"))
        .header("host", "there.test")
        .header("authorization", &bearer)
        .header("content-type", "application/x-www-form-urlencoded")
        .body("status=x")
        .send()
        .await
        .unwrap();
    assert_eq!(app.status(), 403);
    let unheard = here.post(&fan, "@nina@there.test while frozen").await;
    settle(&[&here, &there]).await;
    assert!(there.post_by_uri(&unheard.uri).await.is_none());
    for lift in [lift, frozen] {
        ok(&there, &lift, &host, &[]).await;
    }
    let heard = here.post(&fan, "@nina@there.test after that").await;
    settle(&[&here, &there]).await;
    assert!(there.post_by_uri(&heard.uri).await.is_some());

    // Suspend: locked out and hidden, old cookie and token included; lifted, everything is there again.
    let lift = measure(&ana, "suspend").await;
    let far = measure(&remote, "suspend").await;
    assert_eq!(status("/home", &cookie).await, 303);
    assert_eq!(
        there
            .get("/api/v1/timelines/home", &[("authorization", &bearer)])
            .await
            .status(),
        401
    );
    assert_eq!(status("/@ana", &host).await, 404);
    assert_eq!(status(&page(&mine), &host).await, 404);
    assert_eq!(
        there
            .document(&mine.uri.replace("http://there.test", ""))
            .await
            .0,
        404
    );
    let copy = there.post_by_uri(&theirs.uri).await.unwrap();
    assert_eq!(
        status(&format!("/@fan@here.test/{}", copy.id), &host).await,
        404
    );
    for lift in [lift, far] {
        ok(&there, &lift, &host, &[]).await;
    }
    assert_eq!(status(&page(&mine), "").await, 200);
    assert_eq!(
        status(&format!("/@fan@here.test/{}", copy.id), &host).await,
        200
    );

    // Suspended for 30 days, it is removed for good; and so is what is deleted.
    measure(&ana, "suspend").await;
    measure(&remote, "delete").await;
    settle(&[&here, &there]).await;
    assert!(there.post_by_uri(&theirs.uri).await.is_none());
    measures::sweep(there.app()).await.unwrap();
    assert!(there.account("ana").await.deleted_at.is_none());
    net.clock.advance(Duration::from_secs(31 * 86_400));
    measures::sweep(there.app()).await.unwrap();
    settle(&[&here, &there]).await;
    let gone =
        "SELECT COUNT(*) AS n FROM accounts WHERE name_key = 'ana' AND deleted_at IS NOT NULL";
    assert_eq!(here.count(gone).await, 1, "others are told");
}

async fn who_is_measured_reads_why_and_answers(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    let ana = node.sign_up("ana").await;
    let cookie = node.cookie(&ana).await;
    let path = format!("/operator/accounts/{}", ana.id);
    ok(
        &node,
        &path,
        &host,
        &[("kind", "silence"), ("reasons", "Too loud in the thread")],
    )
    .await;
    let mine = async || text(node.get("/measures", &[("cookie", &cookie)]).await).await;
    assert!(mine().await.contains("Too loud in the thread"));
    let id = node.count("SELECT MAX(id) AS n FROM measures").await;
    let appeal = format!("/measures/{id}/appeal");
    let bob = node.sign_up("bob").await;
    let bob = node.cookie(&bob).await;
    assert_eq!(
        node.form(&appeal, &bob, &[("appeal", "mine")])
            .await
            .status(),
        404
    );
    assert_eq!(
        node.form(&appeal, &cookie, &[("appeal", " ")])
            .await
            .status(),
        422
    );
    ok(
        &node,
        &appeal,
        &cookie,
        &[("appeal", "I was quoting the song")],
    )
    .await;
    assert_eq!(
        node.form(&appeal, &cookie, &[("appeal", "again")])
            .await
            .status(),
        404
    );
    let desk = text(node.get("/operator/peace", &[("cookie", &host)]).await).await;
    assert!(desk.contains("I was quoting the song"), "{desk}");
    ok(
        &node,
        &format!("/operator/measures/{id}/grant"),
        &host,
        &[("words", "Right, sorry")],
    )
    .await;
    let page = mine().await;
    assert!(
        page.contains("Right, sorry") && page.contains("lifted"),
        "{page}"
    );
    assert!(node.account("ana").await.silenced_at.is_none());
    assert_eq!(node.get("/measures", &[]).await.status(), 303);
}

async fn what_goes_around_the_gate_meets_it_too(backend: Backend) {
    let (net, node, peer) = TestNode::with_peer(&backend, "peer.test").await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    let ana = node.sign_up("ana").await;
    let cookie = node.cookie(&ana).await;
    let stranger = peer.actor("stranger");
    let post = node.post(&nina, "Hello").await;
    begin(&node, &host, "hold", &[]).await;
    // Only an id comes, and the answer is fetched.
    let mut note = peer.note(&stranger, 1, "fetched");
    note["inReplyTo"] = json!(post.uri);
    peer.serve(&note);
    let bare = peer.activity("Create", &stranger, 1, note["id"].clone());
    assert_eq!(peer.send_to(&node, "/users/nina/inbox", &bare).await, 202);
    // A quote without a mention, and a request to quote.
    let mut quote = peer.note(&stranger, 2, "quoting");
    quote["quote"] = json!(post.uri);
    let create = peer.activity("Create", &stranger, 2, quote.clone());
    assert_eq!(peer.send_to(&node, "/users/nina/inbox", &create).await, 202);
    let mut ask = peer.activity("QuoteRequest", &stranger, 3, json!(post.uri));
    ask["instrument"] = quote["id"].clone();
    assert_eq!(peer.send_to(&node, "/users/nina/inbox", &ask).await, 202);
    settle(&[&node]).await;
    for number in [1, 2] {
        let uri = peer.at(&format!("/notes/{number}"));
        if let Some(found) = node.post_by_uri(&uri).await {
            assert_eq!(found.audience, Audience::Held, "{uri}");
        }
    }
    assert_eq!(
        node.count("SELECT COUNT(*) AS n FROM quote_stamps").await,
        0
    );
    // What filters stop is stopped in a warning, too; and a member's edit cannot bring it in.
    let add = [
        ("act", "add"),
        ("kind", "word"),
        ("pattern", "free tickets"),
        ("does", "hold"),
    ];
    ok(&node, "/operator/filters", &host, &add).await;
    let hidden = [
        ("text", "."),
        ("warning", "free tickets"),
        ("audience", "public"),
        ("key", "w"),
    ];
    node.upload("/posts", &cookie, &hidden, &[]).await;
    let held = held::list(node.app(), &held::Wished::default(), 10)
        .await
        .unwrap();
    assert!(
        held.iter()
            .any(|one| one.author.id == ana.id && one.reason == "filter")
    );
    let mine = node.post(&ana, "harmless").await;
    let edited = node
        .form(
            &format!("/posts/{}/edit", mine.id),
            &cookie,
            &[("text", "free tickets")],
        )
        .await;
    assert_eq!(edited.status(), 422);
    // What waits does not leave by an edit; nor does deleting it count anything down.
    let waits = held
        .iter()
        .find(|one| one.author.id == ana.id)
        .unwrap()
        .post
        .clone();
    let changed = [("text", "@stranger@peer.test free"), ("warning", "")];
    peer.forget();
    node.form(&format!("/posts/{}/edit", waits.id), &cookie, &changed)
        .await;
    settle(&[&node]).await;
    assert!(peer.received("Update").is_empty() && peer.received("Create").is_empty());
    // An answer to what waits, waits with it, and comes with it.
    let chained = answer(&node, &cookie, &waits, "and more").await;
    assert_eq!(chained.status(), 303);
    let before = waiting(&node).await;
    ok(&node, "/operator/queue", &host, &[("act", "release-all")]).await;
    assert!(before >= 2 && waiting(&node).await == 0);
    assert_eq!(
        node.count("SELECT COUNT(*) AS n FROM posts WHERE audience = 'held'")
            .await,
        0
    );
    // Who was let in again is not removed when the time of their suspension comes.
    let suspend = [("kind", "suspend"), ("reasons", "Because")];
    ok(
        &node,
        &format!("/operator/accounts/{}", ana.id),
        &host,
        &suspend,
    )
    .await;
    let link = node.count("SELECT MAX(id) AS n FROM measures").await;
    assert_eq!(
        node.get(&format!("/appeal/{link}/wrong"), &[])
            .await
            .status(),
        404
    );
    ok(
        &node,
        &format!("/operator/members/{}/enable", ana.id),
        &host,
        &[],
    )
    .await;
    net.clock.advance(Duration::from_secs(31 * 86_400));
    measures::sweep(node.app()).await.unwrap();
    assert!(node.account("ana").await.deleted_at.is_none());
}

async fn the_gate_leaves_alone_what_is_no_business_of_the_house(backend: Backend) {
    let (_net, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let nina = there.host("nina").await;
    let ana = there.sign_up("ana").await;
    let host = there.cookie(&nina).await;
    there.follow(&ana, "fan@here.test").await;
    settle(&[&here, &there]).await;
    begin(&there, &host, "hold", &[]).await;
    begin(&there, &host, "pause", &[]).await;
    for pattern in ["secret", "tour"] {
        let add = [
            ("act", "add"),
            ("kind", "word"),
            ("pattern", pattern),
            ("does", "hold"),
        ];
        ok(&there, "/operator/filters", &host, &add).await;
    }
    // Direct messages, what one writes for one's own followers, and posts that have nothing to do with the house.
    for (words, audience) in [
        ("@ana@there.test a secret", Audience::People),
        (
            "a secret for followers of @ana@there.test",
            Audience::Followers,
        ),
        ("my tour", Audience::Public),
    ] {
        let draft = Draft {
            text: words.into(),
            audience,
            ..Draft::default()
        };
        let sent = here.write(&fan, draft).await;
        settle(&[&here, &there]).await;
        let found = there.post_by_uri(&sent.uri).await.unwrap();
        assert_eq!(found.audience, audience, "{words}");
    }
    assert_eq!(waiting(&there).await, 0);
    // Nobody reads a direct message of others by reporting it.
    let direct = there
        .count("SELECT id AS n FROM posts WHERE audience = 'people'")
        .await;
    let direct = afterparty::posts::find(there.app(), PostId(direct))
        .await
        .unwrap()
        .unwrap();
    let report = format!("/accounts/{}/send-report", direct.account);
    let fields = [("comment", "look"), ("post", &*direct.uri)];
    assert_eq!(there.form(&report, &host, &fields).await.status(), 404);
}

async fn a_scanner_takes_holds_and_turns_away(backend: Backend) {
    use axum::routing::post;
    let said = std::sync::Arc::new(std::sync::Mutex::new("allow".to_owned()));
    let says = said.clone();
    let answer = move |body: axum::body::Bytes| async move {
        assert!(
            body.starts_with(b"\x89PNG"),
            "the file comes whole, as it is"
        );
        format!("{{\"verdict\": \"{}\"}}", says.lock().unwrap())
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/scan", listener.local_addr().unwrap());
    let service = axum::Router::new().route("/scan", post(answer));
    let server = tokio::spawn(async move { axum::serve(listener, service).await });
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let node = net
        .node("here.test", &backend, listener, &[("media.scanner", &url)])
        .await;
    node.host("nina").await;
    let ana = node.sign_up("ana").await;
    let cookie = node.cookie(&ana).await;
    let png = crate::support::node::png(20, 20);
    let upload = async |verdict: &str| {
        verdict.clone_into(&mut said.lock().unwrap());
        let fields = [
            ("text", verdict),
            ("audience", "public"),
            ("key", verdict),
            ("described", "1"),
        ];
        node.upload("/posts", &cookie, &fields, &[("file", "a.png", &png)])
            .await
    };
    assert_eq!(upload("allow").await.status(), 303);
    assert_eq!(waiting(&node).await, 0);
    assert_eq!(upload("hold").await.status(), 303);
    assert_eq!(waiting(&node).await, 1);
    let refused = upload("block").await;
    assert_eq!(refused.status(), 422);
    assert!(text(refused).await.contains("not taken"));
    // What says something else, or nothing, lets the file wait: nothing is lost, and nothing slips by.
    assert_eq!(upload("perhaps").await.status(), 303);
    assert_eq!(waiting(&node).await, 2);
    server.abort();
    let _ = server.await;
    assert_eq!(upload("silent").await.status(), 303);
    assert_eq!(waiting(&node).await, 3);
}

async fn a_report_keeps_what_it_is_about_and_tells_what_came_of_it(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    let (ana, bob) = (node.sign_up("ana").await, node.sign_up("bob").await);
    let post = node.post(&bob, "Something foul").await;
    let cookie = node.cookie(&ana).await;
    report_and_delete(&node, &cookie, &bob, &post, "Look at this").await;
    let id = node.count("SELECT MAX(id) AS n FROM reports").await;
    let path = format!("/operator/reports/{id}");
    let page = async || text(node.get(&path, &[("cookie", &host)]).await).await;
    let shown = page().await;
    assert!(
        shown.contains("Something foul") && shown.contains("Against the rules"),
        "{shown}"
    );
    assert_eq!(node.get(&path, &[("cookie", &cookie)]).await.status(), 404);
    ok(&node, &format!("{path}/assign"), &host, &[]).await;
    ok(
        &node,
        &format!("{path}/note"),
        &host,
        &[("text", "Second time this week")],
    )
    .await;
    let shown = page().await;
    assert!(
        shown.contains("nina looks at it") && shown.contains("Second time this week"),
        "{shown}"
    );
    assert_eq!(
        node.form(&format!("{path}/measure"), &host, &[("kind", "warn")])
            .await
            .status(),
        422
    );
    ok(
        &node,
        &format!("{path}/measure"),
        &host,
        &[("kind", "warn"), ("reasons", "Not here")],
    )
    .await;
    assert!(page().await.contains("This report is closed"));
    let fields = [("comment", "Again"), ("category", "spam")];
    ok(
        &node,
        &format!("/accounts/{}/send-report", bob.id),
        &cookie,
        &fields,
    )
    .await;
    let id = node.count("SELECT MAX(id) AS n FROM reports").await;
    let shown = text(
        node.get(&format!("/operator/reports/{id}"), &[("cookie", &host)])
            .await,
    )
    .await;
    assert!(
        shown.contains("reported 2 times") && shown.contains("one measure so far"),
        "{shown}"
    );
}

async fn measures_on_nodes_reach_below_and_show_what_they_cut(backend: Backend) {
    let (_net, node, peer) = TestNode::with_peer(&backend, "loud.peer.test").await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    let fan = peer.actor("fan");
    let follow = peer.activity("Follow", &fan, 1, nina.uri.clone().into());
    assert_eq!(peer.send(&node, &follow).await, 202);
    settle(&[&node]).await;
    let mut number = 10;
    let mut from = async || {
        number += 1;
        let mut note = peer.note(&fan, number, "@nina hi");
        note["tag"] = json!([{"type": "Mention", "href": nina.uri, "name": "@nina@here.test"}]);
        note["attachment"] =
            json!([{"type": "Document", "mediaType": "image/png", "url": peer.at("/a.png")}]);
        let uri = note["id"].as_str().unwrap().to_owned();
        let activity = peer.activity("Create", &fan, number, note);
        let status = peer.send(&node, &activity).await;
        settle(&[&node]).await;
        (status, node.post_by_uri(&uri).await)
    };
    let set = async |severity: &str, more: &[(&str, &str)]| {
        let mut fields = vec![
            ("host", "peer.test"),
            ("severity", severity),
            ("confirmed", "1"),
        ];
        fields.extend(more);
        ok(&node, "/operator/blocks", &host, &fields).await;
    };
    let public = async || {
        let found = node.get("/api/v1/timelines/public", &[]).await;
        text(found).await.contains("loud.peer.test")
    };
    assert!(from().await.1.is_some() && public().await);
    // Silenced, also for who comes later.
    set(
        "silence",
        &[("reject_media", "1"), ("comment", "Much noise")],
    )
    .await;
    let (_, post) = from().await;
    assert!(!public().await);
    let media = afterparty::media::of_post(node.app(), post.unwrap().id)
        .await
        .unwrap();
    assert!(media.is_empty(), "no media are taken");
    // What suspending would cut is shown before anything happens.
    let asked = [("host", "peer.test"), ("severity", "suspend")];
    let shown = text(node.form("/operator/blocks", &host, &asked).await).await;
    assert!(
        shown.contains("Nothing has happened yet")
            && shown.contains("<td>1</td><td>1</td><td>0</td>"),
        "{shown}"
    );
    assert_eq!(node.followers_of("nina").await.len(), 1);
    let csv = text(node.get("/operator/blocks.csv", &[("cookie", &host)]).await).await;
    assert!(
        csv.contains("peer.test,silence,true,false,\"Much noise\",false"),
        "{csv}"
    );
    set("suspend", &[]).await;
    assert!(node.followers_of("nina").await.is_empty());
    assert_eq!(from().await.0, 403);
    ok(
        &node,
        "/operator/blocks/remove",
        &host,
        &[("host", "peer.test")],
    )
    .await;
    assert_eq!(from().await.0, 202);
    // A list: shown, then taken; what cannot be read is said.
    let list = "#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate\npeer.test,suspend,true,true,bad,false\nnot a domain,suspend,,,,\nhere.test,suspend,,,,";
    let shown = text(
        node.form("/operator/blocks/list", &host, &[("list", list)])
            .await,
    )
    .await;
    assert!(
        shown.contains("One line could not be read") && shown.contains("not a domain"),
        "{shown}"
    );
    assert_eq!(node.count("SELECT COUNT(*) AS n FROM node_blocks").await, 0);
    ok(
        &node,
        "/operator/blocks/list",
        &host,
        &[("list", list), ("confirmed", "1")],
    )
    .await;
    assert_eq!(
        node.count("SELECT COUNT(*) AS n FROM node_blocks").await,
        1,
        "never ourselves"
    );
    let nothing = [("list", "nothing here")];
    assert_eq!(
        node.form("/operator/blocks/list", &host, &nothing)
            .await
            .status(),
        422
    );
    ok(
        &node,
        "/operator/blocks/remove",
        &host,
        &[("host", "peer.test")],
    )
    .await;
    // Named nodes only.
    follows::request(node.app(), &nina, &node.account("fan@loud.peer.test").await)
        .await
        .unwrap();
    let asked = node
        .form("/operator/blocks/names", &host, &[("only", "on")])
        .await;
    assert_eq!(asked.status(), 200);
    assert!(
        text(asked).await.contains("<td>loud.peer.test</td>"),
        "what it would cut is shown"
    );
    assert_eq!(from().await.0, 202, "nothing happened yet");
    let confirmed = [("only", "on"), ("confirmed", "1")];
    ok(&node, "/operator/blocks/names", &host, &confirmed).await;
    assert_eq!(from().await.0, 403);
    ok(
        &node,
        "/operator/blocks/names",
        &host,
        &[("only", "add"), ("host", "peer.test")],
    )
    .await;
    assert_eq!(from().await.0, 202);
    let _ = follows::find(&node.app().db, nina.id, nina.id)
        .await
        .unwrap();
}

async fn what_finds_its_place_or_its_words_later_meets_the_gate(backend: Backend) {
    let (_net, node, peer) = TestNode::with_peer(&backend, "peer.test").await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    let post = node.post(&nina, "New song").await;
    ok(
        &node,
        "/operator/filters",
        &host,
        &[
            ("kind", "word"),
            ("pattern", "foul"),
            ("does", "hold"),
            ("act", "add"),
        ],
    )
    .await;
    // The answer to an answer that is not known yet, from who follows nobody here but names the host.
    let fan = peer.actor("fan");
    let mut first = peer.note(&fan, 1, "harmless");
    first["inReplyTo"] = json!(post.uri);
    let mut second = peer.note(&fan, 2, "something foul");
    second["inReplyTo"] = first["id"].clone();
    second["cc"] = json!([nina.uri]);
    let uri = second["id"].as_str().unwrap().to_owned();
    let create = peer.activity("Create", &fan, 2, second);
    assert_eq!(peer.send(&node, &create).await, 202);
    settle(&[&node]).await;
    assert_eq!(waiting(&node).await, 0, "it answers nothing that is known");
    let create = peer.activity("Create", &fan, 1, first);
    assert_eq!(peer.send(&node, &create).await, 202);
    settle(&[&node]).await;
    assert_eq!(waiting(&node).await, 1);
    let held = node.post_by_uri(&uri).await.unwrap();
    assert_eq!(held.audience, Audience::Held);
    // It is looked at with all that it is, and by itself.
    let queue = |wish: &str| {
        let (node, host, path) = (&node, &host, format!("/operator/queue{wish}"));
        async move { node.get(&path, &[("cookie", host)]).await }
    };
    assert!(text(queue("").await).await.contains("something foul"));
    assert!(
        text(queue("?host=peer.test").await)
            .await
            .contains("something foul")
    );
    assert!(
        !text(queue("?host=-").await)
            .await
            .contains("something foul")
    );
    assert_eq!(queue("?author=nobody").await.status(), 404);
    ok(
        &node,
        "/operator/queue",
        &host,
        &[("act", "drop-all"), ("host", "-")],
    )
    .await;
    assert_eq!(waiting(&node).await, 1, "the house's own only");
    // What is hidden at first stays hidden when its author changes it.
    ok(&node, "/operator/rules", &host, &[("blur", "1")]).await;
    let ana = node.sign_up("ana").await;
    let cookie = node.cookie(&ana).await;
    let png = crate::support::node::png(20, 20);
    let fields = [
        ("text", "a picture"),
        ("audience", "public"),
        ("key", "b"),
        ("described", "1"),
    ];
    node.upload("/posts", &cookie, &fields, &[("file", "a.png", &png)])
        .await;
    let newest = node
        .count("SELECT MAX(id) AS n FROM posts WHERE is_local = 1")
        .await;
    let sensitive = async || {
        let post = afterparty::posts::find(node.app(), PostId(newest))
            .await
            .unwrap();
        post.unwrap().sensitive
    };
    assert!(sensitive().await);
    ok(
        &node,
        &format!("/posts/{newest}/edit"),
        &cookie,
        &[("text", "the picture")],
    )
    .await;
    assert!(sensitive().await);
    // Posts that nobody but followers reads are no first posts.
    ok(&node, "/operator/rules", &host, &[("first_posts", "1")]).await;
    let bob = node.sign_up("bob").await;
    let cookie = node.cookie(&bob).await;
    for (key, audience) in [("1", "followers"), ("2", "public")] {
        let fields = [("text", "hello"), ("audience", audience), ("key", key)];
        node.upload("/posts", &cookie, &fields, &[]).await;
    }
    assert_eq!(waiting(&node).await, 2);
}

async fn who_is_suspended_elsewhere_reads_no_more_and_is_told_why(backend: Backend) {
    let (_net, node, peer) = TestNode::with_peer(&backend, "peer.test").await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    let fan = peer.actor("fan");
    let follow = peer.activity("Follow", &fan, 1, nina.uri.clone().into());
    assert_eq!(peer.send(&node, &follow).await, 202);
    settle(&[&node]).await;
    let narrow = Draft {
        text: "for followers".into(),
        audience: Audience::Followers,
        ..Draft::default()
    };
    let post = node.write(&nina, narrow).await;
    let path = post.uri.replace("http://here.test", "");
    assert_eq!(peer.fetch(&node, &fan, &path).await.0, 200);
    let account = node.account("fan@peer.test").await;
    let fields = [("kind", "suspend"), ("reasons", "Enough is enough")];
    let form = format!("/operator/accounts/{}", account.id);
    ok(&node, &form, &host, &fields).await;
    assert_eq!(
        node.form(&form, &host, &fields).await.status(),
        422,
        "once is enough"
    );
    settle(&[&node]).await;
    assert_ne!(peer.fetch(&node, &fan, &path).await.0, 200);
    let told = peer
        .received("Create")
        .into_iter()
        .find(|activity| activity.to_string().contains("Enough is enough"));
    let told = told.expect("a statement of reasons").to_string();
    let link = told.split("http://here.test/appeal/").nth(1).unwrap();
    let link = format!("/appeal/{}", link.split(['"', '\\', '<']).next().unwrap());
    ok(&node, &link, "", &[("appeal", "That was my sister")]).await;
    // While nobody answered, nothing is removed for good.
    let page = text(node.get(&form, &[("cookie", &host)]).await).await;
    assert!(page.contains("That was my sister"), "{page}");
    // Deleting asks whether one knows what it is.
    let gone = [("kind", "delete"), ("reasons", "x")];
    assert_eq!(node.form(&form, &host, &gone).await.status(), 422);
}

async fn guests_come_in_by_the_rules_of_the_house(backend: Backend) {
    let (net, node, peer) = TestNode::with_peer(&backend, "peer.test").await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    let fan = peer.actor("fan");
    let follow = peer.activity("Follow", &fan, 1, nina.uri.clone().into());
    assert_eq!(peer.send(&node, &follow).await, 202);
    settle(&[&node]).await;
    let guest = node.account("fan@peer.test").await;
    let comes_in = async || {
        afterparty::guests::check(node.app(), &guest)
            .await
            .unwrap()
            .is_ok()
    };
    assert!(comes_in().await);
    ok(&node, "/operator/rules", &host, &[("guest_days", "3650")]).await;
    assert_eq!(
        (
            comes_in().await,
            net.clock.now().since(guest.created_at).as_secs() / 86_400 >= 3650
        ),
        (false, false)
    );
    ok(&node, "/operator/rules", &host, &[("guest_days", "0")]).await;
    assert!(comes_in().await);
}

async fn a_reported_picture_stays_for_who_looks(backend: Backend) {
    let (net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    let (ana, bob) = (node.sign_up("ana").await, node.sign_up("bob").await);
    let (hers, his) = (node.cookie(&ana).await, node.cookie(&bob).await);
    let png = crate::support::node::png(30, 30);
    let fields = [
        ("text", "foul"),
        ("audience", "public"),
        ("key", "f"),
        ("described", "1"),
    ];
    node.upload("/posts", &his, &fields, &[("file", "a.png", &png)])
        .await;
    let newest = PostId(node.count("SELECT MAX(id) AS n FROM posts").await);
    let post = afterparty::posts::find(node.app(), newest)
        .await
        .unwrap()
        .unwrap();
    report_and_delete(&node, &hers, &bob, &post, "Look").await;
    settle(&[&node]).await;
    let report = node.count("SELECT id AS n FROM reports").await;
    let page = format!("/operator/reports/{report}");
    let shown = text(node.get(&page, &[("cookie", &host)]).await).await;
    let file = shown
        .split("href=\"/media/")
        .nth(1)
        .expect("the file")
        .split('"')
        .next()
        .unwrap();
    let file = format!("/media/{file}");
    let status = async |cookie: &str| {
        node.get(&file, &[("cookie", cookie)])
            .await
            .status()
            .as_u16()
    };
    assert_eq!(
        (
            status(&host).await,
            status(&hers).await,
            status(&his).await,
            status("").await
        ),
        (200, 404, 404, 404)
    );
    // A month after it is closed, it goes.
    ok(&node, &format!("{page}/close"), &host, &[]).await;
    net.clock.advance(Duration::from_secs(31 * 86_400));
    afterparty::moderation::reports::sweep(node.app())
        .await
        .unwrap();
    assert_eq!(node.count("SELECT COUNT(*) AS n FROM files").await, 0);
}
