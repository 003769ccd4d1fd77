//! Every endpoint that apps use, called once in its place, on both databases.

use std::time::Duration;

use serde_json::json;

use super::{Fan, VALIDATED, house, houses, id, ids};
use crate::both;
use crate::support::{Backend, complete, settle};

both!(
    people_and_what_stands_between_them,
    posts_from_the_first_word_to_the_last,
    lists_filters_and_tags,
    notifications_one_by_one_and_in_groups,
    two_houses_and_two_apps,
    what_the_house_says_about_itself,
);

async fn people_and_what_stands_between_them(backend: Backend) {
    let (net, node) = house(&backend).await;
    let host = Fan::new(&node, node.host("nina").await).await;
    let fan = Fan::new(&node, node.sign_up("fan").await).await;
    let me = fan.get("/api/v1/accounts/verify_credentials").await;
    assert_eq!(
        (me["acct"].as_str(), me["source"]["privacy"].as_str()),
        (Some("fan"), Some("public"))
    );
    let nina = id(&fan.get("/api/v1/accounts/lookup?acct=nina").await);
    let of = |verb: &str| format!("/api/v1/accounts/{nina}/{verb}");
    fan.get(&format!("/api/v1/accounts/{nina}")).await;
    assert_eq!(
        ids(&fan.get(&format!("/api/v1/accounts?id[]={nina}")).await),
        [nina.clone()]
    );
    assert_eq!(
        fan.get("/api/v1/accounts/search?q=ni").await[0]["acct"],
        "nina"
    );
    let followed = fan
        .post(&of("follow"), json!({"reblogs": false, "notify": true}))
        .await;
    assert_eq!(
        (
            &followed["following"],
            &followed["showing_reblogs"],
            &followed["notifying"]
        ),
        (&json!(true), &json!(false), &json!(true))
    );
    assert_eq!(ids(&fan.get(&of("followers")).await).len(), 1);
    assert_eq!(
        ids(&fan
            .get(&format!("/api/v1/accounts/{}/following", fan.me.id))
            .await),
        [nina.clone()]
    );
    assert_eq!(
        fan.get(&format!("/api/v1/accounts/relationships?id[]={nina}"))
            .await[0]["following"],
        true
    );
    assert_eq!(
        fan.post(&of("note"), json!({"comment": "plays on Friday"}))
            .await["note"],
        "plays on Friday"
    );
    let muted = fan
        .post(&of("mute"), json!({"duration": 60, "notifications": false}))
        .await;
    assert_eq!(
        (&muted["muting"], &muted["muting_notifications"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(ids(&fan.get("/api/v1/mutes").await), [nina.clone()]);
    net.clock.advance(Duration::from_secs(61));
    settle(&[&node]).await;
    assert!(
        ids(&fan.get("/api/v1/mutes").await).is_empty(),
        "a mute ends by itself"
    );
    fan.post(&of("unmute"), json!({})).await;
    assert_eq!(fan.post(&of("block"), json!({})).await["following"], false);
    assert_eq!(ids(&fan.get("/api/v1/blocks").await), [nina.clone()]);
    assert_eq!(
        host.get(&format!("/api/v1/accounts/relationships?id={}", fan.me.id))
            .await[0]["blocked_by"],
        true
    );
    fan.post(&of("unblock"), json!({})).await;
    fan.post("/api/v1/domain_blocks", json!({"domain": "loud.example"}))
        .await;
    assert_eq!(
        fan.get("/api/v1/domain_blocks").await,
        json!(["loud.example"])
    );
    fan.delete(
        "/api/v1/domain_blocks",
        Some(json!({"domain": "loud.example"})),
    )
    .await;
    // A locked account is asked.
    host.patch("/api/v1/accounts/update_credentials", json!({"locked": true, "display_name": "Nina", "note": "sings", "fields_attributes": {"0": {"name": "Web", "value": "https://nina.example"}}, "source": {"privacy": "unlisted", "language": "de"}})).await;
    let changed = host.get("/api/v1/accounts/verify_credentials").await;
    assert_eq!(
        (&changed["source"]["privacy"], &changed["fields"][0]["name"]),
        (&json!("unlisted"), &json!("Web"))
    );
    assert_eq!(
        host.get("/api/v1/preferences").await["posting:default:visibility"],
        "unlisted"
    );
    assert_eq!(fan.post(&of("follow"), json!({})).await["requested"], true);
    assert_eq!(
        ids(&host.get("/api/v1/follow_requests").await),
        [fan.me.id.to_string()]
    );
    host.post(
        &format!("/api/v1/follow_requests/{}/authorize", fan.me.id),
        json!({}),
    )
    .await;
    assert_eq!(
        host.post(
            &format!("/api/v1/accounts/{}/remove_from_followers", fan.me.id),
            json!({})
        )
        .await["followed_by"],
        false
    );
    fan.post(&of("follow"), json!({})).await;
    host.post(
        &format!("/api/v1/follow_requests/{}/reject", fan.me.id),
        json!({}),
    )
    .await;
    fan.post(&of("unfollow"), json!({})).await;
    let report = fan
        .post(
            "/api/v1/reports",
            json!({"account_id": nina, "comment": "too loud", "category": "spam"}),
        )
        .await;
    assert_eq!(report["category"], "spam");
    fan.get(&format!("/api/v1/accounts/familiar_followers?id[]={nina}"))
        .await;
    fan.get("/api/v2/suggestions").await;
    fan.get("/api/v1/directory").await;
    fan.get("/api/v1/profile").await;
    fan.get(&of("lists")).await;
    fan.get(&of("featured_tags")).await;
}

async fn posts_from_the_first_word_to_the_last(backend: Backend) {
    let (net, node) = house(&backend).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    let fan = Fan::new(&node, node.sign_up("fan").await).await;
    let picture = nina.picture().await;
    nina.get(&format!("/api/v1/media/{picture}")).await;
    nina.put(
        &format!("/api/v1/media/{picture}"),
        json!({"description": "A red square"}),
    )
    .await;
    let post = nina.post("/api/v1/statuses", json!({"status": "Tonight! #show @fan", "media_ids": [picture], "language": "en", "sensitive": true, "spoiler_text": "loud"})).await;
    assert_eq!(
        (
            &post["mentions"][0]["acct"],
            &post["tags"][0]["name"],
            &post["sensitive"]
        ),
        (&json!("fan"), &json!("show"), &json!(true))
    );
    let of = |verb: &str| format!("/api/v1/statuses/{}/{verb}", post["id"].as_str().unwrap());
    let answer = fan.post("/api/v1/statuses", json!({"status": "@nina I am in", "in_reply_to_id": post["id"], "visibility": "unlisted"})).await;
    assert_eq!(answer["in_reply_to_account_id"], nina.me.id.to_string());
    let context = fan.get(&of("context")).await;
    assert_eq!(
        (
            context["ancestors"].as_array().unwrap().len(),
            ids(&context["descendants"])
        ),
        (0, vec![id(&answer)])
    );
    for (verb, member) in [
        ("favourite", "favourited"),
        ("bookmark", "bookmarked"),
        ("mute", "muted"),
    ] {
        assert_eq!(fan.post(&of(verb), json!({})).await[member], true, "{verb}");
    }
    let boost = fan.post(&of("reblog"), json!({})).await;
    assert_eq!(
        (
            boost["reblog"]["id"].as_str(),
            &boost["reblog"]["reblogged"]
        ),
        (post["id"].as_str(), &json!(true))
    );
    assert_eq!(ids(&fan.get("/api/v1/favourites").await), [id(&post)]);
    assert_eq!(ids(&fan.get("/api/v1/bookmarks").await), [id(&post)]);
    assert_eq!(
        ids(&nina.get(&of("favourited_by")).await),
        [fan.me.id.to_string()]
    );
    assert_eq!(
        ids(&nina.get(&of("reblogged_by")).await),
        [fan.me.id.to_string()]
    );
    for (verb, member) in [
        ("unfavourite", "favourited"),
        ("unbookmark", "bookmarked"),
        ("unmute", "muted"),
        ("unreblog", "reblogged"),
    ] {
        assert_eq!(
            fan.post(&of(verb), json!({})).await[member],
            false,
            "{verb}"
        );
    }
    assert_eq!(nina.post(&of("pin"), json!({})).await["pinned"], true);
    assert_eq!(
        ids(&fan
            .get(&format!(
                "/api/v1/accounts/{}/statuses?pinned=true",
                nina.me.id
            ))
            .await),
        [id(&post)]
    );
    nina.post(&of("unpin"), json!({})).await;
    assert_eq!(nina.get(&of("source")).await["text"], "Tonight! #show @fan");
    net.clock.advance(Duration::from_secs(5));
    let edited = nina
        .put(
            &format!("/api/v1/statuses/{}", id(&post)),
            json!({"status": "Tomorrow! #show", "media_ids": [picture]}),
        )
        .await;
    assert!(edited["edited_at"].is_string() && edited["media_attachments"][0]["id"] == picture);
    assert_eq!(nina.get(&of("history")).await.as_array().unwrap().len(), 2);
    let quote = fan
        .post(
            "/api/v1/statuses",
            json!({"status": "so good", "quoted_status_id": post["id"]}),
        )
        .await;
    settle(&[&node]).await;
    assert_eq!(
        fan.get(&format!("/api/v1/statuses/{}", id(&quote))).await["quote"]["state"],
        "accepted"
    );
    assert_eq!(ids(&nina.get(&of("quotes")).await), [id(&quote)]);
    nina.post(
        &format!("{}/{}/revoke", of("quotes"), id(&quote)),
        json!({}),
    )
    .await;
    nina.put(
        &of("interaction_policy"),
        json!({"quote_approval_policy": "nobody"}),
    )
    .await;
    // A poll.
    let asked = nina.post("/api/v1/statuses", json!({"status": "First song?", "poll": {"options": ["slow", "loud"], "expires_in": 3600, "multiple": false}})).await;
    let poll = asked["poll"]["id"].as_str().unwrap();
    let voted = fan
        .post(
            &format!("/api/v1/polls/{poll}/votes"),
            json!({"choices": [1]}),
        )
        .await;
    assert_eq!(
        (
            &voted["voted"],
            &voted["own_votes"],
            &voted["options"][1]["votes_count"]
        ),
        (&json!(true), &json!([1]), &json!(1))
    );
    fan.get(&format!("/api/v1/polls/{poll}")).await;
    // Timelines.
    assert!(ids(&nina.get("/api/v1/timelines/home").await).contains(&id(&post)));
    assert!(ids(&fan.get("/api/v1/timelines/public?local=true").await).contains(&id(&post)));
    assert_eq!(
        ids(&fan.get("/api/v1/timelines/tag/SHOW").await),
        [id(&post)]
    );
    assert_eq!(
        ids(&fan.get("/api/v1/timelines/public?only_media=true").await),
        [id(&post)]
    );
    fan.get(&format!(
        "/api/v1/accounts/{}/statuses?exclude_replies=true&exclude_reblogs=true&only_media=1",
        nina.me.id
    ))
    .await;
    // Direct posts and their conversations.
    let direct = fan
        .post(
            "/api/v1/statuses",
            json!({"status": "@nina psst", "visibility": "direct"}),
        )
        .await;
    assert_eq!(direct["visibility"], "direct");
    let conversations = nina.get("/api/v1/conversations").await;
    assert_eq!(
        (
            &conversations[0]["unread"],
            &conversations[0]["last_status"]["id"]
        ),
        (&json!(true), &direct["id"])
    );
    let conversation = id(&conversations[0]);
    assert_eq!(
        nina.post(
            &format!("/api/v1/conversations/{conversation}/read"),
            json!({})
        )
        .await["unread"],
        false
    );
    nina.delete(&format!("/api/v1/conversations/{conversation}"), None)
        .await;
    assert_eq!(nina.get("/api/v1/conversations").await, json!([]));
    nina.get("/api/v1/timelines/direct").await;
    // Put off, and written when its time has come.
    let at = node
        .app()
        .clock
        .now()
        .plus(Duration::from_secs(3600))
        .rfc3339();
    let later = nina
        .post(
            "/api/v1/statuses",
            json!({"status": "in an hour", "scheduled_at": at}),
        )
        .await;
    let path = format!("/api/v1/scheduled_statuses/{}", id(&later));
    nina.get(&path).await;
    let at = node
        .app()
        .clock
        .now()
        .plus(Duration::from_secs(7200))
        .rfc3339();
    assert_eq!(
        nina.put(&path, json!({"scheduled_at": at})).await["scheduled_at"],
        json!(at)
    );
    net.clock.advance(Duration::from_secs(3700));
    settle(&[&node]).await;
    assert_eq!(
        ids(&nina.get("/api/v1/scheduled_statuses").await),
        [id(&later)],
        "it was put off once more"
    );
    net.clock.advance(Duration::from_secs(3700));
    settle(&[&node]).await;
    assert_eq!(nina.get("/api/v1/scheduled_statuses").await, json!([]));
    let newest = &nina.get("/api/v1/timelines/home").await[0];
    assert_eq!(newest["content"], "<p>in an hour</p>");
    // The end.
    let gone = nina
        .delete(&format!("/api/v1/statuses/{}", id(&post)), None)
        .await;
    assert_eq!(gone["text"], "Tomorrow! #show");
    let missing = nina
        .call(
            reqwest::Method::GET,
            &format!("/api/v1/statuses/{}", id(&post)),
            None,
        )
        .await;
    assert_eq!(
        (missing.status, missing.body["error"].as_str()),
        (404, Some("Record not found"))
    );
}

async fn lists_filters_and_tags(backend: Backend) {
    let (_, node) = house(&backend).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    let fan = Fan::new(&node, node.sign_up("fan").await).await;
    fan.post(
        &format!("/api/v1/accounts/{}/follow", nina.me.id),
        json!({}),
    )
    .await;
    let list = fan
        .post(
            "/api/v1/lists",
            json!({"title": "Bands", "replies_policy": "none", "exclusive": true}),
        )
        .await;
    let of = |rest: &str| format!("/api/v1/lists/{}{rest}", list["id"].as_str().unwrap());
    fan.post(
        &of("/accounts"),
        json!({"account_ids": [nina.me.id.to_string()]}),
    )
    .await;
    let post = nina
        .post(
            "/api/v1/statuses",
            json!({"status": "The boat #tour sails"}),
        )
        .await;
    assert_eq!(
        ids(&fan
            .get(&format!("/api/v1/timelines/list/{}", id(&list)))
            .await),
        [id(&post)]
    );
    assert_eq!(
        fan.get("/api/v1/timelines/home").await,
        json!([]),
        "an exclusive list keeps its people to itself"
    );
    assert_eq!(ids(&fan.get(&of("/accounts?limit=0")).await).len(), 1);
    assert_eq!(
        ids(&fan
            .get(&format!("/api/v1/accounts/{}/lists", nina.me.id))
            .await),
        [id(&list)]
    );
    assert_eq!(
        fan.put(&of(""), json!({"title": "Boats", "exclusive": false}))
            .await["title"],
        "Boats"
    );
    fan.get("/api/v1/lists").await;
    fan.get(&of("")).await;
    assert_eq!(ids(&fan.get("/api/v1/timelines/home").await), [id(&post)]);
    // Filters work where they should, and say so.
    let filter = fan.post("/api/v2/filters", json!({"title": "sea", "context": ["home"], "filter_action": "hide", "expires_in": 3600, "keywords_attributes": [{"keyword": "boat", "whole_word": true}]})).await;
    let hit = &fan.get("/api/v1/timelines/home").await[0]["filtered"];
    assert_eq!(
        (
            &hit[0]["filter"]["filter_action"],
            &hit[0]["keyword_matches"]
        ),
        (&json!("hide"), &json!(["boat"]))
    );
    assert_eq!(
        fan.get("/api/v1/timelines/public").await[0]["filtered"],
        json!([])
    );
    let of_filter =
        |rest: &str| format!("/api/v2/filters/{}{rest}", filter["id"].as_str().unwrap());
    let word = fan
        .post(&of_filter("/keywords"), json!({"keyword": "anchor"}))
        .await;
    let of_word = format!("/api/v2/filters/keywords/{}", id(&word));
    assert_eq!(
        fan.put(&of_word, json!({"keyword": "Anchor", "whole_word": true}))
            .await["whole_word"],
        true
    );
    fan.get(&of_word).await;
    assert_eq!(
        fan.get(&of_filter("/keywords"))
            .await
            .as_array()
            .unwrap()
            .len(),
        2
    );
    fan.delete(&of_word, None).await;
    let entry = fan
        .post(&of_filter("/statuses"), json!({"status_id": id(&post)}))
        .await;
    fan.get(&of_filter("/statuses")).await;
    fan.get(&format!("/api/v2/filters/statuses/{}", id(&entry)))
        .await;
    assert_eq!(
        fan.get("/api/v1/timelines/home").await[0]["filtered"][0]["status_matches"],
        json!([id(&post)])
    );
    fan.delete(&format!("/api/v2/filters/statuses/{}", id(&entry)), None)
        .await;
    let word = id(&filter["keywords"][0]);
    fan.put(
        &of_filter(""),
        json!({"title": "lake", "keywords_attributes": [{"id": word, "_destroy": true}]}),
    )
    .await;
    assert_eq!(fan.get(&of_filter("")).await["keywords"], json!([]));
    fan.get("/api/v2/filters").await;
    fan.delete(&of_filter(""), None).await;
    let old = fan
        .post(
            "/api/v1/filters",
            json!({"phrase": "boat", "context": ["home", "public"], "whole_word": "true"}),
        )
        .await;
    let of_old = format!("/api/v1/filters/{}", id(&old));
    fan.get(&of_old).await;
    fan.put(&of_old, json!({"phrase": "ship", "context": ["home"]}))
        .await;
    assert_eq!(fan.get("/api/v1/filters").await[0]["phrase"], "ship");
    fan.delete(&of_old, None).await;
    assert_eq!(fan.get("/api/v2/filters").await, json!([]));
    fan.delete(
        &of("/accounts"),
        Some(json!({"account_ids": [nina.me.id.to_string()]})),
    )
    .await;
    fan.delete(&of(""), None).await;
    // Hashtags.
    let other = Fan::new(&node, node.sign_up("other").await).await;
    assert_eq!(
        other.post("/api/v1/tags/Tour/follow", json!({})).await["following"],
        true
    );
    assert_eq!(
        ids(&other.get("/api/v1/timelines/home").await),
        [id(&post)],
        "a followed hashtag stands in the home"
    );
    other.get("/api/v1/followed_tags").await;
    assert_eq!(
        other.get("/api/v1/tags/tour").await["history"][0]["uses"],
        "1"
    );
    other.post("/api/v1/tags/tour/unfollow", json!({})).await;
    let featured = nina
        .post("/api/v1/featured_tags", json!({"name": "tour"}))
        .await;
    assert_eq!(
        fan.get(&format!("/api/v1/accounts/{}/featured_tags", nina.me.id))
            .await[0]["name"],
        "tour"
    );
    nina.get("/api/v1/featured_tags").await;
    nina.delete(&format!("/api/v1/featured_tags/{}", id(&featured)), None)
        .await;
    assert_eq!(fan.get("/api/v1/trends/tags").await[0]["name"], "tour");
    fan.post(
        &format!("/api/v1/statuses/{}/favourite", id(&post)),
        json!({}),
    )
    .await;
    assert_eq!(ids(&fan.get("/api/v1/trends/statuses").await), [id(&post)]);
    let found = fan.get("/api/v2/search?q=tou").await;
    assert_eq!(found["hashtags"][0]["name"], "tour");
    // Words in posts: one's own, and those whose authors want to be found.
    let search = async |who: &Fan<'_>, words: &str| {
        let words: String = url::form_urlencoded::byte_serialize(words.as_bytes()).collect();
        ids(&who
            .get(&format!("/api/v2/search?type=statuses&q={words}"))
            .await["statuses"])
    };
    nina.patch(
        "/api/v1/accounts/update_credentials",
        json!({"indexable": false}),
    )
    .await;
    let zurich = nina
        .post(
            "/api/v1/statuses",
            json!({"status": "Zürich, am Freitag: das Boot!"}),
        )
        .await;
    assert_eq!(search(&nina, "zurich boot").await, [id(&zurich)]);
    assert_eq!(search(&nina, "\"am freitag\"").await, [id(&zurich)]);
    assert!(search(&nina, "\"freitag am\"").await.is_empty());
    assert!(
        search(&fan, "zurich").await.is_empty(),
        "nina did not say that she wants to be found"
    );
    nina.patch(
        "/api/v1/accounts/update_credentials",
        json!({"indexable": true}),
    )
    .await;
    assert_eq!(search(&fan, "ZÜRICH").await, [id(&zurich)]);
    for odd in [
        "\"",
        "* OR",
        "NEAR(a b)",
        "a:b",
        "-x",
        "&|!()",
        "'; DROP TABLE posts",
    ] {
        search(&fan, odd).await;
    }
    nina.put(
        &format!("/api/v1/statuses/{}", id(&zurich)),
        json!({"status": "Basel"}),
    )
    .await;
    assert!(search(&fan, "zurich").await.is_empty());
    assert_eq!(search(&fan, "basel").await, [id(&zurich)]);
    nina.delete(&format!("/api/v1/statuses/{}", id(&zurich)), None)
        .await;
    assert!(search(&fan, "basel").await.is_empty());
    nina.post(
        "/api/v1/statuses",
        json!({"status": "a secret word", "visibility": "private"}),
    )
    .await;
    assert!(search(&fan, "secret").await.is_empty());
}

async fn notifications_one_by_one_and_in_groups(backend: Backend) {
    let (_, node) = house(&backend).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    let post = nina
        .post("/api/v1/statuses", json!({"status": "hello"}))
        .await;
    let mut fans = Vec::new();
    for name in ["ana", "ben", "cleo"] {
        let fan = Fan::new(&node, node.sign_up(name).await).await;
        fan.post(
            &format!("/api/v1/accounts/{}/follow", nina.me.id),
            json!({}),
        )
        .await;
        fan.post(
            &format!("/api/v1/statuses/{}/favourite", id(&post)),
            json!({}),
        )
        .await;
        fans.push(fan);
    }
    fans[0]
        .post("/api/v1/statuses", json!({"status": "@nina hi"}))
        .await;
    settle(&[&node]).await;
    let all = nina.get("/api/v1/notifications").await;
    assert_eq!(all.as_array().unwrap().len(), 7);
    assert_eq!(
        nina.get("/api/v1/notifications/unread_count").await["count"],
        7
    );
    let mention = nina.get("/api/v1/notifications?types[]=mention").await;
    assert_eq!(
        (
            mention.as_array().unwrap().len(),
            &mention[0]["account"]["acct"]
        ),
        (1, &json!("ana"))
    );
    assert_eq!(
        nina.get("/api/v1/notifications?exclude_types[]=mention&exclude_types[]=follow")
            .await
            .as_array()
            .unwrap()
            .len(),
        3
    );
    nina.get(&format!("/api/v1/notifications/{}", id(&mention[0])))
        .await;
    let grouped = nina.get("/api/v2/notifications").await;
    let groups = grouped["notification_groups"].as_array().unwrap();
    assert_eq!(groups.len(), 3, "{groups:?}");
    let favourites = groups
        .iter()
        .find(|group| group["type"] == "favourite")
        .unwrap();
    assert_eq!(
        (
            &favourites["notifications_count"],
            favourites["sample_account_ids"].as_array().unwrap().len()
        ),
        (&json!(3), 3)
    );
    let key = favourites["group_key"].as_str().unwrap();
    nina.get(&format!("/api/v2/notifications/{key}")).await;
    assert_eq!(
        nina.get(&format!("/api/v2/notifications/{key}/accounts"))
            .await
            .as_array()
            .unwrap()
            .len(),
        3
    );
    nina.post(&format!("/api/v2/notifications/{key}/dismiss"), json!({}))
        .await;
    nina.get("/api/v2/notifications/unread_count").await;
    let marked = nina
        .post(
            "/api/v1/markers",
            json!({"notifications": {"last_read_id": id(&all[0])}}),
        )
        .await;
    assert_eq!(marked["notifications"]["last_read_id"], all[0]["id"]);
    assert_eq!(
        nina.get("/api/v1/markers?timeline[]=notifications").await["notifications"]["version"],
        1
    );
    assert_eq!(
        nina.get("/api/v1/notifications/unread_count").await["count"],
        0
    );
    nina.post(
        &format!("/api/v1/notifications/{}/dismiss", id(&mention[0])),
        json!({}),
    )
    .await;
    nina.post("/api/v1/notifications/clear", json!({})).await;
    assert_eq!(nina.get("/api/v1/notifications").await, json!([]));
    // Strangers wait until they are let in.
    nina.patch(
        "/api/v2/notifications/policy",
        json!({"for_not_following": "filter"}),
    )
    .await;
    fans[1]
        .post("/api/v1/statuses", json!({"status": "@nina knock knock"}))
        .await;
    settle(&[&node]).await;
    assert_eq!(nina.get("/api/v1/notifications").await, json!([]));
    assert_eq!(
        nina.get("/api/v2/notifications/policy").await["summary"]["pending_requests_count"],
        1
    );
    let waiting = nina.get("/api/v1/notifications/requests").await;
    let request = id(&waiting[0]);
    nina.get(&format!("/api/v1/notifications/requests/{request}"))
        .await;
    nina.post(
        &format!("/api/v1/notifications/requests/{request}/accept"),
        json!({}),
    )
    .await;
    assert_eq!(
        nina.get("/api/v1/notifications")
            .await
            .as_array()
            .unwrap()
            .len(),
        1
    );
    fans[2]
        .post("/api/v1/statuses", json!({"status": "@nina me too"}))
        .await;
    settle(&[&node]).await;
    nina.post(
        "/api/v1/notifications/requests/dismiss",
        json!({"id": [fans[2].me.id.to_string()]}),
    )
    .await;
    assert_eq!(nina.get("/api/v1/notifications/requests").await, json!([]));
}

async fn two_houses_and_two_apps(backend: Backend) {
    let (_, here, there) = houses(&backend).await;
    let nina = Fan::new(&there, there.host("nina").await).await;
    let fan = Fan::new(&here, here.sign_up("fan").await).await;
    let found = fan
        .get("/api/v2/search?q=%40nina%40there.test&resolve=true&type=accounts")
        .await;
    let far = id(&found["accounts"][0]);
    assert_eq!(found["accounts"][0]["acct"], "nina@there.test");
    assert_eq!(
        fan.post(&format!("/api/v1/accounts/{far}/follow"), json!({}))
            .await["requested"],
        true
    );
    settle(&[&here, &there]).await;
    let relation = fan
        .get(&format!("/api/v1/accounts/relationships?id[]={far}"))
        .await;
    assert_eq!(relation[0]["following"], true, "it is accepted over there");
    let post = nina
        .post("/api/v1/statuses", json!({"status": "across the border"}))
        .await;
    settle(&[&here, &there]).await;
    let seen = fan.get("/api/v1/timelines/home").await[0].clone();
    assert_eq!(
        (&seen["content"], &seen["uri"]),
        (&json!("<p>across the border</p>"), &post["uri"])
    );
    fan.post(
        "/api/v1/statuses",
        json!({"status": "@nina@there.test heard you", "in_reply_to_id": seen["id"]}),
    )
    .await;
    fan.post(
        &format!("/api/v1/statuses/{}/favourite", id(&seen)),
        json!({}),
    )
    .await;
    fan.post(&format!("/api/v1/statuses/{}/reblog", id(&seen)), json!({}))
        .await;
    settle(&[&here, &there]).await;
    let told = nina.get("/api/v1/notifications").await;
    let mut kinds: Vec<&str> = told
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["type"].as_str().unwrap())
        .collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["favourite", "follow", "mention", "reblog"]);
    let counted = nina.get(&format!("/api/v1/statuses/{}", id(&post))).await;
    assert_eq!(
        (
            &counted["favourites_count"],
            &counted["reblogs_count"],
            &counted["replies_count"]
        ),
        (&json!(1), &json!(1), &json!(1))
    );
    let by_url = fan
        .get(&format!(
            "/api/v2/search?resolve=true&q={}",
            url::form_urlencoded::byte_serialize(post["uri"].as_str().unwrap().as_bytes())
                .collect::<String>()
        ))
        .await;
    assert_eq!(by_url["statuses"][0]["id"], seen["id"]);
}

