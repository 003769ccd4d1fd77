//! Sound and video: taken in, stripped, played, shared with other houses; and the limits of all of it.

use std::time::Duration;

use afterparty::media::Media;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Fan, Got, house, house_in, houses, id, png};
use crate::both;
use crate::support::film::{FILM, TONE, frames, made};
use crate::support::s3::S3;
use crate::support::{Backend, Net, Peer, TestNode, settle};

both!(
    files_come_in_only_where_they_belong,
    apps_open_what_is_not_for_everyone,
    music_is_one_sound_with_its_cover,
    the_same_file_is_kept_once_and_nobody_learns_of_it,
    uploads_have_limits,
    remote_sound_is_passed_on_within_limits,
);

async fn upload(fan: &Fan<'_>, name: &str, bytes: &[u8]) -> Got {
    let files = [("file", name, bytes)];
    fan.send(Method::POST, "/api/v2/media", &[], &files).await
}

/// Uploads and waits until it is ready.
async fn ready(fan: &Fan<'_>, name: &str, bytes: &[u8]) -> Value {
    let got = upload(fan, name, bytes).await;
    assert!(matches!(got.status, 200 | 202), "{name}: {}", got.body);
    settle(&[fan.node]).await;
    fan.get(&format!("/api/v1/media/{}", id(&got.body))).await
}

/// The path of an address of this node.
fn path(url: &Value) -> String {
    let url = url.as_str().unwrap();
    url.splitn(4, '/')
        .nth(3)
        .map(|rest| format!("/{rest}"))
        .unwrap()
}

/// Seconds of waves without an encoder.
fn wav(seconds: u32) -> Vec<u8> {
    let length = seconds * 16_000;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + length).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data");
    bytes.extend(length.to_le_bytes());
    bytes.extend((0..length / 2).flat_map(|n| {
        let value = i16::try_from(n % 200).unwrap() * 100;
        value.to_le_bytes()
    }));
    bytes
}

async fn music_is_one_sound_with_its_cover(backend: Backend) {
    let (_net, here, there) = houses(&backend).await;
    let nina = Fan::new(&here, here.host("nina").await).await;
    let bob = Fan::new(&there, there.sign_up("bob").await).await;
    there.follow(&bob.me, "nina@here.test").await;
    settle(&[&here, &there]).await;
    let cover = png(300, 300);
    let sent = nina
        .send(
            Method::POST,
            "/api/v2/media",
            &[("description", "The slow one")],
            &[
                ("file", "song.wav", &wav(3)),
                ("thumbnail", "cover.png", &cover),
            ],
        )
        .await;
    assert_eq!(sent.status, 202, "{}", sent.body);
    assert!(
        sent.body["url"].is_null(),
        "not ready, so without an address"
    );
    let place = format!("/api/v1/media/{}", id(&sent.body));
    let waiting = nina.call(Method::GET, &place, None).await;
    assert_eq!((waiting.status, &waiting.body["url"]), (206, &Value::Null));
    let early = json!({"status": "Listen", "media_ids": [id(&sent.body)]});
    let refused = nina
        .call(Method::POST, "/api/v1/statuses", Some(early.clone()))
        .await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    settle(&[&here]).await;
    let song = nina.get(&place).await;
    assert_eq!(song["type"], "audio");
    assert_eq!(song["meta"]["original"]["duration"], 3.0);
    assert!(song["preview_url"].is_string(), "{song}");
    // A sound stands alone.
    let picture = nina.picture().await;
    let mixed = json!({"status": "Both", "media_ids": [id(&song), picture]});
    let refused = nina
        .call(Method::POST, "/api/v1/statuses", Some(mixed))
        .await;
    assert_eq!(refused.status, 422);
    let post = nina.post("/api/v1/statuses", early).await;
    settle(&[&here, &there]).await;
    // As other programs read it: a Note with one attachment, which carries its cover.
    let (_, note) = here.document(&path(&post["uri"])).await;
    let attached = note["attachment"].as_array().unwrap();
    assert_eq!((attached.len(), &note["type"]), (1, &json!("Note")));
    assert_eq!(attached[0]["type"], "Document");
    assert_eq!(attached[0]["mediaType"], "audio/wav");
    assert_eq!(attached[0]["duration"], "PT3.000S");
    assert_eq!(attached[0]["icon"]["mediaType"], "image/jpeg");
    assert_eq!(attached[0]["name"], "The slow one");
    // At the other house: played from there, with a page that needs no script.
    let home = bob.get("/api/v1/timelines/home").await;
    let seen = &home[0]["media_attachments"][0];
    assert_eq!(
        (&seen["type"], &seen["remote_url"]),
        (&json!("audio"), &attached[0]["url"])
    );
    let part = there
        .get(&path(&seen["url"]), &[("range", "bytes=0-3")])
        .await;
    assert_eq!(part.status(), 206);
    assert_eq!(part.headers()["content-type"], "audio/wav");
    assert_eq!(part.bytes().await.unwrap().as_ref(), b"RIFF");
    let cookie = there.cookie(&bob.me).await;
    let page = there
        .get("/home", &[("cookie", &cookie)])
        .await
        .text()
        .await
        .unwrap();
    assert!(
        page.contains("<audio controls preload=\"none\" src=\"/proxy/"),
        "{page}"
    );
    let own = here
        .get(&path(&post["url"]), &[])
        .await
        .text()
        .await
        .unwrap();
    assert!(
        own.contains("class=\"wave\"") && own.contains("The slow one"),
        "{own}"
    );
}

