//! Every word of the pages, in every language: a word without its translation does not compile.
//! Deliberately absent: sentences about findings; they come as [`health::Text`].

use std::borrow::Borrow;

use health::{ClaimKind, Exposure, Kind, Language, Phase, Severity, State};

use crate::amount;

/// The words of one language.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words(pub(crate) Language);

/// Whatever a template counts: templates hand over values and references alike.
pub(crate) trait Count {
    /// The number; what is below zero counts as none.
    fn count(&self) -> u64;
}

macro_rules! counts {
    ($($number:ty)*) => {
        $(impl Count for $number {
            fn count(&self) -> u64 {
                u64::try_from(*self).unwrap_or(0)
            }
        })*
    };
}

counts!(i64 u32 u64 usize);

impl<T: Count> Count for &T {
    fn count(&self) -> u64 {
        (**self).count()
    }
}

macro_rules! words {
    ($($name:ident: $en:literal, $ko:literal;)*) => {
        impl Words {
            $(pub(crate) fn $name(self) -> &'static str {
                match self.0 { Language::En => $en, Language::Ko => $ko }
            })*
        }
    };
}

/// Words around a number: one, many, Korean (which has no plural).
macro_rules! counted {
    ($($name:ident: $one:literal, $many:literal, $ko:literal;)*) => {
        impl Words {
            $(pub(crate) fn $name(self, n: impl Count) -> String {
                let count = n.count();
                let n = amount::grouped(count);
                match self.0 {
                    Language::En if count == 1 => format!($one, n = n),
                    Language::En => format!($many, n = n),
                    Language::Ko => format!($ko, n = n),
                }
            })*
        }
    };
}

/// Words around other words.
macro_rules! phrases {
    ($($name:ident($($argument:ident),*): $en:literal, $ko:literal;)*) => {
        impl Words {
            $(pub(crate) fn $name(self, $($argument: &str),*) -> String {
                match self.0 { Language::En => format!($en), Language::Ko => format!($ko) }
            })*
        }
    };
}

mod certificates;
mod dns;
mod http;
mod quiet;

