//! What was looked at in a handshake and how each came out, a line each: what is well is said too, so
//! that silence is never taken for it. Pure.

use std::fmt::Write as _;

use health::facts::{RenewalFacts, RevocationSource, RevocationStanding, TlsFacts};
use health::{Code, Finding, Language, Observation, Severity, State, Text, text};
use jiff::Timestamp;

use crate::cli::paint::{self, printable};
use crate::probe::tls::starttls::Starttls;
use crate::probe::{Spec, tls};

/// One thing that was looked at.
struct Row {
    name: &'static str,
    /// Findings that say that it is not well.
    codes: &'static [Code],
    /// A file that this is about: whatever is found of it belongs here, and nowhere else.
    file: Option<String>,
    /// What to say when it is; `None`: it was not looked at.
    well: Option<Text>,
}

impl Row {
    /// Whether a finding belongs here; `files` are those that have rows of their own.
    fn claims(&self, finding: &Finding, files: &[&str]) -> bool {
        match files.iter().find(|file| is_of(&finding.subject, file)) {
            Some(file) => self.file.as_deref() == Some(file),
            None => self.codes.contains(&finding.code),
        }
    }
}

/// Whether a subject is this address or file, or an element of what it holds.
fn is_of(subject: &str, place: &str) -> bool {
    subject.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ',']))
}

/// All lines, each `✓ name  words`.
pub(super) fn lines(spec: &Spec, seen: &Observation, tls: &TlsFacts, language: Language) -> String {
    let planned = match spec {
        Spec::Tls(planned) => Some(planned),
        _ => None,
    };
    let others = seen.facts.served.iter().map(|place| place.address);
    let others = others.filter(|&address| Some(address) != seen.facts.address);
    let elsewhere: Vec<String> = others.map(|address| address.to_string()).collect();
    let rows = rows(planned, seen, tls);
    let files: Vec<&str> = rows.iter().filter_map(|row| row.file.as_deref()).collect();
    let is_unclaimed = |finding: &&Finding| !rows.iter().any(|row| row.claims(finding, &files));
    let rest = seen.findings.iter().filter(is_unclaimed).collect();
    let mut text = String::new();
    let mut line = |name: &str, mut found: Vec<&Finding>, well: Option<&Text>| {
        found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let (mark, colour, words) = match (found.first(), well) {
            (Some(worst), _) => {
                let colour = paint::severity(worst.severity);
                (mark(worst.severity), colour, told(&found, &elsewhere))
            }
            (None, Some(well)) => {
                ("✓", paint::state(State::Up), well.in_language(language).to_owned())
            }
            (None, None) => return,
        };
        let _ = writeln!(text, "{colour}{mark} {name:<10}{colour:#}{}", printable(&words));
    };
    for row in &rows {
        let found = seen.findings.iter().filter(|finding| row.claims(finding, &files));
        line(row.name, found.collect(), row.well.as_ref());
    }
    // Of a request more is told than of its handshake, and in its own place.
    if planned.is_some() {
        line("also", rest, None);
    }
    if let Some(why) = &tls.revocation_unread {
        let words = text!("not known: {why}", "알 수 없습니다: {why}");
        let words = printable(words.in_language(language));
        let _ = writeln!(text, "? {:<10}{words}", "revoked");
    }
    text
}

const fn mark(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "✗",
        Severity::Warning => "!",
        Severity::Notice => "·",
    }
}

/// The codes found, and which other address they are about; the words stand below with each finding.
fn told(found: &[&Finding], elsewhere: &[String]) -> String {
    let words = found.iter().map(|finding| {
        let place = elsewhere.iter().find(|place| is_of(&finding.subject, place));
        match place {
            Some(place) => format!("{} at {place}", finding.code),
            None => finding.code.to_string(),
        }
    });
    let mut words: Vec<String> = words.collect();
    words.dedup();
    words.join(", ")
}

