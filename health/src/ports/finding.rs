//! The wording of every `port.*` finding: subject, sentence, evidence, what to type next.

use std::net::SocketAddr;

use serde_json::json;

use crate::{Claim, Code, Finding, Host, Listener, Owner, PortKey, Process, Protocol, Text, text};

use super::judgement::{Answer, Dial};
use super::owner::Mismatch;
use super::words::{
    Group, OwnerEvidence, failure, join, label, look, one_process, pid, stop, stop_one, user, who,
};
use super::{Machine, local};

mod reach;

pub(super) use reach::{exposed, hidden, reached_beyond, tried_at, unanswered};

/// Where a finding is made: what every wording may refer to.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) claim: &'a Claim,
    /// `None` when nothing but the network was seen.
    pub(super) machine: Option<Machine<'a>>,
    pub(super) host: &'a Host,
}

/// `port.dead`: no socket.
pub(super) fn not_listening(
    scene: &Scene<'_>,
    dial: Option<&Dial>,
    elsewhere: &[&Listener],
) -> Finding {
    let Claim { key, units, .. } = scene.claim;
    let at = scene.address();
    let Text { en: expected, ko: expected_ko } = scene.expected();
    let name = scene.name();
    let mut summary =
        text!("{name}: nobody listens on {at}", "{name}: {at}에서 듣고 있는 프로세스가 없습니다");
    if !expected.is_empty() {
        summary.en.push_str(&format!(", expected {expected}"));
        summary.ko.push_str(&format!(". 기대한 프로세스: {expected_ko}"));
    }
    let mut instead = Vec::new();
    for listener in elsewhere {
        let who = scene.who(&listener.owner);
        let place = if listener.bind.port() == key.port {
            listener.bind.to_string()
        } else {
            listener.bind.port().to_string()
        };
        summary.en.push_str(&format!("; {} listens on {place} instead", who.en));
        summary.ko.push_str(&format!(". 대신 {} 프로세스가 {place}에서 듣고 있습니다", who.ko));
        instead.push(json!({ "process": label(scene.machine, &listener.owner), "pid": pid(&listener.owner), "bind": listener.bind.to_string() }));
    }
    let look = look(key);
    let unit = units.first().filter(|unit| !is_container(unit));
    let remedy = if let (true, Some(unit)) = (instead.is_empty(), unit) {
        text!(
            "Read why it is not running: `systemctl status {unit}` and `journalctl -u {unit} -n 50`; start it with `systemctl start {unit}` and see whether it listens: {look}.",
            "왜 실행되지 않는지 확인하세요: `systemctl status {unit}`, `journalctl -u {unit} -n 50`. `systemctl start {unit}`로 시작한 뒤 포트를 듣고 있는지 보세요: {look}."
        )
    } else if instead.is_empty() {
        text!(
            "Start the service and read its log; then see whether it listens: {look}.",
            "서비스를 시작하고 로그를 확인한 뒤, 포트를 듣고 있는지 보세요: {look}."
        )
    } else {
        text!(
            "Compare the service's own settings (its port and listen address) with the plan, correct the one that is wrong and restart the service. See what it listens on: {look}.",
            "서비스 설정의 포트와 수신 주소를 계획과 비교해서 틀린 쪽을 고치고 서비스를 다시 시작하세요. 어디에서 듣고 있는지 확인: {look}."
        )
    };
    let how = dial.map_or("not-listening", |dial| dial.answer.label());
    let mut finding = Finding::new(Code::PortDead, format!("{key} ({at})"), summary, remedy)
        .evidence("expected", if expected.is_empty() { "somebody listens" } else { &*expected })
        .evidence("got", "nobody listens")
        .evidence("how", how)
        .evidence("address", at);
    if !instead.is_empty() {
        finding = finding.evidence("instead", instead);
    }
    finding
}

