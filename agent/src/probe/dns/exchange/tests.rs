//! Servers that answer oddly or not at all, on real sockets.

use std::net::{Ipv4Addr, SocketAddr};

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name, RData, Record, RecordType, rdata};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;

use super::*;
use crate::probe::dns::reply::{Outcome, Reply};

mod kept;

const TIMEOUT: Duration = Duration::from_millis(600);

fn zone() -> Name {
    Name::from_ascii("shop.example.").unwrap()
}

fn question() -> Question {
    Question::new(&Name::from_ascii("www.shop.example.").unwrap(), RecordType::A)
}

/// A good answer to a query.
fn answer(query: &[u8]) -> Vec<u8> {
    let mut message = Message::from_vec(query).unwrap().into_response();
    message.metadata.authoritative = true;
    let name = message.queries[0].name().clone();
    message.add_answer(Record::from_rdata(name, 300, RData::A(rdata::A::new(192, 0, 2, 10))));
    message.to_vec().unwrap()
}

/// A server that sends what `reply` makes of each query; ends with the test's runtime.
async fn serve(reply: impl Fn(usize, &[u8]) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.53.9.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        let mut count = 0;
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            for packet in reply(count, &buffer[..length]) {
                let _ = socket.send_to(&packet, from).await;
            }
            count += 1;
        }
    });
    address
}

/// Asks one question; also says that the answer came in time.
async fn outcome(server: SocketAddr) -> Outcome {
    outcomes(server, &[question()]).await.remove(0).outcome
}

async fn outcomes(server: SocketAddr, questions: &[Question]) -> Vec<Reply> {
    let started = monotonic();
    let errand = Errand {
        server,
        source: None,
        role: Role::Authoritative,
        questions,
        deadline: Instant::from_std(started + TIMEOUT),
    };
    let digest =
        |question: &Question, arrival| Reply::of(arrival, question, Role::Authoritative, &zone());
    let replies = ask(errand, digest).await;
    assert!(monotonic() - started < TIMEOUT + Duration::from_millis(300));
    replies
}

fn good() -> Outcome {
    Outcome::Values(vec!["192.0.2.10".to_owned()])
}

#[tokio::test]
async fn a_good_answer_is_taken_and_timed() {
    let server = serve(|_, query| vec![answer(query)]).await;
    let reply = outcomes(server, &[question()]).await.remove(0);
    assert_eq!(reply.outcome, good());
    assert!(reply.rtt.is_some_and(|rtt| rtt < TIMEOUT) && !reply.over_tcp && !reply.repeated);
}

#[tokio::test]
async fn many_questions_share_one_socket() {
    let server = serve(|_, query| vec![answer(query)]).await;
    let questions: Vec<Question> = (0..200)
        .map(|n| {
            Question::new(&Name::from_ascii(format!("w{n}.shop.example.")).unwrap(), RecordType::A)
        })
        .collect();
    let replies = outcomes(server, &questions).await;
    assert_eq!(replies.len(), 200);
    assert!(replies.iter().all(|reply| reply.outcome == good()));
}

#[tokio::test]
async fn a_network_that_delivers_everything_twice_is_no_babbler() {
    let server = serve(|_, query| vec![answer(query), answer(query)]).await;
    let questions: Vec<Question> = (0..700)
        .map(|n| {
            Question::new(&Name::from_ascii(format!("w{n}.shop.example.")).unwrap(), RecordType::A)
        })
        .collect();
    let replies = outcomes(server, &questions).await;
    assert!(replies.iter().all(|reply| reply.outcome == good()));
}

#[tokio::test]
async fn answers_in_any_order_find_their_questions() {
    let socket = UdpSocket::bind("127.53.9.1:0").await.unwrap();
    let server = socket.local_addr().unwrap();
    let names = ["a.shop.example.", "b.shop.example.", "c.shop.example."];
    let asked = tokio::spawn(async move {
        let mut queries = Vec::new();
        let mut buffer = [0; 2048];
        while queries.len() < names.len() {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            queries.push((buffer[..length].to_vec(), from));
        }
        for (n, (query, from)) in queries.iter().enumerate().rev() {
            let mut packet = answer(query);
            let address = packet.windows(4).position(|bytes| bytes == [192, 0, 2, 10]).unwrap();
            packet[address + 3] = u8::try_from(n).unwrap();
            // The second one answers nothing any more.
            for _ in 0..2 {
                socket.send_to(&packet, from).await.unwrap();
            }
        }
        queries
    });
    let questions =
        names.map(|name| Question::new(&Name::from_ascii(name).unwrap(), RecordType::A));
    let replies = outcomes(server, &questions).await;
    for (n, reply) in replies.iter().enumerate() {
        assert_eq!(reply.outcome, Outcome::Values(vec![format!("192.0.2.{n}")]));
    }
    let queries = asked.await.unwrap();
    assert!(queries.iter().all(|(_, from)| *from == queries[0].1), "one socket for all");
}

