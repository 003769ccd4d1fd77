//! Actor keys: RSA-2048 and Ed25519, signing and verifying, PEM and Multikey.

use std::sync::Arc;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{
    KeySize, Pkcs1PrivateDecryptingKey, Pkcs1PublicEncryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey,
};
use aws_lc_rs::signature::{
    ED25519, Ed25519KeyPair, KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};

use super::{base64, from_base64};

/// An RSA-2048 key that signs; parsed once, cheap to clone.
#[derive(Clone)]
pub struct RsaKey(Arc<RsaKeyPair>);

impl RsaKey {
    /// A new key and its PKCS#8 form.
    ///
    /// # Errors
    /// When the backend cannot make one.
    pub fn generate() -> anyhow::Result<(Self, Vec<u8>)> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048)
            .map_err(|_| anyhow::anyhow!("no RSA key could be made"))?;
        let pkcs8 = pair
            .as_der()
            .map_err(|_| anyhow::anyhow!("the RSA key could not be written"))?
            .as_ref()
            .to_vec();
        Ok((Self(Arc::new(pair)), pkcs8))
    }

    /// Reads a key from PKCS#8.
    pub fn from_pkcs8(der: &[u8]) -> Option<Self> {
        RsaKeyPair::from_pkcs8(der)
            .ok()
            .map(|pair| Self(Arc::new(pair)))
    }

    /// The public half as SPKI PEM, as actor documents carry it.
    pub fn public_pem(&self) -> String {
        let der = self.0.public_key().as_der();
        let der: Vec<u8> = der
            .map(|der: aws_lc_rs::encoding::PublicKeyX509Der<'_>| der.as_ref().to_vec())
            .unwrap_or_default();
        pem("PUBLIC KEY", &der)
    }

    /// Opens what was encrypted for this key by PKCS #1 v1.5 (FEP-61cf).
    pub fn decrypt(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let der = self.0.as_der().ok()?;
        let key = PrivateDecryptingKey::from_pkcs8(der.as_ref()).ok()?;
        let key = Pkcs1PrivateDecryptingKey::new(key).ok()?;
        let mut opened = vec![0; key.min_output_size()];
        let opened = key.decrypt(sealed, &mut opened).ok()?;
        Some(opened.to_vec())
    }

    /// Signs with RSASSA-PKCS1-v1_5 and SHA-256; blocks for about 0.7 ms.
    ///
    /// # Errors
    /// When the backend refuses.
    pub fn sign(&self, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                message,
                &mut signature,
            )
            .map_err(|_| anyhow::anyhow!("the message could not be signed"))?;
        Ok(signature)
    }
}

/// An Ed25519 key that signs.
#[derive(Clone)]
pub struct Ed25519Key(Arc<Ed25519KeyPair>);

impl Ed25519Key {
    /// A new key and its PKCS#8 form.
    ///
    /// # Errors
    /// When the backend cannot make one.
    pub fn generate() -> anyhow::Result<(Self, Vec<u8>)> {
        let pair = Ed25519KeyPair::generate()
            .map_err(|_| anyhow::anyhow!("no Ed25519 key could be made"))?;
        let pkcs8 = pair
            .to_pkcs8()
            .map_err(|_| anyhow::anyhow!("the Ed25519 key could not be written"))?;
        Ok((Self(Arc::new(pair)), pkcs8.as_ref().to_vec()))
    }

    /// Reads a key from PKCS#8.
    pub fn from_pkcs8(der: &[u8]) -> Option<Self> {
        Ed25519KeyPair::from_pkcs8(der)
            .ok()
            .map(|pair| Self(Arc::new(pair)))
    }

    /// The public half as a Multikey value, `z6Mk…` (FEP-521a).
    pub fn multibase(&self) -> String {
        multibase(&[&[0xed, 0x01], self.0.public_key().as_ref()].concat())
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }
}

/// A key that verifies, parsed once.
#[derive(Clone)]
pub enum PublicKey {
    /// RSA of 2048 to 4096 bits.
    Rsa(Arc<ParsedPublicKey>),
    /// Ed25519.
    Ed25519(Vec<u8>),
}

impl PublicKey {
    /// Reads a PEM public key, SPKI or PKCS#1; RSA from 2048 to 4096 bits with a sound exponent, nothing else.
    pub fn from_pem(text: &str) -> Option<Self> {
        if text.len() > 16_384 {
            return None;
        }
        let (label, der) = read_pem(text)?;
        let pkcs1 = match label.as_str() {
            "PUBLIC KEY" => {
                if let Some(raw) = der.strip_prefix(ED25519_SPKI) {
                    return Self::ed25519(raw);
                }
                let key = PublicEncryptingKey::from_der(&der).ok()?;
                let bits = key.key_size_bits();
                if !(2048..=4096).contains(&bits) {
                    return None;
                }
                der
            }
            "RSA PUBLIC KEY" => der,
            _ => return None,
        };
        let parsed = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &pkcs1).ok()?;
        // The backend reads up to 8192 bits; a peer's key beyond 4096 only burns time.
        (pkcs1.len() <= 600).then(|| Self::Rsa(Arc::new(parsed)))
    }

    /// Reads a Multikey value; Ed25519 only.
    pub fn from_multibase(text: &str) -> Option<Self> {
        let bytes = from_multibase(text)?;
        Self::ed25519(bytes.strip_prefix(&[0xed, 0x01])?)
    }

    fn ed25519(raw: &[u8]) -> Option<Self> {
        (raw.len() == 32).then(|| Self::Ed25519(raw.to_vec()))
    }

    /// Whether this is an Ed25519 key.
    pub fn is_ed25519(&self) -> bool {
        matches!(self, Self::Ed25519(_))
    }

    /// Whether the signature fits the message.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rsa(key) => key.verify_sig(message, signature).is_ok(),
            Self::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key)
                .verify(message, signature)
                .is_ok(),
        }
    }
}

