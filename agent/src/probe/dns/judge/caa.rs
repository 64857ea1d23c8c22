//! The CAA sets that count for certificates in use, server by server. Where servers differ, those
//! are named whose set forbids the renewal: a CA may ask any of them.

use std::collections::{BTreeMap, BTreeSet};

use health::{Code, Finding, Severity, Text, text};
use hickory_proto::rr::{Name, RecordType};

use crate::probe::dns::Renewal;
use crate::probe::dns::caa::{Answers, Found, Refusal, Request, Subject, decide, deciding_tag};
use crate::probe::dns::server::Server;
use crate::probe::dns::survey::clip;
use crate::probe::dns::values::render_name;
use crate::probe::dns::wording::{dig, names};

/// Names, records and checks that one finding lists at most.
const MOST_LISTED: usize = 16;

/// A name whose certificate could not be issued again, as one server has it.
struct Refused<'a> {
    subject: &'a Subject,
    values: &'a [String],
    why: Refusal,
}

/// Everything that forbids a renewal. `serves` says of whom answers are expected at all.
pub(in crate::probe::dns) fn judge(
    subjects: &[Subject],
    answers: &Answers,
    renewal: &Renewal,
    serves: impl Fn(&Server) -> bool,
) -> Vec<Finding> {
    let asked: Vec<usize> =
        (0..answers.servers.len()).filter(|&index| serves(&answers.servers[index])).collect();
    // By the name that the set stands at, then by server.
    let mut refused: BTreeMap<String, BTreeMap<usize, Vec<Refused<'_>>>> = BTreeMap::new();
    let mut unanswered: BTreeMap<usize, Vec<(&Subject, String, String)>> = BTreeMap::new();
    for &server in &asked {
        for subject in subjects {
            match answers.climb(server, &subject.name) {
                Found::Set { at, values } => {
                    let Subject { ca, is_wildcard, .. } = subject;
                    let request = Request { ca, is_wildcard: *is_wildcard, renewal };
                    if let Err(why) = decide(values, request) {
                        let of_server = refused.entry(at).or_default().entry(server).or_default();
                        of_server.push(Refused { subject, values, why });
                    }
                }
                Found::Unanswered { at, outcome } => {
                    let lost = (subject, at, outcome.label().into_owned());
                    unanswered.entry(server).or_default().push(lost);
                }
                Found::Nothing | Found::Unknown => {}
            }
        }
    }
    let mut findings = Vec::new();
    for (at, by_server) in &refused {
        let servers =
            |these: &[usize]| these.iter().map(|&index| &answers.servers[index]).collect();
        let mut cases = by_server.iter();
        let alike = by_server.len() == asked.len() && {
            let sets: BTreeSet<_> = by_server.values().map(|all| all[0].values).collect();
            sets.len() == 1
        };
        if alike {
            if let Some((_, all)) = cases.next() {
                findings.push(forbidden(at, all, servers(&asked), None, renewal));
            }
        } else {
            for (&server, all) in cases {
                let title = answers.servers[server].title();
                findings.push(forbidden(at, all, servers(&[server]), Some(&title), renewal));
            }
        }
    }
    findings.extend(silent(answers, &unanswered, asked.len()));
    findings
}

