//! Attempts that are about to be judged, so that another can wait for what comes of them.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// How many attempts are under way for each key.
#[derive(Debug)]
pub struct InFlight<K>(Arc<Mutex<HashMap<K, Attempts>>>);

#[derive(Debug, Default)]
struct Attempts {
    count: usize,
    ended: watch::Sender<()>,
}

impl<K> Default for InFlight<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Copy + Eq + Hash> InFlight<K> {
    /// An attempt is under way for as long as what is returned lives.
    #[must_use]
    pub fn begin(&self, key: K) -> Underway<K> {
        lock(&self.0).entry(key).or_default().count += 1;
        Underway {
            all: Self(Arc::clone(&self.0)),
            key,
        }
    }

    /// What tells of the next attempt that ends; `None` when none is under way.
    #[must_use]
    pub fn watch(&self, key: K) -> Option<watch::Receiver<()>> {
        let all = lock(&self.0);
        all.get(&key).map(|attempts| attempts.ended.subscribe())
    }

    fn end(&self, key: K) {
        let mut all = lock(&self.0);
        let Some(attempts) = all.get_mut(&key) else {
            return;
        };
        attempts.count -= 1;
        attempts.ended.send_replace(());
        if attempts.count == 0 {
            all.remove(&key);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An attempt that is under way until this is dropped.
#[derive(Debug)]
pub struct Underway<K: Copy + Eq + Hash> {
    all: InFlight<K>,
    key: K,
}

impl<K: Copy + Eq + Hash> Drop for Underway<K> {
    fn drop(&mut self) {
        self.all.end(self.key);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn whoever_watches_is_told_of_each_end_and_nothing_stays() {
        let all = InFlight::default();
        assert!(all.watch(1).is_none());
        let (one, other) = (all.begin(1), all.begin(1));
        let mut watching = all.watch(1).unwrap();
        assert!(watching.changed().now_or_never().is_none());
        drop(one);
        assert!(watching.changed().now_or_never().is_some());
        assert!(watching.changed().now_or_never().is_none());
        drop(other);
        assert!(watching.changed().now_or_never().is_some());
        assert!(all.watch(1).is_none());
        assert!(lock(&all.0).is_empty());
    }
}
