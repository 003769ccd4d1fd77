//! The traps that each cost a real client.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Fan, house, id, ids};
use crate::both;
use crate::support::Backend;
use crate::support::node::client;

both!(
    times_and_ids_have_the_form_clients_read,
    pages_lead_on_and_back,
    the_same_key_makes_one_post,
    forms_and_json_are_read_alike,
    browsers_may_call_and_errors_are_json,
    the_house_is_described_as_clients_expect,
    nobody_sees_what_is_not_for_them,
    odd_requests_cost_nothing,
);

/// Every member of this name, wherever it stands.
fn members<'a>(value: &'a Value, name: &str, into: &mut Vec<&'a Value>) {
    match value {
        Value::Object(map) => {
            into.extend(map.get(name));
            map.values().for_each(|inner| members(inner, name, into));
        }
        Value::Array(list) => list.iter().for_each(|inner| members(inner, name, into)),
        _ => {}
    }
}

async fn times_and_ids_have_the_form_clients_read(backend: Backend) {
    let (_, node) = house(&backend).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    let fan = Fan::new(&node, node.sign_up("fan").await).await;
    let post = nina
        .post("/api/v1/statuses", json!({"status": "hello @fan"}))
        .await;
    fan.post(&format!("/api/v1/statuses/{}/reblog", id(&post)), json!({}))
        .await;
    crate::support::settle(&[&node]).await;
    let home = fan.get("/api/v1/timelines/home").await;
    let told = nina.get("/api/v1/notifications").await;
    let grouped = nina.get("/api/v2/notifications").await;
    for body in [&home, &told, &grouped] {
        let mut times = Vec::new();
        members(body, "created_at", &mut times);
        for time in times {
            let text = time.as_str().unwrap();
            assert!(
                text.len() == 24 && text.as_bytes()[19] == b'.' && text.ends_with('Z'),
                "1: {text}"
            );
        }
        let mut found = Vec::new();
        members(body, "id", &mut found);
        for one in found.iter().filter(|one| one.as_str() != Some("1")) {
            assert!(one.as_str().unwrap().parse::<i64>().is_ok(), "2: {one}");
        }
        for name in ["avatar", "header", "avatar_static", "header_static"] {
            let mut found = Vec::new();
            members(body, name, &mut found);
            for one in found {
                assert!(
                    one.as_str().unwrap().starts_with("http://here.test/"),
                    "4: {one}"
                );
            }
        }
        // 3: what has a default is left out or there, never null.
        for name in [
            "favourited",
            "reblogged",
            "bookmarked",
            "muted",
            "sensitive",
            "locked",
            "bot",
            "replies_count",
            "favourites_count",
            "media_attachments",
            "mentions",
            "tags",
            "emojis",
            "fields",
            "filtered",
            "followers_count",
            "spoiler_text",
        ] {
            let mut found = Vec::new();
            members(body, name, &mut found);
            assert!(found.iter().all(|one| !one.is_null()), "3: {name}");
        }
        let mut found = Vec::new();
        members(body, "visibility", &mut found);
        assert!(
            found
                .iter()
                .all(|one| ["public", "unlisted", "private", "direct"]
                    .contains(&one.as_str().unwrap())),
            "5"
        );
    }
    assert!(
        grouped["notification_groups"][0]["most_recent_notification_id"].is_number(),
        "2"
    );
    let date = nina.get("/api/v1/accounts/verify_credentials").await["last_status_at"].clone();
    assert_eq!(date.as_str().unwrap().len(), 10, "1");
}

