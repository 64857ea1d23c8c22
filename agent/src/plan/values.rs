//! Values of one string each: durations, ports, addresses, patterns. Pure.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use health::claim::Network;

use super::notes::Wrong;
use crate::tls::Remaining;

/// Longest name of a check, host, receiver or agent: all of them become label values.
const NAME_CHARACTERS: usize = 128;

/// `500ms 30s 5m 12h 21d`.
pub(super) fn duration(text: &str) -> Result<Duration, Wrong> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let wrong = || Wrong::new(format!("{text:?} is not a duration"));
    let forms = "write a whole number and one unit: 500ms, 30s, 5m, 12h, 21d";
    if number.is_empty() {
        return Err(wrong().help(forms));
    }
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "" => {
            return Err(Wrong::new(format!("{text:?} has no unit"))
                .help(format!("for seconds write \"{number}s\"; {forms}")));
        }
        other => {
            let guess = match other.trim().to_ascii_lowercase().as_str() {
                "ms" | "msec" | "millis" | "milliseconds" => "ms",
                "s" | "sec" | "secs" | "second" | "seconds" => "s",
                "m" | "min" | "mins" | "minute" | "minutes" => "m",
                "h" | "hr" | "hour" | "hours" => "h",
                "d" | "day" | "days" => "d",
                _ => return Err(wrong().help(forms)),
            };
            return Err(wrong().help(format!("did you mean \"{number}{guess}\"?")));
        }
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(milliseconds))
        .filter(|&milliseconds| milliseconds <= 3650 * 86_400_000)
        .map(Duration::from_millis)
        .ok_or_else(|| Wrong::new(format!("{text:?} is longer than ten years")))
}

/// A duration within bounds, which `bounds` names for people.
pub(super) fn duration_within(
    text: &str,
    (least, most): (Duration, Duration),
    bounds: &str,
) -> Result<Duration, Wrong> {
    let duration = duration(text)?;
    if duration < least || duration > most {
        return Err(Wrong::new(format!("{text:?} is out of range")).help(bounds));
    }
    Ok(duration)
}

/// `33%` or `21d`.
pub(super) fn remaining(text: &str) -> Result<Remaining, Wrong> {
    let Some(number) = text.strip_suffix('%') else {
        return duration(text).map(Remaining::Time).map_err(|_| {
            Wrong::new(format!("{text:?} is neither a share nor a duration")).help(
                "write a share of the lifetime such as \"33%\", or a time left such as \"21d\"",
            )
        });
    };
    let plain = number.chars().all(|c| c.is_ascii_digit() || c == '.');
    match number.parse::<f64>() {
        Ok(percent) if plain && percent > 0.0 && percent <= 100.0 => {
            Ok(Remaining::Share(percent / 100.0))
        }
        _ => Err(Wrong::new(format!("{text:?} is not a share of a lifetime"))
            .help("from above 0% to 100%")),
    }
}

/// A name that becomes a label value and part of links.
pub(super) fn name(text: &str) -> Result<String, Wrong> {
    if text.trim().is_empty() {
        return Err(Wrong::new("the name is empty"));
    }
    if text.trim() != text {
        return Err(Wrong::new(format!("{text:?} begins or ends with a blank"))
            .help(format!("write {:?}", text.trim())));
    }
    if text.chars().any(char::is_control) {
        return Err(Wrong::new(format!("{text:?} holds a control character")));
    }
    let count = text.chars().count();
    if count > NAME_CHARACTERS {
        return Err(Wrong::new(format!("the name is {count} characters long"))
            .help(format!("at most {NAME_CHARACTERS}: it becomes a label of every metric")));
    }
    Ok(text.to_owned())
}

/// A host's name: its ports are named `HOST:PORT`.
pub(super) fn host_name(text: &str) -> Result<String, Wrong> {
    let name = name(text)?;
    if let Some(bad) = name.chars().find(|c| matches!(c, ':' | '/' | '[' | ']' | '@')) {
        return Err(Wrong::new(format!("{text:?} holds {bad:?}"))
            .help("a host's ports are named HOST:PORT, so its name has none of : / [ ] @"));
    }
    if name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        return Err(Wrong::new(format!("{text:?} reads like a port"))
            .help("a host's ports are named HOST:PORT; name it after what it is"));
    }
    Ok(name)
}

/// A port number in decimal, never 0.
pub(super) fn port(text: &str) -> Result<u16, Wrong> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse::<u16>() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ if digits => {
            Err(Wrong::new(format!("{text} is not a port")).help("ports are 1 to 65535"))
        }
        _ => Err(Wrong::new(format!("{text:?} is not a port number")).help("ports are 1 to 65535")),
    }
}

/// `3012-3014`, or one port: of a claim.
pub(super) fn port_range(text: &str) -> Result<(u16, u16), Wrong> {
    let (first, last) = port_span(text)?;
    if last - first >= 10_000 {
        return Err(Wrong::new(format!("{text:?} is {} ports", u32::from(last - first) + 1))
            .help("a range becomes one check per port; at most 10000 at once"));
    }
    Ok((first, last))
}

