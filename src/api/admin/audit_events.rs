//! Search in the audit log.

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
use crate::api::bearer::Scopes;
use crate::api::page::PageRequest;
use crate::audit::Action;
use crate::clock::Timestamp;
use crate::response::problem::Problem;
use crate::server::AuthorizationServer;
use crate::store::audit_event::{self, AuditFilter};

/// The endpoint of the audit log.
#[derive(Default)]
pub struct AuditEventsApi;

/// A page of the audit log, newest first.
#[derive(Object)]
struct AuditEventPage {
    /// The events.
    audit_events: Vec<AuditEvent>,
    /// Cursor of the next page; absent on the last page.
    #[oai(skip_serializing_if_is_none)]
    next_cursor: Option<String>,
}

/// An audit event. Absent fields do not apply.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct AuditEvent {
    /// Id of the event; ids sort by time.
    id: Uuid,
    /// Time, in seconds since 1970. Events of one second are in the order of their ids.
    at: i64,
    /// Kind of event, such as `sign_in`.
    action: String,
    /// `success` or `failure`.
    outcome: String,
    /// Cause: `user`, `client`, `operator` (at the command line) or `system`.
    actor: String,
    /// Id of the user or client, or name of the operator, that caused the event.
    actor_id: Option<String>,
    /// User that the event is about.
    user_id: Option<Uuid>,
    /// Client that the event is about.
    client_id: Option<String>,
    /// Session that the event is about.
    session_id: Option<Uuid>,
    /// Address that the request came from.
    address: Option<String>,
    /// `User-Agent` of the request.
    user_agent: Option<String>,
    /// Further details by name; they depend on the action.
    detail: BTreeMap<String, Value>,
}

#[derive(ApiResponse)]
enum AuditEventListResponse {
    /// A page of the audit log.
    #[oai(status = 200)]
    Ok(Json<AuditEventPage>),
}

#[OpenApi]
impl AuditEventsApi {
    /// Search the audit log
    ///
    /// Events, newest first: sign-ins, failed attempts, replays, revoked sessions, and every change by an
    /// administrator.
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
        /// Only events about this user.
        user_id: Query<Option<Uuid>>,
        /// Only events about this client.
        client_id: Query<Option<String>>,
        /// Only events about this session.
        session_id: Query<Option<Uuid>>,
        /// Only events of this kind, such as `sign_in_failed`.
        action: Query<Option<String>>,
        /// Only events at or after this time, in seconds since 1970.
        since: Query<Option<i64>>,
        /// Only events before this time, in seconds since 1970.
        until: Query<Option<i64>>,
        /// Maximum number of entries of a page, 1 to 200. Default: 50.
        limit: Query<Option<i64>>,
        /// `next_cursor` of the previous page.
        cursor: Query<Option<String>>,
    ) -> Result<AuditEventListResponse, Problem> {
        let filter = AuditFilter {
            user_id: user_id.0,
            client_id: client_id.0.as_deref(),
            session_id: session_id.0,
            action: action.0.as_deref().map(parse_action).transpose()?,
            since: time("since", since.0)?,
            until: time("until", until.0)?,
        };
        let search = |before, limit| audit_event::search(&server.store, filter, before, limit);
        let page = PageRequest::parse("audit_events", &filter, limit.0, cursor.0.as_deref())?;
        let (rows, next_cursor) = page.read(search, |row| row.id.to_string()).await?;
        Ok(AuditEventListResponse::Ok(Json(AuditEventPage {
            audit_events: rows.into_iter().map(AuditEvent::from).collect(),
            next_cursor,
        })))
    }
}

fn parse_action(name: &str) -> Result<Action, Problem> {
    let found = Action::ALL.into_iter().find(|action| action.name() == name);
    found.ok_or_else(|| {
        let names = Action::ALL.map(Action::name).join(", ");
        Problem::invalid("action", format!("Must be one of {names}."))
    })
}

fn time(field: &str, seconds: Option<i64>) -> Result<Option<Timestamp>, Problem> {
    let parse = |seconds: i64| {
        let micros = seconds.checked_mul(1_000_000).filter(|micros| *micros >= 0);
        let time = micros.map(Timestamp::from_micros);
        time.ok_or_else(|| Problem::invalid(field, "Must be seconds since 1970."))
    };
    seconds.map(parse).transpose()
}

impl From<audit_event::Model> for AuditEvent {
    fn from(row: audit_event::Model) -> Self {
        let text = |text: String| (!text.is_empty()).then_some(text);
        Self {
            id: row.id,
            at: row.at.as_seconds(),
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
