//! `jeton audit`: what has happened.

use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Failure, MOST, output};
use crate::audit::Action;
use crate::server::AuthorizationServer;
use crate::store::audit_event::{self, Filter, Model};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List what has happened, the newest first.
    List(List),
}

#[derive(Debug, Args)]
pub struct List {
    /// Only what concerns this user: a name, or the id of one who may be gone.
    #[arg(long, value_name = "USERNAME")]
    user: Option<String>,
    /// Only what concerns this client.
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// Only what concerns this session.
    #[arg(long, value_name = "ID")]
    session: Option<Uuid>,
    /// Only this.
    #[arg(long, value_parser = PossibleValuesParser::new(Action::ALL.map(Action::name)))]
    action: Option<String>,
    /// Only of so long ago at most, such as 24h.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    since: Option<Duration>,
    /// Only what is older than the event with this id: the last of the page before.
    #[arg(long, value_name = "ID")]
    before: Option<Uuid>,
    /// At most so many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=MOST))]
    limit: u64,
    /// Print one JSON object a line, with all that is known.
    #[arg(long)]
    json: bool,
}

impl Command {
    pub async fn run(self, server: &AuthorizationServer) -> Result<(), Failure> {
        let Self::List(list) = self;
        let events = list.search(server).await?;
        if list.json {
            let lines: Vec<String> = events
                .iter()
                .map(|event| object(event).to_string())
                .collect();
            return lines.iter().try_for_each(|line| output::line(line));
        }
        let header = [
            "TIME", "ACTION", "ACTOR", "USER", "CLIENT", "SESSION", "ADDRESS", "DETAIL",
        ];
        output::table(&header, events.into_iter().map(row))
    }
}

impl List {
    async fn search(&self, server: &AuthorizationServer) -> Result<Vec<Model>, Failure> {
        let user_id = match &self.user {
            Some(name) => Some(match name.parse() {
                Ok(id) => id,
                Err(_) => super::user::find(server, name).await?.id,
            }),
            None => None,
        };
        let by_name = |name: &str| Action::ALL.into_iter().find(|action| action.name() == name);
        let filter = Filter {
            user_id,
            client_id: self.client.as_deref(),
            session_id: self.session,
            action: self.action.as_deref().and_then(by_name),
            since: self.since.map(|since| server.clock.now().minus(since)),
            until: None,
        };
        Ok(audit_event::search(&server.store, filter, self.before, self.limit).await?)
    }
}

fn row(event: Model) -> Vec<String> {
    let id = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    let actor = match event.actor_id {
        // The column beside says which.
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

/// The event with what it has; what it lacks is absent.
fn object(event: &Model) -> Value {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let members = [
        ("id", json!(event.id)),
        ("at", json!(event.at.precise())),
        ("action", json!(event.action)),
        ("outcome", json!(event.outcome)),
        ("actor", json!(event.actor_kind)),
        ("actor_id", json!(event.actor_id)),
        ("user_id", json!(event.user_id)),
        ("client_id", json!(event.client_id)),
        ("session_id", json!(event.session_id)),
        ("address", json!(text(&event.address))),
        ("user_agent", json!(text(&event.user_agent))),
        (
            "detail",
            serde_json::from_str(&event.detail).unwrap_or_default(),
        ),
    ];
    let present = members.into_iter().filter(|(_, value)| !value.is_null());
    let named = present.map(|(name, value)| (name.to_owned(), value));
    Value::Object(named.collect::<Map<_, _>>())
}
