//! Challenges as a CA sees them: what is left behind and since when, how much of it, where a
//! delegated one leads and who is wrong there, and a value that sits at a doubled name.

use std::time::Duration;

use health::{Code, Finding, Severity, Text, text};
use hickory_proto::rr::Name;

use super::{records, servers};
use crate::probe::dns::challenge::{Dead, Doubled, Pursuit, Way};
use crate::probe::dns::expectation::Expected;
use crate::probe::dns::inquiry::Planned;
use crate::probe::dns::reply::Outcome;
use crate::probe::dns::survey::{Survey, clip};
use crate::probe::dns::values::render_name;
use crate::probe::dns::wording::{dig, moment, quote, title};

/// Values side by side that are too many. No CA names a number: Let's Encrypt says that it refuses
/// answers that get too large, and with twelve, CAs have been seen to miss the right one. Eight
/// digests of 43 characters are what an answer of 512 bytes, the least that all resolvers take over
/// UDP, has room for.
const MANY: usize = 8;
/// Countries that sell names below second labels, and those labels.
const COUNTRIES: [&str; 17] = [
    "au", "br", "cn", "hk", "id", "il", "in", "jp", "kr", "my", "nz", "sg", "th", "tr", "tw", "uk",
    "za",
];
const SOLD_BELOW: [&str; 10] = ["ac", "co", "com", "me", "ne", "net", "or", "org", "pe", "re"];

/// Adds what the pursuit of one challenge has shown to the findings about it.
pub(super) fn judge(survey: &Survey, pursuit: &Pursuit, findings: &mut Vec<Finding>) {
    let Some(record) = survey.records.get(pursuit.record) else { return };
    let planned = &*record.planned;
    let title = title(&planned.name, planned.record_type);
    for finding in findings.iter_mut().filter(|finding| is_about(finding, &title)) {
        match finding.code {
            Code::DnsAcmeLeftover => date(finding, planned, pursuit, survey),
            Code::DnsWildcard if planned.expected == Expected::Absent => {
                finding.remedy = wildcard(planned);
            }
            _ => {}
        }
    }
    findings.extend(too_many(survey, planned, &title));
    for way in &pursuit.ways {
        findings.extend(along(way, planned, pursuit, survey));
    }
    if let Some(doubled) = &pursuit.doubled {
        let finding = misplaced(survey, planned, doubled, &title, findings);
        findings.push(finding);
    }
}

