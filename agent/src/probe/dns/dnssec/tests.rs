//! Verdicts over answers that were signed here: what no server would give of its own will.

use hickory_proto::dnssec::crypto::EcdsaSigningKey;
use hickory_proto::dnssec::rdata::sig::SigInput;
use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData, DS, NSEC, NSEC3, RRSIG};
use hickory_proto::dnssec::{
    Algorithm, DigestType, Nsec3HashAlgorithm, PublicKeyBuf, SigningKey, TBS,
};
use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, CNAME, SOA};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType, SerialNumber};
use jiff::Timestamp;

use super::copy::{Copy, examine};
use super::denial::{Cut, Denial};
use super::keys::{Key, Voucher};
use super::sets::sets;
use super::signature::Flaw;
use crate::probe::dns::question::Question;

const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86_400;
/// Begin and end of signatures that hold.
const VALID: (i64, i64) = (NOW - DAY, NOW + 13 * DAY);

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

/// A zone's only key.
struct Signer {
    key: EcdsaSigningKey,
    record: DNSKEY,
}

impl Signer {
    fn new() -> Self {
        let algorithm = Algorithm::ECDSAP256SHA256;
        let secret = EcdsaSigningKey::generate_pkcs8(algorithm).unwrap();
        let key = EcdsaSigningKey::from_pkcs8(&secret, algorithm).unwrap();
        let public: PublicKeyBuf = key.to_public_key().unwrap();
        Self { key, record: DNSKEY::new(true, true, false, public) }
    }

    fn tag(&self) -> u16 {
        Key::of(&self.record).tag
    }

    fn voucher(&self) -> Voucher {
        let digest = self.record.to_digest(&name("shop.example."), DigestType::SHA256).unwrap();
        let digest = digest.as_ref().to_vec();
        Voucher::Digest(DS::new(self.tag(), Algorithm::ECDSAP256SHA256, DigestType::SHA256, digest))
    }

    /// The records of one set and the signature over them, as of a name with so many labels.
    fn sign(&self, records: &[Record], labels: u8, (from, until): (i64, i64)) -> Vec<Record> {
        let first = &records[0];
        let time = |seconds: i64| SerialNumber::new(u32::try_from(seconds).unwrap());
        let input = SigInput {
            type_covered: first.record_type(),
            algorithm: Algorithm::ECDSAP256SHA256,
            num_labels: labels,
            original_ttl: first.ttl,
            sig_expiration: time(until),
            sig_inception: time(from),
            key_tag: self.tag(),
            signer_name: name("shop.example."),
        };
        let signed = TBS::from_input(&first.name, DNSClass::IN, &input, records.iter()).unwrap();
        let signature = RRSIG::from_sig(input, self.key.sign(&signed).unwrap());
        let signature = RData::DNSSEC(DNSSECRData::RRSIG(signature));
        let mut all = records.to_vec();
        all.push(Record::from_rdata(first.name.clone(), first.ttl, signature));
        all
    }

    fn signed(&self, records: &[Record]) -> Vec<Record> {
        self.sign(records, records[0].name.num_labels(), VALID)
    }

    fn keys(&self) -> Vec<Record> {
        let key = RData::DNSSEC(DNSSECRData::DNSKEY(self.record.clone()));
        vec![Record::from_rdata(name("shop.example."), 300, key)]
    }
}

fn a(owner: &str) -> Record {
    Record::from_rdata(name(owner), 300, RData::A(A::new(192, 0, 2, 10)))
}

fn soa() -> Record {
    let soa = SOA::new(name("ns1.shop.example."), name("admin.shop.example."), 7, 1, 1, 1, 60);
    Record::from_rdata(name("shop.example."), 300, RData::SOA(soa))
}

fn nsec(owner: &str, next: &str, types: &[RecordType]) -> Record {
    let nsec = NSEC::new(name(next), types.iter().copied());
    Record::from_rdata(name(owner), 60, RData::DNSSEC(DNSSECRData::NSEC(nsec)))
}

fn answer(code: ResponseCode, answers: Vec<Record>, authorities: Vec<Record>) -> Message {
    let mut message = Message::new(1, MessageType::Response, OpCode::Query);
    message.metadata.authoritative = true;
    message.metadata.response_code = code;
    message.answers = answers;
    message.authorities = authorities;
    message
}

/// The copy of a server that gives its keys rightly and this answer to a question for `www A`.
fn copy(signer: &Signer, message: Message) -> Copy {
    let keys = answer(ResponseCode::NoError, signer.signed(&signer.keys()), Vec::new());
    copy_with(signer, keys, message)
}

fn copy_with(signer: &Signer, keys: Message, message: Message) -> Copy {
    let zone = name("shop.example.");
    let questions = [
        Question::signed(&zone, RecordType::DNSKEY),
        Question::signed(&name("www.shop.example."), RecordType::A),
    ];
    examine(&zone, &[signer.voucher()], &questions, &[Ok(keys), Ok(message)], now()).unwrap()
}

fn flaws(copy: &Copy) -> Vec<&Flaw> {
    copy.broken.iter().map(|(_, flaw)| flaw).collect()
}

