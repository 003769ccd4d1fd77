//! What the first link of a post leads to: its title, a sentence and a picture, fetched once, some seconds later.

mod page;

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::{Post, store};
use crate::app::App;
use crate::error::Result;
use crate::jobs::news::{self, News};
use crate::jobs::{self, Job};
use crate::kernel::clock::Time;
use crate::kernel::crypt;
use crate::kernel::db::{Conn, Row, Tx, ids, sql};
use crate::kernel::html;
use crate::kernel::id::PostId;
use crate::kernel::origin::{host_of_uri, parse_url};
use crate::media;
use crate::nodes;
pub use page::Page;

/// The head of a page stands in its first 128 KiB, or we do without.
const MOST: usize = 128 << 10;
/// How long a page may take, redirects included.
const PATIENCE: Duration = Duration::from_secs(15);

/// So many pages are looked at at the same time; jobs of other kinds have places of their own.
static TURNS: Semaphore = Semaphore::const_new(4);
/// The largest page whose beginning is read.
const LARGEST: u64 = 64 << 20;
/// How long what was found is good.
const FRESH: Duration = Duration::from_secs(14 * 86_400);
/// Posts that came later than this have been read already.
const OLD: Duration = Duration::from_secs(30 * 86_400);

/// What a link leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The address.
    pub url: String,
    /// The title.
    pub title: String,
    /// A sentence.
    pub description: String,
    /// Who publishes it.
    pub provider: String,
    /// Who wrote it.
    pub author: String,
    /// A picture over there.
    pub picture: Option<String>,
    /// Width and height of the picture, as the page says.
    pub size: Option<(i64, i64)>,
}

impl Preview {
    /// The host it lies on.
    pub fn host(&self) -> String {
        host_of_uri(&self.url).unwrap_or_default()
    }

    /// A link that leads to nothing that could be shown.
    fn nothing(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            title: String::new(),
            description: String::new(),
            provider: String::new(),
            author: String::new(),
            picture: None,
            size: None,
        }
    }

    fn read(row: &Row) -> sqlx::Result<Self> {
        let (width, height): (Option<i64>, Option<i64>) = (row.get("width")?, row.get("height")?);
        Ok(Self {
            url: row.get("url")?,
            title: row.get("title")?,
            description: row.get("description")?,
            provider: row.get("provider_name")?,
            author: row.get("author_name")?,
            picture: row.get("picture_url")?,
            size: width.zip(height),
        })
    }
}

/// Has the first link of a post looked at soon, where it has one that may be; the moment is spread, since many
/// nodes learn of a post at once.
///
/// # Errors
/// What the database says.
pub(super) async fn expect(tx: &mut Tx, post: &Post, now: Time) -> sqlx::Result<()> {
    let open = post.audience.is_open() && post.boost_of.is_none() && post.quote_uri.is_none();
    let link = html::first_link(&post.html);
    sql("UPDATE posts SET preview_url = NULL WHERE id = $1 AND preview_url <> $2")
        .bind(post.id)
        .bind(link.clone().unwrap_or_default())
        .run(&mut *tx)
        .await?;
    if !open || link.is_none() || now.since(post.created_at) > OLD {
        return Ok(());
    }
    let wait = Duration::from_millis(3_000 + crypt::random_below(7_000));
    jobs::enqueue_at(&mut *tx, now, now.plus(wait), Job::FetchPreview(post.id)).await
}

