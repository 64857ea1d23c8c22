//! Resolvers against the authoritative truth: a cache that still holds what the zone no longer
//! says, and one that withholds an answer because of DNSSEC. Where the zone itself is not right, its
//! own findings speak and caches are not judged.

use health::{Code, Finding, Severity, Text, text};

use super::records::is_same;
use crate::probe::dns::caches::{Key, Past, Unchecked};
use crate::probe::dns::expectation::Expected;
use crate::probe::dns::question::Role;
use crate::probe::dns::reply::{Outcome, Reply};
use crate::probe::dns::server::Server;
use crate::probe::dns::survey::{Asked, Survey, clip};
use crate::probe::dns::values::render_name;
use crate::probe::dns::wording::{dig, lasting, moment, said, title};

/// A record in a resolver named by the plan.
#[derive(Clone, Copy)]
pub(in crate::probe::dns) struct Held<'a> {
    server: usize,
    record: &'a Asked,
    reply: &'a Reply,
    /// An answer that is right, of a server that decides; `None` while the cache agrees.
    against: Option<(&'a Reply, Harm)>,
}

/// What an old answer does to those who get it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Harm {
    /// They get something else.
    Misled,
    /// The old CNAME leads to the right values today.
    NotYet,
}

/// What every resolver holds of every record that the zone has right.
pub(in crate::probe::dns) fn held(survey: &Survey) -> Vec<Held<'_>> {
    if survey.servers.iter().all(|server| server.role != Role::Resolver) {
        return Vec::new();
    }
    survey.records.iter().flat_map(|record| of_record(survey, record)).collect()
}

fn of_record<'a>(survey: &'a Survey, record: &'a Asked) -> Vec<Held<'a>> {
    let reply = |index: usize| &survey.replies[index][record.planned.question];
    let truths: Vec<&Reply> =
        survey.authorities().map(reply).filter(|reply| reply.outcome.is_statement()).collect();
    let right = truths.iter().copied().find(|truth| record.planned.holds(&truth.outcome));
    let Some(truth) = right.filter(|_| record.planned.expected != Expected::Unknown) else {
        return Vec::new();
    };
    let resolvers = survey.servers.iter().enumerate();
    resolvers
        .filter(|(_, server)| server.role == Role::Resolver)
        .map(|(server, _)| (server, reply(server)))
        .filter(|(_, held)| held.outcome.is_statement())
        .map(|(server, held)| {
            let against = harm(held, record, &truths).map(|harm| (truth, harm));
            Held { server, record, reply: held, against }
        })
        .collect()
}

/// Whether the cache holds something else than any authoritative server says now, or the plan wants.
fn harm(held: &Reply, record: &Asked, truths: &[&Reply]) -> Option<Harm> {
    let is_said = truths.iter().any(|truth| {
        is_same(&truth.outcome, &held.outcome)
            // The servers see where their own CNAME points, only the cache what is behind it.
            || matches!(&truth.outcome, Outcome::Alias(target) if held.alias.as_ref() == Some(target))
    });
    let is_planned = record.planned.expected != Expected::Anything
        && record.planned.expected.holds(&held.outcome);
    if !is_said && !is_planned {
        return Some(Harm::Misled);
    }
    // A CNAME that no server has any more, though what is behind it is what they say now.
    let is_old_way = held.alias.is_some() && truths.iter().all(|truth| truth.alias != held.alias);
    is_old_way.then_some(Harm::NotYet)
}

impl Held<'_> {
    /// The cache holds what the zone no longer says.
    pub(in crate::probe::dns) fn is_old(&self) -> bool {
        self.against.is_some()
    }

    /// By what it is remembered.
    pub(in crate::probe::dns) fn key(&self, survey: &Survey) -> Option<Key> {
        let address = survey.servers[self.server].address?;
        Some((address, self.record.planned.name.clone(), self.record.planned.record_type))
    }

    /// When the cache must let go of it.
    pub(in crate::probe::dns) fn end(&self, survey: &Survey) -> Option<jiff::Timestamp> {
        survey.end(self.server, self.reply)
    }

    /// What is wrong with it, if anything; `past` is what is known of it from before.
    pub(in crate::probe::dns) fn finding(&self, survey: &Survey, past: Past) -> Option<Finding> {
        let (truth, harm) = self.against?;
        Some(Stale { survey, held: self, truth, harm, past }.finding())
    }
}

/// An old answer under judgement.
struct Stale<'a> {
    survey: &'a Survey,
    held: &'a Held<'a>,
    truth: &'a Reply,
    harm: Harm,
    past: Past,
}

