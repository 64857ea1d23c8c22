//! A document that was kept by hand as `[[host]]` and `[[host.port]]`: valid TOML of a valid plan,
//! with whatever could not be taken over as comments at its end.

use std::collections::{HashMap, HashSet};

use health::text::is_deceptive;
use health::{ClaimKind, Language, Protocol, text};

use super::Run;
use super::cells::shown;
use super::entry::{Document, Entry, MOST_NOTES, NamedHost, Note, UNIT, USER, Weight};
use super::sections;
use crate::free_ports::run_words;
use crate::plan;

/// Where the claims go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landing<'a> {
    /// What comments call the file.
    pub file: &'a str,
    /// The host of rows that name none.
    pub host: &'a str,
    /// Language of the comments.
    pub language: Language,
}

/// A plan made of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The text.
    pub toml: String,
    /// How many `[[host.port]]` there are in it.
    pub claims: usize,
    /// What was not taken over as it stands, by line.
    pub notes: Vec<Note>,
}

/// Makes a plan of a document.
#[must_use]
pub fn import(mut document: Document, landing: &Landing<'_>) -> Imported {
    let fallback = sections::host_name(landing.host).unwrap_or_else(|| "server".to_owned());
    let owners = owners(&mut document, &fallback);
    let mut hosts = std::mem::take(&mut document.hosts);
    let names_none = document.entries.iter().any(|entry| entry.host.is_none());
    if names_none && !hosts.iter().any(|host| host.name == fallback) {
        hosts.insert(0, NamedHost { name: fallback.clone(), address: None, local: false });
    }
    let head = match landing.language {
        Language::En => {
            "Made of {file} by `portwarden ports import`. Read it through, then put it into probes.toml."
        }
        Language::Ko => {
            "`portwarden ports import` 명령으로 {file}에서 만들었습니다. 살펴보신 뒤 probes.toml에 넣어 주세요."
        }
    };
    let file = clean(landing.file);
    let mut out = format!("# {}\n", head.replace("{file}", &file));
    let mut of_host: HashMap<&str, Vec<(usize, &Entry)>> = HashMap::new();
    for (at, entry) in document.entries.iter().enumerate() {
        let host = entry.host.as_deref().unwrap_or(&fallback);
        of_host.entry(host).or_default().push((at, entry));
    }
    let mut claims = 0;
    for host in &hosts {
        let rows = of_host.get(&*host.name).map_or(&[][..], |rows| rows);
        write_host(&mut out, host, landing.language, hosts.len());
        if hosts.len() > 1 && !host.local && address(host).is_none() {
            document.notes.push(unplaced(host, rows.first().map_or(1, |(_, entry)| entry.line)));
        }
        for &(at, entry) in rows {
            for (run, protocol) in owners.kept(&host.name, at, entry) {
                write_claim(&mut out, entry, run, protocol);
                claims += 1;
            }
        }
    }
    document.notes.sort_by_key(|note| note.line);
    write_notes(&mut out, &document.notes, &file, landing.language);
    Imported { toml: out, claims, notes: document.notes }
}

/// Which entry has which port of which host, so that every port is claimed once.
struct Owners(HashMap<(String, Protocol, u16), usize>);

/// Gives every port to the narrowest row that names it, the first of several alike: `3010-3020` kept
/// for later and `3012` in use are no contradiction. Notes what a row does not get.
fn owners(document: &mut Document, fallback: &str) -> Owners {
    let mut rows: Vec<(u16, usize, Run, Protocol)> = Vec::new();
    for (at, entry) in document.entries.iter().enumerate() {
        for &(run, protocol) in &entry.ports {
            rows.push((run.1 - run.0, at, run, protocol));
        }
    }
    rows.sort_by_key(|&(width, at, ..)| (width, at));
    let mut owners = HashMap::new();
    let mut notes = Vec::new();
    for (_, at, run, protocol) in rows {
        let entry = &document.entries[at];
        let host = entry.host.as_deref().unwrap_or(fallback);
        let mut lost: Option<(Run, usize)> = None;
        for port in run.0..=run.1 {
            match owners.get(&(host.to_owned(), protocol, port)) {
                None => {
                    owners.insert((host.to_owned(), protocol, port), at);
                }
                Some(&owner) => {
                    let first = lost.map_or(port, |(run, _)| run.0);
                    lost = Some(((first, port), lost.map_or(owner, |(_, owner)| owner)));
                }
            }
        }
        if let Some((run, owner)) = lost.filter(|_| notes.len() < MOST_NOTES) {
            let (ports, protocol) = (run_words(run), protocol.label());
            let other = document.entries[owner].line;
            notes.push(Note {
                line: entry.line,
                weight: Weight::Mistake,
                text: text!(
                    "{ports}/{protocol} is on line {other} already: taken from there",
                    "{ports}/{protocol}은(는) {other}번째 줄에도 있어 그 줄의 내용을 가져왔습니다"
                ),
            });
        }
    }
    document.notes.append(&mut notes);
    Owners(owners)
}

