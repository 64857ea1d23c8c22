//! Trust anchors: those built in for the root, and those of the plan, written as DS or DNSKEY
//! records as `dig`, unbound and BIND write them.

use std::str::FromStr;

use hickory_proto::dnssec::rdata::{DNSKEY, DS};
use hickory_proto::dnssec::{Algorithm, DigestType, PublicKeyBuf, TrustAnchors};
use hickory_proto::rr::Name;

use super::keys::Voucher;

/// A key, or the digest of one, that is trusted for a zone without asking anybody.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Anchor {
    /// The zone, fully qualified, lower case.
    pub(super) zone: Name,
    pub(super) voucher: Voucher,
}

impl Anchor {
    /// Whose it is.
    pub(crate) fn zone(&self) -> &Name {
        &self.zone
    }
}

/// Those of the root, KSK-2017 and KSK-2024.
pub(super) fn built_in() -> Vec<Anchor> {
    let known = TrustAnchors::default();
    let keys = (0..known.len()).filter_map(|index| known.get(index));
    keys.map(|key| Anchor {
        zone: Name::root(),
        voucher: Voucher::Key(DNSKEY::new(true, true, false, key.clone())),
    })
    .collect()
}

impl FromStr for Anchor {
    type Err = String;

    /// Reads one record: `shop.example. IN DS 20326 8 2 E06D…`, or the same with DNSKEY; TTL and
    /// class may be left out. The error is for people.
    fn from_str(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let (owner, rest) = fields.split_first().ok_or("it is empty")?;
        let mut zone = Name::from_ascii(owner).map_err(|error| error.to_string())?;
        zone.set_fqdn(true);
        let is_frame = |field: &&&str| {
            field.eq_ignore_ascii_case("IN") || field.bytes().all(|byte| byte.is_ascii_digit())
        };
        let frame = rest.iter().take_while(is_frame).count();
        let voucher = match &rest[frame..] {
            [kind, fields @ ..] if kind.eq_ignore_ascii_case("DS") => digest(fields)?,
            [kind, fields @ ..] if kind.eq_ignore_ascii_case("DNSKEY") => key(fields)?,
            _ => return Err("a zone, then DS or DNSKEY, then its fields are needed".to_owned()),
        };
        Ok(Self { zone: zone.to_lowercase(), voucher })
    }
}

/// Reads a file of them: a zone file's lines, as unbound's `auto-trust-anchor-file` and `dig` have
/// it, or BIND's `trust-anchors { … };`.
///
/// # Errors
/// What is wrong with it, for people, with the line.
pub(crate) fn in_file(text: &str) -> Result<Vec<Anchor>, String> {
    let anchors = if is_bind(text) { bind(text)? } else { lines(text)? };
    if anchors.is_empty() {
        return Err("it has no DS or DNSKEY record".to_owned());
    }
    Ok(anchors)
}

fn is_bind(text: &str) -> bool {
    ["trust-anchors", "trusted-keys", "managed-keys"].iter().any(|word| text.contains(word))
}

fn lines(text: &str) -> Result<Vec<Anchor>, String> {
    let mut anchors = Vec::new();
    let mut open = String::new();
    for (index, line) in text.lines().enumerate() {
        // unbound keeps its own notes behind semicolons.
        let line = line.split(';').next().unwrap_or_default();
        open.push(' ');
        open.push_str(line);
        if open.matches('(').count() > open.matches(')').count() {
            continue;
        }
        let whole = std::mem::take(&mut open).replace(['(', ')'], " ");
        let whole = whole.trim();
        if !whole.is_empty() && !whole.starts_with('$') {
            let number = index + 1;
            anchors
                .push(whole.parse::<Anchor>().map_err(|error| format!("line {number}: {error}"))?);
        }
    }
    Ok(anchors)
}

/// `. initial-key 257 3 8 "AwEA…";` and `. static-ds 20326 8 2 "E06D…";`
fn bind(text: &str) -> Result<Vec<Anchor>, String> {
    let text: String = text.lines().map(uncommented).collect::<Vec<_>>().join(" ");
    let body = text.split_once('{').map_or("", |(_, body)| body);
    let mut anchors = Vec::new();
    for statement in body.split(';') {
        let statement = statement.replace(['"', '{', '}'], " ");
        let fields: Vec<&str> = statement.split_whitespace().collect();
        let (owner, kind, rest) = match &fields[..] {
            [owner, "initial-key" | "static-key", rest @ ..] => (owner, "DNSKEY", rest),
            [owner, "initial-ds" | "static-ds", rest @ ..] => (owner, "DS", rest),
            // `trusted-keys` says no more than the key.
            [owner, rest @ ..] if rest.len() >= 4 => (owner, "DNSKEY", rest),
            _ => continue,
        };
        anchors.push(format!("{owner} {kind} {}", rest.join(" ")).parse()?);
    }
    Ok(anchors)
}

fn uncommented(line: &str) -> &str {
    let end = line.find("//").or_else(|| line.find('#'));
    end.map_or(line, |end| &line[..end])
}

