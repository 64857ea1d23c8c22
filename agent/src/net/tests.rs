//! Dialling on loopback: both families, a source of one's own, and every way to fail.

use std::net::{Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use health::{Code, Facts, Phase};
use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::{RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, UdpSocket};

use super::*;

fn at(address: SocketAddr) -> Endpoint {
    Endpoint { host: Target::Address(address.ip()), port: address.port() }
}

fn named(name: &str, port: u16) -> Endpoint {
    Endpoint { host: Target::Name(name.into()), port }
}

fn watch() -> Stopwatch {
    Stopwatch::start(Duration::from_secs(5))
}

/// A port on which nothing listens: bound, so that nobody else gets it, but never listening.
fn closed(address: &str) -> (TcpSocket, SocketAddr) {
    let address: SocketAddr = address.parse().unwrap();
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.unwrap();
    socket.bind(address).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// A resolver that gives every name the same addresses, or the same refusal.
pub(crate) async fn resolver(addresses: Vec<IpAddr>, code: ResponseCode) -> SocketAddr {
    let socket = UdpSocket::bind("127.53.9.1:0").await.unwrap();
    let local = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
            let question = Message::from_vec(&buffer[..length]).unwrap();
            let query = question.queries[0].clone();
            let mut answer = question.clone();
            answer.metadata.message_type = MessageType::Response;
            answer.metadata.recursion_available = true;
            answer.metadata.response_code = code;
            for ip in &addresses {
                let rdata = match (ip, query.query_type()) {
                    (IpAddr::V4(v4), RecordType::A) => RData::A((*v4).into()),
                    (IpAddr::V6(v6), RecordType::AAAA) => RData::AAAA((*v6).into()),
                    _ => continue,
                };
                answer.answers.push(Record::from_rdata(query.name().clone(), 60, rdata));
            }
            socket.send_to(&answer.to_vec().unwrap(), peer).await.unwrap();
        }
    });
    local
}

#[tokio::test]
async fn both_families_and_a_source() {
    let net = Net::new(Some("127.53.9.9:53".parse().unwrap())).unwrap();
    for (listen, source) in [
        ("127.0.0.1:0", None),
        ("[::1]:0", None),
        ("127.0.0.1:0", Some("127.0.9.7".parse::<IpAddr>().unwrap())),
        ("[::1]:0", Some(IpAddr::V6(Ipv6Addr::LOCALHOST))),
    ] {
        let listener = TcpListener::bind(listen).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mut watch, mut facts) = (watch(), Facts::default());
        let stream = net.dial(&at(address), source, &mut watch, &mut facts).await.unwrap();
        let (_peer, from) = listener.accept().await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
        if let Some(source) = source {
            assert_eq!(from.ip(), source);
        }
        assert_eq!(facts.address, Some(address));
        assert!(facts.resolved.is_empty());
        assert!(watch.phases().of(Phase::Connect).is_some());
        assert!(watch.phases().of(Phase::Resolve).is_none());
    }
}

#[tokio::test]
async fn nothing_waits_for_an_acknowledgement() {
    let net = Net::new(Some("127.53.9.9:53".parse().unwrap())).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    for (words, is_set) in
        [(vec![100], false), (vec![100, 1], true), (vec![2000], true), (vec![2000, 1, 1], true)]
    {
        let dialled = net.dial(&at(address), None, &mut watch(), &mut Facts::default()).await;
        let (mut stream, mut heard) = (dialled.unwrap(), listener.accept().await.unwrap().0);
        for &length in &words {
            stream.write_all(&vec![b'x'; length]).await.unwrap();
            heard.read_exact(&mut vec![0; length]).await.unwrap();
        }
        assert_eq!(stream.is_without_delay().unwrap(), is_set, "{words:?}");
    }
}

/// A connection, and its other end.
async fn pair() -> (Connection, tokio::net::TcpStream) {
    let net = Net::new(Some("127.53.9.9:53".parse().unwrap())).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = at(listener.local_addr().unwrap());
    let dialled = net.dial(&address, None, &mut watch(), &mut Facts::default()).await;
    (dialled.unwrap(), listener.accept().await.unwrap().0)
}

