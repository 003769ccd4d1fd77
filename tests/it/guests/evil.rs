//! Homes that lie. Each lie ends with a sentence, and nobody is let in.

use serde_json::{Value, json};

use super::{cookies, path, target, text};
use crate::both;
use crate::support::{Backend, Net, Peer, TestNode};

both!(
    homes_that_lie_let_nobody_in,
    a_home_that_forgot_us_is_asked_anew,
);

/// A house, a home and a victim elsewhere.
struct Scene {
    net: Net,
    node: TestNode,
    home: Peer,
    victim: Peer,
}

/// Serves JSON.
fn says(peer: &Peer, path: &str, document: &Value) {
    peer.serve_at(
        path,
        200,
        "application/json",
        document.to_string().into_bytes(),
    );
}

fn metadata(home: &Peer) -> Value {
    json!({
        "issuer": home.at(""),
        "authorization_endpoint": home.at("/oauth/authorize"),
        "token_endpoint": home.at("/oauth/token"),
        "revocation_endpoint": home.at("/oauth/revoke"),
        "userinfo_endpoint": home.at("/oauth/userinfo"),
        "app_registration_endpoint": home.at("/api/v1/apps"),
        "scopes_supported": ["read", "profile"],
    })
}

fn finger(subject: &str, actor: &str) -> Value {
    json!({"subject": subject, "links": [{"rel": "self", "type": "application/activity+json", "href": actor}]})
}

const METADATA: &str = "/.well-known/oauth-authorization-server";
const FINGER: &str = "/.well-known/webfinger";
const CREDENTIALS: &str = "/api/v1/accounts/verify_credentials";

impl Scene {
    /// A home that tells the truth.
    async fn new(backend: &Backend) -> Self {
        let mut net = Net::new();
        let home = Peer::start(&mut net, "home.test").await;
        let victim = Peer::start(&mut net, "vic.test").await;
        let listener = net.listen("here.test").await;
        let node = net.node("here.test", backend, listener, &[]).await;
        node.host("nina").await;
        let scene = Self {
            net,
            node,
            home,
            victim,
        };
        scene.honest();
        scene
    }

    fn honest(&self) {
        let home = &self.home;
        let eve = home.actor("eve");
        self.victim.actor("vic");
        says(home, FINGER, &finger("acct:eve@home.test", &eve));
        says(home, METADATA, &metadata(home));
        says(
            home,
            "/api/v1/apps",
            &json!({"client_id": "house", "client_secret": "s"}),
        );
        says(
            home,
            "/oauth/token",
            &json!({"access_token": "t", "token_type": "Bearer"}),
        );
        says(home, "/oauth/revoke", &json!({}));
        says(
            home,
            "/oauth/userinfo",
            &json!({"iss": home.at(""), "sub": eve, "preferred_username": "eve"}),
        );
        says(
            home,
            CREDENTIALS,
            &json!({"username": "eve", "acct": "eve", "uri": eve}),
        );
    }

    /// Goes there; what the browser has to come back with.
    async fn go(&self) -> Result<(String, String), u16> {
        // Nobody comes so often that the house asks for patience.
        self.net.clock.advance(std::time::Duration::from_secs(30));
        let sent = self
            .node
            .form("/door/enter", "", &[("home", "eve@home.test")])
            .await;
        if sent.status() != 200 {
            return Err(sent.status().as_u16());
        }
        let door = cookies(&sent).join("; ");
        let page = text(sent).await;
        // A home that has no door of its own is offered a message instead, and nobody is sent anywhere.
        if !page.contains("http-equiv=\"refresh\"") {
            assert!(page.contains("value=\"letter\""), "{page}");
            return Err(200);
        }
        let target = url::Url::parse(&target(&page)).unwrap();
        let of = |name: &str| {
            let pair = target.query_pairs().find(|(key, _)| key == name);
            pair.unwrap().1.into_owned()
        };
        assert_eq!(of("code_challenge_method"), "S256");
        let back = format!("{}code=c&state={}", path(&of("redirect_uri")), of("state"));
        Ok((back, door))
    }

