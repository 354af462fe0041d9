//! Texts of tokens that prove their content by a MAC: refresh tokens, opaque access tokens and browser sessions.
//!
//! The first byte selects whether the input is a text, changes of a genuine one, or the content of a token.

use jeton::root_secret::RootSecrets;
use jeton::secret::Secret;
use jeton::token::browser_session::BrowserSessionToken;
use jeton::token::opaque::OpaqueToken;
use jeton::token::refresh_token::RefreshToken;
use uuid::Uuid;

use super::server::Server;
use super::{Target, changed, selected};
use crate::support::{Jeton, ROOT_SECRET};

pub struct RefreshTokens {
    secrets: RootSecrets,
    genuine: Vec<String>,
}

impl Target for RefreshTokens {
    fn start() -> Self {
        let secrets = RootSecrets::parse(ROOT_SECRET).unwrap();
        let server = Server::start(async |jeton: &Jeton| {
            jeton
                .add_client("opaque", None, |client| {
                    client.access_token_format = Some("opaque".to_owned());
                })
                .await;
        });
        let tokens = server.run(server.jeton.sign_in_at("opaque"));
        let proof = RefreshToken::decode(&tokens.refresh_token, &secrets).unwrap();
        let cookie = BrowserSessionToken {
            proof,
            is_persistent: true,
        };
        let cookie = cookie.encode(&secrets).expose().to_owned();
        Self {
            secrets,
            genuine: vec![tokens.refresh_token, tokens.access_token, cookie],
        }
    }

    fn run(&mut self, input: &[u8]) {
        let Some((choice, rest)) = selected(input, 5) else {
            return;
        };
        match choice {
            0 => self.check(rest),
            4 => self.encode(rest),
            kind => self.check(&changed(&self.genuine[usize::from(kind) - 1], rest)),
        }
    }
}

impl RefreshTokens {
    /// Only the genuine tokens are accepted, each as what it is, and each is printed as it was.
    fn check(&self, text: &[u8]) {
        let Ok(text) = str::from_utf8(text) else {
            return;
        };
        let refresh_token = RefreshToken::decode(text, &self.secrets).ok();
        let opaque_token = OpaqueToken::decode(text, &self.secrets).ok();
        let cookie = BrowserSessionToken::decode(text, &self.secrets).ok();
        let printed = [
            refresh_token.map(|token| token.encode(&self.secrets)),
            opaque_token.map(|token| token.encode(&self.secrets)),
            cookie.map(|token| token.encode(&self.secrets)),
        ];
        for (genuine, printed) in self.genuine.iter().zip(&printed) {
            let printed = printed.as_ref().map(Secret::expose);
            assert_eq!(printed, (genuine == text).then_some(text));
        }
    }

    /// A token has the content that it was made of, and is of one kind.
    fn encode(&self, content: &[u8]) {
        let Some((session, rest)) = content.split_first_chunk::<16>() else {
            return;
        };
        let Some((generation, rest)) = rest.split_first_chunk::<4>() else {
            return;
        };
        let token = RefreshToken {
            session: Uuid::from_bytes(*session),
            generation: u32::from_be_bytes(*generation),
        };
        let text = token.encode(&self.secrets);
        assert_eq!(
            RefreshToken::decode(text.expose(), &self.secrets),
            Ok(token)
        );
        let cookie = BrowserSessionToken {
            proof: token,
            is_persistent: rest.first().is_some_and(|byte| byte % 2 == 1),
        };
        let cookie_text = cookie.encode(&self.secrets);
        let decoded = BrowserSessionToken::decode(cookie_text.expose(), &self.secrets);
        assert_eq!(decoded, Ok(cookie));
        let disguised = text.expose().replacen("jrt_", "jbs_", 1);
        assert!(BrowserSessionToken::decode(&disguised, &self.secrets).is_err());
        let disguised = cookie_text.expose().replacen("jbs_", "jrt_", 1);
        assert!(RefreshToken::decode(&disguised, &self.secrets).is_err());
    }
}
