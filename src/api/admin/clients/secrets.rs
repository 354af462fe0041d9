//! The secrets of confidential clients. A client may have several, so that a new one can be distributed before the
//! old one is removed.

use std::sync::Arc;
use std::time::Duration;

use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use uuid::Uuid;

use super::body::ClientSecretCreation;
use super::schema::{ClientSecret, ClientSecrets};
use super::{find, new_secret};
use crate::api::admin::Tag;
use crate::api::admin::administrator::Administrator;
use crate::api::bearer::Scopes;
use crate::api::json_body::JsonBody;
use crate::response::problem::Problem;
use crate::server::AuthorizationServer;
use crate::store::client_secret::{self, MAX_SECRETS, SecretError};

/// The endpoints of client secrets.
#[derive(Default)]
pub struct ClientSecretsApi;

/// An added client secret.
#[derive(Object)]
struct AddedClientSecret {
    /// The secret's id and times.
    #[oai(flatten)]
    secret: ClientSecret,
    /// The secret itself. This is the only response that contains it.
    client_secret: String,
}

#[derive(ApiResponse)]
enum ClientSecretListResponse {
    /// Ids and times of the secrets.
    #[oai(status = 200)]
    Ok(Json<ClientSecrets>),
}

#[derive(ApiResponse)]
enum AddClientSecretResponse {
    /// The new secret.
    #[oai(status = 201)]
    Created(Json<AddedClientSecret>),
}

#[derive(ApiResponse)]
enum RemoveClientSecretResponse {
    /// The secret is removed.
    #[oai(status = 204)]
    Removed,
}

#[OpenApi(prefix_path = "/admin/clients", tag = "Tag::Admin")]
impl ClientSecretsApi {
    /// List a client's secrets
    ///
    /// Ids and times of the secrets, oldest first.
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
    ) -> Result<ClientSecretListResponse, Problem> {
        find(&id.0, &server).await?;
        let rows = client_secret::of_client(&server.store, &id.0).await?;
        Ok(ClientSecretListResponse::Ok(Json(ClientSecrets {
            secrets: rows.into_iter().map(ClientSecret::from).collect(),
        })))
    }

    /// Add a secret to a client
    ///
    /// The other secrets stay valid, so that the new one can be distributed without an interruption.
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
    ) -> Result<AddClientSecretResponse, Problem> {
        let ClientSecretCreation {
            client_secret,
            expires_in,
        } = body.0;
        // A negative lifetime is refused like 0.
        let lifetime = expires_in.map(|seconds| u64::try_from(seconds).unwrap_or(0));
        let new = new_secret(client_secret)?.expiring(lifetime.map(Duration::from_secs))?;
        find(&id.0, &server).await?;
        let row = client_secret::add(&server.store, &id.0, &new, &administrator.cause()).await?;
        Ok(AddClientSecretResponse::Created(Json(AddedClientSecret {
            secret: row.into(),
            client_secret: new.text().expose().to_owned(),
        })))
    }

    /// Remove a client's secret
    ///
    /// The last secret that has not expired cannot be removed: disable the client instead.
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
    ) -> Result<RemoveClientSecretResponse, Problem> {
        let (store, cause) = (&server.store, administrator.cause());
        find(&id.0, &server).await?;
        client_secret::remove(store, &id.0, secret_id.0, &cause).await?;
        Ok(RemoveClientSecretResponse::Removed)
    }
}

impl From<SecretError> for Problem {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::NoClient => Self::Conflict("A public client has no secrets.".into()),
            SecretError::NoSecret => Self::NotFound,
            SecretError::TooMany => Self::Conflict(
                format!("The client has {MAX_SECRETS} secrets already. Remove an unused one.")
                    .into(),
            ),
            SecretError::Last => Self::Conflict(
                "It is the client's last valid secret. Add another first, or disable the client."
                    .into(),
            ),
            SecretError::Store(error) => error.into(),
        }
    }
}
