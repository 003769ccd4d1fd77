//! Settings: profile, people one does not want to hear from, leaving.

use askama::Template;
use axum::extract::{Form, Multipart, Query, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Deserialize;

use super::MessagePage;
use crate::accounts::profile::{self, Edit};
use crate::accounts::{Account, Field, preferences, remove, sign_in};
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::federation::objects::Found;
use crate::federation::{actor, fetch::Budget, webfinger};
use crate::media::{files, pictures};
use crate::relations::blocks;
use crate::ui::form::{held, typed};
use crate::ui::page::with_status;
use crate::ui::{Page, PageResult, SignedIn, Ui, see_other};

/// Whether something was just saved.
#[derive(Debug, Deserialize)]
pub struct Saved {
    saved: Option<String>,
}

impl Saved {
    /// Whether it was.
    pub(super) fn is_some(&self) -> bool {
        self.saved.is_some()
    }
}

#[derive(Template)]
#[template(path = "accounts/settings.html")]
struct SettingsPage {
    ui: Ui,
    edit: Edit,
    fields: Vec<Field>,
    saved: bool,
    problems: Vec<Problem>,
}

impl SettingsPage {
    fn new(app: &App, ui: Ui, edit: Edit, saved: bool, problems: Vec<Problem>) -> Self {
        let mut fields = edit.fields.clone();
        while fields.len()
            < usize::try_from(app.settings.limits.profile_fields)
                .unwrap_or(8)
                .min(8)
        {
            fields.push(Field {
                name: String::new(),
                value: String::new(),
                verified_at: None,
                for_followers: false,
            });
        }
        Self {
            ui,
            edit,
            fields,
            saved,
            problems,
        }
    }
}

/// `GET /settings`
pub async fn show(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Query(saved): Query<Saved>,
) -> PageResult {
    let edit = Edit {
        display_name: member.display_name,
        bio: member.bio,
        fields: member.fields,
        locked: member.locked,
        bot: member.bot,
        discoverable: member.discoverable,
        indexable: member.indexable,
        avatar: None,
        header: None,
    };
    Ok(Page(SettingsPage::new(
        &app,
        visitor.ui,
        edit,
        saved.is_some(),
        Vec::new(),
    ))
    .into_response())
}

/// `POST /settings`
pub async fn update(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    form: Multipart,
) -> PageResult {
    let mut edit = Edit::default();
    let outcome = match read(&app, form, &mut edit).await {
        Ok(()) => match profile::update(&app, &member, edit.clone()).await {
            Ok(after) => files::replaced(&app, &member, &after).await,
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => Ok(see_other("/settings?saved=1")),
        Err(Error::Invalid(problems)) => Ok(with_status(
            StatusCode::UNPROCESSABLE_ENTITY,
            SettingsPage::new(&app, visitor.ui, edit, false, problems),
        )),
        Err(error) => Err(error.into()),
    }
}

async fn read(app: &App, mut form: Multipart, edit: &mut Edit) -> Result<()> {
    let most = usize::try_from(app.settings.limits.picture_bytes).unwrap_or(usize::MAX);
    let broken = |_| Error::invalid("display_name", "error-form");
    let mut trouble = None;
    let (mut names, mut values, mut whom) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(mut part) = form.next_field().await.map_err(broken)? {
        let name = part.name().unwrap_or_default().to_owned();
        if matches!(name.as_str(), "avatar" | "header") {
            let bytes = held(&mut part, most).await?;
            if !bytes.is_empty() {
                let shape = if name == "avatar" {
                    pictures::AVATAR
                } else {
                    pictures::HEADER
                };
                match picture(app, bytes, shape).await {
                    Ok(file) if name == "avatar" => edit.avatar = Some(file),
                    Ok(file) => edit.header = Some(file),
                    Err(error) => trouble = Some(error),
                }
            }
            continue;
        }
        let text = typed(&mut part).await?;
        match name.as_str() {
            "display_name" => edit.display_name = text,
            "bio" => edit.bio = text,
            "field_name" => names.push(text),
            "field_value" => values.push(text),
            "field_for" => whom.push(text == "followers"),
            "locked" => edit.locked = true,
            "bot" => edit.bot = true,
            "discoverable" => edit.discoverable = true,
            "indexable" => edit.indexable = true,
            _ => {}
        }
    }
    edit.fields = names
        .into_iter()
        .zip(values)
        .zip(whom.into_iter().chain(std::iter::repeat(false)))
        .map(|((name, value), for_followers)| Field {
            name,
            value,
            verified_at: None,
            for_followers,
        })
        .filter(|field| !field.name.is_empty() || !field.value.is_empty())
        .collect();
    trouble.map_or(Ok(()), Err)
}

async fn picture(app: &App, bytes: Vec<u8>, shape: pictures::Shape) -> Result<String> {
    let picture = pictures::process(bytes, shape).await?;
    files::put(app, picture.bytes, picture.extension).await
}

#[derive(Template)]
#[template(path = "accounts/people.html")]
struct PeoplePage {
    ui: Ui,
    blocked: Vec<Account>,
    muted: Vec<Account>,
    nodes: Vec<String>,
    hides_follows: bool,
}

/// `GET /settings/people`
pub async fn people(State(app): State<App>, SignedIn(member, visitor): SignedIn) -> PageResult {
    let (blocked, muted, nodes) = blocks::list(&app, member.id).await?;
    Ok(Page(PeoplePage {
        ui: visitor.ui,
        blocked,
        muted,
        nodes,
        hides_follows: preferences::get(&app, member.id).await?.hides_follows,
    })
    .into_response())
}

/// Whether follows are hidden.
#[derive(Debug, Deserialize)]
pub struct HideForm {
    hide: Option<String>,
}

/// `POST /settings/people/follows`: who sees whom one follows and who follows one.
pub async fn hide_follows(
    State(app): State<App>,
    SignedIn(member, _): SignedIn,
    Form(form): Form<HideForm>,
) -> PageResult {
    let mut wishes = preferences::get(&app, member.id).await?;
    wishes.hides_follows = form.hide.is_some();
    preferences::set(&app, member.id, &wishes).await?;
    Ok(see_other("/settings/people"))
}

/// A node to hear again.
#[derive(Debug, Deserialize)]
pub struct NodeForm {
    host: String,
}

/// `POST /settings/people/unmute-node`
pub async fn unmute_node(
    State(app): State<App>,
    SignedIn(member, _): SignedIn,
    Form(form): Form<NodeForm>,
) -> PageResult {
    blocks::set_node_muted(&app, member.id, &form.host, false).await?;
    Ok(see_other("/settings/people"))
}

#[derive(Template)]
#[template(path = "accounts/leave.html")]
struct LeavePage {
    ui: Ui,
    aliases: String,
    problems: Vec<Problem>,
}

/// `GET /settings/leave`
pub async fn leave(SignedIn(member, visitor): SignedIn) -> PageResult {
    Ok(Page(LeavePage {
        ui: visitor.ui,
        aliases: member.aliases.join("\n"),
        problems: Vec::new(),
    })
    .into_response())
}

/// What the forms of the leaving page send.
#[derive(Debug, Deserialize)]
pub struct LeaveForm {
    #[serde(default)]
    aliases: String,
    #[serde(default)]
    target: String,
    #[serde(default)]
    current: String,
}

fn problem_page(member: &Account, ui: Ui, error: Error) -> PageResult {
    match error {
        Error::Invalid(problems) => Ok(with_status(
            StatusCode::UNPROCESSABLE_ENTITY,
            LeavePage {
                ui,
                aliases: member.aliases.join("\n"),
                problems,
            },
        )),
        error => Err(error.into()),
    }
}

/// An account for a handle or an address, asked for anew where it lives elsewhere.
async fn fresh_account(app: &App, text: &str, field: &'static str) -> Result<Account> {
    match webfinger::look_up(app, text).await {
        Ok(Found::Account(account)) if account.is_local() => Ok(account),
        Ok(Found::Account(account)) => Ok(actor::refresh(app, &account.uri, &Budget::person())
            .await
            .unwrap_or(account)),
        Ok(Found::Post(_)) => Err(Error::invalid(field, "error-alias")),
        Err(error) => Err(Error::invalid(field, error.sentence())),
    }
}

/// `POST /settings/aliases`: handles or addresses, one a line.
pub async fn aliases(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Form(form): Form<LeaveForm>,
) -> PageResult {
    let mut aliases = Vec::new();
    for line in form
        .aliases
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .take(10)
    {
        match fresh_account(&app, line, "aliases").await {
            Ok(account) => aliases.push(account.uri),
            Err(error) => return problem_page(&member, visitor.ui, error),
        }
    }
    match profile::set_aliases(&app, &member, aliases).await {
        Ok(_) => Ok(see_other("/settings/leave")),
        Err(error) => problem_page(&member, visitor.ui, error),
    }
}

/// `POST /settings/move`
pub async fn move_away(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Form(form): Form<LeaveForm>,
) -> PageResult {
    if !sign_in::password_fits(&app, member.id, &form.current).await? {
        return problem_page(
            &member,
            visitor.ui,
            Error::invalid("target", "error-password"),
        );
    }
    let target = match fresh_account(&app, &form.target, "target").await {
        Ok(target) => target,
        Err(error) => return problem_page(&member, visitor.ui, error),
    };
    match profile::move_to(&app, &member, &target).await {
        Ok(()) => Ok(see_other(&member.path())),
        Err(error) => problem_page(&member, visitor.ui, error),
    }
}

/// `POST /settings/delete`
pub async fn delete(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Form(form): Form<LeaveForm>,
) -> PageResult {
    if !sign_in::password_fits(&app, member.id, &form.current).await? {
        return problem_page(
            &member,
            visitor.ui,
            Error::invalid("delete", "error-password"),
        );
    }
    remove::remove(&app, &member).await?;
    let ui = visitor.ui;
    Ok(Page(MessagePage {
        title: ui.t("deleted-title"),
        sentences: vec![ui.t("deleted")],
        codes: Vec::new(),
        step: None,
        ui,
    })
    .into_response())
}