async fn pages_lead_on_and_back(backend: Backend) {
    let (_, node) = house(&backend).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    let mut written = Vec::new();
    for n in 0..7 {
        written.push(id(&nina
            .post("/api/v1/statuses", json!({"status": format!("post {n}")}))
            .await));
    }
    written.reverse();
    let first = nina
        .call(Method::GET, "/api/v1/timelines/home?limit=3", None)
        .await;
    assert_eq!(ids(&first.body), written[..3]);
    let link = first.headers["link"].to_str().unwrap();
    let of = |rel: &str| {
        let part = link
            .split(", ")
            .find(|part| part.contains(&format!("rel=\"{rel}\"")))
            .unwrap();
        part.split(['<', '>'])
            .nth(1)
            .unwrap()
            .strip_prefix("http://here.test")
            .unwrap()
            .to_owned()
    };
    assert!(of("next").contains("limit=3"), "16: {link}");
    assert_eq!(ids(&nina.get(&of("next")).await), written[3..6]);
    assert_eq!(ids(&nina.get(&of("prev")).await), Vec::<String>::new());
    // `min_id` means the next newer ones, `since_id` the newest.
    let oldest = &written[6];
    assert_eq!(
        ids(&nina
            .get(&format!("/api/v1/timelines/home?limit=2&min_id={oldest}"))
            .await),
        written[4..6]
    );
    assert_eq!(
        ids(&nina
            .get(&format!("/api/v1/timelines/home?limit=2&since_id={oldest}"))
            .await),
        written[..2]
    );
    for bent in [
        "max_id=-1",
        "max_id=99999999999999999999999",
        "limit=0",
        "limit=-5",
        "limit=100000",
        "min_id=x",
        "max_id=",
    ] {
        nina.get(&format!("/api/v1/timelines/home?{bent}")).await;
    }
    for path in [
        "/api/v1/bookmarks",
        "/api/v1/favourites",
        "/api/v1/notifications",
        "/api/v1/conversations",
        "/api/v1/timelines/public",
    ] {
        nina.get(&format!("{path}?max_id=1&limit=1")).await;
    }
}

async fn the_same_key_makes_one_post(backend: Backend) {
    let (_, node) = house(&backend).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    let write = async || {
        let request = client()
            .post(node.at("/api/v1/statuses"))
            .header("host", "here.test")
            .bearer_auth(&nina.token)
            .header("idempotency-key", "once")
            .header("content-type", "application/json");
        let answer = request
            .body("{\"status\":\"only once\"}")
            .send()
            .await
            .unwrap();
        answer.json::<Value>().await.unwrap()["id"].clone()
    };
    let all = futures_util::future::join_all((0..8).map(|_| write())).await;
    assert!(
        all.iter().all(|id| id.is_string() && *id == all[0]),
        "{all:?}"
    );
    assert_eq!(node.account("nina").await.posts_count, 1);
}

async fn forms_and_json_are_read_alike(backend: Backend) {
    let (_, node) = house(&backend).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    let form = async |path: &str, body: &str| {
        let request = client()
            .post(node.at(path))
            .header("host", "here.test")
            .bearer_auth(&nina.token)
            .header("content-type", "application/x-www-form-urlencoded");
        request
            .body(body.to_owned())
            .send()
            .await
            .unwrap()
            .json::<Value>()
            .await
            .unwrap()
    };
    let asked = form("/api/v1/statuses", "status=which&poll[options][]=a&poll[options][]=b&poll[expires_in]=600&poll[multiple]=true&visibility=private").await;
    assert_eq!(
        (&asked["poll"]["multiple"], &asked["visibility"]),
        (&json!(true), &json!("private"))
    );
    let indexed = form(
        "/api/v1/statuses",
        "status=which&poll[options][0]=a&poll[options][1]=b&poll[expires_in]=600",
    )
    .await;
    assert_eq!(indexed["poll"]["options"].as_array().unwrap().len(), 2);
    // Redirect addresses as a list, as lines, as one.
    for uris in [
        json!(["tusky://x", "ivory://y"]),
        json!("tusky://x\nivory://y"),
    ] {
        let app = nina
            .post(
                "/api/v1/apps",
                json!({"client_name": "x", "redirect_uris": uris, "scopes": "read"}),
            )
            .await;
        assert_eq!(
            (&app["redirect_uris"], &app["client_secret_expires_at"]),
            (&json!(["tusky://x", "ivory://y"]), &json!(0))
        );
    }
    // What cannot be used is refused with a sentence, and nothing is written.
    for (body, status) in [
        (json!({"status": ""}), 422),
        (json!({"status": "x".repeat(6000)}), 422),
        (json!({"status": "x", "visibility": "everyone"}), 422),
        (json!({"status": "x", "in_reply_to_id": "123"}), 404),
        (json!({"status": "x", "in_reply_to_id": "zz"}), 404),
        (json!({"status": "x", "media_ids": ["1"]}), 422),
        (
            json!({"status": "x", "poll": {"options": ["a"], "expires_in": 600}}),
            422,
        ),
        (
            json!({"status": "x", "scheduled_at": "2020-01-01T00:00:00Z"}),
            422,
        ),
    ] {
        let got = nina
            .call(Method::POST, "/api/v1/statuses", Some(body.clone()))
            .await;
        assert_eq!(got.status, status, "{body}: {}", got.body);
        assert!(
            got.body["error"]
                .as_str()
                .is_some_and(|text| text.len() > 10),
            "{}",
            got.body
        );
    }
    let posts = "SELECT COUNT(*) AS n FROM posts";
    assert_eq!(node.count(posts).await, 2);
    let broken = client()
        .post(node.at("/api/v1/statuses"))
        .header("host", "here.test")
        .bearer_auth(&nina.token)
        .header("content-type", "application/json")
        .body("{\"status\": ");
    assert_eq!(broken.send().await.unwrap().status(), 400);
}

