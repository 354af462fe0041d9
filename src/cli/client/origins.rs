//! `jeton client origins`.

use clap::Args;
use serde_json::json;

use super::{CommandError, failure, find, operator, output};
use crate::client::ClientPatch;
use crate::server::AuthorizationServer;
use crate::store::{Target, client};
use crate::web_origin::WebOrigin;

#[derive(Debug, Args)]
pub struct ChangeOrigins {
    /// The client's id.
    id: String,
    /// An origin to register, such as `https://app.example.com`; may be repeated.
    #[arg(long = "add", value_name = "ORIGIN", value_parser = WebOrigin::parse)]
    added: Vec<WebOrigin>,
    /// An origin to remove; may be repeated.
    #[arg(long = "remove", value_name = "ORIGIN", value_parser = WebOrigin::parse)]
    removed: Vec<WebOrigin>,
}

impl ChangeOrigins {
    /// Makes all changes, or none, and prints the origins.
    pub async fn run(
        self,
        as_json: bool,
        server: &AuthorizationServer,
    ) -> Result<(), CommandError> {
        let id = self.id.as_str();
        let client = find(id, server).await?;
        let mut origins = client.settings().origins;
        for origin in &self.removed {
            let Some(place) = origins.iter().position(|own| own == origin.as_str()) else {
                return Err(CommandError::new(format!(
                    "{origin} is not an origin of client {id}; see `jeton client origins {id}`"
                )));
            };
            origins.remove(place);
        }
        origins.extend(self.added.iter().map(ToString::to_string));
        let patch = ClientPatch::default().with("origins", origins);
        let target = Target::at_revision(id, client.revision);
        let updated = client::update(&server.store, target, &patch, &operator(server)).await;
        let updated = updated.map_err(|error| failure(id, error))?;
        let origins = updated.client.settings().origins;
        if as_json {
            let object = json!({ "client_id": id, "origins": origins });
            return output::line(&object.to_string());
        }
        if origins.is_empty() {
            return output::line(&format!(
                "none: no page of another origin can call the server as client {id}"
            ));
        }
        output::line(&origins.join("\n"))
    }
}
