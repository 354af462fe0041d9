use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use jeton::clock::{Clock, micros};
use jeton::key::{self, StoredKey, lifecycle};
use jeton::root_secret::RootSecrets;
use jeton::store::{Store, signing_key};
use jeton::{config::Span, maintenance};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{ALICE, ISSUER, Jeton, ROOT_SECRET, START, part};

const DAY: u64 = 86_400;

/// row 40, RFC 9068 §4.
#[tokio::test]
async fn a_token_for_the_issuer_with_plain_typ_is_accepted_at_account() {
    let jeton = Jeton::with(|settings| {
        settings.access_token.jwt_typ_audiences = format!("https://api.test {ISSUER}");
    })
    .await;
    let tokens = jeton.sign_in().await;
    assert_eq!(part(&tokens.access_token, 0)["typ"], "JWT");
    let answer = jeton.get_with("/account", &tokens.access_token).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// An attacker with write access to the database cannot publish a key that every API would trust.
#[tokio::test]
async fn a_key_that_was_inserted_without_the_root_secret_is_not_published() {
    let jeton = Jeton::start().await;
    let (jwk, _private) = key::generate(2048).unwrap();
    let kid = jwk.common.key_id.clone().unwrap();
    let inserted = StoredKey {
        id: kid.clone(),
        public_jwk: serde_json::to_string(&jwk).unwrap(),
        sealed_private_key: None,
        created_at: START,
        activates_at: START.minus(Duration::from_secs(1)),
        longest_lifetime: micros(Duration::from_secs(30 * DAY)),
        revoked_at: None,
    };
    let any_time = START..=START.minus(Duration::from_secs(1));
    signing_key::insert(&jeton.server.store, &inserted, any_time, &jeton.cause())
        .await
        .unwrap();
    let _ = maintenance::refresh_keys(&jeton.server).await;
    let jwks = jeton.get("/.well-known/jwks.json").await.body;
    assert!(!jwks.contains(&kid), "{jwks}");
}

/// A node with a wrong clock creates a key for 2035. Keys for the ten years before are still created.
#[tokio::test]
async fn a_clock_that_was_ahead_once_does_not_stop_key_rotation() {
    let jeton = Jeton::start().await;
    jeton.advance(Duration::from_secs(3650 * DAY));
    maintenance::refresh_keys(&jeton.server).await.unwrap();
    jeton.server.clock.set(START);
    jeton.advance(Duration::from_secs(200 * DAY));
    maintenance::refresh_keys(&jeton.server).await.unwrap();
    let soon = jeton
        .now()
        .plus(lifecycle::announcement(&jeton.server.settings));
    let keys = signing_key::list(&jeton.server.store).await.unwrap();
    assert!(
        keys.iter()
            .any(|key| key.activates_at > START && key.activates_at <= soon),
        "no successor for a key that is 200 days old"
    );
}

/// row 31: also at the account endpoint.
#[tokio::test]
async fn an_access_token_of_an_idle_session_is_refused_at_account() {
    let jeton = Jeton::with(|settings| {
        settings.access_token.lifetime = Span(Duration::from_secs(30 * DAY));
    })
    .await;
    let tokens = jeton.sign_in().await;
    jeton.advance(Duration::from_secs(15 * DAY));
    jeton
        .refresh(&tokens.refresh_token)
        .await
        .assert_error(400, "invalid_grant");
    let answer = jeton.get_with("/account", &tokens.access_token).await;
    assert_eq!(answer.status, 401, "{}", answer.body);
}

/// The file contains password hashes, and the directory of a package or volume may be readable by all users.
#[tokio::test]
async fn only_its_owner_can_read_the_database_file() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = directory.path().join("jeton.db");
    let _store = Store::open(&path).await.unwrap();
    let mode = path.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}

#[test]
fn processes_that_start_together_agree_on_the_root_secret() {
    for _ in 0..100 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root-secret");
        let barrier = Arc::new(Barrier::new(4));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (path, barrier) = (path.clone(), Arc::clone(&barrier));
                std::thread::spawn(move || {
                    barrier.wait();
                    RootSecrets::open_or_create(&path)
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap().unwrap();
        }
    }
}

