//! Signing keys: publication, order in the JWKS, rotation and expiry.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jeton::audit::Cause;
use jeton::clock::Timestamp;
use jeton::config::Settings;
use jeton::key::lifecycle;
use jeton::key::{self, StoredKey};
use jeton::maintenance;
use jeton::store::signing_key;
use serde_json::Value;

use crate::support::audit::AuditLog;
use crate::support::{Jeton, ROOT_SECRET, START, part};

const MICROSECOND: Duration = Duration::from_micros(1);
const DAY: Duration = Duration::from_hours(24);
/// The default of `keys.announce`.
const ANNOUNCED: Duration = Duration::from_hours(24 * 7);
const SKEW: Duration = Duration::from_mins(1);

impl Jeton {
    pub async fn kids(&self) -> Vec<String> {
        let jwks = self.get("/.well-known/jwks.json").await.json();
        let keys = jwks["keys"].as_array().unwrap().iter();
        keys.map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The `kid` of a new token.
    pub async fn signs_with(&self) -> String {
        let tokens = self.sign_in().await;
        part(&tokens.access_token, 0)["kid"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub async fn stored_keys(&self) -> Vec<StoredKey> {
        signing_key::list(&self.server.store).await.unwrap()
    }

    async fn at(&self, time: Timestamp) -> &Self {
        self.server.clock.set(time);
        maintenance::refresh_keys(&self.server).await.unwrap();
        self
    }
}

/// row 43: only the public members, and no parameter of the private half.
#[tokio::test]
async fn a_jwk_has_the_public_members_and_no_others() {
    let jeton = Jeton::start().await;
    let jwks = jeton.get("/.well-known/jwks.json").await.json();
    let names = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&jwks), ["keys"]);
    let jwk = &jwks["keys"][0];
    let mut members = names(jwk);
    members.sort();
    assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"]);
    assert_eq!(jwk["kty"], "RSA");
    assert_eq!(jwk["use"], "sig");
    assert_eq!(jwk["alg"], "RS256");
    assert_eq!(jwk["e"], "AQAB");
}

/// row 43: "implementers have found that some cryptographic libraries prefix an extra zero-valued
/// octet to the modulus representations they return", RFC 7518 §6.3.1.1. "A key of
/// size 2048 bits or larger MUST be used", §3.3. The `kid` is the thumbprint of RFC 7638 §3.
#[tokio::test]
async fn a_modulus_has_2048_bits_without_a_leading_zero_and_the_kid_is_the_thumbprint() {
    let jeton = Jeton::start().await;
    let published = jeton.get("/.well-known/jwks.json").await.json()["keys"][0].clone();
    let generated = (0..3).map(|_| serde_json::to_value(&key::generate(2048).unwrap().0).unwrap());
    for jwk in generated.chain([published]) {
        let text = |name: &str| jwk[name].as_str().unwrap();
        // Decodes only base64url without padding.
        let modulus = URL_SAFE_NO_PAD.decode(text("n")).unwrap();
        assert_eq!(modulus.len(), 256);
        assert!(modulus[0] >= 0x80, "less than 2048 bits");
        let canonical = format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, text("e"), text("n"));
        let thumbprint = digest(&SHA256, canonical.as_bytes());
        assert_eq!(text("kid"), URL_SAFE_NO_PAD.encode(thumbprint));
    }
}

/// row 44: "a key is published before it signs, for longer than caches live": many keep a JWKS for days.
#[tokio::test]
async fn a_new_key_is_published_before_it_signs() {
    let jeton = Jeton::start().await;
    let old = jeton.signs_with().await;
    let takes_over = START.plus(DAY * 90);
    let before = takes_over.minus(ANNOUNCED);
    let kids = jeton.at(before.minus(MICROSECOND)).await.kids().await;
    assert_eq!(kids, [old.as_str()]);
    let kids = jeton.at(before).await.kids().await;
    assert_eq!(kids.len(), 2);
    assert_eq!(kids[0], old, "the signing key stands first");
    let new = kids[1].clone();
    assert_eq!(jeton.stored_keys().await[1].activates_at, takes_over);
    jeton.at(takes_over.minus(MICROSECOND)).await;
    assert_eq!(jeton.signs_with().await, old);
    assert_eq!(jeton.kids().await, [old.as_str(), new.as_str()]);
    // Without reading the store again.
    jeton.advance(MICROSECOND);
    assert_eq!(jeton.signs_with().await, new);
    assert_eq!(jeton.kids().await, [new.as_str(), old.as_str()]);
}

/// row 44: `keys.announce` is in force up to half of the rotation interval, and never below the time that caches need
/// which obey `Cache-Control`.
#[tokio::test]
async fn the_announcement_is_between_the_lead_and_half_of_the_rotation_interval() {
    let jeton = Jeton::start().await;
    let default = &jeton.server.settings;
    let lead = Duration::from_secs(300 + 2 * 15 + 60);
    assert_eq!(lifecycle::lead(default), lead);
    for (announce, interval, in_force) in [
        (DAY * 7, DAY * 90, DAY * 7),
        (DAY * 400, DAY * 90, DAY * 45),
        (DAY * 7, DAY, DAY / 2),
        (Duration::ZERO, DAY * 90, lead),
    ] {
        let mut settings = Settings::clone(default);
        settings.keys.announce.0 = announce;
        settings.keys.rotation_interval.0 = interval;
        assert_eq!(lifecycle::announcement(&settings), in_force);
    }
}

