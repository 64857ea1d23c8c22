//! Where a Location leads: resolution of references (RFC 3986 section 5.2).

use http::Uri;

/// The absolute URL that `reference` stands for, seen from `base`. The fragment is dropped: it is
/// never sent. Bytes that do not belong in a URL, such as raw Korean, are percent-encoded, as
/// browsers do.
///
/// # Errors
/// Why it leads nowhere, in few words.
pub(crate) fn resolve(base: &Uri, reference: &[u8]) -> Result<Uri, &'static str> {
    let reference = encode(reference.trim_ascii())?;
    let absolute = absolute(base, &Parts::of(&reference));
    let url: Uri = absolute.parse().map_err(|_| "not a URL")?;
    match url.scheme_str() {
        Some("http" | "https") => {}
        _ => return Err("neither http nor https"),
    }
    let authority = url.authority().ok_or("no host in it")?;
    let (host, whole) = (authority.host(), authority.as_str());
    let after_user = whole.rsplit_once('@').map_or(whole, |(_, after)| after);
    match after_user.strip_prefix(host).and_then(|port| port.strip_prefix(':')) {
        _ if host.is_empty() => Err("no host in it"),
        Some(port) if !port.is_empty() && !port.parse::<u16>().is_ok_and(|port| port > 0) => {
            Err("no such port")
        }
        _ => Ok(url),
    }
}

fn encode(reference: &[u8]) -> Result<String, &'static str> {
    if reference.is_empty() {
        return Err("empty");
    }
    let mut encoded = String::with_capacity(reference.len());
    for &byte in reference {
        match byte {
            0..=0x1f | 0x7f => return Err("control characters in it"),
            b' ' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0x80.. => {
                encoded.push('%');
                for nibble in [byte >> 4, byte & 15] {
                    encoded.push(char::from(b"0123456789ABCDEF"[usize::from(nibble)]));
                }
            }
            _ => encoded.push(char::from(byte)),
        }
    }
    Ok(encoded)
}

/// The five parts of RFC 3986 section 3, without the fragment.
struct Parts<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(reference: &'a str) -> Self {
        let rest = reference.split_once('#').map_or(reference, |(before, _)| before);
        let (rest, query) = match rest.split_once('?') {
            Some((before, query)) => (before, Some(query)),
            None => (rest, None),
        };
        let (scheme, rest) = match rest.split_once(':') {
            Some((scheme, after)) if is_scheme(scheme) => (Some(scheme), after),
            _ => (None, rest),
        };
        let (authority, path) = match rest.strip_prefix("//") {
            Some(after) => {
                let (authority, path) = after.split_at(after.find('/').unwrap_or(after.len()));
                (Some(authority), path)
            }
            None => (None, rest),
        };
        Self { scheme, authority, path, query }
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// RFC 3986 sections 5.2.2 and 5.3.
fn absolute(base: &Uri, parts: &Parts<'_>) -> String {
    let base_authority = base.authority().map_or("", http::uri::Authority::as_str);
    let scheme = parts.scheme.unwrap_or_else(|| base.scheme_str().unwrap_or("http"));
    let authority = match (parts.scheme, parts.authority) {
        (_, Some(authority)) => authority,
        (Some(_), None) => "",
        (None, None) => base_authority,
    };
    let is_own = parts.scheme.is_some() || parts.authority.is_some();
    let path = if is_own || parts.path.starts_with('/') {
        without_dots(parts.path)
    } else if parts.path.is_empty() {
        base.path().to_owned()
    } else {
        let folder = base.path().rfind('/').map_or("/", |at| &base.path()[..=at]);
        without_dots(&format!("{folder}{}", parts.path))
    };
    let query =
        if parts.path.is_empty() && !is_own { parts.query.or(base.query()) } else { parts.query };
    let (mark, query) = query.map_or(("", ""), |query| ("?", query));
    format!("{}://{authority}{path}{mark}{query}", scheme.to_ascii_lowercase())
}

/// RFC 3986 section 5.2.4.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_3986() {
        let base: Uri = "http://a/b/c/d;p?q".parse().unwrap();
        for (reference, expected) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q"),
            ("g#s", "http://a/b/c/g"),
            ("g?y#s", "http://a/b/c/g?y"),
            (";x", "http://a/b/c/;x"),
            ("g;x?y#s", "http://a/b/c/g;x?y"),
            (".", "http://a/b/c/"),
            ("./", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../g", "http://a/g"),
            ("../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            ("..g", "http://a/b/c/..g"),
            ("./../g", "http://a/b/g"),
            ("./g/.", "http://a/b/c/g/"),
            ("g/./h", "http://a/b/c/g/h"),
            ("g/../h", "http://a/b/c/h"),
            ("g;x=1/../y", "http://a/b/c/y"),
            ("g?y/../x", "http://a/b/c/g?y/../x"),
        ] {
            let url = resolve(&base, reference.as_bytes());
            assert_eq!(url.map(|url| url.to_string()), Ok(expected.to_owned()), "{reference}");
        }
    }

    #[test]
    fn what_servers_really_send() {
        let base: Uri = "http://shop.example:8081/a?x=1".parse().unwrap();
        for (reference, expected) in [
            ("https://shop.example/", Ok("https://shop.example/")),
            ("HTTPS://shop.example", Ok("https://shop.example/")),
            ("//cdn.example:81/x", Ok("http://cdn.example:81/x")),
            (" /padded ", Ok("http://shop.example:8081/padded")),
            ("/한글", Ok("http://shop.example:8081/%ED%95%9C%EA%B8%80")),
            ("/a b", Ok("http://shop.example:8081/a%20b")),
            ("https://[::1]:8443/x", Ok("https://[::1]:8443/x")),
            ("https://shop.example?q", Ok("https://shop.example/?q")),
            ("/next?to=http://x/y:z", Ok("http://shop.example:8081/next?to=http://x/y:z")),
            ("", Err("empty")),
            ("javascript:alert(1)", Err("neither http nor https")),
            ("ftp://shop.example/", Err("neither http nor https")),
            ("http://", Err("not a URL")),
            ("http:///path", Err("not a URL")),
            ("http://shop.example:99999/", Err("no such port")),
            ("http://shop.example:0/", Err("no such port")),
            ("/a\u{7}b", Err("control characters in it")),
            ("http://한글.example/", Err("not a URL")),
        ] {
            let url = resolve(&base, reference.as_bytes()).map(|url| url.to_string());
            match (expected, url) {
                (Ok(expected), url) => assert_eq!(url.as_deref(), Ok(expected), "{reference}"),
                (Err(expected), Ok(url)) => panic!("{reference}: {expected}, got {url}"),
                (Err(_), Err(_)) => {}
            }
        }
    }
}
