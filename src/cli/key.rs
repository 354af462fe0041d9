//! `jeton key`: signing keys.

use clap::{Args, Subcommand};

use super::{CommandError, operator, output};
use crate::api::admin::json;
use crate::api::admin::keys::{RotatedKey, SigningKey};
use crate::clock::Timestamp;
use crate::key::{StoredKey, lifecycle};
use crate::maintenance::key_rotation::{self, KeyRotationError, NewSigningKey};
use crate::server::AuthorizationServer;
use crate::store::signing_key;

#[derive(Debug, Args)]
pub struct KeyGroup {
    /// Print JSON: one object per line, as in the admin API.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// List signing keys with their states and times.
    List,
    /// Create a new signing key. It is published at once and signs when every cache has it.
    Rotate {
        /// A key is compromised: revoke all keys and sign with a new one at once. Every issued access
        /// token becomes invalid, and APIs refuse new ones until they fetch the keys again. Refresh
        /// tokens stay valid.
        #[arg(long)]
        emergency: bool,
    },
}

impl KeyGroup {
    pub async fn run(self, server: &AuthorizationServer) -> Result<(), CommandError> {
        let KeyCommand::Rotate { emergency } = self.command else {
            return list(server, self.json).await;
        };
        let cause = operator(server);
        let rotated = if emergency {
            key_rotation::replace_at_once(server, &cause).await?
        } else {
            key_rotation::rotate(server, &cause).await?
        };
        if self.json {
            return output::json([json(&RotatedKey::from(rotated))]);
        }
        let NewSigningKey {
            kid,
            activates_at,
            revoked,
        } = rotated;
        if !emergency {
            return output::line(&format!(
                "key {kid} is published and signs from {activates_at} on"
            ));
        }
        let interval = server.settings.keys.refresh_interval;
        output::line(&format!(
            "keys revoked: {revoked}\n\
             key {kid} signs on every node within {interval}\n\
             Earlier access tokens are invalid as soon as an API fetches the keys again. Clients get new \
             ones by a refresh."
        ))
    }
}

async fn list(server: &AuthorizationServer, as_json: bool) -> Result<(), CommandError> {
    let now = server.clock.now();
    let keys = signing_key::list(&server.store).await?;
    if as_json {
        let shown = keys.iter().map(|key| SigningKey::of(key, &keys, now));
        return output::json(shown.map(|key| json(&key)));
    }
    let rows = keys.iter().map(|key| row(key, &keys, now));
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
        "not known yet".to_owned()
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

impl From<KeyRotationError> for CommandError {
    fn from(error: KeyRotationError) -> Self {
        Self::new(match error {
            KeyRotationError::Early { .. } => format!(
                "{error}. Rotate after that time, or use --emergency if a key is compromised"
            ),
            other => other.to_string(),
        })
    }
}
