use std::time::Duration;

use jeton::clock::Clock;
use jeton::store::{Store, session};
use jeton::token::refresh_token::RefreshToken;
use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection};
use tokio::io::AsyncWriteExt as _;
use tokio::time::sleep;

use crate::support::{ALICE, Jeton, ROOT_SECRET, START, encode};

const MOMENT: Duration = Duration::from_millis(700);

/// A server on a file, and a program that can hold SQLite's write lock.
async fn on_file() -> (Jeton, DatabaseConnection, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("jeton.db");
    let store = Store::open(&path).await.unwrap();
    let jeton = Jeton::on(store, Clock::standing_at(START), ROOT_SECRET, |_| {}).await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    let mut options = ConnectOptions::new(format!("sqlite://{}", path.display()));
    options.max_connections(1);
    let hand = Database::connect(options).await.unwrap();
    (jeton, hand, directory)
}

/// The window counts from the answer, not from before the wait for the turn to write: a client that
/// posts twice is not late.
#[tokio::test]
async fn a_refresh_that_waited_for_its_turn_opens_a_whole_retry_window() {
    let (jeton, hand, _directory) = on_file().await;
    let mut token = jeton.sign_in().await.refresh_token;
    for round in 0..2 {
        hand.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
        let (answer, ()) = tokio::join!(jeton.refresh(&token), async {
            sleep(MOMENT).await;
            jeton.advance(Duration::from_secs(11));
            hand.execute_unprepared("COMMIT").await.unwrap();
        });
        let first = answer.tokens();
        let again = jeton.refresh(&token).await;
        assert_eq!(
            again.status, 200,
            "round {round}: an honest client is signed out"
        );
        token = first.refresh_token;
        jeton.advance(Duration::from_mins(15));
    }
}

/// Two tabs wait for the same turn, longer than the window: neither is late.
#[tokio::test]
async fn refreshes_that_waited_together_are_no_late_retry() {
    let (jeton, hand, _directory) = on_file().await;
    let token = jeton.sign_in().await.refresh_token;
    hand.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    let (one, other, ()) = tokio::join!(jeton.refresh(&token), jeton.refresh(&token), async {
        sleep(MOMENT).await;
        jeton.advance(Duration::from_secs(11));
        hand.execute_unprepared("COMMIT").await.unwrap();
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

/// A revocation is never lost: a client that hangs up while it waits for its turn does not take it
/// along.
#[tokio::test]
async fn a_replay_is_not_forgotten_because_the_thief_hangs_up() {
    let (jeton, hand, _directory) = on_file().await;
    let first = jeton.sign_in().await;
    let second = jeton.refresh(&first.refresh_token).await.tokens();
    let third = jeton.refresh(&second.refresh_token).await.tokens();
    let other = jeton.sign_in().await;

    let address = super::listen(&jeton).await;

    hand.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    let (busy, ()) = tokio::join!(jeton.refresh(&other.refresh_token), async {
        sleep(MOMENT).await;
        let body = encode(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", &first.refresh_token),
            ("scope", "account"),
        ]);
        let mut thief = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!(
            "POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        thief.write_all(request.as_bytes()).await.unwrap();
        sleep(MOMENT).await;
        drop(thief);
        sleep(MOMENT).await;
        hand.execute_unprepared("COMMIT").await.unwrap();
    });
    assert_eq!(busy.status, 200);
    sleep(MOMENT).await;
    jeton
        .refresh(&third.refresh_token)
        .await
        .assert_error(400, "invalid_grant");
}

/// row 31: the compare-and-set of a late retry asks whether user and client live, so that it does not
/// overtake a disabling that falls between the read and the write.
#[tokio::test]
async fn a_late_retry_does_not_overtake_a_disabling() {
    let (jeton, hand, _directory) = on_file().await;
    let first = jeton.sign_in().await;
    jeton.refresh(&first.refresh_token).await.tokens();
    jeton.advance(Duration::from_mins(1));
    let id = RefreshToken::decode(&first.refresh_token, &jeton.server.root_secrets)
        .unwrap()
        .session;
    let store = &jeton.server.store;
    let seen = session::find(store, id).await.unwrap().unwrap().session;
    hand.execute_unprepared("UPDATE users SET disabled_at = 1, session_epoch = session_epoch + 1")
        .await
        .unwrap();
    let retried = session::retry_late(store, &seen, &jeton.cause())
        .await
        .unwrap();
    assert!(retried.is_none(), "an access token for a disabled user");
}
