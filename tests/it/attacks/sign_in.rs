//! Getting in, and being kept out: second factors, budgets that strangers spend, and how far they reach.

use std::time::Duration;

use afterparty::accounts::create::{self, New};
use afterparty::accounts::{Account, Role};
use http::header::{RETRY_AFTER, SET_COOKIE};
use reqwest::Response;

use crate::both;
use crate::support::node::{PASSWORD, client, text};
use crate::support::{Backend, Net, TestNode, settle, smtp};

both!(
    a_second_factor_is_changed_by_its_owner_only,
    what_guards_an_account_asks_for_the_password,
    strangers_spend_nobody_elses_tries,
    a_besieged_account_opens_to_its_owner,
    codes_are_guessed_a_few_times_only,
    mail_for_one_purpose_does_not_use_up_another,
);

/// A form, sent from an address.
async fn send(
    node: &TestNode,
    from: &str,
    (path, cookie): (&str, &str),
    fields: &[(&str, &str)],
) -> Response {
    let body: String = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    let request = client()
        .post(node.at(path))
        .header("host", &node.name)
        .header("origin", format!("http://{}", node.name))
        .header("cookie", cookie)
        .header("x-forwarded-for", from)
        .header("content-type", "application/x-www-form-urlencoded");
    request.body(body).send().await.unwrap()
}

async fn sign_in(
    node: &TestNode,
    from: &str,
    cookie: &str,
    login: &str,
    password: &str,
) -> Response {
    let fields = [("login", login), ("password", password)];
    send(node, from, ("/sign-in", cookie), &fields).await
}

/// The cookies an answer sets, as a browser sends them back.
fn cookies(answer: &Response) -> String {
    let set = answer.headers().get_all(SET_COOKIE).iter();
    let pairs = set.map(|value| value.to_str().unwrap().split(';').next().unwrap());
    pairs.collect::<Vec<_>>().join("; ")
}

/// A node that believes the address its proxy tells, with mail.
async fn house(backend: &Backend) -> (Net, TestNode, smtp::Mails) {
    let (url, mails) = smtp::start().await;
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let settings = [
        ("mail.url", &*url),
        ("server.trusted_proxies", "[\"127.0.0.1/32\"]"),
        ("registration.mode", "open"),
    ];
    let node = net.node("here.test", backend, listener, &settings).await;
    node.host("nina").await;
    (net, node, mails)
}

async fn member(node: &TestNode, name: &str) -> Account {
    let email = format!("{name}@mail.example");
    let new = New {
        name,
        display_name: "",
        email: Some(&email),
        password: PASSWORD,
        role: Role::Member,
        confirmed: true,
    };
    create::create(node.app(), new).await.unwrap()
}

/// What an authenticator app shows for the secret of a page, `steps` from now.
fn code(net: &Net, page: &str, steps: u64) -> String {
    let (_, rest) = page.split_once("<code>").unwrap();
    let secret = totp_rs::Secret::try_from_base32(rest.split('<').next().unwrap()).unwrap();
    let totp = totp_rs::Builder::new()
        .with_algorithm(totp_rs::Algorithm::SHA1)
        .with_digits(6)
        .with_step_duration(30)
        .with_secret(secret.as_bytes().to_vec())
        .build()
        .unwrap();
    totp.generate(u64::try_from(net.clock.now().seconds()).unwrap() + 30 * steps)
        .to_string()
}

/// What the database keeps of somebody's second factor.
async fn factor_of(node: &TestNode, account: &Account) -> (Option<Vec<u8>>, Option<i64>, String) {
    let row = afterparty::kernel::db::sql(
        "SELECT totp_secret, totp_confirmed_at, recovery_codes FROM credentials WHERE account_id = $1",
    )
    .bind(account.id)
    .one(node.db())
    .await
    .unwrap();
    (
        row.get("totp_secret").unwrap(),
        row.get("totp_confirmed_at").unwrap(),
        row.get("recovery_codes").unwrap(),
    )
}

