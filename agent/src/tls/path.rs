//! The way from a leaf to a trusted root, dates and names aside: whether there is one, and if
//! not, which link is missing.
//!
//! Signatures, constraints and usages are checked by webpki, the same code that rustls trusts.
//! Dates are kept out of it: a path that held at some moment is a path, and what has ended along
//! it is told as `cert.expired` rather than as distrust.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage, VerifiedPath};

use super::certificate::Certificate;
use super::forbidden::Forbidden;
use super::{Roots, links};

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
    /// It cannot be said here.
    Unverifiable(Unverifiable),
    /// The rules forbid it.
    Forbidden(Forbidden),
}

/// Why it cannot be said whether a chain is to be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unverifiable {
    /// Signed in ways of which at least one is not known here.
    Signatures(String),
    /// Certificate policies are marked critical, which webpki does not know.
    Policies,
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
    /// That root is one of the web's: it came with the system, and nobody added it.
    pub(super) is_of_the_web: bool,
}

impl Path {
    fn new(trust: Trust, elements: Vec<usize>) -> Self {
        Self { trust, elements, root_not_after: None, is_of_the_web: false }
    }

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
        return Path::new(Trust::MissingIssuer(0), walk);
    };
    if roots.holds(&leaf.facts.fingerprint) {
        return Path::new(Trust::Pinned, vec![0]);
    }
    let refusal = match EndEntityCert::try_from(leaf_der) {
        Ok(end_entity) => match verified(&end_entity, certificates, ders, &walk, roots, now) {
            Ok(path) => return path,
            Err(refusal) => refusal,
        },
        Err(error) => Refusal::Verifier(error),
    };
    if leaf.facts.is_self_signed {
        // `openssl req -x509` makes a CA of itself, which webpki refuses as a leaf; but a key that
        // is trusted may vouch for itself anew.
        let is_authority = matches!(refusal, Refusal::Verifier(Error::CaUsedAsEndEntity));
        let pinned = is_authority && roots.holds_key(leaf);
        let trust = if pinned { Trust::Pinned } else { Trust::SelfSigned };
        return Path::new(trust, vec![0]);
    }
    let trust = match refusal {
        _ if leaf_der.len() > MOST_BYTES => Trust::Forbidden(Forbidden::TooLarge),
        Refusal::Rule(rule) => Trust::Forbidden(rule),
        Refusal::Verifier(error) => distrust(&error, certificates, &walk, roots),
    };
    Path::new(trust, walk)
}

/// Why there is no path.
enum Refusal {
    /// webpki says so.
    Verifier(Error),
    /// There would be one, if it were not for a rule that webpki does not look at.
    Rule(Forbidden),
}

/// The path that webpki finds, now or at the first moment when all of it had begun.
fn verified(
    end_entity: &EndEntityCert<'_>,
    certificates: &[Certificate],
    ders: &[CertificateDer<'_>],
    walk: &[usize],
    roots: &Roots,
    now: Timestamp,
) -> Result<Path, Refusal> {
    let intermediates = ders.get(1..).unwrap_or_default();
    let mut moments = vec![now];
    // If the elements' lives overlap at all, they do when the youngest begins.
    let mut beginnings: Vec<Timestamp> =
        walk.iter().map(|&index| certificates[index].facts.not_before).collect();
    beginnings.sort_unstable_by(|a, b| b.cmp(a));
    beginnings.dedup();
    moments.extend(beginnings);
    let broken = RefCell::new(None);
    let keeps_rules = |path: &VerifiedPath<'_>| {
        let elements = places(path, ders);
        match rule_broken(path, &elements, certificates, roots) {
            None => Ok(()),
            // Another path may keep them.
            Some(rule) => {
                broken.borrow_mut().get_or_insert(rule);
                Err(Error::UnknownIssuer)
            }
        }
    };
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
            Some(&keeps_rules),
        );
        match outcome {
            Ok(path) => {
                let root = roots.known(path.anchor());
                return Ok(Path {
                    trust: Trust::Anchored,
                    elements: places(&path, ders),
                    root_not_after: root.map(|root| root.end),
                    is_of_the_web: root.is_some_and(|root| root.is_of_the_web),
                });
            }
            Err(error @ (Error::CertExpired { .. } | Error::CertNotValidYet { .. })) => {
                refused = error;
            }
            Err(error) => {
                refused = error;
                break;
            }
        }
    }
    if let Some(rule) = broken.into_inner() {
        return Err(Refusal::Rule(rule));
    }
    // The elements never lived at the same time: names and keys decide.
    let is_by_date = matches!(refused, Error::CertExpired { .. } | Error::CertNotValidYet { .. });
    let chain: Vec<&CertificateDer<'_>> =
        walk.iter().filter_map(|&index| ders.get(index)).collect();
    if is_by_date && links::hold(&chain, roots.anchors()) {
        return Ok(Path::new(Trust::Anchored, walk.to_vec()));
    }
    Err(Refusal::Verifier(refused))
}

