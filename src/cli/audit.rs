//! `jeton audit`: the audit log.

use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use uuid::Uuid;

use super::{CommandError, MAX_LIMIT, output};
use crate::api::admin::audit_events::AuditEvent;
use crate::api::admin::json;
use crate::audit::Action;
use crate::server::AuthorizationServer;
use crate::store::audit_event::{self, AuditFilter, Model};

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// List events, the newest first.
    List(EventList),
}

#[derive(Debug, Args)]
pub struct EventList {
    /// Only events of this user: a name, or an id, also of a deleted user.
    #[arg(long, value_name = "USERNAME")]
    user: Option<String>,
    /// Only events of this client.
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// Only events of this session.
    #[arg(long, value_name = "ID")]
    session: Option<Uuid>,
    /// Only this kind of event.
    #[arg(long, value_parser = PossibleValuesParser::new(Action::ALL.map(Action::name)))]
    action: Option<String>,
    /// Only events of the last DURATION, such as 24h.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    since: Option<Duration>,
    /// Only events older than DURATION, such as 1h.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    until: Option<Duration>,
    /// Only events older than the one with this id: the last of the previous page.
    #[arg(long, value_name = "ID")]
    before: Option<Uuid>,
    /// Maximum number of events.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=MAX_LIMIT))]
    limit: u64,
    /// Print one JSON object per line, with all fields.
    #[arg(long)]
    json: bool,
}

impl AuditCommand {
    pub async fn run(self, server: &AuthorizationServer) -> Result<(), CommandError> {
        let Self::List(list) = self;
        let events = list.search(server).await?;
        if list.json {
            let events = events.into_iter().map(AuditEvent::from);
            return output::json(events.map(|event| json(&event)));
        }
        let header = [
            "TIME", "ACTION", "ACTOR", "USER", "CLIENT", "SESSION", "ADDRESS", "DETAIL",
        ];
        output::table(&header, events.into_iter().map(row))
    }
}

impl EventList {
    async fn search(&self, server: &AuthorizationServer) -> Result<Vec<Model>, CommandError> {
        let user_id = match &self.user {
            Some(name) => Some(match name.parse() {
                Ok(id) => id,
                Err(_) => super::user::find(server, name).await?.id,
            }),
            None => None,
        };
        let by_name = |name: &str| Action::ALL.into_iter().find(|action| action.name() == name);
        let filter = AuditFilter {
            user_id,
            client_id: self.client.as_deref(),
            session_id: self.session,
            action: self.action.as_deref().and_then(by_name),
            since: self.since.map(|since| server.clock.now().minus(since)),
            until: self.until.map(|until| server.clock.now().minus(until)),
        };
        Ok(audit_event::search(&server.store, filter, self.before, self.limit).await?)
    }
}

fn row(event: Model) -> Vec<String> {
    let id = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    let actor = match event.actor_id {
        // Users and clients have columns of their own.
        Some(name) if event.actor_kind == "operator" => format!("operator {name}"),
        _ => event.actor_kind,
    };
    vec![
        event.at.to_string(),
        event.action,
        actor,
        id(event.user_id),
        event.client_id.unwrap_or_default(),
        id(event.session_id),
        event.address,
        event.detail,
    ]
}
