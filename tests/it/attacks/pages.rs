//! Pages: cookies, hosts, redirects and guessing.

use super::scene;
use crate::both;
use crate::support::Backend;
use afterparty::audiences::Audience;
use afterparty::posts::compose::Draft;

both!(cookies_work_from_our_own_pages_only,);

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
    for n in 0..15 {
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
