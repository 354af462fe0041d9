//! `jeton client update`.

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::json;

use super::flags::{self, Flags};
use super::{Failure, object, operator, output, refused};
use crate::registration::client::update;
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
    /// Print one JSON object: the client, and the names of what was `changed`.
    #[arg(long)]
    json: bool,
}

impl Update {
    pub async fn run(self, server: &AuthorizationServer) -> Result<(), Failure> {
        let change = self.flags.change(&self.defaults);
        let changed = update(&*self.id, change, &operator(server), server).await;
        let changed = changed.map_err(|why| refused(&self.id, why))?;
        if self.json {
            let mut object = object::of(&changed.client, &server.store).await?;
            object.insert("changed".to_owned(), json!(changed.settings));
            return object::print(object);
        }
        if changed.settings.is_empty() {
            return output::line(&format!("client {} is like that already", self.id));
        }
        let names = changed.settings.join(", ");
        output::line(&format!("client {}: changed {names}", self.id))
    }
}
