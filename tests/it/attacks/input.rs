//! Input: hostile JSON, text and pictures.

use afterparty::accounts::Account;
use afterparty::error::Result;
use afterparty::media::incoming::Incoming;
use afterparty::media::upload::{self, Upload};
use afterparty::media::{Media, files};
use serde_json::json;

use super::{ledger, scene};
use crate::both;
use crate::support::peer::post_raw;
use crate::support::{Backend, TestNode, settle};

both!(hostile_json_has_no_effect, text_from_strangers_runs_nowhere,);

async fn hostile_json_has_no_effect(backend: Backend) {
    let s = scene(&backend).await;
    assert_eq!(s.evil.send(&s.node, &s.follow(1)).await, 202);
    settle(&[&s.node]).await;
    let before = ledger(&s.node).await;
    // 41
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let many = format!(
        "{{\"actor\":\"{}\",\"tag\":[{}]}}",
        s.eve,
        vec!["1"; 300_000].join(",")
    );
    let twice = format!("{{\"actor\":\"{}\",\"actor\":\"{}\"}}", s.eve, s.vic);
    for body in [
        deep.as_str(),
        &many,
        &twice,
        "{\"a\":\"\\u0000\"}",
        "{\"a\":\"\\ud800\"}",
        "null",
        "",
        "[]",
        "NaN",
        "{} {}",
        "\u{feff}{}",
        "{\"a\":1e999}",
    ] {
        let body = body.as_bytes().to_vec();
        let status = post_raw(
            &s.node,
            "/inbox",
            s.evil.sign(&s.key(), "here.test", "/inbox", &body),
            body.clone(),
        )
        .await;
        assert!(
            (400..500).contains(&status),
            "{status} for {}",
            String::from_utf8_lossy(&body[..body.len().min(40)])
        );
    }
    let body = [0xff, 0xfe, 0x00].to_vec();
    assert_eq!(
        post_raw(
            &s.node,
            "/inbox",
            s.evil.sign(&s.key(), "here.test", "/inbox", &body),
            body
        )
        .await,
        400
    );
    // Every shape of every member: let in or not, never a fault of ours.
    let shapes = [
        json!(null),
        json!(""),
        json!("x"),
        json!(7),
        json!(true),
        json!([]),
        json!({}),
        json!([[]]),
        json!([null, 1, {}]),
        json!({"id": 7}),
        json!({"type": ["Note", "Person"]}),
    ];
    for kind in [
        "Create",
        "Update",
        "Delete",
        "Follow",
        "Accept",
        "Reject",
        "Undo",
        "Announce",
        "Like",
        "Block",
        "Flag",
        "Move",
        "Add",
        "QuoteRequest",
    ] {
        for (n, shape) in shapes.iter().enumerate() {
            let mut activity = s
                .evil
                .activity(kind, &s.eve, 4100 + n as u32, shape.clone());
            activity["to"] = shape.clone();
            activity["target"] = shape.clone();
            assert_eq!(s.evil.send(&s.node, &activity).await, 202, "{activity}");
        }
    }
    for member in [
        "content",
        "name",
        "tag",
        "attachment",
        "url",
        "summary",
        "published",
        "inReplyTo",
        "oneOf",
        "quote",
        "interactionPolicy",
        "icon",
        "cc",
    ] {
        // One host sends sixty a second for long, and no more.
        s.net.clock.advance(std::time::Duration::from_secs(1));
        for (n, shape) in shapes.iter().enumerate() {
            let mut note = s.evil.note(&s.eve, 5000 + n as u32, "odd");
            note[member] = shape.clone();
            assert_eq!(
                s.evil
                    .send(
                        &s.node,
                        &s.evil.activity("Create", &s.eve, 5000 + n as u32, note)
                    )
                    .await,
                202
            );
        }
    }
    // What names a post that may be on its way is looked at a few times more.
    for _ in 0..5 {
        settle(&[&s.node]).await;
        s.net.clock.advance(std::time::Duration::from_secs(900));
    }
    assert_eq!(before, ledger(&s.node).await);
    assert_eq!(
        s.node
            .count("SELECT COUNT(*) AS n FROM received WHERE processed_at IS NULL")
            .await,
        0
    );
    assert_eq!(
        s.node
            .count("SELECT COUNT(*) AS n FROM received WHERE outcome LIKE '%processing broke down'")
            .await,
        0
    );
}

