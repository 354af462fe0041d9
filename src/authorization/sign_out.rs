//! The sign-out request, OpenID Connect RP-Initiated Logout §2.

use super::browser_session::BrowserSession;
use super::redirect::ReturnAddress;
use super::request::{MAX_STATE, Refusal};
use crate::audit::{Actor, Cause};
use crate::device::Device;
use crate::error::Error;
use crate::parameters::Parameters;
use crate::redirect_uri::RedirectUri;
use crate::secret::Secret;
use crate::server::AuthorizationServer;
use crate::store::client;
use crate::store::session::{self, Ending};
use crate::token::id_token::{self, HintClaims};

/// A valid sign-out request.
#[derive(Debug)]
pub struct SignOutRequest {
    /// The claims of the `id_token_hint`; `None` without a good one.
    pub hint: Option<HintClaims>,
    /// The client, by the hint or by `client_id`.
    pub client: Option<client::Model>,
    /// Where the browser returns to.
    pub address: Option<ReturnAddress>,
}

impl SignOutRequest {
    /// Parses the request.
    pub async fn parse(
        parameters: &Parameters,
        server: &AuthorizationServer,
    ) -> Result<Self, Refusal> {
        if parameters.any_is_repeated() {
            return Err(Refusal::Invalid("A parameter is given twice."));
        }
        let text = |name| parameters.find(name).map(Secret::expose);
        let state = text("state");
        if state.is_some_and(|state| state.len() > MAX_STATE) {
            return Err(Refusal::Invalid("state is longer than 2048 bytes."));
        }
        let hint = text("id_token_hint").and_then(|hint| verified(hint, server));
        let client = client(text("client_id"), hint.as_ref(), server).await?;
        let address = match (text("post_logout_redirect_uri"), &client) {
            (Some(uri), Some(client)) => Some(ReturnAddress {
                redirect_uri: registered(uri, client, &server.settings.issuer)?,
                state: state.map(str::to_owned),
            }),
            (Some(_), None) if hint.is_some() => {
                return Err(Refusal::Invalid(
                    "The client of id_token_hint is disabled or deleted.",
                ));
            }
            // "if it is not supplied with post_logout_redirect_uri, the OP MUST NOT perform post-logout redirection
            // unless the OP has other means of confirming the legitimacy of the post-logout redirection target", §3.
            _ => None,
        };
        Ok(Self {
            hint,
            client,
            address,
        })
    }

    /// Whether the user need not be asked. "the OP SHOULD ask the End-User whether to log out of the OP", §2, "MUST ask
    /// the End-User this question if an `id_token_hint` was not provided or if the supplied ID Token does not belong to
    /// the current OP session with the RP and/or currently logged in End-User". Without a browser session there is
    /// nothing to ask, except whether to return to a client that has not proved itself.
    pub async fn is_confirmed(
        &self,
        signed_in: Option<&BrowserSession>,
        server: &AuthorizationServer,
    ) -> Result<bool, Error> {
        let (hint, signed_in) = match (&self.hint, signed_in) {
            (Some(hint), Some(signed_in)) => (hint, signed_in),
            (None, Some(_)) => return Ok(false),
            (Some(_), None) => return Ok(true),
            (None, None) => return Ok(self.address.is_none()),
        };
        let found = session::find(&server.store, hint.sid).await?;
        let begun_from = found.and_then(|record| record.session.browser_session_id);
        Ok(hint.sub == signed_in.user.id && begun_from == Some(signed_in.session.id))
    }

    /// Ends the browser session with those that were begun from it, and the session of the hint.
    pub async fn perform(
        &self,
        signed_in: Option<&BrowserSession>,
        device: &Device,
        server: &AuthorizationServer,
    ) -> Result<(), Error> {
        if let Some(signed_in) = signed_in {
            signed_in.end(device, server).await?;
        }
        // The server signed the hint, so the session is one of its user and its client.
        if let Some(hint) = &self.hint {
            let cause = Cause {
                at: server.clock.now(),
                actor: Actor::Client(hint.aud.clone()),
                device: device.clone(),
            };
            session::revoke(&server.store, hint.sid, Ending::SignOut, &cause).await?;
        }
        Ok(())
    }
}

/// The claims of a hint. A bad one counts as none.
fn verified(hint: &str, server: &AuthorizationServer) -> Option<HintClaims> {
    let claims = id_token::verify_hint(hint, server);
    let claims = claims.inspect_err(|error| tracing::info!(%error, "id_token_hint ignored"));
    claims.ok()
}

/// "When both `client_id` and `id_token_hint` are present, the OP MUST verify that the Client Identifier matches the one
/// used when issuing the ID Token", §2.
async fn client(
    id: Option<&str>,
    hint: Option<&HintClaims>,
    server: &AuthorizationServer,
) -> Result<Option<client::Model>, Refusal> {
    let audience = hint.map(|hint| hint.aud.as_str());
    if id.is_some() && audience.is_some() && id != audience {
        return Err(Refusal::Invalid(
            "client_id is not the client of id_token_hint.",
        ));
    }
    let Some(id) = audience.or(id) else {
        return Ok(None);
    };
    let found = client::find(&server.store, id).await.map_err(Error::from)?;
    let found = found.filter(|client| client.disabled_at.is_none());
    if found.is_none() && audience.is_none() {
        return Err(Refusal::Invalid(
            "No client has this client_id, or it is disabled.",
        ));
    }
    Ok(found)
}

/// "the OP MUST NOT perform post-logout redirection if the `post_logout_redirect_uri` value supplied does not exactly match
/// one of the previously registered `post_logout_redirect_uris` values", §3. It is compared like a redirect URI: the port
/// of a loopback address may differ.
fn registered(
    requested: &str,
    client: &client::Model,
    issuer: &str,
) -> Result<RedirectUri, Refusal> {
    let found = RedirectUri::find(requested, client.post_logout_redirect_uris(), issuer);
    found.ok_or(Refusal::Invalid(
        "post_logout_redirect_uri is not registered with the client. It must be equal to a registered one, character \
         by character.",
    ))
}
