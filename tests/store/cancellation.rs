//! A request that its client or a timeout cancels ends at its current await.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use jeton::clock::Clock;
use jeton::store::user::{self, Change};
use jeton::store::{Limits, Store, lease};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use uuid::Uuid;

use crate::support::database::{TestDatabase, parsed};
use crate::support::file::DataDir;
use crate::support::{ALICE, Jeton, ROOT_SECRET, START};

const ONE_CONNECTION: Limits = Limits {
    connections: 1,
    acquire_timeout: Duration::from_secs(20),
    statement_timeout: Duration::from_secs(1),
};
const TIMEOUT: Duration = Duration::from_secs(15);
const EXPIRY: &str = "SELECT concat(expires_at, '') AS detail FROM leases";
/// Delay of each response of the database server.
const DELAY: Duration = Duration::from_millis(60);

/// A TCP forwarder to a database server that can delay its responses.
struct Forwarder {
    address: SocketAddr,
    slow: watch::Sender<bool>,
}

impl Forwarder {
    async fn to(server: String) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (slow, state) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((node, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(forward(node, server, state.clone()));
            }
        });
        Self { address, slow }
    }
}

async fn forward(node: TcpStream, server: TcpStream, slow: watch::Receiver<bool>) {
    let (mut requests, mut to_node) = node.into_split();
    let (mut responses, mut to_server) = server.into_split();
    let forward = async { copy(&mut requests, &mut to_server).await.map(drop) };
    let backward = async {
        let mut buffer = [0; 4096];
        loop {
            let read = responses.read(&mut buffer).await?;
            if read == 0 {
                // A node that closes a connection with TLS waits for this.
                return to_node.shutdown().await;
            }
            if *slow.borrow() {
                tokio::time::sleep(DELAY).await;
            }
            to_node.write_all(&buffer[..read]).await?;
        }
    };
    let _: std::io::Result<((), ())> = tokio::try_join!(forward, backward);
}

/// After a change is cancelled at any moment, the next write on its connection is committed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL or MariaDB: tests/stores.sh"]
async fn a_cancelled_change_leaves_no_open_transaction() {
    let data = DataDir::on(TestDatabase::migrated().unwrap());
    let jeton = Jeton::on(
        data.open().await,
        Clock::standing_at(START),
        ROOT_SECRET,
        |_| {},
    )
    .await;
    jeton.add_client("first-party", None, |_| {}).await;
    let alice = jeton.add_user(ALICE.0, ALICE.1).await;
    let mut url = url::Url::parse(&data.url()).unwrap();
    let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let forwarder = Forwarder::to(server).await;
    url.set_port(Some(forwarder.address.port())).unwrap();
    let url = parsed(url.as_str());
    for moment in 0..12_u32 {
        let store = Store::connect(&url, ONE_CONNECTION).await.unwrap();
        store.ping().await.unwrap();
        forwarder.slow.send(true).unwrap();
        let cause = jeton.cause();
        let change = user::change(&store, alice, Change::SIGN_OUT, &cause);
        let timeout = DELAY / 2 + DELAY * moment;
        drop(tokio::time::timeout(timeout, change).await);
        forwarder.slow.send(false).unwrap();
        let holder = Uuid::from_u128(u128::from(moment) + 1);
        let now = START.plus(Duration::from_hours(u64::from(moment) + 1));
        let taken = lease::hold(&store, "sweep", holder, now, Duration::from_mins(1));
        assert!(in_time(taken).await.unwrap(), "{moment}");
        let stored = data.query(EXPIRY).await;
        let expected = now.plus(Duration::from_mins(1)).as_micros();
        assert_eq!(stored, expected.to_string(), "{moment}");
        in_time(store.close()).await.unwrap();
    }
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(TIMEOUT, future).await.unwrap()
}
