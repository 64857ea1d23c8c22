//! Compose files: which service publishes which port.
//!
//! Deliberately absent: everything else in them, files that they include or extend, and variables
//! without a default, which are nobody's to guess.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::rc::Rc;

use health::{Listener, Protocol};
use saphyr_parser::{Event, Parser};

use super::{Error, Scope};
use crate::small_file;

/// What compose looks for, in its order.
const NAMES: [&str; 4] =
    ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];
/// Larger files are none that people write.
const FILE_MIB: u64 = 1;
/// Nesting; a compose file has five levels.
const DEEPEST: usize = 64;
/// Ports published by all files together.
const MOST: usize = 1_000;
/// Services and their ports that one file is read for: aliases make many of few.
const MOST_LINES: usize = 10_000;
/// Fields that one key is looked for among: merges of merges make many of few.
const MOST_FIELDS: usize = 10_000;

/// One published port, or a range of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Published {
    pub(super) service: String,
    /// The host's address that it is published on.
    pub(super) bind: IpAddr,
    pub(super) ports: (u16, u16),
    pub(super) protocol: Protocol,
    /// `FILE:LINE`
    pub(super) place: String,
}

impl Published {
    /// Whether what listens on a port may be this.
    pub(super) fn covers(&self, protocol: Protocol, port: u16, listeners: &[&Listener]) -> bool {
        self.protocol == protocol
            && (self.ports.0..=self.ports.1).contains(&port)
            && (self.bind.is_unspecified()
                || listeners.iter().any(|one| one.bind.ip().to_canonical() == self.bind))
    }
}

/// Everything that the compose files publish, in their order.
///
/// # Errors
/// When one that was asked for by name cannot be read; one that only lies there is a remark.
pub(super) fn published(scope: &Scope, remarks: &mut Vec<String>) -> Result<Vec<Published>, Error> {
    let mut found = Vec::new();
    for path in &scope.compose {
        let text = text(path).map_err(|reason| Error::Unreadable(path.clone(), reason))?;
        take(&text, path, &mut found, remarks);
    }
    let lying_there = || NAMES.iter().map(Path::new).find(|path| path.is_file());
    if scope.compose.is_empty()
        && let Some(path) = lying_there()
    {
        match text(path) {
            Ok(text) => take(&text, path, &mut found, remarks),
            Err(reason) => remarks.push(unread(path, &reason)),
        }
    }
    found.truncate(MOST);
    Ok(found)
}

fn unread(path: &Path, reason: &str) -> String {
    format!("compose {} cannot be read: {reason}", path.display())
}

fn take(text: &str, path: &Path, found: &mut Vec<Published>, remarks: &mut Vec<String>) {
    // A comment tells more with the whole path.
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match read(text, &path) {
        Ok((published, odd)) => {
            found.extend(published);
            remarks.extend(odd);
        }
        Err(reason) => remarks.push(format!("{}: {reason}", path.display())),
    }
}

