//! What makes the program that really listens read its certificate again.
//!
//! Who listens is known where it is a process of this machine whose owner may be seen; then the remedy
//! names its command, with or without systemd, in a container or not. Elsewhere the words stay as plain
//! as they are. Deliberately absent: running any of it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use health::ports::proxy;
use health::{Code, Finding, Listener, Owner, Process, Protocol, Severity, Text, text};

use crate::listeners::Table;
use crate::net::Net;
use crate::probe::Stopwatch;

mod programs;

/// A server that is restarted is another process; until then it is who it was.
const MAX_AGE: Duration = Duration::from_secs(5);

/// Gives findings that a reload mends the command that fits whoever listens at `peer`. Costs nothing
/// where there is no such finding.
pub(crate) async fn fit(
    findings: &mut [Finding],
    peer: Option<SocketAddr>,
    net: &Net,
    watch: &Stopwatch,
) {
    let is_meant = |finding: &Finding| {
        finding.code == Code::TlsNotReloaded && finding.severity > Severity::Notice
    };
    let Some(peer) = peer.filter(|_| findings.iter().any(is_meant)) else { return };
    let looking = tokio::time::timeout_at(watch.deadline(), net.sockets.table(MAX_AGE));
    let Ok(Ok(table)) = looking.await else { return };
    let Some(process) = listening(&table, peer) else { return };
    if process.pid == std::process::id() {
        // The targets of `demo` stand for other programs.
        return;
    }
    let setting = Setting { systemd: Path::new("/run/systemd/system").is_dir() };
    let remedy = remedy(&process, setting);
    for finding in findings.iter_mut().filter(|finding| is_meant(finding)) {
        finding.remedy = remedy.clone();
        let who = format!("{} (pid {})", process.name, process.pid);
        finding.evidence.insert("process".to_owned(), who.into());
        if let Some(unit) = &process.unit {
            finding.evidence.insert("unit".to_owned(), unit.clone().into());
        }
    }
}

/// What else decides how one reloads.
#[derive(Clone, Copy, Debug)]
struct Setting {
    /// systemd runs this machine.
    systemd: bool,
}

/// The process that answers at an address of this machine; `None` where it is not one of this machine's,
/// or its owner may not be seen.
fn listening(table: &Table, peer: SocketAddr) -> Option<Arc<Process>> {
    let machine = table.machine();
    if !peer.ip().is_loopback() && !table.addresses.contains(&peer.ip()) {
        return None;
    }
    let listeners = machine.on(Protocol::Tcp, peer.port());
    let exactly = |one: &&Listener| one.bind.ip() == peer.ip();
    // An address of its own goes before all addresses, and a family of its own before both.
    let everywhere =
        |one: &&Listener| one.bind.ip().is_unspecified() && one.bind.is_ipv4() == peer.is_ipv4();
    let both = |one: &&Listener| one.bind.ip().is_unspecified() && one.v6_only == Some(false);
    let listener = listeners
        .iter()
        .find(exactly)
        .or_else(|| listeners.iter().find(everywhere))
        .or_else(|| listeners.iter().find(both))?;
    match &listener.owner {
        Owner::Processes(processes) => processes.first().cloned(),
        Owner::Hidden { .. } | Owner::Kernel => None,
    }
}

/// What to type. Pure.
fn remedy(process: &Process, setting: Setting) -> Text {
    let Process { name, pid, .. } = process;
    let container = process.unit.as_deref().filter(|unit| is_container(unit));
    if proxy(process).is_some() {
        return behind_a_proxy(name, container);
    }
    let program = programs::of(process);
    if let Some(id) = container {
        return inside(id, name, &program);
    }
    let by_unit = setting.systemd && !program.is_asked_itself;
    let unit = process.unit.as_deref().filter(|unit| by_unit && unit.ends_with(".service"));
    let verb = if program.is_restarted { "restart" } else { "reload" };
    let (extra_en, extra_ko) =
        program.extra.as_ref().map_or(("", ""), |extra| (&*extra.en, &*extra.ko));
    let (doing_en, doing_ko) = if program.is_restarted {
        ("Restart", "다시 시작하세요")
    } else {
        ("Reload", "다시 읽게 하세요")
    };
    let by_systemd = unit.map(|unit| format!("systemctl {verb} {unit}"));
    let command =
        by_systemd.as_ref().map_or_else(|| program.by_hand.clone(), |line| format!("`{line}`"));
    let hook = by_systemd.or_else(|| program.hook.clone()).map(|hook| {
        text!(
            " To have it done after every renewal: `certbot renew --deploy-hook '{hook}'`.",
            " 갱신할 때마다 자동으로 하려면: `certbot renew --deploy-hook '{hook}'`."
        )
    });
    let (hook_en, hook_ko) = hook.as_ref().map_or(("", ""), |hook| (&*hook.en, &*hook.ko));
    text!(
        "{doing_en} {name} (process {pid}): {command}.{extra_en}{hook_en}",
        "{name}(프로세스 {pid})을(를) {doing_ko}: {command}.{extra_ko}{hook_ko}"
    )
}

/// Twelve digits of an id, as units of containers are told.
fn is_container(unit: &str) -> bool {
    unit.len() == 12 && unit.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn inside(id: &str, name: &str, program: &programs::Program) -> Text {
    let command = match &program.in_container {
        Some(command) => format!("`{}`", command.replacen("ID", id, 1)),
        None => format!("`docker restart {id}`"),
    };
    text!(
        "{name} runs in the container {id}: {command}, or with Podman the same with `podman`. See that the renewed file is what the container sees: a file that was mounted by itself stays the old one when it is replaced; mount its folder.",
        "{name}은(는) 컨테이너 {id}에서 실행 중입니다: {command}(Podman이라면 `podman`으로). 갱신된 파일이 컨테이너 안에서도 보이는지 확인하세요. 파일 하나만 마운트하면 교체된 뒤에도 이전 파일이 보이므로 폴더를 마운트해야 합니다."
    )
}

fn behind_a_proxy(name: &str, container: Option<&str>) -> Text {
    let id = container.unwrap_or("NAME");
    text!(
        "The port is held by {name} for a container (`docker ps` shows which). Have the server in it reload: `docker exec {id} nginx -s reload`, for HAProxy `docker kill -s USR2 {id}`, otherwise `docker restart {id}`. See that the container sees the renewed file: mount the folder, not the file.",
        "{name}이(가) 컨테이너 대신 포트를 열고 있습니다(`docker ps`로 확인). 컨테이너 안의 서버가 다시 읽게 하세요: `docker exec {id} nginx -s reload`, HAProxy라면 `docker kill -s USR2 {id}`, 그 밖에는 `docker restart {id}`. 갱신된 파일이 컨테이너 안에서도 보이는지 확인하세요. 파일이 아니라 폴더를 마운트해야 합니다."
    )
}

#[cfg(test)]
mod tests;
