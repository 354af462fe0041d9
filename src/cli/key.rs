//! `jeton key`: signing keys.

use clap::{Args, Subcommand};

use super::{CommandError, operator, output};
use crate::api::admin::json;
use crate::api::admin::keys::{RotatedKey, SigningKey};
use crate::clock::Timestamp;
use crate::key::{StoredKey, lifecycle};
use crate::maintenance::key_rotation::{self, KeyRotationError, Rotation};
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
    /// Create a new signing key. It is published at once and signs after keys.announce.
    Rotate(RotateFlags),
}

#[derive(Debug, Args)]
struct RotateFlags {
    /// Sign with the published next key at the earliest safe time: caches that obey Cache-Control have it. Creates a
    /// key if none is published. APIs that keep keys longer may refuse new tokens.
    #[arg(long, conflicts_with = "emergency")]
    soon: bool,
    /// A key is compromised: sign with the published next key at once and revoke all others. Creates a key if none
    /// is published. Every issued access token becomes invalid, and APIs refuse new ones until they fetch the keys
    /// again, if they do not have the next key yet. Refresh tokens stay valid.
    #[arg(long)]
    emergency: bool,
    /// The database and the root secret were stolen: revoke the published next key too, and sign with a new one.
    #[arg(long, requires = "emergency")]
    drop_next: bool,
}

impl KeyGroup {
    pub async fn run(self, server: &AuthorizationServer) -> Result<(), CommandError> {
        match self.command {
            KeyCommand::List => list(server, self.json).await,
            KeyCommand::Rotate(flags) => rotate(server, &flags, self.json).await,
        }
    }
}

async fn rotate(
    server: &AuthorizationServer,
    flags: &RotateFlags,
    as_json: bool,
) -> Result<(), CommandError> {
    let cause = operator(server);
    let rotation = if flags.emergency {
        key_rotation::replace_at_once(server, flags.drop_next, &cause).await?
    } else if flags.soon {
        key_rotation::rotate_soon(server, &cause).await?
    } else {
        key_rotation::rotate(server, &cause).await?
    };
    if as_json {
        return output::json([json(&RotatedKey::from(rotation))]);
    }
    if flags.emergency {
        return output::line(&describe_emergency(server, &rotation));
    }
    let Rotation {
        kid, activates_at, ..
    } = rotation;
    output::line(&format!(
        "key {kid} is published and signs from {activates_at} on"
    ))
}

fn describe_emergency(server: &AuthorizationServer, rotation: &Rotation) -> String {
    let Rotation {
        kid,
        published_at,
        revoked,
        ..
    } = rotation;
    let interval = server.settings.keys.refresh_interval;
    format!(
        "keys revoked: {revoked}\n\
         key {kid}, published since {published_at}, signs on every node within {interval}\n\
         Earlier access tokens are invalid as soon as an API fetches the keys again. Clients get new \
         ones by a refresh.\n\
         APIs that cache keys one by one trust a revoked key until their cache ends, for hours or until \
         they are restarted. Restart them, and those that refuse new tokens."
    )
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
        &[
            "KID",
            "STATE",
            "PUBLISHED SINCE",
            "SIGNS FROM",
            "PUBLISHED UNTIL",
        ],
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
                "{error}. --soon lets it sign at the earliest safe time, --emergency at once if a key is compromised"
            ),
            other => other.to_string(),
        })
    }
}