async fn browsers_may_call_and_errors_are_json(backend: Backend) {
    let (_, node) = house(&backend).await;
    node.host("nina").await;
    for path in [
        "/api/v2/instance",
        "/api/v1/accounts/verify_credentials",
        "/api/v1/statuses/1",
        "/api/nothing/here",
        "/oauth/token",
        "/.well-known/oauth-authorization-server",
        "/.well-known/nodeinfo",
        "/.well-known/host-meta",
        "/nodeinfo/2.0",
        "/.well-known/webfinger?resource=acct:nina@here.test",
    ] {
        let answer = node.get(path, &[("origin", "https://elk.example")]).await;
        assert_eq!(
            answer.headers()["access-control-allow-origin"],
            "*",
            "9: {path}"
        );
        assert!(
            !answer
                .headers()
                .contains_key("access-control-allow-credentials"),
            "9: {path}"
        );
    }
    let preflight = client()
        .request(Method::OPTIONS, node.at("/api/v1/statuses"))
        .header("host", "here.test")
        .header("origin", "https://elk.example")
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,content-type,idempotency-key",
        )
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.status(), 200);
    let allowed = preflight.headers()["access-control-allow-headers"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        ["authorization", "content-type", "idempotency-key"]
            .iter()
            .all(|name| allowed.contains(name)),
        "9: {allowed}"
    );
    // 14: a sentence, also where there is nothing.
    for (method, path, status) in [
        (Method::GET, "/api/v1/nothing", 404),
        (Method::DELETE, "/api/v1/timelines/home", 405),
        (Method::GET, "/api/v1/statuses/abc", 404),
        (Method::GET, "/api/v1/accounts/999", 404),
        (Method::GET, "/api/v1/timelines/home", 401),
    ] {
        let answer = client()
            .request(method, node.at(path))
            .header("host", "here.test")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), status, "{path}");
        assert!(answer.headers().contains_key("vary"));
        let body: Value = answer
            .json()
            .await
            .unwrap_or_else(|_| panic!("14: {path} is no JSON"));
        assert!(body["error"].is_string(), "14: {path}: {body}");
    }
    // 10: nothing cuts the window that asked, and the session stays with links that lead here.
    let page = node.get("/oauth/authorize?client_id=x", &[]).await;
    assert!(
        !page.headers().contains_key("cross-origin-opener-policy"),
        "10"
    );
    let limited = node.get("/api/v2/instance", &[]).await;
    assert!(limited.headers().contains_key("x-ratelimit-remaining"));
}

async fn the_house_is_described_as_clients_expect(backend: Backend) {
    let (_, node) = house(&backend).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    for path in ["/api/v1/instance", "/api/v1/instance/"] {
        let old = nina.get(path).await;
        assert_eq!(old["uri"], "here.test", "7, 11");
        assert!(old["version"].as_str().unwrap().starts_with("4."), "12");
    }
    let metadata: Value = node
        .get("/.well-known/oauth-authorization-server", &[])
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(
        metadata["code_challenge_methods_supported"],
        json!(["S256"])
    );
    assert_eq!(metadata["issuer"], "http://here.test");
    // 15: what has nothing in it is an empty list.
    for path in [
        "/api/v1/lists",
        "/api/v2/filters",
        "/api/v1/filters",
        "/api/v1/announcements",
        "/api/v1/followed_tags",
        "/api/v1/featured_tags",
        "/api/v1/follow_requests",
        "/api/v1/conversations",
        "/api/v1/scheduled_statuses",
        "/api/v1/trends/links",
        "/api/v1/endorsements",
        "/api/v1/custom_emojis",
    ] {
        assert_eq!(nina.get(path).await, json!([]), "15: {path}");
    }
    assert_eq!(nina.get("/api/v1/markers?timeline[]=home").await, json!({}));
}

