//! The names of a plan: unique, and every reference leads somewhere.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use health::Host;

use super::notes::{At, Notes, Span, Wrong, shown};
use super::{Endpoint, Target, values};

/// Every check name, and who depends on whom.
#[derive(Default)]
pub(super) struct Names {
    checks: HashMap<Arc<str>, Span>,
    claims: HashSet<Arc<str>>,
    depends: Vec<(Arc<str>, At<Arc<str>>)>,
    /// How heartbeats are called in their URLs.
    calls: HashMap<String, Span>,
    /// The further ports of a range, whose dependencies are those of the first.
    alike: HashMap<Arc<str>, Arc<str>>,
}

/// The plan's hosts by name and by address.
#[derive(Default)]
pub(super) struct Hosts {
    by_name: HashMap<Arc<str>, Target>,
    by_target: HashMap<Target, Arc<str>>,
    local: Vec<Arc<str>>,
}

impl Names {
    /// Registers the name of a check.
    pub(super) fn check(&mut self, notes: &Notes<'_>, name: &At<String>) {
        if let Some(first) = self.checks.get(name.value.as_str()) {
            let wrong = Wrong::new(format!("the name {} is taken", shown(&name.value)))
                .help("check names are unique, those of claims (HOST:PORT) among them");
            notes.note_both(&name.span, wrong, "it is first used here", first);
            return;
        }
        self.checks.insert(name.value.as_str().into(), name.span.clone());
    }

    /// Registers how a heartbeat is called in its URL.
    pub(super) fn call(&mut self, notes: &Notes<'_>, path: &str, span: &Span) {
        if let Some(first) = self.calls.insert(path.to_owned(), span.clone()) {
            let wrong = Wrong::new(format!("another heartbeat is called as {} too", shown(path)))
                .help("a blank in a name is `-` in its URL; choose another name");
            notes.note_both(span, wrong, "that one", &first);
        }
    }

    /// There is a check of this name.
    pub(super) fn has_check(&self, name: &str) -> bool {
        self.checks.contains_key(name)
    }

    /// The name of every check.
    pub(super) fn checks(&self) -> impl Iterator<Item = &str> {
        self.checks.keys().map(|name| &**name)
    }

    /// Registers the name of a claim; clashing claims have been noted already.
    pub(super) fn claim(&mut self, name: &Arc<str>, span: &Span) {
        self.checks.entry(name.clone()).or_insert_with(|| span.clone());
        self.claims.insert(name.clone());
    }

    /// Registers a dependency, to be looked at when all names are known.
    pub(super) fn depends(&mut self, check: &Arc<str>, on: At<Arc<str>>) {
        self.depends.push((check.clone(), on));
    }

    /// Registers a check whose dependencies are those of another.
    pub(super) fn depends_alike(&mut self, first: &Arc<str>, check: &Arc<str>) {
        self.alike.insert(check.clone(), first.clone());
    }

    /// No check may be named as a listener without a claim would be.
    pub(super) fn judge_ports(&self, notes: &Notes<'_>, hosts: &Hosts) {
        for (name, span) in &self.checks {
            let bare = name.strip_suffix("/udp").unwrap_or(name);
            let Some((host, port)) = bare.rsplit_once(':') else { continue };
            let is_port = hosts.by_name.contains_key(host) && values::port(port).is_ok();
            if is_port && !self.claims.contains(name) {
                let wrong = Wrong::new(format!("{} is the name of a port of a host", shown(name)))
                    .help("ports are named HOST:PORT by themselves; choose another name");
                notes.note(span, wrong);
            }
        }
    }

    /// Every dependency has to lead to a check, and none back to where it began.
    pub(super) fn judge_dependencies(&self, notes: &Notes<'_>, hosts: &Hosts) {
        let mut edges: Edges<'_> = HashMap::new();
        for (check, on) in &self.depends {
            if self.checks.contains_key(&on.value) {
                let target = self.alike.get(&on.value).unwrap_or(&on.value);
                edges.entry(check).or_default().push(Edge { target, on });
            } else {
                self.dangling(notes, hosts, on);
            }
        }
        let mut starts: Vec<(&str, usize)> =
            edges.iter().map(|(name, edges)| (*name, edges[0].on.span.start)).collect();
        starts.sort_by_key(|&(_, start)| start);
        let mut done: HashMap<&str, Visit> = HashMap::new();
        for (name, _) in starts {
            walk(name, &edges, &mut done, notes);
        }
    }

    fn dangling(&self, notes: &Notes<'_>, hosts: &Hosts, on: &At<Arc<str>>) {
        let wrong = Wrong::missing(format!("there is no check {}", shown(&on.value)));
        let names = self.checks.keys().map(|name| &**name);
        let near = notes.nearest(&on.value, names);
        let wrong = if let Some(near) = near {
            wrong.help(format!("did you mean \"{near}\"?"))
        } else if hosts.by_name.contains_key(&on.value) {
            wrong.help("it is a host: name one of its ports as HOST:PORT")
        } else {
            wrong.help("a check's name, or a claimed port as HOST:PORT")
        };
        notes.note(&on.span, wrong.of_key("depends_on"));
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    Open,
    Done,
}

#[derive(Clone, Copy)]
struct Edge<'n> {
    target: &'n str,
    on: &'n At<Arc<str>>,
}

