//! In what form the answer came: type, character set, compression, version of HTTP.

use health::{Code, Finding, Text, text};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Version};

use super::{Reply, SHOWN_CHARS, headers};
use crate::net::printable;
use crate::probe::http::expect::Expect;

/// How far into a page its own `<meta charset>` is looked for, as HTML has it.
const META_BYTES: usize = 1024;

/// Adds what the head of the answer says against the plan.
pub(super) fn judge(expect: &Expect, reply: &Reply, findings: &mut Vec<Finding>) {
    findings.extend(content_type(expect, reply));
    findings.extend(encoding(expect, reply));
    findings.extend(protocol(expect, reply));
}

/// The media type of an answer, lower case and without parameters.
pub(super) fn media_type(sent: &HeaderMap) -> Option<String> {
    let value = sent.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

fn content_type(expect: &Expect, reply: &Reply) -> Option<Finding> {
    if expect.content_type.is_empty() {
        return None;
    }
    let kind = media_type(&reply.headers);
    let fits = |wanted: &String| {
        let Some(kind) = &kind else { return false };
        match wanted.strip_suffix("/*") {
            Some(class) => kind.split('/').next() == Some(class),
            None => kind == wanted,
        }
    };
    if expect.content_type.iter().any(fits) {
        return None;
    }
    let (url, wanted) = (&reply.subject, expect.content_type.join(" | "));
    let got = headers::values(&CONTENT_TYPE, reply);
    let summary = match &got {
        Some(got) => text!(
            "{url} comes as {got}, expected {wanted}",
            "{url}의 형식이 다릅니다: {got}, 기대 {wanted}"
        ),
        None => text!(
            "{url} does not say what it is, expected {wanted}",
            "{url}의 응답에 Content-Type이 없습니다. 기대: {wanted}"
        ),
    };
    Some(finding(
        headers::subject(reply, "content-type"),
        summary,
        text!(
            "See the body first: `curl -s {url} | head -c 500`. HTML where JSON should be is an error or login page, or the fallback of a single-page application (`try_files … /index.html`). Else the type is missing in the server: nginx `include mime.types;` or `types {{ … }}`.",
            "먼저 본문을 보세요: `curl -s {url} | head -c 500`. JSON 자리에 HTML이 오면 오류·로그인 페이지이거나 단일 페이지 애플리케이션의 대체 페이지(`try_files … /index.html`)입니다. 아니면 서버의 타입 설정을 보세요(nginx `include mime.types;`, `types {{ … }}`)."
        ),
        wanted,
        got,
    ))
}

/// The character set against what the answer says of itself; `bytes` is the body, unpacked.
pub(super) fn charset(expect: &Expect, reply: &Reply, bytes: &[u8]) -> Option<Finding> {
    let wanted = expect.charset.as_deref()?;
    let url = &reply.subject;
    let said = said_charset(&reply.headers, bytes);
    if !said.as_ref().is_some_and(|said| same_charset(said, wanted)) {
        let got = said;
        let summary = match &got {
            Some(got) => text!(
                "{url} is in {got}, expected {wanted}",
                "{url}의 문자 집합이 {got}입니다. 기대: {wanted}"
            ),
            None => text!(
                "{url} does not say its character set, expected {wanted}",
                "{url}의 응답에 문자 집합이 적혀 있지 않습니다. 기대: {wanted}"
            ),
        };
        return Some(finding(
            headers::subject(reply, "charset"),
            summary,
            text!(
                "nginx: `charset {wanted};`; a page: `<meta charset=\"{wanted}\">` at the very beginning of its head. See what it says: `curl -sI {url} | grep -i content-type`.",
                "nginx에서는 `charset {wanted};`, 페이지에서는 head 맨 앞에 `<meta charset=\"{wanted}\">`를 넣으세요. 확인: `curl -sI {url} | grep -i content-type`."
            ),
            wanted.to_owned(),
            got,
        ));
    }
    if !same_charset(wanted, "utf-8") {
        return None;
    }
    let at = match std::str::from_utf8(bytes) {
        Ok(_) => return None,
        // A letter cut in two by the cap is no fault of the server's.
        Err(error) if error.error_len().is_none() && reply.body.is_over_cap => return None,
        Err(error) => error.valid_up_to(),
    };
    let line = 1 + bytes[..at].iter().filter(|&&byte| byte == b'\n').count();
    let near = printable(&bytes[at.saturating_sub(40)..bytes.len().min(at + 40)], SHOWN_CHARS);
    let found = finding(
        headers::subject(reply, "charset"),
        text!(
            "{url} says utf-8 and is not: line {line} has other bytes",
            "{url}은(는) utf-8이라고 하지만 아닙니다: {line}번째 줄에 다른 바이트가 있습니다"
        ),
        text!(
            "Part of it is in another character set, such as EUC-KR or Latin-1: a file saved by an old editor, or a database connection without `SET NAMES utf8mb4`. Find it: `curl -s {url} | iconv -f utf-8 -t utf-8 >/dev/null`.",
            "일부가 EUC-KR이나 Latin-1 같은 다른 문자 집합입니다. 오래된 편집기로 저장한 파일이나 `SET NAMES utf8mb4` 없는 데이터베이스 연결을 확인하세요. 위치 찾기: `curl -s {url} | iconv -f utf-8 -t utf-8 >/dev/null`."
        ),
        "utf-8".to_owned(),
        Some(near),
    );
    Some(found.evidence("line", line).evidence("at_byte", at))
}

/// What an answer says of its character set: in the header, by a mark, in the page; of JSON it is
/// known (RFC 8259).
fn said_charset(sent: &HeaderMap, bytes: &[u8]) -> Option<String> {
    let value = sent.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let named = value.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    });
    if let Some(named) = named.filter(|named| !named.is_empty()) {
        return Some(printable(named.to_ascii_lowercase().as_bytes(), 40));
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Some("utf-8".to_owned());
    }
    let kind = media_type(sent).unwrap_or_default();
    if kind == "application/json" || kind.ends_with("+json") {
        return Some("utf-8".to_owned());
    }
    if !kind.contains("html") {
        return None;
    }
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(META_BYTES)]).to_ascii_lowercase();
    let after = head.split("<meta").skip(1).find_map(|tag| {
        let tag = tag.split('>').next()?;
        Some(tag.split_once("charset")?.1.trim_start().strip_prefix('=')?.trim_start())
    })?;
    let named = after.trim_start_matches(['"', '\'']);
    let end = named.find(['"', '\'', ';', ' ', '/']).unwrap_or(named.len());
    (end > 0).then(|| printable(&named.as_bytes()[..end], 40))
}

