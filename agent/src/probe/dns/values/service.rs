//! SVCB and HTTPS values (RFC 9460): priority, target and parameters. Parameters are rendered in
//! the order of their numbers, lists sorted, so that neither order nor quoting is a difference.
//! Deliberately absent: what an `ech` value holds.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hickory_proto::rr::Name;
use hickory_proto::rr::rdata::SVCB;
use hickory_proto::serialize::binary::BinEncodable;

use super::{name, number, render_name, text_bytes};

pub(super) const FORM: &str =
    "priority, target and parameters, such as `1 . alpn=h2,h3` or `0 web.host.example`";

const MANDATORY: u16 = 0;
const ALPN: u16 = 1;
const NO_DEFAULT_ALPN: u16 = 2;
const PORT: u16 = 3;
const IPV4_HINT: u16 = 4;
const ECH: u16 = 5;
const IPV6_HINT: u16 = 6;
/// The names of keys by number; others are written `keyNNN`.
const KEYS: [&str; 9] = [
    "mandatory",
    "alpn",
    "no-default-alpn",
    "port",
    "ipv4hint",
    "ech",
    "ipv6hint",
    "dohpath",
    "ohttp",
];

/// A value of the plan in the one spelling.
pub(super) fn normalise(zone: &Name, value: &str) -> Result<String, String> {
    let words = words(value)?;
    let [priority, target, written @ ..] = &*words else {
        return Err(format!("what is needed is {FORM}"));
    };
    let priority = number::<u16>(priority)?;
    let target = name(zone, target)?;
    let mut parameters = BTreeMap::new();
    for parameter in written {
        let (key, text) = match parameter.split_once('=') {
            Some((key, text)) => (key, Some(text)),
            None => (*parameter, None),
        };
        let number = key_number(key)?;
        let bytes = parameter_bytes(number, text)?;
        if parameters.insert(number, bytes).is_some() {
            return Err(format!("`{}` is there twice", key_name(number)));
        }
    }
    if priority == 0 && !parameters.is_empty() {
        return Err("priority 0 is an alias: it has a target and no parameters".to_owned());
    }
    if let Some(mandatory) = parameters.get(&MANDATORY) {
        let needed = mandatory.as_chunks::<2>().0.iter().map(|&bytes| u16::from_be_bytes(bytes));
        if let Some(missing) = needed.into_iter().find(|key| !parameters.contains_key(key)) {
            return Err(format!("`{}` is mandatory and missing", key_name(missing)));
        }
    }
    Ok(written_value(priority, &target, &parameters))
}

/// A record in the same spelling.
pub(super) fn render(record: &SVCB) -> String {
    let parameters = record.svc_params.iter().map(|(key, value)| {
        // The value's own length comes first.
        let bytes = value.to_bytes().ok().and_then(|bytes| bytes.get(2..).map(<[u8]>::to_vec));
        (u16::from(*key), bytes.unwrap_or_default())
    });
    let target = render_name(&record.target_name);
    written_value(record.svc_priority, &target, &parameters.collect())
}

fn written_value(priority: u16, target: &str, parameters: &BTreeMap<u16, Vec<u8>>) -> String {
    let mut text = format!("{priority} {target}");
    for (&key, bytes) in parameters {
        text.push(' ');
        text.push_str(&key_name(key));
        let value = parameter_text(key, bytes);
        if !value.is_empty() {
            text.push('=');
            text.push_str(&value);
        }
    }
    text
}

