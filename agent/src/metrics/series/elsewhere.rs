//! Certificates under the names of other exporters, for the rules that were written for those.
//!
//! Labels hold what they hold there; `check`, `kind` and `instance` come before them.

use std::collections::HashSet;
use std::fmt::Error;
use std::net::IpAddr;

use health::facts::{CertificateFacts, FileFacts, RevocationSource, RevocationStanding, TlsFacts};
use health::snapshot::CheckStanding;
use health::{Code, Severity, Snapshot, StandingFinding};
use jiff::Timestamp;

use super::{Labels, Out, bounded, handshakes, labels, looked_at, seconds, with};
use crate::tls::attribute;

/// One end of a validity.
type Moment = fn(&CertificateFacts) -> Timestamp;

const ENDS: [(&str, &str, Moment); 2] = [
    ("not_after", "End of validity, Unix time", |certificate| certificate.not_after),
    ("not_before", "Start of validity, Unix time", |certificate| certificate.not_before),
];

/// What ssl_exporter labels a certificate with.
struct Described {
    serial: String,
    issuer: String,
    subject: String,
    names: String,
    addresses: String,
    unit: String,
}

impl Described {
    fn of(certificate: &CertificateFacts) -> Self {
        let part = |name: &str, kind| attribute(name, kind).unwrap_or_default();
        let is_address = |name: &&String| name.parse::<IpAddr>().is_ok();
        let (addresses, names): (Vec<&String>, Vec<&String>) =
            certificate.names.iter().partition(is_address);
        Self {
            serial: decimal(&certificate.serial),
            issuer: part(&certificate.issuer, "CN"),
            subject: part(&certificate.subject, "CN"),
            names: fenced(&names),
            addresses: fenced(&addresses),
            unit: attribute(&certificate.subject, "OU")
                .map_or_else(String::new, |unit| format!(",{unit},")),
        }
    }

    fn labels(&self) -> [(&'static str, &str); 7] {
        [
            ("serial_no", bounded(&self.serial)),
            ("issuer_cn", bounded(&self.issuer)),
            ("cn", bounded(&self.subject)),
            ("dnsnames", bounded(&self.names)),
            ("ips", bounded(&self.addresses)),
            ("emails", ""),
            ("ou", bounded(&self.unit)),
        ]
    }
}

impl Out<'_> {
    /// Served and stored certificates as ssl_exporter names them.
    pub(super) fn as_ssl_exporter(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let mut gauges = self.family(
            "ssl_probe_success",
            "1 when the last probe found nothing wrong with TLS or a certificate",
        )?;
        for (standing, last) in looked_at(snapshot) {
            if last.facts.tls.is_some() || !last.facts.files.is_empty() {
                let is_well = last.success || !standing.findings.iter().any(is_about_tls);
                gauges.put(&labels(standing), i64::from(is_well))?;
            }
        }
        let mut gauges =
            self.family("ssl_tls_version_info", "TLS version of the last handshake")?;
        for (standing, tls) in handshakes(snapshot) {
            gauges.put(&with(labels(standing), [("version", &*tls.protocol)]), 1_i64)?;
        }
        for (end, help, moment) in ENDS {
            let name = format!("ssl_cert_{end}");
            let mut gauges = self.family(&name, help)?;
            for (standing, tls) in handshakes(snapshot) {
                for certificate in once(&tls.chain) {
                    let described = Described::of(certificate);
                    let row = with(labels(standing), described.labels());
                    gauges.put(&row, seconds(moment(certificate)))?;
                }
            }
            let name = format!("ssl_verified_cert_{end}");
            let mut gauges = self.family(&name, help)?;
            for (standing, tls) in handshakes(snapshot) {
                for certificate in verified(tls) {
                    let described = Described::of(certificate);
                    let mut row = with(labels(standing), described.labels());
                    row.push(("chain_no", "0"));
                    gauges.put(&row, seconds(moment(certificate)))?;
                }
            }
            let name = format!("ssl_file_cert_{end}");
            let mut gauges = self.family(&name, help)?;
            for (standing, file) in files(snapshot) {
                for certificate in once(&file.chain) {
                    let described = Described::of(certificate);
                    let mut row = with(labels(standing), described.labels());
                    row.push(("file", bounded(&file.path)));
                    gauges.put(&row, seconds(moment(certificate)))?;
                }
            }
        }
        self.staples(snapshot)
    }

    fn staples(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let stapled = |tls: &TlsFacts| {
            tls.revocation
                .as_deref()
                .filter(|revocation| revocation.source == RevocationSource::Staple)
                .cloned()
        };
        let mut gauges = self
            .family("ssl_ocsp_response_stapled", "1 when an OCSP answer came with the handshake")?;
        for (standing, tls) in handshakes(snapshot) {
            gauges.put(&labels(standing), i64::from(stapled(tls).is_some()))?;
        }
        let mut gauges = self.family(
            "ssl_ocsp_response_status",
            "What that answer says: 0 good, 1 revoked, 2 unknown",
        )?;
        for (standing, tls) in handshakes(snapshot) {
            if let Some(revocation) = stapled(tls) {
                let answer = match revocation.standing {
                    RevocationStanding::Good => 0_i64,
                    RevocationStanding::Revoked => 1,
                    RevocationStanding::Unknown => 2,
                };
                gauges.put(&labels(standing), answer)?;
            }
        }
        let mut gauges = self
            .family("ssl_ocsp_response_next_update", "When there will be a newer one, Unix time")?;
        for (standing, tls) in handshakes(snapshot) {
            if let Some(next) = stapled(tls).and_then(|revocation| revocation.next_update) {
                gauges.put(&labels(standing), seconds(next))?;
            }
        }
        Ok(())
    }

