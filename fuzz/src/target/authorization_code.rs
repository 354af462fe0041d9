//! Texts of authorization codes.
//!
//! The first byte selects whether the input is a text, changes of a genuine code, or the content of a code as JSON.

use jeton::root_secret::RootSecrets;
use jeton::token::code::{AuthorizationCode, CodeContent, InvalidCode, digest_of};
use uuid::Uuid;

use super::{Target, changed, halves, selected};
use crate::support::ROOT_SECRET;

const CLIENT: &str = "app";

pub struct Codes {
    secrets: RootSecrets,
    genuine: (AuthorizationCode, String),
}

impl Target for Codes {
    fn start() -> Self {
        let secrets = RootSecrets::parse(ROOT_SECRET).unwrap();
        let code = AuthorizationCode {
            session: Uuid::from_u128(1),
            content: CodeContent {
                issued_at: 1,
                user_id: Uuid::from_u128(2),
                session_epoch: 3,
                client_epoch: vec![4; 16],
                browser_session: Uuid::from_u128(5),
                authenticated_at: 6,
                acr: "pwd".to_owned(),
                code_challenge: digest_of("verifier"),
                redirect_uri: digest_of("https://app.example/callback"),
                scope: "openid".to_owned(),
                audience: String::new(),
                nonce: Some("n".to_owned()),
            },
        };
        let text = code.encode(CLIENT, &secrets).unwrap().expose().to_owned();
        Self {
            secrets,
            genuine: (code, text),
        }
    }

    fn run(&mut self, input: &[u8]) {
        match selected(input, 3) {
            Some((0, text)) => self.check(text),
            Some((1, changes)) => self.check(&changed(&self.genuine.1, changes)),
            Some((_, content)) => self.encode(content),
            None => {}
        }
    }
}

impl Codes {
    /// Only the genuine code is opened.
    fn check(&self, text: &[u8]) {
        let Ok(text) = str::from_utf8(text) else {
            return;
        };
        let code = AuthorizationCode::decode(text, CLIENT, &self.secrets).ok();
        let is_genuine = text == self.genuine.1;
        assert_eq!(code.as_ref(), is_genuine.then_some(&self.genuine.0));
    }

    /// A code has the content that it was made of, fits into a URL, and is for its client only. The first line of the
    /// input is the client.
    fn encode(&self, input: &[u8]) {
        let (client, content) = halves(input);
        let (Ok(client), Ok(content)) = (str::from_utf8(client), serde_json::from_slice(content))
        else {
            return;
        };
        let code = AuthorizationCode {
            session: Uuid::from_u128(7),
            content,
        };
        let Ok(text) = code.encode(client, &self.secrets) else {
            return;
        };
        assert!(text.expose().len() <= 2048);
        let decode = |client: &str| AuthorizationCode::decode(text.expose(), client, &self.secrets);
        assert_eq!(decode(client), Ok(code.clone()));
        let other = format!("{client}2");
        assert_eq!(decode(&other), Err(InvalidCode::OtherClient));
    }
}
