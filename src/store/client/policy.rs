//! What holds for the sessions and tokens of one client: its own values, or else those of the settings.

use std::time::Duration;

use super::Model;
use super::choice::{AccessTokenFormat, AccessTokenType, RefreshTokenRotation};
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
    /// The `typ` of its JWTs; `None`: as the settings say for the audience.
    pub access_token_type: Option<AccessTokenType>,
    /// Whether a refresh replaces the refresh token.
    pub rotation: RefreshTokenRotation,
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
            late_retry: self.own_late_retry().unwrap_or(session.late_retry),
            late_retry_spacing: self
                .late_retry_spacing
                .and_then(|spacing| u32::try_from(spacing).ok())
                .unwrap_or(session.late_retry_spacing),
            access_token_format: self.own_access_token_format().unwrap_or_default(),
            access_token_type: self.own_access_token_type(),
            rotation: self.rotation_in_force(),
        }
    }

    /// "Refresh tokens for public clients MUST be sender-constrained or use refresh token rotation",
    /// RFC 9700 §2.2.2: whatever the row of one says, its tokens rotate.
    fn rotation_in_force(&self) -> RefreshTokenRotation {
        if self.confidential {
            self.own_rotation().unwrap_or_default()
        } else {
            RefreshTokenRotation::Always
        }
    }

    /// The client's own choice.
    #[must_use]
    pub fn own_access_token_format(&self) -> Option<AccessTokenFormat> {
        AccessTokenFormat::parse(self.access_token_format.as_deref()?)
    }

    /// The client's own choice.
    #[must_use]
    pub fn own_access_token_type(&self) -> Option<AccessTokenType> {
        AccessTokenType::parse(self.access_token_type.as_deref()?)
    }

    /// The client's own choice.
    #[must_use]
    pub fn own_late_retry(&self) -> Option<LateRetry> {
        LateRetry::parse(self.late_retry.as_deref()?)
    }

    /// The client's own choice.
    #[must_use]
    pub fn own_rotation(&self) -> Option<RefreshTokenRotation> {
        RefreshTokenRotation::parse(self.rotation.as_deref()?)
    }
}
