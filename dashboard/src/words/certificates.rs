//! The words of the pages about certificates.

use std::borrow::Borrow;

use health::certificates::Life;
use health::facts::{RenewalSource, RevocationSource, RevocationStanding};
use health::{Language, State};

use super::{Count, Words};
use crate::amount;

words! {
    certificates_lead: "Every certificate once, wherever it is served or stored; what needs a look comes first.", "제공 중이거나 저장된 모든 인증서를 한 번씩, 살펴볼 것부터 보여 줍니다.";
    no_certificates: "No certificate has been seen yet.", "아직 확인된 인증서가 없습니다.";
    certificate_chain: "Issuing certificates", "발급자 인증서";
    unseen_title: "Where none was seen", "인증서를 확인하지 못한 곳";
    search_certificates_hint: "name, issuer, serial, file, address", "이름, 발급자, 일련번호, 파일, 주소";
    life_of_it: "Renewal", "갱신";
    state_due: "due", "갱신 시기";
    state_late: "late", "갱신 지연";
    replaced: "a newer one is there already", "더 새 인증서가 이미 있음";
    now_is: "Now", "지금";
    nothing_against: "nothing against it", "문제없음";
    state_over: "ended", "만료됨";
    state_well: "well", "정상";
    seen_where: "Seen", "위치";
    only_served: "served", "제공 중";
    only_stored: "in a file", "파일";
    order: "Order", "정렬";
    order_trouble: "what needs a look", "문제 우선";
    order_end: "first to end", "만료 순";
    order_due: "first to renew", "갱신 순";
    order_name: "name", "이름 순";
    all_certificates: "Certificates", "인증서";
    not_well: "Not well", "비정상";
    now_due: "Renewal due", "갱신 시기";
    now_blocked: "Renewal will fail", "갱신 실패 예상";
    ends_soon: "End within 7 days", "7일 안에 만료";
    ended: "ended", "만료됨";
    not_yet: "not valid yet", "아직 유효하지 않음";
    issued: "Issued", "발급";
    renewal_point: "Renewal due", "갱신 시기";
    late_after: "Late after", "지연 기준";
    ends: "Ends", "만료";
    life: "Life", "유효 기간";
    issuer: "Issuer", "발급자";
    names: "Names", "이름";
    served_by: "Served", "제공";
    file: "File", "파일";
    fingerprint: "SHA-256", "SHA-256";
    serial: "Serial", "일련번호";
    key: "Key", "키";
    signature: "Signature", "서명";
    pin: "Pin (SPKI)", "핀(SPKI)";
    timestamps: "SCTs", "SCT";
    no_timestamps: "none embedded", "없음";
    issuer_at: "Issuer’s certificate", "발급자 인증서 주소";
    ocsp: "OCSP", "OCSP";
    crl: "CRL", "CRL";
    renewal_id: "ARI identifier", "ARI 식별자";
    revocation: "Revocation", "폐기 여부";
    not_known: "not known", "알 수 없음";
    stapled: "stapled", "스테이플";
    published: "CRL", "CRL";
    said_until: "next", "다음 발표";
    revoked_since: "since", "폐기 시각";
    key_matches: "key matches", "키 일치";
    key_differs: "key does not match", "키 불일치";
    key_not_read: "key not read", "키를 읽지 못함";
    says_so: "By", "기준";
    renewer_file: "Its configuration", "갱신 설정";
    tried: "Last tried", "마지막 시도";
    failed_with: "It said", "오류 내용";
    in_the_way: "In the way", "갱신을 막는 것";
    nothing_in_the_way: "Nothing known stands in its way.", "갱신을 막는 것은 확인되지 않았습니다.";
    would_it_work: "Would the next one work?", "다음 갱신이 가능한가";
    not_tried: "No check tries it", "확인하는 점검 없음";
    http01: "HTTP-01", "HTTP-01";
    zone_checks: "DNS-01, CAA", "DNS-01, CAA";
    a_ca_gets_in: "a CA gets it", "CA가 받을 수 있음";
    a_ca_fails: "a CA fails", "CA가 받을 수 없음";
    chain_as_sent: "Chain as sent", "전송된 체인";
    chain_as_stored: "Chain as stored", "저장된 체인";
    leaf: "leaf", "리프";
    intermediate: "intermediate", "중간";
    root: "root", "루트";
    does_not_sign: "did not issue the one before", "앞 인증서의 발급자가 아님";
    ends_in_root: "the root is sent too: nobody needs it", "루트까지 보내고 있음(필요 없음)";
    own_root: "signed by itself", "자체 서명";
    places: "Places", "위치";
    place: "Where", "위치";
    asked_for: "Asked for", "요청한 이름";
    no_name_sent: "no name (no SNI)", "이름 없이(SNI 없음)";
    checked_by: "Check", "점검";
    named_in: "Named in", "설정 위치";
    should_serve: "should serve", "제공해야 할 파일";
    remembered: "not reached now; as seen before", "지금은 접속되지 않음, 이전에 본 내용";
    others_alike: "Others for the same name", "같은 이름의 다른 인증서";
    newer: "newer", "더 새것";
    older: "older", "더 옛것";
    below_it: "What it issued", "이것으로 발급된 인증서";
    no_tls: "no handshake", "핸드셰이크 없음";
    starttls: "STARTTLS", "STARTTLS";
    old_versions: "Old versions enabled", "허용된 이전 버전";
    client_certificate: "Client certificate", "클라이언트 인증서";
    is_asked_for: "asked for", "요구함";
    also_served: "Also served", "다른 곳의 제공 내용";
    same_certificate: "the same", "동일";
    challenge: "Challenge, fetched as a CA would", "CA처럼 가져온 챌린지";
    challenge_file: "File", "파일";
    no_address: "no address", "주소 없음";
    csv: "CSV", "CSV";
}

