//! The requests of an HTTP/2 connection: when it is idle, and whether it cancels too many of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::time_limits::TimeLimits;

/// How many more requests may be cancelled than answered. Browsers cancel those of a page that is left.
const MAX_CANCELLED: usize = 100;
/// Maximum age of a connection. A client that reads some of its responses never would be kept for ever otherwise.
const MAX_AGE: Duration = Duration::from_hours(1);

/// Shared by a connection and its requests.
#[derive(Clone)]
pub(super) struct Activity {
    state: Arc<Mutex<State>>,
    flooded: Arc<Notify>,
    opened: Instant,
    limits: TimeLimits,
}

struct State {
    open: usize,
    /// The last request's end; `None` before the first request.
    ended: Option<Instant>,
    cancelled: usize,
}

/// What to do with a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is idle or old.
    Close,
    /// Look again at this time.
    Keep(Instant),
}

/// A request from its head to its response.
pub(super) struct OpenRequest {
    activity: Activity,
    is_answered: bool,
}

impl Activity {
    pub fn new(opened: Instant, limits: TimeLimits) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                open: 0,
                ended: None,
                cancelled: 0,
            })),
            flooded: Arc::default(),
            opened,
            limits,
        }
    }

    pub fn begin(&self) -> OpenRequest {
        self.lock().open += 1;
        OpenRequest {
            activity: self.clone(),
            is_answered: false,
        }
    }

    /// The first head is due after the connection was opened, the next one after the last request's end.
    pub fn judge(&self, now: Instant) -> Verdict {
        let state = self.lock();
        let end = self.opened + MAX_AGE;
        let due = match state.ended {
            _ if state.open > 0 => now + self.limits.idle,
            None => self.opened + self.limits.head,
            Some(ended) => ended + self.limits.idle,
        };
        if now < due.min(end) {
            Verdict::Keep(due.min(end))
        } else {
            Verdict::Close
        }
    }

    pub fn is_idle(&self) -> bool {
        self.lock().open == 0
    }

    /// Waits until too many requests were cancelled.
    pub async fn flooded(&self) {
        self.flooded.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenRequest {
    pub fn answer(mut self) {
        self.is_answered = true;
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let mut state = self.activity.lock();
        state.open -= 1;
        state.ended = Some(Instant::now());
        if self.is_answered {
            state.cancelled = state.cancelled.saturating_sub(1);
        } else {
            state.cancelled += 1;
            if state.cancelled > MAX_CANCELLED {
                self.activity.flooded.notify_one();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: TimeLimits = TimeLimits {
        head: Duration::from_secs(10),
        idle: Duration::from_secs(75),
        request: Duration::from_secs(30),
    };

    #[test]
    fn a_connection_is_closed_without_a_request_and_after_the_last_one() {
        let opened = Instant::now();
        let activity = Activity::new(opened, LIMITS);
        let due = opened + LIMITS.head;
        assert_eq!(activity.judge(opened), Verdict::Keep(due));
        assert_eq!(activity.judge(due), Verdict::Close);
        let (first, second) = (activity.begin(), activity.begin());
        first.answer();
        let later = opened + Duration::from_mins(5);
        assert_eq!(activity.judge(later), Verdict::Keep(later + LIMITS.idle));
        assert!(!activity.is_idle());
        drop(second);
        assert!(activity.is_idle());
        let Verdict::Keep(due) = activity.judge(Instant::now()) else {
            panic!("it was used now");
        };
        assert!(due >= opened + LIMITS.idle);
        assert_eq!(activity.judge(due), Verdict::Close);
    }

    #[test]
    fn an_old_connection_is_closed_though_it_has_requests() {
        let opened = Instant::now();
        let activity = Activity::new(opened, LIMITS);
        let _open = activity.begin();
        let end = opened + MAX_AGE;
        let before = end - Duration::from_secs(1);
        assert_eq!(activity.judge(before), Verdict::Keep(end));
        assert_eq!(activity.judge(end), Verdict::Close);
    }

    #[tokio::test]
    async fn cancelled_requests_count_against_answered_ones() {
        let activity = Activity::new(Instant::now(), LIMITS);
        for _ in 0..10 * MAX_CANCELLED {
            drop(activity.begin());
            activity.begin().answer();
        }
        assert_eq!(activity.lock().cancelled, 0);
        for _ in 0..=MAX_CANCELLED {
            drop(activity.begin());
        }
        activity.flooded().await;
    }
}
