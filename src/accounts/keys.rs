//! The keys local accounts sign with.

use super::{Account, store};
use crate::app::App;
use crate::kernel::crypt::{Ed25519Key, RsaKey};

/// The signing keys of a local account, parsed once.
///
/// # Errors
/// When the account has none, or the node's key file is not the one they were sealed with.
pub async fn signer(app: &App, account: &Account) -> anyhow::Result<(RsaKey, Ed25519Key)> {
    if let Some(keys) = app.signers.get(&account.id.0) {
        return Ok(keys);
    }
    let sealed = store::private_keys(&app.db, account.id)
        .await?
        .ok_or_else(|| anyhow::anyhow!("{} has no keys", account.uri))?;
    let rsa = RsaKey::from_pkcs8(&app.secret.open(&sealed.0)?);
    let ed25519 = Ed25519Key::from_pkcs8(&app.secret.open(&sealed.1)?);
    let keys = rsa
        .zip(ed25519)
        .ok_or_else(|| anyhow::anyhow!("the keys of {} cannot be read", account.uri))?;
    app.signers.put(account.id.0, keys.clone());
    Ok(keys)
}
