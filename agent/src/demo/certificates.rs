//! A certificate authority of the demo's own, and certificates of every age.

use std::sync::Arc;

use anyhow::Context;
use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// The authority.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key.
pub(super) struct Issued {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    /// A root valid between these moments.
    pub(super) fn new(not_before: Timestamp, not_after: Timestamp) -> anyhow::Result<Self> {
        let mut params = parameters("portwarden demo root", &[], not_before, not_after)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem })
    }

    /// The root, to be trusted.
    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for one name, valid between these moments.
    pub(super) fn issue(
        &self,
        name: &str,
        not_before: Timestamp,
        not_after: Timestamp,
    ) -> anyhow::Result<Issued> {
        let mut params = parameters(name, &[name.to_owned()], not_before, not_after)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        Ok(Issued { certificate: params.signed_by(&key, &self.issuer)?, key })
    }
}

impl Issued {
    pub(super) fn pem(&self) -> String {
        self.certificate.pem()
    }

    pub(super) fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// A TLS server that presents it.
    pub(super) fn server_settings(&self) -> anyhow::Result<Arc<ServerConfig>> {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let chain = vec![CertificateDer::from(self.certificate.der().to_vec())];
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut settings = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        settings.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(settings))
    }
}

fn parameters(
    common_name: &str,
    names: &[String],
    not_before: Timestamp,
    not_after: Timestamp,
) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let date = |at: Timestamp| {
        time::OffsetDateTime::from_unix_timestamp(at.as_second())
            .context("a date beyond the calendar")
    };
    params.not_before = date(not_before)?;
    params.not_after = date(not_after)?;
    Ok(params)
}
