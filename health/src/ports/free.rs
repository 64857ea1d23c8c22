//! Ports that can be given away, and what stands in the way of the others.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use serde::Serialize;

/// What is known of the ports of one machine, for one transport.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Occupancy {
    /// What a plan lays claim to, reserved ports among them.
    pub claimed: HashSet<u16>,
    /// Somebody listens, at whatever address.
    pub listening: HashSet<u16>,
    /// A connection that is open, or that ended a moment ago (TIME_WAIT), has it as its local port:
    /// a server that does not set SO_REUSEADDR cannot bind it.
    pub connected: HashSet<u16>,
    /// What the kernel gives to clients.
    pub clients: ClientPorts,
}

/// Ports that the kernel gives to clients: a service may find its port taken when it starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientPorts {
    /// First and last (`ip_local_port_range`); none when there is no such range.
    pub range: Option<(u16, u16)>,
    /// Those among them that it leaves alone (`ip_local_reserved_ports`), as first and last.
    pub left_out: Vec<(u16, u16)>,
}

/// Why a port cannot be given away, the first reason there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Obstacle {
    /// The plan says whose it is.
    Claimed,
    /// Somebody listens on it.
    Listening,
    /// Connections have it as their local port.
    Connected,
    /// The kernel gives it to clients.
    Ephemeral,
    /// The kernel refused to bind it.
    Refused,
}

impl Occupancy {
    /// Why this port cannot be given away; `None` when nothing is known against it.
    #[must_use]
    pub fn obstacle(&self, port: u16) -> Option<Obstacle> {
        if self.claimed.contains(&port) {
            Some(Obstacle::Claimed)
        } else if self.listening.contains(&port) {
            Some(Obstacle::Listening)
        } else if self.connected.contains(&port) {
            Some(Obstacle::Connected)
        } else {
            self.clients.contain(port).then_some(Obstacle::Ephemeral)
        }
    }
}

impl ClientPorts {
    /// Whether a client may be given this port.
    #[must_use]
    pub fn contain(&self, port: u16) -> bool {
        let within = |&(first, last): &(u16, u16)| (first..=last).contains(&port);
        self.range.as_ref().is_some_and(within) && !self.left_out.iter().any(within)
    }
}

/// Runs of `length` ports in a row that are all free, the lowest first, none overlapping another.
/// Port 0 is none, and a length of 0 is taken as 1. `is_free` is asked once for every port, in order.
pub fn free(
    range: RangeInclusive<u16>,
    length: u16,
    mut is_free: impl FnMut(u16) -> bool,
) -> impl Iterator<Item = (u16, u16)> {
    let length = length.max(1);
    let mut run = 0;
    range.filter(|port| *port != 0).filter_map(move |port| {
        run = if is_free(port) { run + 1 } else { 0 };
        if run < length {
            return None;
        }
        run = 0;
        Some((port - (length - 1), port))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_obstacle_is_told() {
        let occupancy = Occupancy {
            claimed: [3001, 3002].into(),
            listening: [3002, 3003].into(),
            connected: [3003, 3004].into(),
            clients: ClientPorts { range: Some((3004, 3999)), left_out: vec![(3006, 3007)] },
        };
        for (port, expected) in [
            (3000, None),
            (3001, Some(Obstacle::Claimed)),
            (3002, Some(Obstacle::Claimed)),
            (3003, Some(Obstacle::Listening)),
            (3004, Some(Obstacle::Connected)),
            (3005, Some(Obstacle::Ephemeral)),
            // What the kernel leaves alone is as good as any other.
            (3006, None),
            (3007, None),
            (3999, Some(Obstacle::Ephemeral)),
            (4000, None),
        ] {
            assert_eq!(occupancy.obstacle(port), expected, "{port}");
        }
        assert_eq!(Occupancy::default().obstacle(40000), None);
    }

    #[test]
    fn ports_one_by_one_and_in_blocks() {
        let found = |range, length| -> Vec<(u16, u16)> {
            free(range, length, |port| ![3002, 3007].contains(&port)).collect()
        };
        assert_eq!(found(3000..=3003, 1), [(3000, 3000), (3001, 3001), (3003, 3003)]);
        assert_eq!(found(3000..=3010, 2), [(3000, 3001), (3003, 3004), (3005, 3006), (3008, 3009)]);
        assert_eq!(found(3000..=3010, 4), [(3003, 3006)]);
        assert_eq!(found(3000..=3010, 5), []);
        assert_eq!(found(0..=1, 1), [(1, 1)]);
        assert_eq!(found(0..=1, 0), [(1, 1)]);
        assert_eq!(found(65535..=65535, 1), [(65535, 65535)]);
        assert_eq!(found(65534..=65535, 2), [(65534, 65535)]);
        assert_eq!(found(65535..=65535, u16::MAX), []);
        assert_eq!(found(0..=65535, u16::MAX), []);
    }
}
