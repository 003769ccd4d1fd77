//! Whole journeys by clicking, between two houses; with scripts and without.

use afterparty::accounts::Role;
use afterparty::accounts::create::{self, New};
use afterparty::audiences::Audience;
use afterparty::posts::compose::Draft;

use super::driver::{Browser, View};
use crate::support::node::PASSWORD;
use crate::support::{Backend, TestNode, settle};

pub(super) const PHONE_WITHOUT_SCRIPTS: View = View {
    scripts: false,
    ..View::PHONE
};

/// Nodes that work while somebody clicks.
pub(super) struct AtWork(tokio::task::JoinHandle<()>);

impl AtWork {
    fn begin(nodes: [std::sync::Arc<TestNode>; 2]) -> Self {
        Self(tokio::spawn(async move {
            let mut readers = nodes
                .each_ref()
                .map(|node| afterparty::jobs::news::Reader::new(node.app().clock.now()));
            loop {
                for node in &nodes {
                    let _ = afterparty::worker::turn(node.app()).await;
                }
                for (node, reader) in nodes.iter().zip(&mut readers) {
                    for told in reader.read(node.app()).await.unwrap() {
                        let _ = node.app().news.send(told);
                    }
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }))
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(super) async fn two() -> (crate::support::Net, [std::sync::Arc<TestNode>; 2], AtWork) {
    let (net, nodes) = TestNode::two(&Backend::Sqlite).await;
    let nodes = nodes.map(std::sync::Arc::new);
    for (node, name, role) in [
        (&nodes[0], "fan", Role::Member),
        (&nodes[1], "nina", Role::Host),
    ] {
        let new = New {
            name,
            display_name: "",
            email: None,
            password: PASSWORD,
            role,
            confirmed: true,
        };
        create::create(node.app(), new).await.unwrap();
    }
    let work = AtWork::begin(nodes.clone());
    (net, nodes, work)
}

/// Signs in on the page that asks for it.
pub(super) async fn sign_in(browser: &Browser, name: &str) {
    browser.write("input[name=login]", name).await;
    browser.write("input[name=password]", PASSWORD).await;
    browser.click("main form button").await;
}

/// From the second house home and back: follow, then come in and read what only followers see.
async fn a_fan_follows_and_comes_in(view: View, name: &str) {
    let (_net, [here, there], _work) = two().await;
    let nina = there.account("nina").await;
    let narrow = Draft {
        text: "For those who follow".into(),
        audience: Audience::Followers,
        ..Draft::default()
    };
    there.write(&nina, narrow).await;
    let Some(browser) = Browser::start(&[&there, &here], view).await else {
        return;
    };
    browser.open("/").await;
    browser.sees("only for people who follow").await;
    browser.click(".front-acts a.button").await;
    browser.write("input[name=home]", "@fan@here.test").await;
    browser.snap(&format!("journey-{name}-1-door")).await;
    browser.click("main form button").await;
    browser.sees("door/done").await;
    browser.snap(&format!("journey-{name}-2-offer")).await;
    browser.click("main p a.button").await;
    browser.sees("name=\"login\"").await;
    sign_in(&browser, "fan").await;
    browser.sees("/intents/follow").await;
    browser.snap(&format!("journey-{name}-3-home")).await;
    browser.click("main form button").await;
    // Back at the second house, which turns when the signed activity arrives.
    browser.sees("It arrived here").await;
    assert!(
        browser
            .place()
            .await
            .starts_with("http://there.test/door/done/")
    );
    browser.snap(&format!("journey-{name}-4-done")).await;

    // The second time nothing is typed: one click here, one at home.
    let started = std::time::Instant::now();
    browser.open("/door?next=%2F").await;
    browser.click("button[formaction='/door/enter']").await;
    browser.sees("wants to know who you are").await;
    browser.snap(&format!("journey-{name}-5-consent")).await;
    browser.click("button[value=yes]").await;
    browser.sees("You follow from home").await;
    println!(
        "{name}: from a click on Come in to being in: {:?}",
        started.elapsed()
    );
    let front = browser.sees("For those who follow").await;
    assert!(!front.contains("only for people who follow"));
    browser.snap(&format!("journey-{name}-6-in")).await;
    browser.click("a.guest").await;
    browser.sees("@fan@here.test").await;
    browser.snap(&format!("journey-{name}-7-guest")).await;
    // Whoever leaves the house at home is out here.
    browser
        .call(
            "url",
            serde_json::json!({"url": "http://here.test/settings/apps"}),
        )
        .await;
    browser.sees("http://there.test").await;
    browser
        .click("form[action='/settings/apps/leave'] button")
        .await;
    browser.sees("None yet").await;
    for _ in 0..50 {
        browser.open("/guest").await;
        if browser.place().await.ends_with("/door") {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("still a guest");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fan_follows_and_comes_in_by_clicking() {
    a_fan_follows_and_comes_in(View::PHONE, "phone").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fan_follows_and_comes_in_without_scripts() {
    a_fan_follows_and_comes_in(PHONE_WITHOUT_SCRIPTS, "no-scripts").await;
}

/// Once allowed, a guest follows with one click and never leaves the house.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acting_guest_follows_with_one_click() {
    let (_net, [here, there], _work) = two().await;
    let Some(browser) = Browser::start(&[&there, &here], View::PHONE).await else {
        return;
    };
    browser.open("/door?next=%2Fguest").await;
    browser.write("input[name=home]", "@fan@here.test").await;
    browser.click("main form button").await;
    browser.click("form[action='/door/enter'] button").await;
    browser.sees("name=\"login\"").await;
    sign_in(&browser, "fan").await;
    browser.sees("wants to know who you are").await;
    browser.click("button[value=yes]").await;
    browser.sees("Acting for you").await;
    browser.click("form[action='/door/enter'] button").await;
    browser.sees("value=\"yes\"").await;
    browser.snap("journey-acting-1-consent").await;
    browser.click("button[value=yes]").await;
    browser.sees("Take it back").await;
    browser.snap("journey-acting-2-guest").await;
    browser.open("/@nina").await;
    browser.click("form[action^='/guest/follow/'] button").await;
    // The button turns by itself.
    browser.sees("You follow from home").await;
    assert!(browser.place().await.starts_with("http://there.test/"));
}

/// A member writes, reads and answers with the keyboard alone, and sees what is new without a reload.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_reads_and_writes_by_keyboard_and_sees_what_is_new() {
    let (_net, [here, there], _work) = two().await;
    let (fan, nina) = (here.account("fan").await, there.account("nina").await);
    here.follow(&fan, "nina@there.test").await;
    settle(&[&here, &there]).await;
    there.post(&nina, "First words").await;
    let Some(browser) = Browser::start(
        &[&here, &there],
        View {
            width: 1280,
            ..View::PHONE
        },
    )
    .await
    else {
        return;
    };
    browser.open("/home").await;
    sign_in(&browser, "fan").await;
    browser.sees("First words").await;
    browser.ask("document.activeElement.blur()").await;
    let key = async |key: &str| {
        let press = serde_json::json!({"actions": [{"type": "key", "id": "keys", "actions": [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]}]});
        browser.call("actions", press).await;
    };
    key("j").await;
    let focused = browser
        .ask("return document.activeElement.matches('article.post')")
        .await;
    assert_eq!(focused, true);
    key("f").await;
    browser.sees("/unfavourite").await;
    // Another post comes while the page is open.
    browser.open("/home").await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    there.post(&nina, "Second words").await;
    for _ in 0..80 {
        if browser
            .ask("return !document.querySelector('[data-fresh]').hidden")
            .await
            == true
        {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    browser.snap("journey-live-1-fresh").await;
    browser.click("[data-fresh]").await;
    browser.sees("Second words").await;
    key("?").await;
    browser.sees("One key each").await;
    key("n").await;
    browser.sees("<form class=\"compose\"").await;
    browser
        .write("textarea[name=text]", "Written by keyboard")
        .await;
    let send = serde_json::json!({"actions": [{"type": "key", "id": "keys", "actions": [{"type": "keyDown", "value": "\u{E009}"}, {"type": "keyDown", "value": "\u{E007}"}, {"type": "keyUp", "value": "\u{E007}"}, {"type": "keyUp", "value": "\u{E009}"}]}]});
    browser.call("actions", send).await;
    browser.sees("Written by keyboard</p>").await;
    let complaints = browser.complaints().await;
    assert!(complaints.is_empty(), "{complaints:?}");
}

/// The host tries a colour and a face, sees them at once, keeps them, and goes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_tries_a_look_before_keeping_it() {
    let (_net, [here, there], _work) = two().await;
    let nina = there.account("nina").await;
    let Some(browser) = Browser::start(&[&there, &here], View::PHONE).await else {
        return;
    };
    browser.sign_in(&there.cookie(&nina).await).await;
    browser.open("/operator/look").await;
    browser.ask("const colour = document.querySelector('input[name=accent]'); colour.value = '#ffff00'; colour.dispatchEvent(new Event('input', {bubbles: true})); document.querySelector('input[value=poster]').click()").await;
    browser.sees("would be hard to read here").await;
    browser.sees("face=poster").await;
    browser.snap("journey-look-1-tried").await;
    let face =
        "return getComputedStyle(document.documentElement).getPropertyValue('--display-weight')";
    for _ in 0..50 {
        if browser.ask(face).await == "400" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(
        browser.ask(face).await,
        "400",
        "the page itself shows the draft"
    );
    browser.click("form[data-look] > p button").await;
    browser.sees("Try the old look again").await;
    browser.open("/").await;
    browser.sees("face=poster").await;
    browser.snap("journey-look-2-kept").await;
    let complaints = browser.complaints().await;
    assert!(complaints.is_empty(), "{complaints:?}");
}

/// A link in a direct message, from a click on the page to the guest's own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_lets_in_by_clicking() {
    let (_net, [here, there], _work) = two().await;
    let fan = here.account("fan").await;
    let Some(browser) = Browser::start(&[&there, &here], View::PHONE).await else {
        return;
    };
    browser.open("/door?next=%2Fguest").await;
    browser.write("input[name=home]", "@fan@here.test").await;
    browser.click("main form button").await;
    browser.click("button.plain").await;
    let page = browser.sees("A direct message is on its way").await;
    browser.snap("journey-letter-1-sent").await;
    let code = page
        .split("<code>")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap()
        .to_owned();
    let (name, value) = here
        .cookie(&fan)
        .await
        .split_once('=')
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .unwrap();
    browser
        .call("url", serde_json::json!({"url": "http://here.test/about"}))
        .await;
    browser
        .call(
            "cookie",
            serde_json::json!({"cookie": {"name": name, "value": value}}),
        )
        .await;
    browser
        .call(
            "url",
            serde_json::json!({"url": "http://here.test/notifications"}),
        )
        .await;
    browser.sees(&code).await;
    browser
        .call(
            "url",
            serde_json::json!({"url": "http://here.test/conversations"}),
        )
        .await;
    browser.sees(&code).await;
    browser.snap("journey-letter-2-messages").await;
    browser.click(".conversations a.words").await;
    browser.sees("/auth/letter/").await;
    browser.click("a[href*='/auth/letter/']").await;
    browser.sees("This is the browser that asked").await;
    browser.snap("journey-letter-3-button").await;
    browser.click("main form button").await;
    browser.sees("@fan@here.test").await;
    browser.snap("journey-letter-4-in").await;
}
