//! The log: pretty on a terminal, JSON for machines; always on standard error.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use super::Failure;
use crate::config::{Log, LogFormat};

/// Starts the log, and sends panics there too.
pub fn start(settings: &Log) -> Result<(), Failure> {
    let filter = filter(settings).map_err(Failure::new)?;
    let json = match settings.format {
        LogFormat::Json => true,
        LogFormat::Pretty => false,
        LogFormat::Auto => !io::stderr().is_terminal(),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    if json {
        builder
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .init();
    } else {
        builder.with_ansi(io::stderr().is_terminal()).init();
    }
    std::panic::set_hook(Box::new(|panic| {
        // The place alone: a panic's text may hold anything.
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        tracing::error!(place, "panic");
    }));
    Ok(())
}

/// Which events are logged, or what would be right instead.
pub fn filter(settings: &Log) -> Result<EnvFilter, String> {
    EnvFilter::try_new(&settings.filter).map_err(|error| {
        format!("is not a filter ({error}); write a level such as info, or info,jeton=debug")
    })
}