fn same_charset(one: &str, other: &str) -> bool {
    let plain = |name: &str| name.to_ascii_lowercase().replace(['-', '_'], "");
    plain(one) == plain(other)
}

fn encoding(expect: &Expect, reply: &Reply) -> Option<Finding> {
    if expect.encoding.is_empty() {
        return None;
    }
    let named = reply.headers.get(CONTENT_ENCODING);
    let named = named.map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_lowercase());
    let got = match named.as_deref() {
        None | Some("") => "identity",
        Some("x-gzip") => "gzip",
        Some(other) => other,
    };
    if expect.encoding.contains(&got) {
        return None;
    }
    let (url, wanted) = (&reply.subject, expect.encoding.join(" | "));
    let bytes = reply.body.received;
    let (summary, remedy) = if got == "identity" {
        (
            text!(
                "{url} comes uncompressed ({bytes} bytes), expected {wanted}",
                "{url}이(가) 압축되지 않은 채 옵니다({bytes}바이트). 기대: {wanted}"
            ),
            text!(
                "nginx: `gzip on; gzip_types text/css application/javascript application/json;` (text/html is always among them), `gzip_proxied any;` where another proxy stands before it; answers below `gzip_min_length` (20 bytes) and those to HTTP/1.0 stay as they are. See: `curl -sI -H 'Accept-Encoding: {wanted}' {url} | grep -i content-encoding`.",
                "nginx에서는 `gzip on; gzip_types text/css application/javascript application/json;`(text/html은 항상 포함), 앞에 다른 프록시가 있으면 `gzip_proxied any;`도 필요합니다. `gzip_min_length`(20바이트)보다 작거나 HTTP/1.0이면 압축하지 않습니다. 확인: `curl -sI -H 'Accept-Encoding: {wanted}' {url} | grep -i content-encoding`."
            ),
        )
    } else {
        (
            text!(
                "{url} comes compressed with {got}, expected {wanted}",
                "{url}이(가) {got}(으)로 압축되어 옵니다. 기대: {wanted}",
                got = printable(got.as_bytes(), 40)
            ),
            text!(
                "It was asked for {wanted} alone. A server or cache that sends something else to everybody breaks clients that cannot read it: look for `Vary: Accept-Encoding` in `curl -sI {url}`.",
                "{wanted}만 요청했습니다. 모두에게 다른 것을 보내는 서버나 캐시는 읽지 못하는 클라이언트를 깨뜨립니다. `curl -sI {url}`에 `Vary: Accept-Encoding`이 있는지 보세요."
            ),
        )
    };
    let got = Some(printable(got.as_bytes(), 40));
    Some(finding(headers::subject(reply, "content-encoding"), summary, remedy, wanted, got))
}

