//! An audit event.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::action::Action;
use super::cause::Cause;
use crate::device::printable;

/// Maximum bytes of the details: the length of their column.
const DETAIL_LENGTH: usize = 1024;

/// An audit event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The action.
    pub action: Action,
    /// Who caused it, when, and from where.
    pub cause: Cause,
    /// The user that it concerns.
    pub user_id: Option<Uuid>,
    /// The client that it concerns.
    pub client_id: Option<String>,
    /// The session that it concerns.
    pub session_id: Option<Uuid>,
    detail: Map<String, Value>,
}

impl Event {
    /// An event without user, client, session and details.
    pub fn new(action: Action, cause: &Cause) -> Self {
        Self {
            action,
            cause: cause.clone(),
            user_id: None,
            client_id: None,
            session_id: None,
            detail: Map::new(),
        }
    }

    /// Sets the user.
    #[must_use]
    pub fn user(mut self, id: impl Into<Option<Uuid>>) -> Self {
        self.user_id = id.into();
        self
    }

    /// Sets the client.
    #[must_use]
    pub fn client(mut self, id: &str) -> Self {
        self.client_id = Some(id.to_owned());
        self
    }

    /// Sets the session.
    #[must_use]
    pub fn session(mut self, id: Uuid) -> Self {
        self.session_id = Some(id);
        self
    }

    /// Adds a detail, which must not be secret. Long text is cut. A detail that no longer fits is left out.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = match value.into() {
            Value::String(text) => Value::String(printable(&text)),
            other => other,
        };
        self.detail.insert(name.to_owned(), value);
        if self.detail_text().len() > DETAIL_LENGTH {
            self.detail.remove(name);
        }
        self
    }

    /// The details as JSON, at most 1024 bytes.
    pub fn detail_text(&self) -> String {
        serde_json::to_string(&self.detail).unwrap_or_default()
    }

    /// Writes the event to the log.
    pub fn trace(&self) {
        let action = self.action;
        let (actor, device) = (&self.cause.actor, &self.cause.device);
        let (actor_id, detail) = (actor.id(), self.detail_text());
        // tracing requires a constant level.
        macro_rules! log {
            ($level:ident) => {
                tracing::$level!(
                    target: "jeton::audit",
                    event = action.name(),
                    outcome = action.outcome(),
                    actor = actor.kind(),
                    actor_id,
                    user = self.user_id.map(tracing::field::display),
                    client = self.client_id,
                    session = self.session_id.map(tracing::field::display),
                    address = device.address().map(tracing::field::display),
                    user_agent = (!device.user_agent().is_empty()).then(|| device.user_agent()),
                    detail = (!self.detail.is_empty()).then_some(detail),
                    "{}",
                    action.description()
                )
            };
        }
        if action.is_suspicious() {
            log!(warn);
        } else {
            log!(info);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Event {
        let cause = Cause::system(crate::clock::Timestamp::from_micros(0));
        Event::new(Action::SignIn, &cause)
    }

    #[test]
    fn details_are_cut_and_printable_and_valid_json() {
        let event = event()
            .with("distance", 3)
            .with("first", "a\nb")
            .with("second", "\u{1}".repeat(1000))
            .with("third", "é".repeat(1000))
            .with("fourth", "x".repeat(1000))
            .with("fifth", "x".repeat(1000))
            .with("last", true);
        let text = event.detail_text();
        assert!(text.len() <= DETAIL_LENGTH, "{}", text.len());
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["distance"], 3);
        assert_eq!(json["first"], "a\u{fffd}b");
        assert_eq!(json["fourth"].as_str().unwrap().len(), 255);
        assert_eq!(json.get("fifth"), None);
        assert_eq!(json["last"], true);
    }
}