/// Words as a zone file separates them: at blanks outside of quotes.
fn words(value: &str) -> Result<Vec<&str>, String> {
    let (mut words, mut start, mut is_quoted, mut is_escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in value.bytes().enumerate() {
        if is_escaped {
            is_escaped = false;
        } else if byte == b'\\' {
            is_escaped = true;
        } else if byte == b'"' {
            is_quoted = !is_quoted;
        } else if byte.is_ascii_whitespace() && !is_quoted {
            words.push(&value[start..at]);
            start = at + 1;
        }
    }
    if is_quoted {
        return Err(format!("`{value}` opens a quote and does not close it"));
    }
    words.push(&value[start..]);
    words.retain(|word| !word.is_empty());
    Ok(words)
}

fn key_number(key: &str) -> Result<u16, String> {
    let known = KEYS.iter().position(|known| known.eq_ignore_ascii_case(key));
    known
        .and_then(|number| u16::try_from(number).ok())
        .or_else(|| key.strip_prefix("key").and_then(|number| number.parse().ok()))
        .ok_or_else(|| format!("`{key}` is not a parameter; {} and keyNNN are", KEYS.join(", ")))
}

fn key_name(number: u16) -> String {
    match KEYS.get(usize::from(number)) {
        Some(&known) => known.to_owned(),
        None => format!("key{number}"),
    }
}

/// What a parameter is on the wire (RFC 9460 §7).
fn parameter_bytes(key: u16, text: Option<&str>) -> Result<Vec<u8>, String> {
    let called = key_name(key);
    let bytes = text_bytes(text.unwrap_or_default())?;
    let is_empty = bytes.is_empty();
    if matches!(key, NO_DEFAULT_ALPN) && !is_empty {
        return Err(format!("`{called}` has no value"));
    }
    if matches!(key, MANDATORY | ALPN | PORT | IPV4_HINT | ECH | IPV6_HINT) && is_empty {
        return Err(format!("`{called}` needs a value"));
    }
    let plain = || String::from_utf8(bytes.clone()).unwrap_or_default();
    match key {
        MANDATORY => {
            let plain = plain();
            let mut keys = plain.split(',').map(key_number).collect::<Result<Vec<_>, _>>()?;
            keys.sort_unstable();
            keys.dedup();
            Ok(keys.iter().flat_map(|key| key.to_be_bytes()).collect())
        }
        ALPN => {
            let mut wire = Vec::new();
            for id in listed(&bytes) {
                let length = u8::try_from(id.len()).ok().filter(|&length| length > 0);
                wire.push(length.ok_or_else(|| {
                    "`alpn` is a list of names such as h2,h3, each up to 255 bytes".to_owned()
                })?);
                wire.extend(id);
            }
            Ok(wire)
        }
        PORT => Ok(number::<u16>(&plain())?.to_be_bytes().to_vec()),
        IPV4_HINT => addresses(&plain(), "IPv4", |ip: Ipv4Addr| ip.octets()),
        IPV6_HINT => addresses(&plain(), "IPv6", |ip: Ipv6Addr| ip.octets()),
        ECH => STANDARD.decode(&bytes).map_err(|_| "the value of `ech` is not base64".to_owned()),
        _ => Ok(bytes),
    }
}

fn addresses<I: FromStr, const N: usize>(
    text: &str,
    family: &str,
    octets: fn(I) -> [u8; N],
) -> Result<Vec<u8>, String> {
    let mut wire = Vec::new();
    for address in text.split(',') {
        let ip = address.parse().map_err(|_| format!("`{address}` is not an {family} address"))?;
        wire.extend(octets(ip));
    }
    Ok(wire)
}

/// The items of a list: separated by commas, `\,` being part of one (RFC 9460 appendix A.1).
fn listed(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut items, mut is_escaped) = (vec![Vec::new()], false);
    for &byte in bytes {
        if !is_escaped && byte == b'\\' {
            is_escaped = true;
        } else if !is_escaped && byte == b',' {
            items.push(Vec::new());
        } else {
            is_escaped = false;
            if let Some(item) = items.last_mut() {
                item.push(byte);
            }
        }
    }
    items
}

/// A parameter's value as the plan may write it; lists are sorted. What is not of the form its key
/// has is shown byte by byte.
fn parameter_text(key: u16, bytes: &[u8]) -> String {
    let list = match key {
        MANDATORY => pieces::<2>(bytes)
            .map(|keys| keys.map(|key| key_name(u16::from_be_bytes(key))).collect()),
        ALPN => ids(bytes),
        PORT => {
            let port: Option<[u8; 2]> = bytes.try_into().ok();
            port.map(|port| vec![u16::from_be_bytes(port).to_string()])
        }
        IPV4_HINT => {
            pieces::<4>(bytes).map(|all| all.map(|ip| Ipv4Addr::from(ip).to_string()).collect())
        }
        IPV6_HINT => {
            pieces::<16>(bytes).map(|all| all.map(|ip| Ipv6Addr::from(ip).to_string()).collect())
        }
        ECH => Some(vec![STANDARD.encode(bytes)]),
        _ => None,
    };
    let Some(mut list) = list else { return escaped(bytes) };
    if key != MANDATORY {
        list.sort_unstable();
        list.dedup();
    }
    list.join(",")
}

