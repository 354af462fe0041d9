//! The time limits of a connection.

use std::time::Duration;

use crate::config::ServerSettings;

/// The time limits of a connection.
#[derive(Clone, Copy)]
pub(super) struct TimeLimits {
    pub head: Duration,
    pub idle: Duration,
    pub request: Duration,
    /// How long idle connections stay open during the shutdown.
    pub drain: Duration,
}

impl TimeLimits {
    pub fn new(settings: &ServerSettings) -> Self {
        Self {
            head: settings.header_read_timeout.0,
            idle: settings.keep_alive_timeout.0,
            request: settings.request_timeout.0,
            drain: settings.drain_time.0.min(settings.shutdown_timeout.0),
        }
    }
}