/// `port.dead`: a socket is there, but it accepts nothing.
pub(super) fn mute(scene: &Scene<'_>, group: &Group<'_>, dial: &Dial) -> Finding {
    let key = &scene.claim.key;
    let (name, who, at, how) =
        (scene.name(), scene.who(group.owner), dial.address, dial.answer.label());
    let what = failure(&dial.answer);
    Finding::new(
        Code::PortDead,
        format!("{key} ({at})"),
        text!(
            "{name}: {who_en} listens, but {at} does not accept connections: {what_en}",
            "{name}: {who_ko} 프로세스가 듣고 있지만 {at}에서 연결을 받지 않습니다: {what_ko}",
            who_en = who.en,
            who_ko = who.ko,
            what_en = what.en,
            what_ko = what.ko
        ),
        mute_remedy(key, dial),
    )
    .evidence("expected", "a connection is accepted")
    .evidence("got", what.en)
    .evidence("how", how)
    .evidence("address", at.to_string())
    .owned_by(scene.machine, group)
}

fn mute_remedy(key: &PortKey, dial: &Dial) -> Text {
    if dial.answer == Answer::Refused {
        return text!(
            "The socket probably takes the other IP version alone: see the addresses in {look}, and let the service listen on {at} too (in nginx `listen {port};` beside `listen [::]:{port};`). If not, a packet filter refuses (`nft list ruleset` or `iptables -nvL INPUT`).",
            "소켓이 다른 IP 버전만 받는 것 같습니다. {look}에서 주소를 확인하고 서비스가 {at}에서도 듣게 하세요(nginx라면 `listen [::]:{port};` 옆에 `listen {port};`). 그렇지 않다면 방화벽이 거부하는 것입니다(`nft list ruleset` 또는 `iptables -nvL INPUT`).",
            look = look(key),
            at = dial.address,
            port = key.port
        );
    }
    text!(
        "The process may hang with a full accept queue (compare Recv-Q with Send-Q: {look}), or a firewall drops even local packets (`nft list ruleset` or `iptables -nvL INPUT`). Read the service's log and restart it.",
        "프로세스가 멈춰 접속 대기열이 가득 찼거나(Recv-Q와 Send-Q를 비교: {look}) 방화벽이 로컬 패킷까지 버리는 상태일 수 있습니다(`nft list ruleset` 또는 `iptables -nvL INPUT`). 서비스 로그를 확인하고 다시 시작하세요.",
        look = look(key)
    )
}

/// `port.dead` on another host.
pub(super) fn dead_there(scene: &Scene<'_>, dial: &Dial) -> Finding {
    let (key, name, at) = (&scene.claim.key, scene.name(), dial.address);
    let what = failure(&dial.answer);
    let (look, host) = (look(key), &scene.host.name);
    let remedy = match dial.answer {
        Answer::Timeout | Answer::Unreachable(_) => text!(
            "See whether {host} is up and the way is open: `nc -zv {ip} {port}` from here, then its firewall (`nft list ruleset` or `iptables -nvL INPUT`); on {host} itself: {look}.",
            "{host} 서버가 켜져 있고 경로가 열려 있는지 확인하세요: 여기서 `nc -zv {ip} {port}`, 그다음 방화벽(`nft list ruleset` 또는 `iptables -nvL INPUT`), {host} 안에서는 {look}.",
            ip = at.ip(),
            port = at.port()
        ),
        _ => text!(
            "On {host}, see who listens: {look}. If nobody does, start the service and read its log; if it listens on 127.0.0.1 alone, correct its listen address.",
            "{host} 서버에서 누가 듣고 있는지 확인하세요: {look}. 없으면 서비스를 시작하고 로그를 확인하세요. 127.0.0.1에서만 듣고 있다면 수신 주소를 고치세요."
        ),
    };
    let mut finding = Finding::new(
        Code::PortDead,
        format!("{key} ({at})"),
        text!(
            "{name}: {at} does not answer: {what_en}",
            "{name}: {at}에서 응답이 없습니다: {what_ko}",
            what_en = what.en,
            what_ko = what.ko
        ),
        remedy,
    )
    .evidence("expected", "a connection is accepted")
    .evidence("got", what.en)
    .evidence("how", dial.answer.label())
    .evidence("address", at.to_string());
    if let Answer::Unreachable(error) = &dial.answer {
        finding = finding.evidence("error", &**error);
    }
    finding
}

