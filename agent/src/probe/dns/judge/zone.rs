//! The zone as a whole: SOA serials, and its own NS on every server.

use health::{Code, Finding, text};
use hickory_proto::rr::RecordType;
use serde_json::{Map, Value};

use super::records;
use crate::probe::dns::serial;
use crate::probe::dns::survey::{Asked, Survey};
use crate::probe::dns::values::render_name;
use crate::probe::dns::wording::{dig, have, names};

/// Findings about the zone apart from planned records.
pub(super) fn judge(survey: &Survey) -> Vec<Finding> {
    let mut findings = Vec::new();
    if survey.consistent {
        findings.extend(serials(survey));
        findings.extend(nameservers(survey));
    }
    findings
}

/// One finding for each server that has lagged behind the newest serial for too long.
fn serials(survey: &Survey) -> Vec<Finding> {
    if serial::is_uniform(survey) {
        return Vec::new();
    }
    let known: Vec<(usize, u32)> = serial::serials(survey).collect();
    let Some(newest) = serial::newest(&known) else { return Vec::new() };
    let is_told =
        |&&(index, serial): &&(usize, u32)| serial != newest && !survey.is_following(index);
    if !known.iter().any(|one| is_told(&one)) {
        return Vec::new();
    }
    let all: Map<String, Value> = known
        .iter()
        .map(|&(index, serial)| (survey.servers[index].title(), serial.into()))
        .collect();
    let ahead = known.iter().filter(|&&(_, serial)| serial == newest);
    let count = ahead.clone().count();
    let ahead = names(ahead.map(|&(index, _)| &survey.servers[index]));
    let zone = render_name(&survey.zone);
    known
        .iter()
        .filter(is_told)
        .map(|&(index, serial)| {
            let server = &survey.servers[index];
            let (who, ahead_en, ahead_ko) = (server.title(), &ahead.en, &ahead.ko);
            Finding::new(
                Code::DnsSerial,
                serial::subject(&survey.zone, server),
                text!(
                    "{who} serves {zone} with serial {serial}; {ahead_en} {have} {newest}",
                    "{who}의 {zone} 시리얼은 {serial}, {ahead_ko}의 시리얼은 {newest}입니다",
                    have = have(count)
                ),
                text!(
                    "A transfer that is under way passes by itself. If it lasts, see in the log of that server why it does not transfer, and have the primary notify it: `knotc zone-notify {zone}`, `nsd-control notify {zone}` or `rndc notify {zone}`. Check: `{dig}`.",
                    "존 전송 중이라면 저절로 해결됩니다. 계속되면 그 서버의 로그에서 전송되지 않는 이유를 찾고, 주 서버에서 다시 알리세요: `knotc zone-notify {zone}`, `nsd-control notify {zone}` 또는 `rndc notify {zone}`. 확인: `{dig}`.",
                    dig = dig(server, &survey.zone, RecordType::SOA)
                ),
            )
            .evidence("expected", newest)
            .evidence("got", serial)
            .evidence("serials", all.clone())
        })
        .collect()
}

/// The zone's own NS set must be the same everywhere, planned or not.
fn nameservers(survey: &Survey) -> Vec<Finding> {
    let Some(question) = survey.apex_ns else { return Vec::new() };
    if survey.records.iter().any(|record| record.planned.question == question) {
        return Vec::new();
    }
    records::judge(survey, &Asked::from(&survey.inquiry.apex))
}
