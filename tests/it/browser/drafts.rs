//! What was typed is never lost, by clicking.

use afterparty::kernel::db::sql;
use serde_json::json;

use super::driver::{Browser, View};
use super::journeys::{PHONE_WITHOUT_SCRIPTS, two};
use crate::support::TestNode;
use crate::support::node::{PASSWORD, png};

/// A browser of the host of a house.
async fn host_of(nodes: &[&TestNode], view: View) -> Option<Browser> {
    let browser = Browser::start(nodes, view).await?;
    let nina = nodes[0].account("nina").await;
    browser.sign_in(&nodes[0].cookie(&nina).await).await;
    Some(browser)
}

/// What is kept on the device for the page of a new post.
const KEPT: &str = "return localStorage.getItem('draft:compose')";

/// Case 125: the session ends while a post is written; after signing in the text is there again.
async fn a_text_survives_the_end_of_a_session(view: View, scripts: bool) {
    let (_net, [here, there], _work) = two().await;
    let Some(browser) = host_of(&[&there, &here], view).await else {
        return;
    };
    browser.open("/compose").await;
    let text = "A long thought about the night";
    browser.write("textarea[name=text]", text).await;
    sql("DELETE FROM sessions").run(there.db()).await.unwrap();
    browser
        .click("form.compose button[type=submit], form.compose p button")
        .await;
    browser.sees("name=\"password\"").await;
    browser.snap("journey-draft-1-signed-out").await;
    browser.write("input[name=login]", "nina").await;
    browser.write("input[name=password]", PASSWORD).await;
    browser.click("form[action='/sign-in'] button").await;
    browser.sees(text).await;
    browser.snap("journey-draft-2-again").await;
    browser
        .click("form.compose button[type=submit], form.compose p button")
        .await;
    browser.sees(&format!("{text}</p>")).await;
    if scripts {
        assert_eq!(browser.ask(KEPT).await, json!(null), "the draft ended");
        let complaints = browser.complaints().await;
        assert!(complaints.is_empty(), "{complaints:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_survives_the_end_of_a_session_with_scripts() {
    a_text_survives_the_end_of_a_session(View::PHONE, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_survives_the_end_of_a_session_without_scripts() {
    a_text_survives_the_end_of_a_session(PHONE_WITHOUT_SCRIPTS, false).await;
}

/// A refusal with a file keeps text, file and draft, and the page goes on working.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_form_with_a_file_goes_on() {
    let (_net, [here, there], _work) = two().await;
    let Some(browser) = host_of(&[&there, &here], View::PHONE).await else {
        return;
    };
    browser.open("/compose").await;
    browser.write("textarea[name=text]", "With a file").await;
    let choose = |name: &str, text: &str| {
        format!(
            "const chosen = new DataTransfer(); chosen.items.add(new File([{text:?}], {name:?}, {{type: 'image/png'}})); document.querySelector('input[name=file]').files = chosen.files;"
        )
    };
    for _ in 0..2 {
        browser.ask(&choose("a.png", "no picture at all")).await;
        browser
            .ask("document.querySelector('form.compose').id = 'old'")
            .await;
        browser
            .click("form.compose button[type=submit], form.compose p button")
            .await;
        // Another form stands in its place once the answer is there.
        let gone = "return document.getElementById('old') === null";
        for _ in 0..100 {
            if browser.ask(gone).await == true {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        assert_eq!(browser.ask(gone).await, json!(true), "the answer is shown");
        browser.sees("media-error").await;
        let state = "const form = document.querySelector('form.compose'); return [form.querySelector('textarea').value, localStorage.getItem('draft:compose'), document.querySelectorAll('form.compose').length]";
        assert_eq!(
            browser.ask(state).await,
            json!(["With a file", "With a file", 1])
        );
    }
    browser.snap("journey-draft-3-refused").await;
    browser
        .ask("document.querySelector('input[name=file]').files = new DataTransfer().files")
        .await;
    browser
        .click("form.compose button[type=submit], form.compose p button")
        .await;
    browser.sees("With a file</p>").await;
    assert_eq!(browser.ask(KEPT).await, json!(null), "the draft ended");
    // The refusals themselves are told to the console by the browser.
    let complaints = browser.complaints().await;
    let ours: Vec<_> = complaints
        .iter()
        .filter(|one| !one.contains("422"))
        .collect();
    assert!(ours.is_empty(), "{ours:?}");
}

/// A picture is sent once, however often its form is shown again; of several those go along that were not taken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_was_taken_is_not_sent_again() {
    let (_net, [here, there], _work) = two().await;
    let Some(browser) = host_of(&[&there, &here], View::PHONE).await else {
        return;
    };
    browser.open("/compose").await;
    browser.write("textarea[name=text]", "With a picture").await;
    let picture = afterparty::kernel::crypt::base64(&png(60, 40));
    let choose = format!(
        "const chosen = new DataTransfer(); const bytes = Uint8Array.from(atob({picture:?}), (one) => one.charCodeAt(0)); chosen.items.add(new File([bytes], 'a.png', {{type: 'image/png'}})); chosen.items.add(new File(['none'], 'b.png', {{type: 'image/png'}})); document.querySelector('input[name=file]').files = chosen.files;"
    );
    browser.ask(&choose).await;
    let state = "const form = document.querySelector('form.compose'); return [form.querySelectorAll('input[name=media]').length, [...form.querySelector('input[name=file]').files].map((one) => one.name)]";
    browser.click("form.compose p button").await;
    browser.sees("media-error").await;
    assert_eq!(browser.ask(state).await, json!([1, ["b.png"]]));
    let none = "document.querySelector('input[name=file]').files = new DataTransfer().files";
    browser.ask(none).await;
    browser.click("form.compose p button").await;
    let page = browser.sees("With a picture</p>").await;
    assert_eq!(page.matches("<figure>").count(), 1, "{page}");
    // The usual way: one picture, then what it shows, then it is out.
    browser.open("/compose").await;
    browser.write("textarea[name=text]", "With another").await;
    let one = choose.replace(
        "chosen.items.add(new File(['none'], 'b.png', {type: 'image/png'}));",
        "",
    );
    browser.ask(&one).await;
    browser.click("form.compose p button").await;
    browser.sees("Your files are here").await;
    assert_eq!(browser.ask(state).await, json!([1, []]));
    browser.snap("journey-draft-4-taken").await;
    browser.click("form.compose p button").await;
    let page = browser.sees("With another</p>").await;
    assert_eq!(page.matches("<figure>").count(), 1, "{page}");
}

/// Case 123: a moment after the clocks change is meant in the time of then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn later_is_meant_in_the_time_of_then() {
    let (_net, [here, there], _work) = two().await;
    let Some(browser) = host_of(&[&there, &here], View::PHONE).await else {
        return;
    };
    let berlin =
        json!({"cmd": "Emulation.setTimezoneOverride", "params": {"timezoneId": "Europe/Berlin"}});
    browser.call("goog/cdp/execute", berlin).await;
    browser.open("/compose").await;
    for (moment, minutes) in [("2027-04-02T20:00", "120"), ("2027-01-02T20:00", "60")] {
        let script = format!(
            "const at = document.querySelector('input[name=at]'); at.value = {moment:?}; at.dispatchEvent(new Event('input', {{bubbles: true}})); return document.querySelector('input[name=zone]').value"
        );
        assert_eq!(browser.ask(&script).await, minutes, "{moment}");
    }
}
