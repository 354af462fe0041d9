//! Equal responses of known and unknown users while a stored hash is of another algorithm or cost than new hashes.
//!
//! Such a hash takes its own time and waits in a queue of its own. While the store has one, every refusal takes at
//! least as long as the longest of them. An unknown user is treated like another user, who is chosen by the name
//! that was typed. So a name that waits with the imported hashes is no more likely to exist than another.

use std::time::Duration;

use sea_orm::DbErr;

use crate::clock::Reading;
use crate::server::AuthorizationServer;
use crate::store::user;

/// The least time from the arrival of an attempt to its refusal. The longest accepted hash takes about half of it.
const LEAST_TIME: Duration = Duration::from_millis(500);

/// The stored hash that an unknown user's password is verified against.
pub(super) async fn decoy(
    account: &str,
    server: &AuthorizationServer,
) -> Result<Option<String>, DbErr> {
    if !any(server).await? {
        return Ok(None);
    }
    let place = server.root_secrets.sign_in_place(account);
    user::hash_from(&server.store, place).await
}

/// Delays a refusal while the store has a hash of another algorithm or cost.
pub(super) async fn wait(arrival: Reading, server: &AuthorizationServer) -> Result<(), DbErr> {
    if any(server).await? {
        server.clock.wait(arrival, LEAST_TIME).await;
    }
    Ok(())
}

async fn any(server: &AuthorizationServer) -> Result<bool, DbErr> {
    user::any_other_hash(&server.store, server.hasher.current_prefix()).await
}
