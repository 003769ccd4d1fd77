//! Everything of one's own as an archive: the actor, the posts as ActivityStreams, lists, and files.

use std::io::Write;

use serde_json::{Value, json};

use super::{Kind, csv};
use crate::accounts::Account;
use crate::app::App;
use crate::error::Result;
use crate::federation::actor;
use crate::federation::objects::note;
use crate::kernel::db::sql;
use crate::media;
use crate::posts::{Post, store};

/// How many posts are read at once.
const AT_ONCE: i64 = 200;

/// An archive that grows entry by entry.
type Growing = tar::Builder<flate2::write::GzEncoder<std::fs::File>>;

fn put(archive: &mut Growing, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, name, bytes)
}

/// Writes the archive of a member into a file that is gone once it is closed; the file, at its beginning.
///
/// # Errors
/// What the database or the disk says.
pub async fn write(app: &App, member: &Account) -> Result<std::fs::File> {
    let file = tempfile::tempfile_in(&app.settings.data_dir)?;
    let packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    let mut archive = tar::Builder::new(packed);
    put(
        &mut archive,
        "actor.json",
        actor::build(app, member).to_string().as_bytes(),
    )?;
    let items = posts(app, member, &mut archive).await?;
    let outbox = json!({"@context": note::context(), "id": "outbox.json", "type": "OrderedCollection", "totalItems": items.len(), "orderedItems": items});
    put(&mut archive, "outbox.json", outbox.to_string().as_bytes())?;
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
        put(&mut archive, name, list.to_string().as_bytes())?;
    }
    for kind in Kind::ALL {
        let list = csv(app, member, kind).await?;
        put(&mut archive, kind.file(), list.as_bytes())?;
    }
    let mut file = archive.into_inner()?.finish()?;
    file.flush()?;
    std::io::Seek::rewind(&mut file)?;
    Ok(file)
}

/// The posts of a member as activities, oldest first; their files go into the archive.
async fn posts(app: &App, member: &Account, archive: &mut Growing) -> Result<Vec<Value>> {
    let mut items = Vec::new();
    let mut after = 0;
    loop {
        let rows = sql("SELECT * FROM posts WHERE account_id = $1 AND boost_of_id IS NULL AND id > $2 ORDER BY id LIMIT $3")
            .bind(member.id)
            .bind(after)
            .bind(AT_ONCE)
            .all(&app.db)
            .await?;
        let found: Vec<Post> = store::read_all(&rows)?;
        let Some(last) = found.last() else {
            return Ok(items);
        };
        after = last.id.0;
        for post in &found {
            let mut note = note::build(app, member, post).await?;
            let files = media::of_post(app, post.id).await?;
            for (at, item) in files.iter().enumerate() {
                let Some(name) = &item.file else { continue };
                let inside = format!("media/{name}");
                note["attachment"][at]["url"] = json!(format!("/{inside}"));
                let stored = media::files::stored(app, name).await?;
                if let Ok(bytes) = app.media.read(&stored).await {
                    put(archive, &inside, &bytes)?;
                }
            }
            items.push(json!({"id": format!("{}/activity", post.uri), "type": "Create", "actor": member.uri, "published": note["published"], "to": note["to"], "cc": note["cc"], "object": note}));
        }
    }
}
