//! What certbot's own log says of its last try, beside whether the next one would get through. Pure.

use health::Severity;

use super::Spec;
use crate::probe::Sight;
use crate::renewal::{self, Problem, Word};

/// Adds what keeps certbot from renewing this certificate, by its file and its log.
pub(super) fn add(word: Word, spec: &Spec, sight: &mut Sight) {
    let is_open = sight.facts.acme.as_ref().is_some_and(|acme| {
        !acme.trials.is_empty() && acme.trials.iter().all(|trial| trial.passed)
    });
    // The way that a CA takes is the way that was tried: only then can what a try failed of on it have
    // been mended since. Its next one will show. Of an inner way, of DNS, CAA and limits a trial says nothing.
    let is_on_the_way = matches!(word.problem, Some(Problem::Connection | Problem::Unauthorized));
    let may_be_mended = is_open && is_on_the_way && spec.connect.is_empty();
    sight.facts.renewals.extend(word.facts);
    if let Some(mut finding) = word.blocked {
        if may_be_mended {
            finding.severity = Severity::Notice;
        }
        renewal::tell(&mut sight.findings, finding);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use health::facts::{AcmeFacts, TrialFacts};
    use health::{Code, Finding, text};

    use super::*;
    use crate::probe::acme::Connect;
    use crate::tls::Roots;

    #[test]
    fn a_failure_is_as_loud_as_it_is_sure() {
        let outer = Spec {
            domains: vec![Arc::from("shop.example")],
            webroot: None,
            connect: Vec::new(),
            source: None,
            renewal: Some("shop.conf".into()),
            roots: Roots::of(&[], &[]).unwrap(),
        };
        let to = "127.0.0.1:8081".parse::<std::net::SocketAddr>().unwrap();
        let to =
            crate::plan::Endpoint { host: crate::plan::Target::Address(to.ip()), port: to.port() };
        let inner = Spec { connect: vec![Connect { host: None, port: 80, to }], ..outer.clone() };
        let (open, shut) = (Some(true), Some(false));
        for (spec, passed, problem, severity) in [
            (&outer, open, Some(Problem::Connection), Severity::Notice),
            (&outer, open, Some(Problem::Unauthorized), Severity::Notice),
            (&outer, open, Some(Problem::RateLimited), Severity::Warning),
            (&outer, open, Some(Problem::Caa), Severity::Warning),
            (&outer, open, None, Severity::Warning),
            (&outer, shut, Some(Problem::Connection), Severity::Warning),
            (&outer, None, Some(Problem::Connection), Severity::Warning),
            // Behind a router the inner way is open whatever the router does.
            (&inner, open, Some(Problem::Connection), Severity::Warning),
        ] {
            let mut sight = Sight::default();
            let trial = |passed| TrialFacts { passed, ..TrialFacts::default() };
            let trials = passed.map(trial).into_iter().collect();
            sight.facts.acme = Some(Box::new(AcmeFacts { trials, ..AcmeFacts::default() }));
            let blocked =
                Finding::new(Code::AcmeRenewal, "shop.conf", text!("x", "x"), text!("y", "y"));
            let word = Word { problem, blocked: Some(blocked), ..Word::default() };
            add(word, spec, &mut sight);
            let told: Vec<Severity> =
                sight.findings.iter().map(|finding| finding.severity).collect();
            assert_eq!(told, [severity], "{problem:?} {passed:?} {:?}", spec.connect);
        }
    }
}
