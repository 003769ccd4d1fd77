//! The ledger checker: what must hold of a house after any fault (L1–L8 of the catalogue).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use afterparty::kernel::db::{Db, sql};

use super::TestNode;

/// What is looked at.
pub struct Ledger {
    db: Db,
    data: PathBuf,
}

/// Counts that a row keeps, and what they count; each finds the rows that are wrong.
const COUNTS: [(&str, &str); 6] = [
    (
        "replies",
        "SELECT id FROM posts WHERE replies_count <> (SELECT COUNT(*) FROM posts AS other WHERE other.in_reply_to_id = posts.id AND other.audience IN ('public', 'unlisted')) AND audience IN ('public', 'unlisted')",
    ),
    (
        "favourites",
        "SELECT id FROM posts WHERE is_local = 1 AND favourites_count <> (SELECT COUNT(*) FROM favourites WHERE post_id = posts.id)",
    ),
    (
        "followers",
        "SELECT id FROM accounts WHERE kind = 'local' AND followers_count <> (SELECT COUNT(*) FROM follows WHERE followee_id = accounts.id AND accepted_at IS NOT NULL)",
    ),
    (
        "notifications",
        "SELECT MIN(id) AS id FROM notifications WHERE kind <> 'poll' GROUP BY account_id, kind, from_id, post_id HAVING COUNT(*) > 1",
    ),
    (
        "deliveries without an activity",
        "SELECT activity_id AS id FROM deliveries WHERE NOT EXISTS (SELECT 1 FROM activities WHERE activities.id = deliveries.activity_id)",
    ),
    (
        "digests",
        "SELECT account_id AS id FROM follower_digests WHERE followers <> (SELECT COUNT(*) FROM follows JOIN accounts ON accounts.id = follows.follower_id WHERE follows.followee_id = follower_digests.account_id AND follows.accepted_at IS NOT NULL AND accounts.host = follower_digests.host)",
    ),
];

impl Ledger {
    /// Of the house on this database and data folder.
    pub async fn open(database: &str, data: &Path) -> Self {
        Self {
            db: Db::open(database).await.unwrap(),
            data: data.to_owned(),
        }
    }

    /// L1: how often each post stands here, by its text; what was accepted stands once.
    pub async fn texts(&self) -> BTreeMap<String, usize> {
        let rows = sql("SELECT text, html FROM posts WHERE boost_of_id IS NULL")
            .all(&self.db)
            .await
            .unwrap();
        let mut counts = BTreeMap::new();
        for row in rows {
            let (text, html): (String, String) =
                (row.get("text").unwrap(), row.get("html").unwrap());
            let text = if text.is_empty() {
                afterparty::kernel::html::to_text(&html)
            } else {
                text
            };
            *counts.entry(text).or_default() += 1;
        }
        counts
    }

    /// L1 and L3: everything that was accepted is here, once.
    pub async fn holds_once(&self, accepted: &BTreeSet<String>) {
        let texts = self.texts().await;
        for text in accepted {
            assert_eq!(texts.get(text), Some(&1), "{text}");
        }
    }

    /// L3 and L4: counts are right, nothing stands twice, no row names what is not there, no row names a file that is
    /// not there, and no file is without a row.
    pub async fn is_sound(&self) {
        for (what, statement) in COUNTS {
            let wrong = sql(statement).all(&self.db).await.unwrap();
            assert_eq!(wrong.len(), 0, "{what} are wrong");
        }
        assert_eq!(self.db.faults().await.unwrap(), [""; 0]);
        let rows = sql("SELECT file AS name FROM media WHERE file IS NOT NULL UNION ALL SELECT preview AS name FROM media WHERE preview IS NOT NULL")
            .all(&self.db)
            .await
            .unwrap();
        for row in rows {
            let name: String = row.get("name").unwrap();
            let stored = sql("SELECT blob_id FROM files WHERE name = $1").bind(&name);
            let stored = match stored.optional(&self.db).await {
                Ok(Some(row)) => row.get("blob_id").unwrap(),
                _ => name,
            };
            let file = self.data.join("media").join(&stored);
            assert!(
                file.metadata().is_ok_and(|file| file.len() > 0),
                "{stored} is not there"
            );
        }
    }

    /// L5: nothing is left to be done but what waits for a host that is away.
    pub async fn waiting(&self) -> i64 {
        let row = sql("SELECT (SELECT COUNT(*) FROM deliveries WHERE dead_at IS NULL) + (SELECT COUNT(*) FROM received WHERE processed_at IS NULL) + (SELECT COUNT(*) FROM jobs WHERE dead_at IS NULL AND kind <> 'fetch_node_info') AS n")
            .one(&self.db)
            .await
            .unwrap();
        row.get("n").unwrap()
    }

    /// Waits until the queue is empty, so many seconds at most.
    pub async fn drains(&self, seconds: u64) {
        let mut left = 0;
        for _ in 0..seconds * 5 {
            left = self.waiting().await;
            if left == 0 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        panic!("{left} are left");
    }
}

/// L3 and L4 of nodes within the process, at the end of a test.
pub async fn balance(nodes: &[&TestNode]) {
    for node in nodes {
        let data = node.folder.path().join("data");
        Ledger::open(&node.database, &data).await.is_sound().await;
    }
}

/// L7 and L8: the log tells of no panic and no fault but those that were made, and of no secret.
pub fn log_is_clean(log: &str, expected: &[&str], secrets: &[&str]) {
    for line in log.lines() {
        let told = ["panicked", "ERROR", " 500 "];
        let wrong = told.iter().any(|word| line.contains(word));
        let known = expected.iter().any(|word| line.contains(word));
        assert!(!wrong || known, "{line}");
        assert!(
            !secrets.iter().any(|secret| line.contains(secret)),
            "{line}"
        );
    }
}
