//! `/invitations`: a member invites, and sees what came of it.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Deserialize;

use crate::accounts::{Account, letters};
use crate::app::App;
use crate::crew::Right;
use crate::error::{Error, Problem, Result};
use crate::federation::activities::letter;
use crate::federation::objects::Found;
use crate::federation::webfinger;
use crate::members::invitations::{self, Invitation, New};
use crate::members::tiers::{self, Tier};
use crate::nodes::house;
use crate::nodes::joining::{self, Mode};
use crate::ui::page::with_status;
use crate::ui::{Page, PageResult, SignedIn, Ui, see_other};

#[derive(Template)]
#[template(path = "members/invitations.html")]
struct InvitationsPage {
    ui: Ui,
    invitations: Vec<Invitation>,
    /// How many more people may be invited; the host may as many as they like.
    left: Option<i64>,
    /// What the host may give along.
    tiers: Vec<Tier>,
    /// Whether invitations let anybody in at the moment.
    closed: bool,
    form: InviteForm,
    problems: Vec<Problem>,
}

/// What the form of an invitation sends.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct InviteForm {
    note: String,
    address: String,
    most: String,
    days: String,
    tier: String,
}

async fn page(
    app: &App,
    ui: Ui,
    member: &Account,
    form: InviteForm,
    problems: Vec<Problem>,
) -> Result<InvitationsPage> {
    Ok(InvitationsPage {
        invitations: invitations::list(app, Some(member.id)).await?,
        left: if ui.rights.has(Right::Admit) {
            None
        } else {
            Some(invitations::left(app, member.id).await?)
        },
        tiers: if ui.rights.has(Right::Admit) {
            tiers::list(app).await?
        } else {
            Vec::new()
        },
        closed: joining::get(app).await?.mode == Mode::Closed,
        ui,
        form,
        problems,
    })
}

/// `GET /invitations`
pub async fn index(State(app): State<App>, SignedIn(member, visitor): SignedIn) -> PageResult {
    let form = InviteForm {
        most: "1".to_owned(),
        days: "14".to_owned(),
        ..InviteForm::default()
    };
    Ok(Page(page(&app, visitor.ui, &member, form, Vec::new()).await?).into_response())
}

/// `POST /invitations`
pub async fn create(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Form(form): Form<InviteForm>,
) -> PageResult {
    match make(&app, &visitor.ui, &member, &form).await {
        Ok(()) => Ok(see_other("/invitations")),
        Err(Error::Invalid(problems)) => {
            let page = page(&app, visitor.ui, &member, form, problems).await?;
            Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, page))
        }
        Err(error) => Err(error.into()),
    }
}

/// To whom an invitation is sent.
enum To {
    Nobody,
    Mail(String),
    Handle(Account),
}

async fn addressee(app: &App, member: &Account, address: &str) -> Result<To> {
    let address = address.trim();
    if address.is_empty() {
        return Ok(To::Nobody);
    }
    app.limits
        .look_up
        .take(&member.id.0, app.clock.now())
        .map_err(Error::TooMany)?;
    if !address.starts_with('@')
        && let Ok(mail) = crate::accounts::sign_in::fold_email(address)
    {
        app.limits
            .mail
            .take(&mail, app.clock.now())
            .map_err(Error::TooMany)?;
        return Ok(To::Mail(mail));
    }
    match webfinger::look_up(app, address).await {
        Ok(Found::Account(account)) if !account.is_local() => Ok(To::Handle(account)),
        Ok(_) => Err(Error::invalid("address", "error-invite-address")),
        Err(error) => Err(Error::invalid("address", error.sentence())),
    }
}

async fn make(app: &App, ui: &Ui, member: &Account, form: &InviteForm) -> Result<()> {
    let to = addressee(app, member, &form.address).await?;
    let personal = !matches!(to, To::Nobody);
    let address = form.address.trim().to_owned();
    let tier = form
        .tier
        .parse()
        .ok()
        .filter(|_| ui.rights.has(Right::Admit));
    if let Some(tier) = tier {
        tiers::get(app, tier).await?;
    }
    let new = New {
        unlimited: ui.rights.has(Right::Admit),
        tier,
        note: &form.note,
        address: personal.then_some(address.as_str()),
        most: if personal {
            1
        } else {
            form.most.parse().unwrap_or(1)
        },
        days: form.days.parse().ok(),
    };
    let made = invitations::make(app, member, new).await?;
    let link = app.origin().at(&format!("/invite/{}", made.code));
    let house = house::get(app).await?.name;
    match to {
        To::Nobody => return Ok(()),
        To::Mail(mail) => {
            let subject = ui.tv("invite-subject", "house", house.clone());
            let text = ui.locale.text_with("invite-text", "house", house);
            let text = text
                .replace("{name}", member.shown_name())
                .replace("{link}", &link);
            let mut tx = app.db.begin().await?;
            letters::write(app, &mut tx, &mail, &subject, &text).await?;
            tx.commit().await?;
        }
        To::Handle(account) => {
            let first = ui.locale.text_with("invite-letter", "house", house);
            let first = first.replace("{name}", member.shown_name());
            letter::send(app, &account, &[&first, &link]).await?;
        }
    }
    app.wake.notify_waiters();
    invitations::sent(app, &made).await
}

/// `POST /invitations/{id}/revoke`
pub async fn revoke(
    State(app): State<App>,
    SignedIn(member, _): SignedIn,
    Path(id): Path<i64>,
) -> PageResult {
    let own = invitations::list(&app, Some(member.id)).await?;
    if own.iter().any(|invitation| invitation.id == id) {
        invitations::revoke(&app, id, false).await?;
    }
    Ok(see_other("/invitations"))
}