/// The places in the chain of what a path uses, leaf first.
fn places(path: &VerifiedPath<'_>, ders: &[CertificateDer<'_>]) -> Vec<usize> {
    let used = path.intermediate_certificates().filter_map(|used| {
        let der = used.der();
        ders.iter().skip(1).position(|known| *known == der).map(|index| index + 1)
    });
    std::iter::once(0).chain(used).collect()
}

/// A rule that webpki does not look at and others do: key usage (RFC 5280 section 4.2.1.3), and the path
/// length that the root itself sets.
fn rule_broken(
    path: &VerifiedPath<'_>,
    elements: &[usize],
    certificates: &[Certificate],
    roots: &Roots,
) -> Option<Forbidden> {
    let authorities = || {
        let places = elements.iter().skip(1);
        places.filter_map(|&place| Some((place, certificates.get(place)?)))
    };
    let mut signing = authorities();
    if let Some((place, _)) = signing.find(|(_, issuer)| issuer.allowance.signs_no_certificates) {
        return Some(Forbidden::SignsNothing(place));
    }
    // Those that issued themselves anew do not count (RFC 5280 section 4.2.1.9).
    let counted =
        authorities().filter(|(_, authority)| authority.subject != authority.issuer).count();
    let allowed = roots.known(path.anchor()).and_then(|root| root.authorities_below);
    if allowed.is_some_and(|allowed| counted > usize::try_from(allowed).unwrap_or(usize::MAX)) {
        return Some(Forbidden::TooManyAuthorities(None));
    }
    let proves_nothing = certificates.first().is_some_and(|leaf| leaf.allowance.proves_no_server);
    proves_nothing.then_some(Forbidden::ProvesNothing)
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
                Some(element) if is_spelt_otherwise(element, certificates) => {
                    Trust::Forbidden(Forbidden::OtherSpelling(top))
                }
                _ => Trust::MissingIssuer(top),
            }
        }
        Error::CaUsedAsEndEntity => Trust::Forbidden(Forbidden::AuthorityAsLeaf),
        Error::EndEntityUsedAsCa => Trust::Forbidden(Forbidden::LeafAsAuthority),
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => {
            Trust::Forbidden(Forbidden::NotForServers)
        }
        Error::NameConstraintViolation => {
            let limiting = walk.iter().skip(1).copied();
            let place = limiting.rev().find(|&index| certificates[index].allowance.limits_names);
            Trust::Forbidden(Forbidden::NamesBelow(place))
        }
        Error::PathLenConstraintViolated => {
            Trust::Forbidden(Forbidden::TooManyAuthorities(too_short(certificates, walk)))
        }
        Error::UnsupportedCriticalExtension => unknown_critical(certificates, walk),
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
            Trust::Unverifiable(Unverifiable::Signatures(signature))
        }
        other => Trust::Forbidden(Forbidden::Other(other.to_string())),
    }
}

/// Its issuer is presented, under the same name in another encoding.
fn is_spelt_otherwise(element: &Certificate, certificates: &[Certificate]) -> bool {
    let named = &element.facts.issuer;
    !named.is_empty()
        && certificates.iter().skip(1).any(|other| {
            other.facts.is_ca && other.facts.subject == *named && other.subject != element.issuer
        })
}

/// Which element allows fewer CAs below it than there are.
fn too_short(certificates: &[Certificate], walk: &[usize]) -> Option<usize> {
    let above_leaf = walk.iter().skip(1).enumerate();
    above_leaf
        .filter_map(|(below, &index)| {
            let allowed = usize::try_from(certificates[index].allowance.authorities_below?);
            (below > allowed.unwrap_or(usize::MAX)).then_some(index)
        })
        .next()
}

/// What only policies stand against can be right for others; what nobody knows cannot.
fn unknown_critical(certificates: &[Certificate], walk: &[usize]) -> Trust {
    let unknown = walk.iter().find_map(|&index| {
        let oids = &certificates[index].allowance.unknown_critical;
        (!oids.is_empty()).then(|| Forbidden::UnknownCritical(index, oids.clone()))
    });
    match unknown {
        Some(rule) => Trust::Forbidden(rule),
        None if walk.iter().any(|&index| certificates[index].allowance.has_critical_policies) => {
            Trust::Unverifiable(Unverifiable::Policies)
        }
        None => Trust::Forbidden(Forbidden::Other(Error::UnsupportedCriticalExtension.to_string())),
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
