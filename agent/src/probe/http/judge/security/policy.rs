//! Content-Security-Policy, as far as it can be told whether it limits anything.

use health::{Text, text};
use http::HeaderMap;
use http::header::CONTENT_SECURITY_POLICY;

use super::Lack;

/// Most policies of one answer that are read, and most bytes of each.
const MOST_POLICIES: usize = 8;
const MOST_BYTES: usize = 16 * 1024;

/// Why the policies of an answer do not keep foreign scripts out. Where there are several, all of
/// them have to allow a script, so the best one counts.
pub(super) fn lack(sent: &HeaderMap) -> Option<Lack> {
    let policies = policies(sent);
    let lack =
        |what| Some(Lack { name: CONTENT_SECURITY_POLICY, what, better: "default-src 'self'" });
    let Some(first) = policies.first() else {
        return lack(text!(
            "a script that somebody smuggles into the page runs",
            "누군가 페이지에 끼워 넣은 스크립트가 그대로 실행됩니다"
        ));
    };
    if policies.iter().any(|policy| weakness(policy).is_none()) {
        return None;
    }
    weakness(first).and_then(lack)
}

/// A policy says which sites may frame the page, and that not all may.
pub(super) fn limits_framing(sent: &HeaderMap) -> bool {
    policies(sent).iter().any(|policy| {
        sources(policy, &["frame-ancestors"])
            .is_some_and(|sources| !sources.iter().any(|source| is_anybody(source)))
    })
}

/// The policies, lower case; one header may hold several (RFC 9110 section 5.3).
fn policies(sent: &HeaderMap) -> Vec<String> {
    let values = sent.get_all(CONTENT_SECURITY_POLICY).iter();
    let texts: Vec<String> = values
        .take(MOST_POLICIES)
        .map(|value| value.as_bytes())
        .map(|bytes| String::from_utf8_lossy(&bytes[..bytes.len().min(MOST_BYTES)]).to_lowercase())
        .collect();
    let each = texts.iter().flat_map(|text| text.split(',')).map(str::trim);
    each.filter(|policy| !policy.is_empty()).take(MOST_POLICIES).map(str::to_owned).collect()
}

/// The sources of the first of these directives that is there.
fn sources<'a>(policy: &'a str, directives: &[&str]) -> Option<Vec<&'a str>> {
    directives.iter().find_map(|wanted| {
        policy.split(';').find_map(|directive| {
            let mut words = directive.split_ascii_whitespace();
            (words.next() == Some(wanted)).then(|| words.collect())
        })
    })
}

fn weakness(policy: &str) -> Option<Text> {
    let Some(scripts) = sources(policy, &["script-src", "default-src"]) else {
        return Some(text!(
            "neither script-src nor default-src limits scripts",
            "script-src도 default-src도 없어 스크립트를 제한하지 않습니다"
        ));
    };
    let is_proof = |source: &&str| {
        ["'nonce-", "'sha256-", "'sha384-", "'sha512-"]
            .iter()
            .any(|start| source.starts_with(start))
    };
    let has_proof = scripts.iter().any(is_proof);
    // With strict-dynamic browsers ignore both inline permission and lists of hosts.
    let is_dynamic = has_proof && scripts.contains(&"'strict-dynamic'");
    if scripts.contains(&"'unsafe-inline'") && !has_proof {
        return Some(text!(
            "'unsafe-inline' lets every script in the page run",
            "'unsafe-inline' 때문에 페이지 안의 모든 스크립트가 실행됩니다"
        ));
    }
    if scripts.contains(&"'unsafe-eval'") {
        return Some(text!(
            "'unsafe-eval' lets text be run as a script",
            "'unsafe-eval' 때문에 텍스트가 스크립트로 실행될 수 있습니다"
        ));
    }
    if !is_dynamic && let Some(source) = scripts.iter().find(|source| is_anybody(source)) {
        return Some(text!(
            "{source} lets scripts come from anywhere",
            "{source} 때문에 어디서든 스크립트를 가져올 수 있습니다"
        ));
    }
    let objects = sources(policy, &["object-src", "default-src"]);
    if objects.is_none_or(|objects| objects.iter().any(|source| is_anybody(source))) {
        return Some(text!(
            "object-src does not limit plug-ins",
            "object-src가 플러그인을 제한하지 않습니다"
        ));
    }
    None
}

/// A source that is no limit: everything, or everything of a scheme.
fn is_anybody(source: &str) -> bool {
    matches!(source, "*" | "http:" | "https:" | "data:" | "blob:" | "http://*" | "https://*")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn sent(policies: &[&'static str]) -> HeaderMap {
        let pair = |policy| (CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        policies.iter().copied().map(pair).collect()
    }

    #[test]
    fn scripts() {
        for (policies, says) in [
            (&[][..], Some("smuggles")),
            (&["default-src 'self'"], None),
            (&["Default-Src 'SELF'; upgrade-insecure-requests"], None),
            (&["img-src 'self'"], Some("neither")),
            (&["default-src *"], Some("* lets")),
            (&["default-src 'self' https:"], Some("https: lets")),
            (&["default-src 'self'; script-src 'unsafe-inline'"], Some("unsafe-inline")),
            (&["default-src 'self'; script-src 'unsafe-inline' 'nonce-abc'"], None),
            (&["default-src 'self'; script-src 'unsafe-eval'"], Some("unsafe-eval")),
            (&["script-src 'self'"], Some("object-src")),
            (&["script-src 'nonce-a' 'strict-dynamic' https:; object-src 'none'"], None),
            (&["script-src 'strict-dynamic' https:; object-src 'none'"], Some("https:")),
            (&["default-src *", "default-src 'self'"], None),
            (&["default-src *, default-src 'none'"], None),
        ] {
            let lack = lack(&sent(policies));
            match (&lack, says) {
                (None, None) => {}
                (Some(lack), Some(says)) => assert!(lack.what.en.contains(says), "{policies:?}"),
                _ => panic!("{policies:?} {says:?} {:?}", lack.map(|lack| lack.what)),
            }
        }
    }

    #[test]
    fn frames() {
        for (policies, limits) in [
            (&[][..], false),
            (&["frame-ancestors 'none'"], true),
            (&["default-src 'self'"], false),
            (&["frame-ancestors *"], false),
            (&["frame-ancestors 'self' https://partner.example"], true),
            (&["frame-ancestors https:"], false),
        ] {
            assert_eq!(limits_framing(&sent(policies)), limits, "{policies:?}");
        }
    }
}
