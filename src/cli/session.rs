//! `jeton session`: sign-ins.

use clap::{Args, Subcommand};
use uuid::Uuid;

use super::{Failure, MOST, operator, output};
use crate::clock::Timestamp;
use crate::server::AuthorizationServer;
use crate::store::session::{self, Ending, Model};
use crate::store::user::{self, Change};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List sessions, the newest first.
    List {
        /// Only those of this user.
        #[arg(long, value_name = "USERNAME")]
        user: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=MOST))]
        limit: u64,
    },
    /// End a session, or all sessions of a user. A refresh fails at once; access tokens that are
    /// out end within their lifetime.
    Revoke(Revoke),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Revoke {
    /// The session's id.
    id: Option<Uuid>,
    /// All sessions of this user.
    #[arg(long, value_name = "USERNAME")]
    user: Option<String>,
}

impl Command {
    pub async fn run(self, server: &AuthorizationServer) -> Result<(), Failure> {
        match self {
            Self::List { user, limit } => list(server, user, limit).await,
            Self::Revoke(Revoke { id: Some(id), .. }) => revoke(server, id).await,
            Self::Revoke(Revoke { user, .. }) => {
                revoke_all(server, &user.unwrap_or_default()).await
            }
        }
    }
}

async fn list(
    server: &AuthorizationServer,
    username: Option<String>,
    limit: u64,
) -> Result<(), Failure> {
    let user_id = match username {
        Some(name) => Some(super::user::find(server, &name).await?.id),
        None => None,
    };
    let now = server.clock.now();
    let sessions = session::list(&server.store, user_id, limit).await?;
    let rows = sessions.into_iter().map(|session| {
        vec![
            session.id.to_string(),
            session.user_id.to_string(),
            session.client_id.clone(),
            state(&session, now),
            session.generation.to_string(),
            session.authenticated_at.to_string(),
            session.rotated_at.to_string(),
            session.address.clone(),
        ]
    });
    let header = [
        "ID",
        "USER",
        "CLIENT",
        "STATE",
        "REFRESHED",
        "SIGNED IN",
        "LAST USED",
        "ADDRESS",
    ];
    output::table(&header, rows)
}

fn state(session: &Model, now: Timestamp) -> String {
    match (session.revoked_at, session.revocation_reason) {
        (Some(_), Some(why)) => format!("ended ({why:?})"),
        (Some(_), None) => "ended".to_owned(),
        (None, _) if session.expires_at <= now => "expired".to_owned(),
        (None, _) => "active".to_owned(),
    }
}

async fn revoke(server: &AuthorizationServer, id: Uuid) -> Result<(), Failure> {
    let ended = session::revoke(&server.store, id, Ending::Operator, &operator(server)).await?;
    if ended {
        return output::line(&format!("session {id} is ended"));
    }
    match session::find(&server.store, id).await? {
        Some(_) => output::line(&format!("session {id} was over already")),
        None => Err(Failure::new(format!(
            "there is no session {id}; see `jeton session list`"
        ))),
    }
}

async fn revoke_all(server: &AuthorizationServer, username: &str) -> Result<(), Failure> {
    let user = super::user::find(server, username).await?;
    let cause = operator(server);
    let changed = user::change(&server.store, user.id, Change::SignOut, &cause).await?;
    let ended = changed.sessions_ended;
    output::line(&format!("sessions of {} ended: {ended}", user.username))
}
