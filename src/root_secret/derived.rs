//! Keys that are derived from one root secret.

use aws_lc_rs::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use aws_lc_rs::{hkdf, hmac};
use zeroize::Zeroizing;

use super::error::RootSecretError;

/// Bytes of a derived key, and minimum bytes of a root secret.
pub(super) const LENGTH: usize = 32;

/// The keys that are derived from one root secret.
pub(super) struct Derived {
    pub refresh_token: hmac::Key,
    pub access_token: hmac::Key,
    pub token_id: hmac::Key,
    pub sign_in_subject: hmac::Key,
    pub device: hmac::Key,
    pub browser_session: hmac::Key,
    pub code_mac: hmac::Key,
    /// Of which the key of each authorization code is derived.
    pub pseudorandom_key: hkdf::Prk,
    pub form_token: hmac::Key,
    pub sealing: LessSafeKey,
    /// Identifies the root secret and says nothing about it.
    pub fingerprint: String,
}

impl Derived {
    pub fn from(root: &[u8]) -> Result<Self, RootSecretError> {
        let sealing = expand(root, b"jeton signing key sealing v1")?;
        let sealing =
            UnboundKey::new(&AES_256_GCM, &*sealing).map_err(|_| RootSecretError::Malformed)?;
        Ok(Self {
            refresh_token: hmac_key(root, b"jeton refresh token v1")?,
            access_token: hmac_key(root, b"jeton access token v1")?,
            token_id: hmac_key(root, b"jeton token id v1")?,
            sign_in_subject: hmac_key(root, b"jeton sign-in subject v1")?,
            device: hmac_key(root, b"jeton device v1")?,
            browser_session: hmac_key(root, b"jeton browser session v1")?,
            code_mac: hmac_key(root, b"jeton authorization code mac v1")?,
            pseudorandom_key: pseudorandom_key(root),
            form_token: hmac_key(root, b"jeton form token v1")?,
            sealing: LessSafeKey::new(sealing),
            fingerprint: fingerprint(root)?,
        })
    }
}

/// 64 bits, as hexadecimal digits.
fn fingerprint(root: &[u8]) -> Result<String, RootSecretError> {
    let derived = expand(root, b"jeton root secret fingerprint v1")?;
    let digits = derived.iter().take(8).map(|byte| format!("{byte:02x}"));
    Ok(digits.collect())
}

fn hmac_key(root: &[u8], label: &[u8]) -> Result<hmac::Key, RootSecretError> {
    let key = expand(root, label)?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &*key))
}

fn expand(root: &[u8], label: &[u8]) -> Result<Zeroizing<[u8; LENGTH]>, RootSecretError> {
    let mut key = Zeroizing::new([0; LENGTH]);
    pseudorandom_key(root)
        .expand(&[label], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut *key))
        .map_err(|_| RootSecretError::Malformed)?;
    Ok(key)
}

fn pseudorandom_key(root: &[u8]) -> hkdf::Prk {
    hkdf::Salt::new(hkdf::HKDF_SHA256, b"jeton").extract(root)
}
