//! The words of the DNS pages.

use std::borrow::Borrow;

use health::Language;
use health::facts::Security;

use super::{Count, Words};
use crate::amount;

words! {
    only: "Show", "보기";
    only_wrong: "what is wrong", "문제가 있는 것만";
    zone: "Zone", "존";
    zones: "Zones", "존";
    search_zones_hint: "record, value, server", "레코드, 값, 서버";
    raw_answer: "Raw answer", "원본 응답";
    close: "Close", "닫기";
    outcome: "Outcome", "결과";
    values: "Values", "값";
    flags: "Flags", "플래그";
    no_flags: "none set", "없음";
    ttl: "TTL", "TTL";
    sections: "Sections", "섹션";
    sections_hint: "answer, authority, additional", "answer, authority, additional";
    over: "Transport", "전송";
    by_hand: "By hand", "직접 확인";
    in_the_plan_it_is: "Planned", "계획";
    nameserver: "Nameserver", "네임서버";
    resolver: "Resolver", "리졸버";
    leaves_cache: "Leaves the cache", "캐시 만료";
    expired: "expired", "만료됨";
    drift: "What was said, and when", "응답 변화 기록";
    drift_lead: "Every change in what the nameservers say, newest first.", "네임서버 응답이 바뀐 시점을 최신순으로 보여 줍니다.";
    no_drift: "Nothing has changed yet.", "아직 바뀐 것이 없습니다.";
    still_so: "still so", "지금까지";
    dnssec: "DNSSEC", "DNSSEC";
    chain_from: "trusted from", "신뢰 기점";
    the_root: "the root", "루트";
    keys: "Keys", "키";
    ds_records: "DS at the parent", "상위 존의 DS";
    signatures: "Signatures", "서명";
    first_end: "first signature ends", "가장 이른 서명 만료";
    ds_missing: "no key for it in the zone", "존에 해당 키 없음";
    the_check: "The check", "점검 항목";
    not_as_shown: "Nothing here matches.", "일치하는 레코드가 없습니다.";
}

counted! {
    n_zones_folded: "{n} zone, all as planned", "{n} zones, each on a page of its own", "{n}개 존";
    n_records: "{n} record", "{n} records", "레코드 {n}개";
    n_servers: "{n} server", "{n} servers", "서버 {n}대";
    n_values_more: "+{n} more", "+{n} more", "외 {n}개";
    n_seconds: "{n} s", "{n} s", "{n}초";
}

phrases! {
    lost_of(lost, asked): "{lost} of {asked} lost", "{asked}건 중 {lost}건 손실";
    sets_hold(good, all): "{good} of {all} sets hold", "{all}개 중 {good}개 유효";
    missing_at(servers): "missing at {servers}", "{servers}에 없음";
}

impl Words {
    /// What an answer came to; what is not known stays as it is.
    pub(crate) fn outcome_of(self, outcome: &str) -> String {
        let (en, ko) = match outcome {
            "values" => ("values", "값 있음"),
            "nodata" => ("no such record", "레코드 없음"),
            "nxdomain" => ("no such name", "이름 없음"),
            "cname" => ("CNAME out of the zone", "존 밖을 가리키는 CNAME"),
            "cname-loop" => ("CNAME loop", "CNAME 순환"),
            "dangling" => ("CNAME to nowhere", "대상이 없는 CNAME"),
            "delegated" => ("delegated", "위임됨"),
            "not-authoritative" => ("not authoritative", "권한 없는 응답"),
            "timeout" => ("no answer", "응답 없음"),
            "unreachable" => ("unreachable", "도달할 수 없음"),
            "no-route" => ("no route there", "경로 없음"),
            "malformed" => ("not DNS", "DNS 응답이 아님"),
            "no-tcp" => ("truncated, and no TCP", "잘린 응답, TCP 불가"),
            "unresolved" => ("name does not resolve", "주소를 찾을 수 없음"),
            "formerr" | "servfail" | "notimp" | "refused" | "notauth" => {
                return outcome.to_uppercase();
            }
            other => (other, other),
        };
        match self.0 {
            Language::En => en,
            Language::Ko => ko,
        }
        .to_owned()
    }

    pub(crate) fn security_of(self, state: impl Borrow<Security>) -> &'static str {
        match (self.0, *state.borrow()) {
            (Language::En, state) => state.label(),
            (Language::Ko, Security::Secure) => "서명 유효",
            (Language::Ko, Security::Insecure) => "서명 없음",
            (Language::Ko, Security::Bogus) => "검증 실패",
            (Language::Ko, Security::Unknown) => "알 수 없음",
        }
    }
}
