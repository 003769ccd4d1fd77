//! Every endpoint of the client API, with what it needs, in one readable table.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, any, delete, get, patch, post, put};
use http::{Method, StatusCode, header};
use tower_http::cors::{Any, CorsLayer};

use super::caller::{Needs, require};
use super::{
    Refused, accounts, announcements, apps, conversations, endorsements, filters, instance,
    interactions, lists, media, notifications, polls, profile, push, reports, scheduled, search,
    sign_up, statuses, tags, timelines, trends,
};
use crate::app::App;

/// One endpoint: its path, what it needs, and who answers.
pub struct Endpoint {
    /// The method.
    pub method: Method,
    /// The path, with its parameters in braces.
    pub path: &'static str,
    /// What it needs of its caller.
    pub needs: Needs,
    answers: MethodRouter<App>,
}

macro_rules! table {
    ($($method:ident $path:literal $needs:expr => $handler:path;)*) => {
        vec![$(Endpoint {
            method: method(stringify!($method)),
            path: $path,
            needs: $needs,
            answers: $method($handler),
        }),*]
    };
}

fn method(name: &str) -> Method {
    Method::from_bytes(name.to_ascii_uppercase().as_bytes()).unwrap_or(Method::GET)
}

const OPEN: Needs = Needs::Nothing;
const APP: Needs = Needs::App;

/// A member's token with one of these scopes.
const fn with(scopes: &'static [&'static str]) -> Needs {
    Needs::Member(scopes)
}

const PUSH: Needs = with(&["push"]);
const R_ACCOUNTS: Needs = with(&["read:accounts"]);
const R_BOOKMARKS: Needs = with(&["read:bookmarks"]);
const R_FAVOURITES: Needs = with(&["read:favourites"]);
const R_FILTERS: Needs = with(&["read:filters"]);
const R_FOLLOWS: Needs = with(&["read:follows"]);
const R_LISTS: Needs = with(&["read:lists"]);
const R_NOTIFICATIONS: Needs = with(&["read:notifications"]);
const R_STATUSES: Needs = with(&["read:statuses"]);
const W_ACCOUNTS: Needs = with(&["write:accounts"]);
const W_BLOCKS: Needs = with(&["write:blocks"]);
const W_BOOKMARKS: Needs = with(&["write:bookmarks"]);
const W_CONVERSATIONS: Needs = with(&["write:conversations"]);
const W_FAVOURITES: Needs = with(&["write:favourites"]);
const W_FILTERS: Needs = with(&["write:filters"]);
const W_FOLLOWS: Needs = with(&["write:follows"]);
const W_LISTS: Needs = with(&["write:lists"]);
const W_MEDIA: Needs = with(&["write:media"]);
const W_MUTES: Needs = with(&["write:mutes"]);
const W_NOTIFICATIONS: Needs = with(&["write:notifications"]);
const W_STATUSES: Needs = with(&["write:statuses"]);

/// The whole table.
pub fn table() -> Vec<Endpoint> {
    let mut all = of_apps();
    all.extend(of_accounts());
    all.extend(of_statuses());
    all.extend(of_timelines());
    all.extend(of_notifications());
    all.extend(of_the_instance());
    all
}

fn of_apps() -> Vec<Endpoint> {
    table! {
        post "/api/v1/apps" OPEN => apps::create;
        get "/api/v1/apps/verify_credentials" APP => apps::verify;
        post "/oauth/token" OPEN => apps::token;
        post "/oauth/revoke" OPEN => apps::revoke;
        get "/oauth/userinfo" with(&["profile", "read:accounts"]) => apps::userinfo;
        post "/oauth/userinfo" with(&["profile", "read:accounts"]) => apps::userinfo;
    }
}