fn is_about(finding: &Finding, title: &str) -> bool {
    finding.subject.strip_prefix(title).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// How many are left, and how old the oldest is as far as this agent knows.
fn date(finding: &mut Finding, planned: &Planned, pursuit: &Pursuit, survey: &Survey) {
    let Some((value, &oldest)) = pursuit.seen.iter().min_by_key(|&(_, since)| since) else {
        return;
    };
    let count = pursuit.seen.len();
    let age = survey.asked_at.duration_since(oldest).unsigned_abs();
    let since = elapsed(age);
    let (since_en, since_ko) = (&since.en, &since.ko);
    let values = if count == 1 { "value" } else { "values" };
    finding.summary.en.push_str(&format!(" ({count} {values}, seen for {since_en})"));
    finding.summary.ko.push_str(&format!(" (값 {count}개, {since_ko} 전부터)"));
    finding.evidence.insert("count".to_owned(), count.into());
    finding.evidence.insert("challenge".to_owned(), render_name(&planned.name).into());
    finding.evidence.insert("oldest".to_owned(), clip(value).into());
    finding.evidence.insert("first_seen".to_owned(), moment(oldest).into());
    finding.evidence.insert("age_seconds".to_owned(), age.as_secs().into());
}

fn elapsed(age: Duration) -> Text {
    let time = age.as_secs();
    match time {
        0..=119 => text!("{time} seconds", "{time}초"),
        120..=7199 => text!("{minutes} minutes", "{minutes}분", minutes = time / 60),
        7200..=172_799 => text!("{hours} hours", "{hours}시간", hours = time / 3600),
        _ => text!("{days} days", "{days}일", days = time / 86_400),
    }
}

fn wildcard(planned: &Planned) -> Text {
    let name = render_name(&planned.name.base_name());
    text!(
        "A wildcard TXT record (`*.{name}`) answers for the challenge's name too, next to which a CA has to find its own value. Take the wildcard away, or give the names that need the text a record each.",
        "와일드카드 TXT 레코드(`*.{name}`)가 챌린지 이름에도 응답하므로 인증 기관이 값을 확인하는 데 방해가 됩니다. 와일드카드를 없애거나, 필요한 이름에만 레코드를 따로 두세요."
    )
}

/// More values than fit, on the server that has most of them.
fn too_many(survey: &Survey, planned: &Planned, title: &str) -> Option<Finding> {
    let counts = survey.authorities().filter_map(|server| {
        match &survey.replies[server][planned.question].outcome {
            Outcome::Values(values) => Some((values.len(), server)),
            _ => None,
        }
    });
    let (count, server) = counts.max_by_key(|&(count, server)| (count, usize::MAX - server))?;
    if count <= MANY {
        return None;
    }
    let dig = dig(&survey.servers[server], &planned.name, planned.record_type);
    let who = survey.servers[server].title();
    Some(
        Finding::new(
            Code::DnsAcmeLeftover,
            format!("{title}, too many"),
            text!(
                "{title}: {count} values side by side on {who}: the answer outgrows 512 bytes, and CAs refuse or cut answers that get too large; up to {MANY} are safe",
                "{title}: {who}에 값이 {count}개 있습니다. 응답이 512바이트를 넘어 인증 기관이 거부하거나 일부만 읽을 수 있습니다. {MANY}개까지가 안전합니다"
            ),
            text!(
                "Remove all of them that no validation is waiting for right now, in the hosting panel or with the ACME client's clean-up hook. Check: `{dig}`.",
                "지금 검증을 기다리는 값을 뺀 나머지를 호스팅 관리 화면이나 ACME 클라이언트의 정리 훅으로 지우세요. 확인: `{dig}`."
            ),
        )
        .evidence("count", count)
        .evidence("limit", MANY)
        .evidence("nameserver", &*survey.servers[server].name),
    )
}

/// What is wrong where a delegated challenge leads.
fn along(way: &Way, planned: &Planned, pursuit: &Pursuit, origin: &Survey) -> Vec<Finding> {
    let there = match &way.end {
        Ok(there) => there,
        Err(dead) => return vec![dead_end(dead, way, planned)],
    };
    let Some(record) = there.records.first() else { return Vec::new() };
    // What this machine could not ask says nothing of those it would have asked.
    if there.lack().is_some() {
        return Vec::new();
    }
    let zone = render_name(&there.zone);
    let mut findings = servers::judge(there);
    let mut of_record = records::judge(there, record);
    if is_unregistered(there, way) {
        let lost = |finding: &Finding| finding.code == Code::DnsNxdomain;
        of_record.retain(|finding| !lost(finding));
        of_record.push(dead_end(&Dead::Nowhere, way, planned));
        findings.extend(of_record);
        return findings;
    }
    for finding in &mut of_record {
        match finding.code {
            Code::DnsAcmeLeftover => date(finding, planned, pursuit, origin),
            // A name that is missing where a CNAME leads to it.
            Code::DnsNxdomain => finding.code = Code::DnsDangling,
            _ => {}
        }
    }
    of_record.extend(too_many(there, &record.planned, &title(&way.target, planned.record_type)));
    findings.extend(of_record);
    let (from, target) = (render_name(&planned.name), render_name(&way.target));
    for finding in &mut findings {
        let (en, ko) = (&finding.summary.en, &finding.summary.ko);
        finding.summary = text!(
            "{from} is delegated to {target} in the zone {zone}; there: {en}",
            "{from}은(는) {zone} 존의 {target}(으)로 위임되어 있습니다. 그곳: {ko}"
        );
        finding.evidence.insert("challenge".to_owned(), from.clone().into());
        finding.evidence.insert("zone".to_owned(), zone.clone().into());
    }
    findings
}

/// The nearest zone is one in which names are sold, and does not know the name: what was delegated
/// to has expired, and whoever registers it gets certificates.
fn is_unregistered(there: &Survey, way: &Way) -> bool {
    is_registry(&there.zone)
        && way.target.num_labels() > there.zone.num_labels()
        && there.records.iter().take(1).any(|record| {
            there.authorities().any(|server| {
                there.replies[server][record.planned.question].outcome == Outcome::Nxdomain
            })
        })
}

/// A top-level domain, or what a country's registry sells names below: co.kr, com.au.
fn is_registry(zone: &Name) -> bool {
    let labels: Vec<&[u8]> = zone.iter().collect();
    match labels[..] {
        [_] => true,
        [second, country] => {
            let is_in = |list: &[&str], label: &[u8]| {
                list.iter().any(|one| one.as_bytes().eq_ignore_ascii_case(label))
            };
            is_in(&SOLD_BELOW, second) && is_in(&COUNTRIES, country)
        }
        _ => false,
    }
}

fn dead_end(dead: &Dead, way: &Way, planned: &Planned) -> Finding {
    let (from, target) = (render_name(&planned.name), render_name(&way.target));
    let subject = format!("{from} CNAME");
    match dead {
        Dead::Nowhere => Finding::new(
            Code::DnsDangling,
            subject,
            text!(
                "{from} is delegated to {target}, which lies in no zone that exists: no challenge can be published, and whoever registers that domain can have certificates issued",
                "{from}이(가) 가리키는 {target}은(는) 존재하는 어떤 존에도 속하지 않습니다. 챌린지를 게시할 수 없고, 그 도메인을 등록하는 사람은 누구나 인증서를 발급받을 수 있습니다"
            ),
            text!(
                "Point the CNAME at a name in a zone of yours, or remove it: `dig {from} CNAME`. See whether the domain has expired: `dig {target} SOA`.",
                "CNAME을 직접 관리하는 존의 이름으로 고치거나 지우세요: `dig {from} CNAME`. 도메인이 만료되었는지 확인하세요: `dig {target} SOA`."
            ),
        ),
        Dead::Round(names) => {
            let way: Vec<String> = names.iter().map(render_name).collect();
            let way = way.join(" → ");
            Finding::new(
                Code::DnsCnameLoop,
                subject,
                text!(
                    "{from}: its CNAMEs never end: {way}",
                    "{from}: CNAME이 끝나지 않습니다: {way}"
                ),
                text!(
                    "Point one of them at a name that has the TXT record itself: `dig {from} CNAME`.",
                    "그중 하나를 TXT 레코드가 있는 이름으로 고치세요: `dig {from} CNAME`."
                ),
            )
        }
        Dead::Lost(cause) => {
            let (en, ko) = (&cause.summary.en, &cause.summary.ko);
            Finding::new(
                cause.code,
                subject,
                text!(
                    "{from} is delegated to {target}, and who serves that cannot be told: {en}",
                    "{from}은(는) {target}(으)로 위임되어 있는데 그 네임서버를 알 수 없습니다: {ko}"
                ),
                cause.remedy.clone(),
            )
            .severity(Severity::Warning)
        }
    }
    .evidence("challenge", from)
    .evidence("target", target)
}

/// The value sits where no CA looks: a panel has appended the zone to a name that had it already.
fn misplaced(
    survey: &Survey,
    planned: &Planned,
    doubled: &Doubled,
    title: &str,
    findings: &mut Vec<Finding>,
) -> Finding {
    let (name, zone) = (render_name(&doubled.name), render_name(&survey.zone));
    let found = quote(&doubled.values, planned.record_type);
    let relative = render_name(&planned.name);
    let relative = relative.strip_suffix(&format!(".{zone}")).unwrap_or(&relative);
    let holds = planned.expected.holds(&Outcome::Values(doubled.values.clone()));
    let wants = matches!(planned.expected, Expected::Exactly(_) | Expected::Contains(_));
    let is_wrong = findings.iter().any(|finding| is_about(finding, title));
    let evidence: Vec<String> = doubled.values.iter().map(|value| clip(value)).collect();
    let finding = if wants && is_wrong && holds {
        // This is why; that it is missing where it should be need not be said apart.
        let is_missing =
            |code| matches!(code, Code::DnsMissing | Code::DnsNxdomain | Code::DnsAcmeMismatch);
        findings.retain(|finding| !(finding.subject == title && is_missing(finding.code)));
        Finding::new(
            Code::DnsAcmeMismatch,
            title,
            text!(
                "{title}: the challenge is published at {name}, where no CA looks: the zone was appended to a name that already had it",
                "{title}: 챌린지가 인증 기관이 보지 않는 {name}에 게시되어 있습니다. 이미 존 이름이 들어 있는 이름 뒤에 존이 한 번 더 붙었습니다"
            ),
            text!(
                "In the hosting panel enter only `{relative}` as the name (or end the full name with a dot), and remove {name}. Then wait until all nameservers have it: `portwarden wait dns --zone {zone} -- {full} TXT VALUE`.",
                "호스팅 관리 화면에서 이름에 `{relative}`만 입력하고(또는 전체 이름 끝에 점을 찍고) {name}은(는) 지우세요. 그다음 모든 네임서버에 반영될 때까지 기다리세요: `portwarden wait dns --zone {zone} -- {full} TXT VALUE`.",
                full = render_name(&planned.name)
            ),
        )
        .evidence("expected", planned.expected.to_string())
    } else {
        Finding::new(
            Code::DnsAcmeLeftover,
            format!("{name} TXT"),
            text!(
                "{name} has {found}: somebody entered the full name of a challenge where the panel appends the zone",
                "{name}에 {found} 값이 있습니다. 존 이름이 자동으로 붙는 입력란에 챌린지의 전체 이름을 입력한 것입니다"
            ),
            text!(
                "No CA looks there: remove {name} from the zone, and next time enter only `{relative}`.",
                "인증 기관은 그 이름을 보지 않습니다. 존에서 {name}을(를) 지우고 다음에는 `{relative}`만 입력하세요."
            ),
        )
        .severity(Severity::Notice)
    };
    finding.evidence("doubled_name", name).evidence("doubled_values", evidence)
}

#[cfg(test)]
mod tests;