#[test]
fn one_record_set_and_everything_that_can_be_wrong_with_it() {
    let signer = Signer::new();
    let (tag, www) = (signer.tag(), || vec![a("www.shop.example.")]);
    let at = |seconds: i64| Timestamp::from_second(seconds).unwrap();
    let sign = |time| signer.sign(&www(), 3, time);
    let mut tampered = sign(VALID);
    tampered[0].data = RData::A(A::new(192, 0, 2, 66));
    let other = Signer::new();
    let shouting = {
        let mut records = sign(VALID);
        records[0].name = name("WWW.Shop.EXAMPLE.");
        records
    };
    let both = [sign((NOW - 9 * DAY, NOW - DAY)), sign(VALID)[1..].to_vec()].concat();
    let table: Vec<(&str, Vec<Record>, Option<Flaw>)> = vec![
        ("right", sign(VALID), None),
        ("another case", shouting, None),
        ("an old signature beside a new one", both, None),
        ("bare", www(), Some(Flaw::Unsigned)),
        ("changed", tampered, Some(Flaw::Forged(tag))),
        ("another key", other.signed(&www()), Some(Flaw::UnknownKey(vec![other.tag()]))),
        (
            "over",
            sign((NOW - 9 * DAY, NOW - DAY)),
            Some(Flaw::Expired { since: at(NOW - DAY), tag }),
        ),
        ("to come", sign((NOW + 60, NOW + DAY)), Some(Flaw::NotYet { from: at(NOW + 60), tag })),
        (
            "too many labels",
            signer.sign(&www(), 3, VALID).into_iter().map(shorten).collect(),
            Some(Flaw::Unsigned),
        ),
        ("a wildcard without proof", wildcard(&signer), Some(Flaw::NoDenial)),
    ];
    for (case, records, expected) in table {
        let copy = copy(&signer, answer(ResponseCode::NoError, records, Vec::new()));
        assert_eq!(flaws(&copy), expected.iter().collect::<Vec<_>>(), "{case}");
    }
}

/// The signature belongs to another name than the records.
fn shorten(mut record: Record) -> Record {
    if record.record_type() == RecordType::RRSIG {
        record.name = name("shop.example.");
    }
    record
}

/// A record made from `*.shop.example`, signed as that.
fn wildcard(signer: &Signer) -> Vec<Record> {
    let mut records = signer.sign(&[a("*.shop.example.")], 2, VALID);
    for record in &mut records {
        record.name = name("www.shop.example.");
    }
    records
}

#[test]
fn keys_and_who_vouches_for_them() {
    let signer = Signer::new();
    let nothing = || answer(ResponseCode::NoError, Vec::new(), Vec::new());
    let judge = |records: Vec<Record>| {
        copy_with(&signer, answer(ResponseCode::NoError, records, Vec::new()), nothing())
    };
    assert_eq!(flaws(&judge(signer.signed(&signer.keys()))), [] as [&Flaw; 0]);
    assert_eq!(flaws(&judge(Vec::new())), [&Flaw::NoKeys]);
    assert_eq!(flaws(&judge(signer.keys())), [&Flaw::Unsigned]);
    let other = Signer::new();
    let flaw = Flaw::NoMatch { wanted: vec![signer.tag()], there: vec![other.tag()] };
    assert_eq!(flaws(&judge(other.signed(&other.keys()))), [&flaw]);
    // The right key is there, and the set is signed by the other one alone.
    let both = [signer.keys(), other.keys()].concat();
    assert_eq!(flaws(&judge(other.signed(&both))), [&Flaw::UnknownKey(vec![other.tag()])]);
}

#[test]
fn an_answer_that_is_all_work_is_looked_at_in_part() {
    let signer = Signer::new();
    let keys = (0..300u16).map(|n| {
        let public = PublicKeyBuf::new(vec![n.to_be_bytes()[1]; 64], Algorithm::ECDSAP256SHA256);
        let key = DNSKEY::with_flags(n, public);
        Record::from_rdata(name("shop.example."), 300, RData::DNSSEC(DNSSECRData::DNSKEY(key)))
    });
    let keys = [signer.keys(), keys.collect()].concat();
    let keys = answer(ResponseCode::NoError, signer.signed(&keys), Vec::new());
    let proofs = (0..2000).map(|n| nsec(&format!("n{n}.shop.example."), "shop.example.", &[]));
    let authority = [signer.signed(&[soa()]), proofs.collect()].concat();
    let copy = copy_with(&signer, keys, answer(ResponseCode::NXDomain, Vec::new(), authority));
    assert_eq!(copy.keys.len(), 64);
    assert!(copy.looked_at <= 1 + 32, "{}", copy.looked_at);
}

