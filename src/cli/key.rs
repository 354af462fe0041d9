//! `jeton key`: keys that sign access tokens.

use clap::Subcommand;

use super::{Failure, output};
use crate::clock::Timestamp;
use crate::key::{State, StoredKey, lifecycle};
use crate::server::AuthorizationServer;
use crate::store::signing_key;
use crate::upkeep;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List signing keys with their states and times.
    List,
    /// Bring in a new signing key. It is published at once and signs when every cache knows it.
    Rotate {
        /// The active key is compromised: drop it and all others at once, and sign with a new one.
        /// Every access token that is out becomes invalid, and APIs refuse new tokens until they
        /// have fetched the keys again; refresh tokens are not touched.
        #[arg(long)]
        emergency: bool,
    },
}

impl Command {
    pub async fn run(self, server: &AuthorizationServer) -> Result<(), Failure> {
        match self {
            Self::List => list(server).await,
            Self::Rotate { emergency: false } => rotate(server).await,
            Self::Rotate { emergency: true } => rotate_at_once(server).await,
        }
    }
}

async fn list(server: &AuthorizationServer) -> Result<(), Failure> {
    let now = server.clock.now();
    let keys = signing_key::list(&server.store).await?;
    let rows = keys
        .iter()
        .map(|key| row(key, &keys, now))
        .collect::<Vec<_>>();
    output::table(
        &["KID", "STATE", "CREATED", "SIGNS FROM", "PUBLISHED UNTIL"],
        rows,
    )
}

fn row(key: &StoredKey, all: &[StoredKey], now: Timestamp) -> Vec<String> {
    let superseded_at = lifecycle::superseded_at(key, all);
    let until = key
        .revoked_at
        .unwrap_or_else(|| lifecycle::expires_at(key, superseded_at));
    let until = if superseded_at.is_none() && key.revoked_at.is_none() {
        "its successor's".to_owned()
    } else {
        until.to_string()
    };
    vec![
        key.id.clone(),
        lifecycle::state(key, superseded_at, now).to_string(),
        key.created_at.to_string(),
        key.activates_at.to_string(),
        until,
    ]
}

async fn rotate(server: &AuthorizationServer) -> Result<(), Failure> {
    let now = server.clock.now();
    let keys = signing_key::list(&server.store).await?;
    let next = keys.iter().find(|key| {
        lifecycle::state(key, lifecycle::superseded_at(key, &keys), now) == State::Next
    });
    if let Some(next) = next {
        return Err(Failure::new(format!(
            "key {} is published already and signs from {} on; until then some cache may not know \
             it. Rotate again after that, or, if a key is compromised, with --emergency",
            next.id, next.activates_at
        )));
    }
    let activates_at = now.plus(lifecycle::lead(&server.settings));
    match add(server, activates_at, now).await? {
        Some(id) => output::line(&format!(
            "key {id} is published and signs from {activates_at} on"
        )),
        None => Err(Failure::new(
            "another node has just rotated; see `jeton key list`",
        )),
    }
}

async fn rotate_at_once(server: &AuthorizationServer) -> Result<(), Failure> {
    let now = server.clock.now();
    let always = Timestamp::from_micros(i64::MAX);
    let id = add(server, now, always).await?;
    let id = id.ok_or_else(|| Failure::new("the new key could not be stored"))?;
    let dropped = signing_key::revoke_all_but(&server.store, &id, now).await?;
    let interval = server.settings.keys.refresh_interval;
    output::line(&format!(
        "keys dropped: {dropped}\n\
         key {id} signs on every node within {interval}\n\
         Access tokens made before are invalid as soon as an API fetches the keys again; clients get \
         new ones by refreshing."
    ))
}

async fn add(
    server: &AuthorizationServer,
    activates_at: Timestamp,
    other_after: Timestamp,
) -> Result<Option<String>, Failure> {
    let added = upkeep::add_key(server, activates_at, other_after).await;
    added.map_err(|error| Failure::new(error.to_string()))
}
