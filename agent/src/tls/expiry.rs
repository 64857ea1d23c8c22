//! Certificates against the clock. Pure.

use health::facts::CertificateFacts;
use health::{Code, Finding, Severity, text};
use jiff::{SignedDuration, Timestamp};

use super::element::{Role, labels, roles};
use super::{Expiring, span};

/// Every element of a chain against the clock: `cert.expired`, `cert.not-yet-valid`, and
/// `cert.expiring` as [`nearing_end`] has it. A root that is merely along for the ride is told
/// as a notice. `subject` is the file or server that holds the chain.
#[must_use]
pub fn expiry(
    chain: &[CertificateFacts],
    expiring: &Expiring,
    subject: &str,
    now: Timestamp,
) -> Vec<Finding> {
    let roles = roles(chain);
    let mut findings: Vec<Finding> = (0..chain.len())
        .filter_map(|index| {
            let finding = outside_validity(chain, index, subject, now)?;
            let matters = roles.get(index) != Some(&Role::Root);
            Some(if matters { finding } else { finding.severity(Severity::Notice) })
        })
        .collect();
    findings.extend(nearing_end(chain, expiring, subject, now));
    findings
}

/// `cert.expiring` for every element that is valid now and near its end. An intermediate is
/// measured with the leaf's lifetime: a third of its own would be a year of noise, and the next
/// leaf brings the next intermediate. Roots are left alone: who trusts them has a copy.
#[must_use]
pub fn nearing_end(
    chain: &[CertificateFacts],
    expiring: &Expiring,
    subject: &str,
    now: Timestamp,
) -> Vec<Finding> {
    let Some(leaf) = chain.first() else { return Vec::new() };
    let leafs_lifetime = leaf.not_after.duration_since(leaf.not_before);
    roles(chain)
        .into_iter()
        .zip(chain)
        .enumerate()
        .filter_map(|(index, (role, element))| {
            let own = element.not_after.duration_since(element.not_before);
            let lifetime = match role {
                Role::Root => return None,
                Role::Leaf => own,
                Role::Intermediate => leafs_lifetime.min(own),
            };
            let left = element.not_after.duration_since(now);
            if left <= SignedDuration::ZERO {
                return None;
            }
            let severity = if left <= expiring.critical.of(lifetime) {
                Severity::Critical
            } else if left <= expiring.warning.of(lifetime) {
                Severity::Warning
            } else {
                return None;
            };
            Some(ending(chain, index, subject, now).severity(severity))
        })
        .collect()
}

/// `cert.expired` or `cert.not-yet-valid` for one element, if it is either.
pub(super) fn outside_validity(
    chain: &[CertificateFacts],
    index: usize,
    subject: &str,
    now: Timestamp,
) -> Option<Finding> {
    let element = chain.get(index)?;
    // RFC 5280 section 4.1.2.5: both dates are part of the validity, to the second.
    if now.as_second() > element.not_after.as_second() {
        Some(expired(chain, index, subject, now))
    } else if now < element.not_before {
        Some(not_yet_valid(chain, index, subject, now))
    } else {
        None
    }
}

fn expired(chain: &[CertificateFacts], index: usize, subject: &str, now: Timestamp) -> Finding {
    let (element, labels) = (&chain[index], labels(chain, index, subject));
    let ago = span(element.not_after, now);
    let noun = &labels.noun;
    let remedy = if index == 0 {
        text!(
            "Renew it now (`certbot renew`, `acme.sh --cron` or however it was issued), then reload the server: `nginx -s reload`, or with systemd `systemctl reload nginx`. Find out why the renewal did not run: its cron or timer, and its log.",
            "지금 갱신하세요(`certbot renew`, `acme.sh --cron` 또는 발급받은 방법). 그다음 서버를 다시 읽게 하세요: `nginx -s reload`, systemd를 쓴다면 `systemctl reload nginx`. 갱신이 왜 실행되지 않았는지 cron이나 타이머, 로그를 확인하세요."
        )
    } else {
        text!(
            "Serve the issuer's current chain: use the `fullchain.pem` of the last renewal, or the CA's download page, then `nginx -s reload` (with systemd `systemctl reload nginx`).",
            "발급 기관의 현재 체인을 제공하세요: 마지막 갱신의 `fullchain.pem`이나 CA 다운로드 페이지의 것을 쓰고 `nginx -s reload`를 실행하세요(systemd는 `systemctl reload nginx`)."
        )
    };
    Finding::new(
        Code::CertExpired,
        &*labels.subject,
        text!(
            "{subject}: {noun_en} ended {ago_en} ago, at {end}",
            "{subject}: {noun_ko}의 유효 기간이 {ago_ko} 전({end})에 끝났습니다",
            noun_en = noun.en,
            noun_ko = noun.ko,
            ago_en = ago.en,
            ago_ko = ago.ko,
            end = element.not_after,
        ),
        remedy,
    )
    .evidence("certificate", &*element.subject)
    .evidence("serial", &*element.serial)
    .evidence("not_after", element.not_after.to_string())
}

