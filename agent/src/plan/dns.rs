//! `[[dns]]` and `[[dns.record]]`

mod over_tls;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use health::Kind;
use hickory_proto::rr::{Name, RecordType};

use super::frame::{self, Pace};
use super::names::{Hosts, Names};
use super::notes::{At, Span, Wrong, shown};
use super::row::Row;
use super::{Endpoint, Target, agent, values};
use crate::probe::{self, dns};

mod dnssec;

/// How long a server may be behind where the plan does not say: longer than a notified transfer takes,
/// or a panel that publishes by the minute.
const SERIAL_GRACE: Duration = Duration::from_secs(5 * 60);

/// The types of records that a plan can hold.
pub(super) const RECORD_TYPES: &[&str] = &[
    "A", "AAAA", "CNAME", "TXT", "MX", "NS", "SOA", "CAA", "SRV", "PTR", "DS", "DNSKEY", "TLSA",
    "SSHFP", "HTTPS", "SVCB",
];

/// The value as a `[[dns.record]]` of that name and type may have it, in the spelling that answers
/// are compared in. `written` is how the plan writes the name.
///
/// # Errors
/// Why a plan cannot hold it.
pub(crate) fn accepts(
    zone: &Name,
    name: &Name,
    written: &str,
    kind: RecordType,
    text: &str,
) -> Result<String, &'static str> {
    if !RECORD_TYPES.contains(&kind.to_string().as_str()) {
        return Err("of a type that a plan cannot hold");
    }
    let is_name = within(written, zone).is_ok_and(|read| read == *name);
    if !is_name {
        return Err("with a name that a plan cannot hold");
    }
    let normal = dns::normalise(kind, zone, text).ok();
    let normal = normal.filter(|text| value(kind, text, Some(zone)).is_ok());
    normal.ok_or("with a value that a plan cannot hold")
}

/// Reads one `[[dns]]`.
pub(super) fn check(
    row: &Row<'_>,
    pace: &Pace,
    hosts: &Hosts,
    names: &mut Names,
    hints: &[SocketAddr],
) -> Option<probe::Check> {
    let named = frame::named(row, names);
    let pace = pace.overridden(row);
    let written = row.need("zone", row.text("zone"));
    let zone = written.as_ref().and_then(|text| row.understood("zone", text, domain));
    let mut asked = over_tls::Servers { row, pace: &pace, over_tls: Vec::new() };
    let nameservers = asked.endpoints("nameservers", hosts);
    let resolvers = asked.addresses("resolvers");
    let asking = dns::Asking { over_tls: asked.over_tls, ..asking(row) };
    let source = frame::source(row, first_address(&nameservers));
    let parent = agent::servers(row, "parent");
    let consistent = row.switch("consistent").unwrap_or(true);
    let renewal = renewal(row);
    let serial_grace = row.parsed("serial_grace", values::duration);
    let serial_grace = serial_grace.map_or(SERIAL_GRACE, |at| at.value);
    let dnssec = dnssec::policy(row, zone.as_ref().map(|at| &at.value));
    let mut known = HashMap::new();
    let mut records = Vec::new();
    for row in row.rows("record") {
        records.extend(record(&row, zone.as_ref().map(|at| &at.value), &mut known));
    }
    let (written, zone) = (written?, zone?);
    let frame = named.frame(&pace, Kind::Dns, written.value, None)?;
    let zone = zone.value;
    let spec = dns::Spec {
        zone,
        nameservers,
        parent,
        hints: hints.to_vec(),
        resolvers,
        consistent,
        asking,
        serial_grace,
        source,
        records,
        renewal,
        dnssec,
        kept: dns::Kept::default(),
    };
    Some(probe::Check { frame, spec: probe::Spec::Dns(spec) })
}

/// `acme_account` and `acme_method`
fn renewal(row: &Row<'_>) -> dns::Renewal {
    let account = row.parsed("acme_account", |text| match text.split_once("://") {
        Some(("https" | "http", rest)) if !rest.is_empty() && !text.contains([' ', ';', '"']) => {
            Ok(text.to_owned())
        }
        _ => Err(Wrong::new(format!("{text:?} is not the URL of an account")).help(
            "as the ACME client has it: `certbot show_account` prints \"Account URL: https://…\"",
        )),
    });
    let account = account.map(|at| at.value);
    dns::Renewal { account, method: row.choice("acme_method") }
}

