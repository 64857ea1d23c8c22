//! The allocation document: the same bytes whatever runs, and line by line where it no longer holds.

use std::fs;
use std::path::Path;

use crate::support::command::{Ended, portwarden};
use crate::support::loopback::{on, own_ip};
use crate::support::squatter;

fn ports(folder: &Path, arguments: &[&str]) -> Ended {
    portwarden(folder, &[&["ports"], arguments].concat())
}

#[test]
fn a_document_is_the_plan_whatever_runs() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let ip = own_ip();
    let (shop, stranger) = (on(ip), on(ip));
    let plan = |language: &str| {
        format!(
            "[agent]\nlanguage = \"{language}\"\n[[host]]\nname = \"web\"\naddress = \"{ip}\"\nlocal = true\n\
             [[host.port]]\nport = {}\nservice = \"shop\"\nexposure = \"loopback\"\nprocess = \"python3\"\n\
             [[host.port]]\nport = \"3012-3014\"\nclaim = \"reserved\"\nservice = \"later\"\n\
             [[host]]\nname = \"back\"\naddress = \"192.0.2.9\"\n",
            shop.port()
        )
    };
    fs::write(folder.join("probes.toml"), plan("ko")).unwrap();
    let korean = ports(folder, &["--format", "markdown"]).expect(0).out;
    assert!(korean.starts_with("# 포트 할당표\n") && korean.contains("3012-3014"), "{korean}");
    let english = ["--language", "en", "ports", "--format", "markdown"];
    let english = portwarden(folder, &english).expect(0).out;
    assert!(english.starts_with("# Port allocation\n"), "{english}");
    for word in ["## web", "### Allocated", "### Reserved", "### Firewall", "## back"] {
        assert!(english.contains(&format!("\n{word}\n")), "{word} in {english}");
    }

    // What runs is not in it, unless that is asked for.
    let running = squatter::listen(shop, folder);
    let other = tempfile::tempdir().unwrap();
    let other = squatter::listen(stranger, other.path());
    assert_eq!(ports(folder, &["--format", "markdown"]).expect(0).out, korean);
    let observed = ports(folder, &["--format", "markdown", "--observed"]).expect(1).out;
    let row = observed.lines().find(|line| line.contains(&stranger.port().to_string())).unwrap();
    assert!(row.contains(squatter::NAME) && row.contains(&ip.to_string()), "{row}");
    assert!(!observed.contains(&other.pid().to_string()), "no process ids: {observed}");

    // With the section on what listens unclaimed, that is a part of what has to hold.
    fs::write(folder.join("OBSERVED.md"), &observed).unwrap();
    let undeclared = format!("web:{}", stranger.port());
    let told = ports(folder, &["--check", "OBSERVED.md"]).expect(1).out;
    assert!(told.contains("port.undeclared") && told.contains(&undeclared), "{told}");
    other.terminate();
    let told = ports(folder, &["--check", "OBSERVED.md"]).expect(1).out;
    assert!(told.contains(": outdated: ") && !told.contains(&undeclared), "{told}");

    for (name, text) in [("KO.md", &korean), ("EN.md", &english)] {
        fs::write(folder.join(name), text).unwrap();
        let told = ports(folder, &["--check", name, "--against", "plan"]).expect(0).out;
        assert!(told.contains("2 rows hold"), "{told}");
    }
    running.terminate();
}

#[test]
fn a_document_that_no_longer_holds_is_told_line_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let ip = own_ip();
    let (shop, later) = (on(ip), on(ip));
    let plan = |exposure: &str, more: &str| {
        let text = format!(
            "[[host]]\nname = \"web\"\naddress = \"{ip}\"\nlocal = true\nundeclared = \"ignore\"\n\
             [[host.port]]\nport = {}\nservice = \"shop\"\nexposure = \"{exposure}\"\n\
             [[host.port]]\nport = {}\nclaim = \"reserved\"\nservice = \"later\"\n{more}",
            shop.port(),
            later.port()
        );
        fs::write(folder.join("probes.toml"), text).unwrap();
    };
    plan("loopback", "");
    let document = ports(folder, &["--format", "markdown"]).expect(0).out;
    fs::write(folder.join("PORTS.md"), &document).unwrap();
    let line = |word: &str| document.lines().position(|line| line.contains(word)).unwrap() + 1;

    // Reality: nobody answers at the one, and somebody does at the other.
    let squatter = squatter::listen(later, folder);
    let told = ports(folder, &["--check", "PORTS.md"]).expect(1).out;
    for (word, code) in [("| shop ", "port.dead"), ("| later ", "port.taken")] {
        assert!(told.contains(&format!("PORTS.md:{}: {code}: ", line(word))), "{code} in {told}");
    }
    assert!(told.contains("0 differ from the plan, 2 findings"), "{told}");
    // Where the machine cannot be seen, the plan is still there.
    ports(folder, &["--check", "PORTS.md", "--against", "plan"]).expect(0);

    // The plan.
    plan("internal", "[[host.port]]\nport = 9000\nservice = \"agent\"\n");
    let told = ports(folder, &["--check", "PORTS.md", "--against", "plan"]).expect(1).out;
    let at = line("| shop ");
    assert!(
        told.contains(&format!("PORTS.md:{at}: different: {}/tcp: exposure", shop.port())),
        "{told}"
    );
    assert!(told.contains("missing: 9000/tcp") && told.contains("2 differ"), "{told}");
    let json = ports(folder, &["--check", "PORTS.md", "--format", "json"]).expect(1).json();
    assert_eq!((&json["holds"], &json["rows"]), (&false.into(), &2.into()), "{json}");
    let differences = json["differences"].as_array().unwrap();
    let different = differences.iter().find(|it| it["fault"] == "different").unwrap();
    assert_eq!((&different["line"], &different["first"]), (&at.into(), &shop.port().into()));
    let taken = json["findings"].as_array().unwrap().iter().find(|it| it["code"] == "port.taken");
    assert_eq!(taken.unwrap()["line"], line("| later "), "{json}");
    squatter.terminate();

    // A table of one's own, and what is none.
    let own =
        format!("| 포트 | 서비스 |\n|---|---|\n| {} | shop |\n| 3오11 | 오타 |\n", shop.port());
    fs::write(folder.join("OWN.md"), own).unwrap();
    let own = ["--language", "ko", "ports", "--check", "OWN.md", "--against", "plan"];
    let told = portwarden(folder, &own).expect(1).out;
    assert!(told.contains("OWN.md:4: 읽지 못함") && told.contains("누락"), "{told}");
    assert!(ports(folder, &["--check", "NONE.md"]).expect(2).err.contains("NONE.md"));
    ports(folder, &["--check", "PORTS.md", "--host", "nowhere"]).expect(2);
}
