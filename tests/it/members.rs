//! Becoming a member: how the house is open, who asks, and who comes by whose invitation.

use afterparty::accounts::Role;
use afterparty::accounts::create::New;
use afterparty::members;
use reqwest::header::LOCATION;

use crate::both;
use crate::support::node::PASSWORD;
use crate::support::{Backend, Net, TestNode, settle, smtp};

both!(
    the_host_decides_who_may_become_a_member,
    who_asks_is_let_in_by_the_host,
    invitations_are_sent_seen_and_taken_back,
    an_invitation_counts_as_often_as_it_says,
);

async fn text(answer: reqwest::Response) -> String {
    answer.text().await.unwrap()
}

async fn set_mode(node: &TestNode, host: &str, mode: &str, questions: &str, allowance: &str) {
    let fields = [
        ("mode", mode),
        ("questions", questions),
        ("allowance", allowance),
    ];
    let answer = node.form("/operator/joining", host, &fields).await;
    assert_eq!(answer.status(), 303, "{}", text(answer).await);
}

async fn sign_up(node: &TestNode, name: &str, code: &str, answers: &[&str]) -> reqwest::Response {
    let email = format!("{name}@mail.example");
    let mut fields = vec![
        ("name", name),
        ("email", email.as_str()),
        ("password", PASSWORD),
        ("code", code),
    ];
    fields.extend(answers.iter().map(|answer| ("answer", *answer)));
    node.form("/sign-up", "", &fields).await
}

/// The code of the newest invitation.
async fn newest(node: &TestNode, cookie: &str) -> String {
    let page = text(node.get("/invitations", &[("cookie", cookie)]).await).await;
    let code = page.split("/invite/").nth(1).unwrap();
    code.split('<').next().unwrap().to_owned()
}

async fn the_host_decides_who_may_become_a_member(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    let fan = node.sign_up("fan").await;
    let member = node.cookie(&fan).await;
    assert_eq!(
        node.get("/operator/joining", &[("cookie", &member)])
            .await
            .status(),
        404
    );
    let stranger = node
        .form("/operator/joining", &member, &[("mode", "open")])
        .await;
    assert_eq!(stranger.status(), 404);
    // As the settings say until the host says something else.
    assert_eq!(sign_up(&node, "one", "", &[]).await.status(), 403);
    let page = async || text(node.get("/sign-up", &[]).await).await;
    assert!(!page().await.contains("name=\"password\""));
    set_mode(&node, &host, "open", "", "0").await;
    assert!(page().await.contains("name=\"password\""));
    assert_eq!(sign_up(&node, "one", "", &[]).await.status(), 303);
    let open = async |wanted: bool| {
        let nodeinfo = text(node.get("/nodeinfo/2.1", &[]).await).await;
        assert_eq!(
            nodeinfo.contains("\"openRegistrations\":true"),
            wanted,
            "{nodeinfo}"
        );
    };
    open(true).await;
    set_mode(&node, &host, "invitation", "", "0").await;
    open(false).await;
    assert!(page().await.contains("by invitation"));
    assert_eq!(sign_up(&node, "two", "", &[]).await.status(), 403);
    let wrong = sign_up(&node, "two", "nonsense", &[]).await;
    assert_eq!(wrong.status(), 422);
    assert!(text(wrong).await.contains("does not count any more"));
    // A house that is closed lets nobody in, invited or not.
    node.form("/invitations", &host, &[("most", "3"), ("days", "7")])
        .await;
    let code = newest(&node, &host).await;
    set_mode(&node, &host, "closed", "", "0").await;
    assert_eq!(sign_up(&node, "two", &code, &[]).await.status(), 403);
    assert!(
        !text(node.get(&format!("/invite/{code}"), &[]).await)
            .await
            .contains("name=\"password\"")
    );
    set_mode(&node, &host, "invitation", "", "0").await;
    assert!(
        text(node.get(&format!("/invite/{code}"), &[]).await)
            .await
            .contains("nina invites you")
    );
}

