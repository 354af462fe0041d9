//! `server.listen` with several addresses and Unix sockets.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use serde_json::Value;

use super::http::Connection;
use super::{PASSWORD, PATIENCE, Place, Process, free_address};
use crate::support::encode;

fn over(path: &Path) -> Connection {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    Connection::over(stream)
}

/// A server on a TCP address and the socket `jeton.sock`.
fn start(place: &Place) -> Process {
    let start = || {
        let address = free_address();
        let path = place.path("jeton.sock");
        let listen = format!("{address},unix:{}", path.display());
        place.spawn_on(&listen, &["serve"], address).ready()
    };
    (0..5).find_map(|_| start()).unwrap()
}

#[track_caller]
fn refused(place: &Place, listen: &str) -> String {
    let mut server = place.spawn_on(listen, &["serve"], free_address());
    assert_eq!(server.wait().code(), Some(1), "{}", server.log());
    server.log()
}

#[test]
fn several_addresses_are_listened_on_and_the_first_is_the_issuer() {
    let place = Place::furnished();
    let server = start(&place);
    let path = place.path("jeton.sock");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o660);
    let metadata = over(&path).get("/.well-known/oauth-authorization-server");
    let issuer = format!("http://{}", server.address);
    assert_eq!(metadata.unwrap().json()["issuer"], issuer);
    let log = server.log_with("started");
    let listen = format!("{}, unix:{}", server.address, path.display());
    assert!(log.contains(&listen), "{log}");
    server.stop("TERM");
    assert!(!path.exists(), "the socket's file is left");
}

/// Only the proxy may use the socket's file.
#[test]
fn a_peer_of_a_unix_socket_is_a_trusted_proxy() {
    let place = Place::furnished();
    let server = start(&place);
    let sign_in = |lines: &str| {
        let form = encode(&[
            ("grant_type", "password"),
            ("username", "admin"),
            ("password", PASSWORD),
        ]);
        let lines = format!("{lines}Content-Length: {}\r\n", form.len());
        let mut connection = over(&place.path("jeton.sock"));
        let request = format!("{}{form}", Connection::token_head(&lines));
        connection.send(request).unwrap();
        assert_eq!(connection.receive().unwrap().status, 200);
        let listed = place.ok(&[
            "audit", "list", "--action", "sign_in", "--limit", "1", "--json",
        ]);
        let event: Value = serde_json::from_str(&listed).unwrap();
        event["address"].as_str().unwrap().to_owned()
    };
    assert_eq!(sign_in("X-Forwarded-For: 192.0.2.7\r\n"), "192.0.2.7");
    assert_eq!(sign_in(""), "127.0.0.1");
    server.stop("TERM");
}

#[test]
fn commands_use_the_unix_socket() {
    let path = "unix:/nonexistent";
    let place = Place::furnished()
        .set("JETON_ISSUER", "https://auth.example.com")
        .set("JETON_SERVER__LISTEN", path);
    let said = place.run(&["healthcheck"]).refusal();
    assert!(said.contains("not ready: unix:/nonexistent: "), "{said}");
    let place = Place::furnished().set("JETON_ISSUER", "https://auth.example.com");
    let listen = format!("unix:{}", place.path("a b.sock").display());
    let server = place.spawn_on(&listen, &["serve"], free_address());
    let console = server.console();
    assert!(console.contains(&listen), "{console}");
    let log = server.log_with("started");
    assert!(!log.contains("trusted_proxies"), "{log}");
    let place = place.set("JETON_SERVER__LISTEN", listen.clone());
    assert_eq!(place.ok(&["healthcheck"]), "ready\n");
    let findings = place.run(&["doctor"]).stdout;
    assert!(
        findings.contains(&format!("ready at {listen}")),
        "{findings}"
    );
    server.stop("TERM");
}

#[test]
fn a_list_in_the_settings_file_is_read_and_shown() {
    let place = Place::furnished();
    place.write(
        "jeton.toml",
        "issuer = \"http://localhost\"\n[server]\nlisten = [\"unix:/run/a,b\", \"127.0.0.1:80\"]\n",
    );
    let shown = place.ok(&["--config", "jeton.toml", "config"]);
    assert!(shown.contains("unix:/run/a,b, 127.0.0.1:80"), "{shown}");
    for listen in [
        "[]",
        "[1]",
        "[[\"localhost:1\"]]",
        "[\"unix:relative\"]",
        "1",
        "true",
    ] {
        place.write("jeton.toml", format!("[server]\nlisten = {listen}\n"));
        let said = place.run(&["--config", "jeton.toml", "config"]).refusal();
        assert!(
            said.contains("server.listen (jeton.toml) must be "),
            "{listen}: {said}"
        );
    }
    let said = Place::empty()
        .set("JETON_SERVER__LISTEN", "unix:/run/jeton.sock")
        .run(&["config"])
        .refusal();
    assert!(
        said.contains("issuer (default) must be set, because server.listen"),
        "{said}"
    );
}

#[test]
fn the_file_of_a_dead_server_is_replaced_and_that_of_a_living_one_is_kept() {
    let place = Place::furnished();
    let path = place.path("jeton.sock");
    drop(UnixListener::bind(&path).unwrap());
    let server = start(&place);
    let other = Place::furnished();
    let listen = format!("127.0.0.1:0,unix:{}", path.display());
    let said = refused(&other, &listen);
    let expected = format!(
        "cannot listen on unix:{}: another process listens on it; stop that process, or set server.listen",
        path.display()
    );
    assert!(said.contains(&expected), "{said}");
    assert_eq!(over(&path).get("/readyz").unwrap().status, 200);
    // The server's file was replaced by that of another one.
    fs::remove_file(&path).unwrap();
    let successor = UnixListener::bind(&path).unwrap();
    server.stop("TERM");
    assert!(path.exists(), "the file of another server was removed");
    drop(successor);
}

#[test]
fn a_path_that_cannot_be_used_is_refused_with_the_remedy() {
    let place = Place::furnished().set("JETON_ISSUER", "http://localhost");
    let listen = |name: &str| format!("unix:{}", place.path(name).display());
    let said = refused(&place, &listen("missing/jeton.sock"));
    assert!(said.contains("; create the directory "), "{said}");
    let said = refused(&place, &listen(&"x".repeat(108)));
    assert!(said.contains("; the path may have 107 bytes; "), "{said}");
    let said = refused(&place, &listen("stdout"));
    assert!(
        said.contains("there is a file that is not a socket"),
        "{said}"
    );
    assert!(place.path("stdout").is_file());
    // Root may write everywhere, but not here.
    let said = refused(&place, "unix:/proc/jeton.sock");
    assert!(
        said.contains("cannot listen on unix:/proc/jeton.sock: "),
        "{said}"
    );
}
