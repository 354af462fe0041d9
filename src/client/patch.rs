//! Changes of a client's settings, as JSON merge patches (RFC 7396).

use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::{ClientSettings, InvalidSetting};
use crate::scope;
use crate::web_origin::WebOrigin;

/// The settings to change, by name. An absent setting stays, `null` resets one to its default, a list replaces the
/// list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientPatch(Map<String, Value>);

impl ClientPatch {
    /// Whether the patch names a setting, and the value.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The same patch with one more setting.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }
}

impl From<Map<String, Value>> for ClientPatch {
    fn from(members: Map<String, Value>) -> Self {
        Self(members)
    }
}

impl ClientSettings {
    /// The settings of the client with this id after the patch. The rules are not checked.
    pub fn patched(&self, patch: &ClientPatch, id: &str) -> Result<Self, InvalidSetting> {
        let first_party = match patch.get("first_party") {
            None => self.first_party,
            Some(value) => *value == Value::Bool(true),
        };
        let defaults = Self::new(id).for_first_party(first_party).members();
        let mut members = self.members();
        for (name, value) in &patch.0 {
            let value = match value {
                Value::Null => defaults.get(name).unwrap_or(&Value::Null),
                value => value,
            };
            members.insert(name.clone(), value.clone());
        }
        let read: Result<Self, _> = serde_path_to_error::deserialize(Value::Object(members));
        read.map(Self::normalized)
            .map_err(|error| unreadable(&error))
    }

    /// The same settings with the default scope of a first-party client, or of another one.
    fn for_first_party(self, first_party: bool) -> Self {
        let scope = if first_party { scope::ACCOUNT.name } else { "" };
        Self {
            scope: scope.to_owned(),
            ..self
        }
    }

    /// The same settings with each element of a list once, and origins in the form of [`WebOrigin`].
    fn normalized(mut self) -> Self {
        self.grant_types.sort_unstable();
        self.grant_types.dedup();
        self.scope = unique(self.scope.split(' ').map(str::to_owned)).join(" ");
        self.audience = unique(self.audience.into_iter());
        for origin in &mut self.origins {
            if let Ok(parsed) = WebOrigin::parse(origin) {
                parsed.as_str().clone_into(origin);
            }
        }
        self.origins.sort_unstable();
        self.origins.dedup();
        self.redirect_uris = unique(self.redirect_uris.into_iter());
        self.post_logout_redirect_uris = unique(self.post_logout_redirect_uris.into_iter());
        self
    }
}

fn unique(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut unique = Vec::new();
    for word in words {
        if !unique.contains(&word) {
            unique.push(word);
        }
    }
    unique
}

fn unreadable(error: &serde_path_to_error::Error<serde_json::Error>) -> InvalidSetting {
    let path = error.path().to_string();
    let message = error.inner().to_string();
    // The path of an unknown field is that of its object.
    let unknown = message
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.split('`').next());
    InvalidSetting::new(unknown.unwrap_or(&path).to_owned(), message.clone())
}

/// A name that occurs twice is refused.
impl<'de> Deserialize<'de> for ClientPatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = ClientPatch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ClientPatch, A::Error> {
        let mut members = Map::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom(format_args!("duplicate field `{name}`")));
            }
            members.insert(name, value);
        }
        Ok(ClientPatch(members))
    }
}
