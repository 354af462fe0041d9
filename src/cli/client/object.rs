//! A client as JSON, in the form of the admin API: times in seconds since 1970, lifetimes in seconds. A setting that is
//! absent follows the server's.

use sea_orm::DbErr;
use serde_json::{Map, Value, json};

use super::{CommandError, output};
use crate::api::admin;
use crate::api::admin::clients::{ClientInformation, ClientSecret};
use crate::store::client::Model;
use crate::store::{Store, client_secret};

pub type Object = Map<String, Value>;

/// A client with the ids and times of its secrets.
pub async fn of(client: &Model, store: &Store) -> Result<Object, DbErr> {
    let mut object = without_secrets(client);
    if client.confidential {
        let secrets = client_secret::of_client(store, &client.id).await?;
        let secrets: Vec<Object> = secrets.into_iter().map(secret).collect();
        object.insert("secrets".to_owned(), json!(secrets));
    }
    Ok(object)
}

pub fn without_secrets(client: &Model) -> Object {
    object(admin::json(&ClientInformation::from(client)))
}

/// The id and times of a secret.
pub fn secret(secret: client_secret::Model) -> Object {
    object(admin::json(&ClientSecret::from(secret)))
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}

pub fn print(object: &Object) -> Result<(), CommandError> {
    output::line(&json!(object).to_string())
}
