//! Times as their readers' clocks show them.

use afterparty::accounts::preferences;
use afterparty::kernel::clock::Time;
use afterparty::posts::compose::{Draft, NewPoll};
use afterparty::posts::scheduled;

use crate::both;
use crate::support::{Backend, TestNode};

both!(
    times_are_those_of_whoever_reads,
    without_a_script_later_is_meant_in_ones_own_zone,
);

async fn times_are_those_of_whoever_reads(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let poll = NewPoll {
        options: vec!["yes".into(), "no".into()],
        multiple: false,
        hides_totals: false,
        seconds: 86_400,
    };
    let draft = Draft {
        text: "A poll".into(),
        poll: Some(poll),
        ..Draft::default()
    };
    let post = node.write(&nina, draft).await;
    let end = node
        .app()
        .clock
        .now()
        .plus(std::time::Duration::from_secs(86_400));
    let (.., hour, minute) = end.parts();
    let path = format!("/@nina/{}", post.id);
    let page = async |cookie: &str| {
        let page = node.get(&path, &[("cookie", cookie)]).await;
        page.text().await.unwrap()
    };
    let utc = format!("{hour:02}:{minute:02} UTC");
    assert!(page("").await.contains(&utc), "nothing else is known");
    assert!(page("zone=Mars%2FPhobos").await.contains(&utc));
    // India is five and a half hours ahead all year.
    let there = end.plus(std::time::Duration::from_secs(330 * 60));
    let (.., there_hour, there_minute) = there.parts();
    let local = format!("{there_hour:02}:{there_minute:02}");
    let told = page("zone=Asia/Kolkata").await;
    assert!(told.contains(&local) && !told.contains("UTC"), "{told}");
    // The account keeps it for browsers that say nothing.
    let cookie = node.cookie(&nina).await;
    let bad = node
        .form("/settings/zone", &cookie, &[("zone", "Berlin")])
        .await;
    assert_eq!(bad.status(), 422);
    let bad = bad.text().await.unwrap();
    assert!(bad.contains("No such time zone") && bad.contains(r#"value="Berlin""#));
    let set = node
        .form("/settings/zone", &cookie, &[("zone", "Asia/Kolkata")])
        .await;
    assert_eq!(set.status(), 303);
    let sent = set.headers()["set-cookie"].to_str().unwrap();
    assert!(sent.starts_with("zone=Asia/Kolkata;"), "{sent}");
    let kept = preferences::get(node.app(), nina.id).await.unwrap();
    assert_eq!(kept.zone, "Asia/Kolkata");
    assert!(page(&cookie).await.contains(&local));
    let settings = node.get("/settings", &[("cookie", &cookie)]).await;
    assert!(
        settings
            .text()
            .await
            .unwrap()
            .contains(r#"value="Asia/Kolkata""#)
    );
}

async fn without_a_script_later_is_meant_in_ones_own_zone(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let cookie = node.cookie(&nina).await;
    let year = node.app().clock.now().parts().0 + 1;
    for (zone, at, meant) in [
        ("", "07-01T20:00", "07-01T20:00:00.000Z"),
        ("Europe/Berlin", "07-01T20:00", "07-01T18:00:00.000Z"),
        ("Europe/Berlin", "01-15T20:00", "01-15T19:00:00.000Z"),
    ] {
        let cookie = format!("{cookie}; zone={zone}");
        let at = format!("{year}-{at}");
        let fields = [
            ("text", "Later"),
            ("audience", "public"),
            ("at", &*at),
            ("zone", ""),
        ];
        let answer = node.upload("/posts", &cookie, &fields, &[]).await;
        assert_eq!(answer.status(), 303);
        let window = afterparty::kernel::page::Window::newest(10);
        let list = scheduled::list(node.app(), nina.id, window).await.unwrap();
        let meant = Time::parse(&format!("{year}-{meant}")).unwrap();
        assert!(list.iter().any(|one| one.run_at == meant), "{zone} {at}");
    }
}
