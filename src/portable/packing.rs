//! Packing an archive: the actor, the posts as ActivityStreams, lists, and files.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};

use serde_json::json;
use tempfile::NamedTempFile;

use super::{Kind, csv, followers};
use crate::accounts::{Account, Field};
use crate::app::App;
use crate::error::Result;
use crate::federation::actor;
use crate::federation::objects::note;
use crate::kernel::db::sql;
use crate::kernel::storage::Local;
use crate::kernel::text::field_html;
use crate::media::{self, incoming};
use crate::posts::{Post, store};

/// How many posts are read at once.
const AT_ONCE: i64 = 50;

/// An archive that grows entry by entry, and the posts in it as one growing list.
struct Growing {
    entries: tar::Builder<flate2::write::GzEncoder<File>>,
    posts: File,
    count: usize,
}

impl Growing {
    fn put(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.entries
            .append_data(&mut head(bytes.len() as u64), name, bytes)
    }

    fn put_file(&mut self, name: &str, mut file: File) -> io::Result<()> {
        let mut head = head(file.metadata()?.len());
        self.entries.append_data(&mut head, name, &mut file)
    }

    fn put_files(&mut self, files: Vec<(String, Local)>) -> io::Result<()> {
        for (name, file) in files {
            self.put_file(&name, File::open(file.path())?)?;
        }
        Ok(())
    }

    fn add_post(&mut self, post: &str) -> io::Result<()> {
        if self.count > 0 {
            self.posts.write_all(b",")?;
        }
        self.count += 1;
        self.posts.write_all(post.as_bytes())
    }

    /// Ends the list of posts and the archive.
    fn end(mut self) -> io::Result<()> {
        write!(self.posts, "],\"totalItems\":{}}}", self.count)?;
        self.posts.rewind()?;
        let posts = self.posts.try_clone()?;
        self.put_file("outbox.json", posts)?;
        self.entries.into_inner()?.finish()?.flush()
    }
}

fn head(bytes: u64) -> tar::Header {
    let mut head = tar::Header::new_gnu();
    head.set_size(bytes);
    head.set_mode(0o644);
    head
}

/// Does what reads and writes disks where nothing waits for it.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    Ok(tokio::task::spawn_blocking(work)
        .await
        .map_err(anyhow::Error::from)??)
}

/// Packs the archive of a member, and notes after every few posts how far it is.
///
/// # Errors
/// What the database or the disk says.
pub(super) async fn write(app: &App, member: &Account, id: i64) -> Result<NamedTempFile> {
    let folder = incoming::folder(app)?;
    let file = NamedTempFile::new_in(&folder)?;
    let packed = flate2::write::GzEncoder::new(file.reopen()?, flate2::Compression::fast());
    let mut posts = tempfile::tempfile_in(&folder)?;
    write!(
        posts,
        "{{\"@context\":{},\"id\":\"outbox.json\",\"type\":\"OrderedCollection\",\"orderedItems\":[",
        note::context()
    )?;
    let mut archive = Growing {
        entries: tar::Builder::new(packed),
        posts,
        count: 0,
    };
    archive = put_actor(app, member, archive).await?;
    archive.put("followers.csv", followers(app, member).await?.as_bytes())?;
    put_lists(app, member, &mut archive).await?;
    let mut after = 0;
    loop {
        let rows = sql(concat!(
            "SELECT ",
            crate::post_columns!(),
            " FROM posts WHERE account_id = $1 AND id > $2 ORDER BY id LIMIT $3"
        ))
        .bind(member.id)
        .bind(after)
        .bind(AT_ONCE)
        .all(&app.db)
        .await?;
        let found: Vec<Post> = store::read_all(&rows)?;
        let Some(last) = found.last() else { break };
        after = last.id.0;
        archive = put_posts(app, member, &found, archive).await?;
        sql("UPDATE archives SET done = $2 WHERE id = $1")
            .bind(id)
            .bind(i64::try_from(archive.count).unwrap_or(i64::MAX))
            .run(&app.db)
            .await?;
    }
    aside(move || archive.end()).await?;
    Ok(file)
}

