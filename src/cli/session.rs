//! `jeton session`: sessions of users.

use clap::{Args, Subcommand};
use serde_json::json;
use uuid::Uuid;

use super::{CommandError, MAX_LIMIT, operator, output};
use crate::api::admin::json;
use crate::api::admin::sessions::Session;
use crate::clock::Timestamp;
use crate::server::AuthorizationServer;
use crate::store::session::{self, ActiveAt, Ending, Model, SessionFilter};
use crate::store::user::{self, Change};

#[derive(Debug, Args)]
pub struct SessionGroup {
    /// Print JSON: one object per line, as in the admin API.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: SessionCommand,
}

#[derive(Debug, Subcommand)]
enum SessionCommand {
    /// List sessions, the newest first.
    List {
        /// Only sessions of this user.
        #[arg(long, value_name = "USERNAME")]
        user: Option<String>,
        /// Only sessions at this client.
        #[arg(long, value_name = "CLIENT_ID")]
        client: Option<String>,
        /// Only active sessions (true), or only ended ones (false).
        #[arg(long, value_name = "BOOL")]
        active: Option<bool>,
        /// Only sessions older than this one: the last of the previous page.
        #[arg(long, value_name = "ID")]
        before: Option<Uuid>,
        /// Maximum number of sessions.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=MAX_LIMIT))]
        limit: u64,
    },
    /// Show a session.
    Show {
        /// The session's id.
        id: Uuid,
    },
    /// Revoke a session, or all sessions of a user. A refresh fails at once; issued access tokens
    /// stay valid until they expire.
    Revoke(SessionsToRevoke),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct SessionsToRevoke {
    /// The session's id.
    id: Option<Uuid>,
    /// All sessions of this user.
    #[arg(long, value_name = "USERNAME")]
    user: Option<String>,
}

impl SessionGroup {
    pub async fn run(self, server: &AuthorizationServer) -> Result<(), CommandError> {
        let json = self.json;
        match self.command {
            SessionCommand::List {
                user,
                client,
                active,
                before,
                limit,
            } => {
                let user_id = match user {
                    Some(name) => Some(super::user::find(server, &name).await?.id),
                    None => None,
                };
                let now = ActiveAt::new(server.clock.now(), &server.settings);
                let filter = SessionFilter {
                    user_id,
                    client_id: client.as_deref(),
                    active: active.map(|active| (active, now)),
                };
                let found = session::search(&server.store, filter, before, limit).await?;
                print(found, json, server)
            }
            SessionCommand::Show { id } => {
                let found = session::find(&server.store, id).await?;
                let found = found.ok_or_else(|| unknown(id))?;
                print(vec![found.session], json, server)
            }
            SessionCommand::Revoke(SessionsToRevoke { id: Some(id), .. }) => {
                revoke(server, id, json).await
            }
            SessionCommand::Revoke(SessionsToRevoke { user, .. }) => {
                revoke_all(server, &user.unwrap_or_default(), json).await
            }
        }
    }
}

fn print(
    sessions: Vec<Model>,
    as_json: bool,
    server: &AuthorizationServer,
) -> Result<(), CommandError> {
    let (now, issuer) = (server.clock.now(), &server.settings.issuer);
    let sessions = sessions.into_iter();
    if as_json {
        return output::json(sessions.map(|row| json(&Session::of(row, issuer))));
    }
    let rows = sessions.map(|session| {
        vec![
            session.id.to_string(),
            session.user_id.to_string(),
            session.client_id.clone(),
            state(&session, now),
            session.authenticated_at.to_string(),
            session.last_used_at().to_string(),
            session.address.clone(),
        ]
    });
    let header = [
        "ID",
        "USER",
        "CLIENT",
        "STATE",
        "SIGNED IN",
        "LAST USED",
        "ADDRESS",
    ];
    output::table(&header, rows)
}

fn state(session: &Model, now: Timestamp) -> String {
    match (session.revoked_at, session.revocation_reason) {
        (Some(_), Some(why)) => format!("revoked ({})", why.name()),
        (Some(_), None) => "revoked".to_owned(),
        (None, _) if session.expires_at <= now => "expired".to_owned(),
        (None, _) => "active".to_owned(),
    }
}

async fn revoke(server: &AuthorizationServer, id: Uuid, as_json: bool) -> Result<(), CommandError> {
    let ended = session::revoke(&server.store, id, Ending::Operator, &operator(server)).await?;
    if !ended && session::find(&server.store, id).await?.is_none() {
        return Err(unknown(id));
    }
    if as_json {
        return output::json([json!({"sessions_ended": u64::from(ended)})]);
    }
    output::line(&if ended {
        format!("session {id} is revoked")
    } else {
        format!("session {id} had already ended")
    })
}

async fn revoke_all(
    server: &AuthorizationServer,
    username: &str,
    as_json: bool,
) -> Result<(), CommandError> {
    let user = super::user::find(server, username).await?;
    let cause = operator(server);
    let changed = user::change(&server.store, user.id, Change::SIGN_OUT, &cause).await?;
    let ended = changed.sessions_ended;
    if as_json {
        return output::json([json!({"sessions_ended": ended})]);
    }
    output::line(&format!("sessions of {} ended: {ended}", user.username))
}

fn unknown(id: Uuid) -> CommandError {
    CommandError::new(format!(
        "there is no session {id}; see `jeton session list`"
    ))
}
