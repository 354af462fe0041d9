//! The audit log: which actions write events, and that none contains a secret.

mod change;
mod search;
mod sweep;

use std::collections::BTreeMap;
use std::time::Duration;

use jeton::audit::Action;
use jeton::clock::Clock;
use jeton::password::Password;
use jeton::store::audit_event::{self, AuditFilter, Model};
use jeton::store::session::{self, Ending};
use jeton::store::user::{self, Change};
use jeton::store::{Store, client};
use sea_orm::DbErr;

use crate::support::audit::AuditLog;
use crate::support::client::disable;
use crate::support::file::DataDir;
use crate::support::peer::{THIEF, sent_from};
use crate::support::{ALICE, Answer, Jeton, ROOT_SECRET, START, encode, form};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const WRONG: &str = "a password that is wrong";

impl Jeton {
    async fn sign_in_from(&self, username: &str, password: &str, user_agent: &[u8]) -> Answer {
        let body = encode(&[
            ("grant_type", "password"),
            ("username", username),
            ("password", password),
        ]);
        let request = form("/token").header("user-agent", user_agent).body(body);
        self.send(sent_from("203.0.113.9", request)).await
    }
}

fn detail(event: &Model) -> serde_json::Value {
    serde_json::from_str(&event.detail).unwrap()
}

/// The row and the log have the same fields.
#[tokio::test]
async fn a_sign_in_writes_an_event_with_actor_time_and_device() {
    let log = AuditLog::listen();
    let jeton = Jeton::start().await;
    jeton.advance(HOUR);
    let answer = jeton.sign_in_from(ALICE.0, ALICE.1, b"curl/8").await;
    let tokens = answer.tokens();
    let row = jeton.audit_event(Action::SignIn).await;
    assert_eq!((row.at, row.outcome.as_str()), (jeton.now(), "success"));
    assert_eq!(row.actor_kind, "user");
    assert_eq!(row.actor_id, Some(tokens.user().to_string()));
    assert_eq!(row.user_id, Some(tokens.user()));
    assert_eq!(row.session_id, Some(tokens.session()));
    assert_eq!(row.client_id.as_deref(), Some("first-party"));
    assert_eq!((&*row.address, &*row.user_agent), ("203.0.113.9", "curl/8"));
    assert_eq!(row.detail, r#"{"by":"password"}"#);
    let entries = log.entries("sign_in");
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["session"], tokens.session().to_string());
    assert_eq!(entries[0]["user_agent"], "curl/8");
    assert_eq!(entries[0]["outcome"], "success");
}

/// The event of a refused sign-in names an existing user but never the submitted text: users type passwords
/// into the username field.
#[tokio::test]
async fn a_refused_sign_in_writes_an_event_without_the_submitted_text() {
    let log = AuditLog::listen();
    let jeton = Jeton::start().await;
    let bob = jeton.add_user("bob", "bob's").await;
    user::change(&jeton.server.store, bob, Change::DISABLE, &jeton.cause())
        .await
        .unwrap();
    let alice = jeton.sign_in().await.user();
    let mut expected = BTreeMap::new();
    for (username, password, user_id, reason) in [
        (ALICE.0, WRONG, Some(alice), "wrong password"),
        ("hunter2hunter2", WRONG, None, "unknown user"),
        ("not a name: hunter2hunter2", WRONG, None, "unknown user"),
        ("bob", "bob's", Some(bob), "disabled user"),
        ("bob", WRONG, Some(bob), "wrong password"),
    ] {
        jeton.advance(HOUR);
        let answer = jeton.sign_in_from(username, password, b"curl/8").await;
        answer.assert_error(400, "invalid_grant");
        expected.insert(jeton.now(), (user_id, reason));
    }
    let rows = jeton.audit_events(Action::SignInFailed).await;
    assert_eq!(rows.len(), 5);
    for row in rows {
        let (user_id, reason) = expected[&row.at];
        assert_eq!(row.user_id, user_id);
        assert_eq!(detail(&row)["reason"], reason);
        assert_eq!(row.outcome, "failure");
        assert_eq!(row.actor_kind, "client");
        assert_eq!(row.client_id.as_deref(), Some("first-party"));
        assert_eq!(row.address, "203.0.113.9");
        assert!(!format!("{row:?}").contains("hunter2"));
    }
    let entries = log.entries("sign_in_failed");
    assert_eq!(entries.len(), 5);
    assert!(!format!("{entries:?}").contains("hunter2"));
}

