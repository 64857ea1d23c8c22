//! Chains of every state with the verdict on each, and what `openssl verify` says of the same bytes at the
//! same moment for the same name: it agrees, or the row says why not.

mod dates;
mod good;
mod links;
mod made;
mod names;

use std::path::Path;
use std::process::Command;

use jiff::Timestamp;
use rustls_pki_types::CertificateDer;

use super::*;
use crate::tls::workshop::{noon, pem};

type Der = CertificateDer<'static>;

/// One chain and what is said of it.
struct Row {
    case: &'static str,
    /// As presented, leaf first.
    chain: Vec<Der>,
    /// The plan's own roots.
    own: Vec<Der>,
    /// The system's roots.
    system: Vec<Der>,
    asked: &'static str,
    now: Timestamp,
    /// Codes and severities, sorted.
    found: &'static [&'static str],
    /// `OK`, or the first error that openssl prints.
    openssl: &'static str,
    /// Why the two do not agree, where they do not.
    because: Option<&'static str>,
}

/// A chain below a root of the plan's own, judged at noon for `shop.example`, and found good.
fn row(case: &'static str, chain: Vec<Der>, own: &[Der]) -> Row {
    Row {
        case,
        chain,
        own: own.to_vec(),
        system: Vec::new(),
        asked: "shop.example",
        now: noon(),
        found: &[],
        openssl: "OK",
        because: None,
    }
}

impl Row {
    fn asked(self, asked: &'static str) -> Self {
        Self { asked, ..self }
    }

    fn at(self, now: Timestamp) -> Self {
        Self { now, ..self }
    }

    /// What is found, and what openssl says.
    fn says(self, found: &'static [&'static str], openssl: &'static str) -> Self {
        Self { found, openssl, ..self }
    }

    fn because(self, reason: &'static str) -> Self {
        Self { because: Some(reason), ..self }
    }

    /// Everything about this row that is not as it says.
    fn mistakes(&self, folder: &Path) -> Vec<String> {
        let roots = Roots::of(&self.system, &self.own).unwrap();
        let presented = Presented {
            chain: self.chain.clone(),
            protocol: "TLS 1.3".to_owned(),
            cipher: "TLS_AES_128_GCM_SHA256".to_owned(),
            ..Presented::default()
        };
        let (facts, findings) = judge(&presented, self.asked, &roots, "127.0.0.1:8443", self.now);
        let mut said: Vec<String> = findings
            .iter()
            .map(|finding| format!("{}/{}", finding.code.label(), finding.severity.label()))
            .collect();
        said.sort();
        let mut mistakes = Vec::new();
        if said != self.found {
            mistakes.push(format!("found {said:?}, not {:?}", self.found));
        }
        let words = self.verified_by_openssl(folder);
        if words.first().map_or("OK", |word| word) != self.openssl {
            mistakes.push(format!("openssl says {words:?}, not {:?}", self.openssl));
        }
        let is_accepted = said.iter().all(|one| one.ends_with("/notice"));
        let agrees = is_accepted == words.is_empty()
            && (is_accepted || words.iter().any(|word| is_told(word, &findings)));
        match (agrees, self.because) {
            (false, None) => mistakes.push(format!("openssl does not agree: {words:?}")),
            (true, Some(reason)) => mistakes.push(format!("openssl agrees, in spite of: {reason}")),
            _ => {}
        }
        let (again, findings_again) =
            judge(&presented, self.asked, &roots, "127.0.0.1:8443", self.now);
        if !Arc::ptr_eq(&facts.chain, &again.chain) || findings != findings_again {
            mistakes.push("worked out twice".to_owned());
        }
        mistakes
    }

    /// The errors of `openssl verify`, in its words; none: it is content.
    fn verified_by_openssl(&self, folder: &Path) -> Vec<String> {
        let write = |name: &str, ders: &[Der]| {
            std::fs::write(folder.join(name), pem(&ders.iter().collect::<Vec<_>>())).unwrap();
        };
        write("leaf.pem", &self.chain[..1]);
        write("rest.pem", &self.chain[1..]);
        let roots: Vec<Der> = self.own.iter().chain(&self.system).cloned().collect();
        write("roots.pem", &roots);
        let mut command = Command::new("openssl");
        // Whatever is trusted is an end here, as it is for rustls; keys and digests as Debian's
        // default security level has them.
        command.current_dir(folder).args(["verify", "-no-CApath", "-no-CAstore", "-partial_chain"]);
        command.args(["-purpose", "sslserver", "-auth_level", "2"]);
        command.args(["-attime", &self.now.as_second().to_string()]);
        match roots.is_empty() {
            true => command.arg("-no-CAfile"),
            false => command.args(["-CAfile", "roots.pem"]),
        };
        if self.chain.len() > 1 {
            command.args(["-untrusted", "rest.pem"]);
        }
        let is_address = self.asked.parse::<std::net::IpAddr>().is_ok();
        command.args([if is_address { "-verify_ip" } else { "-verify_hostname" }, self.asked]);
        let output = command.arg("leaf.pem").output();
        let output = output.expect("openssl is missing: apt-get install openssl");
        let words = String::from_utf8_lossy(&output.stderr);
        let errors = words.lines().filter_map(|line| line.split_once(" depth lookup: "));
        let mut errors: Vec<String> = errors.map(|(_, words)| words.trim().to_owned()).collect();
        errors.dedup();
        assert_eq!(errors.is_empty(), output.status.success(), "{}: {words}", self.case);
        errors
    }
}

/// The findings hold what openssl means.
fn is_told(words: &str, findings: &[Finding]) -> bool {
    let codes: &[&str] = match words {
        "certificate has expired" => &["cert.expired"],
        "certificate is not yet valid" => &["cert.not-yet-valid"],
        "unable to get local issuer certificate"
        | "unable to get issuer certificate"
        | "unable to verify the first certificate" => &["tls.incomplete-chain", "tls.untrusted"],
        "self-signed certificate" => &["cert.self-signed"],
        "hostname mismatch" | "IP address mismatch" => &["cert.wrong-name"],
        "EE certificate key too weak" | "CA certificate key too weak" => &["cert.weak-key"],
        "CA signature digest algorithm too weak" => &["cert.weak-signature"],
        _ => &["tls.untrusted"],
    };
    findings.iter().any(|finding| codes.contains(&finding.code.label()))
}

#[test]
fn openssl_agrees_or_the_row_says_why_not() {
    let folder = tempfile::tempdir().unwrap();
    let tables: [(&str, Vec<Row>); 5] = [
        ("good", good::rows()),
        ("dates", dates::rows()),
        ("names", names::rows()),
        ("links", links::rows()),
        ("made", made::rows(folder.path())),
    ];
    let mut mistakes = Vec::new();
    let mut count = 0;
    for (table, rows) in &tables {
        for row in rows {
            count += 1;
            let wrong = row.mistakes(folder.path());
            mistakes.extend(wrong.iter().map(|wrong| format!("{table}: {}: {wrong}", row.case)));
        }
    }
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
    assert!(count >= 80, "{count} rows");
}