async fn who_asks_is_let_in_by_the_host(backend: Backend) {
    let (url, mails) = smtp::start().await;
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let settings = [("mail.url", url.as_str())];
    let node = net.node("here.test", &backend, listener, &settings).await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    set_mode(
        &node,
        &host,
        "request",
        "Why do you come?\nWhich song?",
        "0",
    )
    .await;
    let page = text(node.get("/sign-up", &[]).await).await;
    assert!(
        page.contains("Why do you come?") && page.contains("Ask to come in"),
        "{page}"
    );
    let short = sign_up(&node, "ana", "", &["For the music", ""]).await;
    assert_eq!(short.status(), 422);
    let page = text(short).await;
    assert!(
        page.contains("Answer every question") && page.contains("For the music"),
        "{page}"
    );
    for name in ["ana", "bea"] {
        let asked = sign_up(&node, name, "", &["For the music", "All"]).await;
        assert_eq!(asked.status(), 200);
    }
    assert!(
        node.count("SELECT COUNT(*) AS n FROM accounts WHERE name = 'ana'")
            .await
            == 0
    );
    let twice = sign_up(&node, "ana", "", &["Again", "All"]).await;
    assert_eq!(
        twice.status(),
        200,
        "nothing tells that somebody asked before"
    );
    assert_eq!(
        node.count("SELECT COUNT(*) AS n FROM join_requests").await,
        2
    );

    let desk = text(node.get("/operator/joining", &[("cookie", &host)]).await).await;
    assert!(
        desk.contains("@ana") && desk.contains("For the music"),
        "{desk}"
    );
    assert!(
        text(node.get("/operator", &[("cookie", &host)]).await)
            .await
            .contains("2 people ask")
    );
    let of = |verb: &str, at: usize| {
        let (action, _) = (desk.split("/operator/requests/").nth(at).unwrap(), 0);
        format!(
            "/operator/requests/{}/{verb}",
            action.split('/').next().unwrap()
        )
    };
    assert_eq!(node.form(&of("accept", 1), &host, &[]).await.status(), 303);
    assert_eq!(
        node.form(&of("accept", 1), &host, &[]).await.status(),
        404,
        "decided once"
    );
    assert_eq!(node.form(&of("refuse", 3), &host, &[]).await.status(), 303);
    settle(&[&node]).await;
    let told: Vec<String> = mails
        .lock()
        .unwrap()
        .iter()
        .map(|mail| mail.to.clone())
        .collect();
    assert!(
        told.contains(&"ana@mail.example".to_owned())
            && told.contains(&"bea@mail.example".to_owned()),
        "{told:?}"
    );
    assert!(node.account("ana").await.is_active());
    assert_eq!(
        node.count("SELECT COUNT(*) AS n FROM join_requests").await,
        0
    );
    assert_eq!(
        node.count("SELECT COUNT(*) AS n FROM accounts WHERE name = 'bea'")
            .await,
        0
    );
    // With the password they chose when they asked, once the address is confirmed.
    let link = mails.lock().unwrap().iter().find_map(|mail| {
        mail.text
            .split_whitespace()
            .find(|word| word.contains("/mail/confirm/"))
            .map(str::to_owned)
    });
    let link = link.unwrap().replace("http://here.test", "");
    node.form(&link, "", &[]).await;
    let fields = [("login", "ana"), ("password", PASSWORD)];
    assert_eq!(node.form("/sign-in", "", &fields).await.status(), 303);
}

