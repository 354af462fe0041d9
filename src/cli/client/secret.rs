//! `jeton client secret`.

use std::time::Duration;

use clap::Subcommand;
use serde_json::json;
use uuid::Uuid;

use super::{CommandError, find, input, object, operator, output};
use crate::client::secret::NewSecret;
use crate::server::AuthorizationServer;
use crate::store::client_secret::{self, MAX_SECRETS, SecretError};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a secret, which is shown once. The other secrets stay valid.
    Add {
        /// The client's id.
        client: String,
        /// Lifetime of the secret, such as 30d. [default: until it is removed]
        #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
        expires_in: Option<Duration>,
        /// Read the secret from standard input instead of generating one.
        #[arg(long)]
        secret_stdin: bool,
    },
    /// List ids and times of a client's secrets, oldest first.
    List {
        /// The client's id.
        client: String,
    },
    /// Remove a secret. The last valid one cannot be removed.
    Remove {
        /// The client's id.
        client: String,
        /// The secret's id; see `jeton client secret list`.
        id: Uuid,
    },
}

impl Command {
    pub async fn run(self, json: bool, server: &AuthorizationServer) -> Result<(), CommandError> {
        match self {
            Self::Add {
                client,
                expires_in,
                secret_stdin,
            } => {
                let secret = if secret_stdin {
                    NewSecret::given(input::line()?)?
                } else {
                    NewSecret::random()
                };
                add(&client, &secret.expiring(expires_in)?, json, server).await
            }
            Self::List { client } => list(&client, json, server).await,
            Self::Remove { client, id } => remove(&client, id, json, server).await,
        }
    }
}

async fn add(
    client: &str,
    secret: &NewSecret,
    json: bool,
    server: &AuthorizationServer,
) -> Result<(), CommandError> {
    let added = client_secret::add(&server.store, client, secret, &operator(server)).await;
    let row = added.map_err(|error| failure(client, error))?;
    if json {
        let mut object = object::secret(row.clone());
        object.insert("client_id".to_owned(), json!(client));
        object.insert("client_secret".to_owned(), json!(secret.text().expose()));
        return object::print(&object);
    }
    output::line(&format!("client_id {client}"))?;
    output::line(&format!("secret_id {}", row.id))?;
    show(secret)
}

async fn list(client: &str, json: bool, server: &AuthorizationServer) -> Result<(), CommandError> {
    find(client, server).await?;
    let secrets = client_secret::of_client(&server.store, client).await?;
    if json {
        let mut objects = secrets.into_iter().map(object::secret);
        return objects.try_for_each(|secret| object::print(&secret));
    }
    let now = server.clock.now();
    let rows = secrets.iter().map(|secret| {
        let state = if secret.is_alive(now) {
            "active"
        } else {
            "expired"
        };
        let end = secret.expires_at.map(|at| at.to_string());
        vec![
            secret.id.to_string(),
            state.to_owned(),
            secret.created_at.to_string(),
            end.unwrap_or_else(|| "never".to_owned()),
        ]
    });
    output::table(&["ID", "STATE", "CREATED", "EXPIRES"], rows)
}

async fn remove(
    client: &str,
    id: Uuid,
    json: bool,
    server: &AuthorizationServer,
) -> Result<(), CommandError> {
    let removed = client_secret::remove(&server.store, client, id, &operator(server)).await;
    removed.map_err(|error| failure(client, error))?;
    if json {
        let object = json!({ "client_id": client, "id": id });
        return output::line(&object.to_string());
    }
    output::line(&format!("secret {id} of client {client} is removed"))
}

fn failure(client: &str, error: SecretError) -> CommandError {
    CommandError::new(match error {
        SecretError::NoClient => {
            format!("there is no confidential client {client}; see `jeton client list`")
        }
        SecretError::NoSecret => {
            format!("client {client} has no such secret; see `jeton client secret list {client}`")
        }
        SecretError::TooMany => format!(
            "client {client} has {MAX_SECRETS} secrets already; remove an unused one, see \
             `jeton client secret list {client}`"
        ),
        SecretError::Last => format!(
            "it is the last valid secret of client {client}; add another first, or disable the \
             client instead"
        ),
        SecretError::Store(error) => return error.into(),
    })
}

/// Prints a new secret.
pub fn show(secret: &NewSecret) -> Result<(), CommandError> {
    output::line(&format!("client_secret {}", secret.text().expose()))?;
    output::line("(shown only this once; the server stores its digest)")
}
