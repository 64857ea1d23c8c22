//! The plan as text, and the summary. Pure, and the same for the same findings.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use health::{ClaimKind, Protocol, Undeclared};

use super::Draft;
use super::claims::{ClaimDraft, HostDraft, few};
use super::entry::{Entry, one_line, quoted};

/// Lines of things that were seen and not made checks of.
const MOST_REMARKS: usize = 200;
/// Names that country registries put below their country: `co.kr`, `or.jp`.
const SECOND_LEVEL: [&str; 13] =
    ["ac", "co", "com", "edu", "go", "gov", "mil", "ne", "net", "or", "org", "pe", "re"];

/// What an ordinary user may not see, and how to let it be seen.
const HIDDEN: [&str; 3] = [
    "Owners of some sockets could not be seen, so their claims name no process.",
    "Let discover see them: run it as root, or",
    "  setcap cap_sys_ptrace,cap_dac_read_search+ep \"$(command -v portwarden)\"",
];

/// The whole plan.
pub(super) fn plan(draft: &Draft) -> String {
    let mut text = format!(
        "# A starting plan, written by `portwarden discover` from what is on {}.\n\
         # Above everything stands what it was inferred from. Read it through, change what should be\n\
         # otherwise, and go on with:\n\
         #\n\
         #   portwarden --config probes.toml validate\n\
         #   portwarden --config probes.toml once\n\
         #   portwarden --config probes.toml run\n\n",
        one_line(&draft.machine)
    );
    if draft.owners_hidden {
        HIDDEN.iter().for_each(|line| text.push_str(&format!("# {line}\n")));
        text.push('\n');
    }
    let _ = writeln!(text, "[agent]\nname = {}\n", quoted(&draft.machine));
    text.push_str(&hosts(&draft.hosts));
    for entry in &draft.entries {
        text.push_str(&self::entry(entry));
        text.push('\n');
    }
    text.push_str(&zones(&draft.names));
    text.push_str(&remarks(&draft.remarks));
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// Every `[[host]]` with its ports.
pub(super) fn hosts(hosts: &[HostDraft]) -> String {
    let mut text = String::new();
    for host in hosts {
        let _ = writeln!(text, "[[host]]\nname = {}", quoted(&host.name));
        let _ = writeln!(text, "address = {}\nlocal = true", quoted(&host.address));
        if host.undeclared == Undeclared::Ignore {
            text.push_str("undeclared = \"ignore\"              # not everything was looked at\n");
        }
        if !host.passing.is_empty() {
            let (first, last) = host.ephemeral;
            let note = format!("among the ports given to clients: {}", few(&host.passing));
            let _ = writeln!(text, "# {}", one_line(&note));
            // Where nothing undeclared is told, a plan takes no list of what not to tell.
            if host.undeclared != Undeclared::Ignore {
                let _ = writeln!(text, "ignore = [\"{first}-{last}\"]");
            }
        }
        text.push('\n');
        for kind in [ClaimKind::System, ClaimKind::Allocated, ClaimKind::Reserved] {
            for claim in host.claims.iter().filter(|claim| claim.kind == kind) {
                text.push_str(&self::claim(claim));
                text.push('\n');
            }
        }
    }
    text
}

/// What was found, a line each.
pub(super) fn summary(draft: &Draft) -> Vec<String> {
    let claims: Vec<&ClaimDraft> = draft.hosts.iter().flat_map(|host| &host.claims).collect();
    let count = |kind: &str| {
        draft.entries.iter().filter(|one| one.table == kind && one.shelved.is_none()).count()
    };
    let shelved = draft.entries.iter().filter(|one| one.shelved.is_some()).count();
    let mut lines = vec![format!(
        "port claims: {}, web checks: {}, certificates served: {}, certificate folders: {}",
        claims.len(),
        count("http"),
        count("tls"),
        count("certificate")
    )];
    if shelved + draft.remarks.len() > 0 {
        let count = shelved + draft.remarks.len();
        lines.push(format!("only mentioned in comments, with the reason: {count}"));
    }
    let claims = draft.hosts.iter().flat_map(|host| {
        host.claims.iter().map(move |one| (format!("{}:{}", host.name, one.ports.0), &one.finds))
    });
    let entries = draft.entries.iter().filter(|one| one.shelved.is_none());
    let found = claims.chain(entries.map(|one| (one.name.clone(), &one.finds)));
    for (name, codes) in found.filter(|(_, codes)| !codes.is_empty()) {
        lines.push(format!("found already: {} ({})", one_line(&name), codes.join(", ")));
    }
    if draft.owners_hidden {
        lines.extend(HIDDEN.map(str::to_owned));
    }
    lines
}

fn claim(claim: &ClaimDraft) -> String {
    let mut text = String::new();
    for source in &claim.sources {
        let _ = writeln!(text, "  # {}", one_line(source));
    }
    finds(&mut text, "  ", &claim.finds);
    let (first, last) = claim.ports;
    let port = if first == last { first.to_string() } else { format!("\"{first}-{last}\"") };
    let _ = writeln!(text, "  [[host.port]]\n  port = {port}");
    let _ = writeln!(text, "  service = {}", quoted(&claim.service));
    if claim.kind != ClaimKind::Allocated {
        let _ = writeln!(text, "  claim = {}", quoted(claim.kind.label()));
    }
    if claim.protocol == Protocol::Udp {
        let _ = writeln!(text, "  protocol = {}", quoted(claim.protocol.label()));
    }
    if let Some(exposure) = claim.exposure {
        let _ = writeln!(text, "  exposure = {}", quoted(exposure.label()));
    }
    match &claim.processes[..] {
        [] => {}
        [one] => {
            let _ = writeln!(text, "  process = {}", quoted(one));
        }
        several => {
            let names: Vec<String> = several.iter().map(|name| quoted(name)).collect();
            let _ = writeln!(text, "  process = [{}]", names.join(", "));
        }
    }
    if claim.mute {
        text.push_str("  probe = \"none\"\n");
    }
    text
}

fn entry(entry: &Entry) -> String {
    let mut text = String::new();
    for source in &entry.sources {
        let _ = writeln!(text, "# {}", one_line(source));
    }
    let Some(reason) = &entry.shelved else {
        finds(&mut text, "", &entry.finds);
        return text + &entry.toml();
    };
    let _ = writeln!(text, "# not checked: {}", one_line(reason));
    for line in entry.toml().lines() {
        let _ = writeln!(text, "# {line}");
    }
    text
}

fn finds(text: &mut String, indent: &str, codes: &[String]) {
    if !codes.is_empty() {
        let _ = writeln!(text, "{indent}# found already: {}", codes.join(", "));
    }
}

/// Records are nobody's to guess from here: a block to be filled in.
fn zones(names: &[String]) -> String {
    let mut zones: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for name in names {
        zones.entry(zone(name)).or_default().push(name);
    }
    if zones.is_empty() {
        return String::new();
    }
    let mut text =
        "# Nameservers were not asked. With the addresses that the world should be told:\n"
            .to_owned();
    for (zone, names) in zones {
        let _ = writeln!(
            text,
            "#\n# [[dns]]\n# name = {}\n# zone = {}",
            quoted(&format!("{zone} zone")),
            quoted(&zone)
        );
        for name in names {
            let relative =
                name.strip_suffix(&zone).map_or(name, |before| before.trim_end_matches('.'));
            let relative = if relative.is_empty() { "@" } else { relative };
            let _ = writeln!(text, "#\n#   [[dns.record]]\n#   name = {}", quoted(relative));
            text.push_str("#   type = \"A\"\n#   values = [\"192.0.2.10\"]\n");
        }
    }
    text + "\n"
}

/// The part of a name that is usually registered; somebody reads it before it is used.
fn zone(name: &str) -> String {
    let labels: Vec<&str> = name.rsplit('.').collect();
    let is_of_a_country = matches!(&labels[..], [country, second, ..]
        if country.len() == 2 && SECOND_LEVEL.contains(second));
    let count = if is_of_a_country { 3 } else { 2 };
    labels.into_iter().take(count).rev().collect::<Vec<_>>().join(".")
}

fn remarks(remarks: &[String]) -> String {
    if remarks.is_empty() {
        return String::new();
    }
    let mut text = "# Seen, and not made a check of:\n".to_owned();
    for remark in remarks.iter().take(MOST_REMARKS) {
        let _ = writeln!(text, "# - {}", one_line(remark));
    }
    if remarks.len() > MOST_REMARKS {
        let _ = writeln!(text, "# - and {} more", remarks.len() - MOST_REMARKS);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_what_one_registers() {
        for (name, expected) in [
            ("shop.example", "shop.example"),
            ("www.shop.example", "shop.example"),
            ("www.shop.co.kr", "shop.co.kr"),
            ("shop.kr", "shop.kr"),
            ("a.b.pe.kr", "b.pe.kr"),
            ("co.kr", "co.kr"),
        ] {
            assert_eq!(zone(name), expected);
        }
    }

    #[test]
    fn ports_for_clients_are_ignored_where_not_everything_is() {
        for (undeclared, expected) in [(Undeclared::Warn, true), (Undeclared::Ignore, false)] {
            let host = HostDraft {
                name: "web".into(),
                address: "127.0.0.1".into(),
                undeclared,
                passing: vec!["java on 40001".into()],
                ephemeral: (32768, 60999),
                claims: Vec::new(),
            };
            let text = hosts(&[host]);
            assert_eq!(text.contains("\nignore = [\"32768-60999\"]"), expected, "{text}");
            assert!(text.contains("clients: java on 40001"), "{text}");
            let folder = std::path::Path::new("/");
            crate::plan::parse(&text, folder, folder, &crate::plan::ThisMachine)
                .unwrap_or_else(|mistakes| panic!("{mistakes:#}\n{text}"));
        }
    }

    #[test]
    fn words_from_outside_stay_where_they_are() {
        let hostile = "a\"]\n[[host]]\nname = 'x'\u{202e}\\";
        let claim = ClaimDraft {
            ports: (1, 2),
            protocol: Protocol::Udp,
            kind: ClaimKind::System,
            service: super::super::entry::plain_name(hostile, "x"),
            exposure: None,
            processes: vec!["a\"b'".into(), "#".into()],
            mute: false,
            sources: vec![hostile.into()],
            finds: vec!["port.dead".into()],
        };
        let mut entry = Entry::new("certificate", hostile).with("path", hostile);
        entry.sources.push(hostile.into());
        let shelved = Entry { shelved: Some(hostile.into()), ..entry.clone() };
        let draft = Draft {
            machine: super::super::entry::plain_name(hostile, "x"),
            hosts: vec![HostDraft {
                name: "web".into(),
                address: "127.0.0.1".into(),
                undeclared: Undeclared::Warn,
                passing: vec![hostile.into()],
                ephemeral: (32768, 60999),
                claims: vec![claim],
            }],
            entries: vec![Entry { keys: vec![("path", "/a'b\"".into())], ..entry }, shelved],
            remarks: vec![hostile.into()],
            names: vec!["a.example".into()],
            owners_hidden: true,
        };
        let text = plan(&draft);
        let folder = std::path::Path::new("/");
        let plan = crate::plan::parse(&text, folder, folder, &crate::plan::ThisMachine)
            .unwrap_or_else(|mistakes| panic!("{mistakes:#}\n{text}"));
        assert_eq!((plan.hosts.len(), plan.checks.len()), (1, 3), "{text}");
    }
}
