//! The rules of rotation: the meaning of a presented refresh token, RFC 9700 §4.14.2.
//!
//! "Refresh token rotation: the authorization server issues a new refresh token with every access
//! token refresh response. [...] If a refresh token is compromised and subsequently used by both the
//! attacker and the legitimate client, one of them will present an invalidated refresh token, which
//! will inform the authorization server of the breach." The RFC leaves open how to tell a thief from an
//! honest client that lost a response. The rules here:
//!
//! 1. A token of the current generation, or of a later one (the store lost its last writes), begins the
//!    next generation. The session records the device that it answers.
//! 2. The token of the generation before, within the retry window, gets the same response. With
//!    `retry_device = "same"` it must come from the same `User-Agent`; a phone may change its network within
//!    seconds. With `"any"` the first repetition by another `User-Agent` is written to the audit log.
//! 3. Otherwise the same token is a late retry. From the same device (`User-Agent` and network) it is
//!    forgiven. From another device it is forgiven any number of times while its generation is current, and
//!    the session records the generation. At another generation within the spacing of the recorded one it is
//!    a replay.
//! 4. An older token is a replay. The session is revoked.
//!
//! # Time
//!
//! A request may wait: for a lock, for a connection, for a node that stood still. Waiting is no evidence
//! of theft, and a waiting request sees a row that later requests may have written. So a request has two
//! times, its arrival and now, and is judged by whichever favors its client:
//!
//! - The window is measured from the moment between arrival and now that is nearest to the rotation. A
//!   request that waited while another one rotated the session is not late and records nothing.
//! - A request that waited longer than [`CLIENT_TIMEOUT`] is no replay. Its client has given up by then
//!   and may have refreshed at another node, even twice. The request fails and changes nothing.
//! - The window is meant for the client, so it counts from the response. A write that took half the
//!   window is followed by a second one, which [begins the window again](is_window_half_over).
//!
//! # Detection of a thief
//!
//! Let thief and owner hold the same token on two devices. A holder *advances* when it presents that token
//! or a newer one, and one newer than each token that it presented before. The first to advance begins the next generation, and
//! the session records its device. The second is forgiven by rule 3, and the generation is recorded. Now
//! both hold the same token again. Of the next two to advance, the first begins a generation on its device,
//! and the second is a late retry from the other device, one generation after the recorded one: a replay. If
//! one of them runs ahead instead, the token of the other is older than the predecessor, and rule 4 applies.
//! So the thief is detected at the latest when both have advanced twice.
//!
//! Two cases are left. Within the retry window, a thief who sends the owner's `User-Agent` gets the same
//! response; with `"any"`, each thief does, and is audited. After it, a thief who also shares the owner's
//! network is the same device.
//!
//! To present the same old token again is no advance. It returns the same refresh token and begins no
//! generation. An honest client that loses several responses in a row sends the same requests. They must
//! be forgiven, so they cannot be counted. The old token stops working when the owner refreshes next.

use std::time::Duration;

use crate::client::Policy;
use crate::clock::Timestamp;
use crate::config::{LateRetry, RetryDevice};
use crate::store::session;
use crate::token::sender::Sender;

/// The time after which the client of a waiting request is assumed to have given up.
pub const CLIENT_TIMEOUT: Duration = Duration::from_secs(5);

/// The state of rotation of an active session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The number of refreshes.
    pub generation: u32,
    /// The start of the generation, or its last late retry.
    pub rotated_at: Timestamp,
    /// The generation of the last late retry that was forgiven from another device.
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

/// The time that a request has been in the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestTime {
    /// The time at which the request arrived.
    pub arrival: Timestamp,
    /// The time at which it is judged.
    pub now: Timestamp,
}

impl RequestTime {
    /// The time of a request that did not wait.
    pub const fn without_wait(now: Timestamp) -> Self {
        Self { arrival: now, now }
    }

    /// The distance of `time` from the nearest moment of the request. A time a little in the future was
    /// written by a node whose clock is ahead. A time further ahead was written before the clock stepped
    /// back.
    fn distance(self, time: Timestamp) -> Duration {
        let (first, last) = (self.arrival.min(self.now), self.arrival.max(self.now));
        time.apart(time.clamp(first, last))
    }

    fn has_client_given_up(self) -> bool {
        self.now.apart(self.arrival) > CLIENT_TIMEOUT
    }
}

/// The meaning of a token that names an active session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The next generation begins.
    Rotate,
    /// The token gets the same tokens again, to the byte.
    SameAnswer {
        /// Whether another `User-Agent` received it before.
        is_elsewhere: bool,
    },
    /// The response may have been lost: the same refresh token, a new access token.
    LateRetry {
        /// Whether it counts as one from another device: the generation is recorded.
        is_elsewhere: bool,
    },
    /// The token is old, but the request waited too long to prove a replay: try again.
    WaitedTooLong,
    /// Two parties hold the token: the session is revoked.
    Replay {
        /// The number of generations that the token is behind.
        distance: u32,
    },
}

/// Judges a token of the generation `presented`, which `sender` sent.
pub fn judge(
    presented: u32,
    position: Position,
    policy: &Policy,
    time: RequestTime,
    sender: Sender,
) -> Judgement {
    let distance = position.generation.saturating_sub(presented);
    let is_in_window = time.distance(position.rotated_at) < policy.retry_window;
    match distance {
        0 => Judgement::Rotate,
        1 if is_in_window && may_repeat(sender, policy) => Judgement::SameAnswer {
            is_elsewhere: sender == Sender::OtherUserAgent,
        },
        1 if forgives(position, policy, sender) => Judgement::LateRetry {
            is_elsewhere: is_elsewhere(sender, policy),
        },
        _ if time.has_client_given_up() => Judgement::WaitedTooLong,
        distance => Judgement::Replay { distance },
    }
}

/// Whether the sender gets the same response within the retry window.
fn may_repeat(sender: Sender, policy: &Policy) -> bool {
    policy.retry_device == RetryDevice::Any || sender != Sender::OtherUserAgent
}

/// Whether a late retry counts as one from another device.
fn is_elsewhere(sender: Sender, policy: &Policy) -> bool {
    policy.late_retry != LateRetry::SameDevice || sender != Sender::SameDevice
}

fn forgives(position: Position, policy: &Policy, sender: Sender) -> bool {
    if policy.late_retry == LateRetry::Never {
        return false;
    }
    if !is_elsewhere(sender, policy) {
        return true;
    }
    position.late_retry_generation.is_none_or(|last| {
        let apart = position.generation.saturating_sub(last);
        apart == 0 || apart > policy.late_retry_spacing
    })
}

/// Whether half of the retry window has passed since `rotated_at`, which was written just now.
pub fn is_window_half_over(rotated_at: Timestamp, policy: &Policy, now: Timestamp) -> bool {
    let window = policy.retry_window;
    !window.is_zero() && now.apart(rotated_at) >= window / 2
}
