//! The request bodies of clients.

use std::borrow::Cow;
use std::marker::PhantomData;

use poem_openapi::Object;
use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::{Password, Type};
use serde::Deserialize;

use super::new_secret;
use crate::api::json_body;
use crate::client::secret::NewSecret;
use crate::client::{ClientPatch, ClientSettings, NewClient, TokenEndpointAuthMethod};
use crate::response::problem::Problem;

/// A client to register. A setting that is absent or `null` has its default.
#[derive(Object, Deserialize)]
pub struct ClientCreation {
    /// The `client_id`: 1 to 255 printable ASCII characters, and not a UUID, because users' ids are.
    #[oai(validator(
        min_length = 1,
        max_length = 255,
        pattern = "^[!-9;-~]([ -9;-~]*[!-9;-~])?$"
    ))]
    pub client_id: String,
    /// How the client authenticates, by RFC 7591. A client that can keep a secret has `client_secret_basic`: the
    /// response contains the secret, and only this once. It cannot be changed later.
    /// Default: `none`.
    #[serde(default, deserialize_with = "json_body::if_any")]
    pub token_endpoint_auth_method: Option<TokenEndpointAuthMethod>,
    /// A secret for `client_secret_basic` that was generated elsewhere: at least 32 random characters.
    #[serde(default, deserialize_with = "json_body::password_if_any")]
    #[oai(validator(min_length = 32, max_length = 255, pattern = "^[ -~]+$"))]
    pub client_secret: Option<Password>,
    /// All other members.
    #[serde(flatten)]
    #[oai(skip)]
    pub settings: ClientPatch,
}

/// Settings to change, as a JSON merge patch (RFC 7396). An absent setting stays, `null` resets one to its default, and
/// a list replaces the list.
#[derive(Object)]
pub struct ClientChange {}

/// A new client secret.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientSecretCreation {
    /// A secret that was generated elsewhere: at least 32 random characters. Default: the server generates one.
    #[serde(default, deserialize_with = "json_body::password_if_any")]
    #[oai(validator(min_length = 32, max_length = 255, pattern = "^[ -~]+$"))]
    pub client_secret: Option<Password>,
    /// Lifetime in seconds. Default: the secret is valid until it is removed.
    #[oai(validator(minimum(value = "1"), maximum(value = "315360000")))]
    #[serde(default, deserialize_with = "json_body::if_any")]
    pub expires_in: Option<i64>,
}

impl ClientCreation {
    /// The client to register, and its secret.
    pub fn parse(self) -> Result<(NewClient, Option<NewSecret>), Problem> {
        let method = self.token_endpoint_auth_method.unwrap_or_default();
        let secret = match (method, self.client_secret) {
            (TokenEndpointAuthMethod::ClientSecretBasic, given) => Some(new_secret(given)?),
            (TokenEndpointAuthMethod::None, None) => None,
            (TokenEndpointAuthMethod::None, Some(_)) => {
                let detail = "requires token_endpoint_auth_method client_secret_basic";
                return Err(Problem::invalid("client_secret", detail));
            }
        };
        let new = NewClient {
            id: self.client_id,
            secret: secret.clone(),
            settings: self.settings,
        };
        Ok((new, secret))
    }
}

/// The schema of `T` with the settings of a client as further properties, each optional and nullable.
pub struct WithSettings<T>(PhantomData<T>);

impl<T: Type> Type for WithSettings<T> {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        T::name()
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        let mut settings = registry.create_fake_schema::<ClientSettings>().properties;
        for (_, property) in &mut settings {
            if let MetaSchemaRef::Inline(schema) = property {
                // "A true value adds "null" to the allowed type specified by the `type` keyword, only if `type` is
                // explicitly defined within the same Schema Object", OpenAPI 3.0.3. References are to texts.
                if schema.ty.is_empty() {
                    schema.ty = "string";
                }
                schema.nullable = true;
            }
        }
        T::register(registry);
        if let Some(schema) = registry.schemas.get_mut(&*T::name()) {
            let is_setting = |name: &str| settings.iter().any(|(own, _)| *own == name);
            schema.properties.retain(|(name, _)| !is_setting(name));
            schema.properties.extend(settings);
        }
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}