words! {
    code_tag: "en", "ko";
    skip: "Skip to the content", "본문으로 건너뛰기";
    pages: "Pages", "페이지";
    overview: "Overview", "개요";
    ports: "Ports", "포트";
    certificates: "Certificates", "인증서";
    dns: "DNS", "DNS";
    incidents: "Incidents", "장애";
    findings_reference: "Findings explained", "진단 코드 설명";
    live: "Live", "실시간";
    offline: "Offline", "연결 끊김";
    all_well: "All is well", "모두 정상입니다";
    nothing_watched: "Nothing is watched yet", "아직 감시하는 대상이 없습니다";
    nothing_watched_why: "The plan has no checks. Add a host, a port, a certificate or a zone to it, and this page fills within seconds.", "계획 파일에 점검 항목이 없습니다. 호스트, 포트, 인증서 또는 DNS 존을 추가하면 몇 초 안에 이 페이지가 채워집니다.";
    last_looked: "last looked", "마지막 점검";
    first_look: "Taking a first look", "처음으로 살펴보는 중입니다";
    minor_only: "Up, with something to look at", "동작 중이지만 살펴볼 것이 있습니다";
    wrong_now: "What is wrong now", "지금 문제가 있는 것";
    everything: "Everything that is watched", "감시 중인 전체 항목";
    what_to_do: "What to do", "해결 방법";
    evidence: "Evidence", "근거";
    subject: "Subject", "대상";
    seen_once: "seen once, checking again", "한 번 관측됨, 다시 확인 중";
    explained_by: "explained by", "원인:";
    next_end: "Next certificate to end", "가장 먼저 만료되는 인증서";
    no_certificates_short: "none seen", "확인된 인증서 없음";
    state: "State", "상태";
    name: "Name", "이름";
    looks_at: "Looks at", "점검 대상";
    took: "Took", "소요";
    since: "Since", "시작";
    kind: "Kind", "종류";
    any: "any", "전체";
    sick: "not well", "비정상";
    search: "Search", "검색";
    search_hint: "name, address, host, service", "이름, 주소, 호스트, 서비스";
    apply: "Filter", "적용";
    clear: "Clear", "초기화";
    previous: "Previous", "이전";
    next: "Next", "다음";
    nothing_matches: "Nothing matches this filter.", "조건에 맞는 항목이 없습니다.";
    flapping: "flapping", "상태가 자주 바뀜";
    plan_refused: "The changed plan was refused; the previous one keeps running.", "변경된 계획 파일에 오류가 있어 적용하지 않았습니다. 이전 계획으로 계속 동작합니다.";
    plan: "Plan", "계획 파일";
    host: "Host", "호스트";
    port: "Port", "포트";
    service: "Service", "서비스";
    claim: "Claim", "구분";
    exposure: "Exposure", "공개 범위";
    observed: "Observed", "실제 상태";
    owner: "Owner", "소유 프로세스";
    finding: "Finding", "진단";
    listening: "listening", "수신 대기 중";
    not_listening: "not listening", "수신 대기 없음";
    reachable: "reachable", "접속 가능";
    not_reachable: "not reachable", "접속 불가";
    not_looked: "not looked at yet", "아직 확인 전";
    cannot_tell: "cannot be told from here", "여기서는 확인할 수 없음";
    owner_permission: "another user’s process; the agent may not see it", "다른 사용자의 프로세스이며 볼 권한이 없음";
    owner_kernel: "the kernel itself", "커널";
    undeclared: "undeclared", "미등록";
    free: "free, as planned", "계획대로 비어 있음";
    free_stretch: "free (TCP)", "비어 있음 (TCP)";
    unclaimed_stretch: "not claimed", "미할당";
    ephemeral_stretch: "for outgoing connections: the kernel gives these to clients (ephemeral)", "나가는 연결용: 커널이 클라이언트에 배정하는 포트(ephemeral)";
    in_the_plan: "Plan", "계획";
    in_reality: "Reality", "실제";
    bound_to: "Bound to", "수신 주소";
    reach: "Reach", "노출 범위";
    held_by: "Held by", "사용 중인 프로세스";
    also_v4: "also v4", "v4 포함";
    nobody: "nobody", "없음";
    somebody: "somebody", "알 수 없는 프로세스";
    another_user: "another user’s process", "다른 사용자의 프로세스";
    tenures: "Who has held it", "사용 기록";
    port_changes: "What changed on its ports", "포트 변경 기록";
    no_port_changes: "Nothing has changed since it is watched.", "감시를 시작한 뒤로 바뀐 것이 없습니다.";
    hosts: "Hosts", "호스트";
    this_machine: "this machine", "이 서버";
    another_machine: "another machine, seen from here", "다른 서버(여기서 접속하여 확인)";
    policy: "Undeclared listeners", "미등록 포트 처리";
    policy_ignore: "are ignored", "무시";
    policy_warn: "are a warning", "경고";
    policy_critical: "are critical", "심각";
    ephemeral_range: "Given to clients", "클라이언트용 포트";
    processes: "Processes and their ports", "프로세스별 포트";
    pointing_here: "Checks that lead here", "이 호스트를 점검하는 항목";
    no_ports_here: "The plan claims no ports of this host.", "이 호스트에 등록된 포트가 없습니다.";
    map_of_ports: "Map of its ports", "포트 지도";
    legend_trouble: "trouble", "문제 있음";
    copy_markdown: "Copy as Markdown", "Markdown으로 복사";
    copied: "Copied", "복사됨";
    copy: "Copy", "복사";
    ports_lead: "What the plan allocates and reserves, beside what the machines really do.", "계획에서 할당하고 예약한 포트를 실제 상태와 나란히 보여 줍니다.";
    no_ports: "The plan claims no ports yet.", "계획에 등록된 포트가 아직 없습니다.";
    dns_lead: "Each planned record on each authoritative nameserver, asked directly.", "계획한 레코드를 권한 있는 네임서버마다 직접 조회한 결과입니다.";
    no_dns: "The plan watches no zone yet.", "감시 중인 DNS 존이 아직 없습니다.";
    not_asked: "Not asked yet.", "아직 조회하지 않았습니다.";
    record: "Record", "레코드";
    caches: "Caches", "캐시 리졸버";
    zone_above: "The zone above", "상위 존";
    zone_serial: "SOA serial", "SOA 일련번호";
    round_trip: "Round trip", "응답 시간";
    no_answer: "no answer", "응답 없음";
    unresolved: "does not resolve", "주소를 찾을 수 없음";
    odd_one: "differs from the others", "다른 서버와 다름";
    legend_match: "as planned", "계획과 일치";
    legend_bad: "not as planned", "계획과 다름";
    where_time_went: "Where the time went", "단계별 소요 시간";
    last_look: "Last look", "마지막 점검";
    next_look: "Next look", "다음 점검";
    every: "Interval", "주기";
    timeout: "Timeout", "제한 시간";
    thresholds: "Believed after", "판정 기준";
    seen: "What was seen", "관측 내용";
    history: "History", "기록";
    no_history: "Nothing is remembered of this check yet.", "아직 저장된 기록이 없습니다.";
    last_day: "Last 24 hours", "최근 24시간";
    last_quarter: "Last 90 days", "최근 90일";
    latency: "Latency", "응답 시간";
    longest: "longest", "최대";
    uptime: "good", "정상";
    no_observations: "no observations", "관측 없음";
    changes: "Changes of state", "상태 변화";
    open_incident: "Open incident", "진행 중인 장애";
    depends_on: "Depends on", "의존 대상";
    address: "Address", "주소";
    resolved_to: "Resolved to", "해석된 주소";
    banner: "Said first", "첫 응답";
    outer_side: "Outer side", "바깥쪽";
    inner_side: "Inner side", "안쪽";
    same_place: "the same place", "같은 곳";
    another_place: "another place", "다른 곳";
    not_told_apart: "whether that is the same place cannot be told", "같은 곳인지 알 수 없음";
    nobody_answers: "nobody answers", "응답 없음";
    speaks: "Speaks", "프로토콜";
    answered: "Answered", "인사에 대한 답";
    http_answer: "Answer", "응답";
    redirects: "Redirects", "리디렉션";
    body: "Body", "본문";
    tls_session: "TLS", "TLS";
    chain: "Chain", "인증서 체인";
    trusted: "leads to a trusted root", "신뢰할 수 있는 루트로 이어짐";
    not_trusted: "does not lead to a trusted root", "신뢰할 수 있는 루트로 이어지지 않음";
    planned_file: "Planned file", "계획된 파일";
    never: "not yet", "아직 없음";
    incidents_lead: "What went wrong, from the moment it was certain to the moment it was over.", "장애가 확정된 시점부터 해소된 시점까지의 기록입니다.";
    open_now: "Open now", "진행 중";
    recent: "Recent", "지난 장애";
    none_open: "Nothing is open.", "진행 중인 장애가 없습니다.";
    none_recent: "No incident is remembered.", "저장된 장애 기록이 없습니다.";
    opened: "Opened", "발생";
    resolved: "Resolved", "해소";
    lasted: "Lasted", "지속 시간";
    still_open: "still open", "진행 중";
    what_happened: "What happened", "내용";
    timeline: "Timeline", "시간순 기록";
    event_opened: "The incident opened", "장애가 발생했습니다";
    event_resolved: "The incident was resolved", "장애가 해소되었습니다";
    delivered: "delivered", "전달됨";
    not_delivered: "not delivered yet", "아직 전달되지 않음";
    gone_from_plan: "The check left the plan.", "이 점검은 계획에서 제거되었습니다.";
    explain_lead: "Every code that portwarden can report, what it means and what to do.", "portwarden이 보고할 수 있는 모든 진단 코드와 그 의미, 해결 방법입니다.";
    active_now: "Where this is the case now", "현재 해당하는 항목";
    meaning: "Meaning", "의미";
    usual_severity: "Usually", "기본 심각도";
    not_found_title: "There is no such page", "페이지를 찾을 수 없습니다";
    not_found_why: "The address may be mistyped, or the check or incident may have left the plan.", "주소가 잘못되었거나, 해당 점검 또는 장애가 계획에서 제거되었을 수 있습니다.";
    failed_title: "This page could not be made", "페이지를 만들 수 없습니다";
    back: "Back to the overview", "개요로 돌아가기";
    details: "Details", "자세히";
    loaded: "loaded", "불러옴";
    now: "now", "지금";
    just_now: "just now", "방금";
}

