//! Ranges of the settings, and rules beyond their types.

use std::fmt;
use std::net::SocketAddr;
use std::ops::{Bound, RangeBounds};
use std::time::Duration;

use super::{LONGEST_ACCESS_TOKEN, LONGEST_RETRY_WINDOW, SettingSources, Settings, Span};
use crate::root_secret::RootSecrets;
use crate::web_origin::is_loopback;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

impl Settings {
    /// Adds a message to `errors` for each setting that breaks a rule.
    pub(super) fn check(&self, sources: &SettingSources, errors: &mut Vec<String>) {
        let mut check = Check { sources, errors };
        let has_listener = self.server.listen.address().is_some();
        check.rule(
            "issuer",
            has_listener || !self.issuer.is_empty(),
            "must be set, because server.listen has no host and port that it could be",
        );
        check.rule(
            "issuer",
            self.issuer.is_empty() || is_issuer(&self.issuer),
            "must be an http or https URL without query, fragment or a slash at the end",
        );
        check.rule(
            "issuer",
            self.issuer.is_empty() || is_secure(&self.issuer) || self.server.insecure_http,
            "must begin with https://, because with http:// everyone on the network can read passwords and tokens; \
             http:// is for this machine alone, such as http://localhost:8080. If no issuer is set, it is the address \
             of server.listen. For a test network set server.insecure_http = true (JETON_SERVER__INSECURE_HTTP)",
        );
        check.duration(
            "access_token.lifetime",
            self.access_token.lifetime,
            SECOND..=LONGEST_ACCESS_TOKEN,
        );
        check.duration("audit.retention", self.audit.retention, DAY..);
        check.number("sweep.batch", self.sweep.batch, 1..=10_000);
        check.duration("sweep.pause", self.sweep.pause, Duration::ZERO..=MINUTE);
        check.rule(
            "root_secret.file",
            !is_root_secret(&self.root_secret.file.to_string_lossy()),
            "must be the path of a file, not the secret; set that in root_secret.value \
             (JETON_ROOT_SECRET__VALUE)",
        );
        let bootstrap = &self.bootstrap;
        check.joint_rule(
            &["bootstrap.admin_password", "bootstrap.admin_password_file"],
            bootstrap.admin_password.0.expose().is_empty()
                || bootstrap.admin_password_file.as_os_str().is_empty(),
            "set one of them",
        );
        check.rule(
            "page.name",
            is_page_name(&self.page.name),
            "must have 1 to 60 characters, without line breaks and control characters",
        );
        self.check_server(&mut check);
        self.check_database(&mut check);
        self.check_session(&mut check);
        self.check_keys(&mut check);
        self.check_passwords(&mut check);
    }

    fn check_server(&self, check: &mut Check<'_>) {
        let server = &self.server;
        check.duration(
            "server.header_read_timeout",
            server.header_read_timeout,
            SECOND..,
        );
        check.duration(
            "server.keep_alive_timeout",
            server.keep_alive_timeout,
            SECOND..,
        );
        check.duration("server.request_timeout", server.request_timeout, SECOND..);
        check.duration("server.shutdown_timeout", server.shutdown_timeout, SECOND..);
        check.duration("server.drain_time", server.drain_time, Duration::ZERO..);
        check.duration(
            "server.clock_tolerance",
            server.clock_tolerance,
            MINUTE..=DAY,
        );
        check.number("server.max_connections", server.max_connections, 1..);
        check.number(
            "server.max_connections_per_address",
            server.max_connections_per_address,
            1..,
        );
        check.number("server.body_limit", server.body_limit, 1024..=1_048_576);
        let tls = &server.tls;
        let is_one_missing = tls.is_on() == tls.key.as_os_str().is_empty();
        check.joint_rule(
            &["server.tls.certificate", "server.tls.key"],
            !is_one_missing,
            "set both for TLS, or neither",
        );
        let metrics = &self.metrics.listen;
        check.rule(
            "metrics.listen",
            metrics.is_empty() || metrics.parse::<SocketAddr>().is_ok(),
            "must be an IP address and a port, such as 127.0.0.1:9464, or empty",
        );
    }

    fn check_database(&self, check: &mut Check<'_>) {
        let database = &self.database;
        let minimum = Duration::from_millis(100);
        check.number("database.connections", database.connections, 1..=1000);
        check.duration(
            "database.acquire_timeout",
            database.acquire_timeout,
            minimum..,
        );
        check.duration(
            "database.statement_timeout",
            database.statement_timeout,
            minimum..=HOUR,
        );
    }

