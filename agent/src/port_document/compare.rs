//! Where a document and the plan say different things, row by row.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use health::text::is_deceptive;
use health::{Claim, ClaimKind, Exposure, Host, Language, PortKey, Protocol, Text, text};
use serde::Serialize;

use super::Run;
use super::cells::shown;
use super::entry::{Document, Entry, Weight, owners};
use super::wording;
use super::write::folded;
use crate::free_ports::run_words;

/// One place where a document does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Line in the file, counted from 1; for what is missing the line before which it belongs.
    pub line: usize,
    /// What is wrong.
    pub fault: Fault,
    /// The host, where the plan has it.
    pub host: Option<Arc<str>>,
    /// The ports, where it is about some.
    pub ports: Option<(Run, Protocol)>,
    /// In words.
    pub text: Text,
}

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The plan claims a port that the document does not name.
    Missing,
    /// The document names a port that the plan does not claim.
    Extra,
    /// Both know the port, and say different things of it.
    Different,
    /// The document names a port twice.
    Twice,
    /// A row cannot be read.
    Unread,
    /// A line of a document written here is not what would be written now.
    Outdated,
}

/// A document beside a plan.
#[derive(Clone, Debug, Default)]
pub struct Compared {
    /// Where they differ, by line.
    pub differences: Vec<Difference>,
    /// On which line the document names a port.
    pub lines: HashMap<PortKey, usize>,
}

/// Compares. `only` is the host of rows that name none, where the plan has several. Fields that the
/// document has no column for are not compared.
#[must_use]
pub fn differences(document: &Document, hosts: &[Arc<Host>], only: Option<&str>) -> Compared {
    let mut comparison = Comparison {
        document,
        hosts,
        only,
        found: Vec::new(),
        named: HashMap::new(),
        claimed: HashSet::new(),
    };
    comparison.read();
    for host in hosts {
        comparison.claims(host);
    }
    comparison.extra();
    let Comparison { mut found, named, .. } = comparison;
    found.sort_by_key(|difference| (difference.line, difference.fault));
    let lines = named.into_iter().map(|(key, at)| (key, document.entries[at].line)).collect();
    Compared { differences: found, lines }
}

struct Comparison<'a> {
    document: &'a Document,
    hosts: &'a [Arc<Host>],
    only: Option<&'a str>,
    found: Vec<Difference>,
    /// The entry that names a port first.
    named: HashMap<PortKey, usize>,
    /// Ports that the plan claims.
    claimed: HashSet<PortKey>,
}

impl<'a> Comparison<'a> {
    /// Notes which entry names which port.
    fn read(&mut self) {
        for note in &self.document.notes {
            if note.weight == Weight::Mistake {
                self.tell(note.line, Fault::Unread, None, None, note.text.clone());
            }
        }
        for (at, entry) in self.document.entries.iter().enumerate() {
            let host = match self.host(entry) {
                Ok(host) => host,
                Err(words) => {
                    self.tell(entry.line, Fault::Extra, None, entry.ports.first().copied(), words);
                    continue;
                }
            };
            for &((first, last), protocol) in &entry.ports {
                let mut twice: Option<(Run, usize)> = None;
                for port in first..=last {
                    let key = PortKey { host: host.clone(), port, protocol };
                    let owner = *self.named.entry(key).or_insert(at);
                    if owner != at {
                        let start = twice.map_or(port, |(run, _)| run.0);
                        twice = Some(((start, port), owner));
                    }
                }
                let Some((run, owner)) = twice else { continue };
                let (ports, other) = (words(run, protocol), self.document.entries[owner].line);
                let told = text!(
                    "{ports} is on line {other} already",
                    "{ports}은(는) {other}번째 줄에도 있습니다"
                );
                self.tell(
                    entry.line,
                    Fault::Twice,
                    Some(host.clone()),
                    Some((run, protocol)),
                    told,
                );
            }
        }
    }

