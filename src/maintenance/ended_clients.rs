//! Marks the sessions of disabled and deleted clients as revoked. They are refused already; a client may have very
//! many, and no request waits for all of them.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::DbErr;
use tracing::Instrument as _;

use crate::audit::Cause;
use crate::server::AuthorizationServer;
use crate::store::client::ended_epoch;

/// The longest time for which a request waits for the marking.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Marks the sessions of an ended epoch in a task of its own. Returns when they are marked, at the latest after a
/// second. If the node stops meanwhile, another one continues.
pub async fn mark_sessions(
    server: &Arc<AuthorizationServer>,
    ended: Option<ended_epoch::Model>,
    cause: &Cause,
) {
    let Some(ended) = ended else {
        return;
    };
    let (server, cause) = (Arc::clone(server), cause.clone());
    let marking = async move { mark(&server, &ended, &cause).await };
    let task = tokio::spawn(marking.in_current_span());
    drop(tokio::time::timeout(LONGEST_WAIT, task).await);
}

/// Continues the work of nodes that stopped.
pub(super) async fn continue_marking(server: &AuthorizationServer) {
    let now = server.clock.now();
    match ended_epoch::abandoned(&server.store, now).await {
        Ok(abandoned) => {
            for ended in abandoned {
                mark(server, &ended, &Cause::system(now)).await;
            }
        }
        Err(error) => log(&error),
    }
}

async fn mark(server: &AuthorizationServer, ended: &ended_epoch::Model, cause: &Cause) {
    let (store, clock) = (&server.store, &server.clock);
    match ended_epoch::mark_sessions(store, ended, cause, clock).await {
        Ok(marked) => tracing::debug!(client_id = ended.client_id, marked, "marked sessions"),
        Err(error) => log(&error),
    }
}

fn log(error: &DbErr) {
    tracing::error!(%error, "cannot mark the sessions of a client as revoked; a node continues in a minute");
}
