//! Clients without rotation: the refresh token stays the same, and the client's secret is required.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jeton::audit::Action;
use jeton::clock::Clock;
use jeton::store::client;
use jeton::store::session::{self, Ending};
use jeton::store::user;
use serde_json::json;

use crate::support::client::{disable, enable};
use crate::support::file::DataDir;
use crate::support::{
    ALICE, Answer, Jeton, ROOT_SECRET, SECRET, SIGN_IN, START, Tokens, basic_raw, claims, short_of,
};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const CLIENT: &str = "web";

fn without_rotation(row: &mut client::Model) {
    row.rotation = Some("never".to_owned());
}

async fn start() -> (Jeton, Tokens) {
    let jeton = Jeton::start().await;
    jeton
        .add_client(CLIENT, Some(SECRET), without_rotation)
        .await;
    let tokens = sign_in(&jeton).await;
    (jeton, tokens)
}

async fn sign_in(jeton: &Jeton) -> Tokens {
    let answer = jeton.token_as(&basic_raw(CLIENT, SECRET), &SIGN_IN).await;
    answer.tokens()
}

async fn refresh(jeton: &Jeton, tokens: &Tokens) -> Answer {
    let parameters = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &*tokens.refresh_token),
    ];
    let authorization = basic_raw(CLIENT, SECRET);
    jeton.token_as(&authorization, &parameters).await
}

/// "The authorization server MAY issue a new refresh token", RFC 6749 §6. It may also keep the old one.
#[tokio::test]
async fn a_refresh_without_rotation_returns_the_same_refresh_token_and_a_new_access_token() {
    let (jeton, first) = start().await;
    let mut ids = BTreeSet::from([claims(&first.access_token)["jti"].to_string()]);
    for _ in 0..20 {
        jeton.advance(HOUR);
        let next = refresh(&jeton, &first).await.tokens();
        assert_eq!(next.refresh_token, first.refresh_token);
        assert_eq!(next.expires_in, 900);
        let claims = claims(&next.access_token);
        assert_eq!(claims["iat"], jeton.now().as_seconds());
        assert!(ids.insert(claims["jti"].to_string()));
        let row = jeton.session(&first).await;
        assert_eq!((row.generation, row.rotation_gap), (0, 0));
        assert_eq!(row.rotated_at, jeton.now());
        assert_eq!(row.late_retry_generation, None);
    }
    for action in [
        Action::LateRetry,
        Action::Replay,
        Action::RefreshAheadOfStore,
    ] {
        assert_eq!(jeton.audit_events(action).await.len(), 0);
    }
}

/// "Refresh tokens for public clients MUST be sender-constrained or use refresh token rotation", RFC 9700
/// §2.2.2. This holds even if the client's row says otherwise.
#[tokio::test]
async fn a_public_clients_refresh_tokens_rotate_even_if_its_row_turns_rotation_off() {
    let jeton = Jeton::start().await;
    jeton.add_client("app", None, without_rotation).await;
    let first = jeton.sign_in_at("app").await;
    jeton.advance(HOUR);
    let second = jeton.refresh_at("app", &first).await.tokens();
    assert_ne!(second.refresh_token, first.refresh_token);
    assert_eq!(jeton.session(&second).await.generation, 1);
}

/// "the refresh token is bound to the client to which it was issued", RFC 6749 §6, so the
/// client's secret is required.
#[tokio::test]
async fn an_unrotated_refresh_token_requires_the_clients_secret() {
    let (jeton, tokens) = start().await;
    let row = jeton.session(&tokens).await;
    jeton.advance(HOUR);
    let without_secret = jeton.refresh_at(CLIENT, &tokens).await;
    without_secret.assert_error(401, "invalid_client");
    let other = jeton.refresh(&tokens.refresh_token).await;
    other.assert_error(400, "invalid_grant");
    assert_eq!(jeton.session(&tokens).await, row);
}

/// row 31: "Refresh tokens SHOULD expire if the client has been inactive for some time", RFC 9700
/// §4.14.2. Each refresh begins the idle time again.
#[tokio::test]
async fn a_session_without_rotation_ends_by_idle_time_and_by_absolute_lifetime() {
    let (jeton, tokens) = start().await;
    let idle = DAY * 14;
    for _ in 0..3 {
        jeton.advance(short_of(idle));
        refresh(&jeton, &tokens).await.tokens();
    }
    jeton.advance(idle);
    let over = refresh(&jeton, &tokens).await;
    over.assert_error(400, "invalid_grant");

    let tokens = sign_in(&jeton).await;
    for _ in 0..89 {
        jeton.advance(DAY);
        refresh(&jeton, &tokens).await.tokens();
    }
    jeton.advance(DAY);
    let over = refresh(&jeton, &tokens).await;
    over.assert_error(400, "invalid_grant");
}

