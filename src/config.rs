//! Settings: one typed struct, where each value came from, and what would be right instead.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use config::{Config, ConfigError, Environment, File, FileFormat, Source, Value, ValueKind};
use serde::{Deserialize, Deserializer};

use crate::secret::Secret;

/// Every setting with its default and its meaning: the text of `config/default.toml`.
pub const DEFAULTS: &str = include_str!("../config/default.toml");

/// Access tokens live 30 days at the very most, because people forget to sign out of shared
/// devices.
pub const LONGEST_ACCESS_TOKEN: Duration = Duration::from_hours(30 * 24);
/// The longest time for which the same refresh token may get the same answer.
pub const LONGEST_RETRY_WINDOW: Duration = Duration::from_mins(1);

/// The settings in force. Their meaning and units stand in `config/default.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "config/default.toml says what each setting means"
)]
pub struct Settings {
    pub issuer: String,
    pub data_dir: PathBuf,
    pub default_client: String,
    pub server: Server,
    pub database: Database,
    pub root_secret: RootSecret,
    pub bootstrap: Bootstrap,
    pub access_token: AccessToken,
    pub session: Session,
    pub keys: Keys,
    pub password: Password,
    pub metrics: Metrics,
    pub log: Log,
}

/// `[server]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "config/default.toml says what each setting means"
)]
pub struct Server {
    pub listen: SocketAddr,
    pub header_read_timeout: Span,
    pub request_timeout: Span,
    pub shutdown_timeout: Span,
    pub max_connections: usize,
    pub body_limit: usize,
}

/// `[database]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "config/default.toml says what each setting means"
)]
pub struct Database {
    pub url: String,
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

/// Whether the predecessor of the current refresh token is forgiven after the retry window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LateRetry {
    /// At one generation within the spacing.
    Once,
    /// Never: the strict reading of RFC 9700 §4.14.2.
    Never,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Pretty on a terminal, else JSON.
    Auto,
    /// For people.
    Pretty,
    /// For machines.
    Json,
}

/// A duration, written `"15m"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // humantime alone would take "0" and refuse "0 s" without saying what it wants.
        humantime::parse_duration(&text).map(Self).map_err(|error| {
            serde::de::Error::custom(format!(
                "{text:?} is not a duration ({error}); write a number and a unit, such as \
                 \"10s\", \"15m\", \"12h\" or \"90d\""
            ))
        })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", humantime::format_duration(self.0))
    }
}

/// A setting that is never shown.
#[derive(Clone, Debug)]
pub struct SecretText(pub Secret);

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Secret::new(String::deserialize(deserializer)?)))
    }
}

impl Settings {
    /// Reads the defaults, the file if one is given, and the environment, in that order.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] with the names of the settings, where they came from and what would be
    /// right.
    pub fn load(file: Option<&Path>) -> Result<(Self, Origins), SettingsError> {
        Self::load_from(file, Environment::default())
    }

    /// The defaults alone: what a test starts from.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] when `config/default.toml` is wrong, which a test prevents.
    pub fn defaults() -> Result<Self, SettingsError> {
        let nothing = Environment::default().source(Some(std::collections::HashMap::new()));
        Self::load_from(None, nothing).map(|(settings, _)| settings)
    }

    fn load_from(
        file: Option<&Path>,
        environment: Environment,
    ) -> Result<(Self, Origins), SettingsError> {
        let environment = environment
            .prefix("JETON")
            .prefix_separator("_")
            .separator("__");
        let mut builder = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
        if let Some(file) = file {
            refuse_secrets_in(file)?;
            builder = builder.add_source(File::from(file).format(FileFormat::Toml));
        }
        let merged = builder
            .add_source(environment)
            .build()
            .map_err(|error| SettingsError::read(&error))?;
        let origins = Origins::collect(&merged)?;
        let mut settings: Self = merged
            .try_deserialize()
            .map_err(|error| origins.explain(&error))?;
        settings.fill_in();
        settings.check(&origins)?;
        Ok((settings, origins))
    }

