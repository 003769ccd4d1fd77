//! The gate: what a signed request must have before its body is looked at.
//!
//! Everything here is done on bounded input, before any network or parsing work.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use http_signature_normalization::Config;
use sfv::{BareItem, Dictionary, ListEntry, Parser};

use crate::kernel::clock::Time;
use crate::kernel::crypt::{self, PublicKey};
use crate::kernel::origin::Origin;

/// Age of a request that is still taken.
const OLDEST: Duration = Duration::from_secs(3600);
/// How far a peer's clock may run ahead.
const AHEAD: Duration = Duration::from_secs(300);

/// Why a request is not let in: the status, and a reason for our log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denied(pub StatusCode, pub &'static str);

const fn bad(reason: &'static str) -> Denied {
    Denied(StatusCode::BAD_REQUEST, reason)
}

const fn unauthorized(reason: &'static str) -> Denied {
    Denied(StatusCode::UNAUTHORIZED, reason)
}

/// A request whose form is sound; its signature is still to be verified with the key it names.
#[derive(Debug, Clone)]
pub struct Signed {
    /// The id of the key.
    pub key_id: String,
    /// Whether it is signed by RFC 9421.
    pub rfc9421: bool,
    /// When it was signed, to the second.
    pub at: Time,
    algorithm: Option<String>,
    message: String,
    signature: Vec<u8>,
}

impl Signed {
    /// What is the same where it is the same request again.
    pub fn fingerprint(&self) -> String {
        crypt::sha256_base64(&self.signature)
    }

    /// Whether the signature was made by this key.
    pub fn fits(&self, key: &PublicKey) -> bool {
        let allowed = match self.algorithm.as_deref() {
            None | Some("hs2019") => true,
            Some("rsa-sha256" | "rsa-v1_5-sha256") => !key.is_ed25519(),
            Some("ed25519") => key.is_ed25519(),
            Some(_) => false,
        };
        allowed && key.verify(self.message.as_bytes(), &self.signature)
    }
}

/// What of a request the gate looks at.
#[derive(Debug)]
pub struct Request<'a> {
    /// The method, upper-case.
    pub method: &'a str,
    /// Path and query as they were sent.
    pub target: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body, where there is one.
    pub body: Option<&'a [u8]>,
}

/// Longest signature header that is read.
const LONGEST: usize = 8_192;
/// Most components a signature covers.
const COMPONENTS: usize = 32;

/// Headers that may stand only once.
const SINGLE: [&str; 9] = [
    "host",
    "date",
    "digest",
    "content-digest",
    "signature",
    "signature-input",
    "content-type",
    "content-length",
    "authorization",
];

/// Checks that no security header stands twice and that the host is ours.
///
/// # Errors
/// 400 for a header twice, 421 for another host.
pub fn check_headers(headers: &HeaderMap, origin: &Origin) -> Result<(), Denied> {
    if SINGLE
        .iter()
        .any(|name| headers.get_all(*name).iter().count() > 1)
    {
        return Err(bad("a security header stands twice"));
    }
    let host = text(headers, "host").ok_or(bad("there is no Host"))?;
    if !origin.is_host(host) {
        return Err(Denied(StatusCode::MISDIRECTED_REQUEST, "another host"));
    }
    Ok(())
}

