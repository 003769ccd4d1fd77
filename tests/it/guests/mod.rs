//! Guests: the whole way to a home and back, between two nodes of ours; and homes that lie.

mod evil;
mod ways;

use afterparty::posts::compose::Draft;
use reqwest::header::{LOCATION, SET_COOKIE};

use crate::both;
use crate::support::node::text;
use crate::support::{Backend, TestNode, settle};

both!(
    a_fan_comes_in_as_a_guest_and_sees_what_their_follow_opens,
    a_home_that_forgets_its_app_is_registered_at_anew,
    a_wish_is_done_at_home,
    what_is_typed_wrong_gets_a_sentence,
);

/// The cookies an answer sets, as a browser sends them back.
fn cookies(answer: &reqwest::Response) -> Vec<String> {
    let set = answer.headers().get_all(SET_COOKIE).iter();
    set.map(|value| {
        value
            .to_str()
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned()
    })
    .collect()
}

/// The path and query of an address.
fn path(address: &str) -> String {
    let url = url::Url::parse(address).unwrap();
    format!("{}?{}", url.path(), url.query().unwrap_or_default())
}

/// The address a page leads on to.
fn target(page: &str) -> String {
    let (_, rest) = page.split_once("<a class=\"button\" href=\"").unwrap();
    rest.split('"')
        .next()
        .unwrap()
        .replace("&#38;", "&")
        .replace("&amp;", "&")
}

/// Says at the door where the home is; the page of what it offers, which is one that can be reloaded.
async fn look(house: &TestNode, fields: &[(&str, &str)]) -> (Vec<String>, String) {
    let looked = house.form("/door", "", fields).await;
    assert_eq!(looked.status(), 303);
    let cookies = cookies(&looked);
    let place = looked.headers()["location"].to_str().unwrap().to_owned();
    assert!(place.starts_with("/door/home/"), "{place}");
    let page = house.get(&place, &[]).await;
    assert_eq!(page.status(), 200);
    let page = text(page).await;
    assert_eq!(text(house.get(&place, &[]).await).await, page);
    (cookies, page)
}

/// Goes from the door of a house to the consent at home and back; the address of the way back and the cookie of the way.
async fn way(
    house: &TestNode,
    home: &TestNode,
    member: &afterparty::accounts::Account,
    next: &str,
) -> (String, String) {
    let typed = format!("@{}@{}", member.name, home.name);
    let fields = [("home", typed.as_str()), ("next", next)];
    let (remembered, page) = look(house, &fields).await;
    let remembered = remembered.join("; ");
    assert!(
        remembered.contains(&format!("home={typed}")),
        "{remembered}"
    );
    assert!(
        page.contains(&home.name) && page.contains("/door/enter"),
        "{page}"
    );
    let sent = house.form("/door/enter", "", &fields).await;
    let door = cookies(&sent).join("; ");
    let target = target(&text(sent).await);
    assert!(
        target.starts_with(&format!("http://{}/oauth/authorize?", home.name)),
        "{target}"
    );
    let own = home.cookie(member).await;
    let asked = text(home.get(&path(&target), &[("cookie", &own)]).await).await;
    assert!(
        asked.contains(house.app().origin().authority()),
        "the home says who asks: {asked}"
    );
    (agree(home, &own, &target).await, door)
}

/// Says yes on the page of a home; the address that leads back.
async fn agree(home: &TestNode, cookie: &str, asked: &str) -> String {
    let url = url::Url::parse(asked).unwrap();
    let mut fields: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    fields.push(("answer".to_owned(), "yes".to_owned()));
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    let agreed = home.form("/oauth/authorize", cookie, &fields).await;
    match agreed.headers().get(LOCATION) {
        Some(location) => location.to_str().unwrap().to_owned(),
        None => target(&text(agreed).await),
    }
}

