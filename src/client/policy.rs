//! The settings in force for one client.

use std::time::Duration;

use super::{AccessTokenFormat, AccessTokenType, ClientSettings, RefreshTokenRotation};
use crate::config::{LateRetry, RetryDevice, Settings};

/// The settings in force for the sessions and tokens of one client: its own, or else the server's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Lifetime of an access token.
    pub access_token_lifetime: Duration,
    /// Maximum lifetime of a session.
    pub session_lifetime: Duration,
    /// Lifetime of a session without a refresh.
    pub session_idle_lifetime: Duration,
    /// The time in which the same refresh token gets the same response.
    pub retry_window: Duration,
    /// The devices that get it.
    pub retry_device: RetryDevice,
    /// Whether a retry after the retry window is allowed.
    pub late_retry: LateRetry,
    /// The number of generations after a late retry from another device in which the next one is a replay.
    pub late_retry_spacing: u32,
    /// Format of access tokens.
    pub access_token_format: AccessTokenFormat,
    /// The `typ` header of JWTs; `None`: the server's setting for the audience.
    pub access_token_type: Option<AccessTokenType>,
    /// Whether a refresh replaces the refresh token.
    pub rotation: RefreshTokenRotation,
}

impl Policy {
    /// The policy of a client, which is confidential or public.
    pub fn new(own: &ClientSettings, confidential: bool, server: &Settings) -> Self {
        let lifetime = |own: Option<i64>, server: Duration| {
            own.and_then(|seconds| u64::try_from(seconds).ok())
                .map_or(server, Duration::from_secs)
        };
        let session = &server.session;
        let access_token_lifetime =
            lifetime(own.access_token_lifetime, server.access_token.lifetime.0);
        Self {
            access_token_lifetime,
            session_lifetime: lifetime(own.session_lifetime, session.lifetime.0),
            session_idle_lifetime: lifetime(own.session_idle_lifetime, session.idle_lifetime.0),
            // The same response is useful only while its access token is valid.
            retry_window: lifetime(own.retry_window, session.retry_window.0)
                .min(access_token_lifetime / 2),
            retry_device: own.retry_device.unwrap_or(session.retry_device),
            late_retry: own.late_retry.unwrap_or(session.late_retry),
            late_retry_spacing: own
                .late_retry_spacing
                .and_then(|spacing| u32::try_from(spacing).ok())
                .unwrap_or(session.late_retry_spacing),
            access_token_format: own.access_token_format.unwrap_or_default(),
            access_token_type: own.access_token_type,
            // "Refresh tokens for public clients MUST be sender-constrained or use refresh token rotation",
            // RFC 9700 §2.2.2.
            rotation: if confidential {
                own.rotation.unwrap_or_default()
            } else {
                RefreshTokenRotation::Always
            },
        }
    }
}
