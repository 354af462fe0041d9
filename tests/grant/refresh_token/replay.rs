//! Refresh token replay detection, RFC 9700 §4.14.2.

use std::time::Duration;

use jeton::clock::Clock;
use jeton::store::session::{self, Ending};

use crate::support::audit::AuditLog;
use crate::support::file::DataDir;
use crate::support::{ALICE, Jeton, ROOT_SECRET, START};

const HOUR: Duration = Duration::from_hours(1);

/// row 26: "the authorization server issues a new refresh token with every access token refresh
/// response", RFC 9700 §4.14.2.
#[tokio::test]
async fn every_refresh_rotates_the_refresh_token() {
    let jeton = Jeton::start().await;
    let mut tokens = jeton.sign_in().await;
    let mut seen = vec![tokens.refresh_token.clone()];
    for generation in 1..=50 {
        tokens = jeton.refresh_after(&tokens, HOUR).await;
        assert!(!seen.contains(&tokens.refresh_token));
        seen.push(tokens.refresh_token.clone());
        assert_eq!(jeton.session(&tokens).await.generation, generation);
    }
    let sessions = session::list(&jeton.server.store, None, 9).await.unwrap();
    assert_eq!(sessions.len(), 1, "a refresh inserted a row");
}

/// row 26: "the authorization server cannot determine which party submitted the invalid refresh
/// token, but it will revoke the active refresh token", RFC 9700 §4.14.2. The audit log records it.
#[tokio::test]
async fn a_replayed_refresh_token_revokes_its_session() {
    for distance in [2, 3, 7] {
        let audit = AuditLog::listen();
        let jeton = Jeton::start().await;
        let other = jeton.sign_in().await;
        let old = jeton.sign_in().await;
        let mut newest = old.clone();
        for _ in 0..distance {
            newest = jeton.refresh(&newest.refresh_token).await.tokens();
        }
        jeton.assert_refresh_refused(&old).await;
        let row = jeton.session(&newest).await;
        assert_eq!(row.revocation_reason, Some(Ending::Replay));
        assert_eq!(row.revoked_at, Some(jeton.now()));
        jeton.assert_refresh_refused(&newest).await;
        jeton.assert_refresh_refused(&old).await;
        let entries = audit.entries("replay");
        assert_eq!(entries.len(), 1, "the session was not revoked exactly once");
        assert_eq!(entries[0]["distance"], distance.to_string());
        assert_eq!(entries[0]["session"], newest.session().to_string());
        assert_eq!(entries[0]["client"], "first-party");
        assert_eq!(entries[0]["ended"], "true");
        jeton.refresh(&other.refresh_token).await.tokens();
    }
}

/// row 26: a request with a narrower or an invalid scope can be a replay too.
#[tokio::test]
async fn a_replay_with_a_scope_revokes_its_session() {
    for scope in ["read", "admin"] {
        let jeton = Jeton::start().await;
        let old = jeton.sign_in().await;
        let second = jeton.refresh(&old.refresh_token).await.tokens();
        let third = jeton.refresh(&second.refresh_token).await.tokens();
        let answer = jeton
            .refresh_with(&old.refresh_token, &[("scope", scope)])
            .await;
        answer.assert_error(400, "invalid_grant");
        jeton.assert_refresh_refused(&third).await;
    }
}

/// row 26: the revocation is committed although the response is an error. Another process reads it, and so does a
/// store that is opened later.
#[tokio::test]
async fn the_revocation_of_a_replayed_session_is_durable() {
    let data = DataDir::new();
    let store = data.open().await;
    let clock = Clock::standing_at(START);
    let jeton = Jeton::on(store, clock, ROOT_SECRET, |_| {}).await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    let old = jeton.sign_in().await;
    let second = jeton.refresh(&old.refresh_token).await.tokens();
    let third = jeton.refresh(&second.refresh_token).await.tokens();
    let other_store = data.open().await;
    jeton.assert_refresh_refused(&old).await;
    for store in [other_store, data.open().await] {
        let found = session::find(&store, third.session()).await.unwrap();
        let row = found.unwrap().session;
        assert_eq!(row.revocation_reason, Some(Ending::Replay));
    }
}
