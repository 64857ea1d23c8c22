//! What the kernel says, should it ever say something else.

use health::Protocol;

use super::{client_ports, interfaces, netlink, proc_net, process};

/// A datagram of a netlink dump, and what its messages hold.
pub fn netlink(bytes: &[u8]) {
    let mut bodies = 0;
    netlink::parse(bytes, 1, &mut |_, body| {
        bodies += 1;
        let _ = netlink::diag_message(body, Protocol::Tcp);
        let _ = netlink::address_message(body);
    });
    assert!(bodies <= bytes.len() / 16, "a message has a header of 16 bytes");
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let socket = netlink::diag_message(bytes, protocol);
        assert!(socket.is_none_or(|socket| socket.bind.port() != 0));
    }
    let _ = netlink::address_message(bytes);
}

/// The files of /proc that are read.
pub fn proc(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        assert!(proc_net::parse(&text, protocol).len() <= text.lines().count());
    }
    let _ = proc_net::address(&text);
    let _ = interfaces::fib_trie(&text);
    let _ = interfaces::if_inet6(&text);
    let _ = client_ports::range(&text);
    let _ = client_ports::list(&text);
    let _ = process::effective_uid(&text);
    let _ = process::container_of(&text);
    let shown = [process::stat(&text).map(|(name, _)| name), process::unit(&text)];
    for name in shown.into_iter().flatten().chain([process::words(&text)]) {
        assert!(!name.chars().any(char::is_control), "{name:?}");
    }
}
