//! What is known of an issuer's keys at one time.

use std::sync::Arc;

use tokio::time::Instant;

use super::fetch::FetchError;
use super::metadata::Endpoints;
use crate::jwk::KeySet;

/// What is known of the keys at one time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub keys: Option<Arc<KeySet>>,
    /// When the fetch began that last brought them or found them unchanged.
    pub confirmed_at: Option<Instant>,
    /// Until when the issuer said they may be kept.
    pub fresh_until: Option<Instant>,
    /// Where they are.
    pub jwks_uri: Option<String>,
    /// Where it does what else.
    pub endpoints: Endpoints,
    /// How many fetches have ended, and how many of them in failure.
    pub fetches: u64,
    pub failures: u64,
    /// Since when fetches fail, and why the last did.
    pub failing: Option<(Instant, FetchError)>,
}
