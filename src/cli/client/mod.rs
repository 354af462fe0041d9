//! `jeton client`: the registered applications.

mod add;
mod flags;
mod list;
mod object;
mod origins;
mod secret;
mod update;

use clap::{Args, Subcommand};
use serde_json::json;

use self::add::Add;
use self::origins::ChangeOrigins;
use self::update::Update;
use super::{CommandError, input, operator, output};
use crate::client::{ClientPatch, InvalidSetting};
use crate::scope::{OWN_SCOPES, Scope};
use crate::server::AuthorizationServer;
use crate::store::client::{self, ClientError, Model, ended_epoch};

/// Hints at a client whose tokens have a scope of this server and are not for it by default.
fn hint_at_audience(client: &Model, issuer: &str) {
    let scope = client.own_scope();
    let mut own = OWN_SCOPES.iter().map(|own| own.name);
    let own = own.find(|name| scope.covers(&Scope::from_stored(name)));
    let is_for_us = client.audience(issuer).iter().any(|one| one == issuer);
    if let (Some(name), false) = (own, is_for_us) {
        output::hint(&format!(
            "tokens of {} are not for this server, where the scope {name} is used, unless a request names it by \
             resource={issuer}",
            client.id
        ));
    }
}

#[derive(Debug, Args)]
pub struct Group {
    /// Print JSON: one object a line.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Add a client. The secret of a confidential one is shown once.
    Add(Box<Add>),
    /// List clients.
    List,
    /// Show the settings of a client.
    Show {
        /// The client's id.
        id: String,
    },
    /// Change the settings of a client, from its next request on. Access tokens that were issued before stay as they
    /// are.
    Update(Box<Update>),
    /// The secrets of a confidential client. Several are valid at once, so that one can be replaced while the client
    /// runs.
    #[command(subcommand)]
    Secret(secret::Command),
    /// Show and change the origins whose pages may call the server as this client (CORS).
    Origins(ChangeOrigins),
    /// Disable a client: it gets no tokens, and its sessions end.
    Disable {
        /// The client's id.
        id: String,
    },
    /// Enable a disabled client.
    Enable {
        /// The client's id.
        id: String,
    },
    /// Delete a client and end its sessions.
    Delete {
        /// The client's id.
        id: String,
    },
}

impl Group {
    pub async fn run(self, server: &AuthorizationServer) -> Result<(), CommandError> {
        let json = self.json;
        match self.command {
            Command::Add(add) => add.run(json, server).await,
            Command::List => list::print(json, server).await,
            Command::Show { id } => list::print_one(&id, json, server).await,
            Command::Update(update) => update.run(json, server).await,
            Command::Secret(command) => command.run(json, server).await,
            Command::Origins(origins) => origins.run(json, server).await,
            Command::Disable { id } => update::run(&id, &disabled(true), json, server).await,
            Command::Enable { id } => update::run(&id, &disabled(false), json, server).await,
            Command::Delete { id } => delete(&id, json, server).await,
        }
    }
}

fn disabled(disabled: bool) -> ClientPatch {
    ClientPatch::default().with("disabled", disabled)
}

async fn delete(id: &str, as_json: bool, server: &AuthorizationServer) -> Result<(), CommandError> {
    let client = find(id, server).await?;
    let object = object::of(&client, &server.store).await?;
    let deleted = client::delete(&server.store, id, &operator(server)).await;
    let ended = deleted.map_err(|error| failure(id, error))?;
    let ended = mark_sessions(Some(ended), server).await?;
    if as_json {
        let object = json!({ "client": object, "sessions_ended": ended });
        return output::line(&object.to_string());
    }
    output::line(&format!("client {id} is deleted; sessions ended: {ended}"))
}

/// Marks the sessions of an epoch that ended as revoked and returns their number. They are refused already.
async fn mark_sessions(
    ended: Option<ended_epoch::Model>,
    server: &AuthorizationServer,
) -> Result<u64, CommandError> {
    let Some(ended) = ended else {
        return Ok(0);
    };
    let (store, clock) = (&server.store, &server.clock);
    Ok(ended_epoch::mark_sessions(store, &ended, &operator(server), clock).await?)
}

async fn find(id: &str, server: &AuthorizationServer) -> Result<client::Model, CommandError> {
    let found = client::find(&server.store, id).await?;
    found.ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> CommandError {
    CommandError::new(format!("there is no client {id}; see `jeton client list`"))
}

fn failure(id: &str, error: ClientError) -> CommandError {
    match error {
        ClientError::Invalid(invalid) => {
            let lines: Vec<String> = invalid.iter().map(flags::complaint).collect();
            CommandError::new(lines.join(
                "
",
            ))
        }
        ClientError::Taken => CommandError::new(format!("there is a client {id} already")),
        ClientError::Reserved => CommandError::new(error.to_string()),
        ClientError::NotFound => unknown(id),
        ClientError::Stale => {
            CommandError::new(format!("client {id} was changed meanwhile; try again"))
        }
        ClientError::Store(error) => error.into(),
    }
}

impl From<InvalidSetting> for CommandError {
    fn from(invalid: InvalidSetting) -> Self {
        Self::new(flags::complaint(&invalid))
    }
}
