//! Personal copies: how a post for a grant leaves, one for each person, and what became of each.

use super::Post;
use crate::accounts::{self, Account};
use crate::app::App;
use crate::audiences::{self, Audience};
use crate::error::{Error, Result};
use crate::kernel::crypt;
use crate::kernel::db::{Conn, Row, Tx, sql};
use crate::kernel::id::{AccountId, PostId};

/// The columns of `post_copies` that are read.
macro_rules! copy_columns {
    () => {
        "post_copies.uri, post_copies.post_id, post_copies.account_id"
    };
}

/// How many copies are handled at once.
const BATCH: i64 = 200;

/// What of a post for a grant leaves the house.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Travels {
    /// Its text.
    Text,
    /// What its author wrote for everybody else.
    Teaser,
    /// Nothing.
    No,
}

impl Travels {
    /// All of them, the widest first.
    pub const ALL: [Self; 3] = [Self::Text, Self::Teaser, Self::No];

    /// Its name in the database and in forms.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Teaser => "teaser",
            Self::No => "no",
        }
    }

    /// Reads its name; what is unknown stays here.
    pub fn parse(name: &str) -> Self {
        let found = Self::ALL.into_iter().find(|travels| travels.name() == name);
        found.unwrap_or(Self::No)
    }
}

/// What is beside a post for a grant.
#[derive(Clone, Debug)]
pub struct Locked {
    /// What leaves.
    pub travels: Travels,
    /// What its author wrote for everybody else.
    pub teaser: String,
}

/// One person's copy of a post.
#[derive(Clone, Debug)]
pub struct Copy {
    /// Its id on the wire.
    pub uri: String,
    /// The post.
    pub post: PostId,
    /// Whose it is.
    pub account: AccountId,
}

fn read(row: &Row) -> sqlx::Result<Copy> {
    Ok(Copy {
        uri: row.get("uri")?,
        post: row.get("post_id")?,
        account: row.get("account_id")?,
    })
}

/// What leaves of a post for a grant.
///
/// # Errors
/// What the database says.
pub async fn locked(app: &App, post: PostId) -> Result<Locked> {
    let row = sql("SELECT travels, teaser FROM posts WHERE id = $1")
        .bind(post)
        .optional(&app.db)
        .await?
        .ok_or(Error::NotFound)?;
    Ok(Locked {
        travels: Travels::parse(&row.get::<String>("travels")?),
        teaser: row.get("teaser")?,
    })
}

/// Mints copies for up to 200 people elsewhere who may see a post and have none yet; for how many.
///
/// # Errors
/// What the database says.
pub async fn mint(app: &App, post: &Post) -> Result<usize> {
    let Audience::Grant(grant) = post.audience else {
        return Ok(0);
    };
    let now = app.clock.now();
    let mut minted = 0;
    let mut tx = app.db.begin().await?;
    for account in audiences::entitled(&mut tx, grant, post.id, now).await? {
        let copy = Copy {
            uri: format!("{}/c/{}", post.uri, crypt::opaque()),
            post: post.id,
            account: account.id,
        };
        insert(&mut tx, &copy, now.0).await?;
        minted += 1;
    }
    tx.commit().await?;
    Ok(minted)
}

async fn insert(tx: &mut Tx, copy: &Copy, now: i64) -> sqlx::Result<()> {
    sql("INSERT INTO post_copies (uri, post_id, account_id, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (post_id, account_id) DO NOTHING")
        .bind(&copy.uri)
        .bind(copy.post)
        .bind(copy.account)
        .bind(now)
        .run(&mut *tx)
        .await?;
    Ok(())
}

/// Up to 200 copies of a post, by whose they are, after one of them.
///
/// # Errors
/// What the database says.
pub async fn list(conn: impl Conn, post: PostId, after: AccountId) -> sqlx::Result<Vec<Copy>> {
    let rows = sql(concat!(
        "SELECT ",
        copy_columns!(),
        " FROM post_copies WHERE post_id = $1 AND account_id > $2 ORDER BY account_id LIMIT $3"
    ))
    .bind(post)
    .bind(after)
    .bind(BATCH)
    .all(conn)
    .await?;
    rows.iter().map(read).collect()
}

/// The blurhash that may be shown to everybody of a post for a tier: of its first picture, where its author said so.
///
/// # Errors
/// What the database says.
pub async fn sketch(app: &App, post: PostId) -> Result<Option<String>> {
    let row = sql("SELECT media.blurhash FROM media JOIN posts ON posts.id = media.post_id WHERE posts.id = $1 AND posts.blurred = 1 AND media.blurhash IS NOT NULL ORDER BY media.position, media.id LIMIT 1")
        .bind(post)
        .optional(&app.db)
        .await?;
    Ok(row.map(|row| row.get("blurhash")).transpose()?)
}

/// The copy somebody has of a post.
///
/// # Errors
/// What the database says.
pub async fn of(app: &App, post: PostId, account: AccountId) -> Result<Option<Copy>> {
    let row = sql(concat!(
        "SELECT ",
        copy_columns!(),
        " FROM post_copies WHERE post_id = $1 AND account_id = $2"
    ))
    .bind(post)
    .bind(account)
    .optional(&app.db)
    .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// The copy with this id on the wire, and whose it is.
///
/// # Errors
/// What the database says.
pub async fn find(app: &App, uri: &str) -> Result<Option<(Copy, Account)>> {
    let row = sql(concat!(
        "SELECT ",
        copy_columns!(),
        " FROM post_copies WHERE uri = $1"
    ))
    .bind(uri)
    .optional(&app.db)
    .await?;
    let Some(copy) = row.as_ref().map(read).transpose()? else {
        return Ok(None);
    };
    let account = accounts::get(app, copy.account).await?;
    Ok(Some((copy, account)))
}

/// Forgets a copy, once its owner was told that it is gone.
///
/// # Errors
/// What the database says.
pub async fn forget(app: &App, copy: &Copy) -> Result<()> {
    sql("DELETE FROM post_copies WHERE uri = $1")
        .bind(&copy.uri)
        .run(&app.db)
        .await?;
    Ok(())
}

/// What everybody else sees of a post for a grant, and what of it leaves.
pub(super) async fn set_locked(
    tx: &mut Tx,
    id: PostId,
    (teaser, blurred): (&str, bool),
    travels: Travels,
) -> sqlx::Result<()> {
    sql("UPDATE posts SET teaser = $1, blurred = $2, travels = $3 WHERE id = $4")
        .bind(teaser)
        .bind(blurred)
        .bind(travels.name())
        .bind(id)
        .run(&mut *tx)
        .await?;
    Ok(())
}