/// Checks a signed request as far as it goes without the key.
///
/// # Errors
/// 400 for what is malformed, 401 for what is missing, stale or not covered.
pub fn check(request: &Request<'_>, origin: &Origin, now: Time) -> Result<Signed, Denied> {
    if let Some(body) = request.body {
        check_digest(request.headers, body)?;
    }
    if let Some(date) = text(request.headers, "date") {
        fresh(
            Time::parse_http_date(date).ok_or(unauthorized("the Date cannot be read"))?,
            now,
        )?;
    }
    if request.headers.contains_key("signature-input") {
        rfc9421(request, origin, now)
    } else {
        cavage(request, now)
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn fresh(at: Time, now: Time) -> Result<(), Denied> {
    if at < now.minus(OLDEST) {
        return Err(unauthorized("it is too old"));
    }
    if at > now.plus(AHEAD) {
        Err(unauthorized("it is from the future"))
    } else {
        Ok(())
    }
}

/// Seconds of a `created` or `expires` parameter, within the years a clock can mean.
fn moment(text: &str) -> Result<Time, Denied> {
    let seconds: i64 = text
        .parse()
        .map_err(|_| unauthorized("a time cannot be read"))?;
    if !(0..=32_503_680_000).contains(&seconds) {
        return Err(unauthorized("a time is out of range"));
    }
    Ok(Time(seconds * 1000))
}

fn check_digest(headers: &HeaderMap, body: &[u8]) -> Result<(), Denied> {
    let wanted = crypt::sha256(body);
    let mut seen = false;
    if headers.contains_key("digest") {
        let value = text(headers, "digest").ok_or(bad("the Digest cannot be read"))?;
        let entries: Vec<&str> = value
            .split(',')
            .filter_map(|entry| entry.trim().split_once('='))
            .filter(|(name, _)| name.eq_ignore_ascii_case("sha-256"))
            .map(|(_, value)| value)
            .collect();
        let [entry] = entries[..] else {
            return Err(unauthorized("there is not one SHA-256 digest"));
        };
        if crypt::from_base64(entry).is_none_or(|digest| !crypt::equal(&digest, &wanted)) {
            return Err(unauthorized("the digest does not fit"));
        }
        seen = true;
    }
    if headers.contains_key("content-digest") {
        let value =
            text(headers, "content-digest").ok_or(bad("the Content-Digest cannot be read"))?;
        let entries: Dictionary = Parser::new(value)
            .parse()
            .map_err(|_| bad("the Content-Digest cannot be read"))?;
        let digest = entries
            .iter()
            .find(|(key, _)| key.as_str() == "sha-256")
            .and_then(|(_, entry)| match entry {
                ListEntry::Item(item) => item.bare_item.as_byte_sequence().map(<[u8]>::to_vec),
                ListEntry::InnerList(_) => None,
            });
        if digest.is_none_or(|digest| !crypt::equal(&digest, &wanted)) {
            return Err(unauthorized("the digest does not fit"));
        }
        seen = true;
    }
    if seen {
        Ok(())
    } else {
        Err(unauthorized("there is no digest"))
    }
}

/// The parameters of a cavage `Signature` header; each may stand once.
fn parameters(value: &str) -> Result<BTreeMap<String, String>, Denied> {
    if value.len() > LONGEST {
        return Err(unauthorized("the Signature is too long"));
    }
    let mut found = BTreeMap::new();
    let mut rest = value.trim().trim_start_matches("Signature ").trim();
    while !rest.is_empty() {
        let (name, after) = rest
            .split_once('=')
            .ok_or(unauthorized("the Signature cannot be read"))?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted
                .split_once('"')
                .ok_or(unauthorized("the Signature cannot be read"))?,
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        if value.contains(',')
            || found
                .insert(name.trim().to_owned(), value.to_owned())
                .is_some()
        {
            return Err(unauthorized("the Signature cannot be read"));
        }
        rest = after.trim_start().trim_start_matches(',').trim_start();
    }
    Ok(found)
}

/// The header once more, without what only separates its parts.
fn normalised(parameters: &BTreeMap<String, String>) -> String {
    let parts: Vec<String> = parameters
        .iter()
        .map(|(name, value)| match name.as_str() {
            "created" | "expires" => format!("{name}={value}"),
            _ => format!("{name}=\"{value}\""),
        })
        .collect();
    parts.join(",")
}

/// Whether each of these stands there, and is named once.
fn is_there(covered: &[&str], headers: &HeaderMap) -> bool {
    covered.iter().enumerate().all(|(at, name)| {
        let there = name.starts_with('(') || headers.contains_key(*name);
        there && !covered[..at].contains(name)
    })
}

fn cavage(request: &Request<'_>, now: Time) -> Result<Signed, Denied> {
    let value = text(request.headers, "signature").ok_or(unauthorized("there is no signature"))?;
    let mut parameters = parameters(value)?;
    // Names of headers are written in any letters, and signed in small ones (draft-cavage-12 §2.3).
    if let Some(names) = parameters.get_mut("headers") {
        names.make_ascii_lowercase();
    }
    let covered: Vec<&str> = parameters
        .get("headers")
        .map_or("", String::as_str)
        .split(' ')
        .collect();
    let covers = |name: &str| covered.contains(&name);
    let created = parameters.get("created").map(|text| moment(text));
    let created = created.transpose()?;
    if let Some(created) = created {
        fresh(created, now)?;
    }
    if let Some(expires) = parameters.get("expires")
        && moment(expires)? < now
    {
        return Err(unauthorized("it has expired"));
    }
    let timed = (covers("date") && request.headers.contains_key("date"))
        || (covers("(created)") && parameters.contains_key("created"));
    if !covers("(request-target)")
        || !covers("host")
        || !timed
        || (request.body.is_some() && !covers("digest"))
    {
        return Err(unauthorized("the signature covers too little"));
    }
    if covered.len() > COMPONENTS {
        return Err(unauthorized("the signature covers too much"));
    }
    if !is_there(&covered, request.headers) {
        return Err(unauthorized("the signature covers what is not there"));
    }
    let mut headers: BTreeMap<String, String> =
        BTreeMap::from([("signature".to_owned(), normalised(&parameters))]);
    for name in covered.iter().filter(|name| !name.starts_with('(')) {
        headers.insert(
            (*name).to_owned(),
            text(request.headers, name)
                .unwrap_or_default()
                .trim()
                .to_owned(),
        );
    }
    let unverified = Config::new()
        .set_expiration(OLDEST)
        .begin_verify(request.method, request.target, headers)
        .map_err(|_| unauthorized("the signature cannot be read"))?;
    let key_id = parameters
        .get("keyId")
        .filter(|id| id.len() <= 2048)
        .ok_or(unauthorized("there is no keyId"))?;
    let date = text(request.headers, "date").and_then(Time::parse_http_date);
    Ok(Signed {
        key_id: key_id.clone(),
        rfc9421: false,
        // Whichever of them it covers.
        at: date.filter(|_| covers("date")).or(created).unwrap_or(now),
        algorithm: parameters.get("algorithm").cloned(),
        message: unverified.signing_string().to_owned(),
        signature: crypt::from_base64(unverified.signature())
            .ok_or(unauthorized("the signature cannot be read"))?,
    })
}

#[expect(clippy::too_many_lines, reason = "the steps of the RFC in their order")]
fn rfc9421(request: &Request<'_>, origin: &Origin, now: Time) -> Result<Signed, Denied> {
    let unreadable = || unauthorized("the signature cannot be read");
    let input = text(request.headers, "signature-input").ok_or_else(unreadable)?;
    if input.len() > LONGEST {
        return Err(unauthorized("the signature is too long"));
    }
    let inputs: Dictionary = Parser::new(input).parse().map_err(|_| unreadable())?;
    // With two labels it would be unclear which of them counts.
    if inputs.len() != 1 {
        return Err(unauthorized("there is not one signature"));
    }
    let (label, entry) = inputs.iter().next().ok_or_else(unreadable)?;
    let ListEntry::InnerList(list) = entry else {
        return Err(unreadable());
    };
    if list.items.len() > COMPONENTS {
        return Err(unauthorized("the signature covers too much"));
    }
    let mut names = Vec::new();
    for item in &list.items {
        let name = item
            .bare_item
            .as_string()
            .filter(|_| item.params.is_empty())
            .ok_or(unauthorized("a component has parameters"))?
            .as_str();
        if names.contains(&name) {
            return Err(unauthorized("a component stands twice"));
        }
        names.push(name);
    }
    let parameter = |wanted: &str| {
        list.params
            .iter()
            .find(|(key, _)| key.as_str() == wanted)
            .map(|(_, value)| value)
    };
    let created = parameter("created")
        .and_then(BareItem::as_integer)
        .ok_or(unauthorized("there is no created"))?;
    let at = moment(&i64::from(created).to_string())?;
    fresh(at, now)?;
    if let Some(expires) = parameter("expires").and_then(BareItem::as_integer)
        && moment(&i64::from(expires).to_string())? < now
    {
        return Err(unauthorized("it has expired"));
    }
    let covers = |name: &str| names.contains(&name);
    let target = covers("@target-uri")
        || (covers("@authority") && (covers("@request-target") || covers("@path")));
    if !covers("@method") || !target || (request.body.is_some() && !covers("content-digest")) {
        return Err(unauthorized("the signature covers too little"));
    }
    let mut message = String::new();
    for name in &names {
        let value = component(request, origin, name)
            .ok_or(unauthorized("the signature covers what is not there"))?;
        message.push_str(&format!("\"{name}\": {value}\n"));
    }
    // The parameters enter the message as they were sent.
    let raw = input
        .split_once('=')
        .map(|(_, raw)| raw.trim())
        .ok_or_else(unreadable)?;
    message.push_str(&format!("\"@signature-params\": {raw}"));
    let signatures: Dictionary = text(request.headers, "signature")
        .and_then(|value| Parser::new(value).parse().ok())
        .ok_or_else(unreadable)?;
    let signature = signatures
        .iter()
        .find(|(key, _)| *key == label)
        .and_then(|(_, entry)| match entry {
            ListEntry::Item(item) => item.bare_item.as_byte_sequence().map(<[u8]>::to_vec),
            ListEntry::InnerList(_) => None,
        });
    let key_id = parameter("keyid")
        .and_then(BareItem::as_string)
        .map(|id| id.as_str().to_owned())
        .filter(|id| id.len() <= 2048);
    Ok(Signed {
        key_id: key_id.ok_or(unauthorized("there is no keyid"))?,
        rfc9421: true,
        at,
        algorithm: parameter("alg")
            .and_then(BareItem::as_string)
            .map(|alg| alg.as_str().to_owned()),
        message,
        signature: signature
            .filter(|_| signatures.len() == 1)
            .ok_or_else(unreadable)?,
    })
}

/// A component's value: derived ones from our own address, never from the connection.
fn component(request: &Request<'_>, origin: &Origin, name: &str) -> Option<String> {
    let (path, query) = request
        .target
        .split_once('?')
        .unwrap_or((request.target, ""));
    match name {
        "@method" => Some(request.method.to_owned()),
        "@target-uri" => Some(origin.at(request.target)),
        "@authority" => Some(origin.authority().to_owned()),
        "@scheme" => Some(origin.scheme().to_owned()),
        "@request-target" => Some(request.target.to_owned()),
        "@path" => Some(path.to_owned()),
        "@query" => Some(format!("?{query}")),
        name if name.starts_with('@') => None,
        name => Some(text(request.headers, name)?.trim().to_owned()),
    }
}
