//! Settings: one typed struct, the source of each value, and error messages for invalid ones.

mod check;
mod environment;
mod listen;
mod listen_address;
mod section;
mod source;
mod text;
mod value;

use std::path::{Path, PathBuf};
use std::time::Duration;

use config::{Config, Environment, File, FileFormat};
use serde::Deserialize;

pub use listen::{Listen, ListenSocket};
pub use listen_address::{ListenAddress, ListenHost, at_port};
pub use section::{
    AccessTokenSettings, AccountSettings, AuditSettings, BootstrapSettings, DatabaseSettings,
    KeySettings, LateRetry, LogFormat, LogSettings, MetricsSettings, PageSettings,
    PasswordSettings, RegistrationPolicy, RetryDevice, RootSecretSettings, RotationDurability,
    ServerSettings, SessionSettings, SignInSettings, SweepSettings, TlsSettings,
};
pub use source::{SettingSource, SettingSources, SettingsError};
pub use value::{SecretText, Span};

use crate::credential;
use crate::database_url::DatabaseUrl;
use crate::private_file;

/// The text of `config/default.toml`: every setting with its default and its meaning.
pub const DEFAULTS: &str = include_str!("../../config/default.toml");

/// Maximum lifetime of access tokens: 30 days, because users forget to sign out of shared devices.
pub const LONGEST_ACCESS_TOKEN: Duration = Duration::from_hours(30 * 24);
/// Maximum retry window.
pub const LONGEST_RETRY_WINDOW: Duration = Duration::from_mins(1);

/// The settings in force. `config/default.toml` describes them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/default.toml describes each setting")]
pub struct Settings {
    pub issuer: String,
    pub data_dir: PathBuf,
    pub default_client: String,
    pub server: ServerSettings,
    pub database: DatabaseSettings,
    pub root_secret: RootSecretSettings,
    pub bootstrap: BootstrapSettings,
    pub access_token: AccessTokenSettings,
    pub session: SessionSettings,
    pub keys: KeySettings,
    pub password: PasswordSettings,
    pub account: AccountSettings,
    pub sign_in: SignInSettings,
    pub page: PageSettings,
    pub metrics: MetricsSettings,
    pub audit: AuditSettings,
    pub sweep: SweepSettings,
    pub log: LogSettings,
}

impl Settings {
    /// Reads the defaults, then `file`, then the environment. A later value replaces an earlier one.
    pub fn load(file: Option<&Path>) -> Result<(Self, SettingSources), SettingsError> {
        let variables = Environment::default().source(Some(environment::variables()));
        Self::load_from(file, variables)
    }

    /// The defaults without file and environment, for tests.
    pub fn defaults() -> Result<Self, SettingsError> {
        let nothing = Environment::default().source(Some(std::collections::HashMap::new()));
        Self::load_from(None, nothing).map(|(settings, _)| settings)
    }

    fn load_from(
        file: Option<&Path>,
        environment: Environment,
    ) -> Result<(Self, SettingSources), SettingsError> {
        let defaults = File::from_str(DEFAULTS, FileFormat::Toml);
        let mut merged = Config::builder().add_source(defaults.clone());
        if let Some(file) = file {
            source::refuse_secrets_in(file)?;
            merged = merged.add_source(File::from(file).format(FileFormat::Toml));
        }
        let environment = environment
            .prefix("JETON")
            .prefix_separator("_")
            .separator("__");
        let merged = source::build(merged.add_source(environment), file)?;
        let known = source::build(Config::builder().add_source(defaults), None)?;
        let sources = SettingSources::collect(&merged, file)?;
        let known = SettingSources::collect(&known, None)?;
        let mut errors = sources.unknown(&known);
        let mut settings: Self = sources.deserialize(&known, &mut errors)?;
        settings.read_url(&sources, &mut errors);
        settings.derive_empty();
        settings.check(&sources, &mut errors);
        if errors.is_empty() {
            Ok((settings, sources))
        } else {
            Err(SettingsError::new(errors))
        }
    }

    /// Reads `database.url_file`.
    fn read_url(&mut self, sources: &SettingSources, errors: &mut Vec<String>) {
        let file = &self.database.url_file;
        if file.as_os_str().is_empty() {
            return;
        }
        if self.database.url.is_some() {
            let names = ["database.url", "database.url_file"];
            errors.push(sources.joint_error(&names, "set one of them"));
            return;
        }
        let text = private_file::read_secret(file).map_err(|error| error.to_string());
        let url = text.and_then(|text| match text.expose().trim() {
            "" => Err("is empty".to_owned()),
            text => DatabaseUrl::parse(text),
        });
        match url {
            Ok(url) => self.database.url = Some(url),
            Err(why) => {
                let hint = credential::hint(file);
                let why = format!("is {}: the file {why}{hint}", file.display());
                errors.push(sources.error("database.url_file", &why));
            }
        }
    }

    /// Derives empty settings from others.
    fn derive_empty(&mut self) {
        if self.issuer.is_empty() {
            self.issuer = self.issuer_of_listener();
        }
        if self.root_secret.file.as_os_str().is_empty() {
            self.root_secret.file = self.data_dir.join("root-secret");
        }
        if self.password.threads == 0 {
            self.password.threads =
                std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        }
    }

    /// The settings of a server whose listener got this port, which matters if `server.listen` has port 0.
    #[must_use]
    pub fn at_port(mut self, port: u16) -> Self {
        let follows_listener = self.issuer == self.issuer_of_listener();
        self.server.listen.set_port(port);
        if follows_listener {
            self.issuer = self.issuer_of_listener();
        }
        self
    }

    /// The URL of the listener, which is the issuer if none is set. Empty if it has only Unix sockets.
    pub fn issuer_of_listener(&self) -> String {
        let scheme = self.server.scheme();
        let address = self.server.listen.address();
        address.map_or_else(String::new, |address| format!("{scheme}://{address}"))
    }

    /// The host of the issuer, without the brackets of an IPv6 address.
    pub fn issuer_host(&self) -> Option<String> {
        let issuer = url::Url::parse(&self.issuer).ok()?;
        let host = issuer.host_str()?;
        Some(host.trim_matches(['[', ']']).to_owned())
    }

    /// The address of the database.
    pub fn database(&self) -> DatabaseUrl {
        let url = self.database.url.clone();
        url.unwrap_or_else(|| DatabaseUrl::Sqlite(self.data_dir.join("jeton.db")))
    }
}