fn text(path: &Path) -> Result<String, String> {
    let bytes = small_file::bytes(path, FILE_MIB)?;
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

/// What one text publishes, and what of it could not be understood.
pub(super) fn read(text: &str, path: &Path) -> Result<(Vec<Published>, Vec<String>), String> {
    let tree = tree(text)?;
    let (mut found, mut odd) = (Vec::new(), Vec::new());
    let Some(services) = tree.get("services") else { return Ok((found, odd)) };
    let mut lines_left = MOST_LINES;
    for (service, settings) in services.fields() {
        let ports = settings.get("ports");
        // A service costs something too, though it publishes nothing.
        for port in std::iter::once(None).chain(ports.into_iter().flat_map(Node::items).map(Some)) {
            let Some(left) = lines_left.checked_sub(1) else {
                let path = path.display();
                odd.push(format!("{path}: more than {MOST_LINES} ports: the rest is left out"));
                return Ok((found, odd));
            };
            lines_left = left;
            let Some(port) = port else { continue };
            let place = format!("{}:{}", path.display(), port.line);
            match publication(port) {
                Ok(Some((bind, ports, protocol))) => found.push(Published {
                    service: service.to_owned(),
                    bind,
                    ports,
                    protocol,
                    place: format!("compose {place}"),
                }),
                Ok(None) => {}
                Err(reason) => odd.push(format!("compose {place} ({service}): {reason}")),
            }
        }
    }
    Ok((found, odd))
}

type Publication = (IpAddr, (u16, u16), Protocol);

/// `None` where docker chooses the port.
fn publication(port: &Node) -> Result<Option<Publication>, String> {
    let anywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    if let Some(short) = port.scalar() {
        return short_form(&with_defaults(short)?);
    }
    let word = |key: &str| port.get(key).and_then(Node::scalar).map(with_defaults).transpose();
    let Some(ports) = word("published")? else { return Ok(None) };
    let bind = word("host_ip")?.map_or(Ok(anywhere), |ip| address(&ip))?;
    let protocol = protocol(word("protocol")?.as_deref().unwrap_or("tcp"))?;
    Ok(Some((bind, range(&ports)?, protocol)))
}

/// `[[ADDRESS:]PUBLISHED:]TARGET[/PROTOCOL]`
fn short_form(words: &str) -> Result<Option<Publication>, String> {
    let (words, protocol_name) = words.rsplit_once('/').unwrap_or((words, "tcp"));
    let protocol = protocol(protocol_name)?;
    let Some((rest, _)) = words.rsplit_once(':') else { return Ok(None) };
    let (bind, ports) = match rest.rsplit_once(':') {
        Some((bind, ports)) => (address(bind)?, ports),
        None => (IpAddr::V4(Ipv4Addr::UNSPECIFIED), rest),
    };
    if ports.is_empty() {
        return Ok(None);
    }
    Ok(Some((bind, range(ports)?, protocol)))
}

fn address(words: &str) -> Result<IpAddr, String> {
    let bare = words.trim_matches(['[', ']']);
    bare.parse().map_err(|_| format!("{words:?} is not an address"))
}

fn protocol(words: &str) -> Result<Protocol, String> {
    match words {
        "tcp" => Ok(Protocol::Tcp),
        "udp" => Ok(Protocol::Udp),
        other => Err(format!("{other:?} is neither tcp nor udp")),
    }
}

fn range(words: &str) -> Result<(u16, u16), String> {
    let (first, last) = words.split_once('-').unwrap_or((words, words));
    let port = |word: &str| word.trim().parse::<u16>().ok().filter(|&port| port != 0);
    match (port(first), port(last)) {
        (Some(first), Some(last)) if first <= last => Ok((first, last)),
        _ => Err(format!("{words:?} is not a port")),
    }
}

/// `${NAME:-3000}` stands for 3000; a variable without a default is not guessed.
fn with_defaults(words: &str) -> Result<String, String> {
    let mut plain = String::new();
    let mut rest = words;
    while let Some((before, after)) = rest.split_once('$') {
        plain.push_str(before);
        let end = after.find('}').filter(|_| after.starts_with('{'));
        let default = end.and_then(|end| {
            let variable = &after[1..end];
            variable.split_once(":-").or_else(|| variable.split_once('-'))
        });
        let (Some(end), Some((_, default))) = (end, default) else {
            return Err(format!("{words:?} depends on a variable without a default"));
        };
        plain.push_str(default);
        rest = &after[end + 1..];
    }
    Ok(plain + rest)
}

/// A YAML value with its line. Shared, so that an alias costs nothing however often it is used.
#[derive(Debug)]
struct Node {
    line: usize,
    /// Levels in it, those that aliases bring along too: what drops it goes down so far.
    levels: usize,
    value: Content,
}

#[derive(Debug)]
enum Content {
    Scalar(String),
    List(Vec<Rc<Node>>),
    Table(Vec<(String, Rc<Node>)>),
}

impl Node {
    fn scalar(&self) -> Option<&str> {
        match &self.value {
            Content::Scalar(text) => Some(text),
            _ => None,
        }
    }

    fn items(&self) -> impl Iterator<Item = &Self> {
        let items = if let Content::List(items) = &self.value { &items[..] } else { &[] };
        items.iter().map(|item| &**item)
    }

    fn fields(&self) -> impl Iterator<Item = (&str, &Self)> {
        let fields = if let Content::Table(fields) = &self.value { &fields[..] } else { &[] };
        fields.iter().map(|(key, value)| (key.as_str(), &**value))
    }

    /// A field, its own or one merged in by `<<`.
    fn get(&self, key: &str) -> Option<&Self> {
        self.get_within(key, &mut { MOST_FIELDS })
    }

    /// Depth was bounded when the text was read, and `left` bounds the whole search.
    fn get_within(&self, key: &str, left: &mut usize) -> Option<&Self> {
        let fields = if let Content::Table(fields) = &self.value { fields.len() } else { 0 };
        *left = left.checked_sub(1 + fields)?;
        let own = self.fields().find(|(known, _)| *known == key).map(|(_, value)| value);
        if own.is_some() {
            return own;
        }
        let merged = self.fields().find(|(known, _)| *known == "<<")?.1;
        match merged.get_within(key, left) {
            Some(one) => Some(one),
            None => merged.items().find_map(|item| item.get_within(key, left)),
        }
    }
}

/// A collection that is still being read.
struct Open {
    anchor: usize,
    node: Node,
    /// The key that waits for its value.
    key: Option<String>,
}

/// The first document of a text.
fn tree(text: &str) -> Result<Rc<Node>, String> {
    let mut open: Vec<Open> = Vec::new();
    let mut anchors: HashMap<usize, Rc<Node>> = HashMap::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| format!("is not YAML: {error}"))?;
        let line = span.start.line();
        let whole = match event {
            Event::Scalar(text, _, anchor, _) => {
                let node =
                    Rc::new(Node { line, levels: 1, value: Content::Scalar(text.into_owned()) });
                anchors.insert(anchor, node.clone());
                node
            }
            Event::Alias(anchor) => {
                let node = anchors.get(&anchor).cloned();
                node.ok_or_else(|| format!("line {line}: an alias of what is not there"))?
            }
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                if open.len() >= DEEPEST {
                    return Err(format!("line {line}: nested too deeply"));
                }
                let is_list = matches!(event, Event::SequenceStart(..));
                let value =
                    if is_list { Content::List(Vec::new()) } else { Content::Table(Vec::new()) };
                open.push(Open { anchor, node: Node { line, levels: 1, value }, key: None });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(closed) = open.pop() else { continue };
                let node = Rc::new(closed.node);
                anchors.insert(closed.anchor, node.clone());
                node
            }
            Event::DocumentEnd | Event::StreamEnd => break,
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => continue,
        };
        let Some(parent) = open.last_mut() else { return Ok(whole) };
        parent.node.levels = parent.node.levels.max(whole.levels + 1);
        if parent.node.levels > DEEPEST {
            return Err(format!("line {line}: nested too deeply"));
        }
        match (&mut parent.node.value, parent.key.take()) {
            (Content::List(items), _) => items.push(whole),
            (Content::Table(fields), Some(key)) => fields.push((key, whole)),
            // A key that is no word has no meaning here, but its value still follows.
            (Content::Table(_), None) => {
                parent.key = Some(whole.scalar().unwrap_or_default().to_owned());
            }
            (Content::Scalar(_), _) => {}
        }
    }
    Ok(Rc::new(Node { line: 1, levels: 1, value: Content::Table(Vec::new()) }))
}

#[cfg(test)]
mod tests;
