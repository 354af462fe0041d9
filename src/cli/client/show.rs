//! `jeton client show`.

use std::time::Duration;

use serde_json::Value;

use super::{Failure, Whom, object, output, unknown};
use crate::server::AuthorizationServer;
use crate::store::client;

/// Prints all that is known of a client: a line each, or one object.
pub(super) async fn print(whom: &Whom, server: &AuthorizationServer) -> Result<(), Failure> {
    let found = client::find(&server.store, &whom.id).await?;
    let client = found.ok_or_else(|| unknown(&whom.id))?;
    let object = object::of(&client, &server.store).await?;
    if whom.json {
        return object::print(object);
    }
    let rows = object.into_iter().filter_map(|(name, value)| {
        let text = match (name.as_str(), value.as_u64()) {
            ("disabled_at", _) if value.is_null() => return None,
            ("audiences", _) if client.audience.is_empty() => "(the issuer)".to_owned(),
            (name, Some(seconds)) if name != "late_retry_spacing" => {
                humantime::format_duration(Duration::from_secs(seconds)).to_string()
            }
            _ => text(&value),
        };
        Some(vec![name, text])
    });
    output::table(&["WHAT", "VALUE"], rows)
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "(as the server)".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Array(values) if values.is_empty() => "(none)".to_owned(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(" "),
        // Of a secret, which `jeton client secret list` tells more of.
        Value::Object(secret) => secret.get("id").map(text).unwrap_or_default(),
    }
}
