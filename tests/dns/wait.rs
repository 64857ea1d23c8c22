//! `wait dns` as a hook uses it: the real binary, four real servers, one of them late.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::command::portwarden;
use crate::support::daemon;
use crate::support::nameserver::{Nameserver, Zone};
use crate::support::tree::{Signing, Tree};

const NAME: &str = "_acme-challenge.shop.example";
const NEW: &str = "_acme-challenge TXT \"new\"";

/// Starts `portwarden wait dns` and hands every line that it prints to `each`; returns its exit code.
fn wait(folder: &Path, arguments: &[&str], mut each: impl FnMut(&str)) -> Option<i32> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portwarden"));
    command
        .current_dir(folder)
        .args(["wait", "dns"])
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut child = daemon::spawn(&mut command).unwrap();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        each(&line.unwrap());
    }
    child.wait().unwrap().code()
}

fn servers(tree: &Tree) -> Vec<String> {
    tree.servers.iter().map(|server| server.address().to_string()).collect()
}

fn asked(addresses: &[String]) -> Vec<&str> {
    addresses.iter().flat_map(|address| ["--nameserver", address]).collect()
}

#[test]
fn it_ends_when_the_last_of_four_has_the_value() {
    let folder = tempfile::tempdir().unwrap();
    let mut tree = Tree::grow(Signing::Unsigned, "_acme-challenge TXT \"old\"");
    let addresses = servers(&tree);
    let mut arguments = vec![NAME, "TXT", "new", "--zone", "shop.example", "--interval", "100ms"];
    arguments.extend(asked(&addresses));
    let (mut lines, mut published) = (Vec::new(), 0);
    let code = wait(folder.path(), &arguments, |line| {
        lines.push(line.to_owned());
        let waiting = line.contains("not yet") && line.contains("\"old\"");
        let four = lines.iter().filter(|line| line.contains("not yet")).count() == 4;
        let last = lines.iter().filter(|line| line.contains("has it  ")).count();
        // Three at once, once all four were seen to lack it; the last one when those have been seen.
        let until = if four && waiting {
            3
        } else if last == 3 {
            4
        } else {
            published
        };
        while published < until {
            let zone = tree.zone(2, NEW);
            tree.servers[published].publish(zone);
            published += 1;
        }
    });
    assert_eq!(code, Some(0), "{lines:#?}");
    for address in &addresses {
        let of = lines.iter().filter(|line| line.contains(address.as_str()));
        assert_eq!(of.count(), 2, "a line for each change: {lines:#?}");
    }
    assert!(lines.last().unwrap().starts_with("all 4 servers have it"), "{lines:#?}");
    // The same again is at once; the other way round it has to be gone.
    assert_eq!(wait(folder.path(), &arguments, |_| {}), Some(0));
    let mut absent = vec![NAME, "txt", "--absent", "--zone", "shop.example", "--timeout", "300ms"];
    absent.extend(asked(&addresses));
    assert_eq!(wait(folder.path(), &absent, |_| {}), Some(1));
    tree.publish(3, "");
    assert_eq!(wait(folder.path(), &absent, |_| {}), Some(0));
}

#[test]
fn when_the_time_is_over_it_names_who_lacks_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut tree = Tree::grow(Signing::Unsigned, NEW);
    let other = tree.zone(2, "_acme-challenge TXT \"old\"");
    tree.servers[2].publish(other);
    tree.servers[3].stop();
    let addresses = servers(&tree);
    let mut arguments = vec!["wait", "dns", NAME, "TXT", "new", "--zone", "shop.example"];
    arguments.extend(["--timeout", "1s", "--interval", "200ms"]);
    arguments.extend(asked(&addresses));
    let ended = portwarden(folder.path(), &arguments).expect(1);
    assert!(ended.err.contains("2 of 4 servers still do not have it"), "{ended:?}");
    assert!(ended.err.contains(&format!("{} (shop.example): \"old\"", addresses[2])), "{ended:?}");
    assert!(
        ended.err.contains(&format!("{} (shop.example): no answer", addresses[3])),
        "{ended:?}"
    );
    assert!(!ended.err.contains(&addresses[0]), "{ended:?}");
    arguments.extend(["--format", "json"]);
    let json = portwarden(folder.path(), &arguments).expect(1).json();
    assert_eq!(json["complete"], false);
    assert_eq!(json["servers"][0]["holds"], true);
    assert_eq!(json["servers"][2]["says"], "\"old\"");
}

