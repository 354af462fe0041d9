//! Expiry while the clock is in doubt: 503 instead of a refusal, because a client that is refused drops its tokens.

use crate::clock::{Doubt, Limits, Timestamp};
use crate::error::{Error, Reason};
use crate::server::AuthorizationServer;

/// The reason why a token must not be refused as expired now.
pub fn doubt(server: &AuthorizationServer) -> Option<Doubt> {
    let tolerance = server.settings.server.clock_tolerance.0;
    server.clock.doubt(Limits::of_requests(tolerance))
}

/// The refusal of an expired refresh token, or 503 while the clock is in doubt.
pub fn expired(reason: &'static str, server: &AuthorizationServer) -> Error {
    match doubt(server) {
        None => Error::InvalidGrant(reason.into()),
        Some(doubt) => in_doubt(doubt),
    }
}

/// The response 503 while the clock is in doubt.
pub fn in_doubt(doubt: Doubt) -> Error {
    Error::TemporarilyUnavailable(Reason::Owned(doubt.to_string()))
}

/// Whether a clock that was ahead issued a token at this time. It would be valid for too long.
pub fn is_from_future(issued_at: Timestamp, now: Timestamp, server: &AuthorizationServer) -> bool {
    issued_at > now.plus(server.settings.server.clock_tolerance.0)
}