#[rustfmt::skip]
fn of_accounts() -> Vec<Endpoint> {
    table! {
        get "/api/v1/accounts" OPEN => accounts::several;
        post "/api/v1/accounts" APP => sign_up::create;
        get "/api/v1/accounts/verify_credentials" with(&["profile", "read:accounts"]) => accounts::verify;
        patch "/api/v1/accounts/update_credentials" W_ACCOUNTS => profile::update;
        get "/api/v1/accounts/lookup" OPEN => accounts::lookup;
        get "/api/v1/accounts/search" R_ACCOUNTS => accounts::search;
        get "/api/v1/accounts/relationships" R_FOLLOWS => accounts::relationships;
        get "/api/v1/accounts/familiar_followers" R_FOLLOWS => accounts::familiar;
        get "/api/v1/accounts/{id}" OPEN => accounts::show;
        get "/api/v1/accounts/{id}/statuses" OPEN => accounts::posts;
        get "/api/v1/accounts/{id}/followers" OPEN => accounts::followers;
        get "/api/v1/accounts/{id}/following" OPEN => accounts::following;
        get "/api/v1/accounts/{id}/featured_tags" OPEN => accounts::featured;
        get "/api/v1/accounts/{id}/endorsements" OPEN => endorsements::of_account;
        post "/api/v1/accounts/{id}/endorse" W_ACCOUNTS => endorsements::endorse;
        post "/api/v1/accounts/{id}/unendorse" W_ACCOUNTS => endorsements::unendorse;
        post "/api/v1/accounts/{id}/pin" W_ACCOUNTS => endorsements::endorse;
        post "/api/v1/accounts/{id}/unpin" W_ACCOUNTS => endorsements::unendorse;
        get "/api/v1/accounts/{id}/identity_proofs" R_ACCOUNTS => instance::nothing;
        get "/api/v1/accounts/{id}/lists" R_LISTS => accounts::in_lists;
        post "/api/v1/accounts/{id}/follow" W_FOLLOWS => accounts::follow;
        post "/api/v1/accounts/{id}/unfollow" W_FOLLOWS => accounts::unfollow;
        post "/api/v1/accounts/{id}/remove_from_followers" W_FOLLOWS => accounts::remove_follower;
        post "/api/v1/accounts/{id}/block" W_BLOCKS => accounts::block;
        post "/api/v1/accounts/{id}/unblock" W_BLOCKS => accounts::unblock;
        post "/api/v1/accounts/{id}/mute" W_MUTES => accounts::mute;
        post "/api/v1/accounts/{id}/unmute" W_MUTES => accounts::unmute;
        post "/api/v1/accounts/{id}/note" W_ACCOUNTS => accounts::note;
        get "/api/v1/profile" with(&["profile", "read:accounts"]) => profile::show;
        patch "/api/v1/profile" W_ACCOUNTS => profile::update;
        delete "/api/v1/profile/avatar" W_ACCOUNTS => profile::remove_avatar;
        delete "/api/v1/profile/header" W_ACCOUNTS => profile::remove_header;
        get "/api/v1/preferences" R_ACCOUNTS => instance::preferences;
        get "/api/v1/blocks" with(&["read:blocks"]) => accounts::blocked;
        get "/api/v1/mutes" with(&["read:mutes"]) => accounts::muted;
        get "/api/v1/domain_blocks" with(&["read:blocks"]) => accounts::muted_nodes;
        post "/api/v1/domain_blocks" W_BLOCKS => accounts::mute_node;
        delete "/api/v1/domain_blocks" W_BLOCKS => accounts::unmute_node;
        get "/api/v1/follow_requests" R_FOLLOWS => accounts::requests;
        post "/api/v1/follow_requests/{id}/authorize" W_FOLLOWS => accounts::accept;
        post "/api/v1/follow_requests/{id}/reject" W_FOLLOWS => accounts::reject;
        get "/api/v1/endorsements" R_ACCOUNTS => endorsements::index;
        get "/api/v1/featured_tags" R_ACCOUNTS => tags::featured;
        post "/api/v1/featured_tags" W_ACCOUNTS => tags::feature;
        delete "/api/v1/featured_tags/{id}" W_ACCOUNTS => tags::unfeature;
        get "/api/v1/featured_tags/suggestions" R_ACCOUNTS => tags::suggested;
        get "/api/v1/followed_tags" R_FOLLOWS => tags::followed;
        get "/api/v1/tags/{name}" OPEN => tags::show;
        post "/api/v1/tags/{name}/follow" W_FOLLOWS => tags::follow;
        post "/api/v1/tags/{name}/unfollow" W_FOLLOWS => tags::unfollow;
        post "/api/v1/tags/{name}/feature" W_ACCOUNTS => tags::feature_named;
        post "/api/v1/tags/{name}/unfeature" W_ACCOUNTS => tags::unfeature_named;
        get "/api/v1/suggestions" with(&["read"]) => trends::old_suggestions;
        get "/api/v2/suggestions" with(&["read"]) => trends::suggestions;
        get "/api/v1/directory" OPEN => trends::directory;
        post "/api/v1/reports" with(&["write:reports"]) => reports::create;
    }
}

