//! Files as the world sends them: what a program left out, or wrote in its own way.

use afterparty::media;
use image::{AnimationDecoder as _, Delay, Frame, Rgba, RgbaImage};
use reqwest::Method;
use serde_json::Value;
use std::io::Cursor;

use super::{Fan, Got, house, houses, id};
use crate::both;
use crate::support::{Backend, TestNode, settle, shared};

both!(a_picture_that_moves_goes_on_moving, files_are_what_they_are);

async fn upload(fan: &Fan<'_>, name: &str, bytes: &[u8]) -> Got {
    let files = [("file", name, bytes)];
    fan.send(Method::POST, "/api/v2/media", &[], &files).await
}

/// The bytes behind an address of this node, and their type.
async fn read(node: &TestNode, url: &Value) -> (String, Vec<u8>) {
    let url = url.as_str().unwrap();
    let path = url.splitn(4, '/').nth(3).unwrap();
    let answer = node.get(&format!("/{path}"), &[]).await;
    assert_eq!(answer.status(), 200, "{url}");
    let kind = answer.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    (kind, answer.bytes().await.unwrap().to_vec())
}

/// A GIF of so many frames of this size.
fn gif(frames: u8, side: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
    for value in 0..frames {
        let picture = RgbaImage::from_pixel(side, side, Rgba([value, 9, 200, 255]));
        let delay = Delay::from_numer_denom_ms(100, 1);
        let frame = Frame::from_parts(picture, 0, 0, delay);
        encoder.encode_frame(frame).unwrap();
    }
    drop(encoder);
    bytes
}

fn frames(bytes: &[u8]) -> usize {
    let decoder = image::codecs::gif::GifDecoder::new(Cursor::new(bytes)).unwrap();
    decoder.into_frames().collect_frames().unwrap().len()
}

/// Here, on the wire, at another house; a still of it where nothing is to move.
async fn a_picture_that_moves_goes_on_moving(backend: Backend) {
    let (_net, here, there) = houses(&backend).await;
    let nina = Fan::new(&here, here.host("nina").await).await;
    let bob = Fan::new(&there, there.sign_up("bob").await).await;
    there.follow(&bob.me, "nina@here.test").await;
    settle(&[&here, &there]).await;
    let sent = upload(&nina, "loop.gif", &gif(4, 40)).await;
    assert_eq!(sent.status, 200, "{}", sent.body);
    let (kind, bytes) = read(&here, &sent.body["url"]).await;
    assert_eq!((kind.as_str(), frames(&bytes)), ("image/gif", 4));
    let (kind, _) = read(&here, &sent.body["preview_url"]).await;
    assert_eq!(kind, "image/jpeg");
    let post = serde_json::json!({"status": "Round and round", "media_ids": [id(&sent.body)]});
    let post = nina.post("/api/v1/statuses", post).await;
    settle(&[&here, &there]).await;
    let uri = post["uri"].as_str().unwrap();
    let (_, note) = here
        .document(uri.strip_prefix("http://here.test").unwrap())
        .await;
    assert_eq!(note["attachment"][0]["mediaType"], "image/gif");
    let home = bob.get("/api/v1/timelines/home").await;
    let seen = &home[0]["media_attachments"][0];
    let (kind, bytes) = read(&there, &seen["url"]).await;
    assert_eq!((kind.as_str(), frames(&bytes)), ("image/gif", 4));
    let (kind, _) = read(&there, &seen["preview_url"]).await;
    assert_eq!(kind, "image/jpeg", "a still");
    for (node, member) in [(&here, &nina.me), (&there, &bob.me)] {
        let cookie = node.cookie(member).await;
        let page = node.get("/home", &[("cookie", &cookie)]).await;
        let page = page.text().await.unwrap();
        assert!(page.contains("prefers-reduced-motion: reduce"), "{page}");
    }
    // Too much of it is said, not stilled in silence.
    let large = upload(&nina, "large.gif", &gif(2, 2_100)).await;
    assert_eq!(large.status, 422);
    let sentence = large.body["error"].as_str().unwrap();
    assert!(sentence.contains("moving picture"), "{sentence}");
    // One frame is a picture as any other.
    let still = upload(&nina, "still.gif", &gif(1, 40)).await;
    let (kind, _) = read(&here, &still.body["url"]).await;
    assert_eq!(kind, "image/jpeg");
}

/// The cases 85, 87, 89 and 91.
async fn files_are_what_they_are(backend: Backend) {
    let Some(cases) = shared().map(|shared| shared.join("cases")) else {
        return;
    };
    let (_net, node) = house(&backend).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    let mut taken = Vec::new();
    for name in [
        "085-vbr60b.mp3",
        "087-t1.mp3",
        "089-p3.jpg",
        "091-id3flac.flac",
    ] {
        let sent = upload(&nina, name, &std::fs::read(cases.join(name)).unwrap()).await;
        assert!(matches!(sent.status, 200 | 202), "{name}: {}", sent.body);
        taken.push((
            id(&sent.body),
            sent.body["meta"]["original"]["duration"].clone(),
        ));
    }
    let [long, two, wide, lossless] = &taken[..] else {
        unreachable!()
    };
    let about_a_minute = |duration: &Value| {
        let seconds = duration.as_f64().unwrap();
        assert!((59.9..60.2).contains(&seconds), "{seconds}");
    };
    about_a_minute(&long.1);
    settle(&[&node]).await;
    let shown = async |id: &str| nina.get(&format!("/api/v1/media/{id}")).await;
    // Its waves were drawn to the end.
    about_a_minute(&shown(&long.0).await["meta"]["original"]["duration"]);
    let song = media::find_own(node.app(), nina.me.id, two.0.parse().unwrap()).await;
    assert_eq!(song.unwrap().unwrap().artist.as_deref(), Some("A, B"));
    let (_, bytes) = read(&node, &shown(&wide.0).await["url"]).await;
    let Rgba([r, g, b, _]) = *image::load_from_memory(&bytes)
        .unwrap()
        .to_rgba8()
        .get_pixel(50, 50);
    assert!(r > 250 && g < 5 && b < 5, "{r} {g} {b}");
    let (kind, bytes) = read(&node, &shown(&lossless.0).await["url"]).await;
    assert_eq!(kind, "audio/flac");
    assert!(bytes.starts_with(b"fLaC"));
}
