//! Whether the session, the user and the client of a token are active.

use uuid::Uuid;

use super::times::span;
use super::{CommandError, Finding};
use crate::server::AuthorizationServer;
use crate::store::session::{self, Model};
use crate::store::{client, user};

const SESSION: &str = "session";
const USER: &str = "user";
const CLIENT: &str = "client";
const SIGN_IN: &str = "the user signs in again";

/// Each check of the session. Also its row, if the session is active.
pub async fn check(
    id: Uuid,
    server: &AuthorizationServer,
) -> Result<(Vec<Finding>, Option<Model>), CommandError> {
    let Some(record) = session::find(&server.store, id).await? else {
        let text = format!(
            "there is no session {id}: it ended over session.retention ago, or it is of another database"
        );
        return Ok((vec![Finding::failure(SESSION, text, SIGN_IN)], None));
    };
    let session = record.session;
    let findings = vec![
        check_user(&session, server).await?,
        check_client(&session, server).await?,
        check_row(&session, server).await?,
    ];
    let is_active = !findings.iter().any(Finding::is_failure);
    Ok((findings, is_active.then_some(session)))
}

async fn check_row(session: &Model, server: &AuthorizationServer) -> Result<Finding, CommandError> {
    let (id, now) = (session.id, server.clock.now());
    let failed = |text: String| Finding::failure(SESSION, text, SIGN_IN);
    if let Some(at) = session.revoked_at {
        let why = session.revocation_reason.map(session::Ending::name);
        let why = why.unwrap_or_default();
        return Ok(failed(format!(
            "session {id} was revoked at {at}: {why}; see `jeton audit list`"
        )));
    }
    let Some(client) = client::find(&server.store, &session.client_id).await? else {
        return Ok(failed(format!("session {id} has no client any more")));
    };
    let policy = client.policy(&server.settings);
    let (ends, idle_ends) = (session.ends_at(&policy), session.idle_ends_at(&policy));
    Ok(if now >= ends {
        failed(format!("session {id} ended at {ends}, its latest end"))
    } else if now >= idle_ends {
        failed(format!(
            "session {id} ended at {idle_ends}: it was not refreshed for too long"
        ))
    } else {
        let left = span(Ord::min(ends, idle_ends), now);
        Finding::ok(
            SESSION,
            format!("session {id} is active; without a refresh it ends in {left}"),
        )
    })
}

async fn check_user(
    session: &Model,
    server: &AuthorizationServer,
) -> Result<Finding, CommandError> {
    let id = session.user_id;
    let Some(user) = user::find(&server.store, id).await? else {
        let text = format!("user {id} was deleted");
        return Ok(Finding::failed(USER, text));
    };
    let name = &user.username;
    Ok(if let Some(at) = user.disabled_at {
        let remedy = format!("`jeton user enable {name}`, then the user signs in again");
        Finding::failure(USER, format!("user {name} was disabled at {at}"), remedy)
    } else if user.session_epoch == session.session_epoch {
        Finding::ok(USER, format!("user {name} is enabled"))
    } else {
        let text = format!(
            "all sessions of user {name} were ended since: a new password, a sign-out everywhere, or an operator"
        );
        Finding::failure(USER, text, SIGN_IN)
    })
}

async fn check_client(
    session: &Model,
    server: &AuthorizationServer,
) -> Result<Finding, CommandError> {
    let id = &session.client_id;
    let Some(client) = client::find(&server.store, id).await? else {
        return Ok(Finding::failed(CLIENT, format!("client {id} was deleted")));
    };
    Ok(if let Some(at) = client.disabled_at {
        let remedy = format!("`jeton client enable {id}`, then the user signs in again");
        Finding::failure(CLIENT, format!("client {id} was disabled at {at}"), remedy)
    } else if client.epoch == session.client_epoch {
        Finding::ok(CLIENT, format!("client {id} is enabled"))
    } else {
        let text = format!("client {id} was disabled since, which ended its sessions");
        Finding::failure(CLIENT, text, SIGN_IN)
    })
}