#[rustfmt::skip]
fn of_statuses() -> Vec<Endpoint> {
    table! {
        get "/api/v1/statuses" OPEN => statuses::several;
        post "/api/v1/statuses" W_STATUSES => statuses::create;
        get "/api/v1/statuses/{id}" OPEN => statuses::show;
        put "/api/v1/statuses/{id}" W_STATUSES => statuses::update;
        delete "/api/v1/statuses/{id}" W_STATUSES => statuses::delete;
        get "/api/v1/statuses/{id}/context" OPEN => statuses::context;
        get "/api/v1/statuses/{id}/history" OPEN => statuses::history;
        get "/api/v1/statuses/{id}/source" R_STATUSES => statuses::source;
        get "/api/v1/statuses/{id}/favourited_by" OPEN => statuses::favourited_by;
        get "/api/v1/statuses/{id}/reblogged_by" OPEN => statuses::boosted_by;
        get "/api/v1/statuses/{id}/quotes" OPEN => statuses::quoted_by;
        post "/api/v1/statuses/{id}/quotes/{quoting}/revoke" W_STATUSES => statuses::revoke_quote;
        put "/api/v1/statuses/{id}/interaction_policy" W_STATUSES => statuses::set_policy;
        post "/api/v1/statuses/{id}/favourite" W_FAVOURITES => interactions::favourite;
        post "/api/v1/statuses/{id}/unfavourite" W_FAVOURITES => interactions::unfavourite;
        post "/api/v1/statuses/{id}/reblog" W_STATUSES => interactions::boost;
        post "/api/v1/statuses/{id}/unreblog" W_STATUSES => interactions::unboost;
        post "/api/v1/statuses/{id}/bookmark" W_BOOKMARKS => interactions::bookmark;
        post "/api/v1/statuses/{id}/unbookmark" W_BOOKMARKS => interactions::unbookmark;
        post "/api/v1/statuses/{id}/pin" W_ACCOUNTS => interactions::pin;
        post "/api/v1/statuses/{id}/unpin" W_ACCOUNTS => interactions::unpin;
        post "/api/v1/statuses/{id}/mute" W_MUTES => interactions::mute;
        post "/api/v1/statuses/{id}/unmute" W_MUTES => interactions::unmute;
        post "/api/v1/statuses/{id}/translate" R_STATUSES => instance::translate;
        get "/api/v1/polls/{id}" OPEN => polls::show;
        post "/api/v1/polls/{id}/votes" W_STATUSES => polls::vote;
        get "/api/v1/bookmarks" R_BOOKMARKS => statuses::bookmarks;
        get "/api/v1/favourites" R_FAVOURITES => statuses::favourite_posts;
        get "/api/v1/scheduled_statuses" R_STATUSES => scheduled::index;
        get "/api/v1/scheduled_statuses/{id}" R_STATUSES => scheduled::show;
        put "/api/v1/scheduled_statuses/{id}" W_STATUSES => scheduled::update;
        delete "/api/v1/scheduled_statuses/{id}" W_STATUSES => scheduled::delete;
        post "/api/v1/media" W_MEDIA => media::create;
        post "/api/v2/media" W_MEDIA => media::create;
        get "/api/v1/media/{id}" W_MEDIA => media::show;
        put "/api/v1/media/{id}" W_MEDIA => media::update;
        delete "/api/v1/media/{id}" W_MEDIA => media::delete;
    }
}

