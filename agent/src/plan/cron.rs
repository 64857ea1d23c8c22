//! Cron expressions and time zones, as far as a plan can be wrong about them. When a check is
//! due stands in the schedule.

use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::date;
use jiff::tz::TimeZone;

use super::notes::{Notes, Wrong};

/// Five fields, or six with seconds first, that will ever come true.
pub(super) fn expression(text: &str) -> Result<String, Wrong> {
    let wrong = |words: &str| {
        Wrong::new(format!("{text:?} is not a cron expression: {words}"))
            .help("minute hour day-of-month month day-of-week, or six fields with seconds first")
    };
    let fields = text.split_whitespace().count();
    if !text.trim().starts_with('@') && !(5..=6).contains(&fields) {
        return Err(wrong(&format!("it has {fields} fields")));
    }
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    let cron = parser.parse(text).map_err(|error| wrong(&plainly(&error.to_string())))?;
    // Any start will do: a date that comes at all comes within the search limit of every start.
    let start = date(2024, 1, 1).to_zoned(TimeZone::UTC).map_err(|_| wrong("no such time"))?;
    match cron.find_next_occurrence(&start, true) {
        Ok(_) => Ok(text.trim().to_owned()),
        Err(_) => {
            Err(Wrong::new(format!("{text:?} never comes")).help("no such day of that month"))
        }
    }
}

/// The name of a zone this machine knows.
pub(super) fn timezone(text: &str, notes: &Notes<'_>) -> Result<String, Wrong> {
    if TimeZone::get(text).is_ok() {
        return Ok(text.to_owned());
    }
    let wrong = Wrong::new(format!("{text:?} is not a time zone this machine knows"));
    let known: Vec<String> =
        jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
    if known.is_empty() {
        return Err(wrong.help("it knows none at all: install the package tzdata"));
    }
    Err(match notes.nearest(text, known.iter().map(String::as_str)) {
        Some(near) => wrong.help(format!("did you mean \"{near}\"?")),
        None => wrong.help("an IANA name such as \"Asia/Seoul\" or \"UTC\""),
    })
}

/// The parser's words without the names of its own types.
fn plainly(words: &str) -> String {
    let words = ["Invalid pattern: ", "Component error: ", "Pattern contains illegal characters: "]
        .iter()
        .find_map(|prefix| words.strip_prefix(prefix))
        .unwrap_or(words);
    words.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_or_six_fields_that_come() {
        for text in ["0 */12 * * *", "30 0 4 * * 1-5", "@daily", "0 0 29 2 *", "0 9 * * MON"] {
            assert!(expression(text).is_ok(), "{text}");
        }
        for text in ["", "* * * *", "0 0 30 2 *", "61 * * * *", "0 0 1 1 * 2030 7", "a b c d e"] {
            assert!(expression(text).is_err(), "{text}");
        }
    }

    #[test]
    fn zones() {
        let notes = Notes::new("probes.toml", "");
        assert!(timezone("UTC", &notes).is_ok());
        assert!(timezone("Asia/Seul", &notes).is_err());
        assert!(timezone("", &notes).is_err());
    }
}
