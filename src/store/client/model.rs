//! The row of a client, and its conversion to and from [`ClientSettings`].

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, IntoCondition as _};
use serde::Serialize;
use serde::de::{DeserializeOwned, IntoDeserializer as _};
use serde_json::Value;

use crate::client::{AccessTokenFormat, BROWSER, ClientSettings, GrantType, Policy};
use crate::clock::Timestamp;
use crate::config::Settings;
use crate::scope::{OPENID_SCOPES, Scope};
use crate::secret::random_bytes;
use crate::store::{client_secret, or_issuer};
use crate::web_origin::WebOrigin;

const SECOND: i64 = 1_000_000;

/// A client. Lists are separated by spaces, lifetimes are in microseconds, and a setting that is `None` follows the
/// server's; see [`ClientSettings`] for the meaning of each.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "clients")]
#[expect(missing_docs, reason = "`ClientSettings` says what each setting means")]
pub struct Model {
    /// The `client_id`; never in the form of a user's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub name: String,
    pub first_party: bool,
    pub grant_types: String,
    pub scope: String,
    pub audience: String,
    pub access_token_format: Option<String>,
    pub access_token_type: Option<String>,
    pub access_token_lifetime: Option<i64>,
    pub session_lifetime: Option<i64>,
    pub session_idle_lifetime: Option<i64>,
    pub rotation: Option<String>,
    pub retry_window: Option<i64>,
    pub retry_device: Option<String>,
    pub late_retry: Option<String>,
    pub late_retry_spacing: Option<i64>,
    pub origins: String,
    pub redirect_uris: String,
    pub post_logout_redirect_uris: String,
    pub pkce: Option<String>,
    pub consent: Option<String>,
    /// Whether the client has secrets, see [`client_secret`]; a public client has none.
    pub confidential: bool,
    pub created_at: Timestamp,
    /// The time since when the client gets no tokens.
    pub disabled_at: Option<Timestamp>,
    /// Random, and replaced at each change of the client and its secrets. So no revision is used twice: not after the
    /// client was deleted and registered again, and not after a database has lost its last changes.
    pub revision: i64,
    /// Random bytes, replaced when the client is disabled. Sessions and the client's own tokens carry it and end with it.
    pub epoch: Vec<u8>,
}

/// Secrets refer to their client.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl Related<client_secret::Entity> for Entity {
    /// Of confidential clients only, so that a public client costs no lookup.
    fn to() -> RelationDef {
        let relation = client_secret::Relation::Client.def().rev();
        relation.on_condition(|client, _| {
            let confidential = Expr::col((client, Column::Confidential));
            confidential.eq(true).into_condition()
        })
    }
}

impl ActiveModelBehavior for ActiveModel {}

