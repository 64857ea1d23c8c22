//! Where a redirect leads, as CAs follow them: to http and https on their usual ports, to names, ten
//! times at most. Let's Encrypt and the baseline requirements (section 3.2.2.4.19) agree on these.

use std::net::IpAddr;

use http::header::LOCATION;
use http::{StatusCode, Uri};

use crate::probe::http::{Fetched, host, port, resolve};

/// Most redirects that a CA follows.
const MOST: usize = 10;

/// A redirect that a CA does not follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Detour {
    /// No Location, or none that leads anywhere, and why.
    Nowhere(&'static str),
    /// To a port other than 80 and 443.
    Port(u16),
    /// To an address rather than a name.
    Address(IpAddr),
    /// 303, which says that what is there is something else.
    SeeOther,
    /// Back to where it came from.
    Loop,
    /// One more than a CA follows.
    TooMany,
}

/// Statuses that send a client elsewhere.
pub(super) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Where the answer to the last of `asked` leads.
pub(super) fn next(asked: &[Uri], answer: &Fetched) -> Result<Uri, Detour> {
    let Some(url) = asked.last() else { return Err(Detour::Nowhere("nothing was asked")) };
    if answer.status == StatusCode::SEE_OTHER {
        return Err(Detour::SeeOther);
    }
    let location = answer.headers.get(LOCATION).ok_or(Detour::Nowhere("no Location"))?;
    let to = resolve(url, location.as_bytes()).map_err(Detour::Nowhere)?;
    if !matches!(port(&to), 80 | 443) {
        return Err(Detour::Port(port(&to)));
    }
    if let Ok(address) = host(&to).parse() {
        return Err(Detour::Address(address));
    }
    if asked.contains(&to) {
        return Err(Detour::Loop);
    }
    if asked.len() > MOST {
        return Err(Detour::TooMany);
    }
    Ok(to)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::*;

    fn led(status: u16, location: Option<&str>) -> Result<String, Detour> {
        let mut headers = HeaderMap::new();
        if let Some(location) = location {
            headers.insert(LOCATION, HeaderValue::from_str(location).unwrap());
        }
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Fetched { status, headers, body: Vec::new(), is_longer: false };
        let asked = ["http://shop.example/x".parse().unwrap()];
        next(&asked, &answer).map(|url| url.to_string())
    }

    #[test]
    fn as_a_ca_follows_them() {
        for (status, location, expected) in [
            (301, "https://shop.example/x", Ok("https://shop.example/x")),
            (302, "http://www.shop.example/x", Ok("http://www.shop.example/x")),
            // A usual port, whatever answers plain HTTP there.
            (307, "//shop.example:443/x", Ok("http://shop.example:443/x")),
            (308, "https://shop.example:443/x", Ok("https://shop.example:443/x")),
            (301, "http://shop.example:80/y", Ok("http://shop.example:80/y")),
            (301, "/y", Ok("http://shop.example/y")),
            (301, "https://shop.example:8443/x", Err(Detour::Port(8443))),
            (301, "http://shop.example:8080/x", Err(Detour::Port(8080))),
            (301, "https://192.0.2.1/x", Err(Detour::Address([192, 0, 2, 1].into()))),
            (301, "https://[2001:db8::1]/x", Err(Detour::Address("2001:db8::1".parse().unwrap()))),
            (303, "https://shop.example/x", Err(Detour::SeeOther)),
            (301, "http://shop.example/x", Err(Detour::Loop)),
            (301, "ftp://shop.example/x", Err(Detour::Nowhere("neither http nor https"))),
            (301, "", Err(Detour::Nowhere("empty"))),
        ] {
            let expected = expected.map(str::to_owned);
            assert_eq!(led(status, Some(location)), expected, "{status} {location}");
        }
        assert_eq!(led(301, None), Err(Detour::Nowhere("no Location")));
    }

    #[test]
    fn ten_times_and_no_more() {
        let url = |n: usize| format!("http://shop.example/{n}").parse::<Uri>().unwrap();
        for (count, expected) in [(10, Ok(url(99))), (11, Err(Detour::TooMany))] {
            let asked: Vec<Uri> = (0..count).map(url).collect();
            let headers = [(LOCATION, HeaderValue::from_static("/99"))].into_iter().collect();
            let status = StatusCode::FOUND;
            let answer = Fetched { status, headers, body: Vec::new(), is_longer: false };
            assert_eq!(next(&asked, &answer), expected, "{count}");
        }
    }
}
