//! Settings files in TOML.

use std::fs;
use std::time::Duration;

use jeton::config::{SettingSources, Settings};
use tempfile::TempDir;

use super::{Target, selected};

/// A value that no message may repeat: it may be a secret in a wrong place.
const MARKER: &str = "hunter2-hunter2";

/// First lines with the marker as a value.
const FIRST_LINES: [&str; 6] = [
    "",
    "default_client = [\"hunter2-hunter2\"]\n",
    "root_secret = \"hunter2-hunter2\"\n",
    "database.url = \"postgres://jeton:hunter2-hunter2@@host/\"\n",
    "bootstrap.admin_password = \"hunter2-hunter2\"\n",
    "issuer = hunter2-hunter2\n",
];

pub struct SettingsFiles(TempDir);

impl Target for SettingsFiles {
    fn start() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// The first byte selects the first line of the file.
    fn run(&mut self, input: &[u8]) {
        let Some((first, rest)) = selected(input, 6) else {
            return;
        };
        let first = FIRST_LINES[usize::from(first)];
        let file = self.0.path().join("jeton.toml");
        fs::write(&file, [first.as_bytes(), rest].concat()).unwrap();
        match Settings::load(Some(&file)) {
            Ok((settings, sources)) => {
                assert_limits(&settings);
                assert_sources(&sources);
            }
            Err(error) => {
                let message = error.to_string();
                let is_repeated = message.contains(MARKER) && !first.is_empty();
                assert!(!is_repeated, "{message}");
                assert!(message.starts_with("invalid settings:\n  "), "{message}");
            }
        }
    }
}

/// The limits that config/default.toml documents.
fn assert_limits(settings: &Settings) {
    let second = Duration::from_secs(1);
    let day = Duration::from_hours(24);
    let lifetime = settings.access_token.lifetime.0;
    assert!((second..=30 * day).contains(&lifetime));
    assert!(settings.session.retry_window.0 <= 60 * second);
    assert!(settings.session.retention.0 >= lifetime);
    assert!((1024..=1_048_576).contains(&settings.server.body_limit));
    assert!([2048, 3072, 4096].contains(&settings.keys.bits));
    assert!(settings.keys.jwks_max_age.0 <= day);
    assert!((8..=64).contains(&settings.password.min_length));
    assert!((1..=1024).contains(&settings.password.threads));
    assert!(settings.sign_in.account_burst <= 10_000);
    let issuer = url::Url::parse(&settings.issuer).unwrap();
    assert!(matches!(issuer.scheme(), "http" | "https"), "{issuer}");
    assert!(
        issuer.query().is_none() && issuer.fragment().is_none(),
        "{issuer}"
    );
    let name = settings.page.name.trim();
    assert!((1..=60).contains(&name.chars().count()));
}

/// `jeton config` shows each setting once, and no password.
fn assert_sources(sources: &SettingSources) {
    let defaults = Settings::load(None).unwrap().1;
    let names = |sources: &SettingSources| -> Vec<String> {
        sources.iter().map(|(name, _)| name.to_owned()).collect()
    };
    assert_eq!(names(sources), names(&defaults));
    for (name, source) in sources.iter() {
        let is_secret = ["root_secret.value", "bootstrap.admin_password"].contains(&name);
        assert!(!is_secret || source.value.is_empty(), "{name}");
    }
}
