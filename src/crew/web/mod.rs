//! Pages of the crew: the desk everything starts from, who belongs to it, and what was done.

pub mod calendar;

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::IntoResponse;
use http::StatusCode;

use crate::accounts::{self, Account};
use crate::app::App;
use crate::crew::audit::{self, Entry};
use crate::crew::figures::{self, Figure};
use crate::crew::{self, Right, Rights};
use crate::error::{Error, Problem, Result};
use crate::kernel::id::AccountId;
use crate::kernel::page::Window;
use crate::members::{places, requests};
use crate::moderation::reports;
use crate::ui::entitled::{Crew, Operator, Reader};
use crate::ui::page::Paging;
use crate::ui::page::with_status;
use crate::ui::{Page, PageResult, Ui, see_other};

/// Entries of the log on a page.
const ENTRIES: i64 = 50;

/// A place of the desk: where, the message that names it, the one that explains it, how much waits there.
type Place = (&'static str, &'static str, &'static str, i64);

#[derive(Template)]
#[template(path = "crew/desk.html")]
struct DeskPage {
    ui: Ui,
    places: Vec<Place>,
}

/// `GET /desk`: where whoever helps finds what they may do.
pub async fn desk(State(app): State<App>, Crew(_, visitor): Crew) -> PageResult {
    let reports = reports::open(&app).await?;
    let drafts = crew::drafts::list(&app).await?;
    let drafts = drafts.iter().filter(|one| one.state == "waiting").count();
    let drafts = i64::try_from(drafts).unwrap_or(0);
    let joiners = requests::count(&app).await? + places::count(&app).await?;
    let all: [(&[Right], Place); 7] = [
        (
            &[Right::Moderate],
            ("/operator/peace", "peace", "peace-explain", reports),
        ),
        (
            &[Right::Post, Right::Draft],
            ("/calendar", "calendar", "calendar-explain", drafts),
        ),
        (
            &[Right::Admit],
            ("/operator/joining", "joining", "joining-explain", joiners),
        ),
        (
            &[Right::Admit],
            ("/operator/tiers", "tiers", "tiers-explain", 0),
        ),
        (
            &[Right::Figures],
            ("/operator/figures", "figures", "figures-explain", 0),
        ),
        (
            &[Right::Run],
            ("/operator", "op-node", "op-node-explain", 0),
        ),
        (&[Right::Run], ("/operator/crew", "crew", "crew-explain", 0)),
    ];
    let rights = &visitor.ui.rights;
    let may = |wanted: &[Right]| wanted.iter().any(|right| rights.has(*right));
    let places = all.into_iter().filter(|(wanted, _)| may(wanted));
    Ok(Page(DeskPage {
        places: places.map(|(_, place)| place).collect(),
        ui: visitor.ui,
    })
    .into_response())
}

#[derive(Template)]
#[template(path = "crew/figures.html")]
struct FiguresPage {
    ui: Ui,
    figures: Vec<Figure>,
}

/// `GET /operator/figures`
pub async fn figures(State(app): State<App>, Reader(_, visitor): Reader) -> PageResult {
    Ok(Page(FiguresPage {
        ui: visitor.ui,
        figures: figures::all(&app).await?,
    })
    .into_response())
}

#[derive(Template)]
#[template(path = "crew/people.html")]
struct PeoplePage {
    ui: Ui,
    crew: Vec<(Account, Rights)>,
    rights: [Right; 6],
    handle: String,
    ticked: Rights,
    problems: Vec<Problem>,
}

async fn people(
    app: &App,
    ui: Ui,
    (handle, ticked): (String, Rights),
    problems: Vec<Problem>,
) -> Result<PeoplePage> {
    Ok(PeoplePage {
        ui,
        crew: crew::list(app).await?,
        rights: Right::ALL,
        handle,
        ticked,
        problems,
    })
}

/// `GET /operator/crew`
pub async fn index(State(app): State<App>, Operator(_, visitor): Operator) -> PageResult {
    let page = people(&app, visitor.ui, Default::default(), Vec::new()).await?;
    Ok(Page(page).into_response())
}

/// `POST /operator/crew`: a member becomes one of the crew.
pub async fn create(
    State(app): State<App>,
    Operator(me, visitor): Operator,
    Form(form): Form<Vec<(String, String)>>,
) -> PageResult {
    let handle = form
        .iter()
        .find(|(name, _)| name == "handle")
        .map(|(_, handle)| handle.trim().trim_start_matches('@').to_owned())
        .unwrap_or_default();
    let known = accounts::find_by_handle(&app, &handle).await?;
    let done = match known {
        Some(member) => change(&app, &me, &member, &form).await,
        None => Err(Error::invalid("handle", "error-crew-member")),
    };
    match done {
        Ok(()) => Ok(see_other("/operator/crew")),
        Err(Error::Invalid(problems)) => {
            let page = people(&app, visitor.ui, (handle, wished(&form)), problems).await?;
            Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, page))
        }
        Err(error) => Err(error.into()),
    }
}

/// The rights that are ticked.
fn wished(form: &[(String, String)]) -> Rights {
    let named = form.iter().filter(|(name, _)| name == "right");
    let named: Vec<&str> = named.map(|(_, value)| value.as_str()).collect();
    Rights::parse(&named.join(","))
}

async fn change(
    app: &App,
    me: &Account,
    member: &Account,
    form: &[(String, String)],
) -> Result<()> {
    let rights = wished(form);
    // Nobody raises themselves, and nobody gives or takes what they do not have: that is the host's.
    if !me.is_host() {
        let own = crew::rights(app, me).await?;
        let theirs = crew::rights(app, member).await?;
        let beyond = |right: &Right| !own.has(*right) && (rights.has(*right) || theirs.has(*right));
        if me.id == member.id || Right::ALL.iter().any(beyond) {
            return Err(Error::Forbidden);
        }
    }
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    if crew::set_rights(&mut tx, now, member.id, &rights).await? {
        let said = format!("@{}: {}", member.name, rights.names());
        audit::note(&mut tx, now, me.id, "crew", &said).await?;
    }
    Ok(tx.commit().await?)
}

/// `POST /operator/crew/{id}`: other rights, or none.
pub async fn update(
    State(app): State<App>,
    Operator(me, _): Operator,
    Path(id): Path<AccountId>,
    Form(form): Form<Vec<(String, String)>>,
) -> PageResult {
    let member = accounts::get(&app, id).await?;
    change(&app, &me, &member, &form).await?;
    Ok(see_other("/operator/crew"))
}

#[derive(Template)]
#[template(path = "crew/log.html")]
struct LogPage {
    ui: Ui,
    entries: Vec<Entry>,
    older: Option<i64>,
}

/// `GET /operator/log`: what anybody did with a right.
pub async fn log(
    State(app): State<App>,
    Operator(_, visitor): Operator,
    Query(paging): Query<Paging>,
) -> PageResult {
    let entries = audit::list(&app, Window::before(paging.before, ENTRIES)).await?;
    let full = i64::try_from(entries.len()).is_ok_and(|count| count >= ENTRIES);
    Ok(Page(LogPage {
        ui: visitor.ui,
        older: entries.last().filter(|_| full).map(|last| last.id),
        entries,
    })
    .into_response())
}
