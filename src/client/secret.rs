//! New client secrets, generated or given, and their digest.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::InvalidSetting;
use crate::secret::{Secret, random_bytes};

/// A given secret must be as hard to guess as a generated one.
const MIN_LENGTH: usize = 32;
const MAX_LENGTH: usize = 255;
/// Ten years, as for sessions.
const MAX_LIFETIME: Duration = Duration::from_hours(3650 * 24);

/// A new client secret. Only its digest is stored.
#[derive(Clone, Debug)]
pub struct NewSecret {
    text: Secret,
    expires_in: Option<Duration>,
}

impl NewSecret {
    /// A secret of 256 random bits that does not expire.
    pub fn random() -> Self {
        let bits = URL_SAFE_NO_PAD.encode(random_bytes::<32>());
        Self {
            text: Secret::new(format!("jcs_{bits}")),
            expires_in: None,
        }
    }

    /// A secret that was generated elsewhere and does not expire.
    pub fn given(text: Secret) -> Result<Self, InvalidSetting> {
        // "client-secret = *VSCHAR", RFC 6749 Appendix A.2.
        let printable = text
            .expose()
            .bytes()
            .all(|byte| matches!(byte, 0x20..=0x7E));
        if !printable || !(MIN_LENGTH..=MAX_LENGTH).contains(&text.expose().len()) {
            return Err(InvalidSetting::new(
                "client_secret",
                format!(
                    "must be {MIN_LENGTH} to {MAX_LENGTH} random characters of printable ASCII: the \
                     server stores a fast digest of it"
                ),
            ));
        }
        Ok(Self {
            text,
            expires_in: None,
        })
    }

    /// The same secret with this lifetime; `None`: it does not expire.
    pub fn expiring(self, expires_in: Option<Duration>) -> Result<Self, InvalidSetting> {
        let in_range =
            |lifetime: Duration| lifetime >= Duration::from_secs(1) && lifetime <= MAX_LIFETIME;
        if expires_in.is_some_and(|lifetime| !in_range(lifetime)) {
            return Err(InvalidSetting::new("expires_in", "must be 1s to 3650d"));
        }
        Ok(Self { expires_in, ..self })
    }

    /// The secret itself, to be shown once.
    pub const fn text(&self) -> &Secret {
        &self.text
    }

    /// The lifetime; `None`: it does not expire.
    pub const fn expires_in(&self) -> Option<Duration> {
        self.expires_in
    }
}

/// SHA-256 of a client secret. A fast digest is enough, because a secret has 256 random bits.
pub fn secret_digest(secret: &str) -> [u8; SHA256_OUTPUT_LEN] {
    let mut bytes = [0; SHA256_OUTPUT_LEN];
    let digest = digest(&SHA256, secret.as_bytes());
    for (place, byte) in bytes.iter_mut().zip(digest.as_ref()) {
        *place = *byte;
    }
    bytes
}
