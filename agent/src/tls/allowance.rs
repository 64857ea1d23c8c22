//! What a certificate's extensions let it do, where webpki does not look, or does not say which
//! certificate it was (RFC 5280 sections 4.2.1.3, 4.2.1.9, 4.2.1.10).
//!
//! Deliberately absent: extended key usage, which webpki judges and names well enough.

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;

use super::distinguished::dotted;

/// Most critical extensions named.
const MOST_NAMED: usize = 4;

/// Extensions of certificates that webpki understands: key usage, names, basic and name constraints,
/// distribution points, extended key usage (the last arc below 2.5.29).
const KNOWN: &[u8] = &[15, 17, 19, 30, 31, 37];
/// Policies and what limits them, which other clients understand.
const POLICIES: &[u8] = &[32, 33, 36, 54];

/// What a certificate may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// Key usage keeps it from signing certificates.
    pub(super) signs_no_certificates: bool,
    /// Key usage keeps it from proving in any way who a server is.
    pub(super) proves_no_server: bool,
    /// How many CAs may stand between it and a leaf.
    pub(super) authorities_below: Option<u32>,
    /// It limits the names below it.
    pub(super) limits_names: bool,
    /// Critical extensions of policies, which browsers and OpenSSL understand and webpki does not.
    pub(super) has_critical_policies: bool,
    /// Critical extensions that hardly anybody understands.
    pub(super) unknown_critical: Vec<String>,
}

/// Reads them in one pass. An extension that cannot be read allows and forbids nothing: webpki
/// refuses it.
pub(super) fn read(certificate: &X509Certificate<'_>) -> Allowance {
    let mut allowance = Allowance::default();
    for extension in certificate.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::KeyUsage(usage) => {
                allowance.signs_no_certificates = !usage.key_cert_sign();
                allowance.proves_no_server = !(usage.digital_signature()
                    || usage.key_encipherment()
                    || usage.key_agreement());
            }
            ParsedExtension::BasicConstraints(basic) if basic.ca => {
                allowance.authorities_below = basic.path_len_constraint;
            }
            ParsedExtension::NameConstraints(_) => allowance.limits_names = true,
            _ => {}
        }
        if !extension.critical {
            continue;
        }
        let oid = extension.oid.as_bytes();
        match oid {
            [0x55, 0x1d, arc] if KNOWN.contains(arc) => {}
            [0x55, 0x1d, arc] if POLICIES.contains(arc) => allowance.has_critical_policies = true,
            _ if allowance.unknown_critical.len() < MOST_NAMED => {
                allowance.unknown_critical.push(dotted(&extension.oid));
            }
            _ => {}
        }
    }
    allowance
}
