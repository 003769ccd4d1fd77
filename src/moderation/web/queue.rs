//! `/operator/queue`: what waits for a look, to be let through or put aside, one by one or all at once.

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::response::IntoResponse;
use serde::Deserialize;

use crate::accounts::{self, Account};
use crate::app::App;
use crate::crew::audit::{self, Tally};
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::kernel::id::{AccountId, PostId};
use crate::posts::Post;
use crate::posts::held::{self, Held, Wished};
use crate::posts::view::{self, View};
use crate::ui::entitled::Moderator;
use crate::ui::{Page, PageResult, Ui, see_other};

/// How many are shown at once.
const SHOWN: i64 = 50;
/// How many are let through within a request; more go on behind it.
const AT_ONCE: usize = 100;
/// What stands for the house itself where a node is named.
const HERE: &str = "-";
/// How many are handled by one click.
const MOST: i64 = 5_000;
/// For how long what was put aside can be taken back by one click.
const BACK: std::time::Duration = std::time::Duration::from_secs(86_400);

#[derive(Template)]
#[template(path = "moderation/queue.html")]
struct QueuePage {
    ui: Ui,
    held: Vec<(Held, View)>,
    total: i64,
    /// Whose posts are shown, where it is one person's.
    author: Option<Account>,
    wished: WishForm,
    dropped: usize,
}

/// Which of what waits is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct WishForm {
    host: String,
    author: String,
}

impl WishForm {
    fn wished(&self) -> Result<Wished> {
        let author = match self.author.as_str() {
            "" => None,
            id => Some(id.parse::<AccountId>().map_err(|_| Error::NotFound)?),
        };
        let host = match self.host.as_str() {
            "" => None,
            HERE => Some(String::new()),
            host => Some(host.to_owned()),
        };
        Ok(Wished { author, host })
    }

    /// Whether only some of what waits is shown.
    fn narrows(&self) -> bool {
        !self.host.is_empty() || !self.author.is_empty()
    }
}

/// `GET /operator/queue`
pub async fn index(
    State(app): State<App>,
    Moderator(me, visitor): Moderator,
    Query(wished): Query<WishForm>,
) -> PageResult {
    let since = app.clock.now().minus(BACK);
    let wish = wished.wished()?;
    let held = held::list(&app, &wish, SHOWN).await?;
    let posts: Vec<Post> = held.iter().map(|one| one.post.clone()).collect();
    let views = view::load(&app, Some(&me), &posts).await?;
    let author = match wish.author {
        Some(author) => Some(accounts::get(&app, author).await?),
        None => None,
    };
    let total = if wished.narrows() {
        held::which(&app, &wish, MOST)
            .await?
            .len()
            .try_into()
            .unwrap_or(MOST)
    } else {
        held::counts(&app).await?.0
    };
    Ok(Page(QueuePage {
        ui: visitor.ui,
        held: held.into_iter().zip(views).collect(),
        total,
        author,
        dropped: held::dropped(&app, since, MOST).await?.len(),
        wished,
    })
    .into_response())
}

/// Lets posts through: a few at once, each with its count in the log; many in turns behind, with how many they are.
async fn release(app: &App, me: &Account, which: &[PostId]) -> Result<()> {
    let (now, act) = (app.clock.now(), "queue-released");
    if which.len() <= AT_ONCE {
        let mut tally = Tally::new(now, me.id, act);
        for id in which {
            let mut tx = app.db.begin().await?;
            if held::release_in(app, &mut tx, *id).await? {
                tally.add(&mut tx).await?;
                tx.commit().await?;
                app.wake.notify_waiters();
            }
        }
        return Ok(());
    }
    let mut tx = app.db.begin().await?;
    for few in which.chunks(AT_ONCE) {
        jobs::enqueue(&mut tx, now, Job::ReleasePosts(few.to_vec())).await?;
    }
    audit::note(&mut tx, now, me.id, act, &which.len().to_string()).await?;
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// `POST /operator/queue`: `release` and `drop` what is ticked, `release-all` and `drop-all` what belongs to the wish,
/// `take-back` what was put aside within a day.
pub async fn act(
    State(app): State<App>,
    Moderator(me, _): Moderator,
    Form(form): Form<Vec<(String, String)>>,
) -> PageResult {
    let text = |wanted: &str| {
        let found = form.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let wish = WishForm {
        host: text("host"),
        author: text("author"),
    };
    let ticked = form.iter().filter(|(name, _)| name == "post");
    let ticked: Vec<PostId> = ticked.filter_map(|(_, id)| id.parse().ok()).collect();
    let act = text("act");
    let which = match act.as_str() {
        "release" | "drop" => ticked,
        "release-all" | "drop-all" => held::which(&app, &wish.wished()?, MOST).await?,
        "take-back" => held::dropped(&app, app.clock.now().minus(BACK), MOST).await?,
        _ => return Err(Error::NotFound.into()),
    };
    if act.starts_with("release") {
        release(&app, &me, &which).await?;
    } else {
        put(&app, &me, &which, act == "take-back").await?;
    }
    Ok(see_other("/operator/queue"))
}

/// Puts posts aside, or back to what waits.
async fn put(app: &App, me: &Account, which: &[PostId], back: bool) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let (act, touched) = if back {
        ("queue-taken-back", held::take_back(&mut tx, which).await?)
    } else {
        ("queue-dropped", held::drop(&mut tx, now, which).await?)
    };
    if touched > 0 {
        audit::note(&mut tx, now, me.id, act, &touched.to_string()).await?;
    }
    Ok(tx.commit().await?)
}
