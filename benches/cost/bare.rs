//! The least that a probe can cost: the same system calls in a loop, on blocking sockets, in a
//! process of its own. With TLS, the same handshake with rustls and nothing around it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{Name, RecordType};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};

use crate::client::{monotonic, tls_settings};
use crate::process::{cpu_of, output_of};
use crate::report::Cost;
use crate::targets::{ADDRESSES, Kind, NAME, Targets};

/// The first argument of the process that loops.
pub(crate) const ARGUMENT: &str = "bare-loop";
/// How long the loop runs at most,
const TIME: Duration = Duration::from_secs(3);
/// and how often: whoever closes a TCP connection first keeps its port for a minute, and with too many
/// of those the kernel's search for a free one is what would be measured.
const ROUNDS: u64 = 10_000;

/// CPU time per round of the loop, measured in a process of its own.
pub(crate) fn measure(kind: Kind, targets: &Targets) -> anyhow::Result<Cost> {
    let text = output_of(
        Command::new(std::env::current_exe()?)
            .args([ARGUMENT, kind.title()])
            .arg(&targets.root)
            .args((0..ADDRESSES).map(|index| targets.address(kind, index).to_string())),
    )?;
    let (microseconds, rounds) = text.trim().split_once(' ').context("two numbers")?;
    Ok(Cost::of(Duration::from_micros(microseconds.parse()?), rounds.parse()?))
}

/// Loops, and prints CPU time in microseconds and the number of rounds.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let [kind, root, addresses @ ..] = arguments else { bail!("kind, root, addresses") };
    let addresses: Vec<SocketAddr> =
        addresses.iter().map(|address| address.parse()).collect::<Result<_, _>>()?;
    let roots = CertificateDer::pem_file_iter(root)?.collect::<Result<Vec<_>, _>>()?;
    let mut store = rustls::RootCertStore::empty();
    store.add_parsable_certificates(roots);
    let settings = Arc::new(tls_settings(store)?);
    let soa = kind == Kind::DnsSoa.title();
    let query = query(if soa { RecordType::SOA } else { RecordType::A })?;
    let round = |address: SocketAddr| match kind.as_str() {
        "tcp" => TcpStream::connect(address).map(drop).map_err(anyhow::Error::from),
        "http" => exchange(TcpStream::connect(address)?),
        "https" => exchange(shake_hands(address, &settings)?),
        "tls" => shake_hands(address, &settings).map(drop),
        "dns" | "dns-soa" => ask(address, &query),
        _ => bail!("no such kind: {kind}"),
    };
    addresses.iter().try_for_each(|&address| round(address))?;
    let (start, before) = (monotonic(), cpu_of("self")?);
    let mut rounds = 0;
    for (_, &address) in std::iter::zip(0..ROUNDS, addresses.iter().cycle()) {
        if start.elapsed() > TIME {
            break;
        }
        round(address)?;
        rounds += 1;
    }
    println!("{} {rounds}", (cpu_of("self")? - before).as_micros());
    Ok(())
}

fn exchange(mut stream: impl Read + Write) -> anyhow::Result<()> {
    stream.write_all(
        format!("GET / HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut answer = Vec::with_capacity(1024);
    stream.read_to_end(&mut answer)?;
    ensure!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
    Ok(())
}

type Tls = rustls::StreamOwned<rustls::ClientConnection, TcpStream>;

fn shake_hands(address: SocketAddr, settings: &Arc<rustls::ClientConfig>) -> anyhow::Result<Tls> {
    let mut connection =
        rustls::ClientConnection::new(settings.clone(), ServerName::try_from(NAME)?)?;
    let mut stream = TcpStream::connect(address)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok(rustls::StreamOwned::new(connection, stream))
}

fn query(record_type: RecordType) -> anyhow::Result<Vec<u8>> {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_ascii(format!("{NAME}."))?, record_type));
    Ok(message.to_vec()?)
}

fn ask(address: SocketAddr, query: &[u8]) -> anyhow::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(address)?;
    socket.send(query)?;
    let mut answer = [0; 1232];
    let length = socket.recv(&mut answer)?;
    ensure!(length > query.len(), "no answer in {length} bytes");
    Ok(())
}
