//! `jeton healthcheck` and `jeton doctor`.

use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use sea_orm::{ConnectionTrait as _, Database};
use serde_json::Value;

use super::{PASSWORD, Place, Process, free_address};
use crate::support::certificate::{certificate, certificate_for};

/// A place whose server has an address that the commands know, too.
fn at_address(place: Place) -> Place {
    place.set("JETON_SERVER__LISTEN", free_address().to_string())
}

fn start(place: &Place) -> Process {
    let listen = place
        .settings
        .iter()
        .find(|(name, _)| name == "JETON_SERVER__LISTEN");
    place.start_at(listen.unwrap().1.parse().unwrap())
}

/// The findings; and whether the exit code is 0.
fn findings(place: &Place) -> (Vec<Value>, bool) {
    let outcome = place.run(&["doctor", "--json"]);
    let objects = outcome.stdout.lines();
    let objects = objects
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    (objects, outcome.status.success())
}

/// Asserts that the command finds this.
#[track_caller]
fn assert_finds(place: &Place, state: &str, check: &str, text: &str) {
    let (findings, success) = findings(place);
    let found = findings.iter().any(|finding| {
        let words = format!("{} {}", finding["text"], finding["remedy"]);
        finding["state"] == state && finding["check"] == check && words.contains(text)
    });
    assert!(found, "no {state} of {check} with {text:?}: {findings:#?}");
    let failed = findings.iter().any(|finding| finding["state"] == "failure");
    assert_eq!(success, !failed, "{findings:#?}");
}

pub(super) async fn change(place: &Place, statement: &str) {
    let url = match &place.on_server {
        Some(database) => database.url(),
        None => format!("sqlite:{}", place.path("data/jeton.db").display()),
    };
    let database = Database::connect(url).await.unwrap();
    database.execute_unprepared(statement).await.unwrap();
    database.close().await.unwrap();
}

