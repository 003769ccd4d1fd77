//! Boosts, favourites, polls, pictures, quotes and reports across two nodes.

use afterparty::media::incoming::Incoming;
use afterparty::media::upload::{self, Upload};
use afterparty::moderation::reports;
use afterparty::posts::compose::{Draft, NewPoll};
use afterparty::posts::{boosts, favourites, polls, quotes};

use crate::both;
use crate::support::{Backend, TestNode, settle};

both!(
    boosts_and_favourites_travel_and_are_taken_back,
    a_poll_is_answered_from_another_node,
    a_picture_arrives_with_its_description,
    a_quote_needs_consent_and_loses_it,
    a_report_reaches_the_other_host,
    followers_are_compared,
);

async fn boosts_and_favourites_travel_and_are_taken_back(backend: Backend) {
    let (_, [here, there]) = TestNode::two(&backend).await;
    let (fan, friend) = (here.sign_up("fan").await, there.sign_up("friend").await);
    let nina = there.host("nina").await;
    here.follow(&fan, "nina@there.test").await;
    there.follow(&friend, "fan@here.test").await;
    settle(&[&here, &there]).await;
    let post = there.post(&nina, "A song").await;
    settle(&[&here, &there]).await;
    let seen = here.post_by_uri(&post.uri).await.unwrap();
    favourites::set(here.app(), &fan, &seen, true)
        .await
        .unwrap();
    favourites::set(here.app(), &fan, &seen, true)
        .await
        .unwrap();
    boosts::boost(here.app(), &fan, &seen).await.unwrap();
    settle(&[&here, &there]).await;
    let counted = there.post_by_uri(&post.uri).await.unwrap();
    assert_eq!((counted.favourites_count, counted.boosts_count), (1, 1));
    let mut notices = there.notices_of("nina").await;
    notices.sort_unstable();
    assert_eq!(notices, ["boost", "favourite", "follow"]);
    assert_eq!(there.home_of("friend").await, ["A song"], "brought by fan");
    favourites::set(here.app(), &fan, &seen, false)
        .await
        .unwrap();
    boosts::unboost(here.app(), &fan, &seen).await.unwrap();
    settle(&[&here, &there]).await;
    let counted = there.post_by_uri(&post.uri).await.unwrap();
    assert_eq!((counted.favourites_count, counted.boosts_count), (0, 0));
    assert!(there.home_of("friend").await.is_empty());
}

