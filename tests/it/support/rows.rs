//! Rows that are written by hand, and everything that a database holds, to be compared.

use std::collections::BTreeMap;

use afterparty::kernel::db::{Db, sql};
use afterparty::kernel::id::AccountId;
use sqlx::AssertSqlSafe;

/// A host that nobody spoke with yet, with one account and its inbox; all three under this id. It is
/// reached by plain http, unless its name says how.
pub async fn stranger(db: &Db, id: i64, host: &str) {
    let (scheme, host) = host.split_once("://").unwrap_or(("http", host));
    let at = |path: &str| format!("{scheme}://{host}{path}");
    sql("INSERT INTO nodes (id, host, created_at) VALUES ($1, $2, 1)")
        .bind(id)
        .bind(host)
        .run(db)
        .await
        .unwrap();
    sql("INSERT INTO inboxes (id, node_id, url) VALUES ($1, $1, $2)")
        .bind(id)
        .bind(at("/inbox"))
        .run(db)
        .await
        .unwrap();
    sql("INSERT INTO accounts (id, kind, name, name_key, host, domain, uri, inbox_id, outbox_uri, created_at, updated_at) VALUES ($1, 'remote', 'x', 'x', $2, $2, $3, $1, $4, 1, 1)")
        .bind(id)
        .bind(host)
        .bind(at("/users/x"))
        .bind(at("/users/x/outbox"))
        .run(db)
        .await
        .unwrap();
}

/// A stranger who follows somebody here.
pub async fn follower(db: &Db, id: i64, host: &str, followed: AccountId) {
    stranger(db, id, host).await;
    sql("INSERT INTO follows (id, follower_id, followee_id, uri, created_at, accepted_at) VALUES ($1, $1, $2, $3, 1, 1)")
        .bind(id)
        .bind(followed)
        .bind(format!("follow {id}"))
        .run(db)
        .await
        .unwrap();
    sql("UPDATE accounts SET followers_count = followers_count + 1 WHERE id = $1")
        .bind(followed)
        .run(db)
        .await
        .unwrap();
}

/// The rows of all tables but these, as text, by table.
pub async fn everything(db: &Db, but: &[&str]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for table in tables(db).await {
        if but.contains(&&*table) {
            continue;
        }
        let rows = match db {
            Db::Sqlite { writer, .. } => {
                let columns: Vec<String> =
                    sqlx::query_scalar("SELECT name FROM pragma_table_info($1)")
                        .bind(&table)
                        .fetch_all(writer)
                        .await
                        .unwrap();
                let row: Vec<String> = columns
                    .iter()
                    .map(|name| format!("quote(\"{name}\")"))
                    .collect();
                let row = row.join(" || ',' || ");
                let all = format!(
                    "SELECT COALESCE(group_concat(r, char(10)), '') FROM (SELECT {row} AS r FROM \"{table}\" ORDER BY 1)"
                );
                sqlx::query_scalar(AssertSqlSafe(all))
                    .fetch_one(writer)
                    .await
                    .unwrap()
            }
            Db::Postgres(pool) => {
                let all = format!(
                    "SELECT COALESCE(string_agg(r, chr(10) ORDER BY r), '') FROM (SELECT t::text AS r FROM \"{table}\" t) q"
                );
                sqlx::query_scalar(AssertSqlSafe(all))
                    .fetch_one(pool)
                    .await
                    .unwrap()
            }
        };
        found.insert(table, rows);
    }
    found
}

/// Fails with the names of the tables that differ.
pub fn assert_same(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
    what: &str,
) {
    let tables = before
        .iter()
        .filter(|(name, rows)| after.get(*name) != Some(rows));
    let tables: Vec<&String> = tables.map(|(name, _)| name).collect();
    assert!(tables.is_empty(), "{what} changed {tables:?}");
}

async fn tables(db: &Db) -> Vec<String> {
    match db {
        Db::Sqlite { writer, .. } => sqlx::query_scalar(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND sql NOT LIKE 'CREATE VIRTUAL%'",
        )
        .fetch_all(writer)
        .await
        .unwrap(),
        Db::Postgres(pool) => {
            sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()")
                .fetch_all(pool)
                .await
                .unwrap()
        }
    }
}

/// Runs a statement that only one test needs.
pub async fn run(db: &Db, statement: &'static str) {
    match db {
        Db::Sqlite { writer, .. } => sqlx::raw_sql(statement).execute(writer).await.map(|_| ()),
        Db::Postgres(pool) => sqlx::raw_sql(statement).execute(pool).await.map(|_| ()),
    }
    .unwrap();
}

/// Adds a column to a table, as a later version of the program would.
pub async fn add_column(db: &Db, table: &str) {
    let added = format!("ALTER TABLE \"{table}\" ADD COLUMN added_later BIGINT");
    match db {
        Db::Sqlite { writer, .. } => sqlx::raw_sql(AssertSqlSafe(added))
            .execute(writer)
            .await
            .map(|_| ()),
        Db::Postgres(pool) => sqlx::raw_sql(AssertSqlSafe(added))
            .execute(pool)
            .await
            .map(|_| ()),
    }
    .unwrap();
}
