//! The requests of an HTTP/2 connection: whether it is idle, and how many it has had.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::time_limits::TimeLimits;

/// Requests of a connection, answered or cancelled. The client opens another one for more. So a client that cancels its
/// requests needs handshakes, which count for the limits of its address.
const MAX_REQUESTS: usize = 1000;
/// Maximum age of a connection. A client that reads some of its responses never would be kept for ever otherwise.
const MAX_AGE: Duration = Duration::from_hours(1);

/// Shared by a connection and its requests.
#[derive(Clone)]
pub(super) struct Activity {
    state: Arc<Mutex<State>>,
    first: Arc<Notify>,
    worn_out: Arc<Notify>,
    opened: Instant,
    limits: TimeLimits,
}

struct State {
    begun: usize,
    open: usize,
    /// The last request's end; `None` before the first request.
    ended: Option<Instant>,
}

/// What to do with a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is idle or old.
    Close,
    /// Look again at this time.
    Keep(Instant),
}

/// How to close a connection that has had its last request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Closing {
    /// Open requests are answered.
    Graceful,
    /// The client has sent as many requests again.
    Immediate,
}

/// A request from its head to its response, or until it is cancelled.
pub(super) struct OpenRequest(Activity);

impl Activity {
    pub fn new(opened: Instant, limits: TimeLimits) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                begun: 0,
                open: 0,
                ended: None,
            })),
            first: Arc::default(),
            worn_out: Arc::default(),
            opened,
            limits,
        }
    }

    pub fn begin(&self) -> OpenRequest {
        let mut state = self.lock();
        state.open += 1;
        state.begun += 1;
        if state.begun == 1 {
            self.first.notify_one();
        }
        if state.begun.is_multiple_of(MAX_REQUESTS) {
            self.worn_out.notify_one();
        }
        OpenRequest(self.clone())
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

    /// Since when there is no open request.
    pub fn idle_since(&self) -> Option<Instant> {
        let state = self.lock();
        (state.open == 0).then(|| state.ended.unwrap_or(self.opened))
    }

    /// Waits until the connection has had a request.
    pub async fn used(&self) {
        if self.lock().begun == 0 {
            self.first.notified().await;
        }
    }

    /// Waits until the connection has had its last request. Then it is closed, at first gracefully.
    pub async fn worn_out(&self) -> Closing {
        self.worn_out.notified().await;
        // An honest client sends few requests after GOAWAY. Another one need not even confirm that it received it.
        if self.lock().begun < 2 * MAX_REQUESTS {
            Closing::Graceful
        } else {
            Closing::Immediate
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.open -= 1;
        state.ended = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const LIMITS: TimeLimits = TimeLimits {
        head: Duration::from_secs(10),
        idle: Duration::from_secs(75),
        request: Duration::from_secs(30),
        drain: Duration::from_secs(2),
    };

    #[test]
    fn a_connection_is_closed_without_a_request_and_after_the_last_one() {
        let opened = Instant::now();
        let activity = Activity::new(opened, LIMITS);
        let due = opened + LIMITS.head;
        assert_eq!(activity.judge(opened), Verdict::Keep(due));
        assert_eq!(activity.judge(due), Verdict::Close);
        let (first, second) = (activity.begin(), activity.begin());
        drop(first);
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
    async fn a_connection_has_a_last_request() {
        let activity = Activity::new(Instant::now(), LIMITS);
        for _ in 1..MAX_REQUESTS {
            drop(activity.begin());
        }
        let worn_out = timeout(Duration::ZERO, activity.worn_out());
        worn_out.await.unwrap_err();
        let _last = activity.begin();
        assert_eq!(activity.worn_out().await, Closing::Graceful);
    }

    #[tokio::test]
    async fn a_client_that_goes_on_is_cut_off() {
        let activity = Activity::new(Instant::now(), LIMITS);
        for _ in 0..2 * MAX_REQUESTS {
            drop(activity.begin());
        }
        assert_eq!(activity.worn_out().await, Closing::Immediate);
    }
}