fn digest(fields: &[&str]) -> Result<Voucher, String> {
    let [tag, algorithm, kind, digest @ ..] = fields else {
        return Err("a DS needs key tag, algorithm, digest type and digest".to_owned());
    };
    let wrong = |what: &str, got: &str| format!("{got:?} is no {what} of a DS");
    let tag: u16 = tag.parse().map_err(|_| wrong("key tag", tag))?;
    let algorithm: u8 = algorithm.parse().map_err(|_| wrong("algorithm number", algorithm))?;
    let kind = DigestType::from(kind.parse::<u8>().map_err(|_| wrong("digest type", kind))?);
    let digest = digest.concat();
    let bytes = unhex(&digest).ok_or_else(|| wrong("digest", &digest))?;
    let bytes_due = match u8::from(kind) {
        1 => Some(20),
        2 => Some(32),
        4 => Some(48),
        _ => None,
    };
    if bytes_due.is_some_and(|due| due != bytes.len()) {
        return Err("the digest has another length than its type".to_owned());
    }
    Ok(Voucher::Digest(DS::new(tag, Algorithm::from_u8(algorithm), kind, bytes)))
}

fn key(fields: &[&str]) -> Result<Voucher, String> {
    use base64::Engine as _;
    let [flags, protocol, algorithm, key @ ..] = fields else {
        return Err("a DNSKEY needs flags, protocol, algorithm and key".to_owned());
    };
    let wrong = |what: &str, got: &str| format!("{got:?} is no {what} of a DNSKEY");
    let flags: u16 = flags.parse().map_err(|_| wrong("flags", flags))?;
    if *protocol != "3" {
        return Err(wrong("protocol", protocol));
    }
    let algorithm: u8 = algorithm.parse().map_err(|_| wrong("algorithm number", algorithm))?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(key.concat());
    let bytes = bytes.ok().filter(|bytes| !bytes.is_empty());
    let bytes = bytes.ok_or_else(|| wrong("key", &key.concat()))?;
    let key = PublicKeyBuf::new(bytes, Algorithm::from_u8(algorithm));
    Ok(Voucher::Key(DNSKEY::with_flags(flags, key)))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || text.is_empty() || !text.len().is_multiple_of(2) {
        return None;
    }
    let pairs = (0..text.len()).step_by(2).map(|at| &text[at..at + 2]);
    pairs.map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT_DS: &str =
        ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D";

    #[test]
    fn anchors_as_people_have_them() {
        let ds = ROOT_DS.parse::<Anchor>().unwrap();
        assert_eq!((ds.zone.to_string().as_str(), ds.voucher.tag()), (".", 20326));
        let key = built_in().remove(0);
        let Voucher::Key(root) = &key.voucher else { panic!("a key") };
        assert!(ds.voucher.stands_for(&Name::root(), &super::super::keys::Key::of(root)));
        let table = [
            "shop.example. 3600 IN DS 1 13 2 0000000000000000000000000000000000000000000000000000000000000000",
            "Shop.Example DS 1 13 2 00000000000000000000000000000000 00000000000000000000000000000000",
            "shop.example. in dnskey 257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=",
        ];
        for text in table {
            assert_eq!(text.parse::<Anchor>().unwrap().zone.to_string(), "shop.example.", "{text}");
        }
    }

    #[test]
    fn what_is_no_anchor_says_why() {
        let table = [
            ("", "empty"),
            ("shop.example.", "DS or DNSKEY"),
            ("shop.example. A 192.0.2.1", "DS or DNSKEY"),
            ("shop.example. DS 1 13", "needs key tag"),
            ("shop.example. DS x 13 2 00", "key tag"),
            ("shop.example. DS 1 13 2 00", "another length"),
            ("shop.example. DS 1 13 2 0g", "digest"),
            ("shop.example. DS 1 13 9 한국", "digest"),
            ("shop.example. DNSKEY 257 2 13 AAAA", "protocol"),
            ("shop.example. DNSKEY 257 3 13 !", "key"),
        ];
        for (text, why) in table {
            let error = text.parse::<Anchor>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn files_of_unbound_and_bind() {
        let unbound = "; autotrust trust anchor file\n;;id: . 1\n\
            .\t86400\tIN\tDNSKEY\t257 3 8 AwEAAaz/ ;{id = 20326 (ksk), size = 2048b} ;;state=2 [  VALID  ]\n\
            . IN DS ( 20326 8 2\n E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D )\n";
        assert_eq!(in_file(unbound).unwrap().len(), 2);
        let bind = "// managed\ntrust-anchors {\n  . initial-key 257 3 8 \"AwEA\n    Aaz/\"; # old\n  \
            shop.example. static-ds 20326 8 2 \"E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\";\n};\n";
        let anchors = in_file(bind).unwrap();
        let zones: Vec<String> = anchors.iter().map(|anchor| anchor.zone.to_string()).collect();
        assert_eq!(zones, [".", "shop.example."]);
        assert!(in_file("; nothing\n").unwrap_err().contains("no DS"));
        assert!(in_file("\n. DS 1\n").unwrap_err().starts_with("line 2"));
    }
}
