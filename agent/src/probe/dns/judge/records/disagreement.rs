//! What is said when the servers of one zone do not say the same.

use health::{Code, Finding, Text, text};
use serde_json::Value;

use super::{Group, Trial};
use crate::probe::dns::expectation::Expected;
use crate::probe::dns::inquiry::SOA;
use crate::probe::dns::survey::clip;
use crate::probe::dns::values::render_name;
use crate::probe::dns::wording::{dig, have, names, said};

impl Trial<'_> {
    /// The servers disagree and the plan does not decide: the largest group is the norm, the
    /// newest serial breaks a tie.
    pub(super) fn disagreement(&self, groups: &[Group<'_>]) -> Vec<Finding> {
        let weight = |group: &Group<'_>| {
            let serials = group.servers.iter().map(|&index| self.survey.replies[index][SOA].serial);
            (group.servers.len(), serials.max().flatten())
        };
        let heaviest = groups.iter().map(weight).max();
        let mut norms = groups.iter().filter(|group| Some(weight(group)) == heaviest);
        let (Some(norm), None) = (norms.next(), norms.next()) else {
            return vec![self.split(groups)];
        };
        let got = said(norm.outcome, self.record.planned.record_type);
        let odd = groups.iter().filter(|group| !std::ptr::eq(*group, norm));
        odd.flat_map(|group| group.servers.iter().map(move |&server| (group, server)))
            .map(|(group, server)| self.odd_one(server, group, std::slice::from_ref(norm), &got))
            .collect()
    }

    /// One server that says something else than the norm.
    pub(super) fn odd_one(
        &self,
        server: usize,
        group: &Group<'_>,
        norm: &[Group<'_>],
        norm_said: &Text,
    ) -> Finding {
        let (title, who) = (self.title(), self.server(server).title());
        let others: Vec<usize> = norm.iter().flat_map(|group| &group.servers).copied().collect();
        let named = names(others.iter().map(|&index| self.server(index)));
        let got = said(group.outcome, self.record.planned.record_type);
        let (got_en, got_ko, others_en, others_ko) = (&got.en, &got.ko, &named.en, &named.ko);
        let (norm_en, norm_ko) = (&norm_said.en, &norm_said.ko);
        let dig =
            dig(self.server(server), &self.record.planned.name, self.record.planned.record_type);
        let zone = render_name(&self.survey.zone);
        let remedy = if self.is_acme() {
            text!(
                "Wait for {who} before asking the CA; check: `{dig}`. If it does not follow within minutes, save the record again in the hosting panel, or see in the server's log why {zone} is not transferred.",
                "{who}에 반영된 뒤에 인증 기관에 요청하세요. 확인: `{dig}`. 몇 분이 지나도 그대로면 호스팅 관리 화면에서 레코드를 다시 저장하거나, 서버 로그에서 {zone} 존이 전송되지 않는 이유를 확인하세요."
            )
        } else {
            text!(
                "Check: `{dig}`. If its copy is old, have the primary notify it (`knotc zone-notify {zone}`, `nsd-control notify {zone}`, `rndc notify {zone}`) or save the zone again in the hosting panel; if that does not help, send the command and its output to whoever runs {who}.",
                "확인: `{dig}`. 예전 사본이라면 주 서버에서 다시 알리거나(`knotc zone-notify {zone}`, `nsd-control notify {zone}`, `rndc notify {zone}`) 호스팅 관리 화면에서 존을 다시 저장하세요. 그래도 안 되면 {who} 운영자에게 이 명령과 결과를 보내세요."
            )
        };
        let finding = Finding::new(
            Code::DnsInconsistent,
            format!("{title} @ {who}"),
            text!(
                "{who} answers {title} with {got_en}; {others_en} {have} {norm_en}",
                "{title}: {who}의 응답은 {got_ko}, {others_ko}의 응답은 {norm_ko}입니다",
                have = have(others.len())
            ),
            remedy,
        )
        .evidence("expected", self.expected(norm))
        .evidence("got", self.shown(server))
        .evidence("nameserver", &*self.server(server).name);
        let finding = match self.server(server).address {
            Some(address) => finding.evidence("address", address.to_string()),
            None => finding,
        };
        let finding = match self.survey.replies[server][SOA].serial {
            Some(serial) => finding.evidence("serial", serial),
            None => finding,
        };
        finding.evidence("others", self.answers(&others))
    }

    /// As many say one thing as another.
    fn split(&self, groups: &[Group<'_>]) -> Finding {
        let title = self.title();
        let side = |group: &Group<'_>| {
            let who = names(group.servers.iter().map(|&index| self.server(index)));
            let got = said(group.outcome, self.record.planned.record_type);
            (format!("{} – {}", who.en, got.en), format!("{} – {}", who.ko, got.ko))
        };
        let (en, ko): (Vec<String>, Vec<String>) = groups.iter().map(side).unzip();
        let (en, ko) = (en.join("; "), ko.join("; "));
        let listed: Vec<usize> = groups.iter().flat_map(|group| &group.servers).copied().collect();
        let dig = listed.first().map_or_else(String::new, |&server| {
            dig(self.server(server), &self.record.planned.name, self.record.planned.record_type)
        });
        Finding::new(
            Code::DnsInconsistent,
            &*title,
            text!(
                "{title}: the nameservers disagree: {en}",
                "{title}: 네임서버들의 응답이 서로 다릅니다: {ko}"
            ),
            text!(
                "Ask each of them, as in `{dig}`, find the one with the newest zone, and see in the others' logs why they do not follow. Planned values would decide which is right.",
                "`{dig}`처럼 각각 물어보고 최신 존을 가진 서버를 찾은 뒤, 나머지 서버의 로그에서 따라오지 않는 이유를 확인하세요. 계획에 값을 적으면 어느 쪽이 맞는지 판단할 수 있습니다."
            ),
        )
        .evidence("nameservers", self.answers(&listed))
    }

    fn expected(&self, norm: &[Group<'_>]) -> Value {
        match (&self.record.planned.expected, norm) {
            (Expected::Anything, [group, ..]) => match group.outcome.values() {
                [] => group.outcome.label().into(),
                values => values.iter().map(|value| clip(value)).collect::<Vec<_>>().into(),
            },
            (expected, _) => expected.to_string().into(),
        }
    }
}
