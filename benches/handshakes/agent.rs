//! The real binary, with more checks of one kind due than one core can run.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::bail;

use crate::WINDOW;
use crate::client::{client, free_address, monotonic, page};
use crate::process::Running;
use crate::servers::ADDRESSES;

/// Checks, each as often as the plan may say.
const CHECKS: usize = 500;
const INTERVAL: &str = "100ms";
/// The longest that a condition is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Probes that went well and the CPU time that they took, once each has run twice. `check` writes the
/// checks, by the number of the address that each of them is about; `roots` is their `ca`.
pub(crate) async fn measure(
    folder: &Path,
    kind: &str,
    roots: &Path,
    check: impl Fn(u8) -> String,
) -> anyhow::Result<(u64, Duration)> {
    let folder = tempfile::Builder::new().prefix("agent-").tempdir_in(folder)?;
    let listen = free_address("127.78.9.1")?;
    fs::write(folder.path().join("probes.toml"), plan(kind, roots, check, listen))?;
    let log = folder.path().join("agent.log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_portwarden"));
    command.current_dir(folder.path()).args(["run", "--config", "probes.toml"]);
    let process = Running::start(&mut command, &log)?;
    let (client, start) = (client()?, monotonic());
    let url = format!("http://{listen}/metrics");
    let count = async || -> anyhow::Result<[u64; 2]> {
        let text = page(&client, &url).await?;
        Ok(["success", "failure"].map(|outcome| {
            let series =
                format!("portwarden_probes_total{{kind=\"{kind}\",outcome=\"{outcome}\"}} ");
            let value = text.lines().find_map(|line| line.strip_prefix(&series));
            value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
        }))
    };
    loop {
        match count().await {
            Ok([_, failed]) if failed > 0 => {
                bail!("{failed} probes failed:\n{}", fs::read_to_string(&log)?)
            }
            Ok([well, _]) if well >= 2 * CHECKS as u64 => break,
            _ if start.elapsed() > PATIENCE => {
                bail!("the checks do not run:\n{}", fs::read_to_string(&log)?)
            }
            _ => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
    let (before, cpu) = (count().await?, process.cpu()?);
    tokio::time::sleep(WINDOW).await;
    let (after, cpu) = (count().await?, process.cpu()? - cpu);
    if after[1] > 0 {
        bail!("{} probes failed:\n{}", after[1], fs::read_to_string(&log)?);
    }
    Ok((after[0] - before[0], cpu))
}

fn plan(kind: &str, roots: &Path, check: impl Fn(u8) -> String, listen: SocketAddr) -> String {
    // The resolver is there so that nothing could ever be asked of the machine's own.
    let mut plan = format!(
        "[agent]\nname = \"bench\"\nlisten = \"{listen}\"\nresolver = \"127.78.53.1:53\"\n\n[defaults]\n\
         interval = \"{INTERVAL}\"\nca = \"{}\"\n",
        roots.display()
    );
    for (index, place) in (0..CHECKS).zip((0..ADDRESSES).cycle()) {
        let _ = write!(plan, "\n[[{kind}]]\nname = \"check {index}\"\n{}", check(place));
    }
    plan
}