/// The id is enough in a log.
impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// A public client with the default settings.
    pub fn new(id: &str, created_at: Timestamp) -> Self {
        let blank = Self {
            id: id.to_owned(),
            name: String::new(),
            first_party: false,
            grant_types: String::new(),
            scope: String::new(),
            audience: String::new(),
            access_token_format: None,
            access_token_type: None,
            access_token_lifetime: None,
            session_lifetime: None,
            session_idle_lifetime: None,
            rotation: None,
            retry_window: None,
            retry_device: None,
            late_retry: None,
            late_retry_spacing: None,
            origins: String::new(),
            redirect_uris: String::new(),
            post_logout_redirect_uris: String::new(),
            pkce: None,
            consent: None,
            confidential: false,
            created_at,
            disabled_at: None,
            revision: new_revision(),
            epoch: new_epoch(),
        };
        blank.with_settings(ClientSettings::new(id), created_at)
    }

    /// The settings. Words that this version does not know are left out.
    pub fn settings(&self) -> ClientSettings {
        ClientSettings {
            client_name: self.name.clone(),
            first_party: self.first_party,
            grant_types: words(&self.grant_types).filter_map(parse).collect(),
            scope: self.scope.clone(),
            audience: words(&self.audience).map(str::to_owned).collect(),
            access_token_format: self.access_token_format.as_deref().and_then(parse),
            access_token_type: self.access_token_type.as_deref().and_then(parse),
            access_token_lifetime: self.access_token_lifetime.map(seconds),
            session_lifetime: self.session_lifetime.map(seconds),
            session_idle_lifetime: self.session_idle_lifetime.map(seconds),
            rotation: self.rotation.as_deref().and_then(parse),
            retry_window: self.retry_window.map(seconds),
            retry_device: self.retry_device.as_deref().and_then(parse),
            late_retry: self.late_retry.as_deref().and_then(parse),
            late_retry_spacing: self.late_retry_spacing,
            origins: words(&self.origins).map(str::to_owned).collect(),
            redirect_uris: self.redirect_uris().map(str::to_owned).collect(),
            post_logout_redirect_uris: self
                .post_logout_redirect_uris()
                .map(str::to_owned)
                .collect(),
            pkce: self.pkce.as_deref().and_then(parse),
            consent: self.consent.as_deref().and_then(parse),
            disabled: self.disabled_at.is_some(),
        }
    }

    /// The row with these settings at the time `now`. A new setting does not compile until it is written here.
    pub(super) fn with_settings(self, settings: ClientSettings, now: Timestamp) -> Self {
        let ClientSettings {
            client_name,
            first_party,
            grant_types,
            scope,
            audience,
            access_token_format,
            access_token_type,
            access_token_lifetime,
            session_lifetime,
            session_idle_lifetime,
            rotation,
            retry_window,
            retry_device,
            late_retry,
            late_retry_spacing,
            origins,
            redirect_uris,
            post_logout_redirect_uris,
            pkce,
            consent,
            disabled,
        } = settings;
        let grant_types: Vec<&str> = grant_types.into_iter().map(GrantType::as_str).collect();
        Self {
            name: client_name,
            first_party,
            grant_types: grant_types.join(" "),
            scope,
            audience: audience.join(" "),
            access_token_format: access_token_format.and_then(word),
            access_token_type: access_token_type.and_then(word),
            access_token_lifetime: access_token_lifetime.map(micros),
            session_lifetime: session_lifetime.map(micros),
            session_idle_lifetime: session_idle_lifetime.map(micros),
            rotation: rotation.and_then(word),
            retry_window: retry_window.map(micros),
            retry_device: retry_device.and_then(word),
            late_retry: late_retry.and_then(word),
            late_retry_spacing,
            origins: origins.join(" "),
            redirect_uris: redirect_uris.join(" "),
            post_logout_redirect_uris: post_logout_redirect_uris.join(" "),
            pkce: pkce.and_then(word),
            consent: consent.and_then(word),
            disabled_at: disabled.then(|| self.disabled_at.unwrap_or(now)),
            id: self.id,
            confidential: self.confidential,
            created_at: self.created_at,
            revision: self.revision,
            epoch: self.epoch,
        }
    }

    /// Whether it is the client of browser sessions, which gets no tokens.
    pub fn is_reserved(&self) -> bool {
        self.id == BROWSER
    }

    /// The settings in force: the client's own, or else the server's.
    pub fn policy(&self, server: &Settings) -> Policy {
        Policy::new(&self.settings(), self.confidential, server)
    }

    /// The scopes that users' tokens may have. A client that is not first-party gets none for this server's own APIs,
    /// whatever its row says.
    pub fn scope(&self) -> Scope {
        Scope::from_stored(&self.scope).without_own(|_| !self.first_party)
    }

    /// The scopes that the client's own tokens may have, by the client credentials grant. Those of OpenID Connect are
    /// about a user.
    pub fn own_scope(&self) -> Scope {
        let is_service = self.confidential;
        Scope::from_stored(&self.scope)
            .without_own(|own| !(self.first_party || (own.is_for_services && is_service)))
            .without(&OPENID_SCOPES)
    }

    /// The audiences that the client's tokens may have. Default: `issuer`.
    pub fn audience(&self, issuer: &str) -> Vec<String> {
        or_issuer(&self.audience, issuer)
    }

    /// Whether its access tokens are opaque.
    pub fn has_opaque_tokens(&self) -> bool {
        let format = self.access_token_format.as_deref().and_then(parse);
        format == Some(AccessTokenFormat::Opaque)
    }

    /// The audiences that are registered.
    pub fn registered_audience(&self) -> Vec<&str> {
        words(&self.audience).collect()
    }

    /// Whether the client may use a grant type. A client that is not first-party never has the password grant,
    /// whatever its row says: it "insecurely exposes the credentials of the resource owner to the client",
    /// RFC 9700 §2.4.
    pub fn allows(&self, grant_type: &str) -> bool {
        words(&self.grant_types).any(|own| own == grant_type)
            && (self.first_party || grant_type != GrantType::Password.as_str())
    }

    /// Whether pages of this origin may call the server as this client.
    pub fn has_origin(&self, origin: &WebOrigin) -> bool {
        self.disabled_at.is_none() && words(&self.origins).any(|own| own == origin.as_str())
    }
}

/// A value of the column `revision` that no client had before.
pub(super) fn new_revision() -> i64 {
    i64::from_be_bytes(random_bytes()) & i64::MAX
}

/// The value of a column `epoch` that no client had before.
pub(super) fn new_epoch() -> Vec<u8> {
    random_bytes::<16>().to_vec()
}

pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
}

pub(super) fn parse<T: DeserializeOwned>(word: &str) -> Option<T> {
    let read: Result<T, serde::de::value::Error> = T::deserialize(word.into_deserializer());
    read.ok()
}

fn word(value: impl Serialize) -> Option<String> {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => Some(word),
        _ => None,
    }
}

const fn seconds(micros: i64) -> i64 {
    micros / SECOND
}

const fn micros(seconds: i64) -> i64 {
    seconds.saturating_mul(SECOND)
}
