//! Pages and redirects as answers.

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;

use super::{PageError, Ui};

/// Where a list goes on: before this id.
#[derive(Debug, Deserialize)]
pub struct Paging {
    /// The id.
    pub before: Option<i64>,
}

/// Whether something was just saved.
#[derive(Debug, Deserialize)]
pub struct Saved {
    saved: Option<String>,
}

impl Saved {
    /// Whether it was.
    pub fn is_some(&self) -> bool {
        self.saved.is_some()
    }
}

/// A page: its struct, rendered.
pub struct Page<T>(pub T);

impl<T: Template> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        match self.0.render() {
            Ok(html) => {
                let headers = [
                    (
                        header::CONTENT_TYPE,
                        HeaderValue::from_static("text/html; charset=utf-8"),
                    ),
                    (
                        header::CACHE_CONTROL,
                        HeaderValue::from_static("private, no-store"),
                    ),
                ];
                (headers, html).into_response()
            }
            Err(error) => {
                PageError::from(crate::error::Error::Internal(error.into())).into_response()
            }
        }
    }
}

/// A page with the address of the document that says the same to programs (RFC 8288, `rel="alternate"`).
pub fn with_document(mut page: Response, uri: &str) -> Response {
    let link = format!("<{uri}>; rel=\"alternate\"; type=\"application/activity+json\"");
    if let Ok(link) = HeaderValue::from_str(&link) {
        page.headers_mut().append(header::LINK, link);
    }
    page
}

/// The same page with another status, such as a form that says what to change.
pub fn with_status<T: Template>(status: StatusCode, page: T) -> Response {
    (status, Page(page)).into_response()
}

#[derive(Template)]
#[template(path = "ui/onward.html")]
struct OnwardPage {
    ui: Ui,
    target: String,
    name: String,
    by_itself: bool,
}

/// A page that says where it leads and goes on there, by itself or by its button: a form's answer may not lead off
/// this house.
pub fn onward(ui: Ui, target: String, name: &str, by_itself: bool) -> Response {
    Page(OnwardPage {
        ui,
        target,
        name: name.to_owned(),
        by_itself,
    })
    .into_response()
}

/// Goes on to a path of this house after a form.
pub fn see_other(path: &str) -> Response {
    Redirect::to(if is_own_path(path) { path } else { "/" }).into_response()
}

/// Whether a path stays on this house, however a browser reads it.
pub fn is_own_path(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && !path.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::is_own_path;

    #[test]
    fn redirects_stay_in_the_house() {
        for path in ["/", "/@nina/1?x=//evil"] {
            assert!(is_own_path(path), "{path}");
        }
        for path in [
            "//evil.test",
            "/\\evil.test",
            "https://evil.test",
            "evil",
            "",
            "/a\nb",
            "javascript:x",
        ] {
            assert!(!is_own_path(path), "{path}");
        }
    }
}
