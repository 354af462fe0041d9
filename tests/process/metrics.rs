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
struct Metrics {
    text: String,
    values: BTreeMap<String, f64>,
}

impl Metrics {
    fn read(address: SocketAddr) -> Self {
        let answer = Connection::open(address).unwrap().get("/metrics").unwrap();
        assert_eq!(answer.status, 200);
        let lines = answer.body.lines().filter(|line| !line.starts_with('#'));
        let samples = lines.filter_map(|line| line.rsplit_once(' '));
        let values = samples.map(|(name, value)| (name.to_owned(), value.parse().unwrap()));
        Self {
            values: values.collect(),
            text: answer.body,
        }
    }

    #[track_caller]
    fn value(&self, name: &str) -> f64 {
        let value = self.values.get(name);
        *value.unwrap_or_else(|| panic!("no {name} in {}", self.text))
    }

    /// The sum over all time series whose name and labels begin with `start`.
    fn sum(&self, start: &str) -> f64 {
        let series = self.values.iter();
        let those = series.filter(|(name, _)| name.starts_with(start));
        those.map(|(_, value)| value).sum()
    }

    fn kind(&self, name: &str) -> Option<&str> {
        let start = format!("# TYPE {name} ");
        self.text.lines().find_map(|line| line.strip_prefix(&start))
    }
}

