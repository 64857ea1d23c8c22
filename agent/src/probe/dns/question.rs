//! One question, encoded once and sent to many servers, and how to tell that a packet answers it.
//! Deliberately absent: sockets, and what an answer means.

use hickory_proto::rr::{Name, RecordType};

/// How many bytes over UDP we take: what passes everywhere without fragments.
const EDNS_PAYLOAD_BYTES: u16 = 1232;
const HEADER_BYTES: usize = 12;
/// Type and class, at the end of a question.
const KIND_BYTES: usize = 4;
/// The OPT record as far as its options (RFC 6891 §6.1.2).
const OPT_BYTES: usize = 11;
/// The low byte of ARCOUNT.
const ADDITIONAL_COUNT: usize = 11;
/// The option NSID, without a value as a query has it (RFC 5001 §2.1).
const NSID_WANTED: [u8; 4] = [0, 3, 0, 0];

/// What a server is to us: decides whether recursion is asked for and what counts as an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Asked with RD=0; must answer with AA.
    Authoritative,
    /// A cache; asked with RD=1.
    Resolver,
}

/// How much of EDNS goes with a query (RFC 6891).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edns {
    /// All that the question wants.
    Whole,
    /// Without options: some firewalls drop what they do not know.
    Plain,
    /// None: some servers refuse a query with it (RFC 6891 §7).
    Absent,
}

/// A name and a type, with the query that asks for it.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) name: Name,
    pub(super) record_type: RecordType,
    /// A whole query with id 0 and RD=0 (RFC 1035 §4.1, OPT as in RFC 6891 §6.1.2).
    wire: Vec<u8>,
    /// Where the question section ends within `wire`.
    end: usize,
}

impl Question {
    pub(super) fn new(name: &Name, record_type: RecordType) -> Self {
        Self::with_edns(name, record_type, [0, 0], &[])
    }

    /// A question that also asks the server which of its instances answers (NSID, RFC 5001).
    pub(super) fn identifying(name: &Name, record_type: RecordType) -> Self {
        Self::with_edns(name, record_type, [0, 0], &NSID_WANTED)
    }

    /// A question that wants the signatures too (the DO bit, RFC 3225 §3).
    pub(super) fn signed(name: &Name, record_type: RecordType) -> Self {
        Self::with_edns(name, record_type, [0x80, 0], &[])
    }

    /// A question to a validating cache that wants the answer even where it does not validate (the CD
    /// bit, RFC 4035 §3.2.2).
    pub(super) fn unchecked(name: &Name, record_type: RecordType) -> Self {
        let mut question = Self::new(name, record_type);
        question.wire[3] |= 0x10;
        question
    }

