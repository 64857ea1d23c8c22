//! `discover`: a starting plan from what is on this machine.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use super::{Outcome, paint};
use crate::discover::{self, Scope};
use crate::plan::{Surroundings as _, ThisMachine};

/// `discover`
#[derive(Debug, Args)]
pub struct Discover {
    /// Write to this file, which must not be there yet; default: standard output.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Only what is bound to this address of this machine. May be repeated.
    #[arg(long, value_name = "ADDRESS")]
    pub address: Vec<IpAddr>,
    /// The first file of nginx; default: that of the nginx that runs, or the usual one.
    #[arg(long, value_name = "FILE")]
    pub nginx: Option<PathBuf>,
    /// A compose file; default: the one in this folder. May be repeated.
    #[arg(long, value_name = "FILE")]
    pub compose: Vec<PathBuf>,
    /// A folder with certificates; default: those of certbot, lego, acme.sh and Caddy. May be
    /// repeated.
    #[arg(long, value_name = "FOLDER")]
    pub certificates: Vec<PathBuf>,
}

pub(super) fn execute(asked: Discover) -> anyhow::Result<Outcome> {
    if let Some(path) = asked.output.as_deref().filter(|path| path.symlink_metadata().is_ok()) {
        return refuse(path);
    }
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in asked.address.iter().map(IpAddr::to_canonical) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    let scope = Scope {
        addresses,
        nginx: asked.nginx,
        compose: asked.compose,
        certificates: asked.certificates,
        home: std::env::home_dir(),
        machine: ThisMachine.machine_name().unwrap_or_default(),
    };
    let found = super::runtime()?.block_on(discover::discover(&scope))?;
    match &asked.output {
        None => paint::line(found.plan.trim_end()),
        Some(path) => {
            let created = OpenOptions::new().write(true).create_new(true).open(path);
            match created {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                    return refuse(path);
                }
                created => {
                    let write = created.and_then(|mut file| file.write_all(found.plan.as_bytes()));
                    write.with_context(|| format!("{} cannot be written", path.display()))?;
                }
            }
        }
    }
    for line in &found.summary {
        anstream::eprintln!("{line}");
    }
    if let Some(path) = &asked.output {
        let path = path.display();
        anstream::eprintln!("written to {path}; next: portwarden --config {path} once");
    }
    Ok(Outcome::Well)
}

/// A plan is somebody's work.
fn refuse(path: &Path) -> anyhow::Result<Outcome> {
    let path = path.display();
    bail!(
        "{path} is there already, and discover overwrites nothing; write to another file, or compare: \
         portwarden discover | diff {path} -"
    )
}
