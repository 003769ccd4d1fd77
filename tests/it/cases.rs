//! Inputs that failed somewhere, each with what is right, read from the shared folder.

use afterparty::kernel::html::to_text;
use afterparty::kernel::text::{Segment, segments};
use afterparty::nodes::lists;
use afterparty::nodes::measures::Severity;
use afterparty::posts::Post;
use afterparty::posts::compose::{Draft, NewPoll};
use afterparty::{media, posts};
use serde_json::{Value, json};

use crate::support::{Backend, TestNode, settle, shared};

/// The input of a case; nothing where the folder is not there.
fn input(name: &str) -> Option<String> {
    let file = shared()?.join("cases").join(name);
    Some(String::from_utf8(std::fs::read(file).unwrap()).unwrap())
}

/// Links and hashtags in what people typed.
#[test]
fn typed_words_are_read_as_people_mean_them() {
    for number in [33, 35, 37, 39, 41, 43, 45] {
        let Some(text) = input(&format!("{number:03}.txt")) else {
            return;
        };
        let links: Vec<Segment> = segments(&text)
            .into_iter()
            .filter(|segment| matches!(segment, Segment::Link(_)))
            .collect();
        assert_eq!(
            links,
            [Segment::Link("https://site.example/mastodon")],
            "{text}"
        );
    }
    for (number, tag) in [(47, "نرم‌افزار"), (49, "il·lusió"), (51, "日本")] {
        let Some(text) = input(&format!("{number:03}.txt")) else {
            return;
        };
        let tags: Vec<Segment> = segments(&text)
            .into_iter()
            .filter(|segment| matches!(segment, Segment::Hashtag(_)))
            .collect();
        assert_eq!(tags, [Segment::Hashtag(tag)], "{text}");
    }
}

/// Lists of measures on nodes.
#[test]
fn lists_of_nodes_are_read_in_any_shape() {
    for number in [75, 77] {
        let Some(text) = input(&format!("{number:03}.txt")) else {
            return;
        };
        let (found, unread) = lists::read_csv(&text);
        assert_eq!(unread, [""; 0], "{text}");
        assert_eq!(
            (&*found[0].host, found[0].severity),
            ("loud.example", Severity::Silence)
        );
    }
    let Some(text) = input("079.txt") else { return };
    let (found, unread) = lists::read_csv(&text);
    assert_eq!((found.len(), unread.len()), (0, 1), "{text}");
}

