//! Signing what we send: draft-cavage-12 and RFC 9421.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use http_signature_normalization::Config;
use url::Url;

use crate::accounts::{Account, keys};
use crate::app::App;
use crate::kernel::crypt;
use crate::kernel::origin::host_of;

/// How a request is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// draft-cavage-http-signatures-12, `rsa-sha256`.
    Cavage,
    /// RFC 9421, `rsa-v1_5-sha256`.
    Rfc9421,
}

/// The headers of a signed request: `Host`, `Date`, the digest where there is a body, and the signature.
///
/// # Errors
/// When the account has no keys here.
pub async fn headers(
    app: &App,
    signer: &Account,
    scheme: Scheme,
    method: &Method,
    url: &Url,
    body: Option<&[u8]>,
) -> anyhow::Result<HeaderMap> {
    let (rsa, _) = keys::signer(app, signer).await?;
    let key_id = signer.public_key_id.clone().unwrap_or_default();
    let now = app.clock.now();
    let mut headers = HeaderMap::new();
    headers.insert(header::DATE, HeaderValue::from_str(&now.http_date())?);
    let host = host_of(url).unwrap_or_default();
    headers.insert(header::HOST, HeaderValue::from_str(&host)?);
    match scheme {
        Scheme::Cavage => {
            let mut covered = BTreeMap::from([
                ("host".to_owned(), host),
                ("date".to_owned(), now.http_date()),
            ]);
            if let Some(body) = body {
                let digest = format!("SHA-256={}", crypt::sha256_base64(body));
                headers.insert(
                    HeaderName::from_static("digest"),
                    HeaderValue::from_str(&digest)?,
                );
                covered.insert("digest".to_owned(), digest);
            }
            let unsigned = Config::new().dont_use_created_field().begin_sign(
                method.as_str(),
                &path_of(url),
                covered,
            )?;
            let signature = tokio::task::spawn_blocking(move || {
                unsigned
                    .sign(key_id, |message| {
                        anyhow::Ok(crypt::base64(&rsa.sign(message.as_bytes())?))
                    })
                    .map(|signed| signed.signature_header())
            })
            .await??;
            // The name of the algorithm that every verifier of this draft knows.
            let value = signature
                .trim_start_matches("Signature ")
                .replace("algorithm=\"hs2019\"", "algorithm=\"rsa-sha256\"");
            headers.insert(
                HeaderName::from_static("signature"),
                HeaderValue::from_str(&value)?,
            );
        }
        Scheme::Rfc9421 => {
            let mut covered = vec![
                ("@method", method.as_str().to_owned()),
                ("@target-uri", url.as_str().to_owned()),
            ];
            if let Some(body) = body {
                let digest = format!("sha-256=:{}:", crypt::sha256_base64(body));
                headers.insert(
                    HeaderName::from_static("content-digest"),
                    HeaderValue::from_str(&digest)?,
                );
                covered.push(("content-digest", digest));
            }
            let names: Vec<String> = covered
                .iter()
                .map(|(name, _)| format!("\"{name}\""))
                .collect();
            let params = format!(
                "({});created={};keyid=\"{key_id}\";alg=\"rsa-v1_5-sha256\"",
                names.join(" "),
                now.seconds()
            );
            let mut base: String = covered
                .iter()
                .map(|(name, value)| format!("\"{name}\": {value}\n"))
                .collect();
            base.push_str(&format!("\"@signature-params\": {params}"));
            let signature =
                tokio::task::spawn_blocking(move || rsa.sign(base.as_bytes())).await??;
            headers.insert(
                HeaderName::from_static("signature-input"),
                HeaderValue::from_str(&format!("sig1={params}"))?,
            );
            headers.insert(
                HeaderName::from_static("signature"),
                HeaderValue::from_str(&format!("sig1=:{}:", crypt::base64(&signature)))?,
            );
        }
    }
    Ok(headers)
}

fn path_of(url: &Url) -> String {
    url.query().map_or_else(
        || url.path().to_owned(),
        |query| format!("{}?{query}", url.path()),
    )
}
