//! How a chain that leads to a trusted root is presented: what it takes and no more, in order?
//! `tls.superfluous` where not. Pure.
//!
//! Deliberately absent: elements of another way up, such as a cross-signature served for older clients:
//! somebody needs those.

use std::collections::HashSet;

use health::facts::CertificateFacts;
use health::{Code, Finding, Text, text};
use jiff::Timestamp;

use super::element::calling_name;
use super::path::Path;

/// Most elements named in a sentence.
const MOST_SAID: usize = 4;

/// What is odd about how a chain is presented, worked out once per chain. Places are those in the
/// chain, from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Oddities {
    /// The same as an earlier one.
    pub(super) doubled: Vec<usize>,
    /// The root that the path ends in, or another that issued an element.
    pub(super) roots: Vec<usize>,
    /// Issued nothing here.
    pub(super) strangers: Vec<usize>,
    /// An issuer does not follow what it issued.
    pub(super) out_of_order: bool,
    /// How many elements more there are than are looked at.
    pub(super) unlooked: usize,
}

/// Looks at the order and use of every element.
pub(super) fn look(chain: &[CertificateFacts], path: &Path) -> Oddities {
    let wanted = wanted(chain);
    let mut oddities = Oddities { out_of_order: !path.elements.is_sorted(), ..Oddities::default() };
    let mut seen = HashSet::new();
    for (place, element) in chain.iter().enumerate() {
        if !seen.insert(&element.fingerprint) {
            oddities.doubled.push(place);
        } else if path.elements.contains(&place) {
            // What it takes.
        } else if !wanted.contains(&place) {
            oddities.strangers.push(place);
        } else if element.is_self_signed {
            oddities.roots.push(place);
        }
    }
    oddities
}

/// The leaf, and whatever issued something wanted, whichever way up it lies.
fn wanted(chain: &[CertificateFacts]) -> HashSet<usize> {
    let mut wanted = HashSet::from([0]);
    let mut open = vec![0];
    while let Some(issuer) =
        open.pop().and_then(|below| chain.get(below)).map(|below| &below.issuer)
    {
        for (place, element) in chain.iter().enumerate() {
            let may_issue = element.is_ca || element.is_self_signed;
            if may_issue && element.subject == *issuer && wanted.insert(place) {
                open.push(place);
            }
        }
    }
    wanted
}

/// `tls.superfluous`, if there is anything odd. What has ended is told as such, and not once more.
pub(super) fn finding(
    oddities: &Oddities,
    chain: &[CertificateFacts],
    subject: &str,
    now: Timestamp,
) -> Option<Finding> {
    let names = |places: &[usize]| -> Vec<&str> {
        let elements = places.iter().filter_map(|&place| chain.get(place));
        elements.filter(|one| one.not_after >= now).map(|one| calling_name(&one.subject)).collect()
    };
    let (doubled, roots, strangers) =
        (names(&oddities.doubled), names(&oddities.roots), names(&oddities.strangers));
    let mut parts = Vec::new();
    if !doubled.is_empty() {
        let said = said(&doubled);
        parts.push(text!("{said} twice", "{said}이(가) 두 번 들어 있음"));
    }
    if !roots.is_empty() {
        let said = said(&roots);
        parts.push(text!(
            "the root {said}, which clients have themselves",
            "클라이언트가 이미 갖고 있는 루트 {said}이(가) 들어 있음"
        ));
    }
    if !strangers.is_empty() {
        let said = said(&strangers);
        parts.push(text!(
            "{said}, which issued nothing in it",
            "이 체인에서 아무것도 발급하지 않은 {said}이(가) 들어 있음"
        ));
    }
    if oddities.unlooked > 0 {
        let count = oddities.unlooked;
        parts.push(text!(
            "{count} elements more than are looked at",
            "살펴보는 한도를 {count}개 넘김"
        ));
    }
    if oddities.out_of_order {
        parts.push(text!(
            "issuers that do not follow what they issued",
            "발급자가 자기가 발급한 인증서 바로 뒤에 있지 않음"
        ));
    }
    if parts.is_empty() {
        return None;
    }
    let finding = Finding::new(Code::TlsSuperfluous, subject, summary(&parts, subject), remedy());
    let presented: Vec<&str> = chain.iter().map(|one| &*one.subject).collect();
    let order = oddities.out_of_order.then_some("out of order");
    let finding = [("doubled", doubled), ("roots", roots), ("strangers", strangers)]
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .fold(finding, |finding, (key, names)| finding.evidence(key, names));
    let finding =
        order.into_iter().fold(finding, |finding, order| finding.evidence("order", order));
    Some(finding.evidence("presented", presented))
}

fn said(names: &[&str]) -> String {
    let said = names.iter().take(MOST_SAID).map(|name| format!("\"{name}\""));
    let mut said = said.collect::<Vec<_>>().join(", ");
    if names.len() > MOST_SAID {
        said.push_str(", …");
    }
    said
}

fn summary(parts: &[Text], subject: &str) -> Text {
    let en = parts.iter().map(|part| &*part.en).collect::<Vec<_>>().join("; ");
    let ko = parts.iter().map(|part| &*part.ko).collect::<Vec<_>>().join(", ");
    text!(
        "{subject}: the chain is good, but not as it should be served: it holds {en}",
        "{subject}: 체인은 온전하지만 제공하는 모양이 바르지 않습니다: {ko}"
    )
}

fn remedy() -> Text {
    text!(
        "Serve the leaf, then each issuer, without the root and with nothing joined to it: with Let's Encrypt exactly `fullchain.pem`, else `cat leaf.pem intermediate.pem > fullchain.pem`. Then `nginx -s reload` (with systemd `systemctl reload nginx`).",
        "서버 인증서, 그다음 발급자 순서로, 루트 없이 다른 것을 덧붙이지 말고 제공하세요: Let's Encrypt라면 `fullchain.pem` 그대로, 아니면 `cat leaf.pem intermediate.pem > fullchain.pem`. 그다음 `nginx -s reload`(systemd는 `systemctl reload nginx`)."
    )
}
