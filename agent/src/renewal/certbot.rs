//! certbot's own file about a certificate that it keeps: what it will do, and whether it can. Pure.

use std::path::{Path, PathBuf};

use jiff::SignedDuration;

use super::course::Setting;

/// Where certbot writes its log unless told otherwise.
const LOGS: &str = "/var/log/letsencrypt";
/// The version from which certbot waits for a third of a lifetime.
const BY_SHARE: u32 = 4;
/// Logs before the newest that are looked at: each command of certbot's, `certbot certificates` too, begins
/// another, and only a renewal says how one ended.
const EARLIER_LOGS: usize = 20;

/// One certificate that certbot keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lineage {
    /// What certbot calls it.
    pub(crate) name: String,
    /// Renewed when so much is left, where the file says so.
    pub(crate) renew_before: Option<SignedDuration>,
    /// Where the newest chain is found.
    pub(crate) fullchain: Option<PathBuf>,
    /// How it proves itself, such as `webroot`.
    pub(crate) authenticator: Option<String>,
    /// What `manual` runs to put a challenge down.
    auth_hook: Option<String>,
    /// `autorenew = False`.
    is_kept_by_hand: bool,
    major: Option<u32>,
    logs: Option<PathBuf>,
    is_damaged: bool,
}

/// Why certbot will not renew a certificate, whatever the network does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// It proves itself by hand.
    ByHand,
    /// It was told not to.
    SwitchedOff,
    /// What its file needs is not in it.
    Damaged,
}

impl Lineage {
    /// What the file `renewal/NAME.conf` says.
    pub(crate) fn read(name: &str, text: &str) -> Self {
        let mut lineage = Self { name: name.to_owned(), ..Self::default() };
        let mut has_parameters = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with('#') {
                continue;
            }
            has_parameters |= line == "[renewalparams]";
            if let Some((key, value)) = line.split_once('=') {
                lineage.note(key.trim(), unquoted(value));
            }
        }
        lineage.is_damaged =
            !has_parameters || lineage.authenticator.is_none() || lineage.fullchain.is_none();
        lineage
    }

    fn note(&mut self, key: &str, value: &str) {
        match key {
            "version" => self.major = value.split('.').next().and_then(|major| major.parse().ok()),
            "renew_before_expiry" => self.renew_before = interval(value),
            "fullchain" => self.fullchain = Some(PathBuf::from(value)),
            "authenticator" => self.authenticator = Some(value.to_owned()),
            "manual_auth_hook" if value != "None" => self.auth_hook = Some(value.to_owned()),
            "autorenew" => {
                self.is_kept_by_hand =
                    ["false", "no", "off", "0"].contains(&value.to_ascii_lowercase().as_str());
            }
            "logs_dir" => self.logs = Some(PathBuf::from(value)),
            _ => {}
        }
    }

    /// When it acts.
    pub(crate) fn setting(&self) -> Option<Setting> {
        match (self.renew_before, self.major) {
            (Some(left), _) => Some(Setting::CertbotLeft(left)),
            (None, Some(BY_SHARE..)) => None,
            (None, _) => Some(Setting::CertbotBefore4),
        }
    }

    /// Its logs, the newest first; there may be fewer.
    pub(crate) fn logs(&self) -> impl Iterator<Item = PathBuf> {
        let folder = self.logs.as_deref().unwrap_or(Path::new(LOGS));
        let earlier = (1..=EARLIER_LOGS).map(|age| format!("letsencrypt.log.{age}"));
        std::iter::once("letsencrypt.log".to_owned()).chain(earlier).map(|name| folder.join(name))
    }

    /// What keeps it from renewing by itself, if anything does.
    pub(crate) fn obstacle(&self) -> Option<Obstacle> {
        if self.is_damaged {
            Some(Obstacle::Damaged)
        } else if self.is_kept_by_hand {
            Some(Obstacle::SwitchedOff)
        } else if self.authenticator.as_deref() == Some("manual") && self.auth_hook.is_none() {
            Some(Obstacle::ByHand)
        } else {
            None
        }
    }
}

/// Where certbot would keep its file about the certificate at this path: `live/NAME/…` and
/// `archive/NAME/…` have `renewal/NAME.conf` beside.
pub(crate) fn file_about(certificate: &Path) -> Option<PathBuf> {
    let folder = certificate.parent()?;
    let kind =
        folder.parent().filter(|kind| kind.ends_with("live") || kind.ends_with("archive"))?;
    let mut file = folder.file_name()?.to_owned();
    file.push(".conf");
    Some(kind.parent()?.join("renewal").join(file))
}