/// Sets a second factor up; the page with its secret, and the recovery codes.
async fn set_up(net: &Net, node: &TestNode, cookie: &str) -> (String, Vec<String>) {
    let page = text(node.get("/settings/factor", &[("cookie", cookie)]).await).await;
    let code = code(net, &page, 0);
    let fields = [("code", &*code), ("current", PASSWORD)];
    let answer = node.form("/settings/factor", cookie, &fields).await;
    assert_eq!(answer.status(), 200);
    let shown = text(answer).await;
    let codes = shown.split("<code>").skip(1);
    let codes: Vec<String> = codes
        .map(|rest| rest.split('<').next().unwrap().to_owned())
        .collect();
    assert_eq!(codes.len(), 10, "{shown}");
    (page, codes)
}

async fn a_second_factor_is_changed_by_its_owner_only(backend: Backend) {
    let (net, node, _) = house(&backend).await;
    let ana = member(&node, "ana").await;
    let cookie = node.cookie(&ana).await;
    // Nothing is set up without the password, nor with a wrong code.
    let page = text(node.get("/settings/factor", &[("cookie", &cookie)]).await).await;
    let right = code(&net, &page, 0);
    for fields in [
        &[("code", &*right)][..],
        &[("code", &*right), ("current", "wrong password")],
        &[("code", "000000"), ("current", PASSWORD)],
    ] {
        let answer = node.form("/settings/factor", &cookie, fields).await;
        assert_eq!(answer.status(), 422, "{fields:?}");
        assert_eq!(factor_of(&node, &ana).await.1, None);
    }
    let (page, recovery) = set_up(&net, &node, &cookie).await;
    let before = factor_of(&node, &ana).await;
    assert!(before.0.is_some() && before.1.is_some() && before.2 != "[]");
    // Once it counts, no form overwrites it: not by a wrong code, not by a right one, not by looking.
    let fresh = code(&net, &page, 1);
    for fields in [
        &[("code", "000000")][..],
        &[("code", &*fresh)],
        &[("code", "000000"), ("current", PASSWORD)],
        &[("code", &*fresh), ("current", PASSWORD)],
        &[("code", &*fresh), ("current", "wrong password")],
        &[],
    ] {
        for path in ["/settings/factor", "/settings/factor?from=setup"] {
            let answer = node.form(path, &cookie, fields).await;
            assert!(answer.status().is_client_error(), "{path} {fields:?}");
            assert_eq!(before, factor_of(&node, &ana).await, "{path} {fields:?}");
        }
        let looked = node.get("/settings/factor", &[("cookie", &cookie)]).await;
        assert!(looked.status().is_redirection());
        assert_eq!(before, factor_of(&node, &ana).await);
    }
    net.clock.advance(Duration::from_secs(900));
    // A wrong password takes it away from nobody, and a code that was wrong uses no recovery code up.
    let wrong = [("current", "wrong password")];
    let answer = node.form("/settings/factor/remove", &cookie, &wrong).await;
    assert_eq!(answer.status(), 422);
    let with = async |code: &str| {
        let fields = [("login", "ana"), ("password", PASSWORD), ("code", code)];
        node.form("/sign-in", "", &fields).await.status()
    };
    assert_eq!(with("aaaaaaaaaa").await, 422);
    assert_eq!(before, factor_of(&node, &ana).await);
    assert_eq!(with(&recovery[0]).await, 303);
    assert_eq!(with(&recovery[0]).await, 422, "a recovery code counts once");
    assert_eq!(with(&recovery[1]).await, 303);
    // The owner may.
    let right = [("current", PASSWORD)];
    let answer = node.form("/settings/factor/remove", &cookie, &right).await;
    assert_eq!(answer.status(), 303);
    assert_eq!(factor_of(&node, &ana).await, (None, None, "[]".to_owned()));
}