/// The actor with all its lines, as its owner knows it, and its pictures.
async fn put_actor(app: &App, member: &Account, mut archive: Growing) -> Result<Growing> {
    let mut document = actor::build(app, member);
    let line = |field: &Field| json!({"type": "PropertyValue", "name": field.name, "value": field_html(&field.value)});
    document["attachment"] = member.fields.iter().map(line).collect();
    let mut files = Vec::new();
    for (name, key, picture) in [
        ("avatar", "icon", &member.avatar),
        ("header", "image", &member.header),
    ] {
        let Some(picture) = picture else { continue };
        if let Some(file) = fetch(app, picture).await? {
            let inside = format!("{name}.{}", picture.rsplit('.').next().unwrap_or("png"));
            document[key]["url"] = json!(inside);
            files.push((inside, file));
        }
    }
    aside(move || {
        archive.put("actor.json", document.to_string().as_bytes())?;
        archive.put_files(files)?;
        Ok(archive)
    })
    .await
}

/// A file of ours as one that can be read here; one that is gone is left out.
async fn fetch(app: &App, name: &str) -> Result<Option<Local>> {
    let stored = media::files::stored(app, name).await?;
    match app.media.fetch(&stored, &incoming::folder(app)?).await {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What one marked, and the lists that any home reads.
async fn put_lists(app: &App, member: &Account, archive: &mut Growing) -> Result<()> {
    for (name, query) in [
        (
            "likes.json",
            sql(
                "SELECT posts.uri FROM favourites JOIN posts ON posts.id = favourites.post_id WHERE favourites.account_id = $1 ORDER BY favourites.id",
            ),
        ),
        (
            "bookmarks.json",
            sql(
                "SELECT posts.uri FROM bookmarks JOIN posts ON posts.id = bookmarks.post_id WHERE bookmarks.account_id = $1 ORDER BY bookmarks.id",
            ),
        ),
    ] {
        let rows = query.bind(member.id).all(&app.db).await?;
        let uris: Vec<String> = rows
            .iter()
            .map(|row| row.get("uri"))
            .collect::<sqlx::Result<_>>()?;
        let list = json!({"@context": "https://www.w3.org/ns/activitystreams", "id": name, "type": "OrderedCollection", "orderedItems": uris});
        archive.put(name, list.to_string().as_bytes())?;
    }
    for kind in Kind::ALL {
        archive.put(kind.file(), csv(app, member, kind).await?.as_bytes())?;
    }
    Ok(())
}

/// A few posts as activities; their files go into the archive.
async fn put_posts(
    app: &App,
    member: &Account,
    posts: &[Post],
    mut archive: Growing,
) -> Result<Growing> {
    let mut activities = Vec::new();
    let mut files: Vec<(String, Local)> = Vec::new();
    for post in posts {
        if let Some(boosted) = post.boost_of {
            if let Some(boosted) = store::find(&app.db, boosted).await? {
                activities.push(json!({"id": post.uri, "type": "Announce", "actor": member.uri, "published": post.created_at.rfc3339(), "object": boosted.uri}).to_string());
            }
            continue;
        }
        let mut note = note::build(app, member, post).await?;
        for (at, item) in media::of_post(app, post.id).await?.iter().enumerate() {
            let Some(name) = &item.file else { continue };
            if let Some(file) = fetch(app, name).await? {
                let inside = format!("media/{name}");
                note["attachment"][at]["url"] = json!(format!("/{inside}"));
                files.push((inside, file));
            }
        }
        activities.push(json!({"id": format!("{}/activity", post.uri), "type": "Create", "actor": member.uri, "published": note["published"], "to": note["to"], "cc": note["cc"], "object": note}).to_string());
    }
    aside(move || {
        for activity in activities {
            archive.add_post(&activity)?;
        }
        archive.put_files(files)?;
        Ok(archive)
    })
    .await
}
