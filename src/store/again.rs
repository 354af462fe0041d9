//! What a database has undone because of others is done again.
//!
//! Two transactions that wait for each other's rows, or that wrote the same row on two members of a cluster:
//! of such two, the database undoes one, and says so. Nothing of it was done; nobody but us can know that it
//! may be done again as a whole.

use std::time::{Duration, Instant};

use sea_orm::DbErr;

use crate::database_error::is_conflict;
use crate::secret::random_bytes;

/// At most so often, and after the second try none begins later than `PATIENCE` after the first.
const TRIES: u32 = 12;
const PATIENCE: Duration = Duration::from_secs(3);
/// Before the second try on average; then twice as long, and so on.
const PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// A failure that may be the database's.
pub(in crate::store) trait Failure {
    /// What the database says.
    fn of_store(&self) -> Option<&DbErr>;
}

impl Failure for DbErr {
    fn of_store(&self) -> Option<&DbErr> {
        Some(self)
    }
}

/// What comes of `attempt`, which is one transaction from its beginning to its end, or one statement; after
/// a conflict it is made again.
pub(in crate::store) async fn again<T, E, F>(mut attempt: impl FnMut() -> F) -> Result<T, E>
where
    E: Failure,
    F: Future<Output = Result<T, E>>,
{
    let begun = Instant::now();
    let mut tries = 1;
    loop {
        let outcome = attempt().await;
        let error = outcome.as_ref().err().and_then(Failure::of_store);
        let is_late = tries > 1 && begun.elapsed() > PATIENCE;
        if !error.is_some_and(is_conflict) || tries == TRIES || is_late {
            return outcome;
        }
        metrics::counter!("jeton_store_conflicts_total").increment(1);
        tokio::time::sleep(pause(tries)).await;
        tries += 1;
    }
}

/// At random, or those who met would meet again.
fn pause(tries: u32) -> Duration {
    let [random] = random_bytes();
    let pause = PAUSE * 2_u32.saturating_pow(tries);
    Ord::min(pause, LONGEST_PAUSE) * u32::from(random) / 256
}
