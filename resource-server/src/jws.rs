//! Parses a signed token in compact form (RFC 7515 §7.1) and checks its header.

use aws_lc_rs::signature::ParsedPublicKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};

use crate::algorithm::Algorithm;
use crate::json::{self, JsonError};
use crate::refusal::Refusal;

/// "A recipient using the media type value MUST treat it as if "application/" were prepended to any
/// "typ" value not containing a '/'", RFC 7515 §4.1.9.
const APPLICATION: &str = "application/";

/// The checks of a header.
#[derive(Clone, Debug)]
pub(crate) struct HeaderPolicy {
    /// The maximum length of a token, in bytes.
    pub max_length: usize,
    /// The accepted values of `alg`.
    pub algorithms: Vec<Algorithm>,
    /// Whether `typ: JWT` is accepted.
    pub accept_typ_jwt: bool,
}

/// A token with a valid header; its signature is not verified yet.
pub(crate) struct Jws<'t> {
    pub algorithm: Algorithm,
    pub kid: Option<String>,
    payload: &'t str,
    /// Header and payload, encoded as they were signed.
    message: &'t str,
    signature: Vec<u8>,
}

/// The members that are read. `jku`, `jwk`, `x5u` and `x5c` are not, because they would let a token bring
/// its own key (RFC 8725 §3.10).
#[derive(Deserialize)]
struct Header {
    alg: Option<String>,
    typ: Option<String>,
    kid: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

/// Whether a member is present, also if it is `null`.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|IgnoredAny| true)
}

impl<'t> Jws<'t> {
    /// Parses a token and checks its header.
    pub(crate) fn parse(token: &'t str, policy: &HeaderPolicy) -> Result<Self, Refusal> {
        if token.len() > policy.max_length {
            return Err(Refusal::TooLong);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(Refusal::Malformed)?;
        if payload.contains('.') {
            return Err(Refusal::Malformed);
        }
        let header: Header = json::parse_object(&decode(header)?).map_err(|error| match error {
            JsonError::Malformed => Refusal::Malformed,
            JsonError::Duplicate => Refusal::Duplicate,
        })?;
        let algorithm = policy.check(&header)?;
        Ok(Self {
            algorithm,
            kid: header.kid,
            payload,
            message,
            signature: decode(signature)?,
        })
    }

    /// Whether the signature verifies with one of the keys.
    pub(crate) fn verify<'k>(&self, mut keys: impl Iterator<Item = &'k ParsedPublicKey>) -> bool {
        keys.any(|key| {
            key.verify_sig(self.message.as_bytes(), &self.signature)
                .is_ok()
        })
    }

    pub(crate) fn payload(&self) -> Result<Vec<u8>, Refusal> {
        decode(self.payload)
    }
}

impl HeaderPolicy {
    fn check(&self, header: &Header) -> Result<Algorithm, Refusal> {
        // "Libraries MUST enable the caller to specify a supported set of algorithms and MUST NOT use
        // any other algorithms", RFC 8725 §3.1.
        let algorithm = header
            .alg
            .as_deref()
            .and_then(Algorithm::from_name)
            .filter(|algorithm| self.algorithms.contains(algorithm))
            .ok_or(Refusal::AlgorithmNotAllowed)?;
        // "If any of the listed extension Header Parameters are not understood and supported by the
        // recipient, then the JWS is invalid", RFC 7515 §4.1.11. None is supported.
        if header.crit {
            return Err(Refusal::Critical);
        }
        if !header.typ.as_deref().is_some_and(|typ| self.allows(typ)) {
            return Err(Refusal::WrongType);
        }
        Ok(algorithm)
    }

    /// "The resource server MUST verify that the "typ" header value is "at+jwt" or
    /// "application/at+jwt" and reject tokens carrying any other value", RFC 9068 §4. Media types are
    /// compared without regard to case (RFC 7515 §4.1.9, RFC 2045).
    fn allows(&self, typ: &str) -> bool {
        let bare = match typ.split_at_checked(APPLICATION.len()) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case(APPLICATION) => rest,
            _ => typ,
        };
        bare.eq_ignore_ascii_case("at+jwt")
            || (self.accept_typ_jwt && bare.eq_ignore_ascii_case("JWT"))
    }
}

/// Decodes one part of a token; padding and other characters are refused.
pub(crate) fn decode(part: &str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Malformed)
}
