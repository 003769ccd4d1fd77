//! `/settings/data`: what is one's own, to take along and to bring.

use askama::Template;
use axum::body::Body;
use axum::extract::{Form, Multipart, Path, State};
use axum::response::IntoResponse;
use http::{StatusCode, header};
use serde::Deserialize;

use super::archives::{self, Archive};
use super::imports::{self, Import};
use super::{Kind, csv};
use crate::accounts::{Account, sign_in};
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::ui::form::held;
use crate::ui::page::with_status;
use crate::ui::{Page, PageResult, SignedIn, Ui, see_other};

/// Most bytes of a list.
const MOST: usize = 4 << 20;

#[derive(Template)]
#[template(path = "portable/data.html")]
struct DataPage {
    ui: Ui,
    kinds: [Kind; 6],
    archive: Option<Archive>,
    imports: Vec<Import>,
    form: ImportForm,
    problems: Vec<Problem>,
}

impl DataPage {
    async fn new(app: &App, member: &Account, ui: Ui) -> Result<Self> {
        Ok(Self {
            ui,
            kinds: Kind::ALL,
            archive: archives::of(app, member.id).await?,
            imports: imports::list(app, member).await?,
            form: ImportForm::default(),
            problems: Vec::new(),
        })
    }

    /// Whether something is under way.
    fn works(&self) -> bool {
        let packing = self.archive.as_ref().is_some_and(|one| one.file.is_none());
        packing || self.imports.iter().any(|one| one.done < one.total)
    }
}

/// What the form of an import sends.
#[derive(Clone, Debug, Default)]
pub struct ImportForm {
    kind: String,
    list: String,
}

/// `GET /settings/data`
pub async fn show(State(app): State<App>, SignedIn(member, visitor): SignedIn) -> PageResult {
    Ok(Page(DataPage::new(&app, &member, visitor.ui).await?).into_response())
}

/// `POST /settings/data`: brings a list; it is done in turns, and the page shows how far it is.
pub async fn import(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    parts: Multipart,
) -> PageResult {
    let form = read(parts).await?;
    let kind = Kind::parse(&form.kind).ok_or(Error::NotFound)?;
    match imports::begin(&app, &member, kind, &form.list).await {
        Ok(()) => Ok(see_other("/settings/data")),
        Err(Error::Invalid(problems)) => {
            let page = DataPage {
                form,
                problems,
                ..DataPage::new(&app, &member, visitor.ui).await?
            };
            Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, page))
        }
        Err(error) => Err(error.into()),
    }
}

/// The form, with the list from its file or as it was pasted.
async fn read(mut parts: Multipart) -> Result<ImportForm> {
    let broken = |_| Error::invalid("list", "error-form");
    let mut form = ImportForm::default();
    while let Some(mut part) = parts.next_field().await.map_err(broken)? {
        let name = part.name().unwrap_or_default().to_owned();
        let bytes = held(&mut part, MOST).await?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        match name.as_str() {
            "kind" => form.kind = text,
            "file" | "list" if !text.trim().is_empty() => form.list = text,
            _ => {}
        }
    }
    Ok(form)
}

fn attachment(name: &str) -> (header::HeaderName, String) {
    (
        header::CONTENT_DISPOSITION,
        format!("attachment; filename=\"{name}\""),
    )
}

/// `GET /settings/data/{what}`: one of the lists.
pub async fn take(
    State(app): State<App>,
    SignedIn(member, _): SignedIn,
    Path(what): Path<String>,
) -> PageResult {
    let kind = Kind::parse(&what).ok_or(Error::NotFound)?;
    let list = csv(&app, &member, kind).await?;
    let kind_of = (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned());
    Ok(([kind_of, attachment(kind.file())], list).into_response())
}

/// `GET /settings/data/archive`: the archive, once it is packed.
pub async fn archive(State(app): State<App>, SignedIn(member, _): SignedIn) -> PageResult {
    let (file, length) = archives::packed(&app, member.id).await?;
    let content = app.archives.part(&file, 0..length).await?;
    let kind_of = (header::CONTENT_TYPE, "application/gzip".to_owned());
    let length = (header::CONTENT_LENGTH, length.to_string());
    let name = format!("{}-archive.tar.gz", member.name);
    Ok((
        [kind_of, length, attachment(&name)],
        Body::from_stream(content),
    )
        .into_response())
}

/// What proves that somebody asks for their own.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Proof {
    current: String,
}

/// `POST /settings/data/archive`: asks for the archive; the page shows how far it is. A lent browser is not enough.
pub async fn pack(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Form(proof): Form<Proof>,
) -> PageResult {
    match sign_in::ask_again(&app, &member, &proof.current, "archive").await {
        Ok(()) => {}
        Err(Error::Invalid(problems)) => {
            let page = DataPage {
                problems,
                ..DataPage::new(&app, &member, visitor.ui).await?
            };
            return Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, page));
        }
        Err(error) => return Err(error.into()),
    }
    archives::ask(&app, &member).await?;
    Ok(see_other("/settings/data"))
}
