//! By which names CAA records call a CA: what CAs publish in their practice statements, by the
//! organisation that their issuing certificates name. Deliberately absent: guesses. A CA that is
//! not here is unknown, and the plan can name it: `issuer` in `[[tls]]`.

/// A CA: how its organisations begin, in lower case, and the names it answers to, the usual first.
struct Ca {
    organisations: &'static [&'static str],
    names: &'static [&'static str],
}

const fn ca(organisations: &'static [&'static str], names: &'static [&'static str]) -> Ca {
    Ca { organisations, names }
}

const CAS: &[Ca] = &[
    ca(&["let's encrypt", "(staging) let's encrypt"], &["letsencrypt.org"]),
    ca(&["google trust services"], &["pki.goog", "google.com"]),
    ca(
        &[
            "zerossl",
            "sectigo",
            "comodo ca",
            "the usertrust network",
            "gandi",
            "cpanel",
            "network solutions",
        ],
        &[
            "sectigo.com",
            "zerossl.com",
            "comodoca.com",
            "comodo.com",
            "usertrust.com",
            "trust-provider.com",
            "entrust.net",
            "affirmtrust.com",
        ],
    ),
    ca(
        &["digicert", "geotrust", "thawte", "rapidssl", "quovadis", "verokey"],
        &[
            "digicert.com",
            "www.digicert.com",
            "geotrust.com",
            "rapidssl.com",
            "thawte.com",
            "symantec.com",
            "quovadisglobal.com",
            "digicert.ne.jp",
            "cybertrust.ne.jp",
            "digitalcertvalidation.com",
            "volusion.digitalcertvalidation.com",
            "stratossl.digitalcertvalidation.com",
            "intermediatecertificate.digitalcertvalidation.com",
            "1and1.digitalcertvalidation.com",
            "pkioverheid.nl",
            "www.pkioverheid.nl",
            // What DigiCert issues in the name of Amazon.
            "amazon.com",
            "amazontrust.com",
            "awstrust.com",
            "amazonaws.com",
        ],
    ),
    ca(
        &["amazon"],
        &["amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com", "aws.amazon.com"],
    ),
    ca(&["globalsign"], &["globalsign.com"]),
    ca(&["buypass"], &["buypass.com", "buypass.no"]),
    ca(&["ssl corp", "ssl corporation"], &["ssl.com", "entrust.net", "affirmtrust.com"]),
    ca(&["godaddy", "starfield technologies"], &["godaddy.com", "starfieldtech.com"]),
    ca(&["entrust", "affirmtrust"], &["entrust.net", "affirmtrust.com"]),
    ca(&["certainly"], &["certainly.com"]),
    ca(&["actalis"], &["actalis.it"]),
    ca(&["hellenic academic and research institutions"], &["harica.gr"]),
    ca(&["unizeto technologies", "asseco data systems", "certum"], &["certum.pl", "certum.eu"]),
    ca(&["identrust"], &["identrust.com"]),
    ca(&["swisssign"], &["swisssign.com", "swisssign.net"]),
    ca(&["deutsche telekom security", "t-systems"], &["telesec.de", "pki.dfn.de", "dfn.de"]),
    ca(&["d-trust"], &["d-trust.net", "d-trust.de", "dtrust.de"]),
    ca(&["dhimyotis", "certigna"], &["certigna.com", "certigna.fr", "dhimyotis.com"]),
    ca(&["microsoft corporation"], &["microsoft.com", "digicert.com"]),
    ca(&["apple inc"], &["pki.apple.com"]),
    ca(
        &["trustwave", "securetrust", "viking cloud"],
        &["trustwave.com", "securetrust.com", "vikingcloud.com"],
    ),
    ca(&["taiwan-ca"], &["twca.com.tw"]),
    ca(&["chunghwa telecom"], &["cht.com.tw", "hinet.net"]),
    ca(&["secom trust systems"], &["secomtrust.net"]),
    ca(&["cybertrust japan"], &["cybertrust.ne.jp", "cybertrust.co.jp"]),
    ca(&["japan registry services"], &["jprs.jp"]),
    ca(&["microsec"], &["e-szigno.hu"]),
    ca(&["naver cloud trust services"], &["navercloudtrust.com"]),
    ca(&["emudhra", "emsign"], &["emsign.com"]),
    ca(&["certsign"], &["certsign.ro"]),
    ca(&["disig"], &["disig.sk"]),
    ca(&["fnmt-rcm"], &["fnmt.es"]),
    ca(&["netlock"], &["netlock.hu", "netlock.net", "netlock.eu", "netlock.com"]),
    ca(&["telia"], &["telia.com"]),
    ca(&["accv"], &["accv.es"]),
    ca(&["ac camerfirma"], &["camerfirma.com"]),
    ca(&["izenpe"], &["izenpe.com"]),
];

