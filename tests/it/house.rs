//! The house as its host makes it: its look, its front page, and how it is shown elsewhere.

use afterparty::audiences::Audience;
use afterparty::posts::compose::Draft;

use crate::both;
use crate::support::node::png;
use crate::support::{Backend, TestNode};

both!(
    a_host_makes_the_house_look_like_theirs,
    the_front_page_shows_what_the_host_wants
);

async fn text(answer: reqwest::Response) -> String {
    answer.text().await.unwrap()
}

async fn a_host_makes_the_house_look_like_theirs(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let fan = node.sign_up("fan").await;
    let (host, member) = (node.cookie(&nina).await, node.cookie(&fan).await);
    let path = "/operator/look";
    assert_eq!(node.get(path, &[("cookie", &member)]).await.status(), 404);

    // What is tried out shows on the page and changes nothing.
    let tried = "/operator/look?accent=%23ffff00&face=slab&focus_x=10&focus_y=90";
    let page = text(node.get(tried, &[("cookie", &host)]).await).await;
    assert!(page.contains("would be hard to read here"), "{page}");
    assert!(
        page.contains("accent=%23ffff00&#38;face=slab&#38;focus=10-90"),
        "{page}"
    );
    let theme = text(node.get("/theme.css", &[]).await).await;
    assert!(theme.contains("face-grotesque.woff2"), "{theme}");

    let values = [
        ("accent", "#0b7285"),
        ("face", "serif"),
        ("focus_x", "20"),
        ("focus_y", "80"),
    ];
    let files: [(&str, &str, &[u8]); 2] = [
        ("hero", "hero.png", &png(1200, 600)),
        ("logo", "logo.png", &png(64, 64)),
    ];
    let saved = node.upload(path, &host, &values, &files).await;
    assert_eq!(saved.status(), 303, "{}", text(saved).await);
    let theme = text(node.get("/theme.css", &[]).await).await;
    assert!(
        theme.contains("face-serif.woff2") && theme.contains("20% 80%"),
        "{theme}"
    );
    let front = text(node.get("/", &[]).await).await;
    let hero = front.split("class=\"hero-picture\" src=\"").nth(1).unwrap();
    let hero = hero.split('"').next().unwrap().to_owned();
    assert_eq!(node.get(&hero, &[]).await.status(), 200);
    assert!(front.contains("rel=\"preload\" as=\"font\""), "{front}");
    let face = node.get("/assets/face-serif.woff2", &[]).await;
    assert_eq!(face.status(), 200);
    assert!(face.bytes().await.unwrap().len() <= 30 << 10);

    // What cannot be taken changes nothing and keeps what was chosen.
    let values = [("accent", "yellow"), ("face", "mono")];
    let refused = node.upload(path, &host, &values, &[]).await;
    assert_eq!(refused.status(), 422);
    assert!(text(refused).await.contains("value=\"mono\" checked"));
    let broken = node
        .upload(
            path,
            &host,
            &[("face", "mono")],
            &[("hero", "x.png", b"no picture")],
        )
        .await;
    assert_eq!(broken.status(), 422);
    assert_eq!(
        node.get(&hero, &[]).await.status(),
        200,
        "the picture is still there"
    );
    // A picture that was taken off is gone.
    let removed = node.upload(path, &host, &[("remove_hero", "1")], &[]).await;
    assert_eq!(removed.status(), 303);
    assert_eq!(node.get(&hero, &[]).await.status(), 404);
}

async fn the_front_page_shows_what_the_host_wants(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let fan = node.sign_up("fan").await;
    let (host, member) = (node.cookie(&nina).await, node.cookie(&fan).await);
    node.post(&nina, "for everybody").await;
    let narrow = Draft {
        text: "for those who follow".into(),
        audience: Audience::Followers,
        ..Draft::default()
    };
    node.write(&nina, narrow).await;
    let front = text(node.get("/", &[]).await).await;
    assert!(
        front.contains("One post here is only for people who follow"),
        "{front}"
    );
    assert!(!front.contains("for those who follow</p>"), "{front}");
    node.follow(&fan, "nina").await;
    let front = text(node.get("/", &[("cookie", &member)]).await).await;
    assert!(
        !front.contains("only for people who follow"),
        "who follows is told nothing"
    );

    let fields = [
        ("shown", "latest"),
        ("shown", "about"),
        ("move", "latest up"),
    ];
    let arranged = node.form("/operator/look/front", &host, &fields).await;
    assert_eq!(arranged.status(), 303);
    let front = text(node.get("/", &[]).await).await;
    assert!(
        !front.contains("only for people who follow"),
        "it is hidden now"
    );
    let place = |words: &str| front.find(words).unwrap();
    assert!(place("front-about") < place("Latest posts"));
    for _ in 0..5 {
        node.form("/operator/look/front", &host, &fields).await;
    }
    let front = text(node.get("/", &[]).await).await;
    let place = |words: &str| front.find(words).unwrap();
    assert!(
        place("Latest posts") < place("front-about"),
        "moved to the top"
    );
    assert_eq!(
        node.form("/operator/look/front", &member, &fields)
            .await
            .status(),
        404
    );
}
