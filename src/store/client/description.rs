//! What is registered of a client, by the names that the audit log, the command line and the API share.

use serde_json::{Value, json};

use super::Model;

/// So many settings there are.
const SETTINGS: usize = 14;

impl Model {
    /// What an operator may change, by name; `null` follows the server. Lifetimes and windows are in
    /// seconds.
    #[must_use]
    pub fn settings(&self) -> [(&'static str, Value); SETTINGS] {
        [
            ("name", json!(self.name)),
            ("first_party", json!(self.first_party)),
            ("grant_types", words(&self.grant_types)),
            ("scope", json!(self.scope)),
            ("audience", words(&self.audience)),
            ("access_token_format", json!(self.access_token_format)),
            ("access_token_type", json!(self.access_token_type)),
            ("access_token_lifetime", seconds(self.access_token_lifetime)),
            ("session_lifetime", seconds(self.session_lifetime)),
            ("session_idle_lifetime", seconds(self.session_idle_lifetime)),
            ("rotation", json!(self.rotation)),
            ("retry_window", seconds(self.retry_window)),
            ("late_retry", json!(self.late_retry)),
            ("late_retry_spacing", json!(self.late_retry_spacing)),
        ]
    }

    /// The settings in which `self` differs from `before`, as they are now.
    #[must_use]
    pub fn changes_since(&self, before: &Self) -> Vec<(&'static str, Value)> {
        let pairs = self.settings().into_iter().zip(before.settings());
        pairs
            .filter(|(now, then)| now != then)
            .map(|(now, _)| now)
            .collect()
    }
}

fn words(text: &str) -> Value {
    text.split_whitespace().collect()
}

fn seconds(micros: Option<i64>) -> Value {
    match micros.map(|micros| (micros / 1_000_000, micros % 1_000_000)) {
        Some((seconds, 0)) => json!(seconds),
        #[expect(
            clippy::cast_precision_loss,
            reason = "a fraction of a second that was registered by hand, shown to people"
        )]
        Some((seconds, rest)) => json!(seconds as f64 + rest as f64 / 1e6),
        None => Value::Null,
    }
}
