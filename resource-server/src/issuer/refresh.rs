//! The background task that fetches an issuer's keys and publishes them.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use super::fetch::redacted;
use super::fetch_error::FetchError;
use super::key_source::{FetchedKeys, KeySource};
use super::snapshot::KeySnapshot;
use crate::observer::Observer;

/// Freshness of keys if the response does not state it.
const DEFAULT_FRESHNESS: Duration = Duration::from_mins(10);
const MIN_FRESHNESS: Duration = Duration::from_secs(30);
const MAX_FRESHNESS: Duration = Duration::from_hours(24);
/// The retry delay after a failure, which doubles up to the maximum.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const MAX_RETRY: Duration = Duration::from_mins(1);

/// Fetches before the keys expire, after a failure, and on request.
pub(super) struct RefreshTask {
    pub source: KeySource,
    pub publish: watch::Sender<Arc<KeySnapshot>>,
    pub requests: Arc<FetchRequests>,
    pub observer: Option<Arc<dyn Observer>>,
}

/// Requests for an immediate fetch.
#[derive(Debug, Default)]
pub(super) struct FetchRequests {
    pub wake: Notify,
    /// Number of started fetches.
    pub started: AtomicU64,
}

impl RefreshTask {
    pub(super) async fn run(mut self) {
        let mut retry = FIRST_RETRY;
        loop {
            self.requests.started.fetch_add(1, Ordering::SeqCst);
            let started_at = Instant::now();
            let outcome = self.source.fetch().await;
            if let Some(observer) = &self.observer {
                observer.fetched(outcome.as_ref().map(|_| ()));
            }
            let next = match outcome {
                Ok(fetched) => {
                    retry = FIRST_RETRY;
                    self.publish_keys(fetched, started_at)
                }
                Err(error) => {
                    self.publish_failure(error);
                    let next = Instant::now() + jittered(retry);
                    retry = (retry * 2).min(MAX_RETRY);
                    next
                }
            };
            tokio::select! {
                () = sleep_until(next) => {}
                () = self.requests.wake.notified() => {}
            }
        }
    }

    /// Publishes fetched keys; returns the time of the next fetch.
    fn publish_keys(&self, fetched: FetchedKeys, started_at: Instant) -> Instant {
        let now = Instant::now();
        let fresh_for = fetched
            .fresh_for
            .unwrap_or(DEFAULT_FRESHNESS)
            .clamp(MIN_FRESHNESS, MAX_FRESHNESS);
        let before = Arc::clone(&self.publish.borrow());
        if let Some((since, _)) = &before.failing {
            let after = since.elapsed().as_secs();
            tracing::info!(after, "fetching the issuer's keys works again");
        }
        if let Some(keys) = &fetched.keys {
            let from = redacted(&fetched.jwks_uri);
            tracing::info!(kids = ?keys.ids(), from, "fetched the issuer's keys");
        }
        self.publish.send_replace(Arc::new(KeySnapshot {
            keys: fetched.keys.map(Arc::new).or_else(|| before.keys.clone()),
            confirmed_at: Some(started_at),
            fresh_until: Some(now + fresh_for),
            jwks_uri: Some(redacted(&fetched.jwks_uri)),
            endpoints: fetched.endpoints,
            fetches: before.fetches + 1,
            failures: before.failures,
            failing: None,
        }));
        // Before the keys expire, with jitter so that APIs do not all fetch at once.
        now + jittered(fresh_for * 4 / 5)
    }

    fn publish_failure(&self, error: FetchError) {
        let before = Arc::clone(&self.publish.borrow());
        let last = before.failing.as_ref();
        // A repeated error is logged once.
        if last.map(|(_, error)| error) != Some(&error) {
            let has_keys = before.keys.is_some();
            tracing::warn!(%error, has_keys, "cannot fetch the issuer's keys; retrying");
        }
        let since = last.map_or_else(Instant::now, |(since, _)| *since);
        self.publish.send_replace(Arc::new(KeySnapshot {
            fetches: before.fetches + 1,
            failures: before.failures + 1,
            failing: Some((since, error)),
            ..KeySnapshot::clone(&before)
        }));
    }
}

/// 90 to 100 percent of a time.
fn jittered(time: Duration) -> Duration {
    let thousandths = 900 + u32::try_from(RandomState::new().hash_one(0_u8) % 101).unwrap_or(0);
    time / 1000 * thousandths
}
