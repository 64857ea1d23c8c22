//! What HTTP requests cost, each on a connection of its own: a second of processor time beside `wrk`
//! and `hey` without keep-alive, on the same server in the same run, with and without TLS. Everything
//! runs on loopback and is ended by its process id. The measured part of docs/benchmarks.md is
//! written anew. Deliberately absent: assertions; a figure is for people.

#[path = "../handshakes/agent.rs"]
mod agent;
#[path = "../cost/client.rs"]
#[allow(dead_code, reason = "shared with the bench of every kind of probe")]
mod client;
mod loads;
#[path = "../marked.rs"]
mod marked;
#[path = "../cost/process.rs"]
#[allow(dead_code, reason = "shared with the bench of every kind of probe")]
mod process;
mod report;
#[path = "../handshakes/servers.rs"]
#[allow(dead_code, reason = "shared with the bench of handshakes")]
mod servers;

use std::time::Duration;

use report::{Figure, Report};
use servers::{Key, NAME, Servers};

/// How long each client asks. The ports that it leaves in TIME_WAIT have to last for that.
const WINDOW: Duration = Duration::from_secs(3);

fn main() -> anyhow::Result<()> {
    let only_print = std::env::args().any(|argument| argument == "--print");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(only_print))
}

async fn measure(only_print: bool) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new().prefix("portwarden-bench-").tempdir()?;
    let servers = Servers::start(folder.path())?;
    let mut report = Report::new()?;
    for scheme in ["http", "https"] {
        let address = match scheme {
            "http" => servers.plain_address(0),
            _ => servers.address(Key::Ecdsa, 0),
        };
        let url = format!("{scheme}://{address}/");
        report.add(scheme, "wrk -H 'Connection: close'", loads::wrk(&url)?);
        report.add(scheme, "hey -disable-keepalive", loads::hey(&url)?);
        let check = |place| {
            let address = match scheme {
                "http" => servers.plain_address(place),
                _ => servers.address(Key::Ecdsa, place),
            };
            let port = address.port();
            format!("url = \"{scheme}://{NAME}:{port}/\"\nconnect = \"{address}\"\n")
        };
        let roots = servers.root(Key::Ecdsa);
        let (requests, cpu) = agent::measure(folder.path(), "http", &roots, check).await?;
        report.add(scheme, "portwarden", Figure { requests, cpu });
    }
    println!("{report}");
    if !only_print {
        marked::write("requests", &report)?;
    }
    Ok(())
}
