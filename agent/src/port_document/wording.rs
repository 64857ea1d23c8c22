//! The words of the document in both languages. What is written here is what [`super::sections`],
//! [`super::columns`] and [`super::cells`] must be able to read again; a test holds them to it.

use health::{ClaimKind, Exposure, Language};

/// Everything the document says by itself.
pub(super) struct Wording {
    pub(super) title: &'static str,
    pub(super) preface: &'static str,
    pub(super) address: &'static str,
    pub(super) this_machine: &'static str,
    pub(super) no_claims: &'static str,
    /// Port, protocol, service, exposure, process, description.
    pub(super) headings: [&'static str; 6],
    pub(super) undeclared: &'static str,
    pub(super) nobody_undeclared: &'static str,
    /// Port, protocol, where it is bound, process.
    pub(super) undeclared_headings: [&'static str; 4],
    pub(super) firewall: &'static str,
    /// Reachable from, protocol, ports, what the firewall does.
    pub(super) firewall_headings: [&'static str; 4],
}

pub(super) const fn wording(language: Language) -> &'static Wording {
    match language {
        Language::En => &ENGLISH,
        Language::Ko => &KOREAN,
    }
}

/// The command that wrote the document: how one written here is known again.
pub(super) const COMMAND: &str = "`portwarden ports --format markdown`";

const ENGLISH: Wording = Wording {
    title: "Port allocation",
    preface: "Written by `portwarden ports --format markdown`. Change the plan and write this page again;\n\
              `portwarden ports --check FILE` says where it no longer holds.",
    address: "Address",
    this_machine: "this machine",
    no_claims: "No port is claimed.",
    headings: ["Port", "Protocol", "Service", "Exposure", "Process", "Description"],
    undeclared: "Undeclared",
    nobody_undeclared: "Nothing listens that is not claimed.",
    undeclared_headings: ["Port", "Protocol", "Listening on", "Process"],
    firewall: "Firewall",
    firewall_headings: ["Reachable from", "Protocol", "Ports", "Firewall"],
};

const KOREAN: Wording = Wording {
    title: "포트 할당표",
    preface: "`portwarden ports --format markdown` 명령으로 만든 문서입니다. 계획을 고친 뒤 다시 만들어 주세요.\n\
              현실과 어긋난 곳은 `portwarden ports --check FILE` 명령이 알려 줍니다.",
    address: "주소",
    this_machine: "이 서버",
    no_claims: "등록된 포트가 없습니다.",
    headings: ["포트", "프로토콜", "서비스", "공개 범위", "프로세스", "설명"],
    undeclared: "미등록 포트",
    nobody_undeclared: "등록되지 않은 포트를 쓰는 프로그램이 없습니다.",
    undeclared_headings: ["포트", "프로토콜", "수신 주소", "프로세스"],
    firewall: "방화벽",
    firewall_headings: ["접근 범위", "프로토콜", "포트", "방화벽"],
};

/// The heading over the claims of one kind.
pub(super) const fn section(kind: ClaimKind, language: Language) -> &'static str {
    match (kind, language) {
        (ClaimKind::Allocated, Language::En) => "Allocated",
        (ClaimKind::System, Language::En) => "System",
        (ClaimKind::Reserved, Language::En) => "Reserved",
        (ClaimKind::Allocated, Language::Ko) => "할당된 포트",
        (ClaimKind::System, Language::Ko) => "시스템 포트",
        (ClaimKind::Reserved, Language::Ko) => "예약된 포트",
    }
}

/// How widely a port may be reached, in a cell.
pub(super) const fn exposure(exposure: Exposure, language: Language) -> &'static str {
    match (exposure, language) {
        (exposure, Language::En) => exposure.label(),
        (Exposure::Loopback, Language::Ko) => "루프백",
        (Exposure::Internal, Language::Ko) => "내부망",
        (Exposure::Public, Language::Ko) => "외부 공개",
    }
}

/// A kind of claim in the middle of a sentence.
pub(super) const fn kind(kind: ClaimKind, language: Language) -> &'static str {
    match (kind, language) {
        (kind, Language::En) => kind.label(),
        (ClaimKind::Allocated, Language::Ko) => "할당",
        (ClaimKind::System, Language::Ko) => "시스템",
        (ClaimKind::Reserved, Language::Ko) => "예약",
    }
}
