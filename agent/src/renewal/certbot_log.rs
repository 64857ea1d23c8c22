//! certbot's log: how its last try at each certificate ended. Pure.
//!
//! The log's times are local, and its writer may live in another time zone, as in a container; the
//! file's own time of change says which.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp, civil};

use super::tries::{LONGEST, Outcome, Problem, Try};
use crate::net::printable;

/// Most domains of one failure that are named.
const MOST_DOMAINS: usize = 3;
/// No time zone is further than this from UTC.
const FURTHEST_ZONE: SignedDuration = SignedDuration::from_hours(14);

/// The last try at every certificate, by certbot's name for it.
pub(crate) fn tries(text: &str, modified: Option<Timestamp>) -> HashMap<String, Try> {
    let zone = zone(text, modified);
    let mut reading = Reading::default();
    for line in text.lines() {
        reading.line(line);
    }
    let moment = |at: civil::DateTime| to_utc(at)?.checked_sub(zone).ok();
    let tries = reading.tries.into_iter().map(|(name, (at, outcome))| {
        let at = at.and_then(moment);
        (name, Try { at, outcome })
    });
    tries.collect()
}

/// How far the log's times are ahead of UTC: its last line was written when the file changed last.
fn zone(text: &str, modified: Option<Timestamp>) -> SignedDuration {
    const STEP: i64 = 15 * 60;
    let last = text.lines().rev().find_map(|line| Some(Entry::of(line)?.at));
    let (Some(last), Some(modified)) = (last.and_then(to_utc), modified) else {
        return SignedDuration::ZERO;
    };
    let ahead = last.duration_since(modified).as_secs();
    let zone = SignedDuration::from_secs((ahead + STEP / 2).div_euclid(STEP) * STEP);
    if zone.abs() > FURTHEST_ZONE { SignedDuration::ZERO } else { zone }
}

fn to_utc(at: civil::DateTime) -> Option<Timestamp> {
    Some(at.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

/// `2026-11-21 21:38:23,702:ERROR:certbot._internal.renewal:Failed to …`
struct Entry<'a> {
    at: civil::DateTime,
    logger: &'a str,
    words: &'a str,
}

impl<'a> Entry<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let (at, rest) = line.split_at_checked(24)?;
        let (at, milliseconds) = at.split_once(',')?;
        if milliseconds.len() != 4 || !milliseconds.ends_with(':') {
            return None;
        }
        let at = civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", at).ok()?;
        let (_, rest) = rest.split_once(':')?;
        let (logger, words) = rest.split_once(':')?;
        Some(Self { at, logger, words })
    }
}

#[derive(Default)]
struct Reading<'a> {
    tries: HashMap<String, (Option<civil::DateTime>, Outcome)>,
    at: Option<civil::DateTime>,
    /// Lines of other loggers hold what servers said.
    is_certbots: bool,
    /// The file that the line before called broken.
    broken: Option<String>,
    /// What the CA reported, domain by domain.
    domain: Option<&'a str>,
    kind: Option<&'a str>,
    reported: Vec<(String, Problem)>,
    unnamed: usize,
}

impl<'a> Reading<'a> {
    fn line(&mut self, line: &'a str) {
        let words = match Entry::of(line) {
            Some(entry) => {
                self.at = Some(entry.at);
                self.is_certbots = entry.logger.starts_with("certbot");
                entry.words.strip_prefix("Notifying user: ").unwrap_or(entry.words)
            }
            None => line,
        };
        if self.is_certbots {
            self.words(words.trim());
        }
    }

    fn words(&mut self, words: &'a str) {
        if let Some((name, why)) = failure(words) {
            self.failed(&name, why);
        } else if let Some(name) = broken(words) {
            self.broken = Some(name);
        } else if let Some(why) = words.strip_prefix("The error was: ") {
            if let Some(name) = self.broken.take() {
                self.failed(&name, why);
            }
        } else if let Some(name) = well(words) {
            self.note(name, Outcome::Well);
        } else if ["Processing ", "Renewing an existing certificate", "Requesting a certificate"]
            .iter()
            .any(|begin| words.starts_with(begin))
        {
            self.forget();
        } else if let Some(domain) = words.strip_prefix("Domain:") {
            self.domain = Some(domain.trim());
        } else if let Some(kind) = words.strip_prefix("Type:") {
            self.kind = Some(kind.trim());
        } else if let Some(detail) = words.strip_prefix("Detail:")
            && let (Some(domain), Some(kind)) = (self.domain.take(), self.kind.take())
        {
            if self.reported.len() < MOST_DOMAINS {
                let report = format!("{domain}: {kind}: {}", detail.trim());
                self.reported.push((report, Problem::of(kind)));
            } else {
                self.unnamed += 1;
            }
        }
    }

