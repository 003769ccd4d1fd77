//! Announcements: what the host tells everyone who lives here.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Fan, house, id};
use crate::both;
use crate::support::Backend;

both!(everyone_is_told_until_they_dismiss_it,);

async fn everyone_is_told_until_they_dismiss_it(backend: Backend) {
    let (net, node) = house(&backend).await;
    let host = node.host("nina").await;
    let fan = Fan::new(&node, node.sign_up("fan").await).await;
    let cookie = node.cookie(&host).await;
    let tell = [
        ("text", "Doors at eight.\n\nBring <b>earplugs</b>."),
        ("days", "7"),
    ];
    let told = node.form("/operator/announcements", &cookie, &tell).await;
    assert_eq!(told.status(), 303);
    let empty = node
        .form("/operator/announcements", &cookie, &[("text", " ")])
        .await;
    assert_eq!(empty.status(), 422);
    let own = node.cookie(&fan.me).await;
    let refused = node.form("/operator/announcements", &own, &tell).await;
    assert_ne!(refused.status(), 303, "only the host tells everyone");
    let list = fan.get("/api/v1/announcements").await;
    let one = &list[0];
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(
        one["content"],
        "<p>Doors at eight.</p><p>Bring &lt;b&gt;earplugs&lt;/b&gt;.</p>"
    );
    assert_eq!(one["read"], false);
    let home = node
        .get("/home", &[("cookie", &own)])
        .await
        .text()
        .await
        .unwrap();
    assert!(home.contains("Doors at eight.") && home.contains("/dismiss"));
    // Reactions: emoji only, once each, at most eight different ones.
    let sign = |name: &str| {
        let name: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
        format!("/api/v1/announcements/{}/reactions/{name}", id(one))
    };
    for (name, status) in [
        ("\u{1f389}", 200),
        ("\u{1f389}", 200),
        ("party", 422),
        ("\u{1f389}\u{1f389}", 422),
    ] {
        assert_eq!(
            fan.call(Method::PUT, &sign(name), None).await.status,
            status,
            "{name}"
        );
    }
    let expected = json!([{"name": "\u{1f389}", "count": 1, "me": true}]);
    assert_eq!(
        fan.get("/api/v1/announcements").await[0]["reactions"],
        expected
    );
    for n in 0..7_u32 {
        let name = char::from_u32(0x1f600 + n).unwrap().to_string();
        assert_eq!(fan.call(Method::PUT, &sign(&name), None).await.status, 200);
    }
    assert_eq!(
        fan.call(Method::PUT, &sign("\u{1f680}"), None).await.status,
        422
    );
    fan.delete(&sign("\u{1f389}"), None).await;
    assert_eq!(
        fan.call(Method::PUT, &sign("\u{1f680}"), None).await.status,
        200
    );
    // Dismissed, it stays away until it reads differently, and ends by itself.
    fan.post(
        &format!("/api/v1/announcements/{}/dismiss", id(one)),
        json!({}),
    )
    .await;
    assert_eq!(fan.get("/api/v1/announcements").await, json!([]));
    assert_eq!(
        fan.get("/api/v1/announcements?with_dismissed=true").await[0]["read"],
        true
    );
    let change = format!("/operator/announcements/{}/change", id(one));
    node.form(&change, &cookie, &[("text", "Doors at nine.")])
        .await;
    assert_eq!(
        fan.get("/api/v1/announcements").await[0]["content"],
        "<p>Doors at nine.</p>"
    );
    net.clock
        .advance(std::time::Duration::from_secs(7 * 86_400 + 1));
    assert_eq!(fan.get("/api/v1/announcements").await, json!([]));
    let late = fan.call(Method::PUT, &sign("\u{1f389}"), None).await;
    assert_eq!((late.status, late.body["error"].is_string()), (404, true));
    assert_eq!(gone(&fan, "1").await, 404);
    let take_back = format!("/operator/announcements/{}/take-back", id(one));
    assert_eq!(
        node.form(&take_back, &cookie, &[("text", "x")])
            .await
            .status(),
        303
    );
    for table in [
        "SELECT COUNT(*) AS n FROM announcements",
        "SELECT COUNT(*) AS n FROM announcement_reactions",
    ] {
        assert_eq!(node.count(table).await, 0);
    }
}

async fn gone(fan: &Fan<'_>, id: &str) -> u16 {
    let path = format!("/api/v1/announcements/{id}/dismiss");
    let got = fan.call(Method::POST, &path, Some(Value::Null)).await;
    got.status
}
