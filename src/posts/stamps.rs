//! Consents to be quoted (FEP-044f).

use crate::accounts::Account;
use crate::app::App;
use crate::kernel::db::{Conn, Tx, sql};
use crate::kernel::id::{PostId, StampId};

/// A consent to be quoted.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// Its id.
    pub id: StampId,
    /// What may be quoted.
    pub post: PostId,
    /// By which post, on the wire.
    pub quoting_uri: String,
}

/// The address of a consent by one of ours.
pub fn uri(app: &App, author: &Account, id: StampId) -> String {
    app.origin()
        .at(&format!("/users/{}/stamps/{id}", author.name))
}

pub(super) async fn insert(
    tx: &mut Tx,
    app: &App,
    post: PostId,
    quoting_uri: &str,
) -> sqlx::Result<StampId> {
    let now = app.clock.now();
    sql("INSERT INTO quote_stamps (id, post_id, quoting_uri, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (post_id, quoting_uri) DO NOTHING")
        .bind(StampId::mint(now))
        .bind(post)
        .bind(quoting_uri)
        .bind(now)
        .run(&mut *tx)
        .await?;
    sql("SELECT id FROM quote_stamps WHERE post_id = $1 AND quoting_uri = $2")
        .bind(post)
        .bind(quoting_uri)
        .one(&mut *tx)
        .await?
        .get("id")
}

/// Whether there is a consent that still counts for one post to quote another.
///
/// # Errors
/// What the database says.
pub async fn counts_for(conn: impl Conn, post: PostId, quoting_uri: &str) -> sqlx::Result<bool> {
    let row = sql("SELECT id FROM quote_stamps WHERE post_id = $1 AND quoting_uri = $2 AND revoked_at IS NULL")
        .bind(post)
        .bind(quoting_uri)
        .optional(conn)
        .await?;
    Ok(row.is_some())
}

/// A consent that still counts.
///
/// # Errors
/// What the database says.
pub async fn find(conn: impl Conn, id: StampId) -> sqlx::Result<Option<Stamp>> {
    let row = sql(
        "SELECT id, post_id, quoting_uri FROM quote_stamps WHERE id = $1 AND revoked_at IS NULL",
    )
    .bind(id)
    .optional(conn)
    .await?;
    row.map(|row| {
        Ok(Stamp {
            id: row.get("id")?,
            post: row.get("post_id")?,
            quoting_uri: row.get("quoting_uri")?,
        })
    })
    .transpose()
}
