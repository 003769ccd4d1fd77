//! Pages: cookies, hosts, redirects and guessing.

use super::scene;
use crate::both;
use crate::support::Backend;
use afterparty::audiences::Audience;
use afterparty::posts::compose::Draft;

both!(
    cookies_work_from_our_own_pages_only,
    nobody_learns_whose_address_is_known,
    a_shared_cache_mixes_nothing_up,
);

async fn cookies_work_from_our_own_pages_only(backend: Backend) {
    let s = scene(&backend).await;
    let cookie = s.node.cookie(&s.nina).await;
    let post = s.node.post(&s.nina, "mine").await;
    // 47: from another site, or without knowing which.
    let client = crate::support::node::client();
    for (path, origin, site) in [
        ("/sign-out", "http://evil.test", "cross-site"),
        (
            &*format!("/posts/{}/delete", post.id),
            "http://evil.test",
            "cross-site",
        ),
        ("/posts", "null", "cross-site"),
        ("/settings", "http://here.test.evil.test", "same-site"),
        ("/operator/blocks", "http://evil.test", "cross-site"),
        ("/operator/announcements", "http://evil.test", "cross-site"),
        ("/announcements/1/dismiss", "http://evil.test", "cross-site"),
        ("/door/enter", "http://evil.test", "cross-site"),
        ("/guest/erase", "http://evil.test", "cross-site"),
        ("/guest/follow/1", "http://evil.test", "cross-site"),
        ("/guest/reply/1", "http://evil.test", "cross-site"),
        ("/door/mail", "http://evil.test", "cross-site"),
        ("/door/code", "http://evil.test", "cross-site"),
        ("/auth/letter/x", "http://evil.test", "cross-site"),
        ("/intents/follow", "http://evil.test", "cross-site"),
        ("/magic", "http://evil.test", "cross-site"),
        ("/settings/apps/leave", "http://evil.test", "cross-site"),
        ("/notifications/device", "http://evil.test", "cross-site"),
        ("/operator/look", "http://evil.test", "cross-site"),
        ("/operator/look/front", "http://evil.test", "cross-site"),
    ] {
        let request = client
            .post(s.node.at(path))
            .header("host", "here.test")
            .header("cookie", &cookie)
            .header("origin", origin)
            .header("sec-fetch-site", site)
            .body("x=y");
        assert_eq!(request.send().await.unwrap().status(), 403, "{path}");
    }
    assert!(s.node.post_by_uri(&post.uri).await.is_some());
    // 51, 57: a forged Host, and redirects that leave the house.
    let answer = client
        .get(s.node.at("/about"))
        .header("host", "evil.test")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 421);
    for next in ["//evil.test", "https://evil.test", "/\\evil.test"] {
        let answer = s
            .node
            .form(
                "/sign-in",
                "",
                &[
                    ("login", "nina"),
                    ("password", crate::support::node::PASSWORD),
                    ("next", next),
                ],
            )
            .await;
        assert_eq!(answer.headers()["location"], "/home", "{next}");
    }
    // 52: guessing ends at the limit, whatever the address pretends to be.
    let mut statuses = Vec::new();
    for n in 0..60 {
        let request = client
            .post(s.node.at("/sign-in"))
            .header("host", "here.test")
            .header("x-forwarded-for", format!("203.0.113.{n}"));
        statuses.push(
            request
                .header("content-type", "application/x-www-form-urlencoded")
                .body("login=nina&password=guess")
                .send()
                .await
                .unwrap()
                .status()
                .as_u16(),
        );
    }
    assert!(statuses.contains(&429), "{statuses:?}");
    // 54: what is not for the viewer looks like what is not there.
    let hidden = s
        .node
        .write(
            &s.nina,
            Draft {
                text: "secret".into(),
                audience: Audience::Followers,
                ..Draft::default()
            },
        )
        .await;
    let text = async |id: i64| {
        let answer = s
            .node
            .get(&format!("/@nina/{id}"), &[("accept", "text/html")])
            .await;
        (answer.status(), answer.text().await.unwrap())
    };
    assert_eq!(text(hidden.id.0).await.0, 404);
    let strip = |page: String| page.replace(|c: char| c.is_ascii_digit(), "");
    let (seen, missing) = (text(hidden.id.0).await, text(hidden.id.0 + 1).await);
    assert_eq!((seen.0, strip(seen.1)), (missing.0, strip(missing.1)));
    // 58: the headers of every page.
    let answer = s.node.get("/", &[("accept", "text/html")]).await;
    for name in [
        "content-security-policy",
        "x-content-type-options",
        "referrer-policy",
        "permissions-policy",
        "cross-origin-opener-policy",
        "vary",
    ] {
        assert!(answer.headers().contains_key(name), "{name}");
    }
}

