//! What is found of one certificate's renewal, from the moment of issue to its end.

use std::collections::BTreeMap;
use std::time::Duration;

use health::facts::FileFacts;

use super::acme_sh::Kept;
use super::certbot::Lineage;
use super::tries::{Outcome, Problem, Try};
use super::*;

const DAY: i64 = 24 * 3_600;

fn at_day(day: i64) -> Timestamp {
    Timestamp::from_second(day * DAY).unwrap()
}

/// Valid from the epoch for so many days.
fn stored(days: i64) -> Facts {
    let leaf = CertificateFacts {
        fingerprint: "f".to_owned(),
        not_before: at_day(0),
        not_after: at_day(days),
        ..CertificateFacts::default()
    };
    let file = FileFacts {
        path: "/etc/letsencrypt/live/shop/fullchain.pem".to_owned(),
        chain: Arc::new(vec![leaf]),
        ..FileFacts::default()
    };
    Facts { files: vec![file], ..Facts::default() }
}

/// certbot 2, with this in its file, whose last try ended so.
fn certbot(more: &str, last: Option<(i64, Outcome)>) -> Keeper {
    let text = format!(
        "version = 2.1.0\nfullchain = x\n{more}\n[renewalparams]\nauthenticator = webroot\n"
    );
    let last = last.map(|(day, outcome)| Try { at: Some(at_day(day)), outcome });
    Keeper {
        path: PathBuf::from("/etc/letsencrypt/renewal/shop.conf"),
        kept_by: KeptBy::Certbot(Lineage::read("shop", &text)),
        ran_at: last.as_ref().and_then(|last| last.at),
        last,
        closed_log: None,
        newest: None,
    }
}

fn failed(words: &str) -> Outcome {
    Outcome::Failed(words.to_owned(), Problem::of(words))
}

/// Everything found on this day of a certificate that lives so many days.
fn found(days: i64, today: i64, expected: &Expected, keeper: Option<&Keeper>) -> Sight {
    let expiring = Expiring::default();
    let wanted = Wanted { expected, expiring: &expiring, server_name: "", file: None };
    let mut sight = Sight { facts: stored(days), ..Sight::default() };
    let seen = wanted.seen(&sight.facts);
    let (chain, path) = (&seen[0].chain, &seen[0].subject);
    sight.findings = tls::expiry(chain, &expiring, path, at_day(today));
    judge(&wanted, &seen[0], keeper, None, &mut sight, at_day(today));
    sight
}

/// `code/severity`, in order.
fn codes(sight: &Sight) -> Vec<String> {
    let label =
        |finding: &Finding| format!("{}/{}", finding.code.label(), finding.severity.label());
    sight.findings.iter().map(label).collect()
}

