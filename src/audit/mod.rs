//! The audit log: who did what, when, from where, and how it went. No secret is in it.
//!
//! An [`Event`] becomes a row of the store and an event of the log with the target `jeton::audit`.

mod action;

use serde_json::{Map, Value};
use uuid::Uuid;

pub use action::Action;

use crate::clock::Timestamp;
use crate::device::{Device, printable};

/// The column of the detail holds so many bytes.
const DETAIL: usize = 1024;

/// Who causes something, when, and from where: what every change is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// From where; nowhere at the command line.
    pub device: Device,
}

/// Who causes something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person who is signed in, or has just proved who they are.
    User(Uuid),
    /// A client, when it is not certain who uses it.
    Client(String),
    /// Somebody at the command line, by the name of their login there, if it has one.
    Operator(Option<String>),
    /// The server by itself.
    System,
}

impl Actor {
    /// Which kind: the value of a column.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Client(_) => "client",
            Self::Operator(_) => "operator",
            Self::System => "system",
        }
    }

    /// Which of the kind.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        match self {
            Self::User(id) => Some(id.to_string()),
            Self::Client(id) => Some(id.clone()),
            Self::Operator(name) => name.as_deref().map(printable),
            Self::System => None,
        }
    }
}

impl Cause {
    /// What the server does by itself.
    #[must_use]
    pub fn system(at: Timestamp) -> Self {
        Self::without_device(Actor::System, at)
    }

    /// What somebody does at the command line.
    #[must_use]
    pub fn operator(name: Option<String>, at: Timestamp) -> Self {
        Self::without_device(Actor::Operator(name), at)
    }

    fn without_device(actor: Actor, at: Timestamp) -> Self {
        Self {
            at,
            actor,
            device: Device::default(),
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What.
    pub action: Action,
    /// Who caused it, when, from where.
    pub cause: Cause,
    /// The user whom it concerns.
    pub user_id: Option<Uuid>,
    /// The client which it concerns.
    pub client_id: Option<String>,
    /// The session which it concerns.
    pub session_id: Option<Uuid>,
    detail: Map<String, Value>,
}

impl Event {
    /// An event that concerns nobody yet.
    #[must_use]
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

    /// Concerns this user.
    #[must_use]
    pub fn user(mut self, id: impl Into<Option<Uuid>>) -> Self {
        self.user_id = id.into();
        self
    }

    /// Concerns this client.
    #[must_use]
    pub fn client(mut self, id: &str) -> Self {
        self.client_id = Some(id.to_owned());
        self
    }

    /// Concerns this session.
    #[must_use]
    pub fn session(mut self, id: Uuid) -> Self {
        self.session_id = Some(id);
        self
    }

    /// Adds a detail, which must be no secret. Long text is cut, and what has no room left is left out.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = match value.into() {
            Value::String(text) => Value::String(printable(&text)),
            other => other,
        };
        self.detail.insert(name.to_owned(), value);
        if self.detail_text().len() > DETAIL {
            self.detail.remove(name);
        }
        self
    }

    /// The details as JSON, at most 1024 bytes.
    #[must_use]
    pub fn detail_text(&self) -> String {
        serde_json::to_string(&self.detail).unwrap_or_default()
    }

    /// Tells the log.
    pub fn trace(&self) {
        let action = self.action;
        let (actor, device) = (&self.cause.actor, &self.cause.device);
        let (actor_id, detail) = (actor.id(), self.detail_text());
        // The level of an event must be known when this is compiled.
        macro_rules! tell {
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
                    action.words()
                )
            };
        }
        if action.is_suspicious() {
            tell!(warn);
        } else {
            tell!(info);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Event {
        Event::new(Action::SignIn, &Cause::system(Timestamp::from_micros(0)))
    }

    #[test]
    fn a_detail_is_short_and_harmless_and_stays_json() {
        let event = event()
            .with("distance", 3)
            .with("first", "a\nb")
            .with("second", "\u{1}".repeat(1000))
            .with("third", "é".repeat(1000))
            .with("fourth", "x".repeat(1000))
            .with("fifth", "x".repeat(1000))
            .with("last", true);
        let text = event.detail_text();
        assert!(text.len() <= DETAIL, "{}", text.len());
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["distance"], 3);
        assert_eq!(json["first"], "a\u{fffd}b");
        assert_eq!(json["fourth"].as_str().unwrap().len(), 255);
        assert_eq!(json.get("fifth"), None);
        assert_eq!(json["last"], true);
    }
}
