//! How stumbles and places are said.

use std::path::Path;

use health::facts::HopFacts;
use health::{Text, text};

use super::Spec;
use super::body::Instead;
use super::detour::Detour;
use super::reached::Outlook;
use super::token;
use super::trial::Stumble;
use crate::net::Failure;

/// Names that a sentence lists at most.
const MOST_NAMES: usize = 3;

impl Stumble {
    /// In few words, for the hop where it happened.
    pub(super) fn words(&self) -> String {
        what(self).en
    }
}

/// What went wrong, as it reads after a colon.
pub(super) fn what(stumble: &Stumble) -> Text {
    match stumble {
        Stumble::Unresolved(finding) | Stumble::NoTls(finding) => finding.summary.clone(),
        Stumble::Closed(failure, outlook) => failed(failure, *outlook),
        Stumble::Silent => text!("no answer in time", "제시간에 응답이 없습니다"),
        Stumble::Cut(how) => text!(
            "the connection was {how} before the answer was whole",
            "응답이 끝나기 전에 연결이 끊겼습니다({how})"
        ),
        Stumble::NotHttp(reason, first) if first.is_empty() => {
            text!(
                "what answers does not speak HTTP: {reason}",
                "HTTP로 응답하지 않습니다: {reason}"
            )
        }
        Stumble::NotHttp(reason, first) => text!(
            "what answers does not speak HTTP ({reason}): \"{first}\"",
            "HTTP로 응답하지 않습니다({reason}): \"{first}\""
        ),
        Stumble::Detour(detour) => off_the_way(detour),
        Stumble::Status(status, _) => {
            let (number, reason) = (status.as_u16(), status.canonical_reason().unwrap_or(""));
            let whole = format!("{number} {reason}");
            let whole = whole.trim_end();
            text!("it answers {whole}", "{whole}(으)로 응답합니다")
        }
        Stumble::Instead(instead, _) => came(instead),
    }
}

fn off_the_way(detour: &Detour) -> Text {
    match detour {
        Detour::Nowhere(reason) => {
            text!("it redirects nowhere: {reason}", "갈 수 없는 곳으로 리다이렉트합니다: {reason}")
        }
        Detour::Port(port) => text!(
            "it redirects to port {port}, and a CA follows to 80 and 443 only",
            "{port}번 포트로 리다이렉트하지만 CA는 80과 443으로만 따라갑니다"
        ),
        Detour::Address(address) => text!(
            "it redirects to the address {address}, and a CA follows to names only",
            "IP 주소 {address}(으)로 리다이렉트하지만 CA는 도메인 이름으로만 따라갑니다"
        ),
        Detour::SeeOther => text!(
            "it redirects with 303, which a CA does not follow",
            "CA가 따라가지 않는 303으로 리다이렉트합니다"
        ),
        Detour::Loop => text!("the redirect loops", "리다이렉트가 같은 곳으로 되돌아옵니다"),
        Detour::TooMany => text!(
            "one redirect more than the ten that a CA follows",
            "CA가 따라가는 열 번을 넘겨 리다이렉트합니다"
        ),
    }
}

fn came(instead: &Instead) -> Text {
    match instead {
        Instead::Nothing => text!("200, but nothing in it", "200이지만 내용이 없습니다"),
        Instead::Login(title) => {
            text!(
                "a login page came instead: \"{title}\"",
                "대신 로그인 화면이 왔습니다: \"{title}\""
            )
        }
        Instead::Page(title) => {
            text!("a page came instead: \"{title}\"", "대신 웹 페이지가 왔습니다: \"{title}\"")
        }
        Instead::OtherChallenge => text!(
            "something answers challenges by itself, and not with the file",
            "파일이 아니라 다른 무언가가 챌린지에 스스로 응답합니다"
        ),
        Instead::Wrapped(shown) => text!(
            "the file came with something around it: \"{shown}\"",
            "파일 내용에 다른 것이 덧붙어 왔습니다: \"{shown}\""
        ),
        Instead::Other(shown) => {
            text!("something else came: \"{shown}\"", "다른 내용이 왔습니다: \"{shown}\"")
        }
    }
}

/// Why there is no connection.
pub(super) fn failed(failure: &Failure, outlook: Outlook) -> Text {
    if outlook == Outlook::NoWay {
        return text!(
            "this machine has no way there",
            "이 서버에서는 그곳으로 가는 경로가 없습니다"
        );
    }
    match failure {
        Failure::Refused => text!("the connection is refused", "연결이 거부됩니다"),
        Failure::Timeout => text!("no answer to the connection", "연결 응답이 없습니다"),
        Failure::Unreachable(error) | Failure::Exhausted(error) => Text::same(error),
        Failure::Reset => text!("the connection is cut at once", "연결이 바로 끊깁니다"),
    }
}

/// `https://shop.example/… (127.0.0.1:8443)`
pub(super) fn place(hop: &HopFacts, tokenless: &impl Fn(&str) -> String) -> String {
    let url = tokenless(&hop.url);
    match hop.address {
        Some(address) => format!("{url} ({address})"),
        None => url,
    }
}

/// Some names, and that there are more.
pub(super) fn few(names: &[&str]) -> String {
    let mut text = names.iter().take(MOST_NAMES).copied().collect::<Vec<_>>().join(", ");
    if names.len() > MOST_NAMES {
        text.push_str(", …");
    }
    text
}

/// The same by hand: a file put down, fetched and removed.
pub(super) fn by_hand(spec: &Spec, domain: &str, webroot: &Path) -> String {
    let file = token::folder(webroot).join("by-hand").display().to_string();
    let ways: String = [80, 443]
        .into_iter()
        .filter_map(|port| {
            let to = spec.endpoint(domain, port)?;
            Some(format!(" --connect-to '{domain}:{port}:{to}'"))
        })
        .collect();
    format!(
        "echo hello > '{file}'; curl -sSLk -D -{ways} 'http://{domain}/.well-known/acme-challenge/by-hand'; rm '{file}'"
    )
}

/// The user that this program runs as, as `setfacl` takes it.
pub(super) fn own_user() -> String {
    rustix::process::geteuid().as_raw().to_string()
}
