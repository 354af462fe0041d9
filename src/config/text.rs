//! The text of a setting: what is used of it, and what is shown.

use config::{Value, ValueKind};

use crate::database_url::DatabaseUrl;
use crate::secret::without_line_ending;

/// Settings that are secrets.
pub(super) const SECRETS: [&str; 2] = ["root_secret.value", "bootstrap.admin_password"];

/// The value of a setting, without secrets.
pub(super) fn shown(name: &str, plain: String) -> String {
    const HIDDEN: &str = "[hidden]";
    let is_safe = match name {
        // Of a malformed URL it is not known which part is the password.
        "database.url" => DatabaseUrl::parse(&plain).is_ok(),
        _ => !SECRETS.contains(&name),
    };
    match plain {
        plain if plain.is_empty() => plain,
        plain if is_safe => without_password(&plain).unwrap_or(plain),
        _ => HIDDEN.to_owned(),
    }
}

/// The value as a text; the elements of a list are separated by commas.
pub(super) fn plain(value: &Value) -> String {
    match &value.kind {
        ValueKind::Array(elements) => {
            let elements: Vec<String> = elements.iter().map(plain).collect();
            elements.join(", ")
        }
        _ => value.clone().into_string().unwrap_or_default(),
    }
}

/// A URL without its password; `None` if it has none.
fn without_password(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let (user, host) = rest.rsplit_once('@')?;
    let (user, _) = user.split_once(':')?;
    Some(format!("{scheme}://{user}:[hidden]@{host}"))
}

/// The value without what files of secrets and quoting add: one line ending at the end of a secret, which may contain
/// white space; white space at both ends of another text.
pub(super) fn trimmed(name: &str, mut value: Value) -> Value {
    if let ValueKind::String(text) = &mut value.kind {
        let kept = if SECRETS.contains(&name) {
            without_line_ending(text)
        } else {
            text.trim()
        };
        *text = kept.to_owned();
    }
    value
}
