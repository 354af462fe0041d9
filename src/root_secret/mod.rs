//! The root secret, from which all other secrets are derived (HKDF, RFC 5869) or with which they are sealed.

mod code;
mod derived;
mod edit;
mod error;
mod file;
mod seal;

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;
use zeroize::Zeroizing;

pub use self::code::UnsealError;
use self::derived::{Derived, LENGTH};
pub use self::edit::{EditableFile, NotReplaced};
pub use self::error::RootSecretError;
pub use self::seal::{EMPTY_SEAL_LENGTH, Opened, SealingFailed};

/// Bytes of the digest of a device.
pub const DEVICE_DIGEST_LENGTH: usize = 16;

/// One or several root secrets: the first signs and seals, all verify and open.
///
/// Three steps replace a root secret without ending sessions. Each is done on all nodes before the next
/// begins: add the new secret as the last line, so that every node can verify with it; move it to the first
/// line; remove the old one when the last session that was begun with it has ended. `jeton secret` guides them.
pub struct RootSecrets(Vec<Derived>);

impl RootSecrets {
    /// Parses secrets of at least 32 bytes in base64url or base64, separated by white space, the current one
    /// first.
    pub fn parse(text: &str) -> Result<Self, RootSecretError> {
        let derived = text
            .split_whitespace()
            .map(|word| {
                let plain = word
                    .trim_end_matches('=')
                    .replace('+', "-")
                    .replace('/', "_");
                let bytes = Zeroizing::new(
                    URL_SAFE_NO_PAD
                        .decode(Zeroizing::new(plain).as_bytes())
                        .map_err(|_| RootSecretError::Malformed)?,
                );
                if bytes.len() < LENGTH {
                    return Err(RootSecretError::Malformed);
                }
                Derived::from(&bytes)
            })
            .collect::<Result<Vec<_>, _>>()?;
        if derived.is_empty() {
            return Err(RootSecretError::Malformed);
        }
        Ok(Self(derived))
    }

    /// The MAC of a refresh token's content, by the current secret.
    pub fn sign_refresh_token(&self, content: &[u8]) -> hmac::Tag {
        hmac::sign(&self.current().refresh_token, content)
    }

    /// Whether `mac`, which may be truncated, is a MAC of `content` by one of the secrets; in constant time for
    /// each secret.
    pub fn verify_refresh_token(&self, content: &[u8], mac: &[u8]) -> bool {
        self.verify(|derived| &derived.refresh_token, content, mac)
    }

    /// The MAC of an opaque access token's content, by the current secret.
    pub fn sign_access_token(&self, content: &[u8]) -> hmac::Tag {
        hmac::sign(&self.current().access_token, content)
    }

    /// The same as [`verify_refresh_token`](Self::verify_refresh_token) for an opaque access token.
    pub fn verify_access_token(&self, content: &[u8], mac: &[u8]) -> bool {
        self.verify(|derived| &derived.access_token, content, mac)
    }

    /// The MAC of a browser session's content, by the current secret.
    pub fn sign_browser_session(&self, content: &[u8]) -> hmac::Tag {
        hmac::sign(&self.current().browser_session, content)
    }

    /// The same as [`verify_refresh_token`](Self::verify_refresh_token) for a browser session.
    pub fn verify_browser_session(&self, content: &[u8], mac: &[u8]) -> bool {
        self.verify(|derived| &derived.browser_session, content, mac)
    }

    /// The MAC of a form token's content, by the current secret.
    pub fn sign_form_token(&self, content: &[u8]) -> hmac::Tag {
        hmac::sign(&self.current().form_token, content)
    }

    /// The same as [`verify_refresh_token`](Self::verify_refresh_token) for a form token.
    pub fn verify_form_token(&self, content: &[u8], mac: &[u8]) -> bool {
        self.verify(|derived| &derived.form_token, content, mac)
    }

