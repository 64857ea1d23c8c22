//! One process as /proc shows it. Everything read here was written by somebody else, so it is
//! capped and made printable.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use health::Process;
use health::text::is_deceptive;

use super::proc_dir::ProcDir;

/// What `stat`, `status` and `cgroup` are ever long.
const FILE_BYTES: usize = 4 << 10;
/// What `comm` is ever long.
const NAME_BYTES: usize = 64;
/// How much of a command line is kept.
const COMMAND_LINE_BYTES: usize = 512;

/// A process and when it started, in clock ticks since the machine did; `None` when it is gone.
/// `known` is what was read of it before, where it is the same one still.
pub(super) fn read(
    folder: &ProcDir,
    pid: u32,
    known: Option<Known<'_>>,
) -> Option<(u64, Arc<Process>)> {
    let text = |name: &str, cap| {
        folder.file(name, cap).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    };
    let (name, started) = stat(&text("stat", FILE_BYTES)?)?;
    if let Some(known) = known
        && known.started == started
        && known.process.name == name
    {
        return Some((started, known.process.clone()));
    }
    let command_line = text("cmdline", COMMAND_LINE_BYTES).unwrap_or_default();
    let process = Process {
        pid,
        name,
        executable: folder.link("exe").map(|path| executable(&String::from_utf8_lossy(&path))),
        command_line: words(&command_line),
        uid: effective_uid(&text("status", FILE_BYTES)?)?,
        unit: unit(&text("cgroup", FILE_BYTES).unwrap_or_default()),
    };
    Some((started, Arc::new(process)))
}

/// What was read of a process before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub(super) started: u64,
    pub(super) process: &'a Arc<Process>,
}

/// The name of a process, as [`read`] gives it; `None` when it is gone.
pub(super) fn name(folder: &ProcDir) -> Option<String> {
    let bytes = folder.file("comm", NAME_BYTES)?;
    Some(printable(String::from_utf8_lossy(&bytes).strip_suffix('\n')?))
}

