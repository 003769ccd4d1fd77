//! The one door: where somebody's home is, what it can do, the way there and back, and what a guest finds here.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;

use super::door::{self, Back};
use super::homes::{self, Home};
use super::{Closed, sessions};
use crate::accounts::Account;
use crate::accounts::sessions::Session;
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::origin::parse_url;
use crate::ui::page::{is_own_path, with_status};
use crate::ui::visitor::{GUEST, cookie_of, named_cookie, read_cookie};
use crate::ui::{Page, PageResult, Ui, Visitor, see_other};

/// The cookie that binds the way to a home to one browser.
const DOOR: &str = "door";
/// The cookie that remembers where somebody's home is.
const HOME: &str = "home";

/// What somebody came to the door for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Wish {
    /// `follow`, `like`, `announce`, `create`, or nothing: to come in.
    #[serde(default)]
    verb: String,
    /// What it is about: the id of an account or a post.
    #[serde(default)]
    object: String,
    /// Where to go afterwards.
    #[serde(default)]
    next: String,
    /// Where their home is, as typed.
    #[serde(default)]
    home: String,
    /// Whether the home is known and the way there needs no further word.
    #[serde(default)]
    known: String,
}

impl Wish {
    /// The wish with everything taken out that leads elsewhere.
    fn sound(mut self) -> Self {
        if !is_own_path(&self.next) || !self.next.is_ascii() || self.next.len() > 2048 {
            self.next = "/".to_owned();
        }
        if !["follow", "like", "announce", "create"].contains(&self.verb.as_str()) {
            self.verb = String::new();
        }
        self.home.truncate(self.home.floor_char_boundary(500));
        if parse_url(&self.object).is_none() {
            self.object = String::new();
        }
        self
    }
}

/// What a home offers, in plain words.
struct Offer {
    host: String,
    handle: Option<String>,
    /// Where the wish is done from home.
    does: Option<String>,
    /// Whether somebody can come in.
    enters: bool,
}

#[derive(Template)]
#[template(path = "guests/door.html")]
struct DoorPage {
    ui: Ui,
    wish: Wish,
    remembered: bool,
    offer: Option<Offer>,
    sentence: Option<String>,
    /// What to search for at home where nothing else helps, as text and as a code to scan.
    copy: Option<(String, String)>,
}

/// `GET /door`: asks where somebody's home is.
pub async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Query(wish): Query<Wish>,
    headers: HeaderMap,
) -> PageResult {
    let mut wish = wish.sound();
    if visitor.account.is_some() {
        return Ok(see_other(&wish.next));
    }
    let known = read_cookie(&headers, &cookie_of(&app, HOME)).filter(|home| home.len() <= 300);
    let remembered = known.is_some() && wish.home.is_empty();
    if let Some(known) = known.filter(|_| remembered) {
        wish.home = known;
    }
    Ok(Page(DoorPage {
        copy: copy(&wish),
        ui: visitor.ui,
        wish,
        remembered,
        offer: None,
        sentence: None,
    })
    .into_response())
}

/// The address to look for at home, and a code of it.
fn copy(wish: &Wish) -> Option<(String, String)> {
    if wish.object.is_empty() {
        return None;
    }
    let code = fast_qr::QRBuilder::new(wish.object.clone()).build().ok()?;
    let code = fast_qr::convert::svg::SvgBuilder::default().to_str(&code);
    Some((wish.object.clone(), code))
}

async fn look(
    app: &App,
    visitor: &Visitor,
    typed: &str,
) -> Result<std::result::Result<Home, Closed>> {
    let address = match homes::parse(app, typed) {
        Ok(address) => address,
        Err(closed) => return Ok(Err(closed)),
    };
    app.limits
        .homes
        .take(&visitor.address, app.clock.now())
        .map_err(Error::TooMany)?;
    Ok(homes::look(app, &address).await)
}

/// `POST /door`: looks at the home and says what it can do.
pub async fn look_at(
    State(app): State<App>,
    visitor: Visitor,
    Form(wish): Form<Wish>,
) -> PageResult {
    let wish = wish.sound();
    let looked = look(&app, &visitor, &wish.home).await?;
    if matches!(looked, Err(Closed::OurOwn)) {
        let next: String = url::form_urlencoded::byte_serialize(wish.next.as_bytes()).collect();
        return Ok(see_other(&format!("/sign-in?next={next}")));
    }
    let home = match looked {
        Ok(home) => home,
        Err(closed) => return Ok(refuse(visitor.ui, wish, closed)),
    };
    let offer = Offer {
        host: home.host(),
        handle: home.handle.clone(),
        does: (!wish.verb.is_empty())
            .then(|| home.does(&wish.verb, &wish.object))
            .flatten(),
        enters: home.doors.is_some(),
    };
    if let Some(target) = offer.does.as_ref().filter(|_| wish.known == "1") {
        return Ok(Page(OnwardPage {
            ui: visitor.ui,
            target: target.clone(),
            app: offer.host,
            by_itself: true,
        })
        .into_response());
    }
    let typed = wish.home.trim().replace([';', ',', ' '], "");
    let remembered = named_cookie(&app, HOME, &typed, 365 * 86_400);
    let mut answer = Page(DoorPage {
        copy: copy(&wish),
        ui: visitor.ui,
        wish,
        remembered: false,
        offer: Some(offer),
        sentence: None,
    })
    .into_response();
    set_cookie(&mut answer, &remembered);
    Ok(answer)
}