#[tokio::test]
async fn an_answer_is_heard_while_there_is_no_room_to_write() {
    let (stream, mut heard) = pair().await;
    let (mut reading, mut writing) = tokio::io::split(stream);
    // More than any buffer holds, to somebody who reads none of it.
    let much = vec![b'x'; 64 << 20];
    let (full, is_full) = tokio::sync::oneshot::channel();
    let other = tokio::spawn(async move {
        is_full.await.unwrap();
        heard.write_all(b"early").await.unwrap();
        std::future::pending::<()>().await;
    });
    let mut answer = [0; 5];
    let mut full = Some(full);
    let send = std::future::poll_fn(|context| {
        while let Poll::Ready(sent) = Pin::new(&mut writing).poll_write(context, &much) {
            sent.unwrap();
        }
        if let Some(full) = full.take() {
            full.send(()).unwrap();
        }
        Poll::<()>::Pending
    });
    let began = crate::clock::monotonic();
    let told = async {
        // Who listens is asked first, as by HTTP/2: he waits already when there is no more room.
        tokio::select! {
            biased;
            heard = reading.read_exact(&mut answer) => heard.unwrap(),
            () = send => unreachable!(),
        }
    };
    tokio::time::timeout(Duration::from_secs(20), told).await.unwrap();
    assert_eq!(&answer, b"early");
    let took = crate::clock::monotonic() - began;
    assert!(took < Duration::from_secs(10), "woken by nobody but the deadline: {took:?}");
    other.abort();
}

#[tokio::test]
async fn all_of_it_is_read_from_who_has_hung_up() {
    for room in [1, 7, 64, 8192, 100_000] {
        let (mut stream, mut heard) = pair().await;
        let said: Vec<u8> = (0..20_000_u32).flat_map(u32::to_le_bytes).take(20_000).collect();
        let saying = said.clone();
        let peer = tokio::spawn(async move {
            heard.write_all(&saying).await.unwrap();
            heard.shutdown().await.unwrap();
            heard
        });
        let mut read = Vec::new();
        let mut piece = vec![0; room];
        loop {
            match stream.read(&mut piece).await.unwrap() {
                0 => break,
                length => read.extend_from_slice(&piece[..length]),
            }
        }
        assert!(read == said, "{room}: {} bytes", read.len());
        // It has hung up with one ear still open: what is said after that arrives.
        let mut peer = peer.await.unwrap();
        stream.write_all(b"thanks").await.unwrap();
        let mut thanks = [0; 6];
        peer.read_exact(&mut thanks).await.unwrap();
        assert_eq!(&thanks, b"thanks");
        drop(stream);
        let end = peer.read(&mut thanks).await;
        assert_eq!(end.map_err(|error| error.kind()), Err(io::ErrorKind::ConnectionReset));
    }
}

#[tokio::test]
async fn a_proxy_that_is_told_addresses_may_be_of_the_other_family() {
    let net =
        Net::new(Some(resolver(vec!["127.0.0.1".parse().unwrap()], ResponseCode::NoError).await));
    let net = net.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = named("proxy.example.", listener.local_addr().unwrap().port());
    let door = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 3]).await.unwrap();
        stream.write_all(&[5, 0]).await.unwrap();
        let mut asked = [0; 22];
        stream.read_exact(&mut asked).await.unwrap();
        stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
        asked[3]
    });
    let target = at("[::1]:443".parse().unwrap());
    let road = |talk| Road {
        proxy: Some(Proxy { talk, endpoint: endpoint.clone(), user: None }),
        family: Some(Family::V6),
        ..Road::default()
    };
    let told = road(Talk::Socks5);
    net.reach(&target, (None, Some(&told)), &mut watch(), &mut Facts::default()).await.unwrap();
    assert_eq!(door.await.unwrap(), 4, "an IPv6 address");
    let named = road(Talk::Socks5Names);
    let (mut watch, mut facts) = (watch(), Facts::default());
    let missed = net.reach(&target, (None, Some(&named)), &mut watch, &mut facts).await;
    assert_eq!(missed.unwrap_err().code, Code::HttpProxy);
}

