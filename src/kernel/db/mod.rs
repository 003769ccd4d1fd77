//! The database: SQLite or PostgreSQL behind one set of statements.
//!
//! A statement is written once (`$1` placeholders, RETURNING, ON CONFLICT) and overrides its dialect
//! only where it must. Whoever writes several rows takes a [`Tx`]; nothing holds one across the network.

mod migrate;
mod query;
mod row;
mod trouble;
mod upkeep;

use std::collections::BTreeSet;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, PgPool, Postgres, Sqlite, SqlitePool, Transaction};

use crate::kernel::clock::{Clock, Time};
use crate::kernel::crypt::sha256;

pub use migrate::{MigrateError, schema_version};
pub use query::{Arg, Conn, Query, ids, sql};
pub use row::{Column, Row};
pub use trouble::Trouble;

/// A pool of connections to the node's database; cheap to clone.
#[derive(Clone, Debug)]
pub enum Db {
    /// One file: a single writer and several readers.
    Sqlite {
        /// Connections for statements that only read.
        readers: SqlitePool,
        /// The one connection that writes.
        writer: SqlitePool,
    },
    /// A server, for several processes.
    Postgres(PgPool),
}

/// An open transaction; rolled back unless committed.
pub struct Tx {
    inner: TxInner,
    _held: held::Held,
}

enum TxInner {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Db {
    /// Opens the database named by a `sqlite:` or `postgres:` address; a missing SQLite file is created.
    ///
    /// # Errors
    /// When the address is of neither kind or the database cannot be reached.
    pub async fn open(url: &str) -> sqlx::Result<Self> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            return Self::open_sqlite(Path::new(path.trim_start_matches("//"))).await;
        }
        let options = PgConnectOptions::from_str(url)?
            .application_name("afterparty")
            .options([
                ("statement_timeout", "30s"),
                ("idle_in_transaction_session_timeout", "60s"),
            ]);
        let pool = PgPoolOptions::new()
            .max_connections(12)
            .acquire_timeout(Duration::from_secs(8))
            .connect_with(options)
            .await?;
        Ok(Self::Postgres(pool))
    }

    async fn open_sqlite(path: &Path) -> sqlx::Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5))
            .pragma("journal_size_limit", "67108864")
            .statement_cache_capacity(300);
        let mut tries = 0;
        let writer = loop {
            let writer = SqlitePoolOptions::new()
                .max_connections(1)
                .acquire_timeout(Duration::from_secs(20))
                // SQLite ends a transaction itself when its disk is full; who believes to be inside one is replaced.
                .before_acquire(|writer, _| {
                    Box::pin(async move { Ok(!writer.is_in_transaction()) })
                })
                .connect_with(options.clone())
                .await;
            match writer {
                // A new file is being prepared by somebody else, who does not wait for us, nor we for them.
                Err(error) if Trouble::of(&error) == Some(Trouble::Away) && tries < 20 => {
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                writer => break writer?,
            }
        };
        let readers = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_lazy_with(options);
        Ok(Self::Sqlite { readers, writer })
    }

    /// Begins a transaction. In debug builds it panics when the task already holds one, since on SQLite it would wait for itself.
    ///
    /// # Errors
    /// When no connection is free in time.
    pub async fn begin(&self) -> sqlx::Result<Tx> {
        let held = held::Held::take();
        let inner = match self {
            Self::Sqlite { writer, .. } => {
                TxInner::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?)
            }
            Self::Postgres(pool) => TxInner::Postgres(pool.begin().await?),
        };
        Ok(Tx { inner, _held: held })
    }

    /// Brings the schema up to this program's version.
    ///
    /// # Errors
    /// When a step fails or the schema is newer than this program.
    pub async fn migrate(&self) -> Result<(), MigrateError> {
        migrate::migrate(self).await
    }

    /// Puts a clock right by that of the server, which several processes share: a lease ends for all of them at once.
    /// A second of difference is no difference.
    ///
    /// # Errors
    /// What the database says.
    pub async fn set_clock(&self, clock: &Clock) -> sqlx::Result<()> {
        if !self.is_postgres() {
            return Ok(());
        }
        let asked = clock.now();
        let row = sql("SELECT CAST(0 AS BIGINT) AS at")
            .on_postgres(
                "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS at",
            )
            .one(self)
            .await?;
        let shown = Time(row.get("at")?).plus(clock.now().since(asked) / 2);
        let off = shown.0.abs_diff(clock.now().0);
        if off > 1_000 {
            tracing::warn!(
                milliseconds = off,
                "this machine's clock is not the database's; the database's counts"
            );
            clock.set(shown);
        }
        Ok(())
    }

    /// Whether this is PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Copies the database into a new SQLite file, consistent while others write.
    ///
    /// # Errors
    /// When the file exists or cannot be written, or on PostgreSQL, which has `pg_dump` for this.
    pub async fn copy_to(&self, file: &Path) -> sqlx::Result<()> {
        match self {
            Self::Sqlite { readers, .. } => {
                let name = file.to_string_lossy().into_owned();
                sqlx::query("VACUUM INTO $1")
                    .bind(name)
                    .execute(readers)
                    .await?;
                Ok(())
            }
            Self::Postgres(_) => Err(sqlx::Error::Configuration(
                "PostgreSQL is copied by pg_dump".into(),
            )),
        }
    }

    /// Prepares a statement without running it, to see that this database understands it.
    ///
    /// # Errors
    /// What the database says about the statement.
    pub async fn prepare(&self, query: &Query) -> sqlx::Result<()> {
        use sqlx::Executor as _;
        let text = query.text(self.is_postgres());
        match self {
            Self::Sqlite { writer, .. } => {
                writer
                    .acquire()
                    .await?
                    .prepare(sqlx::AssertSqlSafe(text).into_sql_str())
                    .await?;
            }
            Self::Postgres(pool) => {
                pool.acquire()
                    .await?
                    .prepare(sqlx::AssertSqlSafe(text).into_sql_str())
                    .await?;
            }
        }
        Ok(())
    }

    /// Closes every connection; what is under way ends first.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { readers, writer } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

