//! `jeton secret`: replaces a root secret in three steps, each on all nodes before the next.

mod file;
mod stage;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use self::stage::Stage;
use super::{CommandError, open_existing, operator, output};
use crate::audit::{Action, Event};
use crate::config::Settings;
use crate::key::KeyRing;
use crate::server::AuthorizationServer;
use crate::store::{audit_event, root_secret_use, signing_key};

#[derive(Debug, Args)]
#[command(after_help = STEPS)]
pub struct SecretGroup {
    /// Print JSON: one object per root secret.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: SecretCommand,
}

const STEPS: &str = "\
Three steps replace the root secret. No user is signed out:
  jeton secret add                            then copy the file to all nodes and restart each
  jeton secret promote --all-nodes-have-it    then copy the file to all nodes and restart each
  jeton secret remove                         when the last session begun with the old one has ended;
                                              then copy the file to all nodes and restart each";

#[derive(Debug, Subcommand)]
enum SecretCommand {
    /// List the root secrets by their fingerprints, and print the next step. The secrets are never shown.
    List,
    /// First step: add a new root secret at the end of the file. Nodes then accept it, but do not sign with it.
    Add,
    /// Second step: move the new root secret to the first place, so that nodes sign with it after a restart, and seal
    /// the signing keys with it.
    Promote {
        /// Every node was restarted with the file that has the new root secret. A node without it would sign users out.
        #[arg(long)]
        all_nodes_have_it: bool,
    },
    /// Third step: remove the former root secret. Refused until the last session that was begun with it has ended. A
    /// new one that has not signed yet is removed at once.
    Remove {
        /// Do not wait: the sessions that were begun with it end.
        #[arg(long)]
        end_sessions: bool,
    },
}

const COPY: &str = "copy the file to every other node (mode 600, readable by the user of the server) and restart every \
     node, one after the other; ";

/// What each step does to the file, for those who do it by hand.
const ADD: &str = "add a line at its end";
const PROMOTE: &str = "move the new line to its beginning";
const REMOVE: &str = "remove its last line";

impl SecretGroup {
    pub async fn run(self, settings: Settings) -> Result<(), CommandError> {
        let server = open_existing(settings.clone()).await?;
        let next = match self.command {
            SecretCommand::List => {
                let stage = Stage::of(&server.root_secrets, &uses(&server).await?);
                stage::next_step(&server, &stage).await?
            }
            SecretCommand::Add => add(&server).await?,
            SecretCommand::Promote { all_nodes_have_it } => {
                promote(&server, all_nodes_have_it).await?
            }
            SecretCommand::Remove { end_sessions } => remove(&server, end_sessions).await?,
        };
        // Opened anew, the server seals the signing keys with the current root secret.
        drop(server.store.close().await);
        let server = open_existing(settings).await?;
        list(&server, self.json).await?;
        output::hint(&next);
        Ok(())
    }
}

async fn add(server: &AuthorizationServer) -> Result<String, CommandError> {
    let mut file = file::open(&server.settings, ADD)?;
    match Stage::of(&file.secrets()?, &uses(server).await?) {
        Stage::One => {}
        Stage::Added { new } => {
            return Err(CommandError::new(format!(
                "root secret {new} is added and does not sign yet; the next step is `jeton secret promote`"
            )));
        }
        Stage::Former { old } => {
            return Err(CommandError::new(format!(
                "the former root secret {old} is still in the file; the next step is `jeton secret remove`"
            )));
        }
    }
    file.add();
    file::replace(&file, &server.settings, ADD)?;
    let secrets = file.secrets()?;
    let new = secrets.fingerprints().last().unwrap_or_default();
    record(server, Action::RootSecretAdded, new).await?;
    Ok(format!(
        "root secret {new} is added; {COPY}then run `jeton secret promote --all-nodes-have-it`"
    ))
}

