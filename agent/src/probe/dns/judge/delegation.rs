//! What the parent says of a zone: its servers against each other, its nameservers against the
//! zone's own NS set, its glue against the addresses that the zone's own servers give.

mod glue;

use std::net::SocketAddr;

use health::{Code, Finding, text};
use hickory_proto::rr::RecordType;

use crate::probe::dns::delegation::{Delegation, Glued, Referral, Said};
use crate::probe::dns::reply::Outcome;
use crate::probe::dns::survey::Survey;
use crate::probe::dns::values::render_name;
use crate::probe::dns::wording::{MOST_NAMED, dig, dig_at};

/// Everything in which parent and zone differ.
pub(super) fn judge(survey: &Survey, delegation: &Delegation) -> Vec<Finding> {
    let Some(norm) = delegation.norm() else { return Vec::new() };
    let mut findings = parents(survey, delegation, norm);
    findings.extend(nameservers(survey, norm));
    findings.extend(glue::judge(survey, delegation, norm));
    findings
}

/// One finding for each of the parent's servers that says something else than most of them.
fn parents(survey: &Survey, delegation: &Delegation, norm: &Referral) -> Vec<Finding> {
    let zone = render_name(&survey.zone);
    let like_norm: Vec<SocketAddr> = delegation
        .words
        .iter()
        .filter(|word| matches!(&word.said, Said::Referral(referral) if referral.is_same(norm)))
        .map(|word| word.server)
        .collect();
    let others = like_norm.iter().take(MOST_NAMED).map(ToString::to_string).collect::<Vec<_>>();
    let (others, verb) = (others.join(", "), if like_norm.len() == 1 { "says" } else { "say" });
    let expected = shown(norm);
    let odd = delegation.words.iter().filter_map(|word| {
        let (got_en, got_ko) = match &word.said {
            Said::Referral(referral) if referral.is_same(norm) => return None,
            // One serves the zone itself and the other does not: no two views of the parent.
            Said::Referral(referral) if referral.is_from_zone != norm.is_from_zone => return None,
            Said::Referral(referral) => (shown(referral), shown(referral)),
            Said::Denied(says) => {
                (format!("no such zone ({says})"), format!("그런 존 없음({says})"))
            }
            Said::Lame(_) | Said::Lost(_) => return None,
        };
        let server = word.server;
        let finding = Finding::new(
            Code::DnsDelegation,
            format!("{zone} NS @ parent {server}"),
            text!(
                "the parent's servers disagree on {zone}: {server} says {got_en}; {others} {verb} {expected}",
                "{zone}에 대한 상위 존 서버들의 응답이 서로 다릅니다: {server}의 응답은 {got_ko}, {others}의 응답은 {expected}입니다"
            ),
            text!(
                "A change at the registrar reaches the parent's servers within minutes or hours. If it lasts, that server holds an old copy: show whoever runs the parent zone the output of `{dig}`.",
                "등록 대행사에서 바꾼 내용이 상위 존의 모든 서버에 반영되기까지 몇 분에서 몇 시간이 걸립니다. 계속되면 그 서버의 사본이 오래된 것이니, 상위 존 운영자에게 `{dig}` 결과를 보여 주세요.",
                dig = dig_at(server, &survey.zone, RecordType::NS)
            ),
        );
        Some(
            finding
                .evidence("parent_server", server.to_string())
                .evidence("expected", &*expected)
                .evidence("got", got_en),
        )
    });
    odd.collect()
}