#[tokio::test]
async fn refused_on_both_families() {
    let net = Net::new(Some("127.53.9.9:53".parse().unwrap())).unwrap();
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let (_hold, address) = closed(address);
        let finding =
            net.dial(&at(address), None, &mut watch(), &mut Facts::default()).await.unwrap_err();
        assert_eq!(finding.code, Code::TcpRefused);
        assert_eq!(finding.subject, address.to_string());
    }
}

#[tokio::test]
async fn a_full_accept_queue_is_a_timeout() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::new();
    let failure = loop {
        let until = Instant::from_std(crate::clock::monotonic() + Duration::from_millis(300));
        match connect(address, None, until).await {
            Ok(stream) => held.push(stream),
            Err(failure) => break failure,
        }
        assert!(held.len() < 50, "the queue never filled");
    };
    assert_eq!(failure, Failure::Timeout);
}

#[tokio::test]
async fn a_source_that_is_not_ours_is_no_closed_port() {
    let net = Net::new(Some("127.53.9.9:53".parse().unwrap())).unwrap();
    let (_hold, address) = closed("127.0.0.1:0");
    let source = Some("203.0.113.99".parse().unwrap());
    let missed =
        net.attempt(&at(address), source, &mut watch(), &mut Facts::default()).await.unwrap_err();
    assert!(!missed.is_closed());
    let finding = missed.into_finding(&at(address), Duration::from_secs(5));
    assert_eq!(finding.code, Code::TcpUnreachable);
}

#[tokio::test]
async fn the_second_address_of_a_name_is_tried() {
    let listener = TcpListener::bind("[::1]:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let addresses = vec!["127.0.9.66".parse().unwrap(), address.ip()];
    let net = Net::new(Some(resolver(addresses.clone(), ResponseCode::NoError).await)).unwrap();
    let (mut watch, mut facts) = (watch(), Facts::default());
    let endpoint = named("shop.example.", address.port());
    net.dial(&endpoint, None, &mut watch, &mut facts).await.unwrap();
    assert_eq!(facts.address, Some(address));
    assert_eq!(facts.resolved, addresses);
    assert!(watch.phases().of(Phase::Resolve).is_some());

    let source = Some("127.0.0.1".parse().unwrap());
    let finding = net.dial(&endpoint, source, &mut watch, &mut facts).await.unwrap_err();
    assert_eq!(finding.subject, format!("127.0.9.66:{} (shop.example.)", address.port()));
}

#[tokio::test]
async fn a_name_that_does_not_resolve_says_why() {
    for (code, words) in [
        (ResponseCode::NXDomain, "NXDOMAIN"),
        (ResponseCode::NoError, "no A or AAAA record"),
        (ResponseCode::ServFail, "Server Failure"),
    ] {
        let net = Net::new(Some(resolver(Vec::new(), code).await)).unwrap();
        let finding = net
            .dial(&named("gone.example.", 80), None, &mut watch(), &mut Facts::default())
            .await
            .unwrap_err();
        assert_eq!(finding.code, Code::ResolveFailed);
        assert_eq!(finding.subject, "gone.example.");
        assert!(finding.summary.en.contains(words), "{}", finding.summary.en);
    }
}

#[tokio::test]
async fn a_silent_resolver_ends_at_the_deadline() {
    let silent = UdpSocket::bind("127.53.9.2:0").await.unwrap();
    let net = Net::new(Some(silent.local_addr().unwrap())).unwrap();
    let mut watch = Stopwatch::start(Duration::from_millis(300));
    let finding = net
        .dial(&named("slow.example.", 80), None, &mut watch, &mut Facts::default())
        .await
        .unwrap_err();
    assert_eq!(finding.code, Code::ResolveFailed);
    assert!(watch.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_dead_port_never_answers_itself() {
    // The kernel walks through the ports it gives to clients, odd ones and even ones apart, so that
    // one of these attempts is made from the very port that is dialled.
    let free = closed("127.42.0.7:0").1.port();
    for port in [free, free ^ 1] {
        let address = SocketAddr::from(([127, 42, 0, 7], port));
        let source = Some(address.ip());
        for _ in 0..16_000 {
            let until = Instant::from_std(crate::clock::monotonic() + Duration::from_secs(5));
            assert_eq!(connect(address, source, until).await.err(), Some(Failure::Refused));
        }
    }
}