#[rustfmt::skip]
fn of_timelines() -> Vec<Endpoint> {
    table! {
        get "/api/v1/timelines/home" R_STATUSES => timelines::home;
        get "/api/v1/timelines/public" OPEN => timelines::public;
        get "/api/v1/timelines/tag/{hashtag}" OPEN => timelines::tag;
        get "/api/v1/timelines/list/{list_id}" R_LISTS => timelines::of_list;
        get "/api/v1/timelines/direct" R_STATUSES => timelines::direct;
        get "/api/v1/timelines/link" OPEN => instance::nothing;
        get "/api/v1/conversations" R_STATUSES => conversations::index;
        delete "/api/v1/conversations/{id}" W_CONVERSATIONS => conversations::delete;
        post "/api/v1/conversations/{id}/read" W_CONVERSATIONS => conversations::read;
        post "/api/v1/conversations/{id}/unread" W_CONVERSATIONS => conversations::unread;
        get "/api/v1/markers" R_STATUSES => timelines::marks;
        post "/api/v1/markers" W_STATUSES => timelines::mark;
        get "/api/v1/lists" R_LISTS => lists::index;
        post "/api/v1/lists" W_LISTS => lists::create;
        get "/api/v1/lists/{id}" R_LISTS => lists::show;
        put "/api/v1/lists/{id}" W_LISTS => lists::update;
        delete "/api/v1/lists/{id}" W_LISTS => lists::delete;
        get "/api/v1/lists/{id}/accounts" R_LISTS => lists::members;
        post "/api/v1/lists/{id}/accounts" W_LISTS => lists::add;
        delete "/api/v1/lists/{id}/accounts" W_LISTS => lists::remove;
        get "/api/v2/filters" R_FILTERS => filters::index;
        post "/api/v2/filters" W_FILTERS => filters::create;
        get "/api/v2/filters/{id}" R_FILTERS => filters::show;
        put "/api/v2/filters/{id}" W_FILTERS => filters::update;
        delete "/api/v2/filters/{id}" W_FILTERS => filters::delete;
        get "/api/v2/filters/{id}/keywords" R_FILTERS => filters::words;
        post "/api/v2/filters/{id}/keywords" W_FILTERS => filters::add_keyword;
        get "/api/v2/filters/keywords/{id}" R_FILTERS => filters::keyword;
        put "/api/v2/filters/keywords/{id}" W_FILTERS => filters::update_keyword;
        delete "/api/v2/filters/keywords/{id}" W_FILTERS => filters::delete_keyword;
        get "/api/v2/filters/{id}/statuses" R_FILTERS => filters::statuses;
        post "/api/v2/filters/{id}/statuses" W_FILTERS => filters::add_status;
        get "/api/v2/filters/statuses/{id}" R_FILTERS => filters::status;
        delete "/api/v2/filters/statuses/{id}" W_FILTERS => filters::delete_status;
        get "/api/v1/filters" R_FILTERS => filters::old_index;
        post "/api/v1/filters" W_FILTERS => filters::old_create;
        get "/api/v1/filters/{id}" R_FILTERS => filters::old_show;
        put "/api/v1/filters/{id}" W_FILTERS => filters::old_update;
        delete "/api/v1/filters/{id}" W_FILTERS => filters::old_delete;
        get "/api/v2/search" Needs::MaybeMember(&["read:search"]) => search::search;
        get "/api/v1/trends/tags" OPEN => trends::of_tags;
        get "/api/v1/trends" OPEN => trends::of_tags;
        get "/api/v1/trends/statuses" OPEN => trends::of_statuses;
        get "/api/v1/trends/links" OPEN => instance::nothing;
    }
}

#[rustfmt::skip]
fn of_notifications() -> Vec<Endpoint> {
    table! {
        get "/api/v1/notifications" R_NOTIFICATIONS => notifications::index;
        post "/api/v1/notifications/clear" W_NOTIFICATIONS => notifications::clear;
        get "/api/v1/notifications/unread_count" R_NOTIFICATIONS => notifications::unread;
        get "/api/v1/notifications/requests" R_NOTIFICATIONS => notifications::requests;
        get "/api/v1/notifications/requests/merged" R_NOTIFICATIONS => notifications::merged;
        post "/api/v1/notifications/requests/accept" W_NOTIFICATIONS => notifications::accept_several;
        post "/api/v1/notifications/requests/dismiss" W_NOTIFICATIONS => notifications::refuse_several;
        get "/api/v1/notifications/requests/{id}" R_NOTIFICATIONS => notifications::request;
        post "/api/v1/notifications/requests/{id}/accept" W_NOTIFICATIONS => notifications::accept;
        post "/api/v1/notifications/requests/{id}/dismiss" W_NOTIFICATIONS => notifications::refuse;
        get "/api/v1/notifications/{id}" R_NOTIFICATIONS => notifications::show;
        post "/api/v1/notifications/{id}/dismiss" W_NOTIFICATIONS => notifications::dismiss;
        get "/api/v2/notifications" R_NOTIFICATIONS => notifications::grouped;
        get "/api/v2/notifications/unread_count" R_NOTIFICATIONS => notifications::unread;
        get "/api/v2/notifications/policy" R_NOTIFICATIONS => notifications::policy;
        patch "/api/v2/notifications/policy" W_NOTIFICATIONS => notifications::set_policy;
        put "/api/v2/notifications/policy" W_NOTIFICATIONS => notifications::set_policy;
        get "/api/v2/notifications/{group_key}" R_NOTIFICATIONS => notifications::group;
        get "/api/v2/notifications/{group_key}/accounts" R_NOTIFICATIONS => notifications::group_accounts;
        post "/api/v2/notifications/{group_key}/dismiss" W_NOTIFICATIONS => notifications::dismiss_group;
        get "/api/v1/push/subscription" PUSH => push::show;
        post "/api/v1/push/subscription" PUSH => push::create;
        put "/api/v1/push/subscription" PUSH => push::update;
        delete "/api/v1/push/subscription" PUSH => push::delete;
        get "/api/v1/announcements" with(&["read"]) => announcements::index;
        post "/api/v1/announcements/{id}/dismiss" W_ACCOUNTS => announcements::dismiss;
        put "/api/v1/announcements/{id}/reactions/{name}" W_FAVOURITES => announcements::react;
        delete "/api/v1/announcements/{id}/reactions/{name}" W_FAVOURITES => announcements::unreact;
    }
}

