//! Secrets of clients: made here, or brought along.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Invalid;
use crate::audit::Cause;
use crate::client_authentication::secret_digest;
use crate::clock::{Timestamp, time_ordered_id};
use crate::secret::{Secret, random_bytes};
use crate::server::AuthorizationServer;
use crate::store::client_secret::{self, Model, SecretError};

/// A secret that is brought along must be as hard to guess as one that is made here.
const SHORTEST: usize = 32;
const LONGEST: usize = 255;
/// Ten years, as for sessions.
const LONGEST_LIFE: Duration = Duration::from_hours(3650 * 24);

/// A secret that a client is given. Nothing but its digest is kept.
#[derive(Clone, Debug)]
pub struct NewSecret {
    text: Secret,
    expires_in: Option<Duration>,
}

impl NewSecret {
    /// 256 random bits.
    #[must_use]
    pub fn random() -> Self {
        let bits = URL_SAFE_NO_PAD.encode(random_bytes::<32>());
        Self {
            text: Secret::new(format!("jcs_{bits}")),
            expires_in: None,
        }
    }

    /// One that was made elsewhere.
    ///
    /// # Errors
    ///
    /// What a secret is.
    pub fn given(text: Secret) -> Result<Self, Invalid> {
        // "client-secret = *VSCHAR", RFC 6749 Appendix A.2.
        let printable = text
            .expose()
            .bytes()
            .all(|byte| matches!(byte, 0x20..=0x7E));
        if !printable || !(SHORTEST..=LONGEST).contains(&text.expose().len()) {
            return Err(Invalid::new(
                "client_secret",
                format!(
                    "must be {SHORTEST} to {LONGEST} characters of printable ASCII, at random: the \
                     server keeps it by a fast digest"
                ),
            ));
        }
        Ok(Self {
            text,
            expires_in: None,
        })
    }

    /// The same, good for so long; `None`: until it is removed.
    ///
    /// # Errors
    ///
    /// How long that may be.
    pub fn expiring(self, expires_in: Option<Duration>) -> Result<Self, Invalid> {
        let within = |life: Duration| life >= Duration::from_secs(1) && life <= LONGEST_LIFE;
        if expires_in.is_some_and(|life| !within(life)) {
            let message = "must be between 1s and 3650d";
            return Err(Invalid::new("expires_in", message));
        }
        Ok(Self { expires_in, ..self })
    }

    /// The secret itself, to be shown once.
    #[must_use]
    pub const fn text(&self) -> &Secret {
        &self.text
    }

    pub(super) fn row(&self, client_id: &str, now: Timestamp) -> Model {
        Model {
            id: time_ordered_id(now),
            client_id: client_id.to_owned(),
            digest: secret_digest(self.text.expose()).to_vec(),
            created_at: now,
            expires_at: self.expires_in.map(|life| now.plus(life)),
        }
    }
}

/// Gives a confidential client one more secret; those that it has stay good.
///
/// # Errors
///
/// [`SecretError::NoClient`] or [`SecretError::TooMany`].
pub async fn add(
    client_id: &str,
    secret: &NewSecret,
    cause: &Cause,
    server: &AuthorizationServer,
) -> Result<Model, SecretError> {
    let row = secret.row(client_id, cause.at);
    client_secret::add(&server.store, row.clone(), cause).await?;
    Ok(row)
}