/// Whatever guards an account: with a lent browser and without the password, nothing of it changes.
async fn what_guards_an_account_asks_for_the_password(backend: Backend) {
    let (net, node, mails) = house(&backend).await;
    let ana = member(&node, "ana").await;
    let cookie = node.cookie(&ana).await;
    set_up(&net, &node, &cookie).await;
    let kept = async || {
        let row = afterparty::kernel::db::sql(
            "SELECT email, password FROM credentials WHERE account_id = $1",
        )
        .bind(ana.id)
        .one(node.db())
        .await
        .unwrap();
        let kept: (Option<String>, Option<String>) =
            (row.get("email").unwrap(), row.get("password").unwrap());
        (
            kept,
            factor_of(&node, &ana).await,
            node.account("ana").await.moved_to,
        )
    };
    let before = kept().await;
    let sent = mails.lock().unwrap().len();
    for (path, fields) in [
        (
            "/settings/password",
            &[("password", "another password")][..],
        ),
        ("/settings/email", &[("email", "eve@mail.example")]),
        ("/settings/factor", &[("code", "000000")]),
        ("/settings/factor/remove", &[]),
        ("/settings/move", &[("target", "@nina@here.test")]),
        ("/settings/delete", &[]),
        ("/settings/data/archive", &[]),
    ] {
        for password in ["", "wrong password"] {
            net.clock.advance(Duration::from_secs(900));
            let fields = [fields, &[("current", password)]].concat();
            let answer = node.form(path, &cookie, &fields).await;
            assert!(
                answer.status().is_client_error(),
                "{path}: {}",
                answer.status()
            );
            settle(&[&node]).await;
            assert_eq!(before, kept().await, "{path}");
            assert_eq!(sent, mails.lock().unwrap().len(), "{path} wrote a mail");
        }
    }
    assert_eq!(
        node.get("/home", &[("cookie", &cookie)]).await.status(),
        200
    );
}

async fn strangers_spend_nobody_elses_tries(backend: Backend) {
    let (net, node, _) = house(&backend).await;
    for name in ["ana", "ben"] {
        member(&node, name).await;
    }
    let device = cookies(&sign_in(&node, "198.51.100.1", "", "ana", PASSWORD).await);
    // However it is spelled, one account has one budget at one address.
    let spellings = ["ana", "@ANA", "ana@here.test", " Ana ", "ana@mail.example"];
    for round in 0..10 {
        let login = spellings[round % spellings.len()];
        let answer = sign_in(&node, "203.0.113.1", "", login, "guess").await;
        assert_eq!(answer.status(), 422, "{login}");
    }
    for login in spellings {
        let answer = sign_in(&node, "203.0.113.1", "", login, "guess").await;
        assert_eq!(answer.status(), 429, "{login}");
        assert!(answer.headers().contains_key(RETRY_AFTER));
        let page = text(answer).await;
        assert!(page.contains("in 2 minutes"), "{page}");
    }
    // A handle of another house is nobody here.
    assert_eq!(
        sign_in(&node, "203.0.113.9", "", "ana@else.test", PASSWORD)
            .await
            .status(),
        422
    );
    // From elsewhere, and from there for somebody else, it goes on; the device that was in goes on even from there.
    assert_eq!(
        sign_in(&node, "198.51.100.2", "", "ana", PASSWORD)
            .await
            .status(),
        303
    );
    assert_eq!(
        sign_in(&node, "203.0.113.1", "", "ben", PASSWORD)
            .await
            .status(),
        303
    );
    assert_eq!(
        sign_in(&node, "203.0.113.1", &device, "ana", PASSWORD)
            .await
            .status(),
        303
    );
    // A mark that was changed, or is somebody else's, is no mark.
    let forged = device.replace('.', ".x");
    let bens = cookies(&sign_in(&node, "198.51.100.3", "", "ben", PASSWORD).await);
    for cookie in [forged, bens] {
        assert_eq!(
            sign_in(&node, "203.0.113.1", &cookie, "ana", PASSWORD)
                .await
                .status(),
            429
        );
    }
    // What was refused opens again by itself.
    net.clock.advance(Duration::from_secs(120));
    assert_eq!(
        sign_in(&node, "203.0.113.1", "", "ana", PASSWORD)
            .await
            .status(),
        303
    );
    // Forty who sign in correctly through one address are all let in, one after the other and at once.
    for _ in 0..2 {
        let all = (0..20).map(|_| sign_in(&node, "192.0.2.1", "", "ana", PASSWORD));
        for answer in futures_util::future::join_all(all).await {
            assert_eq!(answer.status(), 303);
        }
    }
    // Many wrong ones of one moment do not all pass before the first has failed.
    let all = (0..60).map(|_| sign_in(&node, "192.0.2.2", "", "ben", "guess"));
    let answers = futures_util::future::join_all(all).await;
    let tried = answers.iter().filter(|one| one.status() == 422).count();
    assert!((10..=12).contains(&tried), "{tried} were tried");
    // One machine is one address, however it is written.
    for n in 0..10 {
        let from = if n % 2 == 0 {
            "192.0.2.3"
        } else {
            "::ffff:192.0.2.3"
        };
        assert_eq!(sign_in(&node, from, "", "ben", "guess").await.status(), 422);
    }
    for from in ["192.0.2.3", "::ffff:192.0.2.3"] {
        assert_eq!(sign_in(&node, from, "", "ben", "guess").await.status(), 429);
    }
    for n in 0..11 {
        let from = format!("2001:db8:1:2::{n}");
        let status = sign_in(&node, &from, "", "ben", "guess").await.status();
        assert_eq!(
            status,
            if n < 10 { 422 } else { 429 },
            "one /64 is one address"
        );
    }
}

