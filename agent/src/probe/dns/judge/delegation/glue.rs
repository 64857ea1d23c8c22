//! Glue against the addresses that the zone itself gives for its nameservers (RFC 1034 §4.2.2).

use std::net::IpAddr;

use health::{Code, Finding, Severity, text};
use hickory_proto::rr::RecordType;

use crate::probe::dns::delegation::{Delegation, Glued, Own, Referral};
use crate::probe::dns::server::absolute;
use crate::probe::dns::survey::Survey;
use crate::probe::dns::values::render_name;
use crate::probe::dns::wording::{dig_at, title};

/// One finding for each name and kind of address that differs.
pub(super) fn judge(survey: &Survey, delegation: &Delegation, norm: &Referral) -> Vec<Finding> {
    if norm.is_from_zone {
        return Vec::new();
    }
    let is_within =
        |server: &&Glued| absolute(&server.name).is_ok_and(|name| survey.zone.zone_of(&name));
    let within = norm.servers.iter().filter(is_within);
    within
        .flat_map(|server| match server.glue.is_empty() {
            true => vec![missing(survey, delegation, server)],
            false => [RecordType::A, RecordType::AAAA]
                .into_iter()
                .filter_map(|kind| different(survey, delegation, server, kind))
                .collect(),
        })
        .collect()
}

fn own<'a>(delegation: &'a Delegation, server: &Glued, kind: RecordType) -> Option<&'a Own> {
    delegation.own.iter().find(|own| own.name == server.name && own.record_type == kind)
}

fn listed(addresses: &[IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// A nameserver within the zone cannot be found without glue.
fn missing(survey: &Survey, delegation: &Delegation, server: &Glued) -> Finding {
    let (zone, name) = (render_name(&survey.zone), &server.name);
    let own: Vec<IpAddr> = [RecordType::A, RecordType::AAAA]
        .into_iter()
        .filter_map(|kind| own(delegation, server, kind))
        .flat_map(|own| own.addresses.iter().copied())
        .collect();
    let add = match own.is_empty() {
        true => String::new(),
        false => format!(" ({})", listed(&own)),
    };
    Finding::new(
        Code::DnsDelegation,
        format!("{name} glue"),
        text!(
            "the parent delegates {zone} to {name} without an address (glue): a resolver cannot find a nameserver that lies within the zone itself",
            "상위 존에 {zone}의 네임서버 {name}의 주소(글루)가 없습니다. 존 안에 있는 네임서버는 글루 없이는 리졸버에서 찾을 수 없습니다"
        ),
        text!(
            "At the registrar, give the address of {name}{add} on the page for hosts or name server IPs. Check: `{dig}` must show it in the additional section.",
            "등록 대행사의 호스트(네임서버 IP) 화면에서 {name}의 주소{add}를 등록하세요. 확인: `{dig}`의 additional 부분에 주소가 나와야 합니다.",
            dig = dig_parent(survey, delegation)
        ),
    )
    .evidence("nameserver", &**name)
    .evidence("expected", own.iter().map(ToString::to_string).collect::<Vec<_>>())
    .evidence("got", "no glue")
}

/// Parent and zone give different addresses of one kind.
fn different(
    survey: &Survey,
    delegation: &Delegation,
    server: &Glued,
    kind: RecordType,
) -> Option<Finding> {
    let own = own(delegation, server, kind)?;
    let is_kind = |ip: &&IpAddr| ip.is_ipv4() == (kind == RecordType::A);
    let glue: Vec<IpAddr> = server.glue.iter().filter(is_kind).copied().collect();
    if glue == own.addresses {
        return None;
    }
    let subject = title(&absolute(&server.name).ok()?, kind);
    let (name, at) = (&server.name, own.server);
    let (theirs, ours) = (listed(&glue), listed(&own.addresses));
    let summary = match (glue.is_empty(), own.addresses.is_empty()) {
        (true, _) => text!(
            "the parent has no {kind} glue for {name}; the zone itself gives {ours}",
            "상위 존에 {name}의 {kind} 글루가 없습니다. 존 자신의 값은 {ours}입니다"
        ),
        (_, true) => text!(
            "the parent has the {kind} glue {theirs} for {name}; the zone itself has no such address",
            "상위 존에는 {name}의 {kind} 글루 {theirs}이(가) 있지만, 존 자신에는 그런 주소가 없습니다"
        ),
        _ => text!(
            "the parent's {kind} glue for {name} is {theirs}; the zone itself gives {ours}",
            "상위 존에 있는 {name}의 {kind} 글루는 {theirs}, 존 자신의 값은 {ours}입니다"
        ),
    };
    // Whoever follows the glue that is there still arrives.
    let is_harmless = glue.iter().all(|ip| own.addresses.contains(ip));
    let severity = if is_harmless { Severity::Notice } else { Code::DnsDelegation.severity() };
    Some(
        Finding::new(
            Code::DnsDelegation,
            &*subject,
            summary,
            text!(
                "Where the zone is right, change the address of {name} at the registrar, on the page for hosts or name server IPs; where the glue is right, change the record {subject} in the zone. Compare: `{parent}` and `{own}`.",
                "존이 맞다면 등록 대행사의 호스트(네임서버 IP) 화면에서 {name}의 주소를 바꾸고, 글루가 맞다면 존의 {subject} 레코드를 고치세요. 비교: `{parent}`와 `{own}`.",
                parent = dig_parent(survey, delegation),
                own = dig_at(at, &absolute(name).ok()?, kind)
            ),
        )
        .severity(severity)
        .evidence("nameserver", &**name)
        .evidence("expected", own.addresses.iter().map(ToString::to_string).collect::<Vec<_>>())
        .evidence("got", glue.iter().map(ToString::to_string).collect::<Vec<_>>())
        .evidence("asked", at.to_string()),
    )
}

/// The command that shows the glue.
fn dig_parent(survey: &Survey, delegation: &Delegation) -> String {
    let parent = delegation.parent();
    parent.map_or_else(String::new, |at| dig_at(at, &survey.zone, RecordType::NS))
}
