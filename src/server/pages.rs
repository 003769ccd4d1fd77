//! Pages for people; the only routes that read a cookie.

use axum::Extension;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use http::{Method, Uri};

use crate::accounts::web::{door, leave, mail, profile, security, settings};
use crate::app::App;
use crate::crew::web::{self as crew_pages, calendar};
use crate::guests::web::{self as guest_pages, done, enter, guest, home, intents};
use crate::mastodon::routes;
use crate::media::web as media_pages;
use crate::members::web::{self as member_pages, desk, import, invitations, mine, tiers, waiting};
use crate::moderation::web::{
    self as peace, accounts as measured, hosts, mine as mine_pages, queue, reports, rules,
};
use crate::nodes::web::{self as node_pages, announcements, front, given_up, look, texts};
use crate::notifications::web as notification_pages;
use crate::oauth::web as oauth_pages;
use crate::portable::web as data;
use crate::posts::web::{self as post_pages, conversations};
use crate::relations::web as people_pages;
use crate::search::web as search_pages;
use crate::timelines::web::{self as timeline_pages, feeds, live};
use crate::ui;

/// Every page, one line each; `uploads` and `pictures` are the largest forms with files.
#[expect(
    clippy::too_many_lines,
    reason = "the table of all pages, one line each"
)]
pub fn router(uploads: usize, pictures: usize) -> Router<App> {
    Router::new()
        .route("/", get(front::show))
        .route("/@{handle}", get(profile::show))
        .route("/@{handle}/{what}", get(profile::part))
        .route("/@{handle}/{id}/history", get(post_pages::history))
        .route("/home", get(timeline_pages::home))
        .route("/houses", get(timeline_pages::houses))
        .route("/local", get(timeline_pages::local))
        .route("/tags/{tag}", get(timeline_pages::tag))
        .route("/feed.atom", get(feeds::of_host))
        .route("/local/feed.atom", get(feeds::of_house))
        .route("/tags/{tag}/feed.atom", get(feeds::of_tag))
        .route(
            "/live",
            get(live::open).layer(Extension(live::Told::default())),
        )
        .route("/search", get(search_pages::index))
        .route("/bookmarks", get(timeline_pages::bookmarks))
        .route("/conversations", get(conversations::index))
        .route("/conversations/{id}/{verb}", post(conversations::act))
        .route("/notifications", get(notification_pages::index))
        .route("/notifications/device", post(notification_pages::device))
        .route("/compose", get(post_pages::new))
        .route(
            "/posts",
            post(post_pages::create).layer(DefaultBodyLimit::max(uploads)),
        )
        .route(
            "/posts/{id}/edit",
            get(post_pages::edit).post(post_pages::update),
        )
        .route(
            "/posts/{id}/{verb}",
            get(post_pages::ask).post(post_pages::act),
        )
        .route("/requests", get(people_pages::requests))
        .route("/accounts/{id}/report", get(people_pages::report))
        .route("/accounts/{id}/reported", get(people_pages::reported))
        .route(
            "/accounts/{id}/send-report",
            post(people_pages::send_report),
        )
        .route("/accounts/{id}/{verb}", post(people_pages::act))
        .route("/sign-in", get(door::new).post(door::create))
        .route("/sign-in/link", post(mail::send_sign_in))
        .route("/sign-out", post(door::destroy))
        .route(
            "/sign-up",
            get(member_pages::show).post(member_pages::create),
        )
        .route("/invite/{code}", get(member_pages::invited))
        .route("/invite/{code}/opened", post(member_pages::opened))
        .route(
            "/invitations",
            get(invitations::index).post(invitations::create),
        )
        .route("/waiting", get(waiting::show).post(waiting::create))
        .route("/waiting/{token}", get(waiting::place))
        .route("/waiting/{token}/{verb}", post(waiting::act))
        .route(
            "/mail-stop/{address}/{key}",
            get(waiting::ask_stop).post(waiting::stop),
        )
        .route(
            "/operator/waiting",
            get(waiting::index).post(waiting::admit),
        )
        .route(
            "/operator/import",
            get(import::show)
                .post(import::send)
                .layer(DefaultBodyLimit::max(2 << 20)),
        )
        .route("/invitations/{id}/revoke", post(invitations::revoke))
        .route("/operator/tiers", get(tiers::index).post(tiers::create))
        .route("/tiers", get(mine::index))
        .route("/tiers/{id}/{verb}", post(mine::act))
        .route(
            "/operator/tiers/{id}/{verb}",
            get(tiers::ask).post(tiers::act),
        )
        .route("/operator/tiers/{id}/take/{account}", post(tiers::take))
        .route("/desk", get(crew_pages::desk))
        .route("/calendar", get(calendar::show))
        .route("/calendar/{id}/cancel", post(calendar::cancel))
        .route(
            "/operator/crew",
            get(crew_pages::index).post(crew_pages::create),
        )
        .route("/operator/crew/{id}", post(crew_pages::update))
        .route("/operator/figures", get(crew_pages::figures))
        .route("/operator/log", get(crew_pages::log))
        .route("/operator/drafts/{id}/{verb}", post(calendar::act))
        .route("/operator/joining", get(desk::show).post(desk::update))
        .route("/operator/requests/{id}/{verb}", post(desk::decide))
        .route("/operator/invitations/{id}/{verb}", post(desk::revoke))
        .route("/language/{tag}", get(door::language))
        .route("/authorize_interaction", get(intents::interact))
        .route("/intents/{verb}", get(intents::show).post(intents::perform))
        .route("/magic", get(home::ask).post(home::enter))
        .route("/settings/apps/leave", post(home::leave))
        .route("/door", get(guest_pages::show).post(guest_pages::look_at))
        .route("/door/home/{offer}", get(guest_pages::offered))
        .route("/door/forget", post(guest_pages::forget))
        .route("/door/enter", post(enter::enter))
        .route("/door/mail", post(enter::send_mail))
        .route("/door/code", post(enter::code))
        .route("/door/done/{token}", get(done::show))
        .route("/auth/home/callback/{id}", get(enter::back))
        .route("/auth/owa/{state}", get(enter::magic_back))
        .route("/auth/miauth", get(enter::miauth_back))
        .route(
            "/auth/letter/{state}",
            get(enter::letter_page).post(enter::letter_back),
        )
        .route("/guest", get(guest::show))
        .route("/guest/{verb}", post(guest::leave))
        .route("/guest/follow/{id}", post(guest::follow))
        .route("/guest/reply/{id}", post(guest::reply))
        .route("/forgot", get(mail::forgot).post(mail::send_reset))
        .route(
            "/mail/{purpose}/{token}",
            get(mail::show).post(mail::redeem),
        )
        .route(
            "/settings",
            get(settings::show)
                .post(settings::update)
                .layer(DefaultBodyLimit::max(pictures)),
        )
        .route(
            "/oauth/authorize",
            get(oauth_pages::ask).post(oauth_pages::decide),
        )
        .route("/oauth/authorize/", get(oauth_pages::ask))
        .route("/settings/apps", get(oauth_pages::index))
        .route("/settings/apps/{id}/end", post(oauth_pages::end))
        .route("/settings/people", get(settings::people))
        .route("/settings/zone", post(settings::set_zone))
        .route("/settings/people/follows", post(settings::hide_follows))
        .route(
            "/settings/data",
            get(data::show)
                .post(data::import)
                .layer(DefaultBodyLimit::max(5 << 20)),
        )
        .route(
            "/settings/data/archive",
            get(data::archive).post(data::pack),
        )
        .route("/settings/data/{what}", get(data::take))
        .route("/settings/people/unmute-node", post(settings::unmute_node))
        .route("/settings/leave", get(leave::leave))
        .route("/settings/aliases", post(leave::aliases))
        .route("/settings/move", post(leave::move_away))
        .route("/farewell/{token}", get(leave::bid))
        .route("/settings/delete", post(leave::delete))
        .route("/settings/security", get(security::show))
        .route("/settings/password", post(security::password))
        .route("/settings/email", post(security::email))
        .route(
            "/settings/factor",
            get(security::factor).post(security::confirm_factor),
        )
        .route("/settings/factor/remove", post(security::remove_factor))
        .route("/settings/sessions/{id}/end", post(security::end_session))
        .route("/setup/done", get(node_pages::done))
        .route(
            "/setup/{token}",
            get(node_pages::setup).post(node_pages::finish),
        )
        .route("/operator", get(node_pages::operator))
        .route("/privacy", get(texts::privacy))
        .route("/terms", get(texts::terms))
        .route("/operator/texts", get(texts::edit).post(texts::update))
        .route("/operator/house", post(node_pages::update_house))
        .route(
            "/operator/look",
            get(look::show)
                .post(look::update)
                .layer(DefaultBodyLimit::max(pictures)),
        )
        .route("/operator/look/front", post(look::arrange))
        .route("/operator/members", post(node_pages::create_member))
        .route(
            "/operator/members/{id}/{verb}",
            post(node_pages::act_on_member),
        )
        .route("/operator/nodes/{id}/{verb}", post(node_pages::act_on_node))
        .route("/operator/given-up", get(given_up::hosts))
        .route("/operator/given-up/{host}", get(given_up::of_host))
        .route("/operator/given-up/{host}/{verb}", post(given_up::act))
        .route("/operator/blocks", get(hosts::index).post(hosts::set))
        .route("/operator/blocks/remove", post(hosts::remove))
        .route("/operator/blocks/names", post(hosts::names))
        .route(
            "/operator/blocks/list",
            post(hosts::import).layer(DefaultBodyLimit::max(4 << 20)),
        )
        .route("/operator/blocks.csv", get(hosts::export))
        .route("/operator/peace", get(peace::show).post(peace::act))
        .route("/operator/queue", get(queue::index).post(queue::act))
        .route("/operator/reports/{id}", get(reports::show))
        .route("/operator/reports/{id}/{verb}", post(reports::act))
        .route(
            "/operator/accounts/{id}",
            get(measured::show).post(measured::apply),
        )
        .route("/operator/measures/{id}/{verb}", post(measured::act))
        .route("/operator/rules", get(rules::show).post(rules::update))
        .route("/operator/filters", post(rules::filter))
        .route("/measures", get(mine_pages::index))
        .route(
            "/appeal/{id}/{key}",
            get(mine_pages::by_link).post(mine_pages::appeal_by_link),
        )
        .route("/measures/{id}/appeal", post(mine_pages::appeal))
        .route("/operator/announcements", post(announcements::create))
        .route(
            "/operator/announcements/{id}/{verb}",
            post(announcements::act),
        )
        .route("/announcements/{id}/{verb}", post(announcements::answer))
        .route("/operator/jobs/retry", post(node_pages::retry_jobs))
        .route("/about", get(texts::about))
        .route("/embed", get(ui::embed::house))
        .route("/embed/{handle}", get(ui::embed::profile))
        .route("/embed/{handle}/{id}", get(ui::embed::post))
        .route("/offline", get(ui::install::offline))
        .route("/shortcuts", get(ui::install::shortcuts))
        .route("/source", get(ui::source::show))
        .route(
            "/media/{shard}/{file}",
            get(media_pages::show).layer(routes::cors()),
        )
        .route(
            "/proxy/{signature}/{address}",
            get(media_pages::proxied).layer(routes::cors()),
        )
        .fallback(nothing)
        .method_not_allowed_fallback(nothing)
}

/// What has no page of its own; an address as somebody pasted it leads to the page it means.
async fn nothing(method: Method, uri: Uri) -> Response {
    let asks = [Method::GET, Method::HEAD].contains(&method);
    match meant(uri.path()).filter(|_| asks) {
        Some(path) => {
            let query = uri
                .query()
                .map_or_else(String::new, |query| format!("?{query}"));
            Redirect::permanent(&format!("{path}{query}")).into_response()
        }
        None => ui::PageError::from(crate::error::Error::NotFound).into_response(),
    }
}

/// The path that is meant by one with an `@` that was escaped, with a stroke at its end, or with strokes doubled.
fn meant(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let plain = (String::from("/") + &parts.join("/")).replace("%40", "@");
    (plain != path).then_some(plain)
}
