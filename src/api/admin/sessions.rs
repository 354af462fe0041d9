//! Sessions: who is signed in where, and how to end it.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use uuid::Uuid;

use super::Tag;
use super::administrator::Administrator;
use super::page::{self, List};
use crate::api::bearer::Scopes;
use crate::clock::Timestamp;
use crate::response::problem::Problem;
use crate::server::AuthorizationServer;
use crate::store::session::{self, Ending, Filter, Model};

/// The door.
#[derive(Default)]
pub struct AdminSessionsDoor;

/// A page of sessions, the newest first.
#[derive(Object)]
struct SessionPage {
    /// The sessions.
    sessions: Vec<Session>,
    /// Names the next page; absent on the last.
    #[oai(skip_serializing_if_is_none)]
    next_cursor: Option<String>,
}

/// One sign-in of one user at one client.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Session {
    /// Its id, the `sid` of its access tokens.
    id: Uuid,
    /// Who signed in.
    user_id: Uuid,
    /// At which client.
    client_id: String,
    /// What was granted at sign-in, space-separated.
    scope: String,
    /// Whom its access tokens may be for.
    audience: Vec<String>,
    /// How often it was refreshed.
    refreshes: i64,
    /// What the client said it is, at sign-in.
    user_agent: String,
    /// The address that the sign-in came from.
    address: String,
    /// When the person signed in, in seconds since 1970.
    signed_in_at: i64,
    /// When it was last refreshed, in seconds since 1970.
    last_used_at: i64,
    /// When it ends at the latest, or ended, in seconds since 1970.
    expires_at: i64,
    /// When it was ended before its time, in seconds since 1970.
    ended_at: Option<i64>,
    /// Why it was ended: `replay`, `sign_out`, `operator`, `password_change`, `user_disabled`,
    /// `user_deleted`, `client_disabled` or `client_deleted`.
    ended_because: Option<String>,
}

#[derive(ApiResponse)]
enum ListAnswer {
    /// A page of sessions.
    #[oai(status = 200)]
    Ok(Json<SessionPage>),
}

#[derive(ApiResponse)]
enum SessionAnswer {
    /// The session.
    #[oai(status = 200)]
    Ok(Json<Session>),
}

#[derive(ApiResponse)]
enum EndAnswer {
    /// It is over, now or since before.
    #[oai(status = 204)]
    Ended,
}

#[OpenApi(prefix_path = "/admin/sessions", tag = "Tag::Admin")]
impl AdminSessionsDoor {
    /// Search sessions
    ///
    /// Those that pass all filters, the newest sign-in first.
    #[oai(path = "/", method = "get", operation_id = "listSessions")]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a parameter of the operation"
    )]
    async fn list(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] _administrator: Administrator,
        /// Only those of this user.
        user_id: Query<Option<Uuid>>,
        /// Only those at this client.
        client_id: Query<Option<String>>,
        /// Only those that were not ended and have not had their longest life, or only the others.
        active: Query<Option<bool>>,
        /// How many a page has at most: 1 to 200, 50 unless given.
        limit: Query<Option<i64>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<ListAnswer, Problem> {
        let limit = page::limit(limit.0)?;
        // Not by the time, which goes on from page to page.
        let list = List::of("sessions", &(user_id.0, &client_id.0, active.0));
        let before = list.key_as(cursor.0.as_deref())?;
        let filter = Filter {
            user_id: user_id.0,
            client_id: client_id.0.as_deref(),
            over: active.0.map(|active| (!active, server.clock.now())),
        };
        let rows = session::search(&server.store, filter, before, limit + 1).await?;
        let (rows, next_cursor) = list.page(rows, limit, |row| row.id.to_string());
        let shown = |row| Session::of(row, &server.settings.issuer);
        Ok(ListAnswer::Ok(Json(SessionPage {
            sessions: rows.into_iter().map(shown).collect(),
            next_cursor,
        })))
    }

    /// Read a session
    ///
    /// Whether it goes on or is over, and why.
    #[oai(path = "/:id", method = "get", operation_id = "fetchSession")]
    async fn read(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] _administrator: Administrator,
        /// The session's id.
        id: Path<Uuid>,
    ) -> Result<SessionAnswer, Problem> {
        let found = session::find(&server.store, id.0).await?;
        let found = found.ok_or(Problem::NotFound)?;
        let shown = Session::of(found.session, &server.settings.issuer);
        Ok(SessionAnswer::Ok(Json(shown)))
    }

    /// End a session
    ///
    /// Its refresh token is refused from now on. APIs that verify access tokens by themselves take
    /// them until they expire, or until they hear of it.
    #[oai(path = "/:id", method = "delete", operation_id = "endSession")]
    async fn end(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] administrator: Administrator,
        /// The session's id.
        id: Path<Uuid>,
    ) -> Result<EndAnswer, Problem> {
        let found = session::find(&server.store, id.0).await?;
        found.ok_or(Problem::NotFound)?;
        let cause = administrator.cause();
        session::revoke(&server.store, id.0, Ending::Operator, cause).await?;
        Ok(EndAnswer::Ended)
    }
}

impl Session {
    /// The session as the door shows it.
    #[must_use]
    pub fn of(row: Model, issuer: &str) -> Self {
        Self {
            audience: row.audience(issuer),
            id: row.id,
            user_id: row.user_id,
            client_id: row.client_id,
            scope: row.scope,
            refreshes: row.generation,
            user_agent: row.user_agent,
            address: row.address,
            signed_in_at: row.authenticated_at.as_seconds(),
            last_used_at: row.rotated_at.as_seconds(),
            expires_at: row.expires_at.as_seconds(),
            ended_at: row.revoked_at.map(Timestamp::as_seconds),
            ended_because: row.revocation_reason.map(Ending::name),
        }
    }
}
