//! My sessions: where I am signed in, and signing out there.

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
use crate::response::problem::Problem;
use crate::server::AuthorizationServer;
use crate::store::client;
use crate::store::session::{self, Ending};
use crate::store::user::{self, Change, ChangeError, Whom};

/// More than anybody looks through.
const MOST: u64 = 500;

/// The door.
#[derive(Default)]
pub struct SessionsDoor;

/// Where you are signed in, the newest sign-in first.
#[derive(Object)]
#[oai(rename = "AccountSessions")]
struct Sessions {
    /// The sessions.
    sessions: Vec<Session>,
}

/// One sign-in.
#[derive(Object)]
#[oai(rename = "AccountSession")]
struct Session {
    /// Its id, the `sid` of its access tokens.
    id: Uuid,
    /// The client that you signed in at.
    client_id: String,
    /// The client's name.
    client_name: String,
    /// What the client said it is, at sign-in.
    user_agent: String,
    /// The address that you signed in from.
    address: String,
    /// When you signed in, in seconds since 1970.
    signed_in_at: i64,
    /// When it was last refreshed, in seconds since 1970.
    last_used_at: i64,
    /// When it ends at the latest, in seconds since 1970.
    expires_at: i64,
    /// Whether it is the one that you are asking by.
    current: bool,
}

/// What was ended.
#[derive(Object)]
#[oai(rename = "AccountSessionsEnded")]
pub(super) struct Ended {
    /// How many sessions.
    sessions_ended: i64,
}

impl Ended {
    pub(super) fn sessions(count: u64) -> Self {
        Self {
            sessions_ended: i64::try_from(count).unwrap_or(i64::MAX),
        }
    }
}

#[derive(ApiResponse)]
enum ListAnswer {
    /// Where you are signed in.
    #[oai(status = 200)]
    Ok(Json<Sessions>),
}

#[derive(ApiResponse)]
enum EndAnswer {
    /// You are signed out there, now or since before.
    #[oai(status = 204)]
    Ended,
}

#[derive(ApiResponse)]
enum EndAllAnswer {
    /// You are signed out.
    #[oai(status = 200)]
    Ok(Json<Ended>),
}

#[OpenApi]
impl SessionsDoor {
    /// Where am I signed in
    ///
    /// Your living sessions, the newest sign-in first.
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
    ) -> Result<ListAnswer, Problem> {
        let now = server.clock.now();
        let rows = session::list(&server.store, Some(signed_in.user.id), MOST).await?;
        let clients = client::list(&server.store).await?.into_iter();
        let clients: BTreeMap<_, _> = clients.map(|client| (client.id.clone(), client)).collect();
        let epoch = signed_in.user.session_epoch;
        let living = rows.into_iter().filter_map(|row| {
            let client = clients.get(&row.client_id)?;
            let policy = client.policy(&server.settings);
            let lives = row.session_epoch == epoch && client.disabled_at.is_none();
            let expires_at = row.ends_at(&policy).as_seconds();
            (lives && row.is_running(now, &policy)).then(|| Session {
                current: row.id == signed_in.session_id,
                id: row.id,
                client_name: client.name.clone(),
                client_id: row.client_id,
                user_agent: row.user_agent,
                address: row.address,
                signed_in_at: row.authenticated_at.as_seconds(),
                last_used_at: row.rotated_at.as_seconds(),
                expires_at,
            })
        });
        Ok(ListAnswer::Ok(Json(Sessions {
            sessions: living.collect(),
        })))
    }

    /// Sign out there
    ///
    /// Ends one of your sessions: its refresh token is refused from now on. APIs that verify access
    /// tokens by themselves take them until they expire, or until they hear of it.
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
        session::revoke(&server.store, id.0, Ending::SignOut, signed_in.cause()).await?;
        Ok(EndAnswer::Ended)
    }

    /// Sign out everywhere
    ///
    /// Ends all your sessions, and says how many there were; with `keep_current`, all but the one that
    /// you are asking by.
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
        /// Stay signed in here.
        keep_current: Query<Option<bool>>,
    ) -> Result<EndAllAnswer, Problem> {
        let keep = keep_current.0.unwrap_or(false);
        let whom = Whom::from(signed_in.user.id).but(keep.then_some(signed_in.session_id));
        let cause = signed_in.cause();
        let ended = match user::change(&server.store, whom, Change::SignOut, cause).await {
            Ok(changed) => changed.sessions_ended,
            Err(ChangeError::Gone) => 0,
            Err(error) => return Err(error.into()),
        };
        Ok(EndAllAnswer::Ok(Json(Ended::sessions(ended))))
    }
}
