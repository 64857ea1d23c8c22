//! A silence as somebody asks for it, read into one that can be kept: a function of what was sent and of
//! the moment. Deliberately absent: who may ask.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use health::{Code, Kind, Matcher, Severity, Silence, Text, text};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::plan;

/// Nobody means to be quiet for longer.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 366);
/// Bounds of what may be written.
const MOST_LETTERS: usize = 200;
const MOST_LETTERS_OF_A_REASON: usize = 1000;
const MOST_CONDITIONS: usize = 100;

/// What `POST /api/v1/silences` takes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SilenceAsked {
    /// Which incidents.
    pub(super) about: About,
    /// How long: `30m 4h 1d`.
    #[serde(default)]
    pub(super) r#for: Option<String>,
    /// Or until when.
    #[serde(default)]
    pub(super) until: Option<String>,
    /// From when; now, where nothing is said.
    #[serde(default)]
    pub(super) from: Option<String>,
    pub(super) author: String,
    pub(super) reason: String,
}

/// A [`Matcher`] as it is written: one name, or a list of them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct About {
    pub(super) check: OneOrMany<Arc<str>>,
    pub(super) host: OneOrMany<Arc<str>>,
    pub(super) kind: OneOrMany<Arc<str>>,
    pub(super) code: OneOrMany<Arc<str>>,
    pub(super) severity: Option<Severity>,
    pub(super) label: BTreeMap<Arc<str>, Arc<str>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl<T> From<OneOrMany<T>> for Vec<T> {
    fn from(asked: OneOrMany<T>) -> Self {
        match asked {
            OneOrMany::One(one) => vec![one],
            OneOrMany::Many(many) => many,
        }
    }
}

impl SilenceAsked {
    /// The silence that is asked for, by this id. Times without a zone are in that of `zone`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn silence(
        self,
        id: &str,
        zone: &TimeZone,
        now: Timestamp,
    ) -> Result<Silence, Text> {
        let starts_at = match self.from.as_deref().map(str::trim).filter(|from| !from.is_empty()) {
            Some(from) => moment(from, zone)?.max(now),
            None => now,
        };
        let until = self.until.as_deref().map(str::trim).filter(|until| !until.is_empty());
        let span = self.r#for.as_deref().map(str::trim).filter(|span| !span.is_empty());
        let ends_at = match (until, span) {
            (Some(_), Some(_)) => {
                return Err(text!(
                    "`for` and `until` exclude each other",
                    "`for`와 `until`은 함께 쓸 수 없습니다"
                ));
            }
            (Some(until), None) => moment(until, zone)?,
            (None, Some(span)) => {
                starts_at.checked_add(self::span(span)?).map_err(|_| too_long())?
            }
            (None, None) => {
                return Err(text!(
                    "say for how long (`for`), or until when (`until`)",
                    "기간(`for`)이나 끝나는 시각(`until`)을 지정하십시오"
                ));
            }
        };
        if ends_at <= starts_at {
            return Err(text!(
                "it would be over before it begins",
                "시작하기 전에 끝나는 시각입니다"
            ));
        }
        if ends_at.duration_since(starts_at) > LONGEST {
            return Err(too_long());
        }
        Ok(Silence {
            id: id.into(),
            about: self.about.matcher()?,
            starts_at,
            ends_at,
            author: line("author", &self.author, MOST_LETTERS)?,
            reason: line("reason", &self.reason, MOST_LETTERS_OF_A_REASON)?,
            created_at: now,
        })
    }
}

