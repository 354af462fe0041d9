//! Limits on failed attempts by the generic cell rate algorithm, which stores one time for each subject.
//!
//! The crate `governor` has the algorithm, but cannot give back an attempt that succeeded, limit the
//! number of keys, or share its arithmetic with the table that all nodes use.

mod in_flight;
mod quota;
mod repetition;

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use in_flight::{InFlight, Underway};
pub use quota::Quota;
pub use repetition::Repetitions;

use crate::clock::Timestamp;

/// A MAC over the name whose attempts are counted.
pub type Subject = [u8; 32];

/// Maximum number of keys: about ten megabytes.
const CAPACITY: usize = 100_000;

/// Interval between two notices about the same subject.
const NOTICE_INTERVAL: Duration = Duration::from_mins(1);

/// Limits in the memory of this node.
#[derive(Debug)]
pub struct Throttle<K> {
    quota: Option<Quota>,
    free_at: Mutex<HashMap<K, Timestamp>>,
}

impl<K: Copy + Eq + Hash> Throttle<K> {
    /// Without a quota, nothing is limited.
    pub fn new(quota: Option<Quota>) -> Self {
        Self {
            quota,
            free_at: Mutex::default(),
        }
    }

    /// The time to wait before an attempt is allowed; `None` when it is allowed now.
    pub fn wait(&self, key: K, now: Timestamp) -> Option<Duration> {
        let free_at = self.all().get(&key).copied()?;
        self.quota?.wait(free_at, now)
    }

    /// Counts an attempt, allowed or not. At most a whole burst is counted, so that the wait is never longer than an
    /// interval.
    pub fn count(&self, key: K, now: Timestamp) {
        let Some(quota) = self.quota else {
            return;
        };
        let mut all = self.all();
        if all.len() >= CAPACITY && !all.contains_key(&key) {
            evict(&mut all, now);
        }
        let free_at = all.entry(key).or_insert(now);
        *free_at = quota.take(*free_at, now);
    }

    /// Counts an attempt if it is allowed. The error is the time to wait.
    pub fn take(&self, key: K, now: Timestamp) -> Result<(), Duration> {
        if let Some(wait) = self.wait(key, now) {
            return Err(wait);
        }
        self.count(key, now);
        Ok(())
    }

    /// Removes the keys with a whole burst.
    pub fn sweep(&self, now: Timestamp) {
        let mut all = self.all();
        all.retain(|_, free_at| *free_at > now);
        all.shrink_to_fit();
    }

    fn all(&self) -> MutexGuard<'_, HashMap<K, Timestamp>> {
        self.free_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes the keys with a whole burst, or else the one that will have it first.
fn evict<K: Copy + Eq + Hash>(all: &mut HashMap<K, Timestamp>, now: Timestamp) {
    all.retain(|_, free_at| *free_at > now);
    if all.len() >= CAPACITY {
        let soonest = all.iter().min_by_key(|(_, free_at)| **free_at);
        if let Some(key) = soonest.map(|(key, _)| *key) {
            all.remove(&key);
        }
    }
}

/// Limits on guessing passwords.
#[derive(Debug)]
pub struct SignInThrottle {
    /// Quota for each account, counted in the store.
    pub accounts: Option<Quota>,
    /// Limit for each address or network, counted by this node.
    pub addresses: Throttle<IpAddr>,
    /// Attempts that this node is verifying, by account.
    pub in_flight: InFlight<Subject>,
    /// Limit on audit events about throttled accounts.
    pub notices: Throttle<Subject>,
    /// Failed attempts that this node may see twice.
    pub repetitions: Repetitions,
}

impl SignInThrottle {
    /// A quota for each account and one for each address.
    pub fn new(accounts: Option<Quota>, addresses: Option<Quota>) -> Self {
        Self {
            accounts,
            addresses: Throttle::new(addresses),
            in_flight: InFlight::default(),
            notices: Throttle::new(Quota::new(1, NOTICE_INTERVAL)),
            repetitions: Repetitions::default(),
        }
    }

    /// Removes the keys that are no longer limited.
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
    fn a_burst_is_allowed_and_then_one_attempt_for_each_interval() {
        let throttle = throttle(3);
        for _ in 0..3 {
            assert_eq!(throttle.take(1, START), Ok(()));
        }
        assert_eq!(throttle.take(1, START), Err(SECOND));
        assert_eq!(throttle.take(2, START), Ok(()), "another");
        // A refused attempt does not count.
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
    fn attempts_beyond_the_burst_do_not_make_the_wait_longer_than_an_interval() {
        let throttle = throttle(2);
        for _ in 0..1000 {
            throttle.count(1, START);
        }
        assert_eq!(throttle.wait(1, START), Some(SECOND));
        assert_eq!(throttle.take(1, START.plus(SECOND)), Ok(()));
        assert_eq!(throttle.take(1, START.plus(SECOND)), Err(SECOND));
        assert_eq!(throttle.wait(2, START), None);
    }

    #[test]
    fn a_clock_that_was_ahead_blocks_no_attempts() {
        let throttle = throttle(1);
        let ahead = START.plus(SECOND * 86_400 * 365);
        assert_eq!(throttle.take(1, ahead), Ok(()));
        assert_eq!(throttle.take(1, START), Ok(()));
        assert_eq!(throttle.take(1, START), Err(SECOND));
        // A small difference between the clocks of nodes is no error.
        assert_eq!(throttle.take(2, START.plus(SECOND * 60)), Ok(()));
        assert_eq!(throttle.take(2, START), Err(SECOND * 61));
    }

    #[test]
    fn the_first_half_and_the_shares_of_a_quota_have_at_least_one_attempt() {
        let attempts = |quota: Quota| {
            let mut free_at = START;
            let mut allowed = 0;
            while quota.wait(free_at, START).is_none() {
                free_at = free_at.plus(quota.interval());
                allowed += 1;
            }
            allowed
        };
        for (burst, first_half, share) in [(1, 1, 1), (2, 1, 1), (3, 2, 1), (4, 2, 1), (10, 5, 2)] {
            let quota = Quota::new(burst, SECOND).unwrap();
            assert_eq!(attempts(quota), burst);
            assert_eq!(attempts(quota.first_half()), first_half, "{burst}");
            assert_eq!(attempts(quota.share()), share, "{burst}");
            assert_eq!(quota.share().interval(), SECOND * burst);
            let used = START.plus(SECOND * burst);
            let wait = quota.first_half().wait(used, START).unwrap();
            assert_eq!(Some(quota.wait_for_whole(wait)), quota.wait(used, START));
        }
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
    fn the_number_of_keys_is_limited_and_keys_with_a_whole_burst_are_removed() {
        let throttle = throttle(5);
        // One with more attempts than others.
        for _ in 0..3 {
            assert_eq!(throttle.take(u32::MAX, START), Ok(()));
        }
        let capacity = u32::try_from(CAPACITY).unwrap();
        for key in 0..capacity + 10 {
            assert_eq!(throttle.take(key, START), Ok(()));
        }
        assert_eq!(throttle.all().len(), CAPACITY);
        assert!(throttle.all().contains_key(&u32::MAX));
        let later = START.plus(SECOND);
        assert_eq!(throttle.take(u32::MAX - 1, later), Ok(()));
        assert_eq!(throttle.all().len(), 2);
        throttle.sweep(later.plus(SECOND * 2));
        assert!(throttle.all().is_empty());
    }
}
