//! Whether requests get responses.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long requests may wait without a response to any of them.
const LIMIT: Duration = Duration::from_mins(1);

/// The requests that wait for a response. Times are microseconds of the monotonic clock.
#[derive(Debug, Default)]
pub struct Liveness(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    requests: usize,
    /// The last response, or the arrival of the first of these requests if that was later.
    since: i64,
}

/// A request. One that is dropped was given up by its client and counts for nothing.
#[must_use]
pub struct WaitingRequest<'a>(&'a Liveness);

impl Liveness {
    /// Counts a request.
    pub fn begin(&self, now: i64) -> WaitingRequest<'_> {
        let mut waiting = self.waiting();
        if waiting.requests == 0 {
            waiting.since = now;
        }
        waiting.requests += 1;
        WaitingRequest(self)
    }

    /// How long requests have been waiting while none got a response, if it is too long. A request may take
    /// `request_timeout`.
    pub fn standstill(&self, now: i64, request_timeout: Duration) -> Option<Duration> {
        let waiting = self.waiting();
        let length = u64::try_from(now.saturating_sub(waiting.since)).unwrap_or_default();
        let length = Duration::from_micros(length);
        let limit = LIMIT.max(request_timeout * 2);
        (waiting.requests > 0 && length >= limit).then_some(length)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WaitingRequest<'_> {
    /// Counts the response, whatever it says.
    pub fn answer(self, now: i64) {
        self.0.waiting().since = now;
    }
}

impl Drop for WaitingRequest<'_> {
    fn drop(&mut self) {
        self.0.waiting().requests -= 1;
    }
}
