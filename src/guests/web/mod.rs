//! The one door: where somebody's home is, what it can do, and what is done there.

pub mod done;
pub mod enter;
pub mod guest;
pub mod home;
pub mod intents;

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};

use super::homes::{self, Home, Object};
use super::wishes;
use super::{Closed, grants};
use crate::accounts;
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::crypt;
use crate::kernel::origin::parse_url;
use crate::ui::cookies::{cookie_of, named_cookie, read_cookie};
use crate::ui::page::{is_own_path, onward, with_status};
use crate::ui::{Page, PageResult, Ui, Visitor, see_other};

/// The cookie that remembers where somebody's home is.
const HOME: &str = "home";
/// The means that writes a message.
const LETTER: &str = "letter";
/// How long the page of a home is shown, seconds.
const SHOWN: i64 = 3600;
/// Most characters of an address with an offer in it.
const LONGEST: usize = 6_000;
/// The cookie that binds what is done at home to one browser.
pub const WISH: &str = "wish";

/// What somebody came to the door for.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Wish {
    /// `follow`, `like`, `announce`, `create`, `object` (to open it there), or nothing: to come in.
    verb: String,
    /// What it is about: the id of an account or a post.
    object: String,
    /// Where to go afterwards.
    next: String,
    /// Where their home is, as typed.
    home: String,
    /// Whether the home is known and the way there needs no further word.
    known: String,
    /// By which means they want to come in, where not by the first one.
    by: String,
    /// Whether this house shall act for them.
    acts: String,
}

