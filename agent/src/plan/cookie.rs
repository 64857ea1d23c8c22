//! `expect.cookie`

use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::notes::{At, Wrong, shown};
use super::row::Row;
use super::schema::COOKIE;
use super::values;
use crate::probe::http::cookie::Expected;
use crate::probe::http::set_cookie::SameSite;

/// Reads the cookies that must be set: names, or tables with the attributes they must have.
pub(super) fn expected(expect: &Row<'_>) -> Vec<Expected> {
    let items = expect.items("cookie").unwrap_or_default();
    let mut list: Vec<Expected> = Vec::with_capacity(items.len());
    for item in items {
        let Some(one) = one(expect, item) else { continue };
        if list.iter().any(|known| known.name == one.name) {
            let wrong = Wrong::new(format!("the cookie {} is there twice", shown(&one.name)));
            expect.note_key("cookie", &item.span(), wrong);
        }
        list.push(one);
    }
    list
}

fn one<'a>(expect: &Row<'a>, item: &'a Spanned<DeValue<'a>>) -> Option<Expected> {
    if let Some(text) = item.get_ref().as_str() {
        let text = At { value: text, span: item.span() };
        let name = expect.understood("cookie", &text, name)?.value;
        return Some(Expected { name, ..Expected::default() });
    }
    let row = expect.open_row(&COOKIE, "cookie", item)?;
    let name = row.need("name", row.parsed("name", name));
    let age = row.row("max_age");
    let bound = |key| age.as_ref().and_then(|row| row.parsed(key, values::duration));
    let (above, below) = (bound("above"), bound("below"));
    if let (Some(above), Some(below)) = (&above, &below)
        && above.value >= below.value
    {
        let wrong = Wrong::new("nothing is above the one and below the other");
        row.note_key("max_age", &row.span_of("max_age"), wrong);
    }
    let value = |at: At<Duration>| at.value;
    let expected = Expected {
        name: String::new(),
        secure: row.switch("secure"),
        http_only: row.switch("http_only"),
        same_site: row.choice("same_site").and_then(SameSite::named),
        domain: row.parsed("domain", domain).map(|at| at.value),
        path: row.parsed("path", path).map(|at| at.value),
        above: above.map(value),
        below: below.map(value),
    };
    if expected.same_site == Some(SameSite::None) && expected.secure == Some(false) {
        let wrong = Wrong::new("browsers take SameSite=None with Secure alone")
            .help("remove `secure`, or write secure = true");
        row.note_key("secure", &row.span_of("secure"), wrong);
    }
    Some(Expected { name: name?.value, ..expected })
}

/// A token of RFC 6265 section 4.1.1, as far as servers keep to it.
pub(super) fn name(text: &str) -> Result<String, Wrong> {
    let is_odd = |c: char| c.is_control() || c.is_whitespace() || ";,=\"".contains(c);
    if text.is_empty() || text.contains(is_odd) {
        let name = text.split('=').next().unwrap_or_default().trim();
        let wrong = Wrong::new(format!("{} is not a cookie's name", shown(text)));
        return Err(wrong.help(format!(
            "the name alone, such as \"{}\"",
            if name.is_empty() { "sid" } else { name }
        )));
    }
    Ok(text.to_owned())
}

/// Empty: the cookie has none.
fn domain(text: &str) -> Result<String, Wrong> {
    let bare = text.strip_prefix('.').unwrap_or(text);
    if bare.is_empty() {
        return Ok(String::new());
    }
    values::domain(bare).map(|domain| domain.to_ascii_lowercase())
}

fn path(text: &str) -> Result<String, Wrong> {
    if text.starts_with('/') {
        return Ok(text.to_owned());
    }
    Err(Wrong::new(format!("{text:?} is not the path of a cookie")).help("it begins with a slash"))
}
