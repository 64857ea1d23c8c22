//! What is offered, and what the two sides agree on (RFC 4253 section 7.1). Pure.

use ring::agreement;
use ring::digest;

use super::key::Family;
use super::wire::{Reader, Writer};

/// SSH_MSG_KEXINIT.
pub(super) const KEXINIT: u8 = 20;

/// A way to agree on a secret: RFC 8731 and RFC 5656. Those over prime fields and the post-quantum
/// ones are left out: every server of these years that has them has one of these beside them.
#[derive(Debug)]
pub(super) struct Agreement {
    names: &'static [&'static str],
    pub(super) curve: &'static agreement::Algorithm,
    pub(super) hash: &'static digest::Algorithm,
}

static AGREEMENTS: [Agreement; 3] = [
    Agreement {
        names: &["curve25519-sha256", "curve25519-sha256@libssh.org"],
        curve: &agreement::X25519,
        hash: &digest::SHA256,
    },
    Agreement {
        names: &["ecdh-sha2-nistp256"],
        curve: &agreement::ECDH_P256,
        hash: &digest::SHA256,
    },
    Agreement {
        names: &["ecdh-sha2-nistp384"],
        curve: &agreement::ECDH_P384,
        hash: &digest::SHA384,
    },
];

/// Nothing is ever encrypted, but a server without a cipher in common would not go on.
const CIPHERS: &str = "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,aes192-ctr,aes128-ctr,aes256-cbc,aes128-cbc,3des-cbc";
const MACS: &str = "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,umac-128-etm@openssh.com,umac-64-etm@openssh.com,hmac-sha1-etm@openssh.com,hmac-sha2-256,hmac-sha2-512,umac-128@openssh.com,umac-64@openssh.com,hmac-sha1,hmac-md5";
const COMPRESSIONS: &str = "none,zlib@openssh.com,zlib";

/// Our offer, for host keys of these kinds alone.
pub(super) fn offer(families: &[Family], cookie: [u8; 16]) -> Vec<u8> {
    let agreements: Vec<&str> =
        AGREEMENTS.iter().flat_map(|agreement| agreement.names).copied().collect();
    let signatures = algorithms(families).join(",");
    let mut message = Writer::message(KEXINIT)
        .raw(&cookie)
        .string(agreements.join(",").as_bytes())
        .string(signatures.as_bytes());
    for list in [CIPHERS, CIPHERS, MACS, MACS, COMPRESSIONS, COMPRESSIONS, "", ""] {
        message = message.string(list.as_bytes());
    }
    message.raw(&[0; 5]).0
}

/// What both sides have.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) agreement: &'static Agreement,
    /// How the host key signs.
    pub(super) signature: &'static str,
    /// Every kind of host key that the server has and that can be verified.
    pub(super) families: Vec<Family>,
    /// The kinds of host key that it has and that cannot be verified.
    pub(super) unverifiable: Vec<String>,
}

/// Why there are no terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Apart {
    /// Not an offer at all.
    Nonsense,
    /// The server has none of ours: of what, and what it has.
    NothingShared { what: &'static str, theirs: String },
}

/// What a server's offer and ours have in common. Our preference decides.
pub(super) fn agree(theirs: &[u8], families: &[Family]) -> Result<Terms, Apart> {
    let mut reader = Reader::new(theirs);
    let read = reader.bytes(1 + 16).and_then(|_| Some((reader.names()?, reader.names()?)));
    let (agreements, signatures) = read.ok_or(Apart::Nonsense)?;
    let has = |agreement: &&Agreement| agreement.names.iter().any(|name| agreements.contains(name));
    let agreement = AGREEMENTS.iter().find(has).ok_or_else(|| Apart::NothingShared {
        what: "key exchange",
        theirs: agreements.join(","),
    })?;
    let shared = algorithms(families).into_iter().find(|name| signatures.contains(name));
    let signature = shared
        .ok_or_else(|| Apart::NothingShared { what: "host key", theirs: signatures.join(",") })?;
    let mut families = Family::ALL.to_vec();
    families.retain(|family| family.algorithms().iter().any(|name| signatures.contains(name)));
    // Host certificates are about keys that are in the list by themselves too.
    let is_unknown = |name: &&str| Family::of(name).is_none() && !name.contains("-cert-");
    let unverifiable = signatures.iter().copied().filter(is_unknown).map(str::to_owned).collect();
    Ok(Terms { agreement, signature, families, unverifiable })
}

fn algorithms(families: &[Family]) -> Vec<&'static str> {
    families.iter().flat_map(|family| family.algorithms()).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn theirs(agreements: &str, signatures: &str) -> Vec<u8> {
        Writer::message(KEXINIT)
            .raw(&[0; 16])
            .string(agreements.as_bytes())
            .string(signatures.as_bytes())
            .0
    }

    #[test]
    fn our_preference_decides() {
        let all = &Family::ALL[..];
        let pq = "sntrup761x25519-sha512@openssh.com";
        for (agreements, signatures, families, expected) in [
            ("curve25519-sha256", "ssh-ed25519", all, Ok("ssh-ed25519")),
            (&format!("{pq},ecdh-sha2-nistp384"), "rsa-sha2-256,ssh-rsa", all, Ok("rsa-sha2-256")),
            (
                "ecdh-sha2-nistp256",
                "rsa-sha2-512,ssh-ed25519",
                &[Family::Rsa][..],
                Ok("rsa-sha2-512"),
            ),
            ("curve25519-sha256", "ssh-ed25519", &[Family::P256][..], Err("host key")),
            ("curve25519-sha256", "ecdsa-sha2-nistp521", all, Err("host key")),
            (pq, "ssh-ed25519", all, Err("key exchange")),
        ] {
            let got = match agree(&theirs(agreements, signatures), families) {
                Ok(terms) => Ok(terms.signature),
                Err(Apart::NothingShared { what, .. }) => Err(what),
                Err(Apart::Nonsense) => Err("nonsense"),
            };
            assert_eq!(got, expected, "{agreements} {signatures}");
        }
        let both = agree(&theirs("curve25519-sha256", "rsa-sha2-512,ssh-ed25519"), all).unwrap();
        assert_eq!(both.families, [Family::Ed25519, Family::Rsa]);
        for (signatures, expected) in [
            ("rsa-sha2-512,ssh-rsa,ssh-ed25519", &[][..]),
            ("ssh-ed25519-cert-v01@openssh.com,ssh-ed25519", &[]),
            ("ecdsa-sha2-nistp521,ssh-dss,ssh-ed25519", &["ecdsa-sha2-nistp521", "ssh-dss"]),
        ] {
            let terms = agree(&theirs("curve25519-sha256", signatures), all).unwrap();
            assert_eq!(terms.unverifiable, expected, "{signatures}");
        }
        assert_eq!(agree(&[KEXINIT; 12], all).unwrap_err(), Apart::Nonsense);
    }

    #[test]
    fn an_offer_can_be_read_back() {
        let offered = offer(&[Family::Rsa], [7; 16]);
        let terms = agree(&offered, &Family::ALL).unwrap();
        assert_eq!(terms.families, [Family::Rsa]);
        assert_eq!(terms.signature, "rsa-sha2-512");
    }
}
