//! A browser: it keeps cookies, and sends the forms of pages.

use std::cell::RefCell;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jeton::token::code::digest_of;
use poem::http::Method;
use poem::{Request, RequestBuilder};
use url::{Url, form_urlencoded};

use super::{ALICE, Answer, ISSUER, Jeton, encode, form};

pub const CALLBACK: &str = "https://app.example/callback";
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A browser, which may talk to several nodes.
pub struct Browser {
    cookies: RefCell<BTreeMap<String, String>>,
    user_agent: String,
}

impl Default for Browser {
    fn default() -> Self {
        Self {
            cookies: RefCell::default(),
            user_agent: "browser".to_owned(),
        }
    }
}

/// An authorization request of the client `app`.
pub fn request(more: &[(&str, &str)]) -> String {
    let challenge = challenge();
    let own = [
        ("client_id", "app"),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("state", "s1"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let own = own
        .iter()
        .filter(|(name, _)| more.iter().all(|(other, _)| other != name));
    let all: Vec<_> = own
        .chain(more)
        .copied()
        .filter(|(_, value)| !value.is_empty())
        .collect();
    encode(&all)
}

pub fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(digest_of(VERIFIER))
}

impl Browser {
    /// Opens the authorization endpoint.
    pub async fn open(&self, jeton: &Jeton, query: &str) -> Answer {
        let request = Request::builder()
            .method(Method::GET)
            .uri(format!("/authorize?{query}").parse().unwrap());
        self.send(jeton, request, String::new()).await
    }

    /// Opens a page.
    pub async fn visit(&self, jeton: &Jeton, path: &str) -> Answer {
        let request = Request::builder().uri(path.parse().unwrap());
        self.send(jeton, request, String::new()).await
    }

    /// Sends the form of a page with these fields beside the hidden ones.
    pub async fn submit(&self, jeton: &Jeton, page: &Answer, fields: &[(&str, &str)]) -> Answer {
        self.submit_to(jeton, "/authorize", page, fields).await
    }

    /// Sends the form of a page at this path.
    pub async fn submit_to(
        &self,
        jeton: &Jeton,
        path: &str,
        page: &Answer,
        fields: &[(&str, &str)],
    ) -> Answer {
        let action = page.attribute("action");
        let token = page.form_token();
        let fields = [&[("form_token", token.as_str())], fields].concat();
        self.post(jeton, &format!("{path}{action}"), &fields, ISSUER)
            .await
    }

    /// Posts a form from a page of this origin.
    pub async fn post(
        &self,
        jeton: &Jeton,
        path: &str,
        fields: &[(&str, &str)],
        origin: &str,
    ) -> Answer {
        let request = form(path).header("origin", origin);
        self.send(jeton, request, encode(fields)).await
    }

    /// Opens the request and signs [`ALICE`] in. Returns the response to the form.
    pub async fn sign_in(&self, jeton: &Jeton, query: &str) -> Answer {
        let page = self.open(jeton, query).await;
        assert_eq!(page.status, 200, "{}", page.body);
        self.submit(jeton, &page, &credentials(ALICE)).await
    }

    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.borrow().get(name).cloned()
    }

    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies
            .borrow_mut()
            .insert(name.to_owned(), value.to_owned());
    }

    fn remove_cookie(&self, name: &str) {
        self.cookies.borrow_mut().remove(name);
    }

    pub async fn send(&self, jeton: &Jeton, request: RequestBuilder, body: String) -> Answer {
        let cookies: Vec<String> = self
            .cookies
            .borrow()
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = request.header("user-agent", &self.user_agent);
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        let answer = jeton.send(request.body(body)).await;
        for line in answer.headers.get_all("set-cookie") {
            let line = line.to_str().unwrap();
            let (pair, attributes) = line.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.remove_cookie(name);
            } else {
                self.set_cookie(name, value);
            }
        }
        answer
    }
}

/// The fields of the sign-in page.
pub fn credentials<'a>(user: (&'a str, &'a str)) -> [(&'a str, &'a str); 3] {
    [
        ("username", user.0),
        ("password", user.1),
        ("action", "sign_in"),
    ]
}

/// The value of an attribute of the page's only element that has it.
pub fn attribute(page: &str, name: &str) -> String {
    let (_, rest) = page
        .split_once(&format!(" {name}=\""))
        .unwrap_or_else(|| panic!("no {name}: {page}"));
    let value = rest.split('"').next().unwrap();
    value.replace("&amp;", "&").replace("&#38;", "&")
}

/// The hidden field of the page's form.
pub fn form_token(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"form_token\"").unwrap();
    let (_, rest) = rest.split_once("value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

impl Answer {
    fn attribute(&self, name: &str) -> String {
        attribute(&self.body, name)
    }

    pub fn form_token(&self) -> String {
        form_token(&self.body)
    }

    /// The parameters of the redirect to the client, which is 303: row 66.
    #[track_caller]
    pub fn redirected(&self) -> BTreeMap<String, String> {
        assert_eq!(self.status, 303, "{}", self.body);
        let location = Url::parse(self.header("location").unwrap()).unwrap();
        let query = location.query().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect()
    }

    /// The code of the redirect.
    #[track_caller]
    pub fn code(&self) -> String {
        let parameters = self.redirected();
        let code = parameters.get("code");
        code.unwrap_or_else(|| panic!("{parameters:?}")).clone()
    }

    /// Asserts a redirect with this error, `state` and `iss`.
    #[track_caller]
    pub fn assert_redirect_error(&self, error: &str) {
        let parameters = self.redirected();
        assert_eq!(parameters["error"], error, "{parameters:?}");
        assert_eq!(parameters["state"], "s1");
        assert_eq!(parameters["iss"], ISSUER);
        assert!(!parameters.contains_key("code"));
    }

    /// Asserts a page with this status and text, and no redirect.
    #[track_caller]
    pub fn assert_page(&self, status: u16, text: &str) {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        assert!(self.headers.get("location").is_none());
        assert_eq!(
            self.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert!(self.body.contains(text), "{}", self.body);
    }
}

impl Jeton {
    /// A server with the public client `app` of a third party, which asks for no consent.
    pub async fn with_app() -> Self {
        let jeton = Self::start().await;
        jeton.add_app("app", |_| {}).await;
        jeton
    }

    /// Adds a client with the authorization code grant.
    pub async fn add_app(&self, id: &str, change: impl FnOnce(&mut jeton::store::client::Model)) {
        self.add_client(id, None, |client| {
            "authorization_code refresh_token".clone_into(&mut client.grant_types);
            CALLBACK.clone_into(&mut client.redirect_uris);
            "read write openid profile email offline_access".clone_into(&mut client.scope);
            client.first_party = false;
            client.consent = Some("skip".to_owned());
            change(client);
        })
        .await;
    }

    /// Exchanges a code of the client `app`.
    pub async fn redeem(&self, code: &str) -> Answer {
        self.redeem_with(code, &[]).await
    }

    /// The same with other parameters.
    pub async fn redeem_with(&self, code: &str, more: &[(&str, &str)]) -> Answer {
        let own = [
            ("grant_type", "authorization_code"),
            ("client_id", "app"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        let own = own
            .iter()
            .filter(|(name, _)| more.iter().all(|(other, _)| other != name));
        let all: Vec<_> = own.chain(more).copied().collect();
        let request = form("/token").header("user-agent", "browser");
        self.send(request.body(encode(&all))).await
    }
}
