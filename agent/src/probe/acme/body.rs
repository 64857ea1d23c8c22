//! What came with a 200: the challenge, or what instead.

use super::token::Challenge;
use crate::net::printable;
use crate::probe::http::Fetched;

const SHOWN_CHARS: usize = 96;

/// What came where the challenge should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Instead {
    /// Nothing.
    Nothing,
    /// A page with a field for a password, and its title.
    Login(String),
    /// Another page, and its title or beginning.
    Page(String),
    /// The contents of another challenge: something answers them by itself.
    OtherChallenge,
    /// The challenge, and more around it.
    Wrapped(String),
    /// Anything else; its beginning.
    Other(String),
}

/// Whether the answer is the challenge, white space at its end aside, as CAs take it.
///
/// # Errors
/// What it is instead.
pub(super) fn weigh(challenge: &Challenge, answer: &Fetched) -> Result<(), Instead> {
    let body = answer.body.trim_ascii_end();
    let shown = || printable(body.trim_ascii_start(), SHOWN_CHARS);
    if body == challenge.body.as_bytes() && !answer.is_longer {
        return Ok(());
    }
    let text = String::from_utf8_lossy(body);
    let lower = text.to_ascii_lowercase();
    Err(if body.is_empty() {
        Instead::Nothing
    } else if text.contains(&challenge.body) {
        Instead::Wrapped(shown())
    } else if ["<html", "<!doctype", "<head", "<body"].iter().any(|tag| lower.contains(tag)) {
        let title = title(&text, &lower).unwrap_or_else(shown);
        let asks = ["type=\"password\"", "type='password'", "type=password"];
        if asks.iter().any(|field| lower.contains(field)) {
            Instead::Login(title)
        } else {
            Instead::Page(title)
        }
    } else if text.strip_prefix(&*challenge.name).is_some_and(|rest| rest.starts_with('.')) {
        Instead::OtherChallenge
    } else {
        Instead::Other(shown())
    })
}

fn title(text: &str, lower: &str) -> Option<String> {
    let start = lower.find("<title")?;
    let start = start + lower[start..].find('>')? + 1;
    let end = start + lower[start..].find("</title")?;
    let title = text.get(start..end)?.trim();
    (!title.is_empty()).then(|| printable(title.as_bytes(), SHOWN_CHARS))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;

    #[test]
    fn what_comes_instead_is_told_apart() {
        let challenge = Challenge { name: "portwarden-a".into(), body: "portwarden-a.b".into() };
        let words = |text: &str| text.to_owned();
        for (body, expected) in [
            ("portwarden-a.b", Ok(())),
            ("portwarden-a.b\r\n", Ok(())),
            ("", Err(Instead::Nothing)),
            (" \n", Err(Instead::Nothing)),
            ("\u{feff}portwarden-a.b", Err(Instead::Wrapped(words("\\u{feff}portwarden-a.b")))),
            ("<p>portwarden-a.b</p>", Err(Instead::Wrapped(words("<p>portwarden-a.b</p>")))),
            ("portwarden-a.thumbprint", Err(Instead::OtherChallenge)),
            (
                "<!DOCTYPE html><title>Shop</title><div id=root></div>",
                Err(Instead::Page(words("Shop"))),
            ),
            (
                "<html><TITLE lang=ko> 로그인 </TITLE><input type=\"password\">",
                Err(Instead::Login(words("로그인"))),
            ),
            ("<html><title></title>", Err(Instead::Page(words("<html><title></title>")))),
            ("<html><title>cut", Err(Instead::Page(words("<html><title>cut")))),
            ("{\"error\":404}", Err(Instead::Other(words("{\"error\":404}")))),
        ] {
            let answer = Fetched {
                status: StatusCode::OK,
                headers: HeaderMap::new(),
                body: body.into(),
                is_longer: false,
            };
            assert_eq!(weigh(&challenge, &answer), expected, "{body}");
        }
    }
}