    /// Stored certificates as x509-certificate-exporter names them.
    pub(super) fn as_x509_certificate_exporter(
        &mut self,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<(), Error> {
        for (end, help, moment) in ENDS {
            let name = format!("x509_cert_{end}");
            self.stored(snapshot, &name, help, |certificate| seconds(moment(certificate)))?;
        }
        self.stored(snapshot, "x509_cert_expired", "1 once validity has ended", |certificate| {
            if certificate.not_after <= now { 1.0 } else { 0.0 }
        })?;
        let mut gauges =
            self.family("x509_cert_error", "1 while a certificate file is not usable")?;
        for (standing, file) in files(snapshot) {
            let is_unusable = standing.findings.iter().any(|found| {
                found.finding.code == Code::CertUnreadable && *found.finding.subject == *file.path
            });
            gauges.put(&stored_at(standing, file), i64::from(is_unusable))?;
        }
        Ok(())
    }

    fn stored(
        &mut self,
        snapshot: &Snapshot,
        name: &str,
        help: &str,
        value: impl Fn(&CertificateFacts) -> f64,
    ) -> Result<(), Error> {
        const PARTS: [&str; 6] = ["C", "ST", "L", "O", "OU", "CN"];
        const OF_SUBJECT: [&str; 6] =
            ["subject_C", "subject_ST", "subject_L", "subject_O", "subject_OU", "subject_CN"];
        const OF_ISSUER: [&str; 6] =
            ["issuer_C", "issuer_ST", "issuer_L", "issuer_O", "issuer_OU", "issuer_CN"];
        let mut gauges = self.family(name, help)?;
        for (standing, file) in files(snapshot) {
            for certificate in once(&file.chain) {
                let serial = decimal(&certificate.serial);
                let parts =
                    |name: &str| PARTS.map(|kind| attribute(name, kind).unwrap_or_default());
                let (subject, issuer) = (parts(&certificate.subject), parts(&certificate.issuer));
                let mut row = stored_at(standing, file);
                row.push(("serial_number", bounded(&serial)));
                row.extend(OF_SUBJECT.into_iter().zip(subject.iter().map(|part| bounded(part))));
                row.extend(OF_ISSUER.into_iter().zip(issuer.iter().map(|part| bounded(part))));
                gauges.put(&row, value(certificate))?;
            }
        }
        Ok(())
    }
}

/// Not of what travels within.
fn is_about_tls(found: &StandingFinding) -> bool {
    let label = found.finding.code.label();
    found.finding.severity > Severity::Notice
        && !["http.", "dns.", "port."].iter().any(|other| label.starts_with(other))
}

fn stored_at<'a>(standing: &'a CheckStanding, file: &'a FileFacts) -> Vec<(&'static str, &'a str)> {
    let start: Labels<'a> = labels(standing);
    let filename = file.path.rsplit('/').next().unwrap_or(&file.path);
    with(start, [("filename", bounded(filename)), ("filepath", bounded(&file.path))])
}

/// Every file once per check.
fn files(snapshot: &Snapshot) -> impl Iterator<Item = (&CheckStanding, &FileFacts)> {
    looked_at(snapshot).flat_map(|(standing, last)| {
        let named = last.facts.tls.as_ref().and_then(|tls| tls.file.as_ref());
        let mut seen = HashSet::new();
        let all = last.facts.files.iter().chain(named);
        all.filter(move |file| seen.insert(&*file.path)).map(move |file| (standing, file))
    })
}

/// What a chain repeats would be a series twice, which no scrape survives; so would two elements
/// that these labels cannot tell apart.
fn once(chain: &[CertificateFacts]) -> impl Iterator<Item = &CertificateFacts> {
    let mut seen = HashSet::new();
    chain
        .iter()
        .filter(move |element| seen.insert((&*element.serial, &*element.issuer, &*element.subject)))
}

/// The elements that lead to a trusted root; none where nothing does.
fn verified(tls: &TlsFacts) -> impl Iterator<Item = &CertificateFacts> {
    let end = tls.path_not_after.filter(|_| tls.trusted);
    once(&tls.chain).filter(move |element| end.is_some_and(|end| element.not_after >= end))
}

/// `,a,b,` as ssl_exporter writes lists, so that a rule can look for `,a,`.
fn fenced(names: &[&String]) -> String {
    if names.is_empty() {
        return String::new();
    }
    names.iter().fold(String::from(","), |list, name| list + name + ",")
}

/// A serial number, hex with colons, as a decimal number.
fn decimal(serial: &str) -> String {
    // Least significant first, nine digits each.
    let mut limbs: Vec<u64> = vec![0];
    for digit in serial.chars().filter_map(|character| character.to_digit(16)) {
        let mut carry = u64::from(digit);
        for limb in &mut limbs {
            let value = *limb * 16 + carry;
            (*limb, carry) = (value % 1_000_000_000, value / 1_000_000_000);
        }
        if carry > 0 {
            limbs.push(carry);
        }
    }
    let mut limbs = limbs.iter().rev();
    let first = limbs.next().map_or_else(String::new, u64::to_string);
    limbs.fold(first, |number, limb| format!("{number}{limb:09}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_in_decimal() {
        for (hex, expected) in [
            ("00", "0"),
            ("0f", "15"),
            ("01:00", "256"),
            ("3b:9a:ca:00", "1000000000"),
            ("04:9f:1a:2b:3c:4d:5e:6f:70:81", "21824383906370378756225"),
            ("", "0"),
        ] {
            assert_eq!(decimal(hex), expected, "{hex}");
        }
    }

    #[test]
    fn lists_have_fences() {
        let names = ["a.example".to_owned(), "b.example".to_owned()];
        assert_eq!(fenced(&names.iter().collect::<Vec<_>>()), ",a.example,b.example,");
        assert_eq!(fenced(&[]), "");
    }
}
