//! One record on every authoritative server: against the plan, and server against server.
//!
//! Where some servers have what the plan says and others do not, the servers disagree, and each
//! odd one is named. Where none has it, the record itself is wrong, and that is said once.

use health::{Code, Finding, Text, text};
use serde_json::{Map, Value};

use super::super::expectation::Expected;
use super::super::reply::{Outcome, Reply};
use super::super::server::Server;
use super::super::survey::{Asked, SOA, Survey, clip};
use super::super::wording::{dig, names, said, title, wanted};
use hickory_proto::rr::RecordType;

/// Findings about one record.
pub(super) fn judge(survey: &Survey, record: &Asked) -> Vec<Finding> {
    let trial = Trial { survey, record, title: title(&record.name, record.record_type) };
    trial.findings()
}

/// Servers that say the same.
struct Group<'a> {
    outcome: &'a Outcome,
    is_wildcard: bool,
    holds: bool,
    /// Indices.
    servers: Vec<usize>,
}

struct Trial<'a> {
    survey: &'a Survey,
    record: &'a Asked,
    title: String,
}

impl<'a> Trial<'a> {
    fn findings(&self) -> Vec<Finding> {
        let (good, bad): (Vec<_>, Vec<_>) =
            self.groups().into_iter().partition(|group| group.holds);
        let mut findings = self.broken_chains(&good);
        let must_agree = self.survey.consistent;
        if bad.is_empty() {
            if must_agree && good.len() > 1 {
                findings.extend(self.disagreement(&good));
            }
        } else if must_agree && !good.is_empty() {
            for group in &bad {
                for &server in &group.servers {
                    findings.push(self.odd_one(server, group, &good, wording_of_plan()));
                    if matches!(self.record.expected, Expected::Absent) || is_broken(group.outcome)
                    {
                        let code = self.code(group);
                        let subject = format!("{} @ {}", self.title, self.server(server).title());
                        findings.push(self.violation(code, subject, &[(group, &[server])]));
                    }
                }
            }
        } else {
            let mut codes: Vec<Code> = bad.iter().map(|group| self.code(group)).collect();
            codes.sort_unstable();
            codes.dedup();
            for code in codes {
                let such = bad.iter().filter(|group| self.code(group) == code);
                let such: Vec<_> = such.map(|group| (group, &*group.servers)).collect();
                findings.push(self.violation(code, self.title.clone(), &such));
            }
            if must_agree && bad.len() > 1 {
                findings.extend(self.disagreement(&bad));
            }
        }
        findings
    }

