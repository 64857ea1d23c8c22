//! `port.ephemeral`: claims among the ports that the kernel gives to clients.
//!
//! A client's connection holds such a port while it lasts, and a service that starts meanwhile
//! finds its own port taken. Deliberately absent: TCP on a loopback address given to one thing
//! (127.0.3.1): no connection leaves from such an address unless somebody asks for it. A client
//! over UDP is bound to every address, so those are judged everywhere.

use crate::{Claim, Code, Finding, Host, PortKey, Protocol, Text, text};

use super::local::{self, Local};
use super::machine::Machine;

/// The finding of a whole row of the plan, made at the first of its ports that is in trouble.
pub(super) fn judge(claim: &Claim, local: &Local<'_>) -> Option<Finding> {
    let machine = local.machine;
    if !is_for_clients(local, claim.key.protocol, claim.key.port) {
        return None;
    }
    let (first, last) = claim.range;
    let is_first = !(first..claim.key.port).rev().any(|port| is_given_away(machine, port));
    is_first.then(|| finding(claim, local, (claim.key.port, last)))
}

/// Whether a client's connection may hold this port when the service of this host wants it.
#[must_use]
pub fn is_for_clients(local: &Local<'_>, protocol: Protocol, port: u16) -> bool {
    let is_safe = protocol == Protocol::Tcp && has_own_loopback(local.host);
    !is_safe && is_given_away(local.machine, port)
}

/// Whether a client may be given this port.
fn is_given_away(machine: Machine<'_>, port: u16) -> bool {
    machine.is_ephemeral(port) && machine.kept_back.is_some_and(|kept| !is_within(kept, port))
}

/// Whether one of these ranges has the port; they are sorted and apart, as the kernel lists them.
pub(super) fn is_within(ranges: &[(u16, u16)], port: u16) -> bool {
    let next = ranges.partition_point(|&(_, last)| last < port);
    ranges.get(next).is_some_and(|&(first, _)| first <= port)
}

fn has_own_loopback(host: &Host) -> bool {
    local::address_of(host).is_some_and(local::is_stand_in)
}

fn finding(claim: &Claim, local: &Local<'_>, (first, last): (u16, u16)) -> Finding {
    let machine = local.machine;
    let (low, high) = machine.ephemeral;
    let subject = claim.row();
    let name = match &*claim.service {
        "" => subject.clone(),
        service => format!("{subject} ({service})"),
    };
    let kept = kept_back(local);
    let remedy = remedy(&kept, low);
    let ports = words(first, last);
    Finding::new(
        Code::PortEphemeral,
        subject,
        text!(
            "{name}: the kernel gives ports {low}-{high} to clients, so a connection may hold {ports} when the service starts",
            "{name}: 커널이 {low}-{high} 포트를 클라이언트에 나눠 주므로, 서비스를 시작할 때 어떤 연결이 {ports} 포트를 쓰고 있을 수 있습니다"
        ),
        remedy,
    )
    .evidence("expected", "kept back, or outside net.ipv4.ip_local_port_range")
    .evidence("got", format!("{low}-{high}"))
    .evidence("ports", ports)
    .evidence("line", format!("{KEY} = {kept}"))
}

const KEY: &str = "net.ipv4.ip_local_reserved_ports";

fn remedy(kept: &str, low: u16) -> Text {
    text!(
        "Have the kernel keep it back: put the line `{KEY} = {kept}` (with what is kept back already) into a file such as /etc/sysctl.d/60-ports.conf, and for now type `sysctl -w {KEY}={kept}`. Or move the service to a port below {low}.",
        "커널이 나눠 주지 않게 하세요. /etc/sysctl.d/60-ports.conf 같은 파일에 `{KEY} = {kept}` 줄을 넣고(이미 제외된 포트도 포함되어 있습니다) 지금 바로 적용하려면 `sysctl -w {KEY}={kept}`를 실행하세요. 또는 서비스를 {low}번보다 낮은 포트로 옮기세요."
    )
}

/// Everything that has to be kept back on this machine: what is already, and what its claims
/// need, so that one line serves them all.
fn kept_back(local: &Local<'_>) -> String {
    let machine = local.machine;
    // By port and not in a set: a plan may claim thousands of them.
    let mut kept = vec![false; usize::from(u16::MAX) + 1];
    for host in local.neighbours.iter().map(|host| &**host).chain([local.host]) {
        let is_tcp_safe = has_own_loopback(host);
        for claim in &host.claims {
            let PortKey { port, protocol, .. } = claim.key;
            let is_safe = is_tcp_safe && protocol == Protocol::Tcp;
            if !is_safe && is_given_away(machine, port) {
                kept[usize::from(port)] = true;
            }
        }
    }
    for &(first, last) in machine.kept_back.unwrap_or_default() {
        (first..=last).for_each(|port| kept[usize::from(port)] = true);
    }
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for port in (0..=u16::MAX).filter(|&port| kept[usize::from(port)]) {
        match ranges.last_mut().filter(|(_, last)| last.checked_add(1) == Some(port)) {
            Some((_, last)) => *last = port,
            None => ranges.push((port, port)),
        }
    }
    ranges.into_iter().map(|(first, last)| words(first, last)).collect::<Vec<_>>().join(",")
}

fn words(first: u16, last: u16) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}
