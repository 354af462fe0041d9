//! The consent page.

use askama::Template;

use super::{NamedClient, PageForm, Site};

/// The scope that a client asks for. Actions: `allow`, `deny`, `other_account`.
#[derive(Debug, Template)]
#[template(path = "consent.html")]
pub struct ConsentPage<'a> {
    /// What all pages share.
    pub site: Site<'a>,
    /// The client.
    pub client: NamedClient<'a>,
    /// The form.
    pub form: PageForm<'a>,
    /// The signed-in user.
    pub username: &'a str,
    /// The words of the scope. The page describes those of OpenID Connect and shows the others as they are.
    pub scopes: &'a [String],
}
