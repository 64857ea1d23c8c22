//! Times to live against the limits of the plan, on authoritative answers alone: in a cache they
//! run down. That servers differ within the limits is no fault of any.

use health::{Code, Finding, text};

use crate::probe::dns::reply::Outcome;
use crate::probe::dns::survey::{Asked, Survey};
use crate::probe::dns::wording::{dig, names, title};

/// A finding when the TTL of a record is out of its limits on some server.
pub(super) fn judge(survey: &Survey, record: &Asked) -> Option<Finding> {
    let planned = &record.planned;
    let limits = planned.ttl;
    if limits.min_seconds.is_none() && limits.max_seconds.is_none() {
        return None;
    }
    let said = survey.authorities().filter(|&server| !survey.is_following(server));
    let wrong: Vec<(usize, u32)> = said
        .filter_map(|server| {
            let reply = &survey.replies[server][planned.question];
            let is_there = matches!(reply.outcome, Outcome::Values(_) | Outcome::Alias(_));
            let ttl = reply.ttl.filter(|_| is_there)?;
            let is_low = limits.min_seconds.is_some_and(|least| ttl < least);
            let is_high = limits.max_seconds.is_some_and(|most| ttl > most);
            (is_low || is_high).then_some((server, ttl))
        })
        .collect();
    let &(first, _) = wrong.first()?;
    let title = title(&planned.name, planned.record_type);
    let who = names(wrong.iter().map(|&(server, _)| &survey.servers[server]));
    let (who_en, who_ko) = (&who.en, &who.ko);
    let mut ttls: Vec<u32> = wrong.iter().map(|&(_, ttl)| ttl).collect();
    ttls.sort_unstable();
    ttls.dedup();
    let got = ttls.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let (plan_en, plan_ko) = match (limits.min_seconds, limits.max_seconds) {
        (Some(least), Some(most)) => (format!("{least} to {most}"), format!("{least}~{most}")),
        (Some(least), None) => (format!("at least {least}"), format!("{least} 이상")),
        (None, Some(most)) => (format!("at most {most}"), format!("{most} 이하")),
        (None, None) => return None,
    };
    let all: serde_json::Map<String, serde_json::Value> =
        wrong.iter().map(|&(server, ttl)| (survey.servers[server].title(), ttl.into())).collect();
    Some(
        Finding::new(
            Code::DnsTtl,
            &*title,
            text!(
                "{title}: the TTL on {who_en} is {got} seconds, the plan says {plan_en}",
                "{title}: {who_ko}의 TTL은 {got}초, 계획은 {plan_ko}초입니다"
            ),
            text!(
                "Set the TTL of the record where the zone is kept (hosting panel or zone file), or change `min_ttl` and `max_ttl` in the plan. Before a move, lower it at least the old TTL in advance. Check: `{dig}`.",
                "존을 관리하는 곳(호스팅 관리 화면 또는 존 파일)에서 레코드의 TTL을 고치거나, 계획의 `min_ttl`과 `max_ttl`을 바꾸세요. 이전 작업 전에는 적어도 기존 TTL만큼 앞서 줄여 두어야 합니다. 확인: `{dig}`.",
                dig = dig(&survey.servers[first], &planned.name, planned.record_type)
            ),
        )
        .evidence("expected_seconds", plan_en)
        .evidence("got_seconds", got)
        .evidence("nameservers", all),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hickory_proto::rr::RecordType;

    use super::super::tests::{list, survey};
    use super::*;
    use crate::probe::dns::serial::Standing;
    use crate::probe::dns::{Expectation, TtlLimits};

    #[test]
    fn limits_hold_for_what_is_there() {
        let values = Outcome::Values(list(&["192.0.2.10"]));
        let limits = |min_seconds, max_seconds| TtlLimits { min_seconds, max_seconds };
        let minute_to_hour = limits(Some(60), Some(3600));
        let table = [
            ("no limits", limits(None, None), values.clone(), [0, 1, 2, 1 << 31], None),
            ("the edges", minute_to_hour, values.clone(), [60, 3600, 60, 61], None),
            ("differ within", minute_to_hour, values.clone(), [60, 300, 600, 3600], None),
            ("one too low", minute_to_hour, values.clone(), [59, 60, 60, 60], Some("59")),
            ("all too high", minute_to_hour, values, [3601; 4], Some("3601")),
            (
                "too low alone",
                limits(Some(60), None),
                Outcome::Alias("x.test".into()),
                [5; 4],
                Some("5"),
            ),
            ("an absence", minute_to_hour, Outcome::Nodata, [5; 4], None),
        ];
        for (case, limits, outcome, ttls, expected) in table {
            let record = ("www.shop.example.", RecordType::A, Expectation::Anything);
            let mut survey = survey(record, &[(); 4].map(|()| outcome.clone()));
            let planned = &survey.records[0].planned;
            let question = planned.question;
            let mut planned = planned.with_expected(planned.expected.clone());
            planned.ttl = limits;
            survey.records[0].planned = Arc::new(planned);
            for (row, ttl) in survey.replies.iter_mut().zip(ttls) {
                row[question].ttl = Some(ttl);
            }
            let finding = judge(&survey, &survey.records[0]);
            let got = finding.as_ref().map(|finding| finding.evidence["got_seconds"].clone());
            assert_eq!(got, expected.map(Into::into), "{case}");
            survey.standings = vec![Standing::Following; 4];
            assert!(
                judge(&survey, &survey.records[0]).is_none(),
                "{case}: its transfer is under way"
            );
        }
    }
}
