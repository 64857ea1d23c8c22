//! Asking a place who it is: one connection for each way of asking, all until one deadline.

use std::time::Duration;

use health::{Facts, Finding, Phase};
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, timeout_at};

use super::Spec;
use super::identity::{Identity, Tongue};
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
    /// answer in the one asked for is asked in the others, so that it can be named.
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
                Tongue::Http => self.page(whom, watch, facts).await?,
                Tongue::Banner => {
                    let mut connection = self.dial(whom, watch, facts).await?;
                    Identity::words(&greeting(&mut connection, half, watch).await, tongue)
                }
            };
            if answered != Identity::Mute {
                return Ok(answered);
            }
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
            return self.ssh(whom, watch.deadline(), watch, facts).await;
        }
        if !said.is_empty() {
            return Ok(Identity::words(&said, Tongue::Banner));
        }
        let half = after(watch.left() / 2);
        match self.certificate(connection, half, watch).await {
            Identity::Mute => self.page(whom, watch, facts).await,
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
        watch: &mut Stopwatch,
        facts: &mut Facts,
    ) -> Result<Identity, Unreached> {
        let connection = self.dial(whom, watch, facts).await?;
        let host = match self.spec.from.port {
            80 => self.spec.server_name(),
            _ => self.spec.from.to_string(),
        };
        Ok(match glance(connection, &host, watch).await {
            Ok(glance) => Identity::page(&glance),
            Err(said) => Identity::words(&said, Tongue::Http),
        })
    }
}

/// What is said first, up to the end of a line or what came at once.
async fn greeting(connection: &mut Connection, until: Instant, watch: &mut Stopwatch) -> Vec<u8> {
    let mut said = Vec::new();
    let mut bounded = connection.take(GREETING_BYTES);
    while !said.contains(&b'\n') {
        match timeout_at(until, bounded.read_buf(&mut said)).await {
            Ok(Ok(1..)) => {}
            _ => break,
        }
    }
    watch.lap(Phase::Dialogue);
    said
}

fn after(span: Duration) -> Instant {
    Instant::from_std(crate::clock::monotonic() + span)
}
