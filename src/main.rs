//! Parses the command line and runs the command.

use std::process::ExitCode;

use clap::Parser as _;
use jeton::cli::{self, CommandLine};

fn main() -> ExitCode {
    cli::run(CommandLine::parse())
}
