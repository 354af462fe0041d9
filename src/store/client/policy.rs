//! What holds for the sessions and tokens of one client: its own values, or else those of the settings.

use std::time::Duration;

use super::Model;
use crate::config::{LateRetry, Settings};

/// What holds for the sessions of one client: its own values, or else those of the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long an access token lives.
    pub access_token_lifetime: Duration,
    /// How long a session lives at most.
    pub session_lifetime: Duration,
    /// How long a session lives without being refreshed.
    pub session_idle_lifetime: Duration,
    /// How long the same refresh token gets the same answer; zero: never.
    pub retry_window: Duration,
    /// Whether a retry after the window is forgiven.
    pub late_retry: LateRetry,
    /// How many generations lie between two late retries that are forgiven.
    pub late_retry_spacing: u32,
    /// What its access tokens look like.
    pub access_token_format: AccessTokenFormat,
}

/// What a client's access tokens look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccessTokenFormat {
    /// A JWT by RFC 9068, which any API verifies by itself.
    #[default]
    Jwt,
    /// A reference: it says nothing to whoever reads it, and an API asks us about it (RFC 7662).
    Opaque,
}

impl Model {
    /// The client's own values, or else those of the settings.
    #[must_use]
    pub fn policy(&self, settings: &Settings) -> Policy {
        let own = |value: Option<i64>, else_: Duration| {
            value
                .and_then(|micros| u64::try_from(micros).ok())
                .map_or(else_, Duration::from_micros)
        };
        let session = &settings.session;
        let access_token_lifetime =
            own(self.access_token_lifetime, settings.access_token.lifetime.0);
        Policy {
            access_token_lifetime,
            session_lifetime: own(self.session_lifetime, session.lifetime.0),
            session_idle_lifetime: own(self.session_idle_lifetime, session.idle_lifetime.0),
            // The same answer is of use only while its access token has some life left.
            retry_window: own(self.retry_window, session.retry_window.0)
                .min(access_token_lifetime / 2),
            late_retry: match self.late_retry.as_deref() {
                Some("once") => LateRetry::Once,
                Some("never") => LateRetry::Never,
                _ => session.late_retry,
            },
            late_retry_spacing: self
                .late_retry_spacing
                .and_then(|spacing| u32::try_from(spacing).ok())
                .unwrap_or(session.late_retry_spacing),
            access_token_format: match self.access_token_format.as_deref() {
                Some("opaque") => AccessTokenFormat::Opaque,
                _ => AccessTokenFormat::Jwt,
            },
        }
    }
}
