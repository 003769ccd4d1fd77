//! Pages and buttons about other people: follow, accept, block, mute, report.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::IntoResponse;
use serde::Deserialize;

use crate::accounts::{self, Account, preferences, web::ConfirmPage};
use crate::app::App;
use crate::error::Error;
use crate::kernel::id::{AccountId, FollowId};
use crate::kernel::page::Window;
use crate::moderation::reports;
use crate::relations::between::{self, Relationship};
use crate::relations::{blocks, endorsements, follows};
use crate::ui::page::Paging;
use crate::ui::{Page, PageResult, SignedIn, Ui, Visitor, see_other};

/// People on a page.
const PEOPLE: i64 = 40;

#[derive(Template)]
#[template(path = "relations/people.html")]
struct PeoplePage {
    ui: Ui,
    title: String,
    people: Vec<(FollowId, Account)>,
    requests: bool,
    /// Whether these are one's own followers, who can be removed.
    own_followers: bool,
    empty: String,
    older: Option<String>,
}

fn older(path: &str, people: &[(FollowId, Account)]) -> Option<String> {
    let (last, _) = people
        .last()
        .filter(|_| i64::try_from(people.len()).unwrap_or(0) >= PEOPLE)?;
    Some(format!("{path}?before={last}"))
}

/// `GET /requests`
pub async fn requests(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Query(paging): Query<Paging>,
) -> PageResult {
    let people = follows::requests(&app, member.id, Window::before(paging.before, PEOPLE)).await?;
    let ui = visitor.ui;
    Ok(Page(PeoplePage {
        title: ui.t("nav-requests"),
        older: older("/requests", &people),
        people,
        requests: true,
        own_followers: false,
        empty: ui.t("empty-requests"),
        ui,
    })
    .into_response())
}

/// `GET /@{handle}/followers` and `/following`
pub async fn list(
    app: &App,
    visitor: Visitor,
    account: &Account,
    which: &str,
    before: Option<i64>,
) -> PageResult {
    let window = Window::before(before, PEOPLE);
    let hidden = preferences::hides_follows(app, account, visitor.viewer()).await?;
    let people = if hidden {
        Vec::new()
    } else if which == "followers" {
        follows::followers(app, account.id, window).await?
    } else {
        follows::following(app, account.id, window).await?
    };
    let ui = visitor.ui;
    let title = ui.tv(
        &format!("title-{which}"),
        "name",
        account.shown_name().to_owned(),
    );
    let path = format!("{}/{which}", account.path());
    Ok(Page(PeoplePage {
        title,
        older: older(&path, &people),
        people,
        requests: false,
        own_followers: which == "followers" && ui.is_me(account),
        empty: if hidden {
            ui.t("follows-hidden")
        } else {
            ui.t(&format!("empty-{which}"))
        },
        ui,
    })
    .into_response())
}

/// `POST /accounts/{id}/{verb}`: one button each.
pub async fn act(
    State(app): State<App>,
    SignedIn(member, _): SignedIn,
    Path((id, verb)): Path<(AccountId, String)>,
) -> PageResult {
    let other = accounts::get(&app, id).await?;
    let back = match verb.as_str() {
        "accept" | "ignore" | "reject" => "/requests".to_owned(),
        "dismiss" => format!("{}/followers", member.path()),
        _ => other.path(),
    };
    match verb.as_str() {
        "follow" => {
            follows::request(&app, &member, &other).await?;
        }
        "unfollow" => {
            if let Some(follow) = follows::find(&app.db, member.id, other.id).await? {
                follows::withdraw(&app, &follow).await?;
            }
        }
        "accept" => {
            let follow = follows::find(&app.db, other.id, member.id)
                .await?
                .ok_or(Error::NotFound)?;
            follows::accept(&app, &follow).await?;
        }
        "ignore" => {
            if let Some(follow) = follows::find(&app.db, other.id, member.id).await? {
                follows::ignore(&app, &follow).await?;
            }
        }
        "remove" | "reject" | "dismiss" => {
            if let Some(follow) = follows::find(&app.db, other.id, member.id).await? {
                follows::reject(&app, &follow).await?;
            }
        }
        "block" => blocks::block(&app, &member, &other).await?,
        "unblock" => blocks::unblock(&app, &member, &other).await?,
        "mute" | "unmute" => {
            blocks::set_muted(
                &app,
                &member,
                &other,
                (verb == "mute").then_some(blocks::Mute::WHOLE),
            )
            .await?;
        }
        "endorse" | "unendorse" => {
            endorsements::set(&app, &member, other.id, verb == "endorse").await?;
        }
        "mute-node" | "unmute-node" if !other.host.is_empty() => {
            blocks::set_node_muted(&app, member.id, &other.host, verb == "mute-node").await?;
        }
        _ => return Err(Error::NotFound.into()),
    }
    Ok(see_other(&back))
}

