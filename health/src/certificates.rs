//! Every certificate of a snapshot once, with all the places where it is served and stored, when it
//! is due for renewal, what stands in the way of that, and what is wrong with it. Pages, API and
//! downloads are made from the same. Deliberately absent: judgement of certificates; that is the
//! probes', whose findings are only put beside what they are about.

mod blocks;
mod gather;
mod life;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

pub use blocks::{Block, tried};
pub use life::{Life, Renewal};

use crate::facts::{CertificateFacts, FileFacts, RevocationFacts, RevocationStanding, ServedFacts};
use crate::snapshot::{CheckStanding, Snapshot};
use crate::{Severity, StandingFinding, State};

/// All certificates of a snapshot, and the places where none was to be seen.
#[derive(Debug)]
pub struct Certificates<'a> {
    /// Those that stand first in a chain somewhere.
    pub leaves: Vec<Certificate<'a>>,
    /// Those that only ever stand above another.
    pub issuing: Vec<Certificate<'a>>,
    /// Where one should be and none was seen.
    pub unseen: Vec<Unseen<'a>>,
}

impl<'a> Certificates<'a> {
    /// Everything that the snapshot's checks saw last.
    #[must_use]
    pub fn of(snapshot: &'a Snapshot, now: Timestamp) -> Self {
        gather::gather(snapshot, now)
    }

    /// The one with this SHA-256 in hex; colons and capitals allowed.
    #[must_use]
    pub fn by_fingerprint(&self, fingerprint: &str) -> Option<&Certificate<'a>> {
        let wanted: String = fingerprint.chars().filter(|it| *it != ':').collect();
        let wanted = wanted.to_ascii_lowercase();
        self.iter().find(|it| it.facts.fingerprint == wanted)
    }

    /// Every certificate, leaves first.
    pub fn iter(&self) -> impl Iterator<Item = &Certificate<'a>> {
        self.leaves.iter().chain(&self.issuing)
    }
}

/// A finding with the check whose it is.
pub type Told<'a> = (&'a CheckStanding, &'a StandingFinding);

/// One certificate, with every place it was seen in.
#[derive(Debug)]
pub struct Certificate<'a> {
    /// What is known of it.
    pub facts: &'a CertificateFacts,
    /// Its lowest place in any chain; 0: it is a leaf.
    pub position: usize,
    /// Where it was seen, in the order of the plan.
    pub places: Vec<Place<'a>>,
    /// What is wrong with it, or with how it is served or stored; each once.
    pub findings: Vec<Told<'a>>,
    /// When it is due for renewal; `None` for one that is not a leaf.
    pub renewal: Option<Renewal<'a>>,
    /// What its CA says of it, as far as it was asked.
    pub revocation: Option<&'a RevocationFacts>,
    /// What stands in the way of its renewal.
    pub blocks: Vec<Block<'a>>,
    /// The newest other leaf with a key of the same kind that is valid for all of its names.
    pub successor: Option<&'a CertificateFacts>,
    now: Timestamp,
}

/// Where a certificate was seen.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    /// By which check.
    pub standing: &'a CheckStanding,
    /// In which chain.
    pub chain: &'a Arc<Vec<CertificateFacts>>,
    /// At which depth of it; 0: the leaf.
    pub position: usize,
    /// Served or stored.
    pub source: Source<'a>,
}

/// How a certificate was seen.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// By a handshake.
    Served(Handshake<'a>),
    /// In a file.
    Stored(&'a FileFacts),
}

/// The handshake in which a certificate was seen.
#[derive(Clone, Copy, Debug)]
pub struct Handshake<'a> {
    /// With whom; `None`: only what the check looks at is known.
    pub address: Option<std::net::SocketAddr>,
    /// The name sent as SNI; `None`: none was sent.
    pub server_name: Option<&'a str>,
    /// `TLS 1.2` or `TLS 1.3`.
    pub protocol: &'a str,
    /// The protocol that was spoken before TLS began.
    pub starttls: Option<&'a str>,
    /// Leads to a trusted root; `None`: it was not looked at.
    pub trusted: Option<bool>,
    /// The file that should be served here, where one is known.
    pub file: Option<&'a str>,
    /// Where a server's configuration says so, as `file:line`.
    pub named_in: Option<&'a str>,
    /// Nobody could be asked at the last look: it is what was seen before.
    pub is_remembered: bool,
}

