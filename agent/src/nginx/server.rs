//! The servers of the `http` block: where they listen, what they are called, what they serve and
//! to whom they pass requests on.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::files::Configuration;
use super::tree::{Directive, Place};

/// Where challenge files of HTTP-01 are asked for (RFC 8555, section 8.3).
const CHALLENGES: &str = "/.well-known/acme-challenge";
/// Directives that hand a request to somebody else.
const PASSES: [&str; 5] = ["proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass"];

/// What one nginx serves over HTTP.
#[derive(Clone, Debug, Default)]
pub struct Sites {
    /// Every `server`, in the order of the files.
    pub servers: Vec<Server>,
    /// Every `upstream`, in the order of the files.
    pub upstreams: Vec<Upstream>,
}

/// One `server`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Where it begins.
    pub place: Place,
    /// Its names as written: patterns and `_` too.
    pub names: Vec<String>,
    /// Where it listens; never empty.
    pub listens: Vec<Listen>,
    /// Its certificates, each with its place; names with variables as written.
    pub certificates: Vec<(PathBuf, Place)>,
    /// The keys of its certificates, in the same order.
    pub keys: Vec<(PathBuf, Place)>,
    /// It has no certificate and turns handshakes away (`ssl_reject_handshake`).
    pub rejects: bool,
    /// Certificates it trusts (`ssl_trusted_certificate`, `ssl_client_certificate`).
    pub trusted: Vec<PathBuf>,
    /// Its locations, nested ones too.
    pub locations: Vec<Location>,
    /// What it answers by itself, before any location.
    pub answer: Option<Answer>,
    /// Where it limits how often, or how many at once, may ask (`limit_req`, `limit_conn`), for all
    /// locations without limits of their own.
    pub limits: Option<Place>,
}

/// One `listen`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Where it is written.
    pub place: Place,
    /// Where it listens; 0.0.0.0 where only a port is named.
    pub address: Address,
    /// TLS is spoken.
    pub tls: bool,
    /// This server answers for names that no other has.
    pub is_default: bool,
    /// Connections begin with the PROXY protocol.
    pub proxy_protocol: bool,
    /// HTTP/3 over UDP.
    pub quic: bool,
}

/// Where something listens or is passed on to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// An address and a port.
    Socket(IpAddr, u16),
    /// A name and a port.
    Name(String, u16),
    /// A socket in the file system.
    Unix(String),
}

/// One `location`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Where it is written.
    pub place: Place,
    /// How it is matched.
    pub matching: Matching,
    /// What is matched: a path, a regular expression or the name of a named location.
    pub path: String,
    /// To whom it passes requests on, also by way of `try_files … @name`.
    pub pass: Option<Pass>,
    /// Where its files lie, when it is for challenges of an ACME authority.
    pub challenges: Option<String>,
    /// It is a prefix that no expression is tried after (`^~`).
    pub is_final: bool,
    /// Where it limits how often, or how many at once, may ask; its own or what holds for all.
    pub limits: Option<Place>,
    /// What it answers by itself, always.
    pub answer: Option<Answer>,
}

/// How a location is matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    /// `=`
    Exact,
    /// A prefix, with or without `^~`.
    Prefix,
    /// `~` or `~*`
    Regex,
    /// `@name`
    Named,
}

/// One `proxy_pass` or its like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Where it is written.
    pub place: Place,
    /// As written, without the path: `http://app`, or with variables.
    pub written: String,
    /// The `upstream` it names, if it does.
    pub upstream: Option<String>,
    /// Whom; empty when that depends on a variable.
    pub to: Vec<Address>,
    /// The directive: `proxy_pass`, `fastcgi_pass` …
    pub by: String,
    /// What `proxy_set_header Host` says; `None` where it says nothing, and the name in `written` is sent.
    pub host: Option<String>,
}

/// One `upstream`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Where it begins.
    pub place: Place,
    /// Its name.
    pub name: String,
    /// Its servers, those marked `down` left out.
    pub servers: Vec<Address>,
}

