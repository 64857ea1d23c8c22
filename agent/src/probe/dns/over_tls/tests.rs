//! Servers that speak TLS, and some that do it oddly, on real sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::rr::{Name, RData, Record, RecordType, rdata};
use rustls_pki_types::CertificateDer;
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::*;
use crate::plan::{Endpoint, Target};
use crate::probe::dns::question::Role;
use crate::tls::workshop::{Authority, Leaf, days, noon, serve_raw, trusting};

const TIMEOUT: Duration = Duration::from_millis(900);

fn question(number: u16) -> Question {
    let name = Name::from_ascii(format!("w{number}.shop.example.")).unwrap();
    Question::new(&name, RecordType::A)
}

/// A good answer to a query, framed.
fn answer(query: &[u8]) -> Vec<u8> {
    let mut message = Message::from_vec(query).unwrap().into_response();
    message.metadata.authoritative = true;
    let name = message.queries[0].name().clone();
    message.add_answer(Record::from_rdata(name, 300, RData::A(rdata::A::new(192, 0, 2, 10))));
    framed(&message.to_vec().unwrap())
}

fn framed(packet: &[u8]) -> Vec<u8> {
    let mut framed = u16::try_from(packet.len()).unwrap().to_be_bytes().to_vec();
    framed.extend(packet);
    framed
}

/// What a server makes of each query, and whether it goes on.
type Reply = fn(&[u8]) -> Option<Vec<u8>>;

/// Speaks TLS with this certificate and sends what `reply` makes of each query, until it says no.
async fn serve(leaf: &Leaf, reply: Reply) -> SocketAddr {
    let provider = rustls::crypto::ring::default_provider();
    let signing = provider.key_provider.load_private_key(leaf.private_key()).unwrap();
    let certified = rustls::sign::CertifiedKey::new(vec![leaf.der.clone()], signing);
    let settings = rustls::ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)));
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(settings));
    let listener = TcpListener::bind("127.53.9.53:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            while let Ok(length) = stream.read_u16().await {
                let mut query = vec![0; usize::from(length)];
                stream.read_exact(&mut query).await.unwrap();
                let Some(bytes) = reply(&query) else { break };
                if stream.write_all(&bytes).await.and(stream.flush().await).is_err() {
                    break;
                }
            }
        }
    });
    server
}

