//! Messages as servers send them, and what they come down to.

use hickory_proto::op::{Edns, OpCode};
use hickory_proto::rr::rdata::opt::NSIDPayload;
use hickory_proto::rr::rdata::{A, CNAME, NS, SOA};

use super::*;

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn a(owner: &str, last: u8, ttl: u32) -> Record {
    Record::from_rdata(name(owner), ttl, RData::A(A::new(192, 0, 2, last)))
}

fn cname(owner: &str, target: &str, ttl: u32) -> Record {
    Record::from_rdata(name(owner), ttl, RData::CNAME(CNAME(name(target))))
}

fn ns(owner: &str, target: &str) -> Record {
    Record::from_rdata(name(owner), 300, RData::NS(NS(name(target))))
}

fn soa(ttl: u32, minimum: u32) -> Record {
    let primary = name("ns1.shop.example.");
    let soa = SOA::new(primary.clone(), primary, 42, 1, 1, 1, minimum);
    Record::from_rdata(name("shop.example."), ttl, RData::SOA(soa))
}

struct Said {
    code: ResponseCode,
    has_authority: bool,
    answers: Vec<Record>,
    authorities: Vec<Record>,
}

impl Default for Said {
    fn default() -> Self {
        Self {
            code: ResponseCode::NoError,
            has_authority: true,
            answers: Vec::new(),
            authorities: Vec::new(),
        }
    }
}

fn reply(said: Said, record_type: RecordType, role: Role) -> Reply {
    let mut message = Message::response(1, OpCode::Query);
    message.metadata.response_code = said.code;
    message.metadata.authoritative = said.has_authority;
    message.answers = said.answers;
    message.authorities = said.authorities;
    let question = Question::new(&name("www.shop.example."), record_type);
    let arrival =
        Arrival { message, rtt: Duration::from_millis(1), over_tcp: false, repeated: false };
    Reply::of(Ok(arrival), &question, role, &name("shop.example."))
}

fn said(said: Said) -> Outcome {
    reply(said, RecordType::A, Role::Authoritative).outcome
}

fn list(values: &[&str]) -> Vec<String> {
    values.iter().map(|&value| value.to_owned()).collect()
}

#[test]
fn a_servers_own_name_is_printable_and_bounded() {
    let long = vec![b'x'; 4000];
    for (sent, shown) in [
        (&b"ns1.fra.host.example"[..], Some("ns1.fra.host.example".to_owned())),
        (b"", None),
        (b"\x1b[2J", Some("\\u{1b}[2J".to_owned())),
        (&long, Some(format!("{}…", "x".repeat(128)))),
    ] {
        let mut message = Message::response(1, OpCode::Query);
        let mut edns = Edns::new();
        edns.options_mut().insert(EdnsOption::NSID(NSIDPayload::new(sent).unwrap()));
        message.set_edns(edns);
        assert_eq!(nsid(&message).as_deref(), shown.as_deref());
    }
}

#[test]
fn values_are_a_sorted_set_whatever_the_order_and_case() {
    let answers = vec![
        a("WWW.shop.example.", 11, 60),
        a("www.shop.example.", 10, 300),
        a("www.shop.example.", 11, 60),
        a("mail.shop.example.", 9, 1),
    ];
    let reply = reply(Said { answers, ..Said::default() }, RecordType::A, Role::Authoritative);
    assert_eq!(reply.outcome, Outcome::Values(list(&["192.0.2.10", "192.0.2.11"])));
    assert_eq!(reply.ttl, Some(60));
    assert_eq!(reply.flags, ["aa"]);
    assert_eq!(reply.counts, [4, 0, 0]);
}

#[test]
fn a_chain_is_followed_to_its_end() {
    let answers = vec![
        a("shop.example.", 10, 300),
        cname("web.shop.example.", "shop.example.", 20),
        cname("www.shop.example.", "web.shop.example.", 300),
    ];
    let reply = reply(Said { answers, ..Said::default() }, RecordType::A, Role::Authoritative);
    assert_eq!(reply.outcome, Outcome::Values(list(&["192.0.2.10"])));
    assert_eq!(reply.alias.as_deref(), Some("web.shop.example"));
    assert_eq!(reply.ttl, Some(20));
}

#[test]
fn chains_that_do_not_end_well() {
    let outside = vec![cname("www.shop.example.", "cdn.example.", 300)];
    assert_eq!(
        said(Said { answers: outside, ..Said::default() }),
        Outcome::Alias("cdn.example".to_owned())
    );
    let ring = vec![
        cname("www.shop.example.", "a.shop.example.", 300),
        cname("a.shop.example.", "www.shop.example.", 300),
    ];
    assert_eq!(
        said(Said { answers: ring, ..Said::default() }),
        Outcome::Loop(list(&["www.shop.example", "a.shop.example", "www.shop.example"]))
    );
    let gone = Said {
        code: ResponseCode::NXDomain,
        answers: vec![cname("www.shop.example.", "gone.shop.example.", 300)],
        authorities: vec![soa(60, 60)],
        ..Said::default()
    };
    assert_eq!(said(gone), Outcome::Dangling("gone.shop.example".to_owned()));
    let itself = Said {
        answers: vec![cname("www.shop.example.", "www.shop.example.", 300)],
        ..Said::default()
    };
    let reply = reply(itself, RecordType::CNAME, Role::Authoritative);
    assert!(matches!(reply.outcome, Outcome::Loop(_)));
}

#[test]
fn absence_is_said_in_two_ways_and_has_a_time_to_live() {
    let nodata = Said { authorities: vec![soa(300, 60)], ..Said::default() };
    let reply = reply(nodata, RecordType::A, Role::Authoritative);
    assert_eq!((reply.outcome, reply.ttl), (Outcome::Nodata, Some(60)));
    let nxdomain = Said { code: ResponseCode::NXDomain, ..Said::default() };
    assert_eq!(said(nxdomain), Outcome::Nxdomain);
}

#[test]
fn a_server_without_authority_is_no_witness() {
    let cached = Said {
        has_authority: false,
        answers: vec![a("www.shop.example.", 10, 300)],
        ..Said::default()
    };
    assert_eq!(said(cached), Outcome::NotAuthoritative);
    for (owner, outcome) in [
        (".", Outcome::Upward(".".to_owned())),
        ("example.", Outcome::Upward("example.".to_owned())),
        ("shop.example.", Outcome::NotAuthoritative),
        ("elsewhere.", Outcome::NotAuthoritative),
        ("mail.shop.example.", Outcome::NotAuthoritative),
        ("www.shop.example.", Outcome::Delegated(list(&["ns.host.example"]))),
    ] {
        let referral = Said {
            has_authority: false,
            authorities: vec![ns(owner, "ns.host.example.")],
            ..Said::default()
        };
        assert_eq!(said(referral), outcome, "{owner}");
    }
    for (code, label) in [(ResponseCode::Refused, "refused"), (ResponseCode::ServFail, "servfail")]
    {
        let failed = Said { code, ..Said::default() };
        assert_eq!(said(failed), Outcome::Failed(label.into()));
    }
}

#[test]
fn a_resolver_needs_no_authority() {
    let cached = Said {
        has_authority: false,
        answers: vec![
            cname("www.shop.example.", "cdn.example.", 2520),
            a("cdn.example.", 10, 3000),
        ],
        ..Said::default()
    };
    let reply = reply(cached, RecordType::A, Role::Resolver);
    assert_eq!(reply.outcome, Outcome::Values(list(&["192.0.2.10"])));
    assert_eq!(reply.ttl, Some(2520));
}