counted! {
    n_below: "{n} certificate below", "{n} certificates below", "하위 인증서 {n}개";
    n_places_more: "{n} more place", "{n} more places", "{n}곳 더";
}

phrases! {
    left_of(span): "{span} left", "{span} 남음";
    due_in(span): "renewal due in {span}", "{span} 후 갱신 시기";
    due_since(span): "renewal due for {span}", "갱신 시기가 {span} 지남";
    late_for(span): "renewal late by {span}", "갱신이 {span} 늦음";
    ended_ago(span): "ended {span} ago", "{span} 전 만료됨";
    starts_in(span): "valid in {span}", "{span} 후 유효";
    missing_above(name): "{name} is missing, or not trusted", "{name}이(가) 없거나 신뢰되지 않음";
    trusted_above(name): "{name}: a trusted root", "{name}: 신뢰할 수 있는 루트";
    signed_above(name): "issued by {name}", "발급자 {name}";
    get_it_at(url): "fetch it at {url}", "{url}에서 받을 수 있음";
    renewer_failed(said): "The renewer’s last try failed: {said}", "갱신 도구의 마지막 시도가 실패했습니다: {said}";
}

impl Words {
    /// Who says when a certificate is due.
    pub(crate) fn renewal_source(self, source: impl Borrow<RenewalSource>) -> &'static str {
        match (self.0, *source.borrow()) {
            (Language::En, RenewalSource::Lifetime) => "its lifetime",
            (Language::Ko, RenewalSource::Lifetime) => "유효 기간",
            (Language::En, RenewalSource::Plan) => "the plan",
            (Language::Ko, RenewalSource::Plan) => "계획",
            (_, RenewalSource::Certbot) => "certbot",
            (_, RenewalSource::AcmeSh) => "acme.sh",
            (Language::En, RenewalSource::Ari) => "its CA (ARI)",
            (Language::Ko, RenewalSource::Ari) => "CA(ARI)",
        }
    }

    pub(crate) fn revocation_of(self, standing: impl Borrow<RevocationStanding>) -> &'static str {
        match (self.0, *standing.borrow()) {
            (Language::En, RevocationStanding::Good) => "not revoked",
            (Language::Ko, RevocationStanding::Good) => "폐기되지 않음",
            (Language::En, RevocationStanding::Revoked) => "revoked",
            (Language::Ko, RevocationStanding::Revoked) => "폐기됨",
            (Language::En, RevocationStanding::Unknown) => "its CA does not know it",
            (Language::Ko, RevocationStanding::Unknown) => "CA가 모르는 인증서",
        }
    }

    pub(crate) fn revocation_source(self, source: impl Borrow<RevocationSource>) -> &'static str {
        match source.borrow() {
            RevocationSource::Staple => self.stapled(),
            RevocationSource::Crl => self.published(),
        }
    }

    /// What a CA would make of a challenge that was tried.
    pub(crate) fn tried_of(self, tried: impl Borrow<State>) -> &'static str {
        match tried.borrow() {
            State::Up => self.a_ca_gets_in(),
            State::Down | State::Degraded => self.a_ca_fails(),
            State::Unknown => self.cannot_tell(),
        }
    }

    /// How a certificate stands in its life, in one word.
    pub(crate) fn life_word(self, life: impl Borrow<Life>) -> &'static str {
        match life.borrow() {
            Life::Early => self.not_yet(),
            Life::Fresh => self.state_well(),
            Life::Due => self.state_due(),
            Life::Overdue => self.state_late(),
            Life::Over => self.state_over(),
            Life::Replaced => self.replaced(),
        }
    }
}
