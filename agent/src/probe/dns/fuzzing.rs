//! Answers of nameservers that mean harm, and values that nobody would plan.

use std::time::Duration;

use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RecordType};

use super::exchange::{Arrival, Loss};
use super::question::{Head, Question, Role};
use super::reply::Reply;
use super::values::normalise;

const TYPES: [RecordType; 9] = [
    RecordType::A,
    RecordType::AAAA,
    RecordType::CNAME,
    RecordType::TXT,
    RecordType::MX,
    RecordType::NS,
    RecordType::SOA,
    RecordType::CAA,
    RecordType::SRV,
];

/// A packet in answer to a question: the first byte picks the type asked for, the next three are flags
/// and the count of answers, the rest is what follows the question. The packet is also taken whole.
pub fn reply(bytes: &[u8]) {
    let Some((&[pick, high, low, count], rest)) = bytes.split_first_chunk() else { return };
    let [Ok(zone), Ok(name)] = ["shop.example.", "www.shop.example."].map(Name::from_ascii) else {
        return;
    };
    let question = Question::new(&name, TYPES[usize::from(pick) % TYPES.len()]);
    let mut answer = Vec::new();
    question.write(7, Role::Authoritative, &mut answer);
    // Header, name, type and class; without the OPT record of the query.
    let name_end = answer.iter().skip(12).position(|&byte| byte == 0).unwrap_or_default();
    answer.truncate(12 + name_end + 1 + 4);
    answer[2] = high | 0x80;
    answer[3] = low;
    answer[7] = count;
    answer[9] = count >> 4;
    answer[11] = count >> 6;
    answer.extend(rest);
    for packet in [&answer, bytes] {
        let is_answer = question.is_answered_by(packet);
        assert!(!is_answer || Head::of(packet).is_some());
        let message = Message::from_vec(packet).map_err(|_| Loss::Garbage);
        for role in [Role::Authoritative, Role::Resolver] {
            let arrival = message.clone().map(|message| Arrival {
                message,
                rtt: Duration::ZERO,
                over_tcp: false,
                repeated: false,
            });
            let reply = Reply::of(arrival, &question, role, &zone);
            let _ = reply.outcome.label();
            let bytes: usize = reply.outcome.values().iter().map(String::len).sum();
            // Unprintable bytes are shown in four, and what is followed is bounded.
            assert!(bytes <= 128 * 1024 + 4 * 65_535, "{bytes} bytes");
        }
    }
}

/// A planned value: normalised once, it is as it will ever be.
pub fn value(bytes: &[u8]) {
    let Some((&pick, rest)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let Ok(zone) = Name::from_ascii("shop.example.") else { return };
    let record_type = TYPES[usize::from(pick) % TYPES.len()];
    if let Ok(value) = normalise(record_type, &zone, text) {
        assert_eq!(normalise(record_type, &zone, &value).as_ref(), Ok(&value), "{text:?}");
    }
}

/// A file of trust anchors, as unbound, BIND or `dig` write them: whatever is read has a zone whose
/// name is complete.
pub fn anchors(bytes: &[u8]) {
    if let Ok(anchors) = super::dnssec::anchors_in_file(&String::from_utf8_lossy(bytes)) {
        assert!(!anchors.is_empty() && anchors.iter().all(|anchor| anchor.zone().is_fqdn()));
    }
}
