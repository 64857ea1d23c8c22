//! The binary: arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use portwarden::cli::{Arguments, Outcome, execute};

/// A probe makes and drops a few hundred small things; the C library's allocator takes a tenth to a
/// fifth of the time of all probes for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The allocator asks for pages of 2 MiB where it may, and an agent of 20 MiB becomes one of 80.
    // A kernel that refuses this costs only that.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    match execute(Arguments::parse()) {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            anstream::eprintln!("portwarden: {error:#}");
            Outcome::Failed.into()
        }
    }
}
