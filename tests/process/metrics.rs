//! The metrics of a running server.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Barrier;

use jeton::metric::{ALL, BUILD_INFO};
use sea_orm::{ConnectionTrait as _, Database};

use super::http::Connection;
use super::{PASSWORD, Place, Process, eventually, free_address, kids, read};

const DAY: f64 = 86_400.0;

/// The value of each time series, such as `jeton_requests_total{endpoint="token",status="2xx"}`.
pub(super) struct Metrics {
    text: String,
    values: BTreeMap<String, String>,
}

impl Metrics {
    pub(super) fn read(address: SocketAddr) -> Self {
        let answer = Connection::open(address).unwrap().get("/metrics").unwrap();
        assert_eq!(answer.status, 200);
        let lines = answer.body.lines().filter(|line| !line.starts_with('#'));
        let samples = lines.filter_map(|line| line.rsplit_once(' '));
        let values = samples.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            values: values.collect(),
            text: answer.body,
        }
    }

    #[track_caller]
    pub(super) fn value(&self, name: &str) -> f64 {
        self.text_of(name).parse().unwrap()
    }

    /// A value that is a whole number.
    #[track_caller]
    pub(super) fn count(&self, name: &str) -> usize {
        self.text_of(name).parse().unwrap()
    }

    /// The sum over all time series whose name and labels begin with `start`, of which there is at least one.
    #[track_caller]
    pub(super) fn total(&self, start: &str) -> usize {
        let series = self.values.iter();
        let those = series.filter(|(name, _)| name.starts_with(start));
        let numbers: Vec<usize> = those.map(|(_, value)| value.parse().unwrap()).collect();
        assert!(!numbers.is_empty(), "no {start} in {}", self.text);
        numbers.iter().sum()
    }

    #[track_caller]
    fn text_of(&self, name: &str) -> &str {
        let value = self.values.get(name);
        value.unwrap_or_else(|| panic!("no {name} in {}", self.text))
    }

    fn kind(&self, name: &str) -> Option<&str> {
        let start = format!("# TYPE {name} ");
        self.text.lines().find_map(|line| line.strip_prefix(&start))
    }
}

/// A server and the address of its metrics.
pub(super) fn start(place: Place) -> (Place, Process, SocketAddr) {
    let metrics = free_address();
    let place = place.set("JETON_METRICS__LISTEN", metrics.to_string());
    let server = place.start();
    (place, server, metrics)
}

/// An alert with `rate()` sees the first event only if the counter was 0 before.
#[test]
fn every_metric_is_shown_with_its_description_before_its_first_event() {
    let (_place, _server, address) = start(Place::furnished());
    let metrics = Metrics::read(address);
    let names = ALL.iter().map(|metric| metric.name()).chain([BUILD_INFO]);
    // It exists only with a database server.
    for name in names.filter(|name| *name != "jeton_clock_ahead_seconds") {
        assert!(metrics.text.contains(&format!("# HELP {name} ")), "{name}");
        let suffix = match metrics.kind(name) {
            Some("counter") => {
                assert!(name.ends_with("_total"), "{name}");
                ""
            }
            Some("histogram") => "_bucket",
            Some("gauge") => "",
            other => panic!("{name} is {other:?}"),
        };
        let series = format!("{name}{suffix}");
        let is_shown = |shown: &String| shown.split('{').next() == Some(&series);
        assert!(metrics.values.keys().any(is_shown), "no {series}");
    }
    for start in [
        "jeton_token_requests_total",
        "jeton_refreshes_total",
        "jeton_sign_ins_total",
        "jeton_codes_redeemed_total",
        "jeton_password_hashes_refused_total",
        "jeton_database_timeouts_total",
        "jeton_swept_rows_total",
    ] {
        assert_eq!(metrics.total(start), 0, "{start}");
    }
    let version = format!("{BUILD_INFO}{{version=\"{}\",", env!("CARGO_PKG_VERSION"));
    assert!(metrics.text.contains(&version), "{}", metrics.text);
}

#[test]
fn token_requests_are_counted_by_grant_and_outcome_and_no_secret_is_shown() {
    let (_place, server, address) = start(Place::furnished());
    let tokens = server.sign_in("admin", PASSWORD);
    let (first, access_token) = (tokens.refresh_token(), tokens.member("access_token"));
    let second = server.refresh(&first).refresh_token();
    server
        .refresh("nonsense")
        .assert_error(400, "invalid_grant");
    assert_eq!(server.sign_in("zoe-the-user", "wrong").status, 400);
    let token = |parameters: &[(&str, &str)]| server.token(parameters).status;
    assert_eq!(token(&[("grant_type", "refresh_token")]), 400);
    assert_eq!(token(&[("grant_type", "client_credentials")]), 400);
    assert_eq!(token(&[("grant_type", "no-such-grant")]), 400);
    assert_eq!(server.get("/token").status, 405);
    assert_eq!(server.get("/.well-known/jwks.json").status, 200);
    let metrics = Metrics::read(address);
    let count = |grant, outcome| {
        metrics.count(&format!(
            "jeton_token_requests_total{{grant=\"{grant}\",outcome=\"{outcome}\"}}"
        ))
    };
    let counted = [
        count("password", "success"),
        count("password", "invalid_grant"),
        count("refresh_token", "success"),
        count("refresh_token", "invalid_grant"),
        count("refresh_token", "invalid_request"),
        count("client_credentials", "unauthorized_client"),
        count("other", "unsupported_grant_type"),
        count("other", "invalid_request"),
    ];
    assert_eq!(counted, [1; 8], "{}", metrics.text);
    let requests = metrics.total("jeton_requests_total{endpoint=\"token\"");
    for same in [
        metrics.total("jeton_token_requests_total"),
        metrics.total("jeton_token_request_seconds_count"),
        metrics.count("jeton_request_seconds_count{endpoint=\"token\"}"),
        metrics.count("jeton_request_seconds_bucket{endpoint=\"token\",le=\"+Inf\"}"),
    ] {
        assert_eq!((requests, same), (8, 8), "{}", metrics.text);
    }
    assert!(metrics.value("jeton_request_seconds_sum{endpoint=\"token\"}") > 0.0);
    let jwks = metrics.count("jeton_request_seconds_count{endpoint=\"jwks\"}");
    assert_eq!(jwks, 1);
    for secret in [
        PASSWORD,
        "zoe-the-user",
        "first-party",
        &first,
        &second,
        &access_token,
    ] {
        assert!(!metrics.text.contains(secret), "{secret}");
    }
}

