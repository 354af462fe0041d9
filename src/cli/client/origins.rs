//! `jeton client origins`: whose pages may read what a client is answered.

use clap::Args;
use serde_json::json;

use super::{Failure, operator, output, unknown};
use crate::server::AuthorizationServer;
use crate::store::{client, client_origin};
use crate::web_origin::WebOrigin;

#[derive(Debug, Args)]
pub struct Origins {
    /// The client's id.
    id: String,
    /// An origin to register, such as `https://app.example.com`; may be given again.
    #[arg(long = "add", value_name = "ORIGIN", value_parser = WebOrigin::parse)]
    added: Vec<WebOrigin>,
    /// An origin to remove; may be given again.
    #[arg(long = "remove", value_name = "ORIGIN", value_parser = WebOrigin::parse)]
    removed: Vec<WebOrigin>,
}

impl Origins {
    /// All that is asked for, or nothing; prints what is registered then.
    pub async fn run(self, as_json: bool, server: &AuthorizationServer) -> Result<(), Failure> {
        let (id, store) = (self.id.as_str(), &server.store);
        if client::find(store, id).await?.is_none() {
            return Err(unknown(id));
        }
        let present = client_origin::of_client(store, id).await?;
        let is_present = |origin: &WebOrigin| present.iter().any(|own| own == origin.as_str());
        if let Some(missing) = self.removed.iter().find(|origin| !is_present(origin)) {
            return Err(Failure::new(format!(
                "{missing} is not an origin of client {id}; see `jeton client origins {id}`"
            )));
        }
        let changes = (&*self.added, &*self.removed);
        client_origin::change(store, id, changes, &operator(server)).await?;
        let origins = client_origin::of_client(store, id).await?;
        if as_json {
            let object = json!({ "client_id": id, "origins": origins });
            return output::line(&object.to_string());
        }
        if origins.is_empty() {
            return output::line(&format!(
                "none: no page of another origin can read what client {id} is answered"
            ));
        }
        output::line(&origins.join("\n"))
    }
}