/// A day, and what is found on it.
type OnADay<'a> = (i64, &'a [&'a str]);

#[test]
fn by_its_lifetime_alone() {
    const OVERDUE: &str = "cert.renewal-overdue/warning";
    const EXPIRING: &str = "cert.expiring/warning";
    const CRITICAL: &str = "cert.expiring/critical";
    let cases: [(i64, &[OnADay]); 5] = [
        (6, &[(4, &[]), (5, &[EXPIRING, OVERDUE])]),
        (
            45,
            &[(31, &[]), (32, &[OVERDUE]), (34, &[EXPIRING, OVERDUE]), (41, &[CRITICAL, OVERDUE])],
        ),
        (
            90,
            &[
                (60, &[]),
                (63, &[]),
                (64, &[OVERDUE]),
                (67, &[OVERDUE]),
                (68, &[EXPIRING, OVERDUE]),
                (81, &[CRITICAL, OVERDUE]),
                (91, &["cert.expired/critical"]),
            ],
        ),
        (398, &[(278, &[]), (279, &[OVERDUE]), (300, &[EXPIRING, OVERDUE])]),
        (3_650, &[(3_500, &[]), (3_540, &[OVERDUE])]),
    ];
    for (days, moments) in cases {
        for (today, expected) in moments {
            let found = found(days, *today, &Expected::default(), None);
            assert_eq!(codes(&found), *expected, "{today} of {days} days");
        }
    }
}

#[test]
fn by_what_is_known_of_it() {
    let ten_days = certbot("renew_before_expiry = 10 days", None);
    let nothing = Expected::default();
    // A renewer that acts at ten days left is not accused before, and neither is its certificate.
    assert_eq!(codes(&found(90, 70, &nothing, Some(&ten_days))), [""; 0]);
    assert_eq!(
        codes(&found(90, 84, &nothing, Some(&ten_days))),
        ["cert.expiring/critical", "cert.renewal-overdue/warning"]
    );
    let ten_days = Remaining::Time(Duration::from_secs(864_000));
    let planned = Expected { renew_at: Some(ten_days), renewer: None };
    assert_eq!(codes(&found(90, 70, &planned, None)), [""; 0]);
    assert_eq!(found(90, 70, &planned, None).facts.renewals[0].due, at_day(80));
}

#[test]
fn a_failed_try_is_the_cause() {
    let nothing = Expected::default();
    let words = "urn:ietf:params:acme:error:rateLimited :: too many";
    let keeper = certbot("", Some((70, failed(words))));
    let sight = found(90, 75, &nothing, Some(&keeper));
    assert_eq!(
        codes(&sight),
        ["cert.expiring/warning", "cert.renewal-overdue/warning", "acme.renewal/warning"]
    );
    let [_, overdue, renewal] = &sight.findings[..] else { panic!("three findings") };
    assert!(overdue.summary.en.contains(words) && overdue.summary.ko.contains(words));
    assert!(renewal.summary.en.contains("5 days ago"), "{renewal:?}");
    assert!(renewal.remedy.en.contains("stop trying"), "{renewal:?}");
    assert_eq!(renewal.subject, "/etc/letsencrypt/renewal/shop.conf");
    let facts = &sight.facts.renewals[0];
    assert_eq!((facts.failure.as_deref(), facts.tried_at), (Some(words), Some(at_day(70))));

    // Before the certificate was issued: got over.
    let keeper = certbot("", Some((-1, failed(words))));
    assert_eq!(codes(&found(90, 10, &nothing, Some(&keeper))), [""; 0]);
    let keeper = certbot("", Some((70, Outcome::Well)));
    assert_eq!(codes(&found(90, 10, &nothing, Some(&keeper))), [""; 0]);
}

#[test]
fn a_renewer_that_nobody_starts_is_told_as_that() {
    let nothing = Expected::default();
    let overdue = |ran: i64| {
        let mut keeper = certbot("", None);
        keeper.ran_at = Some(at_day(ran));
        let sight = found(90, 65, &nothing, Some(&keeper));
        assert_eq!(codes(&sight), ["cert.renewal-overdue/warning"]);
        sight.findings.into_iter().next().unwrap()
    };
    let silent = overdue(40);
    assert!(silent.summary.en.contains("certbot last ran 25 days ago"), "{silent:?}");
    assert!(silent.remedy.en.contains("pgrep -a cron"), "{silent:?}");
    let recent = overdue(64);
    assert!(!recent.summary.en.contains("last ran"), "{recent:?}");
    let command = "certbot renew --dry-run --cert-name shop`";
    assert!(recent.remedy.en.contains(command), "{recent:?}");
}

#[test]
fn one_that_its_renewer_has_renewed_waits_for_a_reload() {
    let mut keeper = certbot("", Some((60, Outcome::Well)));
    let newest = |fingerprint: &str| keeper::Newest {
        path: PathBuf::from("/etc/letsencrypt/live/shop/fullchain.pem"),
        leaf: CertificateFacts {
            fingerprint: fingerprint.to_owned(),
            not_before: at_day(60),
            ..CertificateFacts::default()
        },
    };
    keeper.newest = Some(newest("another"));
    let sight = found(90, 70, &Expected::default(), Some(&keeper));
    let overdue = sight.findings.last().unwrap();
    assert_eq!(overdue.code, Code::CertRenewalOverdue);
    assert!(overdue.summary.en.contains("certbot has a newer one in /etc/letsencrypt/live"));
    assert!(overdue.remedy.en.contains("nginx -s reload"), "{overdue:?}");
    keeper.newest = Some(newest("f"));
    let sight = found(90, 70, &Expected::default(), Some(&keeper));
    assert!(!sight.findings.last().unwrap().summary.en.contains("newer"), "{sight:?}");
}

#[test]
fn what_will_not_even_try() {
    let nothing = Expected::default();
    for (more, says) in
        [("autorenew = False", "switched off"), ("authenticator = manual", "by hand")]
    {
        // The last of two lines holds.
        let mut keeper = certbot("", None);
        let text = format!("fullchain = x\n[renewalparams]\nauthenticator = webroot\n{more}\n");
        keeper.kept_by = KeptBy::Certbot(Lineage::read("shop", &text));
        let sight = found(90, 1, &nothing, Some(&keeper));
        assert_eq!(codes(&sight), ["acme.renewal/warning"]);
        assert!(sight.findings[0].summary.en.contains(says), "{:?}", sight.findings);
    }
}

#[test]
fn what_acme_sh_means_to_do_is_about_its_newest_alone() {
    let nothing = Expected::default();
    let kept = |created: i64, next: i64| {
        let (created, next) = (created * DAY, next * DAY);
        let text =
            format!("Le_Domain='shop'\nLe_CertCreateTime='{created}'\nLe_NextRenewTime='{next}'\n");
        let path = PathBuf::from("/root/.acme.sh/shop/shop.conf");
        let kept_by = KeptBy::AcmeSh(Kept::read(&text).unwrap());
        Keeper { path, kept_by, ..certbot("", None) }
    };
    let sight = found(90, 10, &nothing, Some(&kept(0, 95)));
    assert_eq!(codes(&sight), ["acme.renewal/warning"]);
    assert!(sight.findings[0].summary.en.contains("means to renew"), "{sight:?}");
    assert_eq!(codes(&found(90, 10, &nothing, Some(&kept(0, 60)))), [""; 0]);
    // Replaced on day 60, and still served: the next one after that comes when this one has ended.
    assert_eq!(codes(&found(90, 62, &nothing, Some(&kept(60, 120)))), [""; 0]);
}

#[tokio::test]
async fn a_failed_try_is_told_until_the_next_though_its_log_is_rotated_away() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let conf = format!(
        "fullchain = x\nlogs_dir = {}\n[renewalparams]\nauthenticator = webroot\n",
        folder.path().display()
    );
    std::fs::write(at("shop.conf"), conf).unwrap();
    let says = |words: &str| {
        let line = format!("2026-11-21 21:40:00,000:ERROR:certbot._internal.renewal:{words}\n");
        std::fs::write(at("letsencrypt.log"), line).unwrap();
    };
    let memory = Memory::default();
    let watch = Stopwatch::start(Duration::from_secs(60));
    let lead = Lead::Named(at("shop.conf"));
    let last = async |second: i64| {
        let now = Timestamp::from_second(second).unwrap();
        let keeper = memory.keepers(&[Some(&lead)], &watch, now).await.remove(0)?;
        Some((keeper.last.clone()?.outcome, keeper.ran_at.is_some()))
    };
    assert_eq!(last(0).await, None);
    says("Failed to renew certificate shop with error: x");
    let told = Some((failed("x"), true));
    assert_eq!(last(10).await, told);
    std::fs::rename(at("letsencrypt.log"), at("letsencrypt.log.1.gz")).unwrap();
    assert_eq!(last(20).await, told);
    says("  /etc/letsencrypt/live/shop/fullchain.pem expires on 2027-02-19 (skipped)");
    assert_eq!(last(30).await, Some((Outcome::Well, true)));
    std::fs::remove_file(at("shop.conf")).unwrap();
    assert_eq!(last(40).await, None);
    assert!(memory.is_silent(&lead));
}

