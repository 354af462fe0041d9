//! A database server that waits for something, or does not answer at all: requests end in bounded time, and all
//! goes on by itself. No time is asserted; a test that hangs is ended by its patience.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use jeton::clock::Clock;
use jeton::database_url::Engine;
use jeton::store::session::{self, Ending};
use jeton::store::{Limits, Store};
use sea_orm::ConnectionTrait as _;
use tokio::io::{AsyncReadExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::support::database::{TestDatabase, engine, on_server, parsed};
use crate::support::file::DataDir;
use crate::support::{ALICE, Answer, Jeton, ROOT_SECRET, START, Tokens};

const PATIENCE: Duration = Duration::from_mins(2);
const WAITING_ON_MYSQL: &str = "SELECT concat(count(*), '') AS detail FROM information_schema.innodb_trx \
     JOIN information_schema.processlist ON id = trx_mysql_thread_id \
     WHERE db = database() AND trx_state = 'LOCK WAIT'";
const LIMITS: Limits = Limits {
    connections: 4,
    acquire_timeout: Duration::from_secs(2),
    statement_timeout: Duration::from_secs(1),
};

/// A node on the store at this URL, where nobody waits long, and somebody who is signed in.
async fn impatient(url: &str) -> (Jeton, Tokens) {
    let store = Store::connect(&parsed(url), LIMITS).await.unwrap();
    let jeton = Jeton::on(store, Clock::standing_at(START), ROOT_SECRET, |_| {}).await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    let tokens = jeton.sign_in().await;
    (jeton, tokens)
}

/// row 38: put off, with the time after which to come back.
fn assert_put_off(answer: &Answer) {
    answer.assert_error(503, "temporarily_unavailable");
    assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap()
}

/// Who holds a lock on the table keeps refreshes waiting, but not for good, and not at the server either.
#[tokio::test]
async fn a_refresh_that_waits_for_a_lock_is_given_up_on_both_sides() {
    let (lock, waiting) = match engine() {
        None => return,
        Some(Engine::Postgres) => (
            "LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE",
            "SELECT count(*)::text AS detail FROM pg_locks WHERE NOT granted",
        ),
        // There the limit is one of waits for rows.
        Some(Engine::MySql) => ("UPDATE sessions SET address = 'here'", WAITING_ON_MYSQL),
    };
    let data = DataDir::new();
    let (jeton, tokens) = impatient(&data.url()).await;
    let other = data.connect().await;
    other.execute_unprepared("BEGIN").await.unwrap();
    other.execute_unprepared(lock).await.unwrap();
    // More than there are connections.
    let crowd = (0..12).map(|_| jeton.refresh(&tokens.refresh_token));
    for answer in in_time(join_all(crowd)).await {
        assert_put_off(&answer);
    }
    in_time(Box::pin(async {
        while data.query(waiting).await != "0" {
            // MariaDB says the same as before to whoever asks again within a tenth of a second.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }))
    .await;
    other.execute_unprepared("COMMIT").await.unwrap();
    in_time(jeton.refresh(&tokens.refresh_token)).await.tokens();
}

/// What stands between a node and its server, and may fall silent.
struct Wire {
    address: SocketAddr,
    silent: watch::Sender<bool>,
}

impl Wire {
    /// The wire to the server of this URL, and the URL that leads through it.
    async fn before(url: &str) -> (Self, String) {
        let mut url = url::Url::parse(url).unwrap();
        let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
        let wire = Self::to(server).await;
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(wire.address.port())).unwrap();
        (wire, url.into())
    }

    async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (silent, heard) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((node, _)) = listener.accept().await {
                let (server, heard) = (server.clone(), heard.clone());
                tokio::spawn(async move { carry(node, &server, heard).await });
            }
        });
        Self { address, silent }
    }
}

/// Once the wire was silent, a connection stays so: what was on its way is lost.
async fn carry(mut node: TcpStream, server: &str, mut heard: watch::Receiver<bool>) {
    let mut server = TcpStream::connect(server).await.unwrap();
    tokio::select! {
        _ = copy_bidirectional(&mut node, &mut server) => return,
        _ = heard.wait_for(|silent| *silent) => {}
    }
    let mut nowhere = [0; 1024];
    while node.read(&mut nowhere).await.is_ok_and(|read| read > 0) {}
}

/// A server that was stopped, or a network that drops every packet: connections that hang are thrown away, and
/// the node is back when the server is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_falls_silent_is_given_up_and_found_again() {
    if !on_server() {
        return;
    }
    let data = DataDir::new();
    let (wire, url) = Wire::before(&data.url()).await;
    let (jeton, mut tokens) = impatient(&url).await;
    for _ in 0..4 {
        // So that there are connections to lose: all of those that a node may have.
        let crowd = (0..8).map(|_| jeton.refresh(&tokens.refresh_token));
        for answer in join_all(crowd).await {
            tokens = answer.tokens();
        }
        wire.silent.send(true).unwrap();
        let crowd = (0..12).map(|_| jeton.refresh(&tokens.refresh_token));
        for answer in in_time(join_all(crowd)).await {
            assert_put_off(&answer);
        }
        let ready = in_time(jeton.get("/readyz")).await;
        assert_eq!(ready.status, 503);
        wire.silent.send(false).unwrap();
        in_time(async {
            while jeton.get("/readyz").await.status != 200 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }
}

/// A node that is cut off while it has the turn to bring the schema up to date does not keep it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_cut_off_at_its_start_keeps_no_other_from_starting() {
    if engine() != Some(Engine::Postgres) {
        return;
    }
    let data = DataDir::new();
    let (wire, url) = Wire::before(&data.url()).await;
    let hand = data.connect().await;
    // "jeton" and 1, as the store has it.
    let turn = "SELECT pg_advisory_lock(116983977700865)";
    hand.execute_unprepared(turn).await.unwrap();
    let cut_off = tokio::spawn(async move { Store::connect(&parsed(&url), LIMITS).await });
    let waiting = "SELECT count(*)::text AS detail FROM pg_locks \
                   WHERE locktype = 'advisory' AND NOT granted";
    in_time(Box::pin(async {
        while data.query(waiting).await == "0" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }))
    .await;
    wire.silent.send(true).unwrap();
    hand.execute_unprepared("SELECT pg_advisory_unlock_all()")
        .await
        .unwrap();
    let opening = Box::pin(data.open());
    in_time(opening).await.close().await.unwrap();
    cut_off.abort();
}

/// A node that is cut off in the middle of a transaction, or stands still there, keeps its locks for half a minute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_cut_off_in_a_transaction_does_not_keep_its_locks() {
    let waiting = match engine() {
        None => return,
        Some(Engine::Postgres) => "SELECT count(*)::text AS detail FROM pg_locks WHERE NOT granted",
        Some(Engine::MySql) => WAITING_ON_MYSQL,
    };
    let data = DataDir::new();
    let (near, tokens) = impatient(&data.url()).await;
    let (wire, url) = Wire::before(&data.url()).await;
    // Who stands still gives nothing up.
    let patient = Limits {
        statement_timeout: PATIENCE * 2,
        ..LIMITS
    };
    let far = Store::connect(&parsed(&url), patient).await.unwrap();
    let other = data.connect().await;
    other.execute_unprepared("BEGIN").await.unwrap();
    let lock = "UPDATE sessions SET address = 'here'";
    other.execute_unprepared(lock).await.unwrap();
    let (id, cause) = (near.session(&tokens).await.id, near.cause());
    let cut_off =
        tokio::spawn(async move { session::revoke(&far, id, Ending::SignOut, &cause).await });
    in_time(Box::pin(async {
        while data.query(waiting).await == "0" {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }))
    .await;
    wire.silent.send(true).unwrap();
    other.execute_unprepared("COMMIT").await.unwrap();
    in_time(async {
        while near.refresh(&tokens.refresh_token).await.status != 200 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
    .await;
    cut_off.abort();
}

/// A URL with a slip in it must not furnish somebody's empty database: that is for `serve` alone.
#[tokio::test]
async fn only_serve_makes_tables_in_an_empty_database() {
    let Some(database) = TestDatabase::empty() else {
        return;
    };
    let data = DataDir::on(database);
    for arguments in [&["user", "list"][..], &["key", "rotate"]] {
        let output = data.jeton(arguments).await;
        assert!(!output.status.success());
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("holds nothing of Jeton's"), "{told}");
        assert!(told.contains("JETON_DATABASE__URL"), "{told}");
    }
    let tables = if engine() == Some(Engine::Postgres) {
        "SELECT count(*)::text AS detail FROM pg_tables WHERE schemaname = 'public'"
    } else {
        "SELECT CAST(count(*) AS char) AS detail FROM information_schema.tables \
         WHERE table_schema = database()"
    };
    assert_eq!(data.query(tables).await, "0");
    data.open().await.close().await.unwrap();
    data.jeton_ok(&["user", "list"]).await;
}
