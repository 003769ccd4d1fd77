//! Statements and what is bound to them.

use std::borrow::Cow;
use std::future::Future;

use sqlx::postgres::PgArguments;
use sqlx::query::Query as SqlxQuery;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Postgres, Sqlite};

use super::held::Held;
use super::trouble::stop_if_broken;
use super::{Db, Row, Tx, TxInner};
use crate::kernel::clock::Time;
use crate::kernel::page::Window;

/// A value bound to a placeholder.
#[derive(Clone, Debug)]
pub enum Arg {
    /// A whole number, a time, a flag or an id.
    Int(Option<i64>),
    /// Text, also JSON.
    Text(Option<String>),
    /// Bytes.
    Bytes(Option<Vec<u8>>),
}

/// A zero byte is text to nobody, and one of the databases refuses it.
fn clean(text: String) -> String {
    if text.contains('\0') {
        text.replace('\0', "")
    } else {
        text
    }
}

macro_rules! args {
    ($($from:ty => $value:ident $variant:ident $to:expr;)*) => {$(
        impl From<$from> for Arg {
            fn from($value: $from) -> Self {
                Self::$variant($to)
            }
        }
    )*};
}

args! {
    i64 => v Int Some(v);
    Option<i64> => v Int v;
    bool => v Int Some(i64::from(v));
    Time => v Int Some(v.0);
    Option<Time> => v Int v.map(|at| at.0);
    &str => v Text Some(clean(v.to_owned()));
    String => v Text Some(clean(v));
    &String => v Text Some(clean(v.clone()));
    Option<String> => v Text v.map(clean);
    Option<&str> => v Text v.map(|text| clean(text.to_owned()));
    Vec<u8> => v Bytes Some(v);
    &[u8] => v Bytes Some(v.to_vec());
    Option<Vec<u8>> => v Bytes v;
}

/// A list of ids as one argument: a JSON array, read by `SELECT value FROM json_each($1)` on both databases.
pub fn ids<T: Copy + Into<Arg>>(list: impl IntoIterator<Item = T>) -> String {
    let numbers: Vec<String> = list
        .into_iter()
        .filter_map(|id| match id.into() {
            Arg::Int(Some(number)) => Some(number.to_string()),
            _ => None,
        })
        .collect();
    format!("[{}]", numbers.join(","))
}

/// A statement with its arguments.
#[derive(Clone, Debug)]
pub struct Query {
    common: &'static str,
    sqlite: Option<&'static str>,
    postgres: Option<&'static str>,
    args: Vec<Arg>,
    oldest_first: bool,
}

/// A statement that both databases understand.
pub fn sql(text: &'static str) -> Query {
    Query {
        common: text,
        sqlite: None,
        postgres: None,
        args: Vec::new(),
        oldest_first: false,
    }
}

impl Query {
    /// What PostgreSQL is told instead.
    #[must_use]
    pub fn on_postgres(mut self, text: &'static str) -> Self {
        self.postgres = Some(text);
        self
    }

    /// What SQLite is told instead.
    #[must_use]
    pub fn on_sqlite(mut self, text: &'static str) -> Self {
        self.sqlite = Some(text);
        self
    }

    /// Binds the next three placeholders: older than, newer than, at most. Where the rows next to the
    /// lower end are wanted, the last `DESC` becomes `ASC`.
    #[must_use]
    pub fn within(mut self, window: Window) -> Self {
        self.oldest_first = window.oldest_first;
        self.bind(window.before)
            .bind(window.after)
            .bind(window.limit)
    }