/// `port.taken` on this machine.
pub(super) fn taken(scene: &Scene<'_>, group: &Group<'_>) -> Finding {
    let key = &scene.claim.key;
    let (who, binds, number) = (scene.who(group.owner), group.places(), key.port);
    let purpose = scene.purpose();
    let (look, stop) = (look(key), stop(group.owner, key));
    Finding::new(
        Code::PortTaken,
        scene.subject(group),
        text!(
            "{key} is reserved{purpose_en}, but {who_en} listens on {binds_en}",
            "{key} 포트는 예약되어 있는데{purpose_ko} {who_ko} 프로세스가 {binds_ko}에서 듣고 있습니다",
            purpose_en = purpose.en,
            purpose_ko = purpose.ko,
            who_en = who.en,
            who_ko = who.ko,
            binds_en = binds.en,
            binds_ko = binds.ko
        ),
        text!(
            "See it for yourself: {look}. Then stop it ({stop_en}), or give it another port. If it is meant to have {number}, change the claim in the plan to `allocated`.",
            "직접 확인하세요: {look}. 그다음 중지하거나({stop_ko}) 다른 포트를 쓰게 하세요. {number}번을 써도 되는 프로세스라면 계획의 claim을 `allocated`로 바꾸세요.",
            stop_en = stop.en,
            stop_ko = stop.ko
        ),
    )
    .evidence("expected", "nobody listens")
    .owned_by(scene.machine, group)
}

/// `port.taken` on another host.
pub(super) fn taken_there(scene: &Scene<'_>, dial: &Dial) -> Finding {
    let (key, at, host) = (&scene.claim.key, dial.address, &scene.host.name);
    let purpose = scene.purpose();
    Finding::new(
        Code::PortTaken,
        format!("{key} ({at})"),
        text!(
            "{key} is reserved{purpose_en}, but something accepts connections on {at}",
            "{key} 포트는 예약되어 있는데{purpose_ko} {at}에서 무언가가 연결을 받고 있습니다",
            purpose_en = purpose.en,
            purpose_ko = purpose.ko
        ),
        text!(
            "On {host}, see who it is: {look}. Stop it or give it another port; if it is meant to have it, change the claim in the plan to `allocated`.",
            "{host} 서버에서 누구인지 확인하세요: {look}. 중지하거나 다른 포트를 쓰게 하세요. 써도 되는 프로세스라면 계획의 claim을 `allocated`로 바꾸세요.",
            look = look(key)
        ),
    )
    .evidence("expected", "nobody listens")
    .evidence("got", "a connection is accepted")
    .evidence("address", at.to_string())
}

/// `port.wrong-owner`: by its name or path, its unit or its user.
pub(super) fn wrong_owner(
    scene: &Scene<'_>,
    group: &Group<'_>,
    process: &Process,
    mismatch: Mismatch,
) -> Finding {
    let key = &scene.claim.key;
    let (name, expected, binds) = (scene.name(), scene.expected(), group.places());
    let who = one_process(scene.machine, process);
    let (got, what) = match mismatch {
        Mismatch::Process => (process.name.clone(), Text::same("")),
        Mismatch::Unit => match &process.unit {
            Some(unit) => (unit.clone(), text!(" in {unit}", "({unit})")),
            None => ("no unit".to_owned(), text!(" in no unit", "(유닛 없음)")),
        },
        Mismatch::User => (user(scene.machine, process.uid), Text::same("")),
    };
    let key_of_plan = match mismatch {
        Mismatch::Process => "process",
        Mismatch::Unit => "unit",
        Mismatch::User => "user",
    };
    let (look, stop, pid) = (look(key), stop_one(process, key), process.pid);
    let start = start_of(scene.claim);
    Finding::new(
        Code::PortWrongOwner,
        format!("{key} ({} on {})", process.name, join(&group.binds)),
        text!(
            "{name}: {who_en}{what_en} owns {binds_en}, expected {expected_en}",
            "{name}: {who_ko} 프로세스{what_ko}가 {binds_ko}에서 듣고 있습니다. 기대한 것: {expected_ko}",
            expected_en = expected.en,
            expected_ko = expected.ko,
            who_en = who.en,
            who_ko = who.ko,
            what_en = what.en,
            what_ko = what.ko,
            binds_en = binds.en,
            binds_ko = binds.ko
        ),
        text!(
            "See what it is: {look} and `tr '\\0' ' ' < /proc/{pid}/cmdline`. If it does not belong there, stop it ({stop}) and {start_en}; if it does, correct `{key_of_plan}` in the plan.",
            "무엇인지 확인하세요: {look}, `tr '\\0' ' ' < /proc/{pid}/cmdline`. 있어서는 안 될 프로세스라면 중지하고({stop}) {start_ko}. 맞는 프로세스라면 계획의 `{key_of_plan}` 값을 고치세요.",
            start_en = start.en,
            start_ko = start.ko
        ),
    )
    .evidence("expected", expected.en)
    .evidence("got", got)
    .owned_by(scene.machine, group)
    .evidence_of(scene.machine, process)
}