/// A `return` of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Where it is written.
    pub place: Place,
    /// Its status.
    pub status: u16,
}

impl Pass {
    /// Whether everybody it may be passed to is on loopback.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let is_loopback = |to: &Address| matches!(to, Address::Socket(ip, _) if ip.is_loopback());
        self.to.iter().all(is_loopback)
    }
}

impl Sites {
    /// What a configuration serves.
    #[must_use]
    pub fn of(configuration: &Configuration) -> Self {
        let mut sites = Self::default();
        for http in configuration.directives.iter().filter(|one| one.name == "http") {
            sites.upstreams.extend(http.within("upstream").map(upstream));
        }
        let known: HashMap<&str, &[Address]> =
            sites.upstreams.iter().map(|one| (one.name.as_str(), &one.servers[..])).collect();
        let mut servers = Vec::new();
        for http in configuration.directives.iter().filter(|one| one.name == "http") {
            let reading = Reading { folder: &configuration.folder, http, upstreams: &known };
            servers.extend(http.within("server").map(|server| reading.server(server)));
        }
        share_listens(&mut servers);
        sites.servers = servers;
        sites
    }
}

/// A socket is one for all servers on it: who says `ssl` or `proxy_protocol` says it for the others.
/// HTTP/3 has sockets of its own.
fn share_listens(servers: &mut [Server]) {
    let mut said: HashMap<Address, (bool, bool)> = HashMap::new();
    for listen in servers.iter().flat_map(|one| &one.listens).filter(|one| !one.quic) {
        let (tls, proxy_protocol) = said.entry(listen.address.clone()).or_default();
        *tls |= listen.tls;
        *proxy_protocol |= listen.proxy_protocol;
    }
    let listens = servers.iter_mut().flat_map(|one| &mut one.listens).filter(|one| !one.quic);
    for listen in listens {
        if let Some(&(tls, proxy_protocol)) = said.get(&listen.address) {
            (listen.tls, listen.proxy_protocol) = (tls, proxy_protocol);
        }
    }
}

/// What a location has from the blocks around it.
struct Above<'a> {
    root: Option<&'a str>,
    host: Option<&'a str>,
    limits: Option<Place>,
}

struct Reading<'a> {
    folder: &'a Path,
    http: &'a Directive,
    upstreams: &'a HashMap<&'a str, &'a [Address]>,
}