async fn a_poll_is_answered_from_another_node(backend: Backend) {
    let (net, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let nina = there.host("nina").await;
    here.follow(&fan, "nina@there.test").await;
    settle(&[&here, &there]).await;
    let poll = NewPoll {
        hides_totals: false,
        options: vec!["Slow".into(), "Loud".into()],
        multiple: false,
        seconds: 3600,
    };
    let post = there
        .write(
            &nina,
            Draft {
                text: "Which?".into(),
                poll: Some(poll),
                ..Draft::default()
            },
        )
        .await;
    settle(&[&here, &there]).await;
    let seen = here.post_by_uri(&post.uri).await.unwrap();
    assert_eq!(
        polls::of_post(here.app(), seen.id)
            .await
            .unwrap()
            .unwrap()
            .options
            .len(),
        2
    );
    polls::vote(here.app(), &fan, &seen, &[1]).await.unwrap();
    assert!(
        polls::vote(here.app(), &fan, &seen, &[0]).await.is_err(),
        "once for each poll"
    );
    settle(&[&here, &there]).await;
    let counted = polls::of_post(there.app(), post.id).await.unwrap().unwrap();
    assert_eq!((counted.voters, counted.options[1].1), (1, 1));
    net.clock.advance(std::time::Duration::from_secs(3700));
    settle(&[&here, &there]).await;
    assert!(
        polls::of_post(there.app(), post.id)
            .await
            .unwrap()
            .unwrap()
            .closed_at
            .is_some()
    );
    assert!(here.notices_of("fan").await.contains(&"poll"));
    assert!(there.notices_of("nina").await.contains(&"poll"));
    let late = there.sign_up("late").await;
    assert!(polls::vote(there.app(), &late, &post, &[0]).await.is_err());
}

async fn a_picture_arrives_with_its_description(backend: Backend) {
    let (_, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let nina = there.host("nina").await;
    here.follow(&fan, "nina@there.test").await;
    settle(&[&here, &there]).await;
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(64, 48)
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    let upload = Upload {
        file: Incoming::of_bytes(there.app(), bytes.into_inner())
            .await
            .unwrap(),
        cover: None,
        description: "The stage".to_owned(),
        focus: (100, -200),
    };
    let picture = upload::upload(there.app(), &nina, upload).await.unwrap();
    let post = there
        .write(
            &nina,
            Draft {
                text: "Look".into(),
                media: vec![picture.id],
                ..Draft::default()
            },
        )
        .await;
    settle(&[&here, &there]).await;
    let seen = here.post_by_uri(&post.uri).await.unwrap();
    let media = afterparty::media::of_post(here.app(), seen.id)
        .await
        .unwrap();
    assert_eq!(
        (media[0].description.as_str(), media[0].size, media[0].focus),
        ("The stage", Some((64, 48)), (100, -200))
    );
    let address =
        afterparty::media::proxy::address(here.app(), media[0].remote_url.as_ref().unwrap());
    let answer = here.get(&address, &[]).await;
    assert_eq!(
        (
            answer.status().as_u16(),
            answer.headers()["content-type"].to_str().unwrap()
        ),
        (200, "image/jpeg")
    );
    assert!(
        answer.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("sandbox")
    );
    let mut forged = address.clone();
    forged.push('x');
    assert_eq!(
        here.get(&forged, &[]).await.status(),
        404,
        "only addresses that we signed"
    );
}

async fn a_quote_needs_consent_and_loses_it(backend: Backend) {
    let (_, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let nina = there.host("nina").await;
    here.follow(&fan, "nina@there.test").await;
    there.follow(&nina, "fan@here.test").await;
    settle(&[&here, &there]).await;
    let open = there.post(&nina, "Quote me").await;
    let shut = there
        .write(
            &nina,
            Draft {
                text: "Do not".into(),
                quote_policy: "nobody".into(),
                ..Draft::default()
            },
        )
        .await;
    settle(&[&here, &there]).await;
    let quote = |id| Draft {
        text: "so true".into(),
        quote: Some(id),
        ..Draft::default()
    };
    let good = here
        .write(&fan, quote(here.post_by_uri(&open.uri).await.unwrap().id))
        .await;
    let bad = here
        .write(&fan, quote(here.post_by_uri(&shut.uri).await.unwrap().id))
        .await;
    settle(&[&here, &there]).await;
    let state = async |node: &TestNode, uri: &str| {
        node.post_by_uri(uri).await.unwrap().quote_state.unwrap()
    };
    assert_eq!(state(&here, &good.uri).await, "accepted");
    assert_eq!(state(&here, &bad.uri).await, "rejected");
    assert_eq!(
        state(&there, &good.uri).await,
        "accepted",
        "its host checked the consent"
    );
    assert_ne!(state(&there, &bad.uri).await, "accepted");
    let stamp = here
        .post_by_uri(&good.uri)
        .await
        .unwrap()
        .quote_stamp_uri
        .unwrap();
    let path = stamp.strip_prefix("http://there.test").unwrap();
    assert_eq!(
        there.document(path).await.1["interactingObject"],
        good.uri.as_str()
    );
    quotes::revoke(
        there.app(),
        &nina,
        there.post_by_uri(&good.uri).await.unwrap().id,
    )
    .await
    .unwrap();
    settle(&[&here, &there]).await;
    assert_eq!(state(&here, &good.uri).await, "revoked");
    assert_eq!(there.document(path).await.0, 404);
}

async fn a_report_reaches_the_other_host(backend: Backend) {
    let (_, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let nina = there.host("nina").await;
    let post = there.post(&nina, "Rude").await;
    settle(&[&here, &there]).await;
    let target = here.look_up("nina@there.test").await;
    let new = reports::New {
        category: "other",
        comment: "not nice",
        posts: &[post.uri.clone()],
        uri: None,
        forward: true,
    };
    reports::report(here.app(), &fan, &target, new)
        .await
        .unwrap();
    settle(&[&here, &there]).await;
    let reports = reports::waiting(there.app(), None).await.unwrap();
    assert_eq!(
        (reports[0].comment.as_str(), reports[0].posts.as_slice()),
        ("not nice", &[post.uri][..])
    );
    let from = afterparty::accounts::get(there.app(), reports[0].from)
        .await
        .unwrap();
    assert_eq!(
        from.uri, "http://here.test/actor",
        "the reporter stays unnamed"
    );
}

async fn followers_are_compared(backend: Backend) {
    let (_, [here, there]) = TestNode::two(&backend).await;
    let (fan, ghost) = (here.sign_up("fan").await, here.sign_up("ghost").await);
    let nina = there.host("nina").await;
    here.follow(&fan, "nina@there.test").await;
    here.follow(&ghost, "nina@there.test").await;
    settle(&[&here, &there]).await;
    // The other side lost one of the two, without a word.
    let ghost_there = there.account("ghost@here.test").await;
    afterparty::kernel::db::sql("DELETE FROM follows WHERE follower_id = $1")
        .bind(ghost_there.id)
        .run(there.db())
        .await
        .unwrap();
    there
        .write(
            &nina,
            Draft {
                text: "for followers".into(),
                audience: afterparty::audiences::Audience::Followers,
                ..Draft::default()
            },
        )
        .await;
    settle(&[&here, &there]).await;
    let nina_here = here.account("nina@there.test").await;
    let follows = afterparty::relations::follows::local_follows_of(here.app(), nina_here.id)
        .await
        .unwrap();
    let names: Vec<&str> = follows
        .iter()
        .map(|(_, follower)| follower.name.as_str())
        .collect();
    assert_eq!(names, ["fan"], "who is no follower there is none here");
}
