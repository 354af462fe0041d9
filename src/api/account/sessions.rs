//! A user's own sessions: list and sign-out.

use std::collections::BTreeMap;
use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use uuid::Uuid;

use super::Tag;
use super::signed_in::SignedIn;
use crate::api::bearer::Scopes;
use crate::api::page::PageRequest;
use crate::response::problem::Problem;
use crate::server::AuthorizationServer;
use crate::store::client;
use crate::store::session::{self, ActiveAt, Ending, SessionFilter};
use crate::store::user::{self, Change, UserError};

/// The operations at `/account/sessions`.
#[derive(Default)]
pub struct SessionsApi;

/// A page of your active sessions, the newest sign-in first.
#[derive(Object)]
#[oai(rename = "AccountSessions")]
struct Sessions {
    /// The sessions.
    sessions: Vec<Session>,
    /// Cursor of the next page; absent on the last page.
    #[oai(skip_serializing_if_is_none)]
    next_cursor: Option<String>,
}

/// One sign-in.
#[derive(Object)]
#[oai(rename = "AccountSession")]
struct Session {
    /// The session's id, `sid` in its access tokens.
    id: Uuid,
    /// The client of the sign-in.
    client_id: String,
    /// The client's name.
    client_name: String,
    /// The `User-Agent` of the sign-in.
    user_agent: String,
    /// The IP address of the sign-in.
    address: String,
    /// When the sign-in happened, in seconds since 1970.
    signed_in_at: i64,
    /// When the session was last refreshed, rounded down to the hour but not before the sign-in, in seconds since 1970.
    last_used_at: i64,
    /// When the session expires at the latest, in seconds since 1970.
    expires_at: i64,
    /// Whether this request uses the session.
    current: bool,
}

impl Session {
    fn of(
        row: session::Model,
        client: &client::Model,
        current: Uuid,
        server: &AuthorizationServer,
    ) -> Self {
        let policy = client.policy(&server.settings);
        Self {
            current: row.id == current,
            id: row.id,
            last_used_at: row.last_used_at().as_seconds(),
            expires_at: row.ends_at(&policy).as_seconds(),
            client_name: client.name.clone(),
            client_id: row.client_id,
            user_agent: row.user_agent,
            address: row.address,
            signed_in_at: row.authenticated_at.as_seconds(),
        }
    }
}

/// The number of revoked sessions.
#[derive(Object)]
#[oai(rename = "AccountSessionsEnded")]
struct Ended {
    /// Number of revoked sessions.
    sessions_ended: i64,
}

impl Ended {
    fn sessions(count: u64) -> Self {
        Self {
            sessions_ended: i64::try_from(count).unwrap_or(i64::MAX),
        }
    }
}

#[derive(ApiResponse)]
enum ListAnswer {
    /// A page of your active sessions.
    #[oai(status = 200)]
    Ok(Json<Sessions>),
}

#[derive(ApiResponse)]
enum EndAnswer {
    /// The session is revoked.
    #[oai(status = 204)]
    Ended,
}

#[derive(ApiResponse)]
enum EndAllAnswer {
    /// The sessions are revoked.
    #[oai(status = 200)]
    Ok(Json<Ended>),
}

#[OpenApi]
impl SessionsApi {
    /// List my sessions
    ///
    /// Returns a page of your active sessions, the newest sign-in first.
    #[oai(
        path = "/account/sessions",
        method = "get",
        operation_id = "listAccountSessions",
        tag = "Tag::Account"
    )]
    async fn list(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Account")] signed_in: SignedIn,
        /// Maximum number of entries of a page, 1 to 200. Default: 50.
        limit: Query<Option<i64>>,
        /// `next_cursor` of the previous page.
        cursor: Query<Option<String>>,
    ) -> Result<ListAnswer, Problem> {
        let user_id = signed_in.user.id;
        let cursor = cursor.0.as_deref();
        let page = PageRequest::parse("account/sessions", &user_id, limit.0, cursor)?;
        // Ended sessions would hide active ones if they were read, too.
        let now = ActiveAt::new(server.clock.now(), &server.settings);
        let filter = SessionFilter {
            user_id: Some(user_id),
            client_id: None,
            active: Some((true, now)),
        };
        let search = |before, limit| session::search(&server.store, filter, before, limit);
        let (rows, next_cursor) = page.read(search, |row| row.id.to_string()).await?;
        let clients = client::list(&server.store).await?.into_iter();
        let clients: BTreeMap<_, _> = clients.map(|client| (client.id.clone(), client)).collect();
        let shown = rows.into_iter().filter_map(|row| {
            let client = clients.get(&row.client_id)?;
            Some(Session::of(row, client, signed_in.session_id, &server))
        });
        Ok(ListAnswer::Ok(Json(Sessions {
            sessions: shown.collect(),
            next_cursor,
        })))
    }

    /// Revoke one of my sessions
    ///
    /// Its refresh token is refused from now on. APIs that verify access tokens offline accept them until
    /// they expire or the API reads `/revoked-sessions`.
    #[oai(
        path = "/account/sessions/:id",
        method = "delete",
        operation_id = "endAccountSession",
        tag = "Tag::Account"
    )]
    async fn end(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Account")] signed_in: SignedIn,
        /// The session's id.
        id: Path<Uuid>,
    ) -> Result<EndAnswer, Problem> {
        let found = session::find(&server.store, id.0).await?;
        found
            .filter(|record| record.session.user_id == signed_in.user.id)
            .ok_or(Problem::NotFound)?;
        session::revoke(&server.store, id.0, Ending::SignOut, &signed_in.cause()).await?;
        Ok(EndAnswer::Ended)
    }

    /// Sign out everywhere
    ///
    /// Revokes all your sessions and returns their number. With `keep_current`, this session stays.
    #[oai(
        path = "/account/sessions",
        method = "delete",
        operation_id = "endAccountSessions",
        tag = "Tag::Account"
    )]
    async fn end_all(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Account")] signed_in: SignedIn,
        /// Keep this session.
        keep_current: Query<Option<bool>>,
    ) -> Result<EndAllAnswer, Problem> {
        let keep = keep_current.0.unwrap_or(false);
        let kept_session = keep.then_some(signed_in.session_id);
        let (id, change) = (signed_in.user.id, Change::SignOut { kept_session });
        let ended = match user::change(&server.store, id, change, &signed_in.cause()).await {
            Ok(changed) => changed.sessions_ended,
            Err(UserError::NotFound) => 0,
            Err(error) => return Err(error.into()),
        };
        Ok(EndAllAnswer::Ok(Json(Ended::sessions(ended))))
    }
}
