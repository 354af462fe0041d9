//! A new account, by the person themselves, where that is open to everyone.

use poem::Request;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, types};
use serde::Deserialize;
use uuid::Uuid;

use crate::api::json_body;
use crate::config;
use crate::password::Password;
use crate::response::caller;
use crate::response::cors::on_behalf_of;
use crate::response::problem::Problem;
use crate::secret::Secret;
use crate::server::AuthorizationServer;
use crate::sign_in::{AddressPlace, Asker};
use crate::store::client;
use crate::store::user::{self, InsertError};
use crate::username::Username;

/// A person who wants an account.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub(super) struct Registration {
    /// The name to sign in with. Upper and lower case are the same.
    #[oai(validator(min_length = 1, max_length = 255))]
    username: String,
    /// 15 characters or more of any kind, unless the server is set otherwise, and hard to guess.
    #[serde(deserialize_with = "json_body::password")]
    #[oai(validator(min_length = 1))]
    password: types::Password,
    /// The public client at which they register; the default client if there is one.
    #[serde(default, deserialize_with = "json_body::if_any")]
    client_id: Option<String>,
}

/// A person who has an account.
#[derive(Object)]
pub(super) struct Registered {
    /// The user's id, and the `sub` of their tokens.
    sub: Uuid,
    /// The name to sign in with, in its normal form.
    username: String,
}

#[derive(ApiResponse)]
pub(super) enum RegistrationAnswer {
    /// There is an account now.
    #[oai(status = 201)]
    Created(Json<Registered>),
}

/// Makes an account for whoever asks.
pub(super) async fn register(
    registration: Registration,
    request: &Request,
    server: &AuthorizationServer,
) -> Result<RegistrationAnswer, Problem> {
    let password = Secret::new(registration.password.0);
    if server.settings.account.registration != config::Registration::Open {
        return Err(Problem::Forbidden(
            "Registration is closed. Ask whoever runs this server for an account.".into(),
        ));
    }
    let client = find_client(registration.client_id, server).await?;
    on_behalf_of(&client.id, request);
    let username = Username::parse(&registration.username)
        .map_err(|error| Problem::invalid("username", error.to_string()))?;
    let device = caller::device(request, &server.settings);
    let asker = Asker {
        client: &client,
        device: &device,
    };
    // Given back to those alone who were not looked at: what goes well fills the store, and what does
    // not tells who has an account.
    let place = AddressPlace::take(asker, server).await?;
    let outcome = add(&username, &password, asker, server).await;
    if let Err(Problem::Busy(_) | Problem::Failed(_)) = outcome {
        place.give_back(server);
    }
    Ok(RegistrationAnswer::Created(Json(Registered {
        sub: outcome?,
        username: username.to_string(),
    })))
}

/// The client at which a person registers: its pages may read the answer, and the audit log names it. A
/// public one, which need not prove itself.
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
    asker: Asker<'_>,
    server: &AuthorizationServer,
) -> Result<Uuid, Problem> {
    let password = Password::new(password.expose());
    let rules = &server.password_rules;
    let hash = server.hasher.hash_chosen(password, username, rules).await;
    let hash = hash.map_err(|error| Problem::of_new_password("password", error))?;
    let cause = asker.cause(server);
    let row = user::Model::new(username.as_str(), hash, cause.at);
    let id = row.id;
    match user::insert(&server.store, row, &cause).await {
        Ok(()) => Ok(id),
        Err(InsertError::Taken) => Err(Problem::Conflict("That name is taken.".into())),
        Err(InsertError::Store(error)) => Err(error.into()),
    }
}