/// Encrypts for the owner of an RSA key by PKCS #1 v1.5 (FEP-61cf).
pub fn encrypt_for(pem: &str, message: &[u8]) -> Option<Vec<u8>> {
    let (label, der) = read_pem(pem)?;
    if label != "PUBLIC KEY" {
        return None;
    }
    let key = PublicEncryptingKey::from_der(&der).ok()?;
    let key = Pkcs1PublicEncryptingKey::new(key).ok()?;
    let mut sealed = vec![0; key.ciphertext_size()];
    let sealed = key.encrypt(message, &mut sealed).ok()?;
    Some(sealed.to_vec())
}

const ED25519_SPKI: &[u8] = &[
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

fn pem(label: &str, der: &[u8]) -> String {
    let body = base64(der);
    let lines: Vec<&str> = body
        .as_bytes()
        .chunks(64)
        .filter_map(|line| std::str::from_utf8(line).ok())
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

/// One PEM block; two are refused.
fn read_pem(text: &str) -> Option<(String, Vec<u8>)> {
    let rest = text.trim().strip_prefix("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, after) = rest.split_once("-----END ")?;
    let after = after.strip_prefix(label)?.strip_prefix("-----")?;
    let body: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    (after.trim().is_empty()).then(|| Some((label.to_owned(), from_base64(&body)?)))?
}

const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// Base58btc with the multibase prefix `z`.
pub fn multibase(bytes: &[u8]) -> String {
    let mut digits: Vec<u8> = Vec::new();
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = (carry % 58) as u8;
            carry /= 58;
        }
        while carry > 0 {
            digits.push((carry % 58) as u8);
            carry /= 58;
        }
    }
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let digits = std::iter::repeat_n(0, zeros).chain(digits.into_iter().rev());
    std::iter::once('z')
        .chain(digits.map(|digit| char::from(BASE58[usize::from(digit)])))
        .collect()
}

/// Reads base58btc with the multibase prefix `z`, at most 128 characters.
pub fn from_multibase(text: &str) -> Option<Vec<u8>> {
    let text = text.strip_prefix('z').filter(|text| text.len() <= 128)?;
    let mut bytes: Vec<u8> = Vec::new();
    for c in text.bytes() {
        let mut carry = u32::try_from(BASE58.iter().position(|digit| *digit == c)?).ok()?;
        for byte in &mut bytes {
            carry += u32::from(*byte) * 58;
            *byte = (carry & 0xff) as u8;
            carry >>= 8;
        }
        while carry > 0 {
            bytes.push((carry & 0xff) as u8);
            carry >>= 8;
        }
    }
    let zeros = text.bytes().take_while(|c| *c == b'1').count();
    Some(
        std::iter::repeat_n(0, zeros)
            .chain(bytes.into_iter().rev())
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::{Ed25519Key, PublicKey, RsaKey, from_multibase, multibase};

    #[test]
    fn keys_sign_and_verify_and_survive_storage() {
        let (rsa, der) = RsaKey::generate().unwrap();
        let again = RsaKey::from_pkcs8(&der).unwrap();
        let public = PublicKey::from_pem(&rsa.public_pem()).unwrap();
        let signature = again.sign(b"hello").unwrap();
        assert!(public.verify(b"hello", &signature));
        assert!(!public.verify(b"hullo", &signature));

        let (ed, der) = Ed25519Key::generate().unwrap();
        let public = PublicKey::from_multibase(&ed.multibase()).unwrap();
        let signature = Ed25519Key::from_pkcs8(&der).unwrap().sign(b"hello");
        assert!(public.verify(b"hello", &signature));
        assert!(!public.verify(b"hello", &signature[1..]));
        assert!(ed.multibase().starts_with("z6Mk"));
    }

    #[test]
    fn multibase_is_its_own_inverse() {
        for bytes in [&b"\0\0hello"[..], b"", b"\xff\xff"] {
            assert_eq!(from_multibase(&multibase(bytes)).unwrap(), bytes);
        }
        assert!(from_multibase("z0OIl").is_none());
    }

    #[test]
    fn odd_keys_are_refused() {
        let (rsa, _) = RsaKey::generate().unwrap();
        let pem = rsa.public_pem();
        assert!(PublicKey::from_pem(&format!("{pem}{pem}")).is_none());
        assert!(
            PublicKey::from_pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")
                .is_none()
        );
        assert!(PublicKey::from_pem(&"x".repeat(1 << 20)).is_none());
        assert!(PublicKey::from_pem("").is_none());
    }
}
