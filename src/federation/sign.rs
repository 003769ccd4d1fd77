//! Signing what we send: draft-cavage-12 and RFC 9421.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use http_signature_normalization::Config;
use url::Url;

use crate::accounts::{Account, keys};
use crate::app::App;
use crate::kernel::crypt::{self, RsaKey};
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
    let work = Work {
        key_id,
        rsa,
        method: method.as_str().to_owned(),
        url: url.clone(),
        body: body.map(crypt::sha256_base64),
    };
    let signed = tokio::task::spawn_blocking(move || match scheme {
        Scheme::Cavage => work.cavage(&host, &now.http_date()),
        Scheme::Rfc9421 => work.rfc9421(now.seconds()),
    });
    for (name, value) in signed.await?? {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_str(&value)?,
        );
    }
    Ok(headers)
}

/// What is signed away from the runtime: an RSA signature takes most of a millisecond.
struct Work {
    key_id: String,
    rsa: RsaKey,
    method: String,
    url: Url,
    /// The body's SHA-256, base64.
    body: Option<String>,
}

impl Work {
    fn cavage(self, host: &str, date: &str) -> anyhow::Result<Vec<(&'static str, String)>> {
        let mut headers = Vec::new();
        let mut covered = BTreeMap::from([
            ("host".to_owned(), host.to_owned()),
            ("date".to_owned(), date.to_owned()),
        ]);
        if let Some(digest) = self.body {
            let digest = format!("SHA-256={digest}");
            headers.push(("digest", digest.clone()));
            covered.insert("digest".to_owned(), digest);
        }
        let unsigned = Config::new().dont_use_created_field().begin_sign(
            &self.method,
            &path_of(&self.url),
            covered,
        )?;
        let rsa = self.rsa;
        let signed = unsigned.sign(self.key_id, |message| {
            anyhow::Ok(crypt::base64(&rsa.sign(message.as_bytes())?))
        })?;
        // The name of the algorithm that every verifier of this draft knows.
        let value = signed.signature_header();
        let value = value.trim_start_matches("Signature ");
        let value = value.replace("algorithm=\"hs2019\"", "algorithm=\"rsa-sha256\"");
        headers.push(("signature", value));
        Ok(headers)
    }

    fn rfc9421(self, created: i64) -> anyhow::Result<Vec<(&'static str, String)>> {
        let mut headers = Vec::new();
        let mut covered = vec![
            ("@method", self.method),
            ("@target-uri", self.url.as_str().to_owned()),
        ];
        if let Some(digest) = self.body {
            let digest = format!("sha-256=:{digest}:");
            headers.push(("content-digest", digest.clone()));
            covered.push(("content-digest", digest));
        }
        let names: Vec<String> = covered
            .iter()
            .map(|(name, _)| format!("\"{name}\""))
            .collect();
        let params = format!(
            "({});created={created};keyid=\"{}\";alg=\"rsa-v1_5-sha256\"",
            names.join(" "),
            self.key_id
        );
        let mut lines: Vec<String> = covered
            .iter()
            .map(|(name, value)| format!("\"{name}\": {value}"))
            .collect();
        lines.push(format!("\"@signature-params\": {params}"));
        let signature = self.rsa.sign(lines.join("\n").as_bytes())?;
        headers.push(("signature-input", format!("sig1={params}")));
        headers.push(("signature", format!("sig1=:{}:", crypt::base64(&signature))));
        Ok(headers)
    }
}

fn path_of(url: &Url) -> String {
    url.query().map_or_else(
        || url.path().to_owned(),
        |query| format!("{}?{query}", url.path()),
    )
}
