//! Nodes that die in the middle of their work.

use std::collections::BTreeMap;
use std::time::Duration;

use afterparty::error::Error;
use afterparty::kernel::db::{Db, sql};
use afterparty::moderation::writing;
use afterparty::posts::compose::Draft;
use serde_json::{Value, json};

use crate::both;
use crate::support::node::client;
use crate::support::{Backend, Net, Process, TestNode};

both!(every_post_arrives_once_whoever_is_killed);

/// Kills of each side, and what is written between two of them.
const KILLS: u64 = 8;
const POSTS: u64 = 6;

/// A member who acts through the API with a token.
struct Member {
    token: String,
}

impl Member {
    fn new(node: &Process, name: &str) -> Self {
        node.says(&["account", "create", name, "--role", "host"]);
        let token = node.says(&["token", name]);
        Self { token }
    }

    async fn get(&self, node: &Process, path: &str) -> Value {
        let asked = client().get(node.at(path)).bearer_auth(&self.token);
        asked.send().await.unwrap().json().await.unwrap()
    }

    async fn post(&self, node: &Process, path: &str) {
        let asked = client().post(node.at(path)).bearer_auth(&self.token);
        let status = asked.send().await.unwrap().status();
        assert!(status.is_success(), "{path}: {status}");
    }

    /// Writes a post as an app does that repeats itself until it was answered.
    fn write(&self, node: &Process, text: String) -> tokio::task::JoinHandle<()> {
        let asked = client()
            .post(node.at("/api/v1/statuses"))
            .bearer_auth(&self.token)
            .header("Idempotency-Key", &text)
            .json(&json!({"status": text}));
        tokio::spawn(async move {
            for _ in 0..200 {
                let answer = asked.try_clone().unwrap().send().await;
                if answer.is_ok_and(|answer| answer.status().is_success()) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            panic!("the post was never taken");
        })
    }

    /// How often each post of an account stands in a timeline.
    async fn counts(&self, node: &Process, path: &str) -> BTreeMap<String, usize> {
        let (mut counts, mut before) = (BTreeMap::new(), String::new());
        loop {
            let page = self.get(node, &format!("{path}?limit=40{before}")).await;
            let Some(last) = page.as_array().unwrap().last() else {
                return counts;
            };
            before = format!("&max_id={}", last["id"].as_str().unwrap());
            for post in page.as_array().unwrap() {
                *counts
                    .entry(post["content"].as_str().unwrap().to_owned())
                    .or_default() += 1;
            }
        }
    }
}

/// Catalogue lines F01, F02 and F03: the sender dies while it takes posts and sends them, then the
/// receiver dies while it takes them in.
async fn every_post_arrives_once_whoever_is_killed(backend: Backend) {
    let net = Net::real_time();
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, second) = (
        backend.fresh(one.path()).await,
        backend.fresh(two.path()).await,
    );
    let started = |folder: &std::path::Path, database: &str| {
        let settings = [
            ("AFTERPARTY_DATABASE__URL", database.to_owned()),
            ("AFTERPARTY_LIMITS__REQUESTS", "1000000".to_owned()),
        ];
        let (folder, hosts) = (folder.to_owned(), net.hosts().to_vec());
        async move {
            let settings: Vec<_> = settings.iter().map(|(k, v)| (*k, v.as_str())).collect();
            Process::start(&folder, "", &hosts, &settings).await
        }
    };
    let mut here = started(one.path(), &first).await;
    let mut there = started(two.path(), &second).await;
    let (ana, fan) = (Member::new(&here, "ana"), Member::new(&there, "fan"));
    let search = format!("/api/v2/search?resolve=true&q={}", here.at("/users/ana"));
    let found = fan.get(&there, &search).await;
    let id = found["accounts"][0]["id"].as_str().unwrap().to_owned();
    fan.post(&there, &format!("/api/v1/accounts/{id}/follow"))
        .await;
    let related = format!("/api/v1/accounts/relationships?id[]={id}");
    let mut following = false;
    for _ in 0..100 {
        following = fan.get(&there, &related).await[0]["following"] == true;
        if following {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(following);

    for round in 0..2 * KILLS {
        let posts: Vec<_> = (0..POSTS)
            .map(|number| ana.write(&here, format!("round {round} post {number}")))
            .collect();
        // A different moment of the work each time, over the first third of a second.
        tokio::time::sleep(Duration::from_millis(round * 97 % 331)).await;
        let killed = if round % 2 == 0 {
            &mut here
        } else {
            &mut there
        };
        killed.kill_and_start().await;
        for post in posts {
            post.await.unwrap();
        }
    }

    // A word from the far side ends the waiting for it.
    let theirs = format!("/api/v1/accounts/{id}/statuses");
    let handle = found["accounts"][0]["acct"].as_str().unwrap();
    let word = fan.write(&there, format!("@{handle} I am still here"));
    word.await.unwrap();

    let written = ana.counts(&here, "/api/v1/timelines/home").await;
    let all = usize::try_from(2 * KILLS * POSTS).unwrap();
    assert_eq!(written.len(), all, "every answered post is kept");
    assert!(written.values().all(|count| *count == 1), "{written:?}");
    let mut arrived = BTreeMap::new();
    // On PostgreSQL what the dead had taken is theirs for up to three minutes.
    for _ in 0..1100 {
        arrived = fan.counts(&there, &theirs).await;
        if arrived.len() == all {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(arrived, written, "each post arrived, and once");
}

/// Catalogue line F06: a database without room refuses with its sentence, keeps what it has, and goes on
/// by itself as soon as there is room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_database_refuses_and_recovers() {
    let (_net, here) = TestNode::one(&Backend::Sqlite).await;
    let ana = here.host("ana").await;
    let Db::Sqlite { writer, .. } = &here.app().db else {
        unreachable!()
    };
    // This connection finds no further page; one that follows it does.
    sqlx::query("PRAGMA max_page_count = 1")
        .execute(writer)
        .await
        .unwrap();
    let (mut refusals, mut taken) = (Vec::new(), 0);
    for number in 0..200 {
        let draft = Draft {
            text: format!("{number} {}", "x".repeat(480)),
            ..Draft::default()
        };
        match writing::write(here.app(), &ana, draft).await {
            Ok(_) => taken += 1,
            Err(error) => refusals.push(error),
        }
    }
    assert_eq!(refusals.len(), 1, "it was full once: {refusals:?}");
    assert!(
        matches!(&refusals[0], Error::Unavailable(sentence) if sentence.id == "error-disk-full"),
        "{refusals:?}"
    );
    let kept = sql("SELECT COUNT(*) AS n FROM posts").one(&here.app().db);
    let kept: i64 = kept.await.unwrap().get("n").unwrap();
    assert_eq!(kept, taken, "what was refused left nothing");
}
