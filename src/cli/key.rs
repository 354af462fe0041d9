//! `jeton key`: keys that sign access tokens.

use clap::{Args, Subcommand};

use super::{Failure, operator, output};
use crate::api::admin::json;
use crate::api::admin::keys::{RotatedKey, SigningKey};
use crate::clock::Timestamp;
use crate::key::{StoredKey, lifecycle};
use crate::maintenance::rotation::{self, Rotated, RotationError};
use crate::server::AuthorizationServer;
use crate::store::signing_key;

#[derive(Debug, Args)]
pub struct Group {
    /// Print JSON: one object a line, as the admin API gives it.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
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

impl Group {
    pub async fn run(self, server: &AuthorizationServer) -> Result<(), Failure> {
        let Command::Rotate { emergency } = self.command else {
            return list(server, self.json).await;
        };
        let cause = operator(server);
        let rotated = if emergency {
            rotation::replace_at_once(server, &cause).await?
        } else {
            rotation::rotate(server, &cause).await?
        };
        if self.json {
            return output::line(&json(&RotatedKey::from(rotated)).to_string());
        }
        let Rotated {
            kid,
            activates_at,
            dropped,
        } = rotated;
        if !emergency {
            return output::line(&format!(
                "key {kid} is published and signs from {activates_at} on"
            ));
        }
        let interval = server.settings.keys.refresh_interval;
        output::line(&format!(
            "keys dropped: {dropped}\n\
             key {kid} signs on every node within {interval}\n\
             Access tokens made before are invalid as soon as an API fetches the keys again; clients \
             get new ones by refreshing."
        ))
    }
}

async fn list(server: &AuthorizationServer, as_json: bool) -> Result<(), Failure> {
    let now = server.clock.now();
    let keys = signing_key::list(&server.store).await?;
    if as_json {
        let shown = keys.iter().map(|key| SigningKey::of(key, &keys, now));
        return shown
            .map(|key| json(&key).to_string())
            .try_for_each(|line| output::line(&line));
    }
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
