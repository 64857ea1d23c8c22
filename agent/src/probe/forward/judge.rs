//! What a forward that does not lead to its target means, in words. Pure.

use health::facts::{ForwardFacts, SideFacts};
use health::{Code, Finding, Severity, Text, text};

use super::Spec;
use super::identity::Identity;
use super::standpoint::Standpoint;

/// What the outer side did, where that was not what the inner does.
#[derive(Debug)]
pub(super) enum Outer {
    /// It did not accept: how.
    Dead(Code),
    /// It accepted and said nothing, where the inner side says something.
    Mute,
    /// Somebody else answers.
    Elsewhere(Identity),
}

/// What the outer side did, where the inner one is dead.
#[derive(Clone, Copy, Debug)]
pub(super) enum Beside<'a> {
    /// It answers.
    Answers(&'a Identity),
    /// It does not accept.
    Closed,
    /// It could not be tried, which says nothing of it.
    Untried,
}

/// A forward whose inner side answers and whose outer side does not do the same.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) spec: &'a Spec,
    pub(super) inner: &'a Identity,
    pub(super) outer: &'a Outer,
    pub(super) standpoint: Standpoint,
    pub(super) seen: &'a ForwardFacts,
}

/// The finding for it.
pub(super) fn judge(case: &Case<'_>) -> Finding {
    let finding = match (case.outer, case.standpoint) {
        (Outer::Dead(_) | Outer::Mute, Standpoint::Outside | Standpoint::Passed) => broken(case),
        (Outer::Dead(_) | Outer::Mute, Standpoint::WithinItSeems | Standpoint::Within)
        | (Outer::Elsewhere(_), Standpoint::Within) => no_hairpin(case),
        (Outer::Elsewhere(other), Standpoint::WithinItSeems) => {
            perhaps_misdirected(case, &other.shown())
        }
        (Outer::Elsewhere(other), Standpoint::Outside | Standpoint::Passed) => {
            misdirected(case, &other.shown())
        }
    };
    let side = |side: &SideFacts| side.address.map_or_else(String::new, |at| at.to_string());
    finding
        .evidence("expected", case.inner.shown().en)
        .evidence("got", case.outer.shown().en)
        .evidence("outer", side(&case.seen.outer))
        .evidence("inner", side(&case.seen.inner))
}

/// The target itself is dead: that is no fault of the forward, which cannot be judged meanwhile.
pub(super) fn inner_dead(spec: &Spec, dead: Finding, outer: Beside<'_>) -> Finding {
    let (from, to) = (spec.from.to_string(), spec.to.to_string());
    let summary = text!(
        "the target of the forward from {from} is dead, so that the forward cannot be judged: {en}",
        "{from}에서 오는 포워딩의 대상이 죽어 있어 포워딩을 판단할 수 없습니다: {ko}",
        en = dead.summary.en,
        ko = dead.summary.ko
    );
    let answers = match outer {
        Beside::Answers(who) => who.shown().en,
        Beside::Closed => "does not answer either".to_owned(),
        Beside::Untried => "could not be tried".to_owned(),
    };
    Finding { summary, ..dead }
        .evidence("forward", format!("{from} → {to}"))
        .evidence("outer", answers)
}

impl Outer {
    /// What it does, for people.
    fn shown(&self) -> Text {
        match self {
            Self::Dead(Code::TcpRefused) => {
                text!("it refuses the connection", "연결을 거부합니다")
            }
            Self::Dead(Code::TcpTimeout) => text!("it does not answer", "응답이 없습니다"),
            Self::Dead(Code::TcpReset) => {
                text!("it cuts the connection", "연결을 끊습니다")
            }
            Self::Dead(_) => text!("it cannot be reached", "도달할 수 없습니다"),
            Self::Mute => text!(
                "it accepts the connection and says nothing",
                "연결은 받지만 아무 응답이 없습니다"
            ),
            Self::Elsewhere(other) => other.shown(),
        }
    }
}

fn broken(case: &Case<'_>) -> Finding {
    let (from, to) = (&case.spec.from, &case.spec.to);
    let (got, inner) = (case.outer.shown(), case.inner.shown());
    let summary = match case.standpoint {
        Standpoint::Passed => text!(
            "the forward from {from} does not lead to {to} any more: {en}, while the inner way works ({inner_en})",
            "{from}에서 {to}(으)로 가던 포워딩이 더는 이어지지 않습니다: {ko}. 안쪽 경로는 정상입니다({inner_ko})",
            en = got.en,
            inner_en = inner.en,
            ko = got.ko,
            inner_ko = inner.ko
        ),
        _ => text!(
            "the forward from {from} does not lead to {to}: {en}, while the inner way works ({inner_en})",
            "{from}에서 {to}(으)로 가는 포워딩이 이어지지 않습니다: {ko}. 안쪽 경로는 정상입니다({inner_ko})",
            en = got.en,
            inner_en = inner.en,
            ko = got.ko,
            inner_ko = inner.ko
        ),
    };
    let port = from.port;
    Finding::new(
        Code::ForwardBroken,
        from.to_string(),
        summary,
        text!(
            "The service is well; do not restart it. Look at the rule: outer port {port}, inner side {to}, protocol TCP, enabled, and no second rule for that port. On a Linux router: `nft list ruleset | grep {port}`, `iptables -t nat -nvL PREROUTING`, `sysctl net.ipv4.ip_forward`; for socat, docker-proxy or a proxy: `ss -ltnp 'sport = :{port}'`. Then whether the inner address (`ip neigh`) or the public one has changed.",
            "서비스는 정상이니 재시작하지 마세요. 규칙을 확인하세요: 외부 포트 {port}, 내부 {to}, TCP, 사용 여부, 같은 포트의 다른 규칙. Linux 라우터라면 `nft list ruleset | grep {port}`, `iptables -t nat -nvL PREROUTING`, `sysctl net.ipv4.ip_forward`. socat, docker-proxy, 프록시라면 `ss -ltnp 'sport = :{port}'`. 그다음 내부 주소(`ip neigh`)나 공인 주소가 바뀌었는지 보세요."
        ),
    )
}

