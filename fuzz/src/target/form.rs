//! Form bodies and queries of the protocol endpoints: /token, /revoke, /introspect and /authorize.
//!
//! The first byte selects the endpoint. Placeholders stand for what the server has issued: `{r}` refresh token, `{a}`
//! access token, `{o}` opaque access token, `{c}` authorization code, `{f}` token of the page's form.

use poem::http::{HeaderValue, Method};
use url::Url;

use super::server::{Server, assert_no_failure, filled, parameter};
use super::{Target, halves, selected};
use crate::support::browser::{Browser, CALLBACK, VERIFIER, credentials, request};
use crate::support::{ALICE, Answer, ISSUER, Jeton, SECRET, basic_raw, form};

/// What a page would contain if it had a parameter unescaped.
const MARKUP: &str = "<xss";

pub struct Form {
    server: Server,
    /// A browser in which [`ALICE`] is signed in.
    browser: Browser,
    issued: Issued,
}

/// Tokens and a code that have not been used.
struct Issued {
    refresh_token: String,
    access_token: String,
    opaque_token: String,
    code: String,
}

impl Target for Form {
    const INPUTS: u32 = 20_000;

    fn start() -> Self {
        let server = Server::start(add_clients);
        let browser = Browser::default();
        let issued = server.run(Issued::issue(&server.jeton, &browser));
        Self {
            server,
            browser,
            issued,
        }
    }

    fn run(&mut self, input: &[u8]) {
        let Some((endpoint, text)) = selected(input, 7) else {
            return;
        };
        match endpoint {
            0 => self.token(text, None),
            1 => self.token(text, Some(&basic_raw("service", SECRET))),
            2 => self.revoke(text),
            3 => self.introspect(text),
            4 => self.authorize(text),
            5 => self.submit(text, &Browser::default()),
            _ => self.submit(text, &self.browser),
        }
    }
}

async fn add_clients(jeton: &Jeton) {
    jeton.add_app("app", |_| {}).await;
    jeton.add_app("third", |client| client.consent = None).await;
    jeton
        .add_client("opaque", None, |client| {
            client.access_token_format = Some("opaque".to_owned());
        })
        .await;
    jeton
        .add_client("service", Some(SECRET), |client| {
            "client_credentials password refresh_token".clone_into(&mut client.grant_types);
            "read introspect".clone_into(&mut client.scope);
        })
        .await;
}

impl Issued {
    async fn issue(jeton: &Jeton, browser: &Browser) -> Self {
        let tokens = jeton.sign_in().await;
        let opaque = jeton.sign_in_at("opaque").await;
        let query = request(&[("scope", "openid read")]);
        let mut answer = browser.open(jeton, &query).await;
        if answer.status != 303 {
            answer = browser.submit(jeton, &answer, &credentials(ALICE)).await;
        }
        Self {
            refresh_token: tokens.refresh_token,
            access_token: tokens.access_token,
            opaque_token: opaque.access_token,
            code: answer.code(),
        }
    }

    fn fill(&self, text: &[u8]) -> Vec<u8> {
        let values = [
            ("{r}", self.refresh_token.as_str()),
            ("{a}", &self.access_token),
            ("{o}", &self.opaque_token),
            ("{c}", &self.code),
        ];
        filled(text, &values)
    }
}

impl Form {
    /// Replaces what a request has used.
    fn renew(&mut self, text: &[u8]) {
        if text.contains(&b'{') {
            let issue = Issued::issue(&self.server.jeton, &self.browser);
            self.issued = self.server.run(issue);
        }
    }

    fn post(&self, path: &str, authorization: Option<&str>, body: &[u8]) -> Answer {
        let mut request = form(path);
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        let answer = self.server.send(request, body.to_vec());
        if answer.status != 200 {
            answer.assert_error_shape();
        }
        answer
    }

    fn token(&mut self, text: &[u8], authorization: Option<&str>) {
        let body = self.issued.fill(text);
        let answer = self.post("/token", authorization, &body);
        if answer.status == 200 {
            self.assert_credential(&body, &answer);
            self.renew(text);
        }
    }

