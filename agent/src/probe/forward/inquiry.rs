//! Asking a place who it is: one connection for each way of asking, all until one deadline.

use std::time::Duration;

use health::{Facts, Finding, Phase};
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, timeout_at};

use super::Spec;
use super::identity::{Identity, Tongue, is_whole};
use crate::net::{Connection, Net};
use crate::plan::Endpoint;
use crate::probe::Stopwatch;
use crate::probe::http::glance;
use crate::ssh::{Family, meet};
use crate::tls;

/// Who speaks first does so within this time, or a fifth of the probe's.
const PATIENCE: Duration = Duration::from_millis(300);
/// Most bytes of a greeting.
const GREETING_BYTES: u64 = 1024;

/// Why a place could not be asked.
#[derive(Debug)]
pub(super) struct Unreached {
    /// Nothing accepts there; otherwise it could not be tried, which says nothing of the place.
    pub(super) is_closed: bool,
    pub(super) finding: Box<Finding>,
}

/// What every question needs.
pub(super) struct Inquiry<'a> {
    spec: &'a Spec,
    net: &'a Net,
}

impl<'a> Inquiry<'a> {
    pub(super) fn new(spec: &'a Spec, net: &'a Net) -> Self {
        Self { spec, net }
    }

    /// Who answers there: asked in this tongue, or in each until one is understood. Whoever does not
    /// understand the one asked for is asked in the others, so that it can be named; whoever is only
    /// slow is not: a TLS server that is asked for a page answers one, and is still the same.
    ///
    /// # Errors
    /// Why it could not be dialled.
    pub(super) async fn ask(
        &self,
        whom: &Endpoint,
        tongue: Option<Tongue>,
        watch: &mut Stopwatch,
        facts: &mut Facts,
    ) -> Result<Identity, Unreached> {
        if let Some(tongue) = tongue {
            let half = after(watch.left() / 2);
            let answered = match tongue {
                Tongue::Ssh => self.ssh(whom, half, watch, facts).await?,
                Tongue::Tls => {
                    let connection = self.dial(whom, watch, facts).await?;
                    self.certificate(connection, half, watch).await
                }
                Tongue::Http => self.page(whom, half, watch, facts).await?,
                Tongue::Banner => {
                    let mut connection = self.dial(whom, watch, facts).await?;
                    Identity::words(&greeting(&mut connection, half, watch).await, tongue)
                }
            };
            // Who waits to be spoken to is silent, and not slow.
            let is_slow = tongue != Tongue::Banner && has_passed(half);
            if answered != Identity::Mute || is_slow {
                return Ok(answered);
            }
            let found = self.find_out(whom, watch, facts).await;
            return unless_late(found, watch, Identity::Mute);
        }
        self.find_out(whom, watch, facts).await
    }

    async fn find_out(
        &self,
        whom: &Endpoint,
        watch: &mut Stopwatch,
        facts: &mut Facts,
    ) -> Result<Identity, Unreached> {
        let mut connection = self.dial(whom, watch, facts).await?;
        let patience = after(PATIENCE.min(watch.timeout() / 5)).min(watch.deadline());
        let said = greeting(&mut connection, patience, watch).await;
        if said.starts_with(b"SSH-") {
            let met = self.ssh(whom, watch.deadline(), watch, facts).await;
            return unless_late(met, watch, Identity::words(&said, Tongue::Ssh));
        }
        if !said.is_empty() {
            return Ok(Identity::words(&said, Tongue::Banner));
        }
        let half = after(watch.left() / 2);
        match self.certificate(connection, half, watch).await {
            Identity::Mute => {
                let page = self.page(whom, watch.deadline(), watch, facts).await;
                unless_late(page, watch, Identity::Mute)
            }
            known => Ok(known),
        }
    }

    async fn dial(
        &self,
        whom: &Endpoint,
        watch: &mut Stopwatch,
        facts: &mut Facts,
    ) -> Result<Connection, Unreached> {
        let opened = self.net.attempt(whom, self.spec.source_for(whom), watch, facts).await;
        opened.and_then(|opened| opened.into_connection(facts)).map_err(|missed| Unreached {
            is_closed: missed.is_closed(),
            finding: missed.into_finding(whom, watch.timeout()),
        })
    }

    async fn ssh(
        &self,
        whom: &Endpoint,
        deadline: Instant,
        watch: &mut Stopwatch,
        facts: &mut Facts,
    ) -> Result<Identity, Unreached> {
        let mut connection = self.dial(whom, watch, facts).await?;
        let met = meet(&mut connection, &Family::ALL, deadline).await;
        watch.lap(Phase::Dialogue);
        Ok(match met {
            Ok(met) => Identity::Key(met.key),
            // A key that is not proven proves nothing: what is left is how it introduces itself.
            Err(failure) => Identity::words(failure.said().unwrap_or_default(), Tongue::Ssh),
        })
    }

    async fn certificate(
        &self,
        connection: Connection,
        deadline: Instant,
        watch: &mut Stopwatch,
    ) -> Identity {
        let name = self.spec.server_name();
        let leaf = tls::leaf(connection, &name, &self.spec.roots, deadline).await;
        watch.lap(Phase::Tls);
        match leaf.and_then(|leaf| tls::facts_of(&leaf)) {
            Some(leaf) => {
                let name = leaf.names.into_iter().next().unwrap_or(leaf.subject);
                Identity::Certificate { fingerprint: leaf.fingerprint, name }
            }
            None => Identity::Mute,
        }
    }

    async fn page(
        &self,
        whom: &Endpoint,
        deadline: Instant,
        watch: &mut Stopwatch,
        facts: &mut Facts,
    ) -> Result<Identity, Unreached> {
        let connection = self.dial(whom, watch, facts).await?;
        let host = self.spec.host_header();
        let span = deadline.into_std().saturating_duration_since(crate::clock::monotonic());
        let looked = glance(connection, &host, &mut Stopwatch::start(span)).await;
        watch.lap(Phase::Processing);
        Ok(match looked {
            Ok(glance) => Identity::page(&glance, &host),
            Err(said) => Identity::words(&said, Tongue::Http),
        })
    }
}

/// What has accepted before and could not be dialled again for want of time alone is not dead: it is
/// this.
fn unless_late(
    asked: Result<Identity, Unreached>,
    watch: &Stopwatch,
    known: Identity,
) -> Result<Identity, Unreached> {
    match asked {
        Err(_) if watch.left().is_zero() => Ok(known),
        asked => asked,
    }
}

/// What is said first, up to the end of a line.
async fn greeting(connection: &mut Connection, until: Instant, watch: &mut Stopwatch) -> Vec<u8> {
    let mut said = Vec::new();
    let mut bounded = connection.take(GREETING_BYTES);
    while !is_whole(&said) {
        match timeout_at(until, bounded.read_buf(&mut said)).await {
            Ok(Ok(1..)) => {}
            _ => break,
        }
    }
    watch.lap(Phase::Dialogue);
    said
}

fn has_passed(deadline: Instant) -> bool {
    deadline.into_std() <= crate::clock::monotonic()
}

fn after(span: Duration) -> Instant {
    Instant::from_std(crate::clock::monotonic() + span)
}
