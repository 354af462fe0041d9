//! Strict reader of form bodies: `application/x-www-form-urlencoded`, RFC 6749 App. B.

use std::marker::PhantomData;
use std::sync::Arc;

use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::error::Error;
use crate::parameters::Parameters;
use crate::response::body;
use crate::response::oauth_error::OAuthError;
use crate::server::AuthorizationServer;

const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";

/// The parameters of a request, documented as a `T`.
///
/// poem-openapi's own form accepts repeated and malformed parameters and has its own error format.
pub struct Form<T> {
    /// The parameters of body and query.
    pub parameters: Parameters,
    documented: PhantomData<T>,
}

impl<'a, T: Type> ApiExtractor<'a> for Form<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        FormBody::<T>::request_meta()
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let body = FormBody::<T>::from_request(request, body, options).await?;
        let parameters = Parameters::parse(request.uri().query(), &body.text);
        let parameters = parameters.map_err(OAuthError)?;
        Ok(Self {
            parameters,
            documented: PhantomData,
        })
    }
}

/// The body as text, documented as a `T`.
pub(super) struct FormBody<T> {
    /// The text, not yet decoded.
    pub text: Vec<u8>,
    documented: PhantomData<T>,
}

impl<'a, T: Type> ApiExtractor<'a> for FormBody<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType {
                content_type: MEDIA_TYPE,
                schema: T::schema_ref(),
            }],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let server = request.data::<Arc<AuthorizationServer>>();
        let no_server = || OAuthError(Error::ServerError("no server in the request".into()));
        let limit = server.ok_or_else(no_server)?.settings.server.body_limit;
        if !request.content_type().is_some_and(is_form) {
            let reason = "the content type is not application/x-www-form-urlencoded";
            return Err(OAuthError(Error::InvalidRequest(reason.into())).into());
        }
        Ok(Self {
            text: body::read(request, body, limit).await?,
            documented: PhantomData,
        })
    }
}

/// The parameters of a request that may come without a form, documented as a `T`. A body of another type is ignored.
pub struct OptionalForm<T> {
    /// The parameters; none without a form.
    pub parameters: Parameters,
    documented: PhantomData<T>,
}

impl<'a, T: Type> ApiExtractor<'a> for OptionalForm<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let form = Form::<T>::request_meta()?;
        Some(MetaRequest {
            required: false,
            ..form
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let parameters = if request.content_type().is_some_and(is_form) {
            let form = Form::<T>::from_request(request, body, options).await?;
            form.parameters
        } else {
            Parameters::default()
        };
        Ok(Self {
            parameters,
            documented: PhantomData,
        })
    }
}

/// A `charset` parameter is tolerated and ignored: the form is UTF-8.
fn is_form(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(MEDIA_TYPE)
}
