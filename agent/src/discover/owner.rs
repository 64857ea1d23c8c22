//! Whom a socket belongs to, in the words of a plan.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use health::{Listener, Owner, Process, Protocol};

use crate::listeners::Table;
use crate::small_file;

/// Interpreters: what they run is what the process is called after.
const INTERPRETERS: [&str; 8] = ["python", "ruby", "perl", "php", "bash", "dash", "sh", "busybox"];
/// Parts of the system itself, wherever they listen.
const DAEMONS: [&str; 16] = [
    "sshd",
    "systemd",
    "systemd-resolve",
    "systemd-resolved",
    "systemd-networkd",
    "systemd-network",
    "avahi-daemon",
    "chronyd",
    "ntpd",
    "rpcbind",
    "rpc.statd",
    "rpc.mountd",
    "cupsd",
    "dhclient",
    "dhcpcd",
    "NetworkManager",
];
/// Units that run other people's services.
const CARETAKERS: [&str; 7] =
    ["docker", "containerd", "supervisor", "supervisord", "cron", "crond", "wsl"];
/// Longer names are no names of programs.
const NAME_BYTES: usize = 100;
/// More than any list of services has.
const SERVICES_MIB: u64 = 1;

/// Every process that holds one of these sockets, once each, the oldest first.
pub(super) fn processes<'a>(listeners: &[&'a Listener]) -> Vec<&'a Arc<Process>> {
    let mut all: Vec<&Arc<Process>> = Vec::new();
    for listener in listeners {
        if let Owner::Processes(processes) = &listener.owner {
            let new = processes.iter().filter(|one| !all.iter().any(|known| known.pid == one.pid));
            let new: Vec<_> = new.collect();
            all.extend(new);
        }
    }
    all
}

