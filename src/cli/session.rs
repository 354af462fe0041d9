//! `jeton session`: sign-ins.

use clap::{Args, Subcommand};
use serde_json::json;
use uuid::Uuid;

use super::{Failure, MOST, operator, output};
use crate::api::admin::json;
use crate::api::admin::sessions::Session;
use crate::clock::Timestamp;
use crate::server::AuthorizationServer;
use crate::store::session::{self, Ending, Model, SessionFilter};
use crate::store::user::{self, Change};

#[derive(Debug, Args)]
pub struct Group {
    /// Print JSON: one object a line, as the admin API gives it.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List sessions, the newest first.
    List {
        /// Only those of this user.
        #[arg(long, value_name = "USERNAME")]
        user: Option<String>,
        /// Only those at this client.
        #[arg(long, value_name = "CLIENT_ID")]
        client: Option<String>,
        /// Only those that are not over, or only those that are.
        #[arg(long, value_name = "BOOL")]
        active: Option<bool>,
        /// Only those before this one: the last of the page before.
        #[arg(long, value_name = "ID")]
        before: Option<Uuid>,
        /// At most so many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=MOST))]
        limit: u64,
    },
    /// Show a session.
    Show {
        /// The session's id.
        id: Uuid,
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

impl Group {
    pub async fn run(self, server: &AuthorizationServer) -> Result<(), Failure> {
        let json = self.json;
        match self.command {
            Command::List {
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
                let filter = SessionFilter {
                    user_id,
                    client_id: client.as_deref(),
                    over: active.map(|active| (!active, server.clock.now())),
                };
                let found = session::search(&server.store, filter, before, limit).await?;
                print(found, json, server)
            }
            Command::Show { id } => {
                let found = session::find(&server.store, id).await?;
                let found = found.ok_or_else(|| unknown(id))?;
                print(vec![found.session], json, server)
            }
            Command::Revoke(Revoke { id: Some(id), .. }) => revoke(server, id, json).await,
            Command::Revoke(Revoke { user, .. }) => {
                revoke_all(server, &user.unwrap_or_default(), json).await
            }
        }
    }
}

fn print(sessions: Vec<Model>, as_json: bool, server: &AuthorizationServer) -> Result<(), Failure> {
    let (now, issuer) = (server.clock.now(), &server.settings.issuer);
    let mut sessions = sessions.into_iter();
    if as_json {
        return sessions
            .try_for_each(|row| output::line(&json(&Session::of(row, issuer)).to_string()));
    }
    let rows = sessions.map(|session| {
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
        (Some(_), Some(why)) => format!("ended ({})", why.name()),
        (Some(_), None) => "ended".to_owned(),
        (None, _) if session.expires_at <= now => "expired".to_owned(),
        (None, _) => "active".to_owned(),
    }
}

async fn revoke(server: &AuthorizationServer, id: Uuid, as_json: bool) -> Result<(), Failure> {
    let ended = session::revoke(&server.store, id, Ending::Operator, &operator(server)).await?;
    if !ended && session::find(&server.store, id).await?.is_none() {
        return Err(unknown(id));
    }
    if as_json {
        return output::line(&json!({"sessions_ended": u64::from(ended)}).to_string());
    }
    output::line(&if ended {
        format!("session {id} is ended")
    } else {
        format!("session {id} was over already")
    })
}

async fn revoke_all(
    server: &AuthorizationServer,
    username: &str,
    as_json: bool,
) -> Result<(), Failure> {
    let user = super::user::find(server, username).await?;
    let cause = operator(server);
    let changed = user::change(&server.store, user.id, Change::SIGN_OUT, &cause).await?;
    let ended = changed.sessions_ended;
    if as_json {
        return output::line(&json!({"sessions_ended": ended}).to_string());
    }
    output::line(&format!("sessions of {} ended: {ended}", user.username))
}

fn unknown(id: Uuid) -> Failure {
    Failure::new(format!(
        "there is no session {id}; see `jeton session list`"
    ))
}
