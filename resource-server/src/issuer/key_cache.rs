//! Caches an issuer's keys: one task fetches them and publishes snapshots, which verifiers read.
//!
//! The task fetches before the keys expire, retries after a failure, and fetches at once for a token with
//! an unknown key. Verifiers wait for it only in the last case.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use super::key_source::KeySource;
use super::refresh::{FetchRequests, RefreshTask};
use super::snapshot::KeySnapshot;
use crate::jwk::KeySet;
use crate::observer::Observer;

/// The keys of one issuer, refreshed until this is dropped.
#[derive(Debug)]
pub(crate) struct KeyCache {
    snapshot: watch::Receiver<Arc<KeySnapshot>>,
    requests: Arc<FetchRequests>,
    policy: CachePolicy,
    /// The last fetch that was requested for a token.
    last_request: Mutex<Option<FetchRequest>>,
    /// `None` for fixed keys.
    task: Option<AbortHandle>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct CachePolicy {
    /// Minimum time between two fetches for tokens.
    pub cool_down: Duration,
    /// How long a request waits for a fetch.
    pub wait: Duration,
    /// Maximum use of keys after their freshness. `None`: no limit.
    pub max_outage: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
struct FetchRequest {
    at: Instant,
    /// The number of the fetch that serves the request.
    fetch: u64,
    /// Whether there were no keys at all.
    without_keys: bool,
}

/// The result of a lookup by `kid`.
pub(crate) enum Lookup {
    /// The current keys. They contain the `kid`, or were fetched after the lookup began.
    Found(Arc<KeySet>),
    /// The `kid` was missing at the last fetch, which was `age` ago, and the cool-down forbids another.
    MissingAtLastFetch { age: Duration },
    /// The issuer is unreachable, so that the `kid` may exist.
    Unavailable,
}

impl KeyCache {
    /// Starts the task, which ends when the cache is dropped.
    pub(crate) fn start(
        source: KeySource,
        policy: CachePolicy,
        observer: Option<Arc<dyn Observer>>,
        runtime: &tokio::runtime::Handle,
    ) -> Self {
        let (publish, snapshot) = watch::channel(Arc::default());
        let requests = Arc::new(FetchRequests::default());
        let task = RefreshTask {
            source,
            publish,
            requests: Arc::clone(&requests),
            observer,
        };
        Self {
            snapshot,
            requests,
            policy,
            last_request: Mutex::new(None),
            task: Some(runtime.spawn(task.run()).abort_handle()),
        }
    }

    /// A cache of fixed keys, which are never fetched.
    pub(crate) fn fixed(keys: KeySet, policy: CachePolicy) -> Self {
        let (_, snapshot) = watch::channel(Arc::new(KeySnapshot {
            keys: Some(Arc::new(keys)),
            confirmed_at: Some(Instant::now()),
            ..KeySnapshot::default()
        }));
        Self {
            snapshot,
            requests: Arc::default(),
            policy,
            last_request: Mutex::new(None),
            task: None,
        }
    }

    pub(crate) fn snapshots(&self) -> watch::Receiver<Arc<KeySnapshot>> {
        self.snapshot.clone()
    }

    pub(crate) fn snapshot(&self) -> Arc<KeySnapshot> {
        Arc::clone(&self.snapshot.borrow())
    }

    /// The snapshot after the first fetch.
    pub(crate) async fn first_snapshot(&self) -> Arc<KeySnapshot> {
        let mut snapshots = self.snapshot.clone();
        let first = snapshots.wait_for(|snapshot| snapshot.fetches > 0 || self.task.is_none());
        first
            .await
            .map_or_else(|_| Arc::default(), |first| Arc::clone(&first))
    }

    /// The keys for a token with this `kid`. If it is unknown, waits for a fetch, which all requests share
    /// and which starts after the cool-down at the earliest.
    pub(crate) async fn find(&self, kid: Option<&str>) -> Lookup {
        let has = |keys: &Arc<KeySet>| keys.has(kid);
        let snapshot = self.snapshot();
        if let Some(keys) = self.usable(&snapshot)
            && (has(&keys) || self.task.is_none())
        {
            return Lookup::Found(keys);
        }
        let began = Instant::now();
        if let Some(fetch) = self.request_fetch(&snapshot) {
            let mut snapshots = self.snapshot.clone();
            let fetched = snapshots.wait_for(|snapshot| {
                snapshot.fetches >= fetch || self.usable(snapshot).as_ref().is_some_and(has)
            });
            let fetched = timeout(self.policy.wait, fetched).await;
            // The fetch timed out, or the task ended with its runtime.
            if !fetched.is_ok_and(|fetched| fetched.is_ok()) {
                return Lookup::Unavailable;
            }
        }
        let snapshot = self.snapshot();
        let failing = snapshot.failing.is_some();
        match (self.usable(&snapshot), snapshot.confirmed_at) {
            (Some(keys), _) if has(&keys) => Lookup::Found(keys),
            // While the issuer is unreachable, a missing key may be a new one. The client should retry, not
            // sign in again.
            (Some(keys), Some(at)) if !failing && at >= began => Lookup::Found(keys),
            (Some(_), Some(at)) if !failing => Lookup::MissingAtLastFetch { age: began - at },
            _ => Lookup::Unavailable,
        }
    }

    /// The keys, unless `max_outage` is exceeded.
    pub(crate) fn usable(&self, snapshot: &KeySnapshot) -> Option<Arc<KeySet>> {
        let keys = snapshot.keys.clone()?;
        let (Some(max_outage), Some(fresh_until)) = (self.policy.max_outage, snapshot.fresh_until)
        else {
            return Some(keys);
        };
        let end = fresh_until.checked_add(max_outage);
        end.is_none_or(|end| Instant::now() < end).then_some(keys)
    }

    /// Requests a fetch and returns its number. A requested fetch that has not ended serves this request
    /// too. `None` during the cool-down.
    fn request_fetch(&self, snapshot: &KeySnapshot) -> Option<u64> {
        let now = Instant::now();
        let without_keys = self.usable(snapshot).is_none();
        let mut last = self
            .last_request
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = *last {
            if snapshot.fetches < last.fetch {
                return Some(last.fetch);
            }
            // The fetch of the first keys was not caused by an unknown key, so it starts no cool-down.
            let counts = !last.without_keys || without_keys;
            if counts && now - last.at < self.policy.cool_down {
                return None;
            }
        }
        let fetch = self.requests.started.load(Ordering::SeqCst) + 1;
        *last = Some(FetchRequest {
            at: now,
            fetch,
            without_keys,
        });
        self.requests.wake.notify_one();
        Some(fetch)
    }
}

impl Drop for KeyCache {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
