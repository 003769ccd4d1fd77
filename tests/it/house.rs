//! The house as its host makes it: its look, its front page, and how it is shown elsewhere.

use afterparty::audiences::Audience;
use afterparty::posts::compose::Draft;

use crate::both;
use crate::support::node::{png, text};
use crate::support::{Backend, Net, Peer, TestNode, settle};

both!(
    a_host_makes_the_house_look_like_theirs,
    the_front_page_shows_what_the_host_wants,
    the_house_is_shown_elsewhere,
    the_house_is_an_app,
    links_that_link_back_are_marked,
    open_pages_are_told_what_changed,
);

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

async fn the_house_is_shown_elsewhere(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let cookie = node.cookie(&nina).await;
    let open = node.post(&nina, "come <b>tonight</b>").await;
    let narrow = Draft {
        text: "a secret".into(),
        audience: Audience::Followers,
        ..Draft::default()
    };
    let narrow = node.write(&nina, narrow).await;

    let card = format!("/embed/@nina/{}", open.id);
    for path in ["/embed", "/embed/@nina", &card] {
        let answer = node.get(path, &[("cookie", &cookie)]).await;
        assert_eq!(answer.status(), 200, "{path}");
        let headers = answer.headers().clone();
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("frame-ancestors *") && !policy.contains("script-src"),
            "{policy}"
        );
        assert!(!headers.contains_key("set-cookie"), "{path}");
        let page = text(answer).await;
        assert!(page.len() < 50 << 10 && !page.contains("<script"), "{path}");
        assert!(
            page.contains("come") && !page.contains("a secret"),
            "{page}"
        );
        assert!(!page.contains("style=\""), "{page}");
    }
    let secret = format!("/embed/@nina/{}", narrow.id);
    assert_eq!(
        node.get(&secret, &[("cookie", &cookie)]).await.status(),
        404
    );
    assert_eq!(node.get("/embed/@nobody", &[]).await.status(), 404);

    // Every public thing says where its card is described.
    let page = format!("/@nina/{}", open.id);
    for (path, card) in [
        ("/", "/embed"),
        ("/@nina", "/embed/@nina"),
        (page.as_str(), card.as_str()),
    ] {
        let shown = text(node.get(path, &[]).await).await;
        let (_, rest) = shown
            .split_once("application/json+oembed\" href=\"")
            .expect(path);
        let link = rest.split('"').next().unwrap().replace("&#38;", "&");
        let described = text(node.get(&link, &[]).await).await;
        let described: serde_json::Value = serde_json::from_str(&described).unwrap();
        let html = described["html"].as_str().unwrap();
        assert!(
            html.contains(&format!("src=\"http://here.test{card}\"")),
            "{html}"
        );
    }
    let narrow = text(
        node.get(&format!("/@nina/{}", narrow.id), &[("cookie", &cookie)])
            .await,
    )
    .await;
    assert!(!narrow.contains("json+oembed"));
}

async fn the_house_is_an_app(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let cookie = node.cookie(&nina).await;
    let manifest = text(node.get("/manifest.webmanifest", &[]).await).await;
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    for icon in manifest["icons"].as_array().unwrap() {
        let answer = node.get(icon["src"].as_str().unwrap(), &[]).await;
        let bytes = answer.bytes().await.unwrap();
        let picture = image::load_from_memory(&bytes).unwrap();
        assert_eq!(
            format!("{0}x{0}", picture.width()),
            icon["sizes"].as_str().unwrap()
        );
    }
    assert_eq!(node.get("/icon-191.png", &[]).await.status(), 404);
    let worker = node.get("/sw.js", &[]).await;
    assert!(
        worker.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/javascript")
    );
    // The page that is kept for the time without a network shows nobody's name.
    let offline = text(node.get("/offline", &[("cookie", &cookie)]).await).await;
    assert!(
        offline.contains("No network") && !offline.contains("nina"),
        "{offline}"
    );
    let shared = "/compose?title=Tour&text=Tour+dates&url=https%3A%2F%2Fa.example%2Ftour";
    let compose = text(node.get(shared, &[("cookie", &cookie)]).await).await;
    assert!(
        compose.contains(">Tour\nTour dates\nhttps://a.example/tour</textarea>"),
        "{compose}"
    );

    // A browser is told about notifications as long as its session lasts.
    let (key, auth) = device_keys();
    let fields = [
        ("endpoint", "https://push.example/1"),
        ("key", key.as_str()),
        ("auth", auth.as_str()),
    ];
    let devices = "SELECT COUNT(*) AS n FROM push_subscriptions";
    assert_eq!(
        node.form("/notifications/device", &cookie, &fields)
            .await
            .status(),
        303
    );
    assert_eq!(
        node.form("/notifications/device", &cookie, &fields)
            .await
            .status(),
        303
    );
    assert_eq!(node.count(devices).await, 1, "one for each browser");
    let broken = [
        ("endpoint", "https://push.example/1"),
        ("key", "x"),
        ("auth", "y"),
    ];
    assert_eq!(
        node.form("/notifications/device", &cookie, &broken)
            .await
            .status(),
        422
    );
    assert_eq!(node.count(devices).await, 0);
    assert_eq!(
        node.form("/notifications/device", &cookie, &fields)
            .await
            .status(),
        303
    );
    node.form("/sign-out", &cookie, &[]).await;
    assert_eq!(node.count(devices).await, 0, "not after signing out");
    assert_eq!(node.count("SELECT COUNT(*) AS n FROM tokens").await, 0);
}