async fn put(
    server: SocketAddr,
    name: Option<&str>,
    trusted: &[CertificateDer<'static>],
    questions: &[Question],
) -> Vec<Result<(), Loss>> {
    let started = monotonic();
    let errand = Errand {
        server,
        source: None,
        role: Role::Authoritative,
        questions,
        deadline: Instant::from_std(started + TIMEOUT),
    };
    let over_tls = OverTls {
        endpoint: Endpoint { host: Target::Address(server.ip()), port: server.port() },
        name: name.map(Arc::from),
        roots: trusting(trusted),
    };
    let replies = ask(errand, &over_tls, &Peers::default(), |question, arrival| {
        arrival.map(|arrival| {
            assert!(arrival.over_tcp);
            assert_eq!(arrival.message.queries[0].name(), &question.name);
        })
    })
    .await;
    assert!(monotonic() - started < TIMEOUT + Duration::from_millis(400));
    replies
}

/// A certificate that is valid today, whenever that is.
fn today(params: &mut rcgen::CertificateParams) {
    let age = (now().as_second() - noon().as_second()) / 86_400;
    days(params, age - 10, age + 60);
}

fn refusal(replies: &[Result<(), Loss>]) -> &str {
    match &replies[0] {
        Err(Loss::NoTls(why)) => &why.en,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn many_questions_share_one_connection_and_the_certificate_is_verified() {
    let authority = Authority::root("root");
    let leaf = authority.leaf(&["dns.example"], &today);
    let server = serve(&leaf, |query| Some(answer(query))).await;
    let questions: Vec<Question> = (0..100).map(question).collect();
    let roots = [authority.der()];
    assert_eq!(put(server, Some("dns.example"), &roots, &questions).await, vec![Ok(()); 100]);
    let questions = &questions[..1];
    let replies = put(server, Some("other.example"), &roots, questions).await;
    assert!(refusal(&replies).contains("other.example"), "{replies:?}");
    let replies = put(server, Some("dns.example"), &[], questions).await;
    assert!(refusal(&replies).contains("trusted"), "{replies:?}");
    assert_eq!(put(server, None, &[], questions).await, [Ok(())], "no name: nothing to verify");
}

#[tokio::test]
async fn one_that_speaks_no_tls_is_told_as_such() {
    let server = serve_raw("127.53.9.53", |mut stream| async move {
        let _ = stream.write_all(b"SSH-2.0-x\r\n").await;
    })
    .await;
    let replies = put(server, None, &[], &[question(1), question(2)]).await;
    assert!(!refusal(&replies).is_empty());
    assert_eq!(replies[0], replies[1]);
    let closed = TcpListener::bind("127.53.9.53:0").await.unwrap().local_addr().unwrap();
    let replies = put(closed, None, &[], &[question(1)]).await;
    assert!(refusal(&replies).contains("refused"), "{replies:?}");
    let silent = serve_raw("127.53.9.53", async |mut stream| {
        let _ = stream.read_exact(&mut [0; 1 << 16]).await;
    })
    .await;
    assert!(matches!(put(silent, None, &[], &[question(1)]).await[0], Err(Loss::NoTls(_))));
}

#[tokio::test]
async fn odd_answers_end_in_time_and_keep_the_good_ones() {
    let leaf = Leaf::self_signed(&["dns.example"], &today);
    type Expected = fn(&Loss) -> bool;
    let cases: [(&str, Reply, Expected); 6] = [
        ("hangs up", |_| None, |loss| matches!(loss, Loss::NoTls(_))),
        ("says nothing", |_| Some(Vec::new()), |loss| *loss == Loss::Timeout),
        (
            "answers something else",
            |_| Some(framed(&answer(&wrong())[2..])),
            |loss| *loss == Loss::Timeout,
        ),
        (
            "answers one question again and again",
            |query| Some(answer(query).repeat(200)),
            |loss| *loss == Loss::Garbage,
        ),
        ("babbles", |_| Some([0, 1, 7].repeat(200)), |loss| *loss == Loss::Garbage),
        ("promises more", |_| Some(vec![0xff, 0xff, 0]), |loss| *loss == Loss::Timeout),
    ];
    for (what, reply, is_expected) in cases {
        let server = serve(&leaf, reply).await;
        // The second is never read: what the first is answered with does not end.
        let questions = [question(1), question(2)];
        let count = if what.starts_with("answers one") { 2 } else { 1 };
        let replies = put(server, None, &[], &questions[..count]).await;
        let last = replies[count - 1].as_ref();
        assert!(last.is_err_and(is_expected), "{what}: {replies:?}");
    }
    // The first question is answered, the second not.
    let server = serve(&leaf, |query| {
        let message = Message::from_vec(query).unwrap();
        (message.queries[0].name().to_ascii() == "w1.shop.example.").then(|| answer(query))
    })
    .await;
    let replies = put(server, None, &[], &[question(1), question(2)]).await;
    assert!(replies[0].is_ok() && replies[1].is_err(), "{replies:?}");
}

fn wrong() -> Vec<u8> {
    let mut query = Vec::new();
    question(9).write(FIRST_ID, Role::Authoritative, &mut query);
    query
}

#[tokio::test]
async fn answers_as_long_as_can_be_are_read() {
    let leaf = Leaf::self_signed(&["dns.example"], &today);
    let server = serve(&leaf, |query| {
        let mut message = Message::from_vec(query).unwrap().into_response();
        let name = message.queries[0].name().clone();
        for number in 0..2000_u32 {
            let address = RData::A(rdata::A(number.into()));
            message.add_answer(Record::from_rdata(name.clone(), 300, address));
        }
        Some(framed(&message.to_vec().unwrap()))
    })
    .await;
    assert_eq!(put(server, None, &[], &[question(1)]).await, [Ok(())]);
}
