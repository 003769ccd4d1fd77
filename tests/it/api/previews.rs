//! What links lead to: fetched once, by the guarded client, some seconds after a post was written or came.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Fan, house_in, id, png};
use crate::both;
use crate::support::{Backend, Net, Peer, TestNode, settle};

both!(
    a_link_shows_what_it_leads_to,
    what_leads_nowhere_shows_nothing,
);

const PAGE: &str = "<!doctype html><head><meta charset=utf-8><meta property=og:title content='Sold out &amp; loud'><meta property=og:description content='One night in Zürich'><meta property=og:image content=/poster.png><meta property=og:site_name content=Nova><title>x</title></head><body>";

async fn later(net: &Net, node: &TestNode) {
    net.clock.advance(Duration::from_secs(30));
    settle(&[node]).await;
}

async fn a_link_shows_what_it_leads_to(backend: Backend) {
    let mut net = Net::new();
    let site = Peer::start(&mut net, "news.test").await;
    let node = house_in(&mut net, &backend, &[]).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    site.serve_at("/tonight", 200, "text/html; charset=utf-8", PAGE.into());
    site.serve_at("/poster.png", 200, "image/png", png(80, 60));
    let text = format!("@nina #show {} tonight", site.at("/tonight"));
    let post = nina.post("/api/v1/statuses", json!({"status": text})).await;
    assert!(post["card"].is_null());
    assert!(site.seen().is_empty(), "the author does not wait for it");
    later(&net, &node).await;
    let place = format!("/api/v1/statuses/{}", id(&post));
    let card = nina.get(&place).await["card"].clone();
    assert_eq!(card["url"], site.at("/tonight"));
    assert_eq!(card["title"], "Sold out & loud");
    assert_eq!(card["description"], "One night in Zürich");
    assert_eq!(
        (&card["provider_name"], &card["type"], &card["html"]),
        (&json!("Nova"), &json!("link"), &json!(""))
    );
    let picture = card["image"].as_str().unwrap();
    let picture = picture.strip_prefix("http://here.test").unwrap();
    assert_eq!(
        node.get(picture, &[]).await.status(),
        200,
        "from our own address"
    );
    let path = post["url"]
        .as_str()
        .unwrap()
        .strip_prefix("http://here.test")
        .unwrap();
    let page = node.get(path, &[]).await.text().await.unwrap();
    assert!(
        page.contains("class=\"preview\"") && page.contains("Sold out &#38; loud"),
        "{page}"
    );
    // The same link again is not fetched again.
    site.forget();
    let again = nina
        .post("/api/v1/statuses", json!({"status": site.at("/tonight")}))
        .await;
    later(&net, &node).await;
    let again = nina.get(&format!("/api/v1/statuses/{}", id(&again))).await;
    assert_eq!(again["card"]["title"], card["title"]);
    assert!(site.seen().is_empty());
    // An edit that takes the link away takes the preview away.
    nina.put(&place, json!({"status": "No link"})).await;
    assert!(nina.get(&place).await["card"].is_null());
    assert_eq!(unread(&node).await, 0);
}

/// Jobs that were given back.
async fn unread(node: &TestNode) -> i64 {
    node.count("SELECT COUNT(*) AS n FROM jobs WHERE attempts > 0")
        .await
}

async fn what_leads_nowhere_shows_nothing(backend: Backend) {
    let mut net = Net::new();
    let site = Peer::start(&mut net, "news.test").await;
    let node = house_in(&mut net, &backend, &[]).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    site.serve_at("/file", 200, "application/pdf", PAGE.into());
    site.serve_at("/gone", 404, "text/html", PAGE.into());
    site.serve_at("/empty", 200, "text/html", "<body>nothing</body>".into());
    let endless = format!("<title>{}", "x".repeat(3 << 20));
    site.serve_at("/endless", 200, "text/html", endless.into());
    site.serve_at("/secret", 200, "text/html", PAGE.into());
    let links = ["/file", "/gone", "/empty"].map(|path| site.at(path));
    let inside = [
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://[fd00::1]/",
    ];
    for link in links.iter().map(String::as_str).chain(inside) {
        assert_eq!(
            card(&net, &node, &nina, link, "public").await,
            Value::Null,
            "{link}"
        );
    }
    let long = card(&net, &node, &nina, &site.at("/endless"), "public").await;
    assert!(long["title"].as_str().unwrap().chars().count() <= 301);
    // A narrower post tells nobody that it was written.
    site.forget();
    assert_eq!(
        card(&net, &node, &nina, &site.at("/secret"), "private").await,
        Value::Null
    );
    assert!(site.seen().is_empty());
    assert_eq!(unread(&node).await, 0, "nothing is tried again");
}

async fn card(net: &Net, node: &TestNode, nina: &Fan<'_>, link: &str, visibility: &str) -> Value {
    let body = json!({"status": format!("see {link} there"), "visibility": visibility});
    let post = nina
        .call(Method::POST, "/api/v1/statuses", Some(body))
        .await;
    later(net, node).await;
    nina.get(&format!("/api/v1/statuses/{}", id(&post.body)))
        .await["card"]
        .clone()
}