use sqlx::SqlSafeStr as _;

/// A number for a name, the same in every process.
fn number_of(name: &str) -> i64 {
    let hash = sha256(name.as_bytes());
    i64::from_be_bytes(hash.first_chunk().copied().unwrap_or_default())
}

impl Tx {
    /// Holds names until the transaction ends, once nobody else holds any of them: of two who look whether the other
    /// is here, the second sees what the first wrote. On SQLite one transaction writes at a time anyway. To be called
    /// before anything else, so that nobody waits for a row meanwhile.
    ///
    /// # Errors
    /// What the database says.
    pub async fn hold(&mut self, names: &[&str]) -> sqlx::Result<()> {
        if let TxInner::Sqlite(_) = self.inner {
            return Ok(());
        }
        // In one order for everybody, so that no two wait for each other.
        let names: BTreeSet<i64> = names.iter().map(|name| number_of(name)).collect();
        for name in names {
            sql("SELECT CAST($1 AS BIGINT) AS held")
                .on_postgres("SELECT 1 AS held FROM (SELECT pg_advisory_xact_lock($1)) AS lock")
                .bind(name)
                .run(&mut *self)
                .await?;
        }
        Ok(())
    }

    /// Makes the changes durable and visible.
    ///
    /// # Errors
    /// When the database refuses; then nothing has changed.
    pub async fn commit(self) -> sqlx::Result<()> {
        match self.inner {
            TxInner::Sqlite(tx) => trouble::stop_if_broken(tx.commit().await),
            TxInner::Postgres(tx) => tx.commit().await,
        }
    }
}

/// Notices, in debug builds, a task that begins a transaction or reads from the pool while it holds one.
mod held {
    #[cfg(debug_assertions)]
    use std::{collections::HashSet, sync::Mutex, sync::PoisonError};

    #[cfg(debug_assertions)]
    static HOLDERS: Mutex<Option<HashSet<tokio::task::Id>>> = Mutex::new(None);

    pub struct Held(#[cfg(debug_assertions)] Option<tokio::task::Id>);

    impl Held {
        #[cfg(debug_assertions)]
        pub fn take() -> Self {
            let task = tokio::task::try_id();
            if let Some(id) = task {
                let mut holders = HOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
                let fresh = holders.get_or_insert_default().insert(id);
                drop(holders);
                assert!(fresh, "this task already holds a transaction");
            }
            Self(task)
        }

        /// Panics where this task holds a transaction: what is read beside it is not what it sees.
        #[cfg(debug_assertions)]
        pub fn none() {
            let Some(id) = tokio::task::try_id() else {
                return;
            };
            let holders = HOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
            let holds = holders.as_ref().is_some_and(|all| all.contains(&id));
            drop(holders);
            assert!(!holds, "this task holds a transaction and reads beside it");
        }

        #[cfg(not(debug_assertions))]
        pub fn none() {}

        #[cfg(not(debug_assertions))]
        pub fn take() -> Self {
            Self()
        }
    }

    #[cfg(debug_assertions)]
    impl Drop for Held {
        fn drop(&mut self) {
            if let (Some(id), Ok(mut holders)) = (self.0, HOLDERS.lock()) {
                holders.get_or_insert_default().remove(&id);
            }
        }
    }
}