/// Keys as a browser makes them.
fn device_keys() -> (String, String) {
    use afterparty::kernel::crypt::url_base64;
    let own = aws_lc_rs::agreement::PrivateKey::generate(&aws_lc_rs::agreement::ECDH_P256).unwrap();
    let public = own.compute_public_key().unwrap();
    (url_base64(public.as_ref()), url_base64(&[7; 16]))
}

async fn links_that_link_back_are_marked(backend: Backend) {
    let mut net = Net::new();
    let site = Peer::start(&mut net, "site.test").await;
    let listener = net.listen("here.test").await;
    let node = net.node("here.test", &backend, listener, &[]).await;
    let nina = node.host("nina").await;
    let cookie = node.cookie(&nina).await;
    site.serve_at(
        "/back",
        200,
        "text/html",
        b"<p><a rel='me nofollow' href='http://here.test/@nina'>me</a>".to_vec(),
    );
    site.serve_at(
        "/not",
        200,
        "text/html",
        b"<a href='http://here.test/@nina'>a friend</a>".to_vec(),
    );
    let (back, not) = (site.at("/back"), site.at("/not"));
    let values = [
        ("display_name", "Nina"),
        ("field_name", "Site"),
        ("field_value", back.as_str()),
        ("field_name", "Other"),
        ("field_value", not.as_str()),
        ("field_name", "Home town"),
        ("field_value", "Bergen"),
    ];
    assert_eq!(
        node.upload("/settings", &cookie, &values, &[])
            .await
            .status(),
        303
    );
    settle(&[&node]).await;
    let fields = node.account("nina").await.fields;
    let marked: Vec<bool> = fields
        .iter()
        .map(|field| field.verified_at.is_some())
        .collect();
    assert_eq!(marked, [true, false, false]);
    let page = text(node.get("/@nina", &[]).await).await;
    assert_eq!(page.matches("links back").count(), 1, "{page}");
    assert!(
        page.contains(&format!("href=\"{back}\" rel=\"me ")),
        "{page}"
    );
    // The mark stays with the link as long as it does, and is looked at again.
    site.serve_at("/back", 200, "text/html", b"nothing".to_vec());
    node.upload("/settings", &cookie, &values, &[]).await;
    assert!(node.account("nina").await.fields[0].verified_at.is_some());
    settle(&[&node]).await;
    assert!(node.account("nina").await.fields[0].verified_at.is_none());
}

/// An open page: what it is told, in order.
struct OpenPage {
    stream: reqwest::Response,
    text: String,
}

impl OpenPage {
    async fn open(node: &TestNode, page: &str, cookie: &str) -> Self {
        let path = format!("/live?page={page}");
        let stream = node.get(&path, &[("cookie", cookie)]).await;
        assert_eq!(stream.status(), 200, "{page}");
        Self {
            stream,
            text: String::new(),
        }
    }

    /// Everything it was told within a moment.
    async fn told(&mut self) -> String {
        let wait = std::time::Duration::from_millis(400);
        while let Ok(Ok(Some(piece))) = tokio::time::timeout(wait, self.stream.chunk()).await {
            self.text.push_str(&String::from_utf8_lossy(&piece));
        }
        std::mem::take(&mut self.text)
    }
}

async fn open_pages_are_told_what_changed(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let fan = node.sign_up("fan").await;
    let (host, member) = (node.cookie(&nina).await, node.cookie(&fan).await);
    let first = node.post(&nina, "first").await;
    let mut news = afterparty::jobs::news::Reader::new(node.app().clock.now());
    news.read(node.app()).await.unwrap();
    let thread = format!("/@nina/{}", first.id);
    assert_eq!(
        node.get("/live?page=/about", &[]).await.status(),
        204,
        "nothing changes there"
    );
    let mut front = OpenPage::open(&node, "/", "").await;
    let mut home = OpenPage::open(&node, "/home", &member).await;
    let mut post = OpenPage::open(&node, &thread, "").await;
    let mut frame = OpenPage::open(&node, "/settings", &host).await;
    for page in [&mut front, &mut home, &mut post, &mut frame] {
        page.told().await;
    }
    node.post(&nina, "second").await;
    let narrow = Draft {
        text: "for followers".into(),
        audience: Audience::Followers,
        ..Draft::default()
    };
    let narrow = node.write(&nina, narrow).await;
    node.follow(&fan, "nina").await;
    let third = node.post(&nina, "third").await;
    let reply = Draft {
        text: "an answer".into(),
        in_reply_to: Some(first.id),
        ..Draft::default()
    };
    node.write(&fan, reply).await;
    let favourite = format!("/posts/{}/favourite", first.id);
    assert_eq!(node.form(&favourite, &member, &[]).await.status(), 303);
    settle(&[&node]).await;
    for told in news.read(node.app()).await.unwrap() {
        node.app().news.send(told).unwrap();
    }
    let told = front.told().await;
    assert_eq!(told.matches("event: fresh").count(), 2, "{told}");
    assert!(!told.contains(&narrow.id.to_string()), "{told}");
    assert!(
        told.contains(&format!("event: changed\ndata: {}", first.id)),
        "{told}"
    );
    let told = home.told().await;
    assert!(
        told.contains(&format!("event: fresh\ndata: {}", third.id)),
        "{told}"
    );
    assert!(told.contains("event: related"), "{told}");
    let told = post.told().await;
    assert!(
        told.contains("event: thread") && !told.contains("event: fresh"),
        "{told}"
    );
    let told = frame.told().await;
    assert!(
        told.contains("event: unread\ndata: 2") && !told.contains("event: fresh"),
        "{told}"
    );
}
