//! What is done with a right and its entry in the log are one: nothing is done that cannot be written down.

use std::collections::BTreeSet;

use afterparty::accounts::Account;
use afterparty::kernel::db::sql;
use afterparty::moderation::measures;
use reqwest::Response;

use crate::both;
use crate::support::node::{ok, text};
use crate::support::rows::{assert_same, everything, run};
use crate::support::{Backend, Net, Peer, TestNode, settle};

both!(
    nothing_is_done_that_cannot_be_written_down,
    what_changes_nothing_is_not_written_down,
    who_is_let_in_again_stays,
    what_is_refused_leaves_a_report_open,
    two_who_publish_a_draft_publish_one,
);

/// Acts that only the program's verbs write; the test of the program walks them.
const VERBS: [&str; 3] = ["member-make-crew", "member-password", "member-token"];

/// A house in which everything can be done, and what was done so far.
struct House {
    node: TestNode,
    nina: Account,
    host: String,
    done: BTreeSet<String>,
}

impl House {
    async fn open(backend: &Backend) -> (Net, Peer, Self) {
        let (net, node, peer) = TestNode::with_peer(backend, "peer.test").await;
        let nina = node.host("nina").await;
        let host = node.cookie(&nina).await;
        let done = BTreeSet::new();
        let house = Self {
            node,
            nina,
            host,
            done,
        };
        (net, peer, house)
    }

    async fn entries(&self) -> i64 {
        self.node.count("SELECT COUNT(*) AS n FROM audit_log").await
    }

    /// Does something that is written down; before, where that fails, nothing at all happens.
    async fn does(&mut self, act: &str, path: &str, fields: &[(&str, &str)]) -> Response {
        let host = self.host.clone();
        self.does_as(&host, act, path, fields).await
    }

