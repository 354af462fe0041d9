//! The open connections: when few places are left, those that have been idle for longest are closed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// An active client uses its connection again within this time.
const MIN_IDLE: Duration = Duration::from_secs(1);
/// The least time between two searches after one that found too few, and between two lines of the log.
const SEARCH_INTERVAL: Duration = Duration::from_millis(100);
const WARNING_INTERVAL: Duration = Duration::from_mins(1);

type IdleSince = Box<dyn Fn() -> Option<Instant> + Send + Sync>;

#[derive(Clone)]
pub(super) struct OpenConnections {
    maximum: usize,
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    connections: HashMap<u64, Arc<State>>,
    /// The number of those that are being closed.
    closing: usize,
    last_id: u64,
    next_search: Option<Instant>,
    warned_at: Option<Instant>,
}

/// One connection. Dropping it ends the membership.
pub(super) struct OpenConnection {
    id: u64,
    state: Arc<State>,
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct State {
    /// Not set during the TLS handshake.
    idle_since: OnceLock<IdleSince>,
    is_surplus: AtomicBool,
    became_surplus: Notify,
}

impl OpenConnections {
    pub(super) fn new(maximum: usize) -> Self {
        Self {
            maximum,
            open: Arc::default(),
        }
    }

    pub(super) fn add(&self) -> OpenConnection {
        let mut open = lock(&self.open);
        open.last_id += 1;
        let state = Arc::<State>::default();
        let id = open.last_id;
        open.connections.insert(id, Arc::clone(&state));
        OpenConnection {
            id,
            state,
            open: Arc::clone(&self.open),
        }
    }

    /// Closes idle connections, if the next connection gets one of the last tenth of the places. `taken` is the number of
    /// places that connections and their further requests have. Several at once, because a search looks at all
    /// connections.
    pub(super) fn make_room(&self, taken: usize, now: Instant) {
        let mut open = lock(&self.open);
        let remaining = taken.saturating_sub(open.closing);
        let surplus = (remaining + 1).saturating_sub(self.maximum - self.maximum / 10);
        if surplus == 0 || open.next_search.is_some_and(|next| now < next) {
            return;
        }
        let number = surplus.max(self.maximum / 100);
        let closed = open.close_idle(number, now);
        open.next_search = (closed < surplus).then_some(now + SEARCH_INTERVAL);
        if closed > 0 {
            open.warn(now);
        }
    }
}

impl Open {
    /// Closes the connections that have been idle for longest. Returns their number.
    fn close_idle(&mut self, number: usize, now: Instant) -> usize {
        let mut idle: Vec<(Instant, &Arc<State>)> = self
            .connections
            .values()
            .filter(|state| !state.is_surplus.load(Ordering::Relaxed))
            .filter_map(|state| Some((state.idle_since.get()?()?, state)))
            .filter(|(since, _)| now.saturating_duration_since(*since) >= MIN_IDLE)
            .collect();
        idle.sort_unstable_by_key(|(since, _)| *since);
        idle.truncate(number);
        for (_, state) in &idle {
            state.is_surplus.store(true, Ordering::Relaxed);
            state.became_surplus.notify_one();
        }
        self.closing += idle.len();
        idle.len()
    }

    fn warn(&mut self, now: Instant) {
        let is_due = |at: Instant| now.saturating_duration_since(at) >= WARNING_INTERVAL;
        if self.warned_at.is_none_or(is_due) {
            self.warned_at = Some(now);
            tracing::warn!(
                connections = self.connections.len(),
                "nine tenths of server.max_connections are open: idle connections are closed; raise it, or lower \
                 server.keep_alive_timeout if clients leave connections open"
            );
        }
    }
}

impl OpenConnection {
    /// From now on the connection can be closed while it is idle.
    pub(super) fn observe(&self, idle_since: impl Fn() -> Option<Instant> + Send + Sync + 'static) {
        drop(self.state.idle_since.set(Box::new(idle_since)));
    }

    /// Waits until it is to be closed.
    pub(super) fn surplus(&self) -> impl Future<Output = ()> + Send + use<> {
        let state = Arc::clone(&self.state);
        async move { state.became_surplus.notified().await }
    }

    /// Whether it is to be closed.
    pub(super) fn is_surplus(&self) -> impl Fn() -> bool + Send + Sync + use<> {
        let state = Arc::clone(&self.state);
        move || state.is_surplus.load(Ordering::Relaxed)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        let mut open = lock(&self.open);
        open.connections.remove(&self.id);
        if self.state.is_surplus.load(Ordering::Relaxed) {
            open.closing -= 1;
        }
    }
}

fn lock(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    impl OpenConnections {
        fn len(&self) -> usize {
            lock(&self.open).connections.len()
        }
    }

    /// A connection that has been idle for some seconds at this time; a busy one for none.
    fn connection(all: &OpenConnections, now: Instant, idle: u64) -> OpenConnection {
        let connection = all.add();
        let since = now - Duration::from_secs(idle);
        connection.observe(move || (idle > 0).then_some(since));
        connection
    }

    /// The time from which the tests subtract: the machine may have started less than a minute ago.
    fn later() -> Instant {
        Instant::now() + Duration::from_mins(2)
    }

    fn are_surplus(connections: &[OpenConnection]) -> Vec<bool> {
        connections
            .iter()
            .map(|connection| connection.is_surplus()())
            .collect()
    }

    #[test]
    fn the_last_tenth_of_the_places_closes_those_that_are_idle_for_longest() {
        let (all, now) = (OpenConnections::new(10), later());
        let mut connections: Vec<_> = [0, 20, 50, 40, 0, 30, 60, 0]
            .map(|idle| connection(&all, now, idle))
            .into();
        all.make_room(all.len(), now);
        assert_eq!(are_surplus(&connections), [false; 8]);
        connections.push(connection(&all, now, 10));
        all.make_room(all.len(), now);
        let mut expected = [false; 9];
        expected[6] = true;
        assert_eq!(are_surplus(&connections), expected);
        // One is being closed, so the next place is free.
        all.make_room(all.len(), now);
        assert_eq!(are_surplus(&connections), expected);
        drop(connections.remove(6));
        connections.push(connection(&all, now, 0));
        all.make_room(all.len(), now);
        assert_eq!(
            are_surplus(&connections).iter().position(|one| *one),
            Some(2)
        );
    }

    #[test]
    fn a_connection_that_was_used_just_now_is_kept() {
        let (all, now) = (OpenConnections::new(1), later());
        let connection = all.add();
        connection.observe(move || Some(now));
        all.make_room(all.len(), now);
        assert!(!connection.is_surplus()());
    }

    #[test]
    fn a_hundredth_is_closed_at_once() {
        let (all, now) = (OpenConnections::new(1000), later());
        let connections: Vec<_> = (0..900).map(|_| connection(&all, now, 5)).collect();
        all.make_room(all.len(), now);
        let surplus = are_surplus(&connections).into_iter().filter(|one| *one);
        assert_eq!(surplus.count(), 10);
    }
}
