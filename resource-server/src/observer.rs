//! Callbacks for metrics.

use crate::issuer::fetch_error::FetchError;
use crate::refusal::Refusal;

/// Receives an event for each token and each fetch, for metrics. The methods run on the hot path and must
/// not block.
pub trait Observer: Send + Sync + std::fmt::Debug {
    /// A token was accepted.
    fn verified(&self) {}
    /// A request was refused; [`Refusal::reason`] is a label for a metric.
    fn refused(&self, refusal: Refusal) {
        let _ = refusal;
    }
    /// A fetch of the keys ended.
    fn fetched(&self, outcome: Result<(), &FetchError>) {
        let _ = outcome;
    }
}
