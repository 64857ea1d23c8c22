//! Record values in one spelling, so that the plan's and a server's compare as strings: names in
//! lower case without the final dot, TXT as its character-strings joined, numbers without
//! ornament. Deliberately absent: types beyond those a plan can name; they are only printed.

use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_proto::rr::rdata::{CAA, SOA};
use hickory_proto::rr::{Name, RData, RecordType};
use hickory_proto::serialize::binary::BinEncodable;

mod binary;
mod service;

/// Brings one value of the plan into the spelling that answers are compared in. Names are taken
/// as fully qualified with or without the final dot; `@` is the zone itself. TXT may be written
/// bare or as quoted character-strings (`"one" "two"`); `\"`, `\\` and `\DDD` are escapes as in
/// zone files (RFC 1035 §5.1). Applying it twice changes nothing.
///
/// # Errors
/// One sentence for people: what the value should look like.
pub fn normalise(record_type: RecordType, zone: &Name, value: &str) -> Result<String, String> {
    let fields: Vec<&str> = value.split_whitespace().collect();
    match (record_type, fields.as_slice()) {
        (RecordType::A, [address]) => address
            .parse::<Ipv4Addr>()
            .map(|address| address.to_string())
            .map_err(|_| format!("`{address}` is not an IPv4 address, such as 192.0.2.10")),
        (RecordType::AAAA, [address]) => address
            .parse::<Ipv6Addr>()
            .map(|address| address.to_string())
            .map_err(|_| format!("`{address}` is not an IPv6 address, such as 2001:db8::10")),
        (RecordType::CNAME | RecordType::NS | RecordType::PTR, [target]) => name(zone, target),
        (RecordType::MX, [preference, exchange]) => {
            Ok(format!("{} {}", number::<u16>(preference)?, name(zone, exchange)?))
        }
        (RecordType::SRV, [priority, weight, port, target]) => Ok(format!(
            "{} {} {} {}",
            number::<u16>(priority)?,
            number::<u16>(weight)?,
            number::<u16>(port)?,
            name(zone, target)?
        )),
        (RecordType::SOA, [primary, mailbox, numbers @ ..]) if numbers.len() == 5 => {
            let mut soa = format!("{} {}", name(zone, primary)?, name(zone, mailbox)?);
            for field in numbers {
                soa.push_str(&format!(" {}", number::<u32>(field)?));
            }
            Ok(soa)
        }
        (RecordType::CAA, [flags, tag, _, ..]) => {
            let rest = value.trim_start()[flags.len()..].trim_start()[tag.len()..].trim();
            let property = text_bytes(rest)?;
            Ok(caa(number::<u8>(flags)?, tag, &property))
        }
        (RecordType::TXT, _) => Ok(render_text(&text_bytes(value)?)),
        (RecordType::SVCB | RecordType::HTTPS, _) => service::normalise(zone, value),
        (other, fields) if binary::covers(other) => binary::normalise(other, fields),
        (other, _) => Err(shape_of(other)),
    }
}

/// One value of an answer, in the same spelling.
pub(super) fn render(record: &RData) -> String {
    match record {
        RData::A(address) => address.0.to_string(),
        RData::AAAA(address) => address.0.to_string(),
        RData::CNAME(target) => render_name(&target.0),
        RData::NS(target) => render_name(&target.0),
        RData::PTR(target) => render_name(&target.0),
        RData::MX(mx) => format!("{} {}", mx.preference, render_name(&mx.exchange)),
        RData::SRV(srv) => {
            format!("{} {} {} {}", srv.priority, srv.weight, srv.port, render_name(&srv.target))
        }
        RData::SOA(soa) => render_soa(soa),
        RData::CAA(record) => caa(caa_flags(record), &record.tag, &record.value),
        RData::TXT(text) => render_text(&text.txt_data.concat()),
        RData::SVCB(service) => service::render(service),
        RData::HTTPS(service) => service::render(&service.0),
        other => render_bytes(other).unwrap_or_else(|| other.to_string()),
    }
}

