//! Ends of sessions: by time, by changes to their user or client, and on request.

use std::time::Duration;

use jeton::clock::Clock;
use jeton::password::Password;
use jeton::store::session::{self, ActiveAt, Ending, SessionFilter};
use jeton::store::user::{self, Change};
use serde_json::json;

use crate::support::client::{delete, disable, enable};
use crate::support::file::DataDir;
use crate::support::{ALICE, Jeton, ROOT_SECRET, START, claims, short_of};

const MICROSECOND: Duration = Duration::from_micros(1);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);

/// row 31: fourteen days since the last rotation, to the microsecond.
#[tokio::test]
async fn a_session_ends_after_its_idle_lifetime() {
    let jeton = Jeton::start().await;
    let idle = DAY * 14;
    let first = jeton.sign_in().await;
    let second = jeton.refresh_after(&first, short_of(idle)).await;
    let third = jeton.refresh_after(&second, short_of(idle)).await;
    jeton.advance(idle);
    jeton.assert_refresh_refused(&third).await;
    // The use of an expired token is not a replay. The predecessor does not reactivate the session.
    jeton.assert_refresh_refused(&second).await;
    assert_eq!(jeton.session(&third).await.revoked_at, None);
}

/// row 31: a longer idle lifetime, of the client or of the server, does not revive a session that was idle for too
/// long, and applies to an active one from its next refresh on. A shorter one applies at once.
#[tokio::test]
async fn a_longer_idle_lifetime_does_not_revive_a_session() {
    let jeton = Jeton::start().await;
    let set = async |lifetime: Option<i64>| {
        let patch = json!({ "session_idle_lifetime": lifetime });
        jeton.change_client("short", patch).await;
    };
    jeton.add_client("short", None, |_| {}).await;
    set(Some(60)).await;
    let idle = jeton.sign_in_at("short").await;
    let late = jeton
        .refresh_at("short", &jeton.sign_in_at("short").await)
        .await;
    let late = late.tokens();
    jeton.advance(SECOND * 30);
    let active = jeton.sign_in_at("short").await;
    jeton.advance(SECOND * 30);
    for longer in [Some(3600), None] {
        set(longer).await;
        for ended in [&idle, &late] {
            let answer = jeton.refresh_at("short", ended).await;
            answer.assert_error(400, "invalid_grant");
        }
        let filter = SessionFilter {
            client_id: Some("short"),
            active: Some((true, ActiveAt::new(jeton.now(), &jeton.server.settings))),
            ..SessionFilter::default()
        };
        let listed = session::search(&jeton.server.store, filter, None, 9).await;
        let listed: Vec<_> = listed.unwrap().iter().map(|row| row.id).collect();
        assert_eq!(listed, [active.session()]);
    }
    let active = jeton.refresh_at("short", &active).await.tokens();
    jeton.advance(SECOND * 90);
    let active = jeton.refresh_at("short", &active).await.tokens();
    set(Some(10)).await;
    jeton.advance(SECOND * 10);
    let answer = jeton.refresh_at("short", &active).await;
    answer.assert_error(400, "invalid_grant");
}

/// row 31: during an upgrade, a server of the version before refreshes the session and does not write the column.
#[tokio::test]
async fn the_idle_time_begins_with_a_refresh_that_did_not_store_the_idle_lifetime() {
    let data = DataDir::new();
    let jeton = Jeton::on(
        data.open().await,
        Clock::standing_at(START),
        ROOT_SECRET,
        |_| {},
    )
    .await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    let tokens = jeton.sign_in().await;
    jeton.advance(DAY * 10);
    let rotation = format!(
        "UPDATE sessions SET rotated_at = {}",
        jeton.now().as_micros()
    );
    assert_eq!(data.execute(&rotation).await, 1);
    jeton.advance(DAY * 10);
    let tokens = jeton.refresh(&tokens.refresh_token).await.tokens();
    jeton.advance(DAY * 14);
    jeton.assert_refresh_refused(&tokens).await;
}