    async fn does_as(
        &mut self,
        cookie: &str,
        act: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Response {
        let node = &self.node;
        let send = async || match path {
            "/posts" | "/operator/look" => node.upload(path, cookie, fields, &[]).await,
            _ => node.form(path, cookie, fields).await,
        };
        let but = ["sessions", "audit_log", "audit_away"];
        run(node.db(), "ALTER TABLE audit_log RENAME TO audit_away").await;
        let before = everything(node.db(), &but).await;
        let refused = send().await;
        assert_eq!(refused.status(), 500, "{act}");
        let after = everything(node.db(), &but).await;
        assert_same(&before, &after, act);
        run(node.db(), "ALTER TABLE audit_away RENAME TO audit_log").await;
        let count = self.entries().await;
        let answer = send().await;
        assert!(
            answer.status().as_u16() < 400,
            "{act}: {}",
            text(answer).await
        );
        assert_eq!(self.entries().await, count + 1, "{act}");
        let last = sql("SELECT act FROM audit_log ORDER BY id DESC LIMIT 1")
            .one(node.db())
            .await
            .unwrap();
        assert_eq!(last.get::<String>("act").unwrap(), act);
        assert!(
            everything(node.db(), &but).await != before,
            "{act} did nothing"
        );
        self.done.insert(act.to_owned());
        answer
    }

    async fn newest(&self, statement: &'static str) -> i64 {
        self.node.count(statement).await
    }

    /// A member of the crew with one right, signed in.
    async fn helper(&self, name: &str, right: &str) -> String {
        let account = self.node.sign_up(name).await;
        let fields = [("handle", name), ("right", right)];
        ok(&self.node, "/operator/crew", &self.host, &fields).await;
        self.node.cookie(&account).await
    }
}

async fn nothing_is_done_that_cannot_be_written_down(backend: Backend) {
    let (_net, peer, mut house) = House::open(&backend).await;
    the_house_changes(&mut house).await;
    drafts_and_posts(&mut house).await;
    people_come_and_go(&mut house).await;
    tiers_are_given(&mut house).await;
    a_crowd_is_calmed(&mut house).await;
    somebody_is_measured(&mut house).await;
    nodes_are_measured(&mut house, &peer).await;
    let known = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/locales/en.ftl"));
    let known = known.unwrap();
    let missing: Vec<&str> = known
        .lines()
        .filter_map(|line| line.strip_prefix("act-")?.split(" =").next())
        .filter(|act| !house.done.contains(*act) && !VERBS.contains(act))
        .collect();
    assert!(missing.is_empty(), "not walked: {missing:?}");
}

async fn the_house_changes(house: &mut House) {
    let fields = [("name", "The Loft"), ("line", "Up here")];
    house.does("house", "/operator/house", &fields).await;
    let texts = [("about", "A loft"), ("rules", "Be kind")];
    house.does("texts", "/operator/texts", &texts).await;
    let colour = [("accent", "#0b7285"), ("face", "poster")];
    house.does("look", "/operator/look", &colour).await;
    house
        .does("front", "/operator/look/front", &[("shown", "about")])
        .await;
    let fields = [("text", "Doors at eight"), ("days", "2")];
    house
        .does("announced", "/operator/announcements", &fields)
        .await;
    let id = house.newest("SELECT MAX(id) AS n FROM announcements").await;
    let path = format!("/operator/announcements/{id}/take-back");
    house.does("unannounced", &path, &[("text", "x")]).await;
    run(
        house.node.db(),
        "INSERT INTO jobs (id, kind, body, run_at, dead_at) VALUES (1, 'forgotten', '{}', 0, 5)",
    )
    .await;
    house
        .does("jobs-retried", "/operator/jobs/retry", &[])
        .await;
    run(house.node.db(), "DELETE FROM jobs WHERE id = 1").await;
    let ana = house.node.sign_up("ana").await;
    let crew = format!("/operator/crew/{}", ana.id);
    house.does("crew", &crew, &[("right", "figures")]).await;
}

async fn drafts_and_posts(house: &mut House) {
    let drafts = house.helper("dora", "draft").await;
    let posts = house.helper("pia", "post").await;
    let post = |words, key| {
        [
            ("text", words),
            ("as_house", "1"),
            ("audience", "public"),
            ("key", key),
        ]
    };
    house
        .does_as(&posts, "posted", "/posts", &post("From the house", "k1"))
        .await;
    for (act, verb) in [
        ("draft-returned", "return"),
        ("draft-published", "publish"),
        ("draft-discarded", "discard"),
    ] {
        let handed = house
            .node
            .upload("/posts", &drafts, &post("A draft", verb), &[])
            .await;
        assert_eq!(handed.status(), 303);
        let id = house.newest("SELECT MAX(id) AS n FROM house_drafts").await;
        let seen = "SELECT MAX(updated_at) AS n FROM house_drafts";
        let seen = house.newest(seen).await.to_string();
        let fields = [("words", "Mind the typo"), ("seen", &*seen)];
        let path = format!("/operator/drafts/{id}/{verb}");
        house.does_as(&posts, act, &path, &fields).await;
    }
    let later = house.node.app().clock.now();
    let later = later.plus(std::time::Duration::from_secs(7200)).rfc3339();
    let mut later_post = post("Later", "k2").to_vec();
    later_post.extend([("at", &later[..16]), ("zone", "0")]);
    house.node.upload("/posts", &posts, &later_post, &[]).await;
    let id = house
        .newest("SELECT MAX(id) AS n FROM scheduled_posts")
        .await;
    house
        .does_as(&posts, "cancelled", &format!("/calendar/{id}/cancel"), &[])
        .await;
}

async fn people_come_and_go(house: &mut House) {
    let mode = [("mode", "request"), ("allowance", "2"), ("waiting", "1")];
    house.does("joining", "/operator/joining", &mode).await;
    for (act, verb) in [("let-in", "accept"), ("not-let-in", "refuse")] {
        run(
            house.node.db(),
            "INSERT INTO join_requests (id, name, email, password, answers, locale, created_at) SELECT COALESCE(MAX(id), 0) + 1, 'asks' || COUNT(*), 'asks' || COUNT(*) || '@mail.example', '', '[]', 'en', 1 FROM accounts WHERE name LIKE 'asks%'",
        )
        .await;
        let id = house.newest("SELECT MAX(id) AS n FROM join_requests").await;
        house
            .does(act, &format!("/operator/requests/{id}/{verb}"), &[])
            .await;
    }
    let fields = [("most", "3"), ("days", "7")];
    ok(&house.node, "/invitations", &house.host, &fields).await;
    let id = house.newest("SELECT MAX(id) AS n FROM invitations").await;
    house
        .does(
            "taken-back",
            &format!("/operator/invitations/{id}/revoke"),
            &[],
        )
        .await;
    let wolf = house.node.sign_up("wolf").await;
    sql("INSERT INTO waiting (id, token, code, account_id, origin_hash, verified_at, created_at) VALUES (7, 't', 'c', $1, '', 1, 1)")
        .bind(wolf.id)
        .run(house.node.db())
        .await
        .unwrap();
    house
        .does("admitted", "/operator/waiting", &[("one", "7")])
        .await;
    let list = [
        ("list", "email\nbea@mail.example\n"),
        ("proof", "The list at the merch table"),
        ("confirmed", "1"),
    ];
    house.does("imported", "/operator/import", &list).await;
    let bounced = [("bounced", "gone@mail.example")];
    house
        .does("mail-bounced", "/operator/import", &bounced)
        .await;
    let again = [("again", "gone@mail.example")];
    house.does("mail-again", "/operator/import", &again).await;
    let fields = [("name", "newcomer"), ("email", "new@mail.example")];
    house
        .does("member-made", "/operator/members", &fields)
        .await;
    let id = house.node.account("newcomer").await.id;
    for verb in ["disable", "enable", "make-host", "make-member"] {
        let path = format!("/operator/members/{id}/{verb}");
        house.does(&format!("member-{verb}"), &path, &[]).await;
    }
}

async fn tiers_are_given(house: &mut House) {
    let tier = [("name", "Circle"), ("colour", "#0b7285"), ("sign", "star")];
    house.does("tier-made", "/operator/tiers", &tier).await;
    let id = house
        .newest("SELECT MAX(audience_id) AS n FROM tiers")
        .await;
    let path = |verb: &str| format!("/operator/tiers/{id}/{verb}");
    let tier = [("name", "Ring"), ("colour", "#0b7285"), ("sign", "star")];
    house.does("tier-changed", &path("change"), &tier).await;
    let rule = [("on", "1"), ("days", "30"), ("answers", "1")];
    house.does("tier-rule", &path("rule"), &rule).await;
    house
        .does("tier-given", &path("grant"), &[("handle", "wolf")])
        .await;
    let wolf = house.node.account("wolf").await.id;
    house
        .does("tier-taken", &path(&format!("take/{wolf}")), &[])
        .await;
    house.does("tier-removed", &path("remove"), &[]).await;
}

async fn a_crowd_is_calmed(house: &mut House) {
    let peace = "/operator/peace";
    let pin = [("act", "pin"), ("note", "Slowly, please")];
    house.does("calm-pinned", peace, &pin).await;
    let begin = [("act", "begin"), ("kind", "hold"), ("lasts", "60")];
    house.does("calm-begun", peace, &begin).await;
    let end = [("act", "end"), ("kind", "hold")];
    house.does("calm-ended", peace, &end).await;
    ok(&house.node, peace, &house.host, &begin).await;
    // What waits now is let through, put aside and taken back.
    let post = house.node.post(&house.nina, "What do you say?").await;
    let wolf = house.node.account("wolf").await;
    let cookie = house.node.cookie(&wolf).await;
    let answers = post.id.to_string();
    for key in ["a", "b"] {
        let fields = [
            ("text", key),
            ("in_reply_to", &*answers),
            ("audience", "public"),
            ("key", key),
        ];
        house.node.upload("/posts", &cookie, &fields, &[]).await;
    }
    let waits = "SELECT MAX(id) AS n FROM posts WHERE held_audience IS NOT NULL";
    let queue = "/operator/queue";
    let one = house.newest(waits).await.to_string();
    let ticked = |act| [("act", act), ("post", &*one)];
    house.does("queue-dropped", queue, &ticked("drop")).await;
    house
        .does("queue-taken-back", queue, &[("act", "take-back")])
        .await;
    house
        .does("queue-released", queue, &ticked("release"))
        .await;
    house.does("calm-undone", peace, &[("act", "undo")]).await;
    let rules = [("first_posts", "2"), ("alarm_from", "20")];
    house.does("rules", "/operator/rules", &rules).await;
    let filter = [
        ("act", "add"),
        ("kind", "word"),
        ("pattern", "cheap"),
        ("does", "hold"),
    ];
    house
        .does("filter-added", "/operator/filters", &filter)
        .await;
    let id = house
        .newest("SELECT MAX(id) AS n FROM word_filters")
        .await
        .to_string();
    let filter = [("act", "remove"), ("id", &*id)];
    house
        .does("filter-removed", "/operator/filters", &filter)
        .await;
}

async fn report(node: &TestNode, about: &Account) -> i64 {
    let fan = match afterparty::accounts::find_local(node.app(), "teller")
        .await
        .unwrap()
    {
        Some(fan) => fan,
        None => node.sign_up("teller").await,
    };
    let fan = node.cookie(&fan).await;
    let told = [("comment", "This is not right"), ("category", "violation")];
    ok(
        node,
        &format!("/accounts/{}/send-report", about.id),
        &fan,
        &told,
    )
    .await;
    node.count("SELECT MAX(id) AS n FROM reports").await
}

async fn somebody_is_measured(house: &mut House) {
    let mel = house.node.sign_up("mel").await;
    let id = report(&house.node, &mel).await;
    let path = |verb: &str| format!("/operator/reports/{id}/{verb}");
    for (act, verb) in [
        ("report-assigned", "assign"),
        ("report-noted", "note"),
        ("report-closed", "close"),
        ("report-reopened", "reopen"),
    ] {
        house
            .does(act, &path(verb), &[("text", "Seen before")])
            .await;
    }
    let warn = [("kind", "silence"), ("reasons", "Too loud")];
    house.does("measured", &path("measure"), &warn).await;
    let account = format!("/operator/accounts/{}", mel.id);
    let blur = [("kind", "sensitive"), ("reasons", "Not for all")];
    house.does("measured", &account, &blur).await;
    let newest = "SELECT MAX(id) AS n FROM measures WHERE lifted_at IS NULL";
    let measure = house.newest(newest).await;
    let cookie = house.node.cookie(&mel).await;
    let appeal = [("appeal", "It was a quote")];
    ok(
        &house.node,
        &format!("/measures/{measure}/appeal"),
        &cookie,
        &appeal,
    )
    .await;
    let grant = format!("/operator/measures/{measure}/grant");
    house
        .does("appeal-answered", &grant, &[("words", "So it was")])
        .await;
    let lift = format!("/operator/measures/{}/lift", house.newest(newest).await);
    house.does("lifted", &lift, &[]).await;
}

async fn nodes_are_measured(house: &mut House, peer: &Peer) {
    let friend = peer.actor("friend");
    let follow = peer.activity("Follow", &friend, 1, house.nina.uri.clone().into());
    assert_eq!(peer.send(&house.node, &follow).await, 202);
    settle(&[&house.node]).await;
    peer.answer_inbox(503, &[]);
    house.node.post(&house.nina, "For those afar").await;
    settle(&[&house.node]).await;
    let id = house
        .newest("SELECT MAX(id) AS n FROM nodes WHERE host = 'peer.test'")
        .await;
    let path = |verb: &str| format!("/operator/nodes/{id}/{verb}");
    house.does("node-retry", &path("retry"), &[]).await;
    house.does("node-give-up", &path("give-up"), &[]).await;
    let host = "peer.test";
    let fields = [("only", "add"), ("host", host)];
    house
        .does("node-names", "/operator/blocks/names", &fields)
        .await;
    let fields = [("host", host), ("severity", "silence"), ("confirmed", "1")];
    house
        .does("node-measured", "/operator/blocks", &fields)
        .await;
    let fields = [("host", host)];
    house
        .does("node-released", "/operator/blocks/remove", &fields)
        .await;
    let fields = [
        ("list", "#domain,#severity\nbad.example,suspend\n"),
        ("confirmed", "1"),
    ];
    house
        .does("node-list", "/operator/blocks/list", &fields)
        .await;
}

/// A form with its fields, and how many entries come of sending it twice.
type Form<'a> = (&'a str, &'a [(&'a str, &'a str)], i64);

async fn what_changes_nothing_is_not_written_down(backend: Backend) {
    let (_net, _peer, house) = House::open(&backend).await;
    let ana = house.node.sign_up("ana").await;
    let crew = format!("/operator/crew/{}", ana.id);
    let enable = format!("/operator/members/{}/enable", ana.id);
    let forms: [Form<'_>; 9] = [
        ("/operator/house", &[("name", "The Loft"), ("line", "")], 1),
        ("/operator/joining", &[("mode", "invitation")], 1),
        (&crew, &[("right", "figures")], 1),
        (&enable, &[], 0),
        ("/operator/peace", &[("act", "pin"), ("note", "Slowly")], 1),
        // What waited for a look is let through each time.
        ("/operator/peace", &[("act", "undo")], 2),
        (
            "/operator/rules",
            &[("first_posts", "2"), ("alarm_from", "20")],
            1,
        ),
        ("/operator/jobs/retry", &[], 0),
        ("/operator/import", &[("bounced", "gone@mail.example")], 1),
    ];
    for (path, fields, written) in forms {
        let before = house.entries().await;
        for _ in 0..2 {
            ok(&house.node, path, &house.host, fields).await;
        }
        assert_eq!(house.entries().await - before, written, "{path}");
    }
}

async fn who_is_let_in_again_stays(backend: Backend) {
    let (net, _peer, house) = House::open(&backend).await;
    let node = &house.node;
    let mel = node.sign_up("mel").await;
    let suspend = [("kind", "suspend"), ("reasons", "Too loud")];
    ok(
        node,
        &format!("/operator/accounts/{}", mel.id),
        &house.host,
        &suspend,
    )
    .await;
    assert!(!node.account("mel").await.is_active());
    let enable = format!("/operator/members/{}/enable", mel.id);
    ok(node, &enable, &house.host, &[]).await;
    net.clock
        .advance(std::time::Duration::from_secs(31 * 86_400));
    measures::sweep(node.app()).await.unwrap();
    let mel = node.account("mel").await;
    assert!(mel.is_active() && mel.deleted_at.is_none());
    let of = measures::of(node.app(), mel.id).await.unwrap();
    assert!(of.iter().all(|measure| measure.lifted_at.is_some()));
}

async fn what_is_refused_leaves_a_report_open(backend: Backend) {
    let (_net, _peer, house) = House::open(&backend).await;
    let node = &house.node;
    let mel = node.sign_up("mel").await;
    let id = report(node, &mel).await;
    let before = everything(node.db(), &["sessions"]).await;
    let path = format!("/operator/reports/{id}/measure");
    for fields in [
        [("kind", "silence"), ("reasons", " "), ("sure", "")],
        [("kind", "delete"), ("reasons", "Enough"), ("sure", "")],
    ] {
        let refused = node.form(&path, &house.host, &fields).await;
        assert_eq!(refused.status(), 422);
    }
    let after = everything(node.db(), &["sessions"]).await;
    assert_same(&before, &after, "what was refused");
}

async fn two_who_publish_a_draft_publish_one(backend: Backend) {
    let (_net, _peer, house) = House::open(&backend).await;
    let node = &house.node;
    let dora = house.helper("dora", "draft").await;
    for number in 0..5 {
        let key = number.to_string();
        let fields = [
            ("text", "A draft"),
            ("as_house", "1"),
            ("audience", "public"),
            ("key", &*key),
        ];
        node.upload("/posts", &dora, &fields, &[]).await;
        let id = node.count("SELECT MAX(id) AS n FROM house_drafts").await;
        let seen = "SELECT MAX(updated_at) AS n FROM house_drafts";
        let seen = node.count(seen).await.to_string();
        let path = format!("/operator/drafts/{id}/publish");
        let press = async || {
            let fields = [("seen", &*seen)];
            node.form(&path, &house.host, &fields).await.status()
        };
        let entries = house.entries().await;
        let posts = node.count("SELECT COUNT(*) AS n FROM posts").await;
        let (one, two) = tokio::join!(press(), press());
        let taken = [one, two].iter().filter(|status| **status == 303).count();
        assert_eq!(taken, 1, "{one} {two}");
        assert_eq!(
            node.count("SELECT COUNT(*) AS n FROM posts").await,
            posts + 1
        );
        assert_eq!(house.entries().await, entries + 1);
    }
}
