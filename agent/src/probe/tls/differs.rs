//! The addresses of one name beside each other: do they serve the same certificate? Pure.

use std::net::SocketAddr;

use health::facts::CertificateFacts;
use health::{Code, Finding, Text, text};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::served::{evidence, shortened};
use crate::tls::span;

/// Most certificates told in a sentence; evidence has all of them.
const MOST_CERTIFICATES: usize = 3;
/// Most addresses told for each.
const MOST_ADDRESSES: usize = 4;

/// What one address serves.
pub(super) struct Place<'a> {
    pub(super) address: SocketAddr,
    pub(super) leaf: &'a CertificateFacts,
}

/// One certificate and the addresses that serve it.
struct Group<'a> {
    leaf: &'a CertificateFacts,
    addresses: Vec<SocketAddr>,
}

/// `tls.differs-by-address` where not all serve the same certificate. `subject` is the name.
pub(super) fn judge(subject: &str, mut places: Vec<Place<'_>>, now: Timestamp) -> Option<Finding> {
    places.sort_by_key(|place| place.address);
    let mut groups: Vec<Group<'_>> = Vec::new();
    for place in &places {
        let known =
            groups.iter_mut().find(|group| group.leaf.fingerprint == place.leaf.fingerprint);
        match known {
            Some(group) => group.addresses.push(place.address),
            None => groups.push(Group { leaf: place.leaf, addresses: vec![place.address] }),
        }
    }
    // The newest first: what the others will have once they are brought up to date.
    groups.sort_by_key(|group| {
        std::cmp::Reverse((group.leaf.not_before, group.leaf.not_after, group.addresses.len()))
    });
    let (newest, older) = groups.split_first()?;
    if older.is_empty() {
        return None;
    }
    let lagging: Vec<SocketAddr> =
        older.iter().flat_map(|group| group.addresses.iter().copied()).collect();
    let served: Map<String, Value> = places
        .iter()
        .map(|place| (place.address.to_string(), evidence(place.leaf).into()))
        .collect();
    Some(
        told(subject, &groups, &listed(&lagging), now)
            .evidence("expected", "the same certificate at every address")
            .evidence("newest", newest.leaf.serial.clone())
            .evidence("served", served),
    )
}

