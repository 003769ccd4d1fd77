//! The schema, step by step; the same numbers and names on both databases.

use super::{Db, sql};
use crate::kernel::crypt::sha256_base64;
use crate::kernel::failpoint;

/// One step of the schema.
struct Step {
    number: i64,
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! step {
    ($number:literal, $name:literal) => {
        Step {
            number: $number,
            name: $name,
            sqlite: include_str!(concat!("../../../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../../../migrations/postgres/", $name, ".sql")),
        }
    };
}

const STEPS: &[Step] = &[
    step!(1, "0001_core"),
    step!(2, "0002_delivery"),
    step!(3, "0003_apps"),
    step!(4, "0004_search"),
    step!(5, "0005_media"),
    step!(6, "0006_timelines"),
    step!(7, "0007_guests"),
    step!(8, "0008_door"),
    step!(9, "0009_members"),
    step!(10, "0010_grants"),
    step!(11, "0011_crew"),
    step!(12, "0012_peace"),
    step!(13, "0013_waiting"),
    step!(14, "0014_privacy"),
    step!(15, "0015_scanner"),
    step!(16, "0016_background"),
    step!(17, "0017_rights"),
    step!(18, "0018_lanes"),
    step!(19, "0019_indexes"),
    step!(20, "0020_comparing"),
    step!(21, "0021_given_up"),
    step!(22, "0022_undone"),
    step!(23, "0023_pages"),
    step!(24, "0024_interactions"),
];

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database was written by a newer program.
    #[error(
        "the database has schema version {found}, this program knows up to {known}: start the newer program, or restore a backup made before the upgrade"
    )]
    Newer {
        /// The version found.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// A step failed; it was rolled back.
    #[error("migration {name} failed and was rolled back: {cause}")]
    Step {
        /// The step's name.
        name: &'static str,
        /// What the database said.
        cause: sqlx::Error,
    },
    /// A step is not what it was when it ran here.
    #[error(
        "migration {0} was changed after it ran on this database; start the program that belongs to it, or restore a backup"
    )]
    Changed(&'static str),
    /// The database could not be asked.
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
}

/// The schema's version in the database; 0 when it is empty.
///
/// # Errors
/// What the database says.
pub async fn schema_version(db: &Db) -> sqlx::Result<i64> {
    let mut tx = db.begin().await?;
    // Several processes may start on an empty database together.
    tx.hold(&["the schema"]).await?;
    sql("CREATE TABLE IF NOT EXISTS migrations (number BIGINT PRIMARY KEY, name TEXT NOT NULL)")
        .run(&mut tx)
        .await?;
    sql("CREATE TABLE IF NOT EXISTS migration_sums (number BIGINT PRIMARY KEY, sum TEXT NOT NULL)")
        .run(&mut tx)
        .await?;
    tx.commit().await?;
    sql("SELECT COALESCE(MAX(number), 0) AS number FROM migrations")
        .one(db)
        .await?
        .get("number")
}

pub(super) async fn migrate(db: &Db) -> Result<(), MigrateError> {
    db.give_back_space().await;
    let found = schema_version(db).await?;
    let known = STEPS.last().map_or(0, |step| step.number);
    if found > known {
        return Err(MigrateError::Newer { found, known });
    }
    for step in STEPS.iter().filter(|step| step.number > found) {
        run(db, step).await.map_err(|cause| MigrateError::Step {
            name: step.name,
            cause,
        })?;
    }
    for step in STEPS {
        check(db, step).await?;
    }
    Ok(())
}

/// Compares a step with what it was when it ran here; of older houses the first comparison is the first note.
async fn check(db: &Db, step: &Step) -> Result<(), MigrateError> {
    let text = if db.is_postgres() {
        step.postgres
    } else {
        step.sqlite
    };
    let sum = sha256_base64(text.as_bytes());
    let row = sql("SELECT sum FROM migration_sums WHERE number = $1")
        .bind(step.number)
        .optional(db)
        .await?;
    match row {
        Some(row) if row.get::<String>("sum")? != sum => Err(MigrateError::Changed(step.name)),
        Some(_) => Ok(()),
        None => {
            sql("INSERT INTO migration_sums (number, sum) VALUES ($1, $2) ON CONFLICT (number) DO NOTHING")
                .bind(step.number)
                .bind(sum)
                .run(db)
                .await?;
            Ok(())
        }
    }
}

/// Runs one step and notes it, in one transaction; another process that was faster is noticed inside it.
async fn run(db: &Db, step: &Step) -> sqlx::Result<()> {
    match db {
        Db::Sqlite { writer, .. } => {
            let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
            let done = sqlx::query("SELECT 1 FROM migrations WHERE number = $1")
                .bind(step.number)
                .fetch_optional(&mut *tx)
                .await?;
            if done.is_none() {
                sqlx::raw_sql(step.sqlite).execute(&mut *tx).await?;
                sqlx::query("INSERT INTO migrations VALUES ($1, $2)")
                    .bind(step.number)
                    .bind(step.name)
                    .execute(&mut *tx)
                    .await?;
            }
            failpoint::reach("migration.before_commit", step.name);
            tx.commit().await?;
        }
        Db::Postgres(pool) => {
            let mut tx = pool.begin().await?;
            sqlx::query("SELECT pg_advisory_xact_lock(7162002)")
                .execute(&mut *tx)
                .await?;
            // A step may take as long as the tables are large.
            sqlx::query("SET LOCAL statement_timeout = 0")
                .execute(&mut *tx)
                .await?;
            let done = sqlx::query("SELECT 1 FROM migrations WHERE number = $1")
                .bind(step.number)
                .fetch_optional(&mut *tx)
                .await?;
            if done.is_none() {
                sqlx::raw_sql(step.postgres).execute(&mut *tx).await?;
                sqlx::query("INSERT INTO migrations VALUES ($1, $2)")
                    .bind(step.number)
                    .bind(step.name)
                    .execute(&mut *tx)
                    .await?;
            }
            failpoint::reach("migration.before_commit", step.name);
            tx.commit().await?;
        }
    }
    failpoint::reach("migration.after_commit", step.name);
    Ok(())
}
