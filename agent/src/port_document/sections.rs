//! Under which heading a table stands, and what that says of its rows.

use std::net::IpAddr;

use health::{ClaimKind, Exposure};

use super::cells::{self, Meant, squeezed};
use super::entry::NamedHost;

/// What the headings over a row say of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) host: Option<String>,
    pub(super) about: About,
    pub(super) exposure: Option<Exposure>,
}

/// What the rows of a section are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum About {
    /// Claims of a kind that the rows say themselves, or else allocated.
    #[default]
    Claims,
    /// Claims of this kind, unless a row says otherwise.
    Kind(ClaimKind),
    /// Who may reach which ports: the claims are elsewhere.
    Firewall,
    /// Listeners that nobody claims.
    Undeclared,
    /// Ports that nobody has.
    Free,
}

/// The headings that are open at one place of a document.
#[derive(Debug, Default)]
pub(super) struct Headings {
    open: Vec<(u8, Section)>,
    titled: bool,
}

impl Headings {
    /// What the open headings say together, the nearest first.
    pub(super) fn section(&self) -> Section {
        let nearest = |pick: fn(&Section) -> bool| {
            self.open.iter().rev().map(|(_, section)| section).find(|section| pick(section))
        };
        Section {
            host: nearest(|section| section.host.is_some())
                .and_then(|section| section.host.clone()),
            about: nearest(|section| section.about != About::Claims)
                .map(|section| section.about)
                .unwrap_or_default(),
            exposure: nearest(|section| section.exposure.is_some())
                .and_then(|section| section.exposure),
        }
    }

    /// Opens a heading and closes those it ends. The first of the highest level is the title of the
    /// whole, and says nothing of a section.
    pub(super) fn open(&mut self, level: u8, words: &str, host: Option<&NamedHost>) {
        self.open.retain(|(open, _)| *open < level);
        let is_title = level == 1 && !std::mem::replace(&mut self.titled, true);
        let mut section = if is_title { Section::default() } else { said(words) };
        section.host = host.map(|host| host.name.clone());
        if host.is_some() && !is_title {
            // A host's own name says nothing of its ports, whatever the words in it.
            section = Section { host: section.host, ..Section::default() };
        }
        self.open.push((level, section));
    }
}

fn said(words: &str) -> Section {
    let squeezed = squeezed(words);
    let names = |known: &[&str]| known.iter().any(|word| squeezed.contains(word));
    let about = if names(&["firewall", "방화벽", "보안그룹", "securitygroup"]) {
        About::Firewall
    } else if names(&["undeclared", "미등록", "unknown"]) {
        About::Undeclared
    } else {
        match cells::kinds(words)[..] {
            // "시스템 구성" is about everything there is, not about ports of the system.
            [Meant::As(ClaimKind::System)] if !names(&["port", "포트"]) && !is_bare(&squeezed) => {
                About::Claims
            }
            [Meant::As(kind)] => About::Kind(kind),
            [Meant::Free] => About::Free,
            _ => About::Claims,
        }
    };
    Section { host: None, about, exposure: exposure(&squeezed) }
}

/// `2. System` and `시스템`, but not `시스템 구성`.
fn is_bare(squeezed: &str) -> bool {
    let word = squeezed.trim_matches(|c: char| !c.is_alphabetic());
    matches!(word, "system" | "시스템")
}

/// An exposure only where the heading says nothing else: `외부 공개 포트`, not `외부 연동 서비스`.
fn exposure(squeezed: &str) -> Option<Exposure> {
    let mut word = squeezed.trim_matches(|c: char| !c.is_alphabetic()).to_owned();
    for noise in ["ports", "port", "포트", "전용", "only", "목록", "list"] {
        word = word.replace(noise, "");
    }
    match &*word {
        "public" | "external" | "외부" | "공개" | "외부공개" => Some(Exposure::Public),
        "internal" | "내부" | "내부망" | "사내" => Some(Exposure::Internal),
        "loopback" | "localhost" | "루프백" | "로컬" => Some(Exposure::Loopback),
        _ => None,
    }
}

