//! Change of a user's own password.

use std::sync::Arc;
use std::time::Duration;

use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi, types};
use serde::Deserialize;

use super::Tag;
use super::signed_in::SignedIn;
use crate::api::bearer::Scopes;
use crate::api::json_body::{self, JsonBody};
use crate::client::GrantType;
use crate::client_authentication::AuthenticatedClient;
use crate::error::Error;
use crate::password::Password;
use crate::response::problem::Problem;
use crate::secret::Secret;
use crate::server::AuthorizationServer;
use crate::sign_in::{self, Attempt, AttemptSource, AuthenticatedUser};
use crate::store::session::{self, NewSession};
use crate::store::user::{self, Change, Changed, Replacement, UserError};
use crate::store::{Target, client};
use crate::token::access::{Access, SessionAccess};
use crate::token::response::TokenResponse;
use crate::token::sender;
use crate::username::Username;

/// The longest age of the sign-in: long enough to choose a password, and too short for a shared device
/// that was left signed in. Not a setting, because a longer value would weaken exactly that.
const MAX_SIGN_IN_AGE: Duration = Duration::from_mins(10);

/// Name of the field with the new password.
const NEW: &str = "new_password";

/// The operation that changes a password.
#[derive(Default)]
pub struct PasswordApi;

/// The present and the new password.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
struct PasswordChange {
    /// The present password.
    #[serde(deserialize_with = "json_body::password")]
    #[oai(validator(min_length = 1))]
    current_password: types::Password,
    /// The new password: hard to guess, and 15 characters or more unless the server is configured
    /// otherwise.
    #[serde(deserialize_with = "json_body::password")]
    #[oai(validator(min_length = 1))]
    new_password: types::Password,
}

/// The tokens of a new session, as of the token endpoint, and the number of other sessions that were revoked.
#[derive(Object)]
#[oai(rename = "AccountPasswordChanged")]
struct PasswordChanged {
    /// Number of sessions that were revoked, without the one of this request, which is replaced.
    sessions_ended: i64,
    /// The access token of the new session.
    access_token: String,
    /// `Bearer`.
    token_type: String,
    /// Seconds until the access token expires.
    expires_in: i64,
    /// The refresh token of the new session. Absent if the client does not have the grant `refresh_token`.
    #[oai(skip_serializing_if_is_none)]
    refresh_token: Option<String>,
    /// The ID token of the new session. Only if the scope has `openid`.
    #[oai(skip_serializing_if_is_none)]
    id_token: Option<String>,
    /// The scope of the access token, space-separated.
    scope: String,
}

#[derive(ApiResponse)]
enum ChangeAnswer {
    /// The password is changed, and all earlier sessions are revoked.
    #[oai(status = 200)]
    Ok(Json<PasswordChanged>),
}

#[OpenApi]
impl PasswordApi {
    /// Change my password
    ///
    /// Revokes all sessions, so that copied tokens end, and begins a new one. Store its tokens; the response
    /// is the only one that has them, and if it is lost, the user signs in with the new password. Requires a
    /// sign-in within the last ten minutes, else 401 `insufficient_user_authentication` (RFC 9470). A wrong
    /// current password is 422 and counts as a failed sign-in (429 when there are too many).
    #[oai(
        path = "/account/password",
        method = "put",
        operation_id = "changeAccountPassword",
        tag = "Tag::Account"
    )]
    async fn change(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Account")] signed_in: SignedIn,
        body: JsonBody<PasswordChange>,
    ) -> Result<ChangeAnswer, Problem> {
        signed_in.require_fresh(MAX_SIGN_IN_AGE)?;
        let current = Secret::new(body.0.current_password.0);
        let new = Secret::new(body.0.new_password.0);
        let client = find_client(&signed_in, &server).await?;
        let confirmed = confirm(&signed_in, &client, &current, &server).await?;
        let user = &confirmed.user;
        let (current, new) = (Password::new(current.expose()), Password::new(new.expose()));
        if new.is(&current) {
            return Err(Problem::invalid(
                NEW,
                "must differ from the present password",
            ));
        }
        let username = Username::parse(&user.username)
            .map_err(|error| Problem::Failed(format!("stored username: {error}")))?;
        let rules = &server.password_rules;
        let hash = server.hasher.hash_chosen(new, &username, rules).await;
        let hash = hash.map_err(|error| Problem::of_new_password(NEW, error))?;
        // The user as read when the password was checked: the row may have changed since.
        let target = Target::at_revision(user.id, user.revision);
        let cause = signed_in.cause();
        let (session, access) = new_session(&signed_in, &client, &confirmed, &server).await?;
        let replacement = Some(Replacement {
            replaced: signed_in.session_id,
            session: Box::new(session.into_model(&cause)),
        });
        let change = Change::Password { hash, replacement };
        let changed = user::change(&server.store, target, change, &cause).await;
        let changed = changed.map_err(|error| match error {
            UserError::Stale => {
                Problem::Conflict("The account was changed by another request. Try again.".into())
            }
            error => error.into(),
        })?;
        let changed = PasswordChanged::of(&changed, &access, client, &server)?;
        Ok(ChangeAnswer::Ok(Json(changed)))
    }
}

