//! What somebody outside sees of a post for a tier: what its author said about it, a blur, and how to get in.

use crate::accounts::Account;
use crate::app::App;
use crate::error::Result;
use crate::kernel::clock::Time;
use crate::kernel::db::{Row, ids, sql};
use crate::kernel::id::PostId;
use crate::media;
use crate::relations::blocks;

/// What somebody outside sees of a post for tiers.
#[derive(Clone, Debug)]
pub struct Locked {
    /// The post.
    pub post: PostId,
    /// The name of its author.
    pub author: String,
    /// What the author wrote for everybody else.
    pub teaser: String,
    /// The tiers it is for, one of which is enough: their names and how one gets in.
    pub tiers: Vec<(String, String)>,
    /// Its first picture as a blur that tells nothing: a `data:` address.
    pub blur: Option<String>,
    /// When it was written.
    pub created_at: Time,
}

impl Locked {
    /// The names of its tiers.
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.tiers.iter().map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    }
}

/// The posts these rows are, with the tiers they are for.
async fn complete(app: &App, rows: &[Row]) -> Result<Vec<Locked>> {
    let posts: Vec<PostId> = rows
        .iter()
        .map(|row| row.get("id"))
        .collect::<sqlx::Result<_>>()?;
    let tiers = sql("SELECT posts.id, audiences.name, tiers.how FROM posts JOIN audience_parts ON audience_parts.audience_id = posts.audience_id JOIN tiers ON tiers.audience_id = audience_parts.part_id JOIN audiences ON audiences.id = tiers.audience_id WHERE posts.id IN (SELECT value FROM json_each($1)) ORDER BY audiences.id")
        .bind(ids(posts.iter().copied()))
        .all(&app.db)
        .await?;
    let pictures = media::of_posts(app, &posts).await?;
    let mut found = Vec::new();
    for row in rows {
        let post: PostId = row.get("id")?;
        let mut locked = Locked {
            post,
            author: row.get("author_name")?,
            teaser: row.get("teaser")?,
            tiers: Vec::new(),
            blur: None,
            created_at: row.get("created_at")?,
        };
        for tier in &tiers {
            if tier.get::<PostId>("id")? == post {
                locked.tiers.push((tier.get("name")?, tier.get("how")?));
            }
        }
        if row.get::<bool>("blurred")? {
            let mut own = pictures.iter().filter(|item| item.post == Some(post));
            let hash = own.find_map(|item| item.blurhash.as_deref());
            locked.blur = hash.and_then(media::pictures::blur);
        }
        if !locked.tiers.is_empty() {
            found.push(locked);
        }
    }
    Ok(found)
}

/// The newest posts of an account that are for tiers the viewer has not, where something is said about them.
///
/// # Errors
/// What the database says.
pub async fn list(
    app: &App,
    viewer: Option<&Account>,
    author: crate::kernel::id::AccountId,
    most: i64,
) -> Result<Vec<Locked>> {
    let rows = sql(concat!("SELECT posts.id, posts.teaser, posts.blurred, posts.created_at, accounts.name AS author_name FROM posts JOIN accounts ON accounts.id = posts.account_id WHERE posts.account_id = $3 AND posts.audience = 'grant' AND posts.teaser <> '' AND accounts.disabled_at IS NULL AND NOT (", crate::visible!(), ") AND NOT EXISTS (SELECT 1 FROM blocks WHERE blocks.account_id = posts.account_id AND blocks.target_id = $1) ORDER BY posts.id DESC LIMIT $4"))
        .bind(viewer.map_or(0, |viewer| viewer.id.0))
        .bind(app.clock.now())
        .bind(author)
        .bind(most)
        .all(&app.db)
        .await?;
    complete(app, &rows).await
}

/// What somebody outside sees at the address of a post for tiers.
///
/// # Errors
/// What the database says.
pub async fn find(app: &App, viewer: Option<&Account>, post: PostId) -> Result<Option<Locked>> {
    let rows = sql("SELECT posts.id, posts.account_id AS author_id, posts.teaser, posts.blurred, posts.created_at, accounts.name AS author_name FROM posts JOIN accounts ON accounts.id = posts.account_id WHERE posts.id = $1 AND posts.audience = 'grant' AND posts.teaser <> '' AND accounts.disabled_at IS NULL")
        .bind(post)
        .all(&app.db)
        .await?;
    if let (Some(viewer), Some(row)) = (viewer, rows.first())
        && blocks::blocks(&app.db, row.get("author_id")?, viewer.id).await?
    {
        return Ok(None);
    }
    Ok(complete(app, &rows).await?.pop())
}
