//! `jeton doctor`: checks a set-up and says what to do; one file per family of checks.

mod certificate;
mod clock;
mod files;
pub mod finding;
mod issuer;
mod keys;
mod proxy;
mod recipe;
mod settings;
mod store;

use std::collections::BTreeSet;
use std::path::Path;

use clap::{Args, Subcommand};

use self::finding::Finding;
use self::recipe::Recipe;
use super::{CommandError, healthcheck, output};
use crate::config::Settings;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Doctor {
    /// Print JSON: one object per line.
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<DoctorCommand>,
}

#[derive(Debug, Subcommand)]
enum DoctorCommand {
    /// Print how an API or a proxy verifies the access tokens of this server: the recipe of docs/apis.md for it, with
    /// this issuer.
    ResourceServer {
        /// A library, a server or a language, or the beginning of its name. Without it, the names are listed.
        kind: Option<String>,
        /// The API's audience. Without it, the recipe has API in its place.
        #[arg(long, value_name = "URI")]
        audience: Option<String>,
    },
}

impl Doctor {
    pub async fn run(self, file: Option<&Path>) -> Result<(), CommandError> {
        if let Some(DoctorCommand::ResourceServer { kind, audience }) = self.command {
            return resource_server(&super::load(file)?.0, kind, audience.as_deref());
        }
        let findings = match super::load(file) {
            Ok((settings, _)) => examine(&settings).await,
            Err(error) => vec![Finding::failed("settings", error.to_string())],
        };
        finding::report(&findings, self.json)
    }
}

/// Prints the recipes of a kind, or the kinds.
fn resource_server(
    settings: &Settings,
    kind: Option<String>,
    audience: Option<&str>,
) -> Result<(), CommandError> {
    let recipes = recipe::all();
    let kinds: BTreeSet<&str> = recipes.iter().flat_map(Recipe::kinds).collect();
    let kinds: Vec<&str> = kinds.into_iter().collect();
    let Some(kind) = kind else {
        return output::line(&kinds.join("\n"));
    };
    let values = recipe::Values {
        issuer: &settings.issuer,
        audience,
    };
    let found = recipes.iter().filter(|recipe| recipe.is_of(&kind));
    let found: Vec<String> = found.map(|recipe| recipe.text(&values)).collect();
    if found.is_empty() {
        return Err(CommandError::new(format!(
            "there is no recipe for {kind}; there is one for {}",
            kinds.join(", ")
        )));
    }
    output::line(&found.join("\n\n"))
}

async fn examine(settings: &Settings) -> Vec<Finding> {
    let mut findings = settings::check(settings);
    findings.extend(files::check(settings));
    findings.extend(certificate::check(settings));
    let (found, store) = store::check(settings).await;
    findings.push(found);
    let mut published = None;
    if let Some(store) = &store {
        let (found, kids) = keys::check(settings, store).await;
        findings.push(found);
        published = kids;
        findings.push(clock::check(store).await);
        findings.extend(proxy::check(settings, store).await);
    }
    findings.push(server(settings).await);
    findings.extend(issuer::check(settings, published).await);
    if let Some(store) = store {
        drop(store.close().await);
    }
    findings
}

/// The server on this machine.
async fn server(settings: &Settings) -> Finding {
    let probe = healthcheck::probe(settings);
    match healthcheck::readiness(&probe).await {
        Ok(_) => Finding::ok("server", format!("ready at {probe}")),
        Err(why) => Finding::failure(
            "server",
            format!("not ready at {probe}: {why}"),
            "start it with `jeton serve`, or read its log",
        ),
    }
}
