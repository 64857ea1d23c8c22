//! Many processes that listen, and end when the bench does.

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use anyhow::Context;

/// What makes this program one of the crowd; its number follows.
pub(crate) const ARGUMENT: &str = "--hold";

/// The processes. Every one of them waits for the end of one pipe, which comes with the bench's
/// own, however that is.
pub(crate) struct Crowd {
    children: Vec<Child>,
    alive: Option<PipeWriter>,
}

impl Crowd {
    /// Starts them, and waits until all of them listen.
    pub(crate) fn start(count: usize) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?;
        let (end, alive) = std::io::pipe()?;
        let (mut ready, listening) = std::io::pipe()?;
        let mut crowd = Self { children: Vec::with_capacity(count), alive: Some(alive) };
        for number in 0..count {
            let child = Command::new(&program)
                .args([ARGUMENT, &number.to_string()])
                .stdin(Stdio::from(end.try_clone()?))
                .stdout(Stdio::from(listening.try_clone()?))
                .spawn()
                .with_context(|| format!("process {number} of {count}"))?;
            crowd.children.push(child);
        }
        drop(listening);
        await_all(&mut ready, count)?;
        Ok(crowd)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.alive = None;
        for child in &mut self.children {
            let _ = child.wait();
        }
    }
}

/// One byte from each.
fn await_all(ready: &mut PipeReader, count: usize) -> anyhow::Result<()> {
    let mut bytes = vec![0; count];
    ready.read_exact(&mut bytes).context("a process of the crowd could not listen")
}

/// Listens on an address of its own, says so, and waits for the end.
pub(crate) fn hold(number: u16, sockets: usize) -> anyhow::Result<()> {
    let [high, low] = number.to_be_bytes();
    let address = Ipv4Addr::new(127, 91, high, low);
    let held: Vec<TcpListener> =
        (0..sockets).map(|_| TcpListener::bind((address, 0))).collect::<Result<_, _>>()?;
    std::io::stdout().write_all(b".")?;
    std::io::stdout().flush()?;
    let _ = std::io::stdin().read(&mut [0])?;
    drop(held);
    Ok(())
}

/// Whether this is the address of one of the crowd.
pub(crate) fn is_one(bind: SocketAddr) -> bool {
    matches!(bind.ip(), IpAddr::V4(v4) if v4.octets()[..2] == [127, 91])
}
