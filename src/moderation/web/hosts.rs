//! `/operator/blocks`: measures on other nodes, what each would cut, lists of them, and a house that talks to named
//! nodes only.

use askama::Template;
use axum::extract::{Form, State};
use axum::response::IntoResponse;
use http::{StatusCode, header};
use serde::Deserialize;

use crate::accounts::Account;
use crate::app::App;
use crate::crew::audit;
use crate::error::{Error, Problem, Result};
use crate::nodes::measures::{self, Cut, Measure, Severity};
use crate::nodes::{lists, named};
use crate::ui::entitled::Moderator;
use crate::ui::page::with_status;
use crate::ui::{Page, PageResult, Ui, see_other};

#[derive(Template)]
#[template(path = "moderation/hosts.html")]
struct HostsPage {
    ui: Ui,
    measures: Vec<Measure>,
    severities: [Severity; 3],
    names_only: bool,
    named: Vec<String>,
    form: HostForm,
    problems: Vec<Problem>,
}

/// What the forms of the page send.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct HostForm {
    host: String,
    severity: String,
    reject_media: String,
    reject_reports: String,
    comment: String,
    list: String,
    confirmed: String,
    only: String,
}

impl HostsPage {
    fn severity(&self) -> &str {
        match self.form.severity.as_str() {
            "" => "suspend",
            chosen => chosen,
        }
    }
}

impl HostForm {
    fn measure(&self) -> Measure {
        Measure {
            host: self.host.trim().to_owned(),
            severity: Severity::parse(&self.severity).unwrap_or(Severity::Suspend),
            reject_media: !self.reject_media.is_empty(),
            reject_reports: !self.reject_reports.is_empty(),
            comment: self.comment.clone(),
        }
    }
}

async fn page(app: &App, ui: Ui, form: HostForm, problems: Vec<Problem>) -> Result<HostsPage> {
    Ok(HostsPage {
        ui,
        measures: measures::list(app).await?,
        severities: Severity::ALL,
        names_only: named::is_on(app).await?,
        named: named::list(app).await?,
        form,
        problems,
    })
}

async fn outcome(app: &App, ui: Ui, form: HostForm, result: Result<()>) -> PageResult {
    match result {
        Ok(()) => Ok(see_other("/operator/blocks")),
        Err(Error::Invalid(problems)) => {
            let page = page(app, ui, form, problems).await?;
            Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, page))
        }
        Err(error) => Err(error.into()),
    }
}

/// `GET /operator/blocks`
pub async fn index(State(app): State<App>, Moderator(_, visitor): Moderator) -> PageResult {
    let page = page(&app, visitor.ui, HostForm::default(), Vec::new()).await?;
    Ok(Page(page).into_response())
}

#[derive(Template)]
#[template(path = "moderation/cut.html")]
struct CutPage {
    ui: Ui,
    /// Each measure with what it would cut.
    measures: Vec<(Measure, Cut)>,
    /// Lines of a list that could not be read.
    unread: Vec<String>,
    /// The list as it is sent again; empty for a single measure.
    list: String,
    /// Whether the house would talk to named nodes only.
    names: bool,
}

async fn preview(
    app: &App,
    ui: Ui,
    (wished, unread): (Vec<Measure>, Vec<String>),
    list: String,
) -> Result<CutPage> {
    let names: Vec<&str> = wished.iter().map(|one| one.host.as_str()).collect();
    let cuts = measures::cuts(app, &names).await?;
    let mut measures: Vec<(Measure, Cut)> = wished.into_iter().zip(cuts).collect();
    // What costs most stands first.
    measures.sort_by_key(|(_, cut)| std::cmp::Reverse(cut.followers + cut.followed));
    Ok(CutPage {
        ui,
        measures,
        unread,
        list,
        names: false,
    })
}

