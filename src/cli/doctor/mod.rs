//! `jeton doctor`: checks a set-up and says what to do; one file per family of checks.

mod clock;
mod files;
mod finding;
mod issuer;
mod keys;
mod proxy;
mod settings;
mod store;

use std::path::Path;

use clap::Args;

use self::finding::Finding;
use super::{CommandError, healthcheck, output};
use crate::config::Settings;

#[derive(Debug, Args)]
pub struct Doctor {
    /// Print JSON: one object per line.
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub async fn run(self, file: Option<&Path>) -> Result<(), CommandError> {
        let findings = match super::load(file) {
            Ok((settings, _)) => examine(&settings).await,
            Err(error) => vec![Finding::failed("settings", error.to_string())],
        };
        if self.json {
            let objects = findings.iter().map(serde_json::to_value);
            output::json(objects.filter_map(Result::ok))?;
        } else {
            let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
            output::line(&lines.join("\n"))?;
        }
        match findings
            .iter()
            .filter(|finding| finding.is_failure())
            .count()
        {
            0 => Ok(()),
            count => Err(CommandError::new(format!("failures found: {count}"))),
        }
    }
}

async fn examine(settings: &Settings) -> Vec<Finding> {
    let mut findings = settings::check(settings);
    findings.extend(files::check(settings));
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
