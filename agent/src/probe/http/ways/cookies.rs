//! What cookies an answer sets, without their values (RFC 6265 section 5.2).

use http::HeaderMap;
use http::header::SET_COOKIE;

use crate::net::printable;

const MAX_COOKIES: usize = 64;
const NAME_CHARS: usize = 64;

/// A cookie that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cookie {
    pub(super) name: String,
    pub(super) secure: bool,
    pub(super) http_only: bool,
    /// Lower case.
    pub(super) same_site: Option<String>,
    /// Lower case, without a dot before it.
    pub(super) domain: Option<String>,
    pub(super) path: Option<String>,
}

/// Every cookie of an answer, the last of each name.
pub(super) fn set_by(headers: &HeaderMap) -> Vec<Cookie> {
    let mut cookies: Vec<Cookie> = Vec::new();
    for value in headers.get_all(SET_COOKIE).iter().take(MAX_COOKIES) {
        let Some(cookie) = read(&String::from_utf8_lossy(value.as_bytes())) else { continue };
        match cookies.iter_mut().find(|known| known.name == cookie.name) {
            Some(known) => *known = cookie,
            None => cookies.push(cookie),
        }
    }
    cookies
}

fn read(line: &str) -> Option<Cookie> {
    let mut parts = line.split(';');
    let (name, _) = parts.next()?.split_once('=')?;
    let mut cookie =
        Cookie { name: printable(name.trim().as_bytes(), NAME_CHARS), ..Cookie::default() };
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let value = || printable(value.trim().as_bytes(), NAME_CHARS);
        match &*key.trim().to_ascii_lowercase() {
            "secure" => cookie.secure = true,
            "httponly" => cookie.http_only = true,
            "samesite" => cookie.same_site = Some(value().to_ascii_lowercase()),
            "domain" => {
                let domain = value().trim_start_matches('.').to_ascii_lowercase();
                cookie.domain = (!domain.is_empty()).then_some(domain);
            }
            "path" => cookie.path = value().starts_with('/').then(value),
            _ => {}
        }
    }
    Some(cookie)
}

impl Cookie {
    /// A browser takes it from this host (RFC 6265 section 5.1.3).
    pub(super) fn fits_host(&self, host: &str) -> bool {
        let Some(domain) = &self.domain else { return true };
        let host = host.to_ascii_lowercase();
        host == *domain || host.strip_suffix(&**domain).is_some_and(|rest| rest.ends_with('.'))
    }

    /// A browser sends it back for this path (RFC 6265 section 5.1.4).
    pub(super) fn fits_path(&self, path: &str) -> bool {
        let Some(own) = &self.path else { return true };
        let rest = path.strip_prefix(&**own);
        rest.is_some_and(|rest| rest.is_empty() || own.ends_with('/') || rest.starts_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_as_a_browser_reads_them() {
        let cookie =
            read("sid=abc; Path=/app; DOMAIN=.Shop.example; secure; HttpOnly; SameSite=Lax");
        let cookie = cookie.unwrap();
        assert_eq!(cookie.name, "sid");
        assert!(cookie.secure && cookie.http_only);
        assert_eq!(cookie.same_site.as_deref(), Some("lax"));
        assert_eq!(cookie.domain.as_deref(), Some("shop.example"));
        assert_eq!(read("nothing"), None);
        for (host, fits) in [
            ("shop.example", true),
            ("www.Shop.example", true),
            ("myshop.example", false),
            ("example", false),
        ] {
            assert_eq!(cookie.fits_host(host), fits, "{host}");
        }
        for (path, fits) in [("/app", true), ("/app/x", true), ("/apple", false), ("/", false)] {
            assert_eq!(cookie.fits_path(path), fits, "{path}");
        }
        let bare = read("a=b").unwrap();
        assert!(bare.fits_host("x") && bare.fits_path("/"));
    }
}
