//! The settings of a client and their rules.

mod patch;
mod policy;
mod retention;
mod rules;
pub mod secret;
mod settings;

pub use patch::ClientPatch;
pub use policy::Policy;
pub use retention::check_retention;
pub use rules::{InvalidSetting, MAX_OPAQUE_AUDIENCES, MAX_OPAQUE_SCOPES, check, check_id};
pub use settings::{
    AccessTokenFormat, AccessTokenType, ClientSettings, Consent, GrantType, Pkce,
    RefreshTokenRotation, TokenEndpointAuthMethod,
};

use serde_json::Value;

use self::secret::NewSecret;

/// The reserved client of browser sessions. No client can be registered with this id, because of the colon.
pub const BROWSER: &str = "jeton:browser";

/// A client to register.
#[derive(Debug, Default)]
pub struct NewClient {
    /// The `client_id`.
    pub id: String,
    /// The secret of a confidential client. A client that is registered without one is public and stays so.
    pub secret: Option<NewSecret>,
    /// The settings that differ from the defaults.
    pub settings: ClientPatch,
}

impl NewClient {
    /// Checks the id and the settings and returns the settings, or everything that is invalid.
    pub fn checked_settings(&self) -> Result<ClientSettings, Vec<InvalidSetting>> {
        let mut invalid: Vec<InvalidSetting> = check_id(&self.id).err().into_iter().collect();
        let defaults = ClientSettings::new(&self.id);
        let mut patch = self.settings.clone();
        if patch.get("scope").is_none() {
            // The default depends on other settings.
            patch = patch.with("scope", Value::Null);
        }
        match defaults.patched(&patch, &self.id) {
            Ok(settings) => {
                invalid.extend(check(&settings, self.secret.is_some()));
                if invalid.is_empty() {
                    return Ok(settings);
                }
            }
            Err(unreadable) => invalid.push(unreadable),
        }
        Err(invalid)
    }
}
