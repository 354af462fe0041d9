//! How often something may fail: the generic cell rate algorithm, which remembers one time for each
//! subject.
//!
//! The crate `governor` has the algorithm too, but not what is needed of it here: to give back the
//! place of an attempt that did not fail, to have no more keys than there is room for, and to share
//! its arithmetic with the table that holds across nodes.

mod in_flight;

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use in_flight::{InFlight, Underway};

use crate::clock::Timestamp;

/// Whose attempts are counted, as a MAC.
pub type Subject = [u8; 32];

/// Keys at the most: some ten megabytes.
const ROOM: usize = 100_000;

/// Times lie further ahead than they ever do by more than this when a clock was wrong or the settings
/// were others; clocks of nodes lie apart by less.
const TOLERANCE: Duration = Duration::from_mins(5);

/// One of a kind is told once in this time.
const NOTICE: Quota = Quota {
    burst: 1,
    interval: Duration::from_mins(1),
};

/// So many at once, and then one after each interval.
///
/// What is remembered of a subject is when it will be free of all that it has used: each use moves
/// that time on by an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    burst: u32,
    interval: Duration,
}

impl Quota {
    /// `None` when one of the two is zero: then nothing is limited.
    #[must_use]
    pub const fn new(burst: u32, interval: Duration) -> Option<Self> {
        if burst == 0 || interval.is_zero() {
            return None;
        }
        Some(Self { burst, interval })
    }

    /// How long a use lasts.
    #[must_use]
    pub const fn interval(self) -> Duration {
        self.interval
    }

    /// A subject that is free later than this has no place now; unless it is [nonsense](Self::horizon).
    #[must_use]
    pub fn last_place(self, now: Timestamp) -> Timestamp {
        now.plus(self.interval.saturating_mul(self.burst - 1))
    }

    /// No subject is free later than this. A time beyond was left by a clock that was ahead, and must
    /// not keep anyone out until it comes.
    #[must_use]
    pub fn horizon(self, now: Timestamp) -> Timestamp {
        let all = self.interval.saturating_mul(self.burst);
        now.plus(all).plus(TOLERANCE)
    }

    /// How long a subject that is free at this time must wait for a place; `None` when it has one.
    #[must_use]
    pub fn wait(self, free_at: Timestamp, now: Timestamp) -> Option<Duration> {
        let wait = free_at.since(self.last_place(now))?;
        (!wait.is_zero() && free_at <= self.horizon(now)).then_some(wait)
    }

    /// When a subject will be free once it has taken a place.
    fn take(self, free_at: Timestamp, now: Timestamp) -> Timestamp {
        let used = free_at > now && free_at <= self.horizon(now);
        let from = if used { free_at } else { now };
        from.plus(self.interval)
    }
}

/// Limits in the memory of this node.
#[derive(Debug)]
pub struct Throttle<K> {
    quota: Option<Quota>,
    free_at: Mutex<HashMap<K, Timestamp>>,
}

impl<K: Copy + Eq + Hash> Throttle<K> {
    /// Without a quota, nothing is limited.
    #[must_use]
    pub fn new(quota: Option<Quota>) -> Self {
        Self {
            quota,
            free_at: Mutex::default(),
        }
    }

    /// Takes a place.
    ///
    /// # Errors
    ///
    /// How long to wait for one.
    pub fn take(&self, key: K, now: Timestamp) -> Result<(), Duration> {
        let Some(quota) = self.quota else {
            return Ok(());
        };
        let mut all = self.all();
        let free_at = all.get(&key).copied().unwrap_or(now);
        if let Some(wait) = quota.wait(free_at, now) {
            return Err(wait);
        }
        if all.len() >= ROOM && !all.contains_key(&key) {
            make_room(&mut all, now);
        }
        all.insert(key, quota.take(free_at, now));
        Ok(())
    }

    /// Gives a place back.
    pub fn give_back(&self, key: K) {
        let interval = self.quota.map(Quota::interval).unwrap_or_default();
        if let Some(free_at) = self.all().get_mut(&key) {
            *free_at = free_at.minus(interval);
        }
    }

    /// Forgets who is free.
    pub fn sweep(&self, now: Timestamp) {
        let mut all = self.all();
        all.retain(|_, free_at| *free_at > now);
        all.shrink_to_fit();
    }

