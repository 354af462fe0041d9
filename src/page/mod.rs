//! HTML pages: their data, templates, texts and style. A template is in `templates/`.

mod account;
mod consent;
pub mod cookie;
pub mod form_origin;
pub mod form_token;
mod notice;
pub mod policy;
mod response;
mod sign_in;
mod texts;

use askama::Template;

pub use self::account::{ConfirmSignOutPage, ContinueAsPage, SignedOutPage};
pub use self::consent::ConsentPage;
pub use self::notice::{ErrorKind, ErrorPage, NoCookiesPage};
pub use self::response::PageResponse;
pub use self::sign_in::{SignInPage, SignInProblem};
pub use self::texts::Texts;

/// The style of all pages.
pub const STYLE: &str = include_str!("style.css");

/// What all pages share.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// The name above each page: the setting `page.name`.
    pub name: &'a str,
    /// The texts, in one language.
    pub texts: &'static Texts,
}

impl<'a> Site<'a> {
    /// A site of this name, in English.
    pub const fn new(name: &'a str) -> Self {
        Self {
            name,
            texts: &texts::ENGLISH,
        }
    }
}

/// The form of a page. Its buttons have the name `action`.
#[derive(Clone, Copy, Debug)]
pub struct PageForm<'a> {
    /// The URL that receives the form, such as `?client_id=…`: the page's own URL with this query.
    pub action: &'a str,
    /// The value of the hidden field `form_token`.
    pub token: &'a str,
}

/// The client that a page names.
#[derive(Clone, Copy, Debug)]
pub struct NamedClient<'a> {
    /// The name, or the id of a client without a name.
    pub name: &'a str,
    /// The host that the browser returns to; `None` for a first-party client.
    pub return_host: Option<&'a str>,
}

/// The page at `/`. Its links are relative, so that it works below a path prefix.
#[derive(Debug, Template)]
#[template(path = "landing.html")]
pub struct LandingPage<'a> {
    /// What all pages share.
    pub site: Site<'a>,
}
