//! Where each setting came from, and what to say of one that cannot be used.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use config::builder::{ConfigBuilder, DefaultState};
use config::{Config, ConfigError, File, FileFormat, Source as _, Value, ValueKind};
use serde::de::DeserializeOwned;

const SECRETS: [&str; 2] = ["root_secret.value", "bootstrap.admin_password"];

/// Where each setting came from, and what was written there.
pub struct Origins(BTreeMap<String, Origin>);

/// One setting as it was written.
#[derive(Clone)]
pub struct Origin {
    /// The value; `[hidden]` for a secret that is set.
    pub value: String,
    /// `default`, a file, or an environment variable.
    pub from: String,
    given: Value,
}

/// A secret in a file that tends to be committed is refused rather than used.
pub(super) fn refuse_secrets_in(file: &Path) -> Result<(), SettingsError> {
    let place = file.display();
    if let Err(error) = std::fs::read(file) {
        return Err(SettingsError::new(vec![format!(
            "the file {place}, which --config names, cannot be read: {error}"
        )]));
    }
    let alone = build(
        Config::builder().add_source(File::from(file).format(FileFormat::Toml)),
        Some(file),
    )?;
    let given: Vec<String> = SECRETS
        .iter()
        .filter(|name| alone.get_string(name).is_ok_and(|value| !value.is_empty()))
        .map(|name| {
            format!(
                "{name} in {place} is a secret; give it by the environment, {}",
                variable(name)
            )
        })
        .collect();
    if given.is_empty() {
        Ok(())
    } else {
        Err(SettingsError::new(given))
    }
}

/// Reads the sources of `builder`, of which `file` is the only one that a person can get wrong.
pub(super) fn build(
    builder: ConfigBuilder<DefaultState>,
    file: Option<&Path>,
) -> Result<Config, SettingsError> {
    builder.build().map_err(|error| {
        let text = match (error, file) {
            (ConfigError::FileParse { cause, .. }, Some(file)) => {
                format!("{} is not TOML: {cause}", file.display())
            }
            (other, _) => other.to_string(),
        };
        SettingsError::new(vec![text.trim_end().to_owned()])
    })
}

fn variable(name: &str) -> String {
    format!("JETON_{}", name.to_uppercase().replace('.', "__"))
}

impl Origins {
    /// All settings of `merged`; what came from a file came from `file`.
    pub(super) fn collect(merged: &Config, file: Option<&Path>) -> Result<Self, SettingsError> {
        let mut origins = BTreeMap::new();
        let settings = merged
            .collect()
            .map_err(|error| SettingsError::new(vec![error.to_string()]))?;
        for (name, value) in settings {
            flatten(&mut origins, name, value, file);
        }
        Ok(Self(origins))
    }

    /// All settings by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Origin)> {
        self.0.iter().map(|(name, origin)| (name.as_str(), origin))
    }

    /// The setting with its value, its origin, and what would be right.
    #[must_use]
    pub fn complain(&self, name: &str, right: &str) -> String {
        format!("{} {right}", self.show(name))
    }

    /// Settings that are wrong together.
    #[must_use]
    pub fn complain_of_all(&self, names: &[&str], right: &str) -> String {
        let shown: Vec<String> = names.iter().map(|name| self.show(name)).collect();
        format!("{}: {right}", shown.join(", "))
    }

    fn show(&self, name: &str) -> String {
        match self.0.get(name) {
            Some(origin) => format!("{name} = {:?} ({})", origin.value, origin.from),
            None => name.to_owned(),
        }
    }

    /// A complaint about each setting that `known` does not have.
    pub(super) fn unknown(&self, known: &Self) -> Vec<String> {
        self.iter()
            .filter(|(name, _)| !known.0.contains_key(*name))
            .map(|(name, origin)| {
                let from = &origin.from;
                format!(
                    "{name} ({from}): there is no such setting; {}",
                    known.advise(name)
                )
            })
            .collect()
    }

    fn advise(&self, unknown: &str) -> String {
        let bare = |name: &str| name.replace(['.', '_'], "").to_lowercase();
        if let Some(meant) = self.0.keys().find(|name| bare(name) == bare(unknown)) {
            return format!("{meant} is meant ({})", variable(meant));
        }
        let within = |group: &str| {
            let names: Vec<&str> = self
                .0
                .keys()
                .filter_map(|name| name.strip_prefix(group)?.strip_prefix('.'))
                .collect();
            (!names.is_empty()).then(|| format!("in {group} there are {}", names.join(", ")))
        };
        let group = unknown.split('.').next().unwrap_or_default();
        within(group).unwrap_or_else(|| {
            let mut names: Vec<&str> = self
                .0
                .keys()
                .filter_map(|name| name.split('.').next())
                .collect();
            names.dedup();
            format!("there are {}", names.join(", "))
        })
    }

    /// Makes settings of what is known. A value that does not fit is put aside, with a complaint,
    /// so that all that do not fit are told at once.
    pub(super) fn deserialize<T: DeserializeOwned>(
        &self,
        known: &Self,
        wrong: &mut Vec<String>,
    ) -> Result<T, SettingsError> {
        let mut fitting = Self(BTreeMap::new());
        for (name, origin) in self
            .0
            .iter()
            .filter(|(name, _)| known.0.contains_key(*name))
        {
            fitting.0.insert(name.clone(), origin.clone());
        }
        loop {
            let error = match fitting.over(known).and_then(Config::try_deserialize) {
                Ok(settings) => return Ok(settings),
                Err(error) => error,
            };
            let aside = name(&error).and_then(|name| fitting.0.remove_entry(name));
            let Some((name, _)) = aside else {
                return Err(SettingsError::new(vec![error.to_string()]));
            };
            wrong.push(self.complain(&name, &right(&error)));
        }
    }

    fn over(&self, defaults: &Self) -> Result<Config, ConfigError> {
        let mut builder = Config::builder();
        for (name, origin) in defaults.0.iter().chain(&self.0) {
            builder = builder.set_override(name, origin.given.clone())?;
        }
        builder.build()
    }
}

