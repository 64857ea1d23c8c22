//! What is kept from one errand to the next: lines, and who refuses EDNS.

use std::sync::{Arc, Mutex};

use super::*;
use crate::probe::dns::peers::Tally;
use crate::probe::dns::question::Edns;

/// What a server was asked: from where, and whether with EDNS.
type Asked = Arc<Mutex<Vec<(SocketAddr, bool)>>>;

/// Notes who asks, and sends what `reply` makes of each query.
async fn witness(reply: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> (SocketAddr, Asked) {
    let socket = UdpSocket::bind("127.53.9.5:0").await.unwrap();
    let server = socket.local_addr().unwrap();
    let asked = Asked::default();
    let noted = asked.clone();
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let query = &buffer[..length];
            let has_edns = Message::from_vec(query).unwrap().edns.is_some();
            noted.lock().unwrap().push((from, has_edns));
            for packet in reply(query) {
                let _ = socket.send_to(&packet, from).await;
            }
        }
    });
    (server, asked)
}

fn errand(server: SocketAddr, questions: &[Question]) -> Errand<'_> {
    let deadline = Instant::from_std(monotonic() + TIMEOUT);
    Errand { server, source: None, role: Role::Authoritative, questions, deadline }
}

async fn put(wire: &Wire, server: SocketAddr, question: &Question) -> Outcome {
    let digest =
        |question: &Question, arrival| Reply::of(arrival, question, Role::Authoritative, &zone());
    let questions = std::slice::from_ref(question);
    wire.ask(errand(server, questions), digest).await.remove(0).outcome
}

fn ports(asked: &Asked) -> Vec<u16> {
    asked.lock().unwrap().iter().map(|(from, _)| from.port()).collect()
}

#[tokio::test]
async fn one_after_the_other_talks_over_one_line() {
    let (server, asked) = witness(|query| vec![answer(query)]).await;
    let wire = Wire::default();
    for _ in 0..600 {
        assert_eq!(put(&wire, server, &question()).await, good());
        assert_eq!(wire.lines.count(), usize::from(asked.lock().unwrap().len() % 256 != 0));
    }
    let mut ports = ports(&asked);
    ports.dedup();
    assert_eq!(ports.len(), 3, "another port after a number of queries");
}

#[tokio::test]
async fn what_nobody_waited_for_was_not_lost() {
    let (server, asked) = witness(|_| Vec::new()).await;
    let wire = Wire::default();
    let question = question();
    let digest = |_: &Question, arrival: Result<Arrival, Loss>| arrival.err();
    let within = async |millis| {
        let mut errand = errand(server, std::slice::from_ref(&question));
        errand.deadline = Instant::from_std(monotonic() + Duration::from_millis(millis));
        assert_eq!(wire.ask(errand, digest).await, [Some(Loss::Timeout)]);
        // An answered errand, so that the silent one before it is counted.
        wire.peers.note(errand.way(), &Tally { rtts: vec![TIMEOUT], lost: 0 }, monotonic());
        wire.peers.repute(errand.way(), TIMEOUT, monotonic()).pace.lost
    };
    assert_eq!(within(0).await, 0);
    assert!(asked.lock().unwrap().is_empty(), "nothing is sent without time for an answer");
    assert_eq!(within(100).await, 0);
    assert!(!asked.lock().unwrap().is_empty());
    assert_eq!(within(600).await, 2);
}

#[tokio::test]
async fn side_by_side_each_has_a_line_of_its_own() {
    let (server, asked) = witness(|query| vec![answer(query)]).await;
    let wire = Wire::default();
    let question = question();
    for _ in 0..2 {
        let outcomes =
            futures_util::future::join_all((0..20).map(|_| put(&wire, server, &question))).await;
        assert!(outcomes.iter().all(|outcome| *outcome == good()));
    }
    let mut ports = ports(&asked);
    assert_eq!(ports.len(), 40);
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 20);
    assert_eq!(wire.lines.count(), 20);
}

#[tokio::test]
async fn a_line_that_lost_something_is_not_kept() {
    let (server, asked) = witness(|_| vec![]).await;
    let wire = Wire::default();
    assert_eq!(put(&wire, server, &question()).await, Outcome::Lost(Loss::Timeout));
    assert_eq!((wire.lines.count(), asked.lock().unwrap().len()), (0, 2));
}

#[tokio::test]
async fn an_errand_dropped_half_way_leaves_nothing_behind() {
    let (server, asked) = witness(|_| vec![]).await;
    let wire = Wire::default();
    let question = question();
    tokio::select! {
        outcome = put(&wire, server, &question) => panic!("{outcome:?}"),
        () = async { while asked.lock().unwrap().is_empty() { tokio::task::yield_now().await; } } => {}
    }
    assert_eq!(wire.lines.count(), 0);
}

