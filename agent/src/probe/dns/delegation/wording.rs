//! What is said when it cannot be found out who serves a zone.

use std::net::SocketAddr;

use health::{Code, Finding, text};
use hickory_proto::rr::Name;

use super::referral::Said;
use crate::probe::dns::values::render_name;

/// The parent's servers are not known.
pub(super) fn lost_above(zone: &Name, above: &Name, error: &str) -> Box<Finding> {
    let (zone, above) = (render_name(zone), render_name(above));
    Box::new(
        Finding::new(
            Code::ResolveFailed,
            &*above,
            text!(
                "the servers of {above}, which delegate {zone}, cannot be found: {error}",
                "{zone}을(를) 위임하는 {above}의 네임서버를 찾을 수 없습니다: {error}"
            ),
            text!(
                "Check the agent's resolver: `dig {above} NS`. Or name the servers in the plan: `nameservers = [...]` or `parent = [...]`.",
                "에이전트가 쓰는 리졸버를 확인하세요: `dig {above} NS`. 또는 계획에 서버를 직접 적으세요: `nameservers = [...]` 또는 `parent = [...]`."
            ),
        )
        .evidence("zone", zone)
        .evidence("error", error),
    )
}

/// A server of the parent does not answer.
pub(super) fn no_answer(zone: &Name, server: SocketAddr, how: &str) -> Box<Finding> {
    let (zone, port, ip) = (render_name(zone), server.port(), server.ip());
    Box::new(
        Finding::new(
            Code::DnsUnreachable,
            server.to_string(),
            text!(
                "{server}, a server of the zone above {zone}, does not answer ({how}): who serves {zone} is unknown",
                "{zone}의 상위 존 서버 {server}에서 답이 없어({how}) {zone}의 네임서버를 알 수 없습니다"
            ),
            text!(
                "Ask it by hand: `dig @{ip} -p {port} +norecurse {zone} NS`. If the address is right, look at the network and its firewall (UDP and TCP {port}).",
                "직접 물어보세요: `dig @{ip} -p {port} +norecurse {zone} NS`. 주소가 맞다면 네트워크와 방화벽(UDP·TCP {port})을 확인하세요."
            ),
        )
        .severity(health::Severity::Critical)
        .evidence("zone", zone)
        .evidence("address", server.to_string())
        .evidence("got", how),
    )
}

/// What is wrong with an answer that is no referral.
pub(super) fn not_delegated(zone: &Name, server: SocketAddr, said: &Said) -> Box<Finding> {
    let (code, says) = match said {
        Said::Denied(says @ "NXDOMAIN") => (Code::DnsNxdomain, *says),
        Said::Denied(says) => (Code::DnsMissing, *says),
        Said::Lame(says) => (Code::DnsLame, says.as_str()),
        Said::Lost(how) => return no_answer(zone, server, how),
        Said::Referral(_) => (Code::DnsDelegation, "a referral"),
    };
    let (zone, port, ip) = (render_name(zone), server.port(), server.ip());
    let subject = match code {
        Code::DnsLame => server.to_string(),
        _ => format!("{zone} NS"),
    };
    Box::new(
        Finding::new(
            code,
            subject,
            text!(
                "{server}, a server of the zone above, does not delegate {zone}: {says}",
                "상위 존 서버 {server}에 {zone}의 위임이 없습니다: {says}"
            ),
            text!(
                "See what the parent has: `dig @{ip} -p {port} +norecurse {zone} NS`. If the domain has expired or lost its nameservers, put that right at the registrar.",
                "상위 존에 무엇이 있는지 확인하세요: `dig @{ip} -p {port} +norecurse {zone} NS`. 도메인이 만료되었거나 네임서버가 빠졌다면 등록 대행사에서 바로잡으세요."
            ),
        )
        .evidence("zone", zone)
        .evidence("address", server.to_string())
        .evidence("got", says),
    )
}