#[test]
fn nothing_has_to_be_proved() {
    let signer = Signer::new();
    let www = "www.shop.example.";
    let types = [RecordType::A];
    let proof = |records: Vec<Record>| {
        let mut all = signer.signed(&[soa()]);
        for record in records {
            all.extend(signer.signed(&[record]));
        }
        all
    };
    let apex = "shop.example.";
    let gap = || nsec("mail.shop.example.", apex, &types);
    let start = || nsec(apex, "mail.shop.example.", &types);
    let (no, nx) = (ResponseCode::NoError, ResponseCode::NXDomain);
    let table: Vec<(&str, ResponseCode, Vec<Record>, Option<Flaw>)> = vec![
        ("no such name", nx, proof(vec![gap(), start()]), None),
        ("the wildcard left open", nx, proof(vec![gap()]), Some(Flaw::NotDenied)),
        ("another gap", nx, proof(vec![start()]), Some(Flaw::NotDenied)),
        ("no proof", nx, proof(vec![]), Some(Flaw::NoDenial)),
        ("not signed", nx, vec![soa(), gap(), start()], Some(Flaw::Unsigned)),
        ("no such type", no, proof(vec![nsec(www, apex, &[RecordType::TXT])]), None),
        ("there it is", no, proof(vec![nsec(www, apex, &types)]), Some(Flaw::NotDenied)),
        (
            "a CNAME is",
            no,
            proof(vec![nsec(www, apex, &[RecordType::CNAME])]),
            Some(Flaw::NotDenied),
        ),
        (
            "names below it",
            no,
            proof(vec![nsec("mail.shop.example.", "x.www.shop.example.", &types)]),
            None,
        ),
        (
            "made up on the fly",
            nx,
            proof(vec![nsec(www, "0.www.shop.example.", &[RecordType::Unknown(128)])]),
            None,
        ),
    ];
    for (case, code, authority, expected) in table {
        let copy = copy(&signer, answer(code, Vec::new(), authority));
        let first = copy.broken.first().map(|(_, flaw)| flaw);
        assert_eq!(first, expected.as_ref(), "{case}: {:?}", copy.broken);
    }
}

#[test]
fn a_cname_out_of_the_zone_needs_no_proof_of_its_end() {
    let signer = Signer::new();
    let cname = RData::CNAME(CNAME(name("cdn.example.")));
    let alias = Record::from_rdata(name("www.shop.example."), 300, cname);
    let copy = copy(&signer, answer(ResponseCode::NoError, signer.signed(&[alias]), Vec::new()));
    assert_eq!(flaws(&copy), [] as [&Flaw; 0]);
}

#[test]
fn hashed_names_prove_what_plain_ones_do() {
    let zone = name("example.");
    let hash =
        |of: &str| Nsec3HashAlgorithm::SHA1.hash(&[], &name(of), 0).unwrap().as_ref().to_vec();
    let record = |from: &[u8], to: Vec<u8>, opt_out: bool, types: &[RecordType]| {
        let nsec3 =
            NSEC3::new(Nsec3HashAlgorithm::SHA1, opt_out, 0, Vec::new(), to, types.iter().copied());
        let owner = zone.prepend_label(base32(from)).unwrap();
        Record::from_rdata(owner, 60, RData::DNSSEC(DNSSECRData::NSEC3(nsec3)))
    };
    let around = |of: &str, opt_out| {
        let (mut below, mut above) = (hash(of), hash(of));
        (below[19], below[18]) = (below[19].wrapping_sub(1), below[18]);
        above[19] = above[19].wrapping_add(1);
        record(&below, above, opt_out, &[])
    };
    let at = |of: &str, types: &[RecordType]| {
        let mut next = hash(of);
        next[19] = next[19].wrapping_add(1);
        record(&hash(of), next, false, types)
    };
    let shop = name("shop.example.");
    let cases: [(Vec<Record>, Option<Cut>); 5] = [
        (vec![at("shop.example.", &[RecordType::NS])], Some(Cut::Unsigned)),
        (vec![at("shop.example.", &[RecordType::A])], Some(Cut::None)),
        (vec![at("example.", &[]), around("shop.example.", true)], Some(Cut::Unsigned)),
        (vec![at("example.", &[]), around("shop.example.", false)], None),
        (vec![around("other.example.", true)], None),
    ];
    for (index, (records, expected)) in cases.iter().enumerate() {
        let authority = sets(records);
        assert_eq!(Denial::of(&zone, &authority).cut(&shop), *expected, "case {index}");
    }
    let records =
        [at("example.", &[]), around("shop.example.", false), around("*.example.", false)];
    let authority = sets(&records);
    let denies = |kind, code| Denial::of(&zone, &authority).denies(&shop, kind, code);
    assert_eq!(denies(RecordType::A, ResponseCode::NXDomain), Ok(()));
    assert_eq!(denies(RecordType::A, ResponseCode::NoError), Err(Flaw::NotDenied));
}

fn base32(bytes: &[u8]) -> String {
    let mut bits: Vec<u8> = Vec::new();
    for byte in bytes {
        bits.extend((0..8).rev().map(|bit| byte >> bit & 1));
    }
    let letter = |five: &[u8]| {
        let value = five.iter().fold(0, |value, bit| value << 1 | bit);
        char::from(b"0123456789abcdefghijklmnopqrstuv"[usize::from(value)])
    };
    bits.chunks(5).map(letter).collect()
}
