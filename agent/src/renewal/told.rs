//! `cert.renewal-overdue` and `acme.renewal`: what is said of a renewal that does not come. Pure.

use std::path::Path;

use health::facts::{CertificateFacts, RenewalSource};
use health::{Code, Finding, Severity, Text, text};
use jiff::{SignedDuration, Timestamp};

use super::certbot::Obstacle;
use super::course::{Course, Setting, lifetime};
use super::keeper::{Keeper, KeptBy, Newest};
use super::tries::{Outcome, Problem, Try};
use crate::tls::span;

/// A renewer that is started every day has run within this time, whatever there was to do.
const SILENT: SignedDuration = SignedDuration::from_hours(48);

/// Why the next renewal fails, by the renewer's own configuration or log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Blocked {
    /// Its last try failed.
    Failed { at: Option<Timestamp>, words: String, problem: Problem },
    /// It will not even try.
    Unwilling(Obstacle),
    /// It means to act when the certificate has ended.
    TooLate(Timestamp),
}

/// What may be late.
#[derive(Clone, Copy, Debug)]
pub(super) struct Late<'a> {
    /// Where the certificate is.
    pub(super) subject: &'a str,
    /// When it should have been renewed.
    pub(super) course: &'a Course,
    /// A page of its CA's on why it wants it renewed.
    pub(super) explanation: Option<&'a str>,
}

/// What keeps the renewer from renewing this certificate, as far as it says so itself.
pub(super) fn blocked(keeper: &Keeper, leaf: &CertificateFacts, now: Timestamp) -> Option<Blocked> {
    let is_due = match &keeper.kept_by {
        KeptBy::Certbot(_) => true,
        // Where acme.sh has planned the next one, the failure has been got over.
        KeptBy::AcmeSh(kept) => kept.next.is_none_or(|next| next <= now),
    };
    if let Some(Try { at, outcome: Outcome::Failed(words, problem) }) = &keeper.last
        && is_due
        && at.is_none_or(|at| at > leaf.not_before)
    {
        return Some(Blocked::Failed { at: *at, words: words.clone(), problem: *problem });
    }
    match &keeper.kept_by {
        KeptBy::Certbot(lineage) => lineage.obstacle().map(Blocked::Unwilling),
        // What it means to do with the next one says nothing of one that it has replaced already.
        KeptBy::AcmeSh(kept) => match kept.setting(leaf.not_before) {
            Some(Setting::AcmeShAt(next)) if next >= leaf.not_after && leaf.not_after > now => {
                Some(Blocked::TooLate(next))
            }
            _ => None,
        },
    }
}

/// `acme.renewal`
pub(super) fn renewal(
    keeper: &Keeper,
    blocked: &Blocked,
    leaf: &CertificateFacts,
    now: Timestamp,
) -> Finding {
    let (program, name) = (keeper.kept_by.program(), keeper.kept_by.name());
    let path = keeper.path.display().to_string();
    let summary = match blocked {
        Blocked::Failed { at: Some(at), words, .. } => {
            let ago = span(*at, now);
            text!(
                "{program} tried to renew {name} {ago_en} ago and failed: {words}",
                "{program}이(가) {ago_ko} 전에 {name} 갱신을 시도했지만 실패했습니다: {words}",
                ago_en = ago.en,
                ago_ko = ago.ko,
            )
        }
        Blocked::Failed { at: None, words, .. } => text!(
            "{program} tried to renew {name} and failed: {words}",
            "{program}이(가) {name} 갱신을 시도했지만 실패했습니다: {words}"
        ),
        Blocked::Unwilling(obstacle) => {
            let why = obstacle_words(*obstacle);
            text!(
                "{program} will not renew {name}: {why_en}",
                "{program}이(가) {name}을(를) 갱신하지 않습니다: {why_ko}",
                why_en = why.en,
                why_ko = why.ko,
            )
        }
        Blocked::TooLate(next) => text!(
            "{program} means to renew {name} at {next}, and it ends at {end}",
            "{program}은(는) {name}을(를) {next}에 갱신할 예정인데, 유효 기간은 {end}에 끝납니다",
            end = leaf.not_after,
        ),
    };
    let mut finding = Finding::new(Code::AcmeRenewal, &*path, summary, remedy(keeper, blocked))
        .evidence("renewer", program)
        .evidence("certificate", name)
        .evidence("configuration", path);
    if let Blocked::Failed { at, words, .. } = blocked {
        finding = finding.evidence("got", &**words);
        finding = known(finding, "tried_at", at.map(|at| at.to_string()));
    }
    finding
}

