//! What a plan expects of an answer, ready to be compared. Two expectations are equal when they
//! expect the same, whatever compiled them: a reload keeps what did not change.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use health::{Phase, Text, text};
use http::HeaderName;
use regex::Regex;
use serde_json::Value;
use serde_json_path::JsonPath;

/// Expectations on the answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expect {
    /// Accepted statuses as inclusive ranges; empty: 200 to 299 (and, where redirects are not
    /// followed or `location` is given, also 3xx).
    pub status: Vec<(u16, u16)>,
    /// Must match the body.
    pub body: Option<Pattern>,
    /// Must be in the body, each of them.
    pub contains: Vec<String>,
    /// Must not be in the body, none of them.
    pub absent: Vec<String>,
    /// What has to be where in a JSON document.
    pub json: Vec<JsonRule>,
    /// What headers have to be.
    pub headers: Vec<HeaderRule>,
    /// Headers that protect visitors, as a set.
    pub security: Option<Security>,
    /// Must match the Location of the answer that is judged.
    pub location: Option<Pattern>,
    /// Must match the URL that the answer came from.
    pub url: Option<Pattern>,
    /// How many redirects were followed.
    pub hops: Option<Bounds>,
    /// Media types, lower case, one of which Content-Type has to name; `text/*` is any text.
    pub content_type: Vec<String>,
    /// The character set, lower case.
    pub charset: Option<String>,
    /// Content-Encodings, one of which has to be in use; `identity` is none.
    pub encoding: Vec<&'static str>,
    /// Versions of HTTP, one of which the answer has to come in.
    pub protocol: Vec<&'static str>,
    /// Bytes of body as they came.
    pub size: Option<Bounds>,
    /// All of it within this time.
    pub within: Option<Duration>,
    /// Each of these phases within its time.
    pub phases: Vec<(Phase, Duration)>,
    /// The greatest age of Last-Modified.
    pub modified_within: Option<Duration>,
    /// What the body has to stay.
    pub unchanged: Option<Box<Unchanged>>,
    /// Cookies that must be set, also on the way by redirects.
    pub cookies: Vec<super::cookie::Expected>,
}

/// A regular expression, equal to another of the same text.
#[derive(Clone, Debug)]
pub struct Pattern(pub Regex);

impl Deref for Pattern {
    type Target = Regex;

    fn deref(&self) -> &Regex {
        &self.0
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

/// The same over bytes that need not be UTF-8.
#[derive(Clone, Debug)]
pub struct BytePattern(pub regex::bytes::Regex);

impl PartialEq for BytePattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

/// One header, and what it has to be.
#[derive(Clone, Debug, PartialEq)]
pub struct HeaderRule {
    /// Its name.
    pub name: HeaderName,
    /// What it has to be.
    pub wanted: HeaderWanted,
}

/// What a header has to be.
#[derive(Clone, Debug, PartialEq)]
pub enum HeaderWanted {
    /// Sent, and a value of it matches.
    Matches(Pattern),
    /// Sent.
    Sent,
    /// Not sent.
    NotSent,
    /// No value of it matches.
    Never(Pattern),
}

/// Which set of protecting headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Security {
    /// What every site can send.
    Basic,
    /// What a careful site sends.
    Strict,
}

/// What has to be at one place of a JSON document, or at all that a path finds.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonRule {
    /// Where.
    pub place: Place,
    /// How many values there have to be there.
    pub count: Bounds,
    /// What each of them has to be.
    pub tests: Vec<Test>,
}

/// Where in a JSON document.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// A JSON Pointer (RFC 6901).
    Pointer(String),
    /// A JSONPath (RFC 9535), and how the plan writes it.
    Path(Box<JsonPath>, String),
}

impl Place {
    /// As the plan writes it.
    #[must_use]
    pub fn written(&self) -> &str {
        match self {
            Self::Pointer(text) | Self::Path(_, text) => text,
        }
    }
}

