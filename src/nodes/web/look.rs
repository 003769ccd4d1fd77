//! The look of the house: colour, face, pictures, the order of the front page; tried out before it is saved.

use askama::Template;
use axum::extract::{Multipart, Query, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Deserialize;

use crate::accounts::Account;
use crate::app::App;
use crate::crew::audit;
use crate::error::{Error, Problem, Result};
use crate::media::{files, pictures};
use crate::nodes::house::{self, Face, House, Section};
use crate::ui::entitled::Operator;
use crate::ui::form::{held, typed};
use crate::ui::page::with_status;
use crate::ui::{Page, PageResult, Ui, colour, see_other, theme};

/// A look that is tried out; what is not named is as it is.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Tried {
    accent: Option<String>,
    face: Option<String>,
    focus_x: Option<u8>,
    focus_y: Option<u8>,
    saved: Option<String>,
    /// How it was before, to be tried again.
    before: Option<String>,
}

impl Tried {
    /// The house as it would look.
    fn over(&self, mut house: House) -> House {
        let accent = self
            .accent
            .clone()
            .filter(|accent| house::is_colour(accent));
        house.accent = accent.unwrap_or(house.accent);
        let face = self.face.as_deref().and_then(Face::parse);
        house.look.face = face.unwrap_or(house.look.face);
        house.look.focus = (
            self.focus_x.unwrap_or(house.look.focus.0).min(100),
            self.focus_y.unwrap_or(house.look.focus.1).min(100),
        );
        house
    }
}

/// One ground of the preview.
struct Ground {
    class: &'static str,
    name: &'static str,
    /// The accent as it is shown there, and whether it had to be moved.
    accent: String,
    moved: bool,
}

#[derive(Template)]
#[template(path = "nodes/look.html")]
struct LookPage {
    ui: Ui,
    house: House,
    theme: String,
    picture: Option<String>,
    grounds: [Ground; 2],
    saved: bool,
    before: Option<String>,
    problems: Vec<Problem>,
}

impl LookPage {
    fn of(ui: Ui, house: House, problems: Vec<Problem>) -> Self {
        let [light, dark] = colour::shown(&house.accent);
        let ground = |class, name, (accent, moved)| Ground {
            class,
            name,
            accent,
            moved,
        };
        Self {
            theme: theme::address(&house),
            picture: house
                .look
                .hero
                .as_ref()
                .map(|file| format!("/media/{file}")),
            grounds: [
                ground("ground-light", "look-light", light),
                ground("ground-dark", "look-dark", dark),
            ],
            ui,
            house,
            saved: false,
            before: None,
            problems,
        }
    }

    fn faces(&self) -> [(Face, bool); 6] {
        Face::ALL.map(|face| (face, face == self.house.look.face))
    }
}

/// `GET /operator/look`: what is in the query is tried out on the page itself.
pub async fn show(Operator(_, visitor): Operator, Query(tried): Query<Tried>) -> PageResult {
    let house = tried.over(visitor.ui.house.clone());
    let mut page = LookPage::of(visitor.ui, house, Vec::new());
    page.saved = tried.saved.is_some();
    page.before = tried.before.filter(|before| !before.contains('/'));
    Ok(Page(page).into_response())
}

/// `POST /operator/look`
pub async fn update(
    State(app): State<App>,
    Operator(me, visitor): Operator,
    form: Multipart,
) -> PageResult {
    let before = visitor.ui.house.clone();
    let mut house = before.clone();
    let outcome = match read(&app, form, &mut house).await {
        Ok(()) => save(&app, &me, &house).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => {
            let pairs = [
                (&before.look.hero, &house.look.hero),
                (&before.look.logo, &house.look.logo),
            ];
            for (old, new) in pairs {
                if let Some(old) = old.as_ref().filter(|_| old != new) {
                    files::remove(&app, old).await?;
                }
            }
            let back: String = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("accent", &before.accent)
                .append_pair("face", before.look.face.name())
                .append_pair("focus_x", &before.look.focus.0.to_string())
                .append_pair("focus_y", &before.look.focus.1.to_string())
                .finish();
            let saved: String = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("saved", "1")
                .append_pair("before", &back)
                .finish();
            Ok(see_other(&format!("/operator/look?{saved}")))
        }
        Err(Error::Invalid(problems)) => {
            house.look = crate::nodes::house::Look {
                hero: before.look.hero,
                logo: before.look.logo,
                ..house.look
            };
            let page = LookPage::of(visitor.ui, house, problems);
            Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, page))
        }
        Err(error) => Err(error.into()),
    }
}

