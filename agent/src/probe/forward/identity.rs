//! Who answers: what tells one place from another, and whether two are the same. Pure.

use std::mem::discriminant;

use health::{Text, text};
use http::Uri;
use http::header::{LOCATION, SERVER};
use ring::digest::{SHA256, digest};

use crate::net::printable;
use crate::probe::http::Glance;
use crate::ssh::{HostKey, turned_away};

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
    /// Its first line, word by word: said at once, or in answer to what it does not understand.
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
    /// The redirect only hands back the host that was asked for, as any server's would.
    pub(super) is_echo: bool,
    pub(super) title: Option<String>,
    pub(super) body: Body,
}

/// The body of an HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// It did not come whole: what came of it is nobody's identity.
    Cut,
    Empty,
    /// Its SHA-256.
    Whole([u8; 32]),
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
        if let Some((protocol, version)) = mysql(said) {
            let words = vec!["MySQL".to_owned(), format!("protocol {protocol}"), version];
            return Self::Words { said: words, asked };
        }
        let said = said.trim_ascii_start();
        // How much of the rest came along depends on how the network cut it into segments.
        let end = said.iter().position(|&byte| byte == b'\n').unwrap_or(said.len());
        let said: Vec<String> = said[..end]
            .split(|byte| byte.is_ascii_whitespace() || *byte == 0)
            .filter(|word| !word.is_empty())
            .take(MOST_WORDS)
            .map(|word| printable(word, SHOWN_CHARS))
            .collect();
        if said.is_empty() { Self::Mute } else { Self::Words { said, asked } }
    }

    /// What came back when `host` was asked for.
    pub(super) fn page(glance: &Glance, host: &str) -> Self {
        let header =
            |name| glance.headers.get(name).map(|value| printable(value.as_bytes(), SHOWN_CHARS));
        let body = match glance.body.as_deref() {
            None => Body::Cut,
            Some([]) => Body::Empty,
            Some(bytes) => {
                let mut hash = [0; 32];
                hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
                Body::Whole(hash)
            }
        };
        let location = header(&LOCATION);
        Self::Page(Page {
            status: glance.status.as_u16(),
            server: header(&SERVER),
            is_echo: location.as_deref().is_some_and(|location| echoes(location, host)),
            location,
            title: glance.body.as_deref().and_then(title),
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

    /// Whether that two show this is proof enough to remember: a greeting or a redirect may be
    /// the same on many machines.
    pub(super) fn is_proof(&self) -> bool {
        match self {
            Self::Key(_) | Self::Certificate { .. } => true,
            Self::Page(page) => page.tells_by_body() && matches!(page.body, Body::Whole(_)),
            Self::Words { .. } | Self::Mute => false,
        }
    }

    /// An SSH server: by its key, or one whose key was not seen, for want of time or of a method.
    fn is_of_ssh(&self) -> bool {
        match self {
            Self::Key(_) => true,
            Self::Words { said, .. } => {
                let said = said.join(" ");
                said.starts_with("SSH-") || turned_away(said.as_bytes()).is_some()
            }
            Self::Certificate { .. } | Self::Page(_) | Self::Mute => false,
        }
    }

    /// Everything there is to compare.
    fn signs(&self) -> Vec<Sign> {
        match self {
            Self::Key(key) => vec![Sign::telling("key", key.fingerprint.to_string())],
            Self::Certificate { fingerprint, .. } => {
                vec![Sign::telling("certificate", fingerprint.clone())]
            }
            Self::Words { said, .. } => {
                let mut words: Vec<&String> = said.iter().collect();
                words.sort_unstable();
                words.dedup();
                words.into_iter().map(|word| Sign::telling("word", word.clone())).collect()
            }
            Self::Page(page) => page.signs(),
            Self::Mute => Vec::new(),
        }
    }
}

/// One thing to compare.
#[derive(Clone, Debug)]
struct Sign {
    name: &'static str,
    value: String,
    /// That two have it in common means something.
    tells: bool,
}

impl Sign {
    fn telling(name: &'static str, value: String) -> Self {
        Self { name, value, tells: true }
    }

    fn is_among(&self, others: &[Self]) -> bool {
        others.iter().any(|other| (other.name, &other.value) == (self.name, &self.value))
    }
}

impl Page {
    /// What servers send beside a redirect is the same everywhere.
    fn tells_by_body(&self) -> bool {
        !(300..400).contains(&self.status)
    }

    fn signs(&self) -> Vec<Sign> {
        let sign = |name, value: Option<String>, may_tell: bool| Sign {
            name,
            tells: may_tell && value.is_some(),
            value: value.unwrap_or_default(),
        };
        let has_own_page = self.tells_by_body();
        let body = match &self.body {
            Body::Whole(hash) => Some(format!("{hash:02x?}")),
            Body::Cut | Body::Empty => None,
        };
        let mut signs = vec![
            sign("status", Some(self.status.to_string()), false),
            sign("server", self.server.clone(), false),
            sign("location", self.location.clone(), !self.is_echo),
        ];
        if self.body != Body::Cut {
            signs.push(sign("title", self.title.clone(), has_own_page));
            signs.push(sign("body", body, has_own_page));
        }
        signs
    }

    fn shown(&self) -> Text {
        let part = |name: &str, value: &Option<String>| {
            value.as_ref().map(|value| format!(", {name} {value}")).unwrap_or_default()
        };
        let title = self.title.as_ref().map(|title| format!(", \"{title}\"")).unwrap_or_default();
        let (server, location) = (part("Server", &self.server), part("Location", &self.location));
        let (status, head) = (self.status, format!("{server}{location}{title}"));
        match &self.body {
            Body::Whole(hash) => {
                let beginning: String =
                    hash[..4].iter().map(|byte| format!("{byte:02x}")).collect();
                text!(
                    "HTTP {status}{head}, body {beginning}…",
                    "HTTP {status}{head}, 본문 {beginning}…"
                )
            }
            Body::Empty => {
                text!("HTTP {status}{head}, no body", "HTTP {status}{head}, 본문 없음")
            }
            Body::Cut => {
                text!("HTTP {status}{head}, body cut off", "HTTP {status}{head}, 본문이 끊김")
            }
        }
    }
}

/// Compares the outer side with the inner. With a second look at the inner one, what differs between
/// the two is left out: a date or a token is nobody's identity.
pub(super) fn likeness(inner: &Identity, again: Option<&Identity>, outer: &Identity) -> Likeness {
    let are_keys = matches!((inner, outer), (Identity::Key(_), Identity::Key(_)));
    let are_ssh = inner.is_of_ssh() && outer.is_of_ssh();
    // Who says nothing may be anybody, slow; and of SSH servers only the keys differ.
    if *inner == Identity::Mute || (are_ssh && !are_keys) {
        return Likeness::Untold;
    }
    if again.is_some_and(|again| discriminant(inner) != discriminant(again)) {
        return Likeness::Untold;
    }
    if discriminant(inner) != discriminant(outer) {
        return Likeness::Different;
    }
    let (mut signs, mut outer_signs) = (inner.signs(), outer.signs());
    if let (Identity::Page(page), Identity::Page(other)) = (inner, outer)
        && (page.body == Body::Cut || other.body == Body::Cut)
    {
        for signs in [&mut signs, &mut outer_signs] {
            signs.retain(|sign| !matches!(sign.name, "title" | "body"));
        }
    }
    if let Some(again) = again {
        let again = again.signs();
        signs.retain(|sign| sign.is_among(&again));
    }
    let has_all = signs.iter().all(|sign| sign.is_among(&outer_signs));
    let is_evident = signs.iter().any(|sign| sign.tells);
    match (has_all, again) {
        (false, _) => Likeness::Different,
        (true, None) if signs.len() != outer_signs.len() => Likeness::Different,
        (true, _) if is_evident => Likeness::Same,
        (true, _) => Likeness::Untold,
    }
}

/// Protocol and version of a MySQL handshake (protocol::HandshakeV10). What follows is new at every
/// visit, and may hold any byte.
fn mysql(said: &[u8]) -> Option<(u8, String)> {
    let [_, _, _, 0, protocol @ 0x0a, version @ ..] = said else { return None };
    let end = version.iter().position(|&byte| byte == 0)?;
    (end > 0).then(|| (*protocol, printable(&version[..end], SHOWN_CHARS)))
}

/// Whether a greeting has come as far as it is compared.
pub(super) fn is_whole(said: &[u8]) -> bool {
    match said {
        [_, _, _, 0, 0x0a, version @ ..] => version.contains(&0),
        _ => said.trim_ascii_start().contains(&b'\n'),
    }
}

/// Whether a redirect leads to the beginning of the host that was asked for, with or without a port.
fn echoes(location: &str, host: &str) -> bool {
    let Ok(target) = location.parse::<Uri>() else { return false };
    let asked = host.parse::<Uri>().ok();
    let is_same = match (target.host(), asked.as_ref().and_then(Uri::host)) {
        (Some(target), Some(asked)) => target.eq_ignore_ascii_case(asked),
        (None, _) => true,
        _ => false,
    };
    is_same && matches!(target.path(), "" | "/") && target.query().is_none()
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