/// `acme.renewal` where the plan names a file of a renewer's that says nothing.
pub(super) fn unread(path: &Path) -> Finding {
    let path = path.display().to_string();
    let finding = Finding::new(
        Code::AcmeRenewal,
        &*path,
        text!(
            "{path}, named as the renewer's file, is missing or cannot be read: what its renewer says is not known",
            "갱신 도구의 설정으로 지정한 {path} 파일이 없거나 읽을 수 없습니다. 갱신 도구가 무엇이라고 하는지 알 수 없습니다"
        ),
        text!(
            "See whether it is there and who may read it: `namei -l {path}`, `ls /etc/letsencrypt/renewal/`. Correct `renewal` of this check, or let the user that portwarden runs as read the file: `setfacl -m u:portwarden:r {path}`.",
            "파일이 있는지, 누가 읽을 수 있는지 확인하세요: `namei -l {path}`, `ls /etc/letsencrypt/renewal/`. 점검 항목의 `renewal`을 고치거나 portwarden을 실행하는 사용자가 읽을 수 있게 하세요: `setfacl -m u:portwarden:r {path}`."
        ),
    );
    finding.severity(Severity::Notice)
}

/// `cert.renewal-overdue`, where it is.
pub(super) fn overdue(
    leaf: &CertificateFacts,
    late: &Late<'_>,
    keeper: Option<&Keeper>,
    blocked: Option<&Blocked>,
    now: Timestamp,
) -> Option<Finding> {
    let Late { subject, course, explanation } = *late;
    // One that has ended is told as that.
    if now <= course.overdue || now > leaf.not_after {
        return None;
    }
    let (ago, ahead) = (span(course.due, now), span(now, leaf.not_after));
    let (why, remedy) = cause(leaf, keeper, blocked, now);
    let finding = Finding::new(
        Code::CertRenewalOverdue,
        subject,
        text!(
            "{subject}: the certificate should have been renewed {late_en} ago and ends in {ahead_en}{why_en}",
            "{subject}: 인증서가 {late_ko} 전에 갱신되었어야 하며, 유효 기간이 {ahead_ko} 뒤에 끝납니다{why_ko}",
            late_en = ago.en,
            late_ko = ago.ko,
            ahead_en = ahead.en,
            ahead_ko = ahead.ko,
            why_en = why.en,
            why_ko = why.ko,
        ),
        remedy,
    )
    .evidence("serial", &*leaf.serial)
    .evidence("expected", format!("renewed from {} on, by {}", course.due, by(course.source)))
    .evidence("got", format!("valid from {} to {}", leaf.not_before, leaf.not_after))
    .evidence("lifetime_days", lifetime(leaf).as_hours() / 24);
    let finding = known(finding, "explanation", explanation.map(str::to_owned));
    let Some(keeper) = keeper else { return Some(finding) };
    let finding = finding
        .evidence("renewer", keeper.kept_by.program())
        .evidence("configuration", keeper.path.display().to_string());
    let finding = known(finding, "renewer_last_ran", keeper.ran_at.map(|at| at.to_string()));
    Some(match blocked {
        Some(Blocked::Failed { words, .. }) => finding.evidence("failure", &**words),
        _ => finding,
    })
}

/// What is known is evidence.
fn known(finding: Finding, name: &str, value: Option<String>) -> Finding {
    match value {
        Some(value) => finding.evidence(name, value),
        None => finding,
    }
}

fn by(source: RenewalSource) -> &'static str {
    match source {
        RenewalSource::Lifetime => "its lifetime",
        RenewalSource::Plan => "renew_at in the plan",
        RenewalSource::Certbot => "certbot's settings",
        RenewalSource::AcmeSh => "acme.sh's settings",
        RenewalSource::Ari => "its CA (ARI)",
    }
}