/// `POST /operator/blocks`: shows what a measure would cut; confirmed, it counts.
pub async fn set(
    State(app): State<App>,
    Moderator(me, visitor): Moderator,
    Form(form): Form<HostForm>,
) -> PageResult {
    let measure = form.measure();
    if form.confirmed.is_empty() {
        let Some(host) = crate::kernel::origin::ascii_domain(&measure.host) else {
            let wrong = Err(Error::invalid("host", "error-domain"));
            return outcome(&app, visitor.ui, form, wrong).await;
        };
        let measure = Measure { host, ..measure };
        let page = preview(&app, visitor.ui, (vec![measure], Vec::new()), String::new()).await?;
        return Ok(Page(page).into_response());
    }
    let done = put(&app, &me, &measure).await;
    outcome(&app, visitor.ui, form, done).await
}

async fn put(app: &App, me: &Account, measure: &Measure) -> Result<()> {
    let mut tx = app.db.begin().await?;
    let host = measures::set(app, &mut tx, measure).await?;
    audit::note(&mut tx, app.clock.now(), me.id, "node-measured", &host).await?;
    tx.commit().await?;
    measures::enforce(app).await
}

/// `POST /operator/blocks/remove`
pub async fn remove(
    State(app): State<App>,
    Moderator(me, visitor): Moderator,
    Form(form): Form<HostForm>,
) -> PageResult {
    let done = release(&app, &me, form.host.trim()).await;
    outcome(&app, visitor.ui, form, done).await
}

async fn release(app: &App, me: &Account, host: &str) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    if measures::remove_in(&mut tx, now, host).await? {
        audit::note(&mut tx, now, me.id, "node-released", host).await?;
    }
    tx.commit().await?;
    measures::enforce(app).await
}

/// `GET /operator/blocks.csv`: the list as Mastodon reads it.
pub async fn export(State(app): State<App>, Moderator(..): Moderator) -> PageResult {
    let list = lists::write_csv(&measures::list(&app).await?);
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"blocks.csv\"",
        ),
    ];
    Ok((headers, list).into_response())
}

/// `POST /operator/blocks/list`: shows what a list would cut; confirmed, it counts.
pub async fn import(
    State(app): State<App>,
    Moderator(me, visitor): Moderator,
    Form(form): Form<HostForm>,
) -> PageResult {
    let (wished, unread) = lists::read_csv(&form.list);
    if wished.is_empty() {
        let wrong = Err(Error::invalid("list", "error-list"));
        return outcome(&app, visitor.ui, form, wrong).await;
    }
    if form.confirmed.is_empty() {
        let list = lists::write_csv(&wished);
        let page = preview(&app, visitor.ui, (wished, unread), list).await?;
        return Ok(Page(page).into_response());
    }
    let done = put_all(&app, &me, &wished).await;
    outcome(&app, visitor.ui, form, done).await
}

async fn put_all(app: &App, me: &Account, wished: &[Measure]) -> Result<()> {
    let mut tx = app.db.begin().await?;
    let count = measures::set_all(app, &mut tx, wished).await?;
    if count > 0 {
        let said = count.to_string();
        audit::note(&mut tx, app.clock.now(), me.id, "node-list", &said).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// `POST /operator/blocks/names`: whether the house talks to named nodes only; names one more, or one less.
pub async fn names(
    State(app): State<App>,
    Moderator(me, visitor): Moderator,
    Form(form): Form<HostForm>,
) -> PageResult {
    if form.only == "on" && form.confirmed.is_empty() {
        let unnamed = measures::unnamed(&app).await?;
        let page = preview(&app, visitor.ui, (unnamed, Vec::new()), String::new()).await?;
        return Ok(Page(CutPage {
            names: true,
            ..page
        })
        .into_response());
    }
    let done = name(&app, &me, (&form.only, &form.host)).await;
    outcome(&app, visitor.ui, form, done).await
}

async fn name(app: &App, me: &Account, (act, host): (&str, &str)) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let changed = match act {
        "on" | "off" => named::set(&mut tx, act == "on").await?,
        "add" | "remove" => named::name(&mut tx, now, host, act == "add").await?,
        _ => return Err(Error::NotFound),
    };
    if changed {
        let said = format!("{act} {host}");
        audit::note(&mut tx, now, me.id, "node-names", said.trim()).await?;
    }
    Ok(tx.commit().await?)
}
