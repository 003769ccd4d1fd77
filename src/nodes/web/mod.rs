//! Pages of the node: set-up, the operator's overview, about.

pub mod announcements;
pub mod front;
pub mod given_up;
pub mod look;
pub mod texts;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;

use crate::accounts::create::{self, New};
use crate::accounts::letters::{self, Mail};
use crate::accounts::web::{MessagePage, door};
use crate::accounts::{self, Account, Role, sign_in};
use crate::app::App;
use crate::crew::audit;
use crate::error::{Error, Problem, Result};
use crate::jobs;
use crate::kernel::db::sql;
use crate::kernel::id::{AccountId, JobId, NodeId};
use crate::moderation::measures;
use crate::nodes::announcements::{self as told, Announcement};
use crate::nodes::house::{self, House};
use crate::nodes::setup::{self, Answers};
use crate::nodes::{self, Node, health};
use crate::ui::entitled::Operator;
use crate::ui::page::with_status;
use crate::ui::{Page, PageResult, SignedIn, Ui, Visitor, see_other};

/// What `/` says while the house has no host.
pub fn waiting(ui: &Ui) -> Response {
    let page = MessagePage {
        title: ui.t("waiting-title"),
        sentences: vec![ui.t("waiting")],
        codes: Vec::new(),
        step: None,
        ui: ui.clone(),
    };
    with_status(StatusCode::OK, page)
}

#[derive(Template)]
#[template(path = "nodes/setup.html")]
struct SetupPage {
    ui: Ui,
    answers: Answers,
    factor: bool,
    problems: Vec<Problem>,
}

/// `GET /setup/{token}`
pub async fn setup(
    State(app): State<App>,
    visitor: Visitor,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> PageResult {
    if !setup::check_token(&app, &token).await? {
        return Err(Error::NotFound.into());
    }
    // The address the browser came by is the best guess; a setting has the last word.
    let host = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("localhost:8080");
    let secure = headers
        .get("x-forwarded-proto")
        .is_some_and(|value| value == "https");
    let guess = format!("{}://{host}", if secure { "https" } else { "http" });
    let url = app.settings.node.url.clone().unwrap_or(guess);
    let answers = Answers {
        accent: House::default().accent,
        url,
        ..Answers::default()
    };
    Ok(Page(SetupPage {
        ui: visitor.ui,
        answers,
        factor: true,
        problems: Vec::new(),
    })
    .into_response())
}

/// What the set-up form sends.
#[derive(Debug, Deserialize)]
pub struct SetupForm {
    house: String,
    display_name: String,
    name: String,
    #[serde(default)]
    email: String,
    password: String,
    accent: String,
    url: String,
    factor: Option<String>,
}

/// `POST /setup/{token}`
pub async fn finish(
    State(app): State<App>,
    visitor: Visitor,
    Path(token): Path<String>,
    Form(form): Form<SetupForm>,
) -> PageResult {
    if !setup::check_token(&app, &token).await? {
        return Err(Error::NotFound.into());
    }
    let answers = Answers {
        house: form.house,
        display_name: form.display_name,
        name: form.name,
        email: form.email,
        password: form.password,
        accent: form.accent,
        url: form.url,
    };
    match setup::finish(&app, &answers).await {
        Ok(host) => {
            let next = if form.factor.is_some() {
                "/settings/factor?from=setup"
            } else {
                "/setup/done"
            };
            Ok(door::signed_in(&app, &visitor, host.id, next).await?)
        }
        Err(Error::Invalid(problems)) => Ok(with_status(
            StatusCode::UNPROCESSABLE_ENTITY,
            SetupPage {
                ui: visitor.ui,
                answers,
                factor: form.factor.is_some(),
                problems,
            },
        )),
        Err(error) => Err(error.into()),
    }
}

/// `GET /setup/done`: the house stands; its key file belongs to the backups.
pub async fn done(State(app): State<App>, SignedIn(_, visitor): SignedIn) -> PageResult {
    let ui = visitor.ui;
    let file = app.settings.key_file();
    let file = std::fs::canonicalize(&file).unwrap_or(file);
    let sentences = vec![
        ui.tv("setup-done", "url", app.origin().url.clone()),
        ui.tv("setup-key", "file", file.display().to_string()),
    ];
    let step = Some(("/".to_owned(), ui.t("to-the-house")));
    Ok(Page(MessagePage {
        title: ui.t("setup-done-title"),
        sentences,
        codes: Vec::new(),
        step,
        ui,
    })
    .into_response())
}

#[derive(Template)]
#[template(path = "nodes/operator.html")]
struct OperatorPage {
    ui: Ui,
    house: House,
    jobs: (i64, i64),
    members: Vec<Account>,
    new_name: String,
    nodes: Vec<(Node, i64, i64)>,
    mails: Vec<Mail>,
    announcements: Vec<Announcement>,
    problems: Vec<Problem>,
}

async fn overview(app: &App, ui: Ui, problems: Vec<Problem>) -> Result<OperatorPage> {
    Ok(OperatorPage {
        house: ui.house.clone(),
        ui,
        jobs: jobs::counts(&app.db).await?,
        members: accounts::list_local(app).await?,
        new_name: String::new(),
        nodes: nodes::list(app).await?,
        mails: letters::list(app).await?,
        announcements: told::list(app, AccountId(0)).await?,
        problems,
    })
}

/// `GET /operator`
pub async fn operator(State(app): State<App>, Operator(_, visitor): Operator) -> PageResult {
    Ok(Page(overview(&app, visitor.ui, Vec::new()).await?).into_response())
}

/// What the forms of the operator's page send.
#[derive(Debug, Default, Deserialize)]
pub struct OperatorForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    line: String,
}

