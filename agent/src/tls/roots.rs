//! Trusted roots: those of the system and those of the plan, read once.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::{CryptoProvider, ring};
use rustls_pki_types::{CertificateDer, TrustAnchor};

use super::added_roots;
use super::certificate::{Bearer, Certificate, bearer, fingerprint};
use super::files;
use super::judge::Verdicts;

/// Verdicts remembered per generation: more than the checks of a large plan.
const VERDICTS: usize = 8_192;

/// Trusted roots and the client settings made from them; cheap to clone, built once per set of
/// roots when the plan is loaded.
#[derive(Clone, Debug)]
pub struct Roots(Arc<RootsInner>);

/// Subject (DER) and key bits of a root.
type Identity = (Vec<u8>, Vec<u8>);

/// What is known of a trusted root. One that was issued anew with the same key counts with the more
/// generous of its certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KnownRoot {
    /// When it ends.
    pub(super) end: Timestamp,
    /// How many CAs may stand between it and a leaf; `None`: any number.
    pub(super) authorities_below: Option<u32>,
    /// It came with the system, and neither the plan nor the machine's administrator added it.
    pub(super) is_of_the_web: bool,
}

/// Who trusts a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TrustedBy {
    /// The plan or the machine's administrator.
    Owner,
    /// Whoever made the system.
    System,
}

struct RootsInner {
    anchors: Vec<TrustAnchor<'static>>,
    /// Subject and key of each anchor, in the same order.
    identities: Vec<Option<Identity>>,
    /// What is known of each.
    known: HashMap<Identity, KnownRoot>,
    subjects: HashSet<Vec<u8>>,
    fingerprints: HashSet<String>,
    has_extra: bool,
    settings: ClientConfig,
    verdicts: Mutex<Verdicts>,
}

impl fmt::Debug for RootsInner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RootsInner")
            .field("anchors", &self.anchors.len())
            .field("has_extra", &self.has_extra)
            .finish_non_exhaustive()
    }
}

impl Roots {
    /// The system's roots and those of the PEM files given.
    ///
    /// # Errors
    /// One sentence for people when a file cannot be read or holds no certificate.
    pub fn load(extra: &[PathBuf]) -> Result<Self, String> {
        let mut own = Vec::new();
        for path in extra {
            own.extend(read(path)?);
        }
        // Roots of the system that cannot be read are left out, as every other client does.
        let system = rustls_native_certs::load_native_certs().certs;
        Self::gather(&system, &added_roots::fingerprints(added_roots::FOLDERS), &own)
    }

