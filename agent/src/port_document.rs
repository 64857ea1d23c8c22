//! The allocation document: the page of ports that people keep by hand, written from the plan, held
//! against the plan, and read into one.
//!
//! It holds what was decided, not what is seen: the same plan makes the same bytes on every machine
//! and every day, so that it can be committed and a difference means a decision. What the machine
//! says is the business of [`crate::port_report`]. Deliberately absent: looking and judging.

mod cells;
mod columns;
mod compare;
mod entry;
mod firewall;
mod import;
mod lined_up;
mod read;
mod sections;
mod wording;
mod write;

#[cfg(test)]
mod tests;

pub use compare::{Compared, Difference, Fault, differences, outdated};
pub use entry::{Document, Entry, NamedHost, Note, Opening, Weight};
pub use import::{Imported, Landing, import};
pub(crate) use lined_up::{Align, lined_up};
pub(crate) use read::LARGEST_MIB;
pub use read::{Unreadable, read};
pub use write::{Stranger, Written, write, written};

/// One port of one table, or a run of them, as first and last.
type Run = (u16, u16);