/// Every kind that is promised, as real programs write it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_sound_and_video_is_taken_in() {
    let (_net, node) = house(&Backend::Sqlite).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    for extension in ["mp3", "m4a", "flac", "ogg", "opus", "wav"] {
        let mut arguments = TONE.to_vec();
        if extension == "ogg" {
            arguments.extend(["-c:a", "libvorbis"]);
        }
        let Some(bytes) = made(&arguments, extension) else {
            return;
        };
        let song = ready(&nina, "whatever.bin", &bytes).await;
        assert_eq!(song["type"], "audio", "{extension}");
        let seconds = song["meta"]["original"]["duration"].as_f64().unwrap();
        assert!((1.9..2.2).contains(&seconds), "{extension}: {seconds}");
        let item = &media(&node, &song).await;
        assert_eq!(item.wave().is_some(), extension != "opus", "{extension}");
        assert_eq!(
            (
                item.title.as_deref(),
                item.artist.as_deref(),
                item.album.as_deref()
            ),
            (Some("Slow Song"), Some("Nina"), Some("First")),
            "{extension}"
        );
        assert_eq!(song["description"], "Nina – Slow Song", "{extension}");
        let kept = here_bytes(&node, &nina, &song["url"]).await;
        assert!(!has(&kept, b"at home"), "{extension} tells too much");
        let again = ready(&nina, "again", &kept).await;
        let again = media(&node, &again).await;
        let named = |item: &Media| (item.title.clone(), item.artist.clone(), item.album.clone());
        assert_eq!(named(&again), named(item), "{extension}");
        assert_eq!(frames(&kept, extension), frames(&bytes, extension));
    }
    films_are_taken_in(&node, &nina).await;
    // Sound alone in a file of video is sound.
    let alone = made(&TONE, "mp4").unwrap();
    assert_eq!(ready(&nina, "voice.mp4", &alone).await["type"], "audio");
}

