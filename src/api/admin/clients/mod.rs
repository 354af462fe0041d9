//! Clients: search, register, read, change, delete; their origins.

mod answer;
mod body;
mod secrets;
mod shape;

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;

use self::answer::{ClientAnswer, CreateAnswer, DeleteAnswer, ListAnswer, RegisteredClient};
use self::body::{ClientChange, ClientCreation, NewOrigins, parse_origins};
pub use self::secrets::ClientSecretsDoor;
use self::shape::ClientPage;
pub use self::shape::{Client, ClientSecret};
use super::Tag;
use super::administrator::Administrator;
use super::entity_tag::{self, IfMatch};
use super::page::{self, List};
use crate::api::bearer::Scopes;
use crate::api::json_body::JsonBody;
use crate::client::registration::{Invalid, Refused};
use crate::client::secret::NewSecret;
use crate::client::{add, check_origins, update};
use crate::response::problem::{InvalidField, Problem};
use crate::secret::Secret;
use crate::server::AuthorizationServer;
use crate::store::client::{self, Filter, Whom};
use crate::store::client_origin;

/// The door.
#[derive(Default)]
pub struct ClientsDoor;

#[OpenApi(prefix_path = "/admin/clients", tag = "Tag::Admin")]
impl ClientsDoor {
    /// Search clients
    ///
    /// Those that pass all filters, by id.
    #[oai(path = "/", method = "get", operation_id = "listClients")]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a parameter of the operation"
    )]
    async fn list(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] _administrator: Administrator,
        /// Only those with this in their ids or names. No character has a special meaning.
        search: Query<Option<String>>,
        /// Only those that get no tokens, or only the others.
        disabled: Query<Option<bool>>,
        /// How many a page has at most: 1 to 200, 50 unless given.
        limit: Query<Option<i64>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<ListAnswer, Problem> {
        let filter = Filter {
            part: search.0.as_deref(),
            disabled: disabled.0,
        };
        let limit = page::limit(limit.0)?;
        let list = List::of("clients", &filter);
        let after = list.key(cursor.0.as_deref())?;
        let rows = client::search(&server.store, filter, after.as_deref(), limit + 1).await?;
        let (rows, next_cursor) = list.page(rows, limit, |row| row.id.clone());
        let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        let mut origins = client_origin::of_clients(&server.store, &ids).await?;
        let shown = rows.iter().map(|row| {
            let own = origins.remove(&row.id).unwrap_or_default();
            Client::of(row, own)
        });
        Ok(ListAnswer::Ok(Json(ClientPage {
            clients: shown.collect(),
            next_cursor,
        })))
    }

    /// Register a client
    ///
    /// The secret of a confidential client is in this answer, and never again.
    #[oai(path = "/", method = "post", operation_id = "createClient")]
    async fn create(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] administrator: Administrator,
        body: JsonBody<ClientCreation>,
    ) -> Result<CreateAnswer, Problem> {
        let (new, secret) = body.0.parse()?;
        let row = add(new, administrator.cause(), &server).await?;
        let origins = client_origin::of_client(&server.store, &row.id).await?;
        let place = url::Url::parse(&server.settings.issuer)
            .ok()
            .map(|mut url| {
                if let Ok(mut segments) = url.path_segments_mut() {
                    segments
                        .pop_if_empty()
                        .extend(["admin", "clients", &row.id]);
                }
                url.to_string()
            });
        Ok(CreateAnswer::Created(
            Json(RegisteredClient {
                client: Client::of(&row, origins),
                client_secret: secret.map(|secret| secret.text().expose().to_owned()),
            }),
            place.unwrap_or_default(),
            entity_tag::of(row.revision),
        ))
    }

    /// Read a client
    ///
    /// As it is now, with an `ETag` that names this state; without its secrets.
    #[oai(path = "/:id", method = "get", operation_id = "fetchClient")]
    async fn read(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] _administrator: Administrator,
        /// The client's id.
        id: Path<String>,
    ) -> Result<ClientAnswer, Problem> {
        answer(&find(&id.0, &server).await?, &server).await
    }

    /// Change a client
    ///
    /// What is absent stays; `null` goes back to what holds for a client of which nothing is said. It counts
    /// from the next request of the client on; access tokens that are out stay as they are. To disable a
    /// client ends its sessions.
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
        /// Change only what is as this `ETag` names it.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        body: JsonBody<ClientChange>,
    ) -> Result<ClientAnswer, Problem> {
        let change = body.0.parse()?;
        let before = find(&id.0, &server).await?;
        let whom = whom(&before, &if_match)?;
        let changed = update(whom, change, administrator.cause(), &server).await?;
        answer(&changed.client, &server).await
    }

    /// Delete a client
    ///
    /// It ends the client's sessions.
    #[oai(path = "/:id", method = "delete", operation_id = "deleteClient")]
    async fn delete(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] administrator: Administrator,
        /// The client's id.
        id: Path<String>,
        /// Delete only what is as this `ETag` names it.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
    ) -> Result<DeleteAnswer, Problem> {
        let before = find(&id.0, &server).await?;
        let whom = whom(&before, &if_match)?;
        let removed = client::remove(&server.store, whom, administrator.cause()).await;
        removed.map_err(Refused::from)?;
        Ok(DeleteAnswer::Deleted)
    }

    /// Set a client's origins
    ///
    /// The origins whose pages may read what the client is answered, all of them from now on.
    #[oai(
        path = "/:id/origins",
        method = "put",
        operation_id = "setClientOrigins"
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a parameter of the operation"
    )]
    async fn set_origins(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] administrator: Administrator,
        /// The client's id.
        id: Path<String>,
        /// Change only what is as this `ETag` names it.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        body: JsonBody<NewOrigins>,
    ) -> Result<ClientAnswer, Problem> {
        let origins = parse_origins(&body.0.origins)?;
        check_origins(&origins).map_err(Refused::from)?;
        let before = find(&id.0, &server).await?;
        let whom = whom(&before, &if_match)?;
        let (store, cause) = (&server.store, administrator.cause());
        let replaced = client_origin::replace(store, whom, &origins, cause).await;
        replaced.map_err(Refused::from)?;
        answer(&find(&id.0, &server).await?, &server).await
    }
}

