//! The first start and the second: console, data and log.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::doctor::change;
use super::http::Connection;
use super::{PASSWORD, Place, Process, eventually, free_address, read};

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

/// The curl command on the console.
fn printed_command(process: &Process) -> String {
    let console = process.console();
    let from = console.find("curl ").unwrap();
    let command: Vec<&str> = console[from..]
        .lines()
        .take_while(|line| !line.trim().is_empty())
        .collect();
    command.join("\n")
}

fn paste(command: &str, place: &Place) -> serde_json::Value {
    let output = Command::new("bash")
        .args(["-c", command])
        .current_dir(place.directory.path())
        .env("NO_PROXY", "*")
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{command}: {output:?}"))
}

/// The generated password. Standard output is no terminal here.
fn kept_password(place: &Place) -> String {
    let path = place.path("data/admin-password");
    assert_eq!(mode(&path), 0o600);
    read(&path).trim_end().to_owned()
}

#[test]
fn the_first_start_creates_private_data_and_says_how_to_sign_in() {
    let place = Place::empty();
    // `jeton` alone.
    let process = place.start_with(&[]);
    assert_eq!(mode(&place.path("data")), 0o700);
    assert_eq!(mode(&place.path("data/root-secret")), 0o600);
    assert!(place.path("data/jeton.db").is_file());

    let console = process.console();
    let base = format!("http://{}", process.address);
    assert!(
        console.contains(&format!("Jeton listens on {base}\n")),
        "{console}"
    );
    assert!(console.contains(&format!("{base}/docs\n")), "{console}");
    let password = kept_password(&place);
    assert!(password.len() >= 20, "{password}");
    assert!(
        console.contains("The file ./data/admin-password has the password"),
        "{console}"
    );
    assert!(!console.contains(&password), "{console}");

    let tokens = paste(&printed_command(&process), &place);
    assert_eq!(tokens["token_type"], "Bearer", "{tokens}");
    let log = process.log_with("started");
    assert!(log.contains("./data/admin-password"), "{log}");
    assert!(!log.contains(&password), "{log}");
}

#[test]
fn the_second_start_prints_no_password_and_the_first_password_stays_valid() {
    let place = Place::empty();
    let first = place.start();
    let password = kept_password(&place);
    fs::remove_file(place.path("data/admin-password")).unwrap();
    let refresh_token = first.sign_in("admin", &password).refresh_token();
    first.stop("TERM");

    let second = place.start();
    assert!(!place.path("data/admin-password").exists());
    assert!(!second.console().contains(&password));
    assert!(printed_command(&second).contains("YOUR-PASSWORD"));
    assert_eq!(second.sign_in("admin", &password).status, 200);
    assert_eq!(second.refresh(&refresh_token).status, 200);
}

#[test]
fn a_configured_first_password_is_not_printed() {
    let place = Place::empty().set("JETON_BOOTSTRAP__ADMIN_PASSWORD", PASSWORD);
    let process = place.start();
    assert_eq!(process.sign_in("admin", PASSWORD).status, 200);
    process
        .sign_in("admin", "wrong")
        .assert_error(400, "invalid_grant");
    assert!(!process.console().contains(PASSWORD));
    assert!(!process.log().contains(PASSWORD));
}

/// `echo` and editors end a file of a secret with a line ending, and variables are made from such files.
#[test]
fn white_space_around_settings_is_removed() {
    let place = Place::empty()
        .set("JETON_ISSUER", "http://127.0.0.1:8080\n")
        .set("JETON_DATA_DIR", " ./data\n")
        .set("JETON_DATABASE__URL", "sqlite:data/my data.db\r\n")
        .set("JETON_ACCESS_TOKEN__LIFETIME", "\t10m\n")
        .set("JETON_DEFAULT_CLIENT", "first-party\n")
        .set("JETON_ROOT_SECRET__FILE", "data/root\n")
        .set(
            "JETON_BOOTSTRAP__ADMIN_PASSWORD",
            format!("{PASSWORD} \r\n"),
        );
    let process = place.start();
    let metadata = process
        .get("/.well-known/oauth-authorization-server")
        .json();
    assert_eq!(metadata["issuer"], "http://127.0.0.1:8080");
    let answer = process.sign_in("admin", &format!("{PASSWORD} "));
    // A second may have begun since the token was issued.
    let lifetime = answer.json()["expires_in"].as_i64();
    assert!((590..=600).contains(&lifetime.unwrap()), "{}", answer.body);
    assert_eq!(process.sign_in("admin", PASSWORD).status, 400);
    assert!(place.path("data/my data.db").is_file());
    assert!(place.path("data/root").is_file());
    assert_eq!(place.contents(), ["data", "stderr", "stdout"]);
}

