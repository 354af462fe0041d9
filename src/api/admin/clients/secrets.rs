//! The secrets of confidential clients: several, so that a new one can be handed out before the old one
//! is removed.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use uuid::Uuid;

use super::body::{ClientSecretCreation, seconds};
use super::shape::{ClientSecret, ClientSecrets};
use super::{find, new_secret};
use crate::api::admin::Tag;
use crate::api::admin::administrator::Administrator;
use crate::api::bearer::Scopes;
use crate::api::json_body::JsonBody;
use crate::client::registration::Refused;
use crate::client::secret;
use crate::response::problem::Problem;
use crate::server::AuthorizationServer;
use crate::store::client_secret::{self, MOST, SecretError};

/// The door.
#[derive(Default)]
pub struct ClientSecretsDoor;

/// A secret that was added.
#[derive(Object)]
struct AddedClientSecret {
    /// The secret's id and times.
    #[oai(flatten)]
    secret: ClientSecret,
    /// The secret itself, shown this once; what is kept is its digest.
    client_secret: String,
}

#[derive(ApiResponse)]
enum ListAnswer {
    /// The secrets, without what they are.
    #[oai(status = 200)]
    Ok(Json<ClientSecrets>),
}

#[derive(ApiResponse)]
enum AddAnswer {
    /// The new secret.
    #[oai(status = 201)]
    Created(Json<AddedClientSecret>),
}

#[derive(ApiResponse)]
enum RemoveAnswer {
    /// It proves nothing any more.
    #[oai(status = 204)]
    Removed,
}

#[OpenApi(prefix_path = "/admin/clients", tag = "Tag::Admin")]
impl ClientSecretsDoor {
    /// List a client's secrets
    ///
    /// Their ids and times; a secret itself is never shown again.
    #[oai(
        path = "/:id/secrets",
        method = "get",
        operation_id = "listClientSecrets"
    )]
    async fn list(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] _administrator: Administrator,
        /// The client's id.
        id: Path<String>,
    ) -> Result<ListAnswer, Problem> {
        find(&id.0, &server).await?;
        let rows = client_secret::of_client(&server.store, &id.0).await?;
        Ok(ListAnswer::Ok(Json(ClientSecrets {
            secrets: rows.into_iter().map(ClientSecret::from).collect(),
        })))
    }

    /// Add a secret to a client
    ///
    /// Those that it has stay good, so that nothing stands still while the new one is handed out.
    #[oai(
        path = "/:id/secrets",
        method = "post",
        operation_id = "createClientSecret"
    )]
    async fn add(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] administrator: Administrator,
        /// The client's id.
        id: Path<String>,
        body: JsonBody<ClientSecretCreation>,
    ) -> Result<AddAnswer, Problem> {
        let ClientSecretCreation {
            client_secret,
            expires_in,
        } = body.0;
        let life = expires_in.map(|count| seconds("expires_in", count));
        let new = new_secret(client_secret)?
            .expiring(life.transpose()?)
            .map_err(Refused::from)?;
        find(&id.0, &server).await?;
        let row = secret::add(&id.0, &new, administrator.cause(), &server).await?;
        Ok(AddAnswer::Created(Json(AddedClientSecret {
            secret: row.into(),
            client_secret: new.text().expose().to_owned(),
        })))
    }

    /// Remove a client's secret
    ///
    /// The last one that a client can prove itself by stays: disable the client instead.
    #[oai(
        path = "/:id/secrets/:secret_id",
        method = "delete",
        operation_id = "deleteClientSecret"
    )]
    async fn remove(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] administrator: Administrator,
        /// The client's id.
        id: Path<String>,
        /// The secret's id.
        secret_id: Path<Uuid>,
    ) -> Result<RemoveAnswer, Problem> {
        let (store, cause) = (&server.store, administrator.cause());
        find(&id.0, &server).await?;
        client_secret::remove(store, &id.0, secret_id.0, cause).await?;
        Ok(RemoveAnswer::Removed)
    }
}

impl From<SecretError> for Problem {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::NoClient => Self::Conflict("A public client has no secrets.".into()),
            SecretError::NoSecret => Self::NotFound,
            SecretError::TooMany => Self::Conflict(
                format!("The client has {MOST} secrets already. Remove one that is used no more.")
                    .into(),
            ),
            SecretError::Last => Self::Conflict(
                "It is the last secret that the client can prove itself by. Add another first, or \
                 disable the client instead."
                    .into(),
            ),
            SecretError::Store(error) => error.into(),
        }
    }
}