/// A server and the address of its metrics.
fn start(place: Place) -> (Place, Process, SocketAddr) {
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
        assert!(metrics.values.keys().any(|name| name.starts_with(start)));
        assert!(metrics.sum(start).abs() < 0.5, "{start}");
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
        metrics.value(&format!(
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
    assert_eq!(counted, [1.0; 8], "{}", metrics.text);
    let requests = metrics.sum("jeton_requests_total{endpoint=\"token\"");
    for same in [
        metrics.sum("jeton_token_requests_total"),
        metrics.sum("jeton_token_request_seconds_count"),
        metrics.value("jeton_request_seconds_count{endpoint=\"token\"}"),
        metrics.value("jeton_request_seconds_bucket{endpoint=\"token\",le=\"+Inf\"}"),
    ] {
        assert_eq!((requests, same), (8.0, 8.0), "{}", metrics.text);
    }
    assert!(metrics.sum("jeton_request_seconds_sum{endpoint=\"token\"}") > 0.0);
    let jwks = metrics.value("jeton_request_seconds_count{endpoint=\"jwks\"}");
    assert_eq!(jwks, 1.0);
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
    const CLIENTS: u32 = 12;
    let place = Place::furnished()
        .set("JETON_PASSWORD__THREADS", "1")
        .set("JETON_PASSWORD__QUEUE", "1")
        .set("JETON_SIGN_IN__ACCOUNT_BURST", "100");
    let (_place, server, address) = start(place);
    let barrier = Barrier::new(usize::try_from(CLIENTS).unwrap());
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
    let number = |status| {
        f64::from(u32::try_from(statuses.iter().filter(|it| **it == status).count()).unwrap())
    };
    let (signed_in, busy) = (number(200), number(503));
    assert!(
        signed_in >= 1.0 && signed_in + busy >= f64::from(CLIENTS),
        "{statuses:?}"
    );
    let metrics = Metrics::read(address);
    let value = |name: &str| metrics.value(&format!("{name}{{queue=\"current\"}}"));
    assert_eq!(value("jeton_password_hashes_refused_total"), busy);
    assert_eq!(value("jeton_password_hash_seconds_count"), signed_in);
    assert!(value("jeton_password_hash_seconds_sum") > 0.0);
    assert_eq!(value("jeton_password_hashes_waiting"), 0.0);
    assert_eq!(value("jeton_password_hashes_running"), 0.0);
    assert_eq!(metrics.value("jeton_password_threads"), 1.0);
    assert_eq!(
        metrics.value(
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
    assert_eq!(metrics.value("jeton_jwks_keys"), 1.0);
    place.ok(&["key", "rotate"]);
    eventually("the next key is published", || kids(&server).len() == 2);
    let metrics = Metrics::read(address);
    assert_eq!(metrics.value("jeton_jwks_keys"), 2.0);
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
    assert_eq!(Metrics::read(address).value("jeton_sweeping"), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readiness_is_checked_when_the_metrics_are_read() {
    let (place, _server, address) = start(Place::furnished());
    assert_eq!(Metrics::read(address).value("jeton_ready"), 1.0);
    let url = format!("sqlite:{}", place.path("data/jeton.db").display());
    let other = Database::connect(url).await.unwrap();
    other.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    let is = |ready: f64| move || (Metrics::read(address).value("jeton_ready") - ready).abs() < 0.5;
    eventually("not ready", is(0.0));
    other.execute_unprepared("ROLLBACK").await.unwrap();
    eventually("ready", is(1.0));
    assert!(read(&place.path("stderr")).contains("readiness"));
}

/// On each engine: a refresh waits for a connection of the pool, or on SQLite for its turn.
#[tokio::test(flavor = "multi_thread")]
async fn connections_and_waits_are_measured() {
    const CLIENTS: usize = 20;
    let (place, server, address) = start(Place::on_server());
    let tokens: Vec<String> = (0..3)
        .map(|_| server.sign_in("admin", PASSWORD).refresh_token())
        .collect();
    let before = Metrics::read(address);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let token = &tokens[client % tokens.len()];
            let server = &server;
            scope.spawn(move || assert_eq!(server.refresh(token).status, 200));
        }
    });
    let after = Metrics::read(address);
    let more = |name: &str| after.value(name) - before.value(name);
    assert!(more("jeton_database_wait_seconds_count") >= 1.0);
    let rotated = more("jeton_refreshes_total{outcome=\"rotated\"}");
    assert_eq!(rotated, 3.0);
    let (pools, written) = if place.on_server.is_some() {
        (vec!["shared"], 0.0)
    } else {
        (vec!["read", "write"], 3.0)
    };
    let grouped = more("jeton_group_commit_rotations_sum");
    // The same token, sent at once, is in a group too, without a row to write.
    assert!(grouped >= written, "{grouped}");
    assert!(place.on_server.is_none() || grouped == 0.0);
    for pool in pools {
        let open = after.sum(&format!("jeton_database_connections{{pool=\"{pool}\""));
        let max = after.value(&format!(
            "jeton_database_connections_max{{pool=\"{pool}\"}}"
        ));
        assert!(open >= 1.0 && open <= max, "{pool}: {open} of {max}");
    }
}

/// A trace id is logged as one of the line's fields. Anything else in the header is ignored.
#[test]
fn the_trace_of_a_request_is_logged_if_its_header_is_valid() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00f067aa0ba902b7";
    let place = Place::furnished();
    let server = place.start();
    let valid = format!("traceparent: 00-{TRACE}-{PARENT}-01\r\n");
    let mut ids = Vec::new();
    for headers in [
        valid.clone(),
        format!("{valid}{valid}"),
        format!("traceparent: 00-{TRACE}-{PARENT}\r\n"),
        String::new(),
    ] {
        for line in ["POST /token", "GET /.well-known/nothing"] {
            let mut connection = server.connect();
            let head =
                format!("{line} HTTP/1.1\r\nHost: jeton\r\n{headers}Content-Length: 0\r\n\r\n");
            connection.send(head).unwrap();
            let head = connection.receive().unwrap().head;
            let (_, id) = head.split_once("x-request-id: ").unwrap();
            ids.push(id.lines().next().unwrap().to_owned());
        }
    }
    server.stop("TERM");
    let log = read(&place.path("stderr"));
    for (number, id) in ids.iter().enumerate() {
        let line = log.lines().find(|line| line.contains(id)).unwrap();
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let (trace, parent) = (&line["span"]["trace_id"], &line["span"]["parent_id"]);
        if number < 2 {
            assert_eq!((trace, parent), (&TRACE.into(), &PARENT.into()), "{line}");
        } else {
            assert!(trace.is_null() && parent.is_null(), "{line}");
        }
    }
}
