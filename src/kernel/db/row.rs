//! Rows, read by column name.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Postgres, Row as _, Sqlite, Type};

use crate::kernel::clock::Time;

/// A row of either database.
pub enum Row {
    /// From SQLite.
    Sqlite(SqliteRow),
    /// From PostgreSQL.
    Postgres(PgRow),
}

/// Something a column can be read as.
pub trait Column: Sized {
    /// Reads the named column.
    ///
    /// # Errors
    /// When there is no such column or it holds something else.
    fn read(row: &Row, name: &str) -> sqlx::Result<Self>;
}

impl Row {
    /// Reads the named column.
    ///
    /// # Errors
    /// When there is no such column or it holds something else.
    pub fn get<T: Column>(&self, name: &str) -> sqlx::Result<T> {
        T::read(self, name)
    }

    fn raw<T>(&self, name: &str) -> sqlx::Result<T>
    where
        T: for<'r> Decode<'r, Sqlite>
            + Type<Sqlite>
            + for<'r> Decode<'r, Postgres>
            + Type<Postgres>,
    {
        match self {
            Self::Sqlite(row) => row.try_get(name),
            Self::Postgres(row) => row.try_get(name),
        }
    }
}

macro_rules! columns {
    ($($plain:ty),*) => {$(
        impl Column for $plain {
            fn read(row: &Row, name: &str) -> sqlx::Result<Self> {
                row.raw(name)
            }
        }
        impl Column for Option<$plain> {
            fn read(row: &Row, name: &str) -> sqlx::Result<Self> {
                row.raw(name)
            }
        }
    )*};
}

columns!(i64, String, Vec<u8>);

impl Column for bool {
    fn read(row: &Row, name: &str) -> sqlx::Result<Self> {
        Ok(row.get::<i64>(name)? != 0)
    }
}

impl Column for Time {
    fn read(row: &Row, name: &str) -> sqlx::Result<Self> {
        row.get(name).map(Self)
    }
}

impl Column for Option<Time> {
    fn read(row: &Row, name: &str) -> sqlx::Result<Self> {
        Ok(row.get::<Option<i64>>(name)?.map(Time))
    }
}