#[tokio::test]
async fn one_loss_is_made_good() {
    let server = serve(|count, query| if count == 0 { vec![] } else { vec![answer(query)] }).await;
    let reply = outcomes(server, &[question()]).await.remove(0);
    assert_eq!(reply.outcome, good());
    assert!(reply.repeated);
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let server = serve(|_, _| vec![]).await;
    assert_eq!(outcome(server).await, Outcome::Lost(Loss::Timeout));
}

#[tokio::test]
async fn a_closed_port_is_known_at_once() {
    let socket = std::net::UdpSocket::bind("127.53.9.2:0").unwrap();
    let server = socket.local_addr().unwrap();
    drop(socket);
    let started = monotonic();
    assert_eq!(outcome(server).await, Outcome::Lost(Loss::Refused));
    assert!(monotonic() - started < TIMEOUT / 2);
}

#[tokio::test]
async fn answers_to_something_else_are_passed_over() {
    let wrong_id = |query: &[u8]| {
        let mut packet = answer(query);
        packet[0] ^= 0xff;
        packet
    };
    let wrong_question = |query: &[u8]| {
        let mut packet = answer(query);
        packet[13] = b'x';
        packet
    };
    let server = serve(move |_, query| {
        let echo = query.to_vec();
        vec![wrong_id(query), wrong_question(query), echo, b"?".to_vec(), vec![], answer(query)]
    })
    .await;
    assert_eq!(outcome(server).await, good());
    let liar = serve(move |_, query| vec![wrong_id(query), wrong_question(query)]).await;
    assert_eq!(outcome(liar).await, Outcome::Lost(Loss::Timeout));
}

#[tokio::test]
async fn an_answer_from_elsewhere_never_arrives() {
    let socket = UdpSocket::bind("127.53.9.3:0").await.unwrap();
    let server = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let elsewhere = UdpSocket::bind("127.53.9.4:0").await.unwrap();
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let _ = elsewhere.send_to(&answer(&buffer[..length]), from).await;
        }
    });
    assert_eq!(outcome(server).await, Outcome::Lost(Loss::Timeout));
}

#[tokio::test]
async fn broken_messages_are_no_answers() {
    // One answer whose name points at itself.
    let looping = |query: &[u8]| {
        let mut packet = query[..34].to_vec();
        packet[2] |= 0x84;
        (packet[7], packet[11]) = (1, 0);
        packet.extend([0xc0, 34, 0, 1, 0, 1, 0, 0, 1, 0, 0, 4, 192, 0, 2, 10]);
        packet
    };
    let server = serve(move |_, query| vec![looping(query)]).await;
    assert_eq!(outcome(server).await, Outcome::Lost(Loss::Garbage));
    let cut = serve(|_, query| {
        let mut packet = answer(query);
        packet.truncate(packet.len() - 13);
        vec![packet]
    })
    .await;
    assert_eq!(outcome(cut).await, Outcome::Lost(Loss::Garbage));
}

#[tokio::test]
async fn a_babbler_is_cut_off() {
    let server = serve(|_, _| vec![b"nonsense".to_vec(); 2000]).await;
    assert_eq!(outcome(server).await, Outcome::Lost(Loss::Garbage));
}

#[tokio::test]
async fn an_error_without_a_question_is_an_answer() {
    let server = serve(|_, query| {
        let mut message = Message::from_vec(query).unwrap().into_response();
        message.queries.clear();
        message.metadata.response_code = ResponseCode::FormErr;
        vec![message.to_vec().unwrap()]
    })
    .await;
    assert_eq!(outcome(server).await, Outcome::Failed("formerr".into()));
}

/// What a server makes of a query over TCP.
type OverTcp = fn(&[u8]) -> Vec<u8>;

