//! What a burst costs: 10,000 incidents that open at one moment, and are over at another, through the
//! real binary to two receivers: a webhook, as programs get it, and a chat, as people do. Everything runs
//! on loopback and is ended by its process id. The measured part of docs/benchmarks.md is written anew.
//! Deliberately absent: assertions on time; a figure is for people.

#[path = "../cost/client.rs"]
#[allow(dead_code, reason = "shared with the bench of every kind of probe")]
mod client;
#[path = "../marked.rs"]
mod marked;
#[path = "../cost/process.rs"]
#[allow(dead_code, reason = "shared with the bench of every kind of probe")]
mod process;
mod receivers;
mod report;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;

use client::{client, free_address, monotonic, page};
use process::Running;
use receivers::Receivers;
use report::{Report, Turn};

/// How many checks there are; all of them look at one door.
const CHECKS: usize = 10_000;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(300);

fn main() -> anyhow::Result<()> {
    let only_print = std::env::args().any(|argument| argument == "--print");
    portwarden::open_files::raise_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(only_print))
}

async fn measure(only_print: bool) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new().prefix("portwarden-bench-").tempdir()?;
    let receivers = Receivers::start().await?;
    let door = TcpListener::bind("127.93.0.1:0").await?;
    let address = door.local_addr()?;
    let open = tokio::spawn(accept(door));
    let listen = free_address("127.93.0.2")?;
    let plan = plan(listen, address, &receivers)?;
    std::fs::write(folder.path().join("probes.toml"), plan)?;
    std::fs::write(folder.path().join("chat.url"), receivers.chat_url())?;
    let agent = start(folder.path())?;
    let asking = client()?;
    all_up(&asking, listen).await?;
    let mut report = Report::new(CHECKS, agent.memory()?)?;

    open.abort();
    // The socket is closed once the task is gone.
    let _ = open.await;
    report.turns.push(watch("incidents open", "opened", &agent, &receivers).await?);
    let _open = tokio::spawn(accept(TcpListener::bind(address).await?));
    report.turns.push(watch("incidents are over", "resolved", &agent, &receivers).await?);
    drop(agent);
    println!("{report}");
    if !only_print {
        marked::write("alerts", &report)?;
    }
    Ok(())
}

async fn accept(door: TcpListener) {
    while let Ok((connection, _)) = door.accept().await {
        drop(connection);
    }
}

/// Waits until both receivers were told of every check, and says what that took.
async fn watch(
    what: &'static str,
    event: &'static str,
    agent: &Running,
    receivers: &Receivers,
) -> anyhow::Result<Turn> {
    let cpu = agent.cpu()?;
    let told = receivers.told(event, CHECKS, PATIENCE).await?;
    Ok(Turn { what, told, cpu: agent.cpu()? - cpu, memory: agent.memory()? })
}

/// Every check looks at the door at the same second, so that all of them see the same.
fn plan(listen: SocketAddr, door: SocketAddr, receivers: &Receivers) -> anyhow::Result<String> {
    let mut plan = format!(
        "[agent]\nname = \"bench\"\nlisten = \"{listen}\"\nresolver = \"127.93.0.9:9\"\n\
         probes_in_flight = 2000\n\
         [defaults]\ncron = \"*/10 * * * * *\"\ntimeout = \"5s\"\nfail_after = 1\n\
         [[receiver]]\nname = \"program\"\nwebhook = {{ url = \"{}\" }}\n\
         [[receiver]]\nname = \"people\"\nslack = {{ url_file = \"chat.url\" }}\n",
        receivers.webhook_url()
    );
    for number in 0..CHECKS {
        write!(plan, "[[tcp]]\nname = \"door {number:05}\"\naddress = \"{door}\"\n")?;
    }
    Ok(plan)
}

fn start(folder: &Path) -> anyhow::Result<Running> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portwarden"));
    command.current_dir(folder).args(["run", "--config", "probes.toml"]);
    Running::start(&mut command, &folder.join("agent.log"))
}

/// Waits until every check is up.
async fn all_up(asking: &reqwest::Client, listen: SocketAddr) -> anyhow::Result<()> {
    let began = monotonic();
    loop {
        let metrics = page(asking, &format!("http://{listen}/metrics")).await.unwrap_or_default();
        let is_up =
            |line: &&str| line.starts_with("portwarden_check_state{") && line.ends_with(" 1");
        if metrics.lines().filter(is_up).count() == CHECKS {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            return Err(anyhow::anyhow!("not every check is up")).context("waiting");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
