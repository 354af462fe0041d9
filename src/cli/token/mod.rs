//! `jeton token`: why a token is refused. A token is never printed.

mod jwt;
mod proof;
mod session;
mod times;

use clap::{Args, Subcommand};

use super::doctor::finding::{self, Finding};
use super::{CommandError, input, open_existing};
use crate::config::Settings;
use crate::secret::Secret;

#[derive(Debug, Args)]
pub struct TokenGroup {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Read a token from standard input and say why this server or an API would refuse it: an access token, an ID
    /// token, a refresh token or an authorization code. Exit code 1 if it would be refused. Nothing is changed, and
    /// neither the token nor its signature is printed.
    Inspect(Inspect),
}

#[derive(Debug, Args)]
struct Inspect {
    /// The API that the access token is for, as in `jeton client add --audience`.
    #[arg(long, value_name = "URI")]
    audience: Option<String>,
    /// The client that an authorization code was issued to. Without it, its content cannot be read.
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// Print JSON: one object per line.
    #[arg(long)]
    json: bool,
}

impl TokenGroup {
    pub async fn run(self, settings: Settings) -> Result<(), CommandError> {
        let TokenCommand::Inspect(inspect) = self.command;
        let text = input::line()?;
        let server = open_existing(settings).await?;
        let mut findings = Vec::new();
        let token = bare(text.expose(), &mut findings);
        if token.expose().starts_with("ey") || token.expose().contains('.') {
            let audience = inspect.audience.as_deref();
            findings.extend(jwt::inspect(token.expose(), audience, &server).await?);
        } else {
            let client = inspect.client.as_deref();
            findings.extend(proof::inspect(token.expose(), client, &server).await?);
        }
        finding::report(&findings, inspect.json)
    }
}

/// The token without what is often copied with it.
fn bare(text: &str, findings: &mut Vec<Finding>) -> Secret {
    let quotes: &[char] = &['"', '\'', ','];
    let token = text.trim().trim_matches(quotes);
    let token = match token.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => token,
    };
    if token != text {
        findings.push(Finding::warning(
            "input",
            "there are quotes, white space or the word Bearer around the token, which are ignored here",
            "a request must have the token alone",
        ));
    }
    Secret::new(token.to_owned())
}
