//! The rules of rotation: what it means when a refresh token comes, RFC 9700 §4.14.2.
//!
//! "Refresh token rotation: the authorization server issues a new refresh token with every access
//! token refresh response. [...] If a refresh token is compromised and subsequently used by both the
//! attacker and the legitimate client, one of them will present an invalidated refresh token, which
//! will inform the authorization server of the breach." What the RFC leaves open is how to tell a
//! thief from an honest client that lost an answer. The rules here:
//!
//! 1. A token of the current generation, or of a later one (the store lost its last writes), moves
//!    the session on.
//! 2. The token of the generation before, within the retry window, gets the same answer again.
//! 3. The same token after the window is a late retry. It is forgiven as often as it comes while
//!    the generation stands, and the generation is remembered; at another generation within the
//!    spacing it is a replay.
//! 4. Anything older is a replay, and ends the session.
//!
//! Why a thief is noticed. Say that someone *comes* when they show a token newer than any that they
//! showed before. Let thief and owner hold the same token, and their requests lie farther apart than
//! the window. The first of them to come moves the session on; the second is forgiven by rule 3 and
//! leaves the generation behind as a mark. Now both hold the same token again, and of the two who
//! come next with it the first moves the session on, and the second is a late retry one generation
//! after the mark: a replay. If one of them runs ahead instead, the other's token is older than the
//! predecessor, and rule 4 speaks. So the thief is noticed at the latest when both have come twice.
//!
//! To show the same old token again is not to come: it yields the same refresh token and moves
//! nothing on, and the server sees exactly what an honest client looks like that loses several
//! answers in a row. That must be forgiven, so it cannot be counted; what it is good for ends with
//! the generation, when the owner refreshes next.

use crate::client::Policy;
use crate::clock::Timestamp;
use crate::config::LateRetry;
use crate::store::session;

/// What a living session remembers of its last rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// How often it has been refreshed.
    pub generation: u32,
    /// When the generation began, or was last given out again.
    pub rotated_at: Timestamp,
    /// The generation at which a late retry was last forgiven.
    pub late_retry_generation: Option<u32>,
}

impl From<&session::Model> for Position {
    fn from(row: &session::Model) -> Self {
        let number = |value: i64| u32::try_from(value).unwrap_or(u32::MAX);
        Self {
            generation: number(row.generation),
            rotated_at: row.rotated_at,
            late_retry_generation: row.late_retry_generation.map(number),
        }
    }
}

/// What a token that names a living session means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The next generation begins.
    Rotate,
    /// The answer to this token is given again, to the byte.
    SameAnswer,
    /// The answer may have been lost: the same refresh token, a new access token.
    LateRetry,
    /// Two hold the token: the session ends.
    Replay {
        /// How many generations the token is behind.
        distance: u32,
    },
}

/// Judges a token of generation `presented`.
#[must_use]
pub fn judge(presented: u32, position: Position, policy: &Policy, now: Timestamp) -> Judgement {
    let Some(distance) = position
        .generation
        .checked_sub(presented)
        .filter(|d| *d > 0)
    else {
        return Judgement::Rotate;
    };
    if distance > 1 {
        return Judgement::Replay { distance };
    }
    // A rotation a little in the future was made by a node whose clock is ahead. One further ahead
    // was made before the clock stepped back: that is a late retry, which also sets the row right.
    let within = now.apart(position.rotated_at) < policy.retry_window;
    if within {
        Judgement::SameAnswer
    } else if forgives(position, policy) {
        Judgement::LateRetry
    } else {
        Judgement::Replay { distance }
    }
}

fn forgives(position: Position, policy: &Policy) -> bool {
    if policy.late_retry == LateRetry::Never {
        return false;
    }
    position.late_retry_generation.is_none_or(|last| {
        let apart = position.generation.saturating_sub(last);
        apart == 0 || apart > policy.late_retry_spacing
    })
}