fn forbidden(
    at: &str,
    all: &[Refused<'_>],
    servers: Vec<&Server>,
    odd: Option<&str>,
    renewal: &Renewal,
) -> Finding {
    let soonest = all.iter().min_by_key(|refused| refused.subject.in_use.not_after);
    let Some(Refused { subject, values, why }) = soonest.or(all.first()) else {
        // Nothing is refused without somebody to refuse.
        return Finding::new(Code::DnsCaa, at, Text::same(at), Text::same(at));
    };
    let (ca, check) = (subject.ca.first().map_or("", |ca| ca), &subject.in_use.check);
    let end = subject.in_use.not_after.strftime("%Y-%m-%d").to_string();
    let named = listed(all.iter().map(|refused| shown(refused.subject)));
    let mut names = named.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    if named.len() > 3 {
        names.push_str(", …");
    }
    let who = odd.map_or_else(|| Text::same(""), |who| text!(" on {who}", " ({who})"));
    let (who_en, who_ko) = (&who.en, &who.ko);
    let because = reason(why, ca, subject, values);
    let (because_en, because_ko) = (&because.en, &because.ko);
    let lines = listed(all.iter().filter_map(|refused| line(at, refused, renewal)));
    let remedy = remedy(at, why, &lines, servers[0]);
    let finding = Finding::new(
        Code::DnsCaa,
        match odd {
            Some(who) => format!("{at} CAA @ {who}"),
            None => format!("{at} CAA"),
        },
        text!(
            "the CAA of {at}{who_en} {because_en}: the certificate of {names} (check {check}) cannot be renewed, it ends on {end}",
            "{at}의 CAA{who_ko} {because_ko} {names} 인증서(점검 {check})를 갱신할 수 없습니다. 만료일은 {end}입니다"
        ),
        remedy,
    );
    finding
        .evidence("certificate", listed(all.iter().map(|r| r.subject.in_use.check.to_string())))
        .evidence("names", named)
        .evidence("issuer", clip(&subject.in_use.issuer))
        .evidence("ends", subject.in_use.not_after.to_string())
        .evidence("found_at", at)
        .evidence("expected", lines)
        .evidence("got", listed(values.iter().map(|value| clip(value))))
        .evidence("servers", listed(servers.iter().map(|server| server.title())))
}

/// What the set says, as it reads after "the CAA of …".
fn reason(why: &Refusal, ca: &str, subject: &Subject, values: &[String]) -> Text {
    let tag = deciding_tag(values, subject.is_wildcard);
    let some = |list: &[String]| clip(&list.join(", "));
    match why {
        Refusal::Critical(tag) => text!(
            "has the critical property `{tag}`, which CAs do not know, so none may issue",
            "레코드에 CA가 알지 못하는 필수(critical) 속성 `{tag}`이(가) 있어 어떤 CA도 발급할 수 없으므로"
        ),
        Refusal::Nobody => text!(
            "allows nobody to issue (`{tag} \";\"`)",
            "레코드가 누구에게도 발급을 허용하지 않아(`{tag} \";\"`)"
        ),
        Refusal::Malformed(value) => text!(
            "has `{tag} \"{value}\"`, which cannot be read and therefore allows nobody",
            "레코드의 `{tag} \"{value}\"` 값을 해석할 수 없어 누구에게도 허용하지 않는 것으로 처리되므로",
            value = clip(value)
        ),
        Refusal::Others(others) => text!(
            "allows {others} ({tag}) but not {ca}",
            "레코드({tag})가 {others}만 허용하고 {ca}은(는) 허용하지 않아",
            others = some(others)
        ),
        Refusal::Account(accounts) => text!(
            "allows {ca} for the account {accounts} alone",
            "레코드가 {ca}의 계정 {accounts}에만 발급을 허용해",
            accounts = some(accounts)
        ),
        Refusal::Method(methods) => text!(
            "allows {ca} with {methods} alone",
            "레코드가 {ca}에 {methods} 방식만 허용해",
            methods = some(methods)
        ),
    }
}

/// The record that would permit it.
fn line(at: &str, refused: &Refused<'_>, renewal: &Renewal) -> Option<String> {
    let Refused { subject, values, why } = refused;
    let ca = subject.ca.first()?;
    let tag = deciding_tag(values, subject.is_wildcard);
    let dotted = at.trim_end_matches('.');
    let parameters = match why {
        Refusal::Critical(_) => return None,
        Refusal::Account(_) => format!("; accounturi={}", renewal.account.as_ref()?),
        Refusal::Method(_) if subject.is_wildcard => "; validationmethods=dns-01".to_owned(),
        Refusal::Method(_) => format!("; validationmethods={}", renewal.method?),
        Refusal::Nobody | Refusal::Malformed(_) | Refusal::Others(_) => String::new(),
    };
    Some(format!("{dotted}. CAA 0 {tag} \"{ca}{parameters}\""))
}

fn remedy(at: &str, why: &Refusal, lines: &[String], server: &Server) -> Text {
    let name = Name::from_ascii(at).unwrap_or_default();
    let dig = dig(server, &name, RecordType::CAA);
    if let Refusal::Critical(tag) = why {
        return text!(
            "Remove the property `{tag}` from {at}, or write it with flags 0. Check: `{dig}`.",
            "{at}에서 `{tag}` 속성을 지우거나 플래그를 0으로 바꾸세요. 확인: `{dig}`."
        );
    }
    if lines.is_empty() {
        return text!(
            "Name one account only in each CAA record of {at}, that of the ACME client: `certbot show_account`. Check: `{dig}`.",
            "{at}의 CAA 레코드마다 ACME 클라이언트의 계정 하나만 적으세요: `certbot show_account`. 확인: `{dig}`."
        );
    }
    let add = lines.iter().map(|line| format!("`{line}`")).collect::<Vec<_>>().join(", ");
    text!(
        "Add to the zone of {at}, on every nameserver: {add}. Check: `{dig}`. If this CA is not meant to issue any more, have the certificate renewed by one that is.",
        "{at}이(가) 있는 존에 다음 레코드를 추가하고 모든 네임서버에 반영하세요: {add}. 확인: `{dig}`. 더는 쓰지 않을 CA라면 허용된 CA에서 인증서를 다시 발급받으세요."
    )
}

/// Servers that serve the zone and do not answer for CAA.
fn silent(
    answers: &Answers,
    unanswered: &BTreeMap<usize, Vec<(&Subject, String, String)>>,
    asked: usize,
) -> Vec<Finding> {
    let zone = render_name(&answers.zone);
    let is_all = unanswered.len() == asked;
    let told = |servers: &[usize], lost: &[(&Subject, String, String)], subject, severity| {
        let (_, at, how) = lost.first()?;
        let shown_servers: Vec<&Server> =
            servers.iter().map(|&index| &answers.servers[index]).collect();
        let who = names(shown_servers.iter().copied());
        let (who_en, who_ko) = (&who.en, &who.ko);
        let name = Name::from_ascii(at).unwrap_or_default();
        let finding = Finding::new(
            Code::DnsCaa,
            subject,
            text!(
                "{who_en} answers {how} when asked for the CAA of {at}: a CA that cannot learn it must not issue",
                "{who_ko}에 {at}의 CAA를 물으면 응답이 {how}입니다. CAA를 확인할 수 없는 CA는 발급하지 않습니다"
            ),
            text!(
                "A server has to answer for every type, with an empty answer where there is none: `{dig}`. Look at its log, at signatures, and at a firewall in front of it that drops types it does not know.",
                "서버는 레코드가 없더라도 모든 유형에 (빈 답으로라도) 응답해야 합니다: `{dig}`. 서버 로그와 서명, 모르는 유형을 버리는 방화벽이 있는지 확인하세요.",
                dig = dig(shown_servers[0], &name, RecordType::CAA)
            ),
        );
        Some(
            finding
                .severity(severity)
                .evidence("found_at", at.as_str())
                .evidence("got", how.as_str())
                .evidence("names", listed(lost.iter().map(|(subject, ..)| shown(subject))))
                .evidence("servers", listed(shown_servers.iter().map(|server| server.title()))),
        )
    };
    if is_all {
        let servers: Vec<usize> = unanswered.keys().copied().collect();
        let lost = unanswered.values().next();
        let title = format!("{zone} CAA");
        lost.and_then(|lost| told(&servers, lost, title, Severity::Warning)).into_iter().collect()
    } else {
        // A CA asks another one.
        let each = unanswered.iter().filter_map(|(&server, lost)| {
            let title = format!("{zone} CAA @ {}", answers.servers[server].title());
            told(&[server], lost, title, Severity::Notice)
        });
        each.collect()
    }
}

fn shown(subject: &Subject) -> String {
    let star = if subject.is_wildcard { "*." } else { "" };
    format!("{star}{}", render_name(&subject.name))
}

/// Sorted, each once, and not too many.
fn listed(all: impl Iterator<Item = String>) -> Vec<String> {
    all.collect::<BTreeSet<_>>().into_iter().take(MOST_LISTED).collect()
}