#[test]
fn whom_to_ask_is_found_or_in_the_plan() {
    let folder = tempfile::tempdir().unwrap();
    let mut tree = Tree::grow(Signing::Unsigned, NEW);
    let parent = tree.parent.address().to_string();
    // Zone by the cache, servers by the parent.
    let cache = tree.resolver();
    let via = cache.address().to_string();
    let found = ["wait", "dns", NAME, "TXT", "new", "--parent", &parent, "--via", &via];
    let ended = portwarden(folder.path(), &found).expect(0);
    assert!(ended.out.contains("ns4.shop.example ("), "{ended:?}");

    let plan = format!(
        "[[dns]]\nname = \"zone\"\nzone = \"shop.example\"\nnameservers = [{}]\nresolvers = [\"{via}\"]\n",
        tree.listed()
    );
    std::fs::write(folder.path().join("probes.toml"), plan).unwrap();
    let planned = ["wait", "dns", NAME, "TXT", "new", "--check", "zone", "--timeout", "1s"];
    portwarden(folder.path(), &planned).expect(0);
    // What a cache holds is waited for only where asked for.
    cache.warm(NAME, hickory_proto::rr::RecordType::TXT);
    tree.publish(2, "_acme-challenge TXT \"newer\"");
    let mut newer = planned.to_vec();
    newer[4] = "newer";
    portwarden(folder.path(), &newer).expect(0);
    newer.push("--resolvers");
    let ended = portwarden(folder.path(), &newer).expect(1);
    assert!(ended.err.contains("1 of 5 servers") && ended.err.contains(&via), "{ended:?}");
}

#[test]
fn a_delegated_challenge_is_waited_for_where_it_leads() {
    let folder = tempfile::tempdir().unwrap();
    let mut tree = Tree::grow(Signing::Unsigned, "_acme-challenge CNAME shop.acme.example.");
    let acme = |value: &str, serial| {
        Zone::new(
            "acme.example",
            serial,
            &format!("@ NS ns1\nns1 A {}\nshop TXT {value}", tree.ip(5)),
        )
    };
    let at = std::net::SocketAddr::new(tree.ip(5).parse().unwrap(), tree.port());
    let mut other = Nameserver::start_on(at, &[acme("old", 1)]);
    let newer = acme("new", 2);
    let above = format!("{}acme NS ns1.acme\nns1.acme A {}", tree.delegation(), tree.ip(5));
    tree.delegate(2, &above);
    let parent = tree.parent.address().to_string();
    let addresses = servers(&tree);
    let mut arguments = vec![NAME, "TXT", "new", "--zone", "shop.example", "--parent", &parent];
    arguments.extend(asked(&addresses));
    arguments.extend(["--interval", "100ms"]);
    let mut is_published = false;
    let code = wait(folder.path(), &arguments, |line| {
        if line.contains("not yet") && !is_published {
            assert!(line.contains(&format!("ns1.acme.example ({at})")), "{line}");
            other.publish(newer.clone());
            is_published = true;
        }
    });
    assert_eq!((code, is_published), (Some(0), true));
}

#[test]
fn what_cannot_be_waited_for_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("probes.toml"), "").unwrap();
    for (arguments, expected) in [
        (&["x.shop.example", "TXT"][..], "VALUES"),
        (&["x.shop.example", "TXT", "a", "--absent"], "--absent"),
        (&["x.shop.example", "A", "web", "--zone", "shop.example"], "is not the value of A"),
        (&["x.shop.example", "A", "192.0.2.1", "--zone", "other.example"], "not in the zone"),
        (&["x.shop.example", "TXT", "a", "--zone", "shop.example", "--timeout", "9"], "no unit"),
        (&["x.shop.example", "TXT", "a", "--check", "zone"], "no [[dns]] named"),
    ] {
        let all: Vec<&str> = ["wait", "dns"].iter().chain(arguments).copied().collect();
        let ended = portwarden(folder.path(), &all).expect(2);
        assert!(ended.err.contains(expected), "{arguments:?}: {ended:?}");
    }
}