async fn a_besieged_account_opens_to_its_owner(backend: Backend) {
    let (net, node, mails) = house(&backend).await;
    let ana = member(&node, "ana").await;
    let device = cookies(&sign_in(&node, "198.51.100.1", "", "ana", PASSWORD).await);
    // Guesses from everywhere, and as many at a name that nobody has.
    for n in 0..80 {
        for login in ["ana", "nobody"] {
            let from = format!("203.0.113.{n}");
            let answer = sign_in(&node, &from, "", login, "guess").await;
            assert!(answer.status() != 429, "{login} {n}: {}", answer.status());
        }
    }
    let unknown = sign_in(&node, "192.0.2.7", "", "ana", PASSWORD).await;
    assert_eq!(unknown.status(), 200, "it is offered a way, not refused");
    assert!(cookies(&unknown).is_empty(), "and it is not in");
    let offered = text(unknown).await;
    assert!(offered.contains("action=\"/sign-in/link\""), "{offered}");
    // The page says the same of a name that nobody has.
    let nobody = text(sign_in(&node, "192.0.2.7", "", "nobody", PASSWORD).await).await;
    assert!(nobody.contains("action=\"/sign-in/link\""), "{nobody}");
    // The device that was in before is in.
    assert_eq!(
        sign_in(&node, "192.0.2.7", &device, "ana", PASSWORD)
            .await
            .status(),
        303
    );
    // By the link, once, with the second factor where there is one.
    let cookie = node.cookie(&ana).await;
    let (page, _) = set_up(&net, &node, &cookie).await;
    let login = [("login", "ana")];
    let path = ("/sign-in/link", "");
    assert_eq!(send(&node, "192.0.2.7", path, &login).await.status(), 200);
    assert_eq!(
        send(&node, "192.0.2.8", path, &[("login", "nobody")])
            .await
            .status(),
        200
    );
    settle(&[&node]).await;
    let link = {
        let mails = mails.lock().unwrap();
        let links = mails.iter().flat_map(|mail| mail.text.split_whitespace());
        let links = links.filter_map(|word| word.strip_prefix("http://here.test"));
        let links: Vec<&str> = links
            .filter(|path| path.starts_with("/mail/sign-in/"))
            .collect();
        assert_eq!(links.len(), 1, "{links:?}");
        links[0].to_owned()
    };
    assert_eq!(node.get(&link, &[]).await.status(), 200);
    let wanted = send(&node, "192.0.2.7", (&link, ""), &[]).await;
    assert!(cookies(&wanted).is_empty());
    assert!(text(wanted).await.contains("name=\"code\""));
    let wrong = send(&node, "192.0.2.7", (&link, ""), &[("code", "000000")]).await;
    assert_eq!(wrong.status(), 422);
    let right = code(&net, &page, 1);
    net.clock.advance(Duration::from_secs(30));
    let right = [("code", &*right)];
    let signed = send(&node, "192.0.2.7", (&link, ""), &right).await;
    assert_eq!(signed.status(), 303);
    let own = cookies(&signed);
    assert_eq!(node.get("/home", &[("cookie", &own)]).await.status(), 200);
    assert_eq!(
        send(&node, "192.0.2.7", (&link, ""), &right).await.status(),
        404,
        "a link counts once"
    );
}

