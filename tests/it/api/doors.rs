//! OAuth: apps, the page that asks, codes, tokens, scopes, and every way to bend them.

use afterparty::mastodon::caller::Needs;
use afterparty::mastodon::routes;
use afterparty::oauth::{OUT_OF_BAND, Scopes};

use serde_json::{Value, json};

use super::{house, token};
use crate::both;
use crate::support::node::client;
use crate::support::{Backend, Peer, TestNode};

both!(
    every_endpoint_asks_for_its_scope,
    people_are_sent_only_where_the_app_said,
    a_code_is_good_once_and_for_its_app,
    tokens_end_when_they_should,
    an_app_does_not_get_around_the_mail,
);

async fn post_form(node: &TestNode, path: &str, fields: &[(&str, &str)]) -> (u16, Value) {
    let body: String = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    let answer = client()
        .post(node.at(path))
        .header("host", &node.name)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or_default())
}

async fn app(node: &TestNode, redirect: &str) -> (String, String) {
    let fields = [
        ("client_name", "Phone"),
        ("redirect_uris", redirect),
        ("scopes", "read write follow push"),
    ];
    let (status, made) = post_form(node, "/api/v1/apps", &fields).await;
    assert_eq!(status, 200, "{made}");
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("client_id"), text("client_secret"))
}

