//! The store: opening, sessions and the sweep.

/// Cancelled requests.
mod cancellation;
/// Client settings and origins.
mod client;
/// Nodes that write at the same time.
mod concurrent_writers;
/// Durability of commits.
mod durability;
/// Sessions of disabled and deleted clients.
mod ended_epoch;
mod migration;
/// The schema on each engine.
mod schema;
/// Database servers: outages, deadlocks, locks, collations.
mod server;
/// Database servers that block or stop responding.
mod unresponsive_server;

use std::time::Duration;

use jeton::audit::{Action, Cause};
use jeton::store::Store;
use jeton::store::lease;
use jeton::store::session::{self, Ending};
use jeton::store::user::{self, Change};
use sea_orm::{ConnectionTrait as _, DbErr};
use uuid::Uuid;

use crate::support::client::{disable, enable};
use crate::support::file::DataDir;
use crate::support::{Jeton, START, forgiven, like};

const MICROSECOND: Duration = Duration::from_micros(1);
const DAY: Duration = Duration::from_hours(24);

/// One of them migrates the file, and all of them start.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn six_processes_open_an_empty_sqlite_file_at_once() {
    let data = DataDir::of_file();
    let opening = (0..6).map(|_| {
        let path = data.database();
        tokio::spawn(async move { Store::open(&path).await.map_err(|error| error.to_string()) })
    });
    for task in opening.collect::<Vec<_>>() {
        let store = task.await.unwrap().unwrap();
        assert!(!user::any(&store).await.unwrap());
    }
}

/// The error names the file.
#[tokio::test]
async fn opening_another_file_or_a_newer_store_fails_with_the_reason() {
    let data = DataDir::of_file();
    let error = async || {
        let opened = Store::open(&data.database()).await;
        opened.err().unwrap().to_string()
    };
    std::fs::write(data.database(), "not a database".repeat(1000)).unwrap();
    let text = error().await;
    assert!(text.contains("is not a SQLite database"), "{text}");
    assert!(text.contains("jeton.db"), "{text}");
    std::fs::remove_file(data.database()).unwrap();
    data.open().await.close().await.unwrap();
    data.execute("INSERT INTO seaql_migrations VALUES ('m29990101_000001_later', 0)")
        .await;
    let text = error().await;
    assert!(
        text.contains("written by a newer version of Jeton"),
        "{text}"
    );
}

/// row 31: a sign-in that read its user or client before a change does not begin a session after it.
#[tokio::test]
async fn a_session_does_not_begin_when_its_user_or_client_has_changed() -> Result<(), DbErr> {
    for what in ["password", "disabled", "deleted", "client", "enabled"] {
        let jeton = Jeton::start().await;
        let store = &jeton.server.store;
        let cause = jeton.cause();
        let tokens = jeton.sign_in().await;
        let row = jeton.session(&tokens).await;
        let begun = session::begin(store, like(&row), &[], &cause).await?;
        assert!(begun.is_some());
        let change = match what {
            "password" => Some(Change::password("x".to_owned())),
            "disabled" => Some(Change::DISABLE),
            "deleted" => Some(Change::Delete),
            _ => None,
        };
        if let Some(change) = change {
            user::change(store, tokens.user(), change, &cause)
                .await
                .unwrap();
        } else {
            disable(store, "first-party", &cause).await.unwrap();
            if what == "enabled" {
                enable(store, "first-party", &cause).await.unwrap();
            }
        }
        let begun = session::begin(store, like(&row), &[], &cause).await?;
        assert_eq!(begun, None, "{what}");
        assert_eq!(session::list(store, None, 9).await?.len(), 2);
    }
    Ok(())
}

/// Revoked and expired sessions are removed, in batches; those within retention are kept.
#[tokio::test]
async fn the_sweep_removes_sessions_past_retention_in_batches() -> Result<(), DbErr> {
    let jeton = Jeton::start().await;
    let store = &jeton.server.store;
    let mut revoked = Vec::new();
    for _ in 0..7 {
        let tokens = jeton.sign_in().await;
        session::revoke(store, tokens.session(), Ending::Operator, &jeton.cause()).await?;
        revoked.push(tokens);
    }
    jeton.advance(MICROSECOND);
    let later = jeton.sign_in().await;
    session::revoke(store, later.session(), Ending::Operator, &jeton.cause()).await?;
    let living = jeton.sign_in().await;
    let ended_at = START;
    assert_eq!(session::sweep(store, ended_at, 100).await?, 0);
    let cutoff = ended_at.plus(MICROSECOND);
    for removed in [3, 3, 1, 0] {
        assert_eq!(session::sweep(store, cutoff, 3).await?, removed);
    }
    for tokens in revoked {
        assert!(session::find(store, tokens.session()).await?.is_none());
        jeton.assert_refresh_refused(&tokens).await;
    }
    assert!(session::find(store, later.session()).await?.is_some());
    let living = jeton.refresh_after(&living, DAY).await;
    // A session that was not revoked is removed after it expired.
    let expires_at = jeton.session(&living).await.expires_at;
    assert_eq!(session::sweep(store, expires_at, 100).await?, 1);
    assert_eq!(
        session::sweep(store, expires_at.plus(MICROSECOND), 100).await?,
        1
    );
    assert!(session::list(store, None, 9).await?.is_empty());
    Ok(())
}

