//! Whether an answer of 101 is a WebSocket's (RFC 6455 section 4.1). Pure.

use health::{Code, Finding, Text, text};
use http::header::{SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use http::{HeaderMap, HeaderName};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::hop;
use crate::net::printable;

const SHOWN_CHARS: usize = 128;

/// Why every browser would drop the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// It changes to something else, or does not say to what.
    Protocol(String),
    /// Not the answer to the key that was sent.
    Accept { expected: String, got: String },
    /// Subprotocols were offered, and none of them was chosen.
    Subprotocol { offered: String, got: String },
}

/// The subprotocol chosen, where one was.
///
/// # Errors
/// What is wrong.
pub(super) fn judge(
    headers: &HeaderMap,
    key: &str,
    offered: &[String],
) -> Result<Option<String>, Flaw> {
    let value = |name: &HeaderName| {
        let value = headers.get(name).map_or(&b""[..], |value| value.as_bytes());
        printable(value.trim_ascii(), SHOWN_CHARS)
    };
    let upgrade = value(&UPGRADE);
    if !upgrade.eq_ignore_ascii_case("websocket") {
        return Err(Flaw::Protocol(upgrade));
    }
    let (expected, got) = (derive_accept_key(key.as_bytes()), value(&SEC_WEBSOCKET_ACCEPT));
    if got != expected {
        return Err(Flaw::Accept { expected, got });
    }
    let chosen = value(&SEC_WEBSOCKET_PROTOCOL);
    let is_offered = offered.contains(&chosen);
    match chosen.is_empty() {
        true if offered.is_empty() => Ok(None),
        false if is_offered => Ok(Some(chosen)),
        _ => Err(Flaw::Subprotocol { offered: offered.join(", "), got: chosen }),
    }
}

impl Flaw {
    /// The finding for it, about an answer with these headers from this peer.
    pub(super) fn into_finding(self, url: &str, headers: &HeaderMap, peer: &str) -> Finding {
        let who = hop::named(headers).unwrap_or_else(|| "the server".to_owned());
        let Text { en, ko } = self.words();
        let summary = text!(
            "{url} answers 101, but no client accepts that as a WebSocket: {en}",
            "{url}에서 101 응답이 오지만 어떤 클라이언트도 WebSocket으로 받아들이지 않습니다: {ko}"
        );
        let (expected, got) = match &self {
            Self::Protocol(got) => ("Upgrade: websocket".to_owned(), got.clone()),
            Self::Accept { expected, got } => (expected.clone(), got.clone()),
            Self::Subprotocol { offered, got } => (offered.clone(), got.clone()),
        };
        let finding = Finding::new(Code::HttpUpgradeRefused, url, summary, self.remedy(&who));
        let finding = finding.evidence("expected", expected).evidence("got", got);
        finding.evidence("address", peer)
    }

    fn words(&self) -> Text {
        match self {
            Self::Protocol(got) if got.is_empty() => text!(
                "it does not say to which protocol it changes",
                "어떤 프로토콜로 바꾸는지 밝히지 않습니다"
            ),
            Self::Protocol(got) => {
                text!("it changes to {got} instead", "대신 {got}(으)로 바꿉니다")
            }
            Self::Accept { got, .. } if got.is_empty() => {
                text!("`Sec-WebSocket-Accept` is missing", "`Sec-WebSocket-Accept` 헤더가 없습니다")
            }
            Self::Accept { .. } => text!(
                "`Sec-WebSocket-Accept` is not the answer to the key that was sent",
                "`Sec-WebSocket-Accept`가 보낸 키에 대한 답이 아닙니다"
            ),
            Self::Subprotocol { offered, got } if got.is_empty() => text!(
                "it chose none of the subprotocols offered ({offered})",
                "제안한 서브프로토콜({offered}) 가운데 아무것도 고르지 않았습니다"
            ),
            Self::Subprotocol { offered, got } if offered.is_empty() => text!(
                "it chose the subprotocol {got}, and none was offered",
                "제안하지 않은 서브프로토콜 {got}을(를) 골랐습니다"
            ),
            Self::Subprotocol { offered, got } => text!(
                "it chose the subprotocol {got}, and {offered} was offered",
                "서브프로토콜 {got}을(를) 골랐지만 제안한 것은 {offered}입니다"
            ),
        }
    }

    fn remedy(&self, who: &str) -> Text {
        match self {
            Self::Protocol(_) | Self::Accept { .. } => text!(
                "Something on the way makes up or repeats an answer that only the application can give: a cache or a proxy that does not pass `Upgrade`, `Sec-WebSocket-Key` and the answer on untouched (here {who}), or an application that does the handshake by hand and wrongly. Compare with the application itself, without the proxy.",
                "애플리케이션만 할 수 있는 응답을 중간에서 지어내거나 되풀이하고 있습니다: `Upgrade`, `Sec-WebSocket-Key`와 응답을 그대로 넘기지 않는 캐시나 프록시(여기서는 {who}), 또는 핸드셰이크를 직접 잘못 구현한 애플리케이션입니다. 프록시 없이 애플리케이션에 직접 물어 비교하세요."
            ),
            Self::Subprotocol { .. } => text!(
                "Write in `subprotocol` what the application speaks, or let the application choose one of those offered: browsers drop the connection otherwise.",
                "`subprotocol`에 애플리케이션이 쓰는 값을 적거나, 애플리케이션이 제안된 것 가운데 하나를 고르게 하세요. 그러지 않으면 브라우저가 연결을 끊습니다."
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    #[test]
    fn an_answer_of_101_is_held_against_the_request() {
        let (chat, both) = (vec!["chat".to_owned()], vec!["chat".to_owned(), "v2".to_owned()]);
        for (upgrade, accept, chosen, offered, expected) in [
            ("websocket", ACCEPT, "", &vec![], "None"),
            ("WebSocket", ACCEPT, "", &vec![], "None"),
            ("websocket", ACCEPT, "chat", &chat, "chat"),
            ("websocket", ACCEPT, "v2", &both, "v2"),
            ("websocket", ACCEPT, "", &chat, "none of the subprotocols offered (chat)"),
            (
                "websocket",
                ACCEPT,
                "v3",
                &both,
                "chose the subprotocol v3, and chat, v2 was offered",
            ),
            ("websocket", ACCEPT, "chat", &vec![], "chose the subprotocol chat, and none was"),
            ("", ACCEPT, "", &vec![], "does not say to which protocol"),
            ("h2c", ACCEPT, "", &vec![], "changes to h2c"),
            ("websocket", "", "", &vec![], "Accept` is missing"),
            ("websocket", "AAAA", "", &vec![], "is not the answer to the key"),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [
                (UPGRADE, upgrade),
                (SEC_WEBSOCKET_ACCEPT, accept),
                (SEC_WEBSOCKET_PROTOCOL, chosen),
            ] {
                if !value.is_empty() {
                    headers.insert(name, HeaderValue::from_str(value).unwrap());
                }
            }
            let got = match judge(&headers, KEY, offered) {
                Ok(chosen) => chosen.unwrap_or_else(|| "None".to_owned()),
                Err(flaw) => flaw.into_finding("ws://a/", &headers, "a").summary.en,
            };
            assert!(got.contains(expected), "{upgrade:?} {accept:?} {chosen:?}: {got}");
        }
    }
}
