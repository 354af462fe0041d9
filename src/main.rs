//! Jeton: parse the command line, run the command.

use std::process::ExitCode;

use clap::Parser as _;
use jeton::cli::{self, CommandLine};

fn main() -> ExitCode {
    cli::run(CommandLine::parse())
}
