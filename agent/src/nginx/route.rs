//! Whom a request ends with, by the rules of nginx: the server by port and name, its location by path.
//!
//! Deliberately absent: `if`, `rewrite`, `map` and variables; what depends on them is not told.

use super::server::{Address, Answer, Location, Matching, Pass, Server, Sites};
use super::tree::Place;

/// Where a request ends.
#[derive(Clone, Copy, Debug)]
pub struct Route<'a> {
    /// The server that answers.
    pub server: &'a Server,
    /// Its location, where it has one and does not answer before that.
    pub location: Option<&'a Location>,
}

impl<'a> Route<'a> {
    /// To whom the request is passed on.
    #[must_use]
    pub fn pass(&self) -> Option<&'a Pass> {
        self.location?.pass.as_ref()
    }

    /// Where requests like this are limited; what is answered by itself is so before that.
    #[must_use]
    pub fn limits(&self) -> Option<&'a Place> {
        match self.location {
            _ if self.answer().is_some() => None,
            Some(location) => location.limits.as_ref(),
            None => self.server.limits.as_ref(),
        }
    }

    /// What nginx answers by itself, always.
    #[must_use]
    pub fn answer(&self) -> Option<&'a Answer> {
        self.server.answer.as_ref().or_else(|| self.location?.answer.as_ref())
    }
}

impl Sites {
    /// Whom a request for this host and path ends with, when it comes to one of these ports, the first
    /// that anybody listens on; `None` where nobody does, or where that cannot be told.
    #[must_use]
    pub fn route(&self, host: &str, ports: &[u16], path: &str) -> Option<Route<'_>> {
        let here = |port: u16| -> Vec<&Server> {
            let on =
                |server: &&Server| server.listens.iter().any(|one| listens(&one.address, port));
            self.servers.iter().filter(on).collect()
        };
        let (port, servers) = ports
            .iter()
            .map(|&port| (port, here(port)))
            .find(|(_, servers)| !servers.is_empty())?;
        let named = servers.iter().filter_map(|server| {
            let rank = server.names.iter().filter_map(|name| rank(name, host)).max()?;
            Some((rank, *server))
        });
        // Of equals the first.
        let named = named.reduce(|best, next| if next.0 > best.0 { next } else { best });
        let is_default = |server: &&&Server| {
            server.listens.iter().any(|one| one.is_default && listens(&one.address, port))
        };
        let server = named
            .map(|(_, server)| server)
            .or_else(|| servers.iter().find(is_default).copied())
            .or_else(|| servers.first().copied())?;
        if server.answer.is_some() {
            return Some(Route { server, location: None });
        }
        Some(Route { server, location: location(&server.locations, path).ok()? })
    }
}

fn listens(address: &Address, port: u16) -> bool {
    match address {
        Address::Socket(_, own) | Address::Name(_, own) => *own == port,
        Address::Unix(_) => false,
    }
}

/// How well a name fits: as it is, by a beginning that is open, by an end that is, by an expression.
fn rank(name: &str, host: &str) -> Option<(u8, usize)> {
    let (name, host) = (name.to_ascii_lowercase(), host.to_ascii_lowercase());
    let is_below = |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    if name == host {
        return Some((4, 0));
    }
    if let Some(domain) = name.strip_prefix("*.").or_else(|| name.strip_prefix('.')) {
        let fits = is_below(domain) || (name.starts_with('.') && host == domain);
        return fits.then_some((3, name.len()));
    }
    if let Some(beginning) = name.strip_suffix(".*") {
        let fits = host.strip_prefix(beginning).is_some_and(|rest| rest.starts_with('.'));
        return fits.then_some((2, name.len()));
    }
    let expression = name.strip_prefix('~')?;
    let fits = regex::Regex::new(expression).is_ok_and(|expression| expression.is_match(&host));
    fits.then_some((1, 0))
}

/// The expression of a location is not one that can be read here.
struct Unreadable;

