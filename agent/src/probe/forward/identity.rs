//! Who answers: what tells one place from another, and whether two are the same. Pure.

use health::{Text, text};
use http::header::{LOCATION, SERVER};
use ring::digest::{SHA256, digest};

use crate::net::printable;
use crate::probe::http::Glance;
use crate::ssh::HostKey;

/// Most words of a greeting that are compared.
const MOST_WORDS: usize = 64;
/// Most characters of anything that is shown.
const SHOWN_CHARS: usize = 120;

/// How a place is asked who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tongue {
    /// By a key exchange, for the host key.
    Ssh,
    /// By a handshake, for the certificate.
    Tls,
    /// By `GET /`.
    Http,
    /// Not at all: it speaks first.
    Banner,
}

/// What the plan accepts for `speaks` of a forward.
pub(crate) const TONGUES: &[&str] = &["ssh", "tls", "http", "banner"];

impl Tongue {
    /// The one of this name, as the plan writes it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "ssh" => Self::Ssh,
            "tls" => Self::Tls,
            "http" => Self::Http,
            "banner" => Self::Banner,
            _ => return None,
        })
    }
}

/// Who a place says it is, by the strongest sign it gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// An SSH host key, proven.
    Key(HostKey),
    /// The certificate of its leaf.
    Certificate {
        /// SHA-256, lower-case hex.
        fingerprint: String,
        /// Subject or first name.
        name: String,
    },
    /// What it says, word by word: first, or in answer to what it does not understand.
    Words {
        said: Vec<String>,
        /// How it was asked.
        asked: Tongue,
    },
    /// An HTTP answer.
    Page(Page),
    /// It accepts, and says nothing.
    Mute,
}

/// An HTTP answer, as far as it tells one server from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) status: u16,
    pub(super) server: Option<String>,
    pub(super) location: Option<String>,
    pub(super) title: Option<String>,
    /// SHA-256 of the body.
    pub(super) body: [u8; 32],
}

/// Whether two are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Likeness {
    Same,
    Different,
    /// There is nothing to compare.
    Untold,
}

impl Identity {
    /// What was said, before or instead of an answer; nothing said is [`Identity::Mute`].
    pub(super) fn words(said: &[u8], asked: Tongue) -> Self {
        let said: Vec<String> = said
            .split(|byte| byte.is_ascii_whitespace() || *byte == 0)
            .filter(|word| !word.is_empty())
            .take(MOST_WORDS)
            .map(|word| printable(word, SHOWN_CHARS))
            .collect();
        if said.is_empty() { Self::Mute } else { Self::Words { said, asked } }
    }

    pub(super) fn page(glance: &Glance) -> Self {
        let header =
            |name| glance.headers.get(name).map(|value| printable(value.as_bytes(), SHOWN_CHARS));
        let mut body = [0; 32];
        body.copy_from_slice(digest(&SHA256, &glance.body).as_ref());
        Self::Page(Page {
            status: glance.status.as_u16(),
            server: header(&SERVER),
            location: header(&LOCATION),
            title: title(&glance.body),
            body,
        })
    }

    /// How to ask for the same again; `None` where nothing was said.
    pub(super) fn tongue(&self) -> Option<Tongue> {
        match self {
            Self::Key(_) => Some(Tongue::Ssh),
            Self::Certificate { .. } => Some(Tongue::Tls),
            Self::Page(_) => Some(Tongue::Http),
            Self::Words { asked, .. } => Some(*asked),
            Self::Mute => None,
        }
    }

    /// Whether the same place may show something else at the next visit.
    pub(super) fn may_change(&self) -> bool {
        !matches!(self, Self::Key(_))
    }

