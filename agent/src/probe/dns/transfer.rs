//! A whole zone from one server (AXFR, RFC 5936), where it lets us. Deliberately absent: TSIG, and
//! serving or keeping what was transferred.

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::question::{Question, Role};
use super::server;
use super::values::render;
use super::{Spec, Stopwatch};
use crate::net::{self, Connection, Net};
use crate::zone_plan::Held;

/// Records of one zone taken at most.
const MOST_RECORDS: usize = 100_000;
const ID: u16 = 0x6178;

/// Everything that the first server which grants a transfer has, and that server for people.
///
/// # Errors
/// What each server said instead, in one sentence.
pub(crate) async fn transfer(
    spec: &Spec,
    net: &Net,
    watch: &mut Stopwatch,
) -> Result<(String, Vec<Held>), String> {
    let roll = server::call(spec, net, watch).await;
    let mut refusals: Vec<String> =
        roll.findings.iter().map(|finding| finding.summary.en.clone()).collect();
    let asked: Vec<_> =
        roll.servers.iter().filter(|server| server.role == Role::Authoritative).collect();
    for (left_over, server) in (1..=asked.len()).rev().zip(asked) {
        let Some(address) = server.address else { continue };
        // One that hangs leaves the next its share, and connecting half of that for the transfer.
        let left = watch.left();
        let share = left / u32::try_from(left_over).unwrap_or(u32::MAX);
        let until = watch.deadline() - (left - share);
        let connected = net::connect(address, spec.source, until - share / 2).await;
        let attempt = match connected {
            Ok(stream) => read(stream, &spec.zone, until).await,
            Err(_) => Err("no connection over TCP".to_owned()),
        };
        match attempt {
            Ok(held) => return Ok((server.title(), held)),
            Err(why) => refusals.push(format!("{}: {why}", server.title())),
        }
    }
    if refusals.is_empty() {
        refusals.push("there is no server to ask".to_owned());
    }
    Err(refusals.join("; "))
}

async fn read(mut stream: Connection, zone: &Name, deadline: Instant) -> Result<Vec<Held>, String> {
    let transfer = async {
        let mut packet = vec![0, 0];
        let question = Question::new(zone, RecordType::AXFR);
        question.write(ID, Role::Authoritative, &mut packet);
        let length = u16::try_from(packet.len() - 2).unwrap_or(u16::MAX);
        packet[..2].copy_from_slice(&length.to_be_bytes());
        stream.write_all(&packet).await.map_err(|error| error.to_string())?;
        let mut held = Vec::new();
        // The zone's SOA comes first and last.
        let mut serials = 0;
        while serials < 2 {
            let message = next(&mut stream, &mut packet).await?;
            if message.metadata.response_code != ResponseCode::NoError {
                return Err(format!("it answers {}", message.metadata.response_code));
            }
            if message.answers.is_empty() {
                return Err("an empty answer".to_owned());
            }
            for record in &message.answers {
                let is_soa = record.record_type() == RecordType::SOA;
                if held.is_empty() && !is_soa {
                    return Err("what it sends is no transfer".to_owned());
                }
                serials += usize::from(is_soa);
                held.push(one(record));
            }
            if held.len() > MOST_RECORDS {
                return Err(format!("the zone has more than {MOST_RECORDS} records"));
            }
        }
        held.pop();
        Ok(held)
    };
    let ended = timeout_at(deadline, transfer).await;
    ended.unwrap_or_else(|_| Err("the transfer does not end in time".to_owned()))
}

async fn next(stream: &mut Connection, packet: &mut Vec<u8>) -> Result<Message, String> {
    let length = stream.read_u16().await.map_err(|_| "it hangs up".to_owned())?;
    packet.resize(usize::from(length), 0);
    stream.read_exact(packet).await.map_err(|_| "it hangs up".to_owned())?;
    let message = Message::from_vec(packet).map_err(|_| "what it sends is not DNS".to_owned())?;
    if message.metadata.id != ID {
        return Err("it answers something else".to_owned());
    }
    Ok(message)
}

/// A record with its value rendered.
pub(super) fn one(record: &Record) -> Held {
    let mut name = record.name.to_lowercase();
    name.set_fqdn(true);
    Held { name, record_type: record.record_type().to_string(), value: render(&record.data) }
}
