//! `openssl s_time`, as Debian packages it.

use std::process::Command;

use anyhow::{Context, bail};

use crate::WINDOW;
use crate::process::{cpu_of_ended, output_of};
use crate::report::Figure;
use crate::servers::{Key, Servers};

/// Full handshakes, one after another.
pub(crate) fn measure(servers: &Servers, key: Key, more: &[&str]) -> anyhow::Result<Figure> {
    let address = servers.address(key, 0).to_string();
    let seconds = WINDOW.as_secs().to_string();
    let mut command = Command::new("openssl");
    command.args(["s_time", "-new", "-connect", &address, "-time", &seconds]).args(more);
    let before = cpu_of_ended()?;
    let said = output_of(&mut command).context("openssl is needed; see tests/install")?;
    let cpu = cpu_of_ended()? - before;
    // `12345 connections in 5.21s; …`, and once more for the time on the clock.
    let line = said.lines().find(|line| line.contains(" connections in "));
    let count = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    match count {
        Some(handshakes) => Ok(Figure { handshakes, cpu }),
        None => bail!("openssl s_time says something else than it did:\n{said}"),
    }
}
