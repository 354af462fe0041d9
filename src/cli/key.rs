//! `jeton key`: keys that sign access tokens.

use std::ops::RangeInclusive;

use clap::Subcommand;

use super::{Failure, operator, output};
use crate::audit::Cause;
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
    let activates_at = now.plus(lifecycle::lead(&server.settings));
    let next = keys.iter().find(|key| {
        let superseded_at = lifecycle::superseded_at(key, &keys);
        // One that a clock far ahead of this one planned is not what anybody waits for.
        lifecycle::state(key, superseded_at, now) == State::Next && key.activates_at <= activates_at
    });
    if let Some(next) = next {
        return Err(Failure::new(format!(
            "key {} is published already and signs from {} on; until then some cache may not know \
             it. Rotate again after that, or, if a key is compromised, with --emergency",
            next.id, next.activates_at
        )));
    }
    match add(server, activates_at, now..=activates_at, &operator(server)).await? {
        Some(id) => output::line(&format!(
            "key {id} is published and signs from {activates_at} on"
        )),
        None => Err(Failure::new(
            "another node has just rotated; see `jeton key list`",
        )),
    }
}

async fn rotate_at_once(server: &AuthorizationServer) -> Result<(), Failure> {
    let cause = operator(server);
    // Whatever other key there is: an empty range holds none.
    let regardless = Timestamp::from_micros(1)..=Timestamp::from_micros(0);
    let id = add(server, cause.at, regardless, &cause).await?;
    let id = id.ok_or_else(|| Failure::new("the new key could not be stored"))?;
    let dropped = signing_key::revoke_all_but(&server.store, &id, &operator(server)).await?;
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
    unless: RangeInclusive<Timestamp>,
    cause: &Cause,
) -> Result<Option<String>, Failure> {
    let added = upkeep::add_key(server, activates_at, unless, cause).await;
    added.map_err(|error| Failure::new(error.to_string()))
}
