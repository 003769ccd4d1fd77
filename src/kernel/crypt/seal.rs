//! Secrets at rest: private keys and second factors are sealed with the node's key file.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::{hex, keyed_digest, random, sha256};

/// Why the node's key could not be used.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The key file cannot be read or written.
    #[error("the key file {file} cannot be used: {cause}")]
    File {
        /// The file.
        file: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Others on the machine may read the key file.
    #[error("the key file {0} can be read by others: run `chmod 600 {0}`")]
    TooOpen(String),
    /// The file does not hold a key.
    #[error("the key file {0} does not hold 32 bytes: restore it from your backup")]
    NotAKey(String),
    /// Something sealed was sealed with another key.
    #[error(
        "the key file is not the one this database was sealed with: restore the right secret.key from your backup"
    )]
    WrongKey,
}

/// The node's secret key, from which sealing and signed addresses are derived.
pub struct Secret {
    key: LessSafeKey,
    id: String,
    addresses: Vec<u8>,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({})", self.id)
    }
}

impl Secret {
    /// Reads the key file; the first time it is created, readable by its owner only.
    ///
    /// # Errors
    /// When the file cannot be used, is readable by others or holds no key.
    pub fn load_or_create(file: &Path) -> Result<Self, SealError> {
        let name = file.display().to_string();
        let io = |cause| SealError::File {
            file: name.clone(),
            cause,
        };
        if !file.exists() {
            if let Some(folder) = file.parent() {
                fs::create_dir_all(folder).map_err(io)?;
            }
            let mut options = fs::OpenOptions::new();
            let mut fresh = options
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(file)
                .map_err(io)?;
            fresh
                .write_all(&random::<32>())
                .and_then(|()| fresh.sync_all())
                .map_err(io)?;
        }
        let mode = fs::metadata(file).map_err(io)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(SealError::TooOpen(name));
        }
        let bytes = fs::read(file).map_err(io)?;
        Self::from_bytes(&bytes).ok_or(SealError::NotAKey(name))
    }

    /// A secret from its 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != 32 {
            return None;
        }
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).ok()?);
        let id = hex(&sha256(bytes)).chars().take(8).collect();
        let addresses = sha256(&[bytes, b"addresses"].concat());
        Some(Self { key, id, addresses })
    }

    /// Seals bytes: `key id . nonce ‖ ciphertext`.
    pub fn seal(&self, plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; 12] = random();
        let mut body = plain.to_vec();
        // Sealing fails only beyond 64 GiB.
        if self
            .key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut body)
            .is_err()
        {
            return Vec::new();
        }
        [self.id.as_bytes(), b".", &nonce, &body].concat()
    }

    /// Opens what was sealed.
    ///
    /// # Errors
    /// `WrongKey` when it was sealed with another key or changed since.
    pub fn open(&self, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let rest = sealed
            .strip_prefix(format!("{}.", self.id).as_bytes())
            .ok_or(SealError::WrongKey)?;
        let (nonce, body) = rest.split_at_checked(12).ok_or(SealError::WrongKey)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::WrongKey)?;
        let mut body = body.to_vec();
        let length = self
            .key
            .open_in_place(nonce, Aad::empty(), &mut body)
            .map_err(|_| SealError::WrongKey)?
            .len();
        body.truncate(length);
        Ok(body)
    }

    /// Signs a text for one purpose; the signature counts for no other.
    pub fn sign(&self, purpose: &str, text: &str) -> String {
        keyed_digest(&self.addresses, &format!("{purpose}\0{text}"))
    }

    /// Signs an address of ours that must not be made up by others, such as one of the picture proxy.
    pub fn sign_address(&self, text: &str) -> String {
        keyed_digest(&self.addresses, text)
            .chars()
            .take(22)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Secret, random};

    #[test]
    fn what_is_sealed_opens_with_the_same_key_only() {
        let key: [u8; 32] = random();
        let secret = Secret::from_bytes(&key).unwrap();
        let sealed = secret.seal(b"private");
        assert_eq!(secret.open(&sealed).unwrap(), b"private");
        assert!(
            Secret::from_bytes(&random::<32>())
                .unwrap()
                .open(&sealed)
                .is_err()
        );
        let mut bent = sealed.clone();
        *bent.last_mut().unwrap() ^= 1;
        assert!(secret.open(&bent).is_err());
    }

    #[test]
    fn a_key_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret.key");
        Secret::load_or_create(&file).unwrap();
        Secret::load_or_create(&file).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Secret::load_or_create(&file).is_err());
    }
}
