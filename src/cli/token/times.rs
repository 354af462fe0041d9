//! The times of a token against the clock.

use super::Finding;
use crate::clock::Timestamp;
use crate::config::Span;
use crate::server::AuthorizationServer;

const CHECK: &str = "times";

/// Whether a token with these times is valid now.
pub fn check(
    issued_at: Option<Timestamp>,
    expires_at: Timestamp,
    server: &AuthorizationServer,
) -> Finding {
    let now = server.clock.now();
    if now >= expires_at {
        return Finding::failure(
            CHECK,
            format!("it expired at {expires_at}, {} ago", span(now, expires_at)),
            "get a new one by a refresh; if it is new, compare the clocks",
        );
    }
    if let Some(issued_at) = issued_at.filter(|issued_at| *issued_at > now) {
        let text = format!(
            "it was issued at {issued_at}, {} in the future",
            span(issued_at, now)
        );
        let remedy = "compare the clocks of the nodes and of this machine";
        let tolerance = server.settings.server.clock_tolerance.0;
        return if issued_at > now.plus(tolerance) {
            Finding::failure(CHECK, text, remedy)
        } else {
            Finding::warning(CHECK, text, remedy)
        };
    }
    Finding::ok(
        CHECK,
        format!("it expires at {expires_at}, in {}", span(expires_at, now)),
    )
}

/// The time between, in whole seconds.
pub fn span(one: Timestamp, other: Timestamp) -> Span {
    Span(std::time::Duration::from_secs(one.apart(other).as_secs()))
}
