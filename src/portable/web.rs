//! `/settings/data`: what is one's own, to take along and to bring.

use askama::Template;
use axum::body::Body;
use axum::extract::{Form, Path, State};
use axum::response::IntoResponse;
use http::{StatusCode, header};
use serde::Deserialize;

use super::imports::{self, Import};
use super::{Kind, archive, csv};
use crate::app::App;
use crate::error::{Error, Problem};
use crate::kernel::storage;
use crate::ui::page::with_status;
use crate::ui::{Page, PageResult, SignedIn, Ui, see_other};

#[derive(Template)]
#[template(path = "portable/data.html")]
struct DataPage {
    ui: Ui,
    kinds: [Kind; 6],
    imports: Vec<Import>,
    form: ImportForm,
    problems: Vec<Problem>,
}

/// What the form of an import sends.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ImportForm {
    kind: String,
    list: String,
}

/// `GET /settings/data`
pub async fn show(State(app): State<App>, SignedIn(member, visitor): SignedIn) -> PageResult {
    Ok(Page(DataPage {
        ui: visitor.ui,
        kinds: Kind::ALL,
        imports: imports::list(&app, &member).await?,
        form: ImportForm::default(),
        problems: Vec::new(),
    })
    .into_response())
}

/// `POST /settings/data`: brings a list; it is done in turns, and the page shows how far it is.
pub async fn import(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Form(form): Form<ImportForm>,
) -> PageResult {
    let kind = Kind::parse(&form.kind).ok_or(Error::NotFound)?;
    match imports::begin(&app, &member, kind, &form.list).await {
        Ok(()) => Ok(see_other("/settings/data")),
        Err(Error::Invalid(problems)) => {
            let page = DataPage {
                ui: visitor.ui,
                kinds: Kind::ALL,
                imports: imports::list(&app, &member).await?,
                form,
                problems,
            };
            Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, page))
        }
        Err(error) => Err(error.into()),
    }
}

fn attachment(name: &str) -> (header::HeaderName, String) {
    (
        header::CONTENT_DISPOSITION,
        format!("attachment; filename=\"{name}\""),
    )
}

/// `GET /settings/data/{what}`: one of the lists, or the archive of everything.
pub async fn take(
    State(app): State<App>,
    SignedIn(member, _): SignedIn,
    Path(what): Path<String>,
) -> PageResult {
    if let Some(kind) = Kind::parse(&what) {
        let list = csv(&app, &member, kind).await?;
        let kind_of = (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned());
        return Ok(([kind_of, attachment(kind.file())], list).into_response());
    }
    if what != "archive" {
        return Err(Error::NotFound.into());
    }
    let file = tokio::fs::File::from_std(archive::write(&app, &member).await?);
    let length = file.metadata().await?.len();
    let kind_of = (header::CONTENT_TYPE, "application/gzip".to_owned());
    let name = format!("{}-archive.tar.gz", member.name);
    Ok((
        [kind_of, attachment(&name)],
        Body::from_stream(storage::read_on(file, length)),
    )
        .into_response())
}