/// How servers are asked, but for those asked over TLS.
fn asking(row: &Row<'_>) -> dns::Asking {
    let default = dns::Asking::default();
    let bounds = (Duration::from_millis(1), Duration::from_secs(60));
    let slow_after = row.parsed("slow_after", |text| {
        values::duration_within(text, bounds, "write a duration from 1ms to 60s")
    });
    dns::Asking { slow_after: slow_after.map_or(default.slow_after, |at| at.value), ..default }
}

fn first_address(endpoints: &[Endpoint]) -> Option<&Target> {
    endpoints.iter().map(|at| &at.host).find(|host| matches!(host, Target::Address(_)))
}

fn record(
    row: &Row<'_>,
    zone: Option<&Name>,
    known: &mut HashMap<(Name, RecordType), Span>,
) -> Option<dns::Record> {
    let name = row.need("name", row.text("name"));
    let kind = row.need("type", record_type(row));
    frame::exclusive(row, &["values", "contains", "absent", "values_file", "values_command"]);
    let told = told(row);
    let values =
        kind.map(|kind| (listed(row, "values", kind, zone), listed(row, "contains", kind, zone)));
    let absent = row.switch("absent").unwrap_or(false);
    let name = zone
        .zip(name)
        .and_then(|(zone, text)| row.understood("name", &text, |text| within(text, zone)))?;
    let (record_type, (values, contains)) = (kind?, values?);
    if let Some(first) = known.get(&(name.value.clone(), record_type)) {
        let wrong = Wrong::new(format!("{} {record_type} is planned twice", name.value))
            .help("write all its values in one [[dns.record]]");
        row.reading.notes.note_both(&name.span, wrong, "it is first planned here", first);
    }
    known.insert((name.value.clone(), record_type), name.span);
    let expectation = match (values, contains, absent) {
        _ if told.is_some() => dns::Expectation::Told(told?),
        (Some(values), _, _) => dns::Expectation::Exactly(values),
        (None, Some(values), _) => dns::Expectation::Contains(values),
        (None, None, true) => dns::Expectation::Absent,
        (None, None, false) => dns::Expectation::Anything,
    };
    let ttl = ttl_limits(row);
    Some(dns::Record { name: name.value, record_type, expectation, ttl })
}

/// `min_ttl` and `max_ttl`.
fn ttl_limits(row: &Row<'_>) -> dns::TtlLimits {
    let limit = |key| {
        row.parsed(key, |text| {
            let time = values::duration(text)?;
            match (time.subsec_nanos(), u32::try_from(time.as_secs())) {
                (0, Ok(seconds)) => Ok(seconds),
                _ => Err(Wrong::new(format!("{text:?} is no TTL"))
                    .help("whole seconds: \"30s\", \"5m\", \"1d\"")),
            }
        })
    };
    let (min, max) = (limit("min_ttl"), limit("max_ttl"));
    if let (Some(min), Some(max)) = (&min, &max)
        && min.value > max.value
    {
        let wrong = Wrong::new("`min_ttl` is longer than `max_ttl`");
        row.reading.notes.note_both(&min.span, wrong, "`max_ttl` is here", &max.span);
    }
    let seconds = |at: Option<At<u32>>| at.map(|at| at.value);
    dns::TtlLimits { min_seconds: seconds(min), max_seconds: seconds(max) }
}

fn record_type(row: &Row<'_>) -> Option<RecordType> {
    RecordType::from_str(row.choice("type")?).ok()
}

/// Where the values are written that the plan does not write itself.
fn told(row: &Row<'_>) -> Option<dns::ValueSource> {
    let (file, command) = (row.text("values_file"), row.texts("values_command"));
    if let Some(text) = file {
        return frame::path(row, "values_file", &text).map(dns::ValueSource::File);
    }
    let words = command?;
    let program = words.first()?;
    if !program.value.starts_with('/') {
        let wrong = Wrong::new(format!(
            "{} is not the whole path of a program",
            shown(program.value)
        ))
        .help("write it with its arguments as a list: [\"/usr/local/bin/expected\", \"shop\"]");
        row.note_key("values_command", &program.span, wrong);
        return None;
    }
    if let Some(word) = words.iter().find(|word| word.value.contains('\0')) {
        row.note_key("values_command", &word.span, Wrong::new("it holds a NUL character"));
        return None;
    }
    Some(dns::ValueSource::Command(words.iter().map(|word| word.value.to_owned()).collect()))
}

