use std::time::Duration;

use jeton::clock::Clock;
use jeton::store::{Store, session};
use jeton::token::refresh_token::RefreshToken;
use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection};
use tokio::io::AsyncWriteExt as _;
use tokio::time::sleep;

use crate::support::peer::{OWNER, OWNER_ABROAD};
use crate::support::{ALICE, Jeton, ROOT_SECRET, START, encode, forgiven};

/// Time for a request to reach the write lock. Nothing shows that it waits there.
const MOMENT: Duration = Duration::from_millis(700);
const TIMEOUT: Duration = Duration::from_secs(30);

/// A server on a file, and a connection that can hold SQLite's write lock.
async fn on_file() -> (Jeton, DatabaseConnection, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("jeton.db");
    let store = Store::open(&path).await.unwrap();
    let jeton = Jeton::on(store, Clock::standing_at(START), ROOT_SECRET, |_| {}).await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    let mut options = ConnectOptions::new(format!("sqlite://{}", path.display()));
    options.max_connections(1);
    let locking = Database::connect(options).await.unwrap();
    (jeton, locking, directory)
}

/// The retry window begins at the write, not before the wait for the lock.
#[tokio::test]
async fn a_refresh_that_waited_for_the_write_lock_opens_a_whole_retry_window() {
    let (jeton, locking, _directory) = on_file().await;
    let mut token = jeton.sign_in().await.refresh_token;
    for round in 0..2 {
        locking.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
        let (answer, ()) = tokio::join!(jeton.refresh(&token), async {
            sleep(MOMENT).await;
            jeton.advance(Duration::from_secs(11));
            locking.execute_unprepared("COMMIT").await.unwrap();
        });
        let first = answer.tokens();
        let retry = jeton.refresh(&token).await;
        assert_eq!(
            retry.status, 200,
            "round {round}: an honest client is refused"
        );
        token = first.refresh_token;
        jeton.advance(Duration::from_mins(15));
    }
}

/// Two tabs refresh at once and wait longer than the retry window.
#[tokio::test]
async fn two_refreshes_that_waited_for_the_write_lock_are_no_late_retry() {
    let (jeton, locking, _directory) = on_file().await;
    let token = jeton.sign_in_on(OWNER).await.refresh_token;
    locking.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    let (here, there) = (
        jeton.refresh_on(OWNER, &token),
        jeton.refresh_on(OWNER_ABROAD, &token),
    );
    let (one, other, ()) = tokio::join!(here, there, async {
        sleep(MOMENT).await;
        jeton.advance(Duration::from_secs(11));
        locking.execute_unprepared("COMMIT").await.unwrap();
    });
    assert_eq!(one.tokens().refresh_token, other.tokens().refresh_token);
    let id = RefreshToken::decode(&token, &jeton.server.root_secrets)
        .unwrap()
        .session;
    let row = session::find(&jeton.server.store, id)
        .await
        .unwrap()
        .unwrap()
        .session;
    assert_eq!((row.generation, row.late_retry_generation), (1, None));
}

/// The revocation completes though its request waits for the lock when the client disconnects.
#[tokio::test]
async fn a_replay_revokes_the_session_though_its_client_disconnects() {
    let (jeton, locking, _directory) = on_file().await;
    let first = jeton.sign_in().await;
    let second = jeton.refresh(&first.refresh_token).await.tokens();
    let third = jeton.refresh(&second.refresh_token).await.tokens();
    let other = jeton.sign_in().await;

    let address = super::listen(&jeton).await;

    locking.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    let (busy, ()) = tokio::join!(jeton.refresh(&other.refresh_token), async {
        sleep(MOMENT).await;
        let body = encode(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", &first.refresh_token),
            ("scope", "account"),
        ]);
        let mut thief = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!(
            "POST /token HTTP/1.1\r\nHost: x\r\nUser-Agent: thief\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        thief.write_all(request.as_bytes()).await.unwrap();
        sleep(MOMENT).await;
        drop(thief);
        sleep(MOMENT).await;
        locking.execute_unprepared("COMMIT").await.unwrap();
    });
    assert_eq!(busy.status, 200);
    let revocation = async {
        while jeton.session(&third).await.revoked_at.is_none() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, revocation).await.unwrap();
    jeton
        .refresh(&third.refresh_token)
        .await
        .assert_error(400, "invalid_grant");
}

/// row 31: the compare-and-set of a late retry checks user and client again, because they may be disabled between
/// the read and the write.
#[tokio::test]
async fn a_late_retry_is_refused_if_its_user_was_disabled_after_the_read() {
    let (jeton, locking, _directory) = on_file().await;
    let first = jeton.sign_in().await;
    jeton.refresh(&first.refresh_token).await.tokens();
    jeton.advance(Duration::from_mins(1));
    let id = RefreshToken::decode(&first.refresh_token, &jeton.server.root_secrets)
        .unwrap()
        .session;
    let store = &jeton.server.store;
    let row = session::find(store, id).await.unwrap().unwrap().session;
    locking
        .execute_unprepared("UPDATE users SET disabled_at = 1, session_epoch = session_epoch + 1")
        .await
        .unwrap();
    let retried = session::retry_late(store, forgiven(&row), &jeton.cause())
        .await
        .unwrap();
    assert!(retried.is_none(), "an access token for a disabled user");
}
