//! An authoritative nameserver of a few records, over UDP and TCP, for the demo alone.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context;
use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::{A, NS, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::{Duration, timeout};

/// A visitor over TCP who says nothing for so long has left.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves `shop.example` from this address, with this challenge token.
pub(super) async fn start(address: Ipv4Addr, token: &str) -> anyhow::Result<SocketAddr> {
    let socket = match UdpSocket::bind((address, 5353)).await {
        Ok(socket) => socket,
        Err(_) => UdpSocket::bind((address, 0))
            .await
            .with_context(|| format!("cannot listen on {address}: the demo needs 127.77.0.0/16"))?,
    };
    let local = socket.local_addr()?;
    let zone = Arc::new(Zone::new(token)?);
    let streams = TcpListener::bind(local)
        .await
        .with_context(|| format!("cannot listen on {local}: the demo needs 127.77.0.0/16"))?;
    tokio::spawn(welcome(streams, zone.clone()));
    tokio::spawn(async move {
        let mut packet = [0_u8; 1232];
        loop {
            let Ok((length, asker)) = socket.recv_from(&mut packet).await else { continue };
            if let Some(answer) = zone.answer(&packet[..length]) {
                let _ = socket.send_to(&answer, asker).await;
            }
        }
    });
    Ok(local)
}

async fn welcome(streams: TcpListener, zone: Arc<Zone>) {
    loop {
        let Ok((stream, _)) = streams.accept().await else { continue };
        let zone = zone.clone();
        tokio::spawn(async move {
            let mut stream = stream;
            while let Ok(Some(())) = timeout(PATIENCE, serve(&mut stream, &zone)).await {}
        });
    }
}

/// One question of a stream, its length before it (RFC 1035 §4.2.2); `None` at the end.
async fn serve(stream: &mut TcpStream, zone: &Zone) -> Option<()> {
    let length = stream.read_u16().await.ok()?;
    let mut packet = vec![0; usize::from(length)];
    stream.read_exact(&mut packet).await.ok()?;
    let answer = zone.answer(&packet)?;
    let length = u16::try_from(answer.len()).ok()?;
    stream.write_all(&[&length.to_be_bytes()[..], &answer].concat()).await.ok()
}

struct Zone {
    records: Vec<Record>,
    soa: Record,
}

impl Zone {
    fn new(token: &str) -> anyhow::Result<Self> {
        let origin = Name::from_ascii("shop.example.")?;
        let name = |label: &str| Name::from_ascii(format!("{label}.shop.example."));
        let soa = SOA::new(name("ns1")?, name("hostmaster")?, 2026, 3600, 600, 86400, 300);
        let soa = Record::from_rdata(origin.clone(), 3600, RData::SOA(soa));
        let address = RData::A(A(Ipv4Addr::new(192, 0, 2, 10)));
        let mut records = vec![
            soa.clone(),
            Record::from_rdata(origin.clone(), 300, address.clone()),
            Record::from_rdata(name("www")?, 300, address),
            Record::from_rdata(
                name("_acme-challenge")?,
                60,
                RData::TXT(TXT::new(vec![token.to_owned()])),
            ),
        ];
        for number in 1..=4 {
            let server = RData::NS(NS(name(&format!("ns{number}"))?));
            records.push(Record::from_rdata(origin.clone(), 3600, server));
        }
        Ok(Self { records, soa })
    }

    /// The answer to one packet; `None` for what is not a question.
    fn answer(&self, packet: &[u8]) -> Option<Vec<u8>> {
        let question = Message::from_vec(packet).ok()?;
        let asked = question.queries.first()?.clone();
        let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
        answer.metadata.message_type = MessageType::Response;
        answer.metadata.authoritative = true;
        answer.metadata.recursion_desired = question.metadata.recursion_desired;
        let named = || self.records.iter().filter(|record| record.name == *asked.name());
        let found: Vec<Record> =
            named().filter(|record| record.record_type() == asked.query_type()).cloned().collect();
        if found.is_empty() {
            let is_inside =
                asked.name().zone_of(&self.soa.name) || self.soa.name.zone_of(asked.name());
            answer.metadata.response_code = match (is_inside, named().next()) {
                (false, _) => ResponseCode::Refused,
                (true, None) => ResponseCode::NXDomain,
                (true, Some(_)) => ResponseCode::NoError,
            };
            answer.add_authority(self.soa.clone());
        }
        debug_assert!(self.soa.record_type() == RecordType::SOA);
        answer.add_query(asked);
        answer.add_answers(found);
        answer.to_vec().ok()
    }
}
