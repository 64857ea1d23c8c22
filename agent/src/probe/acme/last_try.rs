//! What certbot's own log says of its last try, beside whether the next one would get through.

use std::path::Path;
use std::sync::Arc;

use health::facts::{CertificateFacts, FileFacts};
use health::{Code, Severity};
use jiff::Timestamp;

use crate::net::Net;
use crate::probe::{Sight, Stopwatch};
use crate::renewal::{self, Expected, Wanted};
use crate::tls::Expiring;

/// Adds what keeps certbot from renewing this certificate, by its file and its log.
pub(super) async fn add(
    renewal: &Path,
    chain: Arc<Vec<CertificateFacts>>,
    net: &Net,
    watch: &Stopwatch,
    sight: &mut Sight,
    now: Timestamp,
) {
    let expected = Expected { renewer: Some(renewal.to_owned()), ..Expected::default() };
    let expiring = Expiring::default();
    let wanted = Wanted { expected: &expected, expiring: &expiring, server_name: "", file: None };
    let mut beside = Sight::default();
    beside.facts.files.push(FileFacts { chain, ..FileFacts::default() });
    renewal::attend(&wanted, net, watch, &mut beside, now).await;
    let has_failed = beside.facts.renewals.iter().any(|renewal| renewal.failure.is_some());
    let is_open = sight.facts.acme.as_ref().is_some_and(|acme| {
        !acme.trials.is_empty() && acme.trials.iter().all(|trial| trial.passed)
    });
    sight.facts.renewals = beside.facts.renewals;
    // How late a certificate is, is said by the checks that look at it.
    let blocked = beside.findings.into_iter().filter(|finding| finding.code == Code::AcmeRenewal);
    for mut finding in blocked {
        if has_failed && is_open {
            // What it failed of may be mended already: its next try will show.
            finding.severity = Severity::Notice;
        }
        let known = sight.findings.iter_mut().find(|known| known.is_same_as(&finding));
        match known {
            Some(known) if known.severity < finding.severity => *known = finding,
            Some(_) => {}
            None => sight.findings.push(finding),
        }
    }
}
