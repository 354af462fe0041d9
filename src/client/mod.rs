//! The registration of clients.

mod change;
mod check;
pub mod registration;
pub mod secret;

use std::time::Duration;

use crate::audit::Cause;
use crate::client::registration::{Invalid, Refused};
use crate::client::secret::NewSecret;
use crate::clock::micros;
use crate::config::LateRetry;
use crate::server::AuthorizationServer;
use crate::store::client::{
    self, AccessTokenFormat, AccessTokenType, ChangeError, Changed, Model, RefreshTokenRotation,
    Whom,
};
use crate::store::user::InsertError;
use crate::web_origin::WebOrigin;

pub use change::{Change, Setting};
pub use check::{check_id, check_origins};

/// What is registered of a client and may be changed. What is `None` follows the server's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// For people.
    pub name: String,
    /// Whether it is as much the operator's own as this server is.
    pub first_party: bool,
    /// Which grant types it may use.
    pub grant_types: Vec<String>,
    /// What its tokens may allow, and what they do when a request names no scope.
    pub scope: Vec<String>,
    /// Whom its tokens are for; nobody: the issuer itself.
    pub audience: Vec<String>,
    /// What its access tokens look like.
    pub access_token_format: Option<AccessTokenFormat>,
    /// The `typ` of its JWTs.
    pub access_token_type: Option<AccessTokenType>,
    /// How long an access token lives.
    pub access_token_lifetime: Option<Duration>,
    /// How long a session lives at most.
    pub session_lifetime: Option<Duration>,
    /// How long a session lives without being refreshed.
    pub session_idle_lifetime: Option<Duration>,
    /// Whether a refresh replaces the refresh token.
    pub rotation: Option<RefreshTokenRotation>,
    /// How long the same refresh token gets the same answer.
    pub retry_window: Option<Duration>,
    /// Whether a retry after that is forgiven.
    pub late_retry: Option<LateRetry>,
    /// How many generations lie between two late retries that are forgiven.
    pub late_retry_spacing: Option<u32>,
}

/// A client to be registered.
#[derive(Debug, Default)]
pub struct NewClient {
    /// Its `client_id`.
    pub id: String,
    /// What makes it confidential; without one it is public, for good.
    pub secret: Option<NewSecret>,
    /// In what it differs from a client of which nothing is said.
    pub settings: Change,
    /// Whose pages may read what it is answered.
    pub origins: Vec<WebOrigin>,
}

/// Registers a client.
///
/// # Errors
///
/// [`Refused::Invalid`] or [`Refused::Taken`].
pub async fn add(
    new: NewClient,
    cause: &Cause,
    server: &AuthorizationServer,
) -> Result<Model, Refused> {
    let NewClient {
        id,
        secret,
        settings,
        origins,
    } = new;
    let settings = settings.of_new_client(&id);
    let mut wrong: Vec<Invalid> = check_id(&id).err().into_iter().collect();
    wrong.extend(settings.check(secret.is_some()));
    wrong.extend(check_origins(&origins).err());
    if !wrong.is_empty() {
        return Err(Refused::Invalid(wrong));
    }
    let row = Model {
        confidential: secret.is_some(),
        ..settings.written_to(Model::new(&id, cause.at))
    };
    let secret = secret.map(|secret| secret.row(&row.id, cause.at));
    match client::insert(&server.store, row.clone(), secret, &origins, cause).await {
        Ok(()) => Ok(row),
        Err(InsertError::Taken) => Err(Refused::Taken),
        Err(InsertError::Store(error)) => Err(error.into()),
    }
}

/// Changes what is registered of a client. It counts from the next request on; access tokens that are out
/// stay as they are.
///
/// # Errors
///
/// [`Refused::Invalid`], [`Refused::Unknown`], or [`Refused::Stale`] when `whom` names a state that the
/// client is in no more.
pub async fn update(
    whom: impl Into<Whom<'_>>,
    change: Change,
    cause: &Cause,
    server: &AuthorizationServer,
) -> Result<Changed, Refused> {
    let apply = |before: &Model| change.clone().checked_against(before, cause.at);
    client::update(&server.store, whom, apply, cause).await
}

impl From<ChangeError> for Refused {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Gone => Self::Unknown,
            ChangeError::Stale => Self::Stale,
            ChangeError::Store(error) => Self::Store(error),
        }
    }
}

impl Settings {
    /// What is registered.
    #[must_use]
    pub fn of(row: &Model) -> Self {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        let duration = |micros: Option<i64>| {
            micros
                .and_then(|micros| u64::try_from(micros).ok())
                .map(Duration::from_micros)
        };
        Self {
            name: row.name.clone(),
            first_party: row.first_party,
            grant_types: words(&row.grant_types),
            scope: words(&row.scope),
            audience: words(&row.audience),
            access_token_format: row.own_access_token_format(),
            access_token_type: row.own_access_token_type(),
            access_token_lifetime: duration(row.access_token_lifetime),
            session_lifetime: duration(row.session_lifetime),
            session_idle_lifetime: duration(row.session_idle_lifetime),
            rotation: row.own_rotation(),
            retry_window: duration(row.retry_window),
            late_retry: row.own_late_retry(),
            late_retry_spacing: row.late_retry_spacing.and_then(|own| own.try_into().ok()),
        }
    }

    /// The row with these settings; what is no setting stays as it is.
    fn written_to(self, row: Model) -> Model {
        Model {
            name: self.name,
            first_party: self.first_party,
            grant_types: self.grant_types.join(" "),
            scope: self.scope.join(" "),
            audience: self.audience.join(" "),
            access_token_format: self.access_token_format.map(|own| own.name().to_owned()),
            access_token_type: self.access_token_type.map(|own| own.name().to_owned()),
            access_token_lifetime: self.access_token_lifetime.map(micros),
            session_lifetime: self.session_lifetime.map(micros),
            session_idle_lifetime: self.session_idle_lifetime.map(micros),
            rotation: self.rotation.map(|own| own.name().to_owned()),
            retry_window: self.retry_window.map(micros),
            late_retry: self.late_retry.map(|own| own.name().to_owned()),
            late_retry_spacing: self.late_retry_spacing.map(i64::from),
            ..row
        }
    }
}