    /// What is empty because it follows from something else.
    fn fill_in(&mut self) {
        if self.issuer.is_empty() {
            self.issuer = format!("http://{}", self.server.listen);
        }
        if self.root_secret.file.as_os_str().is_empty() {
            self.root_secret.file = self.data_dir.join("root-secret");
        }
        if self.password.threads == 0 {
            let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            self.password.threads = cores;
        }
    }

    /// The path of the SQLite file.
    #[must_use]
    pub fn database_path(&self) -> PathBuf {
        match self.database.url.strip_prefix("sqlite:") {
            Some(path) => PathBuf::from(path.strip_prefix("//").unwrap_or(path)),
            None => self.data_dir.join("jeton.db"),
        }
    }

    fn check(&self, origins: &Origins) -> Result<(), SettingsError> {
        let mut wrong = Vec::new();
        let mut demand = |holds: bool, name: &str, right: &str| {
            if !holds {
                wrong.push(origins.complain(name, right));
            }
        };
        let seconds = Duration::from_secs;
        demand(
            is_issuer(&self.issuer),
            "issuer",
            "must be an http or https URL without query, fragment or a slash at the end",
        );
        demand(
            self.database.url.is_empty() || self.database.url.starts_with("sqlite:"),
            "database.url",
            "must be empty or begin with sqlite: (this build speaks SQLite only)",
        );
        let lifetime = self.access_token.lifetime.0;
        demand(
            lifetime >= seconds(1) && lifetime <= LONGEST_ACCESS_TOKEN,
            "access_token.lifetime",
            "must be between 1s and 30d: people forget to sign out of shared devices",
        );
        demand(
            self.session.retry_window.0 <= LONGEST_RETRY_WINDOW,
            "session.retry_window",
            "must be between 0s and 60s",
        );
        demand(
            self.session.late_retry_spacing >= 1,
            "session.late_retry_spacing",
            "must be 1 or more",
        );
        demand(
            self.session.lifetime.0 >= seconds(1),
            "session.lifetime",
            "must be 1s or more",
        );
        demand(
            self.session.idle_lifetime.0 >= seconds(1),
            "session.idle_lifetime",
            "must be 1s or more",
        );
        self.check_machinery(&mut demand);
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(SettingsError(wrong))
        }
    }

    fn check_machinery(&self, demand: &mut dyn FnMut(bool, &str, &str)) {
        let seconds = Duration::from_secs;
        demand(
            matches!(self.keys.bits, 2048 | 3072 | 4096),
            "keys.bits",
            "must be 2048, 3072 or 4096",
        );
        demand(
            self.keys.rotation_interval.0 >= seconds(86_400),
            "keys.rotation_interval",
            "must be 1d or more",
        );
        demand(
            self.keys.jwks_max_age.0 <= seconds(86_400),
            "keys.jwks_max_age",
            "must be 1d or less",
        );
        let refresh = self.keys.refresh_interval.0;
        demand(
            refresh >= seconds(1) && refresh <= seconds(300),
            "keys.refresh_interval",
            "must be between 1s and 5m",
        );
        let metrics = &self.metrics.listen;
        demand(
            metrics.is_empty() || metrics.parse::<SocketAddr>().is_ok(),
            "metrics.listen",
            "must be an address and a port, such as 127.0.0.1:9464, or empty",
        );
        demand(
            self.password.threads <= 1024,
            "password.threads",
            "must be 1024 or less",
        );
        demand(
            (1..=100_000).contains(&self.password.queue),
            "password.queue",
            "must be between 1 and 100000",
        );
        demand(
            (1024..=1_048_576).contains(&self.server.body_limit),
            "server.body_limit",
            "must be between 1024 and 1048576 bytes",
        );
        demand(
            self.server.max_connections >= 1,
            "server.max_connections",
            "must be 1 or more",
        );
    }
}

/// "The issuer identifier is a URL that uses the "https" scheme and has no query or fragment
/// components", RFC 8414 §2; http is let through for loopback and test machines.
fn is_issuer(issuer: &str) -> bool {
    url::Url::parse(issuer).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    }) && !issuer.ends_with('/')
}

