//! A later version of the program brings the database up to date beside one that runs.

use std::time::Duration;

use afterparty::accounts::Account;
use afterparty::kernel::db::Db;
use afterparty::moderation::writing;
use afterparty::oauth::{Scopes, apps, tokens};
use afterparty::posts::compose::Draft;

use crate::both;
use crate::support::rows::{add_column, everything};
use crate::support::{Backend, TestNode, settle};

both!(a_column_added_beside_a_running_node_disturbs_nobody);

/// Pages and lists that read most tables.
const READ: [&str; 22] = [
    "/",
    "/@nina",
    "/home",
    "/notifications",
    "/search?q=nina",
    "/bookmarks",
    "/operator",
    "/operator/figures",
    "/operator/queue",
    "/operator/waiting",
    "/operator/tiers",
    "/operator/log",
    "/operator/crew",
    "/calendar",
    "/invitations",
    "/settings/security",
    "/settings/people",
    "/api/v1/timelines/home",
    "/api/v1/notifications",
    "/api/v2/filters",
    "/api/v1/scheduled_statuses",
    "/measures",
];

/// Asks for everything once and writes a post; what was answered with an error of the server.
async fn use_all(node: &TestNode, nina: &Account, headers: &[(&str, &str)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for path in READ {
        let status = node.get(path, headers).await.status();
        if !status.is_success() {
            wrong.push(format!("{path}: {status}"));
        }
    }
    let draft = Draft {
        text: "a line".to_owned(),
        ..Draft::default()
    };
    if let Err(error) = writing::write(node.app(), nina, draft).await {
        wrong.push(format!("a post: {error}"));
    }
    wrong
}

async fn a_column_added_beside_a_running_node_disturbs_nobody(backend: Backend) {
    let (_net, [here, there]) = TestNode::two(&backend).await;
    let (nina, otto) = (here.host("nina").await, there.sign_up("otto").await);
    there.follow(&otto, "nina@here.test").await;
    settle(&[&here, &there]).await;
    let cookie = here.cookie(&nina).await;
    let client = apps::of_the_command_line(here.app()).await.unwrap();
    let scopes = Scopes::parse("read").unwrap();
    let issued = tokens::issue(here.app(), &client, Some(nina.id), &scopes).await;
    let bearer = format!("Bearer {}", issued.unwrap().1);
    let headers = [("cookie", &*cookie), ("authorization", &*bearer)];
    // Every statement is prepared on every connection.
    for _ in 0..3 {
        assert_eq!(use_all(&here, &nina, &headers).await, [""; 0]);
    }
    let other = Db::open(&here.database).await.unwrap();
    let mut tables: Vec<String> = everything(&other, &[]).await.into_keys().collect();
    tables.retain(|table| !table.starts_with("post_text"));
    assert!(tables.len() > 60, "{}", tables.len());
    let added = async {
        for table in &tables {
            add_column(&other, table).await;
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    };
    let used = async {
        let mut wrong = Vec::new();
        for _ in 0..6 {
            wrong.extend(use_all(&here, &nina, &headers).await);
        }
        wrong
    };
    let ((), wrong) = tokio::join!(added, used);
    assert_eq!(wrong, [""; 0]);
    settle(&[&here, &there]).await;
    assert_eq!(there.home_of("otto").await.len(), 9, "all arrived");
}
