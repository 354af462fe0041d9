//! The first start and the second, as a person sees them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::http::Connection;
use super::{PASSWORD, Place, Process, free_address};

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

/// The lines of the console that begin with `curl`, as a person would copy them.
fn printed_command(process: &Process) -> String {
    let console = process.console();
    let from = console.find("curl ").unwrap();
    let command: Vec<&str> = console[from..]
        .lines()
        .take_while(|line| !line.trim().is_empty())
        .collect();
    command.join("\n")
}

fn paste(command: &str) -> serde_json::Value {
    let output = Command::new("bash")
        .args(["-c", command])
        .env("NO_PROXY", "*")
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{command}: {output:?}"))
}

/// The password that the console shows.
fn printed_password(process: &Process) -> Option<String> {
    let console = process.console();
    let (_, rest) = console.split_once("with the password ")?;
    rest.split_whitespace().next().map(str::to_owned)
}

#[test]
fn the_first_start_makes_private_data_and_says_how_to_go_on() {
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
    let password = printed_password(&process).unwrap();
    assert!(password.len() >= 20, "{password}");

    let tokens = paste(&printed_command(&process));
    assert_eq!(tokens["token_type"], "Bearer", "{tokens}");
    let log = process.log();
    assert!(log.contains("started"), "{log}");
    assert!(!log.contains(&password), "{log}");
}

#[test]
fn the_second_start_prints_no_password_and_the_first_one_goes_on_working() {
    let place = Place::empty();
    let first = place.start();
    let password = printed_password(&first).unwrap();
    let refresh_token = first.sign_in("admin", &password).refresh_token();
    first.stop("TERM");

    let second = place.start();
    assert_eq!(printed_password(&second), None);
    assert!(!second.console().contains(&password));
    assert!(printed_command(&second).contains("YOUR-PASSWORD"));
    assert_eq!(second.sign_in("admin", &password).status, 200);
    assert_eq!(second.refresh(&refresh_token).status, 200);
}

#[test]
fn the_first_password_may_be_given_and_is_then_printed_nowhere() {
    let place = Place::empty().set("JETON_BOOTSTRAP__ADMIN_PASSWORD", PASSWORD);
    let process = place.start();
    assert_eq!(process.sign_in("admin", PASSWORD).status, 200);
    process
        .sign_in("admin", "wrong")
        .assert_error(400, "invalid_grant");
    assert!(!process.console().contains(PASSWORD));
    assert!(!process.log().contains(PASSWORD));
}

/// The operator has the machine: a start that was refused would help nobody.
#[test]
fn a_weak_first_password_is_taken_and_told_in_the_log_without_itself() {
    let place = Place::empty().set("JETON_BOOTSTRAP__ADMIN_PASSWORD", "hunter2");
    let process = place.start();
    assert_eq!(process.sign_in("admin", "hunter2").status, 200);
    let log = process.log();
    assert!(log.contains("bootstrap.admin_password is weak"), "{log}");
    assert!(log.contains("15 characters or more"), "{log}");
    assert!(!log.contains("hunter2"), "{log}");

    let place = Place::empty().set("JETON_BOOTSTRAP__ADMIN_PASSWORD", PASSWORD);
    let process = place.start();
    assert!(!process.log().contains("is weak"), "{}", process.log());
}

#[test]
fn the_printed_command_names_a_client_where_there_is_no_default_one() {
    let place = Place::empty().set("JETON_DEFAULT_CLIENT", "");
    let process = place.start();
    let tokens = paste(&printed_command(&process));
    assert_eq!(tokens["token_type"], "Bearer", "{tokens}");
}

#[test]
fn probes_and_documents_answer() {
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

/// Numbers are not for clients, and nobody is kept out because they cannot be read.
#[test]
fn metrics_have_a_listener_of_their_own_that_may_be_missing() {
    let address = free_address();
    let place = Place::furnished().set("JETON_METRICS__LISTEN", address.to_string());
    let one = place.start();
    assert_eq!(one.sign_in("admin", PASSWORD).status, 200);
    for _ in 0..10 {
        one.sign_in("nobody", "x")
            .assert_error(400, "invalid_grant");
    }
    let slowed = one.sign_in("nobody", "x");
    slowed.assert_error(429, "temporarily_unavailable");
    let answer = Connection::open(address).unwrap().get("/metrics").unwrap();
    assert!(answer.body.contains("jeton_sign_ins_total 1"), "{answer:?}");
    let counted = "jeton_sign_ins_slowed_total{by=\"account\"} 1";
    assert!(answer.body.contains(counted), "{answer:?}");
    one.get("/metrics").assert_error(404, "invalid_request");

    let other = Place::furnished().set("JETON_METRICS__LISTEN", address.to_string());
    let two = other.start();
    assert_eq!(two.sign_in("admin", PASSWORD).status, 200);
    assert!(two.log().contains("set metrics.listen"), "{}", two.log());
}

#[test]
fn two_servers_may_start_on_one_empty_directory_at_once() {
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
