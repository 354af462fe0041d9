//! The text of a setting: what is shown of it.

use crate::database_url::DatabaseUrl;

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

/// A URL without its password; `None` if it has none.
fn without_password(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let (user, host) = rest.rsplit_once('@')?;
    let (user, _) = user.split_once(':')?;
    Some(format!("{scheme}://{user}:[hidden]@{host}"))
}
