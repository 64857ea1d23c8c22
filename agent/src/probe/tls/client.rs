//! The client certificate of a check: read, judged against the clock, and shown to a server that asks.

use std::sync::Arc;

use health::{Code, Finding, Phase};
use jiff::Timestamp;

use super::Spec;
use crate::probe::{Sight, Stopwatch};
use crate::tls::files::Unreadable;
use crate::tls::{self, Identity, Offer, Presented, Unfit, expiry};

/// What one probe shows when it is asked.
pub(super) struct Client {
    identity: Option<Arc<Identity>>,
    /// The plan names a certificate, and it cannot be shown; that has been said.
    is_unfit: bool,
}

impl Client {
    /// Reads what the plan names. What is wrong with it is found whether or not the server asks.
    pub(super) async fn of(
        spec: &Spec,
        watch: &mut Stopwatch,
        now: Timestamp,
        sight: &mut Sight,
    ) -> Self {
        let Some(client) = spec.client.clone() else {
            return Self { identity: None, is_unfit: false };
        };
        let path = client.path().to_owned();
        let reading = tokio::task::spawn_blocking(move || client.read());
        let outcome = tokio::time::timeout_at(watch.deadline(), reading).await;
        watch.lap(Phase::Read);
        let not_read = |words: String| Err(Unfit::of(&path, &Unreadable::System(words)));
        let read = match outcome {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => not_read(error.to_string()),
            Err(_) => not_read(format!("no answer within {:?}", watch.timeout())),
        };
        match read {
            Ok(identity) => {
                let ends = expiry(&identity.chain, &spec.expiring, &identity.path, now);
                sight.findings.extend(ends);
                Self { identity: Some(identity), is_unfit: false }
            }
            Err(Unfit { finding, lack }) => {
                sight.facts.blind = lack;
                sight.findings.push(*finding);
                Self { identity: None, is_unfit: true }
            }
        }
    }

    /// What every handshake of the check offers.
    pub(super) fn offer(&self, spec: &Spec) -> Offer<'_> {
        let identity = self.identity.as_deref();
        Offer { starttls: spec.starttls, identity, ..Offer::default() }
    }

    /// The finding for a server that would not have us after the handshake.
    pub(super) fn refusal(
        &self,
        presented: &Presented,
        alert: Option<u8>,
        subject: &str,
    ) -> Option<Finding> {
        let (asked, alert) = (presented.asked.as_ref()?, alert?);
        let finding = tls::turned_away(subject, asked, self.identity.as_deref(), Some(alert));
        (!self.explains(&finding)).then_some(finding)
    }

    /// Whether a finding only says that nothing was shown, where it has been said why.
    pub(super) fn explains(&self, finding: &Finding) -> bool {
        self.is_unfit
            && finding.code == Code::TlsHandshake
            && finding.evidence.contains_key("accepted_issuers")
    }
}