/// Records that are numbers and bytes, whatever they were decoded into.
fn render_bytes(record: &RData) -> Option<String> {
    let record_type = record.record_type();
    if !binary::covers(record_type) {
        return None;
    }
    binary::render(record_type, &record.to_bytes().ok()?)
}

/// Flags, tag in lower case and value of a CAA value in the one spelling.
pub(super) fn caa_parts(value: &str) -> Option<(u8, &str, Vec<u8>)> {
    let (flags, rest) = value.split_once(' ')?;
    let (tag, property) = rest.split_once(' ')?;
    Some((flags.parse().ok()?, tag, text_bytes(property).ok()?))
}

/// A name in lower case, without the final dot unless it is the root or a single label.
pub(crate) fn render_name(name: &Name) -> String {
    let mut rendered = String::with_capacity(name.len() + 1);
    let mut labels = 0;
    for label in name.iter() {
        if labels > 0 {
            rendered.push('.');
        }
        labels += 1;
        if let (true, Ok(plain)) = (label.iter().all(is_plain), std::str::from_utf8(label)) {
            rendered.push_str(plain);
            continue;
        }
        for &byte in label {
            match byte {
                b'.' | b'\\' => rendered.extend(['\\', char::from(byte)]),
                b'!'..=b'~' => rendered.push(char::from(byte.to_ascii_lowercase())),
                _ => rendered.push_str(&format!("\\{byte:03}")),
            }
        }
    }
    if labels < 2 {
        rendered.push('.');
    }
    rendered
}

/// Needs no escape and is in lower case already, as nearly every byte of a name.
fn is_plain(byte: &u8) -> bool {
    matches!(byte, b'!'..=b'-' | b'/'..=b'@' | b'['..=b'~') && *byte != b'\\'
}

/// Text for people: UTF-8 as it is, a backslash doubled, anything unprintable as `\DDD`.
fn render_text(bytes: &[u8]) -> String {
    let mut rendered = String::with_capacity(bytes.len());
    if bytes.first() == Some(&b'"') {
        // A bare value that begins with a quote would read back as a quoted one.
        rendered.push('\\');
    }
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => rendered.push_str("\\\\"),
                character if character.is_control() => {
                    let mut encoded = [0; 4];
                    for byte in character.encode_utf8(&mut encoded).bytes() {
                        rendered.push_str(&format!("\\{byte:03}"));
                    }
                }
                character => rendered.push(character),
            }
        }
        for byte in chunk.invalid() {
            rendered.push_str(&format!("\\{byte:03}"));
        }
    }
    rendered
}

fn render_soa(soa: &SOA) -> String {
    format!(
        "{} {} {} {} {} {} {}",
        render_name(&soa.mname),
        render_name(&soa.rname),
        soa.serial,
        soa.refresh.cast_unsigned(),
        soa.retry.cast_unsigned(),
        soa.expire.cast_unsigned(),
        soa.minimum
    )
}

fn caa_flags(record: &CAA) -> u8 {
    (u8::from(record.issuer_critical) << 7) | record.reserved_flags
}

fn caa(flags: u8, tag: &str, property: &[u8]) -> String {
    let mut quoted = String::with_capacity(property.len());
    for &byte in property {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            b' '..=b'~' => quoted.push(char::from(byte)),
            _ => quoted.push_str(&format!("\\{byte:03}")),
        }
    }
    format!("{flags} {} \"{quoted}\"", tag.to_ascii_lowercase())
}

fn name(zone: &Name, value: &str) -> Result<String, String> {
    if value == "@" {
        return Ok(render_name(zone));
    }
    let name = match value.contains('/') && !value.contains('\\') {
        // Parts of reverse zones have such names (RFC 2317).
        true => Name::from_labels(value.trim_end_matches('.').split('.').map(str::as_bytes)),
        false => Name::from_str_relaxed(value),
    };
    let name = name.map_err(|error| format!("`{value}` is not a name: {error}"))?;
    if name.num_labels() == 1 && !value.ends_with('.') && !name.is_wildcard() {
        return Err(format!(
            "`{value}` is not a full name: write `{value}.{}`, or `{value}.` if it is one",
            render_name(zone)
        ));
    }
    Ok(render_name(&name))
}

