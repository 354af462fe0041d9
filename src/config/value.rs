//! Values of types that TOML lacks, with error messages that name the accepted ones.

use std::fmt;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::{LateRetry, LogFormat, RegistrationPolicy, RetryDevice, RotationDurability};
use crate::database_url::DatabaseUrl;
use crate::device::{NotANetwork, TrustedProxies};
use crate::secret::Secret;
use crate::web_origin::WebOrigin;

/// A duration, written as in `"15m"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let span = humantime::parse_duration(&text).ok();
        let span = span.filter(|_| !text.contains(char::is_whitespace));
        span.map(Self).ok_or_else(|| {
            D::Error::custom(
                "is not a duration; write a number and a unit, such as \"10s\", \"15m\", \"12h\" \
                 or \"90d\"",
            )
        })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = humantime::format_duration(self.0).to_string();
        f.write_str(&text.replace("days", "d").replace("day", "d"))
    }
}

/// A setting that is not shown.
#[derive(Clone, Debug)]
pub struct SecretText(pub Secret);

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Secret::new(String::deserialize(deserializer)?)))
    }
}

impl<'de> Deserialize<'de> for LateRetry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        word(deserializer, &Self::ALL.map(|one| (one.name(), one)))
    }
}

impl<'de> Deserialize<'de> for RetryDevice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        word(deserializer, &Self::ALL.map(|one| (one.name(), one)))
    }
}

impl<'de> Deserialize<'de> for RegistrationPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        word(
            deserializer,
            &[("closed", Self::Closed), ("open", Self::Open)],
        )
    }
}

impl<'de> Deserialize<'de> for RotationDurability {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        word(
            deserializer,
            &[("relaxed", Self::Relaxed), ("strict", Self::Strict)],
        )
    }
}

impl<'de> Deserialize<'de> for LogFormat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = [
            ("auto", Self::Auto),
            ("pretty", Self::Pretty),
            ("json", Self::Json),
        ];
        word(deserializer, &words)
    }
}

/// One of a few words. The error of a derived implementation would be "no variant constructor".
fn word<'de, D: Deserializer<'de>, T: Copy>(
    deserializer: D,
    words: &[(&str, T)],
) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    let found = words.iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        D::Error::custom(format!("must be {}", alternatives(&words)))
    })
}

/// `a, b or c`.
fn alternatives(words: &[String]) -> String {
    match words {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => words.join(""),
    }
}

/// Networks, separated by spaces.
pub(super) fn trusted_proxies<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<TrustedProxies, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|NotANetwork| {
        D::Error::custom("must be networks, such as \"10.0.0.0/8 fd00::/8\", or empty")
    })
}

/// The address of the database; empty text is `None`.
pub(super) fn database_url<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<DatabaseUrl>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    let url = DatabaseUrl::parse(&text);
    url.map(Some).map_err(D::Error::custom)
}

/// A web origin; empty text is `None`.
pub(super) fn web_origin<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<WebOrigin>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    let origin = WebOrigin::parse(&text);
    origin.map(Some).map_err(|error| {
        D::Error::custom(format!(
            "must be an origin, such as http://localhost:8081, or empty: {error}"
        ))
    })
}
