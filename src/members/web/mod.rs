//! Pages of membership: becoming a member, inviting, and the host's list of who asks.

pub mod desk;
pub mod import;
pub mod invitations;
pub mod mine;
pub mod tiers;
pub mod waiting;

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;

use super::{invitations as store, requests};
use crate::accounts::create::New;
use crate::accounts::web::{MessagePage, door};
use crate::accounts::{self, Account, Role, letters};
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::nodes::joining::{self, Mode};
use crate::ui::page::{is_own_path, with_status};
use crate::ui::{Page, PageResult, Ui, Visitor, see_other};

#[derive(Template)]
#[template(path = "members/join.html")]
struct JoinPage {
    ui: Ui,
    mode: &'static str,
    /// Whether there is a waiting list.
    waiting: bool,
    /// Who invites, where somebody does.
    inviter: Option<Account>,
    /// What was filled in so far, with the questions.
    form: JoinForm,
    questions: Vec<(String, String)>,
    problems: Vec<Problem>,
}

/// What the form of a newcomer sends.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct JoinForm {
    name: String,
    email: String,
    password: String,
    /// The code of an invitation.
    code: String,
    /// Where to go on as a member.
    next: String,
    /// One answer a question.
    #[serde(rename = "answer")]
    answers: Vec<String>,
}

/// What is true of an invitation that somebody brings.
async fn inviter(app: &App, code: &str) -> Result<Option<Account>> {
    let Some(invitation) = store::find(app, code).await? else {
        return Ok(None);
    };
    if !invitation.counts(app.clock.now()) {
        return Ok(None);
    }
    Ok(Some(accounts::get(app, invitation.inviter).await?))
}

async fn page(app: &App, ui: Ui, mut form: JoinForm, problems: Vec<Problem>) -> Result<JoinPage> {
    let joining = joining::get(app).await?;
    let (mode, waiting) = (joining.mode, joining.waiting);
    let inviter = match form.code.as_str() {
        "" => None,
        _ if mode == Mode::Closed => None,
        code => inviter(app, code).await?,
    };
    let mut questions = Vec::new();
    if mode == Mode::Request && inviter.is_none() {
        for (at, question) in joining.questions.into_iter().enumerate() {
            questions.push((question, form.answers.get(at).cloned().unwrap_or_default()));
        }
    }
    // A code that does not count stands in nobody's way where none is needed.
    if inviter.is_none() && mode != Mode::Invitation {
        form.code = String::new();
    }
    let mode = if inviter.is_some() {
        "open"
    } else {
        mode.name()
    };
    Ok(JoinPage {
        ui,
        mode,
        waiting,
        inviter,
        form,
        questions,
        problems,
    })
}

/// A code in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Code {
    code: String,
    /// Where to go on as a member.
    next: String,
}

/// `GET /sign-up`: what a visitor sees depends on how the house is open.
pub async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Query(asked): Query<Code>,
) -> PageResult {
    let code = asked.code.trim().to_owned();
    let bad = !code.is_empty() && inviter(&app, &code).await?.is_none();
    let problems = if bad {
        vec![Problem {
            field: "code",
            sentence: crate::error::Sentence {
                id: "error-invitation",
                value: None,
            },
        }]
    } else {
        Vec::new()
    };
    let form = JoinForm {
        code,
        next: asked.next,
        ..JoinForm::default()
    };
    Ok(Page(page(&app, visitor.ui, form, problems).await?).into_response())
}

/// `GET /invite/{code}`: the link of an invitation.
pub async fn invited(
    State(app): State<App>,
    visitor: Visitor,
    Path(code): Path<String>,
) -> PageResult {
    if visitor.account.is_some() {
        return Ok(see_other("/"));
    }
    let next = String::new();
    show(State(app), visitor, Query(Code { code, next })).await
}

