//! Processes that hold a port for a container: Docker's proxy and its kin, and as much of what is
//! behind them as their command line tells.

use std::net::{IpAddr, SocketAddr};

use crate::Process;

/// A process that holds a port for somebody in a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Where it leads, as seen from this machine; `None` where its command line does not tell.
    pub target: Option<SocketAddr>,
}

/// What a process holds ports for; `None` when it is nobody's proxy.
#[must_use]
pub fn proxy(process: &Process) -> Option<Proxy> {
    match &*process.name {
        // The name is cut at 15 bytes: rootlesskit-docker-proxy.
        "docker-proxy" | "rootlesskit-doc" => Some(Proxy { target: target(&process.command_line) }),
        "rootlesskit" | "rootlessport" | "slirp4netns" | "conmon" | "pasta" | "pasta.avx2" => {
            Some(Proxy { target: None })
        }
        _ => None,
    }
}

/// `docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 80 -container-ip 172.17.0.2
/// -container-port 80`, with one dash or two, and a blank or `=` before the value.
fn target(command_line: &str) -> Option<SocketAddr> {
    let value = |wanted: &str| {
        let mut words = command_line.split(' ');
        while let Some(word) = words.next() {
            let Some(flag) = word.strip_prefix('-') else { continue };
            let flag = flag.strip_prefix('-').unwrap_or(flag);
            match flag.strip_prefix(wanted) {
                Some("") => return words.next(),
                Some(rest) if rest.starts_with('=') => return rest.get(1..),
                _ => {}
            }
        }
        None
    };
    let ip: IpAddr = value("container-ip")?.parse().ok()?;
    let port = value("container-port")?.parse().ok()?;
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines() {
        let docker = "/usr/bin/docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 8080 -container-ip 172.17.0.2 -container-port 80 -use-listen-fd";
        let dashes = "docker-proxy --container-ip=fd00::2 --container-port=443";
        for (name, command_line, expected) in [
            ("docker-proxy", docker, Some(Some("172.17.0.2:80"))),
            ("docker-proxy", dashes, Some(Some("[fd00::2]:443"))),
            ("rootlesskit-doc", docker, Some(Some("172.17.0.2:80"))),
            ("docker-proxy", "docker-proxy -container-ip", Some(None)),
            ("docker-proxy", "docker-proxy -container-ip x -container-port 80", Some(None)),
            ("docker-proxy", "", Some(None)),
            ("conmon", "/usr/bin/conmon --api-version 1 -c 3f2a9c0d1e5b", Some(None)),
            ("slirp4netns", "slirp4netns --mtu=65520 4242 tap0", Some(None)),
            ("nginx", docker, None),
        ] {
            let process = Process {
                pid: 5,
                name: name.into(),
                executable: None,
                command_line: command_line.into(),
                uid: 0,
                unit: None,
            };
            let expected = expected.map(|target: Option<&str>| Proxy {
                target: target.map(|target| target.parse().unwrap()),
            });
            assert_eq!(proxy(&process), expected, "{name} {command_line}");
        }
    }
}
