//! `/operator/queue`: what waits for a look, to be let through or put aside, one by one or all at once.

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::response::IntoResponse;
use serde::Deserialize;

use crate::app::App;
use crate::crew::audit;
use crate::error::Error;
use crate::kernel::id::{AccountId, PostId};
use crate::posts::held::{self, Held, Wished};
use crate::ui::entitled::Moderator;
use crate::ui::{Page, PageResult, Ui, see_other};

/// How many are shown at once.
const SHOWN: i64 = 50;
/// How many are handled by one click.
const MOST: i64 = 5_000;
/// For how long what was put aside can be taken back by one click.
const BACK: std::time::Duration = std::time::Duration::from_secs(86_400);

#[derive(Template)]
#[template(path = "moderation/queue.html")]
struct QueuePage {
    ui: Ui,
    held: Vec<Held>,
    total: i64,
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
    fn wished(&self) -> Wished {
        Wished {
            author: self.author.parse::<AccountId>().ok(),
            host: self.host.clone(),
        }
    }
}

/// `GET /operator/queue`
pub async fn index(
    State(app): State<App>,
    Moderator(_, visitor): Moderator,
    Query(wished): Query<WishForm>,
) -> PageResult {
    let since = app.clock.now().minus(BACK);
    Ok(Page(QueuePage {
        ui: visitor.ui,
        held: held::list(&app, &wished.wished(), SHOWN).await?,
        total: held::counts(&app).await?.0,
        dropped: held::dropped(&app, since, MOST).await?.len(),
        wished,
    })
    .into_response())
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
        "release-all" | "drop-all" => held::which(&app, &wish.wished(), MOST).await?,
        "take-back" => held::dropped(&app, app.clock.now().minus(BACK), MOST).await?,
        _ => return Err(Error::NotFound.into()),
    };
    let did = match act.as_str() {
        "release" | "release-all" => {
            held::release(&app, &which).await?;
            "queue-released"
        }
        "take-back" => {
            held::take_back(&app, &which).await?;
            "queue-taken-back"
        }
        _ => {
            held::drop(&app, &which).await?;
            "queue-dropped"
        }
    };
    audit::note(&app, &me, did, &which.len().to_string()).await?;
    Ok(see_other("/operator/queue"))
}