    /// Binds the next placeholder.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Arg>) -> Self {
        self.args.push(value.into());
        self
    }

    /// Every row.
    ///
    /// # Errors
    /// What the database says.
    pub async fn all(self, conn: impl Conn) -> sqlx::Result<Vec<Row>> {
        conn.rows(self).await
    }

    /// The first row, if any.
    ///
    /// # Errors
    /// What the database says.
    pub async fn optional(self, conn: impl Conn) -> sqlx::Result<Option<Row>> {
        Ok(conn.rows(self).await?.into_iter().next())
    }

    /// The first row.
    ///
    /// # Errors
    /// `RowNotFound` when there is none, else what the database says.
    pub async fn one(self, conn: impl Conn) -> sqlx::Result<Row> {
        self.optional(conn).await?.ok_or(sqlx::Error::RowNotFound)
    }

    /// Runs the statement; the number of rows it touched.
    ///
    /// # Errors
    /// What the database says.
    pub async fn run(self, conn: impl Conn) -> sqlx::Result<u64> {
        conn.run(self).await
    }

    pub(super) fn text(&self, postgres: bool) -> &'static str {
        let own = if postgres { self.postgres } else { self.sqlite };
        own.unwrap_or(self.common)
    }

    /// Whether the statement only reads, so that a reader connection may serve it.
    fn reads(&self) -> bool {
        let text = self.text(false).trim_start();
        text.starts_with("SELECT")
            || (text.starts_with("WITH")
                && !["INSERT", "UPDATE", "DELETE"]
                    .iter()
                    .any(|verb| text.contains(verb)))
    }

    /// The text in the order that was asked for.
    fn ordered(&self, postgres: bool) -> Cow<'static, str> {
        let text = self.text(postgres);
        match text.rsplit_once(" DESC") {
            Some((before, after)) if self.oldest_first => format!("{before} ASC{after}").into(),
            _ => text.into(),
        }
    }

    fn sqlite(self) -> SqlxQuery<'static, Sqlite, SqliteArguments> {
        let mut query = match self.ordered(false) {
            Cow::Borrowed(text) => sqlx::query(text),
            Cow::Owned(text) => sqlx::query(AssertSqlSafe(text)),
        };
        for arg in self.args {
            query = match arg {
                Arg::Int(v) => query.bind(v),
                Arg::Text(v) => query.bind(v),
                Arg::Bytes(v) => query.bind(v),
            };
        }
        query
    }

    fn postgres(self) -> SqlxQuery<'static, Postgres, PgArguments> {
        let mut query = match self.ordered(true) {
            Cow::Borrowed(text) => sqlx::query(text),
            Cow::Owned(text) => sqlx::query(AssertSqlSafe(text)),
        };
        for arg in self.args {
            query = match arg {
                Arg::Int(v) => query.bind(v),
                Arg::Text(v) => query.bind(v),
                Arg::Bytes(v) => query.bind(v),
            };
        }
        query
    }
}

/// Something statements run on: `&Db` for a single one, `&mut Tx` inside a transaction.
pub trait Conn: Send {
    /// Runs a statement and returns its rows.
    fn rows(self, query: Query) -> impl Future<Output = sqlx::Result<Vec<Row>>> + Send;
    /// Runs a statement and returns the number of rows it touched.
    fn run(self, query: Query) -> impl Future<Output = sqlx::Result<u64>> + Send;
}

impl Conn for &Db {
    async fn rows(self, query: Query) -> sqlx::Result<Vec<Row>> {
        Held::none();
        Ok(match self {
            Db::Sqlite { readers, writer } => {
                let pool = if query.reads() { readers } else { writer };
                query
                    .sqlite()
                    .fetch_all(pool)
                    .await?
                    .into_iter()
                    .map(Row::Sqlite)
                    .collect()
            }
            Db::Postgres(pool) => query
                .postgres()
                .fetch_all(pool)
                .await?
                .into_iter()
                .map(Row::Postgres)
                .collect(),
        })
    }

    async fn run(self, query: Query) -> sqlx::Result<u64> {
        Held::none();
        Ok(match self {
            Db::Sqlite { writer, .. } => {
                stop_if_broken(query.sqlite().execute(writer).await)?.rows_affected()
            }
            Db::Postgres(pool) => query.postgres().execute(pool).await?.rows_affected(),
        })
    }
}

impl Conn for &mut Tx {
    async fn rows(self, query: Query) -> sqlx::Result<Vec<Row>> {
        Ok(match &mut self.inner {
            TxInner::Sqlite(tx) => query
                .sqlite()
                .fetch_all(&mut **tx)
                .await?
                .into_iter()
                .map(Row::Sqlite)
                .collect(),
            TxInner::Postgres(tx) => query
                .postgres()
                .fetch_all(&mut **tx)
                .await?
                .into_iter()
                .map(Row::Postgres)
                .collect(),
        })
    }

    async fn run(self, query: Query) -> sqlx::Result<u64> {
        Ok(match &mut self.inner {
            TxInner::Sqlite(tx) => query.sqlite().execute(&mut **tx).await?.rows_affected(),
            TxInner::Postgres(tx) => query.postgres().execute(&mut **tx).await?.rows_affected(),
        })
    }
}
