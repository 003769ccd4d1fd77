//! Who looks at a page.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use fluent_bundle::FluentValue;
use http::header;
use http::request::Parts;

use super::cookies::{GUEST, cookie_name, cookie_of, read_cookie};
use super::zones::zone_of;
use super::{Locale, PageError};
use crate::accounts::sign_in::devices;
use crate::accounts::{Account, Kind, sessions};
use crate::app::App;
use crate::crew::{self, Right, Rights};
use crate::error::{Error, Problem};
use crate::guests::sessions as guests;
use crate::guests::web::acts_for;
use crate::kernel::clock::Time;
use crate::kernel::id::SessionId;
use crate::kernel::net;
use crate::kernel::zone::Zone;
use crate::media::{Media, proxy};
use crate::nodes::house::{self, House};
use crate::notifications;

/// Who looks, and where they are.
#[derive(Clone)]
pub struct Visitor {
    /// The member, where somebody is signed in.
    pub account: Option<Account>,
    /// The guest, where somebody proved that their home is elsewhere.
    pub guest: Option<Account>,
    /// Their session.
    pub session: Option<SessionId>,
    /// What the page frame shows.
    pub ui: Ui,
    /// The address of the browser.
    pub address: IpAddr,
    /// What the browser calls itself.
    pub browser: String,
    /// The marks of accounts the browser signed in to before.
    pub devices: String,
}

/// A visitor who is signed in; others are sent to the sign-in page.
#[derive(Clone)]
pub struct SignedIn(pub Account, pub Visitor);

/// What every page knows: the house, the language, the visitor, the moment.
#[derive(Clone)]
pub struct Ui {
    app: App,
    /// The house.
    pub house: House,
    /// The language.
    pub locale: Locale,
    /// The member, where somebody is signed in.
    pub viewer: Option<Account>,
    /// The guest, where somebody proved that their home is elsewhere.
    pub guest: Option<Account>,
    /// Whether this house may act for the guest at their home.
    pub acts: bool,
    /// Unread notifications.
    pub unread: i64,
    /// What the viewer may do for the house.
    pub rights: Rights,
    /// The present moment.
    pub now: Time,
    /// The reader's time zone, where it is known.
    pub zone: Option<Zone>,
    /// The page's path.
    pub path: String,
}

impl Ui {
    /// The same for a page that must not show who looks.
    #[must_use]
    pub fn without_viewer(self) -> Self {
        Self {
            viewer: None,
            guest: None,
            acts: false,
            unread: 0,
            rights: Rights::default(),
            path: String::new(),
            ..self
        }
    }

    /// A message.
    pub fn t(&self, id: &str) -> String {
        self.locale.text(id)
    }

