//! What apps do beside the usual path: write anew, combine hashtags, mark as unread, ask for more than there is.

use reqwest::Method;
use serde_json::json;

use super::{Fan, client, house, house_in, houses, id, ids, token};
use crate::both;
use crate::support::{Backend, Net, settle};

both!(
    what_is_written_anew_keeps_its_pictures,
    hashtags_are_combined,
    small_things_apps_ask_for,
    an_app_learns_which_field_is_wrong,
    a_boost_has_an_audience,
    a_mute_says_when_it_ends,
);

async fn what_is_written_anew_keeps_its_pictures(backend: Backend) {
    let (net, node) = house(&backend).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    let picture = nina.picture().await;
    let draft = json!({"status": "With a typo", "media_ids": [picture]});
    let post = nina.post("/api/v1/statuses", draft.clone()).await;
    let place = format!("/api/v1/statuses/{}", id(&post));
    let deleted = nina.delete(&place, None).await;
    assert_eq!(deleted["text"], "With a typo");
    assert_eq!(id(&deleted["media_attachments"][0]), picture);
    let bob = Fan::new(&node, node.sign_up("bob").await).await;
    let theft = bob.call(Method::POST, "/api/v1/statuses", Some(draft.clone()));
    assert_eq!(theft.await.status, 422, "it is its author's alone");
    let anew = nina.post("/api/v1/statuses", draft).await;
    assert_eq!(id(&anew["media_attachments"][0]), picture);
    // Left alone it stays for a day.
    nina.delete(&format!("/api/v1/statuses/{}", id(&anew)), None)
        .await;
    let count = "SELECT COUNT(*) AS n FROM media";
    for (hours, left) in [(23, 1), (2, 0)] {
        net.clock
            .advance(std::time::Duration::from_secs(hours * 3600));
        afterparty::media::sweep(node.app()).await.unwrap();
        assert_eq!(node.count(count).await, left, "{hours}");
    }
    let picture = nina.picture().await;
    let draft = json!({"status": "Gone at once", "media_ids": [picture]});
    let post = nina.post("/api/v1/statuses", draft).await;
    let place = format!("/api/v1/statuses/{}?delete_media=true", id(&post));
    nina.delete(&place, None).await;
    assert_eq!(node.count(count).await, 0);
}

async fn hashtags_are_combined(backend: Backend) {
    let (_net, node) = house(&backend).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    let mut posts = Vec::new();
    for text in ["#one", "#two", "#one #two", "#three", "#one #three"] {
        let post = nina.post("/api/v1/statuses", json!({"status": text})).await;
        posts.push(id(&post));
    }
    let picture = nina.picture().await;
    let shown = json!({"status": "#one #two #three", "media_ids": [picture]});
    posts.push(id(&nina.post("/api/v1/statuses", shown).await));
    settle(&[&node]).await;
    for (query, wanted) in [
        ("", &[5, 4, 2, 0][..]),
        ("?any[]=two", &[5, 4, 2, 1, 0]),
        ("?any[]=Two&any[]=three", &[5, 4, 3, 2, 1, 0]),
        ("?any[]=two&limit=2", &[5, 4]),
        ("?all[]=two", &[5, 2]),
        ("?all[]=two&all[]=three", &[5]),
        ("?none[]=two", &[4, 0]),
        ("?any[]=three&none[]=two", &[4, 3, 0]),
        ("?only_media=true", &[5]),
        ("?local=true", &[5, 4, 2, 0]),
        ("?remote=true", &[]),
    ] {
        let found = nina.get(&format!("/api/v1/timelines/tag/one{query}")).await;
        let wanted: Vec<String> = wanted.iter().map(|at: &usize| posts[*at].clone()).collect();
        assert_eq!(ids(&found), wanted, "{query}");
    }
    // The next page towards the present begins where the last one ended.
    let path = format!(
        "/api/v1/timelines/tag/one?any[]=two&min_id={}&limit=2",
        posts[0]
    );
    let found = nina.get(&path).await;
    assert_eq!(ids(&found), [posts[2].clone(), posts[1].clone()]);
}

