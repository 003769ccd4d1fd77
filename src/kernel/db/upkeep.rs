//! Looking after a database while it is in use, in small steps: PostgreSQL does it itself, SQLite is told to.

use sqlx::Row as _;

use super::Db;

/// Pages that are given back to the disk in one step.
const PAGES: i64 = 256;
/// Steps that are taken at once; a flood goes within a few hours.
const STEPS: usize = 400;
/// `PRAGMA auto_vacuum` of a file that gives space back step by step.
const INCREMENTAL: i64 = 2;

impl Db {
    /// Whether somebody made tables here already.
    ///
    /// # Errors
    /// What the database says.
    pub async fn has_schema(&self) -> sqlx::Result<bool> {
        let found: i64 = match self {
            Self::Sqlite { writer, .. } => {
                sqlx::query_scalar("SELECT COUNT(*) FROM sqlite_master")
                    .fetch_one(writer)
                    .await?
            }
            Self::Postgres(pool) => {
                sqlx::query_scalar(
                    "SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema()",
                )
                .fetch_one(pool)
                .await?
            }
        };
        Ok(found > 0)
    }

    /// What is damaged in an SQLite database: pages, indexes, rows that name rows that are not there.
    ///
    /// # Errors
    /// What the database says.
    pub async fn faults(&self) -> sqlx::Result<Vec<String>> {
        let Self::Sqlite { writer, .. } = self else {
            return Ok(Vec::new());
        };
        let mut found: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(20)")
            .fetch_all(writer)
            .await?;
        found.retain(|line| line != "ok");
        let rows = sqlx::query("PRAGMA foreign_key_check")
            .fetch_all(writer)
            .await?;
        for row in rows.iter().take(20) {
            let (table, parent): (String, String) = (row.try_get(0)?, row.try_get(2)?);
            found.push(format!("a row of {table} names none of {parent}"));
        }
        Ok(found)
    }

    /// Sees that an SQLite file gives back to the disk what is deleted; a file from before is written anew once.
    pub(super) async fn give_back_space(&self) {
        let Self::Sqlite { writer, .. } = self else {
            return;
        };
        let kind = sqlx::query_scalar::<_, i64>("PRAGMA auto_vacuum")
            .fetch_one(writer)
            .await;
        if !kind.is_ok_and(|kind| kind != INCREMENTAL) {
            return;
        }
        let written = sqlx::raw_sql("PRAGMA auto_vacuum = INCREMENTAL; VACUUM")
            .execute(writer)
            .await;
        if let Err(cause) = written {
            tracing::warn!(%cause, "the database could not be written anew; what is deleted stays on disk until the next start");
        }
    }

    /// Gives space back and counts the rows of tables that changed, each step short, so that nobody waits.
    ///
    /// # Errors
    /// What the database says.
    pub async fn look_after(&self) -> sqlx::Result<()> {
        let Self::Sqlite { writer, .. } = self else {
            return Ok(());
        };
        for _ in 0..STEPS {
            let free: i64 = sqlx::query_scalar("PRAGMA freelist_count")
                .fetch_one(writer)
                .await?;
            // Some are kept: the next rows need them.
            if free <= PAGES {
                break;
            }
            sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
                "PRAGMA incremental_vacuum({PAGES})"
            )))
            .fetch_all(writer)
            .await?;
            tokio::task::yield_now().await;
        }
        // At most so many rows of an index are read for its figures; all tables, the first time.
        sqlx::raw_sql("PRAGMA analysis_limit = 400; PRAGMA optimize = 0x10002")
            .execute(writer)
            .await?;
        Ok(())
    }
}