    /// A message with one argument.
    pub fn tv<'a>(&self, id: &str, name: &'a str, value: impl Into<FluentValue<'a>>) -> String {
        self.locale.text_with(id, name, value)
    }

    /// Whether this node is one of the demonstration.
    pub fn demo(&self) -> bool {
        self.app.demo
    }

    /// Whether this node talks to others.
    pub fn federates(&self) -> bool {
        self.app.federates()
    }

    /// What handles of this node end in.
    pub fn domain(&self) -> String {
        self.app.origin().domain.clone()
    }

    /// The address of this node.
    pub fn url(&self, path: &str) -> String {
        self.app.origin().at(path)
    }

    /// The address of the house's theme.
    pub fn theme(&self) -> String {
        super::theme::address(&self.house)
    }

    /// The address of a style or script of this build.
    pub fn asset(&self, name: &str) -> String {
        format!("/assets/{name}?v={}", *super::assets::VERSION)
    }

    /// Whether the viewer runs the house.
    pub fn is_host(&self) -> bool {
        self.viewer.as_ref().is_some_and(Account::is_host)
    }

    /// Whether the viewer may do this for the house.
    pub fn may(&self, right: &str) -> bool {
        Right::parse(right).is_some_and(|right| self.rights.has(right))
    }

    /// What a guest is called here: their handle, or that they came by mail.
    pub fn guest_name(&self, guest: &Account) -> String {
        if guest.kind == Kind::Guest {
            self.t("guest-by-mail")
        } else {
            self.handle(guest)
        }
    }

    /// The viewer's full handle; empty for a visitor.
    pub fn viewer_handle(&self) -> String {
        self.viewer
            .as_ref()
            .map(|viewer| self.handle(viewer))
            .unwrap_or_default()
    }

    /// Whether something is done about the viewer that they should know of.
    pub fn is_measured(&self) -> bool {
        let viewer = self.viewer.as_ref().or(self.guest.as_ref());
        viewer.is_some_and(|viewer| {
            viewer.frozen_at.is_some()
                || viewer.silenced_at.is_some()
                || viewer.sensitised_at.is_some()
        })
    }

    /// The pages of the settings: path and the message that names each.
    pub fn settings_tabs(&self) -> [(&'static str, &'static str); 7] {
        [
            ("/settings", "settings-profile"),
            ("/settings/security", "settings-security"),
            ("/settings/apps", "settings-apps"),
            ("/settings/people", "settings-people"),
            ("/settings/data", "settings-data"),
            ("/measures", "measures-mine"),
            ("/settings/leave", "settings-leave"),
        ]
    }

    /// Whether this account is the viewer's own.
    pub fn is_me(&self, account: &Account) -> bool {
        self.viewer
            .as_ref()
            .is_some_and(|viewer| viewer.id == account.id)
    }

    /// An account's picture, if it has one.
    pub fn avatar(&self, account: &Account) -> Option<String> {
        self.picture(account.avatar.as_ref(), account.avatar_url.as_ref())
    }

    /// An account's wide picture, if it has one.
    pub fn header(&self, account: &Account) -> Option<String> {
        self.picture(account.header.as_ref(), account.header_url.as_ref())
    }

    fn picture(&self, file: Option<&String>, remote: Option<&String>) -> Option<String> {
        file.map(|file| format!("/media/{file}"))
            .or_else(|| remote.map(|url| proxy::address(&self.app, url)))
    }

    /// Our address for a remote picture.
    pub fn proxied(&self, url: &str) -> String {
        proxy::address(&self.app, url)
    }

    /// Where an attachment is read or played from.
    pub fn media(&self, item: &Media) -> Option<String> {
        let own = item.file.as_ref().map(|file| format!("/media/{file}"));
        own.or_else(|| {
            let url = item.remote_url.as_ref()?;
            Some(if item.may_move() {
                proxy::moving_address(&self.app, url)
            } else {
                self.proxied(url)
            })
        })
    }

    /// The small picture that is shown for an attachment.
    pub fn cover(&self, item: &Media) -> Option<String> {
        let own = item.preview.as_ref().map(|file| format!("/media/{file}"));
        let still = item.remote_url.as_ref().filter(|_| item.may_move());
        let there = item.icon_url.as_ref().or(still);
        own.or_else(|| there.map(|url| self.proxied(url)))
    }

    /// An account's full handle.
    pub fn handle(&self, account: &Account) -> String {
        format!("@{}", account.handle(&self.app.origin()))
    }

    /// An account's bio as it is shown.
    pub fn bio(&self, account: &Account) -> String {
        if account.is_local() {
            crate::kernel::text::simple_html(&account.bio)
        } else {
            self.emojified(&account.bio, account)
        }
    }

    /// An account's name as HTML, with its emoji.
    pub fn name_html(&self, account: &Account) -> String {
        self.emojified(&crate::kernel::html::escape(account.shown_name()), account)
    }

    /// The value of a profile field as it is shown.
    pub fn field(&self, account: &Account, value: &str) -> String {
        if account.is_local() {
            crate::kernel::text::field_html(value)
        } else {
            self.emojified(value, account)
        }
    }

    fn emojified(&self, html: &str, account: &Account) -> String {
        crate::posts::render::with_emojis(html, &account.emojis, |url| self.proxied(url))
    }

    /// The first letter of a name, for who has no picture.
    pub fn initial(&self, account: &Account) -> String {
        account
            .shown_name()
            .chars()
            .find(|c| c.is_alphanumeric())
            .map_or_else(|| "·".to_owned(), |c| c.to_uppercase().collect())
    }

    /// The sentences about a field of a form.
    pub fn problems(&self, problems: &[Problem], field: &str) -> Vec<String> {
        self.locale.problems(problems, field)
    }
}