/// `30 days`, `6 months 1 week`, `9 hours`; a number alone counts days. `None`: certbot may
/// understand it, this does not.
fn interval(text: &str) -> Option<SignedDuration> {
    const HOUR: i64 = 3_600;
    let mut words = text.split_whitespace().peekable();
    let mut seconds = 0_i64;
    words.peek()?;
    while let Some(word) = words.next() {
        let digits = word.len() - word.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, glued) = word.split_at(digits);
        let number: i64 = number.parse().ok()?;
        let unit = if glued.is_empty() { words.next().unwrap_or("days") } else { glued };
        let unit = match unit.trim_end_matches(',').trim_end_matches('s') {
            "m" | "min" | "minute" => 60,
            "h" | "hr" | "hour" => HOUR,
            "d" | "day" => 24 * HOUR,
            "w" | "wk" | "week" => 7 * 24 * HOUR,
            "month" => 30 * 24 * HOUR,
            "y" | "yr" | "year" => 365 * 24 * HOUR,
            _ => return None,
        };
        seconds = seconds.checked_add(number.checked_mul(unit)?)?;
    }
    Some(SignedDuration::from_secs(seconds))
}

/// A key or a value without the quotes and spaces that may stand around it.
pub(crate) fn unquoted(text: &str) -> &str {
    let text = text.trim();
    ['"', '\'']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As certbot 2.1 writes it.
    const WRITTEN: &str = "# renew_before_expiry = 30 days
version = 2.1.0
archive_dir = /etc/letsencrypt/archive/shop.example
cert = /etc/letsencrypt/live/shop.example/cert.pem
privkey = /etc/letsencrypt/live/shop.example/privkey.pem
chain = /etc/letsencrypt/live/shop.example/chain.pem
fullchain = /etc/letsencrypt/live/shop.example/fullchain.pem

# Options used in the renewal process
[renewalparams]
account = 330f25ab874f67998f4db49b129f6306
server = https://acme-v02.api.letsencrypt.org/directory
authenticator = webroot
webroot_path = /var/www/certbot,
key_type = ecdsa
[[webroot_map]]
shop.example = /var/www/certbot
";

    #[test]
    fn reads_what_certbot_wrote() {
        let lineage = Lineage::read("shop.example", WRITTEN);
        assert_eq!(lineage.setting(), Some(Setting::CertbotBefore4), "a comment says nothing");
        assert_eq!(lineage.obstacle(), None);
        assert_eq!(lineage.authenticator.as_deref(), Some("webroot"));
        let logs: Vec<PathBuf> = lineage.logs().take(2).collect();
        let expected = ["letsencrypt.log", "letsencrypt.log.1"];
        assert_eq!(logs, expected.map(|name| Path::new("/var/log/letsencrypt").join(name)));
        let fullchain = Path::new("/etc/letsencrypt/live/shop.example/fullchain.pem");
        assert_eq!(lineage.fullchain.as_deref(), Some(fullchain));
    }

    #[test]
    fn sees_what_certbot_will_not_do() {
        let with = |from: &str, to: &str| Lineage::read("x", &WRITTEN.replace(from, to));
        let cases = [
            (with("version = 2", "version = 4"), None, None),
            (with("version = 2.1.0\n", ""), Some(Setting::CertbotBefore4), None),
            (
                with("# renew_before_expiry = 30 days", "renew_before_expiry = \"10 days\""),
                Some(Setting::CertbotLeft(SignedDuration::from_hours(240))),
                None,
            ),
            (
                with("= webroot\n", "= manual\n"),
                Some(Setting::CertbotBefore4),
                Some(Obstacle::ByHand),
            ),
            (
                with("= webroot\n", "= manual\nmanual_auth_hook = /opt/hook\n"),
                Some(Setting::CertbotBefore4),
                None,
            ),
            (
                with("key_type", "autorenew = False\nkey_type"),
                Some(Setting::CertbotBefore4),
                Some(Obstacle::SwitchedOff),
            ),
            (with("authenticator", "x"), Some(Setting::CertbotBefore4), Some(Obstacle::Damaged)),
            (Lineage::read("x", ""), Some(Setting::CertbotBefore4), Some(Obstacle::Damaged)),
        ];
        for (lineage, setting, obstacle) in cases {
            assert_eq!((lineage.setting(), lineage.obstacle()), (setting, obstacle), "{lineage:?}");
        }
    }

    #[test]
    fn finds_its_file_beside_the_certificate() {
        let cases = [
            (
                "/etc/letsencrypt/live/a.example/fullchain.pem",
                Some("/etc/letsencrypt/renewal/a.example.conf"),
            ),
            ("/srv/archive/a/cert3.pem", Some("/srv/renewal/a.conf")),
            ("/etc/ssl/a.example/fullchain.pem", None),
            ("live/fullchain.pem", None),
            ("", None),
        ];
        for (path, file) in cases {
            assert_eq!(file_about(Path::new(path)).as_deref(), file.map(Path::new), "{path}");
        }
    }

    #[test]
    fn reads_intervals() {
        let cases = [
            ("30 days", Some(30 * 24)),
            ("25", Some(25 * 24)),
            ("3 weeks", Some(21 * 24)),
            ("6 months 1 week", Some(187 * 24)),
            ("9 hours", Some(9)),
            ("10d", Some(240)),
            ("1 day, 2 hours", Some(26)),
            ("", None),
            ("soon", None),
            ("5 fortnights", None),
            ("99999999999999999 years", None),
        ];
        for (text, hours) in cases {
            assert_eq!(interval(text), hours.map(SignedDuration::from_hours), "{text}");
        }
    }
}