/// What came of a form.
async fn outcome(app: &App, ui: Ui, result: Result<()>) -> PageResult {
    match result {
        Ok(()) => Ok(see_other("/operator")),
        Err(Error::Invalid(problems)) => Ok(with_status(
            StatusCode::UNPROCESSABLE_ENTITY,
            overview(app, ui, problems).await?,
        )),
        Err(error) => Err(error.into()),
    }
}

/// `POST /operator/house`
pub async fn update_house(
    State(app): State<App>,
    Operator(me, visitor): Operator,
    Form(form): Form<OperatorForm>,
) -> PageResult {
    let house = House {
        name: form.name,
        line: form.line,
        ..visitor.ui.house.clone()
    };
    let result = save_house(&app, &me, &house).await;
    outcome(&app, visitor.ui, result).await
}

async fn save_house(app: &App, me: &Account, house: &House) -> Result<()> {
    let mut tx = app.db.begin().await?;
    if house::update(&mut tx, house).await? {
        audit::note(&mut tx, app.clock.now(), me.id, "house", &house.name).await?;
    }
    Ok(tx.commit().await?)
}

/// `POST /operator/members`: a new member with a password that is shown once.
pub async fn create_member(
    State(app): State<App>,
    Operator(me, visitor): Operator,
    Form(form): Form<OperatorForm>,
) -> PageResult {
    let password = sign_in::generate_password();
    let email = Some(form.email.as_str()).filter(|email| !email.trim().is_empty());
    let new = New {
        name: form.name.trim(),
        display_name: "",
        email,
        password: &password,
        role: Role::Member,
        confirmed: true,
    };
    match make_member(&app, &me, new).await {
        Ok(account) => {
            let ui = visitor.ui;
            let sentences = vec![
                ui.tv("member-made", "name", account.name.clone()),
                ui.t("member-password"),
            ];
            Ok(Page(MessagePage {
                title: ui.t("op-members"),
                sentences,
                codes: vec![password],
                step: Some(("/operator".to_owned(), ui.t("back"))),
                ui,
            })
            .into_response())
        }
        Err(error) => outcome(&app, visitor.ui, Err(error)).await,
    }
}

async fn make_member(app: &App, me: &Account, new: New<'_>) -> Result<Account> {
    let prepared = create::prepare(app, new).await?;
    let mut tx = app.db.begin().await?;
    let account = create::write(app, &mut tx, prepared).await?;
    let said = format!("@{}", account.name);
    audit::note(&mut tx, app.clock.now(), me.id, "member-made", &said).await?;
    tx.commit().await?;
    Ok(account)
}

/// `POST /operator/members/{id}/{verb}`
pub async fn act_on_member(
    State(app): State<App>,
    Operator(me, visitor): Operator,
    Path((id, verb)): Path<(AccountId, String)>,
) -> PageResult {
    let member = accounts::get(&app, id).await?;
    if member.kind != accounts::Kind::Local {
        return Err(Error::NotFound.into());
    }
    // Who belongs to the house is the host's to decide.
    let of_the_house = verb.starts_with("make-") || member.role != Role::Member;
    if of_the_house && !me.is_host() {
        return Err(Error::Forbidden.into());
    }
    let result = decide_on(&app, &me, &member, &verb).await;
    outcome(&app, visitor.ui, result).await
}

async fn decide_on(app: &App, me: &Account, member: &Account, verb: &str) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let changed = match verb {
        "disable" => accounts::set_disabled(&mut tx, member.id, Some(now)).await?,
        "enable" => measures::let_in(&mut tx, now, member.id).await?,
        "make-host" => accounts::set_role(&mut tx, member.id, Role::Host).await?,
        "make-member" => accounts::set_role(&mut tx, member.id, Role::Member).await?,
        _ => return Err(Error::NotFound),
    };
    if changed {
        let (act, said) = (format!("member-{verb}"), format!("@{}", member.name));
        audit::note(&mut tx, now, me.id, &act, &said).await?;
    }
    Ok(tx.commit().await?)
}

/// `POST /operator/nodes/{id}/{verb}`
pub async fn act_on_node(
    State(app): State<App>,
    Operator(me, _): Operator,
    Path((id, verb)): Path<(NodeId, String)>,
) -> PageResult {
    nudge(&app, &me, id, &verb).await?;
    Ok(see_other("/operator"))
}

async fn nudge(app: &App, me: &Account, id: NodeId, verb: &str) -> Result<()> {
    let mut tx = app.db.begin().await?;
    let (act, host) = match verb {
        "retry" => ("node-retry", health::retry(&mut tx, id).await?),
        "give-up" => ("node-give-up", health::give_up(&mut tx, id).await?),
        _ => return Err(Error::NotFound),
    };
    if let Some(host) = host {
        audit::note(&mut tx, app.clock.now(), me.id, act, &host).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// `POST /operator/jobs/retry`
pub async fn retry_jobs(State(app): State<App>, Operator(me, _): Operator) -> PageResult {
    try_again(&app, &me).await?;
    Ok(see_other("/operator"))
}

async fn try_again(app: &App, me: &Account) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let rows = sql("SELECT id FROM jobs WHERE dead_at IS NOT NULL LIMIT 1000")
        .all(&mut tx)
        .await?;
    let ids: Vec<JobId> = rows
        .iter()
        .map(|row| row.get("id"))
        .collect::<sqlx::Result<_>>()?;
    let touched = jobs::retry_dead(&mut tx, now, &ids).await?;
    if touched > 0 {
        audit::note(&mut tx, now, me.id, "jobs-retried", &touched.to_string()).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}
