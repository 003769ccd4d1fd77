//! The database: every statement understood by both, the schemas alike, the rules of the transactions.

use std::path::Path;

use afterparty::audiences::{self, Audience, Thing};
use afterparty::kernel::db::{Db, sql};
use afterparty::kernel::id::PostId;

use crate::both;
use crate::support::{Backend, TestNode, settle};

both!(
    every_statement_is_understood,
    a_migration_that_was_changed_is_refused,
    two_may_begin_on_an_empty_database,
    jobs_run_once_and_come_back,
    a_grant_opens_and_closes,
    a_second_start_goes_straight_to_work
);

fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(std::fs::read_to_string(path).unwrap());
        }
    }
}

/// The conditions that several statements share, as they stand in the source.
const SHARED: [(&str, &str); 6] = [
    ("crate::visible!()", afterparty::visible!()),
    ("crate::heard!()", afterparty::heard!()),
    ("crate::placed!()", afterparty::placed!()),
    ("crate::wanted!()", afterparty::wanted!()),
    ("crate::home_sources!()", afterparty::home_sources!()),
    ("crate::at_home!()", afterparty::at_home!()),
];

/// The text of a call's literal argument, `concat!` and the shared conditions included; nothing when it is no literal.
fn literal(rest: &str) -> Option<String> {
    let rest = rest.trim_start();
    let rest = rest
        .strip_prefix("concat!")
        .map_or(rest, |rest| rest.trim_start().trim_start_matches('('));
    let mut text = String::new();
    let mut left = rest.trim_start();
    loop {
        let shared =
            |(name, words): &(&str, &'static str)| Some((left.strip_prefix(name)?, *words));
        if let Some((after, words)) = SHARED.iter().find_map(shared) {
            text.push_str(words);
            left = after;
        } else if let Some(after) = left.strip_prefix('"') {
            let end = after.find('"')?;
            // A backslash at the end of a line joins it with the next.
            let part: String = after[..end]
                .split("\\\n")
                .map(|line| line.trim_start_matches(' ').to_owned())
                .enumerate()
                .map(|(at, line)| if at == 0 { line } else { line })
                .collect();
            text.push_str(if after[..end].contains("\\\n") {
                &part
            } else {
                &after[..end]
            });
            left = &after[end + 1..];
        } else {
            return None;
        }
        left = left.trim_start();
        match left.strip_prefix(',') {
            Some(after) if !after.trim_start().starts_with(')') => left = after.trim_start(),
            _ => return Some(text),
        }
    }
}

/// Every statement in the source: what SQLite is told and what PostgreSQL is told.
fn statements() -> Vec<(String, String)> {
    let mut files = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    let mut found = Vec::new();
    for file in files {
        for (at, _) in file.match_indices("sql(") {
            let before = file[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let Some(common) = literal(&file[at + 4..]) else {
                continue;
            };
            // An override stands right behind its statement, before the first argument.
            let tail = &file[at..];
            let tail = &tail[..tail.find(".bind(").unwrap_or(tail.len()).min(tail.len())];
            let own = |name: &str| {
                tail.find(name)
                    .and_then(|at| literal(&tail[at + name.len()..]))
            };
            found.push((
                own(".on_sqlite(").unwrap_or_else(|| common.clone()),
                own(".on_postgres(").unwrap_or(common),
            ));
        }
    }
    found
}

async fn every_statement_is_understood(backend: Backend) {
    let (_, node) = TestNode::one(&backend).await;
    let statements = statements();
    assert!(
        statements.len() > 150,
        "only {} statements were found",
        statements.len()
    );
    let mut wrong = Vec::new();
    for (sqlite, postgres) in statements {
        let text: &'static str = Box::leak(
            (if node.db().is_postgres() {
                postgres
            } else {
                sqlite
            })
            .into_boxed_str(),
        );
        if let Err(error) = node.db().prepare(&sql(text)).await {
            wrong.push(format!("{text}\n    {error}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
