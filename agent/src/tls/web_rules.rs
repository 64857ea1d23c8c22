//! What browsers ask of a certificate below a root of the web beyond a sound chain: that it was issued
//! for no longer than CAs may issue, and that transparency logs know it. Pure.
//!
//! Deliberately absent: private CAs. Nobody sets them such rules; `Roots` knows which those are.

use health::facts::CertificateFacts;
use health::{Code, Finding, text};
use jiff::Timestamp;

/// Longest lifetime in days by the day of issue, latest first: the CA/Browser Forum's Baseline
/// Requirements, section 6.3.2.
const LIFETIMES: &[(Timestamp, i64)] = &[
    (Timestamp::constant(1_868_227_200, 0), 47), // 2029-03-15
    (Timestamp::constant(1_805_068_800, 0), 100), // 2027-03-15
    (Timestamp::constant(1_773_532_800, 0), 200), // 2026-03-15
    (Timestamp::constant(1_598_918_400, 0), 398), // 2020-09-01
];
const DAY_SECONDS: i64 = 24 * 60 * 60;

/// `cert.lifetime` and `cert.no-timestamps` of a leaf whose chain ends in a root of the web.
pub(super) fn findings(leaf: &CertificateFacts, subject: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(most) = longest(leaf.not_before) {
        let days = days(leaf);
        if days > most {
            findings.push(too_long(leaf, days, most, subject));
        }
    }
    if leaf.timestamps.unwrap_or(0) == 0 {
        findings.push(no_timestamps(leaf, subject));
    }
    findings
}

/// The longest lifetime in days that may be issued on that day.
fn longest(issued: Timestamp) -> Option<i64> {
    LIFETIMES.iter().find(|(from, _)| issued >= *from).map(|(_, days)| *days)
}

/// Both dates are part of the validity (RFC 5280 section 4.1.2.5), and a day begun is a day.
fn days(leaf: &CertificateFacts) -> i64 {
    let seconds = leaf.not_after.as_second() - leaf.not_before.as_second() + 1;
    seconds.div_euclid(DAY_SECONDS) + i64::from(seconds.rem_euclid(DAY_SECONDS) > 0)
}

fn too_long(leaf: &CertificateFacts, days: i64, most: i64, subject: &str) -> Finding {
    let issued = leaf.not_before;
    Finding::new(
        Code::CertLifetime,
        subject,
        text!(
            "{subject}: the certificate was issued for {days} days; when that was done ({issued}), a CA of the web could issue for {most} days at most, and Safari and Chrome refuse longer ones",
            "{subject}: 인증서가 {days}일 기간으로 발급되었습니다. 발급 시점({issued}) 기준으로 웹의 CA는 최대 {most}일까지 발급할 수 있고, Safari와 Chrome은 더 긴 것을 거부합니다"
        ),
        text!(
            "From a CA of the web: have it issued anew, and by a renewer (`certbot`, `acme.sh`). If \"{issuer}\" is a CA of your own, name its root as `ca = \"root.pem\"` in the check: then its lifetimes are your business.",
            "웹의 CA에서 받았다면 다시 발급받고 자동으로 갱신되게 하세요(`certbot`, `acme.sh`). \"{issuer}\"이(가) 직접 만든 CA라면 루트를 점검 항목에 `ca = \"root.pem\"`으로 적으세요. 그러면 기간은 묻지 않습니다.",
            issuer = super::element::calling_name(&leaf.issuer),
        ),
    )
    .evidence("expected", format!("{most} days at most"))
    .evidence("got", format!("{days} days"))
    .evidence("not_before", issued.to_string())
    .evidence("not_after", leaf.not_after.to_string())
}

fn no_timestamps(leaf: &CertificateFacts, subject: &str) -> Finding {
    Finding::new(
        Code::CertNoTimestamps,
        subject,
        text!(
            "{subject}: the certificate leads to a root of the web and holds no timestamp of a transparency log; unless the server sends some itself, Chrome, Safari and Firefox refuse it",
            "{subject}: 웹의 루트로 이어지는 인증서인데 투명성 로그의 타임스탬프가 없습니다. 서버가 따로 보내지 않는다면 Chrome, Safari, Firefox가 거부합니다"
        ),
        text!(
            "Have it issued anew by a CA that logs what it issues (Let's Encrypt always does). If \"{issuer}\" is a CA of your own, name its root as `ca = \"root.pem\"` in the check: then no timestamps are asked for.",
            "발급 내역을 로그에 남기는 CA에서 다시 발급받으세요(Let's Encrypt는 항상 남깁니다). \"{issuer}\"이(가) 직접 만든 CA라면 루트를 점검 항목에 `ca = \"root.pem\"`으로 적으세요. 그러면 타임스탬프를 묻지 않습니다.",
            issuer = super::element::calling_name(&leaf.issuer),
        ),
    )
    .evidence("certificate", &*leaf.subject)
    .evidence("issuer", &*leaf.issuer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_measured_by_the_day_of_issue() {
        // Issued, ends, days counted, days allowed; `None`: no rule yet.
        let cases = [
            ("2020-08-31T00:00:00Z", "2022-11-30T23:59:59Z", None),
            ("2020-09-01T00:00:00Z", "2021-10-03T23:59:59Z", None),
            ("2020-09-01T00:00:00Z", "2021-10-04T00:00:00Z", Some((399, 398))),
            ("2026-03-14T23:59:59Z", "2027-04-16T23:59:58Z", None),
            ("2026-03-15T00:00:00Z", "2026-09-30T23:59:59Z", None),
            ("2026-03-15T00:00:00Z", "2026-10-01T00:00:00Z", Some((201, 200))),
            ("2027-03-15T00:00:00Z", "2027-06-22T23:59:59Z", None),
            ("2027-03-15T00:00:00Z", "2027-06-23T00:00:00Z", Some((101, 100))),
            ("2029-03-15T00:00:00Z", "2029-04-30T23:59:59Z", None),
            ("2029-03-15T00:00:00Z", "2029-05-01T00:00:00Z", Some((48, 47))),
        ];
        for (not_before, not_after, expected) in cases {
            let leaf = CertificateFacts {
                not_before: not_before.parse().unwrap(),
                not_after: not_after.parse().unwrap(),
                timestamps: Some(2),
                ..CertificateFacts::default()
            };
            let findings = findings(&leaf, "shop.example");
            let evidence = |key: &str| findings.first().map(|one| one.evidence[key].clone());
            assert_eq!(
                evidence("got"),
                expected.map(|(days, _)| format!("{days} days").into()),
                "{not_before}"
            );
            assert_eq!(
                evidence("expected"),
                expected.map(|(_, most)| format!("{most} days at most").into()),
                "{not_before}"
            );
        }
    }

    #[test]
    fn an_empty_list_of_timestamps_is_none() {
        for (timestamps, expected) in [(None, 1), (Some(0), 1), (Some(1), 0)] {
            let leaf = CertificateFacts { timestamps, ..CertificateFacts::default() };
            let findings = findings(&leaf, "shop.example");
            assert_eq!(findings.len(), expected, "{timestamps:?}");
            assert!(findings.iter().all(|one| one.code == Code::CertNoTimestamps));
        }
    }
}