async fn what_the_house_says_about_itself(backend: Backend) {
    let (_, node) = house(&backend).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    let old = nina.get("/api/v1/instance").await;
    assert_eq!(
        (old["uri"].as_str(), old["contact_account"]["acct"].as_str()),
        (Some("here.test"), Some("nina"))
    );
    let new = nina.get("/api/v2/instance").await;
    assert_eq!(
        (
            new["domain"].as_str(),
            &new["configuration"]["statuses"]["max_characters"]
        ),
        (Some("here.test"), &json!(5000))
    );
    for path in [
        "/api/v1/instance/rules",
        "/api/v1/instance/peers",
        "/api/v1/instance/activity",
        "/api/v1/instance/extended_description",
        "/api/v1/instance/translation_languages",
        "/api/v1/custom_emojis",
        "/api/v1/announcements",
        "/api/v1/trends/links",
        "/api/v1/endorsements",
        "/api/v1/apps/verify_credentials",
        "/oauth/userinfo",
        "/health",
    ] {
        nina.get(path).await;
    }
    let post = nina
        .post("/api/v1/statuses", json!({"status": "embed me"}))
        .await;
    let address: String =
        url::form_urlencoded::byte_serialize(post["url"].as_str().unwrap().as_bytes()).collect();
    let embedded = nina.get(&format!("/api/oembed?url={address}")).await;
    assert_eq!(embedded["title"], "embed me");
    assert!(embedded["html"].as_str().unwrap().contains("/embed/@nina/"));
    println!(
        "{} answers were as described so far",
        VALIDATED.load(std::sync::atomic::Ordering::Relaxed)
    );
    assert!(!complete() || VALIDATED.load(std::sync::atomic::Ordering::Relaxed) > 0);
}
