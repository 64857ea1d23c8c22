//! A starting plan from what is on this machine: its listening sockets and their owners, its nginx
//! files, its certificate folders, its compose files.
//!
//! Everything says what it was inferred from, and what was seen and not made a check of says why.
//! What is written is looked at once before, so that it is quiet where all is well. Only addresses
//! of this machine are dialled, no name is resolved, nothing is changed. Deliberately absent:
//! merging into a plan that is there; configuration of servers other than nginx.

mod claims;
mod compose;
mod entry;
mod folders;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod neighbours;
mod owner;
mod page;
mod scout;
mod settle;
mod sites;
mod socket_look;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use health::Listener;
use health::ports::Local;

use crate::listeners::Table;
use crate::net::Net;
use crate::nginx;
use crate::small_file;
use claims::HostDraft;
use entry::Entry;
use scout::Scout;

/// What to look at.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Only what is bound to these addresses; empty: everything.
    pub addresses: Vec<IpAddr>,
    /// The first nginx file; `None`: the one nginx runs on, or one in the usual places.
    pub nginx: Option<PathBuf>,
    /// Compose files; empty: the one in the current folder.
    pub compose: Vec<PathBuf>,
    /// Folders with certificates; empty: those of certbot, lego, acme.sh and Caddy.
    pub certificates: Vec<PathBuf>,
    /// The user's folder, where some of these keep theirs.
    pub home: Option<PathBuf>,
    /// The machine's name.
    pub machine: String,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Discovery {
    /// The plan.
    pub plan: String,
    /// What was found, a line each, for people.
    pub summary: Vec<String>,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel does not say who listens.
    #[error("the listening sockets of this machine cannot be read: {0}")]
    Sockets(#[source] std::io::Error),
    /// Nothing can be dialled from it.
    #[error("{0} is not an address of this machine; it has {1}")]
    Foreign(IpAddr, String),
    /// What was asked for by name is not there.
    #[error("{path} cannot be read: {reason}", path = .0.display(), reason = .1)]
    Unreadable(PathBuf, String),
    /// A bug: what was written is no plan.
    #[error("what was found makes no valid plan; please report this:\n{0}")]
    Invalid(String),
}

/// Everything that goes into the plan.
#[derive(Debug, Default)]
struct Draft {
    machine: String,
    hosts: Vec<HostDraft>,
    entries: Vec<Entry>,
    /// Seen, and not made a check of: what and why.
    remarks: Vec<String>,
    /// Names of web sites, for the zones they may be in.
    names: Vec<String>,
    /// Some owners could not be seen.
    owners_hidden: bool,
}

/// Looks around and writes a plan.
///
/// # Errors
/// See [`Error`].
pub async fn discover(scope: &Scope) -> Result<Discovery, Error> {
    let table = socket_look::steady().await.map_err(Error::Sockets)?;
    refuse_foreign(scope, &table)?;
    let mut draft = Draft {
        machine: entry::plain_name(&scope.machine, "this-machine"),
        owners_hidden: table.owners_hidden,
        ..Draft::default()
    };
    let folders = folders::entries(scope)?;
    let published = compose::published(scope, &mut draft.remarks)?;
    let sites = nginx_sites(scope, &table, &mut draft.remarks)?;
    let services = owner::service_names(Path::new("/etc/services"));
    let known = claims::Known { published: &published, sites: &sites, services: &services };
    draft.hosts = claims::hosts(scope, &draft.machine, &table, &known, &mut draft.remarks);
    draft.remarks.extend(neighbours::remarks(&table, &draft.hosts));
    let candidates = sites::candidates(&sites, scope, &table, &mut draft.remarks);
    draft.names = sites::public_names(&candidates);

    let net = Net::new(None).map_err(|reason| Error::Sockets(std::io::Error::other(reason)))?;
    let scout = Scout::new(net);
    settle::claims(&mut draft.hosts, &scout).await;
    draft.entries = settle::sites(&candidates, &scout).await;
    draft.entries.extend(settle::folders(folders, &scout).await);
    entry::name_apart(&mut draft.entries, &draft.hosts);

    let plan = page::plan(&draft);
    let folder = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    crate::plan::parse(&plan, Path::new("discovered"), &folder, &scout)
        .map_err(|mistakes| Error::Invalid(format!("{mistakes:#}")))?;
    Ok(Discovery { plan, summary: page::summary(&draft) })
}

fn refuse_foreign(scope: &Scope, table: &Table) -> Result<(), Error> {
    let foreign = scope.addresses.iter().find(|ip| !ip.is_unspecified() && !is_own(**ip, table));
    foreign.map_or(Ok(()), |&ip| {
        let own: Vec<String> = table.addresses.iter().map(ToString::to_string).collect();
        Err(Error::Foreign(ip, own.join(", ")))
    })
}

/// Whether an address is this machine's: nothing else is ever dialled.
fn is_own(ip: IpAddr, table: &Table) -> bool {
    let ip = ip.to_canonical();
    ip.is_loopback() || table.addresses.contains(&ip)
}

/// Everything nginx serves: by the file named, by those of the servers that run, or by one in the
/// usual places.
fn nginx_sites(
    scope: &Scope,
    table: &Table,
    remarks: &mut Vec<String>,
) -> Result<nginx::Sites, Error> {
    let mut sites = nginx::Sites::default();
    for path in nginx_files(scope, table)? {
        let configuration = nginx::read(&path);
        let troubles = configuration.troubles.iter();
        remarks.extend(troubles.map(|one| format!("nginx {}: {}", one.place, one.reason)));
        let read = nginx::Sites::of(&configuration);
        sites.servers.extend(read.servers);
        sites.upstreams.extend(read.upstreams);
    }
    Ok(sites)
}

fn nginx_files(scope: &Scope, table: &Table) -> Result<Vec<PathBuf>, Error> {
    if let Some(path) = &scope.nginx {
        let readable = small_file::open(path);
        readable.map_err(|reason| Error::Unreadable(path.clone(), reason))?;
        return Ok(vec![path.clone()]);
    }
    let is_meant = |listener: &&Listener| {
        let ip = listener.bind.ip().to_canonical();
        scope.addresses.is_empty() || scope.addresses.contains(&ip)
    };
    let listeners: Vec<&Listener> = table.listeners.iter().filter(is_meant).collect();
    let mut running = owner::nginx_files(&listeners);
    if running.is_empty() {
        running.push(None);
    }
    let usual = || neighbours::NGINX_FILES.iter().map(PathBuf::from).find(|path| path.is_file());
    Ok(running.into_iter().filter_map(|file| file.or_else(usual)).collect())
}

/// A local host as judgement sees it, so that what is inferred is what will be judged.
fn local<'a>(host: &'a health::Host, table: &'a Table) -> Local<'a> {
    Local { host, neighbours: &[], machine: table.machine() }
}