/// row 31: a late retry begins the idle time again.
#[tokio::test]
async fn a_late_retry_extends_an_active_session_and_does_not_reactivate_an_ended_one() {
    let jeton = Jeton::start().await;
    let idle = DAY * 14;
    let first = jeton.sign_in().await;
    let second = jeton.refresh(&first.refresh_token).await.tokens();
    jeton.advance(short_of(idle));
    jeton.refresh(&first.refresh_token).await.tokens();
    jeton.advance(short_of(idle));
    jeton.refresh(&first.refresh_token).await.tokens();
    jeton.advance(idle);
    jeton.assert_refresh_refused(&first).await;
    jeton.assert_refresh_refused(&second).await;
}

/// row 31: the end does not depend on the number of refreshes. No access token outlives its session.
#[tokio::test]
async fn a_session_ends_ninety_days_after_sign_in() {
    let jeton = Jeton::start().await;
    let mut tokens = jeton.sign_in().await;
    for _ in 0..89 {
        tokens = jeton.refresh_after(&tokens, DAY).await;
    }
    tokens = jeton
        .refresh_after(&tokens, DAY.saturating_sub(SECOND * 7))
        .await;
    assert_eq!(tokens.expires_in, 7);
    let end = jeton.session(&tokens).await.expires_at;
    assert_eq!(claims(&tokens.access_token)["exp"], end.as_seconds());
    tokens = jeton.refresh_after(&tokens, short_of(SECOND * 7)).await;
    jeton.advance(MICROSECOND);
    jeton.assert_refresh_refused(&tokens).await;
}

/// row 31: a client's own lifetimes override the server's.
#[tokio::test]
async fn each_client_has_its_own_session_lifetimes() {
    let jeton = Jeton::start().await;
    let brief = |row: &mut jeton::store::client::Model| {
        row.session_lifetime = Some(60_000_000);
        row.session_idle_lifetime = Some(20_000_000);
    };
    jeton.add_client("brief", None, brief).await;
    let mut tokens = jeton.sign_in_at("brief").await;
    jeton.advance(SECOND * 20);
    let idle = jeton.refresh_at("brief", &tokens).await;
    idle.assert_error(400, "invalid_grant");
    tokens = jeton.sign_in_at("brief").await;
    for _ in 0..3 {
        jeton.advance(SECOND * 19);
        tokens = jeton.refresh_at("brief", &tokens).await.tokens();
    }
    jeton.advance(SECOND * 3);
    let over = jeton.refresh_at("brief", &tokens).await;
    over.assert_error(400, "invalid_grant");
}

/// row 31: the user's sessions at all clients end, and no other user's. Enabling the user again does not reactivate
/// them.
#[tokio::test]
async fn a_new_password_disabling_and_deleting_a_user_end_all_their_sessions() {
    let jeton = Jeton::start().await;
    jeton.add_client("other", None, |_| {}).await;
    let store = &jeton.server.store;
    let hash = jeton
        .server
        .hasher
        .hash(Password::new(ALICE.1))
        .await
        .unwrap();
    for (name, change, why) in [
        ("password", Change::password(hash), Ending::PasswordChange),
        ("disabled", Change::DISABLE, Ending::UserDisabled),
        ("deleted", Change::Delete, Ending::UserDeleted),
    ] {
        let others_session = jeton.sign_in().await;
        let id = jeton.add_user(name, "x").await;
        let sign_in = async |client| {
            let parameters = [
                ("grant_type", "password"),
                ("username", name),
                ("password", "x"),
                ("client_id", client),
            ];
            jeton.token(&parameters).await.tokens()
        };
        let here = sign_in("first-party").await;
        let there = sign_in("other").await;
        let deleted = matches!(change, Change::Delete);
        let changed = user::change(store, id, change, &jeton.cause()).await;
        assert_eq!(changed.unwrap().sessions_ended, 2);
        assert_eq!(jeton.session(&here).await.revocation_reason, Some(why));
        jeton.assert_refresh_refused(&here).await;
        let answer = jeton.refresh_at("other", &there).await;
        answer.assert_error(400, "invalid_grant");
        let enabled = user::change(store, id, Change::ENABLE, &jeton.cause()).await;
        assert_eq!(enabled.is_err(), deleted);
        jeton.assert_refresh_refused(&here).await;
        jeton.refresh(&others_session.refresh_token).await.tokens();
    }
}