/// Sends a recorded document to a node whose host it names; the post it made, and the node.
async fn taken(name: &str) -> Option<(TestNode, Post)> {
    let text = input(name)?;
    let (_net, node, peer) = TestNode::with_peer(&Backend::Sqlite, "peer.test").await;
    let nina = node.host("nina").await;
    peer.actor("ana");
    let mut activity: Value = serde_json::from_str(
        &text
            .replace("PEER", "peer.test")
            .replace("NODE", "here.test"),
    )
    .unwrap();
    activity["object"]["tag"] =
        json!([{"type": "Mention", "href": nina.uri, "name": "@nina@here.test"}]);
    activity["object"]["cc"] = json!([nina.uri]);
    assert_eq!(peer.send(&node, &activity).await, 202, "{name}");
    settle(&[&node]).await;
    let uri = activity["object"]["id"].as_str().unwrap();
    let outcome = node.outcome(activity["id"].as_str().unwrap()).await;
    let post = node.post_by_uri(uri).await;
    Some((node, post.unwrap_or_else(|| panic!("{name}: {outcome:?}"))))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn polls_of_others_are_counted_as_they_mean_them() {
    let Some((node, post)) = taken("005.json").await else {
        return;
    };
    let poll = posts::polls::of_post(node.app(), post.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(poll.voters, 10, "one choice each");
    let (node, post) = taken("007.json").await.unwrap();
    let poll = posts::polls::of_post(node.app(), post.id)
        .await
        .unwrap()
        .unwrap();
    assert!(poll.is_over(node.app().clock.now()));
    let (node, post) = taken("009.json").await.unwrap();
    let poll = posts::polls::of_post(node.app(), post.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(poll.options[0].1, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dates_and_durations_are_read_in_any_form() {
    let Some((_, post)) = taken("015.json").await else {
        return;
    };
    assert!(
        post.created_at.rfc3339().starts_with("2026-11-20T10:00:00"),
        "{post:?}"
    );
    let (_, post) = taken("013.json").await.unwrap();
    assert!(to_text(&post.html).contains(':'), "{}", post.html);
    let (_, post) = taken("017.json").await.unwrap();
    assert!(
        post.html.contains("2026-06-20 21:00 UTC+02:00"),
        "{}",
        post.html
    );
    let (node, post) = taken("063.json").await.unwrap();
    let media = media::of_post(node.app(), post.id).await.unwrap();
    assert_eq!(media[0].duration_ms, Some(200_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_and_pictures_of_others_are_kept() {
    let Some((_, post)) = taken("053.json").await else {
        return;
    };
    assert_eq!(to_text(&post.html), "Doors 20:00\nShow 21:00");
    let (_, post) = taken("055.json").await.unwrap();
    assert_eq!(to_text(&post.html), "One\nTwo\n\nThree");
    let (_, post) = taken("057.json").await.unwrap();
    assert_eq!(to_text(&post.html), "A poster for the show");
}

/// Addresses as people paste them, and posts that are named by the address of their page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_lead_where_people_mean() {
    let (_net, node, peer) = TestNode::with_peer(&Backend::Sqlite, "peer.test").await;
    let nova = node.host("nova").await;
    let post = node.post(&nova, "a song").await;
    for (path, to) in [
        ("/%40nova", "/@nova"),
        ("/@nova/", "/@nova"),
        ("//@nova", "/@nova"),
        ("/search/?q=x%2Fy", "/search?q=x%2Fy"),
    ] {
        let answer = node.get(path, &[]).await;
        assert_eq!(answer.headers()["location"], to, "{path}");
    }
    assert_eq!(
        node.get("/nothing/", &[]).await.headers()["location"],
        "/nothing"
    );
    assert_eq!(node.get("/nothing", &[]).await.status(), 404);
    let (status, document) = node.document("/users/Nova").await;
    assert_eq!((status, &document["id"]), (200, &json!(nova.uri)));
    let friend = peer.actor("friend");
    let page = json!(node.app().origin().at(&format!("/@nova/{}", post.id)));
    for (number, kind) in [(1, "Like"), (2, "Announce")] {
        let activity = peer.activity(kind, &friend, number, page.clone());
        assert_eq!(peer.send(&node, &activity).await, 202);
    }
    let mut note = peer.note(&friend, 3, "an answer");
    note["inReplyTo"] = page;
    assert_eq!(
        peer.send(&node, &peer.activity("Create", &friend, 3, note))
            .await,
        202
    );
    settle(&[&node]).await;
    let post = node.post_by_uri(&post.uri).await.unwrap();
    assert_eq!(
        (post.favourites_count, post.boosts_count, post.replies_count),
        (1, 1, 1)
    );
}

/// A vote whose note repeats the choice in its content is a vote; what names something else is an answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vote_is_known_by_its_name() {
    let (_net, node, peer) = TestNode::with_peer(&Backend::Sqlite, "peer.test").await;
    let nova = node.host("nova").await;
    let draft = Draft {
        text: "Which one?".to_owned(),
        poll: Some(NewPoll {
            hides_totals: false,
            options: vec!["Red".to_owned(), "Blue".to_owned()],
            multiple: false,
            seconds: 3_600,
        }),
        ..Draft::default()
    };
    let post = node.write(&nova, draft).await;
    for (number, name, voter) in [(1, "Blue", "ana"), (2, "Green", "ben")] {
        let voter = peer.actor(voter);
        let mut note = peer.note(&voter, number, name);
        note["name"] = json!(name);
        note["inReplyTo"] = json!(post.uri);
        assert_eq!(
            peer.send(&node, &peer.activity("Create", &voter, number, note))
                .await,
            202
        );
    }
    settle(&[&node]).await;
    let poll = posts::polls::of_post(node.app(), post.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        poll.options,
        [("Red".to_owned(), 0), ("Blue".to_owned(), 1)]
    );
    let post = node.post_by_uri(&post.uri).await.unwrap();
    assert_eq!(post.replies_count, 1);
}

/// What a post carries is there for apps as well (cases 59 and 61).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_post_carries_is_shown_in_apps() {
    for (name, member, wanted) in [
        (
            "059.json",
            "/content",
            "href=\"https://shop.example/record\"",
        ),
        ("061.json", "/media_attachments/0/type", "image"),
    ] {
        let Some((node, post)) = taken(name).await else {
            return;
        };
        let (status, entity) = node
            .document(&format!("/api/v1/statuses/{}", post.id))
            .await;
        assert_eq!(status, 200, "{name}: {entity}");
        let found = entity.pointer(member).unwrap_or(&Value::Null).to_string();
        assert!(
            found.replace("\\\"", "\"").contains(wanted),
            "{name}: {entity}"
        );
    }
}