impl Wish {
    /// The wish with everything taken out that leads elsewhere.
    fn sound(mut self) -> Self {
        if !is_own_path(&self.next) || !self.next.is_ascii() || self.next.len() > 2048 {
            self.next = "/".to_owned();
        }
        if !["follow", "like", "announce", "create", "object"].contains(&self.verb.as_str()) {
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
#[derive(Deserialize, Serialize)]
struct Offer {
    host: String,
    handle: Option<String>,
    /// Where the wish is done from home.
    does: Option<String>,
    /// The means by which somebody can come in, the first one first.
    means: Vec<String>,
    /// The page that turns when the wish is done.
    done: Option<String>,
}

impl Offer {
    fn of(home: &Home) -> Self {
        let mut means = Vec::new();
        for (there, by) in [
            (home.doors.is_some(), "oauth"),
            (home.magic.is_some(), "magic"),
            (home.miauth, "miauth"),
            (home.actor.is_some(), LETTER),
        ] {
            if there {
                means.push(by.to_owned());
            }
        }
        Self {
            host: home.host(),
            handle: home.handle.clone(),
            does: None,
            means,
            done: None,
        }
    }

    /// Means after the first one; of those that look the same only the first is offered.
    fn others(&self) -> impl Iterator<Item = &String> {
        self.means.iter().skip(1).filter(|by| *by == LETTER)
    }

    /// Whether what is wished for cannot be done at home, so that the other ways go first.
    fn needs_another_way(&self, wish: &Wish) -> bool {
        !wish.verb.is_empty() && self.does.is_none()
    }

    /// Whether this house can be let do what is wished for.
    fn can_be_done_here(&self, wish: &Wish) -> bool {
        self.needs_another_way(wish) && self.means.first().is_some_and(|by| by == "oauth")
    }

    /// The message of a means.
    fn text_of(by: &str) -> &'static str {
        if by == LETTER {
            "door-letter"
        } else {
            "door-enter"
        }
    }
}

#[derive(Template)]
#[template(path = "guests/door.html")]
struct DoorPage {
    ui: Ui,
    wish: Wish,
    remembered: bool,
    offer: Option<Offer>,
    sentence: Option<String>,
    /// Whether what was typed may be a mail address, and mail can be sent.
    mail: bool,
    /// What to search for at home where nothing else helps, as text and as a code to scan.
    copy: Option<(String, String)>,
}

impl DoorPage {
    /// Whether the address to take home stands above the ways in: nothing else does what is wished for.
    fn is_guided_first(&self) -> bool {
        let offer = self.offer.as_ref();
        offer.is_some_and(|offer| offer.needs_another_way(&self.wish))
    }

    fn blank(ui: Ui, wish: Wish) -> Self {
        Self {
            copy: copy(&wish),
            ui,
            wish,
            remembered: false,
            offer: None,
            sentence: None,
            mail: false,
        }
    }
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
        remembered,
        ..DoorPage::blank(visitor.ui, wish)
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
        .take(visitor.address, app.clock.now())
        .map_err(Error::TooMany)?;
    Ok(homes::look(app, &address).await)
}

/// What is typed may be a mail address where no home answers to it.
fn may_be_mail(app: &App, typed: &str) -> bool {
    let typed = typed.trim();
    app.mailer.is_some() && !typed.starts_with('@') && accounts::split_handle(typed).is_some()
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
        Err(closed) => return Ok(refuse(&app, visitor.ui, wish, closed)),
    };
    let mut offer = Offer::of(&home);
    let mut token = None;
    if !wish.verb.is_empty() {
        // What is only looked at there arrives here as something else, or not at all.
        if let Some(actor) = home.actor.as_ref().filter(|_| wish.verb != "object") {
            token =
                Some(wishes::remember(&app, actor, (&wish.verb, &wish.object), &wish.next).await?);
        }
        offer.does = does(&app, &home, &wish, token.as_deref()).await?;
        offer.done = token.as_ref().map(|token| format!("/door/done/{token}"));
    }
    let target = offer.does.clone().filter(|_| wish.known == "1");
    let mut answer = match target {
        Some(target) => onward(visitor.ui, target, &offer.host, true),
        None => {
            let typed = wish.home.trim().replace([';', ',', ' '], "");
            let remembered = named_cookie(&app, HOME, &typed, 365 * 86_400);
            let mut answer = show_offer(&app, visitor.ui, wish, offer);
            set_cookie(&mut answer, &remembered);
            answer
        }
    };
    if let Some(token) = token {
        set_cookie(&mut answer, &named_cookie(&app, WISH, &token, 3600));
    }
    Ok(answer)
}

/// What was found at a home, as it stands in the address of its page.
#[derive(Deserialize, Serialize)]
struct Looked {
    wish: Wish,
    offer: Offer,
    at: i64,
}

/// Leads to the page of an offer, which can be reloaded and gone back to without anything being sent again.
fn show_offer(app: &App, ui: Ui, wish: Wish, offer: Offer) -> Response {
    let at = app.clock.now().0;
    let looked = Looked { wish, offer, at };
    let sealed = app
        .secret
        .seal(&serde_json::to_vec(&looked).unwrap_or_default());
    let sealed = crypt::url_base64(&sealed);
    if sealed.len() > LONGEST {
        return offer_page(ui, looked);
    }
    see_other(&format!("/door/home/{sealed}"))
}

fn offer_page(ui: Ui, looked: Looked) -> Response {
    let mut page = DoorPage::blank(ui, looked.wish);
    page.offer = Some(looked.offer);
    Page(page).into_response()
}

/// `GET /door/home/{offer}`: what a home that was looked at offers; where that is too long ago, the door.
pub async fn offered(
    State(app): State<App>,
    visitor: Visitor,
    Path(sealed): Path<String>,
) -> PageResult {
    let opened = crypt::from_url_base64(&sealed).and_then(|sealed| app.secret.open(&sealed).ok());
    let looked: Option<Looked> = opened.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let fresh = |at: i64| app.clock.now().0 - at < SHOWN * 1000;
    match looked.filter(|looked| fresh(looked.at)) {
        Some(looked) if visitor.account.is_some() => Ok(see_other(&looked.wish.next)),
        Some(looked) => Ok(offer_page(visitor.ui, looked)),
        None => Ok(see_other("/door")),
    }
}

/// Where the home does what is wished for, and where it sends people back to.
async fn does(app: &App, home: &Home, wish: &Wish, token: Option<&str>) -> Result<Option<String>> {
    let account = accounts::find_by_uri(app, &wish.object).await?;
    let handle = account.map(|account| account.handle(&app.origin()));
    let done = match token {
        Some(token) => app.origin().at(&format!("/door/done/{token}")),
        None => app.origin().at(&wish.next),
    };
    let object = Object {
        uri: &wish.object,
        handle: handle.as_deref(),
        done: &done,
        back: &app.origin().at(&wish.next),
    };
    Ok(home.does(&wish.verb, &object))
}

fn set_cookie(answer: &mut Response, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        answer.headers_mut().append(header::SET_COOKIE, value);
    }
}

fn refuse(app: &App, ui: Ui, wish: Wish, closed: Closed) -> Response {
    let page = DoorPage {
        sentence: Some(ui.t(closed.sentence())),
        mail: may_be_mail(app, &wish.home),
        ..DoorPage::blank(ui, wish)
    };
    with_status(StatusCode::UNPROCESSABLE_ENTITY, page)
}

/// `POST /door/forget`: "not me".
pub async fn forget(State(app): State<App>) -> PageResult {
    let mut answer = see_other("/door");
    set_cookie(&mut answer, &named_cookie(&app, HOME, "", 0));
    Ok(answer)
}

/// Whether this house may act for a guest.
///
/// # Errors
/// What the database says.
pub async fn acts_for(app: &App, guest: Option<&accounts::Account>) -> Result<bool> {
    match guest {
        Some(guest) => Ok(grants::find(app, guest.id).await?.is_some()),
        None => Ok(false),
    }
}
