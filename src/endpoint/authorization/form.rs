//! The form of a page of the authorization endpoint.

use crate::parameters::Parameters;
use crate::secret::Secret;

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