counted! {
    n_allocated: "{n} allocated", "{n} allocated", "할당 {n}";
    n_system: "{n} system", "{n} system", "시스템 {n}";
    n_reserved: "{n} reserved", "{n} reserved", "예약 {n}";
    n_undeclared: "{n} undeclared", "{n} undeclared", "미등록 {n}";
    n_rows_more: "{n} more row: see the page of this host", "{n} more rows: see the page of this host", "{n}개 행이 더 있습니다. 호스트 페이지에서 확인하십시오";
    n_hosts_folded: "{n} host is folded: its page shows every port", "{n} hosts are folded: their pages show every port", "호스트 {n}개는 접혀 있습니다. 호스트 페이지에서 모든 포트를 볼 수 있습니다";
    n_hundreds_more: "{n} more hundred", "{n} more hundreds", "100개 단위 {n}개 더";
    n_down: "{n} check is down", "{n} checks are down", "{n}개 항목에 장애가 있습니다";
    n_degraded: "{n} check needs attention", "{n} checks need attention", "{n}개 항목에 주의가 필요합니다";
    n_more_degraded: "{n} needs attention", "{n} need attention", "{n}개 항목은 주의가 필요합니다";
    n_causes: "{n} cause", "{n} causes", "원인 {n}건";
    n_consequences: "{n} more has the same cause", "{n} more have the same causes", "그로 인한 문제 {n}건";
    n_checks: "{n} check", "{n} checks", "항목 {n}개";
    n_hosts: "{n} host", "{n} hosts", "호스트 {n}개";
    n_explained: "{n} more has this cause", "{n} more have this cause", "이로 인한 문제 {n}건";
    n_more: "{n} more", "{n} more", "{n}개 더 보기";
    n_more_findings: "{n} more finding is not shown here: filter the list below.", "{n} more findings are not shown here: filter the list below.", "여기에 표시하지 않은 진단이 {n}건 더 있습니다. 아래 목록에서 조건을 적용해 확인하십시오.";
    n_days: "{n} day", "{n} days", "{n}일";
    n_bytes: "{n} byte", "{n} bytes", "{n}바이트";
    n_attempts: "{n} attempt", "{n} attempts", "{n}회 시도";
    n_bad: "{n} bad look in a row", "{n} bad looks in a row", "연속 {n}회 이상";
    n_pending: "{n} notification waits", "{n} notifications wait", "대기 중인 알림 {n}건";
}

