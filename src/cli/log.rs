//! The log on standard error, as text or JSON.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use super::CommandError;
use crate::config::{LogFormat, LogSettings};

/// Starts the log, which also records panics.
pub fn start(settings: &LogSettings) -> Result<(), CommandError> {
    let filter = filter(settings).map_err(CommandError::new)?;
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
        // Only the location: the message of a panic may contain a secret.
        let location = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        tracing::error!(location, "panic");
    }));
    Ok(())
}

/// The filter for log events, or the rule that the setting breaks.
pub fn filter(settings: &LogSettings) -> Result<EnvFilter, String> {
    EnvFilter::try_new(&settings.filter).map_err(|error| {
        format!("is not a filter ({error}); write a level such as info, or info,jeton=debug")
    })
}
