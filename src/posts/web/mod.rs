//! Pages of posts: one with its thread, writing, editing, deleting, and the buttons under it.

mod carried;
pub mod conversations;
mod filled;
pub mod form;
mod publish;
mod show;

use askama::Template;
use axum::extract::{Form, Multipart, Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;

use crate::accounts::{Account, web::ConfirmPage};
use crate::app::App;
use crate::audiences::Audience;
use crate::error::{Error, Problem};
use crate::federation::look_up;
use crate::kernel::id::PostId;
use crate::moderation::writing;
use crate::posts::edit::{self, Edit};
use crate::posts::view::{self, View};
use crate::posts::{self, boosts, favourites, keep, polls, quotes, remove};
use crate::ui::page::with_status;
use crate::ui::{Page, PageResult, SignedIn, Ui, Visitor, see_other};
use carried::{sign_in_first, taken};
use filled::Filled;
use form::ComposeForm;
use publish::Done;
pub use show::show;

/// The form under a post, addressed to whom it answers.
fn reply_form(app: &App, viewer: &Account, view: &View) -> ComposeForm {
    let mut form = ComposeForm::blank(&format!("reply-{}", view.post.id));
    form.in_reply_to = Some(view.post.id);
    form.asks_author = view.allowed.asks();
    form.audience = match view.post.audience {
        Audience::Grant(_) => "inside",
        audience => audience.name(),
    }
    .to_owned();
    if view.author.id != viewer.id {
        form.text = format!(
            "@{} ",
            if view.author.is_local() {
                view.author.name.clone()
            } else {
                view.author.handle(&app.origin())
            }
        );
    }
    form
}

#[derive(Template)]
#[template(path = "posts/compose.html")]
struct ComposePage {
    ui: Ui,
    parent: Option<View>,
    form: ComposeForm,
}

/// What a new post starts with.
#[derive(Debug, Deserialize)]
pub struct Start {
    quote: Option<PostId>,
    mention: Option<String>,
    /// Whom it is for, as the form names it.
    audience: Option<String>,
    content: Option<String>,
    reply: Option<PostId>,
    /// A prepared post of the house that is to read differently.
    draft: Option<i64>,
    /// What a device shared: its title, its words and its address.
    title: Option<String>,
    text: Option<String>,
    url: Option<String>,
}

impl Start {
    /// What was shared, one thing a line, none twice.
    fn shared(&self) -> String {
        let mut lines: Vec<&str> = Vec::new();
        for part in [&self.title, &self.text, &self.url].into_iter().flatten() {
            if !part.trim().is_empty() && !lines.iter().any(|line| line.contains(part.trim())) {
                lines.push(part.trim());
            }
        }
        lines.join("\n")
    }
}

/// `GET /compose`
pub async fn new(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Query(start): Query<Start>,
) -> PageResult {
    let mut form = ComposeForm::blank("compose")
        .offering(&app, &member)
        .await?;
    let mut parent = None;
    if let Some(id) = start.draft {
        form = form.filled_with(&app, &member, id).await?;
    }
    if let Some(id) = start.reply.or(start.quote) {
        let post = posts::get_for(&app, Some(&member), id).await?;
        let view = view::load(&app, Some(&member), &[post])
            .await?
            .pop()
            .ok_or(Error::NotFound)?;
        if start.reply.is_some() {
            form = reply_form(&app, &member, &view);
        }
        parent = Some(view);
    }
    form.quote = start.quote.or(form.quote);
    form.text.push_str(&start.shared());
    if let Some(audience) = start
        .audience
        .filter(|it| form.audiences().contains(&&**it))
    {
        // A message keeps its draft apart from what is written for everyone.
        form.draft = format!("{}-{audience}", form.draft);
        form.audience = audience;
    }
    if let Some(handle) = start.mention {
        let handle = handle.trim_start_matches('@');
        form.draft = format!("{}-{handle}", form.draft);
        form.text = format!("@{handle} ");
    }
    if let Some(content) = start.content {
        // What was written as an answer names whom it answers already.
        if content.starts_with(form.text.trim_end()) {
            form.text.clear();
        }
        form.text.push_str(&content);
    }
    Ok(Page(ComposePage {
        ui: visitor.ui,
        parent,
        form,
    })
    .into_response())
}

/// `POST /posts`
pub async fn create(State(app): State<App>, visitor: Visitor, form: Multipart) -> PageResult {
    let Some(member) = visitor.account.clone() else {
        return Ok(sign_in_first(form).await);
    };
    let filled = Filled::read(&app, form).await?;
    let mut form = filled.form();
    let outcome = publish::publish(&app, (&member, visitor.ui.zone), filled, &mut form).await;
    match outcome {
        Ok(Done::Published(name, post)) => Ok(taken(see_other(&format!("/@{name}/{post}")))),
        Ok(Done::Waits) => Ok(taken(see_other("/calendar"))),
        Err(Error::Invalid(problems)) => {
            form.problems = problems;
            if form.in_reply_to.is_none() {
                form = form.offering(&app, &member).await?;
            }
            let parent = match form.in_reply_to.or(form.quote) {
                Some(id) => view::load(
                    &app,
                    Some(&member),
                    &[posts::get_for(&app, Some(&member), id).await?],
                )
                .await?
                .pop(),
                None => None,
            };
            Ok(with_status(
                StatusCode::UNPROCESSABLE_ENTITY,
                ComposePage {
                    ui: visitor.ui,
                    parent,
                    form,
                },
            ))
        }
        Err(error) => Err(error.into()),
    }
}

#[derive(Template)]
#[template(path = "posts/edit.html")]
struct EditPage {
    ui: Ui,
    text: String,
    warning: String,
    sensitive: bool,
    problems: Vec<Problem>,
}

/// `GET /posts/{id}/edit`
pub async fn edit(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Path(id): Path<PostId>,
) -> PageResult {
    let post = posts::find(&app, id)
        .await?
        .filter(|post| post.account == member.id)
        .ok_or(Error::NotFound)?;
    Ok(Page(EditPage {
        ui: visitor.ui,
        text: post.text,
        warning: post.warning,
        sensitive: post.sensitive,
        problems: Vec::new(),
    })
    .into_response())
}

/// A post as it was edited.
#[derive(Debug, Deserialize)]
pub struct EditForm {
    text: String,
    #[serde(default)]
    warning: String,
    sensitive: Option<String>,
}

/// `POST /posts/{id}/edit`
pub async fn update(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Path(id): Path<PostId>,
    Form(form): Form<EditForm>,
) -> PageResult {
    look_up::learn_mentions(&app, &form.text).await;
    let changed = Edit {
        media: None,
        described: Vec::new(),
        poll: None,
        text: form.text.clone(),
        warning: form.warning.clone(),
        sensitive: form.sensitive.is_some(),
        language: None,
    };
    match writing::change(&app, &member, id, changed).await {
        Ok(post) => Ok(see_other(&format!("/@{}/{}", member.name, post.id))),
        Err(Error::Invalid(problems)) => {
            let page = EditPage {
                ui: visitor.ui,
                text: form.text,
                warning: form.warning,
                sensitive: form.sensitive.is_some(),
                problems,
            };
            Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, page))
        }
        Err(error) => Err(error.into()),
    }
}

