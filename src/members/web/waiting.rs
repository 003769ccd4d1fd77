//! `/waiting`: the waiting list as those who wait see it, and `/operator/waiting`: as the host does.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Deserialize;

use crate::accounts::letters::{self, By};
use crate::accounts::web::MessagePage;
use crate::accounts::{Account, dispatch};
use crate::app::App;
use crate::crew::audit::Tally;
use crate::error::{Error, Problem, Result};
use crate::federation::activities::letter;
use crate::federation::look_up;
use crate::federation::objects::Found;
use crate::kernel::text::fold_tag;
use crate::members::admitting;
use crate::members::places::{self, Placed};
use crate::members::waiting::{self, Asking, Waiting};
use crate::nodes::house;
use crate::nodes::joining;
use crate::ui::entitled::Admitter;
use crate::ui::page::with_status;
use crate::ui::{Page, PageResult, Ui, Visitor, see_other};

#[derive(Template)]
#[template(path = "members/waiting.html")]
struct WaitingPage {
    ui: Ui,
    question: String,
    form: WaitingForm,
    problems: Vec<Problem>,
}

/// What somebody fills in to wait.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct WaitingForm {
    address: String,
    answer: String,
    by: String,
}

async fn page(app: &App, ui: Ui, form: WaitingForm, problems: Vec<Problem>) -> Result<WaitingPage> {
    let joining = joining::get(app).await?;
    if !joining.waiting {
        return Err(Error::NotFound);
    }
    Ok(WaitingPage {
        ui,
        question: joining.waiting_question,
        form,
        problems,
    })
}

/// `GET /waiting`
pub async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Query(form): Query<WaitingForm>,
) -> PageResult {
    Ok(Page(page(&app, visitor.ui, form, Vec::new()).await?).into_response())
}

/// `POST /waiting`
pub async fn create(
    State(app): State<App>,
    visitor: Visitor,
    Form(form): Form<WaitingForm>,
) -> PageResult {
    page(&app, visitor.ui.clone(), WaitingForm::default(), Vec::new()).await?;
    app.limits
        .sign_up
        .take(visitor.address, app.clock.now())
        .map_err(Error::TooMany)?;
    let ui = visitor.ui.clone();
    match ask(&app, &visitor, &form).await {
        Ok(sentence) => {
            let page = MessagePage {
                title: ui.t("waiting-title-one"),
                sentences: vec![ui.t(sentence)],
                codes: Vec::new(),
                step: Some(("/".to_owned(), ui.t("to-the-house"))),
                ui,
            };
            Ok(Page(page).into_response())
        }
        Err(Error::Invalid(problems)) => {
            let page = page(&app, ui, form, problems).await?;
            Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, page))
        }
        Err(error) => Err(error.into()),
    }
}

async fn ask(app: &App, visitor: &Visitor, form: &WaitingForm) -> Result<&'static str> {
    let asking = Asking {
        from: visitor.address,
        answer: &form.answer,
        locale: visitor.ui.locale,
        by: &form.by,
    };
    let address = form.address.trim();
    let now = app.clock.now();
    app.limits
        .letters
        .take(visitor.address, now)
        .map_err(Error::TooMany)?;
    app.limits
        .all_letters
        .take((), now)
        .map_err(Error::TooMany)?;
    if !address.starts_with('@') && address.split('@').count() == 2 {
        waiting::ask_by_mail(app, address, &asking).await?;
        return Ok(if app.mailer.is_some() {
            "waiting-mail"
        } else {
            "waiting-kept"
        });
    }
    let account = match look_up::find(app, address).await {
        Ok(Found::Account(account)) if !account.is_local() => account,
        Ok(_) => return Err(Error::invalid("address", "error-invite-address")),
        Err(error) => return Err(Error::invalid("address", error.sentence())),
    };
    let asked = ("waiting", By::Address(visitor.address));
    letters::may_write(app, &account.uri, asked)?;
    let one = waiting::ask_by_handle(app, &account, &asking).await?;
    let house = house::get(app).await?.name;
    let first = one.locale.text_with("mail-waiting-subject", "house", house);
    let link = app.origin().at(&format!("/waiting/{}", one.token));
    letter::send(app, &account, &[&first, &link]).await?;
    app.wake.notify_waiters();
    Ok("waiting-letter")
}

#[derive(Template)]
#[template(path = "members/place.html")]
struct PlacePage {
    ui: Ui,
    one: Waiting,
    placed: Option<Placed>,
    total: i64,
}