    /// The plan's host that an entry is about.
    fn host(&self, entry: &Entry) -> Result<Arc<str>, Text> {
        let by = |wanted: &str| {
            let address = self
                .document
                .hosts
                .iter()
                .find(|named| named.name == wanted)
                .and_then(|named| named.address.as_deref());
            let host = self
                .hosts
                .iter()
                .find(|host| &*host.name == wanted)
                .or_else(|| self.hosts.iter().find(|host| Some(&*host.address) == address));
            host.map(|host| host.name.clone())
        };
        match (entry.host.as_deref().or(self.only), self.hosts) {
            (Some(name), _) => by(name).ok_or_else(|| {
                let name = shown(name);
                text!("the plan has no host {name}", "계획에 {name} 호스트가 없습니다")
            }),
            (None, [one]) => Ok(one.name.clone()),
            (None, _) => Err(text!(
                "on which host? Put a heading with its name above the table, or say --host NAME",
                "어느 호스트의 포트인지 알 수 없습니다. 표 위에 호스트 이름을 제목으로 적거나 --host NAME을 지정해 주세요"
            )),
        }
    }

    /// What the document says of a host's claims.
    fn claims(&mut self, host: &'a Host) {
        for kind in [ClaimKind::Allocated, ClaimKind::System, ClaimKind::Reserved] {
            for ((first, last), claim) in folded(host, kind) {
                let protocol = claim.key.protocol;
                let mut missing: Vec<Run> = Vec::new();
                let mut seen: BTreeMap<usize, Run> = BTreeMap::new();
                for port in first..=last {
                    let key = PortKey { host: host.name.clone(), port, protocol };
                    match self.named.get(&key) {
                        Some(&at) => seen.entry(at).or_insert((port, port)).1 = port,
                        None => match missing.last_mut().filter(|run| run.1 + 1 == port) {
                            Some(run) => run.1 = port,
                            None => missing.push((port, port)),
                        },
                    }
                    self.claimed.insert(key);
                }
                for run in missing {
                    self.missing(host, claim, run);
                }
                for (at, run) in seen {
                    self.fields(host, claim, &self.document.entries[at], run);
                }
            }
        }
    }

    fn missing(&mut self, host: &Host, claim: &Claim, run: Run) {
        let before = |entry: &&Entry| self.host(entry).is_ok_and(|own| own == host.name);
        let own: Vec<&Entry> = self.document.entries.iter().filter(before).collect();
        let follows = |entry: &&&Entry| {
            entry.kind == Some(claim.claim)
                && entry.ports.first().is_some_and(|(first, _)| first.0 > run.0)
        };
        let line = match own.iter().find(follows) {
            Some(entry) => entry.line,
            None => {
                let alike = own.iter().rev().find(|entry| entry.kind == Some(claim.claim));
                alike.or(own.last()).map_or(1, |entry| entry.line + 1)
            }
        };
        let ports = words(run, claim.key.protocol);
        let (kind, service) = (claim.claim.label(), quoted_after(&claim.service));
        let kind_ko = wording::kind(claim.claim, Language::Ko);
        let name = &host.name;
        let told = text!(
            "{ports} is missing: the plan has it as {kind}{service} on {name}",
            "{ports} 줄이 없습니다. 계획에는 {name} 호스트의 {kind_ko} 포트{service}입니다"
        );
        let ports = Some((run, claim.key.protocol));
        self.tell(line, Fault::Missing, Some(host.name.clone()), ports, told);
    }