/// Looks at the first link of a post. What cannot be had is left out, and not tried again.
///
/// # Errors
/// What the database says.
pub async fn fetch(app: &App, id: PostId) -> Result<()> {
    let Some(post) = store::find(&app.db, id).await? else {
        return Ok(());
    };
    let Some(url) = html::first_link(&post.html) else {
        return Ok(());
    };
    if !media::of_post(app, id).await?.is_empty() {
        return Ok(());
    }
    let now = app.clock.now();
    let known = sql("SELECT fetched_at FROM previews WHERE url = $1")
        .bind(&url)
        .optional(&app.db)
        .await?;
    let fresh = match known {
        Some(row) => now.since(row.get("fetched_at")?) < FRESH,
        None => false,
    };
    if !fresh {
        // Where many links came at once, the rest does without.
        let Ok(_turn) = TURNS.try_acquire() else {
            return Ok(());
        };
        let found = look(app, &url).await?;
        // What leads nowhere is remembered as well, and not asked for again and again.
        keep(
            &app.db,
            &found.unwrap_or_else(|| Preview::nothing(&url)),
            now,
        )
        .await?;
    }
    let mut tx = app.db.begin().await?;
    sql("UPDATE posts SET preview_url = $1 WHERE id = $2")
        .bind(&url)
        .bind(id)
        .run(&mut tx)
        .await?;
    news::tell(&mut tx, now, &News::Edited(id)).await?;
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// Reads the beginning of a page; nothing where it is none or says nothing.
async fn look(app: &App, url: &str) -> Result<Option<Preview>> {
    let Some(host) = host_of_uri(url) else {
        return Ok(None);
    };
    if !app.federates() || app.origin().authority() == host || nodes::is_blocked(app, &host).await?
    {
        return Ok(None);
    }
    let read = async {
        let accept = "text/html,application/xhtml+xml";
        let mut coming = app.http.download(url, accept, LARGEST, PATIENCE).await?;
        let kind = coming.header(http::header::CONTENT_TYPE);
        let mut bytes = Vec::new();
        while let Some(piece) = coming.chunk().await? {
            bytes.extend_from_slice(&piece);
            if bytes.len() >= MOST {
                bytes.truncate(MOST);
                break;
            }
        }
        Ok::<_, crate::kernel::http::FetchError>((kind, bytes, coming.url))
    };
    let (kind, bytes, at) = match tokio::time::timeout(PATIENCE, read).await {
        Ok(Ok(read)) => read,
        Ok(Err(error)) => {
            tracing::debug!(url, %error, "a link could not be looked at");
            return Ok(None);
        }
        Err(_) => return Ok(None),
    };
    let html = ["text/html", "application/xhtml+xml"];
    if !html
        .iter()
        .any(|html| kind.to_ascii_lowercase().starts_with(html))
    {
        return Ok(None);
    }
    let parsed = tokio::task::spawn_blocking(move || Page::read(&bytes, &kind)).await;
    let Some(page) = parsed.ok().filter(|page| !page.title.is_empty()) else {
        return Ok(None);
    };
    let picture = page.picture.as_deref().and_then(|link| at.join(link).ok());
    Ok(Some(Preview {
        url: url.to_owned(),
        title: html::shorten(&page.title, 300),
        description: html::shorten(&page.description, 600),
        provider: html::shorten(&page.provider, 100),
        author: html::shorten(&page.author, 100),
        picture: picture
            .filter(|link| parse_url(link.as_str()).is_some() && link.as_str().len() < 2000)
            .map(Into::into),
        size: page.size,
    }))
}

async fn keep(conn: impl Conn, preview: &Preview, now: Time) -> sqlx::Result<()> {
    sql("INSERT INTO previews (url, kind, title, description, provider_name, author_name, picture_url, width, height, fetched_at) VALUES ($1, 'link', $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (url) DO UPDATE SET title = EXCLUDED.title, description = EXCLUDED.description, provider_name = EXCLUDED.provider_name, author_name = EXCLUDED.author_name, picture_url = EXCLUDED.picture_url, width = EXCLUDED.width, height = EXCLUDED.height, fetched_at = EXCLUDED.fetched_at")
        .bind(&preview.url)
        .bind(&preview.title)
        .bind(&preview.description)
        .bind(&preview.provider)
        .bind(&preview.author)
        .bind(preview.picture.clone())
        .bind(preview.size.map(|(width, _)| width))
        .bind(preview.size.map(|(_, height)| height))
        .bind(now)
        .run(conn)
        .await?;
    Ok(())
}

/// What the first links of several posts lead to.
///
/// # Errors
/// What the database says.
pub async fn of_posts(app: &App, posts: &[PostId]) -> Result<HashMap<PostId, Preview>> {
    let rows = sql("SELECT posts.id AS post_id, previews.url, previews.title, previews.description, previews.provider_name, previews.author_name, previews.picture_url, previews.width, previews.height, previews.fetched_at FROM posts JOIN previews ON previews.url = posts.preview_url WHERE previews.title <> '' AND posts.id IN (SELECT value FROM json_each($1))")
        .bind(ids(posts.iter().copied()))
        .all(&app.db)
        .await?;
    rows.iter()
        .map(|row| Ok((row.get("post_id")?, Preview::read(row)?)))
        .collect()
}

/// Forgets what no post links to any more.
///
/// # Errors
/// What the database says.
pub async fn sweep(app: &App) -> Result<()> {
    sql("DELETE FROM previews WHERE fetched_at < $1 AND NOT EXISTS (SELECT 1 FROM posts WHERE posts.preview_url = previews.url)")
        .bind(app.clock.now().minus(OLD))
        .run(&app.db)
        .await?;
    Ok(())
}
