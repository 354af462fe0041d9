//! Changes of a client's settings, as JSON merge patches (RFC 7396).

use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::{ClientSettings, GrantType, InvalidSetting};
use crate::scope::{ACCOUNT, EMAIL, OFFLINE_ACCESS, OPENID, PROFILE, Scope};
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
        let mut members = self.members();
        let after = |name: &str| patch.get(name).or_else(|| members.get(name));
        let scope = default_scope(after("first_party"), after("grant_types"));
        let defaults = Self {
            scope,
            ..Self::new(id)
        };
        let defaults = defaults.members();
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

    /// The same settings with each element of a list once, and origins in the form of [`WebOrigin`]. A malformed scope
    /// stays, so that the rules refuse it.
    fn normalized(mut self) -> Self {
        self.grant_types.sort_unstable();
        self.grant_types.dedup();
        if let Ok(scope) = Scope::parse(&self.scope) {
            self.scope = scope.to_string();
        }
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

/// The default scope of a client with these settings: that of the account API if it is first-party, and those of OpenID
/// Connect if it has the authorization code grant.
fn default_scope(first_party: Option<&Value>, grant_types: Option<&Value>) -> String {
    let granted = grant_types.and_then(Value::as_array);
    let has = |grant_type: GrantType| {
        let mut granted = granted.into_iter().flatten();
        granted.any(|one| one == grant_type.as_str())
    };
    let is_first_party = first_party == Some(&Value::Bool(true));
    let has_code = has(GrantType::AuthorizationCode);
    let scopes = [
        (ACCOUNT.name, is_first_party),
        (OPENID, has_code),
        (PROFILE, has_code),
        (EMAIL, has_code),
        (OFFLINE_ACCESS, has_code && has(GrantType::RefreshToken)),
    ];
    let default = scopes.into_iter().filter(|(_, is_default)| *is_default);
    let default: Vec<&str> = default.map(|(scope, _)| scope).collect();
    default.join(" ")
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