    fn failed(&mut self, name: &str, why: &str) {
        let (words, problem) = match self.reported.first() {
            Some((_, problem)) if why == "Some challenges have failed." => {
                let mut reports: Vec<String> =
                    self.reported.iter().map(|(report, _)| report.clone()).collect();
                if self.unnamed > 0 {
                    reports.push(format!("and {} more", self.unnamed));
                }
                (reports.join("; "), *problem)
            }
            _ => (why.to_owned(), Problem::of(why)),
        };
        let words = printable(words.as_bytes(), LONGEST);
        self.note(name, Outcome::Failed(words, problem));
        self.forget();
    }

    fn note(&mut self, name: &str, outcome: Outcome) {
        self.tries.insert(name.to_owned(), (self.at, outcome));
    }

    fn forget(&mut self) {
        self.reported.clear();
        (self.domain, self.kind, self.unnamed) = (None, None, 0);
    }
}

/// Whose renewal failed, and why.
fn failure(words: &str) -> Option<(String, &str)> {
    if let Some(rest) = words.strip_prefix("Failed to renew certificate ") {
        let (name, why) = rest.split_once(" with error: ")?;
        return Some((name.to_owned(), why));
    }
    let unskipped = words.strip_suffix(" Skipping.").unwrap_or(words);
    // Until 1.11.
    if let Some(rest) = unskipped.strip_prefix("Attempting to renew cert (") {
        let (name, rest) = rest.split_once(") from ")?;
        return Some((name.to_owned(), rest.split_once(" produced an unexpected error: ")?.1));
    }
    let rest = unskipped.strip_prefix("Renewal configuration file ")?;
    if let Some((path, why)) = rest.split_once(" produced an unexpected error: ") {
        let path = path.split_once(" (cert: ").map_or(path, |(path, _)| path);
        return Some((name_of(path)?, why));
    }
    let says = ["lacks renewalparams", "does not specify an authenticator"];
    let (path, _) = says.iter().find_map(|says| rest.split_once(&format!(" {says}")))?;
    Some((name_of(path)?, words))
}

/// Whose file is broken; why comes on the line after.
fn broken(words: &str) -> Option<String> {
    name_of(words.strip_prefix("Renewal configuration file ")?.strip_suffix(" is broken.")?)
}

fn name_of(path: &str) -> Option<String> {
    Some(path.rsplit('/').next()?.strip_suffix(".conf")?.to_owned())
}