async fn films_are_taken_in(node: &TestNode, nina: &Fan<'_>) {
    let sound = [&["-f", "lavfi", "-i", "sine=duration=2"][..], &FILM].concat();
    let kinds: [(&str, &[&str], &[&str]); 9] = [
        ("mp4", &FILM, &["-c:v", "libx264"]),
        ("mov", &FILM, &["-c:v", "libx264"]),
        ("webm", &FILM, &["-c:v", "libvpx"]),
        ("mp4", &sound, &["-c:v", "libx264", "-c:a", "aac"]),
        (
            "mp4",
            &sound,
            &["-c:v", "libx264", "-movflags", "+faststart"],
        ),
        ("mp4", &sound, &["-movflags", "frag_keyframe+empty_moov"]),
        ("mov", &sound, &["-c:v", "mjpeg", "-c:a", "pcm_s16le"]),
        (
            "mov",
            &FILM,
            &["-c:v", "libx264", "-timecode", "01:02:03:04"],
        ),
        ("webm", &sound, &["-c:v", "libvpx", "-c:a", "libvorbis"]),
    ];
    for (extension, input, codec) in kinds {
        let arguments = [input, codec].concat();
        let bytes = made(&arguments, extension).unwrap();
        let film = ready(nina, "film", &bytes).await;
        assert_eq!(
            (&film["type"], &film["meta"]["original"]["width"]),
            (&json!("video"), &json!(320)),
            "{extension}"
        );
        // A film in pieces does not say how long it gets.
        let seconds = film["meta"]["original"]["duration"].as_f64();
        let is_right = seconds.is_none_or(|seconds| (1.9..2.2).contains(&seconds));
        let says = codec.contains(&"frag_keyframe+empty_moov") || seconds.is_some();
        assert!(is_right && says, "{extension} {codec:?}: {seconds:?}");
        let poster = here_bytes(node, nina, &film["preview_url"]).await;
        assert!(
            poster.starts_with(b"\xff\xd8\xff"),
            "{extension} has a poster"
        );
        let kept = here_bytes(node, nina, &film["url"]).await;
        assert_eq!(kept.len(), bytes.len(), "{extension}: nothing moved");
        for secret in [&b"53.5511"[..], b"at home", b"Lavf", b"VideoHandler"] {
            assert!(!has(&kept, secret), "{extension} {codec:?}: {secret:?}");
        }
        assert_eq!(frames(&kept, extension), frames(&bytes, extension));
        let poster = ready(nina, "again", &kept).await;
        assert_eq!(poster["type"], "video", "what was voided is still a film");
    }
}

/// A cover inside a song is drawn anew, and stays in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cover_tells_no_more_than_what_it_shows() {
    let (_net, node) = house(&Backend::Sqlite).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cover.jpg");
    let colour = |x: u32, y: u32| image::Rgb([x, y, x * y].map(|part| (part % 251) as u8));
    image::RgbImage::from_fn(900, 900, colour)
        .save(&file)
        .unwrap();
    let drawn = std::fs::read(&file).unwrap();
    // Where the picture was taken stands in a segment of its own.
    let told = [b"\xff\xe1\0\x14Exif\0\0", &b"+53.5511-9.9"[..]].concat();
    std::fs::write(&file, [&drawn[..2], &told, &drawn[2..]].concat()).unwrap();
    let cover = file.to_str().unwrap();
    for extension in ["mp3", "flac", "m4a"] {
        let mut arguments = vec!["-f", "lavfi", "-i", "sine=duration=2", "-i", cover];
        arguments.extend(["-map", "0", "-map", "1", "-c:v", "copy"]);
        arguments.extend(["-disposition:v", "attached_pic", "-metadata", "title=Slow"]);
        let Some(bytes) = made(&arguments, extension) else {
            return;
        };
        assert!(has(&bytes, b"+53.5511"), "{extension} is made to tell");
        let song = ready(&nina, "song", &bytes).await;
        assert!(song["preview_url"].is_string(), "{extension}");
        let kept = here_bytes(&node, &nina, &song["url"]).await;
        assert!(!has(&kept, b"+53.5511"), "{extension} tells too much");
        let again = ready(&nina, "song", &kept).await;
        assert!(
            again["preview_url"].is_string(),
            "{extension} keeps its cover"
        );
        assert_eq!(media(&node, &again).await.title.as_deref(), Some("Slow"));
    }
}

fn has(bytes: &[u8], words: &[u8]) -> bool {
    bytes.windows(words.len()).any(|part| part == words)
}

async fn media(node: &TestNode, entity: &Value) -> Media {
    let id = afterparty::kernel::id::MediaId(id(entity).parse().unwrap());
    let owner = node.account("nina").await;
    let found = afterparty::media::find_own(node.app(), owner.id, id).await;
    found.unwrap().unwrap()
}