/// Truncates over UDP, and over TCP (where there is a listener) sends what `reply` makes of the
/// query, then waits for the other side to hang up.
async fn truncating(reply: Option<OverTcp>) -> (SocketAddr, Option<JoinHandle<()>>) {
    let server = serve(|_, query| {
        let mut packet = query.to_vec();
        packet[2] |= 0x86;
        vec![packet]
    })
    .await;
    let Some(reply) = reply else { return (server, None) };
    let listener = TcpListener::bind(server).await.unwrap();
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let length = usize::from(stream.read_u16().await.unwrap());
            let mut query = vec![0; length];
            stream.read_exact(&mut query).await.unwrap();
            let _ = stream.write_all(&reply(&query)).await;
            let _ = stream.read_u8().await;
        }
    });
    (server, Some(task))
}

fn framed(packet: &[u8]) -> Vec<u8> {
    let mut framed = u16::try_from(packet.len()).unwrap().to_be_bytes().to_vec();
    framed.extend(packet);
    framed
}

#[tokio::test]
async fn a_truncated_answer_is_fetched_over_tcp() {
    let (server, _task) = truncating(Some(|query| framed(&answer(query)))).await;
    let reply = outcomes(server, &[question()]).await.remove(0);
    assert_eq!(reply.outcome, good());
    assert!(reply.over_tcp);
}

#[tokio::test]
async fn a_truncated_answer_without_tcp_is_none() {
    let (server, _) = truncating(None).await;
    assert_eq!(outcome(server).await, Outcome::Lost(Loss::NoTcp("connection refused".to_owned())));
}

#[tokio::test]
async fn tcp_answers_as_long_as_can_be_are_read() {
    fn long(query: &[u8]) -> Vec<u8> {
        let mut message = Message::from_vec(query).unwrap().into_response();
        message.metadata.authoritative = true;
        let name = message.queries[0].name().clone();
        for n in 0..2000_u32 {
            let address = RData::A(rdata::A(Ipv4Addr::from(n)));
            message.add_answer(Record::from_rdata(name.clone(), 300, address));
        }
        framed(&message.to_vec().unwrap())
    }
    let (server, _task) = truncating(Some(long)).await;
    let Outcome::Values(values) = outcome(server).await else { panic!("no values") };
    assert_eq!(values.len(), 2000);
}

#[tokio::test]
async fn tcp_that_never_ends_well_ends_at_the_deadline() {
    // Promises more than it sends; answers other queries for ever; sends nonsense.
    let (promising, _task) = truncating(Some(|_| vec![0xff, 0xff, 1, 2, 3])).await;
    assert!(matches!(outcome(promising).await, Outcome::Lost(Loss::NoTcp(_))));
    let (endless, _task) = truncating(Some(|_| vec![0; 1 << 20])).await;
    assert_eq!(outcome(endless).await, Outcome::Lost(Loss::Garbage));
    let (broken, _task) = truncating(Some(|query| {
        let mut packet = answer(query);
        packet.truncate(packet.len() - 13);
        framed(&packet)
    }))
    .await;
    assert_eq!(outcome(broken).await, Outcome::Lost(Loss::Garbage));
}

proptest! {
    /// Whatever follows a plausible head, reading it ends, without a panic.
    #[test]
    fn any_bytes_can_be_read(tail: Vec<u8>, counts: [u8; 3], flags: u16) {
        let mut packet = Vec::new();
        question().write(7, Role::Authoritative, &mut packet);
        packet.truncate(34);
        packet[2..4].copy_from_slice(&(flags | 0x8000).to_be_bytes());
        (packet[7], packet[9], packet[11]) = (counts[0], counts[1], counts[2]);
        packet.extend(&tail);
        let _ = question().is_answered_by(&packet);
        if let Ok(message) = Message::from_vec(&packet) {
            for role in [Role::Authoritative, Role::Resolver] {
                let arrival = Arrival {
                    message: message.clone(),
                    rtt: Duration::ZERO,
                    over_tcp: false,
                    repeated: false,
                };
                let _ = Reply::of(Ok(arrival), &question(), role, &zone());
            }
        }
    }

    /// Bytes of a good answer, some of them changed: the likeliest way to something odd.
    #[test]
    fn any_damage_can_be_read(changes in prop::collection::vec((0_usize..80, any::<u8>()), 0..6)) {
        let mut query = Vec::new();
        question().write(7, Role::Authoritative, &mut query);
        let mut packet = answer(&query);
        for (at, byte) in changes {
            let at = at % packet.len();
            packet[at] = byte;
        }
        let _ = question().is_answered_by(&packet);
        if let Ok(message) = Message::from_vec(&packet) {
            let arrival = Arrival { message, rtt: Duration::ZERO, over_tcp: true, repeated: false };
            let _ = Reply::of(Ok(arrival), &question(), Role::Authoritative, &zone());
        }
    }
}