/// Values in presentation format, each of the form its type has, none of them twice.
fn listed(
    row: &Row<'_>,
    key: &'static str,
    kind: RecordType,
    zone: Option<&Name>,
) -> Option<Vec<String>> {
    let mut values: Vec<String> = Vec::new();
    for text in row.texts(key)? {
        let Some(value) = row.understood(key, &text, |text| value(kind, text, zone)) else {
            continue;
        };
        if values.contains(&value.value) {
            let wrong = Wrong::new(format!("{} is there twice", shown(&value.value)));
            row.note_key(key, &value.span, wrong);
            continue;
        }
        values.push(value.value);
    }
    Some(values)
}

/// What a value of a type looks like, as far as that can be told without asking anybody.
fn value(kind: RecordType, text: &str, zone: Option<&Name>) -> Result<String, Wrong> {
    // The strings of a TXT record are bytes; blanks at their ends are part of them.
    if kind == RecordType::TXT {
        return Ok(text.to_owned());
    }
    let text = text.trim();
    let fields: Vec<&str> = text.split_whitespace().collect();
    let numbers =
        |count: usize| fields.iter().take(count).all(|field| field.parse::<u32>().is_ok());
    let named = |field: usize| fields.get(field).is_some_and(|name| domain_or_root(name));
    let (fits, form) = match kind {
        RecordType::A => (text.parse::<Ipv4Addr>().is_ok(), "an IPv4 address"),
        RecordType::AAAA => (text.parse::<Ipv6Addr>().is_ok(), "an IPv6 address"),
        RecordType::CNAME | RecordType::NS | RecordType::PTR => {
            (fields.len() == 1 && named(0), "a domain name")
        }
        RecordType::MX => (
            fields.len() == 2 && numbers(1) && named(1),
            "a preference and a name: \"10 mail.shop.example\"",
        ),
        RecordType::SRV => (
            fields.len() == 4 && numbers(3) && named(3),
            "priority, weight, port and name: \"10 5 443 shop.example\"",
        ),
        RecordType::SOA => (
            fields.len() == 7
                && named(0)
                && named(1)
                && fields[2..].iter().all(|field| field.parse::<u32>().is_ok()),
            "seven fields: name, mailbox, serial, refresh, retry, expire, minimum",
        ),
        RecordType::CAA => (
            fields.len() >= 3 && fields[0].parse::<u8>().is_ok(),
            "flags, tag and value: '0 issue \"letsencrypt.org\"'",
        ),
        _ => (!text.is_empty(), "a value"),
    };
    let wrong = || Wrong::new(format!("{text:?} is not the value of {kind}"));
    if !fits {
        return Err(wrong().help(form));
    }
    // What answers are compared with; a value that has no such spelling could never be found.
    let root = Name::root();
    match dns::normalise(kind, zone.unwrap_or(&root), text) {
        Ok(_) => Ok(text.to_owned()),
        Err(help) => Err(wrong().help(help)),
    }
}

fn domain_or_root(text: &str) -> bool {
    text == "." || domain(text).is_ok()
}

/// A domain name, fully qualified and in lower case.
fn domain(text: &str) -> Result<Name, Wrong> {
    let wrong = || Wrong::new(format!("{text:?} is not a domain name"));
    // Parts of a reverse zone have slashes in their names (RFC 2317); others come from URLs.
    let is_reverse = text.trim_end_matches('.').to_ascii_lowercase().ends_with(".in-addr.arpa");
    if text.parse::<IpAddr>().is_ok()
        || text.contains([' ', ':', '@'])
        || (text.contains('/') && !is_reverse)
        || text.is_empty()
    {
        return Err(wrong());
    }
    if !text.is_ascii() {
        return Err(wrong().help("write a name in other letters in its ASCII form, xn--…"));
    }
    let name = match text.contains('/') {
        true => Name::from_labels(text.trim_end_matches('.').split('.').map(str::as_bytes)),
        false => Name::from_ascii(text),
    };
    let mut name = name.map_err(|error| wrong().help(error.to_string()))?;
    name.set_fqdn(true);
    Ok(name.to_lowercase())
}

