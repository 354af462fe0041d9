//! The state of an issuer's keys at one moment.

use std::sync::Arc;

use tokio::time::Instant;

use super::fetch_error::FetchError;
use super::metadata::Endpoints;
use crate::jwk::KeySet;

#[derive(Clone, Debug, Default)]
pub(crate) struct KeySnapshot {
    pub keys: Option<Arc<KeySet>>,
    /// Start of the last fetch that returned the keys or found them unchanged.
    pub confirmed_at: Option<Instant>,
    /// End of the keys' freshness.
    pub fresh_until: Option<Instant>,
    pub jwks_uri: Option<String>,
    pub endpoints: Endpoints,
    /// Number of completed fetches, including the failed ones.
    pub fetches: u64,
    pub failures: u64,
    /// Start of the current series of failures, and the last error.
    pub failing: Option<(Instant, FetchError)>,
}
