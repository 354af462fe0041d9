//! What has happened: the audit log, searched.

use std::collections::BTreeMap;
use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde_json::Value;
use uuid::Uuid;

use super::Tag;
use super::administrator::Administrator;
use super::page::{self, List};
use crate::api::bearer::Scopes;
use crate::audit::Action;
use crate::clock::Timestamp;
use crate::response::problem::Problem;
use crate::server::AuthorizationServer;
use crate::store::audit_event::{self, AuditFilter};

/// The door.
#[derive(Default)]
pub struct AuditEventsDoor;

/// A page of the audit log, the newest first.
#[derive(Object)]
struct AuditEventPage {
    /// What has happened.
    audit_events: Vec<AuditEvent>,
    /// Names the next page; absent on the last.
    #[oai(skip_serializing_if_is_none)]
    next_cursor: Option<String>,
}

/// Something that happened. What it lacks is absent.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct AuditEvent {
    /// Its id, which orders by time.
    id: Uuid,
    /// When, in RFC 3339.
    at: String,
    /// What, such as `sign_in`.
    action: String,
    /// `success` or `failure`.
    outcome: String,
    /// Who: `user`, `client`, `operator` (somebody at the command line) or `system`.
    actor: String,
    /// Which of them.
    actor_id: Option<String>,
    /// The user whom it concerns.
    user_id: Option<Uuid>,
    /// The client which it concerns.
    client_id: Option<String>,
    /// The session which it concerns.
    session_id: Option<Uuid>,
    /// Where it came from.
    address: Option<String>,
    /// The `User-Agent` there.
    user_agent: Option<String>,
    /// More about it, by name; what there is depends on the action.
    detail: BTreeMap<String, Value>,
}

#[derive(ApiResponse)]
enum ListAnswer {
    /// A page of the audit log.
    #[oai(status = 200)]
    Ok(Json<AuditEventPage>),
}

#[OpenApi]
impl AuditEventsDoor {
    /// Search the audit log
    ///
    /// What has happened, the newest first: sign-ins and refusals, replays, what was ended, and every
    /// change an administrator made.
    #[oai(
        path = "/admin/audit-events",
        method = "get",
        operation_id = "listAuditEvents",
        tag = "Tag::Admin"
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a parameter of the operation"
    )]
    async fn list(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] _administrator: Administrator,
        /// Only what concerns this user.
        user_id: Query<Option<Uuid>>,
        /// Only what concerns this client.
        client_id: Query<Option<String>>,
        /// Only what concerns this session.
        session_id: Query<Option<Uuid>>,
        /// Only this, such as `sign_in_failed`.
        action: Query<Option<String>>,
        /// Only what happened at this time or later, in seconds since 1970.
        since: Query<Option<i64>>,
        /// Only what happened before this time, in seconds since 1970.
        until: Query<Option<i64>>,
        /// How many a page has at most: 1 to 200, 50 unless given.
        limit: Query<Option<i64>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<ListAnswer, Problem> {
        let filter = AuditFilter {
            user_id: user_id.0,
            client_id: client_id.0.as_deref(),
            session_id: session_id.0,
            action: action.0.as_deref().map(parse_action).transpose()?,
            since: time("since", since.0)?,
            until: time("until", until.0)?,
        };
        let limit = page::limit(limit.0)?;
        let list = List::of("audit_events", &filter);
        let before = list.key_as(cursor.0.as_deref())?;
        let rows = audit_event::search(&server.store, filter, before, limit + 1).await?;
        let (rows, next_cursor) = list.page(rows, limit, |row| row.id.to_string());
        Ok(ListAnswer::Ok(Json(AuditEventPage {
            audit_events: rows.into_iter().map(AuditEvent::from).collect(),
            next_cursor,
        })))
    }
}

fn parse_action(name: &str) -> Result<Action, Problem> {
    let found = Action::ALL.into_iter().find(|action| action.name() == name);
    found.ok_or_else(|| {
        let names = Action::ALL.map(Action::name).join(", ");
        Problem::invalid("action", format!("One of {names}."))
    })
}

fn time(field: &str, seconds: Option<i64>) -> Result<Option<Timestamp>, Problem> {
    let parse = |seconds: i64| {
        let micros = seconds.checked_mul(1_000_000).filter(|micros| *micros >= 0);
        let time = micros.map(Timestamp::from_micros);
        time.ok_or_else(|| Problem::invalid(field, "Seconds since 1970."))
    };
    seconds.map(parse).transpose()
}

impl From<audit_event::Model> for AuditEvent {
    fn from(row: audit_event::Model) -> Self {
        let text = |text: String| (!text.is_empty()).then_some(text);
        Self {
            id: row.id,
            at: row.at.precise(),
            action: row.action,
            outcome: row.outcome,
            actor: row.actor_kind,
            actor_id: row.actor_id,
            user_id: row.user_id,
            client_id: row.client_id,
            session_id: row.session_id,
            address: text(row.address),
            user_agent: text(row.user_agent),
            detail: serde_json::from_str(&row.detail).unwrap_or_default(),
        }
    }
}
