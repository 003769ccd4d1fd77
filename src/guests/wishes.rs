//! What somebody went home to do: seen as done when the signed activity arrives, never on the browser's word.

use std::time::Duration;

use crate::accounts;
use crate::app::App;
use crate::error::Result;
use crate::kernel::clock::Time;
use crate::kernel::crypt;
use crate::kernel::db::sql;
use crate::posts;
use crate::relations::follows;

/// How long a wish is remembered.
const LIFE: Duration = Duration::from_secs(3600);

/// What somebody went home to do.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Who, as they said.
    pub actor: String,
    /// `follow`, `like`, `announce` or `create`.
    pub verb: String,
    /// About what.
    pub object: String,
    /// Where they came from.
    pub next: String,
    created_at: Time,
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing came yet.
    Waiting,
    /// It came, and somebody has to say yes first.
    Asked,
    /// It came.
    Done,
}

/// Remembers a wish; what its page is called.
///
/// # Errors
/// What the database says.
pub async fn remember(
    app: &App,
    actor: &str,
    (verb, object): (&str, &str),
    next: &str,
) -> Result<String> {
    let token = crypt::token();
    sql("INSERT INTO guest_wishes (token_hash, actor, verb, object, next, created_at) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(crypt::token_hash(&token))
        .bind(actor)
        .bind(verb)
        .bind(object)
        .bind(next)
        .bind(app.clock.now())
        .run(&app.db)
        .await?;
    Ok(token)
}

/// The wish of a page.
///
/// # Errors
/// What the database says.
pub async fn find(app: &App, token: &str) -> Result<Option<Wish>> {
    let row = sql("SELECT actor, verb, object, next, created_at FROM guest_wishes WHERE token_hash = $1 AND created_at > $2")
        .bind(crypt::token_hash(token))
        .bind(app.clock.now().minus(LIFE))
        .optional(&app.db)
        .await?;
    Ok(match row {
        Some(row) => Some(Wish {
            actor: row.get("actor")?,
            verb: row.get("verb")?,
            object: row.get("object")?,
            next: row.get("next")?,
            created_at: row.get("created_at")?,
        }),
        None => None,
    })
}

/// Whether it arrived. Somebody who only says to be a person learns of nothing that was there before they asked.
///
/// # Errors
/// What the database says.
pub async fn state(app: &App, wish: &Wish) -> Result<State> {
    let Some(actor) = accounts::find_by_uri(app, &wish.actor).await? else {
        return Ok(State::Waiting);
    };
    if wish.verb == "follow" {
        let Some(whom) = accounts::find_by_uri(app, &wish.object).await? else {
            return Ok(State::Waiting);
        };
        let follow = follows::find(&app.db, actor.id, whom.id).await?;
        return Ok(match follow {
            Some(follow) if follow.asked_at.unwrap_or(follow.created_at) < wish.created_at => {
                State::Waiting
            }
            Some(follow) if follow.accepted_at.is_some() => State::Done,
            Some(_) => State::Asked,
            None => State::Waiting,
        });
    }
    // Of what is narrow nothing is told here.
    let post = posts::find_by_uri(app, &wish.object).await?;
    let Some(post) = post.filter(|post| post.audience.is_open()) else {
        return Ok(State::Waiting);
    };
    let statement = match wish.verb.as_str() {
        "like" => sql(
            "SELECT 1 AS found FROM favourites WHERE account_id = $1 AND post_id = $2 AND created_at >= $3",
        ),
        "announce" => sql(
            "SELECT 1 AS found FROM posts WHERE account_id = $1 AND boost_of_id = $2 AND id >= $4 AND $3 = $3",
        ),
        _ => sql(
            "SELECT 1 AS found FROM posts WHERE account_id = $1 AND in_reply_to_id = $2 AND id >= $4 AND $3 = $3 AND audience IN ('public', 'unlisted')",
        ),
    };
    let mut query = statement.bind(actor.id).bind(post.id).bind(wish.created_at);
    if wish.verb != "like" {
        query = query.bind(crate::kernel::id::first_of(wish.created_at));
    }
    let found = query.optional(&app.db).await?;
    Ok(if found.is_some() {
        State::Done
    } else {
        State::Waiting
    })
}
