//! The lists of active sessions, and the checks of access tokens.

use std::time::Duration;

use jeton::clock::Clock;
use jeton::store::client;
use jeton::store::session::{self, ActiveAt, Ending, SessionFilter};
use serde_json::json;

use crate::support::file::DataDir;
use crate::support::{ALICE, Jeton, ROOT_SECRET, START, short_of};

const HALF_HOUR: Duration = Duration::from_mins(30);

/// row 31: the lists of sessions, and every check of an access token, follow the same ends: by each lifetime as it was at
/// the sign-in, and as it is now.
#[tokio::test]
async fn a_session_is_active_until_the_microsecond_of_its_end() {
    let jeton = Jeton::start().await;
    let (server, store) = (&jeton.server, &jeton.server.store);
    let mut sessions = Vec::new();
    for (id, setting, at_sign_in, now) in [
        ("a", "session_lifetime", 1800, 7200),
        ("b", "session_lifetime", 7200, 1800),
        ("c", "session_idle_lifetime", 1800, 7200),
        ("d", "session_idle_lifetime", 7200, 1800),
    ] {
        jeton.add_client(id, None, |_| {}).await;
        jeton
            .change_client(id, json!({ setting: at_sign_in }))
            .await;
        sessions.push((id, jeton.sign_in_at(id).await));
        jeton.change_client(id, json!({ setting: now })).await;
    }
    let listed = async |active: bool| {
        let filter = SessionFilter {
            active: Some((active, ActiveAt::new(jeton.now(), &server.settings))),
            ..SessionFilter::default()
        };
        let found = session::search(store, filter, None, 9).await.unwrap();
        for row in &found {
            let record = session::find(store, row.id).await.unwrap().unwrap();
            let client = client::find(store, &row.client_id).await.unwrap();
            let policy = client.unwrap().policy(&server.settings);
            assert_eq!(record.is_alive(jeton.now(), &policy), active);
        }
        found.len()
    };
    jeton.advance(short_of(HALF_HOUR));
    assert_eq!([listed(true).await, listed(false).await], [4, 0]);
    jeton.advance(Duration::from_micros(1));
    assert_eq!([listed(true).await, listed(false).await], [0, 4]);
    for (id, tokens) in sessions {
        let refused = jeton.refresh_at(id, &tokens).await;
        refused.assert_error(400, "invalid_grant");
    }
}

/// row 30, row 31: a node whose clock is behind the one that revoked a session.
#[tokio::test]
async fn a_revoked_session_is_not_active_at_an_earlier_time() {
    let jeton = Jeton::start().await;
    let tokens = jeton.sign_in().await;
    jeton.advance(HALF_HOUR);
    let (store, cause) = (&jeton.server.store, jeton.cause());
    let revoked = session::revoke(store, tokens.session(), Ending::SignOut, &cause).await;
    assert!(revoked.unwrap());
    jeton.server.clock.set(START.plus(HALF_HOUR / 2));
    let filter = SessionFilter {
        active: Some((true, ActiveAt::new(jeton.now(), &jeton.server.settings))),
        ..SessionFilter::default()
    };
    let listed = session::search(store, filter, None, 9).await;
    assert_eq!(listed.unwrap(), []);
    jeton.assert_refresh_refused(&tokens).await;
}

/// A user or client that somebody disables in the database, without a new epoch.
#[tokio::test]
async fn a_row_that_was_disabled_by_hand_ends_its_sessions() {
    for table in ["users", "clients"] {
        let data = DataDir::new();
        let clock = Clock::standing_at(START);
        let jeton = Jeton::on(data.open().await, clock, ROOT_SECRET, |_| {}).await;
        jeton.add_client("first-party", None, |_| {}).await;
        jeton.add_user(ALICE.0, ALICE.1).await;
        let tokens = jeton.sign_in().await;
        let disable = format!("UPDATE {table} SET disabled_at = 1");
        assert!(data.execute(&disable).await >= 1);
        let filter = SessionFilter {
            active: Some((true, ActiveAt::new(jeton.now(), &jeton.server.settings))),
            ..SessionFilter::default()
        };
        let active = session::search(&jeton.server.store, filter, None, 9).await;
        assert_eq!(active.unwrap().len(), 0, "{table}");
        let account = jeton.get_with("/account", &tokens.access_token).await;
        assert_eq!(account.status, 401, "{table}");
        let refreshed = jeton.refresh(&tokens.refresh_token).await;
        assert!(refreshed.status.is_client_error(), "{table}");
    }
}

/// The removal of a root secret waits for it.
#[tokio::test]
async fn the_last_end_of_the_sessions_begun_before_a_time_is_found() {
    let jeton = Jeton::start().await;
    let mut ends = Vec::new();
    for (id, seconds) in [("long", 7200), ("short", 3600)] {
        jeton.add_client(id, None, |_| {}).await;
        let lifetime = json!({ "session_lifetime": seconds });
        jeton.change_client(id, lifetime).await;
        let tokens = jeton.sign_in_at(id).await;
        ends.push(jeton.session(&tokens).await.expires_at);
    }
    jeton.advance(HALF_HOUR);
    let last_end = async |time| {
        let at = ActiveAt::new(jeton.now(), &jeton.server.settings);
        let found = session::last_end_of_begun_before(&jeton.server.store, time, at);
        found.await.unwrap()
    };
    assert_eq!(last_end(jeton.now()).await, Some(ends[0]));
    assert_eq!(last_end(START).await, None);
    jeton.advance(HALF_HOUR * 3);
    assert_eq!(last_end(jeton.now()).await, None);
}