#[rustfmt::skip]
fn of_the_instance() -> Vec<Endpoint> {
    table! {
        get "/api/v1/instance" OPEN => instance::old;
        get "/api/v2/instance" OPEN => instance::show;
        get "/api/v1/instance/rules" OPEN => instance::rules;
        get "/api/v1/instance/privacy_policy" OPEN => instance::privacy;
        get "/api/v1/instance/terms_of_service" OPEN => instance::terms;
        get "/api/v1/instance/peers" OPEN => instance::peers;
        get "/api/v1/instance/activity" OPEN => instance::activity;
        get "/api/v1/instance/domain_blocks" APP => instance::nothing;
        get "/api/v1/instance/extended_description" OPEN => instance::description;
        get "/api/v1/instance/languages" OPEN => instance::languages;
        get "/api/v1/instance/translation_languages" OPEN => instance::translations;
        get "/api/v1/custom_emojis" OPEN => instance::emojis;
        get "/api/oembed" OPEN => instance::oembed;
    }
}

/// The router of the table. A path also answers with a slash behind it, since some clients write one.
pub fn router(app: &App, uploads: usize) -> Router<App> {
    let mut router = Router::new();
    for endpoint in table() {
        let guard = from_fn_with_state((app.clone(), endpoint.needs), require);
        let limit = DefaultBodyLimit::max(most_bytes(app, endpoint.path, uploads));
        let answers = endpoint.answers.layer(limit).layer(guard);
        router = router
            .route(&format!("{}/", endpoint.path), answers.clone())
            .route(endpoint.path, answers);
    }
    router
        .route(
            "/.well-known/oauth-authorization-server",
            get(apps::metadata),
        )
        .merge(super::streaming::router())
        .route("/health", get(instance::health))
        .route("/api/{*rest}", any(nothing))
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(1 << 20))
        .layer(cors())
}

/// How large a request to an endpoint may be: only where files go, they have room.
fn most_bytes(app: &App, path: &str, uploads: usize) -> usize {
    let picture = usize::try_from(app.settings.limits.picture_bytes).unwrap_or(usize::MAX);
    match path {
        "/api/v1/media" | "/api/v2/media" => uploads,
        "/api/v1/media/{id}" => picture + (1 << 20),
        "/api/v1/accounts/update_credentials" => 2 * picture + (1 << 20),
        _ => 1 << 20,
    }
}

/// Any page may call; no cookie is ever read here, so none is sent along.
pub fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods(Any)
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            http::HeaderName::from_static("idempotency-key"),
        ])
        .expose_headers([
            header::LINK,
            http::HeaderName::from_static("x-ratelimit-limit"),
            http::HeaderName::from_static("x-ratelimit-remaining"),
            http::HeaderName::from_static("x-ratelimit-reset"),
            http::HeaderName::from_static("x-request-id"),
        ])
        .max_age(std::time::Duration::from_secs(86_400))
}

async fn nothing() -> Refused {
    Refused::with(StatusCode::NOT_FOUND, "There is no such endpoint")
}

async fn wrong_method() -> Refused {
    Refused::with(
        StatusCode::METHOD_NOT_ALLOWED,
        "This endpoint does not know the method",
    )
}
