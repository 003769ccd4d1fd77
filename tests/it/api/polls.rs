//! Polls as apps ask and answer them: hidden totals, later choices, other choices.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Fan, house, houses, id};
use crate::both;
use crate::support::{Backend, settle};

both!(
    totals_are_hidden_until_the_end,
    of_several_choices_some_come_later,
    other_choices_void_the_votes,
);

fn asks(options: &[&str], more: &Value) -> Value {
    let mut poll = json!({"options": options, "expires_in": 3600});
    for (key, value) in more.as_object().unwrap() {
        poll[key] = value.clone();
    }
    json!({"status": "Which song?", "poll": poll})
}

fn counts(poll: &Value) -> Vec<Option<i64>> {
    let options = poll["options"].as_array().unwrap().iter();
    options
        .map(|option| option["votes_count"].as_i64())
        .collect()
}

async fn totals_are_hidden_until_the_end(backend: Backend) {
    let (net, here, there) = houses(&backend).await;
    let nina = Fan::new(&here, here.host("nina").await).await;
    let bob = Fan::new(&there, there.sign_up("bob").await).await;
    there.follow(&bob.me, "nina@here.test").await;
    settle(&[&here, &there]).await;
    let hidden = json!({"hide_totals": true});
    let post = nina
        .post("/api/v1/statuses", asks(&["One", "Two"], &hidden))
        .await;
    settle(&[&here, &there]).await;
    let home = bob.get("/api/v1/timelines/home").await;
    let poll = format!("/api/v1/polls/{}", id(&home[0]["poll"]));
    bob.post(&format!("{poll}/votes"), json!({"choices": [1]}))
        .await;
    settle(&[&here, &there]).await;
    net.clock.advance(std::time::Duration::from_secs(61));
    settle(&[&here, &there]).await;
    let own = format!("/api/v1/polls/{}", id(&post["poll"]));
    let seen = nina.get(&own).await;
    assert_eq!(counts(&seen), [None, None], "before the end");
    assert_eq!(seen["votes_count"], 1);
    let uri = post["uri"].as_str().unwrap().to_owned();
    let path = uri.strip_prefix("http://here.test").unwrap();
    let (_, note) = here.document(path).await;
    assert_eq!(note["oneOf"][1]["replies"]["totalItems"], 0);
    let page = here.get(&format!("/@nina/{}", id(&post)), &[]).await;
    let page = page.text().await.unwrap();
    assert!(page.contains("shown when the poll is over") && !page.contains("<meter"));
    net.clock.advance(std::time::Duration::from_secs(3600));
    settle(&[&here, &there]).await;
    assert_eq!(counts(&nina.get(&own).await), [Some(0), Some(1)]);
    let (_, note) = here.document(path).await;
    assert_eq!(note["oneOf"][1]["replies"]["totalItems"], 1);
}

async fn of_several_choices_some_come_later(backend: Backend) {
    let (_net, node) = house(&backend).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    let bob = Fan::new(&node, node.sign_up("bob").await).await;
    let several = json!({"multiple": true});
    let post = nina
        .post("/api/v1/statuses", asks(&["A", "B", "C"], &several))
        .await;
    let votes = format!("/api/v1/polls/{}/votes", id(&post["poll"]));
    bob.post(&votes, json!({"choices": [0]})).await;
    let again = bob.post(&votes, json!({"choices": [0, 2]})).await;
    assert_eq!(again["own_votes"], json!([0, 2]));
    assert_eq!(counts(&again), [Some(1), Some(0), Some(1)]);
    assert_eq!(again["voters_count"], 1, "one person");
    let twice = bob.call(Method::POST, &votes, Some(json!({"choices": [2]})));
    assert_eq!(twice.await.status, 422);
    // With one choice there is one vote.
    let post = nina
        .post("/api/v1/statuses", asks(&["A", "B"], &json!({})))
        .await;
    let votes = format!("/api/v1/polls/{}/votes", id(&post["poll"]));
    bob.post(&votes, json!({"choices": [0]})).await;
    let twice = bob.call(Method::POST, &votes, Some(json!({"choices": [1]})));
    assert_eq!(twice.await.status, 422);
}

async fn other_choices_void_the_votes(backend: Backend) {
    let (net, here, there) = houses(&backend).await;
    let nina = Fan::new(&here, here.host("nina").await).await;
    let bob = Fan::new(&there, there.sign_up("bob").await).await;
    there.follow(&bob.me, "nina@here.test").await;
    settle(&[&here, &there]).await;
    let post = nina
        .post("/api/v1/statuses", asks(&["One", "Two"], &json!({})))
        .await;
    settle(&[&here, &there]).await;
    let home = bob.get("/api/v1/timelines/home").await;
    let poll = format!("/api/v1/polls/{}", id(&home[0]["poll"]));
    bob.post(&format!("{poll}/votes"), json!({"choices": [0]}))
        .await;
    settle(&[&here, &there]).await;
    let place = format!("/api/v1/statuses/{}", id(&post));
    // A longer time alone keeps them, and words without a poll keep the poll.
    let mut longer = asks(&["One", "Two"], &json!({"expires_in": 7200}));
    longer["status"] = json!("Which song, really?");
    let edited = nina.put(&place, longer).await;
    assert_eq!(counts(&edited["poll"]), [Some(1), Some(0)]);
    let edited = nina.put(&place, json!({"status": "Which?"})).await;
    assert_eq!(counts(&edited["poll"]), [Some(1), Some(0)]);
    let edited = nina.put(&place, asks(&["One", "Three"], &json!({}))).await;
    assert_eq!(counts(&edited["poll"]), [Some(0), Some(0)]);
    assert_eq!(edited["poll"]["options"][1]["title"], "Three");
    net.clock.advance(std::time::Duration::from_secs(61));
    settle(&[&here, &there]).await;
    let seen = bob.get(&poll).await;
    assert_eq!(seen["options"][1]["title"], "Three");
    assert_eq!(seen["voted"], false, "one may vote again");
    let bad = nina
        .call(Method::PUT, &place, Some(asks(&["Alone"], &json!({}))))
        .await;
    assert_eq!(bad.status, 422);
    // A post without a poll gets one.
    let plain = nina
        .post("/api/v1/statuses", json!({"status": "No poll yet"}))
        .await;
    let place = format!("/api/v1/statuses/{}", id(&plain));
    let edited = nina.put(&place, asks(&["Yes", "No"], &json!({}))).await;
    assert_eq!(edited["poll"]["options"][0]["title"], "Yes");
}