#[test]
fn the_password_queue_is_measured() {
    const CLIENTS: usize = 12;
    let place = Place::furnished()
        .set("JETON_PASSWORD__THREADS", "1")
        .set("JETON_PASSWORD__QUEUE", "1")
        .set("JETON_SIGN_IN__ACCOUNT_BURST", "100");
    let (_place, server, address) = start(place);
    let barrier = Barrier::new(CLIENTS);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let clients = (0..CLIENTS).map(|_| {
            scope.spawn(|| {
                barrier.wait();
                server.sign_in("admin", PASSWORD).status
            })
        });
        let clients: Vec<_> = clients.collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect()
    });
    let number = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    let (signed_in, busy) = (number(200), number(503));
    assert!(
        signed_in >= 1 && signed_in + busy == CLIENTS,
        "{statuses:?}"
    );
    let metrics = Metrics::read(address);
    let series = |name: &str| format!("{name}{{queue=\"current\"}}");
    let count = |name| metrics.count(&series(name));
    assert_eq!(count("jeton_password_hashes_refused_total"), busy);
    assert_eq!(count("jeton_password_hash_seconds_count"), signed_in);
    assert!(metrics.value(&series("jeton_password_hash_seconds_sum")) > 0.0);
    assert_eq!(count("jeton_password_hashes_waiting"), 0);
    assert_eq!(count("jeton_password_hashes_running"), 0);
    assert_eq!(metrics.count("jeton_password_threads"), 1);
    assert_eq!(
        metrics.count(
            "jeton_token_requests_total{grant=\"password\",outcome=\"temporarily_unavailable\"}"
        ),
        busy
    );
}

#[test]
fn keys_and_maintenance_are_measured() {
    let place = Place::furnished().set("JETON_KEYS__REFRESH_INTERVAL", "1s");
    let (place, server, address) = start(place);
    let metrics = Metrics::read(address);
    let began = metrics.value("process_start_time_seconds");
    let age = metrics.value("jeton_signing_key_age_seconds");
    let rotation = metrics.value("jeton_signing_key_rotation_timestamp_seconds");
    assert!(age > 0.0 && (rotation - began - 90.0 * DAY).abs() < DAY);
    assert_eq!(metrics.count("jeton_jwks_keys"), 1);
    place.ok(&["key", "rotate"]);
    eventually("the next key is published", || kids(&server).len() == 2);
    let metrics = Metrics::read(address);
    assert_eq!(metrics.count("jeton_jwks_keys"), 2);
    let rotation = metrics.value("jeton_signing_key_rotation_timestamp_seconds");
    assert!((rotation - began - 7.0 * DAY).abs() < DAY, "{rotation}");
    eventually("each task has succeeded", || {
        let metrics = Metrics::read(address);
        ["clock", "keys", "sweep"].into_iter().all(|task| {
            let of = |name: &str| metrics.value(&format!("{name}{{task=\"{task}\"}}"));
            of("jeton_maintenance_last_success_timestamp_seconds") > began
                && of("jeton_maintenance_seconds_count") >= 1.0
        })
    });
    assert_eq!(Metrics::read(address).count("jeton_sweeping"), 1);
}

#[test]
fn the_process_is_measured() {
    let (_place, server, address) = start(Place::furnished());
    let before = Metrics::read(address).count("process_open_fds");
    let connections: Vec<Connection> = (0..50).map(|_| server.connect()).collect();
    // Other descriptors may be closed meanwhile.
    eventually("each connection has a descriptor", || {
        Metrics::read(address).count("process_open_fds") > before + 40
    });
    let metrics = Metrics::read(address);
    assert!(metrics.count("process_open_fds") < metrics.count("process_max_fds"));
    let megabytes = metrics.count("process_resident_memory_bytes") >> 20;
    assert!((5..5000).contains(&megabytes), "{megabytes}");
    assert!(metrics.count("process_cpu_seconds_total") < 60);
    drop(connections);
    eventually("the descriptors are closed", || {
        Metrics::read(address).count("process_open_fds") < before + 10
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readiness_is_checked_when_the_metrics_are_read() {
    let (place, _server, address) = start(Place::furnished());
    assert_eq!(Metrics::read(address).count("jeton_ready"), 1);
    let url = format!("sqlite:{}", place.path("data/jeton.db").display());
    let other = Database::connect(url).await.unwrap();
    other.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    let is = |ready| move || Metrics::read(address).count("jeton_ready") == ready;
    eventually("not ready", is(0));
    other.execute_unprepared("ROLLBACK").await.unwrap();
    eventually("ready", is(1));
    assert!(read(&place.path("stderr")).contains("readiness"));
}