impl PasswordChanged {
    fn of(
        changed: &Changed,
        access: &Access,
        client: client::Model,
        server: &AuthorizationServer,
    ) -> Result<Self, Problem> {
        let begun = changed.session.as_ref();
        let begun = begun.ok_or_else(|| Problem::Failed("no session has begun".into()))?;
        let may_refresh = client.allows(GrantType::RefreshToken.as_str());
        let client = AuthenticatedClient {
            policy: client.policy(&server.settings),
            client: Arc::new(client),
            secret: None,
        };
        let content = SessionAccess {
            session: begun,
            roles: &changed.user.roles,
            access,
            nonce: None,
        };
        let tokens = TokenResponse::for_session(content, &client, server)?;
        Ok(Self {
            sessions_ended: i64::try_from(changed.sessions_ended).unwrap_or(i64::MAX),
            access_token: tokens.access_token,
            token_type: tokens.token_type,
            expires_in: tokens.expires_in,
            refresh_token: tokens.refresh_token.filter(|_| may_refresh),
            id_token: tokens.id_token,
            scope: tokens.scope,
        })
    }
}

/// The session that begins, with the scope and the audience of the one that it replaces, and the access of its tokens.
async fn new_session<'a>(
    signed_in: &SignedIn,
    client: &'a client::Model,
    confirmed: &'a AuthenticatedUser,
    server: &AuthorizationServer,
) -> Result<(NewSession<'a>, Access), Problem> {
    let ended = || Problem::InvalidToken("the session has ended meanwhile".to_owned());
    let found = session::find(&server.store, signed_in.session_id).await?;
    let replaced = found.ok_or_else(ended)?.session;
    let access = Access::still_granted(&replaced, client, &server.settings.issuer);
    let policy = client.policy(&server.settings);
    let new = NewSession {
        user_id: confirmed.user.id,
        session_epoch: confirmed.user.session_epoch,
        client_id: &client.id,
        client_epoch: &client.epoch,
        scope: replaced.scope,
        audience: replaced.audience,
        acr: confirmed.acr,
        authenticated_at: confirmed.at,
        expires_at: confirmed.at.plus(policy.session_lifetime),
        idle_lifetime: policy.session_idle_lifetime,
        device: sender::digests(&signed_in.cause().device, &server.root_secrets),
        code: None,
    };
    Ok((new, access.ok_or_else(ended)?))
}

async fn find_client(
    signed_in: &SignedIn,
    server: &AuthorizationServer,
) -> Result<client::Model, Problem> {
    let found = client::find(&server.store, &signed_in.claims.client_id).await?;
    found.ok_or_else(|| Problem::InvalidToken("the client was deleted".to_owned()))
}

/// Checks the present password. It counts as a guess like any other, except that the session has quota
/// of its own.
async fn confirm(
    signed_in: &SignedIn,
    client: &client::Model,
    current: &Secret,
    server: &AuthorizationServer,
) -> Result<AuthenticatedUser, Problem> {
    let username = Secret::new(signed_in.user.username.clone());
    let attempt = Attempt {
        username: &username,
        password: current,
        session: Some(signed_in.session_id),
        source: AttemptSource {
            client,
            device: &signed_in.cause().device,
        },
    };
    let wrong = || Problem::invalid("current_password", "is not your password");
    let mut authenticated = match sign_in::authenticate(attempt, server).await {
        Ok(authenticated) => authenticated,
        Err(Error::InvalidGrant(_)) => return Err(wrong()),
        Err(error) => return Err(error.into()),
    };
    if let Some(permit) = authenticated.permit.take() {
        permit.give_back(server).await?;
    }
    // The name may belong to another user by now.
    if authenticated.user.id == signed_in.user.id {
        Ok(authenticated)
    } else {
        Err(wrong())
    }
}