/// `GET /accounts/{id}/report`
pub async fn report(
    State(app): State<App>,
    SignedIn(_, visitor): SignedIn,
    Path(id): Path<AccountId>,
) -> PageResult {
    let other = accounts::get(&app, id).await?;
    let ui = visitor.ui;
    let page = ConfirmPage {
        title: ui.tv("report-title", "name", other.shown_name().to_owned()),
        sentence: ui.t("report-explain"),
        action: format!("/accounts/{id}/send-report"),
        ask_comment: true,
        hidden: Vec::new(),
        button: ui.t("report"),
        danger: true,
        back: other.path(),
        ui,
    };
    Ok(Page(page).into_response())
}

/// A report as it was filled in.
#[derive(Debug, Deserialize)]
pub struct ReportForm {
    #[serde(default)]
    comment: String,
    #[serde(default)]
    category: String,
    forward: Option<String>,
    post: Option<String>,
}

/// `POST /accounts/{id}/send-report`
pub async fn send_report(
    State(app): State<App>,
    SignedIn(member, _): SignedIn,
    Path(id): Path<AccountId>,
    Form(form): Form<ReportForm>,
) -> PageResult {
    let other = accounts::get(&app, id).await?;
    let mut posts = Vec::new();
    if let Some(uri) = form.post {
        // Only what is theirs and what the reporter can see is reported with them.
        let post = crate::posts::find_by_uri(&app, &uri).await?;
        let post = post.filter(|post| post.account == other.id);
        let post = post.ok_or(Error::NotFound)?;
        crate::posts::get_for(&app, Some(&member), post.id).await?;
        posts.push(uri);
    }
    let new = reports::New {
        category: match form.category.as_str() {
            "spam" => "spam",
            "violation" => "violation",
            "legal" => "legal",
            _ => "other",
        },
        comment: &form.comment,
        posts: &posts,
        uri: None,
        forward: form.forward.is_some(),
    };
    let bare = posts.is_empty() && form.comment.trim().is_empty();
    reports::report(&app, &member, &other, new).await?;
    let bare = if bare { "?bare=1" } else { "" };
    Ok(see_other(&format!("/accounts/{id}/reported{bare}")))
}

#[derive(Template)]
#[template(path = "relations/reported.html")]
struct ReportedPage {
    ui: Ui,
    account: Account,
    relation: Relationship,
    /// Whether nothing was said and no post was named.
    bare: bool,
}

/// What came with a report.
#[derive(Debug, Deserialize)]
pub struct Reported {
    bare: Option<String>,
}

/// `GET /accounts/{id}/reported`: that a report arrived, and what one may do besides.
pub async fn reported(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Path(id): Path<AccountId>,
    Query(reported): Query<Reported>,
) -> PageResult {
    let account = accounts::get(&app, id).await?;
    let relation = between::one(&app, member.id, &account).await?;
    Ok(Page(ReportedPage {
        ui: visitor.ui,
        bare: reported.bare.is_some(),
        relation,
        account,
    })
    .into_response())
}
