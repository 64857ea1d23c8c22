//! A road to a nameserver that a test can make bad: packets lost, late, doubled or changed, by rule
//! and never by chance, and TCP blocked.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream as StdStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use portwarden::clock::monotonic;

use super::daemon::free_port;

/// How long an answer of the server behind is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// What becomes of one query over UDP, or of its answer.
#[derive(Clone, Debug)]
pub enum Fate {
    /// There and back.
    Pass,
    /// The query is lost.
    Drop,
    /// The answer comes this much later.
    Delay(Duration),
    /// The answer comes twice.
    Twice,
    /// The answer comes changed.
    Change(fn(&mut Vec<u8>)),
    /// A forgery comes first: the answer, changed; then the answer as it is.
    Forge(fn(&mut Vec<u8>)),
    /// The answer comes from another port of the same address.
    FromElsewhere,
    /// These bytes come in the place of the answer; the server is not asked.
    Instead(Vec<u8>),
}

/// Whether a nameserver can be asked over TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tcp {
    /// As if there were no relay.
    Passed,
    /// Connections are refused.
    Refused,
    /// Connections are taken, and nothing ever comes.
    Silent,
}

type Rule = Box<dyn FnMut(usize, &[u8]) -> Fate + Send>;

/// A running relay in front of one server. It has a thread of its own, so that it also works while a
/// test blocks.
///
/// ```ignore
/// let relay = Relay::start("127.53.40.9", server.address(), Tcp::Refused);   // UDP only
/// plan(relay.address());
/// relay.cycle(&[Fate::Drop, Fate::Pass, Fate::Pass]);      // every third query, beginning at once
/// relay.cycle(&[Fate::Change(|packet| packet[2] &= !0x04)]);                 // no AA any more
/// relay.rule(|count, query| if count == 0 { Fate::Drop } else { Fate::Pass }); // one lost packet
/// relay.cycle(&[Fate::Pass]);                                                // healed
/// relay.tcp(Tcp::Passed);                                                    // TCP too
/// ```
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    road: Arc<Road>,
    /// Dropped: the thread ends.
    tcp: watch::Sender<Tcp>,
}

struct Road {
    upstream: SocketAddr,
    rule: Mutex<(usize, Rule)>,
    queries: AtomicUsize,
}

impl std::fmt::Debug for Road {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "to {}", self.upstream)
    }
}

impl Relay {
    /// Starts on this address, on a port that is free there; everything passes at first.
    pub fn start(ip: &str, upstream: SocketAddr, tcp: Tcp) -> Self {
        Self::start_on(SocketAddr::new(ip.parse().unwrap(), free_port(&[ip])), upstream, tcp)
    }

