//! Jeton: parse the command line, run the command.

use std::process::ExitCode;

use clap::Parser as _;
use jeton::cli::{self, CommandLine};

#[tokio::main]
async fn main() -> ExitCode {
    // On the heap: it holds what every command needs.
    match Box::pin(cli::run(CommandLine::parse())).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("jeton: {failure}");
            ExitCode::FAILURE
        }
    }
}