#[test]
fn a_healthcheck_says_whether_the_server_is_ready() {
    let place = at_address(Place::furnished());
    let said = place.run(&["healthcheck"]).refusal();
    assert!(said.contains("not ready: http://127.0.0.1:"), "{said}");
    assert!(said.contains("Connection refused"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let server = start(&place);
    assert_eq!(place.ok(&["healthcheck"]), "ready\n");
    // It does not respond.
    server.signal("STOP");
    let said = place.run(&["healthcheck"]).refusal();
    assert!(said.contains("no response within 5 seconds"), "{said}");
    server.signal("CONT");
}

/// The certificate is not for this address and of an unknown authority: the request stays on this machine.
#[test]
fn a_healthcheck_accepts_any_certificate() {
    let place = at_address(Place::furnished().with_tls(&certificate()));
    let _server = start(&place);
    assert_eq!(place.ok(&["healthcheck"]), "ready\n");
}

/// The certificate is of an authority that this machine does not trust.
#[test]
fn doctor_says_what_to_do_about_an_unknown_authority() {
    let place = at_address(Place::furnished().with_tls(&certificate()));
    let _server = start(&place);
    assert_finds(&place, "failure", "issuer", "name it in SSL_CERT_FILE");
}

#[test]
fn a_set_up_that_works_has_no_failures_and_no_warnings() {
    let place = at_address(Place::furnished());
    let server = start(&place);
    assert_eq!(server.sign_in("admin", PASSWORD).status, 200);
    let (found, success) = findings(&place);
    assert!(success, "{found:#?}");
    assert!(
        found.iter().all(|finding| finding["state"] == "ok"),
        "{found:#?}"
    );
    let checks = found
        .iter()
        .map(|finding| finding["check"].as_str().unwrap());
    let checks: Vec<&str> = checks.collect();
    let expected = [
        "settings", "files", "files", "store", "keys", "clock", "server", "issuer", "jwks",
    ];
    assert_eq!(checks, expected);
    let said = place.ok(&["doctor"]);
    assert!(
        said.starts_with("ok       settings     valid; the issuer is http://127.0.0.1:"),
        "{said}"
    );
}

#[test]
fn doctor_finds_settings_that_do_not_work() {
    let place = || Place::furnished();
    let invalid = place().set("JETON_SERVER__LISEN", "127.0.0.1:1");
    assert_finds(
        &invalid,
        "failure",
        "settings",
        "did you mean server.listen",
    );
    let insecure = || place().set("JETON_SERVER__INSECURE_HTTP", "true");
    let everywhere = insecure().set("JETON_SERVER__LISTEN", "0.0.0.0:1");
    assert_finds(
        &everywhere,
        "failure",
        "settings",
        "which no client can reach",
    );
    let everywhere = place()
        .with_tls(&certificate())
        .set("JETON_SERVER__LISTEN", "0.0.0.0:1");
    assert_finds(
        &everywhere,
        "failure",
        "settings",
        "which no client can reach",
    );
    let plain = insecure().set("JETON_ISSUER", "http://jeton.invalid");
    assert_finds(&plain, "warning", "settings", "are not encrypted");
    assert_finds(&plain, "failure", "issuer", "check DNS, the proxy");
    let password = place().set("JETON_BOOTSTRAP__ADMIN_PASSWORD", PASSWORD);
    assert_finds(&password, "warning", "settings", "still set");
    let no_proxy = place().set("JETON_ISSUER", "https://jeton.invalid");
    assert_finds(
        &no_proxy,
        "warning",
        "proxy",
        "server.trusted_proxies is empty",
    );
}

#[test]
fn doctor_finds_files_that_are_missing_open_or_wrong() {
    let place = Place::furnished();
    for (file, what) in [
        ("data/root-secret", "the root secret"),
        ("data/jeton.db", "the database"),
    ] {
        let path = place.path(file);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert_finds(
            &place,
            "failure",
            "files",
            &format!("may open {what}, ./{file}"),
        );
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    }
    let good = fs::read(place.path("data/root-secret")).unwrap();
    fs::remove_file(place.path("data/root-secret")).unwrap();
    assert_finds(
        &place,
        "failure",
        "files",
        "there is no file ./data/root-secret",
    );
    assert_finds(&place, "failure", "keys", "there is no root secret");
    place.write("data/root-secret", "A".repeat(43));
    assert_finds(&place, "failure", "keys", "sealed");
    place.write("data/root-secret", good);
    place.write("data/jeton.db", "My diary. ".repeat(500));
    assert_finds(&place, "failure", "store", "is not a SQLite database");
    let empty = Place::empty();
    assert_finds(
        &empty,
        "failure",
        "store",
        "there is no store at ./data/jeton.db",
    );
    assert_eq!(empty.contents(), Vec::<String>::new());
}

#[tokio::test]
async fn doctor_finds_a_schema_of_another_version() {
    let place = Place::furnished();
    change(
        &place,
        "INSERT INTO seaql_migrations VALUES ('m20991231_000001_future', 0)",
    )
    .await;
    assert_finds(&place, "failure", "store", "written by a newer version");
    change(
        &place,
        "DELETE FROM seaql_migrations WHERE version LIKE 'm2099%'",
    )
    .await;
    change(&place, "DROP TABLE consents").await;
    change(
        &place,
        "DELETE FROM seaql_migrations WHERE version LIKE '%add_consents'",
    )
    .await;
    for _ in 0..2 {
        assert_finds(&place, "warning", "store", "1 steps are missing");
    }
}

#[test]
fn doctor_finds_a_database_server_that_does_not_respond() {
    let url = "postgres://jeton:pa55@127.0.0.1:1/jeton";
    let place = Place::furnished().set("JETON_DATABASE__URL", url);
    assert_finds(&place, "failure", "store", "cannot connect to PostgreSQL");
    assert!(!place.run(&["doctor"]).stdout.contains("pa55"));
}

#[tokio::test]
async fn doctor_finds_a_clock_that_is_behind() {
    let place = Place::furnished();
    assert_finds(&place, "ok", "clock", "later than all events");
    let place = at_address(place);
    let server = start(&place);
    assert_eq!(server.sign_in("admin", PASSWORD).status, 200);
    server.stop("TERM");
    change(&place, "UPDATE audit_events SET at = at + 3600000000").await;
    assert_finds(&place, "failure", "clock", "s in the future");
}

#[test]
fn doctor_finds_an_issuer_that_does_not_respond_or_is_another() {
    let place = at_address(Place::furnished());
    assert_finds(&place, "failure", "server", "Connection refused");
    assert_finds(&place, "failure", "issuer", "Connection refused");
    let server = start(&place);
    // A store of its own, with other keys.
    let other = Place::empty();
    other.start().stop("TERM");
    let other = other.set("JETON_SERVER__LISTEN", server.address.to_string());
    assert_finds(&other, "ok", "issuer", "responds");
    assert_finds(&other, "failure", "jwks", "differs from the store");
    let renamed = format!("http://localhost:{}", server.address.port());
    let place = place.set("JETON_ISSUER", renamed);
    assert_finds(&place, "failure", "issuer", "is of the issuer");
}

#[test]
fn doctor_finds_a_proxy_that_does_not_name_its_clients() {
    let place = at_address(Place::furnished()).set("JETON_SERVER__TRUSTED_PROXIES", "127.0.0.1");
    let server = start(&place);
    assert_finds(&place, "ok", "proxy", "not those of proxies");
    assert_eq!(server.sign_in("admin", PASSWORD).status, 200);
    assert_finds(
        &place,
        "warning",
        "proxy",
        "came from the proxy's own address",
    );
}

/// Another program responds at the address of the server: nothing of it changes the terminal, and it does not fill the
/// memory.
#[test]
fn what_another_program_responds_is_printed_without_control_characters_and_limited() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let issuer = format!("http://{address}");
    let metadata =
        serde_json::json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/\u{1b}[2J") });
    std::thread::spawn(move || {
        for stream in other.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            let length = stream.read(&mut head).unwrap();
            let body = match &head[..length] {
                head if head.starts_with(b"GET /readyz") => "\u{1b}]0;title\u{7}".to_owned(),
                head if head.starts_with(b"GET /.well-known") => metadata.to_string(),
                _ => "a".repeat(2_000_000),
            };
            let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
            // The client may have read enough.
            drop(stream.write_all(format!("{head}{body}").as_bytes()));
        }
    });
    let place = Place::furnished()
        .set("JETON_SERVER__LISTEN", address.to_string())
        .set("JETON_ISSUER", issuer);
    let healthcheck = place.ok(&["healthcheck"]);
    assert_eq!(healthcheck, "\u{fffd}]0;title\u{fffd}\n");
    let report = place.run(&["doctor"]).stdout;
    assert!(!report.contains('\u{1b}'), "{report}");
    assert!(report.contains("more than 1048576 bytes"), "{report}");
}

/// On a database server, too.
#[tokio::test]
async fn doctor_does_not_change_the_schema() {
    let place = Place::on_server();
    change(&place, "DROP TABLE root_secret_uses").await;
    let step = "DELETE FROM seaql_migrations WHERE version LIKE '%add_root_secret_uses'";
    change(&place, step).await;
    for _ in 0..2 {
        assert_finds(&place, "warning", "store", "1 steps are missing");
    }
    let steps = "SELECT count(*) FROM seaql_migrations";
    let before = place.number(steps).await;
    place.ok(&["user", "list"]);
    assert_eq!(place.number(steps).await, before + 1);
}

#[test]
fn doctor_finds_a_certificate_that_expires_or_cannot_be_used() {
    let days = |days: u64| Duration::from_hours(days * 24);
    let with = |certificate| Place::furnished().with_tls(&certificate);
    let place = with(certificate_for(days(8)));
    assert_finds(&place, "ok", "certificate", "expires at");
    let place = with(certificate_for(days(6)));
    assert_finds(&place, "warning", "certificate", "in less than 7 days");
    place.write("key.pem", "");
    let place = place.set("JETON_SERVER__TLS__KEY", "key.pem");
    assert_finds(&place, "failure", "certificate", "key.pem");
    let place = with(certificate_for(Duration::ZERO));
    assert_finds(&place, "failure", "certificate", "expired");
    let place = with(certificate()).set("JETON_ISSUER", "https://jeton.invalid");
    let host = "not for the issuer's host, jeton.invalid";
    assert_finds(&place, "warning", "certificate", host);
}

#[test]
fn doctor_and_backup_report_what_a_killed_command_has_left_behind() {
    let place = Place::furnished();
    place.write("data/root-secret.8vBd0x9aXyZ1.partial/draft", "x");
    assert_finds(
        &place,
        "warning",
        "files",
        "rm -r ./data/root-secret.8vBd0x9aXyZ1.partial",
    );
    place.write("copy.db.8vBd0x9aXyZ1.partial/draft", "x");
    place.write("other.db.8vBd0x9aXyZ1.partial/draft", "x");
    let said = place.run(&["backup", "copy.db"]).hints();
    assert!(
        said.contains("copy.db.8vBd0x9aXyZ1.partial is an unfinished copy"),
        "{said}"
    );
    assert!(!said.contains("other.db"), "{said}");
}

/// The text is that of docs/apis.md.
#[test]
fn doctor_prints_the_recipe_of_a_resource_server_with_this_issuer() {
    let place = Place::empty().set("JETON_ISSUER", "https://auth.example.com");
    let said = place.ok(&["doctor", "resource-server", "quarkus"]);
    assert!(
        said.starts_with(
            "Quarkus:\n\n```properties\nquarkus.oidc.auth-server-url=https://auth.example.com\n"
        ),
        "{said}"
    );
    assert!(said.contains("audience=API"), "{said}");
    let said = place.ok(&["doctor", "resource-server"]);
    assert!(said.lines().any(|line| line == "envoy"), "{said}");
    let audience = ["--audience", "https://api.example.com"];
    let javascript = ["doctor", "resource-server", "javascript"];
    let said = place.ok(&[&javascript[..], &audience].concat());
    assert!(
        said.contains("audience: \"https://api.example.com\""),
        "{said}"
    );
    let said = place.run(&["doctor", "resource-server", "cobol"]).refusal();
    assert!(said.contains("there is no recipe for cobol"), "{said}");
    assert_eq!(place.contents(), Vec::<String>::new());
}
