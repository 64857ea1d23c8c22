//! Listeners that the plan wants to hear nothing of, named by a pattern.
//!
//! Deliberately absent: regular expressions. `*` stands for any characters, `?` for one.

use crate::{Listener, Owner, Process, Protocol};

/// Which undeclared listeners are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Those on these ports, both ends included.
    Ports {
        /// First and last.
        range: (u16, u16),
        /// `None`: of either transport.
        protocol: Option<Protocol>,
    },
    /// Those of a process of this name: the one that `ss -p` shows, or that of its executable.
    Name(String),
    /// Those of a process whose executable has this path.
    Path(String),
}

impl Pattern {
    /// Whether a listener is one of them. An owner that cannot be seen has no name.
    #[must_use]
    pub fn matches(&self, listener: &Listener) -> bool {
        match self {
            Self::Ports { range: (first, last), protocol } => {
                (*first..=*last).contains(&listener.bind.port())
                    && protocol.is_none_or(|protocol| protocol == listener.protocol)
            }
            Self::Name(name) => is_of(listener, |process| {
                let executable = process.executable.as_deref().unwrap_or_default();
                let basename = executable.rsplit('/').next().unwrap_or_default();
                glob(name, &process.name) || (!basename.is_empty() && glob(name, basename))
            }),
            Self::Path(path) => is_of(listener, |process| {
                process.executable.as_deref().is_some_and(|own| glob(path, own))
            }),
        }
    }
}

fn is_of(listener: &Listener, fits: impl Fn(&Process) -> bool) -> bool {
    match &listener.owner {
        Owner::Processes(processes) => processes.iter().any(|process| fits(process)),
        Owner::Hidden { .. } | Owner::Kernel => false,
    }
}

/// Whether the whole text fits. Goes back to the last `*` alone, so that no pattern takes longer
/// than its length times the text's.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut seen) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while seen < text.len() {
        match pattern.get(at) {
            Some('*') => {
                retry = Some((at + 1, seen));
                at += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == text[seen] => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((after, from)) = retry else { return false };
                retry = Some((after, from + 1));
                (at, seen) = (after, from + 1);
            }
        }
    }
    pattern[at..].iter().all(|&rest| rest == '*')
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn listener(protocol: Protocol, port: u16, owner: Owner) -> Listener {
        let bind = ([127, 0, 0, 1], port).into();
        Listener { protocol, bind, v6_only: None, inode: 1, owner }
    }

    fn process(name: &str, executable: Option<&str>) -> Owner {
        Owner::Processes(vec![Arc::new(Process {
            pid: 5,
            name: name.into(),
            executable: executable.map(Into::into),
            command_line: String::new(),
            uid: 0,
            unit: None,
        })])
    }

    #[test]
    fn globs() {
        for (pattern, text, expected) in [
            ("chrome", "chrome", true),
            ("chrome", "chromedriver", false),
            ("chrome*", "chromedriver", true),
            ("*driver", "chromedriver", true),
            ("c?rome", "chrome", true),
            ("c?rome", "crome", false),
            ("*", "", true),
            ("?", "", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("**a", "ba", true),
            ("/opt/x/*", "/opt/x/bin/serve", true),
            ("/opt/x/*", "/opt/xy/serve", false),
            ("한*", "한글", true),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
        // Would take for ever if every star were tried at every place.
        assert!(!glob(&"a*".repeat(64), &"a".repeat(60)));
    }

    #[test]
    fn patterns() {
        let chrome = || process("chrome", Some("/opt/google/chrome/chrome"));
        let ports = |first, last, protocol| Pattern::Ports { range: (first, last), protocol };
        let name = |name: &str| Pattern::Name(name.into());
        let path = |path: &str| Pattern::Path(path.into());
        let (tcp, udp) = (Protocol::Tcp, Protocol::Udp);
        for (pattern, listener, expected) in [
            (ports(5353, 5353, Some(udp)), listener(udp, 5353, chrome()), true),
            (ports(5353, 5353, Some(udp)), listener(tcp, 5353, chrome()), false),
            (ports(5353, 5353, None), listener(tcp, 5353, Owner::Kernel), true),
            (ports(40000, 41000, None), listener(tcp, 41000, Owner::Kernel), true),
            (ports(40000, 41000, None), listener(tcp, 41001, Owner::Kernel), false),
            (name("chrome"), listener(tcp, 1, chrome()), true),
            (name("chrom*"), listener(tcp, 1, process("x", Some("/a/chromium"))), true),
            (name("chrome"), listener(tcp, 1, process("node", None)), false),
            (name("*"), listener(tcp, 1, Owner::Hidden { uid: 5 }), false),
            (path("/opt/google/*"), listener(tcp, 1, chrome()), true),
            (path("/opt/google/*"), listener(tcp, 1, process("chrome", None)), false),
        ] {
            assert_eq!(pattern.matches(&listener), expected, "{pattern:?} {listener:?}");
        }
    }
}