/// The operator has full control of the machine.
#[test]
fn a_weak_first_password_is_accepted_and_logged_without_its_text() {
    let place = Place::empty().set("JETON_BOOTSTRAP__ADMIN_PASSWORD", "hunter2");
    let process = place.start();
    assert_eq!(process.sign_in("admin", "hunter2").status, 200);
    let log = process.log_with("bootstrap.admin_password is weak");
    assert!(log.contains("15 characters or more"), "{log}");
    assert!(!log.contains("hunter2"), "{log}");

    let place = Place::empty().set("JETON_BOOTSTRAP__ADMIN_PASSWORD", PASSWORD);
    let log = place.start().log_with("started");
    assert!(!log.contains("is weak"), "{log}");
}

#[test]
fn a_changed_first_password_is_logged_once_without_its_text() {
    let warning = "bootstrap.admin_password has no effect";
    let place = Place::empty().set("JETON_BOOTSTRAP__ADMIN_PASSWORD", PASSWORD);
    for _ in 0..2 {
        let process = place.start();
        assert_eq!(process.sign_in("admin", PASSWORD).status, 200);
        let log = process.log();
        assert!(!log.contains(warning), "{log}");
        process.stop("TERM");
    }
    let place = place.set("JETON_BOOTSTRAP__ADMIN_PASSWORD", "hunter2 hunter2 hunter2");
    let process = place.start();
    assert_eq!(process.sign_in("admin", PASSWORD).status, 200);
    let log = process.log_with(warning);
    assert_eq!(log.matches(warning).count(), 1, "{log}");
    assert!(!log.contains("hunter2"), "{log}");
}

/// The address to listen on becomes the issuer if there is none.
#[test]
fn an_issuer_that_no_client_can_reach_is_logged_at_start() {
    let warning = "the issuer is not set";
    for (host, issuer, expected) in [
        ("0.0.0.0", "", true),
        ("0.0.0.0", "http://auth.example.com", false),
        ("127.0.0.1", "", false),
    ] {
        let address = format!("{host}:{}", free_address().port());
        let place = Place::furnished()
            .set("JETON_ISSUER", issuer)
            .set("JETON_SERVER__INSECURE_HTTP", "true");
        let process = place.start_at(address.parse().unwrap());
        assert_eq!(process.sign_in("admin", PASSWORD).status, 200);
        let log = process.log();
        assert_eq!(log.contains(warning), expected, "{host} {issuer}: {log}");
    }
}

/// Without the addresses of clients, devices are distinguished by `User-Agent` alone.
#[test]
fn a_proxy_that_is_not_trusted_is_logged_at_start() {
    let warning = "server.trusted_proxies is empty";
    for (issuer, proxies, expected) in [
        ("https://auth.example.com", "", true),
        ("https://auth.example.com", "10.0.0.0/8", false),
        ("http://127.0.0.1:8080", "", false),
    ] {
        let place = Place::furnished()
            .set("JETON_ISSUER", issuer)
            .set("JETON_SERVER__TRUSTED_PROXIES", proxies);
        let process = place.start();
        assert_eq!(process.sign_in("admin", PASSWORD).status, 200);
        let log = process.log();
        assert_eq!(log.contains(warning), expected, "{issuer} {proxies}: {log}");
    }
}

#[test]
fn the_printed_command_names_a_client_if_there_is_no_default_client() {
    let place = Place::empty().set("JETON_DEFAULT_CLIENT", "");
    let process = place.start();
    let tokens = paste(&printed_command(&process), &place);
    assert_eq!(tokens["token_type"], "Bearer", "{tokens}");
}

#[test]
fn probes_and_documents_respond() {
    let place = Place::furnished();
    let process = place.start();
    for (path, expected) in [
        ("/healthz", "ok"),
        ("/readyz", "ready"),
        ("/docs", "<!doctype html>"),
        ("/openapi.json", "\"openapi\": \"3.0."),
        ("/", "<html"),
    ] {
        let answer = process.get(path);
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.body.contains(expected), "{path}: {}", answer.body);
    }
}

