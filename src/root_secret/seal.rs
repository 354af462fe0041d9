//! Sealing with AES-256-GCM.

use aws_lc_rs::aead::{Aad, NONCE_LEN, Nonce};
use zeroize::Zeroizing;

use super::RootSecrets;
use crate::secret::random_bytes;

/// Bytes of a seal with empty content: a nonce and a tag.
pub const EMPTY_SEAL_LENGTH: usize = NONCE_LEN + 16;

impl RootSecrets {
    /// Seals `plain` with AES-256-GCM by the current secret, bound to `context`.
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

    /// Opens a seal of any of the secrets with the same context.
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
}

/// The content of a seal.
pub struct Opened {
    /// The content.
    pub plain: Zeroizing<Vec<u8>>,
    /// Whether the current secret sealed it; if not, it should be sealed again.
    pub by_current: bool,
}

/// A seal that no root secret opens, or a failure of the cipher.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no root secret opens the seal")]
pub struct SealingFailed;

#[cfg(test)]
mod tests {
    use super::super::tests::{NEW, OLD};
    use super::*;

    #[test]
    fn any_secret_opens_a_seal_and_the_result_names_the_current_one() {
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
    fn another_context_or_a_changed_byte_does_not_open_a_seal() {
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
}
