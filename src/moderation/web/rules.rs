//! `/operator/rules`: rules at the door, and filters with what they would have caught.

use askama::Template;
use axum::extract::{Form, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Deserialize;

use crate::accounts::Account;
use crate::app::App;
use crate::crew::audit;
use crate::error::{Error, Problem, Result};
use crate::kernel::html::to_text;
use crate::members::tiers::{self, Tier};
use crate::moderation::filters::{self, Filter};
use crate::moderation::rules::{self, Rules};
use crate::ui::entitled::Moderator;
use crate::ui::page::with_status;
use crate::ui::{Page, PageResult, Ui, see_other};

/// What a filter would have caught: it, how many, some of them.
type Trial = (Filter, usize, Vec<String>);

#[derive(Template)]
#[template(path = "moderation/rules.html")]
struct RulesPage {
    ui: Ui,
    rules: Rules,
    tiers: Vec<Tier>,
    filters: Vec<Filter>,
    trial: Option<Trial>,
    typed: FilterForm,
    problems: Vec<Problem>,
}

impl RulesPage {
    fn needs(&self, tier: &Tier) -> bool {
        self.rules.tier == Some(tier.id)
    }
}

async fn page(
    app: &App,
    ui: Ui,
    (rules, trial, typed): (Option<Rules>, Option<Trial>, FilterForm),
    problems: Vec<Problem>,
) -> Result<RulesPage> {
    let rules = match rules {
        Some(rules) => rules,
        None => rules::get(app).await?,
    };
    Ok(RulesPage {
        ui,
        rules,
        tiers: tiers::list(app).await?,
        filters: filters::list(app).await?,
        trial,
        typed,
        problems,
    })
}

/// `GET /operator/rules`
pub async fn show(State(app): State<App>, Moderator(_, visitor): Moderator) -> PageResult {
    Ok(Page(
        page(
            &app,
            visitor.ui,
            (None, None, FilterForm::default()),
            Vec::new(),
        )
        .await?,
    )
    .into_response())
}

/// What the form of the rules sends.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RulesForm {
    first_posts: String,
    days: String,
    tier: String,
    blur: String,
    alarm_from: String,
    holds: String,
    guest_days: String,
    mail_domains: String,
}

/// `POST /operator/rules`
pub async fn update(
    State(app): State<App>,
    Moderator(me, visitor): Moderator,
    Form(form): Form<RulesForm>,
) -> PageResult {
    let domains = form.mail_domains.split_whitespace();
    let wished = Rules {
        first_posts: form.first_posts.parse().unwrap_or(0),
        days: form.days.parse().unwrap_or(0),
        tier: form.tier.parse().ok(),
        blur: !form.blur.is_empty(),
        alarm_from: form.alarm_from.parse().unwrap_or(20),
        holds: !form.holds.is_empty(),
        guest_days: form.guest_days.parse().unwrap_or(0),
        mail_domains: domains.map(str::to_owned).collect(),
    };
    match save(&app, &me, wished.clone()).await {
        Ok(()) => Ok(see_other("/operator/rules")),
        Err(Error::Invalid(problems)) => {
            let shown = (Some(wished), None, FilterForm::default());
            let page = page(&app, visitor.ui, shown, problems).await?;
            Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, page))
        }
        Err(error) => Err(error.into()),
    }
}

async fn save(app: &App, me: &Account, wished: Rules) -> Result<()> {
    let mut tx = app.db.begin().await?;
    if rules::set(&mut tx, wished).await? {
        audit::note(&mut tx, app.clock.now(), me.id, "rules", "").await?;
    }
    Ok(tx.commit().await?)
}

/// What the forms of filters send.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct FilterForm {
    kind: String,
    pattern: String,
    does: String,
    act: String,
    id: String,
}

/// `POST /operator/filters`: tries a filter, adds it, or removes one.
pub async fn filter(
    State(app): State<App>,
    Moderator(me, visitor): Moderator,
    Form(form): Form<FilterForm>,
) -> PageResult {
    if form.act == "remove" {
        let id = form.id.parse().map_err(|_| Error::NotFound)?;
        remove(&app, &me, id).await?;
        return Ok(see_other("/operator/rules"));
    }
    let wished = Filter::new(&form.kind, &form.pattern, &form.does);
    let trial = match wished {
        Ok(filter) if form.act == "add" => {
            add(&app, &me, &filter).await?;
            return Ok(see_other("/operator/rules"));
        }
        Ok(filter) => {
            let (count, caught) = filters::dry_run(&app, &filter).await?;
            let words = caught.iter().map(|post| to_text(&post.html)).collect();
            Ok((filter, count, words))
        }
        Err(error) => Err(error),
    };
    match trial {
        Ok(trial) => {
            let page = page(&app, visitor.ui, (None, Some(trial), form), Vec::new()).await?;
            Ok(Page(page).into_response())
        }
        Err(Error::Invalid(problems)) => {
            let page = page(&app, visitor.ui, (None, None, form), problems).await?;
            Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, page))
        }
        Err(error) => Err(error.into()),
    }
}

async fn add(app: &App, me: &Account, filter: &Filter) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    filters::add(&mut tx, now, filter).await?;
    audit::note(&mut tx, now, me.id, "filter-added", &filter.pattern).await?;
    Ok(tx.commit().await?)
}

async fn remove(app: &App, me: &Account, id: i64) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    if let Some(pattern) = filters::remove(&mut tx, id).await? {
        audit::note(&mut tx, now, me.id, "filter-removed", &pattern).await?;
    }
    Ok(tx.commit().await?)
}
