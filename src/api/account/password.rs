//! Change of a user's own password.

use std::sync::Arc;
use std::time::Duration;

use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi, types};
use serde::Deserialize;

use super::Tag;
use super::sessions::Ended;
use super::signed_in::SignedIn;
use crate::api::bearer::Scopes;
use crate::api::json_body::{self, JsonBody};
use crate::error::Error;
use crate::password::Password;
use crate::response::problem::Problem;
use crate::secret::Secret;
use crate::server::AuthorizationServer;
use crate::sign_in::{self, Attempt, AttemptSource};
use crate::store::user::{self, Change, UserError};
use crate::store::{Target, client};
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

#[derive(ApiResponse)]
enum ChangeAnswer {
    /// The password is changed and the other sessions are revoked.
    #[oai(status = 200)]
    Ok(Json<Ended>),
}

#[OpenApi]
impl PasswordApi {
    /// Change my password
    ///
    /// Keeps this session and revokes all others; the response has their number. Requires a sign-in
    /// within the last ten minutes, else 401 `insufficient_user_authentication` (RFC 9470). A wrong
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
        let user = confirm(&signed_in, &current, &server).await?;
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
        let kept_session = Some(signed_in.session_id);
        let change = Change::Password { hash, kept_session };
        match user::change(&server.store, target, change, &signed_in.cause()).await {
            Ok(changed) => Ok(ChangeAnswer::Ok(Json(Ended::sessions(
                changed.sessions_ended,
            )))),
            Err(UserError::Stale) => Err(Problem::Conflict(
                "The account was changed by another request. Try again.".into(),
            )),
            Err(error) => Err(error.into()),
        }
    }
}

/// Checks the present password. It counts as a guess like any other, except that the session has quota
/// of its own.
async fn confirm(
    signed_in: &SignedIn,
    current: &Secret,
    server: &AuthorizationServer,
) -> Result<user::Model, Problem> {
    let client = client::find(&server.store, &signed_in.claims.client_id).await?;
    let client =
        client.ok_or_else(|| Problem::InvalidToken("the client was deleted".to_owned()))?;
    let username = Secret::new(signed_in.user.username.clone());
    let attempt = Attempt {
        username: &username,
        password: current,
        session: Some(signed_in.session_id),
        source: AttemptSource {
            client: &client,
            device: &signed_in.cause().device,
        },
    };
    let wrong = || Problem::invalid("current_password", "is not your password");
    let authenticated = match sign_in::authenticate(attempt, server).await {
        Ok(authenticated) => authenticated,
        Err(Error::InvalidGrant(_)) => return Err(wrong()),
        Err(error) => return Err(error.into()),
    };
    if let Some(permit) = authenticated.permit {
        permit.give_back(server).await?;
    }
    let user = authenticated.user;
    // The name may belong to another user by now.
    if user.id == signed_in.user.id {
        Ok(user)
    } else {
        Err(wrong())
    }
}
