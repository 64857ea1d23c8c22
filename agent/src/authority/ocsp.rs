//! OCSP answers (RFC 6960) as servers staple them: read, held against the certificate that they
//! should be about, and verified against the CA that issued it.
//!
//! Deliberately absent: asking responders. What matters is what the server hands to its visitors,
//! and public CAs have been closing their responders since 2025.

use health::facts::RevocationStanding;
use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, TrustAnchor};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::verify::verify_signature;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use super::der::{
    self, BIT_STRING, ENUMERATED, GENERALIZED_TIME, INTEGER, OBJECT, OCTET_STRING, Reader, SEQUENCE,
};
use super::issuer::{Issuer, digest_by, signed_by};

/// 1.3.6.1.5.5.7.48.1.1, the only kind of answer there is.
const BASIC: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01];
/// Most certificates looked at of those that come with an answer.
const MOST_SIGNERS: usize = 4;
/// Most single answers looked at; public CAs put one into a staple.
const MOST_ANSWERS: usize = 16;

/// What a CA's responder says of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) standing: RevocationStanding,
    pub(crate) this_update: Timestamp,
    pub(crate) next_update: Option<Timestamp>,
    pub(crate) revoked_at: Option<Timestamp>,
    /// In the words of RFC 5280 section 5.3.1.
    pub(crate) reason: Option<&'static str>,
}

/// Why an answer is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not an OCSP answer at all.
    Unreadable,
    /// The responder's own refusal, by number and name.
    Refusal(u8, &'static str),
    /// It is about other certificates: their serial numbers, lower-case hex with colons.
    Other(Vec<String>),
    /// The signature is neither the CA's nor that of somebody whom it named.
    Unsigned,
    /// Nothing can be said: the issuer is not known, or its kind of key cannot be checked here.
    NoIssuer,
}

