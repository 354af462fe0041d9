//! A log that nothing reads.

use std::fs::File;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Instant;

use super::http::Connection;
use super::{PASSWORD, PATIENCE, Place, Process, free_address};

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
