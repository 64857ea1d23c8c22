//! Words about requests, answers and how long they took.

use std::borrow::Borrow;

use health::Language;
use health::facts::Role;

use super::Words;

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
}

phrases! {
    by_way(way): "by way of {way}", "{way} 경로";
    spread_label(when, p50, p90, p99): "{when}: p50 {p50}, p90 {p90}, p99 {p99}", "{when}: p50 {p50}, p90 {p90}, p99 {p99}";
}

impl Words {
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