impl About {
    fn matcher(self) -> Result<Matcher, Text> {
        let kinds = Vec::from(self.kind);
        let matcher = Matcher {
            check: self.check.into(),
            host: self.host.into(),
            kind: kinds.iter().map(|label| kind_of(label)).collect::<Result<_, _>>()?,
            code: self.code.into(),
            severity: self.severity,
            label: self.label,
        };
        if matcher.is_everything() {
            return Err(text!(
                "it names nothing; for everything, write the check `*`",
                "대상이 없습니다. 전체를 대상으로 하려면 점검 이름에 `*`를 쓰십시오"
            ));
        }
        let Matcher { check, host, kind, code, label, .. } = &matcher;
        let labels = label.iter().flat_map(|(name, value)| [name, value]);
        let words: Vec<&Arc<str>> = check.iter().chain(host).chain(code).chain(labels).collect();
        if words.len() + kind.len() > MOST_CONDITIONS {
            return Err(text!(
                "more than {MOST_CONDITIONS} conditions; write `*` for what names have in common",
                "조건이 {MOST_CONDITIONS}개를 넘습니다. 이름의 공통 부분 외에는 `*`를 쓰십시오"
            ));
        }
        for word in words {
            line("about", word, MOST_LETTERS)?;
        }
        let unknown =
            code.iter().find(|code| !code.contains('*') && Code::from_label(code).is_none());
        match unknown {
            Some(code) => Err(text!(
                "{code} is no code of a finding; `portwarden explain` lists them all",
                "{code}은(는) 진단 코드가 아닙니다. `portwarden explain`으로 전체 목록을 볼 수 있습니다"
            )),
            None => Ok(matcher),
        }
    }
}

fn kind_of(label: &str) -> Result<Kind, Text> {
    Kind::OF_INCIDENTS.into_iter().find(|kind| kind.label() == label).ok_or_else(|| {
        let all = Kind::OF_INCIDENTS.map(Kind::label);
        let all = all.join(", ");
        text!(
            "{label} is no kind of check; there are {all}",
            "{label}은(는) 점검 종류가 아닙니다. 종류: {all}"
        )
    })
}

/// Words of one line that say something.
pub(super) fn line(name: &str, words: &str, most: usize) -> Result<Arc<str>, Text> {
    let words = words.trim();
    if words.is_empty() {
        return Err(text!("`{name}` is empty", "`{name}` 값이 비어 있습니다"));
    }
    if words.chars().count() > most {
        return Err(text!(
            "`{name}` is longer than {most} letters",
            "`{name}` 값이 {most}자를 넘습니다"
        ));
    }
    if words.chars().any(|it| it.is_control() || text::is_deceptive(it)) {
        return Err(text!(
            "`{name}` has letters in it that cannot be seen",
            "`{name}` 값에 보이지 않는 문자가 있습니다"
        ));
    }
    Ok(words.into())
}

/// Somebody's name, as they say it.
pub(super) fn author(words: &str) -> Result<Arc<str>, Text> {
    line("author", words, MOST_LETTERS)
}

/// What somebody says beside it, if anything.
pub(super) fn note(words: Option<&str>) -> Result<Option<Arc<str>>, Text> {
    match words.map(str::trim).filter(|words| !words.is_empty()) {
        Some(words) => line("note", words, MOST_LETTERS_OF_A_REASON).map(Some),
        None => Ok(None),
    }
}

fn span(words: &str) -> Result<Duration, Text> {
    plan::duration(words).map_err(|why| {
        text!("`for`: {why}", "`for`: 기간을 읽을 수 없습니다. `30m`, `4h`, `1d`처럼 쓰십시오")
    })
}

/// A moment with its offset (RFC 3339), or as clocks in the zone tell it.
fn moment(words: &str, zone: &TimeZone) -> Result<Timestamp, Text> {
    let moment = words.parse::<Timestamp>().ok().or_else(|| {
        let civil: DateTime = words.parse().ok()?;
        zone.to_timestamp(civil).ok()
    });
    moment.ok_or_else(|| {
        text!(
            "{words} is not a time such as 2026-03-14T18:00:00Z",
            "{words}은(는) 시각이 아닙니다. 2026-03-14T18:00:00+09:00처럼 쓰십시오"
        )
    })
}

