//! Ports that can be given away, and what stands in the way of the others.

use std::collections::HashSet;

use serde::Serialize;

use super::ephemeral::is_within;

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
    /// Those among them that it leaves alone (`ip_local_reserved_ports`), as first and last, sorted.
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
        let is_given = self.range.is_some_and(|(first, last)| (first..=last).contains(&port));
        is_given && !is_within(&self.left_out, port)
    }
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
}
