//! Every page, on a phone and on a desk, light and dark, in both languages; what it weighs, and what axe says.

use afterparty::posts::compose::{Draft, NewPoll};
use serde_json::json;

use super::driver::{Browser, View};
use crate::support::{Backend, Net, Peer, TestNode, settle};
use afterparty::accounts::Account;
use afterparty::crew;
use afterparty::locale::Locale;
use afterparty::members::tiers::{self, Face, Rule};
use afterparty::members::waiting;
use afterparty::moderation::calm::{self, Calm, Kind};
use afterparty::moderation::{filters, measures, reports};
use afterparty::nodes::joining::{self, Joining};
use afterparty::posts;

/// A house with something of everything.
async fn furnished() -> (TestNode, Peer, String) {
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let peer = Peer::start(&mut net, "evil.test").await;
    let node = net.node("here.test", &Backend::Sqlite, listener, &[]).await;
    let nina = node.host("nina").await;
    let long = "A very long line without any end: https://a.example/".to_owned()
        + &"x".repeat(200)
        + " #tag @nobody@nowhere.example";
    let post = node.post(&nina, &long).await;
    node.write(
        &nina,
        Draft {
            text: "an answer".into(),
            in_reply_to: Some(post.id),
            ..Draft::default()
        },
    )
    .await;
    node.write(
        &nina,
        Draft {
            text: "with a warning".into(),
            warning: "Loud".into(),
            ..Draft::default()
        },
    )
    .await;
    let poll = NewPoll {
        hides_totals: false,
        options: vec!["one".into(), "two".into()],
        multiple: false,
        seconds: 3600,
    };
    node.write(
        &nina,
        Draft {
            text: "which?".into(),
            poll: Some(poll),
            ..Draft::default()
        },
    )
    .await;
    furnish_the_desk(&node, &nina).await;
    let eve = peer.actor("eve");
    let mut document = peer.actor_document("eve");
    document["name"] = json!("<img src=x onerror=alert(1)>");
    document["summary"] = json!("<script>alert(1)</script><img src=x onerror=alert(1)><p>bio</p>");
    peer.serve(&document);
    peer.send(&node, &peer.activity("Follow", &eve, 1, json!(nina.uri)))
        .await;
    for (n, payload) in [
        "<svg/onload=alert(1)>",
        "<img src=x onerror=alert(1)>",
        "<a href=\"javascript:alert(1)\">x</a>",
        "</textarea><script>alert(1)</script>",
    ]
    .iter()
    .enumerate()
    {
        let mut note = peer.note(&eve, n as u32, payload);
        note["to"] = json!([nina.uri, "https://www.w3.org/ns/activitystreams#Public"]);
        note["tag"] = json!([{"type": "Mention", "href": nina.uri}]);
        peer.send(&node, &peer.activity("Create", &eve, 10 + n as u32, note))
            .await;
    }
    settle(&[&node]).await;
    let cookie = node.cookie(&nina).await;
    let post = format!("/@nina/{}", post.id);
    (node, peer, format!("{cookie}\n{post}"))
}

/// Something on every page of the desk.
async fn furnish_the_desk(node: &TestNode, nina: &Account) {
    let app = node.app();
    let face = Face {
        name: "Superfans".into(),
        how: "Come to two shows".into(),
        colour: "#b1005a".into(),
        sign: "★".into(),
    };
    let rule = Rule {
        days: 30,
        answers: 5,
    };
    let joining = Joining {
        waiting: true,
        waiting_question: "Which song?".into(),
        ..joining::get(app).await.unwrap()
    };
    let rights = crew::Rights::parse("draft,moderate");
    let word = filters::Filter::new("word", "free tickets", "hold").unwrap();
    let now = app.clock.now();
    let later = now.plus(std::time::Duration::from_secs(86_400));
    let hold = Calm {
        kind: Kind::Hold,
        host: String::new(),
        minutes: 0,
        until: later,
    };
    let warning = (measures::Kind::Warn, "Too loud");
    let helper = node.sign_up("helper").await;
    let fan = node.sign_up("loud").await;
    let mut tx = app.db.begin().await.unwrap();
    let tier = tiers::create(&mut tx, now, nina.id, face).await.unwrap();
    tiers::set_rule(&mut tx, now, tier, Some(rule))
        .await
        .unwrap();
    joining::set(app, &mut tx, &joining).await.unwrap();
    crew::set_rights(&mut tx, now, helper.id, &rights)
        .await
        .unwrap();
    filters::add(&mut tx, now, &word).await.unwrap();
    calm::begin(&mut tx, now, nina, &hold).await.unwrap();
    measures::apply(app, &mut tx, nina, fan.id, warning, None)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let asking = waiting::Asking {
        from: [127, 0, 0, 1].into(),
        answer: "All of them",
        locale: Locale::En,
        by: "",
    };
    waiting::ask_by_mail(app, "ana@mail.example", &asking)
        .await
        .unwrap();
    let draft = Draft {
        text: "A draft".into(),
        ..Draft::default()
    };
    crew::drafts::prepare(app, (&helper, false), &draft, (None, None))
        .await
        .unwrap();
    posts::scheduled::create(app, nina, draft, later)
        .await
        .unwrap();
    let new = reports::New {
        comment: "Look",
        posts: &[],
        uri: None,
        forward: false,
        category: "spam",
    };
    reports::report(app, &helper, &fan, new).await.unwrap();
}