/// `3012-3014`, or one port.
pub(super) fn port_span(text: &str) -> Result<(u16, u16), Wrong> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (port(first.trim())?, port(last.trim())?);
    if first > last {
        return Err(Wrong::new(format!("{text:?} runs backwards"))
            .help(format!("write \"{last}-{first}\"")));
    }
    Ok((first, last))
}

/// A process, by name or by the path of its executable.
pub(super) fn process(text: &str) -> Result<String, Wrong> {
    if text.contains('/') && !text.starts_with('/') {
        return Err(Wrong::new(format!("{text:?} is not an absolute path"))
            .help("a name without a slash, or a path that begins with one"));
    }
    name(text)
}

/// A systemd unit, or the id of a container.
pub(super) fn unit(text: &str) -> Result<String, Wrong> {
    if let Some(bad) = text.chars().find(|c| c.is_whitespace() || matches!(c, '/' | '*')) {
        return Err(Wrong::new(format!("{text:?} holds {bad:?}"))
            .help("a unit as `systemctl` names it, or at least 12 digits of a container's id"));
    }
    name(text)
}

/// A user of the machine, by name or number.
pub(super) fn user(text: &str) -> Result<String, Wrong> {
    if let Some(bad) = text.chars().find(|c| c.is_whitespace() || matches!(c, ':' | '/' | '*')) {
        return Err(Wrong::new(format!("{text:?} holds {bad:?}"))
            .help("a user as `id` names it, or a number"));
    }
    name(text)
}

/// An IP address.
pub(super) fn ip(text: &str) -> Result<IpAddr, Wrong> {
    text.parse().map_err(|_| {
        let wrong = Wrong::new(format!("{text:?} is not an IP address"));
        match text.parse::<SocketAddr>() {
            Ok(socket) => wrong.help(format!("without a port: {:?}", socket.ip().to_string())),
            Err(_) => wrong,
        }
    })
}

/// An IP address with a port; port 0 lets the system pick one.
pub(super) fn socket(text: &str) -> Result<SocketAddr, Wrong> {
    text.parse().map_err(|_| {
        let wrong = Wrong::new(format!("{text:?} is not an IP address with a port"));
        match (text.parse::<IpAddr>(), text.strip_prefix("localhost:").or(text.strip_prefix(':'))) {
            (Ok(ip), _) => wrong.help(format!("write {:?}", SocketAddr::new(ip, 9740).to_string())),
            (_, Some(port)) => {
                wrong.help(format!("write \"127.0.0.1:{port}\" or \"0.0.0.0:{port}\""))
            }
            _ => wrong.help("such as \"127.0.0.1:9740\" or \"[::1]:9740\""),
        }
    })
}

/// An address or a network in CIDR notation.
pub(super) fn network(text: &str) -> Result<Network, Wrong> {
    let wrong = || {
        Wrong::new(format!("{text:?} is neither an address nor a network"))
            .help("such as \"203.0.113.7\", \"10.0.0.0/8\" or \"fd00::/8\"")
    };
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let width: u8 = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        None => width,
        Some(prefix) if prefix.bytes().all(|b| b.is_ascii_digit()) => {
            prefix.parse().map_err(|_| wrong())?
        }
        Some(_) => return Err(wrong()),
    };
    if prefix > width {
        return Err(Wrong::new(format!("{text:?} has a prefix of {prefix} bits"))
            .help(format!("at most {width} for such an address")));
    }
    let network = Network { address: masked(address, prefix), prefix };
    if network.address != address {
        return Err(Wrong::new(format!("{text:?} has bits beyond its prefix")).help(format!(
            "the network is \"{}/{prefix}\"; a single address has no prefix",
            network.address
        )));
    }
    Ok(network)
}

fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

/// Splits `HOST:PORT`, `[V6]:PORT`, or a host alone where there is a default port.
pub(super) fn host_and_port(text: &str, default_port: Option<u16>) -> Result<(&str, u16), Wrong> {
    let alone = |host| match default_port {
        Some(port) => Ok((host, port)),
        None => Err(Wrong::new(format!("{text:?} has no port")).help(if text.contains(':') {
            format!("write \"[{host}]:PORT\"")
        } else {
            format!("write \"{host}:PORT\"")
        })),
    };
    if text.contains("://") {
        return Err(Wrong::new(format!("{text:?} is a URL, not HOST:PORT")));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let Some((host, rest)) = rest.split_once(']') else {
            return Err(Wrong::new(format!("{text:?} has no closing bracket")));
        };
        return match rest.strip_prefix(':') {
            Some(number) => Ok((host, port(number)?)),
            None if rest.is_empty() => alone(host),
            None => Err(Wrong::new(format!("{text:?} has something else than a port after ]"))),
        };
    }
    match text.matches(':').count() {
        0 => alone(text),
        1 => {
            let (host, number) = text.split_once(':').unwrap_or((text, ""));
            Ok((host, port(number)?))
        }
        _ if text.parse::<IpAddr>().is_ok() => alone(text),
        _ => Err(Wrong::new(format!("{text:?} is not HOST:PORT"))
            .help("an IPv6 address with a port stands in brackets: \"[::1]:443\"")),
    }
}

