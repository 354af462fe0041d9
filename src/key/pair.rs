//! An RSA key pair: made by the `rsa` crate, used by aws-lc (RFC 7518 §3.3).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, Jwk, KeyAlgorithm, PublicKeyUse, RSAKeyParameters,
    RSAKeyType, ThumbprintHash,
};
use rsa::RsaPrivateKey;
use rsa::pkcs8::EncodePrivateKey as _;
use rsa::rand_core::{CryptoRng, Error as RandomError, RngCore};
use rsa::traits::PublicKeyParts as _;
use zeroize::Zeroizing;

use super::KeyError;
use crate::secret::random_bytes;

/// A parsed private key.
///
/// `jsonwebtoken::encode` would parse the key anew for each token, which takes twice as long as the
/// signature itself, and takes its signer from a process-wide hook. So the key is held parsed here,
/// and an access token puts its three parts together itself. The `rsa` crate never signs
/// (RUSTSEC-2023-0071: its private operations leak by timing).
pub struct KeyPair(RsaKeyPair);

impl KeyPair {
    /// Reads PKCS#8.
    ///
    /// # Errors
    ///
    /// [`KeyError::CannotSign`] when that is not an RSA key of 2048 bits or more.
    pub fn parse(pkcs8: &[u8]) -> Result<Self, KeyError> {
        RsaKeyPair::from_pkcs8(pkcs8)
            .map(Self)
            .map_err(|_| KeyError::CannotSign)
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        // PKCS #1 v1.5 uses no randomness; the interface asks for a source all the same.
        self.0
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                message,
                &mut signature,
            )
            .map_err(|_| KeyError::CannotSign)?;
        Ok(signature)
    }
}

/// A new key pair: its public half, with the RFC 7638 thumbprint as `kid`, and its private half in
/// PKCS#8. Takes a tenth of a second and more: not for a thread that serves requests.
///
/// # Errors
///
/// [`KeyError::CannotGenerate`] when the library fails.
pub fn generate(bits: usize) -> Result<(Jwk, Zeroizing<Vec<u8>>), KeyError> {
    let private = RsaPrivateKey::new(&mut Random, bits).map_err(|_| KeyError::CannotGenerate)?;
    let pkcs8 = private
        .to_pkcs8_der()
        .map_err(|_| KeyError::CannotGenerate)?;
    let mut jwk = Jwk {
        common: CommonParameters {
            public_key_use: Some(PublicKeyUse::Signature),
            key_algorithm: Some(KeyAlgorithm::RS256),
            ..CommonParameters::default()
        },
        algorithm: AlgorithmParameters::RSA(RSAKeyParameters {
            key_type: RSAKeyType::RSA,
            n: URL_SAFE_NO_PAD.encode(private.n().to_bytes_be()),
            e: URL_SAFE_NO_PAD.encode(private.e().to_bytes_be()),
        }),
    };
    let thumbprint = jwk.thumbprint(ThumbprintHash::SHA256);
    jwk.common.key_id = Some(thumbprint.map_err(|_| KeyError::CannotGenerate)?);
    Ok((jwk, pkcs8.to_bytes()))
}

/// Our source of randomness in the shape that the `rsa` crate asks for.
struct Random;

impl CryptoRng for Random {}

impl RngCore for Random {
    fn next_u32(&mut self) -> u32 {
        u32::from_ne_bytes(random_bytes())
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_ne_bytes(random_bytes())
    }

    fn fill_bytes(&mut self, target: &mut [u8]) {
        for chunk in target.chunks_mut(64) {
            let bytes = Zeroizing::new(random_bytes::<64>());
            for (place, byte) in chunk.iter_mut().zip(bytes.iter()) {
                *place = *byte;
            }
        }
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), RandomError> {
        self.fill_bytes(target);
        Ok(())
    }
}
