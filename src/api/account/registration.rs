//! Registration of new users, where the operator has opened it.

use poem::Request;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, types};
use serde::Deserialize;
use uuid::Uuid;

use crate::api::json_body;
use crate::config;
use crate::password::Password;
use crate::response::caller;
use crate::response::cors::set_client;
use crate::response::problem::Problem;
use crate::secret::Secret;
use crate::server::AuthorizationServer;
use crate::sign_in::{AttemptSource, address_limit};
use crate::store::client;
use crate::store::user::{self, InsertError};
use crate::username::Username;

/// A new account.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub(super) struct Registration {
    /// The name for signing in. Case is ignored.
    #[oai(validator(min_length = 1, max_length = 255))]
    username: String,
    /// Hard to guess, and 15 characters or more unless the server is configured otherwise.
    #[serde(deserialize_with = "json_body::password")]
    #[oai(validator(min_length = 1))]
    password: types::Password,
    /// The public client at which the user registers. Default: the server's default client.
    #[serde(default, deserialize_with = "json_body::if_any")]
    client_id: Option<String>,
}

/// A created account.
#[derive(Object)]
pub(super) struct Registered {
    /// The user's id, and the `sub` of their tokens.
    sub: Uuid,
    /// The name for signing in, normalized.
    username: String,
}

#[derive(ApiResponse)]
pub(super) enum RegistrationAnswer {
    /// The account was created.
    #[oai(status = 201)]
    Created(Json<Registered>),
}

/// Creates an account.
pub(super) async fn register(
    registration: Registration,
    request: &Request,
    server: &AuthorizationServer,
) -> Result<RegistrationAnswer, Problem> {
    let password = Secret::new(registration.password.0);
    if server.settings.account.registration != config::RegistrationPolicy::Open {
        return Err(Problem::Forbidden(
            "Registration is closed. Ask the operator of this server for an account.".into(),
        ));
    }
    let client = find_client(registration.client_id, server).await?;
    set_client(&client, request);
    let username = Username::parse(&registration.username)
        .map_err(|error| Problem::invalid("username", error.to_string()))?;
    let device = caller::device(request, &server.settings);
    let source = AttemptSource {
        client: &client,
        device: &device,
    };
    address_limit::check(source, server).await?;
    let outcome = add(&username, &password, source, server).await;
    // A success fills the store, and a refusal tells which names are taken. A failure of the server does not count.
    if !matches!(outcome, Err(Problem::Busy(_) | Problem::Failed(_))) {
        address_limit::count(source, server);
    }
    Ok(RegistrationAnswer::Created(Json(Registered {
        sub: outcome?,
        username: username.to_string(),
    })))
}

/// The client at which the user registers: its pages may read the response, and the audit event names
/// it. It is public, so it need not authenticate.
async fn find_client(
    id: Option<String>,
    server: &AuthorizationServer,
) -> Result<client::Model, Problem> {
    let id = id.unwrap_or_else(|| server.settings.default_client.clone());
    let found = client::find(&server.store, &id).await?;
    found
        .filter(|client| !client.confidential && client.disabled_at.is_none())
        .ok_or_else(|| Problem::invalid("client_id", "name a public client of this server"))
}

async fn add(
    username: &Username,
    password: &Secret,
    source: AttemptSource<'_>,
    server: &AuthorizationServer,
) -> Result<Uuid, Problem> {
    let password = Password::new(password.expose());
    let rules = &server.password_rules;
    let hash = server.hasher.hash_chosen(password, username, rules).await;
    let hash = hash.map_err(|error| Problem::of_new_password("password", error))?;
    let cause = source.cause(server);
    let row = user::Model::new(username.as_str(), hash, cause.at);
    let id = row.id;
    match user::insert(&server.store, row, &cause).await {
        Ok(()) => Ok(id),
        Err(InsertError::Taken) => Err(Problem::Conflict("That name is taken.".into())),
        Err(InsertError::Store(error)) => Err(error.into()),
    }
}
