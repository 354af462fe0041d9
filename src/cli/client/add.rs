//! `jeton client add`.

use clap::Args;
use serde_json::json;

use super::flags::Flags;
use super::{CommandError, failure, input, object, operator, output};
use crate::client::NewClient;
use crate::client::secret::NewSecret;
use crate::server::AuthorizationServer;
use crate::store::client;
use crate::web_origin::WebOrigin;

#[derive(Debug, Args)]
pub struct Add {
    /// The client's id: printable ASCII, and not a UUID, because users' ids are.
    id: String,
    /// The client can keep a secret: a server, not a browser or an app.
    #[arg(long)]
    confidential: bool,
    /// With --confidential: read the secret from standard input instead of generating one.
    #[arg(long, requires = "confidential")]
    secret_stdin: bool,
    #[command(flatten)]
    flags: Flags,
    /// An origin whose pages may call the server as this client, such as `https://app.example.com`; may be repeated.
    #[arg(long = "origin", value_name = "ORIGIN", value_parser = WebOrigin::parse)]
    origins: Vec<WebOrigin>,
}

impl Add {
    pub async fn run(self, json: bool, server: &AuthorizationServer) -> Result<(), CommandError> {
        let secret = match (self.confidential, self.secret_stdin) {
            (false, _) => None,
            (true, true) => Some(NewSecret::given(input::line()?)?),
            (true, false) => Some(NewSecret::random()),
        };
        let origins: Vec<&str> = self.origins.iter().map(WebOrigin::as_str).collect();
        let new = NewClient {
            id: self.id.clone(),
            secret: secret.clone(),
            settings: self.flags.patch(&[]).with("origins", origins),
        };
        let added = client::register(&server.store, new, &operator(server)).await;
        let client = added.map_err(|error| failure(&self.id, error))?;
        super::hint_at_audience(&client, &server.settings.issuer);
        if json {
            let mut object = object::of(&client, &server.store).await?;
            if let Some(secret) = secret {
                object.insert("client_secret".to_owned(), json!(secret.text().expose()));
            }
            return object::print(&object);
        }
        output::line(&format!("client_id {}", self.id))?;
        match secret {
            Some(secret) => super::secret::show(&secret),
            None => output::line("public: it has no secret"),
        }
    }
}