/// The name of a record: `@` and relative names are within the zone, and so has to be any other.
fn within(text: &str, zone: &Name) -> Result<Name, Wrong> {
    if text == "@" {
        return Ok(zone.clone());
    }
    let below = format!("{}.{zone}", text.trim_end_matches('.'));
    let is_classless = text.contains('/') && domain(&below).is_ok();
    let name = domain(if is_classless && !text.ends_with('.') { &below } else { text })?;
    if zone.zone_of(&name) && !zone.is_root() {
        return Ok(name);
    }
    if text.ends_with('.') && !zone.is_root() {
        return Err(Wrong::new(format!("{text:?} is not in the zone {zone}"))
            .help("a name with a dot at its end is complete; others are below the zone"));
    }
    let relative = Name::from_ascii(text.trim_end_matches('.'))
        .and_then(|name| name.append_domain(zone))
        .map_err(|error| Wrong::new(format!("{text:?} is not a domain name: {error}")))?;
    Ok(relative.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_within_a_zone() {
        let zone = domain("Shop.Example").unwrap();
        let table = [
            ("@", Some("shop.example.")),
            ("www", Some("www.shop.example.")),
            ("WWW", Some("www.shop.example.")),
            ("a.b", Some("a.b.shop.example.")),
            ("*", Some("*.shop.example.")),
            ("_acme-challenge", Some("_acme-challenge.shop.example.")),
            ("www.shop.example", Some("www.shop.example.")),
            ("www.shop.example.", Some("www.shop.example.")),
            ("shop.example", Some("shop.example.")),
            ("other.example.", None),
            ("", None),
            ("a..b", None),
            ("한국", None),
            ("192.0.2.1", None),
        ];
        for (text, expected) in table {
            let name = within(text, &zone).ok().map(|name| name.to_string());
            assert_eq!(name.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn names_within_a_reverse_zone() {
        let zone = domain("2.0.192.in-addr.arpa").unwrap();
        let table = [
            ("10", Some("10.2.0.192.in-addr.arpa.")),
            ("0/25", Some("0\\/25.2.0.192.in-addr.arpa.")),
            ("0/25.2.0.192.in-addr.arpa.", Some("0\\/25.2.0.192.in-addr.arpa.")),
            ("https://shop", None),
        ];
        for (text, expected) in table {
            let name = within(text, &zone).ok().map(|name| name.to_string());
            assert_eq!(name.as_deref(), expected, "{text}");
        }
        assert!(domain("shop.example/path").is_err());
    }

    #[test]
    fn values_have_the_form_of_their_type() {
        let good = [
            (RecordType::A, "192.0.2.10"),
            (RecordType::AAAA, "2001:db8::1"),
            (RecordType::CNAME, "shop.example."),
            (RecordType::MX, "10 mail.shop.example"),
            (RecordType::MX, "0 ."),
            (RecordType::TXT, "  v=spf1 -all "),
            (RecordType::TXT, ""),
            (RecordType::NS, "ns1.host.example"),
            (RecordType::SOA, "ns1.x. admin.x. 1 2 3 4 5"),
            (RecordType::CAA, "0 issue \"letsencrypt.org\""),
            (RecordType::SRV, "10 5 443 shop.example"),
            (RecordType::PTR, "web.shop.example."),
            (RecordType::TLSA, "3 1 0 8bd1da95"),
            (RecordType::HTTPS, "1 . alpn=h2,h3"),
        ];
        let zone = domain("shop.example").unwrap();
        for (kind, text) in good {
            assert!(value(kind, text, Some(&zone)).is_ok(), "{kind} {text}");
        }
        let bad = [
            (RecordType::A, "2001:db8::1"),
            (RecordType::A, "192.0.2"),
            (RecordType::AAAA, "192.0.2.10"),
            (RecordType::CNAME, "a b"),
            (RecordType::CNAME, ""),
            (RecordType::MX, "mail.shop.example"),
            (RecordType::SRV, "10 443 shop.example"),
            (RecordType::SOA, "ns1.x. admin.x. 1 2 3 4"),
            (RecordType::CAA, "issue letsencrypt.org"),
            (RecordType::CNAME, "web"),
            (RecordType::MX, "70000 mail.shop.example"),
            (RecordType::PTR, "192.0.2.1 web"),
            (RecordType::DS, "2371 13 2 abcd"),
            (RecordType::SSHFP, "4 2"),
            (RecordType::HTTPS, "1 . colour=red"),
        ];
        for (kind, text) in bad {
            assert!(value(kind, text, Some(&zone)).is_err(), "{kind} {text}");
        }
    }
}