    /// For people.
    pub(super) fn shown(&self) -> Text {
        match self {
            Self::Key(key) => text!(
                "SSH host key {fingerprint} ({kind})",
                "SSH 호스트 키 {fingerprint} ({kind})",
                fingerprint = key.fingerprint,
                kind = key.family.label()
            ),
            Self::Certificate { fingerprint, name } => text!(
                "certificate of {name}, SHA-256 {beginning}…",
                "{name}의 인증서, SHA-256 {beginning}…",
                beginning = &fingerprint[..fingerprint.len().min(16)]
            ),
            Self::Words { said, .. } => {
                let said = printable(said.join(" ").as_bytes(), SHOWN_CHARS);
                text!("\"{said}\"", "\"{said}\"")
            }
            Self::Page(page) => page.shown(),
            Self::Mute => text!("nothing", "응답 없음"),
        }
    }

    /// Everything there is to compare, by name.
    fn signs(&self) -> Vec<(String, String)> {
        let sign = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        match self {
            Self::Key(key) => vec![sign("key", &key.fingerprint.to_string())],
            Self::Certificate { fingerprint, .. } => vec![sign("certificate", fingerprint)],
            Self::Words { said, .. } => said
                .iter()
                .enumerate()
                .map(|(index, word)| (format!("word {index}"), word.clone()))
                .collect(),
            Self::Page(page) => {
                let written = |value: &Option<String>| value.clone().unwrap_or_default();
                vec![
                    sign("status", &page.status.to_string()),
                    sign("server", &written(&page.server)),
                    sign("location", &written(&page.location)),
                    sign("title", &written(&page.title)),
                    sign("body", &format!("{:02x?}", page.body)),
                ]
            }
            Self::Mute => Vec::new(),
        }
    }
}

impl Page {
    fn shown(&self) -> Text {
        let part = |name: &str, value: &Option<String>| {
            value.as_ref().map(|value| format!(", {name} {value}")).unwrap_or_default()
        };
        let title = self.title.as_ref().map(|title| format!(", \"{title}\"")).unwrap_or_default();
        let (server, location) = (part("Server", &self.server), part("Location", &self.location));
        let beginning: String = self.body[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        let status = self.status;
        text!(
            "HTTP {status}{server}{location}{title}, body {beginning}…",
            "HTTP {status}{server}{location}{title}, 본문 {beginning}…"
        )
    }
}

/// Compares the outer side with the inner. With a second look at the inner one, what differs between
/// the two is left out: a date or a token is nobody's identity.
pub(super) fn likeness(inner: &Identity, again: Option<&Identity>, outer: &Identity) -> Likeness {
    let (mut signs, outer_signs) = (inner.signs(), outer.signs());
    if signs.is_empty() && outer_signs.is_empty() {
        return Likeness::Untold;
    }
    let same_kind = std::mem::discriminant(inner) == std::mem::discriminant(outer);
    if let Some(again) = again {
        if std::mem::discriminant(inner) != std::mem::discriminant(again) {
            return Likeness::Untold;
        }
        let again = again.signs();
        signs.retain(|sign| again.contains(sign));
    }
    if !same_kind {
        return Likeness::Different;
    }
    let has_all = signs.iter().all(|sign| outer_signs.contains(sign));
    match (signs.is_empty(), has_all) {
        (true, _) => Likeness::Untold,
        (false, true) if again.is_some() || signs.len() == outer_signs.len() => Likeness::Same,
        (false, _) => Likeness::Different,
    }
}

/// The title of a page, in one line.
fn title(body: &[u8]) -> Option<String> {
    let lower = body.to_ascii_lowercase();
    let find = |from: usize, what: &[u8]| {
        let rest = lower.get(from..)?;
        rest.windows(what.len()).position(|window| window == what).map(|at| from + at)
    };
    let open = find(0, b"<title")?;
    let start = find(open, b">")? + 1;
    let end = find(start, b"</title")?;
    let words: Vec<&[u8]> =
        body[start..end].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
    Some(printable(&words.join(&b' '), SHOWN_CHARS)).filter(|title| !title.is_empty())
}
