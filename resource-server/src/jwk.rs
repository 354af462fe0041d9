//! Parses a JWK set (RFC 7517). Unusable keys are skipped; a key that is used is checked strictly.

use aws_lc_rs::signature::ParsedPublicKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::algorithm::{Algorithm, KeyKind};

/// "A key of size 2048 bits or larger MUST be used", RFC 7518 §3.3.
const MIN_RSA_BITS: usize = 2048;
/// The limit of the cryptographic library; it also limits the CPU time per signature.
const MAX_RSA_BITS: usize = 8192;

/// Parsed keys that verify signatures.
#[derive(Debug, Default)]
pub(crate) struct KeySet {
    keys: Vec<Key>,
}

/// One key, with a parsed form for each algorithm that it may verify.
#[derive(Debug)]
pub(crate) struct Key {
    id: Option<String>,
    parsed: Vec<(Algorithm, ParsedPublicKey)>,
}

/// "Implementations SHOULD ignore JWKs within a JWK Set that use "kty" (key type) values that are not
/// understood by them, that are missing required members, or for which values are out of the
/// supported ranges", RFC 7517 §5.
#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    n: Option<String>,
    e: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// Why a JWK set cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeySetError {
    /// Not JSON, or without `keys`.
    NotAJwkSet,
    /// Without a key for an allowed algorithm.
    NoUsableKey,
}

impl KeySet {
    /// Parses the keys that verify with one of the `allowed` algorithms.
    pub(crate) fn parse(document: &[u8], allowed: &[Algorithm]) -> Result<Self, KeySetError> {
        let document: Document =
            serde_json::from_slice(document).map_err(|_| KeySetError::NotAJwkSet)?;
        let keys: Vec<Key> = document
            .keys
            .into_iter()
            .filter_map(|jwk| serde_json::from_value::<Jwk>(jwk).ok())
            .filter_map(|jwk| jwk.usable(allowed))
            .collect();
        if keys.is_empty() {
            return Err(KeySetError::NoUsableKey);
        }
        Ok(Self { keys })
    }

    /// The keys that may have signed a token: those with its `kid`, or without a `kid` the only key.
    ///
    /// "If there are multiple keys in the referenced JWK Set document, a "kid" value MUST be provided
    /// in the JOSE Header", OpenID Connect Core §10.1.
    pub(crate) fn find<'k>(
        &'k self,
        kid: Option<&'k str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &'k ParsedPublicKey> {
        self.with_id(kid)
            .filter_map(move |key| key.for_algorithm(algorithm))
    }

    /// Whether there is a key with this `kid`, for any algorithm.
    pub(crate) fn has(&self, kid: Option<&str>) -> bool {
        self.with_id(kid).next().is_some()
    }

    /// The `kid` of each key.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.keys.iter().filter_map(|key| key.id.clone()).collect()
    }

    fn with_id<'k>(&'k self, kid: Option<&'k str>) -> impl Iterator<Item = &'k Key> {
        self.keys.iter().filter(move |key| match kid {
            Some(kid) => key.id.as_deref() == Some(kid),
            None => self.keys.len() == 1,
        })
    }
}

impl Key {
    fn for_algorithm(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        self.parsed
            .iter()
            .find(|(own, _)| *own == algorithm)
            .map(|(_, key)| key)
    }
}

impl Jwk {
    fn usable(self, allowed: &[Algorithm]) -> Option<Key> {
        if self.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return None;
        }
        if let Some(operations) = &self.key_ops
            && !operations.iter().any(|operation| operation == "verify")
        {
            return None;
        }
        let kind = self.kind()?;
        let own = match self.alg.as_deref() {
            // A key with `alg` verifies with that algorithm only.
            Some(name) => Some(Algorithm::from_name(name)?),
            None => None,
        };
        let parsed: Vec<_> = allowed
            .iter()
            .copied()
            .filter(|algorithm| own.is_none_or(|own| own == *algorithm))
            .filter(|algorithm| algorithm.key_kind() == kind)
            .filter_map(|algorithm| Some((algorithm, self.parse(algorithm)?)))
            .collect();
        (!parsed.is_empty()).then_some(Key {
            id: self.kid,
            parsed,
        })
    }

    fn kind(&self) -> Option<KeyKind> {
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => Some(KeyKind::Rsa),
            ("EC", Some("P-256")) => Some(KeyKind::P256),
            ("EC", Some("P-384")) => Some(KeyKind::P384),
            ("OKP", Some("Ed25519")) => Some(KeyKind::Ed25519),
            _ => None,
        }
    }

    fn parse(&self, algorithm: Algorithm) -> Option<ParsedPublicKey> {
        match algorithm.key_kind() {
            KeyKind::Rsa => {
                let n = decode(self.n.as_deref()?)?;
                let e = decode(self.e.as_deref()?)?;
                // Some issuers write a leading zero byte, which RFC 7518 §6.3.1.1 warns of.
                let n = without_leading_zeros(&n);
                let e = without_leading_zeros(&e);
                // "The RSA public exponent e is an integer between 3 and n - 1", and odd, RFC 8017 §3.1.
                let exponent = bits(e) > 1 && e.last().is_some_and(|last| last % 2 == 1);
                (exponent && (MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits(n)))
                    .then(|| algorithm.rsa_key(n, e))
                    .flatten()
            }
            KeyKind::P256 => algorithm.curve_key(&self.point(32)?),
            KeyKind::P384 => algorithm.curve_key(&self.point(48)?),
            KeyKind::Ed25519 => {
                let x = decode(self.x.as_deref()?)?;
                (x.len() == 32).then(|| algorithm.curve_key(&x)).flatten()
            }
        }
    }

    /// The uncompressed point of two coordinates, each of which "MUST be the full size of a
    /// coordinate for the curve", RFC 7518 §6.2.1.2.
    fn point(&self, size: usize) -> Option<Vec<u8>> {
        let x = decode(self.x.as_deref()?)?;
        let y = decode(self.y.as_deref()?)?;
        (x.len() == size && y.len() == size).then(|| [&[4], x.as_slice(), y.as_slice()].concat())
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

fn bits(number: &[u8]) -> usize {
    number
        .first()
        .map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}
