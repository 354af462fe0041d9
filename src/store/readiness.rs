//! The readiness check of a node: one at a time, with a result that all requests for it share.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::Store;

/// The time limit of an answer. Load balancers wait for a second or two.
const LIMIT: Duration = Duration::from_secs(1);
/// A check that has not ended after this time is not waited for any more; the next request begins another. On SQLite,
/// where a check writes to the disk, its result counts for this time.
const INTERVAL: Duration = Duration::from_secs(5);

type Outcome = Result<(), String>;

/// The last check.
#[derive(Default)]
pub(super) struct Readiness(Mutex<Option<Check>>);

struct Check {
    began: Instant,
    /// `None` while the check runs.
    outcome: watch::Receiver<Option<Outcome>>,
}

impl Check {
    fn counts(&self, shares_result: bool) -> bool {
        self.began.elapsed() < INTERVAL && (shares_result || self.outcome.borrow().is_none())
    }
}

impl Store {
    /// Fails with the reason if the store cannot serve requests; answers within a second.
    pub async fn check_ready(&self) -> Outcome {
        let mut outcome = self.join_or_begin_check();
        match tokio::time::timeout(LIMIT, outcome.wait_for(Option::is_some)).await {
            Ok(Ok(outcome)) => outcome.clone().unwrap_or(Ok(())),
            Ok(Err(_)) => Err("the check was interrupted".to_owned()),
            Err(_) => Err("the database does not respond within a second".to_owned()),
        }
    }

    /// The check is a task of its own. Its statement is not cancelled with the request, because its time limit makes
    /// the pool replace dead connections.
    fn join_or_begin_check(&self) -> watch::Receiver<Option<Outcome>> {
        let last = self.readiness.0.lock();
        let mut last = last.unwrap_or_else(PoisonError::into_inner);
        if let Some(check) = last.as_ref().filter(|check| check.counts(self.is_file())) {
            return check.outcome.clone();
        }
        let (sender, outcome) = watch::channel(None);
        *last = Some(Check {
            began: Instant::now(),
            outcome: outcome.clone(),
        });
        let store = self.clone();
        tokio::spawn(async move {
            let result = store.ping().await;
            sender.send_replace(Some(result.map_err(|error| error.to_string())));
        });
        outcome
    }
}