#[tokio::test]
async fn a_file_that_the_plan_names_and_that_is_not_there_is_said() {
    let expected = Expected { renewer: Some("/nowhere/shop.conf".into()), renew_at: None };
    let expiring = Expiring::default();
    let wanted = Wanted { expected: &expected, expiring: &expiring, server_name: "", file: None };
    let net = Net::new(Some("127.53.9.9:53".parse().unwrap())).unwrap();
    let watch = Stopwatch::start(Duration::from_secs(60));
    let mut sight = Sight { facts: stored(90), ..Sight::default() };
    attend(&wanted, &net, &watch, &mut sight, at_day(1)).await;
    assert_eq!(codes(&sight), ["acme.renewal/notice"]);
    assert_eq!(sight.findings[0].subject, "/nowhere/shop.conf");
}

#[test]
fn one_that_was_renewed_and_not_reloaded_is_nobodys_fault() {
    let expected = Expected::default();
    let expiring = Expiring::default();
    let wanted = Wanted { expected: &expected, expiring: &expiring, server_name: "", file: None };
    let mut sight = Sight { facts: stored(90), ..Sight::default() };
    let seen = wanted.seen(&sight.facts);
    let words = health::text!("x", "x");
    sight.findings.push(Finding::new(Code::TlsNotReloaded, "x", words.clone(), words));
    judge(&wanted, &seen[0], None, None, &mut sight, at_day(80));
    let count: BTreeMap<Code, usize> =
        sight.findings.iter().map(|finding| (finding.code, 1)).collect();
    assert_eq!(count.into_keys().collect::<Vec<_>>(), [Code::TlsNotReloaded]);
}
