//! acme.sh's own file about a certificate that it keeps, and its log. Pure.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::course::Setting;
use super::tries::{LONGEST, Outcome, Problem, Try};
use crate::net::printable;

/// One certificate that acme.sh keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// What acme.sh calls it: its first domain.
    pub(crate) name: String,
    /// When it will be renewed.
    pub(crate) next: Option<Timestamp>,
    /// When the newest one was issued.
    created: Option<Timestamp>,
}

impl Kept {
    /// What the file `DOMAIN/DOMAIN.conf` says; `None` where it is none of acme.sh's.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut kept = Self::default();
        for line in text.lines() {
            let Some((key, value)) = line.trim().split_once('=') else { continue };
            let value = value.trim_matches(['\'', '"']);
            let moment = || Timestamp::from_second(value.parse().ok()?).ok();
            match key {
                "Le_Domain" => kept.name = value.to_owned(),
                "Le_NextRenewTime" => kept.next = moment(),
                "Le_CertCreateTime" => kept.created = moment(),
                _ => {}
            }
        }
        (!kept.name.is_empty()).then_some(kept)
    }

    /// When it acts, for a certificate that began at this moment: one that it has replaced since is no
    /// longer its business.
    pub(crate) fn setting(&self, not_before: Timestamp) -> Option<Setting> {
        // CAs begin a certificate up to an hour before it is issued.
        let near = SignedDuration::from_hours(48);
        let is_same = self.created.is_none_or(|at| at.duration_since(not_before).abs() <= near);
        self.next.filter(|_| is_same).map(Setting::AcmeShAt)
    }
}

/// The log that acme.sh's account.conf names, if any.
pub(crate) fn log_named_in(account: &str) -> Option<&str> {
    let path = account.lines().find_map(|line| line.trim().strip_prefix("LOG_FILE="))?;
    Some(path.trim_matches(['\'', '"'])).filter(|path| path.starts_with('/'))
}

/// The last try at every certificate, by its first domain. The log's times are in the words of
/// `date` and any locale: they are left alone.
pub(crate) fn tries(log: &str) -> HashMap<String, Try> {
    let mut tries = HashMap::new();
    let mut name: Option<&str> = None;
    // The first complaint of a run is its reason, the others follow from it.
    let mut is_told = false;
    for words in log.lines().filter_map(words) {
        let begun = words
            .strip_prefix("Renewing: '")
            .or_else(|| words.strip_prefix("Renew: '"))
            .and_then(|rest| rest.strip_suffix('\''));
        if begun.is_some() {
            (name, is_told) = (begun, false);
            continue;
        }
        let Some(name) = name else { continue };
        let outcome = if words.starts_with("Cert success.") || words.starts_with("Skipping.") {
            Outcome::Well
        } else if is_complaint(words) {
            Outcome::Failed(printable(words.as_bytes(), LONGEST), Problem::of(words))
        } else {
            continue;
        };
        let is_failure = matches!(outcome, Outcome::Failed(..));
        if !(is_failure && is_told) {
            tries.insert(name.to_owned(), Try { at: None, outcome });
        }
        is_told = is_failure;
    }
    tries
}

/// What a line says after its `[Sat Nov 21 21:38:22 UTC 2026] `, without colours.
fn words(line: &str) -> Option<&str> {
    let (_, words) = line.strip_prefix('[')?.split_once("] ")?;
    Some(words.trim())
}

fn is_complaint(words: &str) -> bool {
    const COMPLAINTS: &[&str] = &[
        "Verification error",
        "Verify error",
        "Invalid status",
        "Error ",
        "rror creating new order",
        "Cannot find DNS API hook",
        "Cannot get domain token",
        "Cannot init API",
        "Please add the TXT records",
        "It seems that your API file",
        "Sign failed",
        "Timeout",
        "Too many requests",
        "rateLimited",
    ];
    COMPLAINTS.iter().any(|complaint| words.contains(complaint))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "Le_Domain='shop.example'\nLe_Alt='www.shop.example'\n\
        Le_Webroot='/var/www/html'\nLe_API='https://acme-v02.api.letsencrypt.org/directory'\n\
        Le_CertCreateTime='1700000000'\nLe_NextRenewTime='1705000000'\n";

    #[test]
    fn reads_what_acme_sh_wrote() {
        let kept = Kept::read(FILE).unwrap();
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(kept.name, "shop.example");
        let setting = Some(Setting::AcmeShAt(at(1_705_000_000)));
        assert_eq!(kept.setting(at(1_699_996_400)), setting);
        assert_eq!(kept.setting(at(1_690_000_000)), None, "one that was replaced");
        assert_eq!(Kept::read("version = 2.1.0\n[renewalparams]\n"), None);
        let cases = [
            ("LOG_FILE='/root/.acme.sh/acme.sh.log'\n", Some("/root/.acme.sh/acme.sh.log")),
            ("#LOG_FILE=\"/root/.acme.sh/acme.sh.log\"\n", None),
            ("LOG_FILE=\"\"\n", None),
        ];
        for (account, log) in cases {
            assert_eq!(log_named_in(account), log);
        }
    }

    #[test]
    fn the_first_complaint_is_the_reason_until_it_goes_well() {
        let begin = "[Sat Nov 21 21:38:22 UTC 2026] Renewing: 'shop.example'\n";
        let failed = "[Sat Nov 21 21:38:24 UTC 2026] Verifying: shop.example\n\
            [Sat Nov 21 21:38:29 UTC 2026] shop.example: Invalid status. Verification error details: 192.0.2.3: Fetching http://shop.example/.well-known/acme-challenge/x: Timeout during connect (likely firewall problem)\n\
            [Sat Nov 21 21:38:29 UTC 2026] Please add '--debug' or '--log' to see more information.\n\
            [Sat Nov 21 21:38:29 UTC 2026] Error renewing shop.example.\n";
        let well = "[Sat Nov 21 21:38:22 UTC 2026] Cert success.\n";
        let said = |log: &str| tries(log).remove("shop.example").map(|last| last.outcome);
        let Some(Outcome::Failed(words, problem)) = said(&format!("{begin}{well}{begin}{failed}"))
        else {
            panic!("a failure");
        };
        assert!(words.contains("Timeout during connect"), "{words}");
        assert_eq!(problem, Problem::Connection);
        assert_eq!(said(&format!("{begin}{failed}{begin}{well}")), Some(Outcome::Well));
        assert_eq!(said(begin), None);
        assert_eq!(said(failed), None, "nobody's");
    }
}
