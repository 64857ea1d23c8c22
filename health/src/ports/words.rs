//! The parts that sentences on ports are made of: owners, addresses, what to type.

use std::collections::HashMap;
use std::net::SocketAddr;

use serde_json::Value;

use crate::{Finding, Listener, Owner, PortKey, Process, Protocol, Text, text};

use super::judgement::Answer;
use super::{Machine, Proxy, proxy};

/// How many owners of one port get a finding of their own.
const GROUPS: usize = 16;
/// How many addresses a sentence names.
const ADDRESSES: usize = 4;

/// Listeners on one port that have the same owner.
pub(super) struct Group<'a> {
    pub(super) owner: &'a Owner,
    pub(super) binds: Vec<SocketAddr>,
    /// Which of these, bound to `::`, takes v4 connections as well.
    pub(super) also_v4: Option<SocketAddr>,
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
            groups.push(Group { owner: &listener.owner, binds: Vec::new(), also_v4: None });
            groups.len() - 1
        });
        let group = &mut groups[index];
        group.binds.push(listener.bind);
        if also_v4(&[listener]) == Some(true) {
            group.also_v4 = Some(listener.bind);
        }
    }
    groups.truncate(GROUPS);
    groups
}

/// Whether what is bound to `::` takes v4 connections as well; `None` when nothing is, or when it
/// cannot be told.
pub(super) fn also_v4(listeners: &[&Listener]) -> Option<bool> {
    let everywhere =
        |listener: &&&Listener| listener.bind.is_ipv6() && listener.bind.ip().is_unspecified();
    let told = listeners.iter().filter(everywhere).filter_map(|listener| listener.v6_only);
    told.map(|only| !only).reduce(|one, other| one || other)
}

impl Group<'_> {
    /// The addresses in a sentence: `[::]:80 (v4 too), 127.0.3.1:80`.
    pub(super) fn places(&self) -> Text {
        let named = |words: &str| {
            let mark = |bind: &SocketAddr| match self.also_v4 {
                Some(dual) if dual == *bind => format!("{bind} ({words})"),
                _ => bind.to_string(),
            };
            join_words(self.binds.iter().map(mark))
        };
        Text { en: named("v4 too"), ko: named("IPv4 포함") }
    }
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
        let finding = match group.also_v4 {
            Some(dual) => finding.evidence("also_v4", dual.to_string()),
            None => finding,
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
        if let Some(target) = proxy(process).and_then(|proxy| proxy.target) {
            finding = finding.evidence("proxy_for", target.to_string());
        }
        finding
    }
}

/// `node (pid 811, user app)`; of a container's proxy also what it leads to.
pub(super) fn one_process(machine: Option<Machine<'_>>, process: &Process) -> Text {
    let Process { name, pid, uid, .. } = process;
    let user = user(machine, *uid);
    let plain = text!("{name} (pid {pid}, user {user})", "{name} (pid {pid}, 사용자 {user})");
    let Some(Proxy { target }) = proxy(process) else { return plain };
    let container = container(process);
    match (target, container) {
        (Some(target), Some(id)) => text!(
            "{en} for {target} in container {id}",
            "{ko}, 컨테이너 {id}의 {target}로 가는 프록시인",
            en = plain.en,
            ko = plain.ko
        ),
        (Some(target), None) => text!(
            "{en} for {target} in a container",
            "{ko}, 컨테이너의 {target}로 가는 프록시인",
            en = plain.en,
            ko = plain.ko
        ),
        (None, Some(id)) => text!(
            "{en} for container {id}",
            "{ko}, 컨테이너 {id}의 프록시인",
            en = plain.en,
            ko = plain.ko
        ),
        (None, None) => text!(
            "{en} for a container that /proc does not name",
            "{ko}, /proc만으로는 알 수 없는 컨테이너의 프록시인",
            en = plain.en,
            ko = plain.ko
        ),
    }
}

/// The container that a process runs in or, of a proxy, that it serves.
fn container(process: &Process) -> Option<&str> {
    process.unit.as_deref().filter(|unit| !unit.contains('.'))
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
    join_words(binds.iter().map(ToString::to_string))
}

fn join_words(words: impl ExactSizeIterator<Item = String>) -> String {
    let more = words.len().saturating_sub(ADDRESSES);
    let mut joined = words.take(ADDRESSES).collect::<Vec<_>>().join(", ");
    if more > 0 {
        joined.push_str(&format!(", +{more}"));
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

/// How to stop an owner of a port.
pub(super) fn stop(owner: &Owner, key: &PortKey) -> Text {
    match owner {
        Owner::Processes(processes) if !processes.is_empty() => {
            Text::same(stop_one(&processes[0], key))
        }
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
pub(super) fn stop_one(process: &Process, key: &PortKey) -> String {
    let engine = match &*process.name {
        "conmon" | "rootlessport" | "slirp4netns" => "podman",
        _ => "docker",
    };
    match (process.unit.as_deref(), proxy(process)) {
        (Some(unit), None) if unit.contains('.') => format!("`systemctl stop {unit}`"),
        (Some(id), _) if !id.contains('.') => format!("`{engine} stop {id}`"),
        // Stopping the proxy, or the unit that runs every container, would not be it.
        (_, Some(_)) => {
            format!("`{engine} ps --filter publish={}`, then `{engine} stop`", key.port)
        }
        (_, None) => format!("`kill {}`", process.pid),
    }
}
