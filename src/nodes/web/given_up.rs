//! The operator's page of activities that were given up.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::IntoResponse;
use serde::Deserialize;

use crate::accounts::Account;
use crate::app::App;
use crate::crew::audit;
use crate::error::{Error, Result};
use crate::kernel::id::{ActivityId, InboxId, ReceivedId};
use crate::nodes::given_up::{self, GivenUp, Host, PAGE, Which};
use crate::ui::entitled::Operator;
use crate::ui::{Page, PageResult, Ui, see_other};

/// Which page of a list.
#[derive(Debug, Default, Deserialize)]
pub struct Paging {
    #[serde(default)]
    page: i64,
}

/// The page after this one, where it is full.
fn older(page: i64, found: usize) -> Option<i64> {
    (i64::try_from(found) == Ok(PAGE)).then(|| page.max(0) + 1)
}

#[derive(Template)]
#[template(path = "nodes/given_up.html")]
struct HostsPage {
    ui: Ui,
    hosts: Vec<Host>,
    older: Option<i64>,
}

/// `GET /operator/given-up`
pub async fn hosts(
    State(app): State<App>,
    Operator(_, visitor): Operator,
    Query(paging): Query<Paging>,
) -> PageResult {
    let hosts = given_up::hosts(&app.db, paging.page).await?;
    Ok(Page(HostsPage {
        older: older(paging.page, hosts.len()),
        ui: visitor.ui,
        hosts,
    })
    .into_response())
}

#[derive(Template)]
#[template(path = "nodes/given_up_of.html")]
struct HostPage {
    ui: Ui,
    host: String,
    sent: Vec<GivenUp>,
    received: Vec<GivenUp>,
    older: Option<i64>,
}

/// `GET /operator/given-up/{host}`
pub async fn of_host(
    State(app): State<App>,
    Operator(_, visitor): Operator,
    Path(host): Path<String>,
    Query(paging): Query<Paging>,
) -> PageResult {
    let sent = given_up::sent(&app.db, &host, paging.page).await?;
    let received = given_up::received(&app.db, &host, paging.page).await?;
    Ok(Page(HostPage {
        older: older(paging.page, sent.len().max(received.len())),
        ui: visitor.ui,
        host,
        sent,
        received,
    })
    .into_response())
}

/// One activity, or none for all of a host.
#[derive(Debug, Default, Deserialize)]
pub struct Wish {
    activity: Option<ActivityId>,
    inbox: Option<InboxId>,
    received: Option<ReceivedId>,
}

impl Wish {
    fn which(&self) -> Option<Which> {
        match (self.activity, self.inbox, self.received) {
            (Some(activity), Some(inbox), _) => Some(Which::Sent(activity, inbox)),
            (_, _, Some(id)) => Some(Which::Received(id)),
            _ => None,
        }
    }
}

/// `POST /operator/given-up/{host}/{verb}`
pub async fn act(
    State(app): State<App>,
    Operator(me, _): Operator,
    Path((host, verb)): Path<(String, String)>,
    Form(wish): Form<Wish>,
) -> PageResult {
    decide(&app, &me, &host, &verb, wish.which()).await?;
    app.wake.notify_waiters();
    let next = match wish.which() {
        Some(_) => format!("/operator/given-up/{host}"),
        None => "/operator/given-up".to_owned(),
    };
    Ok(see_other(&next))
}

async fn decide(
    app: &App,
    me: &Account,
    host: &str,
    verb: &str,
    which: Option<Which>,
) -> Result<()> {
    let mut tx = app.db.begin().await?;
    let (act, touched) = match (verb, which) {
        ("retry", Some(which)) => (
            "node-retry",
            u64::from(given_up::retry(&mut tx, which).await?),
        ),
        ("retry", None) => ("node-retry", given_up::retry_host(&mut tx, host).await?),
        ("give-up", Some(which)) => (
            "node-give-up",
            u64::from(given_up::forget(&mut tx, which).await?),
        ),
        ("give-up", None) => ("node-give-up", given_up::forget_host(&mut tx, host).await?),
        _ => return Err(Error::NotFound),
    };
    if touched > 0 {
        let said = format!("{host} ({touched})");
        audit::note(&mut tx, app.clock.now(), me.id, act, &said).await?;
    }
    Ok(tx.commit().await?)
}
