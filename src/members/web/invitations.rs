//! `/invitations`: a member invites, and sees what came of it.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Deserialize;

use crate::accounts::letters::{self, By};
use crate::accounts::{Account, dispatch};
use crate::app::App;
use crate::crew::Right;
use crate::error::{Error, Problem, Result};
use crate::federation::activities::letter;
use crate::federation::look_up;
use crate::federation::objects::Found;
use crate::members::invitations::{self, Invitation, New};
use crate::members::tiers::{self, Tier};
use crate::members::web::desk::Wish;
use crate::nodes::house;
use crate::nodes::joining::{self, Mode};
use crate::ui::page::with_status;
use crate::ui::{Page, PageResult, SignedIn, Ui, see_other};

#[derive(Template)]
#[template(path = "members/invitations.html")]
struct InvitationsPage {
    ui: Ui,
    invitations: Vec<Invitation>,
    /// Where older ones begin.
    older: Option<i64>,
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

impl InviteForm {
    fn wants(&self, tier: &Tier) -> bool {
        self.tier == tier.id.to_string()
    }
}

async fn page(
    app: &App,
    ui: Ui,
    (member, before): (&Account, Option<i64>),
    form: InviteForm,
    problems: Vec<Problem>,
) -> Result<InvitationsPage> {
    let invitations = invitations::list(app, Some(member.id), before).await?;
    Ok(InvitationsPage {
        older: invitations::older(&invitations),
        invitations,
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
pub async fn index(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Query(wish): Query<Wish>,
) -> PageResult {
    let form = InviteForm {
        most: "1".to_owned(),
        days: "14".to_owned(),
        ..InviteForm::default()
    };
    let shown = (&member, wish.before);
    Ok(Page(page(&app, visitor.ui, shown, form, Vec::new()).await?).into_response())
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
            let page = page(&app, visitor.ui, (&member, None), form, problems).await?;
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
        .take(member.id.0, app.clock.now())
        .map_err(Error::TooMany)?;
    if !address.starts_with('@')
        && let Ok(mail) = crate::accounts::sign_in::fold_email(address)
    {
        if dispatch::is_stopped(&app.db, &mail).await? {
            return Err(Error::invalid("address", "error-address-stopped"));
        }
        letters::may_write(app, &mail, ("invitation", By::Owner(member.id)))?;
        return Ok(To::Mail(mail));
    }
    match look_up::find(app, address).await {
        Ok(Found::Account(account)) if !account.is_local() => Ok(To::Handle(account)),
        Ok(_) => Err(Error::invalid("address", "error-invite-address")),
        Err(error) => Err(Error::invalid("address", error.sentence())),
    }
}

async fn make(app: &App, ui: &Ui, member: &Account, form: &InviteForm) -> Result<()> {
    let to = addressee(app, member, &form.address).await?;
    let personal = !matches!(to, To::Nobody);
    let address = match &to {
        To::Mail(mail) => mail.clone(),
        _ => form.address.trim().to_owned(),
    };
    let days = match form.days.trim() {
        "" => None,
        days => Some(
            days.parse()
                .map_err(|_| Error::invalid("days", "error-number"))?,
        ),
    };
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
        days,
    };
    let made = invitations::make(app, member, new).await?;
    let link = invitations::link(app, &made.code);
    let house = house::get(app).await?.name;
    match to {
        To::Nobody => return Ok(()),
        To::Mail(mail) => {
            let subject = ui.tv("invite-subject", "house", house.clone());
            let text = ui.locale.text_with("invite-text", "house", house);
            let text = text
                .replace("{name}", &plain_name(member))
                .replace("{link}", &link);
            let mut tx = app.db.begin().await?;
            letters::write(app, &mut tx, &mail, &subject, &text).await?;
            tx.commit().await?;
        }
        To::Handle(account) => {
            let first = ui.locale.text_with("invite-letter", "house", house);
            let first = first.replace("{name}", &plain_name(member));
            letter::send(app, &account, &[&first, &link]).await?;
        }
    }
    app.wake.notify_waiters();
    invitations::sent(app, made.id).await
}

/// A name as it stands in what the house sends: words alone, nothing that becomes a link.
fn plain_name(member: &Account) -> String {
    let plain = |c: &char| c.is_alphanumeric() || " '’-_&!".contains(*c);
    let name: String = member.shown_name().chars().filter(plain).take(40).collect();
    format!("{} (@{})", name.trim(), member.name)
}

/// `POST /invitations/{id}/revoke`
pub async fn revoke(
    State(app): State<App>,
    SignedIn(member, _): SignedIn,
    Path(id): Path<i64>,
) -> PageResult {
    invitations::revoke_own(&app, member.id, id).await?;
    Ok(see_other("/invitations"))
}
