//! Tables: what the parent's servers and the zone say of each other.

use std::net::{IpAddr, SocketAddr};

use health::Severity;
use hickory_proto::rr::RecordType;

use super::super::tests::{list, survey};
use super::judge;
use crate::probe::dns::Expectation;
use crate::probe::dns::delegation::{Delegation, Glued, Own, Referral, Said, Word};
use crate::probe::dns::reply::Outcome;
use crate::probe::dns::survey::Survey;

const NS1: &str = "ns1.shop.example";
const NS2: &str = "ns2.shop.example";
const OUTSIDE: &str = "ns3.host.example";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn ips(addresses: &[&str]) -> Vec<IpAddr> {
    addresses.iter().map(|text| ip(text)).collect()
}

fn referral(servers: &[(&str, &[&str])]) -> Said {
    let servers = servers.iter().map(|&(name, glue)| Glued { name: name.into(), glue: ips(glue) });
    Said::Referral(Referral { servers: servers.collect(), is_from_zone: false, ttl: 3600 })
}

fn delegation(said: Vec<Said>, own: &[(&str, RecordType, &[&str])]) -> Delegation {
    let words = said.into_iter().zip(1..).map(|(said, number)| Word {
        server: SocketAddr::from(([127, 53, 0, 100 + number], 53)),
        said,
    });
    let mut delegation = Delegation::of(words.collect()).unwrap();
    delegation.own = own
        .iter()
        .map(|&(name, record_type, addresses)| Own {
            name: name.into(),
            record_type,
            addresses: ips(addresses),
            server: SocketAddr::from(([127, 53, 0, 1], 53)),
        })
        .collect();
    delegation
}

/// Four servers that name these as the zone's own.
fn zone(own: &[&str]) -> Survey {
    let record = ("www.shop.example.", RecordType::A, Expectation::Anything);
    let mut survey = survey(record, &[const { Outcome::Nodata }; 4]);
    let question = survey.apex_ns.unwrap();
    for row in &mut survey.replies {
        row[question].outcome = Outcome::Values(list(own));
    }
    survey
}

fn found(survey: &Survey, delegation: &Delegation) -> Vec<String> {
    let findings = judge(survey, delegation);
    findings
        .iter()
        .map(|finding| {
            let mark = if finding.severity == Severity::Notice { " (notice)" } else { "" };
            format!("{}{mark}", finding.subject)
        })
        .collect()
}

#[test]
fn nameservers_of_parent_and_zone() {
    let both = || vec![referral(&[(NS1, &["192.0.2.1"]), (NS2, &["192.0.2.2"])])];
    let table: [(&str, &[&str], &str); 4] = [
        ("the same", &[NS1, NS2], ""),
        (
            "one only at the parent",
            &[NS1],
            "the parent delegates shop.example to ns2.shop.example too",
        ),
        (
            "one only in the zone",
            &[NS1, NS2, OUTSIDE],
            "the zone shop.example names ns3.host.example as a nameserver",
        ),
        (
            "one for another",
            &[NS1, OUTSIDE],
            "only the parent has ns2.shop.example, only the zone has ns3.host.example",
        ),
    ];
    for (case, own, said) in table {
        let findings = judge(&zone(own), &delegation(both(), &[]));
        match said {
            "" => assert!(findings.is_empty(), "{case}: {findings:?}"),
            said => {
                assert_eq!(findings.len(), 1, "{case}");
                assert_eq!(findings[0].subject, "shop.example NS", "{case}");
                assert!(findings[0].summary.en.contains(said), "{}", findings[0].summary.en);
            }
        }
    }
    // One server of the zone that is behind does not speak for it.
    let mut survey = zone(&[NS1, NS2]);
    let question = survey.apex_ns.unwrap();
    survey.replies[0][question].outcome = Outcome::Values(list(&[NS1]));
    assert_eq!(found(&survey, &delegation(both(), &[])), [""; 0]);
}

