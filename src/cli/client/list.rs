//! `jeton client list`.

use std::collections::BTreeMap;

use super::{Failure, output};
use crate::server::AuthorizationServer;
use crate::store::{Store, client, client_origin};

/// Prints all clients, a line each.
pub(super) async fn print(server: &AuthorizationServer) -> Result<(), Failure> {
    let mut origins = origins_by_client(&server.store).await?;
    let rows = client::list(&server.store)
        .await?
        .into_iter()
        .map(|client| {
            let kind = if client.secret_digest.is_some() {
                "confidential"
            } else {
                "public"
            };
            let state = if client.disabled_at.is_some() {
                "disabled"
            } else {
                "active"
            };
            let origins = origins.remove(&client.id).unwrap_or_default();
            vec![
                client.id,
                kind.to_owned(),
                state.to_owned(),
                client.grant_types,
                client.scope,
                client.audience,
                origins,
            ]
        });
    output::table(
        &[
            "CLIENT_ID",
            "KIND",
            "STATE",
            "GRANTS",
            "SCOPE",
            "AUDIENCE",
            "ORIGINS",
        ],
        rows,
    )
}

/// The origins of each client that has any, separated by spaces.
async fn origins_by_client(store: &Store) -> Result<BTreeMap<String, String>, Failure> {
    let mut origins = BTreeMap::<String, Vec<String>>::new();
    for row in client_origin::list(store).await? {
        origins.entry(row.client_id).or_default().push(row.origin);
    }
    let joined = origins.into_iter().map(|(id, own)| (id, own.join(" ")));
    Ok(joined.collect())
}
