//! Web Push: messages only the device can read (RFC 8291, RFC 8188), sent by somebody known (RFC 8292).

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::encoding::AsBigEndian as _;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};

use super::{random, url_base64};
use crate::kernel::clock::Time;

/// Longest message that fits into one record.
pub const LONGEST: usize = 3_900;

/// What a device told about itself.
#[derive(Clone, Debug)]
pub struct Device<'a> {
    /// Its public key: an uncompressed point of P-256, 65 bytes.
    pub key: &'a [u8],
    /// Its shared secret, 16 bytes.
    pub auth: &'a [u8],
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn derive<const N: usize>(salt: &[u8], secret: &[u8], info: &[&[u8]]) -> anyhow::Result<[u8; N]> {
    let mut key = [0; N];
    Salt::new(HKDF_SHA256, salt)
        .extract(secret)
        .expand(info, Length(N))
        .and_then(|expanded| expanded.fill(&mut key))
        .map_err(|_| anyhow::anyhow!("a key could not be derived"))?;
    Ok(key)
}

/// A message as it is sent: content coding `aes128gcm`, one record.
///
/// # Errors
/// When the device's key is none or the message is too long.
pub fn encrypt(device: &Device<'_>, message: &[u8]) -> anyhow::Result<Vec<u8>> {
    let own = PrivateKey::generate(&ECDH_P256)?;
    encrypt_with(device, message, &own, random::<16>())
}

fn encrypt_with(
    device: &Device<'_>,
    message: &[u8],
    own: &PrivateKey,
    salt: [u8; 16],
) -> anyhow::Result<Vec<u8>> {
    anyhow::ensure!(message.len() <= LONGEST, "the message is too long");
    let public = own.compute_public_key()?;
    let theirs = UnparsedPublicKey::new(&ECDH_P256, device.key);
    let unusable = anyhow::anyhow!("the device's key cannot be used");
    let shared: Vec<u8> = agree(own, theirs, unusable, |secret| Ok(secret.to_vec()))?;
    let info = [b"WebPush: info\0", device.key, public.as_ref()];
    let secret: [u8; 32] = derive(device.auth, &shared, &info)?;
    let key: [u8; 16] = derive(&salt, &secret, &[b"Content-Encoding: aes128gcm\0"])?;
    let nonce: [u8; 12] = derive(&salt, &secret, &[b"Content-Encoding: nonce\0"])?;
    // The one record is the last one.
    let mut record = [message, &[2]].concat();
    LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key)?).seal_in_place_append_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::empty(),
        &mut record,
    )?;
    let mut sent = salt.to_vec();
    sent.extend(4096_u32.to_be_bytes());
    sent.push(65);
    sent.extend(public.as_ref());
    sent.extend(record);
    Ok(sent)
}

/// The key by which push services know this node.
#[derive(Debug)]
pub struct VapidKey(EcdsaKeyPair);

impl VapidKey {
    /// A new key, and the form in which it is kept.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate() -> anyhow::Result<(Self, Vec<u8>)> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        let private = key.private_key().as_be_bytes()?.as_ref().to_vec();
        let kept = [&private, key.public_key().as_ref()].concat();
        Ok((Self(key), kept))
    }

    /// Reads the form in which it is kept: 32 bytes of the private key and 65 of the public one.
    pub fn read(kept: &[u8]) -> Option<Self> {
        let (private, public) = kept.split_at_checked(32)?;
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        EcdsaKeyPair::from_private_key_and_public_key(algorithm, private, public)
            .ok()
            .map(Self)
    }

    /// The public key as apps and push services read it.
    pub fn public(&self) -> String {
        url_base64(self.0.public_key().as_ref())
    }

    /// The `Authorization` header for a push service: who sends (RFC 8292 §3), good for twelve hours.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn authorization(
        &self,
        audience: &str,
        subject: &str,
        now: Time,
    ) -> anyhow::Result<String> {
        let head = url_base64(br#"{"typ":"JWT","alg":"ES256"}"#);
        let claims = serde_json::json!({
            "aud": audience, "exp": now.seconds() + 43_200, "sub": subject,
        });
        let signed = format!("{head}.{}", url_base64(claims.to_string().as_bytes()));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes())?;
        Ok(format!(
            "vapid t={signed}.{}, k={}",
            url_base64(signature.as_ref()),
            self.public()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::{Device, ECDH_P256, PrivateKey, Time, VapidKey, encrypt_with};
    use crate::kernel::crypt::{from_url_base64, url_base64};

    /// The example of RFC 8291, section 5 and appendix A.
    #[test]
    fn a_message_is_encrypted_as_the_standard_shows() {
        let bytes = |text: &str| from_url_base64(text).unwrap();
        let own = PrivateKey::from_private_key(
            &ECDH_P256,
            &bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"),
        )
        .unwrap();
        let device = Device {
            key: &bytes(
                "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            ),
            auth: &bytes("BTBZMqHH6r4Tts7J_aSIgg"),
        };
        let salt: [u8; 16] = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let sent = encrypt_with(
            &device,
            b"When I grow up, I want to be a watermelon",
            &own,
            salt,
        )
        .unwrap();
        assert_eq!(
            url_base64(&sent),
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        );
    }

    #[test]
    fn a_kept_key_signs_as_before() {
        let (key, kept) = VapidKey::generate().unwrap();
        let again = VapidKey::read(&kept).unwrap();
        assert_eq!(key.public(), again.public());
        assert!(
            again
                .authorization("https://push.example", "https://nova.example", Time(0))
                .unwrap()
                .starts_with("vapid t=ey")
        );
        assert!(VapidKey::read(&kept[..60]).is_none());
    }
}