/// Pages that everybody sees, and those of a host.
fn everybody(post: &str) -> Vec<String> {
    let door = "/door?verb=follow&object=http%3A%2F%2Fhere.test%2Fusers%2Fnina";
    [
        "/",
        post,
        "/sign-in",
        "/door",
        door,
        "/about",
        "/shortcuts",
        "/offline",
        "/forgot",
        "/sign-up",
        "/embed",
        "/embed/@nina",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn of_the_host(post: &str) -> Vec<String> {
    let pages = [
        "/",
        "/@nina",
        post,
        "/home",
        "/houses",
        "/local",
        "/compose",
        "/conversations",
        "/notifications",
        "/bookmarks",
        "/requests",
        "/search?q=nina",
        "/settings",
        "/settings/apps",
        "/settings/security",
        "/settings/people",
        "/settings/leave",
        "/operator",
        "/operator/look",
        "/@eve@evil.test",
        "/@nina/followers",
        "/settings/factor",
        "/invitations",
        "/operator/joining",
        "/operator/tiers",
        "/settings/data",
        "/desk",
        "/calendar",
        "/operator/crew",
        "/operator/log",
        "/operator/figures",
        "/operator/peace",
        "/operator/queue",
        "/operator/rules",
        "/operator/blocks",
        "/operator/waiting",
        "/operator/import",
        "/tiers",
        "/measures",
        "/waiting",
        "/@nina?as=stranger",
        "/nothing",
    ];
    let mut pages = pages.map(str::to_owned).to_vec();
    let id = post.rsplit('/').next().unwrap();
    pages.push(format!("{post}/history"));
    pages.push(format!("/posts/{id}/edit"));
    pages.push(format!("/posts/{id}/delete"));
    pages.push(format!("/compose?quote={id}"));
    pages
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_fit_the_phone_and_nothing_foreign_runs() {
    let (node, _peer, seat) = furnished().await;
    let (cookie, post) = seat.split_once('\n').unwrap();
    let mut wrong = Vec::new();
    for (width, dark, tag) in [
        (360, false, "en"),
        (360, true, "de"),
        (1280, false, "de"),
        (1280, true, "en"),
    ] {
        let view = View {
            width,
            dark,
            scripts: true,
        };
        let Some(browser) = Browser::start(&[&node], view).await else {
            return;
        };
        browser.speak(tag).await;
        for path in everybody(post) {
            let who = format!("visitor-{tag}-");
            wrong.extend(browser.fits(&path, width, dark, &who).await);
        }
        browser.sign_in(cookie).await;
        for path in of_the_host(post) {
            wrong.extend(browser.fits(&path, width, dark, &format!("{tag}-")).await);
        }
        let complaints = browser.complaints().await;
        assert!(complaints.is_empty(), "{complaints:?}");
    }
    assert!(wrong.is_empty(), "axe: {wrong:#?}");
}

/// Bytes of an answer as they travel.
async fn weight(node: &TestNode, path: &str, cookie: &str) -> (usize, String) {
    let packed = [("accept-encoding", "gzip"), ("cookie", cookie)];
    let bytes = node.get(path, &packed).await.bytes().await.unwrap().len();
    let plain = node.get(path, &[("cookie", cookie)]).await;
    (bytes, plain.text().await.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_light() {
    let (node, _peer, seat) = furnished().await;
    let (cookie, post) = seat.split_once('\n').unwrap();
    let mut heaviest = (0, String::new());
    let everything = everybody(post).into_iter().map(|path| (path, ""));
    for (path, cookie) in everything.chain(of_the_host(post).into_iter().map(|path| (path, cookie)))
    {
        let (mut sum, page) = weight(&node, &path, cookie).await;
        let links = page.split(['"']).filter(|link| {
            let link = link.split('?').next().unwrap();
            [".css", ".js", ".woff2"]
                .iter()
                .any(|kind| link.ends_with(kind))
        });
        let mut scripts = 0;
        for link in links {
            let link = link.replace("&#38;", "&");
            let (bytes, _) = weight(&node, &link, "").await;
            sum += bytes;
            if link.contains(".js") {
                scripts += 1;
                assert!(bytes <= 40 << 10, "{link} is {bytes}");
            }
        }
        let wanted = i32::from(!path.starts_with("/embed"));
        assert_eq!(scripts, wanted, "{path}: one script");
        assert!(sum < 100 << 10, "{path} is {sum}");
        heaviest = heaviest.max((sum, path));
    }
    println!(
        "the heaviest page is {} with {} bytes",
        heaviest.1, heaviest.0
    );
}