fn query(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

/// Says yes on the page that asks; the page that answers.
async fn consent(node: &TestNode, cookie: &str, fields: &[(&str, &str)]) -> (u16, String) {
    let mut fields = fields.to_vec();
    fields.extend([("response_type", "code"), ("answer", "yes")]);
    let answer = node.form("/oauth/authorize", cookie, &fields).await;
    assert!(
        answer.headers().get("location").is_none(),
        "a form leads nowhere else"
    );
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// The code in the address that a page leads to, or that it shows.
fn code_in(page: &str) -> String {
    let after = page.split("code=").nth(1);
    let shown = page.split("<li><code>").nth(1);
    let text = after
        .or(shown)
        .unwrap_or_else(|| panic!("no code in {page}"));
    let end = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_');
    text.split(end).next().unwrap().to_owned()
}

/// 50: what each endpoint of the table needs, tried with nothing, with too little and with enough.
async fn every_endpoint_asks_for_its_scope(backend: Backend) {
    let (_, node) = house(&backend).await;
    let nina = node.host("nina").await;
    let alone = token(&node, None, "read write").await;
    let mut seen = 0;
    for endpoint in routes::table() {
        let path = endpoint
            .path
            .replace("{hashtag}", "x")
            .replace("{name}", "x")
            .replace("{group_key}", "x");
        let path: String = path
            .split('/')
            .map(|part| if part.starts_with('{') { "1" } else { part })
            .collect::<Vec<_>>()
            .join("/");
        let call = async |token: Option<&str>| {
            let mut request = client()
                .request(endpoint.method.clone(), node.at(&path))
                .header("host", "here.test");
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            request.send().await.unwrap().status().as_u16()
        };
        let what = format!("{} {path}", endpoint.method);
        assert_eq!(call(Some("made-up")).await, 401, "{what}");
        match endpoint.needs {
            Needs::Nothing => {
                let status = call(None).await;
                assert!(status < 500, "{what}: {status}");
            }
            Needs::App => assert_eq!(call(None).await, 401, "{what}"),
            Needs::MaybeMember(scopes) | Needs::Member(scopes) => {
                if matches!(endpoint.needs, Needs::Member(_)) {
                    assert_eq!(call(None).await, 401, "{what}");
                    assert_eq!(call(Some(&alone)).await, 422, "{what} for an app alone");
                } else {
                    assert_eq!(call(None).await, 200, "{what} for anybody");
                }
                let others: Vec<&str> = afterparty::oauth::scopes::ALL
                    .iter()
                    .copied()
                    .filter(|scope| {
                        let one = Scopes::parse(scope).unwrap();
                        !scopes.iter().any(|needed| one.allow(needed))
                    })
                    .collect();
                let little = token(&node, Some(&nina), &others.join(" ")).await;
                assert_eq!(call(Some(&little)).await, 403, "{what} with {others:?}");
                let enough = token(&node, Some(&nina), scopes[0]).await;
                let status = call(Some(&enough)).await;
                assert!(!matches!(status, 401 | 403 | 500..), "{what}: {status}");
            }
        }
        seen += 1;
    }
    assert!(seen > 150, "{seen} endpoints");
}

/// 48: the address people are sent to is one that was registered, byte for byte.
async fn people_are_sent_only_where_the_app_said(backend: Backend) {
    let (_, node) = house(&backend).await;
    let nina = node.host("nina").await;
    let cookie = node.cookie(&nina).await;
    for registered in [
        "https://app.example/cb",
        "icecubesapp://",
        "oauth2redirect://com.keylesspalace.tusky/",
        "https://elk.example/api/here.test/oauth/https%3A%2F%2Felk.example",
    ] {
        let (id, _) = app(&node, registered).await;
        let ask = query(&[
            ("response_type", "code"),
            ("client_id", &id),
            ("redirect_uri", registered),
            ("scope", "read"),
        ]);
        for path in ["/oauth/authorize", "/oauth/authorize/"] {
            let page = node
                .get(&format!("{path}?{ask}"), &[("cookie", &cookie)])
                .await;
            assert_eq!(page.status(), 200, "{registered}");
        }
        let (status, page) = consent(
            &node,
            &cookie,
            &[
                ("client_id", &id),
                ("redirect_uri", registered),
                ("scope", "read"),
                ("state", "a b"),
            ],
        )
        .await;
        assert_eq!(status, 200);
        let target = format!(
            "{registered}{}code=",
            if registered.contains('?') {
                "&#38;"
            } else {
                "?"
            }
        );
        assert!(
            page.contains(&target) && page.contains("state=a+b"),
            "{registered}: {page}"
        );
    }
    let (id, _) = app(&node, "https://app.example/cb").await;
    for bent in [
        "https://app.example/cb/",
        "https://app.example/cb?x=1",
        "https://app.example/cb#x",
        "https://app.example/cb/../evil",
        "https://app.example/c",
        "https://app.example:444/cb",
        "https://app.example@evil.example/cb",
        "https://evil.example/cb",
        "http://app.example/cb",
        "HTTPS://app.example/cb",
        "javascript:alert(1)",
        "//evil.example",
        "",
    ] {
        let fields = [
            ("response_type", "code"),
            ("client_id", id.as_str()),
            ("redirect_uri", bent),
        ];
        let answer = node
            .get(
                &format!("/oauth/authorize?{}", query(&fields)),
                &[("cookie", &cookie)],
            )
            .await;
        assert_eq!(
            (answer.status().as_u16(), answer.headers().get("location")),
            (400, None),
            "{bent}"
        );
        let (status, page) = consent(&node, &cookie, &fields[1..]).await;
        assert!(status == 400 && !page.contains("code="), "{bent}");
    }
    for unsound in [
        "javascript:alert(1)",
        "data:text/html,x",
        "https://a.example/#x",
        "no address",
        "",
    ] {
        let fields = [("client_name", "x"), ("redirect_uris", unsound)];
        assert_eq!(
            post_form(&node, "/api/v1/apps", &fields).await.0,
            422,
            "{unsound}"
        );
    }
    // What is asked wrongly goes back to the app, and says no is said there too.
    let ask = |extra: &[(&'static str, &'static str)]| {
        let mut fields = vec![
            ("client_id", id.as_str()),
            ("redirect_uri", "https://app.example/cb"),
            ("response_type", "code"),
        ];
        fields.retain(|(name, _)| extra.iter().all(|(other, _)| other != name));
        fields.extend(extra);
        format!("/oauth/authorize?{}", query(&fields))
    };
    for (extra, error) in [
        (&[("scope", "everything")][..], "invalid_scope"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (
            &[
                ("code_challenge", "abc"),
                ("code_challenge_method", "plain"),
            ],
            "invalid_request",
        ),
    ] {
        let page = node
            .get(&ask(extra), &[("cookie", &cookie)])
            .await
            .text()
            .await
            .unwrap();
        assert!(page.contains(&format!("error={error}")), "{error}");
    }
    let no = node
        .form(
            "/oauth/authorize",
            &cookie,
            &[
                ("client_id", &id),
                ("redirect_uri", "https://app.example/cb"),
                ("response_type", "code"),
                ("answer", "no"),
            ],
        )
        .await;
    assert!(no.text().await.unwrap().contains("error=access_denied"));
    // Who is not signed in does that first and comes back; an app that is none is not shown.
    let answer = node.get(&ask(&[]), &[]).await;
    assert!(
        answer.headers()["location"]
            .to_str()
            .unwrap()
            .starts_with("/sign-in?next=%2Foauth%2Fauthorize")
    );
    assert_eq!(
        node.get(&ask(&[("client_id", "made-up")]), &[("cookie", &cookie)])
            .await
            .status(),
        400
    );
    // Another site cannot say yes for the member.
    let forged = client()
        .post(node.at("/oauth/authorize"))
        .header("host", "here.test")
        .header("cookie", &cookie)
        .header("origin", "https://evil.example")
        .body("answer=yes");
    assert_eq!(forged.send().await.unwrap().status(), 403);
}

/// 49: once, in time, for the app that asked, with the answer to its challenge.
async fn a_code_is_good_once_and_for_its_app(backend: Backend) {
    let (net, node) = house(&backend).await;
    let nina = node.host("nina").await;
    let cookie = node.cookie(&nina).await;
    let (id, secret) = app(&node, OUT_OF_BAND).await;
    let ask = async |extra: &[(&str, &str)]| {
        let mut fields = vec![
            ("client_id", id.as_str()),
            ("redirect_uri", OUT_OF_BAND),
            ("scope", "read"),
        ];
        fields.extend(extra);
        code_in(&consent(&node, &cookie, &fields).await.1)
    };
    let redeem = async |code: &str, extra: &[(&str, &str)]| {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("client_id", id.as_str()),
            ("redirect_uri", OUT_OF_BAND),
            ("code", code),
        ];
        fields.retain(|(name, _)| extra.iter().all(|(other, _)| other != name));
        fields.extend(extra);
        post_form(&node, "/oauth/token", &fields).await
    };
    let proof = [("client_secret", secret.as_str())];
    let verify = async |token: &Value| {
        let request = client()
            .get(node.at("/api/v1/accounts/verify_credentials"))
            .header("host", "here.test")
            .bearer_auth(token.as_str().unwrap());
        request.send().await.unwrap().status().as_u16()
    };
    let code = ask(&[]).await;
    let (status, given) = redeem(&code, &proof).await;
    assert_eq!(
        (
            status,
            given["token_type"].as_str(),
            given["scope"].as_str()
        ),
        (200, Some("Bearer"), Some("read"))
    );
    assert!(given["created_at"].is_number());
    assert_eq!(verify(&given["access_token"]).await, 200);
    // A second time: nothing, and the first token is dead.
    assert_eq!(redeem(&code, &proof).await.0, 400);
    assert_eq!(verify(&given["access_token"]).await, 401);
    // Without proof, by another app, for another address, too late, made up.
    assert_eq!(redeem(&ask(&[]).await, &[]).await.0, 400);
    let (other, other_secret) = app(&node, OUT_OF_BAND).await;
    assert_eq!(
        redeem(
            &ask(&[]).await,
            &[("client_id", &other), ("client_secret", &other_secret)]
        )
        .await
        .0,
        400
    );
    assert_eq!(
        redeem(
            &ask(&[]).await,
            &[
                ("client_secret", &secret),
                ("redirect_uri", "https://a.example/")
            ]
        )
        .await
        .0,
        400
    );
    assert_eq!(
        redeem(&ask(&[]).await, &[("client_secret", "wrong")])
            .await
            .0,
        401
    );
    assert_eq!(redeem("made-up", &proof).await.0, 400);
    let late = ask(&[]).await;
    net.clock.advance(std::time::Duration::from_secs(601));
    assert_eq!(redeem(&late, &proof).await.0, 400);
    // With a challenge, its answer is needed, whoever asks.
    let verifier = "a-verifier-that-is-long-enough-to-be-one-000";
    let challenge = afterparty::kernel::crypt::url_base64(&afterparty::kernel::crypt::sha256(
        verifier.as_bytes(),
    ));
    let challenged = [
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    assert_eq!(redeem(&ask(&challenged).await, &proof).await.0, 400);
    assert_eq!(
        redeem(
            &ask(&challenged).await,
            &[("client_secret", &secret), ("code_verifier", "wrong")]
        )
        .await
        .0,
        400
    );
    assert_eq!(
        redeem(&ask(&challenged).await, &[("code_verifier", verifier)])
            .await
            .0,
        200,
        "a public app"
    );
    // A verifier where none was asked for is a sign that the challenge was taken away.
    assert_eq!(
        redeem(
            &ask(&[]).await,
            &[("client_secret", &secret), ("code_verifier", verifier)]
        )
        .await
        .0,
        400
    );
    // Fifty at once: one is given.
    let code = ask(&[]).await;
    let all = futures_util::future::join_all((0..20).map(|_| redeem(&code, &proof))).await;
    assert_eq!(all.iter().filter(|(status, _)| *status == 200).count(), 1);
    // The app alone, with its secret in the header; more than it registered is refused.
    let alone = client()
        .post(node.at("/oauth/token"))
        .header("host", "here.test")
        .basic_auth(&id, Some(&secret))
        .header("content-type", "application/json");
    let given: Value = alone
        .body(json!({"grant_type": "client_credentials", "scope": "read"}).to_string())
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        verify(&given["access_token"]).await,
        422,
        "an app alone is nobody"
    );
    let (status, refused) = post_form(
        &node,
        "/oauth/token",
        &[
            ("grant_type", "client_credentials"),
            ("client_id", &id),
            ("client_secret", &secret),
            ("scope", "profile"),
        ],
    )
    .await;
    assert_eq!(
        (status, refused["error"].as_str()),
        (400, Some("invalid_scope"))
    );
    assert_eq!(
        post_form(
            &node,
            "/oauth/token",
            &[("grant_type", "password"), ("client_id", &id)]
        )
        .await
        .1["error"],
        "unsupported_grant_type"
    );
}

async fn tokens_end_when_they_should(backend: Backend) {
    let (_, node) = house(&backend).await;
    let nina = node.host("nina").await;
    let cookie = node.cookie(&nina).await;
    let works = async |token: &str| {
        let request = client()
            .get(node.at("/api/v1/accounts/verify_credentials"))
            .header("host", "here.test")
            .bearer_auth(token);
        request.send().await.unwrap().status() == 200
    };
    // Nothing of it is kept that could be used.
    let first = token(&node, Some(&nina), "read").await;
    let kept =
        afterparty::kernel::db::sql("SELECT COUNT(*) AS n FROM tokens WHERE token_hash = $1")
            .bind(&first)
            .one(node.db())
            .await
            .unwrap();
    assert_eq!(kept.get::<i64>("n").unwrap(), 0);
    // In the address it counts for nothing.
    let in_query = node
        .get(
            &format!("/api/v1/accounts/verify_credentials?access_token={first}"),
            &[],
        )
        .await;
    assert_eq!(in_query.status(), 401);
    // On the page of one's apps.
    let page = node
        .get("/settings/apps", &[("cookie", &cookie)])
        .await
        .text()
        .await
        .unwrap();
    assert!(page.contains("Command line") && page.contains("read everything you can read"));
    let app = page
        .split("/settings/apps/")
        .nth(1)
        .unwrap()
        .split('/')
        .next()
        .unwrap()
        .to_owned();
    node.form(&format!("/settings/apps/{app}/end"), &cookie, &[])
        .await;
    assert!(!works(&first).await);
    // With a new password, and with being locked out.
    let second = token(&node, Some(&nina), "read").await;
    afterparty::accounts::sign_in::set_password(node.app(), nina.id, "another long password")
        .await
        .unwrap();
    assert!(!works(&second).await);
    let fan = node.sign_up("fan").await;
    let third = token(&node, Some(&fan), "read").await;
    assert!(works(&third).await);
    assert!(node.lock_out(&fan, true).await);
    assert!(!works(&third).await);
    // A cookie is nothing to the interface of apps.
    assert_eq!(
        node.get(
            "/api/v1/accounts/verify_credentials",
            &[("cookie", &cookie)]
        )
        .await
        .status(),
        401
    );
}

/// Signing up inside an app is no way around the confirmed address, and tells as little.
async fn an_app_does_not_get_around_the_mail(backend: Backend) {
    let (mail, mails) = crate::support::smtp::start().await;
    let mut net = crate::support::Net::new();
    let listener = net.listen("here.test").await;
    let settings = [("mail.url", mail.as_str()), ("registration.mode", "open")];
    let node = net.node("here.test", &backend, listener, &settings).await;
    let nina = node.host("nina").await;
    let alone = token(&node, None, "read write").await;
    let sign_up = async |token: &str, name: &str, email: &str| {
        let body = json!({"username": name, "email": email, "password": "a long password", "agreement": true, "locale": "de"});
        let request = client()
            .post(node.at("/api/v1/accounts"))
            .header("host", "here.test")
            .bearer_auth(token)
            .header("content-type", "application/json");
        let answer = request.body(body.to_string()).send().await.unwrap();
        (
            answer.status().as_u16(),
            answer.json::<Value>().await.unwrap(),
        )
    };
    let call = async |token: &Value, path: &str| {
        let request = client()
            .get(node.at(path))
            .header("host", "here.test")
            .bearer_auth(token.as_str().unwrap());
        request.send().await.unwrap().status().as_u16()
    };
    let (status, given) = sign_up(&alone, "fan", "fan@mail.example").await;
    assert_eq!(status, 200);
    assert_eq!(
        call(
            &given["access_token"],
            "/api/v1/accounts/verify_credentials"
        )
        .await,
        403,
        "not before the link was opened"
    );
    crate::support::settle(&[&node]).await;
    let text = mails.lock().unwrap().last().unwrap().text.clone();
    let link = text
        .split_whitespace()
        .find_map(|word| word.strip_prefix("http://here.test"))
        .unwrap()
        .to_owned();
    assert_eq!(node.form(&link, "", &[]).await.status(), 200);
    assert_eq!(
        call(
            &given["access_token"],
            "/api/v1/accounts/verify_credentials"
        )
        .await,
        200
    );
    // A known address is answered like all others, and makes nobody.
    let (status, again) = sign_up(&alone, "other", "fan@mail.example").await;
    assert_eq!(
        (status, again["token_type"].as_str()),
        (200, Some("Bearer"))
    );
    assert_eq!(
        node.count("SELECT COUNT(*) AS n FROM accounts WHERE name = 'other'")
            .await,
        0
    );
    // Only an app alone may ask, with the scope for it.
    let member = token(&node, Some(&nina), "read write").await;
    assert_eq!(sign_up(&member, "x1", "x1@mail.example").await.0, 403);
    let little = token(&node, None, "read").await;
    assert_eq!(sign_up(&little, "x2", "x2@mail.example").await.0, 403);
}

/// An app may be a document at its own address, if that speaks for its own host only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_may_introduce_itself_by_its_address() {
    let mut net = crate::support::Net::new();
    let listener = net.listen("here.test").await;
    let page = Peer::start(&mut net, "app.test").await;
    let node = net.node("here.test", &Backend::Sqlite, listener, &[]).await;
    let nina = node.host("nina").await;
    let cookie = node.cookie(&nina).await;
    let id = page.at("/app.json");
    let document = |redirect: &str, named: &str| {
        json!({"client_id": named, "client_name": "Web app", "redirect_uris": [redirect], "scope": "read"}).to_string().into_bytes()
    };
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let ask = async |redirect: &str, challenge: &str| {
        let fields = [
            ("response_type", "code"),
            ("client_id", id.as_str()),
            ("redirect_uri", redirect),
            ("scope", "read"),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256"),
        ];
        let answer = node
            .get(
                &format!("/oauth/authorize?{}", query(&fields)),
                &[("cookie", &cookie)],
            )
            .await;
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let own = page.at("/cb");
    page.serve_at(
        "/app.json",
        200,
        "application/json",
        document("http://evil.test/cb", &id),
    );
    assert_eq!(
        ask("http://evil.test/cb", challenge).await.0,
        400,
        "it sends people to somebody else"
    );
    page.serve_at(
        "/app.json",
        200,
        "application/json",
        document(&own, &page.at("/other.json")),
    );
    assert_eq!(
        ask(&own, challenge).await.0,
        400,
        "it speaks for another app"
    );
    page.serve_at("/app.json", 200, "application/json", document(&own, &id));
    assert!(
        ask(&own, "").await.1.contains("error=invalid_request"),
        "without a challenge"
    );
    let (status, asked) = ask(&own, challenge).await;
    assert!(status == 200 && asked.contains("Web app"), "{asked}");
}
