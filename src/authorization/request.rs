//! The authorization request, RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1.

use super::pkce;
use super::prompt::Prompt;
use super::redirect::{RedirectError, ReturnAddress};
use crate::client::GrantType;
use crate::error::Error;
use crate::parameters::Parameters;
use crate::redirect_uri::RedirectUri;
use crate::secret::Secret;
use crate::server::AuthorizationServer;
use crate::store::client;
use crate::token::access::Access;
use crate::token::id_token::{self, HintClaims};
use crate::token::requested_access::RequestedAccess;

/// Maximum bytes of `state`, which the server repeats in a URL.
pub(super) const MAX_STATE: usize = 2048;
/// Maximum bytes of `nonce`, which the code contains.
const MAX_NONCE: usize = 512;

/// A valid authorization request.
#[derive(Debug)]
pub struct AuthorizationRequest {
    /// The client.
    pub client: client::Model,
    /// Where the browser returns to.
    pub address: ReturnAddress,
    /// The access that the user is to grant.
    pub access: Access,
    /// The PKCE code challenge.
    pub code_challenge: Option<Vec<u8>>,
    /// The value for the ID token.
    pub nonce: Option<String>,
    /// Which pages the request asks for.
    pub prompt: Prompt,
    /// The maximum age of the authentication in seconds.
    pub max_age: Option<i64>,
    /// The username to show on the sign-in page.
    pub login_hint: Option<String>,
    /// The claims of `id_token_hint`, which name a user.
    pub hint: Option<HintClaims>,
}

/// The client and where the browser returns to. After them, an error may be sent to the client.
#[derive(Debug)]
pub struct Destination {
    /// The client.
    pub client: client::Model,
    /// Where the browser returns to.
    pub address: ReturnAddress,
}

