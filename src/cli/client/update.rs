//! `jeton client update`.

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::json;

use super::flags::{self, Flags};
use super::{Failure, object, operator, output, refused};
use crate::client::{Change, Setting, update};
use crate::server::AuthorizationServer;

#[derive(Debug, Args)]
pub struct Update {
    /// The client's id.
    id: String,
    #[command(flatten)]
    flags: Flags,
    /// A setting that becomes again what it is for a client of which nothing is said; may be given again.
    #[arg(long = "default", value_name = "SETTING", value_parser = PossibleValuesParser::new(flags::SETTINGS))]
    defaults: Vec<String>,
}

impl Update {
    pub async fn run(self, json: bool, server: &AuthorizationServer) -> Result<(), Failure> {
        let change = self.flags.change(&self.defaults);
        run(&self.id, change, json, server).await
    }
}

/// Changes a client and says what came of it.
pub(super) async fn run(
    id: &str,
    change: Change,
    as_json: bool,
    server: &AuthorizationServer,
) -> Result<(), Failure> {
    let disabled = change.disabled;
    let changed = update(id, change, &operator(server), server).await;
    let changed = changed.map_err(|why| refused(id, why))?;
    let ended = changed.sessions_ended;
    if as_json {
        let object = object::of(&changed.client, &server.store).await?;
        let object = json!({
            "client": object,
            "changed": changed.settings,
            "sessions_ended": ended,
        });
        return output::line(&object.to_string());
    }
    output::line(&match disabled {
        Setting::To(true) => format!("client {id} is disabled; sessions ended: {ended}"),
        Setting::To(false) => format!("client {id} may have tokens again"),
        _ if changed.settings.is_empty() => format!("client {id} is like that already"),
        _ => format!("client {id}: changed {}", changed.settings.join(", ")),
    })
}
