//! Sick zones before us and before zonemaster. What it finds, what we find, and why there are
//! differences, is told in docs/compared-with-zonemaster.md.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::command::portwarden;
use crate::support::daemon::spawn;
use crate::support::relay::{Fate, Relay, Tcp};
use crate::support::tree::{Signing, Tree, ZONE};

/// Set in the process that has a network of its own.
const APART: &str = "PORTWARDEN_TEST_APART";

/// Ways to be sick, and what we have to say of each.
const SICKNESSES: &[(&str, &[&str])] = &[
    ("refuses", &["dns.lame"]),
    ("stopped", &["dns.unreachable"]),
    ("spoilt", &["dns.lame"]),
    ("without AA", &["dns.lame"]),
    ("without TCP", &["dns.no-tcp"]),
    ("serial", &["dns.serial"]),
    ("NS set of one server", &["dns.inconsistent"]),
    ("NS only with the parent", &["dns.delegation"]),
    ("NS only in the zone", &["dns.delegation"]),
    ("glue", &["dns.delegation"]),
];

/// What zonemaster calls it, and our codes for it, of which one has to be found where it says so. None:
/// beyond our scope, as the page explains.
const TAGS: &[(&str, &[&str])] = &[
    ("A_UNEXPECTED_RCODE", &["dns.lame"]),
    ("CAN_NOT_BE_RESOLVED", &["dns.delegation", "dns.inconsistent"]),
    ("CHILD_NS_SAME_IP", &[]),
    ("CN01_NO_RESPONSE_UDP", &["dns.unreachable"]),
    ("CN01_NS_RECORD_NOT_AA_UDP", &["dns.lame"]),
    ("CN01_SOA_RECORD_NOT_AA_UDP", &["dns.lame"]),
    ("CN01_UNEXPECTED_RCODE_NS_QUERY_UDP", &["dns.lame"]),
    ("CN01_UNEXPECTED_RCODE_SOA_QUERY_UDP", &["dns.lame"]),
    ("CN02_NO_RESPONSE_TCP", &["dns.no-tcp", "dns.unreachable"]),
    ("CN02_UNEXPECTED_RCODE_NS_QUERY_TCP", &["dns.lame"]),
    ("CN02_UNEXPECTED_RCODE_SOA_QUERY_TCP", &["dns.lame"]),
    ("EXTRA_ADDRESS_CHILD", &["dns.delegation"]),
    ("EXTRA_NAME_CHILD", &["dns.delegation", "dns.inconsistent"]),
    ("EXTRA_NAME_PARENT", &["dns.delegation"]),
    ("IN_BAILIWICK_ADDR_MISMATCH", &["dns.delegation"]),
    ("IS_NOT_AUTHORITATIVE", &["dns.lame"]),
    ("MULTIPLE_NS_SET", &["dns.inconsistent"]),
    ("MULTIPLE_SOA_SERIALS", &["dns.serial"]),
    ("NS_ERROR", &["dns.lame"]),
    ("NS_FAILED", &["dns.lame"]),
    ("SAME_IP_ADDRESS", &[]),
    ("SOA_SERIAL_VARIATION", &["dns.serial"]),
    ("UNEXPECTED_RCODE", &["dns.lame", "dns.delegation"]),
    ("Z01_MNAME_NOT_MASTER", &[]),
];

