//! Zones as text, and zones signed for real.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use tempfile::TempDir;

use super::daemon::spawn;

/// How far back signatures begin: nobody's clock is that wrong.
const BACKDATED: Duration = Duration::from_secs(3600);

/// One version of a zone.
///
/// ```ignore
/// let zone = Zone::new("shop.example", 7, "@ NS ns1\nns1 A 127.53.0.1\nwww 60 CNAME @");
/// ```
#[derive(Clone, Debug)]
pub struct Zone {
    /// Without the final dot; `.` is the root.
    pub name: String,
    /// SOA serial; a later version needs a higher one.
    pub serial: u32,
    /// Everything but the SOA, as in a zone file, names relative to the zone.
    pub records: String,
    /// The zone file in place of the two above, for example a signed one.
    whole: Option<String>,
}

impl Zone {
    /// A version of a zone; its SOA has the TTL 300 and keeps negative answers for 60 s.
    pub fn new(name: &str, serial: u32, records: &str) -> Self {
        Self { name: name.to_owned(), serial, records: records.to_owned(), whole: None }
    }

    /// A whole zone file of the test's own, SOA with this serial included.
    pub fn whole(name: &str, serial: u32, text: &str) -> Self {
        let whole = Some(text.to_owned());
        Self { name: name.to_owned(), serial, records: String::new(), whole }
    }

    /// The same with another serial.
    pub fn at(&self, serial: u32) -> Self {
        assert!(self.whole.is_none(), "the serial is within the text");
        Self { serial, ..self.clone() }
    }

    /// The zone file.
    pub fn text(&self) -> String {
        if let Some(whole) = &self.whole {
            return whole.clone();
        }
        let Self { name, serial, records, .. } = self;
        let origin = if name == "." { ".".to_owned() } else { format!("{name}.") };
        let mut text =
            format!("$ORIGIN {origin}\n$TTL 300\n@ SOA ns1 admin {serial} 7200 900 1209600 60\n");
        // Indentation would mean "the same owner as above".
        for line in records.lines() {
            text.push_str(line.trim_start());
            text.push('\n');
        }
        text
    }
}

/// The keys of one zone, kept in a folder: a key-signing and a zone-signing one.
///
/// ```ignore
/// let keys = Keys::generate("shop.example");
/// let server = Nameserver::start("127.53.40.1", &[keys.sign(&zone)]);
/// let above = format!("shop NS ns1.shop\nns1.shop A 127.53.40.1\n{}", keys.ds());
/// // What validation then finds wrong:
/// server.publish(keys.sign_until(&zone.at(2), Duration::from_secs(3600)));    // ends in an hour
/// server.publish(keys.sign_from(&zone.at(3), now - 9 * day, now - 2 * day));  // expired
/// server.publish(Keys::generate("shop.example").sign(&zone.at(4)));           // no DS knows them
/// server.publish(zone.at(5));                                                 // not signed at all
/// ```
#[derive(Debug)]
pub struct Keys {
    zone: String,
    folder: TempDir,
    /// File names without ending; the key-signing key first.
    names: [String; 2],
}

impl Keys {
    /// New keys, ECDSA P-256 (algorithm 13).
    pub fn generate(zone: &str) -> Self {
        Self::of_algorithm(zone, "ECDSAP256SHA256")
    }

    /// New keys of an algorithm by its name for `ldns-keygen`, such as `RSASHA256` or `ED448`.
    pub fn of_algorithm(zone: &str, algorithm: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let new = |more: &[&str]| {
            let mut arguments = vec!["-r", "/dev/urandom", "-a", algorithm];
            arguments.extend(more);
            arguments.push(zone);
            ldns(folder.path(), "ldns-keygen", &arguments).trim().to_owned()
        };
        let names = [new(&["-k"]), new(&[])];
        Self { zone: zone.to_owned(), folder, names }
    }

    /// The DS record for the zone above, one line with the full name:
    /// `shop.example. IN DS 51876 13 2 ef47…`.
    pub fn ds(&self) -> String {
        let file = self.folder.path().join(format!("{}.ds", self.names[0]));
        std::fs::read_to_string(file).unwrap().replace('\t', " ").trim().to_owned()
    }

    /// The zone, signed for the next four weeks.
    pub fn sign(&self, zone: &Zone) -> Zone {
        self.sign_until(zone, Duration::from_secs(28 * 86400))
    }

    /// The zone with signatures that have begun and end after this time.
    pub fn sign_until(&self, zone: &Zone, left: Duration) -> Zone {
        let now = portwarden::clock::now();
        self.sign_from(zone, now - BACKDATED, now + left)
    }

    /// The zone with signatures that hold between these two moments.
    pub fn sign_from(&self, zone: &Zone, begin: Timestamp, end: Timestamp) -> Zone {
        let seconds = |at: Timestamp| at.as_second().to_string();
        self.run_signer(zone, &["-i", &seconds(begin), "-e", &seconds(end)])
    }

    /// The zone, signed for four weeks, with NSEC3 in the place of NSEC.
    pub fn sign_nsec3(&self, zone: &Zone) -> Zone {
        self.run_signer(zone, &["-n", "-t", "0"])
    }

    fn run_signer(&self, zone: &Zone, options: &[&str]) -> Zone {
        assert_eq!(zone.name, self.zone, "keys of another zone");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("zone"), zone.text()).unwrap();
        let keys = self.names.each_ref().map(|name| self.folder.path().join(name));
        let mut arguments = options.to_vec();
        arguments.extend(["-f", "signed", "zone"]);
        arguments.extend(keys.iter().map(|key| key.to_str().unwrap()));
        ldns(folder.path(), "ldns-signzone", &arguments);
        let signed = std::fs::read_to_string(folder.path().join("signed")).unwrap();
        Zone { whole: Some(signed), ..zone.clone() }
    }
}

fn ldns(folder: &Path, program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.current_dir(folder).args(arguments).stdin(Stdio::null());
    let child = spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))
        .unwrap_or_else(|error| panic!("{program}: {error}; run tests/install (ldnsutils)"));
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}
