//! The clock, timestamps, and identifiers that order by time.

mod id;
mod jump;
mod timestamp;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

pub use id::{first_id_at, time_ordered_id};
pub use jump::JumpDetector;
pub use timestamp::{Timestamp, micros};

/// The system clock, or a clock that a test sets.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Test(Arc<AtomicI64>),
}

impl Clock {
    /// The system clock.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `start` until [`set`](Self::set) changes it.
    pub fn standing_at(start: Timestamp) -> Self {
        Self(Source::Test(Arc::new(AtomicI64::new(start.as_micros()))))
    }

    /// The current time.
    #[expect(clippy::disallowed_methods, reason = "the one reader of the clock")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp::from(SystemTime::now()),
            Source::Test(time) => Timestamp::from_micros(time.load(Ordering::SeqCst)),
        }
    }

    /// Sets a clock from [`standing_at`](Self::standing_at) and its clones. Does not change the system clock.
    pub fn set(&self, time: Timestamp) {
        if let Source::Test(cell) = &self.0 {
            cell.store(time.as_micros(), Ordering::SeqCst);
        }
    }
}
