//! Settings: profile, people one does not want to hear from, leaving.

use askama::Template;
use axum::extract::{Form, Multipart, Query, State};
use axum::response::IntoResponse;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;

use crate::accounts::profile::{self, Edit};
use crate::accounts::{Account, Field, preferences};
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::kernel::zone::Zone;
use crate::media::{files, pictures, upload};
use crate::relations::blocks;
use crate::ui::form::{held, typed};
use crate::ui::page::{Saved, with_status};
use crate::ui::zones::ZONE;
use crate::ui::{Page, PageResult, SignedIn, Ui, see_other};

#[derive(Template)]
#[template(path = "accounts/settings.html")]
struct SettingsPage {
    ui: Ui,
    edit: Edit,
    fields: Vec<Field>,
    /// The time zone, or what was typed for one.
    zone: String,
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
            zone: ui
                .zone
                .map_or_else(String::new, |zone| zone.name().to_owned()),
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
    Ok(Page(SettingsPage::new(
        &app,
        visitor.ui,
        of(member),
        saved.is_some(),
        Vec::new(),
    ))
    .into_response())
}

/// A profile as it stands.
fn of(member: Account) -> Edit {
    Edit {
        display_name: member.display_name,
        bio: member.bio,
        fields: member.fields,
        locked: member.locked,
        bot: member.bot,
        discoverable: member.discoverable,
        indexable: member.indexable,
        avatar: None,
        header: None,
    }
}

/// `POST /settings`
pub async fn update(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    form: Multipart,
) -> PageResult {
    let mut edit = Edit::default();
    let changed = match read(&app, form, &mut edit).await {
        Ok(()) => profile::update(&app, &member, edit.clone()).await,
        Err(error) => Err(error),
    };
    let outcome = match changed {
        Ok(after) => files::replaced(&app, &member, &after).await,
        Err(error) => {
            // The pictures are chosen again with the next try.
            for file in edit.avatar.take().into_iter().chain(edit.header.take()) {
                files::remove(&app, &file).await?;
            }
            Err(error)
        }
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
                match upload::portrait(app, bytes, shape, "picture").await {
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

/// A time zone, as the browser or the member says.
#[derive(Debug, Deserialize)]
pub struct ZoneForm {
    zone: String,
}

/// `POST /settings/zone`: the zone in which times are shown.
pub async fn set_zone(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Form(form): Form<ZoneForm>,
) -> PageResult {
    let Some(zone) = Zone::parse(&form.zone) else {
        let problem = Error::invalid("zone", "error-zone");
        let Error::Invalid(problems) = problem else {
            return Err(problem.into());
        };
        let mut page = SettingsPage::new(&app, visitor.ui, of(member), false, problems);
        page.zone = form.zone;
        return Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, page));
    };
    let mut wishes = preferences::get(&app, member.id).await?;
    zone.name().clone_into(&mut wishes.zone);
    preferences::set(&app, member.id, &wishes).await?;
    let cookie = format!(
        "{ZONE}={}; Path=/; Max-Age=31536000; SameSite=Lax",
        zone.name()
    );
    let mut answer = see_other("/settings?saved=1");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(answer)
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