impl Visitor {
    /// Whose rights count for what is read: the member's, else the guest's.
    pub fn viewer(&self) -> Option<&Account> {
        self.account.as_ref().or(self.guest.as_ref())
    }

    /// The same, as somebody who is not signed in: what they see is what a stranger's request returns.
    #[must_use]
    pub fn as_stranger(self) -> Self {
        let ui = Ui {
            viewer: None,
            guest: None,
            acts: false,
            unread: 0,
            rights: Rights::default(),
            ..self.ui
        };
        Self {
            account: None,
            guest: None,
            session: None,
            ui,
            ..self
        }
    }

    /// Reads the visitor of a request.
    ///
    /// # Errors
    /// What the database says.
    pub async fn of(app: &App, parts: &Parts) -> Result<Self, Error> {
        let token =
            read_cookie(&parts.headers, &cookie_name(app)).filter(|token| !token.is_empty());
        let found = match token {
            Some(token) => sessions::find(app, &token).await?,
            None => None,
        };
        let (account, session) = found.unzip();
        let token = read_cookie(&parts.headers, &cookie_of(app, GUEST));
        let guest = match token.filter(|token| account.is_none() && !token.is_empty()) {
            Some(token) => guests::find(app, &token).await?,
            None => None,
        };
        let text = |name| {
            parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        let locale = match read_cookie(&parts.headers, "lang").as_deref() {
            Some("de") => Locale::De,
            Some("en") => Locale::En,
            _ => Locale::of_header(text(header::ACCEPT_LANGUAGE)),
        };
        let unread = match &account {
            Some(account) => notifications::unread(app, account.id).await?,
            None => 0,
        };
        let rights = match &account {
            Some(account) => crew::rights(app, account).await?,
            None => Rights::default(),
        };
        let ui = Ui {
            app: app.clone(),
            house: house::get(app).await?,
            locale,
            viewer: account.clone(),
            acts: acts_for(app, guest.as_ref()).await?,
            guest: guest.clone(),
            unread,
            rights,
            now: app.clock.now(),
            zone: zone_of(app, parts, account.as_ref()).await?,
            path: parts.uri.path().to_owned(),
        };
        Ok(Self {
            account,
            guest,
            session,
            ui,
            address: net::source(&app.settings.server.trusted_proxies, parts),
            browser: text(header::USER_AGENT).to_owned(),
            devices: read_cookie(&parts.headers, &cookie_of(app, devices::COOKIE))
                .unwrap_or_default(),
        })
    }
}

impl FromRequestParts<App> for Visitor {
    type Rejection = PageError;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, PageError> {
        Ok(Self::of(app, parts).await?)
    }
}

impl FromRequestParts<App> for SignedIn {
    type Rejection = PageError;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, PageError> {
        let visitor = Visitor::of(app, parts).await?;
        let account = visitor.account.clone().ok_or(Error::SignInRequired)?;
        let open = [
            "/settings/sessions",
            "/settings/password",
            "/settings/email",
            "/settings/factor",
            "/settings/delete",
            "/settings/apps",
            "/sign-out",
            "/notifications",
        ];
        let acts = parts.method == http::Method::POST
            && !open.iter().any(|path| parts.uri.path().starts_with(path));
        if account.frozen_at.is_some() && acts {
            return Err(Error::conflict("error-frozen").into());
        }
        Ok(Self(account, visitor))
    }
}