/// Reads and verifies an answer about the leaf of a chain, as of the moment that it speaks of: whether
/// it still counts is another question, and its bytes are worth the same at any time.
///
/// # Errors
/// Why it is no answer.
pub(crate) fn verify(
    answer: &[u8],
    chain: &[CertificateDer<'_>],
    anchors: &[TrustAnchor<'_>],
) -> Result<Answer, Fault> {
    let basic = successful(answer)?;
    let parts = Parts::read(basic).ok_or(Fault::Unreadable)?;
    let leaf = chain.first().and_then(|der| X509Certificate::from_der(der).ok());
    let (_, leaf) = leaf.ok_or(Fault::NoIssuer)?;
    let issuer = Issuer::of(&leaf, chain, anchors).ok_or(Fault::NoIssuer)?;
    let found = parts.about(&leaf, &issuer)?;
    if parts.is_signed_by(&issuer.key) {
        return Ok(found);
    }
    let delegated = parts.signers.iter().any(|der| {
        X509Certificate::from_der(der).is_ok_and(|(_, signer)| {
            is_delegate(&signer, &issuer, found.this_update)
                && parts.is_signed_by(signer.public_key().raw)
        })
    });
    if delegated { Ok(found) } else { Err(Fault::Unsigned) }
}

/// A responder's certificate (RFC 6960 section 4.2.2.2): issued by the CA itself, for this.
fn is_delegate(signer: &X509Certificate<'_>, issuer: &Issuer, at: Timestamp) -> bool {
    let validity = signer.validity();
    let lives = (validity.not_before.timestamp()..=validity.not_after.timestamp())
        .contains(&at.as_second());
    lives
        && matches!(signer.extended_key_usage(), Ok(Some(usage)) if usage.value.ocsp_signing)
        && signer.issuer().as_raw() == issuer.name
        && signed_by(signer, &issuer.key)
}

/// The BasicOCSPResponse within an OCSPResponse.
fn successful(answer: &[u8]) -> Result<&[u8], Fault> {
    let mut whole = Reader::new(answer).enter(SEQUENCE).ok_or(Fault::Unreadable)?;
    let said = whole.optional(ENUMERATED).ok_or(Fault::Unreadable)?;
    match said.content {
        [0] => {}
        [code] => {
            let name = match code {
                1 => "malformedRequest",
                2 => "internalError",
                3 => "tryLater",
                5 => "sigRequired",
                6 => "unauthorized",
                _ => "unknown",
            };
            return Err(Fault::Refusal(*code, name));
        }
        _ => return Err(Fault::Unreadable),
    }
    let mut bytes = whole
        .enter(der::field(0))
        .and_then(|mut field| field.enter(SEQUENCE))
        .ok_or(Fault::Unreadable)?;
    let kind = bytes.optional(OBJECT).ok_or(Fault::Unreadable)?;
    let basic = bytes.optional(OCTET_STRING).ok_or(Fault::Unreadable)?;
    if kind.content == BASIC { Ok(basic.content) } else { Err(Fault::Unreadable) }
}

/// A BasicOCSPResponse taken apart.
struct Parts<'a> {
    signed: &'a [u8],
    answers: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
    signers: Vec<&'a [u8]>,
}

impl<'a> Parts<'a> {
    fn read(basic: &'a [u8]) -> Option<Self> {
        let mut whole = Reader::new(basic).enter(SEQUENCE)?;
        let signed = whole.optional(SEQUENCE)?;
        let algorithm = whole.optional(SEQUENCE)?.whole;
        let signature = whole.optional(BIT_STRING)?.whole;
        let mut signers = Vec::new();
        if let Some(mut list) = whole.enter(der::field(0)).and_then(|mut one| one.enter(SEQUENCE)) {
            while let Some(certificate) = list.optional(SEQUENCE)
                && signers.len() < MOST_SIGNERS
            {
                signers.push(certificate.whole);
            }
        }
        let mut body = Reader::new(signed.content);
        body.optional(der::field(0)); // version
        body.next()?; // who answers; the signature says whether they may
        body.optional(GENERALIZED_TIME)?;
        let answers = body.optional(SEQUENCE)?.content;
        Some(Self { signed: signed.whole, answers, algorithm, signature, signers })
    }

    fn about(&self, leaf: &X509Certificate<'_>, issuer: &Issuer) -> Result<Answer, Fault> {
        let mut answers = Reader::new(self.answers);
        let mut others = Vec::new();
        for _ in 0..MOST_ANSWERS {
            let Some(one) = answers.enter(SEQUENCE) else { break };
            match single(one, leaf, issuer).ok_or(Fault::Unreadable)? {
                Ok(answer) => return Ok(answer),
                Err(serial) => others.push(serial),
            }
        }
        if others.is_empty() { Err(Fault::Unreadable) } else { Err(Fault::Other(others)) }
    }

    fn is_signed_by(&self, key: &[u8]) -> bool {
        let Ok((_, key)) = SubjectPublicKeyInfo::from_der(key) else { return false };
        let Ok((_, algorithm)) = AlgorithmIdentifier::from_der(self.algorithm) else {
            return false;
        };
        let Ok((_, signature)) = x509_parser::asn1_rs::BitString::from_der(self.signature) else {
            return false;
        };
        verify_signature(&key, &algorithm, &signature, self.signed).is_ok()
    }
}

/// A SingleResponse about the leaf, or the serial number that it is about instead.
fn single(
    mut one: Reader<'_>,
    leaf: &X509Certificate<'_>,
    issuer: &Issuer,
) -> Option<Result<Answer, String>> {
    let mut id = one.enter(SEQUENCE)?;
    let algorithm = id.enter(SEQUENCE)?.optional(OBJECT)?.content;
    let name = id.optional(OCTET_STRING)?.content;
    let key = id.optional(OCTET_STRING)?.content;
    let serial = id.optional(INTEGER)?.content;
    let is = |bytes: &[u8], expected: &[u8]| {
        digest_by(algorithm, bytes).is_some_and(|digest| digest.as_ref() == expected)
    };
    let is_ours = serial == leaf.raw_serial()
        && is(&issuer.name, name)
        && issuer.key_bits().is_some_and(|bits| is(bits, key));
    let (standing, revoked_at, reason) = standing(one.next()?)?;
    let this_update = der::moment(one.optional(GENERALIZED_TIME)?)?;
    let next_update = match one.enter(der::field(0)) {
        Some(mut field) => Some(der::moment(field.next()?)?),
        None => None,
    };
    if !is_ours {
        return Some(Err(colons(serial)));
    }
    Some(Ok(Answer { standing, this_update, next_update, revoked_at, reason }))
}

type Standing = (RevocationStanding, Option<Timestamp>, Option<&'static str>);

fn standing(element: der::Element<'_>) -> Option<Standing> {
    match element.tag {
        0x80 => Some((RevocationStanding::Good, None, None)),
        0x82 => Some((RevocationStanding::Unknown, None, None)),
        0xa1 => {
            let mut fields = Reader::new(element.content);
            let at = der::moment(fields.optional(GENERALIZED_TIME)?)?;
            let reason = fields
                .enter(der::field(0))
                .and_then(|mut field| field.optional(ENUMERATED))
                .and_then(|reason| reason_of(*reason.content.first()?));
            Some((RevocationStanding::Revoked, Some(at), reason))
        }
        _ => None,
    }
}

/// A reason by its number (RFC 5280 section 5.3.1).
pub(super) fn reason_of(number: u8) -> Option<&'static str> {
    Some(match number {
        0 => "unspecified",
        1 => "keyCompromise",
        2 => "cACompromise",
        3 => "affiliationChanged",
        4 => "superseded",
        5 => "cessationOfOperation",
        6 => "certificateHold",
        8 => "removeFromCRL",
        9 => "privilegeWithdrawn",
        10 => "aACompromise",
        _ => return None,
    })
}

fn colons(serial: &[u8]) -> String {
    let shown = serial.iter().take(20).map(|byte| format!("{byte:02x}"));
    shown.collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests;
