//! Doubt about the time: this node's clock differs from the database server's, or a clock was set.
//!
//! The monotonic clock cannot be set. From one trusted reading on, it says what the time must be. The reference is
//! the database server's clock, or on SQLite this node's. While the reference agrees with the monotonic clock, it is
//! trusted and corrects the drift. If it steps, the time before the step is trusted, until the reference is set back
//! or the step is accepted.

use std::fmt;
use std::time::Duration;

use super::timestamp::{Timestamp, micros};

/// A smaller difference is drift or a delay.
const STEP: Duration = Duration::from_mins(1);
/// A server that was stopped for longer than this cannot tell its pause from a step of the clock.
const PAUSE: Duration = Duration::from_hours(24);

/// The clock and the monotonic clock, read at the same moment.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// The time.
    pub time: Timestamp,
    /// Microseconds of the monotonic clock, which cannot be set.
    pub monotonic: i64,
}

impl Reading {
    /// The time at another moment, by the monotonic clock.
    fn at(self, monotonic: i64) -> Timestamp {
        let passed = monotonic.saturating_sub(self.monotonic);
        Timestamp::from_micros(self.time.as_micros().saturating_add(passed))
    }
}

/// The differences that cause doubt.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest difference without doubt.
    pub difference: Duration,
    /// The time after which a step is accepted: the new time may be the right one.
    pub acceptance: Duration,
}

impl Limits {
    /// The limits of maintenance, which deletes rows and keys. It can wait.
    pub const MAINTENANCE: Self = Self {
        difference: STEP,
        acceptance: Duration::from_hours(24),
    };

    /// The limits of a request. It cannot wait for long: the new time may be the right one.
    pub const fn of_requests(tolerance: Duration) -> Self {
        Self {
            difference: tolerance,
            acceptance: Duration::from_hours(1),
        }
    }
}

/// The reason why the time may be wrong. Microseconds; negative if the clock is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// This node's clock differs from the database server's.
    Apart(i64),
    /// The clock was set since the start.
    Stepped(i64),
    /// At the start, the clock was ahead of the newest time that the store keeps: it was set, or the server was
    /// stopped meanwhile.
    Paused(i64),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, ahead) = match self {
            Self::Apart(ahead) => (
                "this node's clock differs from the database server's",
                ahead,
            ),
            Self::Stepped(ahead) => ("the clock was set", ahead),
            Self::Paused(ahead) => (
                "the clock differs from the last time at which a node swept the database",
                ahead,
            ),
        };
        write!(f, "{text}, by {} s", ahead / 1_000_000)
    }
}

/// The trusted time, and the steps of the reference.
#[derive(Debug)]
pub(super) struct Trust {
    trusted: Reading,
    /// The last reading of the database server's clock.
    database: Option<Reading>,
    step: Option<Step>,
}

/// A difference of the reference from the trusted time.
#[derive(Clone, Copy, Debug)]
struct Step {
    ahead: i64,
    since: i64,
    is_from_start: bool,
}

impl Trust {
    pub(super) const fn new(own: Reading) -> Self {
        Self {
            trusted: own,
            database: None,
            step: None,
        }
    }

    /// Compares the reference with the monotonic clock. Returns a step that was not known.
    pub(super) fn observe(&mut self, own: Reading, database: Option<Reading>) -> Option<Doubt> {
        let is_first_of_database = self.database.is_none() && database.is_some();
        self.database = database;
        let reference = database.unwrap_or(own);
        let ahead = self.ahead(reference);
        let is_accepted = |step: Step| {
            step.is_by(ahead) && step.age(own) >= micros(Limits::MAINTENANCE.acceptance)
        };
        if is_first_of_database || !exceeds(ahead, STEP) || self.step.is_some_and(is_accepted) {
            self.trusted = reference;
            self.step = None;
            return None;
        }
        if self.step.is_some_and(|step| step.is_by(ahead)) {
            return None;
        }
        self.step = Some(Step {
            ahead,
            since: own.monotonic,
            is_from_start: false,
        });
        Some(Doubt::Stepped(ahead))
    }

    /// Compares the time of the start with the newest time that the store keeps.
    pub(super) fn compare_start(&mut self, newest: Timestamp) -> Option<Doubt> {
        let Reading { time, monotonic } = self.trusted;
        let ahead = time.as_micros().saturating_sub(newest.as_micros());
        if !exceeds(ahead, PAUSE) {
            return None;
        }
        self.trusted.time = newest;
        self.step = Some(Step {
            ahead,
            since: monotonic,
            is_from_start: true,
        });
        Some(Doubt::Paused(ahead))
    }

    pub(super) fn doubt(&self, own: Reading, limits: Limits) -> Option<Doubt> {
        let database = self.database.map(|reading| reading.at(own.monotonic));
        if let Some(database) = database {
            let ahead = own.time.as_micros().saturating_sub(database.as_micros());
            if exceeds(ahead, limits.difference) {
                return Some(Doubt::Apart(ahead));
            }
        }
        let ahead = self.ahead(Reading {
            time: database.unwrap_or(own.time),
            ..own
        });
        let known = self.step.filter(|step| step.is_by(ahead));
        let is_accepted = known.is_some_and(|step| step.age(own) >= micros(limits.acceptance));
        if is_accepted || !exceeds(ahead, limits.difference) {
            return None;
        }
        Some(if known.is_some_and(|step| step.is_from_start) {
            Doubt::Paused(ahead)
        } else {
            Doubt::Stepped(ahead)
        })
    }

    /// The time that the trusted reading and the monotonic clock give.
    pub(super) fn now(&self, own: Reading) -> Timestamp {
        self.trusted.at(own.monotonic)
    }

    fn ahead(&self, reference: Reading) -> i64 {
        let trusted = self.trusted.at(reference.monotonic);
        let time = reference.time.as_micros();
        time.saturating_sub(trusted.as_micros())
    }
}

impl Step {
    fn is_by(self, ahead: i64) -> bool {
        !exceeds(ahead.saturating_sub(self.ahead), STEP)
    }

    const fn age(self, own: Reading) -> i64 {
        own.monotonic.saturating_sub(self.since)
    }
}

fn exceeds(difference: i64, limit: Duration) -> bool {
    Duration::from_micros(difference.unsigned_abs()) > limit
}

#[cfg(test)]
mod tests;
