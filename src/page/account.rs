//! Pages about the account that the browser is signed in to.

use askama::Template;

use super::{NamedClient, PageForm, Site};

/// Continue as the signed-in user, or as another. Actions: `continue`, `other_account`, `cancel`.
#[derive(Debug, Template)]
#[template(path = "continue_as.html")]
pub struct ContinueAsPage<'a> {
    /// What all pages share.
    pub site: Site<'a>,
    /// The client that the user continues to.
    pub client: NamedClient<'a>,
    /// The form.
    pub form: PageForm<'a>,
    /// The signed-in user.
    pub username: &'a str,
}

/// The question before a sign-out. Actions: `sign_out`, `cancel`.
#[derive(Debug, Template)]
#[template(path = "confirm_sign_out.html")]
pub struct ConfirmSignOutPage<'a> {
    /// What all pages share.
    pub site: Site<'a>,
    /// The form.
    pub form: PageForm<'a>,
    /// The signed-in user.
    pub username: Option<&'a str>,
    /// The name of the client that asks for the sign-out.
    pub client: Option<&'a str>,
}

/// The page after a sign-out.
#[derive(Debug, Template)]
#[template(path = "signed_out.html")]
pub struct SignedOutPage<'a> {
    /// What all pages share.
    pub site: Site<'a>,
}
