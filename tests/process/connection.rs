//! Connections: shutdown, timeouts, limits, large bodies, invalid HTTP.

use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

use super::http::Connection;
use super::{PASSWORD, Place, Process, eventually, read};
use crate::support::encode;

const TEN_MEGABYTES: usize = 10 * 1024 * 1024;

fn sign_in() -> String {
    encode(&[
        ("grant_type", "password"),
        ("username", "admin"),
        ("password", PASSWORD),
    ])
}

/// A server that waits one second for a head or a next request.
fn with_short_timeout() -> (Place, Process) {
    let place = Place::furnished()
        .set("JETON_SERVER__HEADER_READ_TIMEOUT", "1s")
        .set("JETON_SERVER__KEEP_ALIVE_TIMEOUT", "1s");
    let process = place.start();
    (place, process)
}

fn finishes_open_requests(signal: &str) {
    let place = Place::furnished();
    let mut server = place.start();
    let form = sign_in();
    let mut connection = server.connect();
    let expect = format!("Content-Length: {}\r\nExpect: 100-continue\r\n", form.len());
    connection.send(Connection::token_head(&expect)).unwrap();
    // 100 Continue: the server is processing the request.
    assert_eq!(connection.receive().unwrap().status, 100);
    connection.send(&form[..5]).unwrap();

    server.signal(signal);
    let address = server.address;
    eventually("new connections are refused", || {
        TcpStream::connect(address).is_err()
    });
    assert!(
        server.child.try_wait().unwrap().is_none(),
        "it stopped at once"
    );
    connection.send(&form[5..]).unwrap();
    let answer = connection.receive().unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let status = server.wait();
    assert_eq!(status.code(), Some(0), "{}", server.log());
    assert!(server.log().contains("stopped"), "{}", server.log());
}

#[test]
fn sigterm_lets_an_open_request_finish() {
    finishes_open_requests("TERM");
}

#[test]
fn ctrl_c_lets_an_open_request_finish() {
    finishes_open_requests("INT");
}

#[test]
fn sighup_lets_an_open_request_finish() {
    finishes_open_requests("HUP");
}

#[test]
fn sighup_does_not_stop_a_server_that_was_started_to_ignore_it() {
    let place = Place::furnished();
    // As `nohup` does.
    let process = place.start_in_shell("trap '' HUP");
    process.signal("HUP");
    assert_eq!(process.get("/healthz").status, 200);
    process.stop("TERM");
    let log = read(&place.path("stderr"));
    assert!(
        log.contains("SIGTERM: stopping") && !log.contains("SIGHUP"),
        "{log}"
    );
}

#[test]
fn an_endless_request_does_not_block_the_shutdown() {
    let place = Place::furnished().set("JETON_SERVER__SHUTDOWN_TIMEOUT", "1s");
    let server = place.start();
    let mut connection = server.connect();
    let head = "Content-Length: 100\r\nExpect: 100-continue\r\n";
    connection.send(Connection::token_head(head)).unwrap();
    assert_eq!(connection.receive().unwrap().status, 100);
    server.stop("TERM");
    connection.wait_for_end().unwrap();
}

/// The framework alone would not close them.
#[test]
fn silent_incomplete_and_idle_connections_are_closed() {
    let (_place, server) = with_short_timeout();
    let mut silent = server.connect();
    let mut half = server.connect();
    half.send("POST /token HTTP/1.1\r\nHost: je").unwrap();
    let mut idle = server.connect();
    assert_eq!(idle.get("/healthz").unwrap().status, 200);
    for connection in [&mut silent, &mut half, &mut idle] {
        connection.wait_for_end().unwrap();
    }
    assert_eq!(server.get("/healthz").status, 200);
}

/// Load balancers send the next request after up to a minute.
#[test]
fn an_idle_connection_outlives_the_time_limit_of_a_head() {
    let place = Place::furnished().set("JETON_SERVER__HEADER_READ_TIMEOUT", "1s");
    let server = place.start();
    let mut idle = server.connect();
    for _ in 0..2 {
        let answer = idle.token(&sign_in()).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        sleep(Duration::from_millis(2500));
    }
    assert_eq!(idle.get("/healthz").unwrap().status, 200);
}