async fn nobody_sees_what_is_not_for_them(backend: Backend) {
    let (_, node) = house(&backend).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    let bob = Fan::new(&node, node.sign_up("bob").await).await;
    let carol = Fan::new(&node, node.sign_up("carol").await).await;
    let post = nina
        .post("/api/v1/statuses", json!({"status": "hello #sea"}))
        .await;
    // Two who answer in private do not learn of each other.
    for fan in [&bob, &carol] {
        fan.post("/api/v1/statuses", json!({"status": "@nina only for you", "visibility": "direct", "in_reply_to_id": post["id"]})).await;
    }
    for fan in [&bob, &carol] {
        let list = fan.get("/api/v1/conversations").await;
        let mut people = ids(&list[0]["accounts"]);
        people.sort();
        assert_eq!(
            (list.as_array().unwrap().len(), people),
            (1, vec![nina.me.id.to_string()])
        );
        let context = fan
            .get(&format!("/api/v1/statuses/{}/context", id(&post)))
            .await;
        assert_eq!(context["descendants"].as_array().unwrap().len(), 1);
    }
    // Whom one blocks or mutes is gone from every list.
    bob.post("/api/v1/statuses", json!({"status": "me too #sea"}))
        .await;
    carol.post("/api/v1/tags/sea/follow", json!({})).await;
    let has_bob = async |path: &str| {
        let list = carol.get(path).await;
        list.as_array()
            .unwrap()
            .iter()
            .any(|one| one["account"]["acct"] == "bob")
    };
    let lists = [
        "/api/v1/timelines/home",
        "/api/v1/timelines/tag/sea",
        "/api/v1/timelines/public",
    ];
    for path in lists {
        assert!(has_bob(path).await, "{path}");
    }
    for verb in ["mute", "block"] {
        carol
            .post(&format!("/api/v1/accounts/{}/{verb}", bob.me.id), json!({}))
            .await;
        for path in lists {
            assert!(!has_bob(path).await, "{path} after {verb}");
        }
        carol
            .post(
                &format!("/api/v1/accounts/{}/un{verb}", bob.me.id),
                json!({}),
            )
            .await;
    }
    // A quote that was taken back shows nothing, whatever stands beside it.
    let quote = async |who: &Fan<'_>| {
        id(&who
            .post(
                "/api/v1/statuses",
                json!({"status": "look", "quoted_status_id": post["id"]}),
            )
            .await)
    };
    let (kept, taken) = (quote(&bob).await, quote(&carol).await);
    crate::support::settle(&[&node]).await;
    nina.post(
        &format!("/api/v1/statuses/{}/quotes/{taken}/revoke", id(&post)),
        json!({}),
    )
    .await;
    let both = nina
        .get(&format!("/api/v1/statuses?id[]={kept}&id[]={taken}"))
        .await;
    let of = |wanted: &str| {
        both.as_array()
            .unwrap()
            .iter()
            .find(|one| one["id"] == wanted)
            .unwrap()["quote"]
            .clone()
    };
    assert!(of(&kept)["quoted_status"].is_object());
    assert_eq!(
        (of(&taken)["state"].as_str(), &of(&taken)["quoted_status"]),
        (Some("revoked"), &Value::Null)
    );
    // Nobody takes back another's boost, edits another's list, or reads another's things.
    let boost = bob
        .post(&format!("/api/v1/statuses/{}/reblog", id(&post)), json!({}))
        .await;
    let list = bob.post("/api/v1/lists", json!({"title": "mine"})).await;
    let filter = bob
        .post(
            "/api/v2/filters",
            json!({"title": "mine", "context": ["home"]}),
        )
        .await;
    let media = bob.picture().await;
    for (method, path) in [
        (Method::DELETE, format!("/api/v1/statuses/{}", id(&boost))),
        (Method::DELETE, format!("/api/v1/statuses/{}", id(&post))),
        (Method::PUT, format!("/api/v1/statuses/{}", id(&post))),
        (Method::GET, format!("/api/v1/lists/{}", id(&list))),
        (Method::DELETE, format!("/api/v1/lists/{}", id(&list))),
        (Method::GET, format!("/api/v1/timelines/list/{}", id(&list))),
        (Method::GET, format!("/api/v2/filters/{}", id(&filter))),
        (Method::GET, format!("/api/v1/media/{media}")),
        (Method::DELETE, format!("/api/v1/media/{media}")),
        (Method::GET, "/api/v1/notifications/1".to_owned()),
        (Method::POST, "/api/v1/conversations/1/read".to_owned()),
    ] {
        let got = carol
            .call(method.clone(), &path, Some(json!({"status": "x"})))
            .await;
        assert_eq!(
            (got.status, got.body["error"].as_str()),
            (404, Some("Record not found")),
            "{method} {path}"
        );
    }
}

