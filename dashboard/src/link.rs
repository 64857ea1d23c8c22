//! Addresses of pages. Check names may hold anything, so they are percent-encoded.

use std::fmt::Write;

/// A path segment or query value, percent-encoded (RFC 3986): unreserved characters stay.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The page of a check.
pub(crate) fn check(name: &str) -> String {
    format!("/checks/{}", encode(name))
}

/// The page of the certificate with this SHA-256 in hex.
pub(crate) fn certificate(fingerprint: &str) -> String {
    format!("/certificates/{}", encode(fingerprint))
}

/// The page of the zone that a check looks at, narrowed to some words.
pub(crate) fn zone(check: &str, words: &str) -> String {
    with_query(&format!("/dns/{}", encode(check)), &[("q", words)])
}

/// The page of a host.
pub(crate) fn host(name: &str) -> String {
    format!("/hosts/{}", encode(name))
}

/// The page of an incident.
pub(crate) fn incident(id: &str) -> String {
    format!("/incidents/{}", encode(id))
}

/// A path with those parameters that have a value.
pub(crate) fn with_query(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut address = path.to_owned();
    let mut separator = '?';
    for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
        address.push(separator);
        address.push_str(name);
        address.push('=');
        address.push_str(&encode(value));
        separator = '&';
    }
    address
}

/// The same address in another language: the query as it came, its `lang` replaced.
pub(crate) fn in_language(path: &str, query: &str, language: &str) -> String {
    let mut address = format!("{path}?");
    for parameter in query.split('&') {
        let name = parameter.split('=').next().unwrap_or_default();
        if !parameter.is_empty() && name != "lang" {
            address.push_str(parameter);
            address.push('&');
        }
    }
    address.push_str("lang=");
    address.push_str(language);
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_kind_make_one_segment() {
        assert_eq!(check("web:53/udp"), "/checks/web%3A53%2Fudp");
        assert_eq!(check("상점 #1?"), "/checks/%EC%83%81%EC%A0%90%20%231%3F");
    }

    #[test]
    fn the_language_switch_keeps_the_rest() {
        assert_eq!(in_language("/", "", "ko"), "/?lang=ko");
        assert_eq!(
            in_language("/ports", "q=a%26b&lang=en&page=2", "ko"),
            "/ports?q=a%26b&page=2&lang=ko"
        );
        assert_eq!(
            with_query("/", &[("q", "a b"), ("kind", ""), ("page", "2")]),
            "/?q=a%20b&page=2"
        );
    }
}
