//! Two houses as processes of their own: `ana` writes here, and `fan` there follows her.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::ledger::Ledger;
use super::node::client;
use super::{Backend, Net, Process};

/// A member who acts through the API with a token.
pub struct Member {
    pub token: String,
}

impl Member {
    pub fn new(node: &Process, name: &str) -> Self {
        node.says(&["account", "create", name, "--role", "host"]);
        let token = node.says(&["token", name]);
        Self { token }
    }

    pub async fn get(&self, node: &Process, path: &str) -> Value {
        let asked = client().get(node.at(path)).bearer_auth(&self.token);
        asked.send().await.unwrap().json().await.unwrap()
    }

    pub async fn post(&self, node: &Process, path: &str) {
        let asked = client().post(node.at(path)).bearer_auth(&self.token);
        let status = asked.send().await.unwrap().status();
        assert!(status.is_success(), "{path}: {status}");
    }

    /// Writes a post once; the status and the wait that the answer asks for, nothing where the connection broke.
    pub async fn try_to_write(&self, node: &Process, text: &str) -> Option<(u16, Option<String>)> {
        let asked = client()
            .post(node.at("/api/v1/statuses"))
            .bearer_auth(&self.token)
            .header("Idempotency-Key", text)
            .json(&json!({"status": text}));
        let answer = asked.send().await.ok()?;
        let wait = answer.headers().get("retry-after");
        let wait = wait.map(|wait| wait.to_str().unwrap().to_owned());
        Some((answer.status().as_u16(), wait))
    }

    /// Writes a post as an app does that repeats itself until it was answered.
    pub fn write(&self, node: &Process, text: String) -> tokio::task::JoinHandle<()> {
        let asked = client()
            .post(node.at("/api/v1/statuses"))
            .bearer_auth(&self.token)
            .header("Idempotency-Key", &text)
            .json(&json!({"status": text}));
        tokio::spawn(async move {
            for _ in 0..400 {
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
    pub async fn counts(&self, node: &Process, path: &str) -> BTreeMap<String, usize> {
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

/// The two houses.
pub struct Pair {
    pub here: Process,
    pub there: Process,
    pub ana: Member,
    pub fan: Member,
    /// Where ana's posts stand there, and her handle there.
    pub theirs: String,
    pub handle: String,
    databases: [String; 2],
    accepted: BTreeSet<String>,
    _folders: [tempfile::TempDir; 2],
}

impl Pair {
    /// Starts them, with further variables for each.
    pub async fn start(
        backend: &Backend,
        here_with: &[(&str, &str)],
        there_with: &[(&str, &str)],
    ) -> Self {
        let net = Net::real_time();
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let databases = [
            backend.fresh(folders[0].path()).await,
            backend.fresh(folders[1].path()).await,
        ];
        let started = async |folder: &Path, database: &str, with: &[(&str, &str)]| {
            let own = [
                ("AFTERPARTY_DATABASE__URL", database),
                ("AFTERPARTY_LIMITS__REQUESTS", "1000000"),
            ];
            let settings = [&own[..], with].concat();
            Process::start(folder, "", net.hosts(), &settings).await
        };
        let here = started(folders[0].path(), &databases[0], here_with).await;
        let there = started(folders[1].path(), &databases[1], there_with).await;
        let (ana, fan) = (Member::new(&here, "ana"), Member::new(&there, "fan"));
        let search = format!("/api/v2/search?resolve=true&q={}", here.at("/users/ana"));
        let found = fan.get(&there, &search).await;
        let id = found["accounts"][0]["id"].as_str().unwrap().to_owned();
        let follow = format!("/api/v1/accounts/{id}/follow");
        fan.post(&there, &follow).await;
        let pair = Self {
            theirs: format!("/api/v1/accounts/{id}/statuses"),
            handle: found["accounts"][0]["acct"].as_str().unwrap().to_owned(),
            here,
            there,
            ana,
            fan,
            databases,
            accepted: BTreeSet::new(),
            _folders: folders,
        };
        pair.follows(&id).await;
        pair
    }

    async fn follows(&self, id: &str) {
        let related = format!("/api/v1/accounts/relationships?id[]={id}");
        for _ in 0..100 {
            if self.fan.get(&self.there, &related).await[0]["following"] == true {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("nobody follows");
    }

    /// The database of the house here.
    pub fn database(&self) -> &str {
        &self.databases[0]
    }

    /// Notes a post that was accepted.
    pub fn accepted(&mut self, text: &str) {
        self.accepted.insert(text.to_owned());
    }

    /// Waits until everything that was accepted is there, and looks at the ledgers of both houses: what was accepted is
    /// kept and arrived, each once, and both are sound.
    pub async fn balance(&self) {
        let here = Ledger::open(&self.databases[0], &self.here.data()).await;
        let there = Ledger::open(&self.databases[1], &self.there.data()).await;
        // On PostgreSQL what the dead had taken is theirs for up to three minutes.
        for _ in 0..1100 {
            let texts = there.texts().await;
            if self.accepted.iter().all(|text| texts.contains_key(text)) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        here.holds_once(&self.accepted).await;
        there.holds_once(&self.accepted).await;
        here.drains(240).await;
        there.drains(240).await;
        here.is_sound().await;
        there.is_sound().await;
    }

    /// What both of them logged tells of nothing but this, and of no secret.
    pub fn logs_are_clean(&self, expected: &[&str]) {
        let secrets = [&*self.ana.token, &*self.fan.token];
        super::ledger::log_is_clean(&self.here.log(), expected, &secrets);
        super::ledger::log_is_clean(&self.there.log(), expected, &secrets);
    }
}