/// The names by which CAA records may call the CA behind this issuer (an RFC 4514 string), the
/// usual one first; none when it is unknown.
pub(super) fn names_of(issuer: &str) -> &'static [&'static str] {
    let Some(organisation) = organisation(issuer) else { return &[] };
    let is_ours = |ca: &&Ca| ca.organisations.iter().any(|own| begins(&organisation, own));
    CAS.iter().find(is_ours).map_or(&[], |ca| ca.names)
}

/// The organisation as it was issued: `Amazon`, and not `Amazonas`.
fn begins(organisation: &str, own: &str) -> bool {
    organisation
        .strip_prefix(own)
        .is_some_and(|rest| !rest.starts_with(|next: char| next.is_alphanumeric()))
}

/// The organisation of a name in RFC 4514 form, in lower case, escapes undone.
fn organisation(name: &str) -> Option<String> {
    let (mut part, mut is_escaped) = (String::new(), false);
    for character in name.chars().chain([',']) {
        match character {
            _ if is_escaped => {
                is_escaped = false;
                part.push(character);
            }
            '\\' => is_escaped = true,
            ',' | '+' => {
                if let Some(organisation) = part.strip_prefix("O=") {
                    return Some(organisation.to_lowercase());
                }
                part.clear();
            }
            _ => part.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_as_they_are_issued() {
        let table = [
            ("CN=R11,O=Let's Encrypt,C=US", "letsencrypt.org"),
            ("CN=(STAGING) Baloney Bulgur E5,O=(STAGING) Let's Encrypt,C=US", "letsencrypt.org"),
            ("CN=WR1,O=Google Trust Services,C=US", "pki.goog"),
            ("CN=GTS CA 1C3,O=Google Trust Services LLC,C=US", "pki.goog"),
            ("CN=ZeroSSL ECC Domain Secure Site CA,O=ZeroSSL,C=AT", "sectigo.com"),
            (
                "CN=Sectigo RSA Domain Validation Secure Server CA,O=Sectigo Limited,L=Salford,ST=Greater Manchester,C=GB",
                "sectigo.com",
            ),
            ("CN=DigiCert Global G2 TLS RSA SHA256 2020 CA1,O=DigiCert Inc,C=US", "digicert.com"),
            ("CN=GeoTrust TLS RSA CA G1,OU=www.digicert.com,O=DigiCert Inc,C=US", "digicert.com"),
            ("CN=Amazon RSA 2048 M02,O=Amazon,C=US", "amazon.com"),
            ("CN=Buypass Class 2 CA 5,O=Buypass AS-983163327,C=NO", "buypass.com"),
            (
                "CN=Go Daddy Secure Certificate Authority - G2,OU=http://certs.godaddy.com/repository/,O=GoDaddy.com\\, Inc.,L=Scottsdale,ST=Arizona,C=US",
                "godaddy.com",
            ),
            (
                "CN=HARICA DV TLS RSA,O=Hellenic Academic and Research Institutions CA,C=GR",
                "harica.gr",
            ),
            ("CN=SSL.com TLS Issuing RSA CA R1,O=SSL Corporation,C=US", "ssl.com"),
            ("CN=Certainly Intermediate R1,O=Certainly,C=US", "certainly.com"),
        ];
        for (issuer, expected) in table {
            assert_eq!(names_of(issuer).first().copied(), Some(expected), "{issuer}");
        }
    }

    #[test]
    fn strangers_are_unknown() {
        for issuer in [
            "",
            "CN=Let's Encrypt",
            "CN=x,O=Amazonas Bank,C=BR",
            "CN=O\\=Amazon",
            "CN=Our own CA,O=Shop,C=KR",
            "CN=a\\,O=Amazon",
        ] {
            assert_eq!(names_of(issuer), [""; 0], "{issuer}");
        }
    }
}
