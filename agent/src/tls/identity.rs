//! Client certificates: ours, out of its files; whether a server asks for one, and what it makes of it.
//!
//! Deliberately absent: keeping a private key that has been replaced on disk. The files are read for
//! every probe that shows them, so that a renewed certificate is shown from then on.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use health::facts::CertificateFacts;
use health::{Code, Finding, Severity, text};
use ring::digest;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;

use super::alert;
use super::certificate::facts_of;
use super::distinguished::distinguished;
use super::files::{self, Unreadable};

/// Most issuers kept of those that a server accepts.
const MOST_ISSUERS: usize = 8;

/// The files of a client certificate, as the plan names them.
#[derive(Debug)]
pub struct ClientCertificate {
    certificate: PathBuf,
    key: PathBuf,
    /// What was read last, under the digest of the bytes.
    kept: Mutex<Option<(Vec<u8>, Arc<Identity>)>>,
}

/// A client certificate with its key, ready to be shown.
#[derive(Debug)]
pub(crate) struct Identity {
    /// Its file.
    pub(crate) path: String,
    /// Leaf first.
    pub(crate) chain: Vec<CertificateFacts>,
    pub(super) signing: Arc<CertifiedKey>,
}

/// What a server said when it asked for a client certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Whose certificates it accepts, as RFC 4514 strings; the first few, and none where it does not say.
    pub(crate) issuers: Vec<String>,
}

impl Asked {
    pub(super) fn of(hints: &[&[u8]]) -> Self {
        let names = hints.iter().take(MOST_ISSUERS).filter_map(|der| X509Name::from_der(der).ok());
        Self { issuers: names.map(|(_, name)| distinguished(&name)).collect() }
    }
}

impl ClientCertificate {
    /// The certificate, leaf first, and its key; without a key file it is in the same file.
    pub(crate) fn new(certificate: PathBuf, key: Option<PathBuf>) -> Self {
        let key = key.unwrap_or_else(|| certificate.clone());
        Self { certificate, key, kept: Mutex::default() }
    }

    /// The file of the certificate.
    pub(crate) fn path(&self) -> &Path {
        &self.certificate
    }

    /// The files of the certificate and of the key.
    pub(crate) fn paths(&self) -> (&Path, &Path) {
        (&self.certificate, &self.key)
    }

    /// Whether it names the same files.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        (&self.certificate, &self.key) == (&other.certificate, &other.key)
    }

    /// Reads both files; blocks. What did not change is not parsed again.
    ///
    /// # Errors
    /// `cert.unreadable` or `cert.key-mismatch`, and what this machine has run out of, where that is why.
    pub(crate) fn read(&self) -> Result<Arc<Identity>, Unfit> {
        let certificate = self.bytes(&self.certificate)?;
        let key = self.bytes(&self.key)?;
        let both = [certificate.as_slice(), key.as_slice()].concat();
        let digest = digest::digest(&digest::SHA256, &both).as_ref().to_vec();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, identity)) = &*kept
            && *known == digest
        {
            return Ok(Arc::clone(identity));
        }
        let identity = Arc::new(self.understood(&certificate, &key)?);
        *kept = Some((digest, Arc::clone(&identity)));
        Ok(identity)
    }

    fn bytes(&self, path: &Path) -> Result<Vec<u8>, Unfit> {
        files::read_bytes(path).map_err(|why| Unfit::of(path, &why))
    }

    fn understood(&self, certificate: &[u8], key: &[u8]) -> Result<Identity, Unfit> {
        let ders = files::certificates(certificate);
        let chain: Vec<_> = ders.iter().filter_map(|der| facts_of(der)).collect();
        if chain.is_empty() || chain.len() < ders.len() {
            return Err(Unfit::of(&self.certificate, &Unreadable::NoCertificate(None)));
        }
        let no_key = |words: String| Unfit::of(&self.key, &Unreadable::System(words));
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|_| no_key("no private key in it, or an encrypted one".to_owned()))?;
        let signing = any_supported_type(&key)
            .map_err(|_| no_key("a private key of a kind that cannot be used".to_owned()))?;
        let signing = CertifiedKey::new(ders, signing);
        if signing.keys_match().is_err() {
            return Err(Unfit { finding: self.strangers(), lack: None });
        }
        let path = self.certificate.display().to_string();
        Ok(Identity { path, chain, signing: Arc::new(signing) })
    }

    fn strangers(&self) -> Box<Finding> {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        let finding = Finding::new(
            Code::CertKeyMismatch,
            certificate.to_string(),
            text!(
                "the client certificate {certificate} and the key {key} do not belong together",
                "클라이언트 인증서 {certificate}와(과) 키 {key}의 짝이 맞지 않습니다"
            ),
            text!(
                "Compare `openssl x509 -in {certificate} -noout -pubkey` with `openssl pkey -in {key} -pubout`, and put the file back that belongs to the other.",
                "`openssl x509 -in {certificate} -noout -pubkey`와 `openssl pkey -in {key} -pubout`의 결과를 비교하고, 짝이 맞는 파일로 되돌리세요."
            ),
        );
        Box::new(finding.evidence("key", key.to_string()))
    }
}

