//! Whether this node's clock agrees with the database's, and so with those of the other nodes.

use std::time::Duration;

use sea_orm::DbErr;

use crate::server::AuthorizationServer;
use crate::store;

/// Nodes that lie no further apart than this do nobody harm.
const TOLERATED: Duration = Duration::from_secs(1);

/// How far this node's clock is ahead of the database server's, in microseconds, at least: what the answer took
/// is counted for neither. Below 0 it is behind; `None` where there is no server. The operator is told of more
/// than a second, because the retry window is judged by the nodes' clocks: a node that is a whole window away
/// takes an honest client for a late one.
///
/// # Errors
///
/// What the database says when it cannot be asked.
pub async fn compare(server: &AuthorizationServer) -> Result<Option<i64>, DbErr> {
    let before = server.clock.now().as_micros();
    let Some(theirs) = store::clock::now(&server.store).await? else {
        return Ok(None);
    };
    let after = server.clock.now().as_micros();
    let theirs = theirs.as_micros();
    let ahead = theirs.clamp(before.min(after), before.max(after)) - theirs;
    let apart = Duration::from_micros(ahead.unsigned_abs());
    let seconds = apart
        .as_secs_f64()
        .copysign(if ahead < 0 { -1.0 } else { 1.0 });
    metrics::gauge!("jeton_clock_ahead_seconds").set(seconds);
    if apart > TOLERATED {
        tracing::warn!(
            seconds_ahead = seconds,
            "this node's clock and the database's lie apart; set the clocks of all nodes by NTP, or honest clients \
             can be taken for late ones"
        );
    }
    Ok(Some(ahead))
}
