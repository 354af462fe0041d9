//! A request whose client hangs up, or whose time is over, ends at whatever it waits for just then.

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
const PATIENCE: Duration = Duration::from_secs(15);
const EXPIRY: &str = "SELECT concat(expires_at, '') AS detail FROM leases";
/// How long an answer of the server is on its way, where it takes time.
const WAY: Duration = Duration::from_millis(60);

/// A way to a server, by which answers may take their time.
struct Wire {
    address: SocketAddr,
    slow: watch::Sender<bool>,
}

impl Wire {
    async fn to(server: String) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (slow, seen) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((node, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(carry(node, server, seen.clone()));
            }
        });
        Self { address, slow }
    }
}

async fn carry(node: TcpStream, server: TcpStream, slow: watch::Receiver<bool>) {
    let (mut asking, mut asked) = node.into_split();
    let (mut answering, mut answered) = server.into_split();
    let forth = async { copy(&mut asking, &mut answered).await.map(drop) };
    let back = async {
        let mut buffer = [0; 4096];
        loop {
            let read = answering.read(&mut buffer).await?;
            if read == 0 {
                return Ok(());
            }
            if *slow.borrow() {
                tokio::time::sleep(WAY).await;
            }
            asked.write_all(&buffer[..read]).await?;
        }
    };
    let _: std::io::Result<((), ())> = tokio::try_join!(forth, back);
}

/// Whenever a change is given up, its connection is of use to the next who writes, and what that one has
/// written is certain.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_is_given_up_leaves_no_transaction_behind() {
    let Some(database) = TestDatabase::migrated() else {
        return;
    };
    let data = DataDir::on(database);
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
    let wire = Wire::to(server).await;
    url.set_port(Some(wire.address.port())).unwrap();
    let url = parsed(url.as_str());
    for moment in 0..12_u32 {
        let store = Store::connect(&url, ONE_CONNECTION).await.unwrap();
        store.ping().await.unwrap();
        wire.slow.send(true).unwrap();
        let cause = jeton.cause();
        let change = user::change(&store, alice, Change::SignOut, &cause);
        let patience = WAY / 2 + WAY * moment;
        drop(tokio::time::timeout(patience, change).await);
        wire.slow.send(false).unwrap();
        let holder = Uuid::from_u128(u128::from(moment) + 1);
        let now = START.plus(Duration::from_hours(u64::from(moment) + 1));
        let taken = lease::hold(&store, "sweep", holder, now, Duration::from_mins(1));
        assert!(in_time(taken).await.unwrap(), "{moment}");
        let seen = data.query(EXPIRY).await;
        let expected = now.plus(Duration::from_mins(1)).as_micros();
        assert_eq!(seen, expected.to_string(), "{moment}");
        in_time(store.close()).await.unwrap();
    }
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap()
}
