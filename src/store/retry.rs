//! Retries transactions and statements that the database rolled back because of a conflict.
//!
//! Two transactions conflict when they wait for each other's rows, or when two members of a cluster write
//! the same row. The database rolls one of them back; that one can be run again as a whole.

use std::time::{Duration, Instant};

use sea_orm::DbErr;

use crate::error::database::is_conflict;
use crate::secret::random_bytes;

const MAX_TRIES: u32 = 12;
/// No try begins later than this after the first.
const MAX_TIME: Duration = Duration::from_secs(3);
/// Average pause before the second try; it doubles with each try.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const MAX_PAUSE: Duration = Duration::from_millis(250);

/// An error that may come from the database.
pub(in crate::store) trait RetryError: From<DbErr> {
    fn database_error(&self) -> Option<&DbErr>;
}

impl RetryError for DbErr {
    fn database_error(&self) -> Option<&DbErr> {
        Some(self)
    }
}

/// Runs `attempt`, one whole transaction or one statement; after a conflict, runs it again.
pub(in crate::store) async fn retry<T, E, F>(mut attempt: impl FnMut() -> F) -> Result<T, E>
where
    E: RetryError,
    F: Future<Output = Result<T, E>>,
{
    let started = Instant::now();
    let mut tries = 1;
    loop {
        let outcome = attempt().await;
        let error = outcome.as_ref().err().and_then(RetryError::database_error);
        let is_late = started.elapsed() > MAX_TIME;
        if !error.is_some_and(is_conflict) || tries == MAX_TRIES || is_late {
            return outcome;
        }
        metrics::counter!("jeton_store_conflicts_total").increment(1);
        tokio::time::sleep(pause(tries)).await;
        tries += 1;
    }
}

/// Random, so that two transactions that conflicted do not start at the same moment again.
fn pause(tries: u32) -> Duration {
    let [random] = random_bytes();
    let pause = FIRST_PAUSE * 2_u32.saturating_pow(tries);
    Ord::min(pause, MAX_PAUSE) * u32::from(random) / 256
}
