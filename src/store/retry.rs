//! Retries transactions and statements that the database rolled back because of a conflict.
//!
//! Two transactions conflict when they wait for each other's rows, or when two members of a cluster write
//! the same row. The database rolls one of them back; that one can be run again as a whole.

use std::time::Duration;

use sea_orm::DbErr;
use tokio::time::{Instant, sleep, timeout_at};

use crate::error::database::is_conflict;
use crate::metric;
use crate::secret::random_bytes;

const MAX_TRIES: u32 = 12;
/// No try begins later than this after the first.
const LAST_BEGIN: Duration = Duration::from_secs(3);
/// A repeated try ends at most this long after the first began. Otherwise one that waits for a lock would add the
/// database's lock timeout to the time that the tries before it took.
const LAST_END: Duration = Duration::from_secs(5);
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

/// Runs `attempt`, one whole transaction or one statement; after a conflict, runs it again. Only the first try may
/// last longer than [`LAST_END`]; when a later one does, the result is the conflict before it.
pub(in crate::store) async fn retry<T, E, F>(mut attempt: impl FnMut() -> F) -> Result<T, E>
where
    E: RetryError,
    F: Future<Output = Result<T, E>>,
{
    let started = Instant::now();
    let mut outcome = attempt().await;
    for tries in 1..MAX_TRIES {
        let error = outcome.as_ref().err().and_then(RetryError::database_error);
        if !error.is_some_and(is_conflict) || started.elapsed() > LAST_BEGIN {
            break;
        }
        metric::STORE_CONFLICTS.count(());
        sleep(pause(tries)).await;
        match timeout_at(started + LAST_END, attempt()).await {
            Ok(repeated) => outcome = repeated,
            Err(_) => break,
        }
    }
    outcome
}

/// Random, so that two transactions that conflicted do not start at the same moment again.
fn pause(tries: u32) -> Duration {
    let [random] = random_bytes();
    let pause = FIRST_PAUSE * 2_u32.saturating_pow(tries);
    Ord::min(pause, MAX_PAUSE) * u32::from(random) / 256
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use sea_orm::RuntimeErr;
    use sqlx::error::{DatabaseError, ErrorKind};

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("deadlock")]
    struct Deadlock;

    impl DatabaseError for Deadlock {
        fn message(&self) -> &'static str {
            "deadlock"
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            Some("40P01".into())
        }

        fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
    }

    fn conflict() -> DbErr {
        let error = sqlx::Error::Database(Box::new(Deadlock));
        DbErr::Exec(RuntimeErr::SqlxError(error.into()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_repeated_try_that_waits_for_a_lock_ends_in_time() {
        let started = Instant::now();
        let mut tries = 0;
        let repeated = retry(|| {
            tries += 1;
            let length = if tries == 1 { 2_900 } else { 60_000 };
            async move {
                sleep(Duration::from_millis(length)).await;
                Err::<(), _>(conflict())
            }
        });
        let error = repeated.await.unwrap_err();
        assert!(is_conflict(&error), "{error}");
        assert_eq!((tries, started.elapsed()), (2, LAST_END));
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_try_has_no_limit_here() {
        let started = Instant::now();
        let once = retry(async || {
            sleep(LAST_END * 2).await;
            Ok::<_, DbErr>(7)
        });
        assert_eq!(once.await.unwrap(), 7);
        assert_eq!(started.elapsed(), LAST_END * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn conflicts_are_retried_a_limited_number_of_times() {
        let mut tries = 0;
        let repeated = retry(|| {
            tries += 1;
            async { Err::<(), _>(conflict()) }
        });
        repeated.await.unwrap_err();
        assert_eq!(tries, MAX_TRIES);
    }
}