/// A host name as DNS has it (RFC 1123, and underscores), lower case.
pub(super) fn domain(text: &str) -> Result<String, Wrong> {
    let wrong = || Wrong::new(format!("{text:?} is not a host name"));
    if text.is_empty() {
        return Err(Wrong::new("the host is missing"));
    }
    if !text.is_ascii() {
        return Err(wrong().help("write a name in other letters in its ASCII form, xn--…"));
    }
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(Wrong::new(format!("{text:?} is not an IPv4 address")));
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() > 253 || !name.split('.').all(fits) {
        return Err(wrong().help("labels of letters, digits and hyphens, separated by dots"));
    }
    Ok(name.to_ascii_lowercase())
}

/// What a regular expression's error says, in one line.
pub(super) fn regex_error(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(limit) => format!("it compiles to more than {limit} bytes"),
        other => {
            let words = other.to_string();
            let last = words.lines().last().unwrap_or_default();
            last.strip_prefix("error: ").unwrap_or(last).to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let good = [("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("12h", 43_200_000)];
        for (text, milliseconds) in good {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        assert_eq!(duration("21d"), Ok(Duration::from_secs(21 * 86_400)));
        for text in [
            "",
            "s",
            "30",
            "30 s",
            "30S",
            "1.5s",
            "-1s",
            "1h30m",
            "5min",
            "٣s",
            "99999999999999999999s",
            "4000d",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shares_and_times() {
        assert_eq!(remaining("33%"), Ok(Remaining::Share(0.33)));
        assert_eq!(remaining("12.5%"), Ok(Remaining::Share(0.125)));
        assert_eq!(remaining("100%"), Ok(Remaining::Share(1.0)));
        assert_eq!(remaining("21d"), Ok(Remaining::Time(Duration::from_secs(21 * 86_400))));
        for text in ["", "%", "0%", "101%", "-3%", "inf%", "NaN%", "33 %", "x", "1e1%"] {
            assert!(remaining(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ranges_of_ports() {
        assert_eq!(port_range("3012-3014"), Ok((3012, 3014)));
        assert_eq!(port_range("3012"), Ok((3012, 3012)));
        assert_eq!(port_range("1-10000"), Ok((1, 10_000)));
        for text in ["", "-", "3014-3012", "0-5", "1-65536", "a-b", "1-2-3", "+1-5", "1-10001"] {
            assert!(port_range(text).is_err(), "{text}");
        }
    }

    #[test]
    fn networks() {
        for text in ["10.0.0.0/8", "203.0.113.7", "0.0.0.0/0", "fd00::/8", "::/0", "::1"] {
            assert_eq!(network(text).map(|network| network.to_string()).as_deref(), Ok(text));
        }
        for text in ["10.0.0.1/8", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "web", ""] {
            assert!(network(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hosts_with_ports() {
        let table = [
            ("127.0.0.1:80", None, Some(("127.0.0.1", 80))),
            ("shop.example:443", None, Some(("shop.example", 443))),
            ("shop.example", Some(443), Some(("shop.example", 443))),
            ("[::1]:53", None, Some(("::1", 53))),
            ("[::1]", Some(53), Some(("::1", 53))),
            ("::1", Some(53), Some(("::1", 53))),
            ("::1", None, None),
            ("shop.example", None, None),
            ("shop.example:", None, None),
            ("shop.example:0", None, None),
            ("shop.example:65536", None, None),
            ("a:b:1", Some(1), None),
            ("[::1", Some(1), None),
            ("[::1]x", Some(1), None),
            ("http://shop.example:80", None, None),
        ];
        for (text, default_port, expected) in table {
            assert_eq!(host_and_port(text, default_port).ok(), expected, "{text}");
        }
    }

    #[test]
    fn host_names_of_dns() {
        assert_eq!(domain("Shop.Example."), Ok("shop.example".to_owned()));
        assert_eq!(domain("_dmarc.shop.example"), Ok("_dmarc.shop.example".to_owned()));
        let long = "a".repeat(64);
        for text in ["", ".", "a..b", "-a.example", "127.0.0.256", "한국.kr", "a b", "*.x", &long]
        {
            assert!(domain(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_fit_labels() {
        assert!(name("shop: 예약").is_ok());
        assert!(name(&"가".repeat(128)).is_ok());
        for text in ["", " ", " a", "a\n", "a\u{7}b", &"a".repeat(129)] {
            assert!(name(text).is_err(), "{text:?}");
        }
        assert!(host_name("web server").is_ok());
        assert!(host_name("web:1").is_err());
    }
}