impl Reading<'_> {
    fn server(&self, server: &Directive) -> Server {
        let tls = self.inherited(server, "ssl").iter().any(|one| one.first() == "on");
        let mut listens: Vec<Listen> =
            server.within("listen").map(|one| listen(one, tls)).collect();
        if listens.is_empty() {
            listens.push(Listen {
                place: server.place.clone(),
                address: Address::Socket(IpAddr::from([0, 0, 0, 0]), 80),
                tls,
                is_default: false,
                proxy_protocol: false,
                quic: false,
            });
        }
        let path = |one: &&Directive| self.folder.join(one.first());
        let paths = |name: &str| {
            let named = self.inherited(server, name);
            named.iter().map(|one| (path(one), one.place.clone())).collect()
        };
        let rejects = self.inherited(server, "ssl_reject_handshake");
        let trusted = ["ssl_trusted_certificate", "ssl_client_certificate"];
        Server {
            place: server.place.clone(),
            names: server.within("server_name").flat_map(|one| one.arguments.clone()).collect(),
            listens,
            certificates: paths("ssl_certificate"),
            keys: paths("ssl_certificate_key"),
            rejects: rejects.iter().any(|one| one.first() == "on"),
            trusted: trusted
                .iter()
                .flat_map(|name| self.inherited(server, name))
                .map(|one| path(&one))
                .collect(),
            locations: self.locations(server),
            answer: server.within("return").find_map(answer),
            limits: limits(server).or_else(|| limits(self.http)),
        }
    }

    /// A server's own directives of this name, or else those of the `http` block.
    fn inherited<'b>(&'b self, server: &'b Directive, name: &'b str) -> Vec<&'b Directive> {
        let own: Vec<_> = server.within(name).collect();
        if own.is_empty() { self.http.within(name).collect() } else { own }
    }

    fn locations(&self, server: &Directive) -> Vec<Location> {
        let root = self.inherited(server, "root").first().map(|one| one.first().to_owned());
        let mut found = Vec::new();
        let mut fallbacks = Vec::new();
        let above = Above {
            root: root.as_deref(),
            host: host_sent(server, host_sent(self.http, None)),
            limits: limits(server).or_else(|| limits(self.http)),
        };
        self.collect(server, &above, &mut found, &mut fallbacks);
        let named: HashMap<String, Pass> = found
            .iter()
            .filter(|one| one.matching == Matching::Named)
            .filter_map(|one| Some((one.path.clone(), one.pass.clone()?)))
            .collect();
        for (location, fallback) in found.iter_mut().zip(fallbacks) {
            let by_way = || fallback.and_then(|name| named.get(&name).cloned());
            location.pass = location.pass.take().or_else(by_way);
        }
        found
    }

    /// Depth was bounded when the files were read.
    fn collect(
        &self,
        block: &Directive,
        above: &Above<'_>,
        found: &mut Vec<Location>,
        fallbacks: &mut Vec<Option<String>>,
    ) {
        for directive in block.within("location") {
            let (matching, path) = matching(&directive.arguments);
            let own = directive.within("root").next().map(Directive::first).or(above.root);
            let host = host_sent(directive, above.host);
            let limits = limits(directive).or_else(|| above.limits.clone());
            let alias = directive.within("alias").next().map(Directive::first);
            let files = alias.map(|alias| alias.trim_end_matches('/')).map_or_else(
                || own.map(str::to_owned),
                // What a webroot is: the folder above `.well-known`.
                |alias| Some(alias.strip_suffix(CHALLENGES).unwrap_or(alias).to_owned()),
            );
            found.push(Location {
                place: directive.place.clone(),
                challenges: files.filter(|_| path.contains(CHALLENGES)),
                is_final: directive.first().starts_with("^~"),
                limits: limits.clone(),
                answer: directive.within("return").find_map(answer),
                matching,
                path,
                pass: self
                    .pass(directive)
                    .map(|pass| Pass { host: host.map(str::to_owned), ..pass }),
            });
            let fallback = directive.within("try_files").find_map(|one| one.arguments.last());
            fallbacks.push(fallback.filter(|last| last.starts_with('@')).cloned());
            self.collect(directive, &Above { root: own, host, limits }, found, fallbacks);
        }
    }

    /// What a location passes on, also within `if` and `limit_except`.
    fn pass(&self, location: &Directive) -> Option<Pass> {
        let inner = location.block.iter().flatten();
        for directive in inner {
            if PASSES.contains(&directive.name.as_str()) {
                return Some(self.passed(directive));
            }
            if matches!(directive.name.as_str(), "if" | "limit_except")
                && let Some(pass) = self.pass(directive)
            {
                return Some(pass);
            }
        }
        None
    }

    fn passed(&self, directive: &Directive) -> Pass {
        let whole = directive.first();
        let (scheme, rest) = whole.split_once("://").unwrap_or(("", whole));
        let rest = if rest.starts_with("unix:") { rest } else { before_slash(rest) };
        let written =
            if scheme.is_empty() { rest.to_owned() } else { format!("{scheme}://{rest}") };
        let default_port = if matches!(scheme, "https" | "grpcs") { 443 } else { 80 };
        let upstream = self.upstreams.get(rest);
        let to = match upstream {
            Some(servers) => servers.to_vec(),
            None if whole.contains('$') => Vec::new(),
            None => address(rest, default_port).into_iter().collect(),
        };
        let upstream = upstream.map(|_| rest.to_owned());
        let (place, by) = (directive.place.clone(), directive.name.clone());
        Pass { place, written, upstream, to, by, host: None }
    }
}