/// What a JSON value has to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// This; numbers by worth.
    Equals(Value),
    /// Anything but this.
    Not(Value),
    /// One of these.
    OneOf(Vec<Value>),
    /// A number within these.
    Number(Bounds),
    /// A string, or a number as it is written, that matches.
    Matches(Pattern),
    /// With this text, entry or key in it.
    Contains(Value),
    /// Of this type.
    Type(&'static str),
    /// So many characters, entries or keys.
    Length(Bounds),
    /// A time at most this long ago.
    NewerThan(Duration),
}

/// Bounds of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bounds {
    /// More than this.
    pub above: Option<f64>,
    /// Less than this.
    pub below: Option<f64>,
    /// This or more.
    pub at_least: Option<f64>,
    /// This or less.
    pub at_most: Option<f64>,
}

impl Bounds {
    /// This number alone.
    #[must_use]
    pub fn exactly(number: f64) -> Self {
        Self { at_least: Some(number), at_most: Some(number), ..Self::default() }
    }

    /// This or more.
    #[must_use]
    pub fn at_least(number: f64) -> Self {
        Self { at_least: Some(number), ..Self::default() }
    }

    /// The number is within.
    #[must_use]
    pub fn hold(&self, number: f64) -> bool {
        self.above.is_none_or(|bound| number > bound)
            && self.below.is_none_or(|bound| number < bound)
            && self.at_least.is_none_or(|bound| number >= bound)
            && self.at_most.is_none_or(|bound| number <= bound)
    }

    /// It was too much, rather than too little.
    #[must_use]
    pub fn are_exceeded_by(&self, number: f64) -> bool {
        self.below.is_some_and(|bound| number >= bound)
            || self.at_most.is_some_and(|bound| number > bound)
    }

    /// Some number is within.
    #[must_use]
    pub fn can_hold(&self) -> bool {
        let least = [(self.above, false), (self.at_least, true)];
        let most = [(self.below, false), (self.at_most, true)];
        least.iter().all(|&(low, takes_low)| {
            most.iter().all(|&(high, takes_high)| match (low, high) {
                (Some(low), Some(high)) => low < high || (low == high && takes_low && takes_high),
                _ => true,
            })
        })
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(least), Some(most)) = (self.at_least, self.at_most)
            && least == most
        {
            return write!(f, "{least}");
        }
        let each =
            [(">", self.above), (">=", self.at_least), ("<", self.below), ("<=", self.at_most)];
        let mut before = "";
        for (sign, bound) in each {
            if let Some(bound) = bound {
                write!(f, "{before}{sign} {bound}")?;
                before = ", ";
            }
        }
        Ok(())
    }
}

impl Test {
    /// What it asks for, in few words.
    #[must_use]
    pub fn describe(&self) -> Text {
        match self {
            Self::Equals(value) => Text::same(value.to_string()),
            Self::Not(value) => Text::same(format!("!= {value}")),
            Self::OneOf(values) => {
                let each: Vec<String> = values.iter().map(Value::to_string).collect();
                Text::same(each.join(" | "))
            }
            Self::Number(bounds) => Text::same(bounds.to_string()),
            Self::Matches(pattern) => Text::same(format!("/{}/", pattern.as_str())),
            Self::Contains(value) => text!("something with {value} in it", "{value} 포함"),
            Self::Type(name) => text!("a value of type {name}", "{name} 타입의 값"),
            Self::Length(bounds) => text!("length {bounds}", "길이 {bounds}"),
            Self::NewerThan(age) => {
                text!(
                    "a time at most {age:?} ago",
                    "지금부터 {age:?} 이내의 시각",
                    age = Spoken(*age)
                )
            }
        }
    }
}

/// A duration in the units of the plan.
pub(super) struct Spoken(pub(super) Duration);

impl fmt::Debug for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_millis();
        for (unit, length) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)] {
            // A day and two hours is best read as 26h: the largest unit that divides it.
            if milliseconds > 0 && milliseconds.is_multiple_of(length) {
                return write!(f, "{}{unit}", milliseconds / length);
            }
        }
        write!(f, "{milliseconds}ms")
    }
}

