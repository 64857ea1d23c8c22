//! Certificates: as served, as stored, and how their renewal stands.

use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A TLS handshake and the chain that was presented, whatever its worth.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TlsFacts {
    /// `TLS 1.2` or `TLS 1.3`.
    pub protocol: String,
    /// IANA name of the cipher suite.
    pub cipher: String,
    /// What ALPN settled on.
    pub alpn: Option<String>,
    /// The name sent as SNI and checked against the certificate.
    pub server_name: String,
    /// The chain as presented, leaf first.
    pub chain: Arc<Vec<CertificateFacts>>,
    /// Places in the chain, from 0, of what leads to the trusted root, or as far as anything leads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<usize>,
    /// Leads to a trusted root, names and dates aside.
    pub trusted: bool,
    /// The earliest end within the path that leads to the trusted root, if there is one.
    pub path_not_after: Option<Timestamp>,
    /// What the plan says should be served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileFacts>,
    /// The protocol that was spoken before TLS began, such as `smtp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starttls: Option<String>,
    /// The server asked for a certificate of the client's.
    #[serde(default)]
    pub asks_for_certificate: bool,
    /// Versions below the floor that are still enabled, as far as they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub old_versions: Vec<String>,
    /// What the CA says of the leaf; `None` where nothing was to be had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation: Option<Box<RevocationFacts>>,
    /// Why the CA's word could not be had, for people, where it publishes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_unread: Option<String>,
}

/// One certificate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CertificateFacts {
    /// SHA-256 of the DER bytes, lower-case hex.
    pub fingerprint: String,
    /// Serial number, lower-case hex with colons.
    pub serial: String,
    /// Subject, as an RFC 4514 string.
    pub subject: String,
    /// Issuer, as an RFC 4514 string.
    pub issuer: String,
    /// DNS names and IP addresses of the subjectAltName, at most 200.
    pub names: Vec<String>,
    /// Start of validity.
    pub not_before: Timestamp,
    /// End of validity.
    pub not_after: Timestamp,
    /// Such as `ECDSA P-256` or `RSA 2048`.
    pub key: String,
    /// Such as `ecdsa-with-SHA256`.
    pub signature: String,
    /// Basic constraints say CA.
    pub is_ca: bool,
    /// Subject and issuer are the same and its own key signed it.
    pub is_self_signed: bool,
    /// SHA-256 of the SubjectPublicKeyInfo, base64: what pins name (RFC 7469 section 2.4).
    #[serde(default)]
    pub spki_sha256: String,
    /// Signed certificate timestamps embedded in it (RFC 6962 section 3.3); `None`: no such extension.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamps: Option<u16>,
    /// Where its issuer's certificate can be fetched (RFC 5280 section 4.2.2.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_issuers: Option<String>,
    /// Where its issuer answers about single certificates (RFC 6960).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ocsp: Option<String>,
    /// Where its issuer publishes what it revoked (RFC 5280 section 4.2.1.13), at most four.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crls: Vec<String>,
    /// By what name its CA's renewal information knows it (RFC 9773 section 4.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal_id: Option<String>,
}

/// What was served at one place besides the one that a check is mainly about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServedFacts {
    /// Where.
    pub address: SocketAddr,
    /// The name sent as SNI; `None`: none was sent.
    pub server_name: Option<String>,
    /// `TLS 1.2` or `TLS 1.3`; empty when there was no handshake.
    pub protocol: String,
    /// The chain as presented, leaf first; empty when none came.
    pub chain: Arc<Vec<CertificateFacts>>,
    /// The file that should be served here, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Where a server's configuration says so, as `file:line`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named_in: Option<String>,
    /// Why nothing was seen, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// What a CA says of a certificate: revoked or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RevocationFacts {
    /// The answer.
    pub standing: RevocationStanding,
    /// How it was learnt.
    pub source: RevocationSource,
    /// Where it was fetched, unless it came stapled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// When the CA said so.
    pub this_update: Timestamp,
    /// When it will have said something newer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_update: Option<Timestamp>,
    /// Since when it is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
    /// Why, in the words of RFC 5280 section 5.3.1, such as `keyCompromise`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Revoked or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RevocationStanding {
    /// Not revoked.
    Good,
    /// Revoked.
    Revoked,
    /// Its CA does not know it.
    Unknown,
}

/// How it was learnt whether a certificate is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RevocationSource {
    /// An OCSP answer that came with the handshake (RFC 6066 section 8).
    Staple,
    /// A list of the CA's (RFC 5280 section 5).
    Crl,
}

/// When a certificate is due for renewal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RenewalFacts {
    /// Which certificate: SHA-256 of the DER bytes, lower-case hex.
    pub fingerprint: String,
    /// From when on its renewer should act.
    pub due: Timestamp,
    /// Past this moment it is late.
    pub overdue: Timestamp,
    /// Who says so.
    pub source: RenewalSource,
    /// The renewer's own configuration of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// When the renewer last tried, as far as its log or state tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried_at: Option<Timestamp>,
    /// Why that failed, in the renewer's words, printable and bounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// A page of the CA's on why it wants it renewed early (RFC 9773 section 4.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
}

/// Who says when a certificate is due for renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RenewalSource {
    /// Its lifetime: about a third left, half for a short-lived one.
    Lifetime,
    /// The plan, by `renew_at`.
    Plan,
    /// certbot's configuration of it.
    Certbot,
    /// acme.sh's configuration of it.
    AcmeSh,
    /// Its CA, by ACME Renewal Information (RFC 9773).
    Ari,
}

/// A challenge file put down and fetched as a CA would, for every domain and address.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AcmeFacts {
    /// The file that was put into the webroot.
    pub file: String,
    /// Every way it was asked for.
    pub trials: Vec<TrialFacts>,
}

/// One challenge fetched from one address of one domain.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrialFacts {
    /// The domain to be validated.
    pub domain: String,
    /// Whom the first request went to.
    pub address: Option<SocketAddr>,
    /// Every request, first to last.
    pub hops: Vec<HopFacts>,
    /// The expected body came back.
    pub passed: bool,
}

/// One request on the way to a challenge file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HopFacts {
    /// What was asked for.
    pub url: String,
    /// Whom.
    pub address: Option<SocketAddr>,
    /// The status of the answer, if one came.
    pub status: Option<u16>,
    /// Its Location header.
    pub location: Option<String>,
    /// What went wrong here, or what the body was instead, for people; printable and bounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// A certificate file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FileFacts {
    /// The path after globbing.
    pub path: String,
    /// When its contents last changed.
    pub modified: Option<Timestamp>,
    /// Certificates within, in file order (leaf first in a well-made one); empty when unreadable.
    pub chain: Arc<Vec<CertificateFacts>>,
    /// The key file that was compared, if one was found.
    pub key_path: Option<String>,
    /// Whether the key belongs to the leaf; `None` when the key could not be read.
    pub key_matches: Option<bool>,
    /// Why the key that is there could not be read: encrypted, no permission, unknown kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_unread: Option<String>,
    /// Where a server's configuration names this file, as `file:line`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named_in: Option<String>,
}

/// The certificates that a check saw last: what is still known when they cannot be seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CertificatesSeen {
    /// What the check looked at.
    pub instance: String,
    /// Those served.
    pub tls: Option<Box<TlsFacts>>,
    /// Those stored.
    pub files: Vec<FileFacts>,
    /// Those served elsewhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub served: Vec<ServedFacts>,
}
