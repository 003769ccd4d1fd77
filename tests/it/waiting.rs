//! The waiting list, lists of addresses, and mail to many.

use std::time::Duration;

use afterparty::members::{admitting, waiting};

use crate::both;
use crate::support::node::{ok, text};
use crate::support::{Backend, Net, TestNode, settle, smtp};

both!(
    who_waits_is_verified_moves_up_and_is_let_in,
    a_list_of_addresses_becomes_invitations_in_their_turn,
);

/// What stands in a mail, decoded as far as needed to find links in its plain part.
fn link_in(mail: &smtp::Received, path: &str) -> String {
    let found = mail.text.split(path).nth(1);
    let rest = found.unwrap_or_else(|| panic!("{path} in {}", mail.text));
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/')));
    format!("{path}{}", &rest[..end.unwrap_or(rest.len())])
}

async fn who_waits_is_verified_moves_up_and_is_let_in(backend: Backend) {
    let (url, mails) = smtp::start().await;
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let node = net
        .node("here.test", &backend, listener, &[("mail.url", &url)])
        .await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    let mode = [
        ("mode", "invitation"),
        ("waiting", "1"),
        ("waiting_question", "Which song?"),
    ];
    assert_eq!(
        node.get("/waiting", &[]).await.status(),
        404,
        "there is no list yet"
    );
    ok(&node, "/operator/joining", &host, &mode).await;
    assert!(
        text(node.get("/sign-up", &[]).await)
            .await
            .contains("/waiting")
    );
    assert!(
        text(node.get("/waiting", &[]).await)
            .await
            .contains("Which song?")
    );
    let settled = async || {
        settle(&[&node]).await;
        mails.lock().unwrap().clone()
    };
    let ask = async |address: &str, by: &str| {
        net.clock.advance(Duration::from_secs(600));
        let fields = [("address", address), ("answer", "All of them"), ("by", by)];
        let answer = node.form("/waiting", "", &fields).await;
        assert_eq!(answer.status(), 200, "{address}: {}", text(answer).await);
        let sent = settled().await;
        let mail = sent.iter().rev().find(|mail| mail.to == address).cloned();
        link_in(&mail.unwrap(), "/waiting/")
    };
    assert_eq!(
        node.form("/waiting", "", &[("address", "nobody")])
            .await
            .status(),
        422
    );
    // Asked, they wait for nothing until the link in their mail was opened and the button pressed.
    let mut pages = Vec::new();
    for name in ["ana", "bea", "cleo", "dora", "emil"] {
        let page = ask(&format!("{name}@mail.example"), "").await;
        assert_eq!(
            afterparty::members::places::count(node.app())
                .await
                .unwrap(),
            i64::try_from(pages.len()).unwrap()
        );
        node.get(&page, &[]).await;
        ok(&node, &format!("{page}/confirm"), "", &[]).await;
        pages.push(page);
    }
    let place = async |page: &str| {
        let shown = text(node.get(page, &[]).await).await;
        let after = shown
            .split("Place ")
            .nth(1)
            .unwrap_or_else(|| panic!("{shown}"));
        after
            .chars()
            .take_while(char::is_ascii_digit)
            .collect::<String>()
    };
    assert_eq!(place(&pages[4]).await, "5");
    // Who brings others moves up, once those showed that they are there; oneself and passing addresses do not count.
    let shown = text(node.get(&pages[4], &[]).await).await;
    let code = shown
        .split("/waiting?by=")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap()
        .to_owned();
    for address in ["e.mil+two@mail.example", "x@mailinator.com"] {
        let page = ask(address, &code).await;
        ok(&node, &format!("{page}/confirm"), "", &[]).await;
    }
    assert_eq!(place(&pages[4]).await, "5");
    let friend = from_elsewhere(&node, "friend@mail.example", &code).await;
    assert_eq!(place(&pages[4]).await, "5", "not yet verified");
    settled().await;
    waiting::verify(node.app(), &friend).await.unwrap();
    assert_eq!(place(&pages[4]).await, "2");
    // Let in by waves: the first two, then who is ticked.
    let host = node.cookie(&nina).await;
    ok(&node, "/operator/waiting", &host, &[("first", "2")]).await;
    settled().await;
    net.clock.advance(Duration::from_secs(60));
    let sent = settled().await;
    let admitted: Vec<&str> = sent
        .iter()
        .filter(|mail| mail.text.contains("/invite/"))
        .map(|mail| mail.to.as_str())
        .collect();
    assert_eq!(admitted, ["ana@mail.example", "emil@mail.example"]);
    assert_eq!(place(&pages[1]).await, "1");
    assert!(
        text(node.get(&pages[0], &[]).await)
            .await
            .contains("It is your turn")
    );
    let mail = sent
        .iter()
        .find(|mail| mail.text.contains("/invite/"))
        .unwrap();
    assert!(
        mail.text.contains("text/html") && !mail.text.contains("List-Unsubscribe"),
        "{}",
        mail.text
    );
    let invite = link_in(mail, "/invite/");
    assert!(
        text(node.get(&invite, &[]).await)
            .await
            .contains("name=\"password\"")
    );
    // Not used in time, it lapses, and they wait again.
    net.clock.advance(Duration::from_secs(8 * 86_400));
    admitting::sweep(node.app()).await.unwrap();
    assert_eq!(place(&pages[0]).await, "1");
    // Whoever leaves is forgotten.
    ok(&node, &format!("{}/leave", pages[1]), "", &[]).await;
    assert_eq!(node.get(&pages[1], &[]).await.status(), 404);
}