fn rows(planned: Option<&tls::Spec>, seen: &Observation, tls: &TlsFacts) -> Vec<Row> {
    let Some(leaf) = tls.chain.first() else { return Vec::new() };
    let name = &tls.server_name;
    let row = |name, codes, well| Row { name, codes, file: None, well };
    let shown = planned.and_then(|planned| planned.client.as_ref());
    vec![
        row(
            "name",
            &[Code::CertWrongName],
            Some(text!("the certificate is valid for {name}", "{name}에 유효한 인증서입니다")),
        ),
        row(
            "chain",
            &[
                Code::TlsUntrusted,
                Code::TlsIncompleteChain,
                Code::CertSelfSigned,
                Code::TlsSuperfluous,
            ],
            tls.trusted.then(|| trusted(tls)),
        ),
        row(
            "dates",
            &[Code::CertExpired, Code::CertNotYetValid, Code::CertExpiring, Code::CertLifetime],
            dates(tls, seen.at),
        ),
        row(
            "strength",
            &[Code::CertWeakKey, Code::CertWeakSignature],
            Some(Text::same(format!("{}, {}", leaf.key, leaf.signature))),
        ),
        row(
            "logged",
            &[Code::CertNoTimestamps],
            leaf.timestamps.filter(|count| *count > 0).map(logged),
        ),
        row(
            "versions",
            &[Code::TlsOldProtocol],
            planned.filter(|_| came_to_its_end(seen, tls)).and_then(versions),
        ),
        row("alpn", &[Code::TlsAlpn], planned.and_then(|planned| settled(planned, tls))),
        row("revoked", &[Code::TlsRevoked, Code::TlsStaple], revocation(tls)),
        row(
            "addresses",
            &[Code::TlsDiffersByAddress, Code::TcpRefused, Code::TcpTimeout, Code::TcpReset],
            planned.and_then(|planned| addresses(planned, seen)),
        ),
        row("pin", &[Code::TlsPinMismatch], planned.and_then(pinned)),
        Row {
            file: tls.file.as_ref().map(|file| file.path.clone()),
            ..row(
                "file",
                &[Code::TlsNotReloaded],
                tls.file.as_ref().map(|file| {
                    let path = &file.path;
                    text!("{path} is what is served", "{path}의 인증서가 그대로 제공됩니다")
                }),
            )
        },
        Row {
            file: shown.map(|client| client.path().display().to_string()),
            ..row("client", &[], None)
        },
        row(
            "renewal",
            &[Code::CertRenewalOverdue, Code::AcmeRenewal],
            seen.facts.renewals.first().map(|renewal| renewal_due(renewal, seen.at)),
        ),
    ]
}

/// Whether the handshake did, so that the server was asked for older versions too.
fn came_to_its_end(seen: &Observation, tls: &TlsFacts) -> bool {
    let here = seen.facts.address.map(|address| address.to_string()).unwrap_or_default();
    let is_failure = |finding: &Finding| {
        finding.code == Code::TlsHandshake
            && finding.severity > Severity::Notice
            && is_of(&finding.subject, &here)
    };
    matches!(&*tls.protocol, "TLS 1.2" | "TLS 1.3") && !seen.findings.iter().any(is_failure)
}

fn logged(count: u16) -> Text {
    text!(
        "in logs of certificate transparency, by {count} timestamps of theirs",
        "인증서 투명성 로그에 등록됨(타임스탬프 {count}개)"
    )
}

fn settled(planned: &tls::Spec, tls: &TlsFacts) -> Option<Text> {
    let settled = tls.alpn.as_deref().filter(|_| !planned.alpn.is_empty())?;
    Some(text!("settled on {settled}, as planned", "계획대로 {settled}(으)로 정해졌습니다"))
}

fn trusted(tls: &TlsFacts) -> Text {
    let top = tls.path.last().and_then(|&at| tls.chain.get(at));
    match top {
        Some(top) if !top.is_self_signed => {
            let root = &top.issuer;
            text!("leads to the trusted root {root}", "신뢰할 수 있는 루트 {root}(으)로 이어집니다")
        }
        _ => text!("is trusted here", "여기에서 신뢰하는 인증서입니다"),
    }
}