/// `ns1.shop.example (192.0.2.1), ns2.shop.example`.
fn shown(referral: &Referral) -> String {
    let one = |server: &Glued| {
        let glue: Vec<String> = server.glue.iter().map(ToString::to_string).collect();
        match &*glue {
            [] => server.name.to_string(),
            glue => format!("{} ({})", server.name, glue.join(" ")),
        }
    };
    referral.servers.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The parent's NS set against the zone's own, as most of its servers have it.
fn nameservers(survey: &Survey, norm: &Referral) -> Option<Finding> {
    let question = survey.apex_ns?;
    let said: Vec<(usize, &Vec<String>)> = survey
        .authorities()
        .filter_map(|index| match &survey.replies[index][question].outcome {
            Outcome::Values(values) => Some((index, values)),
            _ => None,
        })
        .collect();
    let weight = |one: &Vec<String>| said.iter().filter(|(_, other)| one == *other).count();
    // The first of equals, where `max_by_key` alone would take the last.
    let &(index, own) = said.iter().rev().max_by_key(|(_, one)| weight(one))?;
    let delegated = norm.names();
    if *own == delegated {
        return None;
    }
    let without = |all: &[String], those: &[String]| -> Vec<String> {
        all.iter().filter(|name| !those.contains(name)).cloned().collect()
    };
    let (only_parent, only_own) = (without(&delegated, own), without(own, &delegated));
    let zone = render_name(&survey.zone);
    let (parent_en, own_en) = (only_parent.join(", "), only_own.join(", "));
    let summary = match (only_parent.is_empty(), only_own.is_empty()) {
        (false, true) => text!(
            "the parent delegates {zone} to {parent_en} too, which the zone's own NS records do not name",
            "상위 존에는 {zone}의 네임서버로 {parent_en}도 등록되어 있지만, 존 자신의 NS 레코드에는 없습니다"
        ),
        (true, false) => text!(
            "the zone {zone} names {own_en} as a nameserver, which the parent does not delegate to",
            "{zone} 존의 NS 레코드에는 {own_en}이(가) 있지만, 상위 존에는 등록되어 있지 않습니다"
        ),
        _ => text!(
            "the parent and {zone} itself name different nameservers: only the parent has {parent_en}, only the zone has {own_en}",
            "상위 존과 {zone} 존의 네임서버 목록이 다릅니다: 상위 존에만 {parent_en}, 존에만 {own_en}"
        ),
    };
    let remedy = match (only_parent.is_empty(), only_own.is_empty()) {
        (false, true) => text!(
            "If {parent_en} is to serve {zone}, add it to the zone's NS records (`@`); if not, take it out at the registrar, and let it serve the zone until the parent's TTL is over. Check: `{dig}`.",
            "{parent_en}이(가) {zone}을(를) 계속 서비스해야 한다면 존의 NS 레코드(`@`)에 추가하고, 아니라면 도메인 등록 정보에서 빼세요. 상위 존의 TTL이 끝날 때까지는 그 서버를 켜 두세요. 확인: `{dig}`.",
            dig = dig(&survey.servers[index], &survey.zone, RecordType::NS)
        ),
        (true, false) => text!(
            "If {own_en} is to serve {zone}, add it to the nameservers at the registrar; if not, take it out of the zone's NS records (`@`). Check: `{dig}`.",
            "{own_en}이(가) {zone}을(를) 서비스해야 한다면 도메인 등록 정보의 네임서버에 추가하고, 아니라면 존의 NS 레코드(`@`)에서 빼세요. 확인: `{dig}`.",
            dig = dig(&survey.servers[index], &survey.zone, RecordType::NS)
        ),
        _ => text!(
            "Make both the same: the nameservers at the registrar, and the zone's own NS records (`@`). Check: `{dig}`.",
            "도메인 등록 정보의 네임서버와 존의 NS 레코드(`@`)를 같게 맞추세요. 확인: `{dig}`.",
            dig = dig(&survey.servers[index], &survey.zone, RecordType::NS)
        ),
    };
    Some(
        Finding::new(Code::DnsDelegation, format!("{zone} NS"), summary, remedy)
            .evidence("expected", delegated)
            .evidence("got", own.clone())
            .evidence("only_parent", only_parent)
            .evidence("only_zone", only_own),
    )
}

#[cfg(test)]
mod tests;
