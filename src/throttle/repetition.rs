//! Repetitions of a failed sign-in by a program that sends each request twice.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Subject;
use crate::clock::Timestamp;

/// The time within which a failed attempt may be repeated.
const WINDOW: Duration = Duration::from_secs(5);

/// Maximum number of remembered attempts: about a megabyte.
const CAPACITY: usize = 10_000;

/// Failed attempts of the last seconds. Each may be repeated once.
#[derive(Debug, Default)]
pub struct Repetitions(Mutex<HashMap<Subject, Timestamp>>);

impl Repetitions {
    /// Whether this failed attempt repeats one within the window. Then that one is forgotten, so that a third counts;
    /// else this one is remembered. The subject is a MAC over all that must be equal, the password included.
    pub fn take(&self, attempt: Subject, now: Timestamp) -> bool {
        let mut failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |at: Timestamp| now.since(at).is_some_and(|passed| passed <= WINDOW);
        if failed.remove(&attempt).is_some_and(is_recent) {
            return true;
        }
        if failed.len() >= CAPACITY {
            failed.retain(|_, at| is_recent(*at));
        }
        if failed.len() < CAPACITY {
            failed.insert(attempt, now);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

    #[test]
    fn a_full_memory_counts_every_attempt_and_recovers() {
        let failed = Repetitions::default();
        let attempt = |number: usize| {
            let mut subject = [0; 32];
            subject[..8].copy_from_slice(&number.to_be_bytes());
            subject
        };
        for number in 0..CAPACITY {
            assert!(!failed.take(attempt(number), START));
        }
        for _ in 0..3 {
            assert!(!failed.take(attempt(CAPACITY), START));
        }
        assert!(failed.take(attempt(1), START));
        let later = START.plus(WINDOW + Duration::from_secs(1));
        assert!(!failed.take(attempt(CAPACITY), later));
        assert!(failed.take(attempt(CAPACITY), later));
    }
}