    fn server(&self, index: usize) -> &'a Server {
        &self.survey.servers[index]
    }

    fn reply(&self, index: usize) -> &'a Reply {
        &self.survey.replies[index][self.record.question]
    }

    /// What the authoritative servers state, those that say the same together.
    fn groups(&self) -> Vec<Group<'a>> {
        let mut groups: Vec<Group<'a>> = Vec::new();
        for server in self.survey.authorities() {
            let outcome = &self.reply(server).outcome;
            if !outcome.is_statement() {
                continue;
            }
            let control = self.record.control.get(server).and_then(Option::as_ref);
            let is_wildcard = control.is_some_and(|control| control == outcome);
            let known = groups
                .iter_mut()
                .find(|group| group.is_wildcard == is_wildcard && is_same(group.outcome, outcome));
            match known {
                Some(group) => group.servers.push(server),
                None => groups.push(Group {
                    outcome,
                    is_wildcard,
                    holds: self.record.expected.holds(outcome),
                    servers: vec![server],
                }),
            }
        }
        groups
    }

    fn is_acme(&self) -> bool {
        self.record.record_type == RecordType::TXT
            && self.record.name.iter().next() == Some(b"_acme-challenge")
    }

    /// What it is called when a server answers like this group.
    fn code(&self, group: &Group<'_>) -> Code {
        match (&self.record.expected, group.outcome) {
            (_, Outcome::Loop(_)) => Code::DnsCnameLoop,
            (_, Outcome::Dangling(_)) => Code::DnsDangling,
            (_, Outcome::Values(_)) if group.is_wildcard => Code::DnsWildcard,
            (Expected::Absent, Outcome::Values(_)) if self.is_acme() => Code::DnsAcmeLeftover,
            (Expected::Absent, _) => Code::DnsUnexpected,
            (_, Outcome::Values(_)) if self.is_acme() => Code::DnsAcmeMismatch,
            (_, Outcome::Nxdomain) => Code::DnsNxdomain,
            (_, Outcome::Nodata | Outcome::Delegated(_)) => Code::DnsMissing,
            _ => Code::DnsDrift,
        }
    }

    /// A planned CNAME that is there, and leads nowhere or in circles.
    fn broken_chains(&self, good: &[Group<'a>]) -> Vec<Finding> {
        let Some(follow) = self.record.follow else { return Vec::new() };
        let mut broken: Vec<Group<'a>> = Vec::new();
        for &server in good.iter().flat_map(|group| &group.servers) {
            let outcome = &self.survey.replies[server][follow].outcome;
            if !is_broken(outcome) {
                continue;
            }
            match broken.iter_mut().find(|group| group.outcome == outcome) {
                Some(group) => group.servers.push(server),
                None => broken.push(Group {
                    outcome,
                    is_wildcard: false,
                    holds: false,
                    servers: vec![server],
                }),
            }
        }
        broken
            .iter()
            .map(|group| {
                self.violation(self.code(group), self.title.clone(), &[(group, &*group.servers)])
            })
            .collect()
    }

    /// Nobody has what the plan says: said once, with the servers listed.
    fn violation(&self, code: Code, subject: String, groups: &[(&Group<'_>, &[usize])]) -> Finding {
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
        let mut finding = Finding::new(code, subject, summary, remedy)
            .evidence("expected", self.record.expected.to_string())
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
        let title = &self.title;
        let who = self.who(listed);
        let (who_en, who_ko) = (who.en, who.ko);
        let got: Vec<Text> =
            groups.iter().map(|(group, _)| said(group.outcome, self.record.record_type)).collect();
        let join = |side: fn(&Text) -> &String, or: &str| {
            got.iter().map(|said| side(said).as_str()).collect::<Vec<_>>().join(or)
        };
        let (got_en, got_ko) = (join(|said| &said.en, " or "), join(|said| &said.ko, " 또는 "));
        let plan = wanted(&self.record.expected, self.record.record_type);
        let (plan_en, plan_ko) = (plan.en, plan.ko);
        let dig = listed.first().map_or_else(String::new, |&server| {
            dig(self.server(server), &self.record.name, self.record.record_type)
        });
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
                    "{title}: {who_en} answer {got_en}, though the plan says there is no such record",
                    "{title}: 계획에는 없어야 하는데 {who_ko}의 응답은 {got_ko}입니다"
                ),
                text!(
                    "Remove the record from the zone, or take `absent` out of the plan if it belongs there. Check: `{dig}`.",
                    "존에서 이 레코드를 지우거나, 있어야 하는 것이면 계획에서 `absent`를 빼세요. 확인: `{dig}`."
                ),
            ),
            Code::DnsWildcard => (
                text!(
                    "{title}: the answer of {who_en}, {got_en}, comes from a wildcard; the record itself is missing (planned: {plan_en})",
                    "{title}: {who_ko}의 응답 {got_ko}은(는) 와일드카드에서 온 것이고, 레코드 자체는 없습니다(계획: {plan_ko})"
                ),
                text!(
                    "Add the record itself to the zone, or plan what the wildcard answers. Check: `{dig}`.",
                    "존에 이 레코드를 직접 추가하거나, 와일드카드가 답하는 값을 계획에 적으세요. 확인: `{dig}`."
                ),
            ),
            Code::DnsDangling | Code::DnsCnameLoop => (
                text!(
                    "{title}: {who_en} answer with {got_en}",
                    "{title}: {who_ko}의 응답은 {got_ko}입니다"
                ),
                text!(
                    "Point the CNAME at a name that has an address, or remove it. Check: `{dig}`.",
                    "CNAME이 주소가 있는 이름을 가리키게 고치거나 지우세요. 확인: `{dig}`."
                ),
            ),
            _ => (
                text!(
                    "{title}: {who_en} answer {got_en}, the plan says {plan_en}",
                    "{title}: {who_ko}의 응답은 {got_ko}, 계획은 {plan_ko}입니다"
                ),
                text!(
                    "If the plan is right, correct the record where the zone is kept (hosting panel or zone file; mind the serial) and check: `{dig}`. If the zone is right, correct the plan.",
                    "계획이 맞다면 존을 관리하는 곳(호스팅 관리 화면 또는 존 파일, 시리얼 증가 포함)에서 레코드를 고치고 확인하세요: `{dig}`. 존이 맞다면 계획을 고치세요."
                ),
            ),
        }
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

    /// The servers disagree and the plan does not decide: the largest group is the norm, the
    /// newest serial breaks a tie.
    fn disagreement(&self, groups: &[Group<'_>]) -> Vec<Finding> {
        let weight = |group: &Group<'_>| {
            let serials = group.servers.iter().map(|&index| self.survey.replies[index][SOA].serial);
            (group.servers.len(), serials.max().flatten())
        };
        let heaviest = groups.iter().map(weight).max();
        let mut norms = groups.iter().filter(|group| Some(weight(group)) == heaviest);
        let (Some(norm), None) = (norms.next(), norms.next()) else {
            return vec![self.split(groups)];
        };
        let got = said(norm.outcome, self.record.record_type);
        let odd = groups.iter().filter(|group| !std::ptr::eq(*group, norm));
        odd.flat_map(|group| group.servers.iter().map(move |&server| (group, server)))
            .map(|(group, server)| {
                self.odd_one(server, group, std::slice::from_ref(norm), got.clone())
            })
            .collect()
    }

    /// One server that says something else than the norm.
    fn odd_one(
        &self,
        server: usize,
        group: &Group<'_>,
        norm: &[Group<'_>],
        norm_said: Text,
    ) -> Finding {
        let (title, who) = (&self.title, self.server(server).title());
        let others: Vec<usize> = norm.iter().flat_map(|group| &group.servers).copied().collect();
        let named = names(others.iter().map(|&index| self.server(index)));
        let got = said(group.outcome, self.record.record_type);
        let (got_en, got_ko, others_en, others_ko) = (&got.en, &got.ko, &named.en, &named.ko);
        let (norm_en, norm_ko) = (&norm_said.en, &norm_said.ko);
        let dig = dig(self.server(server), &self.record.name, self.record.record_type);
        let zone = title_of_zone(self.survey);
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
                "{who} answers {title} with {got_en}; {others_en} have {norm_en}",
                "{title}: {who}의 응답은 {got_ko}, {others_ko}의 응답은 {norm_ko}입니다"
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
        let title = &self.title;
        let side = |group: &Group<'_>| {
            let who = names(group.servers.iter().map(|&index| self.server(index)));
            let got = said(group.outcome, self.record.record_type);
            (format!("{} – {}", who.en, got.en), format!("{} – {}", who.ko, got.ko))
        };
        let (en, ko): (Vec<String>, Vec<String>) = groups.iter().map(side).unzip();
        let (en, ko) = (en.join("; "), ko.join("; "));
        let listed: Vec<usize> = groups.iter().flat_map(|group| &group.servers).copied().collect();
        let dig = listed.first().map_or_else(String::new, |&server| {
            dig(self.server(server), &self.record.name, self.record.record_type)
        });
        Finding::new(
            Code::DnsInconsistent,
            &**title,
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
        match (&self.record.expected, norm) {
            (Expected::Anything, [group, ..]) => match group.outcome.values() {
                [] => group.outcome.label().into(),
                values => values.iter().map(|value| clip(value)).collect::<Vec<_>>().into(),
            },
            (expected, _) => expected.to_string().into(),
        }
    }

    /// Every server's answer as evidence.
    fn answers(&self, servers: &[usize]) -> Map<String, Value> {
        servers.iter().map(|&index| (self.server(index).title(), self.shown(index))).collect()
    }

    fn shown(&self, server: usize) -> Value {
        let outcome = &self.reply(server).outcome;
        match outcome.values() {
            [] => outcome.label().into(),
            values => values.iter().take(16).map(|value| clip(value)).collect::<Vec<_>>().into(),
        }
    }
}

/// Two ways of saying the same: that there is nothing.
pub(super) fn is_same(one: &Outcome, other: &Outcome) -> bool {
    let is_absence = |outcome| matches!(outcome, &Outcome::Nodata | &Outcome::Nxdomain);
    one == other || (is_absence(one) && is_absence(other))
}

fn is_broken(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Loop(_) | Outcome::Dangling(_))
}

fn wording_of_plan() -> Text {
    text!("what the plan says", "계획과 같은 값")
}

fn title_of_zone(survey: &Survey) -> String {
    super::super::values::render_name(&survey.zone)
}
