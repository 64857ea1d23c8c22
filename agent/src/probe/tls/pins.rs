//! Pinned keys and certificates: this server and no other. Pure.
//!
//! Deliberately absent: trust by pins alone. A pinned certificate of a CA counts only on a path
//! that was verified, for anybody can put another's certificate beside his own.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use health::facts::{CertificateFacts, TlsFacts};
use health::{Code, Finding, text};

/// A key or certificate that may be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pin {
    /// SHA-256 of the SubjectPublicKeyInfo, base64 (RFC 7469 section 2.4).
    Key(String),
    /// SHA-256 of the certificate, lower-case hex.
    Certificate(String),
}

impl Pin {
    /// Reads `sha256/BASE64` or, as curl writes it, `sha256//BASE64`; or a certificate's SHA-256
    /// fingerprint in hex, with or without colons. `None` when it is neither.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        if let Some(digest) = text.strip_prefix("sha256/") {
            let digest = digest.strip_prefix('/').unwrap_or(digest).trim_end_matches('=');
            let bytes = STANDARD_NO_PAD.decode(digest).ok()?;
            return (bytes.len() == 32).then(|| Self::Key(STANDARD.encode(bytes)));
        }
        let digits: String = text.chars().filter(|&one| one != ':').collect();
        let is_digest = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_digest.then(|| Self::Certificate(digits.to_ascii_lowercase()))
    }

    fn holds(&self, certificate: &CertificateFacts) -> bool {
        match self {
            Self::Key(digest) => *digest == certificate.spki_sha256,
            Self::Certificate(fingerprint) => *fingerprint == certificate.fingerprint,
        }
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(digest) => write!(f, "sha256/{digest}"),
            Self::Certificate(fingerprint) => f.write_str(fingerprint),
        }
    }
}

/// Adds `tls.pin-mismatch` where nothing pinned is served. A certificate that its own pin names is
/// the one that is meant, though it vouch for itself: `cert.self-signed` is taken back.
pub(super) fn judge(pins: &[Pin], tls: &TlsFacts, subject: &str, findings: &mut Vec<Finding>) {
    let Some(leaf) = tls.chain.first() else { return };
    if pins.is_empty() {
        return;
    }
    if pins.iter().any(|pin| pin.holds(leaf)) {
        findings.retain(|finding| finding.code != Code::CertSelfSigned);
        return;
    }
    let on_path = tls.path.iter().filter(|_| tls.trusted).filter_map(|&at| tls.chain.get(at));
    if on_path.clone().any(|element| pins.iter().any(|pin| pin.holds(element))) {
        return;
    }
    findings.push(mismatch(pins, leaf, subject));
}

fn mismatch(pins: &[Pin], leaf: &CertificateFacts, subject: &str) -> Finding {
    let got = Pin::Key(leaf.spki_sha256.clone());
    Finding::new(
        Code::TlsPinMismatch,
        subject,
        text!(
            "{subject} serves another key than the plan pins: {got}",
            "{subject}에서 설정에 고정한 것과 다른 키를 제공합니다: {got}"
        ),
        text!(
            "On the server itself, compare its key: `openssl pkey -in privkey.pem -pubout -outform der | openssl sha256 -binary | base64`. The same as served: the key was replaced, so pin `\"{got}\"` and tell whoever else pins it. Another: what answers is not this server; find out who terminates TLS on the way (`ip route get`, forwards, proxies) before anybody logs in.",
            "서버에서 키를 비교하세요: `openssl pkey -in privkey.pem -pubout -outform der | openssl sha256 -binary | base64`. 제공되는 것과 같으면 키가 바뀐 것이니 `\"{got}\"`로 다시 고정하고, 이 키를 고정해 둔 다른 쪽에도 알리세요. 다르면 응답하는 것이 이 서버가 아닙니다. 누가 중간에서 TLS를 푸는지(`ip route get`, 포워딩, 프록시) 알아낼 때까지 로그인하지 마세요."
        ),
    )
    .evidence("expected", pins.iter().map(ToString::to_string).collect::<Vec<_>>())
    .evidence("got", got.to_string())
    .evidence("fingerprint", leaf.fingerprint.clone())
    .evidence("certificate", leaf.subject.clone())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn reads_what_people_copy() {
        let digest = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let colons: Vec<String> = hex
            .as_bytes()
            .chunks(2)
            .map(|two| String::from_utf8_lossy(two).to_uppercase())
            .collect();
        let key = Some(Pin::Key(digest.to_owned()));
        let certificate = Some(Pin::Certificate(hex.to_owned()));
        for (text, expected) in [
            (format!("sha256/{digest}"), key.clone()),
            (format!("sha256//{digest}"), key.clone()),
            (format!("sha256/{}", digest.trim_end_matches('=')), key),
            (hex.to_owned(), certificate.clone()),
            (colons.join(":"), certificate),
            (digest.to_owned(), None),
            (format!("sha256/{hex}"), None),
            ("sha256/".to_owned(), None),
            ("sha1/2jmj7l5rSw0yVb/vlWAYkK/YBwk=".to_owned(), None),
            (hex[1..].to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(Pin::read(&text), expected, "{text}");
        }
    }

    fn element(name: &str) -> CertificateFacts {
        CertificateFacts {
            spki_sha256: format!("{name} key"),
            fingerprint: format!("{name} certificate"),
            ..CertificateFacts::default()
        }
    }

    #[test]
    fn the_leaf_or_what_verifiably_stands_above_it() {
        let key = |name: &str| Pin::Key(format!("{name} key"));
        let whole = |name: &str| Pin::Certificate(format!("{name} certificate"));
        let cases = [
            ("nothing pinned", vec![], true, true),
            ("the leaf's key", vec![key("leaf")], false, true),
            ("the leaf itself", vec![key("other"), whole("leaf")], false, true),
            ("its issuer", vec![key("issuer")], true, true),
            ("its issuer, unverified", vec![whole("issuer")], false, false),
            ("a stranger beside it", vec![key("stranger")], true, false),
            ("another", vec![key("other"), whole("other")], true, false),
        ];
        for (case, pins, trusted, is_good) in cases {
            let chain = ["leaf", "stranger", "issuer"].map(element);
            let chain = Arc::new(chain.to_vec());
            let tls = TlsFacts { chain, trusted, path: vec![0, 2], ..TlsFacts::default() };
            let mut findings = Vec::new();
            judge(&pins, &tls, "127.0.0.1:443", &mut findings);
            assert_eq!(findings.is_empty(), is_good, "{case}: {findings:#?}");
            if let Some(found) = findings.first() {
                assert_eq!(found.evidence["got"], "sha256/leaf key", "{case}");
            }
        }
    }

    #[test]
    fn a_pinned_certificate_may_vouch_for_itself() {
        let chain = Arc::new(vec![element("leaf")]);
        let tls = TlsFacts { chain, ..TlsFacts::default() };
        let self_signed = Finding::new(Code::CertSelfSigned, "a", text!("a", "a"), text!("a", "a"));
        for (pinned, left) in [("leaf", 0), ("other", 2)] {
            let mut findings = vec![self_signed.clone()];
            judge(&[Pin::Key(format!("{pinned} key"))], &tls, "a", &mut findings);
            assert_eq!(findings.len(), left, "{findings:#?}");
        }
    }
}