#[test]
fn what_zonemaster_finds_is_found_within_our_scope() {
    if std::env::var_os(APART).is_some() {
        return Ward::open().examine();
    }
    // Zonemaster asks on port 53 alone. In a network of its own there is nobody to disturb, and
    // nowhere else to go.
    let mut command = Command::new("unshare");
    command
        .args(["--map-root-user", "--net", "sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "compared::what_zonemaster_finds_is_found_within_our_scope"])
        .arg("--nocapture")
        .env(APART, "1");
    let (is_well, said) = run(&mut command);
    println!("{said}");
    assert!(is_well, "the comparison failed");
}

/// Where sick zones lie: four servers, and a fifth that is the first one behind a relay.
struct Ward {
    tree: Tree,
    relay: Relay,
    folder: tempfile::TempDir,
    serial: u32,
    usual: BTreeSet<String>,
}

impl Ward {
    fn open() -> Self {
        let tree = Tree::grow_on(Some(53), Signing::Unsigned, "");
        let fifth = format!("{}:53", tree.ip(9)).parse().unwrap();
        let relay = Relay::start_on(fifth, tree.servers[0].address(), Tcp::Passed);
        let folder = tempfile::tempdir().unwrap();
        let hints = format!(". 3600 NS ns1.\nns1. 3600 A {}\n", tree.ip(20));
        std::fs::write(folder.path().join("hints"), hints).unwrap();
        let plan = format!(
            "[[dns]]\nname = \"zone\"\nzone = \"{ZONE}\"\nparent = [\"{}\"]\n\
             [[dns.record]]\nname = \"long\"\ntype = \"TXT\"\n",
            tree.parent.address()
        );
        std::fs::write(folder.path().join("probes.toml"), plan).unwrap();
        let mut ward = Self { tree, relay, folder, serial: 1, usual: BTreeSet::new() };
        ward.heal();
        ward
    }

    fn examine(&mut self) {
        assert_eq!(self.ours(), BTreeSet::new(), "nothing is wrong yet");
        self.usual = self.theirs();
        let mut differences = Vec::new();
        for (sickness, expected) in SICKNESSES {
            self.fall(sickness);
            let (ours, theirs) = (self.ours(), &self.theirs() - &self.usual);
            println!("{sickness}: we {ours:?}, zonemaster {theirs:?}");
            if !ours.iter().eq(expected.iter()) {
                differences.push(format!("{sickness}: we say {ours:?}, not {expected:?}"));
            }
            for tag in theirs {
                let known = TAGS.iter().find(|(known, _)| *known == tag);
                let codes = known.map(|(_, codes)| *codes);
                let is_told = |codes: &[&str]| {
                    codes.is_empty() || codes.iter().any(|&code| ours.contains(code))
                };
                if !codes.is_some_and(is_told) {
                    differences.push(format!("{sickness}: zonemaster says {tag}, we {ours:?}"));
                }
            }
            self.heal();
        }
        assert!(differences.is_empty(), "{}", differences.join("\n"));
        assert_eq!(self.ours(), BTreeSet::new(), "nothing is wrong any more");
    }

    /// Has the zone fall sick.
    fn fall(&mut self, sickness: &str) {
        self.serial += 1;
        let (tree, serial) = (&mut self.tree, self.serial);
        let healthy = records(tree);
        match sickness {
            "refuses" => tree.servers[1].withdraw(ZONE),
            "stopped" => tree.servers[1].stop(),
            "spoilt" => tree.servers[1].spoil(ZONE),
            "without AA" => self.relay.cycle(&[Fate::Change(|packet| packet[2] &= !0x04)]),
            "without TCP" => self.relay.tcp(Tcp::Refused),
            "serial" => tree.publish_on(1, serial, &healthy),
            "NS set of one server" => {
                for server in 0..4 {
                    let more = if server == 1 { "@ NS ns1.elsewhere.example.\n" } else { "" };
                    tree.publish_on(server, serial, &format!("{healthy}{more}"));
                }
            }
            "NS only with the parent" => {
                let more = format!("shop NS ns6.shop\nns6.shop A {}\n", tree.ip(2));
                let above = above(tree) + &more;
                tree.delegate(serial + 1, &above);
            }
            "NS only in the zone" => {
                let more = format!("{healthy}@ NS ns6\nns6 A {}\n", tree.ip(2));
                tree.publish(serial, &more);
            }
            "glue" => {
                let (right, wrong) = (
                    format!("ns3.shop A {}\n", tree.ip(3)),
                    format!("ns3.shop A {}\n", tree.ip(4)),
                );
                let above = above(tree).replace(&right, &wrong);
                tree.delegate(serial + 1, &above);
            }
            other => panic!("nobody knows {other}"),
        }
    }

    /// Makes everything right again.
    fn heal(&mut self) {
        self.serial += 1;
        self.relay.cycle(&[Fate::Pass]);
        self.relay.tcp(Tcp::Passed);
        let healthy = records(&self.tree);
        // Stopped, spoilt or without the zone: as it was.
        self.tree.servers[1].stop();
        self.tree.servers[1].start_again();
        for server in 0..4 {
            self.tree.publish_on(server, self.serial, &healthy);
        }
        let above = above(&self.tree);
        self.tree.delegate(self.serial + 1, &above);
        self.serial += 1;
    }

    fn ours(&self) -> BTreeSet<String> {
        let told = portwarden(self.folder.path(), &["once", "--format", "json"]).json();
        words(&told["checks"][0]["findings"], "code")
    }

    fn theirs(&self) -> BTreeSet<String> {
        let mut command = Command::new("zonemaster-cli");
        command.current_dir(self.folder.path()).args(["--json", "--level", "NOTICE", "--no-ipv6"]);
        let (is_well, said) = run(command.args(["--hints", "hints", "--no-progress", ZONE]));
        assert!(is_well, "{said}");
        let told: Value =
            serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
        words(&told, "tag")
    }
}

/// One answer is too long for UDP: without TCP there is none.
fn records(tree: &Tree) -> String {
    let long: String =
        (0..40).map(|n| format!("long TXT \"{n:03} {}\"\n", "x".repeat(80))).collect();
    format!("@ NS ns5\nns5 A {}\n{long}", tree.ip(9))
}

fn above(tree: &Tree) -> String {
    format!("{}shop NS ns5.shop\nns5.shop A {}\n", tree.delegation(), tree.ip(9))
}

fn words(list: &Value, key: &str) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|each| each[key].as_str().unwrap().to_owned()).collect()
}

/// Whether a command ended well, and what it said.
fn run(command: &mut Command) -> (bool, String) {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let program = command.get_program().to_owned();
    let child =
        spawn(command).unwrap_or_else(|error| panic!("{program:?}: {error}; run tests/install"));
    let output = child.wait_with_output().unwrap();
    let [out, err] = [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said));
    (output.status.success(), format!("{out}{err}"))
}
