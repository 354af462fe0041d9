//! `jeton client`: applications that ask for tokens.

mod list;
mod origins;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand};
use uuid::Uuid;

use self::origins::Origins;
use super::{Failure, input, operator, output};
use crate::client_authentication::secret_digest;
use crate::clock::micros;
use crate::config::{LONGEST_ACCESS_TOKEN, LONGEST_RETRY_WINDOW};
use crate::grant;
use crate::scope::Scope;
use crate::secret::{Secret, random_bytes};
use crate::server::AuthorizationServer;
use crate::store::user::InsertError;
use crate::store::{client, client_origin};
use crate::token::opaque::{MOST_AUDIENCES, MOST_SCOPES};
use crate::web_origin::WebOrigin;

/// A secret that an operator brings along must be as hard to guess as one that is made here.
const SHORTEST_SECRET: usize = 32;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a client. The secret of a confidential one is shown once.
    Add(Add),
    /// List clients.
    List,
    /// Say from which origins a client's pages may read its answers, and change that.
    Origins(Origins),
    /// Give a confidential client a new secret, shown once; the old one works no more.
    Secret {
        /// The client's id.
        id: String,
    },
    /// Give a client no more tokens, and end all its sessions.
    Disable {
        /// The client's id.
        id: String,
    },
    /// Let a disabled client have tokens again.
    Enable {
        /// The client's id.
        id: String,
    },
    /// Delete a client, and end all its sessions.
    Delete {
        /// The client's id.
        id: String,
    },
}

#[derive(Debug, Args)]
pub struct Add {
    /// The client's id: printable ASCII, and not a UUID, which could be taken for a user.
    id: String,
    /// A name for people. [default: the id]
    #[arg(long)]
    name: Option<String>,
    /// It can keep a secret: a server, not a browser or an app.
    #[arg(long)]
    confidential: bool,
    /// With --confidential: read the secret from standard input instead of making one.
    #[arg(long, requires = "confidential")]
    secret_stdin: bool,
    /// A grant type it may use; may be given again. `password` is for your own clients alone (RFC 9700,
    /// 2.4), and brings `refresh_token` along; `client_credentials` needs --confidential.
    #[arg(long = "grant", value_name = "GRANT", value_parser = grant::TYPES)]
    grants: Vec<String>,
    /// A scope its tokens may have; may be given again.
    #[arg(long = "scope", value_name = "SCOPE", default_value = "account")]
    scopes: Vec<String>,
    /// An API its tokens are for, as a URI; may be given again. [default: the issuer itself]
    #[arg(long = "audience", value_name = "URI")]
    audiences: Vec<String>,
    /// An origin whose pages may read its answers, such as `https://app.example.com`; may be given again.
    #[arg(long = "origin", value_name = "ORIGIN", value_parser = WebOrigin::parse)]
    origins: Vec<WebOrigin>,
    /// What its access tokens look like: a JWT that APIs verify by themselves, or a reference that they
    /// ask about at /introspect. [default: jwt]
    #[arg(long, value_name = "FORMAT", value_parser = ["jwt", "opaque"])]
    access_token_format: Option<String>,
    /// How long its access tokens live, such as 5m.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    access_token_lifetime: Option<Duration>,
    /// How long the same refresh token gets the same answer, such as 10s.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    retry_window: Option<Duration>,
    /// Whether a retry after that is forgiven.
    #[arg(long, value_name = "WHEN", value_parser = ["once", "never"])]
    late_retry: Option<String>,
}

impl Command {
    pub async fn run(self, server: &AuthorizationServer) -> Result<(), Failure> {
        let cause = operator(server);
        match self {
            Self::Add(add) => add.run(server).await,
            Self::List => list::print(server).await,
            Self::Origins(origins) => origins.run(server).await,
            Self::Secret { id } => replace_secret(server, &id).await,
            Self::Disable { id } => {
                let ended = client::disable(&server.store, &id, &cause).await?;
                report(&id, "is disabled", ended)
            }
            Self::Enable { id } => {
                let known = client::enable(&server.store, &id, &cause).await?;
                report(&id, "may have tokens again", known.then_some(0))
            }
            Self::Delete { id } => {
                let ended = client::delete(&server.store, &id, &cause).await?;
                report(&id, "is deleted", ended)
            }
        }
    }
}

impl Add {
    async fn run(self, server: &AuthorizationServer) -> Result<(), Failure> {
        self.check()?;
        let secret = match (self.confidential, self.secret_stdin) {
            (false, _) => None,
            (true, true) => Some(input::line()?),
            (true, false) => Some(new_secret()),
        };
        if secret
            .as_ref()
            .is_some_and(|secret| secret.expose().len() < SHORTEST_SECRET)
        {
            return Err(Failure::new(
                "a client secret has 32 characters or more, at random",
            ));
        }
        let (id, origins) = (self.id.clone(), self.origins.clone());
        let (cause, row) = (operator(server), self.row(secret.as_ref(), server));
        match client::insert(&server.store, row, &cause).await {
            Ok(()) => {}
            Err(InsertError::Taken) => {
                return Err(Failure::new(format!("there is a client {id} already")));
            }
            Err(InsertError::Store(error)) => return Err(error.into()),
        }
        client_origin::add(&server.store, &id, &origins, &cause).await?;
        output::line(&format!("client_id {id}"))?;
        match secret {
            Some(secret) => show(&secret),
            None => output::line("public: it has no secret"),
        }
    }

