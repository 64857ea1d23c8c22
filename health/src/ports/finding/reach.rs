//! The wording of `port.exposed` and `port.hidden`, by bind and by dialling.

use std::net::{IpAddr, SocketAddr};

use crate::ports::judgement::{Answer, Dial};
use crate::ports::words::{Group, OwnerEvidence, addresses, close, join, look};
use crate::{Code, Exposure, Finding, Listener, Text, text};

use super::Scene;

/// `port.exposed` by what it is bound to.
pub(in crate::ports) fn exposed(
    scene: &Scene<'_>,
    group: &Group<'_>,
    wide: &[&Listener],
    claimed: Exposure,
    widest: Exposure,
) -> Finding {
    let key = &scene.claim.key;
    let wide: Vec<SocketAddr> = wide.iter().map(|listener| listener.bind).collect();
    let (name, who, places) = (scene.name(), scene.who(group.owner), group.places());
    let binds = join(&wide);
    let (claimed, widest) = (claimed.label(), widest.label());
    let better = match scene.claim.exposure {
        Some(Exposure::Internal) => "10.0.0.5",
        _ => "127.0.0.1",
    };
    Finding::new(
        Code::PortExposed,
        format!("{key} ({binds})"),
        text!(
            "{name}: {who_en} listens on {places_en}, which is {widest}; claimed is {claimed}",
            "{name}: {who_ko} 프로세스가 {places_ko}에서 듣고 있어 {widest} 범위에 열려 있습니다. 계획은 {claimed}입니다",
            who_en = who.en,
            who_ko = who.ko,
            places_en = places.en,
            places_ko = places.ko
        ),
        text!(
            "Bind the service to an address that is {claimed} (such as {better}) and restart it, then see: {look}. Until then close the port in the firewall: {close}.",
            "서비스를 {claimed} 주소(예: {better})에 바인드하고 다시 시작한 뒤 확인하세요: {look}. 그때까지는 방화벽에서 포트를 막으세요: {close}.",
            look = look(key),
            close = close(key)
        ),
    )
    .evidence("expected", claimed)
    .evidence("got", widest)
    .owned_by(scene.machine, group)
    .evidence("bind", addresses(&wide))
}

/// `port.hidden`.
pub(in crate::ports) fn hidden(
    scene: &Scene<'_>,
    group: &Group<'_>,
    listeners: &[&Listener],
    claimed: Exposure,
    widest: Exposure,
) -> Finding {
    let key = &scene.claim.key;
    let all: Vec<SocketAddr> = listeners.iter().map(|listener| listener.bind).collect();
    let (name, who, binds) = (scene.name(), scene.who(group.owner), join(&all));
    let (claimed, widest) = (claimed.label(), widest.label());
    Finding::new(
        Code::PortHidden,
        format!("{key} ({binds})"),
        text!(
            "{name}: {who_en} listens on {binds} alone, which is {widest}; claimed is {claimed}",
            "{name}: {who_ko} 프로세스가 {binds}에서만 듣고 있어 {widest} 범위에서만 닿습니다. 계획은 {claimed}입니다",
            who_en = who.en,
            who_ko = who.ko
        ),
        text!(
            "Bind the service to 0.0.0.0 or to an address of the machine that is {claimed} (`ip -br address`) and restart it; if {widest} is right, say so in the plan: `exposure = \"{widest}\"`.",
            "서비스를 0.0.0.0이나 서버의 {claimed} 주소(`ip -br address`)에 바인드하고 다시 시작하세요. {widest}가 맞다면 계획에 `exposure = \"{widest}\"`라고 적으세요."
        ),
    )
    .evidence("expected", claimed)
    .evidence("got", widest)
    .owned_by(scene.machine, group)
    .evidence("bind", addresses(&all))
}

