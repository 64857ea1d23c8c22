//! What is to be tried: which domains, through which webroots; from the plan, and from what certbot
//! will do where the plan names its renewal file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use health::{Code, Finding, Severity, text};

use super::Spec;
use super::certbot::{Renewal, Unread};

/// Most names of a certificate that a CA of the public web issues.
const MOST_DOMAINS: usize = 100;

/// One domain and the webroot that its challenge goes into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Aim {
    pub(super) domain: Arc<str>,
    pub(super) webroot: PathBuf,
}

/// What is to be tried, and what already stands against it.
pub(super) fn aims(
    spec: &Spec,
    renewal: Option<&Result<Renewal, Unread>>,
) -> (Vec<Aim>, Vec<Finding>) {
    let path = spec.renewal.as_deref().unwrap_or(Path::new(""));
    let (known, mut findings) = match renewal {
        Some(Ok(renewal)) => (Some(renewal), otherwise(spec, renewal, path).into_iter().collect()),
        Some(Err(why)) => (None, vec![unread(path, why)]),
        None => (None, Vec::new()),
    };
    let known = known.filter(|renewal| renewal.authenticator.as_deref() == Some("webroot"));
    let named = known.map(|renewal| renewal.names.iter().map(|name| Arc::from(&**name)).collect());
    let domains: Vec<Arc<str>> = match named {
        Some(named) if spec.domains.is_empty() => named,
        _ => spec.domains.clone(),
    };
    // What cannot be validated over HTTP-01 is not renewed over it.
    let domains = domains.into_iter().filter(|domain| is_name(domain)).take(MOST_DOMAINS);
    let aims: Vec<Aim> = domains
        .filter_map(|domain| {
            let certbots = known.and_then(|renewal| renewal.webroot(&domain));
            let webroot = certbots.or(spec.webroot.as_deref())?.to_owned();
            Some(Aim { domain, webroot })
        })
        .collect();
    if let (Some(planned), Some(renewal)) = (&spec.webroot, known) {
        let elsewhere = aims.iter().find(|aim| !is_same_folder(&aim.webroot, planned));
        findings.extend(elsewhere.map(|aim| disagreement(path, planned, aim)));
        let unknown = spec.domains.iter().find(|domain| {
            !renewal.names.is_empty()
                && !renewal.names.iter().any(|name| name.eq_ignore_ascii_case(domain))
        });
        findings.extend(unknown.map(|domain| not_renewed(path, domain)));
    }
    if aims.is_empty() && findings.is_empty() {
        findings.push(nothing_to_try(path));
    }
    (aims, findings)
}

fn is_name(domain: &str) -> bool {
    !domain.starts_with("*.") && domain.parse::<std::net::IpAddr>().is_err()
}

fn is_same_folder(a: &Path, b: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    a == b || real(a) == real(b)
}

/// certbot does not renew through a webroot at all.
fn otherwise(spec: &Spec, renewal: &Renewal, path: &Path) -> Option<Finding> {
    let authenticator = renewal.authenticator.as_deref().unwrap_or("no authenticator");
    if authenticator == "webroot" || spec.webroot.is_some() {
        return None;
    }
    let path = path.display();
    let finding = Finding::new(
        Code::AcmeRenewal,
        path.to_string(),
        text!(
            "{path} renews by {authenticator}, not through a webroot: whether HTTP-01 would work was not tried",
            "{path}은(는) webroot가 아니라 {authenticator} 방식으로 갱신합니다. HTTP-01이 동작하는지는 시험하지 않았습니다"
        ),
        text!(
            "Nothing is known to be wrong. Have certbot try: `certbot renew --dry-run --cert-name NAME`. If a webroot is served all the same, give it to this check with `webroot` and `domains`; if not, this check has nothing to look at.",
            "잘못된 것이 확인된 것은 아닙니다. certbot으로 시험해 보세요: `certbot renew --dry-run --cert-name NAME`. 그래도 서비스 중인 webroot가 있다면 이 체크에 `webroot`와 `domains`로 알려 주시고, 없다면 이 체크는 볼 것이 없습니다."
        ),
    );
    Some(finding.severity(Severity::Notice).evidence("authenticator", authenticator))
}

