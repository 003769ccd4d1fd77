//! What members show, prefer and count: recommendations, hashtags, languages, quotes, pins, the house's weeks.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Fan, client, house, houses, id, ids};
use crate::both;
use crate::support::{Backend, settle};

both!(
    whom_somebody_follows_can_be_recommended,
    hashtags_are_shown_and_suggested,
    only_the_wished_languages_stand_at_home,
    quotes_are_counted_and_their_policy_is_kept,
    what_is_for_followers_can_be_pinned,
    the_house_counts_its_weeks,
    anybody_may_search,
    who_looks_up_too_much_is_told,
);

async fn whom_somebody_follows_can_be_recommended(backend: Backend) {
    let (_net, node) = house(&backend).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    let bob = Fan::new(&node, node.sign_up("bob").await).await;
    let place = format!("/api/v1/accounts/{}", nina.me.id);
    let verb = format!("{place}/endorse");
    let early = bob.call(Method::POST, &verb, None).await;
    assert_eq!(early.status, 422, "only whom one follows");
    bob.post(&format!("{place}/follow"), json!({})).await;
    for (verb, endorsed) in [("endorse", true), ("unpin", false), ("pin", true)] {
        let relation = bob.post(&format!("{place}/{verb}"), json!({})).await;
        assert_eq!(relation["endorsed"], endorsed, "{verb}");
    }
    let own = bob.get("/api/v1/endorsements").await;
    assert_eq!(ids(&own), [nina.me.id.to_string()]);
    let seen = format!("/api/v1/accounts/{}/endorsements", bob.me.id);
    assert_eq!(nina.get(&seen).await[0]["id"], own[0]["id"]);
    let page = node.get("/@bob", &[]).await.text().await.unwrap();
    assert!(page.contains("Recommends"), "{page}");
    bob.post(&format!("{place}/unfollow"), json!({})).await;
    assert_eq!(bob.get("/api/v1/endorsements").await, json!([]));
}