fn told(subject: &str, groups: &[Group<'_>], lagging: &str, now: Timestamp) -> Finding {
    let count = groups.len();
    let said: Vec<Text> =
        groups.iter().take(MOST_CERTIFICATES).map(|group| said(group, now)).collect();
    let join = |one: fn(&Text) -> &str| said.iter().map(one).collect::<Vec<_>>().join("; ");
    let (en, ko) = (join(|text| &text.en), join(|text| &text.ko));
    Finding::new(
        Code::TlsDiffersByAddress,
        subject,
        text!(
            "the addresses of {subject} serve {count} different certificates: {en}",
            "{subject}의 주소들이 서로 다른 인증서 {count}개를 제공합니다: {ko}"
        ),
        text!(
            "If the certificate was renewed: bring it to {lagging} and reload there (`nginx -s reload`, with systemd `systemctl reload nginx`); for good, let the renewer's deploy hook do both. If an address is no longer yours, remove its A or AAAA record. If each machine has a certificate of its own on purpose: `every_address = \"valid\"` in the check.",
            "인증서를 갱신했다면 {lagging}에도 복사하고 그곳에서 다시 읽게 하세요(`nginx -s reload`, systemd를 쓴다면 `systemctl reload nginx`). 갱신 프로그램의 deploy hook이 두 가지를 모두 하게 해 두면 다시 생기지 않습니다. 더는 쓰지 않는 주소라면 A·AAAA 레코드를 지우세요. 서버마다 일부러 다른 인증서를 쓴다면 점검 항목에 `every_address = \"valid\"`를 적으세요."
        ),
    )
}

/// `serial 04:9f… (ends in 80 days) at 127.0.0.2:443, [::1]:443`
fn said(group: &Group<'_>, now: Timestamp) -> Text {
    let (serial, at) = (shortened(&group.leaf.serial), listed(&group.addresses));
    let end = span(now, group.leaf.not_after);
    if group.leaf.not_after > now {
        text!(
            "serial {serial}, which ends in {end_en}, at {at}",
            "{at}: 일련번호 {serial}({end_ko} 뒤에 끝남)",
            end_en = end.en,
            end_ko = end.ko,
        )
    } else {
        text!(
            "serial {serial}, which ended {end_en} ago, at {at}",
            "{at}: 일련번호 {serial}({end_ko} 전에 끝남)",
            end_en = end.en,
            end_ko = end.ko,
        )
    }
}

fn listed(addresses: &[SocketAddr]) -> String {
    let shown = addresses.iter().take(MOST_ADDRESSES).map(ToString::to_string);
    let shown = shown.collect::<Vec<_>>().join(", ");
    match addresses.len().saturating_sub(MOST_ADDRESSES) {
        0 => shown,
        more => format!("{shown} (+{more})"),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    /// What each address serves, and words of the finding.
    type Case<'a> = (&'a [(&'a str, &'a CertificateFacts)], &'a [&'a str]);

    fn now() -> Timestamp {
        "2026-06-15T12:00:00Z".parse().unwrap()
    }

    /// A certificate that began and ends so many days from now.
    fn leaf(name: &str, from: i64, to: i64) -> CertificateFacts {
        let ahead = |days: i64| now() + SignedDuration::from_hours(24 * days);
        CertificateFacts {
            fingerprint: name.repeat(32),
            serial: format!("{name}:{name}"),
            not_before: ahead(from),
            not_after: ahead(to),
            ..CertificateFacts::default()
        }
    }

    fn judged(served: &[(&str, &CertificateFacts)]) -> Option<Finding> {
        let places =
            served.iter().map(|&(address, leaf)| Place { address: address.parse().unwrap(), leaf });
        judge("shop.example:443", places.collect(), now())
    }

    #[test]
    fn says_who_serves_what_and_who_lags() {
        let (new, old, gone) = (leaf("aa", -1, 89), leaf("bb", -61, 29), leaf("cc", -100, -10));
        let (a, b, c, d) = ("127.0.0.2:443", "127.0.0.3:443", "127.0.0.4:443", "[::1]:443");
        let cases: [Case<'_>; 6] = [
            (&[], &[]),
            (&[(a, &new)], &[]),
            (&[(a, &new), (b, &new), (d, &new)], &[]),
            (
                &[(a, &old), (b, &new)],
                &[
                    "2 different certificates: serial aa:aa, which ends in 89 days, at 127.0.0.3:443; serial bb:bb, which ends in 29 days, at 127.0.0.2:443",
                    "bring it to 127.0.0.2:443 and reload",
                ],
            ),
            (
                &[(d, &gone), (b, &new), (a, &new)],
                &[
                    "serial aa:aa, which ends in 89 days, at 127.0.0.2:443, 127.0.0.3:443; serial cc:cc, which ended 10 days ago, at [::1]:443",
                    "bring it to [::1]:443 and reload",
                ],
            ),
            (
                &[(a, &new), (b, &old), (c, &gone), (d, &old)],
                &["3 different", "bring it to 127.0.0.3:443, [::1]:443, 127.0.0.4:443 and"],
            ),
        ];
        for (served, expected) in cases {
            let Some(found) = judged(served) else {
                assert!(expected.is_empty(), "{served:?}");
                continue;
            };
            assert!(!expected.is_empty(), "{found:#?}");
            let words = format!("{} {}", found.summary.en, found.remedy.en);
            for expected in expected {
                assert!(words.contains(expected), "{expected}: {words}");
            }
            assert_eq!(found.subject, "shop.example:443");
            assert_eq!(found.evidence["served"].as_object().unwrap().len(), served.len());
        }
    }

    #[test]
    fn is_the_same_finding_whichever_way_the_addresses_come() {
        let (new, old) = (leaf("aa", -1, 89), leaf("bb", -61, 29));
        let (a, b) = ("127.0.0.2:443", "127.0.0.3:443");
        assert_eq!(judged(&[(a, &old), (b, &new)]), judged(&[(b, &new), (a, &old)]));
        // Begun and ended alike: still one order.
        let twin = leaf("dd", -1, 89);
        assert_eq!(judged(&[(a, &twin), (b, &new)]), judged(&[(b, &new), (a, &twin)]));
    }

    #[test]
    fn names_a_bounded_number() {
        let leaves: Vec<_> = (0..40).map(|days| leaf(&format!("{days:02}"), -days, 50)).collect();
        let addresses: Vec<_> = (0..40).map(|last| format!("127.0.1.{last}:443")).collect();
        let served: Vec<_> = addresses.iter().map(String::as_str).zip(&leaves).collect();
        let found = judged(&served).unwrap();
        assert!(found.summary.en.len() < 400, "{}", found.summary.en);
        assert!(found.remedy.en.contains("(+35)"), "{}", found.remedy.en);
    }
}
