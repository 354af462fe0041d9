//! The one task that fetches an issuer's keys and publishes them.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::fetch::{FetchError, shown};
use super::keeper::Shared;
use super::snapshot::Snapshot;
use super::source::{Harvest, Source};
use crate::status::Observer;

/// How long keys are kept when the answer does not say; what jose does.
const DEFAULT_FRESHNESS: Duration = Duration::from_mins(10);
/// An answer that may not be kept at all is fetched this often, and none is kept for longer than a day.
const SHORTEST_FRESHNESS: Duration = Duration::from_secs(30);
const LONGEST_FRESHNESS: Duration = Duration::from_hours(24);
/// After a failure the next try comes after one second, then two, four…
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Fetches before what there is expires, again after a failure, and when it is woken.
pub(super) struct Task {
    pub source: Source,
    pub publish: watch::Sender<Arc<Snapshot>>,
    pub shared: Arc<Shared>,
    pub observer: Option<Arc<dyn Observer>>,
}

impl Task {
    pub(super) async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            self.shared.begun.fetch_add(1, Ordering::SeqCst);
            let asked_at = Instant::now();
            let outcome = self.source.fetch().await;
            if let Some(observer) = &self.observer {
                observer.fetched(outcome.as_ref().map(|_| ()));
            }
            let next = match outcome {
                Ok(harvest) => {
                    pause = FIRST_PAUSE;
                    self.succeed(harvest, asked_at)
                }
                Err(error) => {
                    self.fail(error);
                    let now = Instant::now() + jittered(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    now
                }
            };
            tokio::select! {
                () = sleep_until(next) => {}
                () = self.shared.wake.notified() => {}
            }
        }
    }

    /// Publishes what was fetched; returns when to fetch again.
    fn succeed(&self, harvest: Harvest, asked_at: Instant) -> Instant {
        let now = Instant::now();
        let fresh_for = harvest
            .fresh_for
            .unwrap_or(DEFAULT_FRESHNESS)
            .clamp(SHORTEST_FRESHNESS, LONGEST_FRESHNESS);
        let before = Arc::clone(&self.publish.borrow());
        if let Some((since, _)) = &before.failing {
            let after = since.elapsed().as_secs();
            tracing::info!(after, "the issuer's keys can be fetched again");
        }
        if let Some(keys) = &harvest.keys {
            tracing::info!(kids = ?keys.ids(), from = shown(&harvest.jwks_uri), "the issuer's keys");
        }
        self.publish.send_replace(Arc::new(Snapshot {
            keys: harvest.keys.map(Arc::new).or_else(|| before.keys.clone()),
            confirmed_at: Some(asked_at),
            fresh_until: Some(now + fresh_for),
            jwks_uri: Some(shown(&harvest.jwks_uri)),
            endpoints: harvest.endpoints,
            fetches: before.fetches + 1,
            failures: before.failures,
            failing: None,
        }));
        // Before it expires, and not at the same time as everybody else.
        now + jittered(fresh_for * 4 / 5)
    }

    fn fail(&self, error: FetchError) {
        let before = Arc::clone(&self.publish.borrow());
        // Told once, and again when the reason is another.
        if before.failing.as_ref().map(|(_, last)| last) != Some(&error) {
            let has_keys = before.keys.is_some();
            tracing::warn!(%error, has_keys, "the issuer's keys cannot be fetched; trying again");
        }
        let since = before.failing.as_ref().map(|(since, _)| *since);
        let since = since.unwrap_or_else(Instant::now);
        self.publish.send_replace(Arc::new(Snapshot {
            fetches: before.fetches + 1,
            failures: before.failures + 1,
            failing: Some((since, error)),
            ..Snapshot::clone(&before)
        }));
    }
}

/// Between nine and ten tenths of a time.
fn jittered(time: Duration) -> Duration {
    let thousandths = 900 + u32::try_from(RandomState::new().hash_one(0_u8) % 101).unwrap_or(0);
    time / 1000 * thousandths
}