/// A file as its owner gets it before it stands in a post.
async fn here_bytes(node: &TestNode, fan: &Fan<'_>, url: &Value) -> Vec<u8> {
    let cookie = node.cookie(&fan.me).await;
    let answer = node.get(&path(url), &[("cookie", &cookie)]).await;
    assert_eq!(answer.status(), 200, "{url}");
    answer.bytes().await.unwrap().to_vec()
}

/// Everything that is kept, in a bucket instead of a folder: whole, in parts, worked on, given up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_live_in_a_bucket() {
    let Some(bucket) = S3::start().await else {
        return;
    };
    let mut net = Net::new();
    let peer = Peer::start(&mut net, "far.test").await;
    let node = house_in(&mut net, &Backend::Sqlite, &bucket.settings()).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    // More than two parts of an upload in parts.
    let long = wav(700);
    let song = ready(&nina, "long.wav", &long).await;
    assert_eq!(song["meta"]["original"]["duration"], 700.0);
    assert!(
        media(&node, &song).await.wave().is_some(),
        "the waves were drawn from the bucket"
    );
    assert_eq!(bucket.sizes(), [long.len() as u64]);
    assert!(here_bytes(&node, &nina, &song["url"]).await == long);
    let cookie = node.cookie(&nina.me).await;
    let headers = [
        ("cookie", cookie.as_str()),
        ("range", "bytes=11000000-11000003"),
    ];
    let part = node.get(&path(&song["url"]), &headers).await;
    assert_eq!(part.status(), 206);
    assert_eq!(part.bytes().await.unwrap(), long[11_000_000..=11_000_003]);
    let picture = nina.picture().await;
    assert_eq!(bucket.sizes().len(), 3, "a picture and its small version");
    let post = json!({"status": "Look", "media_ids": [picture]});
    let post = nina.post("/api/v1/statuses", post).await;
    let shown = path(&post["media_attachments"][0]["preview_url"]);
    assert_eq!(node.get(&shown, &[]).await.status(), 200);
    // Copies of what is remote lie there too.
    peer.serve_at("/a.wav", 200, "audio/wav", wav(2));
    let address = afterparty::media::proxy::address(node.app(), &peer.at("/a.wav"));
    assert_eq!(node.get(&address, &[]).await.bytes().await.unwrap(), wav(2));
    assert_eq!(bucket.sizes().len(), 4);
    let place = format!("/api/v1/statuses/{}?delete_media=true", id(&post));
    nina.delete(&place, None).await;
    nina.delete(&format!("/api/v1/media/{}", id(&song)), None)
        .await;
    assert_eq!(bucket.sizes(), [wav(2).len() as u64]);
    assert!(!node.app().data_dir().join("media").exists());
}

/// A bucket that is not there is an error with a sentence, not a lost file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_bucket_loses_nothing() {
    let Some(bucket) = S3::start().await else {
        return;
    };
    let node = house_in(&mut Net::new(), &Backend::Sqlite, &bucket.settings()).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    drop(bucket);
    let refused = upload(&nina, "song.wav", &wav(1)).await;
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert_eq!(node.count("SELECT COUNT(*) AS n FROM media").await, 0);
    assert_eq!(node.count("SELECT COUNT(*) AS n FROM blobs").await, 0);
}