    /// Comes back; whether somebody was let in.
    async fn come(&self, more: &str) -> bool {
        let Ok((back, door)) = self.go().await else {
            return false;
        };
        self.returns(&format!("{back}{more}"), &door).await
    }

    async fn returns(&self, back: &str, door: &str) -> bool {
        let answer = self.node.get(back, &[("cookie", door)]).await;
        let entered = cookies(&answer)
            .iter()
            .any(|cookie| cookie.contains("-guest=") && !cookie.ends_with('='));
        assert_eq!(entered, answer.status() == 303, "{}", answer.status());
        if !entered {
            assert_eq!(answer.status(), 422);
        }
        entered
    }
}

async fn homes_that_lie_let_nobody_in(backend: Backend) {
    let s = Scene::new(&backend).await;
    let (home, victim) = (&s.home, &s.victim);
    assert!(s.come("").await, "the truth lets somebody in");
    assert!(s.come(&format!("&iss={}", home.at("/"))).await);
    let (eve, vic) = (home.at("/users/eve"), victim.at("/users/vic"));
    let plain = |home: &Peer| {
        let mut document = metadata(home);
        document["scopes_supported"] = json!(["read"]);
        says(home, METADATA, &document);
    };
    plain(home);
    assert!(s.come("").await, "so does the older way");
    home.serve_at(
        METADATA,
        200,
        "text/html",
        b"<html>the start page</html>".to_vec(),
    );
    says(
        home,
        "/api/v1/instance",
        &json!({"version": "2.7.2 (compatible)"}),
    );
    assert!(
        s.come("").await,
        "and a home that has no metadata, but a page for everything"
    );
    let sessions = "SELECT COUNT(*) AS n FROM guest_sessions";
    let before = s.node.count(sessions).await;
    assert_eq!(before, 4);

    type Lie<'a> = (&'a str, Box<dyn Fn() + 'a>);
    let userinfo = |sub: &str, name: &str, iss: &str| {
        says(
            home,
            "/oauth/userinfo",
            &json!({"iss": iss, "sub": sub, "preferred_username": name}),
        );
    };
    let meta = |name: &str, value: String| {
        let mut document = metadata(home);
        document[name] = json!(value);
        says(home, METADATA, &document);
    };
    let credentials = |document: Value| {
        plain(home);
        says(home, CREDENTIALS, &document);
    };
    let actor = |name: &str, value: Value| {
        let mut document = home.actor_document("eve");
        document[name] = value;
        home.serve_at(
            "/users/eve",
            200,
            "application/activity+json",
            document.to_string().into_bytes(),
        );
    };
    let lies: Vec<Lie<'_>> = vec![
        (
            "the subject lives elsewhere",
            Box::new(|| userinfo(&vic, "vic", &home.at(""))),
        ),
        (
            "the subject has another name",
            Box::new(|| userinfo(&eve, "vic", &home.at(""))),
        ),
        (
            "the subject is this house",
            Box::new(|| userinfo("http://here.test/users/nina", "nina", &home.at(""))),
        ),
        (
            "somebody else issued it",
            Box::new(|| userinfo(&eve, "eve", &victim.at(""))),
        ),
        (
            "the subject has a fragment",
            Box::new(|| userinfo(&format!("{eve}#x"), "eve", &home.at(""))),
        ),
        (
            "the uri lives elsewhere",
            Box::new(|| credentials(json!({"username": "vic", "acct": "vic", "uri": vic}))),
        ),
        (
            "only the url names somebody, and WebFinger somebody elsewhere",
            Box::new(|| {
                credentials(json!({"username": "vic", "acct": "vic", "url": vic}));
                says(home, FINGER, &finger("acct:vic@home.test", &vic));
            }),
        ),
        (
            "the account is another server's",
            Box::new(|| {
                credentials(json!({"username": "eve", "acct": "eve@vic.test", "uri": eve}))
            }),
        ),
        (
            "the name is none",
            Box::new(|| credentials(json!({"username": "../eve", "acct": "../eve", "uri": eve}))),
        ),
        (
            "the metadata are somebody else's",
            Box::new(|| meta("issuer", victim.at(""))),
        ),
        (
            "tokens are fetched elsewhere",
            Box::new(|| meta("token_endpoint", victim.at("/oauth/token"))),
        ),
        (
            "people are asked elsewhere",
            Box::new(|| meta("authorization_endpoint", victim.at("/oauth/authorize"))),
        ),
        (
            "who somebody is stands elsewhere",
            Box::new(|| meta("userinfo_endpoint", victim.at("/oauth/userinfo"))),
        ),
        (
            "the token's address leads on",
            Box::new(|| home.redirect("/oauth/token", &victim.at("/oauth/token"))),
        ),
        (
            "the token is no bearer's",
            Box::new(|| {
                says(
                    home,
                    "/oauth/token",
                    &json!({"access_token": "t", "token_type": "mac"}),
                )
            }),
        ),
        (
            "there is no token",
            Box::new(|| {
                home.serve_at(
                    "/oauth/token",
                    400,
                    "application/json",
                    b"{\"error\":\"invalid_grant\"}".to_vec(),
                )
            }),
        ),
        (
            "the actor has another id",
            Box::new(|| actor("id", json!(home.at("/users/other")))),
        ),
        (
            "the actor's id is the victim's",
            Box::new(|| actor("id", json!(vic))),
        ),
        (
            "the actor leads to the victim",
            Box::new(|| home.redirect("/users/eve", &vic)),
        ),
        (
            "the actor's inbox is elsewhere",
            Box::new(|| actor("inbox", json!(victim.at("/inbox")))),
        ),
        (
            "the actor is no actor",
            Box::new(|| actor("type", json!("Note"))),
        ),
        (
            "the answer never ends",
            Box::new(|| {
                home.serve_at(
                    "/oauth/userinfo",
                    200,
                    "application/json",
                    vec![b' '; 3 << 20],
                )
            }),
        ),
    ];
    for (name, lie) in &lies {
        s.honest();
        lie();
        assert!(!s.come("").await, "{name}");
    }
    s.honest();
    assert!(
        !s.come(&format!("&iss={}", victim.at(""))).await,
        "another issuer answers"
    );
    assert!(!s.come("&error=access_denied").await, "they said no");
    let (back, door) = s.go().await.unwrap();
    let other = back.replace("/auth/home/callback/", "/auth/home/callback/x");
    assert!(
        !s.returns(&other, &door).await,
        "the way back of another home"
    );
    assert!(!s.returns(&back, &door).await, "which uses it up");
    let (back, _) = s.go().await.unwrap();
    assert!(!s.returns(&back, "").await, "a browser that never left");
    assert_eq!(s.node.count(sessions).await, before, "nobody came in");
    let tokens = victim
        .seen()
        .iter()
        .filter(|seen| seen.path.starts_with("/oauth"))
        .count();
    assert_eq!(tokens, 0, "nothing was sent to the victim");

    // The handle of a guest is what both sides confirm, whatever the home's WebFinger calls them.
    says(home, FINGER, &finger("acct:vic@vic.test", &eve));
    s.come("").await;
    let guest = afterparty::accounts::find_by_uri(s.node.app(), &eve)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (guest.name.as_str(), guest.domain.as_str()),
        ("eve", "home.test")
    );
}

async fn a_home_that_forgot_us_is_asked_anew(backend: Backend) {
    let s = Scene::new(&backend).await;
    assert!(s.come("").await);
    let registered = || {
        s.home
            .seen()
            .iter()
            .filter(|seen| seen.path == "/api/v1/apps")
            .count()
    };
    assert_eq!(registered(), 1);
    assert!(s.come("").await);
    assert_eq!(registered(), 1, "once for all guests of a home");
    s.home.serve_at(
        "/oauth/token",
        401,
        "application/json",
        b"{\"error\":\"invalid_client\"}".to_vec(),
    );
    assert!(!s.come("").await);
    s.honest();
    assert!(s.come("").await, "the next guest is registered anew");
    assert_eq!(registered(), 2);
    let given_back = s
        .home
        .seen()
        .iter()
        .filter(|seen| seen.path == "/oauth/revoke")
        .count();
    assert_eq!(given_back, 3, "every token was given back");
}