async fn promote(
    server: &AuthorizationServer,
    all_nodes_have_it: bool,
) -> Result<String, CommandError> {
    let mut file = file::open(&server.settings, PROMOTE)?;
    let new = match Stage::of(&file.secrets()?, &uses(server).await?) {
        Stage::Added { new } => new,
        Stage::One => {
            return Err(CommandError::new(
                "there is no new root secret; the first step is `jeton secret add`",
            ));
        }
        Stage::Former { old } => {
            return Err(CommandError::new(format!(
                "the last root secret, {old}, is the former one; the next step is `jeton secret remove`"
            )));
        }
    };
    if !all_nodes_have_it {
        return Err(CommandError::new(format!(
            "a node without root secret {new} refuses what others sign with it, and signs users out; {COPY}then run \
             `jeton secret promote --all-nodes-have-it`"
        )));
    }
    file.promote_last();
    file::replace(&file, &server.settings, PROMOTE)?;
    record(server, Action::RootSecretPromoted, &new).await?;
    Ok(format!(
        "root secret {new} is first, and the signing keys are sealed with it; {COPY}then `jeton secret list` says \
         when `jeton secret remove` is possible"
    ))
}

async fn remove(server: &AuthorizationServer, end_sessions: bool) -> Result<String, CommandError> {
    let mut file = file::open(&server.settings, REMOVE)?;
    let stage = Stage::of(&file.secrets()?, &uses(server).await?);
    let removed = match &stage {
        Stage::One => {
            return Err(CommandError::new(
                "there is one root secret; to replace it, begin with `jeton secret add`",
            ));
        }
        Stage::Added { new } => new,
        Stage::Former { old } => {
            if !end_sessions && let Some(obstacle) = stage::obstacle(server, old).await? {
                return Err(CommandError::new(format!(
                    "{obstacle}. --end-sessions does not wait: these sessions end, and their users sign in again"
                )));
            }
            old
        }
    };
    file.remove_last();
    // Refused before anything is written: no node could open such a key.
    let keys = signing_key::list(&server.store).await?;
    if let Err(error) = KeyRing::open(keys, &file.secrets()?) {
        return Err(CommandError::new(format!(
            "root secret {removed} is still needed: {error}. A node still has it in the first place: {COPY}then run \
             the command again"
        )));
    }
    file::replace(&file, &server.settings, REMOVE)?;
    record(server, Action::RootSecretRemoved, removed).await?;
    Ok(format!(
        "root secret {removed} is removed; {COPY}then delete the copies of the former file"
    ))
}

async fn record(
    server: &AuthorizationServer,
    action: Action,
    fingerprint: &str,
) -> Result<(), CommandError> {
    let event = Event::new(action, &operator(server)).with("fingerprint", fingerprint);
    Ok(audit_event::record(&server.store, &event).await?)
}

async fn uses(server: &AuthorizationServer) -> Result<Vec<root_secret_use::Model>, CommandError> {
    Ok(root_secret_use::list(&server.store).await?)
}

/// Prints the root secrets in the order of the file.
async fn list(server: &AuthorizationServer, as_json: bool) -> Result<(), CommandError> {
    let uses = uses(server).await?;
    let secrets = &server.root_secrets;
    let stage = Stage::of(secrets, &uses);
    let shown = secrets.fingerprints().enumerate().map(|(place, shown)| {
        let last = uses.iter().find(|used| used.fingerprint == shown);
        (
            shown,
            stage.role(place),
            last.map(|used| used.last_signed_at),
        )
    });
    if as_json {
        return output::json(shown.map(|(fingerprint, role, last)| -> Value {
            let last = last.map(crate::clock::Timestamp::as_seconds);
            json!({ "fingerprint": fingerprint, "role": role, "last_signed_at": last })
        }));
    }
    output::table(
        &["FINGERPRINT", "ROLE", "LAST SIGNED"],
        shown.map(|(fingerprint, role, last)| {
            let last = last.map_or_else(|| "never".to_owned(), |last| last.to_string());
            vec![fingerprint.to_owned(), role.to_owned(), last]
        }),
    )
}