async fn odd_requests_cost_nothing(backend: Backend) {
    let (_, node) = house(&backend).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    for path in [
        "/api/v1/timelines/tag/%00",
        "/api/v2/search?q=%00",
        "/oauth/authorize?client_id=%00",
        "/api/v1/accounts/lookup?acct=%00",
    ] {
        let status = nina
            .node
            .get(
                path,
                &[("authorization", &format!("Bearer {}", nina.token))],
            )
            .await
            .status();
        assert!(status.as_u16() < 500, "{path}: {status}");
    }
    let long = json!({"x".repeat(400_000): (0..40_000).map(|n| (n.to_string(), json!(n))).collect::<serde_json::Map<_, _>>()});
    let wide = json!({"id": (0..100_000).collect::<Vec<_>>()});
    for body in [long, wide] {
        let got = nina.call(Method::POST, "/api/v1/apps", Some(body)).await;
        assert_eq!(got.status, 400);
    }
    // An empty list is something: the last picture goes, and so do the fields of a profile.
    let picture = nina.picture().await;
    let post = nina
        .post(
            "/api/v1/statuses",
            json!({"status": "look", "media_ids": [picture]}),
        )
        .await;
    let edited = nina
        .put(
            &format!("/api/v1/statuses/{}", id(&post)),
            json!({"status": "look", "media_ids": []}),
        )
        .await;
    assert_eq!(edited["media_attachments"], json!([]));
    nina.patch(
        "/api/v1/accounts/update_credentials",
        json!({"fields_attributes": [{"name": "a", "value": "b"}]}),
    )
    .await;
    assert_eq!(
        nina.patch(
            "/api/v1/accounts/update_credentials",
            json!({"fields_attributes": []})
        )
        .await["fields"],
        json!([])
    );
    let unknown = nina
        .call(
            Method::PATCH,
            "/api/v1/accounts/update_credentials",
            Some(json!({"source": {"privacy": "friends"}})),
        )
        .await;
    assert_eq!(unknown.status, 422);
    // A filter for good.
    let filter = nina
        .post(
            "/api/v2/filters",
            json!({"title": "x", "context": ["home"], "expires_in": 60}),
        )
        .await;
    assert!(filter["expires_at"].is_string());
    assert_eq!(
        nina.put(
            &format!("/api/v2/filters/{}", id(&filter)),
            json!({"expires_in": null})
        )
        .await["expires_at"],
        Value::Null
    );
    // Notifications of kinds that are not made here are none.
    assert_eq!(
        nina.get("/api/v1/notifications?types[]=admin.report").await,
        json!([])
    );
    // The picture of a post that is put off stays until then, and the same key puts one off.
    let picture = nina.picture().await;
    let at = node
        .app()
        .clock
        .now()
        .plus(std::time::Duration::from_secs(3 * 86_400))
        .rfc3339();
    let later = async || {
        let request = client()
            .post(node.at("/api/v1/statuses"))
            .header("host", "here.test")
            .bearer_auth(&nina.token)
            .header("idempotency-key", "later")
            .header("content-type", "application/json");
        request
            .body(
                json!({"status": "later", "media_ids": [picture], "scheduled_at": at}).to_string(),
            )
            .send()
            .await
            .unwrap()
            .json::<Value>()
            .await
            .unwrap()
    };
    assert_eq!(later().await["id"], later().await["id"]);
    assert_eq!(
        nina.call(Method::DELETE, &format!("/api/v1/media/{picture}"), None)
            .await
            .status,
        422
    );
    assert_eq!(
        nina.get("/api/v1/scheduled_statuses").await[0]["media_attachments"][0]["id"],
        json!(picture)
    );
}
