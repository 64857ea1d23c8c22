//! Real sockets and real processes on loopback addresses of their own.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};

use health::{Owner, Process, Protocol};

use super::socket::TABLES;
use super::*;

/// Ended with the test, also when it fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A Python program that prints the port it listens on.
fn python(program: &str) -> (Running, u16) {
    let mut child = Command::new("python3")
        .args(["-c", program])
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is needed: apt-get install python3");
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (Running(child), line.trim().parse().unwrap())
}

const LISTEN: &str = "import socket, time
s = socket.create_server(('127.41.0.9', 0))
print(s.getsockname()[1], flush=True)
time.sleep(600)";

/// Parent and child hold one socket; the parent ends when its input does.
const INHERIT: &str = "import os, socket, sys, time
s = socket.create_server(('127.41.0.10', 0))
if os.fork() == 0:
    print(s.getsockname()[1], flush=True)
    time.sleep(600)
time.sleep(600)";

async fn table() -> Arc<Table> {
    Sockets::default().table(Duration::ZERO).await.unwrap()
}

fn at(table: &Table, protocol: Protocol, bind: SocketAddr) -> Option<&Listener> {
    let on = table.machine().on(protocol, bind.port());
    on.iter().find(|listener| listener.bind == bind)
}

fn processes(listener: &Listener) -> &[Arc<Process>] {
    match &listener.owner {
        Owner::Processes(processes) => processes,
        owner => panic!("{owner:?}"),
    }
}

#[tokio::test]
async fn every_bind_address_is_kept_apart() {
    let v4 = TcpListener::bind("127.41.0.1:0").unwrap();
    let port = v4.local_addr().unwrap().port();
    let other = TcpListener::bind(("127.41.0.2", port)).unwrap();
    let v6 = TcpListener::bind("[::1]:0").unwrap();
    let everywhere = TcpListener::bind("[::]:0").unwrap();
    let udp = UdpSocket::bind("127.41.0.1:0").unwrap();
    let udp6 = UdpSocket::bind("[::1]:0").unwrap();
    let connected = UdpSocket::bind("127.41.0.1:0").unwrap();
    connected.connect(udp.local_addr().unwrap()).unwrap();
    let table = table().await;
    let (tcp, dgram) = (Protocol::Tcp, Protocol::Udp);
    for (protocol, bind) in [
        (tcp, v4.local_addr()),
        (tcp, other.local_addr()),
        (tcp, v6.local_addr()),
        (dgram, udp.local_addr()),
        (dgram, udp6.local_addr()),
    ] {
        let bind = bind.unwrap();
        let listener = at(&table, protocol, bind).unwrap_or_else(|| panic!("{protocol:?} {bind}"));
        assert_eq!(processes(listener)[0].pid, std::process::id());
    }
    let dual = at(&table, tcp, everywhere.local_addr().unwrap()).unwrap();
    assert_eq!(dual.v6_only, Some(false), "std leaves IPV6_V6ONLY as the system has it");
    assert!(at(&table, dgram, connected.local_addr().unwrap()).is_none(), "connected: a client");
}

