//! The sections of the settings; `config/default.toml` says what each setting means.

use std::net::SocketAddr;
use std::path::PathBuf;

use poem_openapi::Enum;
use serde::{Deserialize, Serialize};

use super::value::{self, SecretText, Span};
use crate::database_url::DatabaseUrl;
use crate::device::TrustedProxies;
use crate::web_origin::WebOrigin;

/// `[server]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "config/default.toml says what each setting means"
)]
pub struct Server {
    #[serde(deserialize_with = "value::address")]
    pub listen: SocketAddr,
    pub header_read_timeout: Span,
    pub request_timeout: Span,
    pub shutdown_timeout: Span,
    pub max_connections: usize,
    pub body_limit: usize,
    #[serde(deserialize_with = "value::trusted_proxies")]
    pub trusted_proxies: TrustedProxies,
}

/// `[database]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "config/default.toml says what each setting means"
)]
pub struct Database {
    #[serde(deserialize_with = "value::database_url")]
    pub url: Option<DatabaseUrl>,
    pub connections: u32,
    pub acquire_timeout: Span,
    pub statement_timeout: Span,
    pub rotation_durability: RotationDurability,
}

/// What a rotation of a refresh token must survive before it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotationDurability {
    /// The end of this process.
    Relaxed,
    /// What a sign-in survives.
    Strict,
}

/// `[root_secret]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "config/default.toml says what each setting means"
)]
pub struct RootSecret {
    pub file: PathBuf,
    pub value: SecretText,
}

/// `[bootstrap]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "config/default.toml says what each setting means"
)]
pub struct Bootstrap {
    pub admin_password: SecretText,
    #[serde(deserialize_with = "value::web_origin")]
    pub example_api: Option<WebOrigin>,
}

/// `[access_token]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "config/default.toml says what each setting means"
)]
pub struct AccessToken {
    pub lifetime: Span,
    pub jwt_typ_audiences: String,
}

/// `[session]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "config/default.toml says what each setting means"
)]
pub struct Session {
    pub idle_lifetime: Span,
    pub lifetime: Span,
    pub retry_window: Span,
    pub late_retry: LateRetry,
    pub late_retry_spacing: u32,
    pub retention: Span,
}

/// Whether the predecessor of the current refresh token is accepted after the retry window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
#[serde(rename_all = "snake_case")]
#[oai(rename_all = "snake_case")]
pub enum LateRetry {
    /// At one generation within the spacing.
    Once,
    /// Never: the strict reading of RFC 9700 §4.14.2.
    Never,
}

impl LateRetry {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Once, Self::Never];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Never => "never",
        }
    }

    /// The one with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// `[keys]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "config/default.toml says what each setting means"
)]
pub struct Keys {
    pub bits: usize,
    pub rotation_interval: Span,
    pub jwks_max_age: Span,
    pub refresh_interval: Span,
}

/// `[password]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "config/default.toml says what each setting means"
)]
pub struct Password {
    pub memory_kib: u32,
    pub iterations: u32,
    pub parallelism: u32,
    pub threads: usize,
    pub queue: usize,
    pub min_length: usize,
    pub min_score: u8,
}

/// `[account]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "config/default.toml says what each setting means"
)]
pub struct Account {
    pub registration: Registration,
}

/// Whether people may make accounts for themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Only operators add users.
    Closed,
    /// Anyone may.
    Open,
}

/// `[sign_in]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "config/default.toml says what each setting means"
)]
pub struct SignIn {
    pub account_burst: u32,
    pub account_interval: Span,
    pub address_burst: u32,
    pub address_interval: Span,
}

/// `[metrics]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "config/default.toml says what each setting means"
)]
pub struct Metrics {
    pub listen: String,
}

/// `[audit]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "config/default.toml says what each setting means"
)]
pub struct Audit {
    pub retention: Span,
}

/// `[sweep]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "config/default.toml says what each setting means"
)]
pub struct Sweep {
    pub batch: u64,
    pub pause: Span,
}

/// `[log]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "config/default.toml says what each setting means"
)]
pub struct Log {
    pub format: LogFormat,
    pub filter: String,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Pretty on a terminal, else JSON.
    Auto,
    /// For people.
    Pretty,
    /// For machines.
    Json,
}