impl<'a> Place<'a> {
    /// The address that served it, or the path of the file.
    #[must_use]
    pub fn at(&self) -> String {
        match self.source {
            Source::Served(Handshake { address: Some(address), .. }) => address.to_string(),
            Source::Served(_) => self.standing.check.instance.to_string(),
            Source::Stored(file) => file.path.clone(),
        }
    }

    /// Where a server's configuration names it, as `file:line`.
    #[must_use]
    pub fn named_in(&self) -> Option<&'a str> {
        match self.source {
            Source::Served(handshake) => handshake.named_in,
            Source::Stored(file) => file.named_in.as_deref(),
        }
    }

    /// The file itself.
    #[must_use]
    pub fn stored(&self) -> Option<&'a FileFacts> {
        match self.source {
            Source::Served(_) => None,
            Source::Stored(file) => Some(file),
        }
    }

    /// The handshake itself.
    #[must_use]
    pub fn served(&self) -> Option<Handshake<'a>> {
        match self.source {
            Source::Served(handshake) => Some(handshake),
            Source::Stored(_) => None,
        }
    }
}

/// Where a certificate should be and none was seen.
#[derive(Clone, Copy, Debug)]
pub enum Unseen<'a> {
    /// No handshake.
    Served(&'a CheckStanding, &'a ServedFacts),
    /// A file that is not there or cannot be read.
    Stored(&'a CheckStanding, &'a FileFacts),
}

impl<'a> Unseen<'a> {
    /// The check that looked.
    #[must_use]
    pub fn standing(&self) -> &'a CheckStanding {
        match self {
            Self::Served(standing, _) | Self::Stored(standing, _) => standing,
        }
    }

    /// The address, or the path of the file.
    #[must_use]
    pub fn at(&self) -> String {
        match self {
            Self::Served(_, served) => served.address.to_string(),
            Self::Stored(_, file) => file.path.clone(),
        }
    }
}

impl<'a> Certificate<'a> {
    /// It stands first in a chain somewhere.
    #[must_use]
    pub fn is_leaf(&self) -> bool {
        self.position == 0
    }

    /// What it is for: its first name, or its subject's common name, or all of its subject.
    #[must_use]
    pub fn title(&self) -> &'a str {
        self.facts.names.first().map_or_else(|| common_name(&self.facts.subject), String::as_str)
    }

    /// How long until it ends; below zero once it has.
    #[must_use]
    pub fn left(&self) -> SignedDuration {
        self.facts.not_after.duration_since(self.now)
    }

    /// How it stands in its life.
    #[must_use]
    pub fn life(&self) -> Life {
        match Life::of(self.facts, self.renewal.as_ref(), self.now) {
            Life::Due | Life::Overdue if self.successor.is_some() => Life::Replaced,
            life => life,
        }
    }

    /// How it stands: down when visitors notice or will have noticed, degraded when its renewal is
    /// late or will fail.
    #[must_use]
    pub fn state(&self) -> State {
        let revoked =
            self.revocation.is_some_and(|said| said.standing == RevocationStanding::Revoked);
        let worst = self.findings.iter().map(|(_, found)| found.finding.severity).max();
        match (self.life(), worst) {
            (Life::Over | Life::Early, _) | (_, Some(Severity::Critical)) => State::Down,
            _ if revoked => State::Down,
            (Life::Overdue, _) | (_, Some(Severity::Warning)) => State::Degraded,
            _ if !self.blocks.is_empty() => State::Degraded,
            _ => State::Up,
        }
    }
}

/// The common name out of an RFC 4514 string, or all of it.
#[must_use]
pub fn common_name(distinguished: &str) -> &str {
    let (mut start, mut is_escaped) = (0, false);
    for (index, character) in distinguished.char_indices() {
        if character == ',' && !is_escaped {
            if let Some(name) = distinguished[start..index].trim_start().strip_prefix("CN=") {
                return name;
            }
            start = index + 1;
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    distinguished[start..].trim_start().strip_prefix("CN=").unwrap_or(distinguished)
}