/// row 44: also if caches live as long as a key signs.
#[tokio::test]
async fn there_is_one_next_key_at_most() {
    let jeton = Jeton::start().await;
    for (announce, max_age) in [(DAY * 7, DAY), (DAY * 7, DAY / 2), (Duration::ZERO, DAY)] {
        let mut settings = Settings::clone(&jeton.server.settings);
        settings.keys.announce.0 = announce;
        settings.keys.rotation_interval.0 = DAY;
        settings.keys.jwks_max_age.0 = max_age;
        let mut keys = jeton.stored_keys().await;
        for minute in 0..60 * 24 * 20 {
            let now = START.plus(Duration::from_mins(minute));
            if let Some(due) = lifecycle::due(&keys, &settings, now) {
                keys.push(StoredKey {
                    id: minute.to_string(),
                    created_at: now,
                    activates_at: due.activates_at,
                    ..keys[0].clone()
                });
            }
            let next = keys.iter().filter(|key| key.activates_at > now);
            assert!(next.count() <= 1);
        }
        assert!(keys.len() >= 19, "{}", keys.len());
    }
}

/// row 28: the same answer is returned while another key becomes active, also by a node with a clock
/// that is behind.
#[tokio::test]
async fn the_same_answer_is_signed_by_the_same_key() {
    let jeton = Jeton::start().await;
    let takes_over = START.plus(DAY * 90);
    jeton.at(takes_over.minus(ANNOUNCED)).await;
    let old = jeton.signs_with().await;
    let tokens = jeton.sign_in().await;
    for (first, then, same) in [(-3, 4, true), (1, -3, false)] {
        let seconds =
            |seconds: i64| Timestamp::from_micros(takes_over.as_micros() + seconds * 1_000_000);
        jeton.at(seconds(first)).await;
        let signed_in = jeton.sign_in().await;
        let answer = jeton.refresh(&signed_in.refresh_token).await.tokens();
        assert_eq!(part(&answer.access_token, 0)["kid"] == old.as_str(), same);
        jeton.at(seconds(then)).await;
        let again = jeton.refresh(&signed_in.refresh_token).await.tokens();
        assert_eq!(again.access_token, answer.access_token);
        let account = jeton.get_with("/account", &again.access_token).await;
        assert_eq!(account.status, 200, "it can be verified");
    }
    assert_eq!(jeton.refresh(&tokens.refresh_token).await.status, 200);
}

/// row 44: "stays published until the last token it signed has expired", plus a minute of clock skew.
/// Its private half is erased before.
#[tokio::test]
async fn an_old_key_stays_published_until_its_last_token_has_expired() {
    let jeton = Jeton::start().await;
    let old = jeton.signs_with().await;
    let takes_over = START.plus(DAY * 90);
    jeton.at(takes_over.minus(ANNOUNCED)).await;
    let private = async || {
        let keys = jeton.stored_keys().await;
        keys.iter()
            .map(StoredKey::has_private_half)
            .collect::<Vec<_>>()
    };
    jeton.at(takes_over.plus(SKEW).minus(MICROSECOND)).await;
    assert_eq!(private().await, [true, true]);
    jeton.at(takes_over.plus(SKEW)).await;
    assert_eq!(private().await, [false, true]);
    let end = takes_over.plus(Duration::from_mins(15)).plus(SKEW);
    jeton.at(end.minus(MICROSECOND)).await;
    assert_eq!(jeton.kids().await[1], old);
    jeton.advance(MICROSECOND);
    assert_eq!(jeton.kids().await.len(), 1);
    assert_eq!(jeton.stored_keys().await.len(), 2);
    jeton.at(end).await;
    assert_eq!(jeton.stored_keys().await.len(), 1, "the row is deleted");
}

/// row 44: the last token has the longest lifetime of all settings and clients, including deleted clients
/// and previous settings.
#[tokio::test]
async fn an_old_key_stays_published_for_the_longest_token_of_all() {
    let hour = Duration::from_hours(1);
    for (by_client, lifetime) in [(true, DAY * 3), (false, hour * 5)] {
        let jeton = Jeton::start().await;
        let old = jeton.signs_with().await;
        if by_client {
            let long_lifetime = |row: &mut jeton::store::client::Model| {
                row.access_token_lifetime = Some(jeton::clock::micros(lifetime));
            };
            jeton.add_client("long", None, long_lifetime).await;
            let cause = Cause::system(START);
            let deleted = jeton::store::client::delete(&jeton.server.store, "long", &cause).await;
            deleted.unwrap();
        } else {
            // A node with a longer lifetime.
            let store = jeton.server.store.clone();
            let clock = jeton.server.clock.clone();
            Jeton::on(store, clock, ROOT_SECRET, |settings| {
                settings.access_token.lifetime.0 = lifetime;
            })
            .await;
        }
        let takes_over = START.plus(DAY * 90);
        jeton.at(takes_over.minus(ANNOUNCED)).await;
        let end = takes_over.plus(lifetime).plus(SKEW);
        let kids = jeton.at(end.minus(MICROSECOND)).await.kids().await;
        assert_eq!(kids[1], old);
        assert_eq!(jeton.at(end).await.kids().await.len(), 1);
    }
}

#[tokio::test]
async fn a_new_key_is_logged_once() {
    let audit = AuditLog::listen();
    let jeton = Jeton::start().await;
    jeton.at(START.plus(DAY * 90)).await;
    jeton.at(START.plus(DAY * 90 + SKEW)).await;
    let logged: Vec<String> = audit
        .entries("key_created")
        .into_iter()
        .map(|entry| entry["kid"].clone())
        .collect();
    assert_eq!(logged, jeton.kids().await);
}

/// row 30 for keys.
#[tokio::test]
async fn the_first_key_signs_although_the_clock_stepped_back() {
    let jeton = Jeton::start().await;
    let only = jeton.signs_with().await;
    jeton.at(START.minus(DAY)).await;
    assert_eq!(jeton.signs_with().await, only);
    assert_eq!(jeton.kids().await, [only]);
}
