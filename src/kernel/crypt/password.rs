//! Passwords: Argon2id, behind a semaphore so that sign-ins cannot eat the machine.

use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;

use crate::kernel::html::truncate;

/// Longest password that is looked at, in bytes.
const LONGEST: usize = 500;

/// Hashes and checks passwords, two at a time.
#[derive(Debug)]
pub struct Passwords {
    free: Semaphore,
    decoy: String,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            free: Semaphore::new(2),
            decoy: hash_password("the password of nobody"),
        }
    }
}

impl Passwords {
    /// Hashes a new password.
    pub async fn hash(&self, password: &str) -> String {
        let password = password.to_owned();
        self.work(move || hash_password(&password))
            .await
            .unwrap_or_default()
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
        let fits = tokio::task::spawn_blocking(move || {
            argon2::PasswordHash::new(&hash).is_ok_and(|hash| {
                Argon2::default()
                    .verify_password(password.as_bytes(), &hash)
                    .is_ok()
            })
        });
        Ok(known && fits.await.unwrap_or(false))
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let _turn = self.free.acquire().await.ok()?;
        tokio::task::spawn_blocking(work).await.ok()
    }
}

/// Hashes a password with Argon2id (RFC 9106) in the PHC string format.
pub fn hash_password(password: &str) -> String {
    let argon2 = Argon2::default();
    argon2
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .unwrap_or_default()
}