async fn the_same_file_is_kept_once_and_nobody_learns_of_it(backend: Backend) {
    let (_net, node) = house(&backend).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    let bob = Fan::new(&node, node.sign_up("bob").await).await;
    let song = wav(2);
    let mine = ready(&nina, "a.wav", &song).await;
    let blobs = "SELECT COUNT(*) AS n FROM blobs";
    assert_eq!(node.count(blobs).await, 1);
    let other = ready(&bob, "b.wav", &song).await;
    assert_eq!(node.count(blobs).await, 1, "kept once");
    assert_ne!(mine["url"], other["url"], "under two names");
    // Without the keys that stand in the addresses only its owner has.
    let [a, b] = [&mine, &other].map(|entity| {
        let path = path(&entity["url"]);
        path.split('?').next().unwrap().to_owned()
    });
    let cookie = node.cookie(&bob.me).await;
    assert_eq!(node.get(&a, &[("cookie", &cookie)]).await.status(), 404);
    let answer = node.get(&b, &[("cookie", &cookie)]).await;
    let tag = answer.headers()["etag"].clone();
    let theirs = node
        .get(&a, &[("cookie", &node.cookie(&nina.me).await)])
        .await;
    assert_ne!(
        tag,
        theirs.headers()["etag"],
        "no mark tells that both are one"
    );
    // One goes, the other stays; with the last the file goes.
    nina.delete(&format!("/api/v1/media/{}", id(&mine)), None)
        .await;
    assert_eq!(here_bytes(&node, &bob, &other["url"]).await, song);
    let post = json!({"status": "Listen", "media_ids": [id(&other)]});
    let post = bob.post("/api/v1/statuses", post).await;
    assert_eq!(node.get(&b, &[]).await.status(), 200);
    let place = format!("/api/v1/statuses/{}?delete_media=true", id(&post));
    bob.delete(&place, None).await;
    assert_eq!(node.get(&b, &[]).await.status(), 404);
    assert_eq!(node.count(blobs).await, 0);
    let folder = node.app().data_dir().join("media");
    let left: usize = std::fs::read_dir(folder)
        .unwrap()
        .map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap().count())
        .sum();
    assert_eq!(left, 0, "no file is left");
}

async fn files_come_in_only_where_they_belong(backend: Backend) {
    let (_net, node) = house(&backend).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    // Anywhere else a file is neither kept nor held.
    let large = vec![0xff; 3 << 20];
    for path in ["/api/v1/apps", "/api/v1/statuses", "/api/v2/search"] {
        let files = [("file", "a.wav", &large[..])];
        let method = if path.ends_with("search") {
            Method::GET
        } else {
            Method::POST
        };
        let got = nina.send(method, path, &[], &files).await;
        assert_eq!(got.status, 413, "{path}: {}", got.body);
    }
    let long = "x".repeat(300 << 10);
    let got = nina
        .send(Method::POST, "/api/v1/statuses", &[("status", &long)], &[])
        .await;
    assert!((400..500).contains(&got.status), "{}", got.body);
    let incoming = node.app().data_dir().join("incoming");
    assert!(!incoming.exists() || std::fs::read_dir(incoming).unwrap().count() == 0);
}

async fn apps_open_what_is_not_for_everyone(backend: Backend) {
    let (_net, node) = house(&backend).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    let picture = nina.picture().await;
    let fresh = nina.get(&format!("/api/v1/media/{picture}")).await;
    let opened = node.get(&path(&fresh["preview_url"]), &[]).await;
    assert_eq!(
        opened.status(),
        200,
        "what was just uploaded, without a cookie"
    );
    let body = json!({"status": "For you", "media_ids": [picture], "visibility": "private"});
    let post = nina.post("/api/v1/statuses", body).await;
    let shown = path(&post["media_attachments"][0]["url"]);
    let opened = node.get(&shown, &[]).await;
    assert_eq!(opened.status(), 200);
    assert_eq!(opened.headers()["cache-control"], "private, no-store");
    let bare = shown.split('?').next().unwrap();
    assert_eq!(
        node.get(bare, &[]).await.status(),
        404,
        "not without its key"
    );
}

async fn uploads_have_limits(backend: Backend) {
    let mut net = Net::new();
    let settings = [
        ("limits.sound_bytes", "100000"),
        ("limits.member_bytes", "1000000"),
    ];
    let node = house_in(&mut net, &backend, &settings).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    let bob = Fan::new(&node, node.sign_up("bob").await).await;
    let large = upload(&nina, "long.wav", &wav(60)).await;
    assert_eq!(large.status, 422);
    assert!(
        large.body["error"]
            .as_str()
            .unwrap()
            .contains("A sound may have"),
        "{}",
        large.body
    );
    let sentences = [
        (&b"\0\0\0\x18ftypheic\0\0\0\0"[..], "JPEG"),
        (b"MZ\x90\0", "MP3"),
        (b"#EXTM3U\nfile:///etc/passwd", "MP4"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "cannot be read"),
        (b"\0\0\0\x18ftypisom\0\0\0\0mp42isom", "cannot be read"),
        (b"\x1a\x45\xdf\xa3\x84\x42\x82\x81webm", "cannot be read"),
    ];
    for (bytes, word) in sentences {
        let refused = upload(&nina, "trap", bytes).await;
        assert_eq!(refused.status, 422, "{word}");
        assert!(
            refused.body["error"].as_str().unwrap().contains(word),
            "{}",
            refused.body
        );
    }
    // A member's share; the host's is not bounded.
    let song = wav(5);
    for round in 0..12 {
        let got = upload(&bob, "song.wav", &song).await;
        assert_eq!(got.status, 202, "{round}: {}", got.body);
    }
    let over = upload(&bob, "song.wav", &song).await;
    assert_eq!(over.status, 422);
    assert!(
        over.body["error"].as_str().unwrap().contains("more than"),
        "{}",
        over.body
    );
    for _ in 0..13 {
        assert_eq!(upload(&nina, "song.wav", &song).await.status, 202);
    }
    let incoming = std::fs::read_dir(node.app().data_dir().join("incoming")).unwrap();
    assert_eq!(incoming.count(), 0, "nothing is left on its way in");
}