fn misdirected(case: &Case<'_>, other: &Text) -> Finding {
    let (from, to, inner) = (&case.spec.from, &case.spec.to, case.inner.shown());
    Finding::new(
        Code::ForwardMisdirected,
        from.to_string(),
        text!(
            "the forward from {from} leads elsewhere than to {to}: {got} answers there, {to} {expected}",
            "{from}의 포워딩이 {to}이(가) 아닌 곳으로 이어집니다: 거기서는 {got_ko}, {to}은(는) {expected_ko}",
            got = other.en,
            expected = is(case.inner),
            got_ko = other.ko,
            expected_ko = inner.ko
        ),
        correct_the_rule(case),
    )
}

/// What the inner side does, as the end of an English sentence.
fn is(inner: &Identity) -> String {
    match inner {
        Identity::Mute => "says nothing".to_owned(),
        known => format!("is {}", known.shown().en),
    }
}

fn perhaps_misdirected(case: &Case<'_>, other: &Text) -> Finding {
    let (from, to, inner) = (&case.spec.from, &case.spec.to, case.inner.shown());
    let rule = correct_the_rule(case);
    Finding::new(
        Code::ForwardMisdirected,
        from.to_string(),
        text!(
            "seen from inside, {from} is not {to}: {got} answers there, {to} {expected}; either the forward leads elsewhere, or the router itself answers",
            "안에서 보면 {from}은(는) {to}이(가) 아닙니다: 거기서는 {got_ko}, {to}은(는) {expected_ko}. 포워딩이 다른 곳으로 이어지거나 공유기 자신이 답하는 것입니다",
            got = other.en,
            expected = is(case.inner),
            got_ko = other.ko,
            expected_ko = inner.ko
        ),
        text!(
            "If it is the router's own page or service, it does no hairpin, and visitors from outside may well be right: write `seen_from = \"inside\"`. If not: {en}",
            "공유기 자신의 페이지나 서비스라면 헤어핀을 하지 않는 것이고 밖에서는 정상일 수 있습니다. `seen_from = \"inside\"`를 적어 주세요. 아니라면: {ko}",
            en = rule.en,
            ko = rule.ko
        ),
    )
    .severity(Severity::Warning)
}

fn correct_the_rule(case: &Case<'_>) -> Text {
    let (from, to) = (&case.spec.from, &case.spec.to);
    let port = from.port;
    text!(
        "Disable the forward until it is right: wrong is worse than closed. Correct its target to {to}, or remove it if its machine is gone; of two rules for port {port} the first wins. On a Linux router: `nft list ruleset | grep {port}`, `iptables -t nat -nvL PREROUTING`; by hand, on both sides: `ssh-keyscan`, `openssl s_client -connect`, `curl -v`.",
        "바로잡을 때까지 포워딩을 끄세요. 잘못 이어진 것은 닫힌 것보다 나쁩니다. 대상을 {to}(으)로 고치거나, 서버가 없어졌으면 규칙을 지우세요. 포트 {port}에 규칙이 둘이면 먼저 것이 이깁니다. Linux 라우터라면 `nft list ruleset | grep {port}`, `iptables -t nat -nvL PREROUTING`. 직접 확인할 때는 양쪽에 `ssh-keyscan`, `openssl s_client -connect`, `curl -v`를 쓰세요."
    )
}

fn no_hairpin(case: &Case<'_>) -> Finding {
    let (from, to) = (&case.spec.from, &case.spec.to);
    let (got, ip, port) = (case.outer.shown(), &case.spec.server_name(), from.port);
    Finding::new(
        Code::ForwardNoHairpin,
        from.to_string(),
        text!(
            "the forward from {from} to {to} cannot be judged from inside (outer side: {en}; the inner way works): a router that does no hairpin looks like this, and so does a broken forward",
            "{from}에서 {to}(으)로 가는 포워딩은 안에서 판단할 수 없습니다(바깥쪽: {ko}, 안쪽 경로는 정상). 헤어핀을 하지 않는 공유기도, 끊긴 포워딩도 안에서는 이렇게 보입니다",
            en = got.en,
            ko = got.ko
        ),
        text!(
            "Look from outside: on any machine elsewhere, `nc -zv -w 5 {ip} {port}`, or a second portwarden there with this forward's outer side as a check. If the router does hairpin, or this machine stands outside, write `seen_from = \"outside\"`: then it is told as broken.",
            "밖에서 확인하세요: 다른 곳의 서버에서 `nc -zv -w 5 {ip} {port}`를 실행하거나, 그곳의 portwarden에서 이 외부 주소를 체크하세요. 공유기가 헤어핀을 하거나 이 서버가 밖에 있다면 `seen_from = \"outside\"`를 적으세요. 그러면 끊긴 것으로 알립니다."
        ),
    )
}