/// A secret in a file that tends to be committed is refused rather than used.
fn refuse_secrets_in(file: &Path) -> Result<(), SettingsError> {
    let alone = Config::builder()
        .add_source(File::from(file).format(FileFormat::Toml))
        .build()
        .map_err(|error| SettingsError::read(&error))?;
    let given: Vec<String> = SECRETS
        .iter()
        .filter(|name| alone.get_string(name).is_ok_and(|value| !value.is_empty()))
        .map(|name| {
            format!(
                "{name} in {} is a secret; give it by the environment, {}",
                file.display(),
                variable(name)
            )
        })
        .collect();
    if given.is_empty() {
        Ok(())
    } else {
        Err(SettingsError(given))
    }
}

const SECRETS: [&str; 2] = ["root_secret.value", "bootstrap.admin_password"];

fn variable(name: &str) -> String {
    format!("JETON_{}", name.to_uppercase().replace('.', "__"))
}

/// Where each setting came from, and what was written there.
pub struct Origins(BTreeMap<String, Origin>);

/// One setting as it was written.
pub struct Origin {
    /// The value; `[hidden]` for a secret that is set.
    pub value: String,
    /// `default`, a file, or an environment variable.
    pub from: String,
}

impl Origins {
    fn collect(merged: &Config) -> Result<Self, SettingsError> {
        let mut origins = BTreeMap::new();
        for (name, value) in merged
            .collect()
            .map_err(|error| SettingsError::read(&error))?
        {
            flatten(&mut origins, name, &value);
        }
        Ok(Self(origins))
    }

    /// All settings by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Origin)> {
        self.0.iter().map(|(name, origin)| (name.as_str(), origin))
    }

    fn complain(&self, name: &str, right: &str) -> String {
        match self.0.get(name) {
            Some(origin) => format!("{name} = {:?} ({}) {right}", origin.value, origin.from),
            None => format!("{name} {right}"),
        }
    }

    /// The library's error in our words, with the origin that it does not always know.
    fn explain(&self, error: &ConfigError) -> SettingsError {
        let text = match error {
            ConfigError::At {
                error,
                key: Some(key),
                ..
            } => self.complain(key, &format!(": {error}")),
            ConfigError::Type {
                unexpected,
                expected,
                key: Some(key),
                ..
            } => self.complain(key, &format!("is a {unexpected}; it must be {expected}")),
            ConfigError::NotFound(key) => format!("{key} is not set"),
            other => other.to_string(),
        };
        let hint = text
            .split('`')
            .nth(1)
            .filter(|_| text.contains("unknown field"));
        let origin = hint.and_then(|field| {
            self.iter()
                .find(|(name, _)| name.rsplit('.').next() == Some(field))
                .map(|(name, origin)| format!("{name} ({})", origin.from))
        });
        SettingsError(vec![match origin {
            Some(origin) => format!("{origin}: there is no such setting; {text}"),
            None => text,
        }])
    }
}

fn flatten(origins: &mut BTreeMap<String, Origin>, name: String, value: &Value) {
    if let ValueKind::Table(table) = &value.kind {
        for (key, value) in table {
            flatten(origins, format!("{name}.{key}"), value);
        }
        return;
    }
    let from = match value.origin() {
        None => "default".to_owned(),
        Some("the environment") => variable(&name),
        Some(file) => file.to_owned(),
    };
    let plain = value.clone().into_string().unwrap_or_default();
    let hidden = SECRETS.contains(&name.as_str()) && !plain.is_empty();
    let value = if hidden { "[hidden]".to_owned() } else { plain };
    origins.insert(name, Origin { value, from });
}

/// Settings that cannot be used, each with its name, its origin and what would be right.
#[derive(Debug)]
pub struct SettingsError(Vec<String>);

impl SettingsError {
    fn read(error: &ConfigError) -> Self {
        Self(vec![error.to_string()])
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wrong settings:")?;
        for line in &self.0 {
            write!(f, "\n  {line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SettingsError {}
