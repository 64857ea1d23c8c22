//! The parts that sentences on ports are made of: owners, addresses, what to type.

use std::collections::HashMap;
use std::net::SocketAddr;

use serde_json::Value;

use crate::{Finding, Listener, Owner, PortKey, Process, Protocol, Text, text};

use super::Machine;
use super::judgement::Answer;

/// How many owners of one port get a finding of their own.
const GROUPS: usize = 16;
/// How many addresses a sentence names.
const ADDRESSES: usize = 4;

/// Listeners on one port that have the same owner.
pub(super) struct Group<'a> {
    pub(super) owner: &'a Owner,
    pub(super) binds: Vec<SocketAddr>,
}

/// Groups listeners by owner: nginx on v4 and v6 is one thing to tell, not two.
pub(super) fn group<'a>(listeners: &[&'a Listener]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut known = HashMap::new();
    for listener in listeners {
        let key = match &listener.owner {
            Owner::Processes(processes) => {
                (0, processes.iter().map(|process| process.pid).collect::<Vec<_>>())
            }
            Owner::Hidden { uid } => (1, vec![*uid]),
            Owner::Kernel => (2, Vec::new()),
        };
        let index = *known.entry(key).or_insert_with(|| {
            groups.push(Group { owner: &listener.owner, binds: Vec::new() });
            groups.len() - 1
        });
        groups[index].binds.push(listener.bind);
    }
    groups.truncate(GROUPS);
    groups
}

/// Evidence on owners, added to a finding.
pub(super) trait OwnerEvidence {
    fn owned_by(self, machine: Option<Machine<'_>>, group: &Group<'_>) -> Self;
    fn evidence_of(self, machine: Option<Machine<'_>>, process: &Process) -> Self;
}

impl OwnerEvidence for Finding {
    fn owned_by(self, machine: Option<Machine<'_>>, group: &Group<'_>) -> Self {
        let finding = match group.owner {
            Owner::Processes(processes) => {
                let finding = match processes.first() {
                    Some(first) => self.evidence_of(machine, first),
                    None => self,
                };
                if processes.len() > 1 {
                    let pids: Vec<u32> =
                        processes.iter().take(GROUPS).map(|process| process.pid).collect();
                    finding.evidence("pids", pids)
                } else {
                    finding
                }
            }
            Owner::Hidden { uid } => self
                .evidence("owner", "hidden: no permission to see it")
                .evidence("user", user(machine, *uid)),
            Owner::Kernel => self.evidence("owner", "no visible process"),
        };
        finding.evidence("bind", addresses(&group.binds))
    }