    fn with_edns(name: &Name, record_type: RecordType, flags: [u8; 2], options: &[u8]) -> Self {
        let room = HEADER_BYTES + name.len() + 1 + KIND_BYTES + OPT_BYTES + options.len();
        let mut wire = Vec::with_capacity(room);
        wire.extend([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
        for label in name.iter() {
            // A label is at most 63 bytes: `Name` holds no longer ones.
            wire.push(u8::try_from(label.len()).unwrap_or(0));
            wire.extend(label);
        }
        wire.push(0);
        wire.extend(u16::from(record_type).to_be_bytes());
        wire.extend([0, 1]);
        let end = wire.len();
        wire.extend([0, 0, 41]);
        wire.extend(EDNS_PAYLOAD_BYTES.to_be_bytes());
        // Extended code and version, flags, options.
        wire.extend([0, 0]);
        wire.extend(flags);
        wire.extend(u16::try_from(options.len()).unwrap_or(0).to_be_bytes());
        wire.extend(options);
        Self { name: name.clone(), record_type, wire, end }
    }

    /// Appends the query under this id.
    pub(super) fn write(&self, id: u16, role: Role, packet: &mut Vec<u8>) {
        self.write_with(Edns::Whole, id, role, packet);
    }

    /// Appends the query under this id with so much of EDNS.
    pub(super) fn write_with(&self, edns: Edns, id: u16, role: Role, packet: &mut Vec<u8>) {
        let start = packet.len();
        match edns {
            Edns::Whole => packet.extend_from_slice(&self.wire),
            Edns::Plain => {
                packet.extend_from_slice(&self.wire[..self.end + OPT_BYTES]);
                let length = packet.len() - 2;
                packet[length..].fill(0);
            }
            Edns::Absent => {
                packet.extend_from_slice(&self.wire[..self.end]);
                packet[start + ADDITIONAL_COUNT] = 0;
            }
        }
        packet[start..start + 2].copy_from_slice(&id.to_be_bytes());
        if role == Role::Resolver {
            packet[start + 2] |= 1;
        }
    }

    /// Whether the packet is a response to exactly this question. A server that could not even
    /// read the query may leave the question out (RFC 1035 §4.1.1, FORMERR).
    pub(super) fn is_answered_by(&self, packet: &[u8]) -> bool {
        let Some(head) = Head::of(packet) else { return false };
        if !head.is_response {
            return false;
        }
        if head.questions == 0 {
            return head.is_error;
        }
        let kind = self.end - KIND_BYTES;
        head.questions == 1
            && packet.get(HEADER_BYTES..kind).is_some_and(|name| {
                // Lengths of labels are below 64, so folding case leaves them alone.
                name.eq_ignore_ascii_case(&self.wire[HEADER_BYTES..kind])
            })
            && packet.get(kind..self.end) == Some(&self.wire[kind..self.end])
    }
}

/// What the fixed header says, read without decoding the rest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) id: u16,
    pub(super) is_truncated: bool,
    is_response: bool,
    is_error: bool,
    questions: u16,
}

impl Head {
    pub(super) fn of(packet: &[u8]) -> Option<Self> {
        let header: &[u8; HEADER_BYTES] = packet.first_chunk()?;
        let opcode = (header[2] >> 3) & 0x0f;
        Some(Self {
            id: u16::from_be_bytes([header[0], header[1]]),
            is_response: header[2] & 0x80 != 0 && opcode == 0,
            is_truncated: header[2] & 0x02 != 0,
            is_error: !matches!(header[3] & 0x0f, 0 | 3),
            questions: u16::from_be_bytes([header[4], header[5]]),
        })
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::{Message, MessageType};

    use super::*;

    fn question() -> Question {
        Question::new(&Name::from_ascii("www.shop.example.").unwrap(), RecordType::TXT)
    }

    fn response(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut packet = Vec::new();
        question().write(7, Role::Authoritative, &mut packet);
        packet[2] |= 0x80;
        change(&mut packet);
        packet
    }

    #[test]
    fn the_query_is_one_that_others_can_read() {
        for (role, recursion) in [(Role::Authoritative, false), (Role::Resolver, true)] {
            let mut packet = Vec::new();
            question().write(0xbeef, role, &mut packet);
            let message = Message::from_vec(&packet).unwrap();
            assert_eq!(message.metadata.id, 0xbeef);
            assert_eq!(message.metadata.message_type, MessageType::Query);
            assert_eq!(message.metadata.recursion_desired, recursion);
            assert_eq!(message.queries.len(), 1);
            assert_eq!(message.queries[0].name().to_ascii(), "www.shop.example.");
            assert_eq!(message.queries[0].query_type(), RecordType::TXT);
            assert_eq!(message.max_payload(), EDNS_PAYLOAD_BYTES);
        }
    }

    #[test]
    fn each_measure_of_edns_is_a_whole_message() {
        let name = Name::from_ascii("shop.example.").unwrap();
        for (edns, has_opt, options) in
            [(Edns::Whole, true, 1), (Edns::Plain, true, 0), (Edns::Absent, false, 0)]
        {
            let mut packet = vec![0xaa; 2];
            let question = Question::identifying(&name, RecordType::SOA);
            question.write_with(edns, 7, Role::Authoritative, &mut packet);
            let message = Message::from_vec(&packet[2..]).unwrap();
            assert_eq!(message.queries[0].query_type(), RecordType::SOA);
            assert_eq!(message.edns.is_some(), has_opt, "{edns:?}");
            let found = message.edns.map_or(0, |edns| edns.options().options.len());
            assert_eq!(found, options, "{edns:?}");
            // Nothing follows: a strict server refuses a message with something after its end.
            let exact = 12 + 14 + 4 + if has_opt { 11 } else { 0 } + 4 * options;
            assert_eq!(packet.len() - 2, exact, "{edns:?}");
        }
    }

    #[test]
    fn only_a_response_to_this_very_question_answers_it() {
        let answers = |change: fn(&mut Vec<u8>)| question().is_answered_by(&response(change));
        assert!(answers(|_| {}));
        assert!(answers(|packet| packet[13] = b'W'), "names are case-insensitive");
        assert!(!answers(|packet| packet[2] &= 0x7f), "a query");
        assert!(!answers(|packet| packet[13] = b'x'), "another name");
        assert!(!answers(|packet| packet[12] = 4), "another length");
        assert!(!answers(|packet| packet[31] = 1), "another type");
        assert!(!answers(|packet| packet[5] = 2), "two questions");
        assert!(!answers(|packet| packet.truncate(20)), "cut within the question");
        assert!(!answers(|packet| packet.truncate(3)), "cut within the header");
        assert!(!answers(|packet| packet[5] = 0), "no question, no error");
        assert!(answers(|packet| (packet[5], packet[3]) = (0, 1)), "FORMERR without a question");
    }
}
