//! The root secret: what every other secret is derived from (HKDF, RFC 5869) or sealed with.

mod file;

use std::fmt;
use std::path::PathBuf;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::secret::random_bytes;

const LENGTH: usize = 32;
/// Bytes of a seal over nothing: a nonce and a tag.
pub const SEAL_OVER_NOTHING: usize = NONCE_LEN + 16;

/// One root secret or several: the first makes, all verify and open.
///
/// So a root secret is replaced without signing anyone out, in three steps, each on all nodes before
/// the next begins: add the new one as the last line, so that every node can verify it; move it to
/// the first, so that it makes; remove the old one when the longest session has ended.
pub struct RootSecrets(Vec<Derived>);

/// What is derived from one root secret.
struct Derived {
    refresh_token: hmac::Key,
    access_token: hmac::Key,
    token_id: hmac::Key,
    sign_in_subject: hmac::Key,
    sealing: LessSafeKey,
}

impl RootSecrets {
    /// Reads secrets in base64url or base64, separated by white space, the current one first.
    ///
    /// # Errors
    ///
    /// [`RootSecretError::Malformed`] unless there is at least one, each of 32 bytes or more.
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
    #[must_use]
    pub fn sign_refresh_token(&self, content: &[u8]) -> hmac::Tag {
        hmac::sign(&self.current().refresh_token, content)
    }

    /// Whether one of the secrets made `mac`, which may be cut, over `content`; in constant time
    /// for each secret.
    #[must_use]
    pub fn verify_refresh_token(&self, content: &[u8], mac: &[u8]) -> bool {
        self.verify(|derived| &derived.refresh_token, content, mac)
    }

    /// The MAC of an opaque access token's content, by the current secret.
    #[must_use]
    pub fn sign_access_token(&self, content: &[u8]) -> hmac::Tag {
        hmac::sign(&self.current().access_token, content)
    }

    /// Whether one of the secrets made `mac`, which may be cut, over the content of an opaque access
    /// token; in constant time for each secret.
    #[must_use]
    pub fn verify_access_token(&self, content: &[u8], mac: &[u8]) -> bool {
        self.verify(|derived| &derived.access_token, content, mac)
    }

    fn verify(&self, key: fn(&Derived) -> &hmac::Key, content: &[u8], mac: &[u8]) -> bool {
        self.0.iter().any(|derived| {
            let tag = hmac::sign(key(derived), content);
            tag.as_ref().get(..mac.len()).is_some_and(|cut| {
                aws_lc_rs::constant_time::verify_slices_are_equal(cut, mac).is_ok()
            })
        })
    }

    /// The MAC that identifies an access token (`jti`), by the current secret.
    #[must_use]
    pub fn sign_token_id(&self, content: &[u8]) -> hmac::Tag {
        hmac::sign(&self.current().token_id, content)
    }

    /// Whose sign-ins are counted: a MAC over its name, by the current secret, so that a reader of the
    /// database learns no names.
    #[must_use]
    pub fn sign_in_subject(&self, name: &[&str]) -> [u8; LENGTH] {
        let tag = hmac::sign(&self.current().sign_in_subject, name.join("\0").as_bytes());
        let mut subject = [0; LENGTH];
        for (place, byte) in subject.iter_mut().zip(tag.as_ref()) {
            *place = *byte;
        }
        subject
    }

    /// Seals `plain` with AES-256-GCM by the current secret, bound to `context`.
    ///
    /// # Errors
    ///
    /// [`SealingFailed`] when the cipher fails, which it does not for data of this size.
    pub fn seal(&self, context: &str, plain: &[u8]) -> Result<Vec<u8>, SealingFailed> {
        let nonce = random_bytes::<NONCE_LEN>();
        let mut sealed = plain.to_vec();
        let tag = self
            .current()
            .sealing
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context),
                &mut sealed,
            )
            .map_err(|_| SealingFailed)?;
        Ok([nonce.as_slice(), &sealed, tag.as_ref()].concat())
    }

    /// Opens what [`seal`](Self::seal) sealed by any of the secrets.
    ///
    /// # Errors
    ///
    /// [`SealingFailed`] when none of them opens it, or the context is another.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Opened, SealingFailed> {
        let (nonce, body) = sealed
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(SealingFailed)?;
        for (age, derived) in self.0.iter().enumerate() {
            let mut plain = Zeroizing::new(body.to_vec());
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let opened = derived
                .sealing
                .open_in_place(nonce, Aad::from(context), &mut plain);
            if let Ok(length) = opened.map(|opened| opened.len()) {
                plain.truncate(length);
                return Ok(Opened {
                    plain,
                    by_current: age == 0,
                });
            }
        }
        Err(SealingFailed)
    }

    /// `parse` lets no empty list in.
    #[expect(clippy::indexing_slicing, reason = "there is always a first secret")]
    fn current(&self) -> &Derived {
        &self.0[0]
    }
}