/// Reads a file from its beginning, no more than `cap` bytes.
pub(super) fn read_capped(path: impl AsRef<Path>, cap: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(cap).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Name and start of `PID (name) S …`; the name may hold anything, parentheses too.
pub(super) fn stat(text: &str) -> Option<(String, u64)> {
    let (head, tail) = text.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    let started = tail.split_ascii_whitespace().nth(19)?.parse().ok()?;
    Some((printable(name), started))
}

pub(super) fn effective_uid(status: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// An upgraded program's old file is gone, but its path is still what the plan says.
fn executable(path: &str) -> String {
    printable(path.strip_suffix(" (deleted)").unwrap_or(path))
}

/// Arguments end in NUL; a process that wrote over them may have left anything.
pub(super) fn words(command_line: &str) -> String {
    let mut line = printable(command_line.trim_end_matches('\0'));
    let mut end = line.len().min(COMMAND_LINE_BYTES);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line.truncate(end);
    line.trim_end().to_owned()
}

/// Deceptive characters become blanks, so that no process can write on somebody's terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if is_deceptive(c) { ' ' } else { c }).collect()
}

/// The container (twelve digits of its id) or the systemd unit that a process belongs to, from
/// its cgroup. Login sessions and systemd's own scopes are not units that anybody could stop.
pub(super) fn unit(cgroup: &str) -> Option<String> {
    container_of(cgroup).or_else(|| {
        let paths = cgroup.lines().filter_map(|line| line.splitn(3, ':').nth(2));
        let mut parts = paths.flat_map(|path| path.split('/').rev());
        let is_unit = |part: &&str| {
            let service = part.ends_with(".service") && !part.starts_with("user@");
            let scope =
                part.ends_with(".scope") && !part.starts_with("session-") && *part != "init.scope";
            service || scope
        };
        parts.find(is_unit).map(printable)
    })
}

/// The container alone, from a cgroup.
pub(super) fn container_of(cgroup: &str) -> Option<String> {
    let paths = cgroup.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    paths.flat_map(|path| path.split('/').rev()).find_map(container)
}

/// `docker-3f2a….scope`, `cri-containerd-3f2a….scope`, or the bare id of 64 digits.
fn container(part: &str) -> Option<String> {
    let name = part.strip_suffix(".scope").unwrap_or(part);
    let id = name.rsplit_once('-').map_or(name, |(_, id)| id);
    let is_id = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| id[..12].to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_may_hold_anything() {
        let tail = "S 1 811 811 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 0";
        for (text, name) in [
            (format!("811 (node) {tail}"), "node"),
            (format!("811 (a) R (b) {tail}"), "a) R (b"),
            (format!("811 (red \u{1b}[31m) {tail}"), "red  [31m"),
        ] {
            assert_eq!(stat(&text), Some((name.to_owned(), 987_654)), "{text}");
        }
        assert_eq!(stat("811 (node) S 1"), None);
    }

    #[test]
    fn units_and_containers() {
        let id = "3f2a9c0d1e5b".to_owned() + &"0".repeat(52);
        let cases = [
            ("0::/system.slice/nginx.service\n".to_owned(), Some("nginx.service")),
            (
                "9:name=systemd:/system.slice/nginx.service\n0::/\n".to_owned(),
                Some("nginx.service"),
            ),
            (format!("0::/system.slice/docker-{id}.scope\n"), Some("3f2a9c0d1e5b")),
            (format!("4:memory:/docker/{id}\n0::/\n"), Some("3f2a9c0d1e5b")),
            (
                format!("0::/user.slice/user@1000.service/user.slice/libpod-{id}.scope/container"),
                Some("3f2a9c0d1e5b"),
            ),
            (
                "0::/user.slice/user-1000.slice/user@1000.service/app.slice/web.service".into(),
                Some("web.service"),
            ),
            ("0::/user.slice/user-0.slice/session-3.scope\n".to_owned(), None),
            ("0::/user.slice/user-1000.slice/user@1000.service/init.scope\n".to_owned(), None),
            ("0::/\n".to_owned(), None),
            (String::new(), None),
        ];
        for (cgroup, expected) in cases {
            assert_eq!(unit(&cgroup).as_deref(), expected, "{cgroup}");
        }
    }

    #[test]
    fn command_lines_are_capped_and_printable() {
        assert_eq!(words("python3\0-m\0http.server\0"), "python3 -m http.server");
        assert_eq!(words("nginx: master process\0\0\0"), "nginx: master process");
        assert_eq!(words("evil\n\u{1b}[2J\0"), "evil  [2J");
        assert_eq!(words(&"가".repeat(400)).len(), 510);
    }

    #[test]
    fn this_process() {
        let pid = std::process::id();
        let folder = ProcDir::open(pid).unwrap();
        let (started, process) = read(&folder, pid, None).unwrap();
        assert!(started > 0);
        assert_eq!(name(&folder).as_ref(), Some(&process.name));
        let known = Known { started, process: &process };
        assert!(Arc::ptr_eq(&read(&folder, pid, Some(known)).unwrap().1, &process));
        let other = Known { started: started + 1, process: &process };
        assert!(!Arc::ptr_eq(&read(&folder, pid, Some(other)).unwrap().1, &process));
        let path = std::env::current_exe().unwrap();
        assert_eq!(process.executable.as_deref(), path.to_str());
        assert!(process.command_line.starts_with(&std::env::args().next().unwrap()));
    }

    #[test]
    fn an_upgraded_program_keeps_its_path() {
        assert_eq!(executable("/usr/sbin/nginx (deleted)"), "/usr/sbin/nginx");
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC{0,80}[():\\n /\0]{0,8}\\PC{0,80}") {
            stat(&text);
            effective_uid(&text);
            unit(&text);
            prop_assert!(words(&text).len() <= COMMAND_LINE_BYTES);
        }
    }
}
