//! Hellos of old servers, certificate files and chains, as nobody would make them.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use health::facts::TlsFacts;
use health::text::is_deceptive;
use health::{Code, Finding, Severity};
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;

use super::certificate;
use super::files;
use super::hello::Gathering;
use super::{Presented, Roots, judge};

/// Handshake messages in the clear, in one piece and in two.
pub fn hello(bytes: &[u8]) {
    let mut whole = Gathering::default();
    let is_over = whole.take_in(bytes);
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let mut halves = Gathering::default();
    let is_over_early = halves.take_in(first);
    let is_over_late = is_over_early || halves.take_in(second);
    assert_eq!(is_over, is_over_late);
    if let (false, Some(choice)) = (is_over_early, whole.into_choice()) {
        for certificate in &choice.chain {
            let _ = certificate::facts_of(certificate);
        }
        assert_eq!(Some(choice), halves.into_choice());
    }
}

/// A certificate, and a file that may hold some.
pub fn certificate(bytes: &[u8]) {
    let _ = certificate::parse(bytes);
    let _ = files::parse_file(bytes, None, None);
}

/// Trusts the root that the seeds lead to, made by fuzz/seeds/make-chains.
static ROOTS: LazyLock<Option<Roots>> = LazyLock::new(|| {
    let root = CertificateDer::from(&include_bytes!("../../../fuzz/seeds/root.der")[..]);
    Roots::of(std::slice::from_ref(&root), &[]).ok()
});

/// When chains are judged: as the seeds begin, in the middle of them, and when all have ended.
const MOMENTS: [i64; 4] = [0, 1_780_000_000, 1_800_000_000, 253_402_300_000];
const NAMES: [&str; 6] =
    ["shop.example", "a.b.shop.example", "127.0.0.1", "[::1]", "가게.example", ""];

/// What a server says after a hello, from its bytes to the verdict on its chain. The first two bytes say
/// when it is judged, for which name, and whether handshake messages follow or a chain as it is.
pub fn chain(bytes: &[u8]) {
    let (Some(roots), Some((&[when, how], rest))) = (&*ROOTS, bytes.split_first_chunk::<2>())
    else {
        return;
    };
    let chain = if how < 128 { cut(rest) } else { gathered(rest) };
    let now = MOMENTS[usize::from(when) % MOMENTS.len()];
    let Ok(now) = Timestamp::from_second(now) else { return };
    let name = NAMES[usize::from(how) % NAMES.len()];
    let presented = Presented { chain, protocol: "TLS 1.2".to_owned(), ..Presented::default() };
    let (facts, findings) = judge(&presented, name, roots, "shop", now);
    check(&facts, &findings);
    let (again, findings_again) = judge(&presented, name, roots, "shop", now);
    assert!(Arc::ptr_eq(&facts.chain, &again.chain), "worked out twice");
    assert_eq!(findings, findings_again);
}

/// What must hold of any verdict.
fn check(facts: &TlsFacts, findings: &[Finding]) {
    assert!(facts.chain.len() <= 48, "{} elements", facts.chain.len());
    for element in &*facts.chain {
        assert!(element.names.len() <= 200 && element.crls.len() <= 4);
        for shown in [&element.subject, &element.issuer, &element.key, &element.signature] {
            assert_fit_to_be_shown(shown);
        }
        for name in element.names.iter().chain(&element.ca_issuers).chain(&element.crls) {
            assert_fit_to_be_shown(name);
        }
    }
    let mut seen = HashSet::new();
    for finding in findings {
        assert!(seen.insert((finding.code, &finding.subject)), "{finding:?} twice");
        for text in [&finding.summary, &finding.remedy] {
            assert_fit_to_be_shown(&text.en);
            assert_fit_to_be_shown(&text.ko);
        }
        for value in finding.evidence.values() {
            assert_fit_to_be_shown(&value.to_string());
        }
    }
    let is_refused = findings.iter().any(|finding| {
        let refuses = matches!(
            finding.code,
            Code::TlsUntrusted | Code::TlsIncompleteChain | Code::CertSelfSigned
        );
        refuses && finding.severity == Severity::Critical
    });
    assert!(!(facts.trusted && is_refused), "{findings:?}");
    assert!(facts.trusted || !findings.is_empty(), "nothing said of {:?}", facts.chain);
}

fn assert_fit_to_be_shown(words: &str) {
    assert!(words.len() < 32_768, "{} bytes", words.len());
    assert!(!words.chars().any(is_deceptive), "{words:?}");
}

/// A chain as it is: every certificate after its length in two bytes.
fn cut(mut bytes: &[u8]) -> Vec<CertificateDer<'static>> {
    let mut chain = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        chain.push(CertificateDer::from(rest[..length].to_vec()));
        bytes = &rest[length..];
    }
    chain
}

/// The chain out of handshake messages in the clear.
fn gathered(bytes: &[u8]) -> Vec<CertificateDer<'static>> {
    let mut gathering = Gathering::default();
    gathering.take_in(bytes);
    gathering.into_choice().map(|choice| choice.chain).unwrap_or_default()
}
