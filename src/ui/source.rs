//! The source of the running program, as the AGPL owes it to everyone who uses it over a network.

use std::io::Write as _;

use axum::response::IntoResponse;
use http::header;
use rust_embed::Embed;

use super::PageResult;

#[derive(Embed)]
#[folder = "."]
#[include = "src/**"]
#[include = "templates/**"]
#[include = "migrations/**"]
#[include = "locales/*"]
#[include = "config/*"]
#[include = "docs/**/*.md"]
#[include = "Cargo.toml"]
#[include = "Cargo.lock"]
#[include = "*.md"]
#[include = "LICENSE"]
#[exclude = "target/**"]
struct Source;

fn pack() -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(
        Vec::new(),
        flate2::Compression::fast(),
    ));
    let root = concat!("afterparty-", env!("CARGO_PKG_VERSION"));
    let mut names: Vec<_> = Source::iter().collect();
    names.sort();
    for name in names {
        let Some(file) = Source::get(&name) else {
            continue;
        };
        let mut header = tar::Header::new_gnu();
        header.set_size(file.data.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, format!("{root}/{name}"), &*file.data)?;
    }
    let mut packed = archive.into_inner()?;
    packed.flush()?;
    packed.finish()
}

/// `GET /source`: everything this program was built from, as one archive.
pub async fn show() -> PageResult {
    let bytes = tokio::task::spawn_blocking(pack)
        .await
        .map_err(anyhow::Error::from)??;
    let name = concat!(
        "attachment; filename=\"afterparty-",
        env!("CARGO_PKG_VERSION"),
        ".tar.gz\""
    );
    Ok((
        [
            (header::CONTENT_TYPE, "application/gzip"),
            (header::CONTENT_DISPOSITION, name),
        ],
        bytes,
    )
        .into_response())
}
