//! The way from a leaf to a trusted root, dates and names aside: whether there is one, and if
//! not, which link is missing.
//!
//! Signatures, constraints and usages are checked by webpki, the same code that rustls trusts.
//! Dates are kept out of it: a path that held at some moment is a path, and what has ended along
//! it is told as `cert.expired` rather than as distrust.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage};

use super::Roots;
use super::certificate::Certificate;

/// Longest path followed.
const LONGEST: usize = 12;
/// Most bytes of one certificate that webpki, and a TLS handshake, have room for.
const MOST_BYTES: usize = 0xffff;

/// What a presented chain amounts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Leads to a trusted root.
    Anchored,
    /// The leaf itself is among the trusted certificates.
    Pinned,
    /// The leaf vouches for itself, and nobody else does.
    SelfSigned,
    /// Leads to this element, a root that is not trusted here.
    UntrustedRoot(usize),
    /// Nobody presented or trusted issued this element.
    MissingIssuer(usize),
    /// An element's key or signature is too weak to be checked at all.
    TooWeak,
    /// Signed in a way that cannot be checked here.
    Unverifiable(String),
    /// The rules forbid it.
    Forbidden(Forbidden),
}

/// Which rule forbids a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Forbidden {
    /// The leaf is a CA certificate.
    AuthorityAsLeaf,
    /// An issuer along the path is no CA certificate.
    LeafAsAuthority,
    /// Extended key usage does not include servers.
    NotForServers,
    /// An X.509 version 1 or 2 certificate, which has no place for names.
    OldVersion,
    /// An issuer of the right name, but another key signed.
    OtherKey,
    /// More than 64 KiB, the most that clients read.
    TooLarge,
    /// Name constraints, path length, a critical extension nobody knows, …; in webpki's words.
    Other(String),
}

/// A presented chain's path.
#[derive(Clone, Debug)]
pub(super) struct Path {
    /// What it amounts to.
    pub(super) trust: Trust,
    /// Indices of the elements that matter, leaf first: those on the path, or on the way to where
    /// it breaks off.
    pub(super) elements: Vec<usize>,
    /// When the trusted root at its end ends, where that is known.
    pub(super) root_not_after: Option<Timestamp>,
}

impl Path {
    /// Leads to something trusted.
    pub(super) fn is_trusted(&self) -> bool {
        matches!(self.trust, Trust::Anchored | Trust::Pinned)
    }
}