#[test]
fn a_parent_that_is_away_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut tree = Tree::grow(Signing::Unsigned, "_acme-challenge TXT \"-new\"");
    let plan = format!(
        "[[dns]]\nname = \"zone\"\nzone = \"shop.example\"\nnameservers = [{}]\nparent = [\"{}\"]\n",
        tree.listed(),
        tree.parent.address()
    );
    std::fs::write(folder.path().join("probes.toml"), plan).unwrap();
    tree.parent.stop();
    // One value in 64 begins with a dash.
    let ended = ["wait", "dns", "--check", "zone", "--timeout", "5s", "--", NAME, "TXT", "-new"];
    portwarden(folder.path(), &ended).expect(0);
}

/// The scripts of the how-to, as they stand there.
fn hooks() -> Vec<String> {
    let page = include_str!("../../docs/how-to/dns-01.md");
    let blocks = page.split("```sh\n").skip(1);
    blocks.map(|block| block.split_once("```").unwrap().0.to_owned()).collect()
}

#[test]
fn the_hooks_of_the_how_to_wait_for_every_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let value = "-Zm9vYmFy_dGhpcyBpcyBhIGNoYWxsZW5nZSB2YWx1";
    let tree = Tree::grow(Signing::Unsigned, &format!("_acme-challenge TXT \"{value}\""));
    let asked: String =
        servers(&tree).iter().map(|address| format!(" --nameserver {address}")).collect();
    let tool = |name: &str, text: &str| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::write(path(name), format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(path(name), PermissionsExt::from_mode(0o755)).unwrap();
    };
    // What a provider's command would do, and the real `wait dns` asking the test's servers.
    let note = |word: &str| format!("echo \"{word} $1 $2\" >> \"$LOG\"");
    tool("add-txt", &note("add"));
    tool("remove-txt", &note("remove"));
    tool(
        "portwarden",
        &format!(
            "a=$1 b=$2; shift 2\nexec {} \"$a\" \"$b\" --zone shop.example{asked} \"$@\"",
            env!("CARGO_BIN_EXE_portwarden")
        ),
    );
    let search = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let run = |script: &str, arguments: &[&str]| {
        std::fs::write(path("hook"), script).unwrap();
        let _ = std::fs::remove_file(path("log"));
        let mut command = Command::new("sh");
        command.arg(path("hook")).args(arguments).env("PATH", &search).env("LOG", path("log"));
        command.env("CERTBOT_DOMAIN", "shop.example").env("CERTBOT_VALIDATION", value);
        command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
        let ended = daemon::spawn(&mut command).unwrap().wait().unwrap();
        assert!(ended.success(), "{arguments:?}: {script}");
        std::fs::read_to_string(path("log")).unwrap()
    };
    let hooks = hooks();
    let with = |word: &str| {
        let mut such = hooks.iter().filter(|hook| hook.contains(word));
        let first = such.next().unwrap_or_else(|| panic!("no hook with {word}"));
        first.as_str()
    };
    let (added, removed) = (format!("add {NAME} {value}\n"), format!("remove {NAME} {value}\n"));
    assert_eq!(run(with("--manual-auth-hook"), &[]), added);
    assert_eq!(run(with("/challenge-gone\nremove"), &[]), removed);
    let dehydrated = with("deploy_challenge");
    let arguments = |word| [word, "shop.example", "token", value];
    assert_eq!(run(dehydrated, &arguments("deploy_challenge")), added);
    assert_eq!(run(dehydrated, &arguments("clean_challenge")), removed);
    let lego = with("present)");
    assert_eq!(run(lego, &["present", &format!("{NAME}."), value]), added.replace(" -", ". -"));
    assert_eq!(run(lego, &["cleanup", NAME, value]), removed);
    // acme.sh sources the file and calls its functions.
    std::fs::create_dir(path("dnsapi")).unwrap();
    let cloudflare =
        "dns_cf_add() { add-txt \"$1\" \"$2\"; }\ndns_cf_rm() { remove-txt \"$1\" \"$2\"; }\n";
    std::fs::write(path("dnsapi/dns_cf.sh"), cloudflare).unwrap();
    let acme = |function: &str| {
        format!("LE_WORKING_DIR=.\n{}\n{function} \"$1\" \"$2\"", with("dns_cf_everywhere_add"))
    };
    assert_eq!(run(&acme("dns_cf_everywhere_add"), &[NAME, value]), added);
    assert_eq!(run(&acme("dns_cf_everywhere_rm"), &[NAME, value]), removed);
}
