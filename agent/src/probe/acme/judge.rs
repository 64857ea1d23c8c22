//! What the trials of a probe amount to: which hop fails for which domain, and how sure that is.
//!
//! A connection that is refused is the address's fault and told once, whatever the domains; everything
//! later is told for each domain at each address. Deliberately absent: zones and CAA, which the dns
//! checks judge.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use health::facts::HopFacts;
use health::{Code, Finding, Severity, Text, text};

use super::reached::{DIALLED, Outlook, Reached};
use super::remedy::{refused, remedy};
use super::token::{self, Challenge, Unput};
use super::trial::{Stumble, Trial};
use super::{Spec, wording};
use crate::net::{Failure, could_not_look};
use crate::probe::forward::is_own_network;
use crate::tls;

/// Everything that stands in the way of the next validation, as far as the trials tell.
pub(super) fn judge(
    spec: &Spec,
    trials: &[Trial],
    challenge: &Challenge,
    reached: &Reached,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut closed: BTreeMap<SocketAddr, Vec<&Trial>> = BTreeMap::new();
    for trial in trials {
        match (&trial.end, trial.address) {
            (Ok(()), address) => findings.extend(
                address.filter(|_| spec.connect.is_empty()).and_then(|at| private(trial, at)),
            ),
            // Nobody but the renewer notices.
            (Err(Stumble::Unresolved(finding)), None) => {
                findings.push((**finding).clone().severity(Severity::Warning));
            }
            (Err(Stumble::Closed(Failure::Exhausted(lack), _)), _) => {
                findings.push(could_not_look(&trial.aim.domain, lack));
            }
            (Err(Stumble::Closed(..)), Some(address)) if trial.hops.len() == 1 => {
                closed.entry(address).or_default().push(trial);
            }
            (Err(stumble), Some(address)) => {
                findings.push(lost(spec, trial, stumble, address, challenge, reached));
            }
            (Err(_), None) => {}
        }
    }
    for (address, shut_out) in closed {
        findings.extend(shut(spec, address, &shut_out, trials, reached));
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// An answer, but not the challenge; or a redirect to where nobody answers.
fn lost(
    spec: &Spec,
    trial: &Trial,
    stumble: &Stumble,
    address: SocketAddr,
    challenge: &Challenge,
    reached: &Reached,
) -> Finding {
    let (aim, hops) = (&trial.aim, &trial.hops);
    let (domain, webroot) = (&aim.domain, &aim.webroot);
    let what = wording::what(stumble);
    let (what_en, what_ko) = (&what.en, &what.ko);
    let tokenless = |url: &str| url.replace(&challenge.name, "TOKEN");
    let place = hops.last().map(|hop| wording::place(hop, &tokenless)).unwrap_or_default();
    let sender = hops.iter().rev().nth(1).map(|hop| tokenless(&hop.url));
    let (number, dialled) = (hops.len(), hops.last().and_then(|hop| hop.address));
    let summary = match &sender {
        None => text!(
            "the challenge for {domain} does not come back from {place}: {what_en}",
            "{domain}의 챌린지를 {place}에서 받지 못했습니다: {what_ko}"
        ),
        Some(sender) => text!(
            "the challenge for {domain} does not come back: request {number}, to {place}, where {sender} redirects to, fails: {what_en}",
            "{domain}의 챌린지를 받지 못했습니다. {sender}에서 리다이렉트된 {number}번째 요청({place})이 실패합니다: {what_ko}"
        ),
    };
    let severity = match (stumble, dialled) {
        (Stumble::Closed(_, outlook), Some(at)) => certainty(*outlook, reached.knows(at)),
        _ => Severity::Warning,
    };
    let mut finding = Finding::new(
        Code::AcmeHttp01,
        tls::subject(address, domain),
        summary,
        remedy(spec, trial, stumble, challenge),
    )
    .severity(severity)
    .evidence("domain", &**domain)
    .evidence("address", address.to_string())
    .evidence(DIALLED, dialled.unwrap_or(address).to_string())
    .evidence("hop", number)
    .evidence("hops", hops.iter().map(|hop| told(hop, &tokenless)).collect::<Vec<_>>())
    .evidence("expected", "200 and the contents of the file")
    .evidence("got", &*what.en)
    .evidence("file", token::folder(webroot).join("TOKEN").display().to_string());
    if let Stumble::Status(_, Some(server)) | Stumble::Instead(_, Some(server)) = stumble {
        finding = finding.evidence("server", &**server);
    }
    finding.evidence("by_hand", wording::by_hand(spec, domain, webroot))
}

/// Where not reaching somebody proves nothing, it is a notice.
fn certainty(outlook: Outlook, was_reached: bool) -> Severity {
    match outlook {
        Outlook::Fair => Severity::Warning,
        Outlook::Behind if was_reached => Severity::Warning,
        Outlook::Behind | Outlook::NoWay => Severity::Notice,
    }
}

/// Nobody accepts at the address that names lead to.
fn shut(
    spec: &Spec,
    address: SocketAddr,
    shut_out: &[&Trial],
    trials: &[Trial],
    reached: &Reached,
) -> Option<Finding> {
    let Err(Stumble::Closed(failure, outlook)) = &shut_out.first()?.end else { return None };
    let others: Vec<&Trial> = trials
        .iter()
        .filter(|other| other.address != Some(address))
        .filter(|other| shut_out.iter().any(|trial| trial.aim.domain == other.aim.domain))
        .collect();
    // Its other addresses speak for it; that this machine has no IPv6 is not news.
    let is_judged = others.iter().any(|other| {
        !matches!(other.end, Err(Stumble::Closed(_, Outlook::NoWay) | Stumble::Unresolved(_)))
    });
    if *outlook == Outlook::NoWay && is_judged {
        return None;
    }
    let passes = others.iter().find(|other| other.end.is_ok()).and_then(|other| other.address);
    let names: Vec<&str> = shut_out.iter().map(|trial| &*trial.aim.domain).collect();
    let severity = certainty(*outlook, reached.knows(address));
    let what = wording::failed(failure, *outlook);
    let (what_en, what_ko, named) = (&what.en, &what.ko, wording::few(&names));
    let summary = match (severity, passes) {
        (Severity::Notice, _) => text!(
            "whether a challenge for {named} would be reached at {address} cannot be told from here: {what_en}",
            "{named}의 챌린지에 {address}(으)로 닿을 수 있는지 여기서는 알 수 없습니다: {what_ko}"
        ),
        (_, Some(other)) => text!(
            "a challenge for {named} cannot be fetched from {address}, though it can from {other}: {what_en}",
            "{named}의 챌린지를 {address}에서 가져올 수 없습니다({other}에서는 됩니다): {what_ko}"
        ),
        (_, None) => text!(
            "a challenge for {named} cannot be fetched from {address}: {what_en}",
            "{named}의 챌린지를 {address}에서 가져올 수 없습니다: {what_ko}"
        ),
    };
    let finding = Finding::new(
        Code::AcmeHttp01,
        address.to_string(),
        summary,
        refused(spec, address, names.first()?, passes, severity),
    );
    Some(
        finding
            .severity(severity)
            .evidence("domains", names)
            .evidence(DIALLED, address.to_string())
            .evidence("hop", 1)
            .evidence("expected", "a connection")
            .evidence("got", &*what.en),
    )
}

/// It came back, but from where no CA can ask.
fn private(trial: &Trial, address: SocketAddr) -> Option<Finding> {
    let (domain, ip) = (&trial.aim.domain, address.ip());
    if !is_own_network(ip) {
        return None;
    }
    let finding = Finding::new(
        Code::AcmeHttp01,
        tls::subject(address, domain),
        text!(
            "{domain} leads to {ip} here, a private address, and the challenge comes back from there; whether it would from outside cannot be told",
            "여기서는 {domain}이(가) 사설 주소 {ip}(으)로 이어지고 챌린지도 받았습니다. 밖에서도 되는지는 알 수 없습니다"
        ),
        text!(
            "A CA asks its own resolver and leaves private addresses out. See what others are told: `dig +trace {domain} A {domain} AAAA`. If the inner way is what this check is to look at, say so: `connect = \"{address}\"`, and watch the outer one with a [[forward]].",
            "CA는 자체 리졸버에 묻고 사설 주소는 쓰지 않습니다. 밖에서는 무엇이 보이는지 확인하세요: `dig +trace {domain} A {domain} AAAA`. 안쪽 경로만 볼 체크라면 `connect = \"{address}\"`(으)로 밝히고, 바깥쪽은 [[forward]]로 감시하세요."
        ),
    );
    Some(finding.severity(Severity::Notice).evidence("address", address.to_string()))
}

/// A webroot that nothing could be put into.
pub(super) fn unput(webroot: &std::path::Path, unput: &Unput) -> Finding {
    let (at, error) = (unput.path.display(), &unput.error);
    let (root, folder) = (webroot.display(), token::folder(webroot));
    let (folder, owner) = (folder.display(), wording::own_user());
    let (what, remedy): (Text, Text) = match error.kind() {
        std::io::ErrorKind::NotFound if unput.path == webroot => (
            text!("the webroot {root} does not exist", "webroot {root}이(가) 없습니다"),
            text!(
                "If it has moved, correct `webroot` of this check, and `webroot_path` and `[[webroot_map]]` in certbot's renewal file; if it was removed, make it again as the server has it: `nginx -T | grep -n -A3 acme-challenge`, `mkdir -p {root}`.",
                "옮겼다면 이 체크의 `webroot`와 certbot 갱신 파일의 `webroot_path`, `[[webroot_map]]`을 고치세요. 지워졌다면 서버 설정에 맞게 다시 만드세요: `nginx -T | grep -n -A3 acme-challenge`, `mkdir -p {root}`."
            ),
        ),
        std::io::ErrorKind::NotADirectory | std::io::ErrorKind::AlreadyExists => (
            text!(
                "the webroot {root} cannot hold a challenge: something that is no folder is in the way at {at}",
                "webroot {root}에 챌린지를 둘 수 없습니다: {at}에 폴더가 아닌 것이 있습니다"
            ),
            text!(
                "See what is there: `ls -ld {at}`. Move it away; a renewer needs a folder there.",
                "무엇이 있는지 확인하세요: `ls -ld {at}`. 갱신 도구에는 폴더가 필요하니 옮기세요."
            ),
        ),
        std::io::ErrorKind::PermissionDenied => (
            text!(
                "portwarden, as {owner}, may not write to {at}: nothing was tried. A renewer that runs as root is not kept from it",
                "portwarden(사용자 {owner})이 {at}에 쓸 수 없어 시험하지 못했습니다. root로 실행되는 갱신 도구는 문제가 없을 수 있습니다"
            ),
            text!(
                "Give it the folder of challenges and nothing else: `mkdir -p {folder} && setfacl -m u:{owner}:rwx {folder}`. See who may now: `namei -l {folder}`.",
                "챌린지 폴더에만 쓸 수 있게 하세요: `mkdir -p {folder} && setfacl -m u:{owner}:rwx {folder}`. 현재 권한 확인: `namei -l {folder}`."
            ),
        ),
        _ => (
            text!(
                "no challenge can be put into the webroot {root}: {error}, at {at}",
                "webroot {root}에 챌린지를 둘 수 없습니다: {error} ({at})"
            ),
            text!(
                "A renewer would fail in the same way. Look at the file system: `df -h {root}; df -i {root}; findmnt -T {root}`.",
                "갱신 도구도 똑같이 실패합니다. 파일 시스템을 확인하세요: `df -h {root}; df -i {root}; findmnt -T {root}`."
            ),
        ),
    };
    Finding::new(Code::AcmeHttp01, root.to_string(), what, remedy)
        .evidence("webroot", root.to_string())
        .evidence("path", unput.path.display().to_string())
        .evidence("error", error.to_string())
}

fn told(hop: &HopFacts, tokenless: &impl Fn(&str) -> String) -> String {
    let place = wording::place(hop, tokenless);
    let status = hop.status.map(|status| format!(" → {status}")).unwrap_or_default();
    let location = hop.location.as_deref().map(|to| format!(" {}", tokenless(to)));
    format!("{place}{status}{}", location.unwrap_or_default())
}
