//! Sealing of authorization codes: each with AES-256-GCM under a key of its own, and a MAC over all of it.
//!
//! The tag of GCM has 128 bits. RFC 6749 §10.10 recommends 160, which the MAC adds.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{hkdf, hmac};
use zeroize::Zeroizing;

use super::derived::{Derived, LENGTH};
use super::{RootSecrets, SealingFailed};

/// Bytes of the MAC.
const MAC: usize = 20;
const KEY_LABEL: &[u8] = b"jeton authorization code v1";

/// Why a sealed code is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsealError {
    /// No root secret has made the MAC.
    #[error("the MAC does not match any root secret")]
    Mac,
    /// The seal has another context.
    #[error("it was issued in another context")]
    Context,
}

impl RootSecrets {
    /// The header, which must be unique, then the encrypted content, then a MAC over both. The seal opens in the same
    /// context only. No nonce repeats, because the header is part of the key.
    pub fn seal_code(
        &self,
        header: &[u8],
        context: &[u8],
        plain: &[u8],
    ) -> Result<Vec<u8>, SealingFailed> {
        let derived = self.current();
        let mut sealed = plain.to_vec();
        let tag = key(derived, header)?
            .seal_in_place_separate_tag(nonce(), Aad::from(context), &mut sealed)
            .map_err(|_| SealingFailed)?;
        let mut code = [header, &sealed, tag.as_ref()].concat();
        let mac = hmac::sign(&derived.code_mac, &code);
        code.extend(mac.as_ref().iter().take(MAC));
        Ok(code)
    }

    /// The content of a code with a header of this length. Checks the MAC first, under every root secret.
    pub fn open_code(
        &self,
        code: &[u8],
        header_length: usize,
        context: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
        let (signed, mac) = code.split_last_chunk::<MAC>().ok_or(UnsealError::Mac)?;
        let (header, sealed) = signed
            .split_at_checked(header_length)
            .ok_or(UnsealError::Mac)?;
        let is_own = |derived: &&Derived| {
            let own = hmac::sign(&derived.code_mac, signed);
            let own = own.as_ref().get(..MAC).unwrap_or_default();
            verify_slices_are_equal(own, mac).is_ok()
        };
        let derived = self.0.iter().find(is_own).ok_or(UnsealError::Mac)?;
        let mut plain = Zeroizing::new(sealed.to_vec());
        let length = key(derived, header)
            .map_err(|_| UnsealError::Context)?
            .open_in_place(nonce(), Aad::from(context), &mut plain)
            .map_err(|_| UnsealError::Context)?
            .len();
        plain.truncate(length);
        Ok(plain)
    }
}

/// The key for the code with this header.
fn key(derived: &Derived, header: &[u8]) -> Result<LessSafeKey, SealingFailed> {
    let mut bytes = Zeroizing::new([0; LENGTH]);
    derived
        .pseudorandom_key
        .expand(&[KEY_LABEL, header], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut *bytes))
        .and_then(|()| UnboundKey::new(&AES_256_GCM, &*bytes))
        .map(LessSafeKey::new)
        .map_err(|_| SealingFailed)
}

/// The same each time: a key seals once.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

#[cfg(test)]
mod tests {
    use super::super::tests::{NEW, OLD};
    use super::*;

    #[test]
    fn any_root_secret_opens_a_code_in_its_context() {
        let old = RootSecrets::parse(OLD).unwrap();
        let both = RootSecrets::parse(&format!("{NEW} {OLD}")).unwrap();
        let code = old.seal_code(b"head", b"client", b"content").unwrap();
        let plain = both.open_code(&code, 4, b"client").unwrap();
        assert_eq!(*plain, b"content");
        let code = both.seal_code(b"head", b"client", b"content").unwrap();
        assert_eq!(old.open_code(&code, 4, b"client"), Err(UnsealError::Mac));
        assert_eq!(both.open_code(&code, 4, b"x"), Err(UnsealError::Context));
    }

    /// row 75: every byte counts.
    #[test]
    fn a_code_with_one_changed_byte_is_refused_by_its_mac() {
        let secrets = RootSecrets::parse(OLD).unwrap();
        let code = secrets.seal_code(b"head", b"client", b"content").unwrap();
        for at in 0..code.len() {
            let mut damaged = code.clone();
            damaged[at] ^= 1;
            let opened = secrets.open_code(&damaged, 4, b"client");
            assert_eq!(opened, Err(UnsealError::Mac), "at {at}");
            let cut = secrets.open_code(&code[..at], 4, b"client");
            assert_eq!(cut, Err(UnsealError::Mac));
        }
    }

    /// row 74: the content cannot be read.
    #[test]
    fn equal_contents_have_different_texts_that_do_not_contain_them() {
        let secrets = RootSecrets::parse(OLD).unwrap();
        let seal = |header: &[u8]| secrets.seal_code(header, b"", b"content").unwrap();
        let (one, other) = (seal(b"a"), seal(b"b"));
        assert_ne!(one[1..8], other[1..8]);
        assert!(!one.windows(7).any(|part| part == b"content"));
    }
}