/// Its idle limit is longer than the test waits.
#[test]
fn half_a_head_on_a_used_connection_is_cut_off() {
    let place = Place::furnished()
        .set("JETON_SERVER__HEADER_READ_TIMEOUT", "1s")
        .set("JETON_SERVER__KEEP_ALIVE_TIMEOUT", "1h");
    let server = place.start();
    let mut silent = server.connect();
    let mut connection = server.connect();
    assert_eq!(connection.get("/healthz").unwrap().status, 200);
    connection.send("POST /token HTTP/1.1\r\nHo").unwrap();
    connection.wait_for_end().unwrap();
    silent.wait_for_end().unwrap();
    // The head arrives byte by byte, and no byte extends the limit.
    let mut slow = server.connect();
    assert_eq!(slow.get("/healthz").unwrap().status, 200);
    eventually("the slow head is cut off", || slow.send("a").is_err());
}

#[test]
fn a_body_that_does_not_arrive_gets_408() {
    let place = Place::furnished().set("JETON_SERVER__REQUEST_TIMEOUT", "1s");
    let server = place.start();
    let mut connection = server.connect();
    connection
        .send(Connection::token_head("Content-Length: 100\r\n"))
        .unwrap();
    connection
        .receive()
        .unwrap()
        .assert_error(408, "invalid_request");
    connection.wait_for_end().unwrap();
}

/// Most clients write the whole request before they read. They must still receive the response.
#[test]
fn a_body_that_is_too_large_is_refused_and_the_client_receives_the_response() {
    let place = Place::furnished();
    let server = place.start();
    let body = vec![b'x'; TEN_MEGABYTES];
    for _ in 0..5 {
        let mut connection = server.connect();
        let length = format!("Content-Length: {TEN_MEGABYTES}\r\n");
        connection.send(Connection::token_head(&length)).unwrap();
        connection.send(&body).unwrap();
        connection
            .receive()
            .unwrap()
            .assert_error(413, "invalid_request");
        connection.wait_for_end().unwrap();

        let mut connection = server.connect();
        connection
            .send(Connection::token_head("Transfer-Encoding: chunked\r\n"))
            .unwrap();
        for chunk in body.chunks(64 * 1024) {
            connection.send(format!("{:x}\r\n", chunk.len())).unwrap();
            connection.send(chunk).unwrap();
            connection.send("\r\n").unwrap();
        }
        connection.send("0\r\n\r\n").unwrap();
        connection
            .receive()
            .unwrap()
            .assert_error(413, "invalid_request");
        connection.wait_for_end().unwrap();
    }
    assert_eq!(server.sign_in("admin", PASSWORD).status, 200);
}

/// The same for a path that does not read the body.
#[test]
fn a_large_body_at_an_unknown_path_does_not_erase_the_response() {
    let place = Place::furnished();
    let server = place.start();
    let body = vec![b'x'; TEN_MEGABYTES];
    let mut connection = server.connect();
    let head =
        format!("POST /nowhere HTTP/1.1\r\nHost: jeton\r\nContent-Length: {TEN_MEGABYTES}\r\n\r\n");
    connection.send(head).unwrap();
    connection.send(&body).unwrap();
    connection
        .receive()
        .unwrap()
        .assert_error(404, "invalid_request");
}

#[test]
fn chunked_bodies_are_read() {
    let place = Place::furnished();
    let server = place.start();
    let form = sign_in();
    let mut connection = server.connect();
    connection
        .send(Connection::token_head("Transfer-Encoding: chunked\r\n"))
        .unwrap();
    for chunk in form.as_bytes().chunks(7) {
        connection.send(format!("{:x}\r\n", chunk.len())).unwrap();
        connection.send(chunk).unwrap();
        connection.send("\r\n").unwrap();
    }
    connection.send("0\r\n\r\n").unwrap();
    connection.receive().unwrap().refresh_token();
    assert_eq!(connection.get("/healthz").unwrap().status, 200);
}

#[test]
fn bytes_that_are_not_http_have_no_effect() {
    let (_place, server) = with_short_timeout();
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
        let mut connection = server.connect();
        // The server may close before everything is sent.
        let _ = connection.send(bytes);
        connection.wait_for_end().unwrap();
    }
    assert_eq!(server.sign_in("admin", PASSWORD).status, 200);
    assert!(!server.log().contains("panic"), "{}", server.log());
    server.stop("TERM");
}

