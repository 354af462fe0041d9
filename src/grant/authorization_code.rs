//! The authorization code grant, RFC 6749 §4.1.3.

use std::time::Duration;

use tracing::Instrument as _;

use crate::audit::{Actor, Cause};
use crate::authorization::pkce;
use crate::client::GrantType;
use crate::client_authentication::AuthenticatedClient;
use crate::device::Device;
use crate::error::Error;
use crate::metric;
use crate::parameters::Parameters;
use crate::scope::{OFFLINE_ACCESS, Scope};
use crate::secret::Secret;
use crate::server::AuthorizationServer;
use crate::store::session::{self, NewSession, RedeemedCode, Redemption};
use crate::token::access::{Access, SessionAccess};
use crate::token::code::{self, AuthorizationCode, CodeContent};
use crate::token::expiry;
use crate::token::requested_access::RequestedAccess;
use crate::token::response::TokenResponse;
use crate::token::sender::{self, Sender};

/// The longest time that the clock of another node may be ahead of this one.
const CLOCK_SKEW: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub struct AuthorizationCodeGrant {
    code: Secret,
    code_verifier: Option<Secret>,
    redirect_uri: Option<Secret>,
    requested: RequestedAccess,
}

impl AuthorizationCodeGrant {
    pub fn parse(parameters: &Parameters) -> Result<Self, Error> {
        Ok(Self {
            code: parameters.require("code")?.clone(),
            code_verifier: parameters.find("code_verifier").cloned(),
            redirect_uri: parameters.find("redirect_uri").cloned(),
            requested: RequestedAccess::parse_resource(parameters)?,
        })
    }

    /// Begins the session of the code.
    pub async fn exchange(
        self,
        client: &AuthenticatedClient,
        device: Device,
        server: &AuthorizationServer,
    ) -> Result<TokenResponse, Error> {
        let code = self.open(client, server)?;
        let cause = Cause {
            at: server.clock.now(),
            actor: Actor::User(code.content.user_id),
            device,
        };
        let session = new_session(&code, client, &cause, server);
        // It would be swept, and with it the proof that the code was used.
        if session.expires_at <= cause.at {
            return Err(expiry::expired(
                "the session would have expired before its beginning",
                server,
            ));
        }
        let row = &client.client;
        let granted = Access::still_granted(&session, row, &server.settings.issuer);
        let granted = granted.ok_or_else(|| {
            Error::InvalidGrant("the client is registered for nothing of what was granted".into())
        })?;
        let access = self.requested.narrow(granted)?;
        let requires_consent = row.requires_consent();
        let redemption = session::redeem(&server.store, &session, requires_consent, &cause).await?;
        let Redemption::Begun { roles } = redemption else {
            // The code may have been used before what it depends on ended, and a session with `offline_access` lives
            // on.
            return Err(refuse(&code, client, cause, server).await?);
        };
        metric::CODES_REDEEMED.count(());
        let content = SessionAccess {
            session: &session,
            roles: &roles,
            access: &access,
            nonce: code.content.nonce.as_deref(),
        };
        TokenResponse::for_session(content, client, server)
    }

    /// The code, if it and the parameters beside it are right. No query yet: a refusal here leaves the code good for its
    /// owner.
    fn open(
        &self,
        client: &AuthenticatedClient,
        server: &AuthorizationServer,
    ) -> Result<AuthorizationCode, Error> {
        let refused = |reason: &'static str| Error::InvalidGrant(reason.into());
        let id = &client.client.id;
        let code = AuthorizationCode::decode(self.code.expose(), id, &server.root_secrets)
            .map_err(|error| Error::InvalidGrant(error.to_string().into()))?;
        let (issued_at, now) = (code.content.issued_at(), server.clock.now());
        if issued_at > now.plus(CLOCK_SKEW) {
            return Err(refused("the authorization code was issued in the future"));
        }
        if issued_at.plus(code::LIFETIME) <= now {
            return Err(expiry::expired(
                "the authorization code has expired",
                server,
            ));
        }
        pkce::check_verifier(code.content.code_challenge(), self.code_verifier.as_ref())
            .map_err(refused)?;
        self.check_redirect_uri(&code.content).map_err(refused)?;
        Ok(code)
    }

    /// "REQUIRED, if the "`redirect_uri`" parameter was included in the authorization request [...], and their values MUST
    /// be identical", RFC 6749 §4.1.3. With PKCE it protects nothing, and OAuth 2.1 omits it (§10.2).
    fn check_redirect_uri(&self, code: &CodeContent) -> Result<(), &'static str> {
        match &self.redirect_uri {
            Some(uri) if code::digest_of(uri.expose()) == code.redirect_uri => Ok(()),
            Some(_) => Err("the redirect_uri is not that of the authorization request"),
            None if code.code_challenge().is_some() => Ok(()),
            None => Err("the redirect_uri is missing, and the code has no code_challenge"),
        }
    }
}

fn new_session(
    code: &AuthorizationCode,
    client: &AuthenticatedClient,
    cause: &Cause,
    server: &AuthorizationServer,
) -> session::Model {
    let (content, row) = (&code.content, &client.client);
    let scope = Scope::from_stored(&content.scope);
    let may_refresh = row.allows(GrantType::RefreshToken.as_str());
    let lifetime = client.policy.session_lifetime;
    let new = NewSession {
        user_id: content.user_id,
        session_epoch: content.session_epoch,
        client_id: &row.id,
        client_epoch: &content.client_epoch,
        scope: content.scope.clone(),
        audience: content.audience.clone(),
        acr: &content.acr,
        authenticated_at: content.authenticated_at(),
        expires_at: content.authenticated_at().plus(lifetime),
        idle_lifetime: client.policy.session_idle_lifetime,
        device: sender::digests(&cause.device, &server.root_secrets),
        code: Some(RedeemedCode {
            session: code.session,
            browser_session: content.browser_session,
            is_offline: may_refresh && scope.contains(OFFLINE_ACCESS),
        }),
    };
    new.into_model(cause)
}

/// The refusal of a code that was redeemed before, or whose user, client, browser session or consent has ended.
///
/// "If an authorization code is used more than once, the authorization server MUST deny the request and SHOULD revoke
/// (when possible) all tokens previously issued based on that authorization code", RFC 6749 §4.1.2. A second request of
/// the same device within the retry window revokes nothing: a page that runs twice, or a double click.
async fn refuse(
    code: &AuthorizationCode,
    client: &AuthenticatedClient,
    cause: Cause,
    server: &AuthorizationServer,
) -> Result<Error, Error> {
    let refused = |reason: &'static str| Ok(Error::InvalidGrant(reason.into()));
    let Some(record) = session::find(&server.store, code.session).await? else {
        return refused("the user, the client, the browser session or the consent has ended");
    };
    let session = record.session;
    let begun_at = Ord::max(session.rotated_at, code.content.issued_at());
    let sender = Sender::of(&cause.device, &session, &server.root_secrets);
    let is_repetition =
        sender == Sender::SameDevice && cause.at.apart(begun_at) < client.policy.retry_window;
    if is_repetition {
        return refused("the authorization code was just redeemed by the same device");
    }
    // As a task of its own, so that a thief who closes the connection does not cancel it.
    let store = server.store.clone();
    let revocation = async move { session::revoke_by_code_replay(&store, &session, &cause).await };
    let finished = tokio::spawn(revocation.in_current_span()).await;
    finished.map_err(|_| Error::ServerError("the revocation of a session failed".into()))??;
    refused("the authorization code was redeemed before: its session is revoked")
}