    /// Starts on exactly this address and port.
    pub fn start_on(address: SocketAddr, upstream: SocketAddr, tcp: Tcp) -> Self {
        let (sender, mut receiver) = watch::channel(tcp);
        let rule: Rule = Box::new(|_, _| Fate::Pass);
        let road =
            Arc::new(Road { upstream, rule: Mutex::new((0, rule)), queries: AtomicUsize::new(0) });
        let socket = std::net::UdpSocket::bind(address).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let travelled = road.clone();
        std::thread::spawn(move || {
            runtime.block_on(async move {
                tokio::spawn(carry_udp(socket, travelled.clone()));
                let mut is_left = false;
                while !is_left {
                    let tcp = *receiver.borrow_and_update();
                    tokio::select! {
                        () = carry_tcp(address, travelled.upstream, tcp) => {}
                        changed = receiver.changed() => is_left = changed.is_err(),
                    }
                }
            });
        });
        let relay = Self { address, road, tcp: sender };
        relay.await_tcp(tcp);
        relay
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on queries over UDP meet these fates in turn, over and over.
    pub fn cycle(&self, fates: &[Fate]) {
        let fates = fates.to_vec();
        self.rule(move |count, _| fates[count % fates.len()].clone());
    }

    /// From now on this decides: from the number of queries since (from 0), and the query.
    pub fn rule(&self, rule: impl FnMut(usize, &[u8]) -> Fate + Send + 'static) {
        *self.road.rule.lock().unwrap() = (0, Box::new(rule));
    }

    /// From now on TCP is treated like this.
    pub fn tcp(&self, tcp: Tcp) {
        if self.tcp.send_replace(tcp) != tcp {
            self.await_tcp(tcp);
        }
    }

    fn await_tcp(&self, tcp: Tcp) {
        let start = monotonic();
        while StdStream::connect(self.address).is_ok() == (tcp == Tcp::Refused) {
            assert!(monotonic() - start < PATIENCE, "TCP is not {tcp:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// How many queries came over UDP so far.
    pub fn queries(&self) -> usize {
        self.road.queries.load(Ordering::Relaxed)
    }
}

impl Road {
    fn fate(&self, query: &[u8]) -> Fate {
        self.queries.fetch_add(1, Ordering::Relaxed);
        let mut rule = self.rule.lock().unwrap();
        let count = rule.0;
        rule.0 += 1;
        rule.1(count, query)
    }

    async fn answer(&self, query: &[u8]) -> Option<Vec<u8>> {
        let socket = UdpSocket::bind(SocketAddr::new(self.upstream.ip(), 0)).await.ok()?;
        socket.connect(self.upstream).await.ok()?;
        socket.send(query).await.ok()?;
        let mut packet = vec![0; 65_535];
        let length = timeout(PATIENCE, socket.recv(&mut packet)).await.ok()?.ok()?;
        packet.truncate(length);
        Some(packet)
    }
}

async fn carry_udp(socket: std::net::UdpSocket, road: Arc<Road>) {
    socket.set_nonblocking(true).unwrap();
    let socket = Arc::new(UdpSocket::from_std(socket).unwrap());
    let mut buffer = vec![0; 65_535];
    loop {
        // An earlier client that has gone is told here, too.
        let Ok((length, client)) = socket.recv_from(&mut buffer).await else { continue };
        let query = buffer[..length].to_vec();
        let (road, socket) = (road.clone(), socket.clone());
        let fate = road.fate(&query);
        tokio::spawn(async move { travel(fate, &query, &road, &socket, client).await });
    }
}

async fn travel(
    fate: Fate,
    query: &[u8],
    road: &Road,
    socket: &UdpSocket,
    client: SocketAddr,
) -> Option<()> {
    let mut packet = match &fate {
        Fate::Drop => return None,
        Fate::Instead(packet) => packet.clone(),
        _ => road.answer(query).await?,
    };
    let mut copies = 1;
    match fate {
        Fate::Delay(time) => sleep(time).await,
        Fate::Twice => copies = 2,
        Fate::Change(change) => change(&mut packet),
        Fate::Forge(change) => {
            let mut forgery = packet.clone();
            change(&mut forgery);
            socket.send_to(&forgery, client).await.ok()?;
        }
        Fate::FromElsewhere => {
            let here = socket.local_addr().ok()?;
            let elsewhere = UdpSocket::bind(SocketAddr::new(here.ip(), 0)).await.ok()?;
            elsewhere.send_to(&packet, client).await.ok()?;
            return None;
        }
        Fate::Pass | Fate::Drop | Fate::Instead(_) => {}
    }
    for _ in 0..copies {
        socket.send_to(&packet, client).await.ok()?;
    }
    Some(())
}

async fn carry_tcp(address: SocketAddr, upstream: SocketAddr, tcp: Tcp) {
    if tcp == Tcp::Refused {
        return std::future::pending().await;
    }
    let listener = loop {
        match TcpListener::bind(address).await {
            Ok(listener) => break listener,
            // A process that is just being started may still hold a copy of the last one.
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                sleep(Duration::from_millis(5)).await;
            }
            Err(error) => panic!("{address}: {error}"),
        }
    };
    let mut held = Vec::new();
    while let Ok((mut client, _)) = listener.accept().await {
        if tcp == Tcp::Silent {
            held.push(client);
            continue;
        }
        tokio::spawn(async move {
            if let Ok(mut server) = TcpStream::connect(upstream).await {
                let _ = copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
}
