//! The cause of a change: who, when and from where.

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::device::{Device, printable};

/// Who causes a change, when, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The time.
    pub at: Timestamp,
    /// The actor.
    pub actor: Actor,
    /// The device; empty at the command line.
    pub device: Device,
}

/// Who causes a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// An authenticated user.
    User(Uuid),
    /// A client, when its user is not authenticated.
    Client(String),
    /// An operator at the command line, with their login name if there is one.
    Operator(Option<String>),
    /// The server.
    System,
}

impl Actor {
    /// The kind of actor: the value of a column.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Client(_) => "client",
            Self::Operator(_) => "operator",
            Self::System => "system",
        }
    }

    /// The id within the kind.
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
    /// The server itself.
    pub fn system(at: Timestamp) -> Self {
        Self::without_device(Actor::System, at)
    }

    /// An operator at the command line.
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