/// Why it did not come, to follow a sentence, and what to do.
fn cause(
    leaf: &CertificateFacts,
    keeper: Option<&Keeper>,
    blocked: Option<&Blocked>,
    now: Timestamp,
) -> (Text, Text) {
    let Some(keeper) = keeper else { return (Text::same(""), nobody_known()) };
    let program = keeper.kept_by.program();
    let newer = keeper.newest.as_ref().filter(|newest| {
        newest.leaf.not_before > leaf.not_before && newest.leaf.fingerprint != leaf.fingerprint
    });
    if let Some(newer) = newer {
        return renewed(program, newer);
    }
    if let Some(blocked) = blocked {
        let why = match blocked {
            Blocked::Failed { words, .. } => text!(
                "; {program}'s last try failed: {words}",
                ". {program}의 마지막 시도가 실패했습니다: {words}"
            ),
            Blocked::Unwilling(obstacle) => {
                let why = obstacle_words(*obstacle);
                text!("; {why_en}", ". {why_ko}", why_en = why.en, why_ko = why.ko)
            }
            Blocked::TooLate(next) => {
                text!("; {program} waits until {next}", ". {program}은(는) {next}까지 기다립니다")
            }
        };
        return (why, remedy(keeper, blocked));
    }
    let silent = keeper.ran_at.filter(|&at| now.duration_since(at) > SILENT);
    if let Some(at) = silent {
        let ago = span(at, now);
        let why = text!(
            "; {program} last ran {ago_en} ago",
            ". {program}은(는) {ago_ko} 전에 마지막으로 실행되었습니다",
            ago_en = ago.en,
            ago_ko = ago.ko,
        );
        return (why, nothing_starts_it(keeper));
    }
    let again = again(keeper);
    let log = keeper.closed_log.as_ref().map_or_else(String::new, |log| log.display().to_string());
    let remedy = if log.is_empty() {
        text!(
            "See what stops it: `{again}`. If that works, nothing starts {program}: `crontab -l`, `ls /etc/cron.d`, `pgrep -a cron`; with systemd `systemctl list-timers`.",
            "무엇이 막는지 확인하세요: `{again}`. 성공한다면 {program}을(를) 시작하는 것이 없는 것입니다: `crontab -l`, `ls /etc/cron.d`, `pgrep -a cron`, systemd를 쓴다면 `systemctl list-timers`."
        )
    } else {
        text!(
            "See what its log says (portwarden may not read it): `tail -50 {log}`, and try: `{again}`. If that works, nothing starts {program}: `crontab -l`, `ls /etc/cron.d`, `pgrep -a cron`; with systemd `systemctl list-timers`.",
            "로그를 확인하고(portwarden에는 읽기 권한이 없습니다) 시도해 보세요: `tail -50 {log}`, `{again}`. 성공한다면 {program}을(를) 시작하는 것이 없는 것입니다: `crontab -l`, `ls /etc/cron.d`, `pgrep -a cron`, systemd를 쓴다면 `systemctl list-timers`."
        )
    };
    (Text::same(""), remedy)
}

/// It did come, and is not in use.
fn renewed(program: &str, newer: &Newest) -> (Text, Text) {
    let path = newer.path.display();
    let why = text!(
        "; {program} has a newer one in {path}",
        ". {program}의 더 새로운 인증서가 {path}에 있습니다"
    );
    let remedy = text!(
        "Have the server use it: `nginx -s reload`, or with systemd `systemctl reload nginx`; where it reads a copy, copy {path} there first. Name {path} as `file` in the check to be told at once the next time.",
        "서버가 새 인증서를 쓰게 하세요: `nginx -s reload`, systemd를 쓴다면 `systemctl reload nginx`. 복사본을 읽는 서버라면 먼저 {path}을(를) 복사하세요. 점검 항목의 `file`에 {path}을(를) 적으면 다음에는 바로 알려 줍니다."
    );
    (why, remedy)
}