    fn fields(&mut self, host: &Host, claim: &Claim, entry: &Entry, run: Run) {
        let exposure = |exposure: Option<Exposure>| exposure.map_or("", Exposure::label).to_owned();
        let sorted = |owners: &[String]| {
            let mut owners = owners.to_vec();
            owners.sort_unstable();
            owners.join(", ")
        };
        let fields = [
            (
                "claim",
                entry.kind.map(|kind| kind.label().to_owned()),
                claim.claim.label().to_owned(),
            ),
            ("service", entry.service.clone(), claim.service.clone()),
            ("exposure", entry.exposure.map(exposure), exposure(claim.exposure)),
            ("process", entry.owners.as_deref().map(sorted), sorted(&owners(claim))),
            ("description", entry.description.clone(), claim.description.clone()),
        ];
        for (field, here, there) in fields {
            let Some(here) = here.map(|here| plain(&here)) else { continue };
            let there = plain(&there);
            if here == there {
                continue;
            }
            let (ports, here, there) =
                (words(run, claim.key.protocol), shown(&here), shown(&there));
            let told = text!(
                "{ports}: {field} is {here} here and {there} in the plan",
                "{ports}: {field} 값이 문서에는 {here}, 계획에는 {there}입니다"
            );
            let ports = Some((run, claim.key.protocol));
            self.tell(entry.line, Fault::Different, Some(host.name.clone()), ports, told);
        }
    }

    /// What the document names and the plan does not.
    fn extra(&mut self) {
        for (at, entry) in self.document.entries.iter().enumerate() {
            let Ok(host) = self.host(entry) else { continue };
            for &((first, last), protocol) in &entry.ports {
                let mut runs: Vec<Run> = Vec::new();
                for port in first..=last {
                    let key = PortKey { host: host.clone(), port, protocol };
                    if self.claimed.contains(&key) || self.named.get(&key) != Some(&at) {
                        continue;
                    }
                    match runs.last_mut().filter(|run| run.1 + 1 == port) {
                        Some(run) => run.1 = port,
                        None => runs.push((port, port)),
                    }
                }
                for run in runs {
                    let ports = words(run, protocol);
                    let told = text!("{ports} is not in the plan", "{ports}은(는) 계획에 없습니다");
                    let ports = Some((run, protocol));
                    self.tell(entry.line, Fault::Extra, Some(host.clone()), ports, told);
                }
            }
        }
    }

    fn tell(
        &mut self,
        line: usize,
        fault: Fault,
        host: Option<Arc<str>>,
        ports: Option<(Run, Protocol)>,
        text: Text,
    ) {
        self.found.push(Difference { line, fault, host, ports, text });
    }
}

/// The first line of a document written here that is not what would be written now. `written` is
/// what would be.
#[must_use]
pub fn outdated(text: &str, written: &str) -> Option<Difference> {
    let mut wanted = written.lines();
    let mut line = 0;
    let told = loop {
        line += 1;
        let (here, there) = (text.lines().nth(line - 1), wanted.next());
        match (here.map(str::trim_end), there) {
            (None, None) => return None,
            (Some(here), Some(there)) if here == there => {}
            (_, Some(there)) => {
                let there = shown(there);
                break text!(
                    "not as it would be written now, which is {there}",
                    "지금 다시 만들면 {there}입니다"
                );
            }
            (Some(_), None) => {
                break text!("would not be written any more", "지금 다시 만들면 없는 줄입니다");
            }
        }
    };
    Some(Difference { line, fault: Fault::Outdated, host: None, ports: None, text: told })
}

/// `3012-3014/tcp`
fn words(run: Run, protocol: Protocol) -> String {
    format!("{}/{}", run_words(run), protocol.label())
}

fn quoted_after(service: &str) -> String {
    if service.is_empty() { String::new() } else { format!(" {}", shown(service)) }
}

/// As a document shows it.
fn plain(words: &str) -> String {
    let words = words.replace(is_deceptive, " ");
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Fault {
    /// In a word.
    #[must_use]
    pub const fn words(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::Missing, Language::En) => "missing",
            (Self::Extra, Language::En) => "extra",
            (Self::Different, Language::En) => "different",
            (Self::Twice, Language::En) => "twice",
            (Self::Unread, Language::En) => "unread",
            (Self::Outdated, Language::En) => "outdated",
            (Self::Missing, Language::Ko) => "누락",
            (Self::Extra, Language::Ko) => "불필요",
            (Self::Different, Language::Ko) => "다름",
            (Self::Twice, Language::Ko) => "중복",
            (Self::Unread, Language::Ko) => "읽지 못함",
            (Self::Outdated, Language::Ko) => "오래됨",
        }
    }
}
