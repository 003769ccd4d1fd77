//! Behind the door by clicking: getting in, tiers, the crew, keeping the peace, and what is one's own.

use afterparty::federation::look_up;
use afterparty::federation::objects::Found;
use afterparty::kernel::db::sql;
use afterparty::posts::compose::Draft;

use super::driver::{Browser, View};
use super::journeys::{PHONE_WITHOUT_SCRIPTS, sign_in, two};
use crate::support::node::PASSWORD;
use crate::support::{TestNode, settle};

/// A browser of somebody who lives at the first of these nodes.
async fn of(nodes: &[&TestNode], name: &str, view: View) -> Option<Browser> {
    let browser = Browser::start(nodes, view).await?;
    let account = nodes[0].account(name).await;
    browser.sign_in(&nodes[0].cookie(&account).await).await;
    Some(browser)
}

/// Chooses in a list, as a finger does.
async fn choose(browser: &Browser, selector: &str, value: &str) {
    browser.sees("<select").await;
    let script = format!("document.querySelector({selector:?}).value = {value:?}");
    browser.ask(&script).await;
}

/// Waits until the house counts so many.
async fn reaches(node: &TestNode, statement: &'static str, wanted: i64) {
    for _ in 0..80 {
        if node.count(statement).await == wanted {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("{statement} never was {wanted}");
}

/// The newest link of a mail that waits in the outbox.
async fn link_in_mail(node: &TestNode, part: &str) -> String {
    let row = sql("SELECT body FROM mails ORDER BY id DESC LIMIT 1")
        .one(node.db())
        .await
        .unwrap();
    let body: String = row.get("body").unwrap();
    let start = body.find(part).unwrap();
    body[start..].split_whitespace().next().unwrap().to_owned()
}

/// From the waiting list to the first post: asked, confirmed, let in, signed up.
async fn somebody_waits_and_is_let_in(view: View, name: &str) {
    let (_net, [here, there], _work) = two().await;
    let Some(host) = of(&[&there, &here], "nina", view).await else {
        return;
    };
    host.open("/operator/joining").await;
    host.click("input[value=invitation]").await;
    host.click("input[name=waiting]").await;
    host.write("input[name=waiting_question]", "Which song?")
        .await;
    host.click("form[action='/operator/joining'] button").await;
    host.sees("value=\"Which song?\"").await;
    let browser = Browser::start(&[&there, &here], view).await.unwrap();
    browser.open("/sign-up").await;
    browser.click("a[href='/waiting']").await;
    browser
        .write("input[name=address]", "ana@mail.example")
        .await;
    browser
        .write("textarea[name=answer]", "The first one")
        .await;
    browser.snap(&format!("journey-{name}-wait-1-ask")).await;
    browser.click("main form button").await;
    browser.sees("You are on the list").await;
    browser.open(&link_in_mail(&there, "/waiting/").await).await;
    browser.click("form[action$='/confirm'] button").await;
    browser.sees("Place 1").await;
    browser.snap(&format!("journey-{name}-wait-2-place")).await;
    host.open("/operator/waiting").await;
    host.sees("The first one").await;
    host.click("input[name=one]").await;
    host.snap(&format!("journey-{name}-wait-3-list")).await;
    host.click("form:has(input[name=one]) > p button").await;
    host.sees("Nobody waits").await;
    browser.open(&link_in_mail(&there, "/invite/").await).await;
    browser.write("input[name=name]", "ana").await;
    browser.write("input[name=email]", "ana@mail.example").await;
    browser.write("input[name=password]", PASSWORD).await;
    browser.snap(&format!("journey-{name}-wait-4-join")).await;
    browser.click("form[action='/sign-up'] button").await;
    browser.sees("name=\"display_name\"").await;
    host.open("/operator/joining").await;
    host.sees("@ana@there.test").await;
    host.snap(&format!("journey-{name}-wait-5-tree")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_is_let_in_by_clicking() {
    somebody_waits_and_is_let_in(View::PHONE, "phone").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_is_let_in_without_scripts() {
    somebody_waits_and_is_let_in(PHONE_WITHOUT_SCRIPTS, "no-scripts").await;
}

/// The host makes a tier, gives it to a fan of the other house and writes for it; the fan reads it here and at home.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_for_a_tier_opens_to_a_fan_from_elsewhere() {
    let (_net, [here, there], _work) = two().await;
    let fan = here.account("fan").await;
    here.follow(&fan, "nina@there.test").await;
    let Some(host) = of(&[&there, &here], "nina", View::PHONE).await else {
        return;
    };
    settle(&[&here, &there]).await;
    host.open("/operator/tiers").await;
    host.write(
        "form[action='/operator/tiers'] input[name=name]",
        "Inner circle",
    )
    .await;
    host.click("form[action='/operator/tiers'] button").await;
    host.write("input[name=handle]", "@fan@here.test").await;
    host.click("form[action$='/grant'] button").await;
    host.sees("@fan@here.test").await;
    host.snap("journey-tier-1-given").await;
    host.open("/compose").await;
    host.write("textarea[name=text]", "The demo, before anybody")
        .await;
    choose(&host, "select[name=audience]", "tiers").await;
    host.ask("document.querySelector('input[name=tier]').closest('details').open = true")
        .await;
    host.click("input[name=tier]").await;
    host.write("textarea[name=teaser]", "A demo for the inner circle")
        .await;
    host.snap("journey-tier-2-written").await;
    host.click("form.compose > p button").await;
    host.sees("The demo, before anybody</p>").await;
    // Everybody else sees the teaser; the fan comes in and reads.
    let browser = Browser::start(&[&there, &here], View::PHONE).await.unwrap();
    browser.open("/@nina").await;
    let page = browser.sees("A demo for the inner circle").await;
    assert!(!page.contains("before anybody"));
    browser.snap("journey-tier-3-teaser").await;
    browser.open("/door?next=%2F%40nina").await;
    browser.write("input[name=home]", "@fan@here.test").await;
    browser.click("main form button").await;
    browser.click("form[action='/door/enter'] button").await;
    browser.sees("name=\"login\"").await;
    sign_in(&browser, "fan").await;
    browser.click("button[value=yes]").await;
    browser.sees("The demo, before anybody").await;
    browser.snap("journey-tier-4-open").await;
    browser
        .call("url", serde_json::json!({"url": "http://here.test/home"}))
        .await;
    browser.sees("The demo, before anybody").await;
    browser.snap("journey-tier-5-home").await;
    // Taken back, it closes with the next look.
    host.open("/operator/tiers").await;
    host.click("form[action*='/take/'] button").await;
    reaches(&there, "SELECT COUNT(*) AS n FROM audience_members", 0).await;
    browser.open("/@nina").await;
    let page = browser.sees("A demo for the inner circle").await;
    assert!(!page.contains("before anybody"));
}

/// Somebody of the crew hands a draft in, gets it back with words, and it is published under the house's name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_goes_to_the_host_and_back() {
    let (_net, [here, there], _work) = two().await;
    there.sign_up("ines").await;
    let Some(host) = of(&[&there, &here], "nina", View::PHONE).await else {
        return;
    };
    host.open("/operator/crew").await;
    host.write("input[name=handle]", "ines").await;
    host.click("form[action='/operator/crew'] input[value=draft]")
        .await;
    host.snap("journey-crew-1-rights").await;
    host.click("form[action='/operator/crew'] > p button").await;
    host.sees("@ines@there.test").await;
    let writer = of(&[&there, &here], "ines", View::PHONE).await.unwrap();
    writer.open("/compose").await;
    writer
        .write("textarea[name=text]", "Tickts from Friday")
        .await;
    writer.click("input[name=as_house]").await;
    writer.click("button[name=prepare]").await;
    writer.sees("<h1>Calendar").await;
    host.open("/calendar").await;
    host.sees("Tickts from Friday").await;
    host.ask("document.querySelector('form[action$=\"/return\"]').closest('details').open = true")
        .await;
    host.write("textarea[name=words]", "Tickets, with an e")
        .await;
    host.click("form[action$='/return'] button").await;
    host.sees("given back").await;
    writer.open("/calendar").await;
    writer.sees("Tickets, with an e").await;
    writer.snap("journey-crew-2-returned").await;
    writer.click("a[href^='/compose?draft=']").await;
    writer
        .write("textarea[name=text]", "Tickets from Friday")
        .await;
    writer.click("button[name=prepare]").await;
    writer.sees("<h1>Calendar").await;
    host.open("/calendar").await;
    host.sees("Tickets from Friday").await;
    host.snap("journey-crew-3-waiting").await;
    host.click("form[action$='/publish'] button").await;
    host.sees("No drafts.").await;
    host.open("/@nina").await;
    host.sees("Tickets from Friday").await;
    host.open("/operator/log").await;
    host.sees("let a draft through").await;
    host.snap("journey-crew-4-log").await;
    // Out of the crew, with a second click.
    host.open("/operator/crew").await;
    host.click("details.sure summary").await;
    host.click("details.sure[open] button").await;
    host.sees("Nobody helps you").await;
    writer.open("/calendar").await;
    let page = writer.sees("<h1>").await;
    assert!(!page.contains("Drafts"), "{page}");
}

/// A report becomes a warning, an appeal lifts it; strangers wait for a look and are let through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_peace_is_kept_by_clicking() {
    let (_net, [here, there], _work) = two().await;
    let (ana, bob) = (there.sign_up("ana").await, there.sign_up("bob").await);
    let nina = there.account("nina").await;
    let foul = there.post(&bob, "Something foul").await;
    let song = there.post(&nina, "A new song").await;
    let Some(browser) = of(&[&there, &here], &ana.name, View::PHONE).await else {
        return;
    };
    browser.open(&format!("/posts/{}/report", foul.id)).await;
    browser.write("textarea[name=comment]", "Please look").await;
    browser.snap("journey-peace-1-report").await;
    browser.click("main form button").await;
    reaches(&there, "SELECT COUNT(*) AS n FROM reports", 1).await;
    let host = of(&[&there, &here], "nina", View::PHONE).await.unwrap();
    host.open("/operator/peace").await;
    host.sees("Please look").await;
    host.click("a[href^='/operator/reports/']").await;
    host.sees("Something foul").await;
    choose(&host, "select[name=kind]", "freeze").await;
    host.write("textarea[name=reasons]", "Not like this").await;
    host.snap("journey-peace-2-measure").await;
    host.click("form[action$='/measure'] > p button").await;
    host.sees("Open again").await;
    let theirs = of(&[&there, &here], "bob", View::PHONE).await.unwrap();
    theirs.open("/home").await;
    theirs.click("p.notice a[href='/measures']").await;
    theirs.sees("Not like this").await;
    theirs
        .write("textarea[name=appeal]", "It was a quote")
        .await;
    theirs.click("form[action$='/appeal'] button").await;
    theirs.sees("You answered.").await;
    theirs.snap("journey-peace-3-appeal").await;
    host.open("/operator/peace").await;
    host.sees("It was a quote").await;
    host.click("a[href^='/operator/accounts/']").await;
    host.write("textarea[name=words]", "So it was").await;
    host.click("button[formaction$='/grant']").await;
    reaches(
        &there,
        "SELECT COUNT(*) AS n FROM measures WHERE lifted_at IS NOT NULL",
        1,
    )
    .await;
    theirs.open("/home").await;
    let page = theirs.sees("<main").await;
    assert!(!page.contains("Something was done about your account"));

    // A crowd: strangers wait, one of them is let through, one click undoes it.
    host.open("/operator/peace").await;
    host.click("form:has(input[value=hold]) > button").await;
    host.sees(">End<").await;
    host.snap("journey-peace-4-hold").await;
    let fan = here.account("fan").await;
    let Found::Post(copy) = look_up::find(here.app(), &song.uri).await.unwrap() else {
        panic!("no post");
    };
    let answer = Draft {
        text: "What a night".into(),
        in_reply_to: Some(copy.id),
        ..Draft::default()
    };
    here.write(&fan, answer).await;
    settle(&[&here, &there]).await;
    // It is on its way.
    reaches(
        &there,
        "SELECT COUNT(*) AS n FROM posts WHERE held_audience IS NOT NULL",
        1,
    )
    .await;
    host.open("/operator/queue").await;
    host.sees("What a night").await;
    host.click("input[name=post]").await;
    host.snap("journey-peace-5-queue").await;
    host.click("button[value=release]").await;
    host.sees("Nothing waits").await;
    let visitor = Browser::start(&[&there, &here], View::PHONE).await.unwrap();
    visitor.open(&format!("/@nina/{}", song.id)).await;
    visitor.sees("What a night").await;
    host.open("/operator/peace").await;
    host.click("button[value=undo]").await;
    reaches(&there, "SELECT COUNT(*) AS n FROM calm", 0).await;
    host.open("/operator/peace").await;
    let page = host.sees("<h1>Keeping the peace").await;
    assert!(!page.contains(">End<"));
}

/// What is one's own: packed while one watches, a list brought from a file, and leaving with the page that says how far
/// it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_taken_along_and_left_by_clicking() {
    let (_net, [here, there], _work) = two().await;
    let fan = here.account("fan").await;
    here.follow(&fan, "nina@there.test").await;
    here.post(&fan, "mine").await;
    let Some(browser) = of(&[&here, &there], "fan", View::PHONE).await else {
        return;
    };
    browser.open("/settings/data").await;
    browser
        .write(
            "form[action='/settings/data/archive'] input[name=current]",
            PASSWORD,
        )
        .await;
    browser
        .click("form[action='/settings/data/archive'] button")
        .await;
    // The page turns by itself.
    browser.sees("kept for a week").await;
    browser.snap("journey-data-1-packed").await;
    choose(&browser, "select[name=kind]", "domains").await;
    browser.write("textarea[name=list]", "loud.example").await;
    browser.click("form[action='/settings/data'] button").await;
    browser.sees("1 / 1").await;
    browser.open("/@fan?as=stranger").await;
    browser.sees("mine").await;
    browser.open("/settings/leave").await;
    browser
        .write(
            "form[action='/settings/delete'] input[name=current]",
            PASSWORD,
        )
        .await;
    browser
        .click("form[action='/settings/delete'] button")
        .await;
    browser.sees("has been told").await;
    browser.snap("journey-data-2-farewell").await;
    assert!(browser.place().await.contains("/farewell/"));
    let complaints = browser.complaints().await;
    assert!(complaints.is_empty(), "{complaints:?}");
}