fn nobody_known() -> Text {
    text!(
        "See whether its renewer runs and what it says: `certbot renew --dry-run` or `acme.sh --list`; `crontab -l`, `ls /etc/cron.d`, `pgrep -a cron`, with systemd `systemctl list-timers`. If it is renewed later on purpose, write `renew_at = \"20%\"` or `\"14d\"` in the check.",
        "갱신 도구가 실행되는지, 무엇이라고 하는지 확인하세요: `certbot renew --dry-run` 또는 `acme.sh --list`, `crontab -l`, `ls /etc/cron.d`, `pgrep -a cron`, systemd를 쓴다면 `systemctl list-timers`. 일부러 더 늦게 갱신한다면 점검 항목에 `renew_at = \"20%\"`나 `\"14d\"`처럼 적으세요."
    )
}

fn nothing_starts_it(keeper: &Keeper) -> Text {
    let again = again(keeper);
    let line = match keeper.kept_by {
        KeptBy::Certbot(_) => "17 3,15 * * * certbot renew -q",
        KeptBy::AcmeSh(_) => "17 3 * * * acme.sh --cron",
    };
    text!(
        "Nothing starts it. Without systemd a cron daemon must run: `pgrep -a cron` (in a container start it in the entry point), with a line such as `{line}` in `crontab -l`; Debian's own /etc/cron.d/certbot does nothing where systemd runs, there look at `systemctl list-timers`. Then try: `{again}`.",
        "갱신을 시작하는 것이 없습니다. systemd가 없다면 cron 데몬이 떠 있어야 하고(`pgrep -a cron`, 컨테이너에서는 시작 스크립트에서 띄우세요) `crontab -l`에 `{line}` 같은 줄이 있어야 합니다. systemd가 있으면 Debian의 /etc/cron.d/certbot은 아무것도 하지 않으니 `systemctl list-timers`를 보세요. 그다음 시도해 보세요: `{again}`."
    )
}

fn obstacle_words(obstacle: Obstacle) -> Text {
    match obstacle {
        Obstacle::ByHand => text!(
            "it proves itself by hand (authenticator = manual, without a hook)",
            "손으로 인증하게 되어 있습니다(authenticator = manual, 훅 없음)"
        ),
        Obstacle::SwitchedOff => {
            text!("autorenew is switched off", "자동 갱신이 꺼져 있습니다(autorenew = False)")
        }
        Obstacle::Damaged => text!(
            "its file lacks what a renewal needs (fullchain, [renewalparams], authenticator)",
            "설정 파일에 갱신에 필요한 항목이 없습니다(fullchain, [renewalparams], authenticator)"
        ),
    }
}

fn remedy(keeper: &Keeper, blocked: &Blocked) -> Text {
    let (again, path) = (again(keeper), keeper.path.display());
    match blocked {
        Blocked::Failed { problem, .. } => problem_remedy(*problem, &again),
        Blocked::Unwilling(Obstacle::ByHand) => {
            let name = keeper.kept_by.name();
            text!(
                "Issue it again in a way that works alone: `certbot certonly --webroot -w /var/www/certbot --cert-name {name} -d {name}` with your webroot and all its domains, or `--manual-auth-hook` with a script. Until then somebody has to renew it by hand.",
                "스스로 갱신되는 방식으로 다시 발급하세요: `certbot certonly --webroot -w /var/www/certbot --cert-name {name} -d {name}`(실제 webroot와 모든 도메인으로), 또는 `--manual-auth-hook`에 스크립트를 지정하세요. 그때까지는 누군가 손으로 갱신해야 합니다."
            )
        }
        Blocked::Unwilling(Obstacle::SwitchedOff) => text!(
            "Remove the line `autorenew = False` from {path}, then try: `{again}`. If it is to end, take it out of the plan.",
            "{path}에서 `autorenew = False` 줄을 지우고 시도해 보세요: `{again}`. 더 쓰지 않을 인증서라면 점검 항목에서 빼세요."
        ),
        Blocked::Unwilling(Obstacle::Damaged) => text!(
            "Look at it: `cat {path}`. Put back what was there (a backup), or issue it again under the same name; certbot skips a file like this one without an error to anybody: `{again}`.",
            "내용을 확인하세요: `cat {path}`. 백업으로 되돌리거나 같은 이름으로 다시 발급하세요. certbot은 이런 파일을 아무에게도 알리지 않고 건너뜁니다: `{again}`."
        ),
        Blocked::TooLate(_) => text!(
            "It counts days from the day of issue and the certificate lives shorter. Issue it with `--days -10` (before its end), or renew it now: `{again}`.",
            "발급일부터 날짜를 세는데 인증서 수명이 더 짧습니다. `--days -10`(만료 전 일수)으로 발급하거나 지금 갱신하세요: `{again}`."
        ),
    }
}