/// Whose certificate is new, or not due yet.
fn well(words: &str) -> Option<&str> {
    let path = words
        .strip_prefix("Certificate is saved at: ")
        .or_else(|| words.strip_suffix(" (success)"))
        .or_else(|| words.strip_suffix(" (skipped)")?.split(" expires on ").next())?;
    let (folders, _) = path.trim().rsplit_once('/')?;
    let (above, name) = folders.rsplit_once('/')?;
    above.ends_with("/live").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of certbot 2.1, by one run each.
    const BEGIN: &str = "2026-11-21 21:38:22,621:DEBUG:certbot._internal.display.obj:Notifying user: Processing /etc/letsencrypt/renewal/shop.example.conf\n";
    const CHALLENGES: &str = r#"2026-11-21 21:38:23,700:DEBUG:acme.client:Received response:
HTTP 200
  Domain: stranger.example
  Type:   dns
  Detail: said by the server
2026-11-21 21:38:23,700:DEBUG:certbot._internal.display.obj:Notifying user: 
Certbot failed to authenticate some domains (authenticator: webroot). The Certificate Authority reported these problems:
  Domain: shop.example
  Type:   connection
  Detail: Get "http://shop.example/.well-known/acme-challenge/umJ": dial tcp 192.0.2.3:80: connect: connection refused

Hint: The Certificate Authority failed to download the temporary challenge files created by Certbot.
2026-11-21 21:38:23,702:ERROR:certbot._internal.renewal:Failed to renew certificate shop.example with error: Some challenges have failed.
2026-11-21 21:38:23,704:DEBUG:certbot._internal.renewal:Traceback was:
Traceback (most recent call last):
certbot.errors.AuthorizationError: Some challenges have failed.
2026-11-21 21:38:23,705:ERROR:certbot._internal.renewal:  /etc/letsencrypt/live/shop.example/fullchain.pem (failure)
"#;

    fn last(log: &str) -> Option<Outcome> {
        tries(log, None).remove("shop.example").map(|last| last.outcome)
    }

    fn line(words: &str) -> String {
        format!("2026-11-21 21:40:00,000:ERROR:certbot._internal.renewal:{words}\n")
    }

    #[test]
    fn says_what_the_authority_reported() {
        let Some(Outcome::Failed(words, problem)) = last(&format!("{BEGIN}{CHALLENGES}")) else {
            panic!("a failure");
        };
        assert_eq!(
            words,
            "shop.example: connection: Get \"http://shop.example/.well-known/acme-challenge/umJ\": dial tcp 192.0.2.3:80: connect: connection refused"
        );
        assert_eq!(problem, Problem::Connection);
    }

    #[test]
    fn the_last_word_holds() {
        let failed = format!("{BEGIN}{CHALLENGES}");
        let path = "/etc/letsencrypt/live/shop.example/fullchain.pem";
        for healed in [
            format!("  {path} (success)"),
            format!("Certificate is saved at: {path}"),
            format!("  {path} expires on 2027-02-19 (skipped)"),
        ] {
            assert_eq!(
                last(&format!("{failed}{}", line(&healed))),
                Some(Outcome::Well),
                "{healed}"
            );
            assert_ne!(last(&format!("{}{failed}", line(&healed))), Some(Outcome::Well));
        }
        let other = line("  /etc/letsencrypt/live/other.example/fullchain.pem (success)");
        assert_ne!(last(&format!("{failed}{other}")), Some(Outcome::Well));
        assert_eq!(last(""), None);
    }

    #[test]
    fn knows_how_certbot_says_it() {
        let limit = "urn:ietf:params:acme:error:rateLimited :: There were too many requests of a given type :: retry after 2026-11-22";
        let cases: [(String, &str, Problem); 6] = [
            (
                line(&format!("Failed to renew certificate shop.example with error: {limit}")),
                limit,
                Problem::RateLimited,
            ),
            (
                line(
                    "Attempting to renew cert (shop.example) from /etc/letsencrypt/renewal/shop.example.conf produced an unexpected error: x. Skipping.",
                ),
                "x.",
                Problem::Other,
            ),
            (
                line(
                    "Renewal configuration file /etc/letsencrypt/renewal/shop.example.conf (cert: shop.example) produced an unexpected error: y. Skipping.",
                ),
                "y.",
                Problem::Other,
            ),
            (
                line(
                    "Renewal configuration file /etc/letsencrypt/renewal/shop.example.conf is broken.",
                ) + &line(
                    "The error was: expected /etc/letsencrypt/live/shop.example/cert.pem to be a symlink\nSkipping.",
                ),
                "expected /etc/letsencrypt/live/shop.example/cert.pem to be a symlink",
                Problem::Other,
            ),
            (
                line(
                    "Renewal configuration file /etc/letsencrypt/renewal/shop.example.conf lacks renewalparams. Skipping.",
                ),
                "Renewal configuration file /etc/letsencrypt/renewal/shop.example.conf lacks renewalparams. Skipping.",
                Problem::Other,
            ),
            // What an earlier run reported is not this one's reason.
            (
                CHALLENGES.replace(&line("x"), "")
                    + BEGIN
                    + &line(
                        "Failed to renew certificate shop.example with error: Some challenges have failed.",
                    ),
                "Some challenges have failed.",
                Problem::Other,
            ),
        ];
        for (log, words, problem) in cases {
            assert_eq!(last(&log), Some(Outcome::Failed(words.to_owned(), problem)), "{log}");
        }
    }

    #[test]
    fn names_three_domains_and_counts_the_rest() {
        let reports: String = (1..=5)
            .map(|n| format!("  Domain: {n}.example\n  Type:   unauthorized\n  Detail: no\n"))
            .collect();
        let log = format!(
            "{BEGIN}{reports}{}",
            line(
                "Failed to renew certificate shop.example with error: Some challenges have failed."
            )
        );
        let words = "1.example: unauthorized: no; 2.example: unauthorized: no; 3.example: unauthorized: no; and 2 more";
        assert_eq!(last(&log), Some(Outcome::Failed(words.to_owned(), Problem::Unauthorized)));
    }

    #[test]
    fn tells_the_writers_time_zone_by_the_file() {
        let log = line("Failed to renew certificate shop.example with error: x");
        let cases = [
            ("2026-11-21T21:40:01Z", "2026-11-21T21:40:00Z"),
            // Seoul.
            ("2026-11-21T12:40:00.2Z", "2026-11-21T12:40:00Z"),
            // St. John's.
            ("2026-11-22T01:10:00Z", "2026-11-22T01:10:00Z"),
            // Written again long after: taken as UTC.
            ("2027-01-01T00:00:00Z", "2026-11-21T21:40:00Z"),
        ];
        for (modified, at) in cases {
            let tries = tries(&log, modified.parse().ok());
            assert_eq!(tries["shop.example"].at, at.parse().ok(), "{modified}");
        }
    }

    #[test]
    fn reads_anything() {
        for garbage in ["\u{0}", "2026-11-21 21:40:00,000", "é".repeat(40).as_str(), "  Detail: x"]
        {
            assert!(tries(garbage, None).is_empty());
        }
    }
}
