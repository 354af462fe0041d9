//! A client as JSON, as the admin API gives it. A setting that is absent follows the server's. Times are in
//! seconds since 1970, lifetimes and windows in seconds.

use sea_orm::DbErr;
use serde_json::{Map, Value, json};

use super::{Failure, output};
use crate::api::admin;
use crate::api::admin::clients::{Client, ClientSecret};
use crate::store::client::Model;
use crate::store::{Store, client_origin, client_secret};

pub type Object = Map<String, Value>;

/// All that is known of a client, its origins and secrets included.
pub async fn of(client: &Model, store: &Store) -> Result<Object, DbErr> {
    let origins = client_origin::of_client(store, &client.id).await?;
    let mut object = without_secrets(client, origins);
    if client.confidential {
        let secrets = client_secret::of_client(store, &client.id).await?;
        let secrets: Vec<Object> = secrets.into_iter().map(secret).collect();
        object.insert("secrets".to_owned(), json!(secrets));
    }
    Ok(object)
}

pub fn without_secrets(client: &Model, origins: Vec<String>) -> Object {
    object(admin::json(&Client::of(client, origins)))
}

/// A secret, without what it is.
pub fn secret(secret: client_secret::Model) -> Object {
    object(admin::json(&ClientSecret::from(secret)))
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}

pub fn print(object: &Object) -> Result<(), Failure> {
    output::line(&json!(object).to_string())
}
