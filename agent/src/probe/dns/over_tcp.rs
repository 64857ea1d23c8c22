//! One question over a TCP connection of its own (RFC 7766), for answers that UDP truncated.

use std::time::Duration;

use hickory_proto::op::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout_at;

use super::exchange::{Arrival, Errand, Loss};
use super::question::{Head, Question};
use crate::clock::monotonic;
use crate::net::{self, Connection, Failure};

/// The id within a connection of our own needs no secret.
const ID: u16 = 0x7031;
/// Messages that answer something else, before we hang up.
const MOST_STRAYS: usize = 4;

/// Puts one question of the errand to its server. Ends at the deadline.
pub(super) async fn ask(errand: &Errand<'_>, question: usize) -> Result<Arrival, Loss> {
    let started = monotonic();
    let question = &errand.questions[question];
    let mut stream =
        net::connect(errand.server, errand.source, errand.deadline).await.map_err(loss)?;
    let talk = async {
        let mut packet = vec![0, 0];
        question.write(ID, errand.role, &mut packet);
        let length = u16::try_from(packet.len() - 2).unwrap_or(u16::MAX);
        packet[..2].copy_from_slice(&length.to_be_bytes());
        stream.write_all(&packet).await.map_err(|error| Loss::NoTcp(error.to_string()))?;
        read_answer(&mut stream, question).await
    };
    match timeout_at(errand.deadline, talk).await {
        Ok(message) => message.map(|message| arrival(message, monotonic() - started)),
        Err(_) => Err(Loss::NoTcp("accepted, but no full answer in time".to_owned())),
    }
}

fn arrival(message: Message, rtt: Duration) -> Arrival {
    Arrival { message, rtt, over_tcp: true, repeated: false }
}

async fn read_answer(stream: &mut Connection, question: &Question) -> Result<Message, Loss> {
    let mut packet = Vec::new();
    for _ in 0..=MOST_STRAYS {
        let length = stream.read_u16().await.map_err(|error| Loss::NoTcp(error.to_string()))?;
        packet.resize(usize::from(length), 0);
        stream.read_exact(&mut packet).await.map_err(|error| Loss::NoTcp(error.to_string()))?;
        let head = Head::of(&packet).filter(|head| head.id == ID);
        let Some(head) = head.filter(|_| question.is_answered_by(&packet)) else { continue };
        if head.is_truncated {
            return Err(Loss::NoTcp("truncated over TCP as well".to_owned()));
        }
        return Message::from_vec(&packet).map_err(|_| Loss::Garbage);
    }
    Err(Loss::Garbage)
}

fn loss(failure: Failure) -> Loss {
    match failure {
        Failure::Refused => Loss::NoTcp("connection refused".to_owned()),
        Failure::Timeout => Loss::NoTcp("no answer to the connection attempt".to_owned()),
        Failure::Unreachable(error) => Loss::NoTcp(error),
        Failure::Reset => Loss::NoTcp("connection reset".to_owned()),
        Failure::Exhausted(error) => Loss::Exhausted(error),
    }
}
