//! The schemas of clients in responses.

use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object};
use uuid::Uuid;

use crate::api::admin::entity_tag;
use crate::client::{ClientSettings, TokenEndpointAuthMethod};
use crate::clock::Timestamp;
use crate::store::client::Model;
use crate::store::client_secret;

/// A client. An absent setting follows the server's settings.
// Generated SDKs have a `Client` of their own, which sends the requests.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ClientInformation {
    /// The `client_id`.
    pub client_id: String,
    /// How the client authenticates, by RFC 7591. `client_secret_basic` also allows `client_secret_post`.
    pub token_endpoint_auth_method: TokenEndpointAuthMethod,
    /// The settings.
    #[oai(flatten)]
    pub settings: ClientSettings,
    /// Time of the registration, in seconds since 1970.
    pub created_at: i64,
    /// Time since when the client gets no tokens, in seconds since 1970.
    pub disabled_at: Option<i64>,
}

/// A registered client.
#[derive(Object)]
pub struct RegisteredClient {
    /// The client.
    #[oai(flatten)]
    pub client: ClientInformation,
    /// The secret of a confidential client. This is the only response that contains it.
    #[oai(skip_serializing_if_is_none)]
    pub client_secret: Option<String>,
}

/// A page of clients, by id.
#[derive(Object)]
pub struct ClientPage {
    /// The clients.
    pub clients: Vec<ClientInformation>,
    /// Cursor of the next page; absent on the last page.
    #[oai(skip_serializing_if_is_none)]
    pub next_cursor: Option<String>,
}

/// The id and times of a client secret.
#[derive(Object)]
pub struct ClientSecret {
    /// Id of the secret.
    pub id: Uuid,
    /// Time of the creation, in seconds since 1970.
    pub created_at: i64,
    /// Time of the expiry, in seconds since 1970; absent: the secret is valid until it is removed.
    #[oai(skip_serializing_if_is_none)]
    pub expires_at: Option<i64>,
}

/// The secrets of a client, oldest first.
#[derive(Object)]
pub struct ClientSecrets {
    /// The secrets.
    pub secrets: Vec<ClientSecret>,
}

#[derive(ApiResponse)]
pub enum ClientListResponse {
    /// A page of clients.
    #[oai(status = 200)]
    Ok(Json<ClientPage>),
}

#[derive(ApiResponse)]
pub enum CreateClientResponse {
    /// The new client and its secret.
    #[oai(status = 201)]
    Created(
        Json<RegisteredClient>,
        /// URL of the client.
        #[oai(header = "Location")]
        String,
        /// Revision of the client, for `If-Match`.
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
pub enum ClientResponse {
    /// The client.
    #[oai(status = 200)]
    Ok(
        Json<ClientInformation>,
        /// Revision of the client, for `If-Match`.
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
pub enum DeleteClientResponse {
    /// The client is deleted, and its sessions are revoked.
    #[oai(status = 204)]
    Deleted,
}

impl From<&Model> for ClientInformation {
    fn from(row: &Model) -> Self {
        Self {
            client_id: row.id.clone(),
            token_endpoint_auth_method: if row.confidential {
                TokenEndpointAuthMethod::ClientSecretBasic
            } else {
                TokenEndpointAuthMethod::None
            },
            settings: row.settings(),
            created_at: row.created_at.as_seconds(),
            disabled_at: row.disabled_at.map(Timestamp::as_seconds),
        }
    }
}

impl From<&Model> for ClientResponse {
    fn from(row: &Model) -> Self {
        Self::Ok(Json(row.into()), entity_tag::of(row.revision))
    }
}

impl From<client_secret::Model> for ClientSecret {
    fn from(row: client_secret::Model) -> Self {
        Self {
            id: row.id,
            created_at: row.created_at.as_seconds(),
            expires_at: row.expires_at.map(Timestamp::as_seconds),
        }
    }
}
