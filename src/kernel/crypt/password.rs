//! Passwords: Argon2id, behind a semaphore so that sign-ins cannot eat the machine.

use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization as _;

use super::{equal, random};
use crate::kernel::html::truncate;

/// Longest password that is looked at, in bytes.
const LONGEST: usize = 500;

/// Hashes and checks passwords, two at a time.
#[derive(Debug)]
pub struct Passwords {
    free: Semaphore,
    decoy: String,
    /// What hashes are computed in, 19 MiB each: what many threads give back is not given back to the system.
    kept: Arc<Mutex<Vec<Vec<Block>>>>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            free: Semaphore::new(2),
            decoy: hash_password("the password of nobody"),
            kept: Arc::default(),
        }
    }
}

impl Passwords {
    /// Hashes a new password.
    pub async fn hash(&self, password: &str) -> String {
        let password = password.to_owned();
        let Ok(_turn) = self.free.acquire().await else {
            return String::new();
        };
        let hash = self.compute(move |memory| hash_in(&password, memory));
        hash.await.unwrap_or_default()
    }

    /// Whether the password fits the hash; without a hash it takes as long and says no.
    pub async fn check(&self, password: &str, hash: Option<&str>) -> bool {
        let allowed = || Ok::<(), std::convert::Infallible>(());
        let Ok(fits) = self.check_if(password, hash, allowed).await;
        fits
    }

    /// As [`Passwords::check`], when it is still allowed once its turn has come: many tries of one moment may not
    /// all pass a limit before the first of them has failed.
    ///
    /// # Errors
    /// Why it is not allowed any more.
    pub async fn check_if<E>(
        &self,
        password: &str,
        hash: Option<&str>,
        allowed: impl FnOnce() -> Result<(), E>,
    ) -> Result<bool, E> {
        let Ok(_turn) = self.free.acquire().await else {
            return Ok(false);
        };
        allowed()?;
        let known = hash.is_some() && password.len() <= LONGEST;
        let hash = hash.unwrap_or(&self.decoy).to_owned();
        let password = truncate(password, LONGEST).to_owned();
        let fits = self.compute(move |memory| fits(&password, &hash, memory) == Some(true));
        Ok(known && fits.await.unwrap_or(false))
    }

    /// Computes something in memory that was used before.
    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Vec<Block>) -> T + Send + 'static,
    ) -> Option<T> {
        let kept = self.kept.clone();
        let computed = tokio::task::spawn_blocking(move || {
            let kept = || kept.lock().unwrap_or_else(PoisonError::into_inner);
            let taken = kept().pop();
            let mut memory = taken.unwrap_or_default();
            let computed = work(&mut memory);
            // A hash of other costs may have taken more.
            if memory.len() <= Params::DEFAULT.block_count() {
                kept().push(memory);
            }
            computed
        });
        computed.await.ok()
    }
}

/// What Argon2 makes of a password and a salt.
fn output(
    argon2: &Argon2<'_>,
    (password, salt): (&str, &[u8]),
    length: usize,
    memory: &mut Vec<Block>,
) -> Option<Vec<u8>> {
    memory.resize(argon2.params().block_count(), Block::default());
    let mut output = vec![0; length];
    let password = password.as_bytes();
    let done = argon2.hash_password_into_with_memory(password, salt, &mut output, memory);
    done.ok().map(|()| output)
}

/// Hashes a password with Argon2id (RFC 9106) in the PHC string format.
pub fn hash_password(password: &str) -> String {
    hash_in(password, &mut Vec::new())
}

/// A password as it is hashed: the same signs in the same form, whichever keyboard wrote them (RFC 8265 §4.2).
fn prepared(password: &str) -> String {
    password.nfc().collect()
}

fn hash_in(password: &str, memory: &mut Vec<Block>) -> String {
    let password = &*prepared(password);
    let argon2 = Argon2::default();
    let salt: [u8; 16] = random();
    let mut hash = || {
        let length = Params::DEFAULT_OUTPUT_LEN;
        let hash = output(&argon2, (password, &salt), length, memory)?;
        let hash = PasswordHash {
            algorithm: Algorithm::default().ident(),
            version: Some(Version::default().into()),
            params: ParamsString::try_from(argon2.params()).ok()?,
            salt: Salt::new(&salt).ok(),
            hash: Output::new(&hash).ok(),
        };
        Some(hash.to_string())
    };
    hash().unwrap_or_default()
}

/// Whether a password is that of a hash, which says how it was computed.
fn fits(password: &str, hash: &str, memory: &mut Vec<Block>) -> Option<bool> {
    let password = &*prepared(password);
    let hash = PasswordHash::new(hash).ok()?;
    let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
    let version = Version::try_from(hash.version?).ok()?;
    let params = Params::try_from(&hash).ok()?;
    let argon2 = Argon2::new(algorithm, version, params);
    let (salt, wanted) = (hash.salt?, hash.hash?);
    let found = output(&argon2, (password, &salt), wanted.len(), memory)?;
    Some(equal(&found, wanted.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::{Passwords, hash_password};

    fn fits(password: &str, hash: &str) -> Option<bool> {
        super::fits(password, hash, &mut Vec::new())
    }

    #[tokio::test]
    async fn many_sign_ins_use_two_memories() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse").await;
        let tries = (0..8).map(|_| passwords.check("correct horse", Some(&hash)));
        let fit = futures_util::future::join_all(tries).await;
        assert!(fit.into_iter().all(|fits| fits));
        assert!(!passwords.check("correct horse", None).await);
        assert!((1..=2).contains(&passwords.kept.lock().unwrap().len()));
    }

    #[test]
    fn hashes_fit_their_password_alone() {
        let hash = hash_password("correct horse");
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert_eq!(fits("correct horse", &hash), Some(true));
        assert_eq!(fits("correct horsf", &hash), Some(false));
        assert_ne!(hash, hash_password("correct horse"), "each has its salt");
        assert_eq!(fits("x", "no hash"), None);
        // As another program wrote it, with other costs.
        let other = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert_eq!(fits("password", other), Some(true));
    }
}
