//! One of each page.

use askama::Template;
use jeton::page::{
    ConfirmSignOutPage, ConsentPage, ContinueAsPage, ErrorKind, ErrorPage, LandingPage,
    NamedClient, NoCookiesPage, PageForm, SignInPage, SignInProblem, SignedOutPage, Site,
};

/// The texts on the pages that are not the server's own.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    pub(super) site: &'a str,
    pub(super) client: &'a str,
    pub(super) return_host: Option<&'a str>,
    pub(super) username: &'a str,
    pub(super) scope: &'a str,
    pub(super) action: &'a str,
    pub(super) token: &'a str,
    pub(super) detail: &'a str,
    pub(super) request_id: &'a str,
}

pub(super) const PLAIN: Words<'_> = Words {
    site: "Example Accounts",
    client: "Grafana",
    return_host: Some("grafana.example.com"),
    username: "alice",
    scope: "orders:read",
    action: "?client_id=grafana&a=b",
    token: "form-token",
    detail: "The redirect URI is not registered.",
    request_id: "Rq7xYz",
};

impl<'a> Words<'a> {
    /// The same text everywhere.
    pub(super) const fn all(text: &'a str) -> Self {
        Self {
            site: text,
            client: text,
            return_host: Some(text),
            username: text,
            scope: text,
            action: text,
            token: text,
            detail: text,
            request_id: text,
        }
    }
}

/// Every page by name. `sign_in` has a username, the other sign-in pages have none and a problem.
pub(super) fn pages(words: &Words<'_>) -> Vec<(String, String)> {
    let mut pages = sign_in(words);
    pages.extend(forms(words));
    pages.extend(notices(words));
    pages
}

fn page(name: &str, page: &impl Template) -> (String, String) {
    (name.to_owned(), page.render().unwrap())
}

const fn form<'a>(words: &Words<'a>) -> PageForm<'a> {
    PageForm {
        action: words.action,
        token: words.token,
    }
}

const fn client<'a>(words: &Words<'a>) -> NamedClient<'a> {
    NamedClient {
        name: words.client,
        return_host: words.return_host,
    }
}

fn sign_in(words: &Words<'_>) -> Vec<(String, String)> {
    let first = SignInPage {
        site: Site::new(words.site),
        client: client(words),
        form: form(words),
        username: words.username,
        stay_signed_in: false,
        problem: None,
    };
    let problems = [
        ("sign_in refused", SignInProblem::Refused),
        (
            "sign_in throttled",
            SignInProblem::TooManyAttempts { seconds: 30 },
        ),
        ("sign_in form refused", SignInProblem::FormRefused),
        ("sign_in unavailable", SignInProblem::Unavailable),
    ];
    let again = problems.map(|(name, problem)| {
        let again = SignInPage {
            username: "",
            problem: Some(problem),
            ..first
        };
        page(name, &again)
    });
    [vec![page("sign_in", &first)], again.into()].concat()
}

fn forms(words: &Words<'_>) -> Vec<(String, String)> {
    let (site, client, form) = (Site::new(words.site), client(words), form(words));
    let username = words.username;
    let scopes = ["email".to_owned(), words.scope.to_owned()];
    vec![
        page(
            "continue_as",
            &ContinueAsPage {
                site,
                client,
                form,
                username,
            },
        ),
        page(
            "consent",
            &ConsentPage {
                site,
                client,
                form,
                username,
                scopes: &scopes,
            },
        ),
        page(
            "confirm_sign_out",
            &ConfirmSignOutPage {
                site,
                form,
                username: Some(username),
                client: Some(words.client),
            },
        ),
    ]
}

fn notices(words: &Words<'_>) -> Vec<(String, String)> {
    let site = Site::new(words.site);
    let mut pages = vec![
        page("signed_out", &SignedOutPage { site }),
        page(
            "no_cookies",
            &NoCookiesPage {
                site,
                address: words.action,
            },
        ),
        page("landing", &LandingPage { site }),
    ];
    pages.extend(ErrorKind::ALL.map(|kind| {
        let error = ErrorPage {
            site,
            kind,
            status: kind.status(),
            detail: Some(words.detail),
            request_id: Some(words.request_id),
        };
        page(&format!("error {kind:?}"), &error)
    }));
    pages
}
