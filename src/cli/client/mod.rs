//! `jeton client`: applications that ask for tokens.

mod add;
mod flags;
mod list;
mod object;
mod origins;
mod secret;
mod show;
mod update;

use clap::{Args, Subcommand};
use serde_json::json;

use self::add::Add;
use self::origins::Origins;
use self::update::Update;
use super::{Failure, input, operator, output};
use crate::registration::{Invalid, Refused};
use crate::server::AuthorizationServer;
use crate::store::client;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a client. The secret of a confidential one is shown once.
    Add(Box<Add>),
    /// List clients.
    List {
        /// Print one JSON object a line, with all that is known but the secrets' ids.
        #[arg(long)]
        json: bool,
    },
    /// Show all that is known of a client.
    Show(Whom),
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
    Disable(Whom),
    /// Let a disabled client have tokens again.
    Enable(Whom),
    /// Delete a client, and end all its sessions.
    Delete(Whom),
}

#[derive(Debug, Args)]
pub struct Whom {
    /// The client's id.
    id: String,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Command {
    pub async fn run(self, server: &AuthorizationServer) -> Result<(), Failure> {
        let cause = operator(server);
        match self {
            Self::Add(add) => add.run(server).await,
            Self::List { json } => list::print(json, server).await,
            Self::Show(whom) => show::print(&whom, server).await,
            Self::Update(update) => update.run(server).await,
            Self::Secret(command) => command.run(server).await,
            Self::Origins(origins) => origins.run(server).await,
            Self::Disable(whom) => {
                let ended = client::disable(&server.store, &whom.id, &cause).await?;
                whom.report("is disabled", ended)
            }
            Self::Enable(whom) => {
                let known = client::enable(&server.store, &whom.id, &cause).await?;
                whom.report("may have tokens again", known.then_some(0))
            }
            Self::Delete(whom) => {
                let ended = client::delete(&server.store, &whom.id, &cause).await?;
                whom.report("is deleted", ended)
            }
        }
    }
}

impl Whom {
    fn report(&self, what: &str, ended: Option<u64>) -> Result<(), Failure> {
        let id = &self.id;
        let ended = ended.ok_or_else(|| unknown(id))?;
        if self.json {
            let object = json!({ "client_id": id, "sessions_ended": ended });
            return output::line(&object.to_string());
        }
        output::line(&format!("client {id} {what}; sessions ended: {ended}"))
    }
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