    fn all(&self) -> MutexGuard<'_, HashMap<K, Timestamp>> {
        self.free_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets who is free, or else who will be the soonest.
fn make_room<K: Copy + Eq + Hash>(all: &mut HashMap<K, Timestamp>, now: Timestamp) {
    all.retain(|_, free_at| *free_at > now);
    if all.len() >= ROOM {
        let soonest = all.iter().min_by_key(|(_, free_at)| **free_at);
        if let Some(key) = soonest.map(|(key, _)| *key) {
            all.remove(&key);
        }
    }
}

/// What slows the guessing of passwords.
#[derive(Debug)]
pub struct SignInThrottle {
    /// For each account; its memory is in the store.
    pub accounts: Option<Quota>,
    /// For each address, or network of addresses.
    pub addresses: Throttle<IpAddr>,
    /// Which attempts at an account this node is about to judge.
    pub in_flight: InFlight<Subject>,
    /// Of whom it has lately been told that they are slowed.
    pub notices: Throttle<Subject>,
}

impl SignInThrottle {
    /// A quota for each account and one for each address.
    #[must_use]
    pub fn new(accounts: Option<Quota>, addresses: Option<Quota>) -> Self {
        Self {
            accounts,
            addresses: Throttle::new(addresses),
            in_flight: InFlight::default(),
            notices: Throttle::new(Some(NOTICE)),
        }
    }

    /// Forgets what is past.
    pub fn sweep(&self, now: Timestamp) {
        self.addresses.sweep(now);
        self.notices.sweep(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const START: Timestamp = Timestamp::from_micros(1_000_000_000_000);

    fn throttle(burst: u32) -> Throttle<u32> {
        Throttle::new(Quota::new(burst, SECOND))
    }

    #[test]
    fn a_burst_has_places_and_then_one_comes_after_each_interval() {
        let throttle = throttle(3);
        for _ in 0..3 {
            assert_eq!(throttle.take(1, START), Ok(()));
        }
        assert_eq!(throttle.take(1, START), Err(SECOND));
        assert_eq!(throttle.take(2, START), Ok(()), "another");
        // To be refused takes nothing.
        assert_eq!(throttle.take(1, START), Err(SECOND));
        let almost = START.plus(SECOND).minus(Duration::from_micros(1));
        assert_eq!(throttle.take(1, almost), Err(Duration::from_micros(1)));
        assert_eq!(throttle.take(1, START.plus(SECOND)), Ok(()));
        assert_eq!(throttle.take(1, START.plus(SECOND)), Err(SECOND));
        let later = START.plus(SECOND * 60);
        for _ in 0..3 {
            assert_eq!(throttle.take(1, later), Ok(()));
        }
        assert_eq!(throttle.take(1, later), Err(SECOND));
    }

    #[test]
    fn a_place_that_is_given_back_is_there_again() {
        let throttle = throttle(2);
        for _ in 0..50 {
            assert_eq!(throttle.take(1, START), Ok(()));
            throttle.give_back(1);
        }
        assert_eq!(throttle.take(1, START), Ok(()));
        assert_eq!(throttle.take(1, START), Ok(()));
        assert_eq!(throttle.take(1, START), Err(SECOND));
        throttle.give_back(7);
    }

    #[test]
    fn a_clock_that_was_ahead_keeps_nobody_out() {
        let throttle = throttle(1);
        let ahead = START.plus(SECOND * 86_400 * 365);
        assert_eq!(throttle.take(1, ahead), Ok(()));
        assert_eq!(throttle.take(1, START), Ok(()));
        assert_eq!(throttle.take(1, START), Err(SECOND));
        // Nodes whose clocks are a little apart remember alike.
        assert_eq!(throttle.take(2, START.plus(SECOND * 60)), Ok(()));
        assert_eq!(throttle.take(2, START), Err(SECOND * 61));
    }

    #[test]
    fn without_a_quota_nothing_is_limited_or_remembered() {
        assert_eq!(Quota::new(0, SECOND), None);
        assert_eq!(Quota::new(1, Duration::ZERO), None);
        let throttle = throttle(0);
        for _ in 0..1000 {
            assert_eq!(throttle.take(1, START), Ok(()));
        }
        assert!(throttle.all().is_empty());
    }

    #[test]
    fn there_is_room_for_so_many_and_who_is_free_is_forgotten() {
        let throttle = throttle(5);
        // One that has used more than others.
        for _ in 0..3 {
            assert_eq!(throttle.take(u32::MAX, START), Ok(()));
        }
        let room = u32::try_from(ROOM).unwrap();
        for key in 0..room + 10 {
            assert_eq!(throttle.take(key, START), Ok(()));
        }
        assert_eq!(throttle.all().len(), ROOM);
        assert!(throttle.all().contains_key(&u32::MAX));
        let later = START.plus(SECOND);
        assert_eq!(throttle.take(u32::MAX - 1, later), Ok(()));
        assert_eq!(throttle.all().len(), 2);
        throttle.sweep(later.plus(SECOND * 2));
        assert!(throttle.all().is_empty());
    }
}
