//! `jeton client list` and `jeton client show`.

use std::time::Duration;

use serde_json::Value;

use super::{CommandError, find, object, output};
use crate::clock::Timestamp;
use crate::server::AuthorizationServer;
use crate::store::audit_event::last_sign_in_by_password;
use crate::store::client::{self, Model};

/// Prints all clients, a line each.
pub(super) async fn print(json: bool, server: &AuthorizationServer) -> Result<(), CommandError> {
    let clients = client::list(&server.store).await?;
    if json {
        let mut objects = clients.iter().map(object::without_secrets);
        return objects.try_for_each(|client| object::print(&client));
    }
    let mut rows = Vec::new();
    for client in clients {
        let used = last_sign_in_by_password(&server.store, &client.id).await?;
        rows.push(row(client, used));
    }
    output::table(
        &[
            "CLIENT_ID",
            "KIND",
            "STATE",
            "FIRST_PARTY",
            "GRANTS",
            "PASSWORD_GRANT_USED",
            "SCOPE",
            "AUDIENCE",
            "REDIRECT_URIS",
            "ORIGINS",
        ],
        rows,
    )
}

/// The line of a client, with the time of its last sign-in by the password grant.
fn row(client: Model, password_grant_used: Option<Timestamp>) -> Vec<String> {
    let kind = if client.confidential {
        "confidential"
    } else {
        "public"
    };
    let first_party = if client.first_party { "yes" } else { "no" };
    let state = if client.disabled_at.is_some() {
        "disabled"
    } else {
        "active"
    };
    vec![
        client.id,
        kind.to_owned(),
        state.to_owned(),
        first_party.to_owned(),
        client.grant_types,
        password_grant_used.map_or_else(|| "-".to_owned(), |at| at.to_string()),
        client.scope,
        client.audience,
        client.redirect_uris,
        client.origins,
    ]
}

/// Prints one client: a line for each field, or one object.
pub(super) async fn print_one(
    id: &str,
    json: bool,
    server: &AuthorizationServer,
) -> Result<(), CommandError> {
    let client = find(id, server).await?;
    let mut object = object::of(&client, &server.store).await?;
    if json {
        return object::print(&object);
    }
    let settings = client.settings().members();
    object.retain(|name, _| !settings.contains_key(name));
    let all = object.into_iter().chain(settings);
    output::table(
        &["FIELD", "VALUE"],
        all.map(|(name, value)| described(name, &value)),
    )
}

fn described(name: String, value: &Value) -> Vec<String> {
    let is_duration = name.ends_with("_lifetime") || name.ends_with("_window");
    let text = match value {
        Value::Null if name == "pkce" => "(required)".to_owned(),
        Value::Null if name == "consent" => "(required unless first-party)".to_owned(),
        Value::Null => "(as the server)".to_owned(),
        Value::Array(own) if own.is_empty() && name == "audience" => "(the issuer)".to_owned(),
        Value::Number(at) if name.ends_with("_at") => {
            let micros = at.as_i64().unwrap_or_default().saturating_mul(1_000_000);
            Timestamp::from_micros(micros).to_string()
        }
        Value::Number(seconds) if is_duration => {
            let duration = Duration::from_secs(seconds.as_u64().unwrap_or_default());
            humantime::format_duration(duration).to_string()
        }
        _ => text(value),
    };
    vec![name, text]
}

fn text(value: &Value) -> String {
    match value {
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if !text.is_empty() => text.clone(),
        Value::Array(values) if !values.is_empty() => {
            values.iter().map(text).collect::<Vec<_>>().join(" ")
        }
        // A secret; `jeton client secret list` shows its times.
        Value::Object(secret) => secret.get("id").map(text).unwrap_or_default(),
        _ => "(none)".to_owned(),
    }
}
