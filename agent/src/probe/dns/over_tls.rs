//! Questions over TLS (RFC 7858): one connection for each errand, all questions at once, answers
//! in any order. Deliberately absent: padding (RFC 8467), for what is asked here is no secret, and
//! connections that outlast an errand.

use health::{Finding, Severity, Text, text};
use hickory_proto::op::Message;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout_at;

use super::asking::OverTls;
use super::exchange::{Arrival, Errand, Loss};
use super::peers::{Peers, Tally};
use super::question::{Head, Question};
use crate::clock::{monotonic, now};
use crate::net::{self, Failure};
use crate::probe::Stopwatch;
use crate::tls::{self, Offer};

/// Questions under way at once: servers limit these.
const MOST_IN_FLIGHT: usize = 32;
/// Messages that answer something else, before we hang up.
const MOST_STRAYS: usize = 64;
/// Ids within an encrypted connection of our own need no secret; they count from here.
const FIRST_ID: u16 = 0x7031;

/// As [`super::exchange::Wire::ask`], over TLS. The times are remembered; nothing is lost over TLS
/// that would not be told as such.
pub(super) async fn ask<T>(
    errand: Errand<'_>,
    over_tls: &OverTls,
    peers: &Peers,
    digest: impl Fn(&Question, Result<Arrival, Loss>) -> T,
) -> Vec<T> {
    let mut tally = Tally::default();
    let mut replies: Vec<Option<T>> = errand.questions.iter().map(|_| None).collect();
    let end = match connect(&errand, over_tls).await {
        Ok(mut stream) => {
            let talk = converse(&mut stream, &errand, &mut replies, &mut tally, &digest);
            timeout_at(errand.deadline, talk).await.unwrap_or(Err(Loss::Timeout)).err()
        }
        Err(loss) => Some(loss),
    };
    let end = end.unwrap_or(Loss::Timeout);
    peers.note(errand.way(), &tally, monotonic());
    let replies = replies.into_iter().zip(errand.questions);
    replies
        .map(|(reply, question)| reply.unwrap_or_else(|| digest(question, Err(end.clone()))))
        .collect()
}

/// A connection whose other end is who it should be, as far as the plan says who that is.
async fn connect(
    errand: &Errand<'_>,
    over_tls: &OverTls,
) -> Result<impl AsyncRead + AsyncWrite + Unpin + use<>, Loss> {
    let connection =
        net::connect(errand.server, errand.source, errand.deadline).await.map_err(unconnected)?;
    let left = errand.deadline.saturating_duration_since(monotonic().into());
    let address = errand.server.ip().to_string();
    let name = over_tls.name.as_deref().unwrap_or(&address);
    let offer = Offer::default();
    let mut watch = Stopwatch::start(left);
    let attempt = Box::pin(tls::attempt(connection, name, offer, &over_tls.roots, &mut watch));
    let (stream, presented) =
        attempt.await.map_err(|refused| Loss::NoTls(reason(&refused.finding)))?;
    if over_tls.name.is_some() {
        let subject = tls::subject(errand.server, name);
        let (_, findings) = tls::judge(&presented, name, &over_tls.roots, &subject, now());
        let mut findings = findings.into_iter();
        if let Some(finding) = findings.find(|finding| finding.severity == Severity::Critical) {
            return Err(Loss::NoTls(reason(&finding)));
        }
    }
    Ok(stream)
}

async fn converse<T>(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    errand: &Errand<'_>,
    replies: &mut [Option<T>],
    tally: &mut Tally,
    digest: &impl Fn(&Question, Result<Arrival, Loss>) -> T,
) -> Result<(), Loss> {
    let mut packet = Vec::new();
    let mut strays = 0;
    for (turn, questions) in errand.questions.chunks(MOST_IN_FLIGHT).enumerate() {
        let first = turn * MOST_IN_FLIGHT;
        packet.clear();
        for (id, question) in (FIRST_ID..).zip(questions) {
            let start = packet.len();
            packet.extend([0, 0]);
            question.write(id, errand.role, &mut packet);
            let length = u16::try_from(packet.len() - start - 2).unwrap_or(u16::MAX);
            packet[start..start + 2].copy_from_slice(&length.to_be_bytes());
        }
        let sent = monotonic();
        stream.write_all(&packet).await.map_err(|error| cut(&error))?;
        stream.flush().await.map_err(|error| cut(&error))?;
        let mut open = questions.len();
        while open > 0 {
            let length = stream.read_u16().await.map_err(|error| cut(&error))?;
            packet.resize(usize::from(length), 0);
            stream.read_exact(&mut packet).await.map_err(|error| cut(&error))?;
            let known = recognise(&packet, questions);
            // What is answered already is answered once.
            let known = known.filter(|(nth, _)| replies[first + nth].is_none());
            let Some((nth, head)) = known else {
                strays += 1;
                if strays > MOST_STRAYS {
                    return Err(Loss::Garbage);
                }
                continue;
            };
            let reply = match Message::from_vec(&packet) {
                _ if head.is_truncated => {
                    Err(Loss::NoTls(text!("truncated over TLS", "TLS로도 응답이 잘림")))
                }
                Ok(message) => {
                    let rtt = monotonic() - sent;
                    tally.rtts.push(rtt);
                    Ok(Arrival { message, rtt, over_tcp: true, repeated: false })
                }
                Err(_) => Err(Loss::Garbage),
            };
            replies[first + nth] = Some(digest(&questions[nth], reply));
            open -= 1;
        }
    }
    Ok(())
}

/// The question of this turn that a message answers.
fn recognise(packet: &[u8], questions: &[Question]) -> Option<(usize, Head)> {
    let head = Head::of(packet)?;
    let nth = usize::from(head.id.checked_sub(FIRST_ID)?);
    questions.get(nth)?.is_answered_by(packet).then_some((nth, head))
}

/// What is wrong, without whom it is wrong with: who tells it says so.
fn reason(finding: &Finding) -> Text {
    let of = |summary: &str| {
        let rest = summary.strip_prefix(&*finding.subject).and_then(|rest| rest.strip_prefix(": "));
        rest.unwrap_or(summary).to_owned()
    };
    Text { en: of(&finding.summary.en), ko: of(&finding.summary.ko) }
}

fn unconnected(failure: Failure) -> Loss {
    match failure {
        Failure::Refused => Loss::NoTls(text!(
            "connection refused: nothing listens on the port",
            "연결 거부: 그 포트에서 듣는 프로세스가 없음"
        )),
        Failure::Timeout => Loss::NoTls(text!(
            "no answer to the connection attempt over TCP",
            "TCP 연결 시도에 응답 없음"
        )),
        Failure::Unreachable(error) => Loss::Unreachable(error),
        Failure::Reset => Loss::NoTls(text!("connection reset", "연결이 끊김(reset)")),
        Failure::Exhausted(error) => Loss::Exhausted(error),
    }
}

fn cut(error: &std::io::Error) -> Loss {
    if error.kind() == std::io::ErrorKind::UnexpectedEof {
        return Loss::NoTls(text!(
            "it hung up before all was answered",
            "답을 다 하기 전에 연결을 끊음"
        ));
    }
    Loss::NoTls(Text::same(error.to_string()))
}

#[cfg(test)]
mod tests;