fn problem_remedy(problem: Problem, again: &str) -> Text {
    match problem {
        Problem::Connection => text!(
            "The CA could not reach the challenge. It asks on port 80, over IPv6 too where there is an AAAA record: see that the port is open from outside, forwarded by the router, and served (`curl -v http://DOMAIN/.well-known/acme-challenge/x` from elsewhere has to give a 404, not an error). Then try: `{again}`.",
            "CA가 챌린지에 닿지 못했습니다. CA는 80 포트로, AAAA 레코드가 있으면 IPv6로도 요청합니다. 밖에서 포트가 열려 있는지, 공유기가 넘겨 주는지, 서버가 응답하는지 확인하세요(밖에서 `curl -v http://DOMAIN/.well-known/acme-challenge/x`가 오류가 아니라 404여야 합니다). 그다음 시도해 보세요: `{again}`."
        ),
        Problem::Unauthorized => text!(
            "Something answered, and it was not the challenge: another server, a redirect, or another webroot. Compare the webroot in the renewer's file with the one that is served for /.well-known/acme-challenge/ (`nginx -T | grep -B3 -A3 acme-challenge`). Then try: `{again}`.",
            "응답은 있었지만 챌린지가 아니었습니다. 다른 서버이거나 리디렉션이거나 다른 webroot입니다. 갱신 도구 설정의 webroot와 /.well-known/acme-challenge/에 제공되는 경로를 비교하세요(`nginx -T | grep -B3 -A3 acme-challenge`). 그다음 시도해 보세요: `{again}`."
        ),
        Problem::Dns => text!(
            "The CA got no usable answer from DNS: `dig A DOMAIN`, `dig AAAA DOMAIN`, and for DNS-01 `dig TXT _acme-challenge.DOMAIN` at each of its nameservers. Then try: `{again}`.",
            "CA가 DNS에서 쓸 만한 답을 받지 못했습니다. `dig A DOMAIN`, `dig AAAA DOMAIN`, DNS-01이라면 각 네임서버에서 `dig TXT _acme-challenge.DOMAIN`을 확인하세요. 그다음 시도해 보세요: `{again}`."
        ),
        Problem::Caa => text!(
            "A CAA record forbids this CA: `dig CAA DOMAIN` and above it. Add the CA's name there, wait for the old record's TTL, then try: `{again}`.",
            "CAA 레코드가 이 CA를 금지합니다: `dig CAA DOMAIN`과 상위 도메인을 확인하세요. CA의 이름을 추가하고 이전 레코드의 TTL이 지난 뒤 시도해 보세요: `{again}`."
        ),
        Problem::RateLimited => text!(
            "Asked too often: stop trying until the time it names, and mend what failed before with a test that does not count: `{again}`.",
            "요청 한도를 넘었습니다. 적힌 시각까지 시도를 멈추고, 한도에 들지 않는 시험으로 앞선 실패의 원인부터 고치세요: `{again}`."
        ),
        Problem::Other => text!(
            "Mend what it names, then see whether the next one works: `{again}`.",
            "적힌 원인을 고친 뒤 다음 갱신이 되는지 확인하세요: `{again}`."
        ),
    }
}

/// What to type to see whether the next renewal works.
fn again(keeper: &Keeper) -> String {
    let name = keeper.kept_by.name();
    match keeper.kept_by {
        KeptBy::Certbot(_) => {
            let root = keeper.path.parent().and_then(Path::parent);
            let elsewhere = root
                .filter(|root| root.as_os_str() != "/etc/letsencrypt")
                .map(|root| format!(" --config-dir {}", root.display()));
            format!("certbot renew --dry-run --cert-name {name}{}", elsewhere.unwrap_or_default())
        }
        KeptBy::AcmeSh(_) => format!("acme.sh --renew -d {name} --debug"),
    }
}