/// Clients cannot read the metrics, and the server starts without them.
#[test]
fn metrics_have_a_separate_listener_that_may_fail() {
    let address = free_address();
    let place = Place::furnished().set("JETON_METRICS__LISTEN", address.to_string());
    let one = place.start();
    assert_eq!(one.sign_in("admin", PASSWORD).status, 200);
    // The part of one address.
    for number in 0..7 {
        one.sign_in("unknown", &format!("wrong {number}"))
            .assert_error(400, "invalid_grant");
    }
    let slowed = one.sign_in("unknown", "x");
    slowed.assert_error(429, "temporarily_unavailable");
    let answer = Connection::open(address).unwrap().get("/metrics").unwrap();
    assert!(answer.body.contains("jeton_sign_ins_total 1"), "{answer:?}");
    let counted = "jeton_sign_ins_slowed_total{by=\"account\"} 1";
    assert!(answer.body.contains(counted), "{answer:?}");
    one.get("/metrics").assert_error(404, "invalid_request");
    for path in ["/healthz", "/readyz"] {
        let answer = Connection::open(address).unwrap().get(path).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    let other = Place::furnished().set("JETON_METRICS__LISTEN", address.to_string());
    let two = other.start();
    assert_eq!(two.sign_in("admin", PASSWORD).status, 200);
    two.log_with("set metrics.listen");
}

#[test]
fn probes_are_served_beside_the_metrics_while_clients_use_all_connections() {
    let address = free_address();
    let place = Place::furnished()
        .set("JETON_METRICS__LISTEN", address.to_string())
        .set("JETON_SERVER__MAX_CONNECTIONS", "1")
        .set("JETON_SERVER__KEEP_ALIVE_TIMEOUT", "1h");
    let server = place.start();
    let mut only = server.connect();
    assert_eq!(only.get("/healthz").unwrap().status, 200);
    let mut waiting = server.connect();
    waiting
        .send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    for path in ["/healthz", "/readyz"] {
        let answer = Connection::open(address).unwrap().get(path).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    drop(only);
    assert_eq!(waiting.receive().unwrap().status, 200);
}

#[test]
fn two_servers_can_start_in_one_empty_directory_at_once() {
    let place = Place::empty().set("JETON_BOOTSTRAP__ADMIN_PASSWORD", PASSWORD);
    let other = Place::empty()
        .set("JETON_BOOTSTRAP__ADMIN_PASSWORD", PASSWORD)
        .set("JETON_DATA_DIR", place.path("data").to_str().unwrap());
    let (one, two) = std::thread::scope(|scope| {
        let one = scope.spawn(|| place.start());
        let two = scope.spawn(|| other.start());
        (one.join().unwrap(), two.join().unwrap())
    });
    let token = one.sign_in("admin", PASSWORD).refresh_token();
    let token = two.refresh(&token).refresh_token();
    assert_eq!(one.refresh(&token).status, 200);
}

/// `prlimit` limits the size of all files, so each write fails as on a full disk.
#[test]
fn a_server_that_cannot_write_its_sqlite_file_is_not_ready_until_it_can() {
    let place = Place::furnished();
    // The signal of the limit would end the process.
    let server = place.start_in_shell("trap '' XFSZ");
    let readiness = |status: u16| {
        eventually("the readiness changes", || {
            server.get("/readyz").status == status
        });
        assert_eq!(server.get("/healthz").status, 200);
    };
    let limit_files = |size: &str| {
        let process = server.child.id().to_string();
        let arguments = ["--pid", &process, &format!("--fsize={size}:unlimited")];
        let status = Command::new("prlimit").args(arguments).status();
        assert!(status.unwrap().success());
    };
    readiness(200);
    limit_files("0");
    readiness(503);
    assert_ne!(server.sign_in("admin", PASSWORD).status, 200);
    limit_files("unlimited");
    readiness(200);
    assert_eq!(server.sign_in("admin", PASSWORD).status, 200);
}

/// Not of a new database.
#[tokio::test]
async fn an_upgrade_of_the_schema_is_logged() {
    let place = Place::on_server();
    change(&place, "DROP TABLE root_secret_uses").await;
    let step = "DELETE FROM seaql_migrations WHERE version LIKE '%add_root_secret_uses'";
    change(&place, step).await;
    let process = place.start();
    let log = process.log_with("\"started\"");
    let upgrade = "\"upgrading the schema\",\"step\":\"m20261128_000094_add_root_secret_uses\"";
    assert!(log.contains(upgrade), "{log}");
    process.stop("TERM");
    let log = place.start().log_with("\"started\"");
    assert!(!log.contains("schema"), "{log}");
}
