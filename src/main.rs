//! Jeton: parse the command line, run the command.

use std::process::ExitCode;

use clap::Parser as _;
use jeton::cli::{self, CommandLine};

#[tokio::main]
async fn main() -> ExitCode {
    match cli::run(CommandLine::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("jeton: {failure}");
            ExitCode::FAILURE
        }
    }
}
