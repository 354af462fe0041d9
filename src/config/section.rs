//! The sections of the settings.

#![expect(missing_docs, reason = "config/default.toml describes each setting")]

use std::path::PathBuf;

use poem_openapi::Enum;
use serde::{Deserialize, Serialize};

use super::listen::Listen;
use super::value::{self, SecretText, Span};
use crate::database_url::DatabaseUrl;
use crate::device::TrustedProxies;
use crate::web_origin::WebOrigin;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    pub listen: Listen,
    pub insecure_http: bool,
    pub header_read_timeout: Span,
    pub keep_alive_timeout: Span,
    pub request_timeout: Span,
    pub shutdown_timeout: Span,
    pub drain_time: Span,
    pub max_connections: usize,
    pub max_connections_per_address: usize,
    pub clock_tolerance: Span,
    pub body_limit: usize,
    #[serde(deserialize_with = "value::trusted_proxies")]
    pub trusted_proxies: TrustedProxies,
    pub tls: TlsSettings,
}

impl ServerSettings {
    /// The scheme of `listen`.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_on() { "https" } else { "http" }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl TlsSettings {
    /// Whether the listener uses TLS.
    pub fn is_on(&self) -> bool {
        !self.certificate.as_os_str().is_empty()
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSettings {
    #[serde(deserialize_with = "value::database_url")]
    pub url: Option<DatabaseUrl>,
    pub url_file: PathBuf,
    pub connections: u32,
    pub acquire_timeout: Span,
    pub statement_timeout: Span,
    pub rotation_durability: RotationDurability,
}

/// Durability of the write that rotates a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotationDurability {
    /// It survives a crash of the process.
    Relaxed,
    /// It survives a power failure, like a sign-in.
    Strict,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootSecretSettings {
    pub file: PathBuf,
    pub value: SecretText,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BootstrapSettings {
    pub admin_password: SecretText,
    pub admin_password_file: PathBuf,
    #[serde(deserialize_with = "value::web_origin")]
    pub example_api: Option<WebOrigin>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessTokenSettings {
    pub lifetime: Span,
    pub jwt_typ_audiences: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionSettings {
    pub idle_lifetime: Span,
    pub lifetime: Span,
    pub retry_window: Span,
    pub retry_device: RetryDevice,
    pub late_retry: LateRetry,
    pub late_retry_spacing: u32,
    pub retention: Span,
}

/// The devices that get the same response within the retry window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
#[serde(rename_all = "snake_case")]
#[oai(rename_all = "snake_case")]
pub enum RetryDevice {
    /// Every device. The first repetition by another `User-Agent` is written to the audit log.
    Any,
    /// The `User-Agent` that received it before. For another one, it is a late retry.
    Same,
}

impl RetryDevice {
    /// All variants.
    pub const ALL: [Self; 2] = [Self::Any, Self::Same];

    /// The value in settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Same => "same",
        }
    }
}

/// Whether the predecessor of the current refresh token is accepted after the retry window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
#[serde(rename_all = "snake_case")]
#[oai(rename_all = "snake_case")]
pub enum LateRetry {
    /// From the same device always, from another one at one generation within the spacing.
    SameDevice,
    /// At one generation within the spacing, from every device.
    Once,
    /// Never: the strict reading of RFC 9700 §4.14.2.
    Never,
}

impl LateRetry {
    /// All variants.
    pub const ALL: [Self; 3] = [Self::SameDevice, Self::Once, Self::Never];

    /// The value in settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SameDevice => "same_device",
            Self::Once => "once",
            Self::Never => "never",
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySettings {
    pub bits: usize,
    pub rotation_interval: Span,
    pub announce: Span,
    pub jwks_max_age: Span,
    pub refresh_interval: Span,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordSettings {
    pub memory_kib: u32,
    pub iterations: u32,
    pub parallelism: u32,
    pub threads: usize,
    pub queue: usize,
    pub min_length: usize,
    pub min_score: u8,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountSettings {
    pub registration: RegistrationPolicy,
}

/// Whether visitors may create accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationPolicy {
    /// Only administrators add users.
    Closed,
    /// Every visitor may create one.
    Open,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignInSettings {
    pub account_burst: u32,
    pub account_interval: Span,
    pub address_burst: u32,
    pub address_interval: Span,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageSettings {
    pub name: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsSettings {
    pub listen: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditSettings {
    pub retention: Span,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepSettings {
    pub batch: u64,
    pub pause: Span,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSettings {
    pub format: LogFormat,
    pub filter: String,
}

/// Format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `Pretty` on a terminal, else `Json`.
    Auto,
    /// Text with colors.
    Pretty,
    /// One JSON object per line.
    Json,
}