/// 53: asking for a new password looks the same whether the address is known or not, and takes as long.
async fn nobody_learns_whose_address_is_known(backend: Backend) {
    let s = scene(&backend).await;
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    let fan = afterparty::accounts::create::New {
        name: "fan",
        display_name: "Fan",
        email: Some("fan@mail.example"),
        password: crate::support::node::PASSWORD,
        role: afterparty::accounts::Role::Member,
        confirmed: true,
    };
    afterparty::accounts::create::create(s.node.app(), fan)
        .await
        .unwrap();
    for round in 0..21 {
        let stranger = format!("stranger{round}@mail.example");
        for (address, times) in [
            ("fan@mail.example", &mut known),
            (stranger.as_str(), &mut unknown),
        ] {
            s.net.clock.advance(std::time::Duration::from_secs(3600));
            let begun = std::time::Instant::now();
            let answer = s.node.form("/forgot", "", &[("login", address)]).await;
            let status = answer.status();
            let page = answer.text().await.unwrap();
            // When the page was drawn says nothing about anybody.
            let page = page
                .split(" data-drawn=")
                .map(|part| part.trim_start_matches(|c: char| c == '"' || c.is_ascii_digit()));
            let page: String = page.collect();
            times.push((begun.elapsed(), status, page.replace(address, "")));
        }
    }
    assert_eq!((known[0].1, &known[0].2), (unknown[0].1, &unknown[0].2));
    let middle = |times: &mut Vec<(std::time::Duration, _, _)>| {
        times.sort_by_key(|(time, ..)| *time);
        times[times.len() / 2].0
    };
    let apart = middle(&mut known).abs_diff(middle(&mut unknown));
    assert!(apart.as_millis() < 20, "{apart:?}");
}

/// 55: whatever is asked for, an answer says what it depends on, has the right type, and nothing personal is kept.
async fn a_shared_cache_mixes_nothing_up(backend: Backend) {
    let s = scene(&backend).await;
    let cookie = s.node.cookie(&s.nina).await;
    let post = s.node.post(&s.nina, "mine").await;
    let own = |url: &str| url.replace("http://here.test", "");
    let document = "application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\"";
    let accepts = [
        "text/html",
        "application/activity+json",
        document,
        "*/*",
        "image/avif,image/webp",
        "text/html;q=0.5, application/activity+json",
    ];
    let paths = [
        "/".to_owned(),
        "/@nina".to_owned(),
        own(post.url.as_ref().unwrap()),
        own(&post.uri),
        "/users/nina".to_owned(),
        "/users/nina/outbox".to_owned(),
        "/users/nina/followers".to_owned(),
        "/local".to_owned(),
        "/tags/none".to_owned(),
        "/door".to_owned(),
        "/door/done/x".to_owned(),
        "/houses".to_owned(),
        "/operator/look".to_owned(),
        "/settings/apps".to_owned(),
        "/live?page=/home".to_owned(),
        "/manifest.webmanifest".to_owned(),
        "/guest".to_owned(),
        "/home".to_owned(),
        "/settings".to_owned(),
        "/nothing/here".to_owned(),
        "/users/nobody".to_owned(),
        "/media/aa/nothing.png".to_owned(),
        "/api/v1/instance".to_owned(),
        "/api/v1/timelines/home".to_owned(),
        "/.well-known/webfinger?resource=acct:nina@here.test".to_owned(),
    ];
    for path in &paths {
        for accept in accepts {
            for cookie in ["", cookie.as_str()] {
                let headers = [("accept", accept), ("cookie", cookie)];
                let answer = s.node.get(path, &headers).await;
                let of = |name: &str| {
                    let values = answer.headers().get_all(name).iter();
                    let values: Vec<&str> = values.map(|value| value.to_str().unwrap()).collect();
                    values.join(", ").to_ascii_lowercase()
                };
                let (vary, kind, cache) = (of("vary"), of("content-type"), of("cache-control"));
                let asked = format!("{path} for {accept}: {}", answer.status());
                for name in ["accept", "cookie", "authorization", "signature"] {
                    assert!(vary.contains(name), "{asked} varies by {vary}");
                }
                let page = kind.starts_with("text/html");
                // What has a document gives it to whom asks for one, and a page to whom asks for that.
                let both = answer.status() == 200
                    && (path.starts_with("/@") || path.starts_with("/users/nina"));
                let json = kind.contains("json");
                assert!(
                    !both || !accept.starts_with("application/") || json,
                    "{asked} is {kind}"
                );
                assert!(
                    !path.starts_with("/@") || accept != "text/html" || page,
                    "{asked} is {kind}"
                );
                assert!(!page || !kind.contains("json"), "{asked} is {kind}");
                let personal = page && !cookie.is_empty();
                assert!(
                    !personal || cache.contains("private") || cache.contains("no-store"),
                    "{asked}: {cache}"
                );
                assert!(
                    !(cache.contains("public") && path.starts_with("/api/v1/timelines")),
                    "{asked}: {cache}"
                );
            }
        }
    }
}