/// The Host that a block has sent on; one `proxy_set_header` of its own drops all of those above.
fn host_sent<'a>(block: &'a Directive, above: Option<&'a str>) -> Option<&'a str> {
    let mut own = block.within("proxy_set_header").peekable();
    if own.peek().is_none() {
        return above;
    }
    own.find(|one| one.first().eq_ignore_ascii_case("host"))
        .and_then(|one| one.arguments.get(1))
        .map(String::as_str)
}

fn limits(block: &Directive) -> Option<Place> {
    let limit = block.within("limit_req").chain(block.within("limit_conn")).next();
    limit.map(|one| one.place.clone())
}

fn before_slash(rest: &str) -> &str {
    rest.split_once('/').map_or(rest, |(host, _)| host)
}

fn upstream(directive: &Directive) -> Upstream {
    let servers = directive
        .within("server")
        .filter(|one| !one.arguments.iter().skip(1).any(|word| word == "down"))
        .filter_map(|one| address(one.first(), 80))
        .collect();
    Upstream { place: directive.place.clone(), name: directive.first().to_owned(), servers }
}

fn listen(directive: &Directive, tls: bool) -> Listen {
    let says = |word: &str| directive.arguments.iter().skip(1).any(|argument| argument == word);
    let written = directive.first();
    let everywhere = IpAddr::from([0, 0, 0, 0]);
    let address = match written.parse::<u16>() {
        Ok(port) => Address::Socket(everywhere, port),
        Err(_) => match written.strip_prefix("*:").and_then(|port| port.parse().ok()) {
            Some(port) => Address::Socket(everywhere, port),
            None => address(written, 80).unwrap_or(Address::Name(written.to_owned(), 80)),
        },
    };
    Listen {
        place: directive.place.clone(),
        address,
        tls: tls || says("ssl") || says("quic"),
        is_default: says("default_server") || says("default"),
        proxy_protocol: says("proxy_protocol"),
        quic: says("quic"),
    }
}

/// `127.0.0.1:80`, `[::1]`, `app:3000`, `unix:/run/app.sock`; `None` when it is none of these.
fn address(written: &str, default_port: u16) -> Option<Address> {
    if let Some(path) = written.strip_prefix("unix:") {
        let path = path.split(':').next().unwrap_or(path);
        return Some(Address::Unix(path.to_owned()));
    }
    let (host, port) = match written.strip_prefix('[') {
        Some(rest) => {
            let (host, tail) = rest.split_once(']')?;
            (host, tail.strip_prefix(':'))
        }
        None => match written.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (written, None),
        },
    };
    let port = match port {
        Some(port) => port.parse().ok().filter(|&port| port != 0)?,
        None => default_port,
    };
    if let Ok(ip) = host.parse() {
        return Some(Address::Socket(ip, port));
    }
    let is_name = !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    is_name.then(|| Address::Name(host.to_owned(), port))
}

fn matching(arguments: &[String]) -> (Matching, String) {
    let (sign, path) = match arguments {
        [sign, path, ..] => (sign.as_str(), path.as_str()),
        [one] => {
            let length = ["~*", "^~", "~", "="].iter().find(|sign| one.starts_with(**sign));
            one.split_at(length.map_or(0, |sign| sign.len()))
        }
        [] => ("", ""),
    };
    let matching = match sign {
        "=" => Matching::Exact,
        "~" | "~*" => Matching::Regex,
        _ if path.starts_with('@') => Matching::Named,
        _ => Matching::Prefix,
    };
    (matching, path.to_owned())
}

fn answer(directive: &Directive) -> Option<Answer> {
    // `return URL` alone is a 302.
    let status = directive.first().parse().unwrap_or(302);
    (!directive.first().is_empty()).then(|| Answer { place: directive.place.clone(), status })
}

#[cfg(test)]
mod tests;
