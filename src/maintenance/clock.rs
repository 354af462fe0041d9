//! Comparison of this node's clock with the database server's.

use std::time::Duration;

use sea_orm::DbErr;

use crate::server::AuthorizationServer;
use crate::store;

/// Maximum difference without a warning.
const TOLERANCE: Duration = Duration::from_secs(1);

/// Returns the microseconds by which this node's clock is ahead of the database server's: a lower bound, because
/// the duration of the query is not counted. Negative if it is behind; `None` on SQLite.
///
/// Logs a warning above one second. Nodes judge the retry window by their clocks: a node whose clock is off by
/// the window treats an honest retry as a late one.
pub async fn compare(server: &AuthorizationServer) -> Result<Option<i64>, DbErr> {
    let before = server.clock.now().as_micros();
    let Some(database) = store::clock::now(&server.store).await? else {
        return Ok(None);
    };
    let after = server.clock.now().as_micros();
    let database = database.as_micros();
    let ahead = database.clamp(before.min(after), before.max(after)) - database;
    let difference = Duration::from_micros(ahead.unsigned_abs());
    let seconds = difference
        .as_secs_f64()
        .copysign(if ahead < 0 { -1.0 } else { 1.0 });
    metrics::gauge!("jeton_clock_ahead_seconds").set(seconds);
    if difference > TOLERANCE {
        tracing::warn!(
            seconds_ahead = seconds,
            "this node's clock differs from the database server's; synchronize all clocks by NTP, or retries of \
             honest clients may be judged late"
        );
    }
    Ok(Some(ahead))
}