phrases! {
    since_then(time): "since {time}", "{time}부터";
    before_that(who): "before: {who}", "이전: {who}";
    watched_from(checks, hosts, agent): "{checks} on {hosts}, seen from {agent}", "{agent}에서 {hosts}, {checks}를 감시 중";
    watched_from_hostless(checks, agent): "{checks}, seen from {agent}", "{agent}에서 {checks}를 감시 중";
    receiver_failing(receiver): "Notifications to {receiver} do not arrive.", "{receiver}(으)로 알림이 전달되지 않습니다.";
    page_of(page, pages): "Page {page} of {pages}", "{pages}쪽 중 {page}쪽";
    rows_of(from, to, all): "{from}–{to} of {all}", "전체 {all}개 중 {from}–{to}";
    for_span(span): "for {span}", "{span}째";
    ago(span): "{span} ago", "{span} 전";
    within(span): "in {span}", "{span} 후";
    tally(state, n): "{n} {state}", "{state} {n}";
    ports_on(host): "Ports on {host}", "{host} 포트";
    bar_label(when, share, seen): "{when}: {share} good of {seen}", "{when}: {seen}회 중 {share} 정상";
    bar_empty(when): "{when}: no observations", "{when}: 관측 없음";
    and_then(first, second): "{first}, {second}", "{first}. {second}";
}

impl Words {
    /// A number by itself.
    pub(crate) fn number(self, n: impl Count) -> String {
        amount::grouped(n.count())
    }