    /// These roots and no others.
    ///
    /// # Errors
    /// One sentence for people when one of the `own` is no certificate.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn of(
        system: &[CertificateDer<'_>],
        own: &[CertificateDer<'_>],
    ) -> Result<Self, String> {
        Self::gather(system, &HashSet::new(), own)
    }

    /// `added` are fingerprints of those among the system's that an administrator put there.
    fn gather(
        system: &[CertificateDer<'_>],
        added: &HashSet<String>,
        own: &[CertificateDer<'_>],
    ) -> Result<Self, String> {
        let mut inner = RootsInner {
            anchors: Vec::with_capacity(system.len() + own.len()),
            identities: Vec::new(),
            known: HashMap::new(),
            subjects: HashSet::new(),
            fingerprints: HashSet::new(),
            has_extra: !own.is_empty(),
            settings: settings()?,
            verdicts: Mutex::new(Verdicts::new(VERDICTS)),
        };
        for root in own {
            inner.add(root, TrustedBy::Owner)?;
        }
        for root in system {
            let is_added = !added.is_empty() && added.contains(&fingerprint(root));
            let by = if is_added { TrustedBy::Owner } else { TrustedBy::System };
            // Without the odd one the others still serve.
            let _ = inner.add(root, by);
        }
        Ok(Self(Arc::new(inner)))
    }

    pub(crate) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.0.anchors
    }

    /// What is known of the anchor that a path ends in.
    pub(super) fn known(&self, anchor: &TrustAnchor<'_>) -> Option<KnownRoot> {
        let index = self.0.anchors.iter().position(|known| known == anchor)?;
        let identity = self.0.identities.get(index)?.as_ref()?;
        self.0.known.get(identity).copied()
    }

    /// A root of this name (DER) is trusted, whatever its key.
    pub(super) fn names(&self, subject: &[u8]) -> bool {
        self.0.subjects.contains(subject)
    }

    /// A root with this subject and this key is trusted, though perhaps as another certificate.
    pub(super) fn holds_key(&self, certificate: &Certificate) -> bool {
        self.0.known.contains_key(&(certificate.subject.clone(), certificate.public_key.clone()))
    }

    /// This very certificate is among the roots, by SHA-256.
    pub(super) fn holds(&self, fingerprint: &str) -> bool {
        self.0.fingerprints.contains(fingerprint)
    }

    /// The plan adds roots of its own to the system's.
    pub(super) fn has_extra(&self) -> bool {
        self.0.has_extra
    }

    pub(super) fn verdicts(&self) -> &Mutex<Verdicts> {
        &self.0.verdicts
    }

    pub(crate) fn provider(&self) -> &Arc<CryptoProvider> {
        self.0.settings.crypto_provider()
    }

    /// Client settings for one connection.
    pub(super) fn settings(
        &self,
        verifier: Arc<dyn ServerCertVerifier>,
        alpn: &[&[u8]],
    ) -> ClientConfig {
        let mut settings = self.0.settings.clone();
        settings.dangerous().set_certificate_verifier(verifier);
        settings.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        settings
    }
}

impl RootsInner {
    fn add(&mut self, root: &CertificateDer<'_>, by: TrustedBy) -> Result<(), String> {
        let anchor = webpki::anchor_from_trusted_cert(root)
            .map_err(|error| format!("a root certificate cannot be used: {error}"))?
            .to_owned();
        if !self.fingerprints.insert(fingerprint(root)) {
            return Ok(());
        }
        self.anchors.push(anchor);
        // Who is trusted needs no proof by its own signature.
        self.identities.push(bearer(root).ok().map(|bearer| {
            let Bearer { subject, public_key, not_after, authorities_below } = bearer;
            self.subjects.insert(subject.clone());
            let identity = (subject, public_key);
            let is_of_the_web = by == TrustedBy::System;
            let known = self.known.entry(identity.clone()).or_insert(KnownRoot {
                end: not_after,
                authorities_below,
                is_of_the_web,
            });
            known.end = known.end.max(not_after);
            let both = known.authorities_below.zip(authorities_below);
            known.authorities_below = both.map(|(one, other)| one.max(other));
            known.is_of_the_web &= is_of_the_web;
            identity
        }));
        Ok(())
    }
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = path.display();
    let bytes = files::read_bytes(path).map_err(|why| format!("{shown}: {}", why.reason().en))?;
    let found = files::certificates(&bytes);
    if found.is_empty() {
        return Err(format!("{shown}: holds no certificate"));
    }
    for root in &found {
        webpki::anchor_from_trusted_cert(root).map_err(|error| {
            format!("{shown}: holds a certificate that cannot be used: {error}")
        })?;
    }
    Ok(found)
}

/// What all connections share. The verifier is replaced for each: it keeps that connection's chain.
fn settings() -> Result<ClientConfig, String> {
    let mut provider = ring::default_provider();
    // AES-128 first, as browsers offer it: SHA-256 has instructions of its own in most processors.
    let preferred = rustls::CipherSuite::TLS13_AES_128_GCM_SHA256;
    provider.cipher_suites.sort_by_key(|suite| suite.suite() != preferred);
    let mut settings = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    settings.resumption = Resumption::disabled();
    Ok(settings)
}

/// What an ordinary client trusts: the system's roots, names and dates checked. For messages to
/// receivers, not for probes.
///
/// # Errors
/// One sentence for people when the settings cannot be made.
pub fn client_settings() -> Result<ClientConfig, String> {
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    let settings = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("no TLS client can be set up: {error}"))?;
    Ok(settings.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::Roots;
    use crate::tls::workshop::{Authority, pem};

    #[test]
    fn says_which_file_is_no_use() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, contents: &[u8]| -> PathBuf {
            let path = folder.path().join(name);
            std::fs::write(&path, contents).unwrap();
            path
        };
        let root = Authority::root("Test Root");
        let good = write("root.pem", pem(&[&root.der(), &root.der()]).as_bytes());
        let der = write("root.der", &root.der());
        for path in [good.clone(), der] {
            let roots = Roots::load(&[path]).unwrap();
            assert!(roots.has_extra());
            assert!(roots.names(&root_subject(&root)));
        }
        let cases = [
            (folder.path().join("nowhere.pem"), "there is no such file"),
            (folder.path().to_owned(), "not a regular file"),
            (write("text.pem", b"hello"), "holds no certificate"),
            (write("bad.der", &[0x30, 3, 1, 1, 0]), "cannot be used"),
        ];
        for (path, expected) in cases {
            let refused = Roots::load(&[good.clone(), path.clone()]).unwrap_err();
            assert!(refused.contains(expected), "{refused}");
            assert!(refused.contains(&path.display().to_string()), "{refused}");
        }
    }

    fn root_subject(root: &Authority) -> Vec<u8> {
        super::bearer(&root.der()).unwrap().subject
    }
}