impl Stale<'_> {
    fn finding(&self) -> Finding {
        let (planned, server) = (&self.held.record.planned, self.server());
        let who = server.title();
        let severity = match self.harm {
            Harm::Misled => Code::DnsStaleCache.severity(),
            Harm::NotYet => Severity::Notice,
        };
        let finding = Finding::new(
            Code::DnsStaleCache,
            format!("{} @ {who}", title(&planned.name, planned.record_type)),
            self.summary(&who),
            self.remedy(),
        )
        .severity(severity)
        .evidence("expected", shown(self.truth))
        .evidence("got", shown(self.held.reply));
        self.with_times(finding).evidence("resolver", &*server.name)
    }

    fn server(&self) -> &Server {
        &self.survey.servers[self.held.server]
    }

    fn summary(&self, who: &str) -> Text {
        let planned = &self.held.record.planned;
        let title = title(&planned.name, planned.record_type);
        let new = said(&self.truth.outcome, planned.record_type);
        let (new_en, new_ko) = (&new.en, &new.ko);
        let left = self.left();
        let (left_en, left_ko) = (&left.en, &left.ko);
        match (&self.held.reply.outcome, &self.held.reply.alias) {
            (Outcome::Nxdomain, None) => text!(
                "{title}: the zone is right ({new_en}); {who} still says that the name does not exist, {left_en}",
                "{title}: 존은 올바릅니다({new_ko}). {who}은(는) 아직 그런 이름이 없다고 답합니다({left_ko})"
            ),
            (Outcome::Nodata, None) => text!(
                "{title}: the zone is right ({new_en}); {who} still says that there is no such record, {left_en}",
                "{title}: 존은 올바릅니다({new_ko}). {who}은(는) 아직 그런 레코드가 없다고 답합니다({left_ko})"
            ),
            (outcome, alias) => {
                let old = match alias {
                    // The CNAME itself is what is old, whatever it leads to.
                    Some(target) if self.truth.alias.as_ref() != Some(target) => {
                        said(&Outcome::Alias(target.clone()), planned.record_type)
                    }
                    _ => said(outcome, planned.record_type),
                };
                let (old_en, old_ko) = (&old.en, &old.ko);
                match self.harm {
                    Harm::Misled => text!(
                        "{title}: the zone is right ({new_en}); {who} serves the old answer, {old_en}, {left_en}",
                        "{title}: 존은 올바릅니다({new_ko}). {who}에는 예전 응답이 남아 있습니다: {old_ko} ({left_ko})"
                    ),
                    Harm::NotYet => text!(
                        "{title}: the zone is right ({new_en}); {who} gets there by the old answer, {old_en}, {left_en}",
                        "{title}: 존은 올바릅니다({new_ko}). {who}은(는) 예전 응답을 거쳐 같은 값에 이릅니다: {old_ko} ({left_ko})"
                    ),
                }
            }
        }
    }

    /// How long it goes on, as honestly as that can be told.
    fn left(&self) -> Text {
        if let Some(missed) = self.past.missed {
            let missed = moment(missed);
            return text!(
                "though by its own words it had to be gone at {missed}",
                "스스로 밝힌 만료 시각 {missed}이(가) 지났는데도 남아 있음"
            );
        }
        match self.held.reply.ttl {
            None => text!("and does not tell for how long", "남은 시간은 알 수 없음"),
            Some(0) => {
                text!("with nothing left of its TTL", "TTL이 0이므로 곧 사라져야 함")
            }
            Some(ttl) => {
                let left = lasting(ttl);
                let (left_en, left_ko) = (left.en, left.ko);
                match self.held.reply.outcome {
                    Outcome::Nxdomain | Outcome::Nodata => {
                        text!("for at most {left_en}", "앞으로 길어야 {left_ko}")
                    }
                    _ => text!("for {left_en}", "앞으로 {left_ko}"),
                }
            }
        }
    }

    fn remedy(&self) -> Text {
        let planned = &self.held.record.planned;
        let (name, zone) = (render_name(&planned.name), render_name(&self.survey.zone));
        let dig = dig(self.server(), &planned.name, planned.record_type);
        let flush = format!(
            "`unbound-control flush {name}`, `rndc flushname {name}`, `resolvectl flush-caches`"
        );
        if self.past.missed.is_some() {
            return text!(
                "Waiting does not help: either several caches answer behind that address in turn, or it raises TTLs (`cache-min-ttl`), serves what has expired (`serve-expired`), has an entry of its own (`local-data`), or asks another cache that holds the old answer. If it is yours, look for those and empty it: {flush}. Check: `{dig}`.",
                "기다려도 해결되지 않습니다. 한 주소 뒤에 여러 캐시가 있거나, TTL을 늘리거나(`cache-min-ttl`), 만료된 응답을 주거나(`serve-expired`), 자체 항목이 있거나(`local-data`), 예전 응답을 가진 다른 캐시에 물어보는 것입니다. 직접 운영한다면 이 설정들을 확인하고 캐시를 비우세요: {flush}. 확인: `{dig}`."
            );
        }
        match self.held.reply.outcome {
            Outcome::Nxdomain | Outcome::Nodata => text!(
                "Nothing is to be mended in the zone: it passes by itself, for a cache keeps the absence of a name no longer than the last field of the SOA record says. If the resolver is yours, empty it: {flush}. Check: `{dig}`. Next time publish a new name before anybody asks for it, or give the SOA of {zone} a smaller last field.",
                "존에서 고칠 것은 없으며 저절로 해결됩니다. 캐시는 이름이 없다는 응답을 SOA 레코드의 마지막 값보다 오래 두지 않습니다. 직접 운영하는 리졸버라면 캐시를 비우세요: {flush}. 확인: `{dig}`. 다음에는 누가 조회하기 전에 새 이름을 게시하거나, {zone}의 SOA 마지막 값을 줄이세요."
            ),
            _ => text!(
                "The zone is right: it passes when the TTL runs out. If the resolver is yours, empty it: {flush}. Check: `{dig}`. Before the next change to {zone}, lower the TTL first.",
                "존은 올바르며, TTL이 끝나면 해결됩니다. 직접 운영하는 리졸버라면 캐시를 비우세요: {flush}. 확인: `{dig}`. 다음에 {zone}을(를) 바꿀 때는 먼저 TTL을 줄이세요."
            ),
        }
    }

    fn with_times(&self, mut finding: Finding) -> Finding {
        let (held, truth) = (self.held.reply, self.truth);
        if let Some(alias) = &held.alias {
            finding = finding.evidence("cname", &**alias);
        }
        if let Some(ttl) = held.ttl {
            finding = finding.evidence("ttl_seconds", ttl);
        }
        // An old record may have had a longer one; a cache may also have made it longer.
        if let Some(own) = truth.ttl.filter(|&own| held.ttl.is_some_and(|ttl| ttl > own)) {
            finding = finding.evidence("zone_ttl_seconds", own);
        }
        if let Some(end) = self.past.end {
            finding = finding.evidence("expires_at", moment(end));
        }
        if let Some(missed) = self.past.missed {
            finding = finding.evidence("had_to_expire_at", moment(missed));
        }
        finding.evidence("stale_since", moment(self.past.since))
    }
}

