//! A client as JSON. A setting that is absent follows the server's. Times are in seconds since 1970,
//! lifetimes and windows in seconds.

use sea_orm::DbErr;
use serde_json::{Map, Value, json};

use super::{Failure, output};
use crate::clock::Timestamp;
use crate::store::client::Model;
use crate::store::{Store, client_origin, client_secret};

pub type Object = Map<String, Value>;

/// All that is known of a client, its origins and secrets included.
pub async fn of(client: &Model, store: &Store) -> Result<Object, DbErr> {
    let origins = client_origin::of_client(store, &client.id).await?;
    let mut object = without_secrets(client, &origins);
    if client.confidential {
        let secrets = client_secret::of_client(store, &client.id).await?;
        let secrets: Vec<Object> = secrets.iter().map(secret).collect();
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
        ("disabled", json!(client.disabled_at.is_some())),
        ("created_at", seconds(Some(client.created_at))),
        ("disabled_at", seconds(client.disabled_at)),
    ];
    present(before.into_iter().chain(client.settings()).chain(after))
}

/// A secret, without what it is.
pub fn secret(secret: &client_secret::Model) -> Object {
    present([
        ("id", json!(secret.id)),
        ("created_at", seconds(Some(secret.created_at))),
        ("expires_at", seconds(secret.expires_at)),
    ])
}

fn seconds(at: Option<Timestamp>) -> Value {
    json!(at.map(Timestamp::as_seconds))
}

fn present(members: impl IntoIterator<Item = (&'static str, Value)>) -> Object {
    let present = members.into_iter().filter(|(_, value)| !value.is_null());
    present
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

pub fn print(object: &Object) -> Result<(), Failure> {
    output::line(&json!(object).to_string())
}
