//! A ClientHello by hand, for servers that rustls cannot talk to, and the little of the answer
//! that comes in the clear: version, cipher suite, chain. Pure: bytes in, bytes out.
//!
//! Deliberately absent: the rest of TLS. No handshake begun here is ever finished.

use rustls_pki_types::CertificateDer;

/// Protocol versions as they travel (RFC 5246 section 6.2.1, RFC 8446 section 4.2.1).
pub(super) const TLS_1_0: u16 = 0x0301;
/// TLS 1.1.
pub(super) const TLS_1_1: u16 = 0x0302;
/// TLS 1.2, the highest that this hello can offer.
pub(super) const TLS_1_2: u16 = 0x0303;

/// Most bytes of handshake messages looked at.
const MOST_HANDSHAKE_BYTES: usize = 128 * 1024;

/// What is offered: all that an old server might still insist on.
const SUITES: &[(u16, &str)] = &[
    (0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    (0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    (0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"),
    (0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"),
    (0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
    (0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"),
    (0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    (0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
    (0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    (0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0x006b, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256"),
    (0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"),
    (0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"),
    (0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384"),
    (0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256"),
    (0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256"),
    (0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA"),
    (0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA"),
    (0xc012, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x0016, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x0005, "TLS_RSA_WITH_RC4_128_SHA"),
    (0x0004, "TLS_RSA_WITH_RC4_128_MD5"),
    (0x00ff, "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"),
];

/// x25519, P-256, P-384, P-521, x448, ffdhe2048, ffdhe3072.
const GROUPS: &[u16] = &[0x001d, 0x0017, 0x0018, 0x0019, 0x001e, 0x0100, 0x0101];
/// ECDSA, EdDSA and RSA in every size and age, P-521 and SHA-1 among them.
const SIGNATURES: &[u16] = &[
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0301,
    0x0303, 0x0201, 0x0203, 0x0202,
];

/// The name of a protocol version.
pub(super) fn version_name(version: u16) -> String {
    match version {
        0x0300 => "SSL 3.0".to_owned(),
        TLS_1_0 => "TLS 1.0".to_owned(),
        TLS_1_1 => "TLS 1.1".to_owned(),
        TLS_1_2 => "TLS 1.2".to_owned(),
        other => format!("version 0x{other:04x}"),
    }
}

/// The IANA name of a cipher suite.
pub(super) fn suite_name(suite: u16) -> String {
    let known = SUITES.iter().find(|(number, _)| *number == suite);
    known.map_or_else(|| format!("suite 0x{suite:04x}"), |(_, name)| (*name).to_owned())
}

/// A whole record with a ClientHello (RFC 5246 section 7.4.1.2) that offers `version` at most.
pub(super) fn client_hello(version: u16, dns_name: Option<&str>, random: [u8; 32]) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    body.extend(random);
    body.push(0); // no session to resume
    let suites: Vec<u8> = SUITES.iter().flat_map(|(suite, _)| suite.to_be_bytes()).collect();
    body.extend(prefixed(&suites));
    body.extend([1, 0]); // no compression
    let mut extensions = Vec::new();
    if let Some(name) = dns_name {
        let mut entry = vec![0];
        entry.extend(prefixed(name.as_bytes()));
        extension(&mut extensions, 0, &prefixed(&entry));
    }
    let words = |list: &[u16]| -> Vec<u8> {
        prefixed(&list.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>())
    };
    extension(&mut extensions, 10, &words(GROUPS));
    extension(&mut extensions, 11, &[1, 0]); // uncompressed points
    if version >= TLS_1_2 {
        extension(&mut extensions, 13, &words(SIGNATURES));
    }
    body.extend(prefixed(&extensions));
    let mut message = vec![1, 0];
    message.extend(prefixed(&body));
    let mut record = vec![22];
    record.extend(TLS_1_0.to_be_bytes());
    record.extend(prefixed(&message));
    record
}

fn extension(into: &mut Vec<u8>, kind: u16, content: &[u8]) {
    into.extend(kind.to_be_bytes());
    into.extend(prefixed(content));
}

/// Content with its length in two bytes before it; everything here is far below 64 KiB.
fn prefixed(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend(&content[..usize::from(length)]);
    bytes
}

/// What a server chose, told in the clear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Choice {
    /// Protocol version.
    pub(super) version: u16,
    /// Cipher suite.
    pub(super) suite: u16,
    /// The chain, leaf first, as far as it was told.
    pub(super) chain: Vec<CertificateDer<'static>>,
}

/// Gathers handshake messages out of records until the server's choice is clear.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    bytes: Vec<u8>,
    read: usize,
    choice: Option<Choice>,
}

impl Gathering {
    /// Takes the payload of one handshake record in. True once nothing more is worth waiting for.
    pub(super) fn take_in(&mut self, payload: &[u8]) -> bool {
        self.bytes.extend(payload);
        while let Some((kind, message)) = next_message(&self.bytes[self.read..]) {
            let is_over = match (kind, &mut self.choice) {
                (2, choice) => {
                    *choice = server_hello(message);
                    choice.is_none()
                }
                (11, Some(choice)) => {
                    choice.chain = certificates(message);
                    true
                }
                // The server's next words, or something else altogether: no chain will come.
                _ => true,
            };
            self.read += 4 + message.len();
            if is_over {
                return true;
            }
        }
        self.bytes.len() > MOST_HANDSHAKE_BYTES
    }

    /// What became clear.
    pub(super) fn into_choice(self) -> Option<Choice> {
        self.choice
    }
}

fn next_message(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (&[kind, high, middle, low], rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
    Some((kind, rest.get(..length)?))
}

fn server_hello(message: &[u8]) -> Option<Choice> {
    let version = u16::from_be_bytes(*message.first_chunk::<2>()?);
    let session = usize::from(*message.get(34)?);
    let suite = u16::from_be_bytes(*message.get(35 + session..)?.first_chunk::<2>()?);
    Some(Choice { version, suite, chain: Vec::new() })
}

fn certificates(message: &[u8]) -> Vec<CertificateDer<'static>> {
    let mut chain = Vec::new();
    let mut rest = message.get(3..).unwrap_or_default();
    while let Some((&[high, middle, low], after)) = rest.split_first_chunk::<3>() {
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        let Some(der) = after.get(..length) else { break };
        chain.push(CertificateDer::from(der.to_vec()));
        rest = &after[length..];
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind, 0];
        bytes.extend(prefixed(body));
        bytes
    }

    fn hello(version: u16, suite: u16) -> Vec<u8> {
        let mut body = version.to_be_bytes().to_vec();
        body.extend([7; 32]);
        body.push(2);
        body.extend([9, 9]);
        body.extend(suite.to_be_bytes());
        body.push(0);
        message(2, &body)
    }

    #[test]
    fn reads_version_suite_and_chain_however_it_is_cut() {
        let mut flight = hello(TLS_1_1, 0x002f);
        let one: &[u8] = &[0, 0, 3, 1, 2, 3, 0, 0, 2, 4, 5];
        let mut list = vec![0, 0, u8::try_from(one.len()).unwrap()];
        list.extend(one);
        flight.extend(message(11, &list));
        for size in [1, 2, 7, flight.len()] {
            let mut gathering = Gathering::default();
            let over = flight.chunks(size).any(|chunk| gathering.take_in(chunk));
            assert!(over, "in pieces of {size}");
            let choice = gathering.into_choice().unwrap();
            assert_eq!((choice.version, choice.suite), (TLS_1_1, 0x002f));
            assert_eq!(choice.chain, [vec![1, 2, 3].into(), vec![4, 5].into()]);
        }
    }

    #[test]
    fn stops_at_nonsense_and_at_the_cap() {
        let mut gathering = Gathering::default();
        assert!(gathering.take_in(&message(2, &[3])), "a hello too short");
        assert_eq!(gathering.into_choice(), None);

        let mut endless = Gathering::default();
        endless.take_in(&hello(TLS_1_0, 5));
        let mut taken = 0;
        // A certificate message that claims 16 MiB and never ends.
        endless.take_in(&[11, 0xff, 0xff, 0xff]);
        while !endless.take_in(&[0; 16_000]) {
            taken += 16_000;
            assert!(taken <= MOST_HANDSHAKE_BYTES);
        }
        assert_eq!(endless.into_choice().map(|choice| choice.suite), Some(5));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_do_no_harm(
            start in proptest::bool::ANY,
            pieces in proptest::collection::vec(
                proptest::collection::vec(proptest::num::u8::ANY, 0..80), 0..20
            ),
        ) {
            let mut gathering = Gathering::default();
            if start {
                gathering.take_in(&hello(TLS_1_2, 0xc02f));
                gathering.take_in(&[11, 0, 0, 40]);
            }
            for piece in pieces {
                if gathering.take_in(&piece) {
                    break;
                }
            }
            let _ = gathering.into_choice();
        }
    }

    #[test]
    fn a_hello_is_one_record_that_counts_itself() {
        for (version, name) in [(TLS_1_0, None), (TLS_1_2, Some("shop.example"))] {
            let record = client_hello(version, name, [1; 32]);
            let length = usize::from(u16::from_be_bytes([record[3], record[4]]));
            assert_eq!(record.len(), 5 + length);
            assert_eq!(next_message(&record[5..]).map(|(kind, _)| kind), Some(1));
        }
    }
}