/// An ordinary refresh writes no event, and a late retry from the same device neither.
#[tokio::test]
async fn a_refresh_writes_an_event_when_it_is_late_or_a_replay_or_ahead_of_the_store()
-> Result<(), DbErr> {
    let data = DataDir::new();
    let jeton = alone(data.open().await).await;
    let first = jeton.sign_in().await;
    let mut newest = first.clone();
    for _ in 0..3 {
        newest = jeton.refresh_after(&newest, HOUR).await;
        jeton.refresh(&newest.refresh_token).await.tokens();
        newest = jeton.refresh(&newest.refresh_token).await.tokens();
    }
    let all = audit_event::search(&jeton.server.store, AuditFilter::default(), None, 99).await?;
    let session = Some(first.session());
    let own = all.iter().filter(|event| event.session_id == session);
    assert_eq!(own.count(), 1, "the sign-in only");

    let before = newest.clone();
    newest = jeton.refresh_after(&newest, HOUR).await;
    jeton.advance(HOUR);
    jeton.refresh(&before.refresh_token).await.tokens();
    assert_eq!(jeton.audit_events(Action::LateRetry).await.len(), 0);
    jeton.advance(HOUR);
    let late = jeton.refresh_on(THIEF, &before.refresh_token).await;
    late.tokens();
    let late = jeton.audit_event(Action::LateRetry).await;
    assert_eq!((late.at, late.user_id), (jeton.now(), Some(first.user())));
    assert_eq!(detail(&late)["seconds"], 3600);
    assert_eq!(late.actor_id.as_deref(), Some("first-party"));

    data.execute("UPDATE sessions SET generation = 2").await;
    newest = jeton.refresh(&newest.refresh_token).await.tokens();
    let ahead = jeton.audit_event(Action::RefreshAheadOfStore).await;
    assert_eq!(detail(&ahead)["generations"], 5);
    assert_eq!(ahead.session_id, session);

    jeton.assert_refresh_refused(&first).await;
    let replay = jeton.audit_event(Action::Replay).await;
    assert_eq!(detail(&replay)["distance"], 8);
    assert_eq!(detail(&replay)["ended"], true);
    assert_eq!((replay.session_id, &*replay.outcome), (session, "failure"));
    assert_eq!(replay.user_id, Some(first.user()));
    jeton.assert_refresh_refused(&newest).await;
    assert_eq!(jeton.audit_events(Action::SessionRevoked).await.len(), 0);
    Ok(())
}

/// The user `alice` and the client `first-party` on a store of its own.
async fn alone(store: Store) -> Jeton {
    let jeton = Jeton::on(store, Clock::standing_at(START), ROOT_SECRET, |_| {}).await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    jeton
}

/// "A failed audit write never signs anyone in unseen": nothing is changed, and the response is the same for
/// a right and a wrong password.
#[tokio::test]
async fn a_change_without_its_event_is_rolled_back() -> Result<(), DbErr> {
    let log = AuditLog::listen();
    let data = DataDir::of_file();
    let jeton = alone(data.open().await).await;
    let store = &jeton.server.store;
    let tokens = jeton.sign_in().await;
    data.execute(
        "CREATE TRIGGER no_events BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'no'); END",
    )
    .await;
    for password in [ALICE.1, WRONG] {
        let answer = jeton.sign_in_from(ALICE.0, password, b"").await;
        answer.assert_error(500, "server_error");
    }
    assert_eq!(session::list(store, None, 9).await?.len(), 1);
    assert_eq!(log.entries("sign_in").len(), 1);

    let (cause, id) = (jeton.cause(), tokens.user());
    let user = user::find(store, id).await?;
    for change in [
        Change::password("x".into()),
        Change::DISABLE,
        Change::SIGN_OUT,
        Change::Delete,
    ] {
        assert!(user::change(store, id, change, &cause).await.is_err());
        assert_eq!(user::find(store, id).await?, user);
    }
    assert!(
        session::revoke(store, tokens.session(), Ending::Operator, &cause)
            .await
            .is_err()
    );
    assert!(disable(store, "first-party", &cause).await.is_err());
    assert!(client::delete(store, "first-party", &cause).await.is_err());
    // A refresh writes no event.
    jeton.refresh(&tokens.refresh_token).await.tokens();

    data.execute("DROP TRIGGER no_events").await;
    jeton.sign_in().await;
    Ok(())
}