impl Owners {
    /// What an entry of a host has got of its ports, in runs.
    fn kept(&self, host: &str, at: usize, entry: &Entry) -> Vec<(Run, Protocol)> {
        let mut kept: Vec<(Run, Protocol)> = Vec::new();
        let mut seen = HashSet::new();
        for &((first, last), protocol) in &entry.ports {
            let mut open = false;
            for port in first..=last {
                let owned = self.0.get(&(host.to_owned(), protocol, port)) == Some(&at)
                    && seen.insert((protocol, port));
                match kept.last_mut().filter(|_| owned && open) {
                    Some((run, _)) => run.1 = port,
                    None if owned => kept.push(((port, port), protocol)),
                    None => {}
                }
                open = owned;
            }
        }
        kept
    }
}

/// Where a document says that a host is.
fn address(host: &NamedHost) -> Option<&str> {
    let named_by_address = host.name.parse::<std::net::IpAddr>().is_ok();
    let address = host.address.as_deref().filter(|address| plan::is_address(address));
    if named_by_address { Some(&*host.name) } else { address }
}

fn unplaced(host: &NamedHost, line: usize) -> Note {
    let name = shown(&host.name);
    Note {
        line,
        weight: Weight::Mistake,
        text: text!(
            "the document does not say the address of {name}: fill it in",
            "문서에 {name}의 주소가 없습니다. address를 채워 주세요"
        ),
    }
}

/// `hosts` is how many there are: one alone is probably this machine, of several nobody knows which.
fn write_host(out: &mut String, host: &NamedHost, language: Language, hosts: usize) {
    out.push_str(&format!("\n[[host]]\nname = {}\n", quoted(&host.name)));
    match address(host) {
        Some(address) => {
            out.push_str(&format!("address = {}\n", quoted(address)));
            if host.local {
                out.push_str("local = true\n");
            }
        }
        None if host.local => out.push_str("local = true\n"),
        // A name that never resolves (RFC 6761, section 6.4): valid, and nobody's.
        None if hosts > 1 => out.push_str(match language {
            Language::En => {
                "address = \"fill-in.invalid\"  # the document does not say its address\n"
            }
            Language::Ko => "address = \"fill-in.invalid\"  # 문서에 주소가 없습니다\n",
        }),
        None => out.push_str(match language {
            Language::En => "local = true  # a guess: the document does not say its address\n",
            Language::Ko => "local = true  # 추측: 문서에 주소가 없습니다\n",
        }),
    }
}

fn write_claim(out: &mut String, entry: &Entry, run: Run, protocol: Protocol) {
    let port = match run {
        (first, last) if first == last => first.to_string(),
        run => quoted(&run_words(run)),
    };
    out.push_str(&format!("\n  [[host.port]]\n  port = {port}\n"));
    let mut key = |name: &str, value: &str| out.push_str(&format!("  {name} = {value}\n"));
    let service = clean(entry.service.as_deref().unwrap_or_default());
    if !service.is_empty() {
        key("service", &quoted(&service));
    }
    let mut owners = Owned::default();
    entry.owners.iter().flatten().for_each(|owner| owners.take(owner));
    let mut description: Vec<&str> = entry.description.iter().map(String::as_str).collect();
    description.extend(entry.extras.iter().map(String::as_str).chain(owners.odd));
    description.retain(|words| !words.is_empty());
    let description = clean(&description.join("; "));
    if !description.is_empty() {
        key("description", &quoted(&description));
    }
    match entry.kind.unwrap_or_default() {
        ClaimKind::Allocated => {}
        kind => key("claim", &quoted(kind.label())),
    }
    if let Some(exposure) = entry.exposure.flatten() {
        key("exposure", &quoted(exposure.label()));
    }
    if protocol == Protocol::Udp {
        key("protocol", &quoted(protocol.label()));
    }
    for (name, names) in
        [("process", owners.processes), ("unit", owners.units), ("user", owners.users)]
    {
        match &names[..] {
            [] => {}
            [one] => key(name, &quoted(one)),
            many => {
                let many: Vec<String> = many.iter().map(|name| quoted(name)).collect();
                key(name, &format!("[{}]", many.join(", ")));
            }
        }
    }
}

/// Owners by what a plan calls them.
#[derive(Default)]
struct Owned<'a> {
    processes: Vec<&'a str>,
    units: Vec<&'a str>,
    users: Vec<&'a str>,
    /// What a plan takes for none of them.
    odd: Vec<&'a str>,
}

impl<'a> Owned<'a> {
    fn take(&mut self, owner: &'a str) {
        match (owner.strip_prefix(UNIT), owner.strip_prefix(USER)) {
            (Some(unit), _) if plan::is_unit(unit) => self.units.push(unit),
            (_, Some(user)) if plan::is_user(user) => self.users.push(user),
            (None, None) if plan::is_process(owner) => self.processes.push(owner),
            _ => self.odd.push(owner),
        }
    }
}

fn write_notes(out: &mut String, notes: &[Note], file: &str, language: Language) {
    if notes.is_empty() {
        return;
    }
    out.push_str(match language {
        Language::En => "\n# Not taken over as it stands:\n",
        Language::Ko => "\n# 그대로 가져오지 못한 것:\n",
    });
    for note in notes {
        let words = clean(note.text.in_language(language));
        out.push_str(&format!("# {file}:{}: {words}\n", note.line));
    }
}

/// A TOML string.
fn quoted(words: &str) -> String {
    let mut out = String::with_capacity(words.len() + 2);
    out.push('"');
    for c in words.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// In one line, and without what a reader would not see.
fn clean(words: &str) -> String {
    let words = words.replace(is_deceptive, " ");
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}