    fn verify(&self, key: fn(&Derived) -> &hmac::Key, content: &[u8], mac: &[u8]) -> bool {
        self.0.iter().any(|derived| {
            let tag = hmac::sign(key(derived), content);
            let truncated = tag.as_ref().get(..mac.len());
            truncated.is_some_and(|truncated| verify_slices_are_equal(truncated, mac).is_ok())
        })
    }

    /// The MAC that identifies an access token (`jti`), by the current secret.
    pub fn sign_token_id(&self, content: &[u8]) -> hmac::Tag {
        hmac::sign(&self.current().token_id, content)
    }

    /// The subject of the sign-in throttle: a MAC over a name by the current secret, so that the table does not
    /// contain names.
    pub fn sign_in_subject(&self, name: &[&str]) -> [u8; LENGTH] {
        truncated(&hmac::sign(
            &self.current().sign_in_subject,
            name.join("\0").as_bytes(),
        ))
    }

    /// A place among the ids of users, which are random: a MAC over an unknown username by the current secret.
    pub fn sign_in_place(&self, account: &str) -> Uuid {
        let name = format!("place\0{account}");
        let mac = hmac::sign(&self.current().sign_in_subject, name.as_bytes());
        uuid::Builder::from_random_bytes(truncated(&mac)).into_uuid()
    }

    /// The digest of a description of a device: a MAC by the current secret, so that the table does not tell
    /// which network a user is in.
    pub fn digest_device(&self, description: &str) -> [u8; DEVICE_DIGEST_LENGTH] {
        truncated(&hmac::sign(&self.current().device, description.as_bytes()))
    }

    /// Whether `digest` is the digest of this description by one of the secrets.
    pub fn is_device(&self, description: &str, digest: &[u8]) -> bool {
        digest.len() == DEVICE_DIGEST_LENGTH
            && self.verify(|derived| &derived.device, description.as_bytes(), digest)
    }

    /// The fingerprint of the current secret.
    pub fn fingerprint(&self) -> &str {
        &self.current().fingerprint
    }

    /// The fingerprints of all secrets, in their order.
    pub fn fingerprints(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|derived| derived.fingerprint.as_str())
    }

    /// The first secret; `parse` refuses an empty list.
    #[expect(clippy::indexing_slicing, reason = "there is always a first secret")]
    fn current(&self) -> &Derived {
        &self.0[0]
    }
}

fn truncated<const LENGTH: usize>(tag: &hmac::Tag) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    for (place, byte) in bytes.iter_mut().zip(tag.as_ref()) {
        *place = *byte;
    }
    bytes
}

impl fmt::Debug for RootSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} root secrets]", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const OLD: &str = "b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2w";
    pub(super) const NEW: &str = "bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmU";

    #[test]
    fn the_first_secret_signs_and_all_verify() {
        let old = RootSecrets::parse(OLD).unwrap();
        let both = RootSecrets::parse(&format!("{NEW}\n{OLD}\n")).unwrap();
        let mac = old.sign_refresh_token(b"token");
        assert!(both.verify_refresh_token(b"token", mac.as_ref()));
        let mac = both.sign_refresh_token(b"token");
        assert!(!old.verify_refresh_token(b"token", mac.as_ref()));
    }

    #[test]
    fn a_device_is_recognized_by_every_secret() {
        let old = RootSecrets::parse(OLD).unwrap();
        let both = RootSecrets::parse(&format!("{NEW}\n{OLD}\n")).unwrap();
        for digest in [old.digest_device("a"), both.digest_device("a")] {
            assert!(both.is_device("a", &digest));
            assert!(!both.is_device("b", &digest));
            assert!(!both.is_device("a", &[]));
        }
        assert!(!old.is_device("a", &both.digest_device("a")));
    }

    #[test]
    fn short_or_missing_secrets_are_refused() {
        for text in ["", "   ", "c2hvcnQ", "not base64 !"] {
            assert!(RootSecrets::parse(text).is_err(), "{text:?}");
        }
    }
}