/// `port.exposed` because addresses that reach wider than claimed accept connections.
pub(in crate::ports) fn reached_beyond(
    scene: &Scene<'_>,
    claimed: Exposure,
    dials: &[&Dial],
    source: Option<IpAddr>,
) -> Finding {
    let (key, name, host) = (&scene.claim.key, scene.name(), &scene.host.name);
    let at: Vec<SocketAddr> = dials.iter().map(|dial| dial.address).collect();
    let (binds, from, claimed) = (join(&at), from(source), claimed.label());
    let finding = Finding::new(
        Code::PortExposed,
        format!("{key} ({binds})"),
        text!(
            "{name}: {binds} accepts connections from {from_en}, so it is reachable more widely than the plan claims ({claimed})",
            "{name}: {binds}에서 {from_ko}의 연결을 받고 있어, 계획인 {claimed} 밖에서도 닿습니다",
            from_en = from.en,
            from_ko = from.ko
        ),
        text!(
            "On {host}, see what it is bound to ({look}) and bind it to an address that is {claimed}; look for forwarding rules, too (`nft list ruleset` or `iptables -t nat -nvL`; `docker ps` shows published ports). Until then close the port in the firewall: {close}.",
            "{host} 서버에서 어디에 바인드되었는지 확인하고({look}) {claimed} 주소에 바인드하세요. 포워딩 규칙도 확인하세요(`nft list ruleset` 또는 `iptables -t nat -nvL`, 공개 포트는 `docker ps`). 그때까지는 방화벽에서 포트를 막으세요: {close}.",
            look = look(key),
            close = close(key)
        ),
    )
    .evidence("expected", claimed)
    .evidence("got", "a connection is accepted")
    .evidence("address", at.first().map(ToString::to_string).unwrap_or_default());
    tried_at(finding, dials, source)
}

/// `port.hidden` because no address that reaches as widely as claimed answers.
pub(in crate::ports) fn unanswered(
    scene: &Scene<'_>,
    claimed: Exposure,
    dials: &[&Dial],
    source: Option<IpAddr>,
) -> Finding {
    let (key, name, host) = (&scene.claim.key, scene.name(), &scene.host.name);
    let at: Vec<SocketAddr> = dials.iter().map(|dial| dial.address).collect();
    let (binds, from, claimed) = (join(&at), from(source), claimed.label());
    let words = answers(dials);
    let ip = at.first().map(|at| at.ip().to_string()).unwrap_or_default();
    let finding = Finding::new(
        Code::PortHidden,
        format!("{key} ({binds})"),
        text!(
            "{name}: does not answer as widely as claimed ({claimed}), tried from {from_en}: {words}",
            "{name}: 계획한 만큼({claimed}) 넓게 응답하지 않습니다. {from_ko}에서 시도한 결과: {words}",
            from_en = from.en,
            from_ko = from.ko
        ),
        text!(
            "Refused: bind the service to 0.0.0.0 or to that address, or correct the forwarding on the router. No answer: a firewall drops it (`nft list ruleset` or `iptables -nvL INPUT` on {host} and on the way). Try it yourself: `nc -zv {ip} {port}`. If {claimed} is not meant, correct `exposure` in the plan.",
            "거부되었다면 서비스를 0.0.0.0이나 그 주소에 바인드하거나 공유기의 포워딩을 고치세요. 응답이 없다면 방화벽이 버리는 것입니다({host} 서버와 경로에서 `nft list ruleset` 또는 `iptables -nvL INPUT`). 직접 시도: `nc -zv {ip} {port}`. {claimed} 범위가 아니어도 된다면 계획의 `exposure`를 고치세요.",
            port = key.port
        ),
    )
    .evidence("expected", claimed)
    .evidence("got", &*words);
    tried_at(finding, dials, source)
}

/// A finding, with what dialling said as evidence.
pub(in crate::ports) fn tried_at(
    finding: Finding,
    dials: &[&Dial],
    source: Option<IpAddr>,
) -> Finding {
    if dials.is_empty() {
        return finding;
    }
    finding.evidence("dialled", answers(dials)).evidence("dialled_from", from(source).en)
}

fn from(source: Option<IpAddr>) -> Text {
    match source {
        Some(source) => Text::same(source.to_string()),
        None => text!("this agent's machine", "이 에이전트의 서버"),
    }
}

fn answers(dials: &[&Dial]) -> String {
    let each = |dial: &&Dial| match &dial.answer {
        Answer::Unreachable(error) => format!("{} unreachable: {error}", dial.address),
        answer => format!("{} {}", dial.address, answer.label()),
    };
    dials.iter().map(each).collect::<Vec<_>>().join(", ")
}