/// The host that a heading names: by an address in it, by a word before it, or because what follows
/// is its address. `known` are the hosts of a plan, where there is one.
pub(super) fn host(heading: &str, following: Option<&str>, known: &[&str]) -> Option<NamedHost> {
    let heading = heading.trim();
    let address = following.and_then(address_line);
    if known.contains(&heading) {
        let (address, local) = address.unzip();
        return Some(NamedHost {
            name: heading.to_owned(),
            address,
            local: local.unwrap_or_default(),
        });
    }
    let within = heading
        .split([' ', '(', ')', ',', '/'])
        .find(|word| word.parse::<IpAddr>().is_ok())
        .map(|word| (word.to_owned(), false));
    let called = ["host:", "호스트:", "서버:", "server:", "host ", "호스트 ", "server "]
        .into_iter()
        .find_map(|word| {
            heading.to_lowercase().starts_with(word).then(|| heading.get(word.len()..))
        })
        .flatten();
    if address.is_none() && within.is_none() && called.is_none() {
        return None;
    }
    let mut name = called.unwrap_or(heading).to_owned();
    if let Some((address, _)) = &within {
        name = name.replace(address, "");
    }
    let (address, local) = address.or(within).unzip();
    let name = host_name(&name).or_else(|| host_name(address.as_deref()?))?;
    Some(NamedHost { name, address, local: local.unwrap_or_default() })
}

/// `Address: 10.0.0.5 (this machine)`: the address, and whether it is this machine.
fn address_line(line: &str) -> Option<(String, bool)> {
    let (word, rest) = line.split_once(':')?;
    let word = squeezed(word);
    if !matches!(&*word, "address" | "ip" | "ipaddress" | "주소" | "ip주소" | "서버주소") {
        return None;
    }
    let address = rest.split_whitespace().next()?.trim_matches(['(', ')', ',', '`']);
    let rest = squeezed(rest);
    let local = rest.contains("thismachine") || rest.contains("이서버");
    (!address.is_empty()).then(|| (address.to_owned(), local))
}

/// A name that a plan takes for a host; `None` when nothing is left of it.
pub(super) fn host_name(words: &str) -> Option<String> {
    const MOST: usize = 64;
    let kept: String = words
        .chars()
        .map(|c| match c {
            ':' | '/' | '[' | ']' | '@' | '(' | ')' => ' ',
            c if health::text::is_deceptive(c) => ' ',
            c => c,
        })
        .collect();
    let kept = kept.split_whitespace().collect::<Vec<_>>().join(" ");
    let kept: String = kept.chars().take(MOST).collect();
    let kept = kept.trim().trim_matches('-').trim();
    // A host called like a port or a range would make names that read like others.
    let reads_like_port = kept.chars().all(|c| c.is_ascii_digit() || c == '-' || c == ' ');
    match kept {
        "" => None,
        kept if reads_like_port => Some(format!("host {kept}")),
        kept => Some(kept.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_name_hosts() {
        let named = |heading, following: Option<&str>| {
            host(heading, following, &["db"]).map(|host| (host.name, host.address, host.local))
        };
        let at = |name: &str, address: &str, local| {
            Some((name.to_owned(), Some(address.to_owned()), local))
        };
        assert_eq!(
            named("web", Some("Address: 127.0.0.1 (this machine)")),
            at("web", "127.0.0.1", true)
        );
        assert_eq!(named("web", Some("주소: back.example")), at("web", "back.example", false));
        assert_eq!(named("프론트 서버 (10.0.0.5)", None), at("프론트 서버", "10.0.0.5", false));
        assert_eq!(named("10.0.0.5", None), at("10.0.0.5", "10.0.0.5", false));
        assert_eq!(named("Host: edge", None), Some(("edge".into(), None, false)));
        assert_eq!(named("db", None), Some(("db".into(), None, false)));
        assert_eq!(named("Allocated", Some("What is in use.")), None);
        assert_eq!(named("Allocated", None), None);
    }

    #[test]
    fn the_nearest_heading_counts() {
        let mut headings = Headings::default();
        headings.open(1, "예약 시스템 포트", None);
        assert_eq!(headings.section(), Section::default(), "a title");
        headings.open(2, "2. 예약된 포트 (향후 사용)", None);
        assert_eq!(headings.section().about, About::Kind(ClaimKind::Reserved));
        headings.open(3, "데이터베이스", None);
        assert_eq!(headings.section().about, About::Kind(ClaimKind::Reserved));
        headings.open(2, "외부 공개 포트", None);
        let section = headings.section();
        assert_eq!((section.about, section.exposure), (About::Claims, Some(Exposure::Public)));
        headings.open(2, "외부 연동 시스템", None);
        assert_eq!(headings.section(), Section::default());
        headings.open(2, "방화벽 설정", None);
        assert_eq!(headings.section().about, About::Firewall);
        headings.open(2, "사용 가능한 포트", None);
        assert_eq!(headings.section().about, About::Free);
    }
}