/// row 8: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that lacks a Host
/// header field and to any request message that contains more than one Host header field line or a Host header
/// field with an invalid field value", RFC 9112 §3.2.
#[test]
fn a_request_without_one_valid_host_is_refused_except_by_http_1_0() {
    let place = Place::furnished();
    let server = place.start();
    let get = |line: &str, headers: &str| {
        let mut connection = server.connect();
        connection.send(format!("{line}\r\n{headers}\r\n")).unwrap();
        connection.receive().unwrap()
    };
    let (new, old) = ("GET /jwks.json HTTP/1.1", "GET /jwks.json HTTP/1.0");
    for headers in [
        "",
        "Host: a\r\nHost: b\r\n",
        "Host: a\r\nHost: a\r\n",
        "Host: a b\r\n",
        "Host: a/b\r\n",
        "Host: me@a\r\n",
        "Host: a:b\r\n",
    ] {
        let answer = get(new, headers);
        answer.assert_error(400, "invalid_request");
        assert!(answer.head.contains("x-request-id"), "{answer:?}");
        if !headers.is_empty() {
            get(old, headers).assert_error(400, "invalid_request");
        }
    }
    let answer = get("GET /account HTTP/1.1", "");
    assert_eq!(
        (answer.status, &answer.json()["status"]),
        (400, &400.into())
    );
    assert!(
        answer.head.contains("application/problem+json"),
        "{answer:?}"
    );
    assert_eq!(get(old, "").status, 200);
    for host in ["", "a", "a:80", "[::1]:8080"] {
        assert_eq!(get(new, &format!("Host: {host}\r\n")).status, 200, "{host}");
    }
}

#[test]
fn a_head_over_16_kilobytes_is_refused() {
    let place = Place::furnished();
    let server = place.start();
    for (length, status) in [(15_000, 200), (17_000, 431), (60_000, 431)] {
        let mut connection = server.connect();
        let padding = "a".repeat(length);
        let head = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX: {padding}\r\n\r\n");
        connection.send(head).unwrap();
        assert_eq!(connection.receive().unwrap().status, status, "{length}");
    }
}

/// row 34: also what hyper answers before a request is complete, on a new connection and on a used one.
#[test]
fn a_head_that_cannot_be_parsed_is_refused_in_the_oauth_format() {
    let place = Place::furnished();
    let server = place.start();
    let large = format!(
        "GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n",
        "a".repeat(1_000_000)
    );
    for (bytes, status) in [
        ("GET / HTTP/9.9\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
        (
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            400,
        ),
        (&large, 431),
    ] {
        for is_used in [false, true] {
            let mut connection = server.connect();
            if is_used {
                assert_eq!(connection.get("/healthz").unwrap().status, 200);
            }
            let _ = connection.send(bytes);
            let answer = connection.receive().unwrap();
            answer.assert_error(status, "invalid_request");
            assert!(answer.head.contains("application/json"), "{answer:?}");
            connection.wait_for_end().unwrap();
        }
    }
}
/// Idle connections are closed for new ones, the oldest first; those with a request that is arriving stay.
#[test]
fn idle_connections_are_closed_when_few_places_are_left() {
    let place = Place::furnished()
        .set("JETON_SERVER__MAX_CONNECTIONS", "10")
        .set("JETON_SERVER__HEADER_READ_TIMEOUT", "1h")
        .set("JETON_SERVER__KEEP_ALIVE_TIMEOUT", "1h");
    let server = place.start();
    let used = || {
        let mut connection = server.connect();
        assert_eq!(connection.get("/healthz").unwrap().status, 200);
        connection
    };
    let mut busy = server.connect();
    busy.send("GET /healthz HTTP/1.1\r\n").unwrap();
    let oldest: Vec<_> = (0..4).map(|_| used()).collect();
    let mut newest: Vec<_> = (0..4).map(|_| used()).collect();
    // Nine are open. Each of these needs a place.
    let later: Vec<_> = (0..4).map(|_| used()).collect();
    for mut connection in oldest {
        connection.wait_for_end().unwrap();
    }
    busy.send("Host: jeton\r\n\r\n").unwrap();
    assert_eq!(busy.receive().unwrap().status, 200);
    assert_eq!(newest[3].get("/healthz").unwrap().status, 200);
    let log = server.log_with("nine tenths of server.max_connections are open");
    assert!(!log.contains("cannot accept"), "{log}");
    drop(later);
}
