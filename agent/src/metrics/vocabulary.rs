//! The names that other exporters of certificates have for the same figures, written beside our own
//! where the plan asks for them, so that rules and dashboards made for those go on working.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// An exporter whose names are spoken too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vocabulary {
    /// `ssl_cert_not_after` and its kin.
    SslExporter,
    /// `x509_cert_not_after` and its kin.
    X509CertificateExporter,
}

impl Vocabulary {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::SslExporter, Self::X509CertificateExporter];

    /// What the plan calls it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::SslExporter => "ssl_exporter",
            Self::X509CertificateExporter => "x509-certificate-exporter",
        }
    }
}

/// Which of them are spoken now. Clones share the choice.
#[derive(Clone, Debug, Default)]
pub(super) struct Spoken(Arc<[AtomicBool; Vocabulary::ALL.len()]>);

impl Spoken {
    /// Speaks these and no others.
    pub(super) fn choose(&self, chosen: &[Vocabulary]) {
        for (switch, vocabulary) in self.0.iter().zip(Vocabulary::ALL) {
            switch.store(chosen.contains(&vocabulary), Ordering::Relaxed);
        }
    }

    /// Whether this one is spoken.
    pub(super) fn includes(&self, wanted: Vocabulary) -> bool {
        let mut all = self.0.iter().zip(Vocabulary::ALL);
        all.any(|(switch, known)| known == wanted && switch.load(Ordering::Relaxed))
    }
}
