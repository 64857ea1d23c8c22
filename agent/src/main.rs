//! The binary: arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use portwarden::cli::{Arguments, Outcome, execute};

fn main() -> ExitCode {
    match execute(Arguments::parse()) {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            anstream::eprintln!("portwarden: {error:#}");
            Outcome::Failed.into()
        }
    }
}