async fn hashtags_are_shown_and_suggested(backend: Backend) {
    let (_net, node) = house(&backend).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    for text in ["#often", "#often #rare", "#often"] {
        nina.post("/api/v1/statuses", json!({"status": text})).await;
    }
    let names = |list: &Value| -> Vec<String> {
        let list = list.as_array().unwrap().iter();
        list.map(|tag| tag["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let suggested = "/api/v1/featured_tags/suggestions";
    assert_eq!(names(&nina.get(suggested).await), ["often", "rare"]);
    let shown = nina.post("/api/v1/tags/Often/feature", json!({})).await;
    assert_eq!(
        (&shown["featuring"], &shown["following"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(names(&nina.get(suggested).await), ["rare"]);
    assert_eq!(nina.get("/api/v1/featured_tags").await[0]["name"], "often");
    let shown = nina.post("/api/v1/tags/often/unfeature", json!({})).await;
    assert_eq!(shown["featuring"], false);
    assert_eq!(nina.get("/api/v1/featured_tags").await, json!([]));
}

async fn only_the_wished_languages_stand_at_home(backend: Backend) {
    let (_net, node) = house(&backend).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    let bob = Fan::new(&node, node.sign_up("bob").await).await;
    let follow = format!("/api/v1/accounts/{}/follow", nina.me.id);
    let relation = bob.post(&follow, json!({"languages": ["de", "fr"]})).await;
    assert_eq!(relation["languages"], json!(["de", "fr"]));
    let mut written = Vec::new();
    for language in ["de", "en", "fr"] {
        let draft = json!({"status": format!("In {language}"), "language": language});
        written.push(id(&nina.post("/api/v1/statuses", draft).await));
    }
    let mut home = ids(&bob.get("/api/v1/timelines/home").await);
    home.sort();
    let mut wished = vec![written[0].clone(), written[2].clone()];
    wished.sort();
    assert_eq!(home, wished);
    // Following again without a word keeps them, and an empty list means all.
    let relation = bob.post(&follow, json!({"notify": false})).await;
    assert_eq!(relation["languages"], json!(["de", "fr"]));
    let relation = bob.post(&follow, json!({"languages": []})).await;
    assert_eq!(relation["languages"], json!(null));
    assert_eq!(ids(&bob.get("/api/v1/timelines/home").await).len(), 3);
}

async fn quotes_are_counted_and_their_policy_is_kept(backend: Backend) {
    let (_net, here, there) = houses(&backend).await;
    let nina = Fan::new(&here, here.host("nina").await).await;
    let bob = Fan::new(&here, here.sign_up("bob").await).await;
    let far = Fan::new(&there, there.sign_up("far").await).await;
    let post = nina
        .post("/api/v1/statuses", json!({"status": "Quote me"}))
        .await;
    assert_eq!(post["quotes_count"], 0);
    let quote = json!({"status": "So true", "quoted_status_id": id(&post)});
    let quoting = bob.post("/api/v1/statuses", quote).await;
    let found = format!(
        "/api/v2/search?resolve=true&q={}",
        post["uri"].as_str().unwrap()
    );
    let found = far.get(&found).await["statuses"][0].clone();
    let quote = json!({"status": "From afar", "quoted_status_id": id(&found)});
    far.post("/api/v1/statuses", quote).await;
    settle(&[&here, &there]).await;
    let place = format!("/api/v1/statuses/{}", id(&post));
    assert_eq!(nina.get(&place).await["quotes_count"], 2);
    bob.delete(&format!("/api/v1/statuses/{}", id(&quoting)), None)
        .await;
    assert_eq!(nina.get(&place).await["quotes_count"], 1);
    // The policy of new posts is kept with the account.
    let own = nina
        .patch(
            "/api/v1/accounts/update_credentials",
            json!({"source": {"quote_policy": "followers"}}),
        )
        .await;
    assert_eq!(own["source"]["quote_policy"], "followers");
    let narrow = nina
        .post(
            "/api/v1/statuses",
            json!({"status": "For those who follow"}),
        )
        .await;
    assert_eq!(narrow["quote_approval"]["automatic"], json!(["followers"]));
    assert_eq!(narrow["quote_approval"]["current_user"], "automatic");
    let place = format!("/api/v1/statuses/{}", id(&narrow));
    let current = async || bob.get(&place).await["quote_approval"]["current_user"].clone();
    assert_eq!(current().await, "denied");
    bob.post(
        &format!("/api/v1/accounts/{}/follow", nina.me.id),
        json!({}),
    )
    .await;
    assert_eq!(current().await, "automatic");
}

async fn what_is_for_followers_can_be_pinned(backend: Backend) {
    let (_net, node) = house(&backend).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    let bob = Fan::new(&node, node.sign_up("bob").await).await;
    let draft = json!({"status": "For those inside", "visibility": "private"});
    let post = nina.post("/api/v1/statuses", draft).await;
    let pinned = nina
        .post(&format!("/api/v1/statuses/{}/pin", id(&post)), json!({}))
        .await;
    assert_eq!(pinned["pinned"], true);
    let list = format!("/api/v1/accounts/{}/statuses?pinned=true", nina.me.id);
    assert_eq!(bob.get(&list).await, json!([]), "not for strangers");
    let (_, featured) = node.document("/users/nina/collections/featured").await;
    assert!(!featured.to_string().contains(&id(&post)));
    bob.post(
        &format!("/api/v1/accounts/{}/follow", nina.me.id),
        json!({}),
    )
    .await;
    assert_eq!(ids(&bob.get(&list).await), [id(&post)]);
    let theirs = bob
        .post(
            "/api/v1/statuses",
            json!({"status": "@nina psst", "visibility": "direct"}),
        )
        .await;
    let pin = format!("/api/v1/statuses/{}/pin", id(&theirs));
    assert_eq!(bob.call(Method::POST, &pin, None).await.status, 422);
}

async fn the_house_counts_its_weeks(backend: Backend) {
    let (net, node) = house(&backend).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    for text in ["one", "two"] {
        nina.post("/api/v1/statuses", json!({"status": text})).await;
    }
    net.clock
        .advance(std::time::Duration::from_secs(7 * 86_400));
    nina.post("/api/v1/statuses", json!({"status": "later"}))
        .await;
    let weeks = nina.get("/api/v1/instance/activity").await;
    assert_eq!(weeks.as_array().unwrap().len(), 12);
    let told = |at: usize| (weeks[at]["statuses"].clone(), weeks[at]["logins"].clone());
    assert_eq!(told(0), (json!("1"), json!("1")));
    assert_eq!(told(1), (json!("2"), json!("1")));
    assert_eq!(weeks[1]["registrations"], "1");
    let begun: i64 = weeks[0]["week"].as_str().unwrap().parse().unwrap();
    // 5 January 1970 was a Monday.
    assert_eq!((begun - 4 * 86_400) % (7 * 86_400), 0);
}

async fn anybody_may_search(backend: Backend) {
    let (_net, node) = house(&backend).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    nina.post("/api/v1/statuses", json!({"status": "A #song"}))
        .await;
    let ask = async |query: &str| {
        let request = client()
            .get(node.at(&format!("/api/v2/search?q={query}")))
            .header("host", &node.name);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json::<Value>().await.unwrap()
    };
    assert_eq!(ask("nina").await["accounts"][0]["acct"], "nina");
    assert_eq!(ask("song").await["hashtags"][0]["name"], "song");
    assert_eq!(
        ask("song").await["statuses"],
        json!([]),
        "words are for members"
    );
    let away = ask("https://elsewhere.test/@x&resolve=true").await;
    assert_eq!(away["accounts"], json!([]), "and nothing is fetched");
}

async fn who_looks_up_too_much_is_told(backend: Backend) {
    let (_net, node) = house(&backend).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    let ask = async |query: &str| {
        let path = format!("/api/v2/search?resolve=true&q={query}");
        nina.call(Method::GET, &path, None).await
    };
    let mut told = None;
    for number in 0..40 {
        let got = ask(&format!("@x@nowhere{number}.test")).await;
        match got.status {
            200 => assert!(told.is_none(), "not an empty answer once it is too much"),
            status => told = Some((status, got.headers)),
        }
    }
    let (status, headers) = told.expect("there is a limit");
    assert_eq!(status, 429);
    assert!(headers.contains_key("retry-after"));
    // What is known here is found all the same.
    let known = ask("@nina@here.test").await;
    assert_eq!(known.status, 200);
    assert_eq!(known.body["accounts"][0]["username"], "nina");
}
