//! Attributes that every cookie of a site over https has, whatever the cookie is for.
//!
//! Deliberately absent: HttpOnly. A token against forgery is read by scripts on purpose, and which
//! cookie is one cannot be told by its name; `expect.cookie` says it of one.

use health::{Code, Finding, text};
use http::header::SET_COOKIE;

use super::{Reply, Security, headers, label};
use crate::net::printable;

/// Most cookies of one answer that are looked at.
const MOST_COOKIES: usize = 50;

/// Adds a finding for each cookie that lacks an attribute; its value is never shown.
pub(super) fn judge(level: Security, reply: &Reply, findings: &mut Vec<Finding>) {
    for cookie in reply.headers.get_all(SET_COOKIE).iter().take(MOST_COOKIES) {
        let cookie = String::from_utf8_lossy(cookie.as_bytes());
        let (Some(name), missing) = missing(level, &cookie) else { continue };
        if missing.is_empty() {
            continue;
        }
        let (url, name) = (&reply.subject, printable(name.as_bytes(), 64));
        let missing = missing.join(", ");
        let subject = headers::subject(reply, &format!("set-cookie {name}"));
        if findings.iter().any(|known| known.subject == subject) {
            continue;
        }
        let finding = Finding::new(
            Code::HttpHeader,
            subject,
            text!(
                "{url} sets the cookie {name} without {missing}",
                "{url}에서 {missing} 속성 없이 쿠키 {name}을(를) 설정합니다"
            ),
            text!(
                "Set it where the cookie is made: Django `SESSION_COOKIE_SECURE = True`, Express `cookie: {{ secure: true, sameSite: 'lax' }}` with `app.set('trust proxy', 1)`, PHP `session.cookie_secure = 1`; or in nginx: `proxy_cookie_flags {name} secure samesite=lax;`. Without Secure it is sent in plain requests too.",
                "쿠키를 만드는 곳에서 설정하세요. Django `SESSION_COOKIE_SECURE = True`, Express `cookie: {{ secure: true, sameSite: 'lax' }}`와 `app.set('trust proxy', 1)`, PHP `session.cookie_secure = 1`. nginx에서는 `proxy_cookie_flags {name} secure samesite=lax;`입니다. Secure가 없으면 평문 요청에도 쿠키가 실립니다."
            ),
        );
        findings.push(finding.evidence("expected", missing).evidence("set", label(level)));
    }
}

/// The cookie's name, and which attributes it lacks; none of a cookie that is being removed.
fn missing(level: Security, cookie: &str) -> (Option<&str>, Vec<&'static str>) {
    let mut parts = cookie.split(';');
    let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
        return (None, Vec::new());
    };
    let attributes: Vec<(String, &str)> = parts
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()))
        .collect();
    let of =
        |wanted: &str| attributes.iter().find(|(name, _)| name == wanted).map(|&(_, value)| value);
    let is_removed = value.trim().trim_matches('"').is_empty()
        || of("max-age").is_some_and(|age| age.parse::<i64>().is_ok_and(|age| age <= 0));
    let mut missing = Vec::new();
    if !is_removed {
        if of("secure").is_none() {
            missing.push("Secure");
        }
        if level == Security::Strict && of("samesite").is_none_or(str::is_empty) {
            missing.push("SameSite");
        }
    }
    (Some(name.trim()), missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes() {
        for (cookie, basic, strict) in [
            ("sid=1", &["Secure"][..], &["Secure", "SameSite"][..]),
            ("sid=1; Path=/; secure", &[], &["SameSite"]),
            ("sid=1; SECURE; samesite=Lax; HttpOnly", &[], &[]),
            ("sid=; Max-Age=0", &[], &[]),
            ("sid=1; max-age=0", &[], &[]),
            ("sid=a=b; SameSite", &["Secure"], &["Secure", "SameSite"]),
            ("no pair", &[], &[]),
        ] {
            assert_eq!(missing(Security::Basic, cookie).1, basic, "{cookie}");
            assert_eq!(missing(Security::Strict, cookie).1, strict, "{cookie}");
        }
    }
}
