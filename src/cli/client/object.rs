//! A client as JSON. What it lacks is absent, as in the audit log; a setting that is absent follows the
//! server's. Times are RFC 3339, lifetimes and windows in seconds.

use sea_orm::DbErr;
use serde_json::{Map, Value, json};

use super::{Failure, output};
use crate::clock::Timestamp;
use crate::store::client::Model;
use crate::store::{Store, client_origin, client_secret};

pub type Object = Map<String, Value>;

/// All that is known of a client, its origins and secrets included; what it lacks is null.
pub async fn of(client: &Model, store: &Store) -> Result<Object, DbErr> {
    let origins = client_origin::of_client(store, &client.id).await?;
    let mut object = without_secrets(client, &origins);
    if client.confidential {
        let secrets = client_secret::of_client(store, &client.id).await?;
        let secrets: Vec<Object> = secrets.iter().map(secret).map(present).collect();
        object.insert("secrets".to_owned(), json!(secrets));
    }
    Ok(object)
}

pub fn without_secrets(client: &Model, origins: &[String]) -> Object {
    let before = [
        ("client_id", json!(client.id)),
        ("confidential", json!(client.confidential)),
    ];
    let after = [
        ("origins", json!(origins)),
        ("created_at", json!(client.created_at.precise())),
        (
            "disabled_at",
            json!(client.disabled_at.map(Timestamp::precise)),
        ),
    ];
    named(before.into_iter().chain(client.settings()).chain(after))
}

/// A secret, without what it is.
pub fn secret(secret: &client_secret::Model) -> Object {
    let end = secret.expires_at.map(Timestamp::precise);
    named([
        ("id", json!(secret.id)),
        ("created_at", json!(secret.created_at.precise())),
        ("expires_at", json!(end)),
    ])
}

fn named(members: impl IntoIterator<Item = (&'static str, Value)>) -> Object {
    let members = members.into_iter();
    members
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn present(object: Object) -> Object {
    let members = object.into_iter();
    members.filter(|(_, value)| !value.is_null()).collect()
}

/// Prints what is there, on one line.
pub fn print(object: Object) -> Result<(), Failure> {
    output::line(&Value::Object(present(object)).to_string())
}
