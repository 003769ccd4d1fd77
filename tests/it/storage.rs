//! The database: every statement understood by both, the schemas alike, the rules of the transactions.

use std::path::Path;

use afterparty::audiences::{self, Audience, Thing};
use afterparty::kernel::db::{Db, sql};
use afterparty::kernel::id::PostId;

use crate::both;
use crate::support::statements::{Statement, statements};
use crate::support::{Backend, TestNode, settle};

both!(
    every_statement_is_understood,
    a_migration_that_was_changed_is_refused,
    two_may_begin_on_an_empty_database,
    jobs_run_once_and_come_back,
    a_grant_opens_and_closes,
    a_second_start_goes_straight_to_work
);

async fn every_statement_is_understood(backend: Backend) {
    let (_, node) = TestNode::one(&backend).await;
    let statements = statements();
    assert!(statements.len() > 800, "only {}", statements.len());
    let mut wrong = Vec::new();
    for Statement {
        sqlite, postgres, ..
    } in statements
    {
        let text = if node.db().is_postgres() {
            postgres
        } else {
            sqlite
        };
        // In the other order, too, where one is asked for.
        let turned = text
            .rsplit_once(" DESC")
            .map(|(before, after)| format!("{before} ASC{after}"));
        for text in [Some(text), turned].into_iter().flatten() {
            let text: &'static str = Box::leak(text.into_boxed_str());
            if let Err(error) = node.db().prepare(&sql(text)).await {
                wrong.push(format!("{text}\n    {error}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A statement names the columns it reads: who reads "all" breaks when another process adds one.
#[test]
fn no_statement_reads_whatever_columns_there_are() {
    let statements = statements();
    let reads_all = |text: &str| {
        let parts = ["SELECT *", "DISTINCT *", "RETURNING *", ", *", ".*"];
        parts.iter().any(|part| text.contains(part))
    };
    let wrong: Vec<&str> = statements
        .iter()
        .flat_map(|statement| [&*statement.sqlite, &*statement.postgres])
        .filter(|text| reads_all(text))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Tables that grow with the world, not with the house.
const GROWING: [&str; 21] = [
    "posts",
    "accounts",
    "received",
    "deliveries",
    "activities",
    "notifications",
    "media",
    "jobs",
    "follows",
    "favourites",
    "post_people",
    "post_tags",
    "tombstones",
    "mails",
    "sessions",
    "nodes",
    "inboxes",
    "bookmarks",
    "audience_members",
    "post_edits",
    "poll_votes",
];

/// Parts of indexes that hold little: what waits, what is locked out, what is hidden.
const SMALL: [&str; 11] = [
    "accounts_locked_out",
    "accounts_quiet",
    "accounts_hushed",
    "posts_held",
    "received_waiting",
    "received_leased",
    "notifications_alarm",
    "jobs_kind",
    "jobs_due",
    "jobs_leased",
    "jobs_dead",
];

/// Statements that may read a whole table, and why; a part of each.
const SCANS: [(&str, &str); 16] = [
    (
        "UPDATE nodes SET follows_asked_at = NULL",
        "a restore, once",
    ),
    (
        "WHERE software = 'afterparty' AND follows_asked_at IS NULL",
        "hosts, once an hour, after a restore",
    ),
    (
        "REPLACE(uri, $1, $2)",
        "the house takes another address, once",
    ),
    (
        "UPDATE nodes SET leased_until = 0 WHERE leased_until > 0",
        "a start, once",
    ),
    (
        "UPDATE nodes SET next_attempt_at = 0, leased_until",
        "hosts, once an hour",
    ),
    (
        "FROM nodes WHERE suspended_at IS NOT NULL AND suspended_at < $1",
        "hosts, once an hour",
    ),
    (
        "nodeinfo_at < $1) AND failures = 0 LIMIT 50",
        "hosts, once an hour",
    ),
    (
        "FROM nodes ORDER BY failures DESC, host LIMIT 500",
        "hosts, for the operator's page",
    ),
    (
        "AS waiting, COUNT(dead_at) AS dead FROM jobs",
        "what waits, for the operator's page",
    ),
    (
        "SELECT host, CAST(MAX(CASE WHEN limited_at",
        "what a measure would cut, when one is made",
    ),
    (
        "SELECT host, COUNT(*) AS n FROM accounts WHERE host <> ''",
        "as before",
    ),
    (
        "SELECT accounts.host, COUNT(*) AS n FROM follows JOIN",
        "as before",
    ),
    (
        "SELECT DISTINCT accounts.host FROM accounts WHERE",
        "as before",
    ),
    (
        "AS new_members, (SELECT COUNT(*) FROM follows",
        "figures, for who opens that page",
    ),
    (
        "posts.in_reply_to_id IS NOT NULL AND posts.audience IN ('public', 'unlisted') ORDER BY posts.id DESC LIMIT $1",
        "a trial of a filter, from the newest on",
    ),
    (
        " FROM mails ORDER BY id DESC LIMIT 100",
        "the newest hundred",
    ),
];

/// The table that a statement calls by this name.
fn table_of<'a>(statement: &'a str, name: &'a str) -> &'a str {
    let words: Vec<&str> = statement
        .split([' ', ',', '(', ')'])
        .filter(|word| !word.is_empty())
        .collect();
    let is = |at: usize, wanted: &str| words.get(at).is_some_and(|word| *word == wanted);
    for (at, word) in words.iter().enumerate() {
        let renamed = is(at + 1, "AS") && is(at + 2, name) || is(at + 1, name);
        if GROWING.contains(word) && renamed {
            return word;
        }
    }
    name
}

/// No statement reads a table from end to end that grows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_statement_reads_a_table_that_grows_from_end_to_end() {
    let (_net, node) = TestNode::one(&Backend::Sqlite).await;
    let Db::Sqlite { writer, .. } = node.db() else {
        unreachable!()
    };
    let mut wrong = Vec::new();
    for Statement { sqlite, file, .. } in statements() {
        if SCANS.iter().any(|(part, _)| sqlite.contains(part)) {
            continue;
        }
        let is_asked = ["SELECT", "UPDATE", "DELETE", "INSERT", "WITH"]
            .iter()
            .any(|verb| sqlite.trim_start().starts_with(verb));
        if !is_asked {
            continue;
        }
        let text = format!("EXPLAIN QUERY PLAN {sqlite}");
        let rows: Vec<(i64, i64, i64, String)> = sqlx::query_as(sqlx::AssertSqlSafe(text))
            .fetch_all(writer)
            .await
            .unwrap();
        let scanned = rows.iter().filter_map(|(.., detail)| {
            let named = detail.strip_prefix("SCAN ")?.split(' ').next()?;
            if SMALL.iter().any(|index| detail.contains(index)) {
                return None;
            }
            let table = table_of(&sqlite, named);
            GROWING.contains(&table).then(|| detail.clone())
        });
        let scanned: Vec<String> = scanned.collect();
        if !scanned.is_empty() {
            let file = file.rsplit("/src/").next().unwrap();
            wrong.push(format!("{file}: {sqlite}\n    {}", scanned.join("; ")));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} statements\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn both_schemas_have_the_same_tables_and_columns() {
    let read = |kind: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("migrations/{kind}"));
        let mut steps: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        steps.sort();
        // Full text is searched by what each database brings along.
        steps.retain(|step| !step.ends_with("0004_search.sql"));
        let text: String = steps
            .iter()
            .map(|step| std::fs::read_to_string(step).unwrap())
            .collect();
        let lines: Vec<String> = text
            .replace(" COLLATE \"C\"", "")
            .replace("BIGINT", "INTEGER")
            .replace("BYTEA", "BLOB")
            .lines()
            .filter(|line| !line.starts_with("CREATE FUNCTION") && !line.is_empty())
            .map(str::to_owned)
            .collect();
        lines
    };
    assert_eq!(read("sqlite"), read("postgres"));
}

async fn a_migration_that_was_changed_is_refused(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    node.db().migrate().await.unwrap();
    // A house from before the sums were kept notes them at its next start.
    sql("DELETE FROM migration_sums WHERE number = 3")
        .run(node.db())
        .await
        .unwrap();
    node.db().migrate().await.unwrap();
    let kept = "SELECT COUNT(*) AS n FROM migration_sums WHERE number = 3";
    assert_eq!(node.count(kept).await, 1);
    sql("UPDATE migration_sums SET sum = 'another' WHERE number = 3")
        .run(node.db())
        .await
        .unwrap();
    let refused = node.db().migrate().await.unwrap_err().to_string();
    assert!(refused.contains("0003_apps"), "{refused}");
}

/// Two processes that start on an empty database bring it up together.
async fn two_may_begin_on_an_empty_database(backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    let url = backend.fresh(folder.path()).await;
    let open = async || {
        let db = afterparty::kernel::db::Db::open(&url).await.unwrap();
        db.migrate().await
    };
    let all = futures_util::future::join_all((0..4).map(|_| open())).await;
    for one in all {
        one.unwrap();
    }
}

async fn jobs_run_once_and_come_back(backend: Backend) {
    let (net, node) = TestNode::one(&backend).await;
    let app = node.app();
    let member = node.sign_up("ana").await;
    use afterparty::jobs::lanes::Lane;
    use afterparty::jobs::{self, Job};
    jobs::enqueue(
        &app.db,
        app.clock.now(),
        Job::FollowHandle {
            account: member.id,
            handle: "nobody@nowhere.test".into(),
        },
    )
    .await
    .unwrap();
    let claimed = jobs::claim(&app.db, app.clock.now(), Lane::Network, 10)
        .await
        .unwrap();
    assert_eq!(claimed.len(), 1);
    assert!(
        jobs::claim(&app.db, app.clock.now(), Lane::Network, 10)
            .await
            .unwrap()
            .is_empty(),
        "a leased job is nobody else's"
    );
    jobs::give_back(&app.db, app.clock.now(), &claimed[0], "not yet")
        .await
        .unwrap();
    assert!(
        jobs::claim(&app.db, app.clock.now(), Lane::Network, 10)
            .await
            .unwrap()
            .is_empty(),
        "it waits"
    );
    for round in 2..=8 {
        net.clock.advance(std::time::Duration::from_secs(100_000));
        let claimed = jobs::claim(&app.db, app.clock.now(), Lane::Network, 10)
            .await
            .unwrap();
        assert_eq!(claimed[0].attempts, round);
        jobs::give_back(&app.db, app.clock.now(), &claimed[0], "never")
            .await
            .unwrap();
    }
    net.clock.advance(std::time::Duration::from_secs(100_000));
    assert!(
        jobs::claim(&app.db, app.clock.now(), Lane::Network, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        jobs::counts(&app.db).await.unwrap(),
        (0, 1),
        "after eight tries it is put aside"
    );
    assert_eq!(
        jobs::retry_dead(&app.db, app.clock.now(), &[claimed[0].id])
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        jobs::claim(&app.db, app.clock.now(), Lane::Network, 10)
            .await
            .unwrap()
            .len(),
        1
    );
}

async fn a_grant_opens_and_closes(backend: Backend) {
    let (net, node) = TestNode::one(&backend).await;
    let (app, db) = (node.app(), node.db());
    let (host, fan) = (node.host("nina").await, node.sign_up("fan").await);
    let mut tx = db.begin().await.unwrap();
    let now = app.clock.now();
    let made = audiences::create_grant(&mut tx, host.id, "tier", "inner circle", now).await;
    let grant = made.unwrap();
    tx.commit().await.unwrap();
    let thing = Thing {
        post: PostId(1),
        author: host.id,
        audience: Audience::Grant(grant),
    };
    assert!(!audiences::may_see(app, Some(&fan), thing).await.unwrap());
    assert!(!audiences::may_see(app, None, thing).await.unwrap());
    let until = app.clock.now().plus(std::time::Duration::from_secs(60));
    audiences::add_member(db, grant, fan.id, Some(until), "hand")
        .await
        .unwrap();
    assert!(audiences::may_see(app, Some(&fan), thing).await.unwrap());
    net.clock.advance(std::time::Duration::from_secs(61));
    assert!(
        !audiences::may_see(app, Some(&fan), thing).await.unwrap(),
        "the right has ended"
    );
    audiences::add_member(db, grant, fan.id, None, "hand")
        .await
        .unwrap();
    assert!(audiences::may_see(app, Some(&fan), thing).await.unwrap());
    audiences::remove_member(db, grant, fan.id).await.unwrap();
    assert!(!audiences::may_see(app, Some(&fan), thing).await.unwrap());
    assert!(audiences::may_see(app, Some(&host), thing).await.unwrap());
}

async fn a_second_start_goes_straight_to_work(backend: Backend) {
    let (mut net, node) = TestNode::one(&backend).await;
    let host = node.host("nina").await;
    node.post(&host, "still here").await;
    settle(&[&node]).await;
    let TestNode {
        folder,
        running,
        database,
        ..
    } = node;
    running.stop().await;
    let listener = net.listen("here.test").await;
    let again = net
        .node_in("here.test", folder, &database, listener, &[])
        .await;
    assert_eq!(again.home_of("nina").await, ["still here"]);
    let db = Db::open(&database).await.unwrap();
    sql("INSERT INTO migrations VALUES (9999, 'from the future')")
        .run(&db)
        .await
        .unwrap();
    let refused = db.migrate().await.unwrap_err().to_string();
    assert!(
        refused.contains("9999"),
        "an older program refuses a newer schema: {refused}"
    );
}