/// The location of a path: the very path, or the first expression that fits, or the longest beginning,
/// which may say that no expression is to be tried.
fn location<'a>(locations: &'a [Location], path: &str) -> Result<Option<&'a Location>, Unreadable> {
    let of = |matching| locations.iter().filter(move |one| one.matching == matching);
    if let Some(exact) = of(Matching::Exact).find(|one| one.path == path) {
        return Ok(Some(exact));
    }
    let prefixes = of(Matching::Prefix).filter(|one| path.starts_with(&one.path));
    let longest = prefixes.max_by_key(|one| one.path.len());
    if longest.is_some_and(|one| one.is_final) {
        return Ok(longest);
    }
    for one in of(Matching::Regex) {
        let expression = regex::RegexBuilder::new(&one.path).case_insensitive(true).build();
        if expression.map_err(|_| Unreadable)?.is_match(path) {
            return Ok(Some(one));
        }
    }
    Ok(longest)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::super::files::Configuration;
    use super::super::tree;
    use super::*;

    const FILE: &str = r"http {
        upstream app { server 127.0.0.1:3011; server 127.0.0.1:3012; server 127.0.0.1:3013 down; }
        proxy_set_header Host $host;
        server { listen 80 default_server; return 301 https://$host$request_uri; }
        server {
            listen 8443 ssl; server_name shop.example *.shop.example; limit_req zone=a;
            location / { proxy_pass http://app; }
            location /api/ { proxy_pass http://127.0.0.1:4000/; proxy_set_header X-A b; }
            location = /exact { proxy_pass http://unix:/run/app.sock; }
            location ~ \.php$ { fastcgi_pass 127.0.0.1:9000; }
            location /files { root /srv; }
            location ^~ /static/ { proxy_pass http://127.0.0.1:5000; limit_conn b 1; }
            location /closed { return 503; }
        }
        server {
            listen 8443 ssl; server_name blog.shop.example;
            location / { proxy_pass http://$target; }
        }
        server { listen 8443 ssl; server_name odd.example; location ~ (?<!a)b { return 200; } }
    }";

    #[test]
    fn requests_end_where_nginx_sends_them() {
        let (directives, _) = tree::parse(FILE, &Arc::from(Path::new("nginx.conf")));
        let sites = Sites::of(&Configuration { directives, ..Configuration::default() });
        for (host, ports, path, expected) in [
            ("shop.example", &[8443][..], "/", Some("http://app Some(\"$host\") 2")),
            ("SHOP.example", &[443, 8443], "/x", Some("http://app Some(\"$host\") 2")),
            ("www.shop.example", &[8443], "/", Some("http://app Some(\"$host\") 2")),
            ("blog.shop.example", &[8443], "/", Some("http://$target Some(\"$host\") 0")),
            ("shop.example", &[8443], "/api/x", Some("http://127.0.0.1:4000 None 1")),
            (
                "shop.example",
                &[8443],
                "/exact",
                Some("http://unix:/run/app.sock Some(\"$host\") 1"),
            ),
            ("shop.example", &[8443], "/exact/x", Some("http://app Some(\"$host\") 2")),
            ("shop.example", &[8443], "/a.php", Some("127.0.0.1:9000 Some(\"$host\") 1")),
            ("shop.example", &[8443], "/files/x", Some("nobody")),
            (
                "shop.example",
                &[8443],
                "/static/a.php",
                Some("http://127.0.0.1:5000 Some(\"$host\") 1"),
            ),
            // Nobody is called so: the first server on the port answers.
            ("other.example", &[8443], "/", Some("http://app Some(\"$host\") 2")),
            ("shop.example", &[80], "/", Some("nobody")),
            ("odd.example", &[8443], "/", None),
            ("shop.example", &[81], "/", None),
        ] {
            let route = sites.route(host, ports, path).map(|route| match route.pass() {
                Some(pass) => format!("{} {:?} {}", pass.written, pass.host, pass.to.len()),
                None => "nobody".to_owned(),
            });
            assert_eq!(route.as_deref(), expected, "{host} {ports:?} {path}");
        }
        let limits = |port, path| {
            let route = sites.route("shop.example", &[port], path).unwrap();
            route.limits().map(|place| place.line)
        };
        let of_the_server = limits(8443, "/").unwrap();
        assert!(limits(8443, "/static/x").unwrap() > of_the_server, "its own go before");
        assert_eq!(limits(8443, "/api/"), Some(of_the_server));
        assert_eq!(limits(8443, "/closed"), None, "answered before anything is counted");
        assert_eq!(limits(80, "/"), None);
    }
}
