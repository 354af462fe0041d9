//! What settings must be, beyond their types.

use std::net::SocketAddr;
use std::time::Duration;

use super::{LONGEST_ACCESS_TOKEN, LONGEST_RETRY_WINDOW, Origins, Settings};

impl Settings {
    /// Adds to `wrong` what is out of bounds.
    pub(super) fn check(&self, origins: &Origins, wrong: &mut Vec<String>) {
        let mut demand = |holds: bool, name: &str, right: &str| {
            if !holds {
                wrong.push(origins.complain(name, right));
            }
        };
        let seconds = Duration::from_secs;
        demand(
            is_issuer(&self.issuer),
            "issuer",
            "must be an http or https URL without query, fragment or a slash at the end",
        );
        let lifetime = self.access_token.lifetime.0;
        demand(
            lifetime >= seconds(1) && lifetime <= LONGEST_ACCESS_TOKEN,
            "access_token.lifetime",
            "must be between 1s and 30d: people forget to sign out of shared devices",
        );
        demand(
            self.session.retry_window.0 <= LONGEST_RETRY_WINDOW,
            "session.retry_window",
            "must be between 0s and 60s",
        );
        demand(
            self.session.late_retry_spacing >= 1,
            "session.late_retry_spacing",
            "must be 1 or more",
        );
        demand(
            self.session.lifetime.0 >= seconds(1),
            "session.lifetime",
            "must be 1s or more",
        );
        demand(
            self.session.idle_lifetime.0 >= seconds(1),
            "session.idle_lifetime",
            "must be 1s or more",
        );
        demand(
            self.session.retention.0 >= seconds(3600),
            "session.retention",
            "must be 1h or more",
        );
        demand(
            self.audit.retention.0 >= seconds(86_400),
            "audit.retention",
            "must be 1d or more",
        );
        self.check_sweep(&mut demand);
        self.check_database(&mut demand);
        self.check_keys(&mut demand);
        self.check_password(&mut demand);
        self.check_sign_in(&mut demand);
        self.check_server(&mut demand);
    }

    fn check_sweep(&self, demand: &mut dyn FnMut(bool, &str, &str)) {
        demand(
            (1..=10_000).contains(&self.sweep.batch),
            "sweep.batch",
            "must be between 1 and 10000",
        );
        demand(
            self.sweep.pause.0 <= Duration::from_mins(1),
            "sweep.pause",
            "must be between 0s and 1m",
        );
    }

    fn check_database(&self, demand: &mut dyn FnMut(bool, &str, &str)) {
        demand(
            (1..=1000).contains(&self.database.connections),
            "database.connections",
            "must be between 1 and 1000",
        );
        demand(
            self.database.acquire_timeout.0 >= Duration::from_millis(100),
            "database.acquire_timeout",
            "must be 100ms or more",
        );
        demand(
            self.database.statement_timeout.0 >= Duration::from_millis(100)
                && self.database.statement_timeout.0 <= Duration::from_hours(1),
            "database.statement_timeout",
            "must be between 100ms and 1h",
        );
    }

    fn check_keys(&self, demand: &mut dyn FnMut(bool, &str, &str)) {
        let seconds = Duration::from_secs;
        demand(
            matches!(self.keys.bits, 2048 | 3072 | 4096),
            "keys.bits",
            "must be 2048, 3072 or 4096",
        );
        demand(
            self.keys.rotation_interval.0 >= seconds(86_400),
            "keys.rotation_interval",
            "must be 1d or more",
        );
        demand(
            self.keys.jwks_max_age.0 <= seconds(86_400),
            "keys.jwks_max_age",
            "must be 1d or less",
        );
        let refresh = self.keys.refresh_interval.0;
        demand(
            refresh >= seconds(1) && refresh <= seconds(300),
            "keys.refresh_interval",
            "must be between 1s and 5m",
        );
    }

    fn check_password(&self, demand: &mut dyn FnMut(bool, &str, &str)) {
        demand(
            self.password.threads <= 1024,
            "password.threads",
            "must be 1024 or less",
        );
        demand(
            (1..=100_000).contains(&self.password.queue),
            "password.queue",
            "must be between 1 and 100000",
        );
        demand(
            (8..=64).contains(&self.password.min_length),
            "password.min_length",
            "must be between 8 and 64",
        );
        demand(
            self.password.min_score <= 4,
            "password.min_score",
            "must be between 0 and 4",
        );
    }

    fn check_sign_in(&self, demand: &mut dyn FnMut(bool, &str, &str)) {
        let limits = &self.sign_in;
        let bursts = [
            ("sign_in.account_burst", limits.account_burst),
            ("sign_in.address_burst", limits.address_burst),
        ];
        for (name, burst) in bursts {
            demand(burst <= 10_000, name, "must be between 0 and 10000");
        }
        let intervals = [
            ("sign_in.account_interval", limits.account_interval.0),
            ("sign_in.address_interval", limits.address_interval.0),
        ];
        for (name, interval) in intervals {
            demand(
                interval >= Duration::from_millis(1) && interval <= Duration::from_hours(1),
                name,
                "must be between 1ms and 1h: nobody is kept out for good",
            );
        }
    }

    fn check_server(&self, demand: &mut dyn FnMut(bool, &str, &str)) {
        let seconds = Duration::from_secs;
        let metrics = &self.metrics.listen;
        demand(
            metrics.is_empty() || metrics.parse::<SocketAddr>().is_ok(),
            "metrics.listen",
            "must be an address and a port, such as 127.0.0.1:9464, or empty",
        );
        demand(
            (1024..=1_048_576).contains(&self.server.body_limit),
            "server.body_limit",
            "must be between 1024 and 1048576 bytes",
        );
        demand(
            self.server.header_read_timeout.0 >= seconds(1),
            "server.header_read_timeout",
            "must be 1s or more",
        );
        demand(
            self.server.shutdown_timeout.0 >= seconds(1),
            "server.shutdown_timeout",
            "must be 1s or more",
        );
        demand(
            self.server.request_timeout.0 >= seconds(1),
            "server.request_timeout",
            "must be 1s or more",
        );
        demand(
            self.server.max_connections >= 1,
            "server.max_connections",
            "must be 1 or more",
        );
    }
}

/// "The issuer identifier is a URL that uses the "https" scheme and has no query or fragment
/// components", RFC 8414 §2; http is let through for loopback and test machines.
fn is_issuer(issuer: &str) -> bool {
    url::Url::parse(issuer).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    }) && !issuer.ends_with('/')
}