/// row 31: sessions end on request, on password change, and when the user or the client is disabled.
#[tokio::test]
async fn revocation_a_new_password_and_disabling_end_a_session_without_rotation() {
    for what in ["revoked", "password", "disabled", "client"] {
        let (jeton, tokens) = start().await;
        let (store, cause) = (&jeton.server.store, jeton.cause());
        refresh(&jeton, &tokens).await.tokens();
        match what {
            "revoked" => {
                let ended = session::revoke(store, tokens.session(), Ending::Operator, &cause);
                assert!(ended.await.unwrap());
            }
            "client" => {
                let disabled = disable(store, CLIENT, &cause).await.unwrap();
                assert_eq!(disabled, 1);
                enable(store, CLIENT, &cause).await.unwrap();
            }
            _ => {
                let change = match what {
                    "password" => user::Change::password("x".to_owned()),
                    _ => user::Change::DISABLE,
                };
                let ended = user::change(store, tokens.user(), change, &cause).await;
                assert_eq!(ended.unwrap().sessions_ended, 1);
            }
        }
        let over = refresh(&jeton, &tokens).await;
        assert_eq!(over.status, 400, "{what}: {}", over.body);
        over.assert_error(400, "invalid_grant");
    }
}

/// row 27: concurrent refreshes on several nodes keep the session.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_concurrent_refreshes_on_two_nodes_keep_the_session() {
    let data = DataDir::new();
    let mut nodes = Vec::new();
    // The clocks differ, so two nodes that both wrote would write different times.
    for apart in 0..2 {
        let clock = Clock::standing_at(START.plus(Duration::from_secs(apart)));
        let node = Jeton::on(data.open().await, clock, ROOT_SECRET, |_| {}).await;
        nodes.push(Arc::new(node));
    }
    nodes[0]
        .add_client(CLIENT, Some(SECRET), without_rotation)
        .await;
    nodes[0].add_user(ALICE.0, ALICE.1).await;
    let tokens = sign_in(&nodes[0]).await;
    let requests = (0..100).map(|number| {
        let (node, tokens) = (Arc::clone(&nodes[number % 2]), tokens.clone());
        tokio::spawn(async move { refresh(&node, &tokens).await.tokens() })
    });
    for task in requests.collect::<Vec<_>>() {
        assert_eq!(task.await.unwrap().refresh_token, tokens.refresh_token);
    }
    let row = nodes[0].session(&tokens).await;
    assert_eq!((row.generation, row.revoked_at), (0, None));
}

/// The database lost rotations from before rotation was turned off. The token still proves its generation.
#[tokio::test]
async fn an_unrotated_refresh_token_ahead_of_the_database_is_accepted() {
    let data = DataDir::new();
    let clock = Clock::standing_at(START);
    let jeton = Jeton::on(data.open().await, clock, ROOT_SECRET, |_| {}).await;
    jeton.add_client(CLIENT, Some(SECRET), |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    let mut tokens = sign_in(&jeton).await;
    for _ in 0..5 {
        jeton.advance(HOUR);
        tokens = refresh(&jeton, &tokens).await.tokens();
    }
    jeton
        .change_client(CLIENT, json!({ "rotation": "never" }))
        .await;
    data.execute("UPDATE sessions SET generation = 2").await;
    let next = refresh(&jeton, &tokens).await.tokens();
    assert_eq!(next.refresh_token, tokens.refresh_token);
    assert_eq!(jeton.session(&tokens).await.generation, 5);
    jeton.audit_event(Action::RefreshAheadOfStore).await;
    refresh(&jeton, &tokens).await.tokens();
    jeton.audit_event(Action::RefreshAheadOfStore).await;
}

/// A token that was rotated before rotation was turned off shows that somebody else may hold the session's tokens.
#[tokio::test]
async fn a_rotated_refresh_token_is_a_replay_after_rotation_was_turned_off() {
    let (jeton, first) = start().await;
    jeton
        .change_client(CLIENT, json!({ "rotation": "always" }))
        .await;
    jeton.advance(HOUR);
    let second = refresh(&jeton, &first).await.tokens();
    assert_ne!(second.refresh_token, first.refresh_token);
    jeton.advance(HOUR);
    let third = refresh(&jeton, &second).await.tokens();
    jeton
        .change_client(CLIENT, json!({ "rotation": "never" }))
        .await;
    for _ in 0..3 {
        jeton.advance(HOUR);
        let again = refresh(&jeton, &third).await.tokens();
        assert_eq!(again.refresh_token, third.refresh_token);
    }
    refresh(&jeton, &first)
        .await
        .assert_error(400, "invalid_grant");
    refresh(&jeton, &third)
        .await
        .assert_error(400, "invalid_grant");
    let row = jeton.session(&third).await;
    assert_eq!(row.revocation_reason, Some(Ending::Replay));
}

/// The session stays active, and replays are detected again.
#[tokio::test]
async fn an_unrotated_refresh_token_rotates_after_rotation_is_turned_on_again() {
    let (jeton, first) = start().await;
    jeton.advance(HOUR);
    refresh(&jeton, &first).await.tokens();
    jeton
        .change_client(CLIENT, json!({ "rotation": "always" }))
        .await;
    let second = refresh(&jeton, &first).await.tokens();
    assert_ne!(second.refresh_token, first.refresh_token);
    assert_eq!(jeton.session(&second).await.generation, 1);
    jeton.advance(HOUR);
    let third = refresh(&jeton, &second).await.tokens();
    refresh(&jeton, &first)
        .await
        .assert_error(400, "invalid_grant");
    refresh(&jeton, &third)
        .await
        .assert_error(400, "invalid_grant");
}
