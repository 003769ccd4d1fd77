//! What was written, when it was taken and when somebody has to sign in first.

use axum::extract::Multipart;
use axum::response::Response;
use http::{HeaderValue, header};

use crate::kernel::html::truncate;
use crate::ui::see_other;

/// Tells the script of the page that what was written is kept here now, so that its draft may end.
pub(super) fn taken(mut answer: Response) -> Response {
    let cookie = HeaderValue::from_static("taken=1; Path=/; SameSite=Lax; Max-Age=60");
    answer.headers_mut().append(header::SET_COOKIE, cookie);
    answer
}

/// Most bytes of a text that is carried through a sign-in.
const CARRIED: usize = 16 << 10;

/// Leads to the sign-in and from there back to the form, with the text that was written.
pub(super) async fn sign_in_first(mut form: Multipart) -> Response {
    let mut carried = Vec::new();
    // Files are not looked at: they come after the text.
    while let Ok(Some(mut field)) = form.next_field().await {
        let name = match field.name() {
            Some("text") => "content",
            Some("in_reply_to") => "reply",
            Some("quote") => "quote",
            Some("file" | "cover") | None => break,
            Some(_) => continue,
        };
        let mut value = Vec::new();
        while let Ok(Some(chunk)) = field.chunk().await {
            value.extend_from_slice(&chunk);
            if value.len() > CARRIED {
                break;
            }
        }
        if value.is_empty() {
            continue;
        }
        let value = String::from_utf8_lossy(&value).into_owned();
        carried.push((name, truncate(&value, CARRIED).to_owned()));
    }
    let carried: String = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(carried)
        .finish();
    let next = format!("/compose?{carried}");
    let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
    see_other(&format!("/sign-in?next={next}"))
}