type Edges<'n> = HashMap<&'n str, Vec<Edge<'n>>>;

/// Follows dependencies depth first, without recursion: a plan may be a chain of thousands.
fn walk<'n>(
    start: &'n str,
    edges: &Edges<'n>,
    visits: &mut HashMap<&'n str, Visit>,
    notes: &Notes<'_>,
) {
    if visits.contains_key(start) {
        return;
    }
    visits.insert(start, Visit::Open);
    let mut path = vec![(start, 0)];
    while let Some((name, next)) = path.last_mut() {
        let (name, edge) = (*name, edges.get(*name).and_then(|on| on.get(*next)).copied());
        *next += 1;
        let Some(Edge { target, on }) = edge else {
            visits.insert(name, Visit::Done);
            path.pop();
            continue;
        };
        match visits.get(target) {
            Some(Visit::Done) => {}
            Some(Visit::Open) => {
                let since = path.iter().position(|&(name, _)| name == target).unwrap_or(0);
                let mut round: Vec<&str> = path[since..].iter().map(|&(name, _)| name).collect();
                round.truncate(8);
                round.push(target);
                let wrong = Wrong::new(format!("it depends on itself: {}", round.join(" → ")))
                    .help("each would explain the other away; remove one of these dependencies");
                notes.note(&on.span, wrong.of_key("depends_on"));
            }
            None => {
                visits.insert(target, Visit::Open);
                path.push((target, 0));
            }
        }
    }
}

impl Hosts {
    /// Makes a host known. Where several share an address, it is the first one's.
    pub(super) fn declare(&mut self, host: &Host, target: Target) {
        let lists = [&host.addresses.public, &host.addresses.internal, &host.addresses.loopback];
        let singles = lists.into_iter().flatten().filter_map(health::claim::Network::single);
        for target in std::iter::once(target.clone()).chain(singles.map(Target::Address)) {
            self.by_target.entry(target).or_insert_with(|| host.name.clone());
        }
        if host.local {
            self.local.push(host.name.clone());
        }
        self.by_name.insert(host.name.clone(), target);
    }

    /// The name of every host.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(|name| &**name)
    }

    /// Whether a check of this name may come up while somebody listens without a claim.
    pub(super) fn is_local_port(&self, name: &str) -> bool {
        let bare = name.strip_suffix("/udp").unwrap_or(name);
        let Some((host, port)) = bare.rsplit_once(':') else { return false };
        self.local.iter().any(|local| **local == *host) && values::port(port).is_ok()
    }

    /// The host of the plan that an address belongs to. A loopback address that no host names is
    /// the local host's, where there is exactly one.
    pub(super) fn owner(&self, written: &str, target: &Target) -> Option<Arc<str>> {
        if let Some((name, _)) = self.by_name.get_key_value(written) {
            return Some(name.clone());
        }
        if let Some(name) = self.by_target.get(target) {
            return Some(name.clone());
        }
        let loopback = match target {
            Target::Address(address) => address.is_loopback(),
            Target::Name(name) => &**name == "localhost",
        };
        match &self.local[..] {
            [only] if loopback => Some(only.clone()),
            _ => None,
        }
    }

    /// A host of the plan, an address or a name, as it is written.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn target(&self, written: &str) -> Result<Target, Wrong> {
        if let Some(target) = self.by_name.get(written) {
            return Ok(target.clone());
        }
        target(written)
    }

    /// `HOST:PORT`, where the host may be one of the plan; without a port where there is a default.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn endpoint(
        &self,
        written: &str,
        default_port: Option<u16>,
    ) -> Result<Dialled, Wrong> {
        let (host, port) = values::host_and_port(written, default_port)?;
        let host_target = self.target(host)?;
        let owner = self.owner(host, &host_target);
        let written_host = match self.by_name.contains_key(host) {
            true => written_target(&host_target),
            false => host.to_owned(),
        };
        let endpoint = Endpoint { host: host_target, port };
        Ok(Dialled { endpoint, owner, host: written_host })
    }
}

/// Whom to dial, and what the plan knows of them.
#[derive(Clone, Debug)]
pub(super) struct Dialled {
    pub(super) endpoint: Endpoint,
    /// The host of the plan it belongs to.
    pub(super) owner: Option<Arc<str>>,
    /// The name or address that is dialled, without the port.
    pub(super) host: String,
}

/// An address or a name to be resolved.
///
/// # Errors
/// What is wrong with it.
pub(super) fn target(written: &str) -> Result<Target, Wrong> {
    match written.parse::<IpAddr>() {
        Ok(address) => Ok(Target::Address(address)),
        Err(_) => Ok(Target::Name(values::domain(written)?.into())),
    }
}

fn written_target(target: &Target) -> String {
    match target {
        Target::Address(address) => address.to_string(),
        Target::Name(name) => name.to_string(),
    }
}