/// `GET /waiting/{token}`: one's place, or the button that shows that the address is one's own.
pub async fn place(
    State(app): State<App>,
    visitor: Visitor,
    Path(token): Path<String>,
) -> PageResult {
    let (one, placed) = places::of(&app, &token).await?;
    Ok(Page(PlacePage {
        ui: visitor.ui,
        one,
        placed,
        total: places::count(&app).await?,
    })
    .into_response())
}

/// `POST /waiting/{token}/{verb}`: confirms, or leaves the list.
pub async fn act(
    State(app): State<App>,
    Path((token, verb)): Path<(String, String)>,
) -> PageResult {
    match verb.as_str() {
        "confirm" => waiting::verify(&app, &token).await?,
        "leave" => {
            waiting::leave(&app, &token).await?;
            return Ok(see_other("/"));
        }
        _ => return Err(Error::NotFound.into()),
    }
    Ok(see_other(&format!("/waiting/{token}")))
}

/// `GET /mail-stop/{address}/{key}`: asks whether no more mail to many should come.
pub async fn ask_stop(
    State(app): State<App>,
    visitor: Visitor,
    Path((address, key)): Path<(String, String)>,
) -> PageResult {
    let address = dispatch::stopped_by(&app, &address, &key)?;
    Ok(Page(StopPage {
        stopped: dispatch::is_stopped(&app.db, &address)
            .await
            .map_err(Error::from)?,
        path: visitor.ui.path.clone(),
        ui: visitor.ui,
        address,
    })
    .into_response())
}

#[derive(Template)]
#[template(path = "members/stop.html")]
struct StopPage {
    ui: Ui,
    address: String,
    path: String,
    stopped: bool,
}

/// What the form of such a link sends; a program sends `List-Unsubscribe=One-Click`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct StopForm {
    again: String,
}

/// `POST /mail-stop/{address}/{key}`: no more, at once (RFC 8058), or again after all.
pub async fn stop(
    State(app): State<App>,
    visitor: Visitor,
    Path((address, key)): Path<(String, String)>,
    Form(form): Form<StopForm>,
) -> PageResult {
    let address = dispatch::stopped_by(&app, &address, &key)?;
    let stopped = form.again.is_empty();
    if stopped {
        let mut tx = app.db.begin().await?;
        dispatch::stop(&mut tx, app.clock.now(), &address, "asked").await?;
        tx.commit().await?;
    } else {
        dispatch::start_again(&app.db, &address).await?;
    }
    // No redirect: a program that clicks for somebody follows none (RFC 8058 §3.1).
    Ok(Page(StopPage {
        stopped,
        path: visitor.ui.path.clone(),
        ui: visitor.ui,
        address,
    })
    .into_response())
}

#[derive(Template)]
#[template(path = "members/list.html")]
struct ListPage {
    ui: Ui,
    waiting: Vec<(Placed, Option<Account>)>,
    total: i64,
    /// Only those whose answer holds these words.
    words: String,
}

/// What of the list is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wish {
    q: String,
}

/// `GET /operator/waiting`
pub async fn index(
    State(app): State<App>,
    Admitter(_, visitor): Admitter,
    Query(wish): Query<Wish>,
) -> PageResult {
    let mut shown = Vec::new();
    let words = fold_tag(&wish.q);
    for placed in places::list(&app, &words, 200).await? {
        let account = match placed.one.account {
            Some(account) => crate::accounts::find(&app, account).await?,
            None => None,
        };
        shown.push((placed, account));
    }
    Ok(Page(ListPage {
        ui: visitor.ui,
        waiting: shown,
        total: places::count(&app).await?,
        words: wish.q,
    })
    .into_response())
}

/// `POST /operator/waiting`: lets in the first so many, or those who are ticked.
pub async fn admit(
    State(app): State<App>,
    Admitter(me, _): Admitter,
    Form(form): Form<Vec<(String, String)>>,
) -> PageResult {
    let numbers = |wanted: &str| {
        let found = form.iter().filter(|(name, _)| name == wanted);
        let found = found.filter_map(|(_, value)| value.parse::<i64>().ok());
        found.collect::<Vec<i64>>()
    };
    let which = match numbers("first").first() {
        Some(first) => places::first(&app, usize::try_from(*first).unwrap_or(0)).await?,
        None => numbers("one"),
    };
    let mut tally = Tally::new(app.clock.now(), me.id, "admitted");
    for number in which {
        let mut tx = app.db.begin().await?;
        if admitting::admit(&app, &mut tx, me.id, number).await? {
            tally.add(&mut tx).await?;
            tx.commit().await?;
        }
    }
    app.standings.forget();
    app.wake.notify_waiters();
    Ok(see_other("/operator/waiting"))
}
