//! Signing keys while the clock is in doubt, and after a clock was far ahead.

use std::time::Duration;

use jeton::audit::Cause;
use jeton::clock::{Clock, Timestamp};
use jeton::key::{StoredKey, generate};
use jeton::maintenance::key_rotation::{self, KeyRotationError};
use jeton::maintenance::{clock, refresh_keys};
use jeton::store::signing_key;

use super::DAY;
use crate::support::file::DataDir;
use crate::support::{Jeton, ROOT_SECRET, START, part};

/// No key becomes active at any time within it.
const NEVER: std::ops::RangeInclusive<Timestamp> =
    Timestamp::from_micros(1)..=Timestamp::from_micros(0);
const AHEAD: Duration = Duration::from_hours(24 * 130);

async fn keys(jeton: &Jeton) -> Vec<StoredKey> {
    signing_key::list(&jeton.server.store).await.unwrap()
}

async fn refresh(jeton: &Jeton) {
    refresh_keys(&jeton.server).await.unwrap();
}

/// The `kid` of a new access token.
async fn signing_kid(jeton: &Jeton) -> String {
    let header = part(&jeton.sign_in().await.access_token, 0);
    header["kid"].as_str().unwrap().to_owned()
}

async fn account(jeton: &Jeton) -> u16 {
    let token = jeton.sign_in().await.access_token;
    jeton.get_with("/account", &token).await.status.as_u16()
}

/// A node that was 130 days ahead erased and deleted the key that signed.
#[tokio::test]
async fn no_key_is_made_retired_erased_or_deleted_after_the_clock_was_set() {
    let jeton = Jeton::start().await;
    jeton.advance(DAY);
    key_rotation::rotate(&jeton.server, &jeton.cause())
        .await
        .unwrap();
    refresh(&jeton).await;
    let (before, kid) = (keys(&jeton).await, signing_kid(&jeton).await);
    let jwks = jeton.get("/.well-known/jwks.json").await.body;
    let right = jeton.now();
    for time in [right.plus(AHEAD), right.minus(AHEAD)] {
        jeton.server.clock.step_to(time);
        for _ in 0..2 {
            let server = &jeton.server;
            clock::compare(&server.store, &server.clock).await.unwrap();
            refresh(&jeton).await;
            assert!(keys(&jeton).await == before);
            assert_eq!(jeton.get("/.well-known/jwks.json").await.body, jwks);
            assert_eq!(signing_kid(&jeton).await, kid);
        }
    }
    jeton.server.clock.step_to(right);
    refresh(&jeton).await;
    assert!(keys(&jeton).await == before);
    assert_eq!(account(&jeton).await, 200);
}

/// row 44: the doubt ends, and what was due is done.
#[tokio::test]
async fn a_due_key_is_made_when_the_clock_is_right_again() {
    let jeton = Jeton::start().await;
    jeton.advance(DAY * 89);
    let right = jeton.now();
    jeton.server.clock.step_to(right.plus(DAY * 2));
    refresh(&jeton).await;
    assert_eq!(keys(&jeton).await.len(), 1);
    jeton.server.clock.step_to(right);
    jeton.advance(DAY);
    refresh(&jeton).await;
    assert_eq!(keys(&jeton).await.len(), 2);
}

/// Such a key signed, although it was to sign in 130 days: the key before had been erased.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_lies_far_in_the_future_is_replaced_once() {
    let data = DataDir::new();
    let nodes = [node(&data, START).await, node(&data, START).await];
    nodes[0].add_client("first-party", None, |_| {}).await;
    nodes[0]
        .add_user(crate::support::ALICE.0, crate::support::ALICE.1)
        .await;
    let [good] = &keys(&nodes[0]).await[..] else {
        panic!("one key")
    };
    let far = add_far_key(&nodes[0]).await;
    erase(&nodes[0], good).await;
    for node in &nodes {
        node.advance(DAY);
    }
    let (one, other) = tokio::join!(
        refresh_keys(&nodes[0].server),
        refresh_keys(&nodes[1].server)
    );
    one.unwrap();
    other.unwrap();
    for node in &nodes {
        refresh(node).await;
        let kid = signing_kid(node).await;
        assert!(kid != far && kid != good.id);
        assert_eq!(account(node).await, 200);
    }
    assert_eq!(keys(&nodes[0]).await.len(), 3);
}

async fn node(data: &DataDir, time: Timestamp) -> Jeton {
    let clock = Clock::standing_at(time);
    Jeton::on(data.open().await, clock, ROOT_SECRET, |_| {}).await
}

/// A key as a node that is 130 days ahead creates it.
async fn add_far_key(jeton: &Jeton) -> String {
    let (jwk, pkcs8) = generate(2048).unwrap();
    let id = jwk.common.key_id.clone().unwrap();
    let at = START.plus(AHEAD);
    let key = StoredKey {
        id: id.clone(),
        public_jwk: serde_json::to_string(&jwk).unwrap(),
        sealed_private_key: Some(jeton.server.root_secrets.seal(&id, &pkcs8).unwrap()),
        created_at: at,
        activates_at: at,
        longest_lifetime: 0,
        revoked_at: None,
    };
    let cause = Cause::system(at);
    let inserted = signing_key::insert(&jeton.server.store, &key, NEVER, &cause);
    assert!(inserted.await.unwrap());
    id
}

async fn erase(jeton: &Jeton, key: &StoredKey) {
    let server = &jeton.server;
    let empty = server.root_secrets.seal(&key.id, &[]).unwrap();
    let sealed = key.sealed_private_key.as_ref().unwrap();
    signing_key::replace_sealed(&server.store, &key.id, sealed, &empty)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_rotation_by_a_clock_in_doubt_is_refused() {
    let jeton = Jeton::start().await;
    jeton.server.clock.step_to(START.plus(AHEAD));
    let cause = jeton.cause();
    let rotated = key_rotation::rotate(&jeton.server, &cause).await;
    assert!(matches!(rotated, Err(KeyRotationError::Doubt(_))));
    let replaced = key_rotation::replace_at_once(&jeton.server, false, &cause).await;
    assert!(matches!(replaced, Err(KeyRotationError::Doubt(_))));
    let soon = key_rotation::rotate_soon(&jeton.server, &cause).await;
    assert!(matches!(soon, Err(KeyRotationError::Doubt(_))));
    assert_eq!(keys(&jeton).await.len(), 1);
}

/// A store without a key needs one, whatever the clock says.
#[tokio::test]
async fn the_first_key_is_made_by_the_trusted_time() {
    let jeton = Jeton::start().await;
    let [first] = &keys(&jeton).await[..] else {
        panic!("one key")
    };
    let store = &jeton.server.store;
    signing_key::delete(store, &first.id, &jeton.cause())
        .await
        .unwrap();
    jeton.server.clock.step_to(START.plus(AHEAD));
    refresh(&jeton).await;
    let made = keys(&jeton).await;
    assert_eq!(made.len(), 1);
    assert_eq!((made[0].created_at, made[0].activates_at), (START, START));
}
