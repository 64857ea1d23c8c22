//! The ports that the kernel gives to clients, and those among them that it keeps back.

use super::process::read_capped;

/// What Linux gives out unless told otherwise.
const EPHEMERAL: (u16, u16) = (32768, 60999);
/// Every second port of all, written out.
const LIST_BYTES: u64 = 256 << 10;

/// The ports given to clients, both ends included.
pub(super) fn ephemeral() -> (u16, u16) {
    read_capped("/proc/sys/net/ipv4/ip_local_port_range", 64)
        .ok()
        .and_then(|bytes| range(&String::from_utf8_lossy(&bytes)))
        .unwrap_or(EPHEMERAL)
}

/// The ports kept back, as sorted ranges; `None` when they cannot be read.
pub(super) fn kept_back() -> Option<Vec<(u16, u16)>> {
    let bytes = read_capped("/proc/sys/net/ipv4/ip_local_reserved_ports", LIST_BYTES).ok()?;
    list(&String::from_utf8_lossy(&bytes))
}

pub(super) fn range(text: &str) -> Option<(u16, u16)> {
    let mut ends = text.split_ascii_whitespace().map(str::parse);
    Some((ends.next()?.ok()?, ends.next()?.ok()?))
}

/// `8080,9148-9150`
pub(super) fn list(text: &str) -> Option<Vec<(u16, u16)>> {
    let part = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
    };
    let mut ranges: Vec<(u16, u16)> =
        text.trim().split(',').filter(|part| !part.is_empty()).map(part).collect::<Option<_>>()?;
    ranges.sort_unstable();
    Some(ranges)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn settings() {
        assert_eq!(range("32768\t60999\n"), Some((32768, 60999)));
        assert_eq!(range("many"), None);
        for (text, expected) in [
            ("\n", Some(vec![])),
            ("8080\n", Some(vec![(8080, 8080)])),
            ("9148-9150,8080\n", Some(vec![(8080, 8080), (9148, 9150)])),
            ("8080,x\n", None),
            ("70000\n", None),
        ] {
            assert_eq!(list(text), expected, "{text:?}");
        }
    }

    #[test]
    fn this_machine() {
        assert!(ephemeral().0 < ephemeral().1);
        assert!(kept_back().is_some());
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "[0-9,\\- \t\n\\PC]{0,80}") {
            range(&text);
            list(&text);
        }
    }
}
