//! Forward authentication: before a reverse proxy passes a request on to an API, it asks here whether the access token
//! of the request is valid for that API.
//!
//! The configuration of the proxy says which API it is, never the caller: `/forward-auth?audience=API&scope=SCOPE`. A
//! proxy that appends the path and the query of the request, such as Envoy, has the same parameters in the first segment
//! of the path, `/forward-auth/audience=API&scope=SCOPE`; all that follows is the caller's and is ignored.

use std::sync::Arc;

use poem::error::ResponseError as _;
use poem::http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use poem::web::Data;
use poem::{Request, Response, handler};

use super::resource_server::single_authorization;
use crate::error::{Error, ParameterFault, Reason};
use crate::parameters::Parameters;
use crate::response::oauth_error::OAuthError;
use crate::scope::Scope;
use crate::secret::Secret;
use crate::server::AuthorizationServer;
use crate::token::active::{ActiveToken, bearer_token};

/// The path with the parameters in the query.
pub const PATH: &str = "/forward-auth";
/// The paths with the parameters in the first segment.
pub const BELOW: &str = "/forward-auth/*";

/// The `sub` of the token.
const SUBJECT: HeaderName = HeaderName::from_static("x-auth-subject");
/// Its scope, space-separated.
const SCOPE: HeaderName = HeaderName::from_static("x-auth-scope");
/// The user's roles, space-separated.
const ROLES: HeaderName = HeaderName::from_static("x-auth-roles");

const OTHER_AUDIENCE: &str = "it is for another audience than this API: see its aud";
const NO_TOKEN_OF_OURS: &str =
    "it is no access token of this server, or its key is not valid any more";

/// What the API requires of a token.
struct Requirement {
    audience: String,
    scope: Option<Scope>,
    permitted: StatusCode,
}

/// Permits the request, with the headers for the API, if its token is valid for the API. Otherwise returns the response
/// for the caller. For requests of any method; bodies are not read.
#[handler]
pub async fn forward_auth(request: &Request, server: Data<&Arc<AuthorizationServer>>) -> Response {
    match permit(request, &server).await {
        Ok(response) => response,
        Err(error) => refusal(error),
    }
}

async fn permit(request: &Request, server: &AuthorizationServer) -> Result<Response, Error> {
    let required = Requirement::read(request.uri())?;
    let header = single_authorization(request.headers())?;
    let token = header.and_then(bearer_token).ok_or(Error::NoToken)?;
    let token = ActiveToken::find(token, server).await?;
    if !token.claims.is_for(&required.audience) {
        return Err(Error::InvalidToken(OTHER_AUDIENCE.into()));
    }
    if let Some(scope) = required.scope
        && !scope.tokens().iter().all(|one| token.permits(one))
    {
        return Err(Error::InsufficientScope(scope.to_string().into()));
    }
    let mut response = Response::builder().status(required.permitted).finish();
    // Each is always sent, be it empty: it replaces the header of the caller.
    for (name, value) in [
        (SCOPE, present_scope(&token)),
        (ROLES, present_roles(&token)),
        (SUBJECT, token.claims.sub),
    ] {
        let value = HeaderValue::try_from(value);
        let value = value.map_err(|_| Error::ServerError("a claim is no header value".into()))?;
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// The scope of the token for which its client is still registered.
fn present_scope(token: &ActiveToken) -> String {
    let scope = token.claims.scope();
    let present = scope.tokens().iter().filter(|one| token.permits(one));
    present.map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// The roles of the token that its user still has.
fn present_roles(token: &ActiveToken) -> String {
    let user = token.user.as_ref();
    let has = |role: &&String| user.is_some_and(|user| user.roles().any(|own| own == *role));
    let roles = token.claims.roles.iter().filter(has);
    roles.map(String::as_str).collect::<Vec<_>>().join(" ")
}

impl Requirement {
    /// Reads the parameters. An unknown one, or one without a value, is refused: a `scope` that is misspelled, or whose
    /// variable is not set, would check nothing.
    fn read(uri: &Uri) -> Result<Self, Error> {
        let below = uri.path().strip_prefix(PATH).unwrap_or_default();
        let (text, permitted) = match below.strip_prefix('/') {
            // Envoy permits a request by 200 alone.
            Some(path) => (path.split('/').next(), StatusCode::OK),
            None => (uri.query(), StatusCode::NO_CONTENT),
        };
        let text = text.unwrap_or_default();
        let parameters = Parameters::with_repeated(text.as_bytes())?;
        let known = ["audience", "scope"];
        if let Some(name) = known.iter().find(|name| parameters.is_repeated(name)) {
            return Err(Error::InvalidParameter(ParameterFault::Repeated, name));
        }
        let is_known = |pair: &str| {
            let pair = pair.split_once('=');
            pair.is_some_and(|(name, value)| known.contains(&name) && !value.is_empty())
        };
        if !text.is_empty() && !text.split('&').all(is_known) {
            let reason = "a parameter is neither audience nor scope, or has no value";
            return Err(Error::InvalidRequest(reason.into()));
        }
        let malformed = |_| Error::InvalidParameter(ParameterFault::Malformed, "scope");
        let scope = parameters.find("scope").map(Secret::expose);
        Ok(Self {
            audience: parameters.require("audience")?.expose().to_owned(),
            scope: scope.map(Scope::parse).transpose().map_err(malformed)?,
            permitted,
        })
    }
}

/// The response for the caller, with a challenge that says why: it reaches the developer of the client through the
/// proxy, mostly without the body.
fn refusal(error: Error) -> Response {
    let description = match &error {
        Error::InvalidToken(reason) => {
            // Others can repeat parts of the token.
            let reason = match reason {
                Reason::Borrowed(reason) => reason,
                Reason::Owned(_) => NO_TOKEN_OF_OURS,
            };
            Some(format!("The access token is not valid: {reason}."))
        }
        Error::InvalidRequest(reason) => Some(reason.to_string()),
        Error::InvalidParameter(..) => Some(error.description().into_owned()),
        _ => None,
    };
    let error = OAuthError(error);
    let mut response = error.as_response();
    if let Some(description) = description {
        let challenge = format!(
            "Bearer realm=\"jeton\", error=\"{}\", error_description=\"{}\"",
            error.0.code(),
            quotable(&description)
        );
        if let Ok(challenge) = HeaderValue::try_from(challenge) {
            let headers = response.headers_mut();
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
    }
    response
}

/// "Values for the "error" and "`error_description`" attributes [...] MUST NOT include characters outside the set
/// %x20-21 / %x23-5B / %x5D-7E", RFC 6750 §3.
fn quotable(text: &str) -> String {
    let is_allowed = |c: &char| matches!(c, ' '..='~') && !['"', '\\'].contains(c);
    text.chars().filter(is_allowed).take(200).collect()
}