    fn evidence_of(self, machine: Option<Machine<'_>>, process: &Process) -> Self {
        let mut finding = self
            .evidence("process", &*process.name)
            .evidence("pid", process.pid)
            .evidence("user", user(machine, process.uid))
            .evidence("command", &*process.command_line);
        if let Some(executable) = &process.executable {
            finding = finding.evidence("executable", &**executable);
        }
        if let Some(unit) = &process.unit {
            finding = finding.evidence("unit", &**unit);
        }
        finding
    }
}

/// `node (pid 811, user app)`.
pub(super) fn one_process(machine: Option<Machine<'_>>, process: &Process) -> Text {
    let Process { name, pid, uid, .. } = process;
    let user = user(machine, *uid);
    text!("{name} (pid {pid}, user {user})", "{name} (pid {pid}, 사용자 {user})")
}

pub(super) fn who(machine: Option<Machine<'_>>, owner: &Owner) -> Text {
    match owner {
        Owner::Processes(processes) => match &processes[..] {
            [] => text!("nobody visible", "보이지 않는"),
            [one] => one_process(machine, one),
            [first, rest @ ..] => {
                let (first, more) = (one_process(machine, first), rest.len());
                text!("{en} and {more} more", "{ko} 외 {more}개", en = first.en, ko = first.ko)
            }
        },
        Owner::Hidden { uid } => {
            let user = user(machine, *uid);
            text!(
                "a process of user {user} that this agent may not see",
                "이 에이전트가 볼 권한이 없는 {user} 사용자의"
            )
        }
        Owner::Kernel => text!(
            "no visible process (the kernel itself, or another PID namespace)",
            "보이지 않는(커널 자체이거나 다른 PID 네임스페이스의)"
        ),
    }
}

/// The owner in one word.
pub(super) fn label(machine: Option<Machine<'_>>, owner: &Owner) -> String {
    match owner {
        Owner::Processes(processes) => {
            processes.first().map(|process| process.name.clone()).unwrap_or_default()
        }
        Owner::Hidden { uid } => format!("user {}", user(machine, *uid)),
        Owner::Kernel => "kernel".to_owned(),
    }
}

pub(super) fn pid(owner: &Owner) -> Value {
    match owner {
        Owner::Processes(processes) => {
            processes.first().map_or(Value::Null, |process| process.pid.into())
        }
        Owner::Hidden { .. } | Owner::Kernel => Value::Null,
    }
}

pub(super) fn user(machine: Option<Machine<'_>>, uid: u32) -> String {
    machine.map_or_else(|| uid.to_string(), |machine| machine.user(uid))
}

/// `0.0.0.0:80, [::]:80`, cut after a few.
pub(super) fn join(binds: &[SocketAddr]) -> String {
    let shown: Vec<String> = binds.iter().take(ADDRESSES).map(ToString::to_string).collect();
    let mut joined = shown.join(", ");
    if binds.len() > ADDRESSES {
        joined.push_str(&format!(", +{}", binds.len() - ADDRESSES));
    }
    joined
}

pub(super) fn addresses(binds: &[SocketAddr]) -> Value {
    binds.iter().take(GROUPS).map(ToString::to_string).collect()
}

pub(super) fn failure(answer: &Answer) -> Text {
    match answer {
        Answer::Accepted => text!("accepted", "연결됨"),
        Answer::Refused => text!("connection refused", "연결 거부"),
        Answer::Timeout => text!("no answer in time", "시간 안에 응답 없음"),
        Answer::Unreachable(error) => text!("unreachable: {error}", "도달할 수 없음: {error}"),
        Answer::Reset => text!("cut at once", "연결 직후 끊김"),
    }
}

/// How to see who listens.
pub(super) fn look(key: &PortKey) -> String {
    let port = key.port;
    match key.protocol {
        Protocol::Tcp => format!("`ss -ltnp 'sport = :{port}'`"),
        Protocol::Udp => format!("`ss -lunp 'sport = :{port}'`"),
    }
}

/// How to close a port to everybody but this machine.
pub(super) fn close(key: &PortKey) -> String {
    let (protocol, port) = (key.protocol.label(), key.port);
    format!("`iptables -A INPUT ! -i lo -p {protocol} --dport {port} -j DROP`")
}

/// How to stop an owner.
pub(super) fn stop(owner: &Owner) -> Text {
    match owner {
        Owner::Processes(processes) if !processes.is_empty() => Text::same(stop_one(&processes[0])),
        Owner::Processes(_) | Owner::Hidden { .. } => {
            text!("`ss` run as root shows its pid", "root로 `ss`를 실행하면 pid가 보입니다")
        }
        Owner::Kernel => text!(
            "NFS, WireGuard or a container that shares this network set it up",
            "NFS, WireGuard 또는 이 네트워크를 함께 쓰는 컨테이너가 만든 것입니다"
        ),
    }
}

/// What to type to stop a process.
pub(super) fn stop_one(process: &Process) -> String {
    match process.unit.as_deref() {
        Some(unit) if unit.contains('.') => format!("`systemctl stop {unit}`"),
        Some(container) => format!("`docker stop {container}`"),
        None => format!("`kill {}`", process.pid),
    }
}
