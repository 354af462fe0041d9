//! `server.listen`: a host name with several addresses, and port 0.

use std::net::{Ipv6Addr, SocketAddr, TcpListener};

use super::http::Connection;
use super::{PASSWORD, Place, Process, free_address};

fn issuer(address: SocketAddr) -> String {
    let mut connection = Connection::open(address).unwrap();
    let metadata = connection.get("/.well-known/oauth-authorization-server");
    let metadata = metadata.unwrap().json();
    metadata["issuer"].as_str().unwrap().to_owned()
}

fn place() -> Place {
    Place::empty().set("JETON_BOOTSTRAP__ADMIN_PASSWORD", PASSWORD)
}

/// A name, because browsers allow passkeys at `localhost` and not at an address.
#[test]
fn the_default_is_localhost() {
    let shown = place().ok(&["config"]);
    let value = |name: &str| {
        let line = shown
            .lines()
            .find(|line| line.trim_start().starts_with(name));
        line.unwrap_or_else(|| panic!("{shown}")).to_owned()
    };
    assert!(value("server.listen").contains("localhost:8080"));
    assert!(value("bootstrap.example_api").contains("http://localhost:8081"));
}

#[test]
fn each_address_of_a_name_is_listened_on_and_the_issuer_has_the_name() {
    let place = place();
    let has_ipv6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    let start = || {
        let address = free_address();
        let listen = format!("LocalHost:{}", address.port());
        place.spawn_on(&listen, &["serve"], address).ready()
    };
    let server = (0..5).find_map(|_| start()).unwrap();
    let port = server.address.port();
    assert_eq!(issuer(server.address), format!("http://localhost:{port}"));
    let ipv6 = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
    let log = server.log_with("started");
    let left_out = "cannot listen on [::1]";
    assert_eq!(log.contains(left_out), !has_ipv6, "{log}");
    if has_ipv6 {
        assert_eq!(issuer(ipv6), format!("http://localhost:{port}"));
    }
    let console = server.console();
    let expected = format!("Jeton listens on http://localhost:{port}\n");
    assert!(console.contains(&expected), "{console}");
}

/// The port of the default is chosen by the system, and the issuer has it.
#[test]
fn port_0_is_a_free_port_in_the_issuer_too() {
    let place = place();
    let server = place.spawn_on("localhost:0", &["serve"], free_address());
    let console = server.console();
    let (_, rest) = console
        .split_once("Jeton listens on http://localhost:")
        .unwrap();
    let port: u16 = rest.lines().next().unwrap().parse().unwrap();
    assert_eq!(
        issuer(([127, 0, 0, 1], port).into()),
        format!("http://localhost:{port}")
    );
}

fn ends(mut server: Process) -> String {
    assert!(!server.wait().success());
    server.log()
}

/// Browsers would send their requests to the other process.
#[test]
fn a_name_with_an_address_in_use_is_refused() {
    let Ok(other) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
        return;
    };
    let place = place();
    let address = other.local_addr().unwrap();
    let listen = format!("localhost:{}", address.port());
    let said = ends(place.spawn_on(&listen, &["serve"], address));
    assert!(
        said.contains(&format!(
            "cannot listen on {address}: Address already in use"
        )),
        "{said}"
    );
}

/// RFC 6761 §6.4: the name never has an address.
#[test]
fn a_name_without_an_address_is_refused() {
    let place = place().set("JETON_SERVER__INSECURE_HTTP", "true");
    let said = ends(place.spawn_on("jeton.invalid:0", &["serve"], free_address()));
    assert!(
        said.contains("cannot listen on jeton.invalid:0: "),
        "{said}"
    );
    assert!(
        said.contains("set server.listen (JETON_SERVER__LISTEN)"),
        "{said}"
    );
}
