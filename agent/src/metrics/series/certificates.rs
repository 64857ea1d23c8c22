//! Handshakes, and every certificate that is served or stored.

use std::collections::HashSet;
use std::fmt::Error;
use std::sync::Arc;

use health::Snapshot;
use health::facts::{
    CertificateFacts, RenewalSource, RevocationSource, RevocationStanding, ServedFacts, TlsFacts,
};
use health::snapshot::{CheckStanding, Last};
use jiff::Timestamp;

use super::{Out, bounded, labels, looked_at, seconds, with};

/// A chain as facts have it.
type Chain = Arc<Vec<CertificateFacts>>;
/// One end of a validity.
type Moment = fn(&CertificateFacts) -> Timestamp;

impl Out<'_> {
    pub(super) fn tls(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        self.per_check(
            snapshot,
            "probe_ssl_earliest_cert_expiry",
            "Earliest end of the certificates presented, Unix time",
            |_, last| {
                tls_of(last)?
                    .chain
                    .iter()
                    .map(|certificate| certificate.not_after)
                    .min()
                    .map(seconds)
            },
        )?;
        self.per_check(
            snapshot,
            "probe_ssl_last_chain_expiry_timestamp_seconds",
            "Earliest end within the verified path, Unix time",
            |_, last| tls_of(last)?.path_not_after.map(seconds),
        )?;
        let mut gauges =
            self.family("probe_ssl_last_chain_info", "The leaf certificate that was presented")?;
        for (standing, tls) in handshakes(snapshot) {
            if let Some(leaf) = tls.chain.first() {
                let names = leaf.names.join(",");
                let more = [
                    ("fingerprint_sha256", &*leaf.fingerprint),
                    ("subject", bounded(&leaf.subject)),
                    ("issuer", bounded(&leaf.issuer)),
                    ("subjectalternative", bounded(&names)),
                    ("serialnumber", bounded(&leaf.serial)),
                ];
                gauges.put(&with(labels(standing), more), 1_i64)?;
            }
        }
        let mut gauges =
            self.family("probe_tls_version_info", "TLS version of the last handshake")?;
        for (standing, tls) in handshakes(snapshot) {
            gauges.put(&with(labels(standing), [("version", &*tls.protocol)]), 1_i64)?;
        }
        let mut gauges =
            self.family("probe_tls_cipher_info", "Cipher suite of the last handshake")?;
        for (standing, tls) in handshakes(snapshot) {
            gauges.put(&with(labels(standing), [("cipher", &*tls.cipher)]), 1_i64)?;
        }
        Ok(())
    }

    pub(super) fn certificates(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let families: [(&str, &str, Moment); 2] = [
            (
                "portwarden_certificate_not_after_timestamp_seconds",
                "End of validity of every certificate served or stored, Unix time",
                |certificate| certificate.not_after,
            ),
            (
                "portwarden_certificate_not_before_timestamp_seconds",
                "Start of validity of every certificate served or stored, Unix time",
                |certificate| certificate.not_before,
            ),
        ];
        for (name, help, moment) in families {
            let mut gauges = self.family(name, help)?;
            for (standing, last) in looked_at(snapshot) {
                let tls = last.facts.tls.as_deref();
                let served = tls.map(|tls| (&*standing.check.instance, "served", &tls.chain));
                let named = tls.and_then(|tls| tls.file.as_ref());
                let files = last
                    .facts
                    .files
                    .iter()
                    .chain(named)
                    .map(|file| (&*file.path, "file", &file.chain));
                let elsewhere: Vec<(String, &Chain)> = last
                    .facts
                    .served
                    .iter()
                    .map(|served| (place_of(served), &served.chain))
                    .collect();
                let elsewhere = elsewhere.iter().map(|(place, chain)| (&**place, "served", *chain));
                for (place, stored, chain) in served.into_iter().chain(elsewhere).chain(files) {
                    for (position, certificate) in chain.iter().enumerate() {
                        let position = position.to_string();
                        let more = [
                            ("place", bounded(place)),
                            ("stored", stored),
                            ("position", &*position),
                            ("subject", bounded(&certificate.subject)),
                            ("issuer", bounded(&certificate.issuer)),
                            ("serial", bounded(&certificate.serial)),
                        ];
                        gauges.put(&with(labels(standing), more), seconds(moment(certificate)))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether each certificate can be relied on tomorrow: revoked, due for renewal, renewable.
    pub(super) fn renewals(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let mut gauges = self.family(
            "portwarden_certificate_revoked",
            "1 when its CA says that the leaf served is revoked",
        )?;
        for (standing, tls) in handshakes(snapshot) {
            if let Some(revocation) = &tls.revocation {
                let source = match revocation.source {
                    RevocationSource::Staple => "staple",
                    RevocationSource::Crl => "crl",
                };
                let is_revoked = revocation.standing == RevocationStanding::Revoked;
                gauges.put(&with(labels(standing), [("source", source)]), i64::from(is_revoked))?;
            }
        }
        let mut gauges = self.family(
            "portwarden_certificate_renewal_due_timestamp_seconds",
            "From when on its renewer should replace a certificate, Unix time",
        )?;
        for (standing, last) in looked_at(snapshot) {
            let mut seen = HashSet::new();
            for renewal in &last.facts.renewals {
                let source = match renewal.source {
                    RenewalSource::Lifetime => "lifetime",
                    RenewalSource::Plan => "plan",
                    RenewalSource::Certbot => "certbot",
                    RenewalSource::AcmeSh => "acme.sh",
                    RenewalSource::Ari => "ari",
                };
                let fingerprint = bounded(&renewal.fingerprint);
                if seen.insert((fingerprint, source)) {
                    let more = [("fingerprint_sha256", fingerprint), ("source", source)];
                    gauges.put(&with(labels(standing), more), seconds(renewal.due))?;
                }
            }
        }
        let mut gauges = self.family(
            "portwarden_acme_challenge_passed",
            "1 when a challenge file came back the way a CA asks for it",
        )?;
        for (standing, last) in looked_at(snapshot) {
            let trials = last.facts.acme.iter().flat_map(|acme| &acme.trials);
            let mut seen = HashSet::new();
            for trial in trials {
                let address = trial.address.map_or_else(String::new, |address| address.to_string());
                if seen.insert((&*trial.domain, address.clone())) {
                    let more = [("domain", bounded(&trial.domain)), ("address", &*address)];
                    gauges.put(&with(labels(standing), more), i64::from(trial.passed))?;
                }
            }
        }
        Ok(())
    }
}

/// A place beside the one that a check is mainly about: the address, and the name asked for there.
fn place_of(served: &ServedFacts) -> String {
    match &served.server_name {
        Some(name) => format!("{} ({name})", served.address),
        None => format!("{} without a name", served.address),
    }
}

pub(super) fn handshakes(snapshot: &Snapshot) -> impl Iterator<Item = (&CheckStanding, &TlsFacts)> {
    looked_at(snapshot).filter_map(|(standing, last)| Some((standing, last.facts.tls.as_deref()?)))
}

fn tls_of(last: &Last) -> Option<&TlsFacts> {
    last.facts.tls.as_deref()
}
