//! Keeps an issuer's keys: one task that fetches, and a snapshot that verifiers read.
//!
//! The task fetches before what it has expires, tries again when that fails, and at once when a token
//! names a key that is not there. Verifiers never wait for it unless a token names such a key.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use super::snapshot::Snapshot;
use super::source::Source;
use super::task::Task;
use crate::jwk::KeySet;
use crate::status::Observer;

/// The keys of one issuer, kept fresh for as long as this lives.
#[derive(Debug)]
pub(crate) struct Keeper {
    snapshot: watch::Receiver<Arc<Snapshot>>,
    shared: Arc<Shared>,
    rules: Rules,
    /// The last time that a token asked for a fetch.
    demand: Mutex<Option<Demand>>,
    /// `None` when the keys were given once and for all.
    task: Option<AbortHandle>,
}

/// How patient a keeper is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Between two fetches that tokens ask for.
    pub cool_down: Duration,
    /// How long a request waits for a fetch.
    pub wait: Duration,
    /// For how long keys are used after the last fetch that succeeded; `None`: for as long as it takes.
    pub longest_outage: Option<Duration>,
}

/// What the task and the verifiers share beside the snapshot.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub wake: Notify,
    /// How many fetches have begun.
    pub begun: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
struct Demand {
    at: Instant,
    /// The number of the fetch that answers it.
    fetch: u64,
    /// Whether there was no key at all.
    blind: bool,
}

/// What a search for keys found.
pub(crate) enum Found {
    /// The keys that there are, with one of the name, or without it if the issuer was asked since.
    Keys(Arc<KeySet>),
    /// None of the name was there so long ago, and it is too early to ask again.
    NotThereBefore(Duration),
    /// The issuer cannot be asked, so nobody knows.
    Unavailable,
}

impl Keeper {
    /// Starts the task. It ends when the keeper is dropped.
    pub(crate) fn start(
        source: Source,
        rules: Rules,
        observer: Option<Arc<dyn Observer>>,
        runtime: &tokio::runtime::Handle,
    ) -> Self {
        let (publish, snapshot) = watch::channel(Arc::new(Snapshot::default()));
        let shared = Arc::new(Shared::default());
        let task = Task {
            source,
            publish,
            shared: Arc::clone(&shared),
            observer,
        };
        Self {
            snapshot,
            shared,
            rules,
            demand: Mutex::new(None),
            task: Some(runtime.spawn(task.run()).abort_handle()),
        }
    }

    /// Keys that are given, and never fetched.
    pub(crate) fn fixed(keys: KeySet, rules: Rules) -> Self {
        let now = Instant::now();
        let snapshot = Snapshot {
            keys: Some(Arc::new(keys)),
            confirmed_at: Some(now),
            ..Snapshot::default()
        };
        let (_, snapshot) = watch::channel(Arc::new(snapshot));
        Self {
            snapshot,
            shared: Arc::default(),
            rules,
            demand: Mutex::new(None),
            task: None,
        }
    }

    /// What is known, as it changes.
    pub(crate) fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshot.clone()
    }

    /// What is known now.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.borrow())
    }

    /// What is known after the first fetch.
    pub(crate) async fn first_snapshot(&self) -> Arc<Snapshot> {
        let mut snapshots = self.snapshot.clone();
        let first = snapshots.wait_for(|snapshot| snapshot.fetches > 0 || self.task.is_none());
        first
            .await
            .map_or_else(|_| Arc::default(), |first| Arc::clone(&first))
    }

    /// The keys, for a token signed by the one with this `kid`: as they are if it is among them, or
    /// else as a fetch brings them that is made for all who ask, the next one on behalf of a token after
    /// the cool-down at the earliest.
    pub(crate) async fn keys_for(&self, kid: Option<&str>) -> Found {
        let has = |keys: &Arc<KeySet>| keys.has(kid);
        let snapshot = self.snapshot();
        if let Some(keys) = self.usable(&snapshot)
            && (has(&keys) || self.task.is_none())
        {
            return Found::Keys(keys);
        }
        let asked = Instant::now();
        if let Some(fetch) = self.demand(&snapshot) {
            let mut snapshots = self.snapshot.clone();
            let there = snapshots.wait_for(|snapshot| {
                snapshot.fetches >= fetch || self.usable(snapshot).as_ref().is_some_and(has)
            });
            let ended = timeout(self.rules.wait, there).await;
            // It takes too long, or the task ended with its runtime and nobody fetches any more.
            if !ended.is_ok_and(|ended| ended.is_ok()) {
                return Found::Unavailable;
            }
        }
        let snapshot = self.snapshot();
        let failing = snapshot.failing.is_some();
        match (self.usable(&snapshot), snapshot.confirmed_at) {
            (Some(keys), _) if has(&keys) => Found::Keys(keys),
            // While the issuer cannot be asked, a key that is not there may be a new one: the client is
            // told to come back, not to sign in again.
            (Some(keys), Some(at)) if !failing && at >= asked => Found::Keys(keys),
            (Some(_), Some(at)) if !failing => Found::NotThereBefore(asked - at),
            _ => Found::Unavailable,
        }
    }

    /// The keys, unless it is too long ago that the issuer vouched for them.
    pub(crate) fn usable(&self, snapshot: &Snapshot) -> Option<Arc<KeySet>> {
        let keys = snapshot.keys.clone()?;
        let (Some(longest), Some(fresh_until)) = (self.rules.longest_outage, snapshot.fresh_until)
        else {
            return Some(keys);
        };
        let end = fresh_until.checked_add(longest);
        end.is_none_or(|end| Instant::now() < end).then_some(keys)
    }

    /// Asks the task for a fetch, and says which one to wait for: its own, or the one that another
    /// asked for and that is still under way. `None` during the cool-down.
    fn demand(&self, snapshot: &Snapshot) -> Option<u64> {
        let now = Instant::now();
        let mut last = self.demand.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = *last {
            if snapshot.fetches < last.fetch {
                return Some(last.fetch);
            }
            // What brought the first keys was no stranger's doing.
            let counts = !last.blind || self.usable(snapshot).is_none();
            if counts && now - last.at < self.rules.cool_down {
                return None;
            }
        }
        let fetch = self.shared.begun.load(Ordering::SeqCst) + 1;
        *last = Some(Demand {
            at: now,
            fetch,
            blind: self.usable(snapshot).is_none(),
        });
        self.shared.wake.notify_one();
        Some(fetch)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
