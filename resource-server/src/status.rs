//! How a verifier is doing: for a health probe, and for metrics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::issuer::feed::Ended;
use crate::issuer::fetch::FetchError;
use crate::refusal::Refusal;
use crate::verifier::TrustedIssuer;

/// Is told what a verifier does, as it does it: for metrics. The methods are called on the hot path
/// and must not block.
pub trait Observer: Send + Sync + std::fmt::Debug {
    /// A token was found good.
    fn verified(&self) {}
    /// A request was refused; [`Refusal::reason`] makes a label.
    fn refused(&self, refusal: Refusal) {
        let _ = refusal;
    }
    /// The keys were fetched, or could not be.
    fn fetched(&self, outcome: Result<(), &FetchError>) {
        let _ = outcome;
    }
}

/// How a verifier is doing.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// Each issuer that is trusted.
    pub issuers: Vec<IssuerStatus>,
    /// How many requests had a good token.
    pub verified: u64,
    /// How many requests were refused, by [`Refusal::reason`].
    pub refused: BTreeMap<&'static str, u64>,
}

/// What is known of one issuer's keys.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct IssuerStatus {
    /// The issuer.
    pub issuer: String,
    /// Where its keys are, once that is known.
    pub jwks_uri: Option<String>,
    /// The names of the keys.
    pub key_ids: Vec<String>,
    /// Whether there are keys to verify with, and the outage of the issuer is not too long to use them.
    pub has_keys: bool,
    /// Seconds since the issuer last confirmed them.
    pub keys_age: Option<u64>,
    /// Whether they are younger than the issuer lets them become.
    pub fresh: bool,
    /// How often they were asked for.
    pub fetches: u64,
    /// How often that failed.
    pub failures: u64,
    /// Seconds since which it fails.
    pub failing_for: Option<u64>,
    /// Why it failed the last time.
    pub last_error: Option<String>,
    /// What is known of ended sessions, if the verifier asks for them.
    pub revocations: Option<RevocationStatus>,
}

/// What is known of the sessions that an issuer ended.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct RevocationStatus {
    /// How many sessions are known to be over while tokens of theirs may be alive.
    pub sessions: usize,
    /// Seconds since the issuer last answered.
    pub age: Option<u64>,
    /// Seconds since which it does not: tokens of sessions that ended since go on until they expire.
    pub failing_for: Option<u64>,
    /// Why it failed the last time.
    pub last_error: Option<String>,
}

impl Status {
    /// Whether every issuer's tokens can be verified: what a readiness probe asks. An issuer that is
    /// down does not matter as long as its keys are there.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.issuers.iter().all(|issuer| issuer.has_keys)
    }
}

impl IssuerStatus {
    pub(crate) fn new(issuer: &TrustedIssuer) -> Self {
        let keeper = &issuer.keeper;
        let snapshot = keeper.snapshot();
        let now = tokio::time::Instant::now();
        let failing = snapshot.failing.as_ref();
        Self {
            issuer: issuer.claims.issuer.clone(),
            jwks_uri: snapshot.jwks_uri.clone(),
            key_ids: snapshot
                .keys
                .as_ref()
                .map(|keys| keys.ids())
                .unwrap_or_default(),
            has_keys: keeper.usable(&snapshot).is_some(),
            keys_age: snapshot.confirmed_at.map(|at| (now - at).as_secs()),
            fresh: snapshot.keys.is_some() && snapshot.fresh_until.is_none_or(|until| now < until),
            fetches: snapshot.fetches,
            failures: snapshot.failures,
            failing_for: failing.map(|(since, _)| (now - *since).as_secs()),
            last_error: failing.map(|(_, error)| error.to_string()),
            revocations: issuer.ended.as_ref().map(RevocationStatus::new),
        }
    }
}

impl RevocationStatus {
    fn new(ended: &Ended) -> Self {
        let known = ended.known();
        let failing = known.failing.as_ref();
        Self {
            sessions: known.count(),
            age: known.as_of.map(|at| at.elapsed().as_secs()),
            failing_for: failing.map(|(since, _)| since.elapsed().as_secs()),
            last_error: failing.map(|(_, error)| error.to_string()),
        }
    }
}

/// Counts what a verifier did.
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