async fn invitations_are_sent_seen_and_taken_back(backend: Backend) {
    let (_net, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let nina = there.host("nina").await;
    let host = there.cookie(&nina).await;
    set_mode(&there, &host, "invitation", "", "2").await;
    // To a handle, as a direct message, for one person.
    let sent = there
        .form(
            "/invitations",
            &host,
            &[("address", "@fan@here.test"), ("most", "9")],
        )
        .await;
    assert_eq!(sent.status(), 303);
    settle(&[&there, &here]).await;
    let own = here.cookie(&fan).await;
    let home = text(here.get("/home", &[("cookie", &own)]).await).await;
    let code = home
        .split("http://there.test/invite/")
        .nth(1)
        .expect("a link");
    let code = code.split(['"', '<']).next().unwrap().to_owned();
    let page = async || text(there.get("/invitations", &[("cookie", &host)]).await).await;
    assert!(
        page().await.contains("<b>Sent</b> 0 / 1"),
        "{}",
        page().await
    );
    there.get(&format!("/invite/{code}"), &[]).await;
    assert!(page().await.contains("<b>Looked at</b>"));
    assert_eq!(sign_up(&there, "ana", &code, &[]).await.status(), 303);
    assert!(page().await.contains("<b>Used</b> 1 / 1"));
    let used = sign_up(&there, "bea", &code, &[]).await;
    assert_eq!(used.status(), 422);

    // A member invites as many as the host allows; who came stands below who brought them.
    let ana = there.account("ana").await;
    let cookie = there.cookie(&ana).await;
    let two = [("most", "2"), ("days", "3"), ("note", "for the tour")];
    assert_eq!(
        there.form("/invitations", &cookie, &two).await.status(),
        303
    );
    let more = there.form("/invitations", &cookie, &[("most", "1")]).await;
    assert_eq!(more.status(), 422);
    assert!(text(more).await.contains("more than you may still invite"));
    let code = newest(&there, &cookie).await;
    assert_eq!(sign_up(&there, "bea", &code, &[]).await.status(), 303);
    let desk = text(there.get("/operator/joining", &[("cookie", &host)]).await).await;
    assert!(
        desk.contains("invited by the house") && desk.contains("through 2 hands"),
        "{desk}"
    );
    let place = |name: &str| desk.find(&format!("/@{name}\"")).unwrap();
    assert!(place("ana") < place("bea"));
    // Taken back with everything that grew from it: bea's and ana's open invitations end, the people stay.
    let first = there.count("SELECT MIN(id) AS n FROM invitations").await;
    let others = there
        .form(
            &format!("/operator/invitations/{first}/revoke-branch"),
            &cookie,
            &[],
        )
        .await;
    assert_eq!(others.status(), 404, "only the host");
    let revoked = there
        .form(
            &format!("/operator/invitations/{first}/revoke-branch"),
            &host,
            &[],
        )
        .await;
    assert_eq!(revoked.status(), 303);
    let late = sign_up(&there, "cleo", &code, &[]).await;
    assert_eq!(late.status(), 422);
    assert!(there.account("bea").await.is_active());
    let wrong = there
        .form("/invitations", &host, &[("address", "@nobody@here.test")])
        .await;
    assert_eq!(wrong.status(), 422);
    let signed_in = there
        .get(&format!("/invite/{code}"), &[("cookie", &cookie)])
        .await;
    assert_eq!(signed_in.headers()[LOCATION], "/");
}

async fn an_invitation_counts_as_often_as_it_says(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    set_mode(&node, &host, "invitation", "", "0").await;
    node.form("/invitations", &host, &[("most", "7"), ("days", "1")])
        .await;
    let code = newest(&node, &host).await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..50 {
        let (app, code) = (node.app().clone(), code.clone());
        tasks.spawn(async move {
            let (name, email) = (format!("fan{n}"), format!("fan{n}@mail.example"));
            let new = New {
                name: &name,
                display_name: "",
                email: Some(&email),
                password: PASSWORD,
                role: Role::Member,
                confirmed: true,
            };
            members::join(&app, new, &code).await.is_ok()
        });
    }
    let came = tasks
        .join_all()
        .await
        .into_iter()
        .filter(|came| *came)
        .count();
    assert_eq!(came, 7);
    assert_eq!(node.count("SELECT COUNT(*) AS n FROM invited").await, 7);
    assert_eq!(node.count("SELECT uses AS n FROM invitations").await, 7);
    assert_eq!(
        node.count("SELECT COUNT(*) AS n FROM accounts WHERE name LIKE 'fan%'")
            .await,
        7
    );
}
