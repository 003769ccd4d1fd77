//! Answers: JSON, lists with their links, errors with their sentence.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::Caller;
use crate::error::Error;
use crate::kernel::page::Window;
use crate::locale::Locale;

/// What an endpoint answers.
pub type Answer = Result<Response, Refused>;

/// An error as clients read it: a status, and `error` with a sentence.
#[derive(Debug)]
pub struct Refused {
    status: StatusCode,
    body: Value,
    retry_after: Option<u64>,
}

impl Refused {
    /// A status with a sentence.
    pub fn with(status: StatusCode, sentence: &str) -> Self {
        Self {
            status,
            body: json!({"error": sentence}),
            retry_after: None,
        }
    }

    /// What was sent cannot be used: 422 with a sentence.
    pub fn invalid(sentence: &str) -> Self {
        let mut refused = Self::with(StatusCode::UNPROCESSABLE_ENTITY, sentence);
        refused.body["details"] = json!({});
        refused
    }

    /// With what is wrong about one field.
    pub fn with_detail(mut self, field: &str, code: &str) -> Self {
        let sentence = self.body["error"].clone();
        self.body["details"][field] = json!([{"error": code, "description": sentence}]);
        self
    }

    /// An error of OAuth (RFC 6749 §5.2).
    pub fn oauth(status: StatusCode, error: &str, description: &str) -> Self {
        Self {
            status,
            body: json!({"error": error, "error_description": description}),
            retry_after: None,
        }
    }
}

tokio::task_local! {
    /// The language in which the caller of this request is told what is wrong.
    static READER: Locale;
}

/// Answers a request with its errors in the language that its headers ask for.
pub async fn in_language_of<T>(headers: &HeaderMap, answer: impl Future<Output = T>) -> T {
    let asked = headers.get(header::ACCEPT_LANGUAGE);
    let asked = asked.and_then(|value| value.to_str().ok());
    let locale = Locale::of_header(asked.unwrap_or_default());
    READER.scope(locale, answer).await
}

fn reader() -> Locale {
    READER.try_with(|locale| *locale).unwrap_or(Locale::En)
}

impl<E: Into<Error>> From<E> for Refused {
    fn from(error: E) -> Self {
        let error: Error = error.into();
        let locale = reader();
        let (status, sentence) = match &error {
            Error::NotFound => (StatusCode::NOT_FOUND, locale.text("api-not-found")),
            Error::SignInRequired => (StatusCode::UNAUTHORIZED, locale.text("api-token")),
            Error::Forbidden => (StatusCode::FORBIDDEN, locale.text("api-forbidden")),
            Error::Invalid(problems) => {
                let sentences: Vec<String> = problems
                    .iter()
                    .map(|problem| locale.sentence(&problem.sentence))
                    .collect();
                let text = locale.text_with("api-invalid", "problems", sentences.join(" "));
                (StatusCode::UNPROCESSABLE_ENTITY, text)
            }
            Error::Conflict(sentence) => {
                (StatusCode::UNPROCESSABLE_ENTITY, locale.sentence(sentence))
            }
            Error::TooMany(_) => (StatusCode::TOO_MANY_REQUESTS, locale.text("api-too-many")),
            Error::Unavailable(sentence) => {
                (StatusCode::SERVICE_UNAVAILABLE, locale.sentence(sentence))
            }
            Error::Internal(cause) => {
                tracing::error!(error = format!("{cause:#}"), "an endpoint failed");
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    locale.text("api-internal"),
                )
            }
        };
        let mut refused = Self::with(status, &sentence);
        if let Error::Invalid(problems) = &error {
            let mut details = json!({});
            for problem in problems {
                let one = json!({
                    "error": code_of(problem.sentence.id),
                    "description": locale.sentence(&problem.sentence),
                });
                match details[problem.field].as_array_mut() {
                    Some(known) => known.push(one),
                    None => details[problem.field] = json!([one]),
                }
            }
            refused.body["details"] = details;
        }
        refused.retry_after = error.retry_after();
        refused
    }
}

/// What apps tell by: the last word of a sentence's name.
fn code_of(sentence: &str) -> &'static str {
    match sentence.rsplit('-').next() {
        Some("taken") => "ERR_TAKEN",
        Some("reserved") => "ERR_RESERVED",
        Some("short") => "ERR_TOO_SHORT",
        Some("long") => "ERR_TOO_LONG",
        _ => "ERR_INVALID",
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = (self.status, axum::Json(self.body)).into_response();
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// A JSON body.
pub fn json_of(body: Value) -> Response {
    axum::Json(body).into_response()
}

/// An empty object: done.
pub fn done() -> Answer {
    Ok(json_of(json!({})))
}

/// The part of a list that is asked for, by ids: older than `max_id`, newer than `since_id`, or next to `min_id`.
pub fn window(caller: &Caller, usual: i64, most: i64) -> Window {
    let id = |name: &str| caller.params.number::<i64>(name);
    let after = id("min_id").or_else(|| id("since_id")).unwrap_or(0);
    Window {
        before: id("max_id").unwrap_or(i64::MAX),
        after,
        limit: caller
            .params
            .number("limit")
            .unwrap_or(usual)
            .clamp(1, most),
        oldest_first: id("min_id").is_some(),
    }
}

/// A list with links to what stands before and after it (RFC 8288); `ends` are the ids of its first and last row.
pub fn list(caller: &Caller, ends: Option<(i64, i64)>, items: Vec<Value>) -> Response {
    let mut response = json_of(Value::Array(items));
    if let Some((first, last)) = ends {
        let link = |name: &str, id: i64, rel: &str| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(caller.params.unpaged());
            query.append_pair(name, &id.to_string());
            let address = caller.app.origin().at(&caller.path);
            format!("<{address}?{}>; rel=\"{rel}\"", query.finish())
        };
        let value = format!(
            "{}, {}",
            link("max_id", last, "next"),
            link("min_id", first, "prev")
        );
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(header::LINK, value);
        }
    }
    response
}

/// Puts a list that was read oldest first into the order in which it is shown.
pub fn newest_first<T>(mut rows: Vec<T>, window: Window) -> Vec<T> {
    if window.oldest_first {
        rows.reverse();
    }
    rows
}
