//! `jeton client list` and `jeton client show`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::{Failure, find, object, output};
use crate::clock::Timestamp;
use crate::server::AuthorizationServer;
use crate::store::client::Model;
use crate::store::{Store, client, client_origin};

/// Prints all clients, a line each.
pub(super) async fn print(json: bool, server: &AuthorizationServer) -> Result<(), Failure> {
    let mut origins = origins_by_client(&server.store).await?;
    let clients = client::list(&server.store).await?;
    let mut with_origins = clients.into_iter().map(|client| {
        let own = origins.remove(&client.id).unwrap_or_default();
        (client, own)
    });
    if json {
        return with_origins.try_for_each(|(client, origins)| {
            object::print(&object::without_secrets(&client, origins))
        });
    }
    output::table(
        &[
            "CLIENT_ID",
            "KIND",
            "STATE",
            "FIRST_PARTY",
            "GRANTS",
            "SCOPE",
            "AUDIENCE",
            "ORIGINS",
        ],
        with_origins.map(row),
    )
}

fn row((client, origins): (Model, Vec<String>)) -> Vec<String> {
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
        client.scope,
        client.audience,
        origins.join(" "),
    ]
}

/// The origins of each client that has any.
async fn origins_by_client(store: &Store) -> Result<BTreeMap<String, Vec<String>>, Failure> {
    let mut origins = BTreeMap::<String, Vec<String>>::new();
    for row in client_origin::list(store).await? {
        origins.entry(row.client_id).or_default().push(row.origin);
    }
    Ok(origins)
}

/// Prints all that is known of a client: a line each, or one object.
pub(super) async fn print_one(
    id: &str,
    json: bool,
    server: &AuthorizationServer,
) -> Result<(), Failure> {
    let client = find(id, server).await?;
    let object = object::of(&client, &server.store).await?;
    if json {
        return object::print(&object);
    }
    let settings = client
        .settings()
        .map(|(name, value)| (name.to_owned(), value));
    let is_setting = |name: &str| settings.iter().any(|(own, _)| own == name);
    let (around, _): (Vec<_>, Vec<_>) = object.into_iter().partition(|(name, _)| !is_setting(name));
    let all = around.into_iter().chain(settings.clone());
    output::table(
        &["WHAT", "VALUE"],
        all.map(|(name, value)| described(name, &value)),
    )
}

fn described(name: String, value: &Value) -> Vec<String> {
    let text = match (name.as_str(), value) {
        (_, Value::Null) => "(as the server)".to_owned(),
        ("audience", Value::Array(own)) if own.is_empty() => "(the issuer)".to_owned(),
        ("created_at" | "disabled_at", Value::Number(at)) => {
            let micros = at.as_i64().unwrap_or_default().saturating_mul(1_000_000);
            Timestamp::from_micros(micros).to_string()
        }
        ("late_retry_spacing", number) => number.to_string(),
        (_, Value::Number(seconds)) => {
            let duration = Duration::try_from_secs_f64(seconds.as_f64().unwrap_or_default());
            humantime::format_duration(duration.unwrap_or_default()).to_string()
        }
        _ => text(value),
    };
    vec![name, text]
}

fn text(value: &Value) -> String {
    match value {
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) if !text.is_empty() => text.clone(),
        Value::Array(values) if !values.is_empty() => {
            values.iter().map(text).collect::<Vec<_>>().join(" ")
        }
        // A secret, of which `jeton client secret list` tells more.
        Value::Object(secret) => secret.get("id").map(text).unwrap_or_default(),
        _ => "(none)".to_owned(),
    }
}
