//! A log that nothing reads.

use std::fs::File;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Instant;

use super::http::Connection;
use super::{PASSWORD, PATIENCE, Place, Process, free_address, read};
use crate::support::encode;

#[test]
fn a_full_log_pipe_delays_no_request_and_no_stop() {
    let metrics = free_address();
    let place = Place::furnished()
        .set("JETON_LOG__FILTER", "trace")
        .set("JETON_METRICS__LISTEN", metrics.to_string());
    let process = start_with_piped_log(&place);
    let mut connection = process.connect();
    // The pipe becomes full, then the queue, then lines are lost.
    let deadline = Instant::now() + PATIENCE;
    while lost_lines(metrics) == 0 {
        for _ in 0..500 {
            assert_eq!(connection.refresh("unknown").unwrap().status, 400);
        }
        assert!(Instant::now() < deadline, "no line was lost");
    }
    assert_eq!(process.sign_in("admin", PASSWORD).status, 200);
    process.stop("TERM");
}

fn lost_lines(metrics: SocketAddr) -> u64 {
    let answer = Connection::open(metrics).unwrap().get("/metrics").unwrap();
    let mut lines = answer.body.lines();
    let value = lines.find_map(|line| line.strip_prefix("jeton_log_lines_lost_total "));
    value.unwrap().parse().unwrap()
}

#[test]
fn a_closed_log_pipe_does_not_end_the_server() {
    let place = Place::furnished();
    let mut process = start_with_piped_log(&place);
    drop(process.child.stderr.take());
    for _ in 0..3 {
        assert_eq!(process.refresh("unknown").status, 400);
    }
    process.stop("TERM");
}

fn start_with_piped_log(place: &Place) -> Process {
    let address = free_address();
    File::create(place.path("stderr")).unwrap();
    let child = place
        .command(&["serve"])
        .env("JETON_SERVER__LISTEN", address.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    place.process(child, address).ready().unwrap()
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";
const JSON: &str = "Content-Type: application/json\r\n";

/// Sends a request and returns the status of the response.
fn status(server: &Process, line: &str, headers: &str, body: &str) -> u16 {
    let mut connection = server.connect();
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: jeton\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    connection.send(request).unwrap();
    connection.receive().unwrap().status
}

/// At the level `debug`, in all places of a request where a client can put text.
#[test]
fn a_client_cannot_make_long_log_lines() {
    let place = Place::furnished().set("JETON_LOG__FILTER", "debug");
    let server = place.start();
    let text = "x".repeat(5_000);
    let sign_in = encode(&[
        ("grant_type", "password"),
        ("username", "admin"),
        ("password", PASSWORD),
    ]);
    let agent = format!("User-Agent: {text}\r\n");
    for (line, headers) in [
        (format!("GET /{text}"), ""),
        (format!("GET /admin/users/{text}?limit={text}"), ""),
        (format!("{text} /token"), ""),
        (
            "GET /account".to_owned(),
            &*format!("Authorization: Bearer {text}\r\n"),
        ),
    ] {
        assert!(status(&server, &line, headers, "") < 500, "{line}");
    }
    for headers in [
        &*agent,
        &format!("Origin: https://{text}\r\n"),
        &format!("Authorization: Basic {text}\r\n"),
        &format!("Authorization: {text} x\r\n"),
        &format!("X-Forwarded-For: {text}\r\n"),
    ] {
        let headers = format!("{FORM}{headers}");
        assert!(status(&server, "POST /token", &headers, &sign_in) < 500);
    }
    assert!(
        status(
            &server,
            "POST /token",
            &format!("Content-Type: {text}\r\n"),
            ""
        ) < 500
    );
    for form in [
        format!("grant_type={text}"),
        format!("{sign_in}{text}"),
        format!("{sign_in}&scope={text}"),
        format!("{sign_in}&client_id={text}"),
        format!("{sign_in}&resource=https://{text}"),
        format!("grant_type=password&username={text}&password=x"),
        format!("{sign_in}&{text}=1&{text}=2"),
    ] {
        assert!(status(&server, "POST /token", &format!("{FORM}{agent}"), &form) < 500);
    }
    for body in [
        format!("{{\"{text}\": 1}}"),
        format!("{{\"username\": \"{text}\", \"password\": \"x\"}}"),
    ] {
        assert!(status(&server, "POST /account", JSON, &body) < 500);
    }
    server.stop("TERM");
    let lines = read(&place.path("stderr"));
    let longest = lines.lines().max_by_key(|line| line.len()).unwrap();
    assert!(longest.len() < 1500, "{} bytes: {longest}", longest.len());
    assert!(lines.contains("\"path\":\"/admin/users/{id}\""), "{lines}");
}

/// Also for documents, whose requests are logged only if they are refused.
#[test]
fn the_log_line_of_a_refusal_has_the_request_id_of_the_response() {
    let place = Place::furnished();
    let server = place.start();
    let refused = [
        ("GET /nothing", "/*"),
        ("GET /.well-known/nothing", "/.well-known/*"),
        ("POST /.well-known/jwks.json", "/.well-known/jwks.json"),
        ("GET /jwks.json", "/.well-known/jwks.json"),
    ];
    let ids = refused.map(|(line, _)| {
        let mut connection = server.connect();
        // The last is refused because of its `Host`.
        let host = if line == "GET /jwks.json" {
            "a b"
        } else {
            "jeton"
        };
        let request = format!("{line} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
        connection.send(request).unwrap();
        let head = connection.receive().unwrap().head;
        let (_, rest) = head.split_once("x-request-id: ").unwrap();
        rest.lines().next().unwrap().to_owned()
    });
    server.stop("TERM");
    let lines = read(&place.path("stderr"));
    for ((request, path), id) in refused.iter().zip(ids) {
        let mut lines = lines.lines();
        let line = lines.find(|line| line.contains(&id)).expect(request);
        assert!(line.contains("request refused"), "{line}");
        assert!(line.contains(&format!("\"path\":\"{path}\"")), "{line}");
        let method = request.split(' ').next().unwrap();
        assert!(line.contains(&format!("\"method\":\"{method}\"")), "{line}");
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