async fn save(app: &App, me: &Account, house: &House) -> Result<()> {
    let mut tx = app.db.begin().await?;
    if house::save_look(&mut tx, house).await? {
        audit::note(&mut tx, app.clock.now(), me.id, "look", "").await?;
    }
    Ok(tx.commit().await?)
}

async fn read(app: &App, mut form: Multipart, house: &mut House) -> Result<()> {
    let most = usize::try_from(app.settings.limits.picture_bytes).unwrap_or(usize::MAX);
    let broken = |_| Error::invalid("accent", "error-form");
    let mut trouble = None;
    let (mut tried, mut hero, mut logo) = (Tried::default(), None, None);
    while let Some(mut part) = form.next_field().await.map_err(broken)? {
        let name = part.name().unwrap_or_default().to_owned();
        if matches!(name.as_str(), "hero" | "logo") {
            let bytes = held(&mut part, most).await?;
            if !bytes.is_empty() {
                match name.as_str() {
                    "hero" => hero = Some((bytes, pictures::HERO)),
                    _ => logo = Some((bytes, pictures::LOGO)),
                }
            }
            continue;
        }
        let text = typed(&mut part).await?;
        match name.as_str() {
            "accent" if !house::is_colour(&text) => {
                trouble = Some(Error::invalid("accent", "error-colour"));
            }
            "accent" => tried.accent = Some(text),
            "face" => tried.face = Some(text),
            "focus_x" => tried.focus_x = text.parse().ok(),
            "focus_y" => tried.focus_y = text.parse().ok(),
            "remove_hero" => house.look.hero = None,
            "remove_logo" => house.look.logo = None,
            _ => {}
        }
    }
    *house = tried.over(house.clone());
    for (picture, into) in [(hero, &mut house.look.hero), (logo, &mut house.look.logo)] {
        let Some((bytes, shape)) = picture else {
            continue;
        };
        let picture = pictures::process(bytes, shape).await?;
        *into = Some(files::put(app, picture.bytes, picture.extension).await?);
    }
    trouble.map_or(Ok(()), Err)
}

/// `POST /operator/look/front`: which parts the front page shows, and one of them moved a step.
pub async fn arrange(
    State(app): State<App>,
    Operator(me, visitor): Operator,
    axum::extract::Form(form): axum::extract::Form<Vec<(String, String)>>,
) -> PageResult {
    let mut front = visitor.ui.house.look.front.clone();
    for (section, shown) in &mut front {
        *shown = form
            .iter()
            .any(|(name, value)| name == "shown" && value == section.name());
    }
    let moved = form.iter().find(|(name, _)| name == "move");
    if let Some((name, step)) = moved.and_then(|(_, value)| value.split_once(' '))
        && let Some(at) = Section::parse(name)
            .and_then(|section| front.iter().position(|(known, _)| *known == section))
    {
        let to = if step == "up" {
            at.saturating_sub(1)
        } else {
            (at + 1).min(front.len() - 1)
        };
        front.swap(at, to);
    }
    save_front(&app, &me, &front).await?;
    Ok(see_other("/operator/look#front"))
}

async fn save_front(app: &App, me: &Account, front: &[(Section, bool)]) -> Result<()> {
    let mut tx = app.db.begin().await?;
    if house::arrange(&mut tx, front).await? {
        audit::note(&mut tx, app.clock.now(), me.id, "front", "").await?;
    }
    Ok(tx.commit().await?)
}
