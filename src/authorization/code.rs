//! The issue of an authorization code.

use super::browser_session::BrowserSession;
use super::redirect::RedirectError;
use super::request::AuthorizationRequest;
use crate::clock::time_ordered_id;
use crate::secret::Secret;
use crate::server::AuthorizationServer;
use crate::token::code::{AuthorizationCode, CodeContent, digest_of};

/// The code for a request that the signed-in user has granted. Nothing is stored.
pub fn issue(
    request: &AuthorizationRequest,
    signed_in: &BrowserSession,
    server: &AuthorizationServer,
) -> Result<Secret, RedirectError> {
    let now = server.clock.now();
    let session = &signed_in.session;
    let code = AuthorizationCode {
        session: time_ordered_id(now),
        content: CodeContent {
            issued_at: now.as_micros(),
            user_id: session.user_id,
            session_epoch: session.session_epoch,
            client_epoch: request.client.epoch.clone(),
            browser_session: session.id,
            authenticated_at: session.authenticated_at.as_micros(),
            acr: session.acr.clone(),
            code_challenge: request.code_challenge.clone().unwrap_or_default(),
            redirect_uri: digest_of(request.address.redirect_uri.as_str()),
            scope: request.access.scope.to_string(),
            audience: request.access.stored_audience(&request.client),
            nonce: request.nonce.clone(),
        },
    };
    let encoded = code.encode(&request.client.id, &server.root_secrets);
    encoded.map_err(|_| {
        RedirectError::invalid_request("The scope, the resource or the nonce is too long.")
    })
}
