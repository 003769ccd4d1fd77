//! Signing what we send: draft-cavage-12 and RFC 9421.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use http_signature_normalization::Config;
use url::Url;

use crate::accounts::{Account, keys};
use crate::app::App;
use crate::kernel::clock::Time;
use crate::kernel::crypt::{self, RsaKey};
use crate::kernel::origin::host_of;
use crate::nodes::Node;

/// How a request is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// draft-cavage-http-signatures-12, `rsa-sha256`.
    Cavage,
    /// RFC 9421, `rsa-v1_5-sha256`.
    Rfc9421,
    /// RFC 9421, `ed25519`.
    Ed25519,
}

/// The signature a node is known to read, and the other one to try where that is refused.
pub fn schemes(node: Option<&Node>, now: Time) -> (Scheme, Scheme) {
    match node.filter(|node| node.cavage_until <= now) {
        Some(node) if node.ed25519_at.is_some() => (Scheme::Ed25519, Scheme::Cavage),
        Some(node) if node.rfc9421_at.is_some() => (Scheme::Rfc9421, Scheme::Cavage),
        _ => (Scheme::Cavage, Scheme::Rfc9421),
    }
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
    let (rsa, ed25519) = keys::signer(app, signer).await?;
    let now = app.clock.now();
    let mut headers = HeaderMap::new();
    headers.insert(header::DATE, HeaderValue::from_str(&now.http_date())?);
    let host = host_of(url).unwrap_or_default();
    headers.insert(header::HOST, HeaderValue::from_str(&host)?);
    let key_id = match scheme {
        Scheme::Ed25519 => &signer.ed25519_key_id,
        Scheme::Cavage | Scheme::Rfc9421 => &signer.public_key_id,
    };
    let work = Work {
        key_id: key_id.clone().unwrap_or_default(),
        rsa,
        method: method.as_str().to_owned(),
        url: url.clone(),
        body: body.map(crypt::sha256_base64),
    };
    let created = now.seconds();
    let signed = match scheme {
        Scheme::Ed25519 => work.rfc9421(created, "ed25519", |message| Ok(ed25519.sign(message)))?,
        // An RSA signature takes most of a millisecond, away from the runtime.
        Scheme::Cavage => {
            tokio::task::spawn_blocking(move || work.cavage(&host, &now.http_date())).await??
        }
        Scheme::Rfc9421 => {
            tokio::task::spawn_blocking(move || {
                let rsa = work.rsa.clone();
                work.rfc9421(created, "rsa-v1_5-sha256", |message| rsa.sign(message))
            })
            .await??
        }
    };
    for (name, value) in signed {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_str(&value)?,
        );
    }
    Ok(headers)
}

/// What is to be signed.
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

    fn rfc9421(
        self,
        created: i64,
        algorithm: &str,
        sign: impl FnOnce(&[u8]) -> anyhow::Result<Vec<u8>>,
    ) -> anyhow::Result<Vec<(&'static str, String)>> {
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
            "({});created={created};keyid=\"{}\";alg=\"{algorithm}\"",
            names.join(" "),
            self.key_id
        );
        let mut lines: Vec<String> = covered
            .iter()
            .map(|(name, value)| format!("\"{name}\": {value}"))
            .collect();
        lines.push(format!("\"@signature-params\": {params}"));
        let signature = sign(lines.join("\n").as_bytes())?;
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