    fn check_session(&self, check: &mut Check<'_>) {
        let session = &self.session;
        check.duration("session.lifetime", session.lifetime, SECOND..);
        check.duration("session.idle_lifetime", session.idle_lifetime, SECOND..);
        check.duration("session.retention", session.retention, HOUR..);
        check.joint_rule(
            &["session.retention", "access_token.lifetime"],
            session.retention.0 >= self.access_token.lifetime.0.min(LONGEST_ACCESS_TOKEN),
            "ended sessions must be kept until their last access token has expired",
        );
        check.duration(
            "session.retry_window",
            session.retry_window,
            Duration::ZERO..=LONGEST_RETRY_WINDOW,
        );
        check.number(
            "session.late_retry_spacing",
            session.late_retry_spacing,
            1..,
        );
    }

    fn check_keys(&self, check: &mut Check<'_>) {
        let keys = &self.keys;
        check.rule(
            "keys.bits",
            matches!(keys.bits, 2048 | 3072 | 4096),
            "must be 2048, 3072 or 4096",
        );
        check.duration("keys.rotation_interval", keys.rotation_interval, DAY..);
        check.duration("keys.announce", keys.announce, Duration::ZERO..);
        check.duration("keys.jwks_max_age", keys.jwks_max_age, Duration::ZERO..=DAY);
        check.duration(
            "keys.refresh_interval",
            keys.refresh_interval,
            SECOND..=MINUTE * 5,
        );
    }

    fn check_passwords(&self, check: &mut Check<'_>) {
        let (password, sign_in) = (&self.password, &self.sign_in);
        check.number("password.threads", password.threads, 0..=1024);
        check.number("password.queue", password.queue, 1..=100_000);
        check.number("password.min_length", password.min_length, 8..=64);
        check.number("password.min_score", password.min_score, 0..=4);
        for (name, burst) in [
            ("sign_in.account_burst", sign_in.account_burst),
            ("sign_in.address_burst", sign_in.address_burst),
        ] {
            check.number(name, burst, 0..=10_000);
        }
        for (name, interval) in [
            ("sign_in.account_interval", sign_in.account_interval),
            ("sign_in.address_interval", sign_in.address_interval),
        ] {
            check.duration(name, interval, Duration::from_millis(1)..=HOUR);
        }
    }
}

struct Check<'a> {
    sources: &'a SettingSources,
    errors: &'a mut Vec<String>,
}

impl Check<'_> {
    fn number<T>(&mut self, name: &str, value: T, range: impl RangeBounds<T>)
    where
        T: Copy + PartialOrd + fmt::Display,
    {
        self.range(name, value, &range, ToString::to_string);
    }

    fn duration(&mut self, name: &str, value: Span, range: impl RangeBounds<Duration>) {
        self.range(name, value.0, &range, |bound| Span(*bound).to_string());
    }

    fn range<T: Copy + PartialOrd>(
        &mut self,
        name: &str,
        value: T,
        range: &impl RangeBounds<T>,
        show: impl Fn(&T) -> String,
    ) {
        if !range.contains(&value) {
            let rule = describe(range, show);
            self.errors.push(self.sources.range_error(name, &rule));
        }
    }

    fn joint_rule(&mut self, names: &[&str], holds: bool, rule: &str) {
        if !holds {
            self.errors.push(self.sources.joint_error(names, rule));
        }
    }

    fn rule(&mut self, name: &str, holds: bool, rule: &str) {
        if !holds {
            self.errors.push(self.sources.error(name, rule));
        }
    }
}

fn describe<T>(range: &impl RangeBounds<T>, show: impl Fn(&T) -> String) -> String {
    let bound = |bound: Bound<&T>| match bound {
        Bound::Included(value) | Bound::Excluded(value) => show(value),
        Bound::Unbounded => String::new(),
    };
    let minimum = bound(range.start_bound());
    match bound(range.end_bound()) {
        maximum if maximum.is_empty() => format!("must be {minimum} or more"),
        maximum => format!("must be between {minimum} and {maximum}"),
    }
}

fn is_page_name(name: &str) -> bool {
    let length = name.trim().chars().count();
    (1..=60).contains(&length) && !name.chars().any(char::is_control)
}

/// Whether a path is rather a root secret, which messages about the file would show. A path may consist of letters of
/// base64, too, but ends with another letter and has slashes.
fn is_root_secret(path: &str) -> bool {
    (path.ends_with('=') || !path.contains('/')) && RootSecrets::parse(path).is_ok()
}

/// Whether passwords and tokens do not cross a network without TLS. What is no issuer has another message.
fn is_secure(issuer: &str) -> bool {
    !issuer.starts_with("http://") || !is_issuer(issuer) || is_loopback(issuer)
}

/// "The issuer identifier is a URL that uses the "https" scheme and has no query or fragment
/// components", RFC 8414 §2; http is allowed as [`is_secure`] says.
fn is_issuer(issuer: &str) -> bool {
    // The URL parser removes some white space silently.
    let is_one_word = !issuer.contains(|c: char| c.is_whitespace() || c.is_control());
    is_one_word
        && url::Url::parse(issuer).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
        })
        && !issuer.ends_with('/')
}
