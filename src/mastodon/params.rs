//! What a client sent: query, form, multipart or JSON, read alike.
//!
//! Names are kept in the form of nested forms: `poll[options]`, `fields_attributes[0][name]`; a trailing `[]` is dropped.

use std::time::Duration;

use axum::extract::multipart::Field;
use axum::extract::{FromRequest as _, Multipart, Request};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use super::answer::Refused;
use crate::app::App;
use crate::error::Error;
use crate::kernel::json;
use crate::media::incoming::{Arriving, Incoming};

/// Most values one request may carry.
const MOST: usize = 2_000;
/// Longest name of a value.
const LONGEST_NAME: usize = 200;
/// Bytes of a value that is no file.
const TYPED: usize = 256 << 10;
/// How long a body may fall silent.
const SILENCE: Duration = Duration::from_secs(30);

/// A file of a multipart form.
#[derive(Clone, Debug)]
pub struct File {
    /// The field's name.
    pub name: String,
    /// Its bytes.
    pub bytes: Bytes,
}

/// The values of a request, in order.
#[derive(Debug, Default)]
pub struct Params {
    pairs: Vec<(String, String)>,
    files: Vec<File>,
    /// The file that is uploaded, on the disk.
    upload: Option<Incoming>,
    /// Lists that were sent without anything in them.
    empty: Vec<String>,
    /// What was sent as nothing.
    nothing: Vec<String>,
}

fn refused(status: StatusCode, sentence: &str) -> Refused {
    Refused::with(status, sentence)
}

impl Params {
    /// Reads everything a request carries, the query first.
    ///
    /// # Errors
    /// 400 for what cannot be read, 413 for what is too large.
    pub async fn read(app: &App, request: Request) -> Result<Self, Refused> {
        let mut params = Self::default();
        params.form(request.uri().query().unwrap_or_default().as_bytes())?;
        let kind = media_type(request.headers());
        match kind.as_str() {
            "multipart/form-data" => params.multipart(app, request).await?,
            "application/json" => {
                let body = body(request).await?;
                if !body.is_empty() {
                    let value = json::parse(&body).map_err(|_| {
                        refused(StatusCode::BAD_REQUEST, "The body is no sound JSON")
                    })?;
                    params.flatten("", &value)?;
                }
            }
            _ => {
                let body = body(request).await?;
                params.form(&body)?;
            }
        }
        Ok(params)
    }

    fn form(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        for (name, value) in url::form_urlencoded::parse(bytes) {
            self.push(&name, value.into_owned())?;
        }
        Ok(())
    }

    /// Keeps a value; a name that is too long or one value too many ends the reading at once.
    fn push(&mut self, name: &str, value: String) -> Result<(), Refused> {
        self.check(name)?;
        let name = name.strip_suffix("[]").unwrap_or(name).to_owned();
        self.pairs.push((name, value));
        Ok(())
    }

    fn check(&self, name: &str) -> Result<(), Refused> {
        let count = self.pairs.len() + self.empty.len() + self.nothing.len();
        if name.len() > LONGEST_NAME || count >= MOST {
            let sentence = "There are too many values, or one has too long a name";
            return Err(refused(StatusCode::BAD_REQUEST, sentence));
        }
        Ok(())
    }

    async fn multipart(&mut self, app: &App, request: Request) -> Result<(), Refused> {
        let unreadable = || refused(StatusCode::BAD_REQUEST, "The form cannot be read");
        let path = request.uri().path().trim_end_matches('/');
        let takes_files = matches!(path, "/api/v1/media" | "/api/v2/media");
        let mut form = Multipart::from_request(request, &())
            .await
            .map_err(|_| unreadable())?;
        while let Some(mut field) = form.next_field().await.map_err(|_| unreadable())? {
            let name = field.name().unwrap_or_default().to_owned();
            let is_file = field.file_name().is_some();
            if is_file && name == "file" && takes_files {
                self.upload = upload(app, &mut field).await?;
                continue;
            }
            let picture = usize::try_from(app.settings.limits.picture_bytes).unwrap_or(usize::MAX);
            let bytes = held(&mut field, if is_file { picture } else { TYPED }).await?;
            if is_file {
                self.files.push(File { name, bytes });
            } else {
                self.push(&name, String::from_utf8_lossy(&bytes).into_owned())?;
            }
            if self.pairs.len() + self.files.len() > MOST {
                return Err(unreadable());
            }
        }
        Ok(())
    }