/// What a body has to stay.
#[derive(Clone, Debug, PartialEq)]
pub struct Unchanged {
    /// SHA-256 of the body, uncompressed and without what is ignored.
    pub digest: [u8; 32],
    /// The file it has to be the same as, for people, and its text without what is ignored.
    pub file: Option<(String, Vec<u8>)>,
    /// Cut out before.
    pub ignoring: Vec<BytePattern>,
}

impl Unchanged {
    /// From a digest of the plan.
    #[must_use]
    pub fn from_digest(digest: [u8; 32], ignoring: Vec<BytePattern>) -> Self {
        Self { digest, file: None, ignoring }
    }

    /// From a file's text.
    #[must_use]
    pub fn from_file(name: String, text: &[u8], ignoring: Vec<BytePattern>) -> Self {
        let mut unchanged = Self { digest: [0; 32], file: None, ignoring };
        let text = unchanged.stripped(text).into_owned();
        unchanged.digest = digest(&text);
        unchanged.file = Some((name, text));
        unchanged
    }

    /// The bytes without what is ignored.
    pub(super) fn stripped<'a>(&self, bytes: &'a [u8]) -> std::borrow::Cow<'a, [u8]> {
        let mut bytes = std::borrow::Cow::Borrowed(bytes);
        for BytePattern(pattern) in &self.ignoring {
            if pattern.is_match(&bytes) {
                bytes = pattern.replace_all(&bytes, &b""[..]).into_owned().into();
            }
        }
        bytes
    }
}

/// SHA-256.
pub(super) fn digest(bytes: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds() {
        let two_to_four = Bounds { at_least: Some(2.0), below: Some(4.0), ..Bounds::default() };
        for (bounds, number, holds) in [
            (Bounds::default(), 1.0, true),
            (Bounds::exactly(3.0), 3.0, true),
            (Bounds::exactly(3.0), 3.5, false),
            (two_to_four, 2.0, true),
            (two_to_four, 4.0, false),
            (Bounds { above: Some(2.0), ..Bounds::default() }, 2.0, false),
            (Bounds { at_most: Some(2.0), ..Bounds::default() }, 2.0, true),
        ] {
            assert_eq!(bounds.hold(number), holds, "{bounds} {number}");
        }
        assert_eq!(two_to_four.to_string(), ">= 2, < 4");
        assert_eq!(Bounds::exactly(3.0).to_string(), "3");
        assert_eq!(Bounds { above: Some(0.5), ..Bounds::default() }.to_string(), "> 0.5");
        assert!(two_to_four.are_exceeded_by(4.0) && !two_to_four.are_exceeded_by(1.0));
        for (above, below, at_least, at_most, can) in [
            (Some(1.0), Some(2.0), None, None, true),
            (Some(2.0), Some(2.0), None, None, false),
            (None, None, Some(2.0), Some(2.0), true),
            (Some(2.0), None, None, Some(2.0), false),
            (None, Some(1.0), Some(3.0), None, false),
        ] {
            let bounds = Bounds { above, below, at_least, at_most };
            assert_eq!(bounds.can_hold(), can, "{bounds}");
        }
    }

    #[test]
    fn durations_are_said_as_the_plan_writes_them() {
        for (milliseconds, said) in [
            (0, "0ms"),
            (800, "800ms"),
            (2000, "2s"),
            (90_000, "90s"),
            (93_600_000, "26h"),
            (172_800_000, "2d"),
        ] {
            assert_eq!(format!("{:?}", Spoken(Duration::from_millis(milliseconds))), said);
        }
    }

    #[test]
    fn what_is_ignored_is_cut_out_before_the_digest() {
        let nonce = || vec![BytePattern(regex::bytes::Regex::new("nonce=\"[^\"]*\"").unwrap())];
        let one = Unchanged::from_file("f".into(), b"<script nonce=\"a1\">", nonce());
        let other = Unchanged::from_file("f".into(), b"<script nonce=\"b2\">", nonce());
        assert_eq!(one, other);
        assert_ne!(one, Unchanged::from_file("f".into(), b"<script nonce=\"a1\">", Vec::new()));
    }
}
