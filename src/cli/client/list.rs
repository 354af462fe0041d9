//! `jeton client list`.

use std::collections::BTreeMap;

use super::{Failure, object, output};
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
            object::print(object::without_secrets(&client, &origins))
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