async fn find(id: &str, server: &AuthorizationServer) -> Result<client::Model, Problem> {
    let found = client::find(&server.store, id).await?;
    found.ok_or(Problem::NotFound)
}

/// The client, as long as it is as `If-Match` says.
fn whom<'a>(row: &'a client::Model, if_match: &IfMatch) -> Result<Whom<'a>, Problem> {
    if_match.check(row.revision)?;
    Ok(if if_match.is_there() {
        Whom::as_of(row)
    } else {
        row.id.as_str().into()
    })
}

async fn answer(
    row: &client::Model,
    server: &AuthorizationServer,
) -> Result<ClientAnswer, Problem> {
    let origins = client_origin::of_client(&server.store, &row.id).await?;
    let tag = entity_tag::of(row.revision);
    Ok(ClientAnswer::Ok(Json(Client::of(row, origins)), tag))
}

/// A secret that was brought along, or one that is made here.
fn new_secret(given: Option<poem_openapi::types::Password>) -> Result<NewSecret, Problem> {
    match given {
        None => Ok(NewSecret::random()),
        Some(text) => Ok(NewSecret::given(Secret::new(text.0)).map_err(Refused::from)?),
    }
}

impl From<Refused> for Problem {
    fn from(why: Refused) -> Self {
        match why {
            Refused::Invalid(fields) => Self::Invalid(fields.into_iter().map(Into::into).collect()),
            Refused::Taken => Self::Conflict("Another client has that id.".into()),
            Refused::Unknown => Self::NotFound,
            Refused::Stale => Self::PreconditionFailed,
            Refused::Store(error) => error.into(),
        }
    }
}

impl From<Invalid> for InvalidField {
    fn from(invalid: Invalid) -> Self {
        Self {
            field: invalid.field.to_owned(),
            detail: invalid.message,
        }
    }
}
