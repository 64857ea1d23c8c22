//! What a firewall before a host should let in, derived from the exposure of its claims.

use health::{Claim, ClaimKind, Exposure, Host, Language, Protocol};

use super::Run;

/// From where ports are to be reached, the widest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Zone {
    Anywhere,
    OwnNetwork,
    /// The plan does not say.
    Unsaid,
    ThisMachine,
    /// Reserved: from nowhere until it is allocated.
    Nowhere,
}

/// One line of the firewall view: runs of ports that are treated alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) zone: Zone,
    pub(super) protocol: Protocol,
    pub(super) ports: Vec<Run>,
}

/// The rules of one host: the widest zone first, TCP before UDP.
pub(super) fn rules(host: &Host) -> Vec<Rule> {
    let mut claims: Vec<(Zone, Protocol, u16)> =
        host.claims.iter().map(|claim| (zone(claim), claim.key.protocol, claim.key.port)).collect();
    claims.sort_unstable();
    let mut rules: Vec<Rule> = Vec::new();
    for (zone, protocol, port) in claims {
        match rules.last_mut().filter(|rule| (rule.zone, rule.protocol) == (zone, protocol)) {
            Some(rule) => match rule.ports.last_mut() {
                Some(run) if run.1.checked_add(1) == Some(port) => run.1 = port,
                _ => rule.ports.push((port, port)),
            },
            None => rules.push(Rule { zone, protocol, ports: vec![(port, port)] }),
        }
    }
    rules
}

fn zone(claim: &Claim) -> Zone {
    match (claim.claim, claim.exposure) {
        // Whether it is allocated or not, nobody else is ever let in.
        (_, Some(Exposure::Loopback)) => Zone::ThisMachine,
        (ClaimKind::Reserved, _) => Zone::Nowhere,
        (_, Some(Exposure::Public)) => Zone::Anywhere,
        (_, Some(Exposure::Internal)) => Zone::OwnNetwork,
        (_, None) => Zone::Unsaid,
    }
}

impl Zone {
    /// Who reaches the ports; the host's own networks are named where the plan names them.
    pub(super) fn words(self, host: &Host, language: Language) -> String {
        let plain = match (self, language) {
            (Self::Anywhere, Language::En) => "anywhere",
            (Self::Anywhere, Language::Ko) => "어디서나",
            (Self::OwnNetwork, Language::En) => "own network",
            (Self::OwnNetwork, Language::Ko) => "내부망",
            (Self::Unsaid, Language::En) => "not said",
            (Self::Unsaid, Language::Ko) => "미정",
            (Self::ThisMachine, Language::En) => "the machine itself",
            (Self::ThisMachine, Language::Ko) => "서버 자신",
            (Self::Nowhere, Language::En) => "nowhere yet (reserved)",
            (Self::Nowhere, Language::Ko) => "아직 없음 (예약)",
        };
        let networks: Vec<String> = match self {
            Self::OwnNetwork => host
                .addresses
                .internal
                .iter()
                .filter(|network| network.single().is_none())
                .map(ToString::to_string)
                .collect(),
            _ => Vec::new(),
        };
        match &networks[..] {
            [] => plain.to_owned(),
            networks => format!("{plain} ({})", networks.join(", ")),
        }
    }

    /// What the firewall does about them.
    pub(super) const fn action(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::Anywhere, Language::En) => "let in",
            (Self::Anywhere, Language::Ko) => "허용",
            (Self::OwnNetwork, Language::En) => "let in from there alone",
            (Self::OwnNetwork, Language::Ko) => "내부망에서만 허용",
            (Self::Unsaid, Language::En) => "decide, and say `exposure` in the plan",
            (Self::Unsaid, Language::Ko) => "결정한 뒤 계획에 `exposure`를 적어 주세요",
            (Self::ThisMachine | Self::Nowhere, Language::En) => "keep out",
            (Self::ThisMachine | Self::Nowhere, Language::Ko) => "차단",
        }
    }
}
