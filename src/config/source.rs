//! The source of each setting, and error messages for settings that cannot be used.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use config::builder::{ConfigBuilder, DefaultState};
use config::{Config, ConfigError, File, FileFormat, Source as _, Value, ValueKind};
use serde::de::DeserializeOwned;

use super::text::{self, SECRETS};

/// All settings by name, each with its source.
pub struct SettingSources(BTreeMap<String, SettingSource>);

/// The value of a setting and its source.
#[derive(Clone)]
pub struct SettingSource {
    /// The value; `[hidden]` for a secret that is set.
    pub value: String,
    /// `default`, a file, or an environment variable.
    pub from: String,
    raw: Value,
}

/// Refuses a file that contains secrets, because such files are often committed.
pub(super) fn refuse_secrets_in(file: &Path) -> Result<(), SettingsError> {
    let path = file.display();
    if let Err(error) = std::fs::read(file) {
        let remedy = match error.kind() {
            ErrorKind::PermissionDenied => "let the user that runs jeton read it",
            _ => "correct the path after --config",
        };
        return Err(SettingsError::new(vec![format!(
            "cannot read the file {path}: {error}; {remedy}"
        )]));
    }
    let settings = build(
        Config::builder().add_source(File::from(file).format(FileFormat::Toml)),
        Some(file),
    )?;
    let is_set = |name: &str| {
        settings
            .get_string(name)
            .is_ok_and(|value| !value.is_empty())
    };
    let errors: Vec<String> = SECRETS
        .iter()
        .filter(|name| is_set(name))
        .map(|name| {
            let variable = variable(name);
            format!("{name} is a secret and must not be in {path}; set it in the environment, {variable}")
        })
        .collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(SettingsError::new(errors))
    }
}

/// Reads the sources of `builder`. Only `file` can have a syntax error.
pub(super) fn build(
    builder: ConfigBuilder<DefaultState>,
    file: Option<&Path>,
) -> Result<Config, SettingsError> {
    builder.build().map_err(|error| {
        let text = match (error, file) {
            (ConfigError::FileParse { cause, .. }, Some(file)) => {
                not_toml(file, &cause.to_string())
            }
            (_, Some(file)) => format!("the settings in {} cannot be read", file.display()),
            (_, None) => "the settings in the environment cannot be read".to_owned(),
        };
        SettingsError::new(vec![text])
    })
}

/// The place of a syntax error. The library's message quotes the line, which may contain a secret.
fn not_toml(file: &Path, cause: &str) -> String {
    let place = cause.lines().next().and_then(|line| {
        let (_, place) = line.split_once("TOML parse error at ")?;
        Some(format!(" at {place}"))
    });
    format!(
        "{} is not TOML{}; write name = \"value\", each section as [section]",
        file.display(),
        place.unwrap_or_default()
    )
}

impl SettingSources {
    /// All settings of `merged`; what came from a file came from `file`.
    pub(super) fn collect(merged: &Config, file: Option<&Path>) -> Result<Self, SettingsError> {
        let mut sources = BTreeMap::new();
        let settings = merged
            .collect()
            .map_err(|_| SettingsError::new(vec!["the settings cannot be read".to_owned()]))?;
        for (name, value) in settings {
            flatten(&mut sources, name, value, file);
        }
        Ok(Self(sources))
    }