fn pieces<const N: usize>(bytes: &[u8]) -> Option<impl Iterator<Item = [u8; N]>> {
    let (pieces, rest) = bytes.as_chunks::<N>();
    rest.is_empty().then(|| pieces.iter().copied())
}

fn ids(mut bytes: &[u8]) -> Option<Vec<String>> {
    let mut ids = Vec::new();
    while let Some((&length, rest)) = bytes.split_first() {
        let (id, after) = rest.split_at_checked(usize::from(length))?;
        let mut item = Vec::with_capacity(id.len());
        for &byte in id {
            if matches!(byte, b',' | b'\\') {
                item.push(b'\\');
            }
            item.push(byte);
        }
        ids.push(escaped(&item));
        bytes = after;
    }
    Some(ids)
}

fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'"' | b'\\' | b';' | b'(' | b')' => text.extend(['\\', char::from(byte)]),
            b'!'..=b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\{byte:03}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::RData;
    use hickory_proto::rr::rdata::svcb::{Alpn, IpHint, SvcParamKey, SvcParamValue, Unknown};

    use super::*;

    fn normal(value: &str) -> Result<String, String> {
        normalise(&Name::from_ascii("shop.example.").unwrap(), value)
    }

    #[test]
    fn order_and_quoting_are_no_difference() {
        let table = [
            ("0 Web.Host.example.", "0 web.host.example"),
            ("1 . alpn=\"h3,h2\" port=08443", "1 . alpn=h2,h3 port=8443"),
            (
                "1 @ ipv6hint=2001:DB8::1 ipv4hint=192.0.2.2,192.0.2.1 alpn=h2",
                "1 shop.example alpn=h2 ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1",
            ),
            ("1 . key1=h2 mandatory=port,alpn port=1", "1 . mandatory=alpn,port alpn=h2 port=1"),
            ("1 . alpn=h2 no-default-alpn ech=AAA=", "1 . alpn=h2 no-default-alpn ech=AAA="),
            ("16 foo.example. key667=\"hello\\210qoo\"", "16 foo.example key667=hello\\210qoo"),
            ("1 . alpn=\"f\\\\\\\\oo\\\\,bar,h2\"", "1 . alpn=f\\\\\\\\oo\\\\,bar,h2"),
            ("1 . key700=\"two words; yes\"", "1 . key700=two\\032words\\;\\032yes"),
        ];
        for (written, expected) in table {
            assert_eq!(normal(written).as_deref(), Ok(expected), "{written}");
            assert_eq!(normal(expected).as_deref(), Ok(expected), "again");
        }
    }

    #[test]
    fn what_cannot_be_is_told() {
        let table = [
            ("1", "priority, target"),
            ("x .", "number"),
            ("1 . alpn", "needs a value"),
            ("1 . port=99999", "number"),
            ("1 . ipv4hint=2001:db8::1", "IPv4"),
            ("1 . ech=!", "base64"),
            ("1 . colour=red", "`colour` is not a parameter"),
            ("1 . port=1 key3=2", "`port` is there twice"),
            ("1 . mandatory=port", "`port` is mandatory and missing"),
            ("1 . no-default-alpn=x", "has no value"),
            ("0 . port=1", "alias"),
            ("1 . alpn=\"h2", "close"),
            ("1 web", "web.shop.example"),
        ];
        for (written, hint) in table {
            let mistake = normal(written).unwrap_err();
            assert!(mistake.contains(hint), "{written}: {mistake}");
        }
    }

    #[test]
    fn a_servers_record_reads_as_the_plans() {
        let record = SVCB::new(
            1,
            Name::root(),
            vec![
                (SvcParamKey::Alpn, SvcParamValue::Alpn(Alpn(vec!["h3".into(), "h2".into()]))),
                (
                    SvcParamKey::Ipv4Hint,
                    SvcParamValue::Ipv4Hint(IpHint(vec![
                        Ipv4Addr::new(192, 0, 2, 2).into(),
                        Ipv4Addr::new(192, 0, 2, 1).into(),
                    ])),
                ),
                (SvcParamKey::Key(667), SvcParamValue::Unknown(Unknown(b"a b".to_vec()))),
            ],
        );
        let rendered = super::super::render(&RData::SVCB(record));
        assert_eq!(rendered, "1 . alpn=h2,h3 ipv4hint=192.0.2.1,192.0.2.2 key667=a\\032b");
        assert_eq!(normal(&rendered), Ok(rendered));
    }
}