fn shown(reply: &Reply) -> serde_json::Value {
    match reply.outcome.values() {
        [] => reply.outcome.label().into(),
        values => values.iter().map(|value| clip(value)).collect::<Vec<_>>().into(),
    }
}

/// Says of a resolver that fails, and answers when it need not validate, that DNSSEC is why.
pub(in crate::probe::dns) fn bogus(
    survey: &Survey,
    unchecked: &[Unchecked],
    findings: &mut Vec<Finding>,
) {
    for answer in unchecked {
        let server = &survey.servers[answer.server];
        let Some(asked) = survey.questions().get(answer.question) else { continue };
        let (who, title) = (server.title(), title(&asked.name, asked.record_type));
        let got = said(&answer.outcome, asked.record_type);
        let (got_en, got_ko) = (&got.en, &got.ko);
        let dig = dig(server, &asked.name, asked.record_type);
        let zone = render_name(&survey.zone);
        let finding = Finding::new(
            Code::DnsBogus,
            &*who,
            text!(
                "resolver {who} withholds {title} because DNSSEC does not validate there (SERVFAIL); without validation it answers {got_en}",
                "리졸버 {who}에서 DNSSEC 검증에 실패해 {title} 응답을 주지 않습니다(SERVFAIL). 검증 없이는 {got_ko}(으)로 답합니다"
            ),
            text!(
                "Compare `{dig}` with `{dig} +cd`. If other validating resolvers fail too, the zone's signatures or its DS are wrong: `delv {zone} SOA` says which. If only this one fails, look at its clock (`date -u`) and its trust anchor, and empty its cache: `unbound-control flush_bogus`.",
                "`{dig}`와 `{dig} +cd`를 비교하세요. 다른 검증 리졸버도 실패하면 존의 서명이나 DS가 잘못된 것입니다(`delv {zone} SOA`로 확인). 이 리졸버만 실패하면 시계(`date -u`)와 신뢰 앵커를 확인하고 캐시를 비우세요: `unbound-control flush_bogus`."
            ),
        )
        // Whether the zone is at fault is judged by its own signatures.
        .severity(Severity::Warning)
        .evidence("nameserver", &*server.name)
        .evidence("got", "servfail")
        .evidence("unchecked", answer.outcome.values().iter().map(|v| clip(v)).collect::<Vec<_>>());
        let is_failure =
            |old: &Finding| old.code == Code::DnsUnreachable && old.subject == finding.subject;
        match findings.iter_mut().find(|old| is_failure(old)) {
            Some(old) => *old = finding,
            None => findings.push(finding),
        }
    }
}
