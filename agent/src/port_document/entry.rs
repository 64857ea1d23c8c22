//! What a document says of ports, with where it says so.

use health::{Claim, ClaimKind, Exposure, Protocol, Text};

use super::Run;

/// Everything read from one document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// Hosts that it names, in its order, with what it says of their addresses.
    pub hosts: Vec<NamedHost>,
    /// Its rows, in its order.
    pub entries: Vec<Entry>,
    /// What its firewall tables say of who may reach which ports.
    pub openings: Vec<Opening>,
    /// What could not be read, and what was left out, by line.
    pub notes: Vec<Note>,
}

/// One row of a firewall table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Line in the file, counted from 1.
    pub line: usize,
    /// The host, where the document names one.
    pub host: Option<String>,
    /// Its ports.
    pub ports: Vec<(Run, Protocol)>,
    /// Who may reach them.
    pub exposure: Exposure,
}

/// A host that a document names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedHost {
    /// As the plan may call it.
    pub name: String,
    /// Its address, where the document says it.
    pub address: Option<String>,
    /// The document says that it is the machine it was written on.
    pub local: bool,
}

/// One row. A field is `None` where the document has no place for it, and empty where it has one and
/// says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Line in the file, counted from 1.
    pub line: usize,
    /// The host, where the document names one.
    pub host: Option<String>,
    /// Its ports; never empty.
    pub ports: Vec<(Run, Protocol)>,
    /// Allocated, reserved or system.
    pub kind: Option<ClaimKind>,
    /// Whom it is for.
    pub service: Option<String>,
    /// More words about it.
    pub description: Option<String>,
    /// How widely it may be reached.
    pub exposure: Option<Option<Exposure>>,
    /// Who may own it: processes, `unit:NAME` and `user:NAME`.
    pub owners: Option<Vec<String>>,
    /// Cells of columns that a plan has no key for, as `Heading: cell`.
    pub extras: Vec<String>,
}

/// How much a note matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Something that is probably a port was not read, or not wholly.
    Mistake,
    /// Something was left out that is not a claim.
    Remark,
}

/// One thing that was not taken over as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Line in the file, counted from 1.
    pub line: usize,
    /// How much it matters.
    pub weight: Weight,
    /// What, and what to do about it.
    pub text: Text,
}

/// Before the name of a systemd unit or container among owners.
pub(super) const UNIT: &str = "unit:";
/// Before the name of a user among owners.
pub(super) const USER: &str = "user:";

/// Whoever a claim says may own its port, as a document names them.
pub(super) fn owners(claim: &Claim) -> Vec<String> {
    let marked = |mark: &'static str, names: &[String]| -> Vec<String> {
        names.iter().map(|name| format!("{mark}{name}")).collect()
    };
    [claim.processes.clone(), marked(UNIT, &claim.units), marked(USER, &claim.users)].concat()
}

/// A mistake in every line is told some times, not a million.
pub(super) const MOST_NOTES: usize = 1000;

impl Document {
    pub(super) fn mistake(&mut self, line: usize, text: Text) {
        self.note(Note { line, weight: Weight::Mistake, text });
    }

    pub(super) fn remark(&mut self, line: usize, text: Text) {
        self.note(Note { line, weight: Weight::Remark, text });
    }

    fn note(&mut self, note: Note) {
        if self.notes.len() < MOST_NOTES {
            self.notes.push(note);
        }
    }
}