fn name(error: &ConfigError) -> Option<&str> {
    match error {
        ConfigError::At { key, .. } | ConfigError::Type { key, .. } => key.as_deref(),
        ConfigError::NotFound(key) => Some(key),
        _ => None,
    }
}

/// The library's error in our words.
fn right(error: &ConfigError) -> String {
    match error {
        ConfigError::At { error, .. } => right(error),
        ConfigError::Type { expected, .. } if expected.contains("32 bit") => {
            format!("must be a whole number from 0 to {}", u32::MAX)
        }
        ConfigError::Type { expected, .. } if expected.contains("integer") => {
            "must be a whole number, 0 or more".to_owned()
        }
        ConfigError::Type { expected, .. } => format!("must be {expected}"),
        other => other.to_string(),
    }
}

fn flatten(
    origins: &mut BTreeMap<String, Origin>,
    name: String,
    value: Value,
    file: Option<&Path>,
) {
    let origin = value.origin().map(str::to_owned);
    if let ValueKind::Table(table) = value.kind {
        for (key, value) in table {
            flatten(origins, format!("{name}.{key}"), value, file);
        }
        return;
    }
    let from = match (origin.as_deref(), file) {
        (None, _) => "default".to_owned(),
        (Some("the environment"), _) => variable(&name),
        // The library shortens the path, by the directory that it happens to run in.
        (Some(_), Some(file)) => file.display().to_string(),
        (Some(other), None) => other.to_owned(),
    };
    let plain = value.clone().into_string().unwrap_or_default();
    let hidden = holds_secret(&name) && !plain.is_empty();
    let shown = if hidden {
        "[hidden]".to_owned()
    } else {
        without_password(plain)
    };
    origins.insert(
        name,
        Origin {
            value: shown,
            from,
            given: value,
        },
    );
}

/// Whether a value must not be shown: a secret's, and one that stands where only a section can,
/// because it was meant for a secret in there, or may have been.
fn holds_secret(name: &str) -> bool {
    let sections = ["root_secret", "bootstrap", "password", "database"];
    SECRETS.contains(&name) || sections.contains(&name)
}

/// A URL without its password; any other text as it is.
fn without_password(text: String) -> String {
    let parts = text.split_once("://").and_then(|(scheme, rest)| {
        let (user, host) = rest.rsplit_once('@')?;
        let (user, _) = user.split_once(':')?;
        Some(format!("{scheme}://{user}:[hidden]@{host}"))
    });
    let text = parts.unwrap_or(text);
    // Drivers take it there, too.
    let Some((before, rest)) = text.split_once("password=") else {
        return text;
    };
    let after = rest.split_once('&').map_or("", |(_, after)| after);
    format!("{before}password=[hidden]&{after}")
}

/// Settings that cannot be used, each with its name, its origin and what would be right.
#[derive(Debug)]
pub struct SettingsError(Vec<String>);

impl SettingsError {
    /// One complaint a line, in the order of the names.
    #[must_use]
    pub fn new(mut complaints: Vec<String>) -> Self {
        complaints.sort();
        Self(complaints)
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
