//! Comparison of this node's clock with the database server's and with the monotonic clock.

use std::time::Duration;

use sea_orm::DbErr;

use crate::clock::{Clock, Limits, Reading, Timestamp};
use crate::metric;
use crate::store::{self, Store, lease};

/// Maximum difference without a warning.
const TOLERANCE: Duration = Duration::from_secs(1);

/// Compares the clocks at the start, before anything depends on the time, and the time of the start with the last
/// sweep. A long pause is either a step of the clock or a server that was stopped.
pub async fn compare_at_start(store: &Store, clock: &Clock) -> Result<(), DbErr> {
    compare(store, clock).await?;
    let Some(swept_at) = lease::expiry(store, lease::SWEEP).await? else {
        return Ok(());
    };
    if let Some(doubt) = clock.compare_start(swept_at) {
        tracing::warn!(
            %doubt,
            "check the clock. It is right if the server was stopped meanwhile. No row is deleted and \
             no key is changed for a day"
        );
    }
    Ok(())
}

/// Returns the microseconds by which this node's clock is ahead of the database server's: a lower bound, because
/// the duration of the query is not counted. Negative if it is behind; `None` on SQLite.
///
/// Logs a warning above one second, and when a clock was set. Nodes judge the retry window by their clocks: a node
/// whose clock is off by the window treats an honest retry as a late one.
pub async fn compare(store: &Store, clock: &Clock) -> Result<Option<i64>, DbErr> {
    let before = clock.read();
    let database = store::clock::now(store).await?;
    let after = clock.read();
    let database = database.map(|time| reading(clock.database_time(time), before, after));
    if let Some(doubt) = clock.observe(after, database) {
        tracing::warn!(%doubt, "check the clock. No row is deleted and no key is changed for a day");
    }
    let doubt = clock.doubt(Limits::MAINTENANCE);
    metric::CLOCK_IN_DOUBT.set((), if doubt.is_some() { 1.0 } else { 0.0 });
    let Some(database) = database else {
        return Ok(None);
    };
    let ahead = own_time(database.time, before, after).as_micros() - database.time.as_micros();
    report(ahead);
    Ok(Some(ahead))
}

/// The reading of the database server's clock, at the moment of the query that makes the difference least.
fn reading(database: Timestamp, before: Reading, after: Reading) -> Reading {
    let passed = own_time(database, before, after).as_micros() - before.time.as_micros();
    let monotonic = before.monotonic.saturating_add(passed);
    Reading {
        time: database,
        monotonic: monotonic.min(after.monotonic).max(before.monotonic),
    }
}

/// This node's time during the query that is nearest to the database server's.
fn own_time(database: Timestamp, before: Reading, after: Reading) -> Timestamp {
    let (first, last) = (before.time.min(after.time), before.time.max(after.time));
    database.clamp(first, last)
}

fn report(ahead: i64) {
    let difference = Duration::from_micros(ahead.unsigned_abs());
    let seconds = difference
        .as_secs_f64()
        .copysign(if ahead < 0 { -1.0 } else { 1.0 });
    metric::CLOCK_AHEAD.set((), seconds);
    if difference > TOLERANCE {
        tracing::warn!(
            seconds_ahead = seconds,
            "this node's clock differs from the database server's; synchronize all clocks by NTP, or retries of \
             honest clients may be judged late. While it differs by over a minute, this node deletes no row \
             and changes no key"
        );
    }
}
