//! What is said when a record is not what the plan wants.

use health::{Code, Finding, Severity, Text, text};
use serde_json::Value;

use super::{Group, Trial};
use crate::probe::dns::expectation::Expected;
use crate::probe::dns::reply::Outcome;
use crate::probe::dns::server::absolute;
use crate::probe::dns::survey::clip;
use crate::probe::dns::wording::{dig, names, said, wanted};

impl Trial<'_> {
    /// Nobody has what the plan says: said once, with the servers listed.
    pub(super) fn violation(
        &self,
        code: Code,
        subject: String,
        groups: &[(&Group<'_>, &[usize])],
    ) -> Finding {
        let listed: Vec<usize> = groups.iter().flat_map(|(_, servers)| *servers).copied().collect();
        let (summary, remedy) = self.wording(code, groups, &listed);
        let values: Vec<String> = groups
            .iter()
            .flat_map(|(group, _)| group.outcome.values().iter().take(16).map(|value| clip(value)))
            .collect();
        let got: Value = match groups {
            [(group, _)] if values.is_empty() => group.outcome.label().into(),
            _ => values.into(),
        };
        // Behind a planned record a wildcard leads visitors elsewhere; behind an absent one it is
        // only not as planned.
        let severity = match (code, &self.record.planned.expected) {
            (Code::DnsWildcard, Expected::Exactly(_) | Expected::Contains(_)) => Severity::Critical,
            _ => code.severity(),
        };
        let mut finding = Finding::new(code, subject, summary, remedy)
            .severity(severity)
            .evidence("expected", self.record.planned.expected.to_string())
            .evidence("got", got)
            .evidence("nameservers", self.answers(&listed));
        if let Some(alias) = listed.iter().find_map(|&server| self.reply(server).alias.as_deref()) {
            finding = finding.evidence("cname", alias);
        }
        finding
    }

    fn wording(
        &self,
        code: Code,
        groups: &[(&Group<'_>, &[usize])],
        listed: &[usize],
    ) -> (Text, Text) {
        let title = self.title();
        let who = self.who(listed);
        let (who_en, who_ko) = (who.en, who.ko);
        let got: Vec<Text> = groups
            .iter()
            .map(|(group, _)| said(group.outcome, self.record.planned.record_type))
            .collect();
        let join = |side: fn(&Text) -> &String, or: &str| {
            got.iter().map(|said| side(said).as_str()).collect::<Vec<_>>().join(or)
        };
        let (got_en, got_ko) = (join(|said| &said.en, " or "), join(|said| &said.ko, " 또는 "));
        let plan = wanted(&self.record.planned.expected, self.record.planned.record_type);
        let (plan_en, plan_ko) = (plan.en, plan.ko);
        let dig = listed.first().map_or_else(String::new, |&server| {
            dig(self.server(server), &self.record.planned.name, self.record.planned.record_type)
        });
        let outside = self.lost_outside(groups).unwrap_or_default();
        match code {
            Code::DnsAcmeLeftover => (
                text!(
                    "{title}: an old challenge is left behind on {who_en}: {got_en}",
                    "{title}: 예전 챌린지 값 {got_ko}이(가) {who_ko}에 남아 있습니다"
                ),
                text!(
                    "Remove the TXT record where the zone is kept (hosting panel, or the ACME client's clean-up hook) before the next renewal. Check: `{dig}`.",
                    "다음 갱신 전에 존을 관리하는 곳(호스팅 관리 화면 또는 ACME 클라이언트의 정리 훅)에서 이 TXT 레코드를 지우세요. 확인: `{dig}`."
                ),
            ),
            Code::DnsUnexpected => (
                text!(
                    "{title}: {got_en} on {who_en}, though the plan says there is no such record",
                    "{title}: 계획에는 없어야 하는데 {who_ko}의 응답은 {got_ko}입니다"
                ),
                text!(
                    "Remove the record from the zone, or take `absent` out of the plan if it belongs there. Check: `{dig}`.",
                    "존에서 이 레코드를 지우거나, 있어야 하는 것이면 계획에서 `absent`를 빼세요. 확인: `{dig}`."
                ),
            ),
            Code::DnsWildcard => (
                text!(
                    "{title}: the answer on {who_en}, {got_en}, comes from a wildcard; the record itself is missing (planned: {plan_en})",
                    "{title}: {who_ko}의 응답 {got_ko}은(는) 와일드카드에서 온 것이고, 레코드 자체는 없습니다(계획: {plan_ko})"
                ),
                text!(
                    "Add the record itself to the zone, or plan what the wildcard answers. Check: `{dig}`.",
                    "존에 이 레코드를 직접 추가하거나, 와일드카드가 답하는 값을 계획에 적으세요. 확인: `{dig}`."
                ),
            ),
            Code::DnsDangling if !outside.is_empty() => (
                text!("{title}: {got_en} on {who_en}", "{title}: {who_ko}의 응답은 {got_ko}입니다"),
                text!(
                    "Remove the CNAME, or point it at a name that exists. Do it soon: whoever registers {outside} at that provider speaks for this name, with visitors' cookies and certificates (subdomain takeover). Check: `{dig}`, then `dig {outside}`.",
                    "CNAME을 지우거나 존재하는 이름을 가리키게 고치세요. 서두르세요: 그 서비스에서 {outside}을(를) 먼저 등록하는 사람이 이 이름을 차지해 방문자의 쿠키와 인증서까지 손에 넣을 수 있습니다(서브도메인 탈취). 확인: `{dig}`, 이어서 `dig {outside}`."
                ),
            ),
            Code::DnsDangling | Code::DnsCnameLoop => (
                text!("{title}: {got_en} on {who_en}", "{title}: {who_ko}의 응답은 {got_ko}입니다"),
                text!(
                    "Point the CNAME at a name that has an address, or remove it. Check: `{dig}`.",
                    "CNAME이 주소가 있는 이름을 가리키게 고치거나 지우세요. 확인: `{dig}`."
                ),
            ),
            _ => (
                text!(
                    "{title}: {got_en} on {who_en}, the plan says {plan_en}",
                    "{title}: {who_ko}의 응답은 {got_ko}, 계획은 {plan_ko}입니다"
                ),
                text!(
                    "If the plan is right, correct the record where the zone is kept (hosting panel or zone file; mind the serial) and check: `{dig}`. If the zone is right, correct the plan.",
                    "계획이 맞다면 존을 관리하는 곳(호스팅 관리 화면 또는 존 파일, 시리얼 증가 포함)에서 레코드를 고치고 확인하세요: `{dig}`. 존이 맞다면 계획을 고치세요."
                ),
            ),
        }
    }

    /// The name outside the zone that a CNAME leads to, and that does not exist.
    fn lost_outside<'g>(&self, groups: &'g [(&Group<'_>, &[usize])]) -> Option<&'g str> {
        groups.iter().find_map(|(group, _)| match group.outcome {
            Outcome::Dangling(target) => {
                let name = absolute(target).ok()?;
                (!self.survey.zone.zone_of(&name)).then_some(target.as_str())
            }
            _ => None,
        })
    }

    /// The servers in a sentence: by name, unless it is simply all of them.
    fn who(&self, listed: &[usize]) -> Text {
        let all =
            self.survey.authorities().filter(|&index| self.reply(index).outcome.is_statement());
        if listed.len() > 1 && all.count() == listed.len() {
            text!("all nameservers", "모든 네임서버")
        } else {
            names(listed.iter().map(|&index| self.server(index)))
        }
    }
}