    pub(crate) fn state_of(self, state: impl Borrow<State>) -> &'static str {
        match (self.0, *state.borrow()) {
            (Language::En, State::Unknown) => "Unknown",
            (Language::En, State::Up) => "Up",
            (Language::En, State::Degraded) => "Degraded",
            (Language::En, State::Down) => "Down",
            (Language::Ko, State::Unknown) => "확인 전",
            (Language::Ko, State::Up) => "정상",
            (Language::Ko, State::Degraded) => "주의",
            (Language::Ko, State::Down) => "장애",
        }
    }

    pub(crate) fn severity_of(self, severity: impl Borrow<Severity>) -> &'static str {
        match (self.0, *severity.borrow()) {
            (Language::En, Severity::Critical) => "Critical",
            (Language::En, Severity::Warning) => "Warning",
            (Language::En, Severity::Notice) => "Notice",
            (Language::Ko, Severity::Critical) => "심각",
            (Language::Ko, Severity::Warning) => "경고",
            (Language::Ko, Severity::Notice) => "참고",
        }
    }

    pub(crate) fn kind_of(self, kind: impl Borrow<Kind>) -> &'static str {
        match (self.0, *kind.borrow()) {
            (Language::En, Kind::Port) => "Ports",
            (Language::Ko, Kind::Port) => "포트",
            (Language::En, Kind::Certificate) => "Certificate files",
            (Language::Ko, Kind::Certificate) => "인증서 파일",
            (_, Kind::Tcp) => "TCP",
            (Language::En, Kind::Forward) => "Forwards",
            (Language::Ko, Kind::Forward) => "포워딩",
            (Language::En, Kind::Acme) => "Renewal over HTTP-01",
            (Language::Ko, Kind::Acme) => "HTTP-01 갱신",
            (Language::En, Kind::Journey) => "Journeys",
            (Language::Ko, Kind::Journey) => "여정",
            (_, Kind::Websocket) => "WebSocket",
            (_, Kind::Grpc) => "gRPC",
            (Language::En, Kind::Icmp) => "Ping",
            (Language::Ko, Kind::Icmp) => "핑",
            (_, Kind::Udp) => "UDP",
            (Language::En, Kind::Heartbeat) => "Heartbeats",
            (Language::Ko, Kind::Heartbeat) => "하트비트",
            (Language::En, Kind::Agent) => "The agent itself",
            (Language::Ko, Kind::Agent) => "에이전트 자신",
            (_, Kind::Http) => "HTTP",
            (_, Kind::Tls) => "TLS",
            (_, Kind::Dns) => "DNS",
        }
    }

    pub(crate) fn claim_of(self, claim: impl Borrow<ClaimKind>) -> &'static str {
        match (self.0, *claim.borrow()) {
            (Language::En, claim) => claim.label(),
            (Language::Ko, ClaimKind::Allocated) => "할당",
            (Language::Ko, ClaimKind::Reserved) => "예약",
            (Language::Ko, ClaimKind::System) => "시스템",
        }
    }

    pub(crate) fn exposure_of(self, exposure: impl Borrow<Exposure>) -> &'static str {
        match (self.0, *exposure.borrow()) {
            (Language::En, exposure) => exposure.label(),
            (Language::Ko, Exposure::Loopback) => "로컬 전용",
            (Language::Ko, Exposure::Internal) => "내부망",
            (Language::Ko, Exposure::Public) => "외부 공개",
        }
    }

    pub(crate) fn phase_of(self, phase: impl Borrow<Phase>) -> &'static str {
        match (self.0, *phase.borrow()) {
            (Language::En, phase) => phase.label(),
            (Language::Ko, Phase::Resolve) => "이름 해석",
            (Language::Ko, Phase::Connect) => "연결",
            (Language::Ko, Phase::Tls) => "TLS",
            (Language::Ko, Phase::Processing) => "처리",
            (Language::Ko, Phase::Transfer) => "전송",
            (Language::Ko, Phase::Dialogue) => "대화",
            (Language::Ko, Phase::Delegation) => "위임 확인",
            (Language::Ko, Phase::Request) => "조회",
            (Language::Ko, Phase::Read) => "읽기",
        }
    }

    /// What kind of notification it was, from its own word; unknown words stay as they are.
    pub(crate) fn event_of(self, event: &str) -> &str {
        let event = event.strip_prefix("incident.").unwrap_or(event);
        match (self.0, event) {
            (Language::Ko, "opened") => "발생 알림",
            (Language::Ko, "updated") => "변경 알림",
            (Language::Ko, "reminder") => "재알림",
            (Language::Ko, "resolved") => "해소 알림",
            _ => event,
        }
    }
}