impl fmt::Debug for RootSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} root secrets]", self.0.len())
    }
}

impl Derived {
    fn from(root: &[u8]) -> Result<Self, RootSecretError> {
        let sealing = expand(root, b"jeton signing key sealing v1")?;
        let sealing =
            UnboundKey::new(&AES_256_GCM, &*sealing).map_err(|_| RootSecretError::Malformed)?;
        Ok(Self {
            refresh_token: hmac_key(root, b"jeton refresh token v1")?,
            access_token: hmac_key(root, b"jeton access token v1")?,
            token_id: hmac_key(root, b"jeton token id v1")?,
            sign_in_subject: hmac_key(root, b"jeton sign-in subject v1")?,
            sealing: LessSafeKey::new(sealing),
        })
    }
}

fn hmac_key(root: &[u8], label: &[u8]) -> Result<hmac::Key, RootSecretError> {
    let key = expand(root, label)?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &*key))
}

fn expand(root: &[u8], label: &[u8]) -> Result<Zeroizing<[u8; LENGTH]>, RootSecretError> {
    let mut key = Zeroizing::new([0; LENGTH]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, b"jeton")
        .extract(root)
        .expand(&[label], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut *key))
        .map_err(|_| RootSecretError::Malformed)?;
    Ok(key)
}

/// What was sealed.
pub struct Opened {
    /// The content.
    pub plain: Zeroizing<Vec<u8>>,
    /// Whether the current secret sealed it; if not, it is time to seal it again.
    pub by_current: bool,
}

/// A seal that no root secret opens, or that could not be made.
#[derive(Debug, PartialEq, Eq)]
pub struct SealingFailed;

/// Why there is no root secret.
#[derive(Debug)]
pub enum RootSecretError {
    /// Not base64, or less than 32 bytes.
    Malformed,
    /// The file cannot be read or written, or does not hold root secrets, and why.
    File(PathBuf, String),
}

impl fmt::Display for RootSecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str(
                "a root secret must be 32 random bytes or more in base64url, such as \
                 `openssl rand -base64 32` prints; several stand one a line, the current one first",
            ),
            Self::File(path, why) => write!(
                f,
                "{} (root_secret.file, JETON_ROOT_SECRET__FILE): {why}",
                path.display()
            ),
        }
    }
}

impl std::error::Error for RootSecretError {}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2w";
    const NEW: &str = "bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmU";

    #[test]
    fn the_first_secret_makes_and_all_verify() {
        let old = RootSecrets::parse(OLD).unwrap();
        let both = RootSecrets::parse(&format!("{NEW}\n{OLD}\n")).unwrap();
        let mac = old.sign_refresh_token(b"token");
        assert!(both.verify_refresh_token(b"token", mac.as_ref()));
        let mac = both.sign_refresh_token(b"token");
        assert!(!old.verify_refresh_token(b"token", mac.as_ref()));
    }

    #[test]
    fn a_seal_opens_by_any_secret_and_says_whether_it_was_the_current_one() {
        let old = RootSecrets::parse(OLD).unwrap();
        let both = RootSecrets::parse(&format!("{NEW} {OLD}")).unwrap();
        let sealed = old.seal("kid", b"key").unwrap();
        let opened = both.open("kid", &sealed).unwrap();
        assert_eq!(
            (opened.plain.as_slice(), opened.by_current),
            (&b"key"[..], false)
        );
        assert!(old.open("kid", &sealed).unwrap().by_current);
    }

    #[test]
    fn a_seal_is_bound_to_its_context_and_to_every_byte() {
        let secrets = RootSecrets::parse(OLD).unwrap();
        let sealed = secrets.seal("kid", b"key").unwrap();
        assert!(secrets.open("other", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(secrets.open("kid", &damaged).is_err());
        }
        assert!(secrets.open("kid", b"short").is_err());
    }

    #[test]
    fn short_or_missing_secrets_are_refused() {
        for text in ["", "   ", "c2hvcnQ", "not base64 !"] {
            assert!(RootSecrets::parse(text).is_err(), "{text:?}");
        }
    }
}