fn not_yet_valid(
    chain: &[CertificateFacts],
    index: usize,
    subject: &str,
    now: Timestamp,
) -> Finding {
    let (element, labels) = (&chain[index], labels(chain, index, subject));
    let ahead = span(now, element.not_before);
    let noun = &labels.noun;
    Finding::new(
        Code::CertNotYetValid,
        &*labels.subject,
        text!(
            "{subject}: {noun_en} is not valid before {start}, in {ahead_en}",
            "{subject}: {noun_ko}는 {start}부터 유효합니다({ahead_ko} 뒤)",
            noun_en = noun.en,
            noun_ko = noun.ko,
            ahead_en = ahead.en,
            ahead_ko = ahead.ko,
            start = element.not_before,
        ),
        text!(
            "Compare clocks first: `date -u` here and where the certificate was issued. If the clocks are right, serve the previous certificate until then.",
            "먼저 시계를 비교하세요: 이 서버와 인증서를 만든 곳에서 `date -u`. 시계가 맞다면 그때까지 이전 인증서를 제공하세요."
        ),
    )
    .evidence("certificate", &*element.subject)
    .evidence("not_before", element.not_before.to_string())
    .evidence("now", now.to_string())
}

fn ending(chain: &[CertificateFacts], index: usize, subject: &str, now: Timestamp) -> Finding {
    let (element, labels) = (&chain[index], labels(chain, index, subject));
    let left = element.not_after.duration_since(now);
    let lifetime = element.not_after.duration_since(element.not_before);
    let share = (100.0 * left.as_secs_f64() / lifetime.as_secs_f64().max(1.0)).clamp(0.0, 100.0);
    let (ahead, noun) = (span(now, element.not_after), &labels.noun);
    let finding = Finding::new(
        Code::CertExpiring,
        &*labels.subject,
        text!(
            "{subject}: {noun_en} ends in {ahead_en}, at {end} ({share:.0} % of its lifetime left)",
            "{subject}: {noun_ko}의 유효 기간이 {ahead_ko} 뒤({end})에 끝납니다(전체 기간의 {share:.0}% 남음)",
            noun_en = noun.en,
            noun_ko = noun.ko,
            ahead_en = ahead.en,
            ahead_ko = ahead.ko,
            end = element.not_after,
            share = share,
        ),
        text!(
            "See why it was not renewed yet: `certbot renew --dry-run` (or `acme.sh --list`), and whether its cron or timer runs: `crontab -l`, `systemctl list-timers`. After the renewal reload the server: `nginx -s reload`, or with systemd `systemctl reload nginx`.",
            "왜 아직 갱신되지 않았는지 확인하세요: `certbot renew --dry-run`(또는 `acme.sh --list`). cron이나 타이머가 도는지도 보세요: `crontab -l`, `systemctl list-timers`. 갱신한 뒤에는 서버를 다시 읽게 하세요: `nginx -s reload`, systemd를 쓴다면 `systemctl reload nginx`."
        ),
    )
    .evidence("certificate", &*element.subject)
    .evidence("serial", &*element.serial)
    .evidence("not_after", element.not_after.to_string());
    let hours = left.as_hours();
    let finding = if hours < 72 {
        finding.evidence("hours_left", hours)
    } else {
        finding.evidence("days_left", hours / 24)
    };
    finding
        .evidence("lifetime_days", lifetime.as_hours() / 24)
        .evidence("lifetime_left", format!("{share:.0} %"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::tls::Remaining;
    use crate::tls::certificate::facts_of;
    use crate::tls::workshop::{Authority, days, noon};

    /// `code/severity of subject` for a chain whose elements have so many days left.
    fn said(leaf: i64, intermediate: i64, root: i64, expiring: Expiring) -> Vec<String> {
        let authority = Authority::root_with("Root", &|params| days(params, -3_000, root));
        let issuer = authority.intermediate("R3", &|params| days(params, -1_000, intermediate));
        let own = issuer.leaf(&["shop.example"], &|params| days(params, leaf - 100, leaf));
        let ders = [own.der, issuer.der(), authority.der()];
        let chain: Vec<CertificateFacts> = ders.iter().filter_map(|der| facts_of(der)).collect();
        expiry(&chain, &expiring, "f.pem", noon())
            .iter()
            .map(|found| {
                let (code, severity) = (found.code.label(), found.severity.label());
                format!("{code}/{severity} of {}", found.subject)
            })
            .collect()
    }

    #[test]
    fn every_element_by_its_own_measure() {
        let default = Expiring::default();
        let weeks = Expiring {
            warning: Remaining::Time(Duration::from_secs(21 * 86_400)),
            critical: Remaining::Time(Duration::from_secs(7 * 86_400)),
        };
        let cases: [(i64, i64, i64, Expiring, &[&str]); 11] = [
            (26, 400, 900, default, &[]),
            (25, 400, 900, default, &["cert.expiring/warning of f.pem"]),
            (11, 400, 900, default, &["cert.expiring/warning of f.pem"]),
            (10, 400, 900, default, &["cert.expiring/critical of f.pem"]),
            // An eighth of the intermediate's life is left: more than the leaf's will need.
            (60, 140, 900, default, &[]),
            (60, 25, 900, default, &["cert.expiring/warning of f.pem, intermediate \"R3\""]),
            (60, 400, 1, default, &[]),
            (22, 22, 900, weeks, &[]),
            (21, 400, 900, weeks, &["cert.expiring/warning of f.pem"]),
            (7, 400, 900, weeks, &["cert.expiring/critical of f.pem"]),
            (
                -1,
                -2,
                -3,
                weeks,
                &[
                    "cert.expired/critical of f.pem",
                    "cert.expired/critical of f.pem, intermediate \"R3\"",
                    "cert.expired/notice of f.pem, root \"Root\"",
                ],
            ),
        ];
        for (leaf, intermediate, root, expiring, expected) in cases {
            let said = said(leaf, intermediate, root, expiring);
            assert_eq!(said, expected, "{leaf} {intermediate} {root} {expiring:?}");
        }
        assert_eq!(expiry(&[], &default, "f.pem", noon()), []);
    }
}