/// A failed commit is not logged as success. A refused sign-in is logged although its row is not stored.
#[tokio::test]
async fn committed_changes_and_all_refusals_are_logged() {
    let log = AuditLog::listen();
    let data = DataDir::of_file();
    let jeton = alone(data.open().await).await;
    jeton.sign_in().await;
    for sql in [
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)",
        "CREATE TRIGGER too_late AFTER INSERT ON audit_events BEGIN INSERT INTO child VALUES (1); END",
    ] {
        data.execute(sql).await;
    }
    for password in [ALICE.1, WRONG] {
        let answer = jeton.sign_in_from(ALICE.0, password, b"").await;
        answer.assert_error(500, "server_error");
    }
    assert_eq!(jeton.audit_events(Action::SignIn).await.len(), 1);
    assert_eq!(log.entries("sign_in").len(), 1);
    assert_eq!(log.entries("sign_in_failed").len(), 1);
}

/// No event and no log line contains passwords, hashes, tokens or client secrets.
#[tokio::test]
async fn no_event_contains_a_secret() -> Result<(), DbErr> {
    let log = AuditLog::listen();
    let jeton = Jeton::start().await;
    let store = &jeton.server.store;
    let secret = crate::support::SECRET;
    jeton.add_client("backend", Some(secret), |_| {}).await;
    let first = jeton.sign_in().await;
    let second = jeton.refresh_after(&first, HOUR).await;
    jeton.advance(HOUR);
    jeton.refresh(&first.refresh_token).await.tokens();
    let third = jeton.refresh(&second.refresh_token).await.tokens();
    jeton.assert_refresh_refused(&first).await;
    for (username, password) in [(ALICE.0, WRONG), (WRONG, WRONG), (ALICE.1, WRONG)] {
        jeton.sign_in_from(username, password, b"curl/8").await;
    }
    let new = "an entirely new password";
    let hash = jeton.server.hasher.hash(Password::new(new)).await.unwrap();
    let change = Change::password(hash.clone());
    user::change(store, first.user(), change, &jeton.cause())
        .await
        .unwrap();

    let rows = audit_event::search(store, AuditFilter::default(), None, 1000).await?;
    assert!(rows.len() > 8);
    let text = format!("{rows:?} {}", log.text());
    for secret in [
        ALICE.1,
        WRONG,
        new,
        &hash,
        secret,
        &first.refresh_token,
        &second.refresh_token,
        &third.access_token,
        "argon2",
        "jrt_",
    ] {
        assert!(!text.contains(secret), "{secret}");
    }
    Ok(())
}

/// A line end in a `User-Agent` does not begin a log line.
#[tokio::test]
async fn a_user_agent_injects_nothing_into_the_log() {
    let log = AuditLog::listen();
    let jeton = Jeton::start().await;
    let forged = "x\u{85}2026-01-01 admin signed in\u{9b}31m\tok\u{202e}".as_bytes();
    jeton.sign_in_from(ALICE.0, WRONG, forged).await;
    let row = jeton.audit_event(Action::SignInFailed).await;
    let harmless = "x\u{fffd}2026-01-01 admin signed in\u{fffd}31m\u{fffd}ok\u{fffd}";
    assert_eq!(row.user_agent, harmless);
    assert_eq!(log.entries("sign_in_failed")[0]["user_agent"], harmless);
}
