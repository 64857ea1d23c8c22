//! What a Set-Cookie line says, read as browsers read it (RFC 6265bis section 5.6): lenient, the
//! last of equal attributes counts, and what is not understood is not there.
//!
//! Deliberately absent: whether a browser would keep it; that is the jar's to say.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::net::printable;

/// Most bytes of name and value together; browsers ignore a larger cookie.
pub(super) const MOST_PAIR_BYTES: usize = 4096;
/// Longer values of attributes are ignored.
const MOST_ATTRIBUTE_BYTES: usize = 1024;
/// Longer lifetimes are cut to 400 days.
const LONGEST_LIFE_SECONDS: i64 = 400 * 86_400;

/// One cookie as a server wants it set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SetCookie {
    pub(crate) name: String,
    /// A secret.
    pub(crate) value: Vec<u8>,
    /// Lower case, without a leading dot; `None` where it is for the very host that sets it.
    pub(crate) domain: Option<String>,
    /// Begins with a slash; `None` where it follows from the URL.
    pub(crate) path: Option<String>,
    pub(crate) secure: bool,
    pub(crate) http_only: bool,
    pub(crate) same_site: Option<SameSite>,
    /// Seconds; zero or less: to be forgotten at once.
    pub(crate) max_age: Option<i64>,
    pub(crate) expires: Option<Timestamp>,
}

/// Whether a cookie comes along when another site led here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Never.
    Strict,
    /// By links and typed addresses alone.
    Lax,
    /// Always; browsers insist on `Secure` then.
    None,
}

impl SameSite {
    /// As it is written in a cookie.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
            Self::None => "None",
        }
    }

    /// The one written so, in any case.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        [Self::Strict, Self::Lax, Self::None]
            .into_iter()
            .find(|one| one.label().eq_ignore_ascii_case(text))
    }
}

impl SetCookie {
    /// Reads the value of one Set-Cookie header; `None` where browsers ignore it whole.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let is_control = |byte: &u8| matches!(byte, 0..=8 | 10..=31 | 127);
        if line.iter().any(is_control) {
            return None;
        }
        let mut parts = line.split(|byte| *byte == b';');
        let pair = parts.next().unwrap_or_default();
        let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
            Some(at) => (trimmed(&pair[..at]), trimmed(&pair[at + 1..])),
            None => (&[][..], trimmed(pair)),
        };
        if name.is_empty() && value.is_empty() {
            return None;
        }
        let name = String::from_utf8_lossy(name).into_owned();
        let mut cookie = Self { name, value: value.to_vec(), ..Self::default() };
        for part in parts {
            let (name, value) = match part.iter().position(|byte| *byte == b'=') {
                Some(at) => (trimmed(&part[..at]), trimmed(&part[at + 1..])),
                None => (trimmed(part), &[][..]),
            };
            if value.len() <= MOST_ATTRIBUTE_BYTES {
                cookie.attribute(&name.to_ascii_lowercase(), &String::from_utf8_lossy(value));
            }
        }
        Some(cookie)
    }

    fn attribute(&mut self, name: &[u8], value: &str) {
        match name {
            b"expires" => self.expires = date(value).or(self.expires),
            b"max-age" => self.max_age = max_age(value).or(self.max_age),
            b"domain" => {
                let domain = value.strip_prefix('.').unwrap_or(value).to_ascii_lowercase();
                self.domain = Some(domain).filter(|domain| !domain.is_empty());
            }
            b"path" => self.path = Some(value.to_owned()).filter(|path| path.starts_with('/')),
            b"secure" => self.secure = true,
            b"httponly" => self.http_only = true,
            b"samesite" => self.same_site = SameSite::named(value),
            _ => {}
        }
    }

    /// When it ends; `None`: with the browser.
    pub(crate) fn end(&self, now: Timestamp) -> Option<Timestamp> {
        match self.max_age {
            Some(..=0) => Some(Timestamp::MIN),
            Some(seconds) => now.checked_add(jiff::SignedDuration::from_secs(seconds)).ok(),
            None => self.expires,
        }
    }

    /// The line without the value, for people.
    pub(crate) fn shown(&self) -> String {
        let mut line = format!("{}=(hidden)", printable(self.name.as_bytes(), 64));
        let mut add = |name: &str, value: &str| {
            line.push_str("; ");
            line.push_str(name);
            if !value.is_empty() {
                line.push('=');
                line.push_str(&printable(value.as_bytes(), 128));
            }
        };
        if let Some(domain) = &self.domain {
            add("Domain", domain);
        }
        if let Some(path) = &self.path {
            add("Path", path);
        }
        if let Some(seconds) = self.max_age {
            add("Max-Age", &seconds.to_string());
        }
        if let Some(expires) = self.expires {
            add("Expires", &expires.to_string());
        }
        for (is_set, name) in [(self.secure, "Secure"), (self.http_only, "HttpOnly")] {
            if is_set {
                add(name, "");
            }
        }
        if let Some(same_site) = self.same_site {
            add("SameSite", same_site.label());
        }
        line
    }
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let first = bytes.iter().position(|byte| !is_blank(byte)).unwrap_or(bytes.len());
    let last = bytes.iter().rposition(|byte| !is_blank(byte)).map_or(first, |at| at + 1);
    &bytes[first..last]
}