/// The user is enabled already.
#[tokio::test]
async fn enabling_an_enabled_user_ends_no_session() {
    let jeton = Jeton::start().await;
    let tokens = jeton.sign_in().await;
    let (store, cause) = (&jeton.server.store, jeton.cause());
    let enabled = user::change(store, tokens.user(), Change::ENABLE, &cause).await;
    assert_eq!(enabled.unwrap().sessions_ended, 0);
    jeton.refresh(&tokens.refresh_token).await.tokens();
}

/// row 31: the sessions stay ended when the client is enabled or added again.
#[tokio::test]
async fn disabling_and_deleting_a_client_end_all_its_sessions() {
    let jeton = Jeton::start().await;
    let store = &jeton.server.store;
    jeton.add_client("app", None, |_| {}).await;
    let others_session = jeton.sign_in().await;

    let tokens = jeton.sign_in_at("app").await;
    let disabled = disable(store, "app", &jeton.cause()).await.unwrap();
    assert_eq!(disabled, 1);
    let answer = jeton.refresh_at("app", &tokens).await;
    answer.assert_error(401, "invalid_client");
    enable(store, "app", &jeton.cause()).await.unwrap();
    let answer = jeton.refresh_at("app", &tokens).await;
    answer.assert_error(400, "invalid_grant");
    let row = jeton.session(&tokens).await;
    assert_eq!(row.revocation_reason, Some(Ending::ClientDisabled));

    let tokens = jeton.sign_in_at("app").await;
    let deleted = delete(store, "app", &jeton.cause()).await;
    assert_eq!(deleted.unwrap(), 1);
    let answer = jeton.refresh_at("app", &tokens).await;
    answer.assert_error(401, "invalid_client");
    jeton.add_client("app", None, |_| {}).await;
    let answer = jeton.refresh_at("app", &tokens).await;
    answer.assert_error(400, "invalid_grant");
    let row = jeton.session(&tokens).await;
    assert_eq!(row.revocation_reason, Some(Ending::ClientDeleted));

    jeton.refresh(&others_session.refresh_token).await.tokens();
}

/// row 31: on request, one session or all sessions of a user end. The retry window does not apply afterwards.
#[tokio::test]
async fn a_revoked_session_ends_at_once() {
    let jeton = Jeton::start().await;
    jeton.add_user("bob", "x").await;
    let bob = jeton
        .token(&[
            ("grant_type", "password"),
            ("username", "bob"),
            ("password", "x"),
        ])
        .await
        .tokens();
    let store = &jeton.server.store;
    let old = jeton.sign_in().await;
    let new = jeton.refresh(&old.refresh_token).await.tokens();
    let second = jeton.sign_in().await;
    let third = jeton.sign_in().await;
    let cause = jeton.cause();
    let revoke = || session::revoke(store, new.session(), Ending::Operator, &cause);
    assert!(revoke().await.unwrap());
    assert!(!revoke().await.unwrap(), "the session was revoked twice");
    for tokens in [&new, &old] {
        jeton.assert_refresh_refused(tokens).await;
    }
    let row = jeton.session(&new).await;
    assert_eq!(row.revocation_reason, Some(Ending::Operator));
    let second = jeton.refresh(&second.refresh_token).await.tokens();
    let all = user::change(store, new.user(), Change::SIGN_OUT, &cause);
    assert_eq!(all.await.unwrap().sessions_ended, 2);
    for tokens in [&second, &third] {
        jeton.assert_refresh_refused(tokens).await;
    }
    jeton.refresh(&bob.refresh_token).await.tokens();
}

/// A session that ended by time is not revoked.
#[tokio::test]
async fn only_active_sessions_are_counted_when_all_sessions_are_ended() {
    let jeton = Jeton::start().await;
    let over = jeton.sign_in().await;
    jeton.advance(jeton.server.settings.session.lifetime.0);
    let tokens = jeton.sign_in().await;
    let (store, cause) = (&jeton.server.store, jeton.cause());
    let changed = user::change(store, tokens.user(), Change::SIGN_OUT, &cause).await;
    assert_eq!(changed.unwrap().sessions_ended, 1);
    assert_eq!(jeton.session(&over).await.revoked_at, None);
    jeton.sign_in().await;
    let disabled = disable(store, "first-party", &cause).await.unwrap();
    assert_eq!(disabled, 1);
}
