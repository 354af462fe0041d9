//! `jeton client update`.

use clap::Args;
use serde_json::{Value, json};

use super::flags::{self, Flags};
use super::{CommandError, failure, mark_sessions, object, operator, output};
use crate::client::ClientPatch;
use crate::server::AuthorizationServer;
use crate::store::client;

#[derive(Debug, Args)]
pub struct Update {
    /// The client's id.
    id: String,
    #[command(flatten)]
    flags: Flags,
    /// A setting to reset to its default; may be repeated.
    #[arg(long = "default", value_name = "SETTING", value_parser = flags::names())]
    defaults: Vec<String>,
}

impl Update {
    pub async fn run(self, json: bool, server: &AuthorizationServer) -> Result<(), CommandError> {
        let patch = self.flags.patch(&self.defaults);
        run(&self.id, &patch, json, server).await
    }
}

/// Changes a client and prints the outcome.
pub(super) async fn run(
    id: &str,
    patch: &ClientPatch,
    as_json: bool,
    server: &AuthorizationServer,
) -> Result<(), CommandError> {
    let updated = client::update(&server.store, id, patch, &operator(server)).await;
    let updated = updated.map_err(|error| failure(id, error))?;
    super::hint_at_audience(&updated.client, &server.settings.issuer);
    let ended = mark_sessions(updated.ended, server).await?;
    if as_json {
        let object = json!({
            "client": object::of(&updated.client, &server.store).await?,
            "changed": updated.changed,
            "sessions_ended": ended,
        });
        return output::line(&object.to_string());
    }
    output::line(&match patch.get("disabled") {
        Some(Value::Bool(true)) => format!("client {id} is disabled; sessions ended: {ended}"),
        Some(_) => format!("client {id} is enabled"),
        None if updated.changed.is_empty() => format!("client {id}: nothing to change"),
        None => format!("client {id}: changed {}", updated.changed.join(", ")),
    })
}
