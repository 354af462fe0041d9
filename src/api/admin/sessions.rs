//! Sessions: search, read, revoke.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use uuid::Uuid;

use super::Tag;
use super::administrator::Administrator;
use crate::api::bearer::Scopes;
use crate::api::page::PageRequest;
use crate::clock::Timestamp;
use crate::response::problem::Problem;
use crate::server::AuthorizationServer;
use crate::store::session::{self, ActiveAt, Ending, Model, SessionFilter};

/// The endpoints of all sessions.
#[derive(Default)]
pub struct AdminSessionsApi;

/// A page of sessions, newest first.
#[derive(Object)]
struct SessionPage {
    /// The sessions.
    sessions: Vec<Session>,
    /// Cursor of the next page; absent on the last page.
    #[oai(skip_serializing_if_is_none)]
    next_cursor: Option<String>,
}

/// One sign-in of one user at one client.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Session {
    /// Id of the session, the `sid` of its access tokens.
    id: Uuid,
    /// User that signed in.
    user_id: Uuid,
    /// Client at which the user signed in.
    client_id: String,
    /// Scopes granted at sign-in, separated by spaces.
    scope: String,
    /// Audiences that the access tokens may have.
    audience: Vec<String>,
    /// `User-Agent` of the sign-in.
    user_agent: String,
    /// Address that the sign-in came from.
    address: String,
    /// Time of the sign-in, in seconds since 1970.
    signed_in_at: i64,
    /// Time of the last refresh, rounded down to the hour but not before the sign-in, in seconds since 1970.
    last_used_at: i64,
    /// Time at which the session expires at the latest, in seconds since 1970.
    expires_at: i64,
    /// Time of the revocation, in seconds since 1970.
    ended_at: Option<i64>,
    /// Reason of the revocation: `replay`, `sign_out`, `operator`, `password_change`, `user_disabled`,
    /// `user_deleted`, `client_disabled` or `client_deleted`.
    ended_because: Option<String>,
}

#[derive(ApiResponse)]
enum SessionListResponse {
    /// A page of sessions.
    #[oai(status = 200)]
    Ok(Json<SessionPage>),
}

#[derive(ApiResponse)]
enum SessionResponse {
    /// The session.
    #[oai(status = 200)]
    Ok(Json<Session>),
}

#[derive(ApiResponse)]
enum EndSessionResponse {
    /// The session is revoked, by this request or earlier.
    #[oai(status = 204)]
    Ended,
}

#[OpenApi(prefix_path = "/admin/sessions", tag = "Tag::Admin")]
impl AdminSessionsApi {
    /// Search sessions
    ///
    /// Sessions that match all filters, newest sign-in first.
    #[oai(path = "/", method = "get", operation_id = "listSessions")]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a parameter of the operation"
    )]
    async fn list(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] _administrator: Administrator,
        /// Only sessions of this user.
        user_id: Query<Option<Uuid>>,
        /// Only sessions at this client.
        client_id: Query<Option<String>>,
        /// Only sessions that are neither revoked nor expired, or only the others.
        active: Query<Option<bool>>,
        /// Maximum number of entries of a page, 1 to 200. Default: 50.
        limit: Query<Option<i64>>,
        /// `next_cursor` of the previous page.
        cursor: Query<Option<String>>,
    ) -> Result<SessionListResponse, Problem> {
        // Without the time, which differs from page to page.
        let criteria = (user_id.0, &client_id.0, active.0);
        let page = PageRequest::parse("sessions", &criteria, limit.0, cursor.0.as_deref())?;
        let now = ActiveAt::new(server.clock.now(), &server.settings);
        let filter = SessionFilter {
            user_id: user_id.0,
            client_id: client_id.0.as_deref(),
            active: active.0.map(|active| (active, now)),
        };
        let search = |before, limit| session::search(&server.store, filter, before, limit);
        let (rows, next_cursor) = page.read(search, |row| row.id.to_string()).await?;
        let shown = |row| Session::of(row, &server.settings.issuer);
        Ok(SessionListResponse::Ok(Json(SessionPage {
            sessions: rows.into_iter().map(shown).collect(),
            next_cursor,
        })))
    }

    /// Read a session
    ///
    /// The session, revoked or not.
    #[oai(path = "/:id", method = "get", operation_id = "fetchSession")]
    async fn read(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] _administrator: Administrator,
        /// The session's id.
        id: Path<Uuid>,
    ) -> Result<SessionResponse, Problem> {
        let found = session::find(&server.store, id.0).await?;
        let found = found.ok_or(Problem::NotFound)?;
        let shown = Session::of(found.session, &server.settings.issuer);
        Ok(SessionResponse::Ok(Json(shown)))
    }

    /// End a session
    ///
    /// Its refresh token is refused from now on. APIs that verify access tokens offline accept them until they
    /// expire, or until the API reads the revoked sessions.
    #[oai(path = "/:id", method = "delete", operation_id = "endSession")]
    async fn end(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] administrator: Administrator,
        /// The session's id.
        id: Path<Uuid>,
    ) -> Result<EndSessionResponse, Problem> {
        let found = session::find(&server.store, id.0).await?;
        found.ok_or(Problem::NotFound)?;
        let cause = administrator.cause();
        session::revoke(&server.store, id.0, Ending::Operator, &cause).await?;
        Ok(EndSessionResponse::Ended)
    }
}

impl Session {
    /// The session as the API shows it.
    pub fn of(row: Model, issuer: &str) -> Self {
        Self {
            audience: row.audience(issuer),
            last_used_at: row.last_used_at().as_seconds(),
            id: row.id,
            user_id: row.user_id,
            client_id: row.client_id,
            scope: row.scope,
            user_agent: row.user_agent,
            address: row.address,
            signed_in_at: row.authenticated_at.as_seconds(),
            expires_at: row.expires_at.as_seconds(),
            ended_at: row.revoked_at.map(Timestamp::as_seconds),
            ended_because: row.revocation_reason.map(Ending::name),
        }
    }
}