/// What to do so that the right one has the port.
fn start_of(claim: &Claim) -> Text {
    let unit = claim.units.iter().find(|unit| !is_container(unit));
    match (unit, &claim.processes[..]) {
        (Some(unit), _) => text!(
            "start what should (`systemctl start {unit}`)",
            "원래 서비스를 시작하세요(`systemctl start {unit}`)"
        ),
        (None, []) => text!("start what should have it", "원래 서비스를 시작하세요"),
        (None, names) => {
            let names = names.join(", ");
            text!("start {names}", "{names} 프로세스를 시작하세요")
        }
    }
}

/// A claim's unit that is no systemd unit but the id of a container.
fn is_container(unit: &str) -> bool {
    unit.len() >= 12 && unit.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `port.undeclared`, with the code's usual severity.
pub(super) fn undeclared(key: &PortKey, machine: Machine<'_>, group: &Group<'_>) -> Finding {
    let (who, binds, number) = (who(Some(machine), group.owner), group.places(), key.port);
    let (look, stop, label) =
        (look(key), stop(group.owner, key), label(Some(machine), group.owner));
    let protocol = match key.protocol {
        Protocol::Tcp => "",
        Protocol::Udp => ", protocol = \"udp\"",
    };
    Finding::new(
        Code::PortUndeclared,
        format!("{key} ({label} on {})", join(&group.binds)),
        text!(
            "{who_en} listens on {binds_en}, and no claim of the plan names {key}",
            "{who_ko} 프로세스가 {binds_ko}에서 듣고 있지만 계획에 {key}에 대한 내용이 없습니다",
            who_en = who.en,
            who_ko = who.ko,
            binds_en = binds.en,
            binds_ko = binds.ko
        ),
        text!(
            "See what it is: {look}. If it belongs here, add it to the plan under [[host.port]] (port = {number}{protocol}, claim = \"allocated\"); if not, stop it ({stop_en}).",
            "무엇인지 확인하세요: {look}. 필요한 것이면 계획의 [[host.port]]에 추가하고(port = {number}{protocol}, claim = \"allocated\"), 아니면 중지하세요({stop_ko}).",
            stop_en = stop.en,
            stop_ko = stop.ko
        ),
    )
    .evidence("expected", "a claim in the plan, or nobody listening")
    .owned_by(Some(machine), group)
}

impl Scene<'_> {
    /// `web:3011 (main app)`.
    fn name(&self) -> String {
        let Claim { key, service, .. } = self.claim;
        if service.is_empty() { key.to_string() } else { format!("{key} ({service})") }
    }

    /// Who the claim says may own the port, or nothing.
    fn expected(&self) -> Text {
        let Claim { processes, units, users, .. } = self.claim;
        let named = |unit: &str, user: &str| {
            let all = [("", processes), (unit, units), (user, users)];
            let some = all.into_iter().filter(|(_, names)| !names.is_empty());
            let words = some.map(|(before, names)| format!("{before}{}", names.join(", ")));
            words.collect::<Vec<_>>().join("; ")
        };
        Text { en: named("unit ", "user "), ko: named("유닛 ", "사용자 ") }
    }

    /// ` for admin API`, or nothing.
    fn purpose(&self) -> Text {
        let service = &self.claim.service;
        if service.is_empty() {
            Text::same("")
        } else {
            text!(" for {service}", "({service})", service = service)
        }
    }

    /// Where the claim's service is looked for.
    fn address(&self) -> String {
        let port = self.claim.key.port;
        match local::address_of(self.host) {
            Some(ip) => SocketAddr::new(ip, port).to_string(),
            None => format!("{}:{port}", self.host.address),
        }
    }

    fn subject(&self, group: &Group<'_>) -> String {
        let (key, binds) = (&self.claim.key, join(&group.binds));
        format!("{key} ({} on {binds})", label(self.machine, group.owner))
    }

    fn who(&self, owner: &Owner) -> Text {
        who(self.machine, owner)
    }
}