/// Three steps, each on all nodes before the next: the new secret second, first, alone.
#[tokio::test]
async fn replacing_the_root_secret_node_by_node_ends_no_session() {
    const NEW: &str = "bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmU";
    let store = crate::support::database::store().await;
    let clock = Clock::standing_at(START);
    let node = async |secrets: &str| Jeton::on(store.clone(), clock.clone(), secrets, |_| {}).await;
    let first = node(ROOT_SECRET).await;
    first.add_client("first-party", None, |_| {}).await;
    first.add_user(ALICE.0, ALICE.1).await;
    let mut token = first.sign_in().await.refresh_token;
    let steps = [
        ROOT_SECRET.to_owned(),
        format!("{ROOT_SECRET} {NEW}"),
        format!("{NEW} {ROOT_SECRET}"),
        NEW.to_owned(),
    ];
    for pair in steps.windows(2) {
        let (old, restarted) = (node(&pair[0]).await, node(&pair[1]).await);
        for next in [&restarted, &old, &restarted] {
            token = next.refresh(&token).await.tokens().refresh_token;
            maintenance::refresh_keys(&next.server).await.unwrap();
        }
    }
}

/// The connections are limited, and the 1.7 MB of /docs do not fit into the socket's buffers.
#[tokio::test]
async fn a_client_that_does_not_read_its_response_is_disconnected() {
    let jeton = Jeton::with(|settings| {
        settings.server.max_connections = 1;
        settings.server.header_read_timeout = Span(Duration::from_secs(1));
        settings.server.request_timeout = Span(Duration::from_secs(1));
    })
    .await;
    let address = super::listen(&jeton).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut unread = socket.connect(address).await.unwrap();
    // Ten responses exceed the kernel's buffers.
    unread
        .write_all(
            "GET /docs HTTP/1.1\r\nHost: x\r\n\r\n"
                .repeat(10)
                .as_bytes(),
        )
        .await
        .unwrap();
    let mut next = TcpStream::connect(address).await.unwrap();
    next.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    let read = tokio::time::timeout(Duration::from_secs(30), next.read_to_string(&mut answer));
    assert!(read.await.is_ok(), "no other client is served");
    drop(unread);
}

/// Asks for a probe on a new connection from `source`; whether there is a response.
async fn is_served(address: SocketAddr, source: &str) -> (TcpStream, bool) {
    let socket = TcpSocket::new_v4().unwrap();
    let source: IpAddr = source.parse().unwrap();
    socket.bind((source, 0).into()).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut start = [0; 12];
    // A connection that is closed at once may be reset.
    let is_served = stream.write_all(request).await.is_ok()
        && stream.read_exact(&mut start).await.is_ok()
        && &start == b"HTTP/1.1 200";
    (stream, is_served)
}

/// A slow client would otherwise need a few thousand sockets to keep all others out.
#[tokio::test]
async fn the_connections_of_one_address_are_limited() {
    let jeton = Jeton::with(|settings| settings.server.max_connections_per_address = 2).await;
    let address = super::listen(&jeton).await;
    let (first, served) = is_served(address, "127.0.0.1").await;
    assert!(served);
    let (_second, served) = is_served(address, "127.0.0.1").await;
    assert!(served);
    assert!(!is_served(address, "127.0.0.1").await.1);
    assert!(is_served(address, "127.0.0.2").await.1);
    drop(first);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while !is_served(address, "127.0.0.1").await.1 {
        assert!(tokio::time::Instant::now() < deadline, "its place is lost");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// All clients behind a proxy have its address.
#[tokio::test]
async fn the_connections_of_a_trusted_proxy_are_not_limited() {
    let jeton = Jeton::with(|settings| {
        settings.server.max_connections_per_address = 2;
        settings.server.trusted_proxies = "127.0.0.1".parse().unwrap();
    })
    .await;
    let address = super::listen(&jeton).await;
    let mut connections = Vec::new();
    for _ in 0..20 {
        let (connection, served) = is_served(address, "127.0.0.1").await;
        assert!(served);
        connections.push(connection);
    }
}
