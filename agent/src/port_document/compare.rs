//! Where a document and the plan say different things, row by row.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use health::text::is_deceptive;
use health::{Claim, ClaimKind, Exposure, Host, Language, PortKey, Protocol, Text, text};
use serde::Serialize;

use super::Run;
use super::cells::{is_blank, shown};
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
        places: Places::of(document, hosts),
        rows: HashMap::new(),
        last_rows: HashMap::new(),
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

/// The highest first port up to a row, and the row's line.
type Highest = (u16, usize);

struct Comparison<'a> {
    document: &'a Document,
    hosts: &'a [Arc<Host>],
    only: Option<&'a str>,
    places: Places<'a>,
    /// The rows of each kind on each host, in the order of the document.
    rows: HashMap<(Arc<str>, ClaimKind), Vec<Highest>>,
    /// The line of the last row about each host.
    last_rows: HashMap<Arc<str>, usize>,
    found: Vec<Difference>,
    /// The entry that names a port first.
    named: HashMap<PortKey, usize>,
    /// Ports that the plan claims.
    claimed: HashSet<PortKey>,
}

/// Hosts of the plan by what a document may call them.
struct Places<'a> {
    by_name: HashMap<&'a str, &'a Arc<str>>,
    by_address: HashMap<&'a str, &'a Arc<str>>,
    /// The addresses that the document says.
    said: HashMap<&'a str, &'a str>,
}

impl<'a> Places<'a> {
    fn of(document: &'a Document, hosts: &'a [Arc<Host>]) -> Self {
        let mut by_address = HashMap::new();
        for host in hosts {
            by_address.entry(&*host.address).or_insert(&host.name);
        }
        let said =
            document.hosts.iter().filter_map(|one| Some((&*one.name, one.address.as_deref()?)));
        Self {
            by_name: hosts.iter().map(|host| (&*host.name, &host.name)).collect(),
            by_address,
            said: said.collect(),
        }
    }

    fn called(&self, name: &str) -> Option<Arc<str>> {
        let by_address = || self.by_address.get(self.said.get(name)?);
        self.by_name.get(name).or_else(by_address).map(|&name| name.clone())
    }
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
            self.last_rows.insert(host.clone(), entry.line);
            if let (Some(kind), Some(((first, _), _))) = (entry.kind, entry.ports.first()) {
                let rows = self.rows.entry((host.clone(), kind)).or_default();
                let highest = rows.last().map_or(*first, |(highest, _)| *first.max(highest));
                rows.push((highest, entry.line));
            }
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
        match (entry.host.as_deref().or(self.only), self.hosts) {
            (Some(name), _) => self.places.called(name).ok_or_else(|| {
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
        let alike = self.rows.get(&(host.name.clone(), claim.claim)).map_or(&[][..], |rows| rows);
        let follows = alike.partition_point(|(highest, _)| *highest <= run.0);
        let line = match (alike.get(follows), alike.last()) {
            (Some((_, line)), _) => *line,
            (None, Some((_, line))) => line + 1,
            (None, None) => self.last_rows.get(&host.name).map_or(1, |line| line + 1),
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
            owners.retain(|owner| !is_blank(owner));
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
            let Some(here) = here.map(|here| said(&here)) else { continue };
            let there = said(&there);
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
    let (mut lines, mut wanted) = (text.lines(), written.lines());
    let mut line = 0;
    let told = loop {
        line += 1;
        let (here, there) = (lines.next(), wanted.next());
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

/// As a document shows it; empty for words that mean nothing, which a reader of the document takes
/// for an empty cell.
fn said(words: &str) -> String {
    let words = plain(words);
    if is_blank(&words) { String::new() } else { words }
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
