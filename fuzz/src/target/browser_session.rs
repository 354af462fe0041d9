//! The cookie of a browser session at /authorize.
//!
//! Each line of the input is a `Cookie` header. `{s}` stands for the cookie of a browser in which a user is signed in.

use poem::Request;
use poem::http::HeaderValue;

use super::Target;
use super::server::{Server, filled};
use crate::support::browser::{Browser, request};

const NAME: &str = "__Host-jeton";

pub struct BrowserSessions {
    server: Server,
    cookie: String,
}

impl Target for BrowserSessions {
    const INPUTS: u32 = 20_000;

    fn start() -> Self {
        let server = Server::start(async |jeton| jeton.add_app("app", |_| {}).await);
        let browser = Browser::default();
        server.run(browser.sign_in(&server.jeton, &request(&[])));
        let cookie = browser.cookie(NAME).unwrap();
        Self { server, cookie }
    }

    fn run(&mut self, input: &[u8]) {
        let input = filled(input, &[("{s}", &self.cookie)]);
        let uri = format!("/authorize?{}", request(&[])).parse().unwrap();
        let mut request = Request::builder().uri(uri);
        for line in input.split(|byte| *byte == b'\n') {
            let Ok(value) = HeaderValue::from_bytes(line) else {
                return;
            };
            request = request.header("cookie", value);
        }
        let answer = self.server.send(request, Vec::new());
        for line in answer.headers.get_all("set-cookie") {
            let line = line.to_str().unwrap();
            assert!(line.starts_with("__Host-jeton"), "{line}");
            assert!(
                line.contains("; HttpOnly; SameSite=Lax; Secure; Path=/"),
                "{line}"
            );
            assert!(!line.contains("Domain"), "{line}");
        }
        let text = String::from_utf8_lossy(&input);
        if answer.status == 303 {
            assert!(text.contains(&self.cookie), "signed in without the cookie");
            assert!(!answer.code().is_empty());
        } else {
            assert_eq!(answer.status, 200, "{}", answer.body);
            let alone = format!("{NAME}={}", self.cookie);
            assert_ne!(text, alone, "not signed in with the cookie");
        }
    }
}
