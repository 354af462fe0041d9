//! Rotation of the signing key by command: announced, soon, and in an emergency.

use std::pin::pin;
use std::time::Duration;

use jeton::audit::Action;
use jeton::clock::Clock;
use jeton::key::lifecycle;
use jeton::maintenance::key_rotation::{Rotation, replace_at_once, rotate, rotate_soon};
use jeton::maintenance::refresh_keys;
use tokio::time::timeout;

use super::DAY;
use crate::support::file::DataDir;
use crate::support::{ALICE, Jeton, ROOT_SECRET, part};

const SECOND: Duration = Duration::from_secs(1);
/// The default settings: caches keep the JWKS for 5 minutes, nodes read the keys every 15 seconds, clocks differ by at
/// most a minute.
const LEAD: Duration = Duration::from_secs(300 + READ as u64);
/// Seconds until every node has read the keys.
const READ: u32 = 2 * 15 + 60;

async fn announced(jeton: &Jeton) -> Rotation {
    jeton.advance(SECOND);
    let rotation = rotate(&jeton.server, &jeton.cause()).await.unwrap();
    refresh_keys(&jeton.server).await.unwrap();
    rotation
}

async fn soon(jeton: &Jeton) -> Rotation {
    let rotation = rotate_soon(&jeton.server, &jeton.cause()).await.unwrap();
    refresh_keys(&jeton.server).await.unwrap();
    rotation
}

async fn emergency(jeton: &Jeton, drop_next: bool) -> Rotation {
    let rotation = replace_at_once(&jeton.server, drop_next, &jeton.cause()).await;
    refresh_keys(&jeton.server).await.unwrap();
    rotation.unwrap()
}

/// A node with a data directory for the command line, its user and its client.
async fn node(data: &DataDir) -> Jeton {
    let jeton = Jeton::on(data.open().await, Clock::system(), ROOT_SECRET, |_| {}).await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    jeton
}

/// row 44: an unsafe step is refused with the time at which it becomes safe.
#[tokio::test]
async fn a_second_rotation_is_refused_with_the_time_at_which_the_first_is_complete() {
    let data = DataDir::new();
    let jeton = node(&data).await;
    let printed = data.jeton_ok(&["key", "rotate"]).await;
    let keys = jeton.stored_keys().await;
    assert_eq!(keys.len(), 2);
    let next = &keys[1];
    let signs_from = next.activates_at.to_string();
    assert!(printed.contains(&next.id), "{printed}");
    assert!(printed.contains(&signs_from), "{printed}");
    assert_eq!(next.activates_at.since(next.created_at), Some(DAY * 7));
    let refused = data.jeton(&["key", "rotate"]).await;
    assert!(!refused.status.success());
    let complaint = String::from_utf8(refused.stderr).unwrap();
    assert!(complaint.contains(&signs_from), "{complaint}");
    assert!(complaint.contains("--soon"), "{complaint}");
    assert!(complaint.contains("--emergency"), "{complaint}");
    assert_eq!(jeton.stored_keys().await.len(), 2);
    let earlier = data.jeton_ok(&["key", "rotate", "--soon"]).await;
    assert!(earlier.contains(&next.id), "{earlier}");
    assert!(!earlier.contains(&signs_from), "{earlier}");
}

/// row 44: `--soon` waits for caches that obey `Cache-Control`, and for every node to read the new time.
#[tokio::test]
async fn the_published_key_moves_forward_to_the_earliest_safe_time() {
    for (published_for, waits) in [(10, 300 + READ - 10), (24 * 3600, READ)] {
        let jeton = Jeton::start().await;
        let old = jeton.signs_with().await;
        let next = announced(&jeton).await;
        jeton.advance(SECOND * published_for);
        let moved = soon(&jeton).await;
        assert_eq!(moved.kid, next.kid);
        assert_eq!(moved.published_at, next.published_at);
        assert_eq!(moved.activates_at, jeton.now().plus(SECOND * waits));
        jeton.advance(SECOND);
        assert_eq!(soon(&jeton).await, moved, "it does not move again");
        let events = jeton.audit_events(Action::KeyAdvanced).await;
        assert_eq!(events.len(), 1);
        jeton.advance(SECOND * (waits - 2));
        assert_eq!(jeton.signs_with().await, old);
        jeton.advance(SECOND);
        assert_eq!(jeton.signs_with().await, next.kid);
    }
}