fn max_age(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if text.starts_with('-') {
        return Some(0);
    }
    // More digits than fit are a long life, not none.
    Some(digits.parse().unwrap_or(i64::MAX).min(LONGEST_LIFE_SECONDS))
}

/// A date as cookies write it, in whatever order (RFC 6265bis section 5.1.1).
pub(crate) fn date(text: &str) -> Option<Timestamp> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    let is_delimiter = |c: char| matches!(c, '\t' | ' '..='/' | ';'..='@' | '['..='`' | '{'..='~');
    for token in text.split(is_delimiter).filter(|token| !token.is_empty()) {
        if time.is_none()
            && let Some(found) = clock(token)
        {
            time = Some(found);
        } else if day.is_none()
            && let Some(found) = number(token, 1..=2)
        {
            day = Some(found);
        } else if month.is_none()
            && let Some(found) = month_of(token)
        {
            month = Some(found);
        } else if year.is_none()
            && let Some(found) = number(token, 2..=4)
        {
            year = Some(found);
        }
    }
    let year = match year? {
        short @ 70..=99 => short + 1900,
        short @ 0..=69 => short + 2000,
        whole => whole,
    };
    let (hour, minute, second) = time?;
    if year < 1601 {
        return None;
    }
    let at = DateTime::new(year, month?, i8::try_from(day?).ok()?, hour, minute, second, 0).ok()?;
    Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// The number that a token begins with, when it has as many digits as this.
fn number(token: &str, digits: std::ops::RangeInclusive<usize>) -> Option<i16> {
    let end = token.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(token.len());
    if digits.contains(&end) { token[..end].parse().ok() } else { None }
}

fn clock(token: &str) -> Option<(i8, i8, i8)> {
    let mut fields = token.splitn(3, ':').map(|field| number(field, 1..=2));
    let mut next = || i8::try_from(fields.next()??).ok();
    Some((next()?, next()?, next()?))
}

fn month_of(token: &str) -> Option<i8> {
    const MONTHS: &str = "janfebmaraprmayjunjulaugsepoctnovdec";
    let start = token.get(..3)?.to_ascii_lowercase();
    let at = MONTHS.find(&start).filter(|at| at % 3 == 0)?;
    i8::try_from(at / 3 + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> SetCookie {
        SetCookie::parse(line.as_bytes()).unwrap()
    }

    #[test]
    fn lines_as_browsers_read_them() {
        let plain = SetCookie { name: "a".into(), value: b"b".to_vec(), ..SetCookie::default() };
        for line in ["a=b", " a = b ", "a=b;", "a=b; ; x=y", "a=b; domain=; path=; samesite=x"] {
            assert_eq!(parse(line), plain, "{line}");
        }
        let full =
            "sid=x=y; Domain=.Shop.Example; Path=/a; Max-Age=60; SECURE; httponly; SameSite=lax";
        let cookie = parse(full);
        assert_eq!(cookie.value, b"x=y");
        assert_eq!(
            cookie.shown(),
            "sid=(hidden); Domain=shop.example; Path=/a; Max-Age=60; Secure; HttpOnly; SameSite=Lax"
        );
        // The last of equal attributes counts; one that is not understood does not.
        assert_eq!(parse("a=b; path=/x; path=/y; path=z").path, None);
        assert_eq!(parse("a=b; max-age=5; max-age=x").max_age, Some(5));
        assert_eq!(parse("=b").name, "");
        assert_eq!(parse("b").value, b"b");
        for line in ["", "=", " ; secure", "a=b\x01", "a\x7f=b"] {
            assert_eq!(SetCookie::parse(line.as_bytes()), None, "{line:?}");
        }
        let long = format!("a=b; path=/{}", "x".repeat(2000));
        assert_eq!(parse(&long).path, None);
    }

    #[test]
    fn ages() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-1", Some(0)),
            ("60", Some(60)),
            ("99999999999999999999999", Some(LONGEST_LIFE_SECONDS)),
            ("", None),
            ("-", None),
            ("1.5", None),
            ("+1", None),
        ] {
            assert_eq!(max_age(text), expected, "{text}");
        }
    }

    #[test]
    fn dates_in_every_order() {
        let expected = "2026-11-06T08:49:37Z".parse().ok();
        for text in [
            "Fri, 06 Nov 2026 08:49:37 GMT",
            "Friday, 06-Nov-26 08:49:37 GMT",
            "Fri Nov  6 08:49:37 2026",
            "6 nov 2026 8:49:37",
            "08:49:37 2026 Nov 6",
        ] {
            // A day is one or two digits, and the first such number is the day.
            let day_first = text != "08:49:37 2026 Nov 6";
            assert!(date(text) == expected || !day_first, "{text}: {:?}", date(text));
        }
        assert_eq!(date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(Timestamp::UNIX_EPOCH));
        for text in [
            "",
            "0",
            "Nov 2026",
            "32 Nov 2026 00:00:00",
            "1 Nov 1600 00:00:00",
            "1 Nov 2026 25:00:00",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
