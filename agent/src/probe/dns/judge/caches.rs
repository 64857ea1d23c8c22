//! Resolvers against the authoritative truth: a cache that still holds what the zone no longer
//! says. Where the zone itself is not right, its own findings speak and caches are not judged.

use health::{Code, Finding, text};

use super::records::is_same;
use crate::probe::dns::question::Role;
use crate::probe::dns::reply::{Outcome, Reply};
use crate::probe::dns::server::Server;
use crate::probe::dns::survey::{Asked, Survey, clip};
use crate::probe::dns::values::render_name;
use crate::probe::dns::wording::{dig, lasting, said, title};

/// Findings about one record in the caches named by the plan.
pub(super) fn judge(survey: &Survey, record: &Asked) -> Vec<Finding> {
    let reply = |index: usize| &survey.replies[index][record.planned.question];
    let truths: Vec<&Reply> =
        survey.authorities().map(reply).filter(|reply| reply.outcome.is_statement()).collect();
    let Some(truth) = truths.iter().find(|truth| record.planned.expected.holds(&truth.outcome))
    else {
        return Vec::new();
    };
    let resolvers = survey.servers.iter().enumerate();
    resolvers
        .filter(|(_, server)| server.role == Role::Resolver)
        .map(|(index, server)| (server, reply(index)))
        .filter(|(_, held)| held.outcome.is_statement() && !is_current(held, record, &truths))
        .map(|(server, held)| stale(survey, record, server, held, truth))
        .collect()
}

/// What the cache holds is what some authoritative server says now, or what the plan wants.
fn is_current(held: &Reply, record: &Asked, truths: &[&Reply]) -> bool {
    let is_said = truths.iter().any(|truth| {
        is_same(&truth.outcome, &held.outcome)
            // The servers see where their own CNAME points, only the cache what is behind it.
            || matches!(&truth.outcome, Outcome::Alias(target) if held.alias.as_ref() == Some(target))
    });
    let is_planned =
        !matches!(record.planned.expected, crate::probe::dns::expectation::Expected::Anything)
            && record.planned.expected.holds(&held.outcome);
    is_said || is_planned
}

fn stale(survey: &Survey, record: &Asked, server: &Server, held: &Reply, truth: &Reply) -> Finding {
    let title = title(&record.planned.name, record.planned.record_type);
    let (who, name, zone) =
        (server.title(), render_name(&record.planned.name), render_name(&survey.zone));
    let old = match &held.alias {
        // The CNAME itself is what is old, whatever it leads to.
        Some(target) if truth.alias.as_ref() != Some(target) => Outcome::Alias(target.clone()),
        _ => held.outcome.clone(),
    };
    let (old, new) =
        (said(&old, record.planned.record_type), said(&truth.outcome, record.planned.record_type));
    let (old_en, old_ko, new_en, new_ko) = (&old.en, &old.ko, &new.en, &new.ko);
    let left =
        held.ttl.map_or_else(|| text!("a time it does not tell", "알 수 없는 시간"), lasting);
    let (left_en, left_ko) = (&left.en, &left.ko);
    let finding = Finding::new(
        Code::DnsStaleCache,
        format!("{title} @ {who}"),
        text!(
            "{who} still serves the old {title} ({old_en}) for {left_en}; the nameservers have {new_en}",
            "{who}에 {title}의 예전 응답({old_ko})이 앞으로 {left_ko} 동안 남아 있습니다. 네임서버의 응답은 {new_ko}입니다"
        ),
        text!(
            "The zone is right: it passes when the TTL runs out. If the resolver is yours, empty it: `unbound-control flush {name}`, `rndc flushname {name}` or `resolvectl flush-caches`. Check: `{dig}`. Before the next change to {zone}, lower the TTL first.",
            "존은 올바르며, TTL이 끝나면 해결됩니다. 직접 운영하는 리졸버라면 캐시를 비우세요: `unbound-control flush {name}`, `rndc flushname {name}` 또는 `resolvectl flush-caches`. 확인: `{dig}`. 다음에 {zone}을(를) 바꿀 때는 먼저 TTL을 줄이세요.",
            dig = dig(server, &record.planned.name, record.planned.record_type)
        ),
    );
    let shown = |reply: &Reply| match reply.outcome.values() {
        [] => reply.outcome.label().into(),
        values => {
            serde_json::Value::from(values.iter().map(|value| clip(value)).collect::<Vec<_>>())
        }
    };
    let mut finding = finding.evidence("expected", shown(truth)).evidence("got", shown(held));
    if let Some(alias) = &held.alias {
        finding = finding.evidence("cname", &**alias);
    }
    if let Some(ttl) = held.ttl {
        finding = finding.evidence("ttl_seconds", ttl);
    }
    finding.evidence("resolver", &*server.name)
}
