//! A certificate authority of the test's own, and what it issues.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use portwarden::clock;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, SerialNumber, date_time_ymd,
};

/// A day in seconds.
pub const DAY: i64 = 24 * 60 * 60;

/// A certificate authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate for these names, valid between two moments in seconds from now.
pub struct Order<'a> {
    /// DNS names and addresses.
    pub names: &'a [&'a str],
    /// Shown in findings as hexadecimal.
    pub serial: u64,
    /// Seconds from now, before zero in the past.
    pub valid: (i64, i64),
}

impl Authority {
    /// A new one.
    pub fn new(name: &str) -> Self {
        let mut params = validity((-30 * DAY, 3_650 * DAY));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = named(name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// One that names an organisation, as those of the web's CAs do.
    pub fn of(organisation: &str) -> Self {
        let mut params = validity((-30 * DAY, 3_650 * DAY));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = named("R1");
        params.distinguished_name.push(DnType::OrganizationName, organisation);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its own certificate, for `ca = "…"`.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Issues a certificate and writes it with its key: `FOLDER/fullchain.pem`, `FOLDER/privkey.pem`.
    pub fn issue(&self, order: &Order<'_>, folder: &Path) {
        let names: Vec<String> = order.names.iter().map(|&name| name.to_owned()).collect();
        let mut params = validity(order.valid);
        params.subject_alt_names = CertificateParams::new(names).unwrap().subject_alt_names;
        params.distinguished_name = named(order.names[0]);
        params.serial_number = Some(SerialNumber::from(order.serial));
        params.use_authority_key_identifier_extension = true;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.write(&params, folder);
    }

    /// Issues a client's certificate, valid between two moments in seconds from now, to the same files.
    pub fn issue_client(&self, name: &str, valid: (i64, i64), folder: &Path) {
        let mut params = validity(valid);
        params.distinguished_name = named(name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.write(&params, folder);
    }

    fn write(&self, params: &CertificateParams, folder: &Path) {
        let key = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, &self.0).unwrap();
        std::fs::create_dir_all(folder).unwrap();
        // Key first: who looks in between finds a key that is too new, and no half-written pair.
        let private = folder.join("privkey.pem");
        std::fs::write(&private, key.serialize_pem()).unwrap();
        std::fs::set_permissions(&private, std::fs::Permissions::from_mode(0o600)).unwrap();
        let chain = folder.join("fullchain.pem.new");
        std::fs::write(&chain, leaf.pem()).unwrap();
        std::fs::rename(chain, folder.join("fullchain.pem")).unwrap();
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject
}

fn validity((from, to): (i64, i64)) -> CertificateParams {
    let moment = |seconds: i64| {
        let unix = u64::try_from(clock::now().as_second() + seconds).unwrap();
        date_time_ymd(1970, 1, 1) + Duration::from_secs(unix)
    };
    let mut params = CertificateParams::default();
    (params.not_before, params.not_after) = (moment(from), moment(to));
    params
}