/// row 44
#[tokio::test]
async fn a_key_that_shall_sign_soon_is_made_if_none_is_published() {
    let jeton = Jeton::start().await;
    jeton.advance(SECOND);
    let made = soon(&jeton).await;
    assert_eq!(made.activates_at, jeton.now().plus(LEAD));
    assert_eq!(jeton.kids().await.len(), 2);
    assert_eq!(lifecycle::lead(&jeton.server.settings), LEAD);
}

/// row 44: there is one next key, also if one is announced while another is made.
#[tokio::test]
async fn no_second_next_key_is_made_soon() {
    let jeton = Jeton::start().await;
    jeton.advance(SECOND);
    let cause = jeton.cause();
    let mut made = pin!(rotate_soon(&jeton.server, &cause));
    // It finds no next key, and generates one.
    let early = timeout(Duration::from_millis(20), made.as_mut()).await;
    let announced = rotate(&jeton.server, &cause).await;
    let made = match early {
        Ok(made) => made,
        Err(_elapsed) => made.await,
    };
    refresh_keys(&jeton.server).await.unwrap();
    let keys = jeton.stored_keys().await;
    assert_eq!(keys.len(), 2, "{made:?} {announced:?}");
}

/// APIs that fetched the keys since the announcement accept the tokens of the next key at once.
#[tokio::test]
async fn an_emergency_rotation_signs_with_the_published_next_key() {
    let jeton = Jeton::start().await;
    let old = jeton.signs_with().await;
    let next = announced(&jeton).await;
    jeton.advance(DAY);
    let before = jeton.sign_in().await;
    let rotation = emergency(&jeton, false).await;
    assert_eq!((&rotation.kid, rotation.revoked), (&next.kid, 1));
    assert_eq!(rotation.published_at, next.published_at);
    assert_eq!(jeton.kids().await, [next.kid.as_str()]);
    let token = &before.access_token;
    assert_eq!(part(token, 0)["kid"], old);
    assert_eq!(jeton.get_with("/account", token).await.status, 401);
    let after = jeton.refresh(&before.refresh_token).await.tokens();
    assert_eq!(part(&after.access_token, 0)["kid"], next.kid);
    for key in jeton.stored_keys().await {
        assert_eq!(key.has_private_half(), key.id == next.kid);
        assert!(key.activates_at <= jeton.now(), "it is active");
    }
    // Again: no next key is published.
    let again = emergency(&jeton, false).await;
    assert!(again.kid != next.kid && again.revoked == 1);
}

/// Who has the root secret and the database has the next key too.
#[tokio::test]
async fn an_emergency_rotation_drops_the_next_key_if_asked() {
    let data = DataDir::new();
    let jeton = node(&data).await;
    let before = jeton.sign_in().await;
    let account = async |token: &str| jeton.get_with("/account", token).await.status.as_u16();
    data.jeton_ok(&["key", "rotate"]).await;
    refresh_keys(&jeton.server).await.unwrap();
    let old = jeton.kids().await;
    assert_eq!(old.len(), 2);
    assert_eq!(account(&before.access_token).await, 200);
    let refused = data.jeton(&["key", "rotate", "--drop-next"]).await;
    assert!(!refused.status.success(), "only with --emergency");
    let rotate = ["key", "rotate", "--emergency", "--drop-next"];
    let printed = data.jeton_ok(&rotate).await;
    assert!(printed.contains("keys revoked: 2"), "{printed}");
    assert!(printed.contains("cache keys one by one"), "{printed}");
    assert!(printed.contains("Restart them"), "{printed}");
    refresh_keys(&jeton.server).await.unwrap();
    let new = jeton.kids().await;
    assert_eq!(new.len(), 1);
    assert!(!old.contains(&new[0]));
    assert_eq!(account(&before.access_token).await, 401);
    for key in jeton.stored_keys().await {
        assert_eq!(key.has_private_half(), key.id == new[0]);
        assert_eq!(key.revoked_at.is_none(), key.id == new[0]);
    }
    let after = jeton.refresh(&before.refresh_token).await.tokens();
    assert_eq!(part(&after.access_token, 0)["kid"], new[0].as_str());
    assert_eq!(account(&after.access_token).await, 200);
    // An ordinary rotation works afterwards.
    data.jeton_ok(&["key", "rotate"]).await;
    refresh_keys(&jeton.server).await.unwrap();
    assert_eq!(jeton.kids().await.len(), 2);
    assert_eq!(jeton.kids().await[0], new[0]);
}