    fn flatten(&mut self, name: &str, value: &Value) -> Result<(), Refused> {
        self.check(name)?;
        let inside = |key: &str| {
            if name.is_empty() {
                key.to_owned()
            } else {
                format!("{name}[{key}]")
            }
        };
        match value {
            Value::Null => self.nothing.push(name.to_owned()),
            Value::Bool(flag) => self.push(name, flag.to_string())?,
            Value::Number(number) => self.push(name, number.to_string())?,
            Value::String(text) => self.push(name, text.clone())?,
            Value::Array(items) if items.is_empty() => self.empty.push(name.to_owned()),
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    if item.is_object() {
                        self.flatten(&inside(&at.to_string()), item)?;
                    } else {
                        self.flatten(name, item)?;
                    }
                }
            }
            Value::Object(members) => {
                for (key, member) in members {
                    if key.len() > LONGEST_NAME {
                        self.check(key)?;
                    }
                    self.flatten(&inside(key), member)?;
                }
            }
        }
        Ok(())
    }

    /// The last value of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.pairs.iter().rfind(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// As [`Params::get`], empty where there is none.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// A flag, where one was given.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).map(|value| {
            !matches!(
                value,
                "" | "0" | "false" | "f" | "off" | "F" | "FALSE" | "OFF"
            )
        })
    }

    /// A number or id, where a sound one was given.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.get(name)?.trim().parse().ok()
    }

    /// Every value of this name, in order.
    pub fn list(&self, name: &str) -> Vec<&str> {
        self.pairs
            .iter()
            .filter(|(key, _)| {
                key == name
                    || key
                        .strip_prefix(name)
                        .and_then(|rest| rest.strip_prefix('[')?.strip_suffix(']'))
                        .is_some_and(|at| at.chars().all(|c| c.is_ascii_digit()))
            })
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// Every sound number or id of this name.
    pub fn numbers<T: std::str::FromStr>(&self, name: &str) -> Vec<T> {
        let list = self.list(name);
        list.into_iter()
            .filter_map(|text| text.parse().ok())
            .collect()
    }

    /// Whether nothing was sent under this name, and that was said.
    pub fn is_nothing(&self, name: &str) -> bool {
        self.nothing.iter().any(|known| known == name) || self.get(name) == Some("")
    }

    /// Whether anything of this name, or inside it, was given; an empty list is something.
    pub fn has(&self, name: &str) -> bool {
        let inside = format!("{name}[");
        self.pairs
            .iter()
            .any(|(key, _)| key == name || key.starts_with(&inside))
            || self.files.iter().any(|file| file.name == name)
            || self.empty.iter().any(|known| known == name)
    }

    /// The items of a list of objects: by number, or a new one wherever a member comes again.
    pub fn items(&self, name: &str) -> Vec<Self> {
        let mut found: Vec<(String, Self)> = Vec::new();
        for (key, value) in &self.pairs {
            let Some((at, member)) = key
                .strip_prefix(name)
                .and_then(|rest| rest.strip_prefix('['))
                .and_then(|rest| rest.split_once("]["))
                .and_then(|(at, member)| Some((at, member.strip_suffix(']')?)))
            else {
                continue;
            };
            let again = |item: &(String, Self)| at.is_empty() && item.1.get(member).is_some();
            match found.iter_mut().rfind(|item| item.0 == at) {
                Some(item) if !again(item) => {
                    item.1.pairs.push((member.to_owned(), value.clone()));
                }
                _ => {
                    let mut item = Self::default();
                    item.pairs.push((member.to_owned(), value.clone()));
                    found.push((at.to_owned(), item));
                }
            }
        }
        found.into_iter().map(|(_, item)| item).collect()
    }

    /// The file of this name, where one was sent that is not empty.
    pub fn file(&self, name: &str) -> Option<Bytes> {
        let found = self.files.iter().find(|file| file.name == name)?;
        (!found.bytes.is_empty()).then(|| found.bytes.clone())
    }

    /// The uploaded file, where one was sent that is not empty; it can be taken once.
    pub fn take_upload(&mut self) -> Option<Incoming> {
        self.upload.take()
    }

    /// The query without what pages through a list, for its links.
    pub fn unpaged(&self) -> Vec<(&str, &str)> {
        self.pairs
            .iter()
            .filter(|(name, _)| {
                !matches!(
                    name.as_str(),
                    "max_id" | "min_id" | "since_id" | "access_token"
                )
            })
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect()
    }
}