/// A client certificate that cannot be shown.
#[derive(Debug)]
pub(crate) struct Unfit {
    pub(crate) finding: Box<Finding>,
    /// What this machine has run out of, where that is why.
    pub(crate) lack: Option<String>,
}

impl Unfit {
    pub(crate) fn of(path: &Path, why: &Unreadable) -> Self {
        let finding = Box::new(why.finding(&path.display().to_string()));
        Self { finding, lack: why.lack().map(str::to_owned) }
    }
}

/// `tls.handshake` for a server that would not let us in without a certificate, or with ours.
///
/// That a server insists is no fault of it: where the plan has no certificate to show, this is a notice.
pub(crate) fn turned_away(
    subject: &str,
    asked: &Asked,
    shown: Option<&Identity>,
    alert: Option<u8>,
) -> Finding {
    let accepted = asked.issuers.join("; ");
    let finding = match shown {
        None => insists(subject, &accepted),
        Some(identity) => refuses(subject, &accepted, identity, alert),
    };
    let finding = match alert {
        Some(number) => {
            finding.evidence("alert", alert::explain(number).0).evidence("alert_number", number)
        }
        None => finding,
    };
    finding.evidence("accepted_issuers", asked.issuers.clone())
}

fn insists(subject: &str, accepted: &str) -> Finding {
    let (by, by_ko) = match accepted {
        "" => (String::new(), String::new()),
        names => (format!(", issued by one of: {names}"), format!("({names} 중 하나가 발급)")),
    };
    Finding::new(
        Code::TlsHandshake,
        subject,
        text!(
            "{subject} lets nobody in without a client certificate, and the check has none: what it serves is judged, whether it lets clients in cannot be told",
            "{subject}에 접속하려면 클라이언트 인증서가 필요한데 이 점검에는 없습니다. 제공되는 인증서는 판단하지만 접속이 되는지는 알 수 없습니다"
        ),
        text!(
            "Give the check one{by}: `client_certificate = \"client.pem\"` and `client_key = \"client.key\"`. If nobody should need one, turn it off: in HAProxy `verify required` on the `bind` line, in nginx `ssl_verify_client`.",
            "점검에 클라이언트 인증서{by_ko}를 지정하세요: `client_certificate = \"client.pem\"`, `client_key = \"client.key\"`. 필요 없어야 한다면 끄세요: HAProxy는 `bind` 줄의 `verify required`, nginx는 `ssl_verify_client`입니다."
        ),
    )
    .severity(Severity::Notice)
}

fn refuses(subject: &str, accepted: &str, identity: &Identity, alert: Option<u8>) -> Finding {
    let path = &identity.path;
    let (issuer, ends) = identity
        .chain
        .first()
        .map_or_else(Default::default, |leaf| (leaf.issuer.clone(), leaf.not_after.to_string()));
    let (said, said_ko) = match alert {
        Some(number) => {
            let (name, _) = alert::explain(number);
            (format!("it answered with the alert {name}"), format!("{name} 경고로 답했습니다"))
        }
        None => ("it closed the connection".to_owned(), "연결을 닫았습니다".to_owned()),
    };
    let (wants, wants_ko) = match accepted {
        "" => (String::new(), String::new()),
        names => (
            format!(" It accepts those issued by: {names}."),
            format!(" 서버는 {names}에서 발급한 것을 받습니다."),
        ),
    };
    Finding::new(
        Code::TlsHandshake,
        subject,
        text!(
            "no TLS with {subject}: it refuses our client certificate {path}: {said}",
            "{subject}와(과) TLS 연결을 맺을 수 없습니다. 클라이언트 인증서 {path}을(를) 거부하며 {said_ko}"
        ),
        text!(
            "Ours was issued by {issuer} and ends {ends}.{wants} Look at it with `openssl x509 -in {path} -noout -issuer -dates -purpose`, at the server's list of client CAs (nginx `ssl_client_certificate`, HAProxy `ca-file`, PostgreSQL `ssl_ca_file`), and in its error log.",
            "이 인증서는 {issuer}에서 발급했고 {ends}에 끝납니다.{wants_ko} `openssl x509 -in {path} -noout -issuer -dates -purpose`로 확인하고, 서버의 클라이언트 CA 목록(nginx `ssl_client_certificate`, HAProxy `ca-file`, PostgreSQL `ssl_ca_file`)과 오류 로그를 보세요."
        ),
    )
    .evidence("client_certificate", path.as_str())
    .evidence("issuer", issuer)
    .evidence("not_after", ends)
}
