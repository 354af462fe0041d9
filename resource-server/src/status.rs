//! The status of a verifier, for health probes and metrics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use tokio::time::Instant;

use crate::issuer::fetch_error::FetchError;
use crate::issuer::revoked_sessions::RevokedSessions;
use crate::refusal::Refusal;
use crate::trusted_issuer::TrustedIssuer;

/// The status of a verifier.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// The trusted issuers.
    pub issuers: Vec<IssuerStatus>,
    /// Number of accepted tokens.
    pub verified: u64,
    /// Number of refused requests, by [`Refusal::reason`].
    pub refused: BTreeMap<&'static str, u64>,
}

/// The status of one issuer's keys.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct IssuerStatus {
    /// The issuer.
    pub issuer: String,
    /// The URL of the keys, once it is known.
    pub jwks_uri: Option<String>,
    /// The `kid` of each key.
    pub key_ids: Vec<String>,
    /// Whether there are keys, and an outage has not exceeded `max_outage`.
    pub has_keys: bool,
    /// Seconds since the issuer last confirmed the keys.
    pub keys_age: Option<u64>,
    /// Whether the keys are fresh by the issuer's `Cache-Control`.
    pub fresh: bool,
    /// Number of fetches.
    pub fetches: u64,
    /// Number of failed fetches.
    pub failures: u64,
    /// Seconds since fetches began to fail.
    pub failing_for: Option<u64>,
    /// The last error, while fetches fail.
    pub last_error: Option<String>,
    /// The status of the revocation feed, if there is one.
    pub revocations: Option<RevocationStatus>,
}

/// The status of a revocation feed.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct RevocationStatus {
    /// Number of revoked sessions with tokens that may not have expired.
    pub sessions: usize,
    /// Seconds since the last successful fetch.
    pub age: Option<u64>,
    /// Seconds since fetches began to fail. Tokens of sessions revoked since then are accepted until they
    /// expire.
    pub failing_for: Option<u64>,
    /// The last error, while fetches fail.
    pub last_error: Option<String>,
}

impl Status {
    /// Whether the tokens of every issuer can be verified, for a readiness probe. An issuer that is down
    /// does not matter while its keys are available.
    pub fn is_ready(&self) -> bool {
        self.issuers.iter().all(|issuer| issuer.has_keys)
    }
}

impl IssuerStatus {
    pub(crate) fn new(issuer: &TrustedIssuer) -> Self {
        let snapshot = issuer.keys.snapshot();
        let now = Instant::now();
        let (failing_for, last_error) = failure(snapshot.failing.as_ref());
        let keys = snapshot.keys.as_ref();
        Self {
            issuer: issuer.claims.issuer.clone(),
            jwks_uri: snapshot.jwks_uri.clone(),
            key_ids: keys.map(|keys| keys.ids()).unwrap_or_default(),
            has_keys: issuer.keys.usable(&snapshot).is_some(),
            keys_age: snapshot.confirmed_at.map(|at| (now - at).as_secs()),
            fresh: keys.is_some() && snapshot.fresh_until.is_none_or(|until| now < until),
            fetches: snapshot.fetches,
            failures: snapshot.failures,
            failing_for,
            last_error,
            revocations: issuer.revoked.as_ref().map(RevocationStatus::new),
        }
    }
}

impl RevocationStatus {
    fn new(revoked: &RevokedSessions) -> Self {
        let snapshot = revoked.snapshot();
        let (failing_for, last_error) = failure(snapshot.failing.as_ref());
        Self {
            sessions: snapshot.count(),
            age: snapshot.fetched_at.map(|at| at.elapsed().as_secs()),
            failing_for,
            last_error,
        }
    }
}

fn failure(failing: Option<&(Instant, FetchError)>) -> (Option<u64>, Option<String>) {
    failing
        .map(|(since, error)| (since.elapsed().as_secs(), error.to_string()))
        .unzip()
}

/// Counts accepted tokens and refused requests.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    verified: AtomicU64,
    refused: Mutex<BTreeMap<&'static str, u64>>,
}

impl Counters {
    pub(crate) fn verified(&self) {
        self.verified.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn refused(&self, refusal: Refusal) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused.entry(refusal.reason()).or_default() += 1;
    }

    pub(crate) fn read(&self) -> (u64, BTreeMap<&'static str, u64>) {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        (self.verified.load(Ordering::Relaxed), refused.clone())
    }
}
