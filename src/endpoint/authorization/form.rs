//! The body of a form that a browser sends.

use std::marker::PhantomData;
use std::sync::Arc;

use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::endpoint::form;
use crate::error::Error;
use crate::parameters::Parameters;
use crate::response::body;
use crate::response::oauth_error::OAuthError;
use crate::secret::Secret;
use crate::server::AuthorizationServer;

/// The body as text, documented as a `T`.
pub struct FormBody<T> {
    /// The text, not yet decoded.
    pub text: Vec<u8>,
    documented: PhantomData<T>,
}

/// The form of a page.
pub struct PageForm {
    /// The name of the button.
    pub action: Action,
    /// The form token.
    pub token: Secret,
    /// The username.
    pub username: Secret,
    /// The password.
    pub password: Secret,
    /// Whether "stay signed in" is checked.
    pub stay_signed_in: bool,
}

/// The button that sent a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Sign in with username and password.
    SignIn,
    /// Continue as the signed-in user.
    Continue,
    /// Allow the client's access.
    Allow,
    /// Sign in as another user.
    OtherAccount,
    /// Return to the client without a code.
    Decline,
}

impl PageForm {
    /// Reads the form of a page: one that has the field `form_token`. Any other form is an authorization request.
    pub fn read(fields: &Parameters) -> Option<Self> {
        let token = fields.find("form_token")?.clone();
        let text = |name| {
            fields
                .find(name)
                .cloned()
                .unwrap_or(Secret::new(String::new()))
        };
        let action = match text("action").expose() {
            "continue" => Action::Continue,
            "allow" => Action::Allow,
            "other_account" => Action::OtherAccount,
            "cancel" | "deny" => Action::Decline,
            // The Enter key sends no button in some browsers.
            _ => Action::SignIn,
        };
        Some(Self {
            action,
            token,
            username: text("username"),
            password: text("password"),
            stay_signed_in: fields.find("stay_signed_in").is_some(),
        })
    }
}

impl<'a, T: Type> ApiExtractor<'a> for FormBody<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(form::meta::<T>())
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let server = request.data::<Arc<AuthorizationServer>>();
        let no_server = || OAuthError(Error::ServerError("no server in the request".into()));
        let limit = server.ok_or_else(no_server)?.settings.server.body_limit;
        form::require_form(request)?;
        Ok(Self {
            text: body::read(request, body, limit).await?,
            documented: PhantomData,
        })
    }
}