async fn text_from_strangers_runs_nowhere(backend: Backend) {
    let s = scene(&backend).await;
    let fan = s.node.sign_up("fan").await;
    let payloads = [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "<a href=\"javascript:alert(1)\">x</a>",
        "<iframe srcdoc=\"<script>alert(1)</script>\"></iframe>",
        "<style>@import 'x'</style>",
        "<p style=\"position:fixed\">x</p>",
        "</textarea></title><script>alert(1)</script>",
        "\"><script>alert(1)</script>",
        "{{7*7}}",
        "<form action=x><button formaction=y>z</button></form>",
        "<math><annotation-xml encoding=\"text/html\"><style><img src=x onerror=alert(1)></style></annotation-xml></math>",
    ];
    for (n, payload) in payloads.iter().enumerate() {
        let mut document = s.evil.actor_document("eve");
        document["name"] = json!(payload);
        document["summary"] = json!(payload);
        document["url"] = json!("javascript:alert(1)");
        document["icon"] = json!({"type": "Image", "url": "javascript:alert(1)"});
        document["attachment"] = json!([{"type": "PropertyValue", "name": payload, "value": payload}, {"type": "PropertyValue", "name": "x", "value": "<a href=\"javascript:alert(1)\">x</a>"}]);
        s.evil
            .send(
                &s.node,
                &s.evil.activity("Update", &s.eve, 430 + n as u32, document),
            )
            .await;
        let mut note = s.evil.note(&s.eve, 430 + n as u32, payload);
        note["to"] = json!([fan.uri, "https://www.w3.org/ns/activitystreams#Public"]);
        note["summary"] = json!(payload);
        note["url"] = json!("javascript:alert(1)");
        note["tag"] = json!([{"type": "Hashtag", "name": payload}, {"type": "Emoji", "name": ":x:", "icon": {"url": "javascript:alert(1)"}}, {"type": "Mention", "href": fan.uri}]);
        note["attachment"] = json!([{"type": "Image", "mediaType": "image/png", "url": "http://evil.test/x.png", "name": payload}, {"type": "Link", "href": "javascript:alert(1)"}]);
        note["oneOf"] = json!([{"type": "Note", "name": payload}]);
        assert_eq!(
            s.evil
                .send(
                    &s.node,
                    &s.evil.activity("Create", &s.eve, 4300 + n as u32, note)
                )
                .await,
            202
        );
        settle(&[&s.node]).await;
        let post = s
            .node
            .post_by_uri(&s.evil.at(&format!("/notes/{}", 430 + n)))
            .await
            .expect("the post itself is taken");
        let cookie = s.node.cookie(&fan).await;
        for path in [
            format!("/@eve@evil.test/{}", post.id),
            "/@eve@evil.test".to_owned(),
            "/home".to_owned(),
            "/notifications".to_owned(),
        ] {
            let answer = s
                .node
                .get(&path, &[("cookie", &cookie), ("accept", "text/html")])
                .await;
            assert_eq!(answer.status(), 200, "{path}");
            assert!(
                answer.headers()["content-security-policy"]
                    .to_str()
                    .unwrap()
                    .contains("script-src 'self'")
            );
            let page = answer.text().await.unwrap();
            // 43, 46: nothing of it is markup any more.
            for trace in [
                "<script>alert",
                "onerror=alert",
                "onload=alert(1)>",
                "href=\"javascript",
                "src=\"javascript",
                "<iframe",
                "<style",
                "style=\"position",
                "<math",
                "<button formaction",
                ">49<",
            ] {
                let escaped = page
                    .replace("&lt;", "‹")
                    .replace("&#60;", "‹")
                    .replace("&quot;", "”")
                    .replace("&#34;", "”");
                let found = escaped.contains(trace)
                    && !(trace.starts_with("on")
                        && !escaped.contains(&format!("<img src=x {trace}"))
                        && !escaped.contains(&format!("<svg/{trace}")));
                assert!(!found, "{trace} on {path} after {payload}");
            }
        }
    }
}

/// Takes a file in, as every way into the node does.
async fn take(node: &TestNode, member: &Account, bytes: Vec<u8>) -> Result<Media> {
    let upload = Upload {
        file: Incoming::of_bytes(node.app(), bytes).await?,
        cover: None,
        description: String::new(),
        focus: (0, 0),
    };
    upload::upload(node.app(), member, upload).await
}

/// 44, 45: where a picture was taken stays with who took it; what is no picture stays outside.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_lose_what_they_tell_and_traps_are_refused() {
    let (_, node) = TestNode::one(&Backend::Sqlite).await;
    let nina = node.host("nina").await;
    let mut jpeg = std::io::Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(40, 30)
        .write_to(&mut jpeg, image::ImageFormat::Jpeg)
        .unwrap();
    let plain = jpeg.into_inner();
    // An EXIF block right behind the start marker, with a place in it.
    let exif = b"Exif\0\0MM\0*GPSLatitude 53.5511 GPSLongitude 9.9937";
    let mut tagged = plain[..2].to_vec();
    tagged.extend([0xff, 0xe1]);
    tagged.extend(u16::try_from(exif.len() + 2).unwrap().to_be_bytes());
    tagged.extend(exif);
    tagged.extend(&plain[2..]);
    let kept = take(&node, &nina, tagged).await.unwrap();
    for file in [kept.file.unwrap(), kept.preview.unwrap()] {
        let file = files::stored(node.app(), &file).await.unwrap();
        let bytes = node.app().media.read(&file).await.unwrap();
        assert!(
            !bytes.windows(3).any(|window| window == b"GPS"),
            "{file} still tells where"
        );
    }
    for trap in [
        &b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>"[..],
        b"push graphic-context",
        b"<html>",
        b"{\"type\":\"Person\"}",
        b"GIF89a",
    ] {
        let refused = take(&node, &nina, trap.to_vec()).await;
        assert!(matches!(refused, Err(afterparty::error::Error::Invalid(_))));
    }
    // A file's name leads nowhere else.
    for path in [
        "/media/..%2f..%2fsecret.key/x",
        "/media/../secret.key",
        "/media/aa/..%2f..%2f..%2fsecret.key",
    ] {
        assert_eq!(node.get(path, &[]).await.status(), 404, "{path}");
    }
}