async fn remote_sound_is_passed_on_within_limits(backend: Backend) {
    let mut net = Net::new();
    let peer = Peer::start(&mut net, "far.test").await;
    let settings = [
        ("limits.remote_bytes", "200000"),
        ("limits.cache_bytes", "1000000"),
    ];
    let node = house_in(&mut net, &backend, &settings).await;
    let fetch = async |name: &str, range: &[(&str, &str)]| {
        let address = afterparty::media::proxy::address(node.app(), &peer.at(name));
        node.get(&address, range).await
    };
    peer.serve_at("/a.wav", 200, "audio/x-wav", wav(5));
    let whole = fetch("/a.wav", &[]).await;
    assert_eq!(whole.status(), 200);
    assert_eq!(whole.headers()["content-type"], "audio/wav");
    assert_eq!(
        whole.headers()["content-security-policy"],
        "default-src 'none'; media-src 'self'; sandbox"
    );
    assert_eq!(whole.bytes().await.unwrap().len(), wav(5).len());
    let part = fetch("/a.wav", &[("range", "bytes=-4")]).await;
    assert_eq!(
        part.headers()["content-range"],
        format!(
            "bytes {}-{}/{}",
            wav(5).len() - 4,
            wav(5).len() - 1,
            wav(5).len()
        )
        .as_str()
    );
    assert_eq!(
        fetch("/a.wav", &[("range", "bytes=999999-")])
            .await
            .status(),
        416
    );
    let asked = peer
        .seen()
        .iter()
        .filter(|seen| seen.path == "/a.wav")
        .count();
    assert_eq!(asked, 1, "fetched once");
    // What is too large, or is not what it says, is not shown.
    peer.serve_at("/long.wav", 200, "audio/wav", wav(60));
    peer.serve_at(
        "/page.mp3",
        200,
        "audio/mpeg",
        b"<html><script>alert(1)</script>".repeat(10),
    );
    peer.serve_at(
        "/list.m3u8",
        200,
        "audio/mpegurl",
        b"#EXTM3U\nfile:///etc/passwd\n".repeat(10),
    );
    for name in ["/long.wav", "/page.mp3", "/list.m3u8"] {
        assert_eq!(fetch(name, &[]).await.status(), 404, "{name}");
    }
    // What was not listened to for the longest time goes first.
    for number in 0..12 {
        net.clock.advance(Duration::from_secs(60));
        let name = format!("/{number}.wav");
        peer.serve_at(&name, 200, "audio/wav", wav(6));
        assert_eq!(fetch(&name, &[]).await.status(), 200);
    }
    let kept = node
        .count("SELECT CAST(SUM(bytes) AS BIGINT) AS n FROM cached_pictures")
        .await;
    assert!((800_000..=1_000_000).contains(&kept), "{kept}");
    peer.forget();
    assert_eq!(fetch("/11.wav", &[]).await.status(), 200);
    assert!(peer.seen().is_empty(), "the newest is still here");
    assert_eq!(fetch("/a.wav", &[]).await.status(), 200);
    assert_eq!(peer.seen().len(), 1, "the oldest is fetched again");
}