fn protocol(expect: &Expect, reply: &Reply) -> Option<Finding> {
    let got = match reply.version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    };
    if expect.protocol.is_empty() || expect.protocol.contains(&got) {
        return None;
    }
    let (url, wanted) = (&reply.subject, expect.protocol.join(" | "));
    let finding = Finding::new(
        Code::HttpVersion,
        &**url,
        text!(
            "{url} answers in HTTP/{got}, expected {wanted}",
            "{url}에서 HTTP/{got}(으)로 응답합니다. 기대: {wanted}"
        ),
        text!(
            "HTTP/2: nginx `http2 on;` (before 1.25.1 `listen 443 ssl http2;`), HAProxy `alpn h2,http/1.1` on the bind line; a load balancer that ends TLS has its own switch. HTTP/1.0 comes from a very old server or proxy. See: `curl -so /dev/null -w '%{{http_version}}\\n' {url}`.",
            "HTTP/2는 nginx `http2 on;`(1.25.1 이전은 `listen 443 ssl http2;`), HAProxy는 bind 줄의 `alpn h2,http/1.1`로 켭니다. TLS를 처리하는 로드 밸런서에는 자체 설정이 있습니다. HTTP/1.0은 오래된 서버나 프록시에서 옵니다. 확인: `curl -so /dev/null -w '%{{http_version}}\\n' {url}`."
        ),
    )
    .evidence("expected", wanted)
    .evidence("got", got);
    Some(finding)
}

fn finding(
    subject: String,
    summary: Text,
    remedy: Text,
    wanted: String,
    got: Option<String>,
) -> Finding {
    Finding::new(Code::HttpHeader, subject, summary, remedy)
        .evidence("expected", wanted)
        .evidence("got", headers::shown(got))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn character_sets_are_found_where_browsers_look() {
        for (kind, body, said) in [
            ("text/html; charset=UTF-8", "", Some("utf-8")),
            ("text/html;Charset=\"EUC-KR\"", "", Some("euc-kr")),
            ("text/html; charset=", "<meta charset=utf-8>", Some("utf-8")),
            ("text/html", "<html><head><meta charset=\"utf-8\"/>", Some("utf-8")),
            (
                "text/html",
                "<META http-equiv='Content-Type' content='text/html; charset=euc-kr'>",
                Some("euc-kr"),
            ),
            ("text/html", "<meta name=viewport><meta charset = 'UTF-8'>", Some("utf-8")),
            ("text/html", "\u{feff}<html>", Some("utf-8")),
            ("text/html", "<html>charset=utf-8", None),
            ("text/html", "<meta charset>", None),
            ("text/plain", "<meta charset=utf-8>", None),
            ("application/json", "{}", Some("utf-8")),
            ("application/problem+json", "{}", Some("utf-8")),
        ] {
            let sent = [(CONTENT_TYPE, HeaderValue::from_static(kind))].into_iter().collect();
            assert_eq!(said_charset(&sent, body.as_bytes()).as_deref(), said, "{kind} {body}");
        }
        assert!(same_charset("UTF8", "utf-8") && !same_charset("euc-kr", "utf-8"));
    }
}