/// The names a claim would give in `process`; empty when one of them has none that a plan can name.
pub(super) fn names(processes: &[&Arc<Process>]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for process in processes.iter().filter(|process| !is_activator(process)) {
        let name = lasting_name(process);
        // With a slash it would be taken for a path.
        if name.is_empty() || name.contains('/') || name.len() > NAME_BYTES {
            return Vec::new();
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Whether it holds sockets for services that it starts when somebody connects: those may be called
/// anything.
pub(super) fn is_activator(process: &Process) -> bool {
    process.pid == 1 && matches!(process.name.as_str(), "systemd" | "init")
}

/// A name that is the same tomorrow: no version, no title that a program wrote over its own.
fn lasting_name(process: &Process) -> String {
    let executable = process
        .executable
        .as_deref()
        .and_then(|path| Path::new(path).file_name()?.to_str())
        .unwrap_or("");
    let name = process.name.trim();
    let is_interpreter = INTERPRETERS.iter().any(|interpreter| {
        let rest = executable.strip_prefix(interpreter);
        rest.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
    });
    let is_word = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    let is_thread = name.ends_with("MainThread");
    // The kernel keeps fifteen bytes of a name; the file has all of it.
    let is_cut = name.len() == 15 && executable.starts_with(name);
    let use_file = !executable.is_empty() && (is_cut || !is_word || is_thread || name.is_empty());
    if use_file && !is_interpreter { executable.to_owned() } else { name.to_owned() }
}

/// Whether a port is the system's own rather than an application's.
pub(super) fn is_of_the_system(port: u16, listeners: &[&Listener]) -> bool {
    let is_daemon =
        |process: &&Arc<Process>| DAEMONS.contains(&process.name.as_str()) || is_activator(process);
    port < 1024 || processes(listeners).first().is_some_and(is_daemon)
}

/// What a service is called by the unit it runs in, or else by its process.
pub(super) fn service(processes: &[&Arc<Process>]) -> Option<String> {
    let unit = processes.first().and_then(|process| process.unit.as_deref());
    let unit = unit.and_then(|unit| unit.strip_suffix(".service")).filter(|unit| {
        !CARETAKERS.contains(unit) && !unit.starts_with("pm2-") && !unit.starts_with("user@")
    });
    unit.map(str::to_owned).or_else(|| names(processes).into_iter().next())
}

/// Who listens, for a comment.
pub(super) fn described(listeners: &[&Listener], table: &Table) -> String {
    let all = processes(listeners);
    if let Some(first) = all.first() {
        let unit = first.unit.as_ref().map(|unit| format!(", {unit}")).unwrap_or_default();
        return format!("{} (pid {}{unit})", first.name, first.pid);
    }
    match listeners.first().map(|listener| &listener.owner) {
        Some(Owner::Hidden { uid }) => match table.users.get(uid) {
            Some(user) => format!("a process of {user} that may not be looked at"),
            None => format!("a process of user {uid} that may not be looked at"),
        },
        _ => "no process seen from here (the kernel, or another container)".to_owned(),
    }
}

/// Names of well-known ports (services(5)).
pub(super) fn service_names(path: &Path) -> HashMap<(Protocol, u16), String> {
    let bytes = small_file::bytes(path, SERVICES_MIB).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let line = |line: &str| {
        let mut words = line.split('#').next()?.split_ascii_whitespace();
        let (name, (port, protocol)) = (words.next()?, words.next()?.split_once('/')?);
        let protocol = match protocol {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            _ => return None,
        };
        Some(((protocol, port.parse().ok()?), name.to_owned()))
    };
    text.lines().filter_map(line).collect()
}

/// The files that running nginx servers were started with, outside of containers; `None` for one
/// that was not told and reads the usual file.
pub(super) fn nginx_files(listeners: &[&Listener]) -> Vec<Option<PathBuf>> {
    let mut files = Vec::new();
    for process in processes(listeners) {
        let is_contained = process.unit.as_deref().is_some_and(|unit| !unit.contains('.'));
        let is_master = process.command_line.contains("master process");
        if process.name != "nginx" || is_contained || !is_master {
            continue;
        }
        let mut words = process.command_line.split(' ').skip_while(|word| *word != "-c").skip(1);
        let file = words.next().map(PathBuf::from);
        // A relative one is relative to a folder that cannot be known.
        if file.as_ref().is_none_or(|file| file.is_absolute()) && !files.contains(&file) {
            files.push(file);
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, name: &str, executable: Option<&str>, unit: Option<&str>) -> Arc<Process> {
        Arc::new(Process {
            pid,
            name: name.into(),
            executable: executable.map(Into::into),
            command_line: String::new(),
            uid: 0,
            unit: unit.map(Into::into),
        })
    }

    #[test]
    fn names_last() {
        for (name, executable, expected) in [
            ("nginx", Some("/usr/sbin/nginx"), "nginx"),
            ("nginx", None, "nginx"),
            (
                "prometheus-node",
                Some("/usr/bin/prometheus-node-exporter"),
                "prometheus-node-exporter",
            ),
            ("python3", Some("/usr/bin/python3.11"), "python3"),
            ("gunicorn", Some("/usr/bin/python3.11"), "gunicorn"),
            ("gunicorn: maste", Some("/usr/bin/python3.11"), "gunicorn: maste"),
            ("next-server (v1", Some("/usr/bin/node"), "node"),
            ("node-MainThread", Some("/usr/bin/node"), "node"),
            ("my-api", Some("/usr/bin/node"), "my-api"),
            ("java", Some("/usr/lib/jvm/bin/java"), "java"),
        ] {
            let process = process(811, name, executable, None);
            let names = names(&[&process]);
            assert_eq!(names, [expected], "{name} {executable:?}");
            assert!(health::ports::goes_by(&process, expected), "{name}: judged as inferred");
        }
        let init = process(1, "systemd", Some("/usr/lib/systemd/systemd"), None);
        let app = process(9, "app", None, None);
        assert_eq!(names(&[&init, &app, &app]), ["app"]);
    }

    #[test]
    fn services_are_called_after_their_units() {
        for (unit, expected) in [
            (Some("shop-api.service"), "shop-api"),
            (Some("gunicorn@shop.service"), "gunicorn@shop"),
            (Some("docker.service"), "node"),
            (Some("pm2-deploy.service"), "node"),
            (Some("run-u12.scope"), "node"),
            (Some("3f2a9c0d1e5b"), "node"),
            (None, "node"),
        ] {
            let process = process(811, "node", Some("/usr/bin/node"), unit);
            assert_eq!(service(&[&process]).as_deref(), Some(expected), "{unit:?}");
        }
    }

    #[test]
    fn nginx_says_where_its_file_is() {
        let listener = |command_line: &str, unit: Option<&str>| {
            let mut process = (*process(811, "nginx", Some("/usr/sbin/nginx"), unit)).clone();
            process.command_line = command_line.into();
            Listener {
                protocol: Protocol::Tcp,
                bind: "127.0.0.1:80".parse().unwrap(),
                v6_only: None,
                inode: 1,
                owner: Owner::Processes(vec![process.into()]),
            }
        };
        for (command_line, unit, expected) in [
            (
                "nginx: master process nginx -e stderr -c /srv/n.conf",
                None,
                Some(Some("/srv/n.conf")),
            ),
            (
                "nginx: master process /usr/sbin/nginx -g daemon on;",
                Some("nginx.service"),
                Some(None),
            ),
            ("nginx: master process nginx -c n.conf", None, None),
            ("nginx: worker process", None, None),
            ("nginx: master process nginx -c /etc/n.conf", Some("3f2a9c0d1e5b"), None),
        ] {
            let found = nginx_files(&[&listener(command_line, unit)]);
            let expected: Vec<_> =
                expected.into_iter().map(|file| file.map(PathBuf::from)).collect();
            assert_eq!(found, expected, "{command_line}");
        }
    }

    #[test]
    fn well_known_ports() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "ssh 22/tcp # SSH\n\n# none\nntp\t123/udp\nodd 1/sctp\nbad x/tcp\n")
            .unwrap();
        let names = service_names(file.path());
        assert_eq!(names.len(), 2);
        assert_eq!(names[&(Protocol::Tcp, 22)], "ssh");
        assert_eq!(names[&(Protocol::Udp, 123)], "ntp");
        assert!(service_names(Path::new("/none")).is_empty());
    }
}