/// Somebody asks from another address of the net; the token of their page.
async fn from_elsewhere(node: &TestNode, email: &str, by: &str) -> String {
    let asking = waiting::Asking {
        from: "203.0.113.7".parse().unwrap(),
        answer: "",
        locale: afterparty::locale::Locale::De,
        by,
    };
    waiting::ask_by_mail(node.app(), email, &asking)
        .await
        .unwrap();
    let row = afterparty::kernel::db::sql("SELECT token FROM waiting WHERE email = $1")
        .bind(email)
        .one(node.db())
        .await
        .unwrap();
    row.get("token").unwrap()
}

async fn a_list_of_addresses_becomes_invitations_in_their_turn(backend: Backend) {
    let (url, mails) = smtp::start().await;
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let settings = [("mail.url", url.as_str()), ("mail.per_hour", "60")];
    let node = net.node("here.test", &backend, listener, &settings).await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    ok(&node, "/operator/joining", &host, &[("mode", "invitation")]).await;
    let list = "Name,Email,Language\nAna,ana@mail.example,de\nBea,bea@mail.example,\nnobody,,\nAna again,ANA@mail.example,en\nOff,refused@mail.example,en\n";
    let looked = node
        .form(
            "/operator/import",
            &host,
            &[("list", list), ("proof", "Newsletter 2025")],
        )
        .await;
    let looked = text(looked).await;
    assert!(
        looked.contains("3 invitations are ready")
            && looked.contains("1 stood there twice")
            && looked.contains("could not be read"),
        "{looked}"
    );
    assert_eq!(node.count("SELECT COUNT(*) AS n FROM invitations").await, 0);
    let bare = node
        .form(
            "/operator/import",
            &host,
            &[("list", "nothing"), ("proof", "x")],
        )
        .await;
    assert_eq!(bare.status(), 422);
    let confirmed = [
        ("list", list),
        ("proof", "Newsletter 2025"),
        ("confirmed", "1"),
        ("days", "10"),
    ];
    ok(&node, "/operator/import", &host, &confirmed).await;
    // Pressed twice, nobody is invited twice.
    ok(&node, "/operator/import", &host, &confirmed).await;
    let page = text(node.get("/operator/import", &[("cookie", &host)]).await).await;
    assert!(
        page.contains("0 / 3") && page.contains("data-again"),
        "{page}"
    );
    settle(&[&node]).await;
    assert_eq!(
        node.count("SELECT COUNT(*) AS n FROM invitations WHERE consent = 'Newsletter 2025'")
            .await,
        3
    );
    let page = text(node.get("/operator/import", &[("cookie", &host)]).await).await;
    assert!(
        page.contains("3 / 3") && !page.contains("data-again"),
        "{page}"
    );
    assert_eq!(
        node.count("SELECT COUNT(*) AS n FROM invitations WHERE sent_at IS NOT NULL")
            .await,
        1
    );
    // One a minute, as the settings say.
    let sent = async || {
        settle(&[&node]).await;
        mails.lock().unwrap().len()
    };
    assert_eq!(sent().await, 1);
    net.clock.advance(Duration::from_secs(61));
    assert_eq!(sent().await, 2);
    net.clock.advance(Duration::from_secs(61));
    assert_eq!(sent().await, 2, "the third was refused for good");
    assert_eq!(
        node.count("SELECT COUNT(*) AS n FROM invitations WHERE bounced_at IS NOT NULL")
            .await,
        1
    );
    let first = mails.lock().unwrap()[0].clone();
    assert!(
        first.to == "ana@mail.example"
            && first.text.contains("Einladung")
            && first.text.contains("List-Unsubscribe-Post"),
        "{}",
        first.text
    );
    // One click, without a cookie, as mail programs do it.
    let stop = link_in(&first, "/mail-stop/");
    assert!(
        text(node.get(&stop, &[]).await)
            .await
            .contains("ana@mail.example")
    );
    let click = node
        .form(&stop, "", &[("List-Unsubscribe", "One-Click")])
        .await;
    assert_eq!(click.status(), 200, "mail programs follow no redirect");
    // Whoever changes their mind says so there.
    assert_eq!(node.form(&stop, "", &[("again", "1")]).await.status(), 200);
    assert_eq!(
        node.count("SELECT COUNT(*) AS n FROM mail_stops WHERE reason = 'asked'")
            .await,
        0
    );
    node.form(&stop, "", &[("List-Unsubscribe", "One-Click")])
        .await;
    assert_eq!(node.form(&format!("{stop}x"), "", &[]).await.status(), 404);
    let again = node
        .form(
            "/operator/import",
            &host,
            &[("list", list), ("proof", "Newsletter 2025")],
        )
        .await;
    let again = text(again).await;
    assert!(
        again.contains("0 invitations are ready")
            && again.contains("2 want no such mail")
            && again.contains("1 are members or invited"),
        "{again}"
    );
}
