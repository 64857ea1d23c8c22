//! A CA that openssl runs in a folder: it issues, revokes, publishes lists and answers OCSP.

use std::path::{Path, PathBuf};
use std::process::Command;

const CONFIGURATION: &str = "
[ca]
default_ca = main
[main]
database = index.txt
serial = serial
crlnumber = crlnumber
certificate = ca.pem
private_key = ca.key
new_certs_dir = .
default_md = sha256
default_days = 60
policy = any
unique_subject = no
[any]
commonName = supplied
[list]
authorityKeyIdentifier = keyid
[leaf]
basicConstraints = CA:FALSE
subjectAltName = DNS:shop.example
authorityKeyIdentifier = keyid
subjectKeyIdentifier = hash
";

/// The CA; what it issues lies in its folder as `NAME.pem` and `NAME.key`.
pub struct Office {
    pub folder: PathBuf,
}

impl Office {
    /// Opens one, with its certificate in `ca.pem`.
    pub fn open(folder: &Path) -> Self {
        let office = Self { folder: folder.to_owned() };
        office.write("index.txt", "");
        office.write("serial", "1000\n");
        office.write("crlnumber", "01\n");
        office.write("ca.cnf", CONFIGURATION);
        office.openssl(&format!(
            "req -x509 {NEW_KEY} -keyout ca.key -out ca.pem -days 3650 -subj /CN=Office"
        ));
        office
    }

    /// Issues a certificate for `shop.example` with these lines among its extensions.
    pub fn issue(&self, name: &str, extensions: &str) {
        self.write("leaf.cnf", &format!("{CONFIGURATION}{extensions}\n"));
        self.openssl(&format!(
            "req -new {NEW_KEY} -keyout {name}.key -out {name}.req -subj /CN=shop.example"
        ));
        self.openssl(&format!(
            "ca -batch -notext -config leaf.cnf -extensions leaf -in {name}.req -out {name}.pem"
        ));
    }

    /// Takes one back.
    pub fn revoke(&self, name: &str, reason: &str) {
        self.openssl(&format!("ca -config ca.cnf -revoke {name}.pem -crl_reason {reason}"));
    }

    /// Writes the list of those revoked, as DER.
    pub fn publish(&self, file: &str, options: &str) {
        self.openssl(&format!("ca -config ca.cnf -gencrl {options} -out list.pem"));
        self.openssl(&format!("crl -in list.pem -outform DER -out {file}"));
    }

    /// Writes an OCSP answer about one, signed by `signer`; `options` says until when it is good.
    pub fn answer(&self, name: &str, signer: &str, file: &str, options: &str) {
        self.openssl(&format!(
            "ocsp -index index.txt -CA ca.pem -rsigner {signer}.pem -rkey {signer}.key \
             -issuer ca.pem -cert {name}.pem -respout {file} -noverify {options}"
        ));
    }

    /// One of its files.
    pub fn read(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.folder.join(file)).unwrap()
    }

    /// Writes one of its files.
    pub fn write(&self, file: &str, text: &str) {
        std::fs::write(self.folder.join(file), text).unwrap();
    }

    /// Runs openssl in its folder.
    pub fn openssl(&self, arguments: &str) {
        let output = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(&self.folder)
            .output()
            .expect("openssl is missing: apt-get install openssl");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments}: {said}");
    }
}

const NEW_KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
