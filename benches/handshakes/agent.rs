//! The real binary, with more `[[tls]]` checks due than one core can run.

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
use crate::report::Figure;
use crate::servers::{ADDRESSES, Key, NAME, Servers};

/// Checks, each as often as the plan may say.
const CHECKS: usize = 500;
const INTERVAL: &str = "100ms";
/// The longest that a condition is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// CPU time and probes, once every chain has been seen.
pub(crate) async fn measure(folder: &Path, servers: &Servers, key: Key) -> anyhow::Result<Figure> {
    let folder = tempfile::Builder::new().prefix("agent-").tempdir_in(folder)?;
    let listen = free_address("127.78.9.1")?;
    fs::write(folder.path().join("probes.toml"), plan(servers, key, listen))?;
    let log = folder.path().join("agent.log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_portwarden"));
    command.current_dir(folder.path()).args(["run", "--config", "probes.toml"]);
    let process = Running::start(&mut command, &log)?;
    let (client, start) = (client()?, monotonic());
    let url = format!("http://{listen}/metrics");
    let count = async || -> anyhow::Result<[u64; 2]> {
        let text = page(&client, &url).await?;
        Ok(["success", "failure"].map(|outcome| {
            let series = format!("portwarden_probes_total{{kind=\"tls\",outcome=\"{outcome}\"}} ");
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
    Ok(Figure { handshakes: after[0] - before[0], cpu })
}

fn plan(servers: &Servers, key: Key, listen: SocketAddr) -> String {
    // The resolver is there so that nothing could ever be asked of the machine's own.
    let mut plan = format!(
        "[agent]\nname = \"bench\"\nlisten = \"{listen}\"\nresolver = \"127.78.53.1:53\"\n\n[defaults]\n\
         interval = \"{INTERVAL}\"\nca = \"{}\"\n",
        servers.root(key).display()
    );
    for (index, place) in (0..CHECKS).zip((0..ADDRESSES).cycle()) {
        let address = servers.address(key, place);
        let _ = write!(
            plan,
            "\n[[tls]]\nname = \"check {index}\"\naddress = \"{NAME}:{}\"\nconnect = \"{address}\"\n",
            address.port()
        );
    }
    plan
}
