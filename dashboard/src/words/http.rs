//! Words about requests, answers and how long they took.

use std::borrow::Borrow;

use health::Language;
use health::facts::{Role, Signal, Speaker};

use super::{Count, Words};
use crate::amount;

words! {
    every_request: "Every request of the last look", "마지막 점검의 요청";
    last_failure: "Last failure", "마지막 실패";
    last_success: "Last success", "마지막 성공";
    request: "Request", "요청";
    ask_by_hand: "Ask it yourself", "직접 요청해 보기";
    not_here: "← missing here", "← 여기에는 없음";
    not_there: "← not so in the other", "← 다른 쪽과 다름";
    latency_by_hour: "Latency by the hour", "시간별 응답 시간";
    spread_legend: "line p50, dark to p90, light to p99", "선 p50, 진한 부분 p90까지, 옅은 부분 p99까지";
    top_is: "top is", "위쪽 끝";
    subprotocol: "Subprotocol", "서브프로토콜";
    conversation: "Conversation", "대화";
    pong: "Pong after", "퐁 응답까지";
    closed_by_server: "Closed by the server", "서버가 닫음";
    grpc_service: "Service asked about", "확인한 서비스";
    whole_server: "the server as a whole", "서버 전체";
    grpc_says: "It says", "상태";
    connections: "Connections", "연결";
    reading: "reading", "읽는 중";
    writing: "writing", "쓰는 중";
    waiting: "waiting", "대기 중";
    since_its_start: "Since it started", "시작 이후";
    accepted: "accepted", "수락";
    dropped: "dropped", "거절";
    replies: "Replies", "응답";
    min_mean_max: "shortest, mean, longest", "최소, 평균, 최대";
    datagram: "Datagram", "데이터그램";
    the_job: "The job", "작업";
    it_calls: "It calls", "호출할 주소";
    rhythm: "How often", "주기";
    grace: "grace", "유예";
    last_report: "Last success", "마지막 성공";
    due: "Due", "예정 시각";
    missed_from: "Missed from", "누락 판정 시각";
    runs: "Runs", "실행 중";
    its_calls: "Its last calls", "최근 호출";
    exit_status: "exit status", "종료 코드";
    consequences: "What follows from it", "이로 인한 장애";
    its_cause: "It follows from", "원인 장애";
    no_longer: "no longer", "지금은 아님";
}

counted! {
    n_requests: "{n} request", "{n} requests", "요청 {n}건";
}

phrases! {
    replies_of(received, sent): "{received} of {sent}", "{sent}회 중 {received}회";
    by_way(way): "by way of {way}", "{way} 경로";
    spread_label(when, p50, p90, p99): "{when}: p50 {p50}, p90 {p90}, p99 {p99}", "{when}: p50 {p50}, p90 {p90}, p99 {p99}";
}

impl Words {
    pub(crate) fn speaker_of(self, speaker: impl Borrow<Speaker>) -> &'static str {
        match (self.0, *speaker.borrow()) {
            (Language::En, speaker) => speaker.label(),
            (Language::Ko, Speaker::Agent) => "에이전트",
            (Language::Ko, Speaker::Server) => "서버",
        }
    }

    pub(crate) fn signal_of(self, signal: impl Borrow<Signal>) -> &'static str {
        match (self.0, *signal.borrow()) {
            (Language::En, Signal::Start) => "began",
            (Language::En, Signal::Success) => "ended well",
            (Language::En, Signal::Fail) => "failed",
            (Language::Ko, Signal::Start) => "시작",
            (Language::Ko, Signal::Success) => "정상 종료",
            (Language::Ko, Signal::Fail) => "실패",
        }
    }

    pub(crate) fn role_of(self, role: impl Borrow<Role>) -> &'static str {
        match (self.0, *role.borrow()) {
            (Language::En, role) => role.label(),
            (Language::Ko, Role::Step) => "단계",
            (Language::Ko, Role::Way) => "경로",
            (Language::Ko, Role::Redirect) => "리디렉션",
            (Language::Ko, Role::Upstream) => "업스트림",
            (Language::Ko, Role::Control) => "대조",
        }
    }
}
