//! The machine's own addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::netlink::Netlink;
use super::process::read_capped;

/// A table of many thousand routes.
const TABLE_BYTES: u64 = 4 << 20;

/// Every address of every interface, sorted; empty when they cannot be read.
pub(super) fn addresses() -> Vec<IpAddr> {
    let mut addresses = Netlink::for_addresses()
        .and_then(|mut netlink| netlink.addresses())
        .unwrap_or_else(|_| addresses_of_proc());
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

fn addresses_of_proc() -> Vec<IpAddr> {
    let read = |path| read_capped(path, TABLE_BYTES).unwrap_or_default();
    let v4 = read("/proc/net/fib_trie");
    let v6 = read("/proc/net/if_inet6");
    fib_trie(&String::from_utf8_lossy(&v4))
        .into_iter()
        .chain(if_inet6(&String::from_utf8_lossy(&v6)))
        .collect()
}

/// An address is a leaf (`|-- 127.0.0.1`) that is followed by `/32 host LOCAL`.
pub(super) fn fib_trie(table: &str) -> Vec<IpAddr> {
    let mut leaf = None;
    let mut found = Vec::new();
    for line in table.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.parse::<Ipv4Addr>().ok();
        } else if line == "/32 host LOCAL" {
            found.extend(leaf.map(IpAddr::V4));
        }
    }
    found
}

/// `00000000000000000000000000000001 01 80 10 80       lo`
pub(super) fn if_inet6(table: &str) -> Vec<IpAddr> {
    let address = |line: &str| {
        let digits = line.split_ascii_whitespace().next().filter(|digits| digits.len() == 32)?;
        u128::from_str_radix(digits, 16).ok().map(|bits| Ipv6Addr::from_bits(bits).into())
    };
    table.lines().filter_map(address).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tables() {
        let trie = "Local:\n  +-- 127.0.0.0/8 2 0 2\n     |-- 127.0.0.0\n        /8 host LOCAL\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 127.255.255.255\n        /32 link BROADCAST\n";
        assert_eq!(fib_trie(trie), [IpAddr::from([127, 0, 0, 1])]);
        let v6 = "00000000000000000000000000000001 01 80 10 80       lo\nfe80 xx\n";
        assert_eq!(if_inet6(v6), [IpAddr::V6(Ipv6Addr::LOCALHOST)]);
    }

    #[test]
    fn netlink_and_proc_agree() {
        let mut by_proc = addresses_of_proc();
        by_proc.sort_unstable();
        by_proc.dedup();
        assert_eq!(addresses(), by_proc);
        assert!(by_proc.contains(&IpAddr::from([127, 0, 0, 1])));
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC{0,200}") {
            fib_trie(&text);
            if_inet6(&text);
        }
    }
}
