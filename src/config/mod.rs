//! Settings: one typed struct, where each value came from, and what would be right instead.

mod check;
mod origins;
mod section;
mod value;

use std::path::{Path, PathBuf};
use std::time::Duration;

use config::{Config, Environment, File, FileFormat};
use serde::Deserialize;

pub use origins::{Origin, Origins, SettingsError};
pub use section::{
    AccessToken, Account, Audit, Bootstrap, Database, Keys, LateRetry, Log, LogFormat, Metrics,
    Password, Registration, RootSecret, RotationDurability, Server, Session, SignIn, Sweep,
};
pub use value::{SecretText, Span};

use crate::database_url::DatabaseUrl;

/// Every setting with its default and its meaning: the text of `config/default.toml`.
pub const DEFAULTS: &str = include_str!("../../config/default.toml");

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
    pub account: Account,
    pub sign_in: SignIn,
    pub metrics: Metrics,
    pub audit: Audit,
    pub sweep: Sweep,
    pub log: Log,
}

/// What Kubernetes tells every container of a namespace that has a service named `jeton`.
fn is_service_link(name: &str) -> bool {
    ["JETON_SERVICE_", "JETON_PORT"]
        .iter()
        .any(|link| name.starts_with(link))
}

impl Settings {
    /// Reads the defaults, the file if one is given, and the environment, in that order.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] with the names of the settings, where they came from and what would be
    /// right.
    pub fn load(file: Option<&Path>) -> Result<(Self, Origins), SettingsError> {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            (!is_service_link(&name)).then(|| (name, value.to_string_lossy().into_owned()))
        });
        Self::load_from(
            file,
            Environment::default().source(Some(variables.collect())),
        )
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
        let defaults = File::from_str(DEFAULTS, FileFormat::Toml);
        let mut given = Config::builder().add_source(defaults.clone());
        if let Some(file) = file {
            origins::refuse_secrets_in(file)?;
            given = given.add_source(File::from(file).format(FileFormat::Toml));
        }
        let environment = environment
            .prefix("JETON")
            .prefix_separator("_")
            .separator("__");
        let given = origins::build(given.add_source(environment), file)?;
        let known = origins::build(Config::builder().add_source(defaults), None)?;
        let origins = Origins::collect(&given, file)?;
        let known = Origins::collect(&known, None)?;
        let mut wrong = origins.unknown(&known);
        let mut settings: Self = origins.deserialize(&known, &mut wrong)?;
        settings.fill_in();
        settings.check(&origins, &mut wrong);
        if wrong.is_empty() {
            Ok((settings, origins))
        } else {
            Err(SettingsError::new(wrong))
        }
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

    /// Where the store is.
    #[must_use]
    pub fn database(&self) -> DatabaseUrl {
        let given = self.database.url.clone();
        given.unwrap_or_else(|| DatabaseUrl::Sqlite(self.data_dir.join("jeton.db")))
    }
}
