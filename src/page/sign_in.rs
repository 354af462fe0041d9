//! The sign-in page.

use std::borrow::Cow;

use askama::Template;

use super::{NamedClient, PageForm, Site};

/// Username and password. Actions: `sign_in`, `cancel`. Fields: `username`, `password`, and `stay_signed_in`, which is
/// `yes` or absent.
#[derive(Debug, Template)]
#[template(path = "sign_in.html")]
pub struct SignInPage<'a> {
    /// What all pages share.
    pub site: Site<'a>,
    /// The client that the user signs in to.
    pub client: NamedClient<'a>,
    /// The form.
    pub form: PageForm<'a>,
    /// The username in its field; may be empty.
    pub username: &'a str,
    /// Whether the check box is set. It is off by default.
    pub stay_signed_in: bool,
    /// The reason why the page is shown again.
    pub problem: Option<SignInProblem>,
}

/// The reason why the sign-in page is shown again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInProblem {
    /// The username is unknown or the password wrong: one text for both.
    Refused,
    /// Too many attempts failed.
    TooManyAttempts {
        /// The seconds until the next attempt.
        seconds: u64,
    },
    /// The form token is not valid: the form expired, or the cookie before it is another one.
    FormRefused,
    /// The server cannot check the password at present.
    Unavailable,
}

impl SignInPage<'_> {
    fn problem_text(&self) -> Option<Cow<'static, str>> {
        let texts = &self.site.texts.sign_in;
        Some(match self.problem? {
            SignInProblem::Refused => texts.refused.into(),
            SignInProblem::TooManyAttempts { seconds } => (texts.too_many_attempts)(seconds).into(),
            SignInProblem::FormRefused => texts.form_refused.into(),
            SignInProblem::Unavailable => texts.unavailable.into(),
        })
    }
}
