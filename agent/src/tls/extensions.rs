//! What a certificate says of where its CA can be asked about it.
//!
//! Deliberately absent: what decides whether it is valid; `path` leaves that to webpki.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension};

use super::distinguished::printable;

/// Most places kept where a CA publishes its lists.
const MOST_CRLS: usize = 4;
/// Longest address of a CA's that is kept, in bytes; a longer one is as good as none.
const LONGEST_URL: usize = 2_048;

/// What the extensions tell beyond names and constraints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) timestamps: Option<u16>,
    pub(super) ca_issuers: Option<String>,
    pub(super) ocsp: Option<String>,
    pub(super) crls: Vec<String>,
    pub(super) renewal_id: Option<String>,
}

/// Reads them all in one pass. An extension that cannot be read tells nothing.
pub(super) fn read(certificate: &X509Certificate<'_>) -> Told {
    let mut told = Told::default();
    for extension in certificate.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::SCT(timestamps) => {
                told.timestamps = Some(u16::try_from(timestamps.len()).unwrap_or(u16::MAX));
            }
            ParsedExtension::AuthorityInfoAccess(access) => {
                for description in &access.accessdescs {
                    let place = match description.access_method.as_bytes() {
                        [0x2b, 6, 1, 5, 5, 7, 48, 1] => &mut told.ocsp,
                        [0x2b, 6, 1, 5, 5, 7, 48, 2] => &mut told.ca_issuers,
                        _ => continue,
                    };
                    if place.is_none() {
                        *place = url(&description.access_location);
                    }
                }
            }
            ParsedExtension::CRLDistributionPoints(points) => {
                let names = points.points.iter().filter_map(|point| {
                    match point.distribution_point.as_ref()? {
                        DistributionPointName::FullName(names) => Some(names),
                        DistributionPointName::NameRelativeToCRLIssuer(_) => None,
                    }
                });
                told.crls = names.flatten().filter_map(url).take(MOST_CRLS).collect();
            }
            ParsedExtension::AuthorityKeyIdentifier(issuers) => {
                told.renewal_id = issuers.key_identifier.as_ref().map(|key| {
                    let serial = certificate.raw_serial();
                    format!("{}.{}", URL_SAFE_NO_PAD.encode(key.0), URL_SAFE_NO_PAD.encode(serial))
                });
            }
            _ => {}
        }
    }
    told
}

fn url(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::URI(uri) if uri.len() <= LONGEST_URL => Some(printable(uri)),
        _ => None,
    }
}