/// The next piece of a field; who falls silent is not waited for.
async fn piece(field: &mut Field<'_>) -> Result<Option<Bytes>, Refused> {
    let broken = "The file is too large or did not arrive whole";
    match tokio::time::timeout(SILENCE, field.chunk()).await {
        Ok(Ok(piece)) => Ok(piece),
        Ok(Err(error)) => Err(refused(error.status(), broken)),
        Err(_) => Err(refused(StatusCode::REQUEST_TIMEOUT, broken)),
    }
}

/// Reads a file to the disk.
async fn upload(app: &App, field: &mut Field<'_>) -> Result<Option<Incoming>, Refused> {
    let mut arriving = Arriving::begin(app)?;
    while let Some(piece) = piece(field).await? {
        arriving.push(app, &piece).await?;
    }
    Ok(arriving.finish(app).await?)
}

/// Reads a value, or a picture, into memory.
async fn held(field: &mut Field<'_>, most: usize) -> Result<Bytes, Refused> {
    let mut bytes = Vec::new();
    while let Some(piece) = piece(field).await? {
        if bytes.len() + piece.len() > most {
            return Err(Error::invalid("media", "error-too-big").into());
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.into())
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let kind = value.split(';').next().unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}

async fn body(request: Request) -> Result<Bytes, Refused> {
    match axum::body::to_bytes(request.into_body(), 1 << 20).await {
        Ok(bytes) => Ok(bytes),
        Err(_) => Err(refused(
            StatusCode::PAYLOAD_TOO_LARGE,
            "The body is too large or did not arrive whole",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::Params;

    #[test]
    fn forms_and_json_say_the_same() {
        let mut form = Params::default();
        form.form(b"status=hi&poll[options][]=a&poll[options][]=b&source[privacy]=unlisted&fields_attributes[0][name]=n&fields_attributes[0][value]=v&fields_attributes[1][name]=m&id[]=1&id[]=2").unwrap();
        let mut json = Params::default();
        json.flatten("", &serde_json::json!({"status": "hi", "poll": {"options": ["a", "b"]}, "source": {"privacy": "unlisted"}, "fields_attributes": [{"name": "n", "value": "v"}, {"name": "m"}], "id": [1, 2], "language": null, "media_ids": []})).unwrap();
        for params in [&form, &json] {
            assert_eq!(params.get("status"), Some("hi"));
            assert_eq!(params.list("poll[options]"), ["a", "b"]);
            assert_eq!(params.get("source[privacy]"), Some("unlisted"));
            assert_eq!(params.numbers::<i64>("id"), [1, 2]);
            let fields = params.items("fields_attributes");
            assert_eq!((fields.len(), fields[0].text("value")), (2, "v"));
            assert!(params.has("poll") && !params.has("language"));
        }
        let mut unnumbered = Params::default();
        unnumbered.form(b"k[][a]=1&k[][b]=2&k[][a]=3").unwrap();
        assert!(json.has("media_ids") && json.is_nothing("language"));
        let long = serde_json::json!({"x".repeat(300): {"1": 1}});
        assert!(Params::default().flatten("", &long).is_err());
        let many: Vec<u32> = (0..3000).collect();
        assert!(
            Params::default()
                .flatten("", &serde_json::json!({ "x": many }))
                .is_err()
        );
        assert_eq!(unnumbered.items("k").len(), 2);
    }
}
