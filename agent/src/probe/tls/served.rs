//! What is served against what lies in the file. Pure.
//!
//! A newer file is the finding this is for. An older one is told as a notice: either the plan
//! names the wrong file or somebody installed the certificate elsewhere, and no visitor suffers.

use health::facts::CertificateFacts;
use health::{Code, Finding, Severity, text};
use jiff::Timestamp;

use crate::tls::files::CertificateFile;
use crate::tls::{is_valid_for, span};

/// What is wrong between the leaf served and the file that should be served.
pub(super) fn judge(
    served: &CertificateFacts,
    file: &CertificateFile,
    path: &str,
    server_name: &str,
    subject: &str,
    now: Timestamp,
) -> Option<Finding> {
    let planned = file.chain.first()?;
    if file.chain.iter().any(|element| element.fingerprint == served.fingerprint) {
        return None;
    }
    if is_valid_for(&file.leaf, server_name) == Some(false) {
        return Some(other_site(planned, path, server_name));
    }
    let is_newer = planned.not_before > served.not_before || planned.not_after > served.not_after;
    let finding = if is_newer {
        not_reloaded(served, planned, file.modified, path, subject, now)
    } else {
        older_file(planned, path, subject)
    };
    Some(
        finding
            .evidence("file", path)
            .evidence("file_modified", file.modified.map(|at| at.to_string()))
            .evidence("expected", evidence(planned))
            .evidence("got", evidence(served)),
    )
}

fn not_reloaded(
    served: &CertificateFacts,
    planned: &CertificateFacts,
    modified: Option<Timestamp>,
    path: &str,
    subject: &str,
    now: Timestamp,
) -> Finding {
    let serial = shortened(&planned.serial);
    // Copies and restores touch a file too; the certificate cannot have been there before it began.
    let renewed = modified.unwrap_or(planned.not_before).max(planned.not_before);
    let since = span(renewed, now);
    let end = span(now, served.not_after);
    let (ends_en, ends_ko) = if served.not_after > now {
        (format!("ends in {}", end.en), format!("{} 뒤에 끝나는", end.ko))
    } else {
        (format!("ended {} ago", end.en), format!("{} 전에 끝난", end.ko))
    };
    Finding::new(
        Code::TlsNotReloaded,
        subject,
        text!(
            "certificate renewed {since_en} ago ({path}, serial {serial}), {subject} still serves the old one, which {ends_en}",
            "인증서가 {since_ko} 전에 갱신되었지만({path}, 일련번호 {serial}) {subject}에서는 아직 {ends_ko} 이전 인증서를 제공합니다",
            since_en = since.en,
            since_ko = since.ko,
        ),
        text!(
            "Reload the server that holds the port (`ss -ltnp` shows it): `nginx -s reload`, or with systemd `systemctl reload nginx`; HAProxy `pkill -USR2 -o -x haproxy`, Apache `apachectl graceful`, Postfix `postfix reload`. To have it done after every renewal: `certbot renew --deploy-hook 'nginx -s reload'`.",
            "포트를 쓰는 서버(`ss -ltnp`로 확인)를 다시 읽게 하세요: `nginx -s reload`, systemd를 쓴다면 `systemctl reload nginx`. HAProxy는 `pkill -USR2 -o -x haproxy`, Apache는 `apachectl graceful`, Postfix는 `postfix reload`. 갱신할 때마다 자동으로 하려면: `certbot renew --deploy-hook 'nginx -s reload'`."
        ),
    )
    .evidence("renewed_at", renewed.to_string())
}

fn older_file(planned: &CertificateFacts, path: &str, subject: &str) -> Finding {
    let serial = shortened(&planned.serial);
    Finding::new(
        Code::TlsNotReloaded,
        subject,
        text!(
            "{subject} serves another certificate than {path} (serial {serial}), and not an older one",
            "{subject}에서 {path}(일련번호 {serial})와 다른, 더 오래되지 않은 인증서를 제공합니다"
        ),
        text!(
            "Nothing is broken for visitors. See which file the server reads (`nginx -T | grep ssl_certificate`) and name that one as `file`, or find out who installed a certificate past the file.",
            "방문자에게 문제는 없습니다. 서버가 읽는 파일을 확인해(`nginx -T | grep ssl_certificate`) `file`에 적거나, 누가 파일과 다른 인증서를 설치했는지 알아보세요."
        ),
    )
    .severity(Severity::Notice)
}

fn other_site(planned: &CertificateFacts, path: &str, server_name: &str) -> Finding {
    let names = planned.names.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    Finding::new(
        Code::CertWrongName,
        path,
        text!(
            "{path} is not the certificate of {server_name} (it is for {names}), so what is served cannot be compared with it",
            "{path}은(는) {server_name}의 인증서가 아니어서({names}용) 제공되는 인증서와 비교할 수 없습니다"
        ),
        text!(
            "Name the right file as `file` in the check: `nginx -T | grep -E 'server_name|ssl_certificate'` or `certbot certificates` shows it.",
            "점검 항목의 `file`에 올바른 파일을 적으세요: `nginx -T | grep -E 'server_name|ssl_certificate'` 또는 `certbot certificates`로 볼 수 있습니다."
        ),
    )
    .severity(Severity::Warning)
    .evidence("expected", server_name)
    .evidence("got", planned.names.clone())
}

pub(super) fn evidence(certificate: &CertificateFacts) -> String {
    let CertificateFacts { serial, not_before, not_after, fingerprint, .. } = certificate;
    format!("serial {serial}, {not_before} to {not_after}, SHA-256 {fingerprint}")
}

pub(super) fn shortened(serial: &str) -> String {
    match serial.get(..11) {
        Some(start) if serial.len() > 14 => format!("{start}…"),
        _ => serial.to_owned(),
    }
}