fn number<N: std::str::FromStr + std::fmt::Display>(field: &str) -> Result<N, String> {
    field.parse().map_err(|_| format!("`{field}` is not a number that fits there"))
}

/// The bytes of a bare or quoted text, escapes undone.
fn text_bytes(value: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    if rest.first() != Some(&b'"') {
        while let Some(byte) = unescape(&mut rest)? {
            bytes.push(byte);
        }
        return Ok(bytes);
    }
    while let Some((b'"', after)) = rest.split_first() {
        rest = after;
        loop {
            if let Some((b'"', after)) = rest.split_first() {
                rest = after.trim_ascii_start();
                break;
            }
            match unescape(&mut rest)? {
                Some(byte) => bytes.push(byte),
                None => return Err(format!("`{value}` opens a quote and does not close it")),
            }
        }
    }
    if rest.is_empty() {
        Ok(bytes)
    } else {
        Err(format!("`{value}` has something after the closing quote; escape inner quotes as \\\""))
    }
}

/// Takes one byte, undoing `\X` and `\DDD`.
fn unescape(rest: &mut &[u8]) -> Result<Option<u8>, String> {
    let (byte, taken) = match **rest {
        [] => return Ok(None),
        [b'\\', a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', ..] => {
            let code = u32::from(a - b'0') * 100 + u32::from(b - b'0') * 10 + u32::from(c - b'0');
            (u8::try_from(code).map_err(|_| format!("\\{code} is more than a byte holds"))?, 4)
        }
        [b'\\', byte, ..] => (byte, 2),
        [b'\\'] => return Err("it ends in a lone backslash; write \\\\ for one".to_owned()),
        [byte, ..] => (byte, 1),
    };
    *rest = &rest[taken..];
    Ok(Some(byte))
}