#[tokio::test]
async fn a_server_that_ended_is_known_at_once_over_a_kept_line_and_when_it_is_back() {
    let socket = UdpSocket::bind("127.53.9.6:0").await.unwrap();
    let server = socket.local_addr().unwrap();
    let wire = Wire::default();
    let question = question();
    let serve_once = async |socket: UdpSocket| {
        let mut buffer = [0; 2048];
        let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
        socket.send_to(&answer(&buffer[..length]), from).await.unwrap();
    };
    let (outcome, ()) = tokio::join!(put(&wire, server, &question), serve_once(socket));
    assert_eq!((outcome, wire.lines.count()), (good(), 1));
    let started = monotonic();
    assert_eq!(put(&wire, server, &question).await, Outcome::Lost(Loss::Refused));
    assert!(monotonic() - started < TIMEOUT / 2);
    assert_eq!(wire.lines.count(), 0);
    let socket = UdpSocket::bind(server).await.unwrap();
    let (outcome, ()) = tokio::join!(put(&wire, server, &question), serve_once(socket));
    assert_eq!(outcome, good());
}

#[tokio::test]
async fn what_came_late_for_another_is_no_answer() {
    // Every query is answered, and then with the id of the one before: over a kept line.
    let before = Mutex::new(Vec::new());
    let (server, _) = witness(move |query| {
        let mut late = answer(query);
        late[..2].copy_from_slice(&[0; 2]);
        late[33] = 1;
        let mut before = before.lock().unwrap();
        let packets = vec![std::mem::replace(&mut *before, answer(query)), late, answer(query)];
        packets
    })
    .await;
    let wire = Wire::default();
    for name in ["a.shop.example.", "b.shop.example.", "c.shop.example."] {
        let question = Question::new(&Name::from_ascii(name).unwrap(), RecordType::A);
        assert_eq!(put(&wire, server, &question).await, good());
    }
}

/// Refuses EDNS with this code; answers without.
fn ancient(code: ResponseCode) -> impl Fn(&[u8]) -> Vec<Vec<u8>> {
    move |query| {
        let message = Message::from_vec(query).unwrap();
        if message.edns.is_none() {
            return vec![answer(query)];
        }
        let mut refusal = message.into_response();
        refusal.metadata.response_code = code;
        if code.high() == 0 {
            refusal.edns = None;
        }
        vec![refusal.to_vec().unwrap()]
    }
}

#[tokio::test]
async fn a_server_from_before_edns_is_asked_without_it_and_remembered() {
    for code in [ResponseCode::FormErr, ResponseCode::NotImp, ResponseCode::BADVERS] {
        let (server, asked) = witness(ancient(code)).await;
        let wire = Wire::default();
        for _ in 0..3 {
            assert_eq!(put(&wire, server, &question()).await, good(), "{code}");
        }
        let has_edns: Vec<bool> = asked.lock().unwrap().iter().map(|&(_, edns)| edns).collect();
        assert_eq!(has_edns, [true, false, false, false], "{code}");
        assert_eq!(wire.peers.edns((server, None), monotonic()), Edns::Absent);
    }
}

#[tokio::test]
async fn one_that_refuses_everything_is_believed() {
    let (server, asked) = witness(|query| {
        let mut message = Message::from_vec(query).unwrap().into_response();
        message.metadata.response_code = ResponseCode::NotImp;
        vec![message.to_vec().unwrap()]
    })
    .await;
    let wire = Wire::default();
    for _ in 0..2 {
        assert_eq!(put(&wire, server, &question()).await, Outcome::Failed("notimp".into()));
    }
    let has_edns: Vec<bool> = asked.lock().unwrap().iter().map(|&(_, edns)| edns).collect();
    assert_eq!(has_edns, [true, false, true, false], "nothing is to be learnt from it");
}

#[tokio::test]
async fn one_question_refused_says_nothing_of_the_server() {
    let (server, _) = witness(|query| {
        let refuses = Message::from_vec(query).unwrap().queries[0].query_type() == RecordType::SOA;
        if refuses { ancient(ResponseCode::FormErr)(query) } else { vec![answer(query)] }
    })
    .await;
    let wire = Wire::default();
    let soa = Question::identifying(&zone(), RecordType::SOA);
    let replies = wire.ask(errand(server, &[soa, question()]), |_, arrival| arrival.is_ok()).await;
    assert_eq!(replies, [true, true]);
    assert_eq!(wire.peers.edns((server, None), monotonic()), Edns::Whole);
}

#[tokio::test]
async fn options_that_a_firewall_drops_are_left_out_the_second_time() {
    let (server, _) = witness(|query| {
        let edns = Message::from_vec(query).unwrap().edns.unwrap();
        if edns.options().options.is_empty() { vec![answer(query)] } else { vec![] }
    })
    .await;
    let wire = Wire::default();
    let identifying = Question::identifying(&zone(), RecordType::A);
    assert_eq!(put(&wire, server, &identifying).await, good());
}
