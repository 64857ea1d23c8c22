//! What certbot will do, from its renewal file: which names, into which webroots.
//!
//! Deliberately absent: whether a renewal is due and what the last one came to, which is the renewal
//! room's.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::renewal::unquoted;
use crate::{small_file, tls};

/// No renewal file is larger.
const MOST_MIB: u64 = 1;

/// What a renewal file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Renewal {
    /// How it proves who it is: `webroot`, `standalone`, `nginx`, `dns-…`.
    pub(super) authenticator: Option<String>,
    /// The names of the certificate it renews.
    pub(super) names: Vec<String>,
    /// Webroots by name.
    map: Vec<(String, PathBuf)>,
    /// For names without one of their own.
    webroot: Option<PathBuf>,
    /// The certificate as it is now.
    certificate: Option<PathBuf>,
}

/// Why a renewal file says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// There is none.
    Missing,
    /// It may not, or cannot, be read, and why.
    Closed(String),
    /// It is something else.
    Foreign,
}

impl Renewal {
    /// Reads a file, and the names of the certificate that it is about; blocks.
    ///
    /// # Errors
    /// Why it says nothing.
    pub(super) fn read(path: &Path, now: Timestamp) -> Result<Self, Unread> {
        if let Err(error) = std::fs::metadata(path)
            && error.kind() == ErrorKind::NotFound
        {
            return Err(Unread::Missing);
        }
        let bytes = small_file::bytes(path, MOST_MIB).map_err(Unread::Closed)?;
        let mut renewal = Self::parse(&String::from_utf8_lossy(&bytes)).ok_or(Unread::Foreign)?;
        // Where the certificate may not be read, the names with webroots are the next best.
        let file = renewal.certificate.as_ref().and_then(|path| tls::files::read(path, now).ok());
        let names = file.and_then(|file| Some(file.chain.first()?.names.clone()));
        renewal.names =
            names.unwrap_or_else(|| renewal.map.iter().map(|(name, _)| name.clone()).collect());
        Ok(renewal)
    }

    /// The webroot of a name, as certbot chooses it.
    pub(super) fn webroot(&self, name: &str) -> Option<&Path> {
        let own = self.map.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        own.map(|(_, path)| path).or(self.webroot.as_ref()).map(PathBuf::as_path)
    }

    /// Understands the text of a file; `None`: it is none of certbot's.
    fn parse(text: &str) -> Option<Self> {
        let mut renewal = Self::default();
        let mut section = "";
        let mut is_certbots = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with('[') {
                section = line.trim_matches(['[', ']', ' ']);
                is_certbots |= section == "renewalparams";
                continue;
            }
            let Some((key, value)) = line.split_once('=') else { continue };
            let (key, value) = (unquoted(key), value.trim());
            match (section, key) {
                ("", "cert") => renewal.certificate = Some(unquoted(value).into()),
                ("renewalparams", "authenticator") => {
                    renewal.authenticator = Some(unquoted(value).to_owned());
                }
                // A list, of which the last stands for names without one of their own.
                ("renewalparams", "webroot_path") => {
                    let last = value.split(',').map(unquoted).rfind(|path| !path.is_empty());
                    renewal.webroot = last.filter(|&path| path != "None").map(PathBuf::from);
                }
                ("webroot_map", name) if !name.starts_with('#') => {
                    renewal.map.push((name.to_ascii_lowercase(), unquoted(value).into()));
                }
                _ => {}
            }
        }
        is_certbots.then_some(renewal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: &str = r#"# renew_before_expiry = 30 days
version = 2.1.0
archive_dir = /etc/letsencrypt/archive/shop.example
cert = /etc/letsencrypt/live/shop.example/cert.pem
privkey = /etc/letsencrypt/live/shop.example/privkey.pem

# Options used in the renewal process
[renewalparams]
account = 0123456789abcdef
authenticator = webroot
webroot_path = /var/www/first, "/var/www/the last",
server = https://acme-v02.api.letsencrypt.org/directory
[[webroot_map]]
shop.example = /var/www/certbot
"Www.shop.example" = /var/www/www
"#;

    #[test]
    fn webroots_by_name() {
        let renewal = Renewal::parse(WRITTEN).unwrap();
        assert_eq!(renewal.authenticator.as_deref(), Some("webroot"));
        for (name, webroot) in [
            ("shop.example", "/var/www/certbot"),
            ("www.shop.example", "/var/www/www"),
            ("api.shop.example", "/var/www/the last"),
        ] {
            assert_eq!(renewal.webroot(name), Some(Path::new(webroot)), "{name}");
        }
    }

    #[test]
    fn other_authenticators_have_no_webroot() {
        let text = "[renewalparams]\nauthenticator = standalone\nwebroot_path = None\n";
        let renewal = Renewal::parse(text).unwrap();
        assert_eq!(renewal.authenticator.as_deref(), Some("standalone"));
        assert_eq!(renewal.webroot("shop.example"), None);
        assert_eq!(Renewal::parse("server {\n listen 80;\n}\n"), None);
        assert_eq!(Renewal::parse(""), None);
    }

    #[test]
    fn names_are_those_of_the_map_where_the_certificate_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.example.conf");
        assert_eq!(Renewal::read(&path, Timestamp::UNIX_EPOCH), Err(Unread::Missing));
        std::fs::write(&path, WRITTEN).unwrap();
        let renewal = Renewal::read(&path, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(renewal.names, ["shop.example", "www.shop.example"]);
        std::fs::write(&path, "hello").unwrap();
        assert_eq!(Renewal::read(&path, Timestamp::UNIX_EPOCH), Err(Unread::Foreign));
        let read = Renewal::read(folder.path(), Timestamp::UNIX_EPOCH);
        assert_eq!(read, Err(Unread::Closed("it is not a file".to_owned())));
    }
}
