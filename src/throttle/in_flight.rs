//! Attempts that are being verified, so that another attempt can wait for their results.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// Attempts in progress, by key.
#[derive(Debug)]
pub struct InFlight<K>(Arc<Mutex<HashMap<K, Attempts>>>);

#[derive(Debug, Default)]
struct Attempts {
    count: usize,
    watchers: usize,
    ended: watch::Sender<()>,
}

impl<K> Default for InFlight<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Copy + Eq + Hash> InFlight<K> {
    /// Begins an attempt, which ends when the returned value is dropped.
    pub fn begin(&self, key: K) -> Underway<K> {
        lock(&self.0).entry(key).or_default().count += 1;
        Underway {
            all: Self(Arc::clone(&self.0)),
            key,
        }
    }

    /// Watches the attempts with this key.
    pub fn watch(&self, key: K) -> Watch<K> {
        let mut all = lock(&self.0);
        let attempts = all.entry(key).or_default();
        attempts.watchers += 1;
        Watch {
            ended: attempts.ended.subscribe(),
            all: Self(Arc::clone(&self.0)),
            key,
        }
    }

    fn leave(&self, key: K, leave: impl FnOnce(&mut Attempts)) {
        let mut all = lock(&self.0);
        if let Some(attempts) = all.get_mut(&key) {
            leave(attempts);
            if attempts.count == 0 && attempts.watchers == 0 {
                all.remove(&key);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An attempt in progress until this is dropped.
#[must_use]
#[derive(Debug)]
pub struct Underway<K: Copy + Eq + Hash> {
    all: InFlight<K>,
    key: K,
}

impl<K: Copy + Eq + Hash> Drop for Underway<K> {
    fn drop(&mut self) {
        self.all.leave(self.key, |attempts| {
            attempts.count -= 1;
            attempts.ended.send_replace(());
        });
    }
}

/// A watch on the attempts with one key.
#[must_use]
#[derive(Debug)]
pub struct Watch<K: Copy + Eq + Hash> {
    ended: watch::Receiver<()>,
    all: InFlight<K>,
    key: K,
}

impl<K: Copy + Eq + Hash> Watch<K> {
    /// Waits until an attempt has ended since the watch began; `false` at once when none has ended and none
    /// is in progress.
    pub async fn ended(mut self) -> bool {
        // In this order, because the last attempt may end between the two checks.
        let underway = lock(&self.all.0)
            .get(&self.key)
            .is_some_and(|attempts| attempts.count > 0);
        if underway {
            self.ended.changed().await.ok();
            return true;
        }
        self.ended.has_changed().unwrap_or(true)
    }
}

impl<K: Copy + Eq + Hash> Drop for Watch<K> {
    fn drop(&mut self) {
        self.all.leave(self.key, |attempts| attempts.watchers -= 1);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_watch_is_notified_of_each_end_and_no_entry_remains() {
        let all = InFlight::default();
        assert_eq!(all.watch(1).ended().now_or_never(), Some(false));
        let (one, other) = (all.begin(1), all.begin(1));
        let (early, late, latest) = (all.watch(1), all.watch(1), all.watch(1));
        let mut early = Box::pin(early.ended());
        assert_eq!(early.as_mut().now_or_never(), None);
        drop(one);
        assert_eq!(early.as_mut().now_or_never(), Some(true));
        assert_eq!(all.watch(1).ended().now_or_never(), None);
        drop(other);
        // No attempt is in progress, but one has ended since.
        assert_eq!(late.ended().now_or_never(), Some(true));
        assert_eq!(all.watch(1).ended().now_or_never(), Some(false));
        assert!(!lock(&all.0).is_empty());
        drop(latest);
        drop(early);
        assert!(lock(&all.0).is_empty());
    }
}