async fn small_things_apps_ask_for(backend: Backend) {
    let (_net, node) = house(&backend).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    let bob = Fan::new(&node, node.sign_up("bob").await).await;
    let policy = json!({"for_not_following": "filter"});
    let set = nina.put("/api/v2/notifications/policy", policy).await;
    assert_eq!(set["for_not_following"], "filter");
    let note = json!({"status": "@nina Just you", "visibility": "direct"});
    let note = bob.post("/api/v1/statuses", note).await;
    settle(&[&node]).await;
    let list = nina.get("/api/v1/conversations").await;
    let place = format!("/api/v1/conversations/{}", id(&list[0]));
    for (verb, unread) in [("read", false), ("unread", true)] {
        let marked = nina.post(&format!("{place}/{verb}"), json!({})).await;
        assert_eq!(marked["unread"], unread);
        let list = nina.get("/api/v1/conversations").await;
        assert_eq!(list[0]["unread"], unread);
    }
    let source = format!("/api/v1/statuses/{}/source", id(&note));
    assert_eq!(nina.get(&source).await["text"], "@nina Just you");
    let languages = nina.get("/api/v1/instance/languages").await;
    assert_eq!(languages[0]["code"], "en");
    // An app that asks for an administration too is an app as any other, without it.
    let answer = client()
        .post(node.at("/api/v1/apps"))
        .header("host", &node.name)
        .header("content-type", "application/json")
        .body(json!({"client_name": "All", "redirect_uris": "urn:ietf:wg:oauth:2.0:oob", "scopes": "read admin:read admin:write:accounts"}).to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let made: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(made["scopes"], json!(["read"]));
}

async fn an_app_learns_which_field_is_wrong(backend: Backend) {
    let mut net = Net::new();
    let settings = [("registration.mode", "open")];
    let node = house_in(&mut net, &backend, &settings).await;
    node.host("nina").await;
    let token = token(&node, None, "read write").await;
    for (name, password, agreed, field, code) in [
        ("nina", "a long enough one", true, "username", "ERR_TAKEN"),
        (
            "ad min",
            "a long enough one",
            true,
            "username",
            "ERR_INVALID",
        ),
        ("ada", "short", true, "password", "ERR_TOO_SHORT"),
        (
            "ada",
            "a long enough one",
            false,
            "agreement",
            "ERR_ACCEPTED",
        ),
    ] {
        let body = json!({"username": name, "email": "ada@mail.test", "password": password, "agreement": agreed, "locale": "en"});
        let answer = client()
            .post(node.at("/api/v1/accounts"))
            .header("host", &node.name)
            .header("content-type", "application/json")
            .bearer_auth(&token)
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 422, "{name} {password}");
        let said: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(said["details"][field][0]["error"], code, "{said}");
    }
}

async fn a_boost_has_an_audience(backend: Backend) {
    let (_net, here, there) = houses(&backend).await;
    let nina = Fan::new(&here, here.host("nina").await).await;
    let bob = Fan::new(&there, there.sign_up("bob").await).await;
    let eve = Fan::new(&here, here.sign_up("eve").await).await;
    there.follow(&bob.me, "nina@here.test").await;
    settle(&[&here, &there]).await;
    let of_nina = format!("/api/v1/accounts/{}/statuses", nina.me.id);
    let seen = async |fan: &Fan<'_>, boost: &str| {
        ids(&fan.get(&of_nina).await).contains(&boost.to_owned())
    };
    for (of_post, wished, narrowest) in [
        ("public", None, "public"),
        ("public", Some("unlisted"), "unlisted"),
        ("public", Some("private"), "private"),
        ("unlisted", Some("public"), "unlisted"),
        ("private", None, "private"),
        ("private", Some("public"), "private"),
    ] {
        let post = json!({"status": "Once more", "visibility": of_post});
        let post = nina.post("/api/v1/statuses", post).await;
        let place = format!("/api/v1/statuses/{}/reblog", id(&post));
        let wish = wished.map_or(json!({}), |wished| json!({"visibility": wished}));
        let boost = nina.post(&place, wish).await;
        assert_eq!(boost["visibility"], narrowest, "{of_post} {wished:?}");
        assert_eq!(seen(&eve, &id(&boost)).await, narrowest != "private");
        settle(&[&here, &there]).await;
        // As it arrived: for the same people.
        let home = bob.get("/api/v1/timelines/home").await;
        let of_it = |one: &&serde_json::Value| one["reblog"]["uri"] == post["uri"];
        let arrived = home.as_array().unwrap().iter().find(of_it).unwrap();
        assert_eq!(arrived["visibility"], narrowest, "{of_post} {wished:?}");
    }
    let private = json!({"status": "For those who follow", "visibility": "private"});
    let private = nina.post("/api/v1/statuses", private).await;
    let direct = json!({"visibility": "direct"});
    let place = format!("/api/v1/statuses/{}/reblog", id(&private));
    let refused = nina.call(Method::POST, &place, Some(direct)).await;
    assert_eq!(refused.status, 403);
    settle(&[&here, &there]).await;
    let home = bob.get("/api/v1/timelines/home").await;
    let same = |one: &&serde_json::Value| one["uri"] == private["uri"];
    let theirs = id(home.as_array().unwrap().iter().find(same).unwrap());
    let place = format!("/api/v1/statuses/{theirs}/reblog");
    let refused = bob.call(Method::POST, &place, Some(json!({}))).await;
    assert_eq!(refused.status, 403, "it is somebody else's");
}

async fn a_mute_says_when_it_ends(backend: Backend) {
    let (_net, node) = house(&backend).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    let bob = Fan::new(&node, node.sign_up("bob").await).await;
    for (duration, ends) in [(3600, true), (0, false)] {
        let place = format!("/api/v1/accounts/{}/mute", bob.me.id);
        nina.post(&place, json!({"duration": duration})).await;
        let muted = nina.get("/api/v1/mutes").await;
        assert_eq!(muted[0]["mute_expires_at"].is_string(), ends, "{muted}");
    }
}