/// Finds the path of a chain. `certificates` and `ders` go together, leaf first, never empty.
pub(super) fn find(
    certificates: &[Certificate],
    ders: &[CertificateDer<'_>],
    roots: &Roots,
    now: Timestamp,
) -> Path {
    let walk = walk(certificates);
    let (Some(leaf), Some(leaf_der)) = (certificates.first(), ders.first()) else {
        return untrusted(Trust::Unverifiable("no certificate".to_owned()), walk);
    };
    if roots.holds(&leaf.facts.fingerprint) {
        return Path { trust: Trust::Pinned, elements: vec![0], root_not_after: None };
    }
    let error = match EndEntityCert::try_from(leaf_der) {
        Ok(end_entity) => match verified(&end_entity, certificates, ders, &walk, roots, now) {
            Ok(path) => return path,
            Err(error) => error,
        },
        Err(error) => error,
    };
    if leaf.facts.is_self_signed {
        // `openssl req -x509` makes a CA of itself, which webpki refuses as a leaf; but a key that
        // is trusted may vouch for itself anew.
        let pinned = matches!(error, Error::CaUsedAsEndEntity) && roots.holds_key(leaf);
        let trust = if pinned { Trust::Pinned } else { Trust::SelfSigned };
        return Path { trust, elements: vec![0], root_not_after: None };
    }
    let trust = if leaf_der.len() > MOST_BYTES {
        Trust::Forbidden(Forbidden::TooLarge)
    } else {
        distrust(&error, certificates, &walk, roots)
    };
    untrusted(trust, walk)
}

fn untrusted(trust: Trust, elements: Vec<usize>) -> Path {
    Path { trust, elements, root_not_after: None }
}

/// The path that webpki finds, now or at the first moment when all of it had begun.
fn verified(
    end_entity: &EndEntityCert<'_>,
    certificates: &[Certificate],
    ders: &[CertificateDer<'_>],
    walk: &[usize],
    roots: &Roots,
    now: Timestamp,
) -> Result<Path, Error> {
    let intermediates = ders.get(1..).unwrap_or_default();
    let mut moments = vec![now];
    // If the elements' lives overlap at all, they do when the youngest begins.
    let mut beginnings: Vec<Timestamp> =
        walk.iter().map(|&index| certificates[index].facts.not_before).collect();
    beginnings.sort_unstable_by(|a, b| b.cmp(a));
    beginnings.dedup();
    moments.extend(beginnings);
    let mut refused = Error::UnknownIssuer;
    for moment in moments {
        let seconds = u64::try_from(moment.as_second()).unwrap_or(0);
        let outcome = end_entity.verify_for_usage(
            roots.provider().signature_verification_algorithms.all,
            roots.anchors(),
            intermediates,
            UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
            KeyUsage::server_auth(),
            None,
            None,
        );
        match outcome {
            Ok(path) => {
                let mut elements = vec![0];
                elements.extend(path.intermediate_certificates().filter_map(|used| {
                    let der = used.der();
                    ders.iter().skip(1).position(|known| *known == der).map(|index| index + 1)
                }));
                let root_not_after = roots.end_of(path.anchor());
                return Ok(Path { trust: Trust::Anchored, elements, root_not_after });
            }
            Err(error @ (Error::CertExpired { .. } | Error::CertNotValidYet { .. })) => {
                refused = error;
            }
            Err(error) => return Err(error),
        }
    }
    // The elements never lived at the same time: names and keys decide.
    let top = walk.last().map(|&index| &certificates[index]);
    match top {
        Some(top) if roots.names(&top.issuer) => {
            Ok(Path { trust: Trust::Anchored, elements: walk.to_vec(), root_not_after: None })
        }
        _ => Err(refused),
    }
}

fn distrust(error: &Error, certificates: &[Certificate], walk: &[usize], roots: &Roots) -> Trust {
    // The leaf's own key signs nothing in the chain.
    let is_weak =
        walk.iter().map(|&index| (index, &certificates[index])).any(|(index, element)| {
            (element.weak_key && index > 0)
                || (element.weak_signature && !element.facts.is_self_signed)
        });
    match error {
        Error::UnknownIssuer | Error::CertExpired { .. } | Error::CertNotValidYet { .. } => {
            let top = walk.last().copied().unwrap_or(0);
            match certificates.get(top) {
                Some(root) if root.facts.is_self_signed => Trust::UntrustedRoot(top),
                Some(element) if roots.names(&element.issuer) => {
                    Trust::Forbidden(Forbidden::OtherKey)
                }
                _ => Trust::MissingIssuer(top),
            }
        }
        Error::CaUsedAsEndEntity => Trust::Forbidden(Forbidden::AuthorityAsLeaf),
        Error::EndEntityUsedAsCa => Trust::Forbidden(Forbidden::LeafAsAuthority),
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => {
            Trust::Forbidden(Forbidden::NotForServers)
        }
        Error::UnsupportedCertVersion => Trust::Forbidden(Forbidden::OldVersion),
        Error::InvalidSignatureForPublicKey if is_weak => Trust::TooWeak,
        Error::InvalidSignatureForPublicKey => Trust::Forbidden(Forbidden::OtherKey),
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            if is_weak {
                return Trust::TooWeak;
            }
            let signature = walk
                .iter()
                .map(|&index| certificates[index].facts.signature.as_str())
                .collect::<Vec<_>>()
                .join(", ");
            Trust::Unverifiable(signature)
        }
        other => Trust::Forbidden(Forbidden::Other(other.to_string())),
    }
}

/// From the leaf upwards by names alone, until a root, an end, or a circle.
fn walk(certificates: &[Certificate]) -> Vec<usize> {
    let mut by_subject: HashMap<&[u8], usize> = HashMap::new();
    for (index, certificate) in certificates.iter().enumerate().skip(1) {
        by_subject.entry(&certificate.subject).or_insert(index);
    }
    let mut walk = vec![0];
    let mut current = 0;
    while let Some(certificate) = certificates.get(current) {
        if certificate.facts.is_self_signed || walk.len() == LONGEST {
            break;
        }
        match by_subject.remove(certificate.issuer.as_slice()) {
            Some(next) => {
                walk.push(next);
                current = next;
            }
            None => break,
        }
    }
    if certificates.is_empty() { Vec::new() } else { walk }
}