#[test]
fn glue_against_the_zones_own_addresses() {
    use RecordType::{A, AAAA};
    type Case<'a> = (
        &'a str,
        &'a [(&'a str, &'a [&'a str])],
        &'a [(&'a str, RecordType, &'a [&'a str])],
        &'a [&'a str],
    );
    let table: [Case<'_>; 9] = [
        ("the same", &[(NS1, &["192.0.2.1"])], &[(NS1, A, &["192.0.2.1"]), (NS1, AAAA, &[])], &[]),
        ("the zone is silent", &[(NS1, &["192.0.2.1"])], &[], &[]),
        (
            "an old address",
            &[(NS1, &["192.0.2.9"])],
            &[(NS1, A, &["192.0.2.1"]), (NS1, AAAA, &[])],
            &["ns1.shop.example A"],
        ),
        (
            "one address too many",
            &[(NS1, &["192.0.2.1", "192.0.2.9"])],
            &[(NS1, A, &["192.0.2.1"])],
            &["ns1.shop.example A"],
        ),
        (
            "one address of two",
            &[(NS1, &["192.0.2.1"])],
            &[(NS1, A, &["192.0.2.1", "192.0.2.9"])],
            &["ns1.shop.example A (notice)"],
        ),
        (
            "IPv6 not yet at the registrar",
            &[(NS1, &["192.0.2.1"])],
            &[(NS1, A, &["192.0.2.1"]), (NS1, AAAA, &["2001:db8::1"])],
            &["ns1.shop.example AAAA (notice)"],
        ),
        (
            "another IPv6 address",
            &[(NS1, &["192.0.2.1", "2001:db8::9"])],
            &[(NS1, A, &["192.0.2.1"]), (NS1, AAAA, &["2001:db8::1"])],
            &["ns1.shop.example AAAA"],
        ),
        (
            "the zone has no such name",
            &[(NS1, &["192.0.2.1"])],
            &[(NS1, A, &[]), (NS1, AAAA, &[])],
            &["ns1.shop.example A"],
        ),
        ("no glue at all", &[(NS1, &[])], &[(NS1, A, &["192.0.2.1"])], &["ns1.shop.example glue"]),
    ];
    for (case, glue, own, expected) in table {
        assert_eq!(
            found(&zone(&[NS1]), &delegation(vec![referral(glue)], own)),
            expected,
            "{case}"
        );
    }
    // A nameserver elsewhere needs no glue, and is not judged by what came along.
    let elsewhere = delegation(vec![referral(&[(OUTSIDE, &[])])], &[]);
    assert_eq!(found(&zone(&[OUTSIDE]), &elsewhere), [""; 0]);
}

#[test]
fn the_odd_one_among_the_parents_servers() {
    let old = || referral(&[(NS1, &["192.0.2.9"])]);
    let new = || referral(&[(NS1, &["192.0.2.1"])]);
    let own = [(NS1, RecordType::A, &["192.0.2.1"][..])];
    let table: [(&str, Vec<Said>, &[&str]); 5] = [
        ("agreed", vec![new(), new(), new()], &[]),
        ("a stale one", vec![new(), old(), new()], &["shop.example NS @ parent 127.53.0.102:53"]),
        (
            "one that has lost it",
            vec![new(), new(), Said::Denied("NXDOMAIN")],
            &["shop.example NS @ parent 127.53.0.103:53"],
        ),
        (
            "dead and lame ones are their own zone's business",
            vec![Said::Lost("timeout"), new(), Said::Lame("Query Refused".to_owned())],
            &[],
        ),
        (
            "most of them are stale",
            vec![new(), old(), old()],
            &["shop.example NS @ parent 127.53.0.101:53", "ns1.shop.example A"],
        ),
    ];
    for (case, said, expected) in table {
        assert_eq!(found(&zone(&[NS1]), &delegation(said, &own)), expected, "{case}");
    }
}

#[test]
fn a_finding_says_who_holds_what() {
    let said = vec![
        referral(&[(NS1, &["192.0.2.1"])]),
        referral(&[(NS1, &["192.0.2.9"]), (NS2, &[])]),
        referral(&[(NS1, &["192.0.2.1"])]),
    ];
    let findings = judge(&zone(&[NS1]), &delegation(said, &[]));
    assert_eq!(
        findings[0].summary.en,
        "the parent's servers disagree on shop.example: 127.53.0.102:53 says ns1.shop.example \
         (192.0.2.9), ns2.shop.example; 127.53.0.101:53, 127.53.0.103:53 say ns1.shop.example (192.0.2.1)"
    );
    let glue = delegation(
        vec![referral(&[(NS1, &["192.0.2.9"])])],
        &[(NS1, RecordType::A, &["192.0.2.1"])],
    );
    let finding = &judge(&zone(&[NS1]), &glue)[0];
    assert_eq!(
        finding.summary.en,
        "the parent's A glue for ns1.shop.example is 192.0.2.9; the zone itself gives 192.0.2.1"
    );
    assert!(finding.remedy.en.contains("dig @127.53.0.101 +norecurse shop.example NS"));
    assert!(finding.remedy.en.contains("dig @127.53.0.1 +norecurse ns1.shop.example A"));
}
