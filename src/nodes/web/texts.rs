//! What the house says about itself at length: read by everybody, written by who runs it.

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Deserialize;

use crate::app::App;
use crate::crew::audit;
use crate::error::{Error, Problem, Result};
use crate::kernel::clock::Time;
use crate::kernel::id::AccountId;
use crate::kernel::text::simple_html;
use crate::nodes::house::texts::{self, Text, Texts};
use crate::ui::entitled::Operator;
use crate::ui::page::{Saved, with_status};
use crate::ui::{Page, PageResult, Ui, Visitor, see_other};

#[derive(Template)]
#[template(path = "nodes/about.html")]
struct AboutPage {
    ui: Ui,
    texts: Texts,
    /// Who the house is, as HTML.
    about: String,
    version: &'static str,
}

/// `GET /about`
pub async fn about(State(app): State<App>, visitor: Visitor) -> PageResult {
    let texts = texts::get(&app).await?;
    Ok(Page(AboutPage {
        ui: visitor.ui,
        about: simple_html(&texts.about.text),
        texts,
        version: env!("CARGO_PKG_VERSION"),
    })
    .into_response())
}

#[derive(Template)]
#[template(path = "nodes/text.html")]
struct TextPage {
    ui: Ui,
    title: String,
    html: String,
    at: Option<Time>,
}

fn shown(ui: Ui, title: &str, text: &Text) -> PageResult {
    if text.text.is_empty() {
        return Err(Error::NotFound.into());
    }
    Ok(Page(TextPage {
        title: ui.t(title),
        html: simple_html(&text.text),
        at: text.at,
        ui,
    })
    .into_response())
}

/// `GET /privacy`
pub async fn privacy(State(app): State<App>, visitor: Visitor) -> PageResult {
    shown(visitor.ui, "privacy", &texts::get(&app).await?.privacy)
}

/// `GET /terms`
pub async fn terms(State(app): State<App>, visitor: Visitor) -> PageResult {
    shown(visitor.ui, "terms", &texts::get(&app).await?.terms)
}

#[derive(Template)]
#[template(path = "nodes/texts.html")]
struct TextsPage {
    ui: Ui,
    texts: Texts,
    saved: bool,
    problems: Vec<Problem>,
}

/// `GET /operator/texts`
pub async fn edit(
    State(app): State<App>,
    Operator(_, visitor): Operator,
    Query(saved): Query<Saved>,
) -> PageResult {
    Ok(Page(TextsPage {
        ui: visitor.ui,
        texts: texts::get(&app).await?,
        saved: saved.is_some(),
        problems: Vec::new(),
    })
    .into_response())
}

/// The texts as they were typed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct TextsForm {
    about: String,
    rules: String,
    privacy: String,
    terms: String,
}

/// `POST /operator/texts`
pub async fn update(
    State(app): State<App>,
    Operator(me, visitor): Operator,
    Form(form): Form<TextsForm>,
) -> PageResult {
    let typed = |text| Text { text, at: None };
    let wanted = Texts {
        about: typed(form.about),
        rules: typed(form.rules),
        privacy: typed(form.privacy),
        terms: typed(form.terms),
    };
    match save(&app, me.id, &wanted).await {
        Ok(()) => Ok(see_other("/operator/texts?saved=1")),
        Err(Error::Invalid(problems)) => Ok(with_status(
            StatusCode::UNPROCESSABLE_ENTITY,
            TextsPage {
                ui: visitor.ui,
                texts: wanted,
                saved: false,
                problems,
            },
        )),
        Err(error) => Err(error.into()),
    }
}

async fn save(app: &App, by: AccountId, wanted: &Texts) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    if texts::save(&mut tx, wanted, now).await? {
        audit::note(&mut tx, now, by, "texts", "").await?;
    }
    Ok(tx.commit().await?)
}