async fn a_home_that_forgets_its_app_is_registered_at_anew(backend: Backend) {
    let (_net, [here, there]) = TestNode::two(&backend).await;
    there.host("nina").await;
    let comes_in = async |name: &str| {
        let fan = here.sign_up(name).await;
        let (back, door) = way(&there, &here, &fan, "/guest").await;
        let let_in = there.get(&path(&back), &[("cookie", &door)]).await;
        assert_eq!(let_in.status(), 303, "{}", text(let_in).await);
        settle(&[&here, &there]).await;
        here.count("SELECT COUNT(*) AS n FROM apps").await
    };
    assert_eq!(comes_in("ana").await, 1);
    assert_eq!(comes_in("bob").await, 1, "one app for all of them");
    // Programs of this name drop an app with the last token that is given back.
    afterparty::kernel::db::sql("UPDATE nodes SET software = 'snac' WHERE host = 'here.test'")
        .run(&there.app().db)
        .await
        .unwrap();
    assert_eq!(comes_in("cleo").await, 1);
    assert_eq!(comes_in("dan").await, 2, "a new one for the next guest");
}

async fn a_fan_comes_in_as_a_guest_and_sees_what_their_follow_opens(backend: Backend) {
    let (net, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let nina = there.host("nina").await;
    let narrow = Draft {
        text: "For those who follow".into(),
        audience: afterparty::audiences::Audience::Followers,
        ..Draft::default()
    };
    let old = there.write(&nina, narrow).await;
    let page = path(old.url.as_ref().unwrap());
    assert_eq!(there.get(&page, &[]).await.status(), 404);

    let (back, door) = way(&there, &here, &fan, "/@nina").await;
    assert!(
        back.starts_with("http://there.test/auth/home/callback/"),
        "{back}"
    );
    // Another browser cannot use the way back, and it is used up by the attempt.
    let stolen = there.get(&path(&back), &[]).await;
    assert_eq!(stolen.status(), 422);
    assert_eq!(
        there.get(&path(&back), &[("cookie", &door)]).await.status(),
        422
    );

    let (back, door) = way(&there, &here, &fan, "/@nina").await;
    let arrived = there.get(&path(&back), &[("cookie", &door)]).await;
    assert_eq!(arrived.status(), 303, "{}", text(arrived).await);
    assert_eq!(arrived.headers()[LOCATION], "/@nina");
    let guest = cookies(&arrived)
        .into_iter()
        .find(|cookie| cookie.contains("-guest="))
        .unwrap();
    let again = there.get(&path(&back), &[("cookie", &door)]).await;
    assert_eq!(again.status(), 422, "a code is good for one time");
    let cookie = [("cookie", guest.as_str())];

    let house = text(there.get("/@nina", &cookie).await).await;
    assert!(house.contains("@fan@here.test, a guest here"), "{house}");
    assert!(house.contains("/door?verb=follow"), "{house}");
    assert_eq!(
        there.get(&page, &cookie).await.status(),
        404,
        "proven, but no follower"
    );
    // The follow comes from home; what is older opens too, and closes with the unfollow.
    here.follow(&fan, "nina@there.test").await;
    settle(&[&here, &there]).await;
    let opened = there.get(&page, &cookie).await;
    assert_eq!(opened.status(), 200);
    assert!(text(opened).await.contains("For those who follow"));
    let house = text(there.get("/@nina", &cookie).await).await;
    assert!(house.contains("You follow from home") && house.contains("For those who follow"));
    let known = text(there.get("/guest", &cookie).await).await;
    assert!(known.contains("@fan@here.test") && known.contains("/@nina"));
    // A guest is no member.
    for members in [
        "/home",
        "/compose",
        "/settings",
        "/notifications",
        "/operator",
    ] {
        assert_ne!(there.get(members, &cookie).await.status(), 200, "{members}");
    }
    let wrote = there.form("/posts", &guest, &[("text", "hello")]).await;
    assert!(!wrote.status().is_success(), "{}", wrote.status());
    // Neither house keeps a token, and the app stands in the fan's settings at home no more.
    let live = "SELECT COUNT(*) AS n FROM tokens WHERE account_id IS NOT NULL";
    assert_eq!(here.count(live).await, 0, "the token was given back");

    let nina_there = here.look_up("nina@there.test").await;
    let unfollow = here
        .form(
            &format!("/accounts/{}/unfollow", nina_there.id),
            &here.cookie(&fan).await,
            &[],
        )
        .await;
    assert_eq!(unfollow.status(), 303);
    settle(&[&here, &there]).await;
    assert_eq!(there.get(&page, &cookie).await.status(), 404);
    // A month later they prove anew who they are; whoever goes is gone, whose home is blocked too.
    assert_eq!(there.get("/guest", &cookie).await.status(), 200);
    afterparty::nodes::block(there.app(), "here.test")
        .await
        .unwrap();
    assert_eq!(there.get("/guest", &cookie).await.status(), 303);
    afterparty::nodes::measures::remove(there.app(), "here.test")
        .await
        .unwrap();
    assert_eq!(there.get("/guest", &cookie).await.status(), 200);
    net.clock
        .advance(std::time::Duration::from_secs(30 * 86_400 + 1));
    assert_eq!(there.get("/guest", &cookie).await.status(), 303);
    afterparty::guests::sessions::sweep(there.app())
        .await
        .unwrap();
    assert_eq!(
        there
            .count("SELECT COUNT(*) AS n FROM guest_sessions")
            .await,
        0
    );
}

async fn a_wish_is_done_at_home(backend: Backend) {
    let (_, [here, there]) = TestNode::two(&backend).await;
    let fan = here.sign_up("fan").await;
    let nina = there.host("nina").await;
    let post = there.post(&nina, "Hello").await;
    let visitor = text(there.get("/@nina", &[]).await).await;
    assert!(visitor.contains("/door?verb=follow") && visitor.contains("/door?verb=like"));
    for (verb, object, intent) in [
        ("follow", &nina.uri, "/intents/follow?object="),
        ("like", &post.uri, "/intents/like?object="),
        ("announce", &post.uri, "/intents/announce?object="),
        ("create", &post.uri, "/intents/create?"),
    ] {
        let fields = [
            ("home", "fan@here.test"),
            ("verb", verb),
            ("object", object),
            ("next", "/@nina"),
        ];
        let (_, page) = look(&there, &fields).await;
        let target = target(&page);
        assert!(
            target.starts_with(&format!("http://here.test{intent}")),
            "{verb}: {target}"
        );
        let own = here.cookie(&fan).await;
        let shown = here.get(&path(&target), &[("cookie", &own)]).await;
        assert!(
            matches!(shown.status().as_u16(), 200 | 303),
            "{verb}: {}",
            shown.status()
        );
    }
    // Another way for homes that can do nothing: the address to copy and to scan; what leads elsewhere is dropped.
    let page = text(
        there
            .get(
                &format!("/door?verb=follow&object={}&next=//evil.test", nina.uri),
                &[],
            )
            .await,
    )
    .await;
    assert!(page.contains("<svg") && page.contains(&format!("<code>{}</code>", nina.uri)));
    assert!(!page.contains("//evil.test"));
    // Who is remembered needs one click here and one at home.
    let fields = [
        ("home", "@fan@here.test"),
        ("verb", "follow"),
        ("object", nina.uri.as_str()),
        ("known", "1"),
    ];
    let page = text(there.form("/door", "", &fields).await).await;
    assert!(
        page.contains("http-equiv=\"refresh\"")
            && target(&page).starts_with("http://here.test/intents/follow"),
        "{page}"
    );
    // Who is remembered goes on with one click, or says that it is not them.
    let page = text(
        there
            .get("/door", &[("cookie", "afterparty-80-home=@fan@here.test")])
            .await,
    )
    .await;
    assert!(page.contains("Go on with @fan@here.test") && page.contains("Not me"));
}

async fn what_is_typed_wrong_gets_a_sentence(backend: Backend) {
    let (_, [_here, there]) = TestNode::two(&backend).await;
    there.host("nina").await;
    for (typed, sentence) in [
        ("", "Write it like"),
        ("me", "Write it like"),
        ("@@", "Write it like"),
        ("https://user:secret@here.test/", "Write it like"),
        ("me@onion.onion", "Write it like"),
        ("nobody@here.test", "nobody of that name"),
        ("me@127.0.0.2", "does not open to guests"),
        ("me@169.254.169.254", "does not open to guests"),
        ("http://10.0.0.1/@me", "does not open to guests"),
    ] {
        let answer = there.form("/door", "", &[("home", typed)]).await;
        assert_eq!(answer.status(), 422, "{typed}");
        let page = text(answer).await;
        assert!(page.contains(sentence), "{typed}: {page}");
        assert!(
            typed.contains('<') || page.contains(&format!("value=\"{typed}\"")),
            "what was typed is kept"
        );
    }
    let own = there.form("/door", "", &[("home", "me@there.test")]).await;
    assert_eq!(own.status(), 303);
    assert_eq!(own.headers()[LOCATION], "/sign-in?next=%2F");
}