/// Why a request has no destination: the reason for the error page. It contains no input. "the authorization server
/// SHOULD inform the resource owner of the error and MUST NOT automatically redirect the user agent to the invalid
/// redirect URI", RFC 6749 §4.1.2.1.
#[derive(Debug)]
pub enum Refusal {
    /// The request is invalid.
    Invalid(&'static str),
    /// The server failed.
    Failed(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Destination {
    /// Finds the client and checks the redirect URI.
    pub async fn find(
        parameters: &Parameters,
        server: &AuthorizationServer,
    ) -> Result<Self, Refusal> {
        let value = |name| {
            if parameters.is_repeated(name) {
                let reason = "client_id, redirect_uri or state is given twice.";
                return Err(Refusal::Invalid(reason));
            }
            Ok(parameters.find(name).map(Secret::expose))
        };
        let id = value("client_id")?.ok_or(Refusal::Invalid("client_id is missing."))?;
        let state = value("state")?;
        if state.is_some_and(|state| state.len() > MAX_STATE) {
            return Err(Refusal::Invalid("state is longer than 2048 bytes."));
        }
        let requested = value("redirect_uri")?;
        let found = client::find(&server.store, id).await.map_err(Error::from)?;
        let client =
            found
                .filter(|client| client.disabled_at.is_none())
                .ok_or(Refusal::Invalid(
                    "No client has this client_id, or it is disabled.",
                ))?;
        let redirect_uri = redirect_uri(requested, &client, &server.settings.issuer)?;
        let address = ReturnAddress {
            redirect_uri,
            state: state.map(str::to_owned),
        };
        Ok(Self { client, address })
    }
}

/// "If multiple redirection URIs have been registered, if only part of the redirection URI has been registered, or if
/// no redirection URI has been registered, the client MUST include a redirection URI with the authorization request",
/// RFC 6749 §3.1.2.3.
fn redirect_uri(
    requested: Option<&str>,
    client: &client::Model,
    issuer: &str,
) -> Result<RedirectUri, Refusal> {
    let mut registered = client.redirect_uris();
    let requested = match (requested, registered.next(), registered.next()) {
        (Some(requested), ..) => requested,
        (None, Some(only), None) => only,
        _ => return Err(Refusal::Invalid("redirect_uri is missing.")),
    };
    RedirectUri::find(requested, client.redirect_uris(), issuer).ok_or(Refusal::Invalid(
        "redirect_uri is not registered with the client. It must be equal to a registered one, character by character.",
    ))
}

impl AuthorizationRequest {
    /// Parses the request for a destination. An error is sent to the client.
    pub fn parse(
        parameters: &Parameters,
        destination: Destination,
        server: &AuthorizationServer,
    ) -> Result<Self, RedirectError> {
        let Destination { client, address } = destination;
        check_response(parameters)?;
        check_objects(parameters)?;
        let grant = GrantType::AuthorizationCode.as_str();
        if !client.allows(grant) {
            let description = "The client is not registered for the grant authorization_code.";
            return Err(RedirectError::new("unauthorized_client", description));
        }
        let code_challenge = pkce::challenge(parameters).map_err(RedirectError::invalid_request)?;
        // "The server MUST return the authorization error response with the "error" value set to "invalid_request"",
        // RFC 7636 §4.4.1.
        if code_challenge.is_none() && client.requires_pkce() {
            let description = "code_challenge is missing: the client must use PKCE with S256.";
            return Err(RedirectError::invalid_request(description));
        }
        let registered = Access::registered(&client, &server.settings.issuer);
        let requested = RequestedAccess::parse(parameters)?;
        let requested = requested.with_default_scope(&registered.scope)?;
        let access = requested.narrow(registered)?;
        let text = |name| parameters.find(name).map(|value| value.expose().to_owned());
        let nonce = text("nonce").filter(|_| access.scope.contains("openid"));
        if nonce.as_ref().is_some_and(|nonce| nonce.len() > MAX_NONCE) {
            let description = "nonce is longer than 512 bytes.";
            return Err(RedirectError::invalid_request(description));
        }
        Ok(Self {
            access,
            code_challenge,
            nonce,
            prompt: Prompt::parse(parameters).map_err(RedirectError::invalid_request)?,
            max_age: max_age(parameters)?,
            login_hint: text("login_hint"),
            hint: hint(parameters, server)?,
            client,
            address,
        })
    }
}

/// The code is returned in the query of a redirect, and nothing else is.
fn check_response(parameters: &Parameters) -> Result<(), RedirectError> {
    // "Request and response parameters MUST NOT be included more than once", RFC 6749 §3.1.
    if parameters.any_is_repeated() {
        let description = "A parameter is given twice.";
        return Err(RedirectError::invalid_request(description));
    }
    match parameters.find("response_type").map(Secret::expose) {
        Some("code") => {}
        None => {
            return Err(RedirectError::invalid_request("response_type is missing."));
        }
        Some(_) => {
            let description = "response_type must be code.";
            return Err(RedirectError::new("unsupported_response_type", description));
        }
    }
    match parameters.find("response_mode").map(Secret::expose) {
        None | Some("query") => Ok(()),
        Some(_) => Err(RedirectError::invalid_request(
            "response_mode must be query.",
        )),
    }
}

/// "If the OP does not support [...] parameter and an RP uses it, the OP MUST return the [...] error", OpenID Connect
/// Core §6.1, §6.2, §7.2.1.
fn check_objects(parameters: &Parameters) -> Result<(), RedirectError> {
    let unsupported = [
        ("request", "request_not_supported"),
        ("request_uri", "request_uri_not_supported"),
        ("registration", "registration_not_supported"),
    ];
    match unsupported
        .iter()
        .find(|(name, _)| parameters.find(name).is_some())
    {
        Some((_, code)) => Err(RedirectError::new(
            code,
            "The server does not support this parameter.",
        )),
        None => Ok(()),
    }
}

/// "ID Token previously issued by the Authorization Server being passed as a hint", §3.1.2.1. It may have expired.
fn hint(
    parameters: &Parameters,
    server: &AuthorizationServer,
) -> Result<Option<HintClaims>, RedirectError> {
    let Some(hint) = parameters.find("id_token_hint") else {
        return Ok(None);
    };
    match id_token::verify_hint(hint.expose(), server) {
        Ok(claims) => Ok(Some(claims)),
        Err(error) => Err(RedirectError {
            reason: error.to_string().into(),
            ..RedirectError::invalid_request("id_token_hint is not an ID token of this server.")
        }),
    }
}

fn max_age(parameters: &Parameters) -> Result<Option<i64>, RedirectError> {
    let Some(text) = parameters.find("max_age").map(Secret::expose) else {
        return Ok(None);
    };
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(seconds) if is_number => Ok(Some(seconds)),
        _ => Err(RedirectError::invalid_request(
            "max_age must be a number of seconds.",
        )),
    }
}
