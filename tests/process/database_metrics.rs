//! The metrics of the database, on each engine.

use super::metrics::{Metrics, start};
use super::{PASSWORD, Place, eventually};
use crate::support::forwarder::Forwarder;

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
    let more = |name: &str| after.count(name) - before.count(name);
    assert!(more("jeton_database_wait_seconds_count") >= 1);
    let rotated = more("jeton_refreshes_total{outcome=\"rotated\"}");
    assert_eq!(rotated, 3);
    let (pools, written) = if place.on_server.is_some() {
        (vec!["shared"], 0)
    } else {
        (vec!["read", "write"], rotated)
    };
    let grouped = more("jeton_group_commit_rotations_sum");
    // The same token, sent at once, is in a group too, without a row to write.
    assert!(grouped >= written, "{grouped}");
    // No group is empty.
    assert!(more("jeton_group_commit_rotations_count") <= grouped);
    assert!(place.on_server.is_none() || grouped == 0);
    for pool in pools {
        let open = after.total(&format!("jeton_database_connections{{pool=\"{pool}\""));
        let max = after.count(&format!(
            "jeton_database_connections_max{{pool=\"{pool}\"}}"
        ));
        assert!(open >= 1 && open <= max, "{pool}: {open} of {max}");
    }
}

/// The first statement gets no response, and the others wait for the only connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL or MariaDB: tests/stores.sh"]
async fn statements_that_are_given_up_are_counted() {
    let place = Place::on_server();
    let url = place.on_server.as_ref().unwrap().url();
    let (forwarder, url) = Forwarder::before(&url).await;
    let place = place
        .set("JETON_DATABASE__URL", url)
        .set("JETON_DATABASE__CONNECTIONS", "1")
        .set("JETON_DATABASE__ACQUIRE_TIMEOUT", "500ms")
        .set("JETON_DATABASE__STATEMENT_TIMEOUT", "1s");
    let (_place, server, address) = start(place);
    let count = |awaited| {
        let name = format!("jeton_database_timeouts_total{{for=\"{awaited}\"}}");
        Metrics::read(address).count(&name)
    };
    assert_eq!((count("connection"), count("response")), (0, 0));
    let mut token = server.sign_in("admin", PASSWORD).refresh_token();
    eventually("both kinds are counted", || {
        token = server.refresh(&token).refresh_token();
        forwarder.silent.send(true).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(server.refresh(&token).status, 503));
            }
        });
        assert_eq!(Metrics::read(address).count("jeton_ready"), 0);
        forwarder.silent.send(false).unwrap();
        eventually("ready", || server.get("/readyz").status == 200);
        count("connection") > 0 && count("response") > 0
    });
}
