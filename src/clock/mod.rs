//! The clock, doubt about it, timestamps, and identifiers that order by time.

mod doubt;
mod id;
mod timestamp;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use self::doubt::Trust;
pub use doubt::{Doubt, Limits, Reading};
pub use id::{first_id_at, time_ordered_id};
use rustix::time::{ClockId, clock_gettime};
pub use timestamp::{Timestamp, micros};

/// The monotonic clock. On Linux it also counts the time during which the machine sleeps.
#[cfg(target_os = "linux")]
const MONOTONIC: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const MONOTONIC: ClockId = ClockId::Monotonic;

/// The system clock, or a clock that a test sets, and what is known about its errors.
#[derive(Clone, Debug)]
pub struct Clock {
    source: Source,
    trust: Arc<Mutex<Trust>>,
}

#[derive(Clone, Debug)]
enum Source {
    System,
    Test(Arc<Mutex<Reading>>),
}

impl Clock {
    /// The system clock.
    pub fn system() -> Self {
        Self::of(Source::System)
    }

    /// A clock that stands at `start` until [`set`](Self::set) changes it.
    pub fn standing_at(start: Timestamp) -> Self {
        let monotonic = start.as_micros();
        Self::of(Source::Test(Arc::new(Mutex::new(Reading {
            time: start,
            monotonic,
        }))))
    }

    fn of(source: Source) -> Self {
        let trust = Trust::new(source.read());
        Self {
            source,
            trust: Arc::new(Mutex::new(trust)),
        }
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        self.source.now()
    }

    /// The current time and the monotonic clock.
    pub fn read(&self) -> Reading {
        self.source.read()
    }

    /// Waits until `duration` has passed since `start`, by the monotonic clock.
    pub async fn wait(&self, start: Reading, duration: Duration) {
        let end = start.monotonic.saturating_add(micros(duration));
        while let Ok(left @ 1..) = u64::try_from(end.saturating_sub(self.read().monotonic)) {
            tokio::time::sleep(match self.source {
                Source::System => Duration::from_micros(left),
                Source::Test(_) => Duration::from_millis(1),
            })
            .await;
        }
    }

    /// Compares this reading with the monotonic clock and with the database server's. Returns a step of the clock
    /// that was not known.
    pub fn observe(&self, own: Reading, database: Option<Reading>) -> Option<Doubt> {
        self.trust().observe(own, database)
    }

    /// Compares the time of the start with the newest time that the store keeps, after the first
    /// [observation](Self::observe).
    pub fn compare_start(&self, newest: Timestamp) -> Option<Doubt> {
        self.trust().compare_start(newest)
    }

    /// The reason why the current time may be wrong by more than the limits.
    pub fn doubt(&self, limits: Limits) -> Option<Doubt> {
        let trust = self.trust();
        trust.doubt(self.read(), limits)
    }

    /// The current time by the database server's clock, or on SQLite by this node's. After a step, the time that it
    /// would be without the step.
    pub fn trusted_now(&self) -> Timestamp {
        let trust = self.trust();
        trust.now(self.read())
    }

    /// The time of the database server to compare with. A clock from [`standing_at`](Self::standing_at) is compared
    /// with the time that it would have without its [steps](Self::step_to).
    pub fn database_time(&self, time: Timestamp) -> Timestamp {
        match &self.source {
            Source::System => time,
            Source::Test(clock) => Timestamp::from_micros(lock(clock).monotonic),
        }
    }

    /// `time`, but while the clock is in doubt not later than the trusted time. A signing key that a clock ahead would
    /// retire stays in use.
    pub fn at_most_trusted(&self, time: Timestamp) -> Timestamp {
        let (trust, own) = (self.trust(), self.read());
        match trust.doubt(own, Limits::MAINTENANCE) {
            None => time,
            Some(_) => time.min(trust.now(own)),
        }
    }

    fn trust(&self) -> MutexGuard<'_, Trust> {
        lock(&self.trust)
    }

    /// Lets time pass until `time` on a clock from [`standing_at`](Self::standing_at) and its clones. Does not change
    /// the system clock.
    pub fn set(&self, time: Timestamp) {
        if let Source::Test(clock) = &self.source {
            let mut reading = lock(clock);
            let passed = time.as_micros().saturating_sub(reading.time.as_micros());
            *reading = Reading {
                time,
                monotonic: reading.monotonic.saturating_add(passed),
            };
        }
    }

    /// Sets a clock from [`standing_at`](Self::standing_at) and its clones, while no time passes.
    pub fn step_to(&self, time: Timestamp) {
        if let Source::Test(clock) = &self.source {
            lock(clock).time = time;
        }
    }
}

impl Source {
    #[expect(clippy::disallowed_methods, reason = "the one reader of the clock")]
    fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::from(SystemTime::now()),
            Self::Test(clock) => lock(clock).time,
        }
    }

    fn read(&self) -> Reading {
        match self {
            Self::System => Reading {
                time: self.now(),
                monotonic: monotonic(),
            },
            Self::Test(clock) => *lock(clock),
        }
    }
}

/// Microseconds of the monotonic clock.
fn monotonic() -> i64 {
    let time = clock_gettime(MONOTONIC);
    let micros = time.tv_sec.saturating_mul(1_000_000);
    micros.saturating_add(time.tv_nsec / 1000)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
