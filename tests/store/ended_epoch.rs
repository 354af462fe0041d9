//! Sessions of disabled and deleted clients: refused at once, and marked as revoked afterwards, in batches.

use std::collections::BTreeMap;
use std::time::Duration;

use jeton::audit::{Action, Cause};
use jeton::clock::Timestamp;
use jeton::maintenance::sweep::Sweeper;
use jeton::store::client::{self, ended_epoch};
use jeton::store::session::{self, Ending};
use serde_json::json;
use uuid::Uuid;

use crate::support::{Jeton, Tokens, like};

const MINUTE: Duration = Duration::from_mins(1);
const NEARLY: Duration = Duration::from_secs(59);

/// A server with the client `app`, to which alice is signed in.
async fn start() -> (Jeton, Tokens) {
    let jeton = Jeton::start().await;
    jeton.add_client("app", None, |_| {}).await;
    let tokens = jeton.sign_in_at("app").await;
    (jeton, tokens)
}

/// Begins sessions at `app` like that of the tokens. Returns the ids of all, in order.
async fn begin_sessions(jeton: &Jeton, tokens: &Tokens, count: usize) -> Vec<Uuid> {
    let row = jeton.session(tokens).await;
    let mut ids = vec![row.id];
    for _ in 0..count {
        let begun = session::begin(&jeton.server.store, like(&row), &[], &jeton.cause()).await;
        ids.push(begun.unwrap().unwrap().id);
    }
    ids.sort();
    ids
}

/// Disables `app`, and marks no session.
async fn disable(jeton: &Jeton) -> ended_epoch::Model {
    let patch = crate::support::client::merge_patch(json!({ "disabled": true }));
    let updated = client::update(&jeton.server.store, "app", &patch, &jeton.cause()).await;
    updated.unwrap().ended.unwrap()
}

async fn mark(jeton: &Jeton, ended: &ended_epoch::Model) -> u64 {
    let (server, cause) = (&jeton.server, jeton.cause());
    let marked = ended_epoch::mark_sessions(&server.store, ended, &cause, &server.clock).await;
    marked.unwrap()
}

async fn session_of(jeton: &Jeton, id: Uuid) -> session::Model {
    let found = session::find(&jeton.server.store, id).await;
    found.unwrap().unwrap().session
}

/// Asserts that no token of the session is accepted.
async fn assert_dead(jeton: &Jeton, tokens: &Tokens) {
    let refused = jeton.refresh_at("app", tokens).await;
    refused.assert_error(400, "invalid_grant");
    let account = jeton.get_with("/account", &tokens.access_token).await;
    assert_eq!(account.status, 401, "{}", account.body);
    let row = jeton.session(tokens).await;
    assert_eq!(row.revoked_at, None, "the session is marked");
}

/// row 31: the client has a new epoch, so its sessions are refused before they are marked.
#[tokio::test]
async fn sessions_of_a_disabled_client_stay_refused_after_it_is_enabled() {
    let (jeton, tokens) = start().await;
    let others = jeton.sign_in().await;
    disable(&jeton).await;
    let refused = jeton.refresh_at("app", &tokens).await;
    refused.assert_error(401, "invalid_client");
    jeton
        .change_client("app", json!({ "disabled": false }))
        .await;
    assert_dead(&jeton, &tokens).await;
    let new = jeton.sign_in_at("app").await;
    jeton.refresh_at("app", &new).await.tokens();
    jeton.refresh(&others.refresh_token).await.tokens();
}

/// row 31: a later client of the same id has another epoch.
#[tokio::test]
async fn sessions_of_a_deleted_client_stay_refused_after_it_is_added_again() {
    let (jeton, tokens) = start().await;
    let deleted = client::delete(&jeton.server.store, "app", &jeton.cause()).await;
    jeton.add_client("app", None, |_| {}).await;
    assert_dead(&jeton, &tokens).await;
    let new = jeton.sign_in_at("app").await;
    assert_eq!(mark(&jeton, &deleted.unwrap()).await, 1);
    let row = jeton.session(&tokens).await;
    assert_eq!(row.revocation_reason, Some(Ending::ClientDeleted));
    jeton.refresh_at("app", &new).await.tokens();
}