    fn check(&self) -> Result<(), Failure> {
        // RFC 9068 §5: a client must not be able to pass for a user.
        if Uuid::parse_str(&self.id).is_ok() {
            return Err(Failure::new(
                "a client id must not be a UUID: users' ids are",
            ));
        }
        let printable = self.id.bytes().all(|byte| matches!(byte, 0x20..=0x7E));
        let trimmed = self.id.trim() == self.id && !self.id.is_empty();
        // A colon would end the id for clients that send HTTP Basic without encoding its halves.
        if !trimmed || self.id.len() > 255 || !printable || self.id.contains(':') {
            return Err(Failure::new(
                "a client id is 1 to 255 printable ASCII characters, with no colon and no space at \
                 either end",
            ));
        }
        self.check_format()?;
        for scope in &self.scopes {
            Scope::parse(scope).map_err(|_| {
                Failure::new(format!(
                    "{scope:?} is not a scope: printable ASCII without \" and \\"
                ))
            })?;
        }
        for audience in &self.audiences {
            // "Its value MUST be an absolute URI [...]. The URI MUST NOT include a fragment
            // component", RFC 8707 §2.
            let uri = url::Url::parse(audience).is_ok_and(|uri| uri.fragment().is_none());
            if audience.contains(char::is_whitespace) || !uri {
                return Err(Failure::new(format!(
                    "{audience:?} is not an absolute URI without a fragment"
                )));
            }
        }
        let lifetime = self.access_token_lifetime;
        if lifetime.is_some_and(|life| life.as_secs() < 1 || life > LONGEST_ACCESS_TOKEN) {
            return Err(Failure::new(
                "--access-token-lifetime must be between 1s and 30d",
            ));
        }
        if self
            .retry_window
            .is_some_and(|window| window > LONGEST_RETRY_WINDOW)
        {
            return Err(Failure::new("--retry-window must be between 0s and 60s"));
        }
        Ok(())
    }

    fn check_format(&self) -> Result<(), Failure> {
        let for_itself = self
            .grants
            .iter()
            .any(|grant| grant == grant::client_credentials::TYPE);
        // "The client credentials grant type MUST only be used by confidential clients", RFC 6749 §4.4.
        if for_itself && !self.confidential {
            return Err(Failure::new(
                "--grant client_credentials needs --confidential: the client proves who it is by a \
                 secret",
            ));
        }
        if self.access_token_format.as_deref() != Some("opaque") {
            return Ok(());
        }
        if for_itself {
            return Err(Failure::new(
                "a client that speaks for itself has JWTs: an opaque token refers to a session",
            ));
        }
        if self.scopes.len() > MOST_SCOPES || self.audiences.len() > MOST_AUDIENCES {
            return Err(Failure::new(format!(
                "a client with opaque tokens has {MOST_SCOPES} scopes and {MOST_AUDIENCES} audiences \
                 at most"
            )));
        }
        Ok(())
    }

    fn row(self, secret: Option<&Secret>, server: &AuthorizationServer) -> client::Model {
        let mut grants = self.grants;
        if grants.iter().any(|grant| grant == grant::password::TYPE) {
            grants.push(grant::refresh_token::TYPE.to_owned());
        }
        grants.sort();
        grants.dedup();
        client::Model {
            name: self.name.unwrap_or_else(|| self.id.clone()),
            id: self.id,
            secret_digest: secret.map(|secret| secret_digest(secret.expose()).to_vec()),
            grant_types: grants.join(" "),
            scope: self.scopes.join(" "),
            audience: self.audiences.join(" "),
            access_token_lifetime: self.access_token_lifetime.map(micros),
            session_lifetime: None,
            session_idle_lifetime: None,
            retry_window: self.retry_window.map(micros),
            late_retry: self.late_retry,
            late_retry_spacing: None,
            access_token_format: self.access_token_format,
            created_at: server.clock.now(),
            disabled_at: None,
        }
    }
}

async fn replace_secret(server: &AuthorizationServer, id: &str) -> Result<(), Failure> {
    let secret = new_secret();
    let digest = secret_digest(secret.expose());
    if !client::replace_secret(&server.store, id, &digest, &operator(server)).await? {
        return Err(Failure::new(format!(
            "there is no confidential client {id}; see `jeton client list`"
        )));
    }
    output::line(&format!("client_id {id}"))?;
    show(&secret)
}

fn report(id: &str, what: &str, ended: Option<u64>) -> Result<(), Failure> {
    match ended {
        Some(ended) => output::line(&format!("client {id} {what}; sessions ended: {ended}")),
        None => Err(unknown(id)),
    }
}

fn unknown(id: &str) -> Failure {
    Failure::new(format!("there is no client {id}; see `jeton client list`"))
}

fn show(secret: &Secret) -> Result<(), Failure> {
    output::line(&format!("client_secret {}", secret.expose()))?;
    output::line("(shown this once; what is kept is its digest)")
}

/// 256 random bits.
fn new_secret() -> Secret {
    Secret::new(format!(
        "jcs_{}",
        URL_SAFE_NO_PAD.encode(random_bytes::<32>())
    ))
}