    /// Nothing but what the server has issued, or the user's password, gets a token.
    fn assert_credential(&self, body: &[u8], answer: &Answer) {
        let given = |name| parameter(body, name).unwrap_or_default();
        match given("grant_type").as_str() {
            "refresh_token" => assert_eq!(given("refresh_token"), self.issued.refresh_token),
            "authorization_code" => {
                assert_eq!(given("code"), self.issued.code);
                assert_eq!(given("code_verifier"), VERIFIER);
                // With PKCE it may be left out.
                assert!([CALLBACK, ""].contains(&&*given("redirect_uri")));
            }
            "password" => {
                assert_eq!(given("username").trim().to_lowercase(), ALICE.0);
                assert_eq!(given("password"), ALICE.1);
            }
            "client_credentials" => {
                let no_session = answer.json()["refresh_token"].is_null();
                assert!(no_session, "{}", answer.body);
            }
            other => panic!("{other:?} is no grant type: {}", answer.body),
        }
    }

    fn revoke(&mut self, text: &[u8]) {
        let body = self.issued.fill(text);
        if self.post("/revoke", None, &body).status == 200 {
            self.renew(text);
        }
    }

    fn introspect(&self, text: &[u8]) {
        let body = self.issued.fill(text);
        let authorization = basic_raw("service", SECRET);
        let answer = self.post("/introspect", Some(&authorization), &body);
        if answer.status == 200 && answer.json()["active"] == true {
            let given = parameter(&body, "token").unwrap_or_default();
            let issued = [&self.issued.access_token, &self.issued.opaque_token];
            assert!(issued.contains(&&given), "{given} is active");
        }
    }

    fn authorize(&self, text: &[u8]) {
        let path = [b"?", text].concat();
        if let Some(request) = Server::get("/authorize", &path) {
            let answer = self.server.send(request, Vec::new());
            assert_page_or_redirect(&answer);
            assert!(!is_granted(&answer), "a code without a sign-in");
        }
    }

    /// Sends a form to the authorization endpoint. The first line is the query.
    fn submit(&self, text: &[u8], browser: &Browser) {
        let (query, body) = halves(text);
        let path = [b"?", query].concat();
        let mut form_token = String::new();
        if body.windows(3).any(|part| part == b"{f}") {
            let Some(request) = Server::get("/authorize", &path) else {
                return;
            };
            let jeton = &self.server.jeton;
            let page = self.server.run(browser.send(jeton, request, String::new()));
            assert_page_or_redirect(&page);
            if page.body.contains("name=\"form_token\"") {
                form_token = page.form_token();
            }
        }
        let body = filled(body, &[("{f}", &form_token)]);
        let Some(request) = Server::get("/authorize", &path) else {
            return;
        };
        let request = request
            .method(Method::POST)
            .content_type("application/x-www-form-urlencoded")
            .header("origin", HeaderValue::from_static(ISSUER));
        let Ok(body) = String::from_utf8(body) else {
            return;
        };
        let answer = browser.send(&self.server.jeton, request, body.clone());
        let answer = self.server.run(answer);
        assert_page_or_redirect(&answer);
        if is_granted(&answer) {
            assert!(!form_token.is_empty(), "a code without the page's form");
            let signed_in =
                parameter(body.as_bytes(), "password").is_some_and(|own| own == ALICE.1);
            let was_signed_in = std::ptr::eq(browser, &raw const self.browser);
            assert!(signed_in || was_signed_in, "a code without a sign-in");
        }
    }
}

/// A page without unescaped parameters, or a redirect to a registered URI, or to the page that a posted request is for.
fn assert_page_or_redirect(answer: &Answer) {
    assert_no_failure(answer);
    if let Some(location) = answer.header("location") {
        let mut location = Url::parse(location).unwrap();
        location.set_query(None);
        let own = format!("{ISSUER}/authorize");
        assert!([CALLBACK, &own].contains(&location.as_str()), "{location}");
    } else {
        let media_type = answer.header("content-type");
        assert_eq!(media_type, Some("text/html; charset=utf-8"));
        assert!(!answer.body.contains(MARKUP), "{}", answer.body);
    }
}

fn is_granted(answer: &Answer) -> bool {
    let location = answer.header("location").unwrap_or_default();
    let query = location.strip_prefix(CALLBACK).unwrap_or_default();
    parameter(query.trim_start_matches('?').as_bytes(), "code").is_some()
}
