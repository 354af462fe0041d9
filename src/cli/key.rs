//! `jeton key`: keys that sign access tokens.

use clap::Subcommand;

use super::{Failure, operator, output};
use crate::clock::Timestamp;
use crate::key::{StoredKey, lifecycle};
use crate::server::AuthorizationServer;
use crate::store::signing_key;
use crate::upkeep::rotation::{self, RotationError};

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
    let rotated = rotation::rotate(server, &operator(server)).await?;
    output::line(&format!(
        "key {} is published and signs from {} on",
        rotated.kid, rotated.activates_at
    ))
}

async fn rotate_at_once(server: &AuthorizationServer) -> Result<(), Failure> {
    let rotated = rotation::replace_at_once(server, &operator(server)).await?;
    let interval = server.settings.keys.refresh_interval;
    output::line(&format!(
        "keys dropped: {}\n\
         key {} signs on every node within {interval}\n\
         Access tokens made before are invalid as soon as an API fetches the keys again; clients get \
         new ones by refreshing.",
        rotated.dropped, rotated.kid
    ))
}

impl From<RotationError> for Failure {
    fn from(error: RotationError) -> Self {
        Self::new(match error {
            RotationError::Early { .. } => format!(
                "{error}. Rotate again after that, or, if a key is compromised, with --emergency"
            ),
            other => other.to_string(),
        })
    }
}