/// Only disabling replaces the epoch.
#[tokio::test]
async fn no_other_change_of_a_client_ends_its_sessions() {
    let (jeton, tokens) = start().await;
    for patch in [
        json!({ "disabled": false }),
        json!({ "client_name": "App", "session_lifetime": 9999, "scope": "account read" }),
    ] {
        jeton.change_client("app", patch).await;
    }
    jeton.refresh_at("app", &tokens).await.tokens();
}

/// `/revoked-sessions` is read in the order of these times, and misses a transaction that takes too long.
#[tokio::test]
async fn sessions_are_marked_in_batches_by_id_each_with_its_own_time() {
    let (jeton, tokens) = start().await;
    let ids = begin_sessions(&jeton, &tokens, 2200).await;
    let ended = disable(&jeton).await;
    let passing = async {
        loop {
            jeton.advance(Duration::from_micros(1));
            tokio::task::yield_now().await;
        }
    };
    let marked = tokio::select! {
        marked = mark(&jeton, &ended) => marked,
        () = passing => 0,
    };
    assert_eq!(marked, 2201);
    let mut batches: BTreeMap<Timestamp, Vec<Uuid>> = BTreeMap::new();
    for id in &ids {
        let revoked_at = session_of(&jeton, *id).await.revoked_at.unwrap();
        batches.entry(revoked_at).or_default().push(*id);
    }
    let sizes: Vec<usize> = batches.values().map(Vec::len).collect();
    assert_eq!(sizes, [1000, 1000, 201]);
    assert_eq!(batches.into_values().flatten().collect::<Vec<_>>(), ids);
    assert_eq!(jeton.audit_events(Action::SessionsRevoked).await.len(), 3);
}

/// Neither a session that ended before nor one of a later epoch is marked.
#[tokio::test]
async fn only_active_sessions_of_the_ended_epoch_are_marked() {
    let (jeton, tokens) = start().await;
    let before = jeton.sign_in_at("app").await;
    let cause = Cause::system(jeton.now());
    let store = &jeton.server.store;
    let revoked = session::revoke(store, before.session(), Ending::SignOut, &cause).await;
    assert!(revoked.unwrap());
    let ended = disable(&jeton).await;
    jeton
        .change_client("app", json!({ "disabled": false }))
        .await;
    let after = jeton.sign_in_at("app").await;
    assert_eq!(mark(&jeton, &ended).await, 1);
    let reason = async |tokens: &Tokens| jeton.session(tokens).await.revocation_reason;
    assert_eq!(reason(&tokens).await, Some(Ending::ClientDisabled));
    assert_eq!(reason(&before).await, Some(Ending::SignOut));
    assert_eq!(reason(&after).await, None);
    assert_eq!(mark(&jeton, &ended).await, 0, "marked twice");
}

/// The node that disabled the client has died after the commit, or between two batches.
#[tokio::test]
async fn another_node_marks_the_sessions_that_a_dead_node_left() {
    let (jeton, tokens) = start().await;
    let ids = begin_sessions(&jeton, &tokens, 1200).await;
    let ended = disable(&jeton).await;
    jeton.advance(NEARLY);
    assert!(Sweeper::new().sweep(&jeton.server).await);
    // A node that works has marked a batch within the last minute.
    assert_eq!(session_of(&jeton, ids[0]).await.revoked_at, None);
    let first_batch = async {
        while session_of(&jeton, ids[0]).await.revoked_at.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = first_batch => {}
        _ = mark(&jeton, &ended) => {}
    }
    jeton.advance(MINUTE);
    assert!(Sweeper::new().sweep(&jeton.server).await);
    for id in ids {
        let row = session_of(&jeton, id).await;
        assert_eq!(row.revocation_reason, Some(Ending::ClientDisabled));
    }
    let left = ended_epoch::abandoned(&jeton.server.store, jeton.now().plus(MINUTE * 9)).await;
    assert_eq!(left.unwrap(), []);
}
