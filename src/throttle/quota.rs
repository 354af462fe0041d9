//! A quota by the generic cell rate algorithm.

use std::time::Duration;

use crate::clock::Timestamp;

/// A time that is further ahead than any attempt can cause is ignored: a clock or the settings were different.
/// Clocks of nodes differ by less than this.
const TOLERANCE: Duration = Duration::from_mins(5);

/// A number of attempts at once, and then one for each interval.
///
/// One time is stored for each subject: the time at which its whole burst is available again (the algorithm's
/// theoretical arrival time). Each attempt moves it by one interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    burst: u32,
    interval: Duration,
    /// Attempts of the burst that this quota may not use.
    kept: u32,
}

impl Quota {
    /// `None` when one of the two is zero: nothing is limited.
    pub const fn new(burst: u32, interval: Duration) -> Option<Self> {
        if burst == 0 || interval.is_zero() {
            return None;
        }
        Some(Self {
            burst,
            interval,
            kept: 0,
        })
    }

    /// The same quota without the last half of its burst, which is kept for others.
    #[must_use]
    pub const fn first_half(self) -> Self {
        Self {
            kept: self.last_half(),
            ..self
        }
    }

    /// The share of one address in the last half: half of it, at least one attempt. An attempt of the share comes back in
    /// the time in which a whole burst does.
    #[must_use]
    pub const fn share(self) -> Self {
        let burst = self.burst / 4;
        Self {
            burst: if burst == 0 { 1 } else { burst },
            interval: self.interval.saturating_mul(self.burst),
            kept: 0,
        }
    }

    /// The time to wait for the whole quota if that for the first half is `wait`.
    pub const fn wait_for_whole(self, wait: Duration) -> Duration {
        wait.saturating_sub(self.interval.saturating_mul(self.last_half()))
    }

    const fn last_half(self) -> u32 {
        self.burst / 2
    }

    /// The time for which an attempt counts.
    pub const fn interval(self) -> Duration {
        self.interval
    }

    /// The latest `free_at` at which an attempt is allowed now. Times beyond the [horizon](Self::horizon) are
    /// ignored.
    pub fn last_place(self, now: Timestamp) -> Timestamp {
        now.plus(self.interval.saturating_mul(self.burst - self.kept - 1))
    }

    /// The latest possible `free_at`. A later one was stored by a clock that was ahead and must not block the
    /// subject until then.
    pub fn horizon(self, now: Timestamp) -> Timestamp {
        let all = self.interval.saturating_mul(self.burst);
        now.plus(all).plus(TOLERANCE)
    }

    /// The time to wait before an attempt is allowed; `None` when it is allowed now.
    pub fn wait(self, free_at: Timestamp, now: Timestamp) -> Option<Duration> {
        let wait = free_at.since(self.last_place(now))?;
        (!wait.is_zero() && free_at <= self.horizon(now)).then_some(wait)
    }

    /// The new `free_at` after an attempt, at most that of a whole burst.
    pub(super) fn take(self, free_at: Timestamp, now: Timestamp) -> Timestamp {
        let used = free_at > now && free_at <= self.horizon(now);
        let from = if used { free_at } else { now };
        let whole_burst = now.plus(self.interval.saturating_mul(self.burst));
        from.plus(self.interval).min(whole_burst)
    }
}
