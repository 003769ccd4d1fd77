//! Randomness, digests, sealing, passwords and keys: one backend, `aws-lc-rs`.

mod keys;
mod password;
pub mod push;
mod seal;

use aws_lc_rs::{constant_time, digest, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

pub use keys::{Ed25519Key, PublicKey, RsaKey, encrypt_for, from_multibase, multibase};
pub use password::{Passwords, hash_password};
pub use push::VapidKey;
pub use seal::{SealError, Secret};

/// `N` random bytes.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // The system's generator fails only where nothing else works either.
    if rand::fill(&mut bytes).is_err() {
        std::process::abort();
    }
    bytes
}

/// Sixteen random bits.
pub fn random_u16() -> u16 {
    u16::from_le_bytes(random())
}

/// A random number below `bound`; `bound` is at least 1.
pub fn random_below(bound: u64) -> u64 {
    u64::from_le_bytes(random()) % bound.max(1)
}

/// A token of 256 random bits in URL-safe characters.
pub fn token() -> String {
    URL_SAFE_NO_PAD.encode(random::<32>())
}

/// A short opaque name of 128 random bits in URL-safe characters.
pub fn opaque() -> String {
    URL_SAFE_NO_PAD.encode(random::<16>())
}

/// The SHA-256 of several pieces, one behind the other.
pub fn sha256_parts(parts: &[&[u8]]) -> Vec<u8> {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    context.finish().as_ref().to_vec()
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

/// SHA-256 of everything a reader gives.
///
/// # Errors
/// What the reader says.
pub fn sha256_of(reader: &mut impl std::io::Read) -> std::io::Result<Vec<u8>> {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut part = vec![0; 64 << 10];
    loop {
        let read = reader.read(&mut part)?;
        if read == 0 {
            return Ok(context.finish().as_ref().to_vec());
        }
        context.update(&part[..read]);
    }
}

/// SHA-256 in standard base64, as digest headers carry it.
pub fn sha256_base64(bytes: &[u8]) -> String {
    STANDARD.encode(sha256(bytes))
}

/// What is stored of a token: its SHA-256 in URL-safe base64.
pub fn token_hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(sha256(token.as_bytes()))
}

/// A keyed digest (HMAC-SHA-256) in URL-safe base64.
pub fn keyed_digest(key: &[u8], message: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()).as_ref())
}

/// Compares two secrets without telling by the time where they differ.
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

/// Standard base64.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Base64 for addresses, without padding (RFC 4648 §5).
pub fn url_base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads base64 of either alphabet, with or without padding.
pub fn from_url_base64(text: &str) -> Option<Vec<u8>> {
    let text = text
        .trim_end_matches('=')
        .replace('+', "-")
        .replace('/', "_");
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Reads standard base64.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text.trim()).ok()
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
