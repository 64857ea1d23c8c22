//! What TLS handshakes cost: a second of processor time beside `openssl s_time -new` and beside
//! bare loops on the same server in the same run, with ECDSA and with RSA; and what it costs to
//! look at a chain again that has not changed. Everything runs on loopback and is ended by its
//! process id. The measured part of docs/benchmarks.md is written anew. Deliberately absent:
//! assertions; a figure is for people.

mod agent;
mod bare;
#[path = "../cost/client.rs"]
#[allow(dead_code, reason = "shared with the bench of every kind of probe")]
mod client;
mod judgement;
#[path = "../marked.rs"]
mod marked;
mod openssl;
#[path = "../cost/process.rs"]
#[allow(dead_code, reason = "shared with the bench of every kind of probe")]
mod process;
mod report;
#[allow(dead_code, reason = "shared with the bench of requests")]
mod servers;

use std::time::Duration;

use report::{Figure, Report};
use servers::{Key, NAME, Servers};

/// How long each client shakes hands. The ports that it leaves in TIME_WAIT have to last for that.
const WINDOW: Duration = Duration::from_secs(6);

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == bare::ARGUMENT) {
        return bare::run(&arguments[1..]);
    }
    let only_print = arguments.iter().any(|argument| argument == "--print");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(only_print))
}

async fn measure(only_print: bool) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new().prefix("portwarden-bench-").tempdir()?;
    let servers = Servers::start(folder.path())?;
    let mut report = Report::new()?;
    for key in Key::ALL {
        report.again(key, judgement::measure(&servers, key)?);
        let trusting = bare::Verification::None;
        report.add(key, "bare loop, chain not verified", bare::measure(&servers, key, trusting)?);
        let usual = bare::Verification::Usual;
        report.add(key, "bare loop, chain verified", bare::measure(&servers, key, usual)?);
        report.add(key, "openssl s_time -new", openssl::measure(&servers, key, &[])?);
        let root = servers.root(key);
        let verifying = ["-verify", "5", "-CAfile", root.to_str().unwrap_or_default()];
        let figure = openssl::measure(&servers, key, &verifying)?;
        report.add(key, "openssl s_time -new -verify 5", figure);
        let check = |place| {
            let address = servers.address(key, place);
            let port = address.port();
            format!("address = \"{NAME}:{port}\"\nconnect = \"{address}\"\n")
        };
        let (handshakes, cpu) = agent::measure(folder.path(), "tls", &root, check).await?;
        report.add(key, "portwarden", Figure { handshakes, cpu });
    }
    println!("{report}");
    if !only_print {
        marked::write("handshakes", &report)?;
    }
    Ok(())
}