async fn codes_are_guessed_a_few_times_only(backend: Backend) {
    let (net, node, _) = house(&backend).await;
    let ana = member(&node, "ana").await;
    let cookie = node.cookie(&ana).await;
    let (page, _) = set_up(&net, &node, &cookie).await;
    net.clock.advance(Duration::from_secs(60));
    let with = async |from: &str, code: &str| {
        let fields = [("login", "ana"), ("password", PASSWORD), ("code", code)];
        send(&node, from, ("/sign-in", ""), &fields).await.status()
    };
    let all = (0..20).map(|n| {
        let code = format!("{:06}", 100_000 + n);
        async move { with("203.0.113.1", &code).await }
    });
    let tried = futures_util::future::join_all(all).await;
    let tried = tried.iter().filter(|status| **status == 422).count();
    assert!(tried <= 5, "{tried} codes were tried");
    let right = code(&net, &page, 0);
    assert_eq!(with("203.0.113.1", &right).await, 429);
    assert_eq!(with("198.51.100.1", &right).await, 303);
}

async fn mail_for_one_purpose_does_not_use_up_another(backend: Backend) {
    let (net, node, mails) = house(&backend).await;
    let ana = member(&node, "ana").await;
    let to_ana = || {
        let mails = mails.lock().unwrap();
        mails
            .iter()
            .filter(|mail| mail.to == "ana@mail.example")
            .count()
    };
    // A stranger has as much sent to somebody as is sent at all.
    let joining = [
        ("name", "eve"),
        ("email", "ana@mail.example"),
        ("password", "a long password"),
    ];
    for n in 0..8 {
        let from = format!("203.0.113.{}", n % 2);
        send(&node, &from, ("/forgot", ""), &[("login", "ana")]).await;
        send(&node, &from, ("/sign-up", ""), &joining).await;
        net.clock.advance(Duration::from_secs(60));
    }
    settle(&[&node]).await;
    let spent = to_ana();
    assert!((6..=20).contains(&spent), "{spent}");
    // The owner, elsewhere, gets theirs all the same: for each purpose, by a device that was in even after a flood.
    send(&node, "198.51.100.1", ("/forgot", ""), &[("login", "ana")]).await;
    settle(&[&node]).await;
    assert_eq!(to_ana(), spent + 1);
    let device = cookies(&sign_in(&node, "198.51.100.1", "", "ana", PASSWORD).await);
    for n in 0..40 {
        let from = format!("192.0.2.{n}");
        send(&node, &from, ("/forgot", ""), &[("login", "ana")]).await;
    }
    settle(&[&node]).await;
    let flooded = to_ana();
    assert!(flooded <= 20, "{flooded} in a day");
    send(
        &node,
        "198.51.100.9",
        ("/forgot", &device),
        &[("login", "ana")],
    )
    .await;
    settle(&[&node]).await;
    assert_eq!(to_ana(), flooded + 1);
    // Changing the address is asked for by the owner alone.
    let cookie = node.cookie(&ana).await;
    let fields = [("email", "new@mail.example"), ("current", PASSWORD)];
    assert_eq!(
        node.form("/settings/email", &cookie, &fields)
            .await
            .status(),
        200
    );
}
