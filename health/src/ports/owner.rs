//! Whether a process is the one a claim names.

use std::path::Path;

use crate::{Claim, Process};

use super::Machine;

/// What `systemctl` adds to a name without a suffix.
const SERVICE: &str = ".service";
/// As much of a container's id as is told of a process.
const CONTAINER_DIGITS: usize = 12;
/// The kernel keeps this many bytes of a process name.
const NAME_BYTES: usize = 15;

/// Whether a process goes by one name of a claim: with a slash the path of its executable, else
/// the name that `ss -p` shows or the name of its executable.
#[must_use]
pub fn goes_by(process: &Process, name: &str) -> bool {
    if name.contains('/') {
        return process.executable.as_deref() == Some(name);
    }
    let executable = basename(process);
    if process.name == name || executable == Some(name) {
        return true;
    }
    // The kernel cut the name. Where the executable has the whole of it, that one decides.
    let whole_is_known =
        executable.is_some_and(|whole| whole.len() > NAME_BYTES && cut(whole) == process.name);
    name.len() > NAME_BYTES && !whole_is_known && cut(name) == process.name
}

/// What of a process is not as its claim says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mismatch {
    Process,
    Unit,
    User,
}

/// The first thing about a process that is not as the claim says. `paths` are the claim's process
/// paths with symbolic links followed.
pub(super) fn mismatch(
    process: &Process,
    claim: &Claim,
    paths: &[String],
    machine: Machine<'_>,
) -> Option<Mismatch> {
    let Claim { processes, units, users, .. } = claim;
    let is_named = || processes.iter().chain(paths).any(|name| goes_by(process, name));
    let is_there = || units.iter().any(|unit| runs_in(process, unit));
    let user = || machine.user(process.uid);
    let is_theirs = || {
        users.iter().any(|name| *name == user() || name.parse::<u32>().ok() == Some(process.uid))
    };
    if !processes.is_empty() && !is_named() {
        return Some(Mismatch::Process);
    }
    if !units.is_empty() && !is_there() {
        return Some(Mismatch::Unit);
    }
    (!users.is_empty() && !is_theirs()).then_some(Mismatch::User)
}

/// Everything a process may be called, and the unit or container it runs in.
pub(super) fn aliases(process: &Process) -> impl Iterator<Item = &str> {
    let unit = process.unit.as_deref();
    let plain = unit.and_then(|unit| unit.strip_suffix(SERVICE));
    [Some(&*process.name), basename(process), process.executable.as_deref(), unit, plain]
        .into_iter()
        .flatten()
}

/// Whether a process runs in a systemd unit (`nginx` is `nginx.service`, as for `systemctl`) or in
/// a container, of whose id as many digits are compared as are known.
fn runs_in(process: &Process, unit: &str) -> bool {
    let Some(own) = process.unit.as_deref() else { return false };
    let is_id = |text: &str| {
        text.len() >= CONTAINER_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    own == unit
        || own.strip_suffix(SERVICE) == Some(unit)
        || (is_id(own) && is_id(unit) && unit.starts_with(own))
}

/// A name as the kernel would cut it, never within a character.
pub(super) fn cut(name: &str) -> &str {
    let mut end = name.len().min(NAME_BYTES);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

/// The process that holds sockets for services it starts when somebody connects.
pub(super) fn is_activator(process: &Process) -> bool {
    process.pid == 1 && (process.name == "systemd" || process.name == "init")
}

fn basename(process: &Process) -> Option<&str> {
    Path::new(process.executable.as_deref()?).file_name()?.to_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(name: &str, executable: Option<&str>) -> Process {
        Process {
            pid: 811,
            name: name.into(),
            executable: executable.map(Into::into),
            command_line: String::new(),
            uid: 0,
            unit: None,
        }
    }

    #[test]
    fn names_and_paths() {
        let cases: &[(&str, Option<&str>, &str, bool)] = &[
            ("node", Some("/usr/bin/node"), "node", true),
            ("node-MainThread", Some("/usr/bin/node"), "node", true),
            ("nodejs", Some("/usr/bin/nodejs"), "node", false),
            ("node", None, "node", true),
            ("Node", None, "node", false),
            // A script: its own name is what `ss -p` shows, the interpreter is the executable.
            ("gunicorn", Some("/usr/bin/python3.11"), "gunicorn", true),
            ("gunicorn", Some("/usr/bin/python3.11"), "python3.11", true),
            ("gunicorn", Some("/usr/bin/python3.11"), "python3", false),
            ("sh", Some("/bin/dash"), "node", false),
            // Cut at 15 bytes.
            ("prometheus-node", None, "prometheus-node-exporter", true),
            ("prometheus-node", None, "prometheus-node", true),
            (
                "prometheus-node",
                Some("/usr/bin/prometheus-node-exporter"),
                "prometheus-node-exporter",
                true,
            ),
            (
                "prometheus-node",
                Some("/usr/bin/prometheus-node-agent"),
                "prometheus-node-exporter",
                false,
            ),
            ("prometheus-nod", None, "prometheus-node-exporter", false),
            ("prometheus-node", Some("/usr/bin/perl"), "prometheus-node-exporter", true),
            // Paths.
            ("node", Some("/usr/bin/node"), "/usr/bin/node", true),
            ("node", Some("/opt/node/bin/node"), "/usr/bin/node", false),
            ("node", None, "/usr/bin/node", false),
            ("node", Some("/usr/bin/node"), "bin/node", false),
        ];
        for &(name, executable, wanted, expected) in cases {
            let process = process(name, executable);
            assert_eq!(goes_by(&process, wanted), expected, "{name} {executable:?} {wanted}");
        }
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(cut("가나다라마바사"), "가나다라마");
        assert_eq!(cut("ab가나다라마바사"), "ab가나다라");
        assert_eq!(cut("short"), "short");
    }
}