fn too_long() -> Text {
    text!(
        "longer than a year; change the plan, or its routes",
        "1년을 넘습니다. 계획 파일이나 경로(route)를 고치십시오"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn read(mut asked: Value) -> Result<Silence, String> {
        for (key, value) in [("author", "kim"), ("reason", "release")] {
            if asked.get(key).is_none() {
                asked[key] = value.into();
            }
        }
        let asked: SilenceAsked =
            serde_json::from_value(asked).map_err(|error| error.to_string())?;
        let seoul = TimeZone::get("Asia/Seoul").unwrap();
        asked.silence("id", &seoul, at("2026-03-14T09:00:00Z")).map_err(|text| text.en)
    }

    #[test]
    fn what_is_asked_for_is_kept() {
        let table = [
            (json!({"about": {"check": "web*"}, "for": "4h"}), "2026-03-14T13:00:00Z"),
            (json!({"about": {"check": ["a", "b"]}, "for": "1d"}), "2026-03-15T09:00:00Z"),
            (
                json!({"about": {"kind": "tls"}, "until": "2026-03-14T18:30:00+09:00"}),
                "2026-03-14T09:30:00Z",
            ),
            (
                json!({"about": {"kind": ["tls", "agent"]}, "until": "2026-03-14T18:30"}),
                "2026-03-14T09:30:00Z",
            ),
            (
                json!({"about": {"code": "dns.*"}, "from": "2026-03-14T10:00:00Z", "for": "1h"}),
                "2026-03-14T11:00:00Z",
            ),
            (
                json!({"about": {"label": {"team": "shop"}}, "for": "1h", "until": " "}),
                "2026-03-14T10:00:00Z",
            ),
            (
                json!({"about": {"severity": "critical", "host": "web"}, "for": "1h"}),
                "2026-03-14T10:00:00Z",
            ),
        ];
        for (asked, ends_at) in table {
            let silence = read(asked.clone()).unwrap_or_else(|why| panic!("{asked}: {why}"));
            assert_eq!(silence.ends_at, at(ends_at), "{asked}");
            assert!(!silence.about.is_everything());
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let one = || json!({"check": "web"});
        let table = [
            (json!({"about": {}, "for": "1h"}), "it names nothing"),
            (json!({"about": {"check": []}, "for": "1h"}), "it names nothing"),
            (json!({"about": one()}), "say for how long"),
            (
                json!({"about": one(), "for": "1h", "until": "2027-01-01T00:00:00Z"}),
                "exclude each other",
            ),
            (json!({"about": one(), "for": "soon"}), "`for`: "),
            (json!({"about": one(), "for": "0s"}), "over before it begins"),
            (json!({"about": one(), "for": "400d"}), "longer than a year"),
            (json!({"about": one(), "until": "2026-03-14T08:59:59Z"}), "over before it begins"),
            (json!({"about": one(), "until": "tomorrow"}), "is not a time"),
            (json!({"about": one(), "for": "1h", "author": " "}), "`author` is empty"),
            (json!({"about": one(), "for": "1h", "reason": "x".repeat(1001)}), "longer than 1000"),
            (json!({"about": one(), "for": "1h", "reason": "a\nb"}), "cannot be seen"),
            (json!({"about": {"check": "a\u{202e}b"}, "for": "1h"}), "cannot be seen"),
            (json!({"about": {"check": vec!["a"; 101]}, "for": "1h"}), "more than 100"),
            (json!({"about": {"code": "tls.nonsense"}, "for": "1h"}), "tls.nonsense is no code"),
            (
                json!({"about": {"kind": "nonsense"}, "for": "1h"}),
                "nonsense is no kind of check; there are http,",
            ),
            (json!({"about": {"chekc": "web"}, "for": "1h"}), "unknown field `chekc`"),
            (json!({"about": one(), "duration": "1h"}), "unknown field `duration`"),
        ];
        for (asked, why) in table {
            let found = read(asked.clone()).expect_err(&asked.to_string());
            assert!(found.contains(why), "{asked}: {found}");
        }
    }
}