fn unread(path: &Path, why: &Unread) -> Finding {
    let path = path.display();
    let finding =
        |summary, remedy| Finding::new(Code::AcmeRenewal, path.to_string(), summary, remedy);
    match why {
        Unread::Missing => finding(
            text!(
                "{path} does not exist: certbot renews nothing by it",
                "{path} 파일이 없습니다. certbot이 이 설정으로 갱신하는 인증서가 없습니다"
            ),
            text!(
                "See what certbot renews: `certbot certificates`, `ls /etc/letsencrypt/renewal/`. Issue the certificate again, or correct `renewal` of this check.",
                "certbot이 무엇을 갱신하는지 확인하세요: `certbot certificates`, `ls /etc/letsencrypt/renewal/`. 인증서를 다시 발급하거나 이 체크의 `renewal`을 고치세요."
            ),
        ),
        Unread::Closed(error) => finding(
            text!(
                "{path} cannot be read: {error}; what certbot will do is not known",
                "{path}을(를) 읽을 수 없습니다: {error}. certbot이 무엇을 할지 알 수 없습니다"
            ),
            text!(
                "Let the user that portwarden runs as read it: `setfacl -m u:portwarden:r {path}`. See who may: `namei -l {path}`.",
                "portwarden을 실행하는 사용자가 읽을 수 있게 하세요: `setfacl -m u:portwarden:r {path}`. 현재 권한 확인: `namei -l {path}`."
            ),
        )
        .severity(Severity::Notice)
        .evidence("error", error.as_str()),
        Unread::Foreign => finding(
            text!(
                "{path} has no [renewalparams]: certbot skips it as broken",
                "{path}에 [renewalparams]가 없습니다. certbot은 이 파일을 잘못된 것으로 보고 건너뜁니다"
            ),
            text!(
                "See what certbot makes of it: `certbot certificates`. Issue the certificate again, or correct `renewal` of this check.",
                "certbot이 어떻게 읽는지 확인하세요: `certbot certificates`. 인증서를 다시 발급하거나 이 체크의 `renewal`을 고치세요."
            ),
        ),
    }
}

fn nothing_to_try(path: &Path) -> Finding {
    let path = path.display();
    let finding = Finding::new(
        Code::AcmeRenewal,
        path.to_string(),
        text!(
            "{path} names no domain with a webroot: nothing was tried",
            "{path}에 webroot가 있는 도메인이 없어 시험할 것이 없었습니다"
        ),
        text!(
            "See `webroot_path` and `[[webroot_map]]` in {path}, and what certbot makes of it: `certbot renew --dry-run`. Or give this check `domains` and `webroot`.",
            "{path}의 `webroot_path`와 `[[webroot_map]]`을 보고 certbot으로 시험해 보세요: `certbot renew --dry-run`. 또는 이 체크에 `domains`와 `webroot`를 알려 주세요."
        ),
    );
    finding.severity(Severity::Notice)
}

fn disagreement(path: &Path, planned: &Path, aim: &Aim) -> Finding {
    let (path, planned, certbots) = (path.display(), planned.display(), aim.webroot.display());
    let domain = &aim.domain;
    Finding::new(
        Code::AcmeRenewal,
        path.to_string(),
        text!(
            "certbot will put the challenge for {domain} into {certbots}, the plan says {planned}",
            "certbot은 {domain}의 챌린지를 {certbots}에 두지만 플랜의 webroot는 {planned}입니다"
        ),
        text!(
            "What certbot will do was tried. If the webroot has moved, correct `webroot_path` and `[[webroot_map]]` in {path} and try `certbot renew --dry-run`; if not, correct `webroot` of this check, or leave it out.",
            "certbot이 할 대로 시험했습니다. webroot를 옮겼다면 {path}의 `webroot_path`와 `[[webroot_map]]`을 고치고 `certbot renew --dry-run`으로 확인하세요. 옮기지 않았다면 이 체크의 `webroot`를 고치거나 지우세요."
        ),
    )
    .evidence("expected", planned.to_string())
    .evidence("got", certbots.to_string())
    .evidence("domain", &**domain)
}

fn not_renewed(path: &Path, domain: &str) -> Finding {
    let path = path.display();
    Finding::new(
        Code::AcmeRenewal,
        format!("{path} ({domain})"),
        text!(
            "{path} does not renew {domain}: it is no name of that certificate",
            "{path}에서는 {domain}을(를) 갱신하지 않습니다. 해당 인증서에 없는 이름입니다"
        ),
        text!(
            "See which certificate has it: `certbot certificates -d {domain}`. Add the name by issuing again with all of them (`certbot certonly --expand …`), or take it out of `domains`.",
            "어느 인증서에 있는지 확인하세요: `certbot certificates -d {domain}`. 모든 이름으로 다시 발급해 추가하거나(`certbot certonly --expand …`) `domains`에서 빼세요."
        ),
    )
    .evidence("domain", domain)
}
