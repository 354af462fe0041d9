//! Clients: search, register, read, change, delete.

mod body;
mod schema;
mod secrets;

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::Password;

use self::body::{ClientChange, ClientCreation, WithSettings};
pub use self::schema::{ClientInformation, ClientSecret};
use self::schema::{
    ClientListResponse, ClientPage, ClientResponse, CreateClientResponse, DeleteClientResponse,
    RegisteredClient,
};
pub use self::secrets::ClientSecretsApi;
use super::Tag;
use super::administrator::Administrator;
use super::entity_tag::{self, IfMatch};
use crate::api::bearer::Scopes;
use crate::api::json_body::JsonBody;
use crate::api::page::PageRequest;
use crate::client::secret::NewSecret;
use crate::client::{ClientPatch, InvalidSetting};
use crate::maintenance::ended_clients;
use crate::response::problem::{InvalidField, Problem};
use crate::secret::Secret;
use crate::server::AuthorizationServer;
use crate::store::Target;
use crate::store::client::{self, ClientError, ClientFilter};

/// The endpoints of clients.
#[derive(Default)]
pub struct ClientsApi;

#[OpenApi(prefix_path = "/admin/clients", tag = "Tag::Admin")]
impl ClientsApi {
    /// Search clients
    ///
    /// Clients that match all filters, by id.
    #[oai(path = "/", method = "get", operation_id = "listClients")]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a parameter of the operation"
    )]
    async fn list(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] _administrator: Administrator,
        /// Only clients with this text in the id or the name. No character has a special meaning.
        search: Query<Option<String>>,
        /// Only clients that are disabled, or only the others.
        disabled: Query<Option<bool>>,
        /// Maximum number of entries of a page, 1 to 200. Default: 50.
        limit: Query<Option<i64>>,
        /// `next_cursor` of the previous page.
        cursor: Query<Option<String>>,
    ) -> Result<ClientListResponse, Problem> {
        let filter = ClientFilter {
            part: search.0.as_deref(),
            disabled: disabled.0,
        };
        let search = async |after: Option<String>, limit| {
            client::search(&server.store, filter, after.as_deref(), limit).await
        };
        let page = PageRequest::parse("clients", &filter, limit.0, cursor.0.as_deref())?;
        let (rows, next_cursor) = page.read(search, |row| row.id.clone()).await?;
        Ok(ClientListResponse::Ok(Json(ClientPage {
            clients: rows.iter().map(Into::into).collect(),
            next_cursor,
        })))
    }

    /// Register a client
    ///
    /// Only this response contains the secret of a confidential client.
    #[oai(path = "/", method = "post", operation_id = "createClient")]
    async fn create(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] administrator: Administrator,
        body: JsonBody<ClientCreation, WithSettings<ClientCreation>>,
    ) -> Result<CreateClientResponse, Problem> {
        let (new, secret) = body.0.parse()?;
        let row = client::register(&server.store, new, &administrator.cause()).await?;
        let location = url::Url::parse(&server.settings.issuer)
            .ok()
            .map(|mut url| {
                if let Ok(mut segments) = url.path_segments_mut() {
                    segments
                        .pop_if_empty()
                        .extend(["admin", "clients", &row.id]);
                }
                url.to_string()
            });
        Ok(CreateClientResponse::Created(
            Json(RegisteredClient {
                client: (&row).into(),
                client_secret: secret.map(|secret| secret.text().expose().to_owned()),
            }),
            location.unwrap_or_default(),
            entity_tag::of(row.revision),
        ))
    }

    /// Read a client
    ///
    /// The client without its secrets. `ETag` is its revision.
    #[oai(path = "/:id", method = "get", operation_id = "fetchClient")]
    async fn read(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] _administrator: Administrator,
        /// The client's id.
        id: Path<String>,
    ) -> Result<ClientResponse, Problem> {
        Ok((&find(&id.0, &server).await?).into())
    }

    /// Change a client
    ///
    /// A JSON merge patch (RFC 7396): an absent setting stays, `null` resets one to its default, a list replaces the
    /// list. The change applies from the client's next request on; access tokens that were issued before stay as they
    /// are. Disabling a client ends its sessions.
    #[oai(path = "/:id", method = "patch", operation_id = "updateClient")]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a parameter of the operation"
    )]
    async fn update(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] administrator: Administrator,
        /// The client's id.
        id: Path<String>,
        /// Change only the revision that this `ETag` names.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        body: JsonBody<ClientPatch, WithSettings<ClientChange>>,
    ) -> Result<ClientResponse, Problem> {
        let target = Target {
            id: id.0.as_str(),
            revision: if_match.revision(find(&id.0, &server).await?.revision)?,
        };
        let (store, cause) = (&server.store, administrator.cause());
        let updated = client::update(store, target, &body.0, &cause).await?;
        ended_clients::mark_sessions(&server, updated.ended, &cause).await;
        Ok((&updated.client).into())
    }

    /// Delete a client
    ///
    /// Deletes the client and its secrets, and ends its sessions.
    #[oai(path = "/:id", method = "delete", operation_id = "deleteClient")]
    async fn delete(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] administrator: Administrator,
        /// The client's id.
        id: Path<String>,
        /// Delete only the revision that this `ETag` names.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
    ) -> Result<DeleteClientResponse, Problem> {
        let target = Target {
            id: id.0.as_str(),
            revision: if_match.revision(find(&id.0, &server).await?.revision)?,
        };
        let cause = administrator.cause();
        let ended = client::delete(&server.store, target, &cause).await?;
        ended_clients::mark_sessions(&server, Some(ended), &cause).await;
        Ok(DeleteClientResponse::Deleted)
    }
}

async fn find(id: &str, server: &AuthorizationServer) -> Result<client::Model, Problem> {
    let found = client::find(&server.store, id).await?;
    found.ok_or(Problem::NotFound)
}

/// The given secret, or a generated one.
fn new_secret(given: Option<Password>) -> Result<NewSecret, Problem> {
    match given {
        None => Ok(NewSecret::random()),
        Some(text) => Ok(NewSecret::given(Secret::new(text.0))?),
    }
}

impl From<ClientError> for Problem {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Invalid(invalid) => {
                Self::Invalid(invalid.into_iter().map(Into::into).collect())
            }
            ClientError::Taken => Self::Conflict("Another client has that id.".into()),
            ClientError::Reserved => Self::Conflict(
                "jeton:browser is the client of browser sessions: only its session lifetimes can be changed."
                    .into(),
            ),
            ClientError::NotFound => Self::NotFound,
            ClientError::Stale => Self::PreconditionFailed,
            ClientError::Store(error) => error.into(),
        }
    }
}

impl From<InvalidSetting> for Problem {
    fn from(invalid: InvalidSetting) -> Self {
        Self::Invalid(vec![invalid.into()])
    }
}

impl From<InvalidSetting> for InvalidField {
    fn from(invalid: InvalidSetting) -> Self {
        Self {
            field: invalid.field.into_owned(),
            detail: invalid.message,
        }
    }
}