/// `POST /invite/{code}/opened`: somebody is at its page, and not only a program that looks at every link.
pub async fn opened(State(app): State<App>, Path(code): Path<String>) -> PageResult {
    note_opened(&app, &code).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn note_opened(app: &App, code: &str) -> Result<()> {
    if let Some(invitation) = store::find(app, code).await?
        && invitation.counts(app.clock.now())
    {
        store::opened(app, &invitation).await?;
    }
    Ok(())
}

/// `POST /sign-up`: with mail the address is confirmed first; without, the account is there at once.
pub async fn create(
    State(app): State<App>,
    visitor: Visitor,
    Form(pairs): Form<Vec<(String, String)>>,
) -> PageResult {
    let mut form = JoinForm::default();
    for (name, value) in pairs {
        match name.as_str() {
            "name" => form.name = value,
            "email" => form.email = value,
            "password" => form.password = value,
            "code" => form.code = value.trim().to_owned(),
            "next" => form.next = value,
            "answer" => form.answers.push(value),
            _ => {}
        }
    }
    app.limits
        .sign_up
        .take(visitor.address, app.clock.now())
        .map_err(Error::TooMany)?;
    if !form.code.is_empty() {
        note_opened(&app, &form.code).await?;
    }
    let joining = joining::get(&app).await?;
    let ui = visitor.ui.clone();
    let done = if joining.mode == Mode::Request && form.code.is_empty() {
        ask(&app, &visitor, &joining.questions, &form).await
    } else {
        join(&app, &visitor, &form).await
    };
    match done {
        Ok(answer) => Ok(answer),
        Err(Error::Invalid(problems)) => {
            let page = page(&app, ui, form, problems).await?;
            Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, page))
        }
        Err(error) => Err(error.into()),
    }
}

async fn ask(
    app: &App,
    visitor: &Visitor,
    questions: &[String],
    form: &JoinForm,
) -> Result<Response> {
    let ui = &visitor.ui;
    let answers: Vec<(String, String)> = questions
        .iter()
        .enumerate()
        .map(|(at, question)| {
            let answer = form.answers.get(at).cloned().unwrap_or_default();
            (question.clone(), answer)
        })
        .collect();
    let who = (
        form.name.as_str(),
        form.email.as_str(),
        form.password.as_str(),
    );
    requests::ask(app, who, &answers, (ui.locale, visitor.address)).await?;
    Ok(said(
        ui,
        "join-asked-title",
        ui.tv("join-asked", "value", form.email.clone()),
    ))
}

async fn join(app: &App, visitor: &Visitor, form: &JoinForm) -> Result<Response> {
    let ui = &visitor.ui;
    let new = New {
        name: &form.name,
        display_name: "",
        email: Some(&form.email),
        password: &form.password,
        role: Role::Member,
        confirmed: app.mailer.is_none(),
    };
    match super::join(app, new, (&form.code, visitor.address), ui.locale).await {
        Ok(account) if app.mailer.is_none() => {
            let own = is_own_path(&form.next);
            let next = if own { &form.next } else { "/settings" };
            return door::signed_in(app, visitor, account.id, next).await;
        }
        Ok(_) => {}
        // Whose address it is learns it by mail; whoever typed it sees what everybody sees.
        Err(Error::Invalid(problems))
            if app.mailer.is_some() && letters::is_known_address(&problems) =>
        {
            letters::write_known_address(app, ui.locale, &form.email, visitor.address).await?;
        }
        Err(error) => return Err(error),
    }
    let sentence = ui.tv("sign-up-mail", "value", form.email.clone());
    let mut answer = said(ui, "sign-up-mail-title", sentence);
    if is_own_path(&form.next) {
        // What somebody was about to do waits for the way back from the mail.
        door::keep_next(app, &mut answer, &form.next);
    }
    Ok(answer)
}

fn said(ui: &Ui, title: &str, sentence: String) -> Response {
    Page(MessagePage {
        title: ui.t(title),
        sentences: vec![sentence],
        codes: Vec::new(),
        step: None,
        ui: ui.clone(),
    })
    .into_response()
}
