//! Connections that end: by a signal, by a client that says too little, too much, or nonsense.

use std::net::TcpStream;

use super::http::Connection;
use super::{PASSWORD, Place, Process, eventually};
use crate::support::encode;

const TEN_MEGABYTES: usize = 10 * 1024 * 1024;

fn sign_in() -> String {
    encode(&[
        ("grant_type", "password"),
        ("username", "admin"),
        ("password", PASSWORD),
    ])
}

/// A server that waits for a request's head for a second.
fn impatient() -> (Place, Process) {
    let place = Place::furnished().set("JETON_SERVER__HEADER_READ_TIMEOUT", "1s");
    let process = place.start();
    (place, process)
}

fn finishes_what_is_under_way(signal: &str) {
    let place = Place::furnished();
    let mut server = place.start();
    let form = sign_in();
    let mut door = server.connect();
    let expect = format!("Content-Length: {}\r\nExpect: 100-continue\r\n", form.len());
    door.send(Connection::token_head(&expect)).unwrap();
    // The server asks for the body: the request is in its hands.
    assert_eq!(door.receive().unwrap().status, 100);
    door.send(&form[..5]).unwrap();

    server.signal(signal);
    let address = server.address;
    eventually("new connections are refused", || {
        TcpStream::connect(address).is_err()
    });
    assert!(
        server.child.try_wait().unwrap().is_none(),
        "it went at once"
    );
    door.send(&form[5..]).unwrap();
    let answer = door.receive().unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let status = server.wait();
    assert_eq!(status.code(), Some(0), "{}", server.log());
    assert!(server.log().contains("stopped"), "{}", server.log());
}

#[test]
fn sigterm_lets_a_request_under_way_finish() {
    finishes_what_is_under_way("TERM");
}

#[test]
fn ctrl_c_lets_a_request_under_way_finish() {
    finishes_what_is_under_way("INT");
}

#[test]
fn a_request_that_never_ends_does_not_hold_the_server_for_ever() {
    let place = Place::furnished().set("JETON_SERVER__SHUTDOWN_TIMEOUT", "1s");
    let server = place.start();
    let mut door = server.connect();
    let head = "Content-Length: 100\r\nExpect: 100-continue\r\n";
    door.send(Connection::token_head(head)).unwrap();
    assert_eq!(door.receive().unwrap().status, 100);
    server.stop("TERM");
    door.wait_for_end().unwrap();
}

/// The framework alone left such connections open for ever.
#[test]
fn connections_that_say_too_little_are_closed() {
    let (_place, server) = impatient();
    let mut silent = server.connect();
    let mut half = server.connect();
    half.send("POST /token HTTP/1.1\r\nHost: je").unwrap();
    let mut idle = server.connect();
    assert_eq!(idle.get("/healthz").unwrap().status, 200);
    for door in [&mut silent, &mut half, &mut idle] {
        door.wait_for_end().unwrap();
    }
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn a_body_that_never_comes_is_answered() {
    let place = Place::furnished().set("JETON_SERVER__REQUEST_TIMEOUT", "1s");
    let server = place.start();
    let mut door = server.connect();
    door.send(Connection::token_head("Content-Length: 100\r\n"))
        .unwrap();
    door.receive()
        .unwrap()
        .assert_error(503, "temporarily_unavailable");
}

/// A client writes all of its request before it reads, as most do; it finds the answer all the same.
#[test]
fn a_body_that_is_too_large_is_refused_and_the_client_hears_of_it() {
    let place = Place::furnished();
    let server = place.start();
    let body = vec![b'x'; TEN_MEGABYTES];
    for _ in 0..5 {
        let mut door = server.connect();
        let length = format!("Content-Length: {TEN_MEGABYTES}\r\n");
        door.send(Connection::token_head(&length)).unwrap();
        door.send(&body).unwrap();
        door.receive().unwrap().assert_error(413, "invalid_request");
        door.wait_for_end().unwrap();

        let mut door = server.connect();
        door.send(Connection::token_head("Transfer-Encoding: chunked\r\n"))
            .unwrap();
        for chunk in body.chunks(64 * 1024) {
            door.send(format!("{:x}\r\n", chunk.len())).unwrap();
            door.send(chunk).unwrap();
            door.send("\r\n").unwrap();
        }
        door.send("0\r\n\r\n").unwrap();
        door.receive().unwrap().assert_error(413, "invalid_request");
        door.wait_for_end().unwrap();
    }
    assert_eq!(server.sign_in("admin", PASSWORD).status, 200);
}

/// The same for a path that reads no body at all.
#[test]
fn a_large_body_for_nobody_does_not_erase_the_answer() {
    let place = Place::furnished();
    let server = place.start();
    let body = vec![b'x'; TEN_MEGABYTES];
    let mut door = server.connect();
    let head =
        format!("POST /nowhere HTTP/1.1\r\nHost: jeton\r\nContent-Length: {TEN_MEGABYTES}\r\n\r\n");
    door.send(head).unwrap();
    door.send(&body).unwrap();
    door.receive().unwrap().assert_error(404, "invalid_request");
}

#[test]
fn chunked_bodies_are_read() {
    let place = Place::furnished();
    let server = place.start();
    let form = sign_in();
    let mut door = server.connect();
    door.send(Connection::token_head("Transfer-Encoding: chunked\r\n"))
        .unwrap();
    for chunk in form.as_bytes().chunks(7) {
        door.send(format!("{:x}\r\n", chunk.len())).unwrap();
        door.send(chunk).unwrap();
        door.send("\r\n").unwrap();
    }
    door.send("0\r\n\r\n").unwrap();
    door.receive().unwrap().refresh_token();
    assert_eq!(door.get("/healthz").unwrap().status, 200);
}

#[test]
fn what_is_not_http_harms_nothing() {
    let (_place, server) = impatient();
    let endless = "a".repeat(1 << 20);
    let garbage: [&[u8]; 9] = [
        b"\r\n\r\n\r\n",
        b"\0\x01\x02\xff\xfe\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        endless.as_bytes(),
    ];
    for bytes in garbage {
        let mut door = server.connect();
        // The server may have heard enough before all is said.
        let _ = door.send(bytes);
        door.wait_for_end().unwrap();
    }
    assert_eq!(server.sign_in("admin", PASSWORD).status, 200);
    assert!(!server.log().contains("panic"), "{}", server.log());
    server.stop("TERM");
}