/// "The row keeps its size" after any number of refreshes.
#[tokio::test]
async fn a_session_stays_one_row_of_constant_size() {
    let data = DataDir::new();
    let clock = jeton::clock::Clock::standing_at(START);
    let root_secret = crate::support::ROOT_SECRET;
    let jeton = Jeton::on(data.open().await, clock, root_secret, |_| {}).await;
    jeton.add_client("first-party", None, |_| {}).await;
    let (name, password) = crate::support::ALICE;
    jeton.add_user(name, password).await;
    let mut tokens = jeton.sign_in().await;
    let size = |row: session::Model| format!("{row:?}").len();
    tokens = jeton.refresh_after(&tokens, DAY).await;
    let before = size(jeton.session(&tokens).await);
    for _ in 0..8 {
        tokens = jeton.refresh_after(&tokens, DAY).await;
    }
    assert_eq!(size(jeton.session(&tokens).await), before);
    let rows = session::list(&jeton.server.store, None, 9).await.unwrap();
    assert_eq!(rows.len(), 1);
}

/// row 27: the other node reads the row again and finds the same answer.
#[tokio::test]
async fn one_of_two_nodes_that_read_the_same_row_writes_the_late_retry() -> Result<(), DbErr> {
    let jeton = Jeton::start().await;
    let store = &jeton.server.store;
    let first = jeton.sign_in().await;
    let second = jeton.refresh(&first.refresh_token).await.tokens();
    let seen = jeton.session(&second).await;
    jeton.advance(DAY);
    let later = Cause::system(jeton.now().plus(MICROSECOND));
    let written = session::retry_late(store, forgiven(&seen), &jeton.cause()).await?;
    assert_eq!(written.unwrap().session.rotated_at, jeton.now());
    assert!(
        session::retry_late(store, forgiven(&seen), &later)
            .await?
            .is_none()
    );
    let row = jeton.session(&second).await;
    assert_eq!(row.rotated_at, jeton.now());
    // A late retry overwrites neither a refresh nor a revocation.
    jeton.refresh(&second.refresh_token).await.tokens();
    assert!(
        session::retry_late(store, forgiven(&row), &later)
            .await?
            .is_none()
    );
    let row = jeton.session(&second).await;
    session::revoke(store, row.id, Ending::Replay, &later).await?;
    assert!(
        session::retry_late(store, forgiven(&row), &later)
            .await?
            .is_none()
    );
    Ok(())
}

/// SQLite by itself starts the log from its beginning only when no reader uses it, and keeps its size.
#[tokio::test]
async fn the_write_ahead_log_shrinks_after_a_long_reader() {
    let data = DataDir::of_file();
    let store = data.open().await;
    let size = || {
        let log = data.database().with_extension("db-wal");
        std::fs::metadata(log).unwrap().len()
    };
    let write = async || {
        let length = Duration::from_mins(1);
        lease::hold(&store, "sweep", Uuid::nil(), START, length)
            .await
            .unwrap();
    };
    let reader = data.connect().await;
    for sql in ["BEGIN", "SELECT * FROM leases"] {
        reader.execute_unprepared(sql).await.unwrap();
    }
    data.execute("CREATE TABLE filler AS SELECT randomblob(20000000) AS filler")
        .await;
    // A reader must not block writers.
    write().await;
    assert!(size() > 20_000_000);
    reader.execute_unprepared("COMMIT").await.unwrap();
    // The pause after a checkpoint that failed.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    for second in 1..3 {
        let length = Duration::from_secs(second);
        lease::hold(&store, "sweep", Uuid::nil(), START, length)
            .await
            .unwrap();
    }
    assert!(size() <= 8 * 1024 * 1024, "{}", size());
}

/// row 28: of two nodes that read the same row, one writes the event of the first repetition elsewhere.
#[tokio::test]
async fn one_of_two_nodes_that_read_the_same_row_audits_the_repetition() -> Result<(), DbErr> {
    let jeton = Jeton::start().await;
    let store = &jeton.server.store;
    let first = jeton.sign_in().await;
    let second = jeton.refresh(&first.refresh_token).await.tokens();
    let seen = jeton.session(&second).await;
    for _ in 0..2 {
        session::record_repeated_elsewhere(store, &seen, &jeton.cause()).await?;
    }
    jeton.audit_event(Action::RefreshRepeatedElsewhere).await;
    assert!(jeton.session(&second).await.repeated_elsewhere);
    Ok(())
}