fn dates(tls: &TlsFacts, now: Timestamp) -> Option<Text> {
    let end = tls.path_not_after.or_else(|| tls.chain.first().map(|leaf| leaf.not_after))?;
    let days = end.duration_since(now).as_hours() / 24;
    let day = end.strftime("%Y-%m-%d");
    Some(if tls.trusted {
        text!(
            "everything on the way to the root is valid until {day}, {days} days from now",
            "루트까지 모두 {day}까지 유효합니다({days}일 남음)"
        )
    } else {
        text!(
            "the certificate is valid until {day}, {days} days from now",
            "인증서는 {day}까지 유효합니다({days}일 남음)"
        )
    })
}

fn versions(planned: &tls::Spec) -> Option<Text> {
    if !planned.starttls.is_none_or(Starttls::bears_broken_handshakes) {
        return None;
    }
    let floor = match planned.min_version? {
        // There is nothing below that is asked for.
        crate::tls::ProtocolFloor::Tls10 => return None,
        crate::tls::ProtocolFloor::Tls11 => "TLS 1.1",
        crate::tls::ProtocolFloor::Tls12 => "TLS 1.2",
        crate::tls::ProtocolFloor::Tls13 => "TLS 1.3",
    };
    Some(text!("nothing below {floor} is spoken", "{floor}보다 낮은 버전은 쓰지 않습니다"))
}

fn revocation(tls: &TlsFacts) -> Option<Text> {
    let told = tls.revocation.as_deref()?;
    let source = match told.source {
        RevocationSource::Staple => "OCSP",
        RevocationSource::Crl => "CRL",
    };
    let day = told.this_update.strftime("%Y-%m-%d");
    match told.standing {
        RevocationStanding::Good => {
            Some(text!("not revoked ({source} of {day})", "폐기되지 않았습니다({day}의 {source})"))
        }
        RevocationStanding::Unknown => Some(text!(
            "its CA does not know the certificate ({source} of {day})",
            "CA가 이 인증서를 모릅니다({day}의 {source})"
        )),
        RevocationStanding::Revoked => None,
    }
}

fn addresses(planned: &tls::Spec, seen: &Observation) -> Option<Text> {
    let main = seen.facts.tls.as_ref()?.chain.first()?;
    let others: Vec<_> =
        seen.facts.served.iter().filter(|at| Some(at.address) != seen.facts.address).collect();
    if others.is_empty() || planned.every_address == tls::EveryAddress::Off {
        return None;
    }
    let leaves: Vec<_> = others.iter().filter_map(|place| place.chain.first()).collect();
    let (count, answering) = (others.len() + 1, leaves.len() + 1);
    if answering < count {
        return Some(text!(
            "{answering} of {count} could be looked at from here",
            "{count}개 중 {answering}개를 여기에서 볼 수 있었습니다"
        ));
    }
    Some(if leaves.iter().all(|leaf| leaf.fingerprint == main.fingerprint) {
        text!("all {count} serve the same certificate", "{count}개가 모두 같은 인증서를 제공합니다")
    } else {
        text!("all {count} were looked at, each by itself", "{count}개를 각각 따로 보았습니다")
    })
}

fn pinned(planned: &tls::Spec) -> Option<Text> {
    (!planned.pins.is_empty())
        .then(|| text!("what the plan pins is served", "고정해 둔 키가 그대로 제공됩니다"))
}

fn renewal_due(renewal: &RenewalFacts, now: Timestamp) -> Text {
    let day = renewal.due.strftime("%Y-%m-%d");
    let days = renewal.due.duration_since(now).as_hours() / 24;
    if renewal.due > now {
        text!("due on {day}, {days} days from now", "{day}에 갱신할 차례입니다({days}일 뒤)")
    } else {
        text!("due since {day}, not late yet", "{day}부터 갱신할 차례이며 아직 늦지 않았습니다")
    }
}
