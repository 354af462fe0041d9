//! `jeton client`: applications that ask for tokens.

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
use self::origins::Origins;
use self::update::Update;
use super::{Failure, input, operator, output};
use crate::client::registration::{Invalid, Refused};
use crate::client::{Change, Setting};
use crate::server::AuthorizationServer;
use crate::store::client;

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
    /// Show all that is known of a client.
    Show {
        /// The client's id.
        id: String,
    },
    /// Change what a client may do. It counts from the next request on; access tokens that are out stay
    /// as they are.
    Update(Box<Update>),
    /// A confidential client's secrets: each of them is good, so that one can be replaced by another
    /// while the client runs.
    #[command(subcommand)]
    Secret(secret::Command),
    /// Say from which origins a client's pages may read its answers, and change that.
    Origins(Origins),
    /// Give a client no more tokens, and end all its sessions.
    Disable {
        /// The client's id.
        id: String,
    },
    /// Let a disabled client have tokens again.
    Enable {
        /// The client's id.
        id: String,
    },
    /// Delete a client, and end all its sessions.
    Delete {
        /// The client's id.
        id: String,
    },
}

impl Group {
    pub async fn run(self, server: &AuthorizationServer) -> Result<(), Failure> {
        let json = self.json;
        match self.command {
            Command::Add(add) => add.run(json, server).await,
            Command::List => list::print(json, server).await,
            Command::Show { id } => list::print_one(&id, json, server).await,
            Command::Update(update) => update.run(json, server).await,
            Command::Secret(command) => command.run(json, server).await,
            Command::Origins(origins) => origins.run(json, server).await,
            Command::Disable { id } => update::run(&id, disabled(true), json, server).await,
            Command::Enable { id } => update::run(&id, disabled(false), json, server).await,
            Command::Delete { id } => delete(&id, json, server).await,
        }
    }
}

fn disabled(disabled: bool) -> Change {
    Change {
        disabled: Setting::To(disabled),
        ..Change::default()
    }
}

async fn delete(id: &str, as_json: bool, server: &AuthorizationServer) -> Result<(), Failure> {
    let client = find(id, server).await?;
    let object = object::of(&client, &server.store).await?;
    let ended = client::delete(&server.store, id, &operator(server)).await?;
    let ended = ended.ok_or_else(|| unknown(id))?;
    if as_json {
        let object = json!({ "client": object, "sessions_ended": ended });
        return output::line(&object.to_string());
    }
    output::line(&format!("client {id} is deleted; sessions ended: {ended}"))
}

async fn find(id: &str, server: &AuthorizationServer) -> Result<client::Model, Failure> {
    let found = client::find(&server.store, id).await?;
    found.ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> Failure {
    Failure::new(format!("there is no client {id}; see `jeton client list`"))
}

fn refused(id: &str, why: Refused) -> Failure {
    match why {
        Refused::Invalid(wrong) => {
            let lines: Vec<String> = wrong.into_iter().map(flags::complaint).collect();
            Failure::new(lines.join("\n"))
        }
        Refused::Taken => Failure::new(format!("there is a client {id} already")),
        Refused::Unknown => unknown(id),
        Refused::Stale => Failure::new(format!("client {id} was changed meanwhile; try again")),
        Refused::Store(error) => error.into(),
    }
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Self {
        Self::new(flags::complaint(invalid))
    }
}