/// `GET /posts/{id}/delete` and `/report`: asks once.
pub async fn ask(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Path((id, what)): Path<(PostId, String)>,
) -> PageResult {
    let post = posts::get_for(&app, Some(&member), id).await?;
    let view = view::load(&app, Some(&member), std::slice::from_ref(&post))
        .await?
        .pop()
        .ok_or(Error::NotFound)?;
    let ui = visitor.ui;
    let page = match what.as_str() {
        "delete" if post.account == member.id => ConfirmPage {
            title: ui.t("delete-title"),
            sentence: view.words(300),
            action: format!("/posts/{id}/delete"),
            ask_comment: false,
            hidden: Vec::new(),
            button: ui.t("delete"),
            danger: true,
            back: view.path(),
            ui,
        },
        "report" => ConfirmPage {
            title: ui.tv("report-title", "name", view.author.shown_name().to_owned()),
            sentence: view.words(300),
            action: format!("/accounts/{}/send-report", post.account),
            ask_comment: true,
            hidden: vec![("post".to_owned(), post.uri.clone())],
            button: ui.t("report"),
            danger: true,
            back: view.path(),
            ui,
        },
        _ => return Err(Error::NotFound.into()),
    };
    Ok(Page(page).into_response())
}

/// `POST /posts/{id}/{verb}`: one button each; several choices of a poll come under one name.
pub async fn act(
    State(app): State<App>,
    SignedIn(member, _): SignedIn,
    Path((id, verb)): Path<(PostId, String)>,
    body: String,
) -> PageResult {
    let post = posts::get_for(&app, Some(&member), id).await?;
    if post.boost_of.is_some() {
        return Err(Error::NotFound.into());
    }
    let author = crate::accounts::get(&app, post.account).await?;
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    let asked = fields
        .iter()
        .find(|(name, _)| name == "back")
        .map(|(_, path)| path.clone());
    let back = asked.unwrap_or_else(|| format!("{}/{id}", author.path()));
    match verb.as_str() {
        "boost" => {
            boosts::boost(&app, &member, &post).await?;
        }
        "unboost" => boosts::unboost(&app, &member, &post).await?,
        "favourite" | "unfavourite" => {
            favourites::set(&app, &member, &post, verb == "favourite").await?;
        }
        "bookmark" | "unbookmark" => {
            keep::set_bookmark(&app, member.id, id, verb == "bookmark").await?;
        }
        "pin" | "unpin" => keep::set_pinned(&app, &member, id, verb == "pin").await?,
        "revoke-quote" => quotes::revoke(&app, &member, id).await?,
        "delete" => {
            remove::delete(&app, &member, id).await?;
            return Ok(see_other(&member.path()));
        }
        "vote" => {
            let choices: Vec<i64> = fields
                .iter()
                .filter(|(name, _)| name == "choice")
                .filter_map(|(_, value)| value.parse().ok())
                .collect();
            polls::vote(&app, &member, &post, &choices).await?;
        }
        _ => return Err(Error::NotFound.into()),
    }
    Ok(see_other(&back))
}

#[derive(Template)]
#[template(path = "posts/history.html")]
struct HistoryPage {
    ui: Ui,
    versions: Vec<edit::Version>,
    back: String,
}

/// `GET /@{handle}/{id}/history`
pub async fn history(
    State(app): State<App>,
    visitor: Visitor,
    Path((handle, id)): Path<(String, PostId)>,
) -> PageResult<Response> {
    let post = posts::get_for(&app, visitor.viewer(), id).await?;
    let mut versions = edit::history(&app, id).await?;
    versions.push(edit::Version {
        created_at: post.edited_at.unwrap_or(post.created_at),
        title: post.title,
        html: post.html,
        warning: post.warning,
    });
    versions.reverse();
    Ok(Page(HistoryPage {
        ui: visitor.ui,
        versions,
        back: format!("/@{handle}/{id}"),
    })
    .into_response())
}
