//! The settings of a revocation feed.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

const INTERVAL: Duration = Duration::from_secs(1);

/// The issuer's feed of revoked sessions, with this API's credentials as a confidential client.
#[derive(Clone)]
#[must_use]
pub struct RevocationFeed {
    pub(super) authorization: Option<HeaderValue>,
    pub(super) interval: Duration,
}

impl RevocationFeed {
    /// Authenticates with HTTP Basic (RFC 6749 §2.3.1). The URL of the feed is `revoked_sessions_endpoint`
    /// in the issuer's metadata.
    pub fn new(client_id: &str, client_secret: &str) -> Self {
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let pair = format!("{}:{}", encode(client_id), encode(client_secret));
        let mut authorization =
            HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).ok();
        if let Some(value) = &mut authorization {
            value.set_sensitive(true);
        }
        Self {
            authorization,
            interval: INTERVAL,
        }
    }

    /// The time between two fetches. Default: 1 s.
    pub const fn interval(mut self, time: Duration) -> Self {
        self.interval = time;
        self
    }
}

/// Omits the secret.
impl fmt::Debug for RevocationFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationFeed")
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}