fn shape_of(record_type: RecordType) -> String {
    match record_type {
        RecordType::A => "an A value is one IPv4 address, such as 192.0.2.10".to_owned(),
        RecordType::AAAA => "an AAAA value is one IPv6 address, such as 2001:db8::10".to_owned(),
        RecordType::CNAME | RecordType::NS | RecordType::PTR => {
            format!("a value of {record_type} is one name, such as web.host.example")
        }
        RecordType::MX => {
            "an MX value is preference and name, such as `10 mail.shop.example`".to_owned()
        }
        RecordType::SRV => {
            "an SRV value is priority, weight, port and name, such as `10 5 5060 sip.shop.example`"
                .to_owned()
        }
        RecordType::SOA => {
            "an SOA value is primary, mailbox, serial, refresh, retry, expire and minimum"
                .to_owned()
        }
        RecordType::CAA => {
            "a CAA value is flags, tag and value, such as `0 issue \"letsencrypt.org\"`".to_owned()
        }
        RecordType::SVCB | RecordType::HTTPS => {
            format!("a value of {record_type} is {}", service::FORM)
        }
        other if binary::covers(other) => binary::form(other).to_owned(),
        other => format!(
            "records of type {other} cannot be planned; A, AAAA, CNAME, TXT, MX, NS, SOA, CAA, SRV, PTR, DS, DNSKEY, TLSA, SSHFP, SVCB and HTTPS can"
        ),
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::rdata::{MX, TXT};
    use proptest::prelude::*;

    use super::*;

    fn shop() -> Name {
        Name::from_ascii("shop.example.").unwrap()
    }

    #[test]
    fn the_plan_may_spell_a_value_in_many_ways() {
        let table = [
            (RecordType::A, " 192.0.2.10 ", "192.0.2.10"),
            (RecordType::AAAA, "2001:DB8:0::10", "2001:db8::10"),
            (RecordType::CNAME, "Web.Host.Example.", "web.host.example"),
            (RecordType::CNAME, "@", "shop.example"),
            (RecordType::NS, "localhost.", "localhost."),
            (RecordType::CNAME, "1.0/25.2.0.192.IN-ADDR.arpa.", "1.0/25.2.0.192.in-addr.arpa"),
            (RecordType::MX, "010   Mail.shop.example", "10 mail.shop.example"),
            (RecordType::MX, "0 .", "0 ."),
            (RecordType::SRV, "10 5 5060 sip.shop.example.", "10 5 5060 sip.shop.example"),
            (RecordType::CAA, "0 ISSUE letsencrypt.org", "0 issue \"letsencrypt.org\""),
            (RecordType::CAA, "128 issue \"ca.example; a=b\"", "128 issue \"ca.example; a=b\""),
            (RecordType::CAA, "0 issue \";\"", "0 issue \";\""),
            (RecordType::TXT, "v=spf1 -all", "v=spf1 -all"),
            (RecordType::TXT, "\"v=spf1 \" \"-all\"", "v=spf1 -all"),
            (RecordType::TXT, "v=DKIM1\\; p=x", "v=DKIM1; p=x"),
            (RecordType::TXT, "say \"hi\"", "say \"hi\""),
            (RecordType::TXT, "한국어", "한국어"),
            (RecordType::TXT, "\\001", "\\001"),
            (RecordType::TXT, "", ""),
            (
                RecordType::SOA,
                "NS1.host.example. admin.host.example 42 7200 900 1209600 300",
                "ns1.host.example admin.host.example 42 7200 900 1209600 300",
            ),
        ];
        for (record_type, written, expected) in table {
            let normal = normalise(record_type, &shop(), written);
            assert_eq!(normal.as_deref(), Ok(expected), "{record_type} {written:?}");
            assert_eq!(normalise(record_type, &shop(), expected).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn values_that_cannot_be_are_refused_with_what_they_should_be() {
        let table = [
            (RecordType::A, "2001:db8::1", "IPv4"),
            (RecordType::A, "192.0.2.1 192.0.2.2", "one IPv4"),
            (RecordType::MX, "mail.shop.example", "preference"),
            (RecordType::MX, "70000 mail.shop.example", "number"),
            (RecordType::CNAME, "web", "web.shop.example"),
            (RecordType::TXT, "\"open", "close"),
            (RecordType::TXT, "\"a\"b", "after the closing quote"),
            (RecordType::TXT, "\\999", "byte"),
            (RecordType::NAPTR, "1 .", "cannot be planned"),
        ];
        for (record_type, written, hint) in table {
            let mistake = normalise(record_type, &shop(), written).unwrap_err();
            assert!(mistake.contains(hint), "{record_type} {written:?}: {mistake}");
        }
    }

    #[test]
    fn a_servers_value_is_spelt_as_the_plans() {
        let mail = RData::MX(MX::new(10, Name::from_ascii("MAIL.Shop.Example.").unwrap()));
        assert_eq!(render(&mail), "10 mail.shop.example");
        let text = RData::TXT(TXT::from_bytes(vec![b"v=spf1 ", b"-all"]));
        assert_eq!(render(&text), "v=spf1 -all");
        let binary = RData::TXT(TXT::from_bytes(vec![b"\"a\\\xff"]));
        assert_eq!(render(&binary), "\\\"a\\\\\\255");
    }

    proptest! {
        #[test]
        fn any_text_survives_the_way_there_and_back(bytes: Vec<u8>) {
            let rendered = render_text(&bytes);
            prop_assert_eq!(text_bytes(&rendered), Ok(bytes));
            let twice = normalise(RecordType::TXT, &shop(), &rendered);
            prop_assert_eq!(twice, Ok(rendered));
        }
    }
}
