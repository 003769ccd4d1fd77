//! Errors on pages: one calm sentence, and what to do.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use super::page::{see_other, with_status};
use super::visitor::{Ui, Visitor};
use crate::app::App;
use crate::error::Error;

/// A result of a page.
pub type PageResult<T = Response> = Result<T, PageError>;

/// An error on its way to a visitor; [`render`] gives it its page.
#[derive(Debug)]
pub struct PageError(pub Error);

impl<E: Into<Error>> From<E> for PageError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// What [`render`] finds in the answer.
#[derive(Clone)]
struct Rendered(Arc<Error>);

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let status = match &self.0 {
            Error::NotFound => StatusCode::NOT_FOUND,
            Error::SignInRequired => StatusCode::UNAUTHORIZED,
            Error::Forbidden => StatusCode::FORBIDDEN,
            Error::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Error::Conflict(_) => StatusCode::CONFLICT,
            Error::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut response = status.into_response();
        if let Some(seconds) = self.0.retry_after() {
            let seconds = HeaderValue::from(seconds);
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response.extensions_mut().insert(Rendered(Arc::new(self.0)));
        response
    }
}

#[derive(Template)]
#[template(path = "ui/error.html")]
struct ErrorPage {
    ui: Ui,
    title: String,
    sentences: Vec<String>,
}

/// What the framework refused before a handler saw it: an address or a form that cannot be read.
fn refused_form(response: &Response) -> Option<Rendered> {
    let plain = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/plain"));
    let sentence = match response.status() {
        StatusCode::PAYLOAD_TOO_LARGE => "error-too-big",
        StatusCode::BAD_REQUEST
        | StatusCode::UNSUPPORTED_MEDIA_TYPE
        | StatusCode::UNPROCESSABLE_ENTITY => "error-unreadable",
        _ => return None,
    };
    plain.then(|| Rendered(Arc::new(Error::invalid("", sentence))))
}

/// Gives errors of pages their page, in the visitor's language; who must sign in is sent there.
pub async fn render(State(app): State<App>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let kept = parts.clone();
    let response = next.run(Request::from_parts(parts, body)).await;
    let rendered = response.extensions().get::<Rendered>().cloned();
    let Some(Rendered(error)) = rendered.or_else(|| refused_form(&response)) else {
        return response;
    };
    if let Error::Internal(cause) = &*error {
        tracing::error!(
            error = format!("{cause:#}"),
            path = kept.uri.path(),
            "a page failed"
        );
    }
    if matches!(*error, Error::SignInRequired) {
        let back = if kept.method == http::Method::GET {
            kept.uri.path_and_query().map_or("/", |path| path.as_str())
        } else {
            "/home"
        };
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("next", back)
            .finish();
        return see_other(&format!("/sign-in?{query}"));
    }
    let Ok(visitor) = Visitor::of(&app, &kept).await else {
        return (
            response.status(),
            [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
            "The house cannot be reached right now; try again in a minute.",
        )
            .into_response();
    };
    let ui = visitor.ui;
    let (title, sentences) = match &*error {
        Error::NotFound => ("error-not-found-title", vec![ui.t("error-not-found")]),
        Error::Forbidden => ("error-forbidden-title", vec![ui.t("error-forbidden")]),
        Error::Invalid(problems) => (
            "error-invalid-title",
            problems
                .iter()
                .map(|problem| ui.locale.sentence(&problem.sentence))
                .collect(),
        ),
        Error::Conflict(sentence) | Error::Unavailable(sentence) => {
            ("error-invalid-title", vec![ui.locale.sentence(sentence)])
        }
        Error::TooMany(wait) => (
            "error-too-often-title",
            vec![ui.tv("error-too-often", "minutes", wait.as_secs().div_ceil(60))],
        ),
        Error::Internal(_) | Error::SignInRequired => {
            ("error-internal-title", vec![ui.t("error-internal")])
        }
    };
    let mut page = with_status(
        response.status(),
        ErrorPage {
            title: ui.t(title),
            ui,
            sentences,
        },
    );
    if let Some(wait) = response.headers().get(header::RETRY_AFTER) {
        page.headers_mut().insert(header::RETRY_AFTER, wait.clone());
    }
    page
}