    /// All settings by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SettingSource)> {
        self.0.iter().map(|(name, source)| (name.as_str(), source))
    }

    /// An error message with the setting's source and the broken rule. The value was not understood: it may be a
    /// secret in a wrong place, so it is not shown.
    pub fn error(&self, name: &str, rule: &str) -> String {
        match self.0.get(name) {
            Some(source) => format!("{name} ({}) {rule}", source.from),
            None => format!("{name} {rule}"),
        }
    }

    /// An error message with the setting's value, a number or a duration, its source and the broken rule.
    pub(super) fn range_error(&self, name: &str, rule: &str) -> String {
        format!("{} {rule}", self.show(name))
    }

    /// An error message for numbers or durations that break a rule together.
    pub fn joint_error(&self, names: &[&str], rule: &str) -> String {
        let shown: Vec<String> = names.iter().map(|name| self.show(name)).collect();
        format!("{}: {rule}", shown.join(", "))
    }

    fn show(&self, name: &str) -> String {
        match self.0.get(name) {
            Some(source) => format!("{name} = {:?} ({})", source.value, source.from),
            None => name.to_owned(),
        }
    }

    /// An error message for each setting that is not in `known`.
    pub(super) fn unknown(&self, known: &Self) -> Vec<String> {
        self.iter()
            .filter(|(name, _)| !known.0.contains_key(*name))
            .map(|(name, source)| {
                let (from, advice) = (&source.from, known.advise(name));
                format!("{name} ({from}) is not a setting; {advice}")
            })
            .collect()
    }

    fn advise(&self, unknown: &str) -> String {
        if let Some(name) = self.nearest(unknown) {
            return format!("did you mean {name} ({})?", variable(name));
        }
        let section = unknown.split('.').next().unwrap_or_default();
        let in_section = |name: &'_ String| {
            let (own, setting) = name.split_once('.')?;
            (own == section).then(|| setting.to_owned())
        };
        let names: Vec<String> = self.0.keys().filter_map(in_section).collect();
        if !names.is_empty() {
            return format!("the settings in {section} are {}", names.join(", "));
        }
        let first = |name: &'_ String| name.split('.').next().map(str::to_owned);
        let mut names: Vec<String> = self.0.keys().filter_map(first).collect();
        names.dedup();
        format!("the settings and sections are {}", names.join(", "))
    }

    /// The setting whose name has the most letters in common with this one, if they are very similar.
    fn nearest(&self, unknown: &str) -> Option<&str> {
        let letters = |name: &str| name.replace(['.', '_'], "").to_lowercase();
        let unknown = letters(unknown);
        let similarity = |name: &String| strsim::normalized_levenshtein(&letters(name), &unknown);
        let scored = self.0.keys().map(|name| (similarity(name), name));
        let (score, name) = scored.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
        (score >= 0.8).then_some(name)
    }

    /// Deserializes the settings that are in `known`. A value of the wrong type is left out and adds to
    /// `errors`, so that all of them are reported at once.
    pub(super) fn deserialize<T: DeserializeOwned>(
        &self,
        known: &Self,
        errors: &mut Vec<String>,
    ) -> Result<T, SettingsError> {
        let mut usable = self.0.clone();
        usable.retain(|name, _| known.0.contains_key(name));
        loop {
            let error = match known
                .overridden_by(&usable)
                .and_then(Config::try_deserialize)
            {
                Ok(settings) => return Ok(settings),
                Err(error) => error,
            };
            let removed = name(&error).and_then(|name| usable.remove_entry(name));
            let Some((name, _)) = removed else {
                return Err(SettingsError::new(vec![
                    "the settings cannot be read".to_owned(),
                ]));
            };
            errors.push(self.error(&name, &rule(&error)));
        }
    }

    fn overridden_by(
        &self,
        other: &BTreeMap<String, SettingSource>,
    ) -> Result<Config, ConfigError> {
        let mut builder = Config::builder();
        for (name, source) in self.0.iter().chain(other) {
            builder = builder.set_override(name, source.raw.clone())?;
        }
        builder.build()
    }
}

fn name(error: &ConfigError) -> Option<&str> {
    let name = match error {
        ConfigError::At { key, .. } | ConfigError::Type { key, .. } => key.as_deref(),
        ConfigError::NotFound(key) => Some(key.as_str()),
        _ => None,
    };
    // An index follows if an element of a list is wrong.
    name?.split('[').next()
}

/// The rule that a value broke, instead of the library's message.
fn rule(error: &ConfigError) -> String {
    match error {
        ConfigError::At { error, .. } => rule(error),
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
    sources: &mut BTreeMap<String, SettingSource>,
    name: String,
    value: Value,
    file: Option<&Path>,
) {
    let origin = value.origin().map(str::to_owned);
    if let ValueKind::Table(table) = value.kind {
        for (key, value) in table {
            flatten(sources, format!("{name}.{key}"), value, file);
        }
        return;
    }
    let from = match (origin.as_deref(), file) {
        (None, _) => "default".to_owned(),
        (Some("the environment"), _) => variable(&name),
        // The library makes the path relative to the current directory.
        (Some(_), Some(file)) => file.display().to_string(),
        (Some(other), None) => other.to_owned(),
    };
    let value = text::trimmed(&name, value);
    let plain = text::plain(&value);
    let shown = text::shown(&name, plain);
    let raw = value;
    sources.insert(
        name,
        SettingSource {
            value: shown,
            from,
            raw,
        },
    );
}

fn variable(name: &str) -> String {
    format!("JETON_{}", name.to_uppercase().replace('.', "__"))
}

/// Settings that cannot be used: a message each, with name, value, source and rule.
#[derive(Debug, thiserror::Error)]
#[error("invalid settings:\n  {}", .0.join("\n  "))]
pub struct SettingsError(Vec<String>);

impl SettingsError {
    /// Sorts the messages, which begin with the names.
    pub fn new(mut errors: Vec<String>) -> Self {
        errors.sort();
        Self(errors)
    }
}