fn set_cookie(answer: &mut Response, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        answer.headers_mut().append(header::SET_COOKIE, value);
    }
}

fn refuse(ui: Ui, wish: Wish, closed: Closed) -> Response {
    let page = DoorPage {
        sentence: Some(ui.t(closed.sentence())),
        copy: copy(&wish),
        ui,
        wish,
        remembered: false,
        offer: None,
    };
    with_status(StatusCode::UNPROCESSABLE_ENTITY, page)
}

/// `POST /door/forget`: "not me".
pub async fn forget(State(app): State<App>) -> PageResult {
    let mut answer = see_other("/door");
    set_cookie(&mut answer, &named_cookie(&app, HOME, "", 0));
    Ok(answer)
}

#[derive(Template)]
#[template(path = "oauth/onward.html")]
struct OnwardPage {
    ui: Ui,
    target: String,
    app: String,
    by_itself: bool,
}

/// `POST /door/enter`: begins the way to the home, after saying where it leads.
pub async fn enter(State(app): State<App>, visitor: Visitor, Form(wish): Form<Wish>) -> PageResult {
    let wish = wish.sound();
    let home = match look(&app, &visitor, &wish.home).await? {
        Ok(home) => home,
        Err(closed) => return Ok(refuse(visitor.ui, wish, closed)),
    };
    let way = match door::begin(&app, &home, &wish.next).await? {
        Ok(way) => way,
        Err(closed) => return Ok(refuse(visitor.ui, wish, closed)),
    };
    let mut answer = Page(OnwardPage {
        ui: visitor.ui,
        target: way.target,
        app: home.host(),
        by_itself: true,
    })
    .into_response();
    set_cookie(&mut answer, &named_cookie(&app, DOOR, &way.cookie, 600));
    Ok(answer)
}

/// `GET /auth/home/callback/{id}`: somebody comes back from their home.
pub async fn back(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(back): Query<Back>,
    headers: HeaderMap,
) -> PageResult {
    let cookie = read_cookie(&headers, &cookie_of(&app, DOOR));
    let arrival = match door::arrive(&app, &id, &back, cookie.as_deref()).await? {
        Ok(arrival) => arrival,
        Err(closed) => return Ok(refuse(visitor.ui, Wish::default().sound(), closed)),
    };
    let token = sessions::start(&app, arrival.guest.id, &arrival.origin, &visitor.browser).await?;
    // Who came as somebody else than they typed is told so before anything is done.
    let next = if arrival.other {
        "/guest"
    } else {
        &arrival.next
    };
    let mut answer = see_other(next);
    set_cookie(&mut answer, &named_cookie(&app, GUEST, &token, 30 * 86_400));
    set_cookie(&mut answer, &named_cookie(&app, DOOR, "", 0));
    Ok(answer)
}

#[derive(Template)]
#[template(path = "guests/guest.html")]
struct GuestPage {
    ui: Ui,
    guest: Account,
    browsers: Vec<Session>,
    follows: Vec<Account>,
}

/// `GET /guest`: what this house knows about a guest.
pub async fn guest(State(app): State<App>, visitor: Visitor) -> PageResult {
    let Some(guest) = visitor.guest.clone() else {
        return Ok(see_other("/door"));
    };
    Ok(Page(GuestPage {
        browsers: sessions::list(&app, guest.id).await?,
        follows: sessions::followed(&app, guest.id).await?,
        guest,
        ui: visitor.ui,
    })
    .into_response())
}

/// `POST /guest/{verb}`: goes, or is forgotten.
pub async fn leave(
    State(app): State<App>,
    visitor: Visitor,
    Path(verb): Path<String>,
    headers: HeaderMap,
) -> PageResult {
    let token = read_cookie(&headers, &cookie_of(&app, GUEST));
    match (verb.as_str(), &visitor.guest, token) {
        ("leave", _, Some(token)) => sessions::end(&app, &token).await?,
        ("erase", Some(guest), _) => sessions::erase(&app, guest.id).await?,
        ("leave" | "erase", ..) => {}
        _ => return Err(Error::NotFound.into()),
    }
    let mut answer = see_other("/");
    set_cookie(&mut answer, &named_cookie(&app, GUEST, "", 0));
    if verb == "erase" {
        set_cookie(&mut answer, &named_cookie(&app, HOME, "", 0));
    }
    Ok(answer)
}
