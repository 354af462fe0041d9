//! The root secret and the signing keys.

use super::finding::Finding;
use crate::bootstrap;
use crate::clock::{Clock, Timestamp};
use crate::config::Settings;
use crate::key::{KeyRing, State, StoredKey, lifecycle};
use crate::store::{Store, signing_key};

const CHECK: &str = "keys";

/// Opens the keys of the store. Returns the ids of those that the JWKS must have.
pub async fn check(settings: &Settings, store: &Store) -> (Finding, Option<Vec<String>>) {
    let stored = match signing_key::list(store).await {
        Ok(stored) => stored,
        Err(error) => return (Finding::failed(CHECK, error.to_string()), None),
    };
    let secrets = match bootstrap::read_root_secrets(settings) {
        Ok(Some(secrets)) => secrets,
        Ok(None) => {
            let text = "there is no root secret, so the keys cannot be opened";
            let remedy = "put the file back, or correct root_secret.file (JETON_ROOT_SECRET__FILE)";
            return (Finding::failure(CHECK, text, remedy), None);
        }
        Err(error) => return (Finding::failed(CHECK, error.to_string()), None),
    };
    let now = Clock::system().now();
    match KeyRing::open(stored.clone(), &secrets) {
        Ok(ring) => {
            let published = ring.published(now).into_iter().map(|key| key.id.clone());
            let published = published.collect();
            (judge(settings, &stored, now), Some(published))
        }
        Err(error) => (Finding::failed(CHECK, error.to_string()), None),
    }
}

fn judge(settings: &Settings, keys: &[StoredKey], now: Timestamp) -> Finding {
    let active = keys.iter().find(|key| {
        let superseded_at = lifecycle::superseded_at(key, keys);
        lifecycle::state(key, superseded_at, now) == State::Active
    });
    let Some(active) = active else {
        let text = "no key signs";
        return Finding::failure(
            CHECK,
            text,
            "start the server, which creates one; check the clock",
        );
    };
    let id = &active.id;
    if lifecycle::due(keys, settings, now).is_some() {
        return Finding::warning(
            CHECK,
            format!(
                "key {id} signs since {}, and the next key is due",
                active.activates_at
            ),
            "a running server creates it within keys.refresh_interval; if not, see its log",
        );
    }
    Finding::ok(
        CHECK,
        format!("key {id} signs since {}", active.activates_at),
    )
}