#[tokio::test]
async fn a_v6_only_socket_is_told() {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
    socket.set_only_v6(true).unwrap();
    socket.bind(&"[::]:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.listen(1).unwrap();
    let bind = socket.local_addr().unwrap().as_socket().unwrap();
    assert_eq!(at(&*table().await, Protocol::Tcp, bind).unwrap().v6_only, Some(true));
}

#[tokio::test]
async fn a_connection_is_not_a_listener() {
    let listener = TcpListener::bind("127.41.0.3:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    let local = client.local_addr().unwrap();
    drop(listener);
    let table = table().await;
    assert!(at(&table, Protocol::Tcp, server.local_addr().unwrap()).is_none());
    assert!(at(&table, Protocol::Tcp, local).is_none());
}

#[tokio::test]
async fn the_owner_is_named_and_forgotten() {
    let sockets = Sockets::default();
    let (running, port) = python(LISTEN);
    let bind = SocketAddr::from(([127, 41, 0, 9], port));
    let before = sockets.table(Duration::ZERO).await.unwrap();
    let owner = &processes(at(&before, Protocol::Tcp, bind).unwrap())[0];
    assert_eq!(owner.pid, running.0.id());
    assert!(owner.name.starts_with("python3"), "{}", owner.name);
    assert!(owner.executable.as_deref().unwrap().contains("python3"));
    assert!(owner.command_line.contains("-c import socket, time"));
    drop(running);
    let after = sockets.table(Duration::ZERO).await.unwrap();
    assert!(at(&after, Protocol::Tcp, bind).is_none());

    // The same port, another process: never the one from memory.
    let own = TcpListener::bind(bind).unwrap();
    let taken = sockets.table(Duration::ZERO).await.unwrap();
    let owner = &processes(at(&taken, Protocol::Tcp, bind).unwrap())[0];
    assert_eq!(owner.pid, std::process::id());
    drop(own);
}

/// Becomes another program when it is told to, and keeps its socket.
const BECOME: &str = "import os, signal, socket
s = socket.create_server(('127.41.0.11', 0))
s.set_inheritable(True)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
print(s.getsockname()[1], flush=True)
signal.sigwait([signal.SIGUSR1])
os.execvp('sleep', ['sleep', '600'])";

#[tokio::test]
async fn a_process_that_becomes_another_program() {
    let (running, port) = python(BECOME);
    let bind = SocketAddr::from(([127, 41, 0, 11], port));
    let mut reader = Reader::default();
    let name = |reader: &mut Reader| {
        let table = reader.read().unwrap();
        processes(at(&table, Protocol::Tcp, bind).unwrap())[0].name.clone()
    };
    assert!(name(&mut reader).starts_with("python3"));
    let pid = running.0.id().to_string();
    assert!(Command::new("kill").args(["-s", "USR1", &pid]).status().unwrap().success());
    let deadline = crate::clock::monotonic() + Duration::from_secs(20);
    while name(&mut reader) != "sleep" {
        assert!(crate::clock::monotonic() < deadline, "{}", name(&mut reader));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_socket_that_outlives_its_first_owner() {
    let (mut parent, port) = python(INHERIT);
    let bind = SocketAddr::from(([127, 41, 0, 10], port));
    let mut reader = Reader::default();
    let both = reader.read().unwrap();
    let owners = processes(at(&both, Protocol::Tcp, bind).unwrap()).to_vec();
    assert_eq!(owners.len(), 2);
    assert_eq!(owners[0].pid, parent.0.id(), "the oldest first");
    parent.0.kill().unwrap();
    parent.0.wait().unwrap();
    // The socket is still there, so only the check of its holders can tell.
    let deadline = crate::clock::monotonic() + Duration::from_secs(20);
    loop {
        let one = reader.read().unwrap();
        let left = processes(at(&one, Protocol::Tcp, bind).unwrap()).to_vec();
        if left.len() == 1 {
            assert_eq!(left[0].pid, owners[1].pid);
            break;
        }
        assert!(crate::clock::monotonic() < deadline, "{left:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let killed = Command::new("kill").arg(owners[1].pid.to_string()).status().unwrap();
    assert!(killed.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_read_serves_a_thousand() {
    let sockets = Sockets::default();
    let asking: Vec<_> = (0..1000)
        .map(|_| {
            let sockets = sockets.clone();
            tokio::spawn(async move { sockets.table(Duration::from_secs(60)).await.unwrap() })
        })
        .collect();
    let mut tables = Vec::new();
    for one in asking {
        tables.push(one.await.unwrap());
    }
    assert!(tables.iter().all(|table| Arc::ptr_eq(table, &tables[0])));
    assert!(Arc::ptr_eq(&sockets.last().unwrap(), &tables[0]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_wants_it_fresh_gets_it_fresh() {
    let sockets = Sockets::default();
    let asking: Vec<_> = (0..50)
        .map(|_| {
            let sockets = sockets.clone();
            tokio::spawn(async move {
                let listener = TcpListener::bind("127.41.0.4:0").unwrap();
                let table = sockets.table(Duration::ZERO).await.unwrap();
                let bind = listener.local_addr().unwrap();
                assert!(at(&table, Protocol::Tcp, bind).is_some(), "{bind}");
            })
        })
        .collect();
    for one in asking {
        one.await.unwrap();
    }
}

#[tokio::test]
async fn who_stops_waiting_stops_nobody_else() {
    let sockets = Sockets::default();
    let impatient =
        tokio::time::timeout(Duration::ZERO, sockets.table(Duration::from_secs(60))).await;
    drop(impatient);
    assert!(sockets.table(Duration::from_secs(60)).await.is_ok());
}

#[tokio::test]
async fn nobody_waits_for_a_read_that_hangs() {
    let (sockets, sender) = Sockets::hanging();
    let patience = Duration::from_secs(5);
    for _ in 0..2 {
        let table = tokio::time::timeout(patience, sockets.table(Duration::ZERO)).await.unwrap();
        assert_eq!(table.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
    assert!(lock(&sockets.shared).under_way.as_ref().unwrap().is_told);
    drop(sender);
    assert!(sockets.table(Duration::ZERO).await.is_ok(), "the next one starts");
}

#[test]
fn netlink_and_proc_agree() {
    let tcp = TcpListener::bind("127.41.0.5:0").unwrap();
    let tcp6 = TcpListener::bind("[::1]:0").unwrap();
    let udp = UdpSocket::bind("127.41.0.5:0").unwrap();
    let udp6 = UdpSocket::bind("[::1]:0").unwrap();
    let own = [tcp.local_addr(), tcp6.local_addr(), udp.local_addr(), udp6.local_addr()];
    let mut netlink = netlink::Netlink::for_sockets().unwrap();
    for ((protocol, family), bind) in TABLES.into_iter().zip(own) {
        let bind = bind.unwrap();
        let find = |sockets: Vec<socket::Socket>| {
            let found = sockets.into_iter().find(|socket| socket.bind == bind).unwrap();
            (found.id.inode, found.uid)
        };
        let by_netlink = find(netlink.listening(protocol, family).unwrap());
        let by_proc = find(proc_net::listening(protocol, family).unwrap());
        assert_eq!(by_netlink, by_proc, "{bind}");
    }
}

/// Named like Docker's proxy, with its arguments.
const PROXY: &str = "import ctypes, socket, time
s = socket.create_server(('127.41.0.12', 0))
ctypes.CDLL(None).prctl(15, b'docker-proxy', 0, 0, 0)
print(s.getsockname()[1], flush=True)
time.sleep(600)";

#[tokio::test]
async fn a_proxy_is_read_with_what_is_behind_it() {
    let mut child = Command::new("python3")
        .args(["-c", PROXY, "-container-ip", "172.17.0.2", "-container-port", "80"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let _running = Running(child);
    let bind = SocketAddr::from(([127, 41, 0, 12], line.trim().parse().unwrap()));
    let table = table().await;
    let owner = &processes(at(&table, Protocol::Tcp, bind).unwrap())[0];
    assert_eq!(owner.name, "docker-proxy");
    let target = health::ports::proxy(owner).unwrap().target;
    assert_eq!(target, Some("172.17.0.2:80".parse().unwrap()));
}

#[test]
fn a_new_socket_of_a_known_process_is_found_at_once() {
    let first = TcpListener::bind("127.41.0.13:0").unwrap();
    let mut reader = Reader::default();
    let before = reader.read().unwrap();
    let second = TcpListener::bind("127.41.0.13:0").unwrap();
    let after = reader.read().unwrap();
    let of = |table: &Table, listener: &TcpListener| {
        let bind = listener.local_addr().unwrap();
        processes(at(table, Protocol::Tcp, bind).unwrap())[0].clone()
    };
    assert_eq!(of(&after, &second).pid, std::process::id());
    // What is known of the process is not read twice.
    assert!(Arc::ptr_eq(&of(&before, &first), &of(&after, &second)));
}

#[test]
fn a_restarted_udp_service_is_found_at_once() {
    let service = UdpSocket::bind("127.41.0.14:0").unwrap();
    let bind = service.local_addr().unwrap();
    let mut reader = Reader::default();
    reader.read().unwrap();
    // A new TCP socket is a reason to look again, and the service is still there.
    let _tcp = TcpListener::bind("127.41.0.14:0").unwrap();
    reader.read().unwrap();
    drop(service);
    assert!(at(&reader.read().unwrap(), Protocol::Udp, bind).is_none());
    let _restarted = UdpSocket::bind(bind).unwrap();
    let table = reader.read().unwrap();
    let listener = at(&table, Protocol::Udp, bind).unwrap();
    assert_eq!(processes(listener)[0].pid, std::process::id());
}
