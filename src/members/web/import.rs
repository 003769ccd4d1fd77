//! `/operator/import`: a list of addresses becomes personal invitations, once it was looked at.

use askama::Template;
use axum::extract::{Form, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Deserialize;

use crate::accounts::{Account, dispatch};
use crate::app::App;
use crate::crew::audit;
use crate::error::{Error, Problem, Result};
use crate::kernel::id::AudienceId;
use crate::members::import::{self, How, Inviting, List};
use crate::members::tiers::{self, Tier};
use crate::ui::entitled::Admitter;
use crate::ui::page::with_status;
use crate::ui::{Page, PageResult, Ui, see_other};

#[derive(Template)]
#[template(path = "members/import.html")]
struct ImportPage {
    ui: Ui,
    form: ImportForm,
    /// The list as it was read, before anything is sent.
    list: Option<List>,
    /// Lists on their way.
    lists: Vec<Inviting>,
    bounced: Vec<String>,
    tiers: Vec<Tier>,
    per_hour: i64,
    problems: Vec<Problem>,
}

/// What the forms send.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ImportForm {
    list: String,
    proof: String,
    days: String,
    tier: String,
    confirmed: String,
    bounced: String,
    again: String,
}

impl ImportPage {
    /// Whether a list is on its way.
    fn works(&self) -> bool {
        self.lists.iter().any(|one| one.done < one.total)
    }
}

impl ImportForm {
    fn wants(&self, tier: &Tier) -> bool {
        self.tier == tier.id.to_string()
    }
}

async fn page(
    app: &App,
    ui: Ui,
    (form, list): (ImportForm, Option<List>),
    problems: Vec<Problem>,
) -> Result<ImportPage> {
    Ok(ImportPage {
        ui,
        form,
        list,
        lists: import::lists(app).await?,
        bounced: dispatch::bounced(app).await?,
        tiers: tiers::list(app).await?,
        per_hour: app.settings.mail_per_hour,
        problems,
    })
}

/// `GET /operator/import`
pub async fn show(State(app): State<App>, Admitter(_, visitor): Admitter) -> PageResult {
    let form = ImportForm {
        days: "30".to_owned(),
        ..ImportForm::default()
    };
    Ok(Page(page(&app, visitor.ui, (form, None), Vec::new()).await?).into_response())
}

/// `POST /operator/import`: shows what was read; confirmed, the invitations leave in their turn.
pub async fn send(
    State(app): State<App>,
    Admitter(me, visitor): Admitter,
    Form(form): Form<ImportForm>,
) -> PageResult {
    let ui = visitor.ui;
    if !form.again.is_empty() {
        start_again(&app, &me, &form.again).await?;
        return Ok(see_other("/operator/import"));
    }
    if !form.bounced.is_empty() {
        bounced(&app, &me, &form.bounced).await?;
        return Ok(see_other("/operator/import"));
    }
    let done = async {
        let list = import::read(&app, &form.list, ui.locale).await?;
        if form.confirmed.is_empty() || form.proof.trim().is_empty() {
            return Ok(Some(list));
        }
        let tier = form.tier.parse::<AudienceId>().ok();
        if let Some(tier) = tier {
            tiers::get(&app, tier).await?;
        }
        let how = How {
            proof: &form.proof,
            days: form.days.parse().ok().map(|days: i64| days.clamp(1, 365)),
            tier,
        };
        begin(&app, &me, &list, how).await?;
        Ok(None)
    };
    match done.await {
        Ok(None) => Ok(see_other("/operator/import")),
        Ok(list) => {
            let page = page(&app, ui, (form, list), Vec::new()).await?;
            Ok(Page(page).into_response())
        }
        Err(Error::Invalid(problems)) => {
            let page = page(&app, ui, (form, None), problems).await?;
            Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, page))
        }
        Err(error) => Err(error.into()),
    }
}

async fn begin(app: &App, me: &Account, list: &List, how: How<'_>) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    import::begin(&mut tx, now, me.id, list, how).await?;
    let said = format!("{}: {}", list.addresses.len(), how.proof);
    audit::note(&mut tx, now, me.id, "imported", &said).await?;
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// Lets mail go to an address again; the log keeps where it is, not whose.
async fn start_again(app: &App, me: &Account, address: &str) -> Result<()> {
    let mut tx = app.db.begin().await?;
    if dispatch::start_again(&mut tx, address).await? {
        let at = address.trim().rsplit('@').next().unwrap_or_default();
        audit::note(&mut tx, app.clock.now(), me.id, "mail-again", at).await?;
    }
    Ok(tx.commit().await?)
}

/// Notes that addresses do not exist; the log keeps how many.
async fn bounced(app: &App, me: &Account, addresses: &str) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let mut fresh = 0;
    for address in addresses.split_whitespace().filter(|one| one.contains('@')) {
        fresh += u64::from(dispatch::stop(&mut tx, now, address, "bounced").await?);
    }
    if fresh > 0 {
        audit::note(&mut tx, now, me.id, "mail-bounced", &fresh.to_string()).await?;
    }
    Ok(tx.commit().await?)
}
