//! A change of what is registered of a client: each setting may be kept, set, or given back to the server.

use std::time::Duration;

use super::{AccessTokenFormat, AccessTokenType, LateRetry, Model, RefreshTokenRotation, Settings};
use crate::client::registration::Refused;
use crate::clock::Timestamp;
use crate::scope;

/// What a new client may have that is first-party and of which nothing else is said: its people's own
/// account. To any other, nothing of this server's doors is given, and which APIs there are is not known
/// here; so its tokens say who somebody is, and allow nothing.
const FIRST_PARTY_SCOPE: &str = scope::ACCOUNT;

/// What becomes of one setting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Setting<T> {
    /// It stays as it is.
    #[default]
    Kept,
    /// It becomes what it is for a client of which nothing is said.
    Default,
    /// It becomes this.
    To(T),
}

/// What becomes of each setting of a client; see [`Settings`] for what they mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "`Settings` says what each means")]
pub struct Change {
    pub name: Setting<String>,
    pub first_party: Setting<bool>,
    pub grant_types: Setting<Vec<String>>,
    pub scope: Setting<Vec<String>>,
    pub audience: Setting<Vec<String>>,
    pub access_token_format: Setting<AccessTokenFormat>,
    pub access_token_type: Setting<AccessTokenType>,
    pub access_token_lifetime: Setting<Duration>,
    pub session_lifetime: Setting<Duration>,
    pub session_idle_lifetime: Setting<Duration>,
    pub rotation: Setting<RefreshTokenRotation>,
    pub retry_window: Setting<Duration>,
    pub late_retry: Setting<LateRetry>,
    pub late_retry_spacing: Setting<u32>,
    /// Whether the client gets no tokens; by default it does. To disable a client ends its sessions.
    pub disabled: Setting<bool>,
}

impl<T> Setting<T> {
    /// What the setting becomes that is `own`, or by default `default`.
    fn or(self, own: T, default: impl FnOnce() -> T) -> T {
        match self {
            Self::Kept => own,
            Self::Default => default(),
            Self::To(value) => value,
        }
    }

    /// The same, where the server's own setting is the default.
    fn or_server(self, own: Option<T>) -> Option<T> {
        match self {
            Self::Kept => own,
            Self::Default => None,
            Self::To(value) => Some(value),
        }
    }

    /// For a client that is new: nothing is there to be kept.
    fn anew(self) -> Self {
        match self {
            Self::Kept => Self::Default,
            other => other,
        }
    }
}

impl<T> From<Option<T>> for Setting<T> {
    /// Nothing said: it stays as it is.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Kept, Self::To)
    }
}

impl Change {
    /// The settings of a new client with this id.
    pub(super) fn of_new_client(self, id: &str) -> Settings {
        let change = Self {
            name: self.name.anew(),
            scope: self.scope.anew(),
            ..self
        };
        change.applied_to(Settings::default(), id)
    }

    fn applied_to(self, own: Settings, id: &str) -> Settings {
        let first_party = self.first_party.or(own.first_party, || false);
        let scope = || {
            let by_default = first_party.then(|| FIRST_PARTY_SCOPE.to_owned());
            by_default.into_iter().collect()
        };
        let mut grant_types = self.grant_types.or(own.grant_types, Vec::new);
        grant_types.sort();
        grant_types.dedup();
        Settings {
            name: self.name.or(own.name, || id.to_owned()),
            first_party,
            grant_types,
            scope: each_once(self.scope.or(own.scope, scope)),
            audience: each_once(self.audience.or(own.audience, Vec::new)),
            access_token_format: self.access_token_format.or_server(own.access_token_format),
            access_token_type: self.access_token_type.or_server(own.access_token_type),
            access_token_lifetime: self
                .access_token_lifetime
                .or_server(own.access_token_lifetime),
            session_lifetime: self.session_lifetime.or_server(own.session_lifetime),
            session_idle_lifetime: self
                .session_idle_lifetime
                .or_server(own.session_idle_lifetime),
            rotation: self.rotation.or_server(own.rotation),
            retry_window: self.retry_window.or_server(own.retry_window),
            late_retry: self.late_retry.or_server(own.late_retry),
            late_retry_spacing: self.late_retry_spacing.or_server(own.late_retry_spacing),
        }
    }

    /// The row as the change makes it, if that may be. What was wrong with the row before, and is not
    /// touched, is no reason to refuse the rest: rules have become stricter, and rows have stayed.
    pub(super) fn checked_against(self, before: &Model, now: Timestamp) -> Result<Model, Refused> {
        let disabled = self.disabled.or(before.disabled_at.is_some(), || false);
        let own = Settings::of(before);
        let known = own.check(before.confidential);
        let settings = self.applied_to(own, &before.id);
        let mut wrong = settings.check(before.confidential);
        let row = Model {
            disabled_at: disabled.then(|| before.disabled_at.unwrap_or(now)),
            ..settings.written_to(before.clone())
        };
        let changes = row.changes_since(before);
        let is_touched = |field| changes.iter().any(|(name, _)| *name == field);
        wrong.retain(|invalid| is_touched(invalid.field) || !known.contains(invalid));
        if wrong.is_empty() {
            Ok(row)
        } else {
            Err(Refused::Invalid(wrong))
        }
    }
}

fn each_once(words: Vec<String>) -> Vec<String> {
    let mut once = Vec::new();
    for word in words {
        if !once.contains(&word) {
            once.push(word);
        }
    }
    once
}
