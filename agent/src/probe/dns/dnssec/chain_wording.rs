//! What is said about a chain of trust that does not reach the zone, or will not for long.

use health::{Code, Finding, Text, text};
use hickory_proto::rr::{Name, RecordType};
use jiff::Timestamp;

use super::ascent::{Break, Open};
use super::signature::Held;
use super::wording::{Aspect, reason, transfer};
use crate::probe::dns::server::Server;
use crate::probe::dns::values::render_name;
use crate::probe::dns::wording::{dig, lasting, names};

/// The chain breaks in a zone above.
pub(super) fn broken_above(zone: &Name, broken: &Break) -> Finding {
    let Break { zone: above, set, flaw } = broken;
    let (zone, above) = (render_name(zone), render_name(above));
    let why = reason(flaw);
    let (why_en, why_ko) = (&why.en, &why.ko);
    Finding::new(
        Code::DnsBogus,
        format!("{zone} < {above}"),
        text!(
            "the chain of trust to {zone} breaks at {above} above it: {set}: {why_en}",
            "{zone}까지의 신뢰 사슬이 상위의 {above}에서 끊어집니다: {set}: {why_ko}"
        ),
        text!(
            "Nothing in {zone} itself can mend that: tell whoever runs {above}, and see what they say. If only this agent's resolver says so, its cache or its clock is wrong. Check: `delv {zone} SOA`, `dig {above} DNSKEY +dnssec +cd`.",
            "{zone} 안에서는 고칠 수 없습니다. {above}을(를) 운영하는 쪽에 알리고 공지를 확인하세요. 이 에이전트의 리졸버에서만 그렇다면 그 캐시나 시계가 잘못된 것입니다. 확인: `delv {zone} SOA`, `dig {above} DNSKEY +dnssec +cd`."
        ),
    )
    .evidence("zone", above)
    .evidence("sets", vec![set.clone()])
    .evidence("reason", Aspect::of(flaw).label())
}

/// Why nobody vouches for a zone.
pub(super) fn open(open: &Open, zone: &Name) -> Text {
    let place = render_name(open.place(zone));
    match open {
        Open::NoDs => {
            text!("its parent has no DS for {place}", "상위 존에 {place}의 DS가 없습니다")
        }
        Open::Above(_) => text!(
            "{place} above it is not signed from its own parent",
            "상위의 {place} 자체가 신뢰 사슬에 없습니다"
        ),
        Open::Unsupported(_) => text!(
            "{place} above it is signed with algorithms that cannot be checked here",
            "상위의 {place}이(가) 여기서 확인할 수 없는 알고리즘으로 서명되어 있습니다"
        ),
    }
}

/// The plan says signed, and nothing leads there.
pub(super) fn insecure(zone: &Name, why: &Text) -> Finding {
    let zone = render_name(zone);
    let (why_en, why_ko) = (&why.en, &why.ko);
    Finding::new(
        Code::DnsInsecure,
        format!("{zone} DS"),
        text!(
            "the plan says that {zone} is signed, but no chain of trust leads to it: {why_en}",
            "계획에는 {zone}이(가) 서명되어야 하지만 이어지는 신뢰 사슬이 없습니다: {why_ko}"
        ),
        text!(
            "Sign the zone, then give its DS to the registrar (`keymgr {zone} ds`, `dnssec-dsfromkey`, or the provider's page). Check: `dig {zone} DS +short`, `delv {zone} SOA`.",
            "존을 서명한 뒤 DS를 등록 대행사에 등록하세요(`keymgr {zone} ds`, `dnssec-dsfromkey` 또는 업체의 화면). 확인: `dig {zone} DS +short`, `delv {zone} SOA`."
        ),
    )
    .evidence("expected", "secure")
    .evidence("got", why_en.clone())
}

/// A DS is there, for nothing that could be checked.
pub(super) fn unsupported(zone: &Name, algorithms: &[String]) -> Finding {
    let (zone, list) = (render_name(zone), algorithms.join(", "));
    Finding::new(
        Code::DnsInsecure,
        format!("{zone} DS"),
        text!(
            "{zone} is signed with {list} alone, which cannot be verified here, nor by many resolvers: to them it is not signed",
            "{zone}은(는) {list}(으)로만 서명되어 있어 여기서도, 많은 리졸버에서도 검증할 수 없습니다. 그런 곳에서는 서명이 없는 것과 같습니다"
        ),
        roll_over(&zone),
    )
    .evidence("algorithms", algorithms.to_vec())
}

/// What signs the zone is being given up.
pub(super) fn given_up(zone: &Name, algorithms: &[String]) -> Finding {
    let (zone, list) = (render_name(zone), algorithms.join(", "));
    Finding::new(
        Code::DnsInsecure,
        format!("{zone} DS"),
        text!(
            "{zone} is signed with {list} alone, which more and more resolvers take for no signature (RFC 9905)",
            "{zone}은(는) {list}(으)로만 서명되어 있으며, 점점 많은 리졸버가 이를 서명이 없는 것으로 봅니다(RFC 9905)"
        ),
        roll_over(&zone),
    )
    .evidence("algorithms", algorithms.to_vec())
}

fn roll_over(zone: &str) -> Text {
    text!(
        "Roll the keys over to ECDSAP256SHA256 (algorithm 13): Knot and BIND do it by themselves once the policy names it; then replace the DS at the registrar. Check: `dig {zone} DS +short`.",
        "키를 ECDSAP256SHA256(알고리즘 13)으로 교체하세요. Knot과 BIND는 정책에 적으면 스스로 교체합니다. 그런 다음 등록 대행사의 DS를 바꾸세요. 확인: `dig {zone} DS +short`."
    )
}

/// A signature whose end is near.
pub(super) fn ending(
    zone: &Name,
    servers: &[&Server],
    only: Option<&Server>,
    (held, set): (&Held, &str),
    now: Timestamp,
) -> Finding {
    let zone_name = render_name(zone);
    let left = held.ends.as_second() - now.as_second();
    let left = lasting(u32::try_from(left.max(0)).unwrap_or(u32::MAX));
    let who = names(servers.iter().copied());
    let (left_en, left_ko, who_en, who_ko) = (left.en, left.ko, who.en, who.ko);
    let ends = held.ends;
    let subject = match only {
        Some(server) => format!("{zone_name} RRSIG @ {}", server.title()),
        None => format!("{zone_name} RRSIG"),
    };
    let command =
        servers.first().map_or_else(String::new, |server| dig(server, zone, RecordType::SOA));
    let titles: Vec<String> = servers.iter().map(|server| server.title()).collect();
    Finding::new(
        Code::DnsSignatureExpiring,
        subject,
        text!(
            "the signature over {set} at {who_en} holds for {left_en}, until {ends}, and was not renewed",
            "{who_ko}의 {set} 서명이 {left_ko} 뒤 {ends}에 끝나는데 갱신되지 않았습니다"
        ),
        match only {
            Some(_) => transfer(&zone_name, &format!("{command} +dnssec")),
            None => text!(
                "The signer has stopped: see its log, and sign again before then: `knotc zone-sign {zone_name}`, `rndc sign {zone_name}`, the cron job that runs `ldns-signzone`, or the provider. Check: `{command} +dnssec`.",
                "서명 작업이 멈췄습니다. 로그를 보고 그 전에 다시 서명하세요: `knotc zone-sign {zone_name}`, `rndc sign {zone_name}`, `ldns-signzone`을 실행하는 cron 작업 또는 업체. 확인: `{command} +dnssec`."
            ),
        },
    )
    .evidence("ends", ends.to_string())
    .evidence("set", set)
    .evidence("nameservers", titles)
}
