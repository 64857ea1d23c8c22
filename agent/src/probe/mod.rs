//! One probe: one attempt at a check. One file per kind under one visible table.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use health::{Code, Facts, Finding, Observation, text};

use crate::net::Net;
use crate::renewal;

pub mod acme;
pub mod certificate;
pub mod dns;
pub mod forward;
pub mod grpc;
pub mod heartbeat;
pub mod http;
pub mod icmp;
pub mod journey;
pub mod port;
pub mod stopwatch;
pub mod tcp;
pub mod tls;
pub mod udp;
pub mod websocket;

pub use stopwatch::Stopwatch;

/// One configured thing to be looked at, with everything a probe needs.
#[derive(Debug)]
pub struct Check {
    /// What every check has.
    pub frame: Arc<health::Check>,
    /// What this kind needs.
    pub spec: Spec,
}

/// Settings and expectations of every kind.
#[derive(Debug)]
pub enum Spec {
    /// `[[tcp]]`
    Tcp(tcp::Spec),
    /// `[[http]]`
    Http(Box<http::Spec>),
    /// `[[tls]]`
    Tls(tls::Spec),
    /// `[[tls]]` with `nginx`
    Sites(Box<tls::sites::Spec>),
    /// `[[dns]]`
    Dns(dns::Spec),
    /// `[[certificate]]`
    Certificate(certificate::Spec),
    /// `[[host.port]]`
    Port(port::Spec),
    /// `[[forward]]`
    Forward(Box<forward::Spec>),
    /// `[[acme]]`
    Acme(Box<acme::Spec>),
    /// `[[journey]]`
    Journey(Box<journey::Spec>),
    /// `[[websocket]]`
    Websocket(Box<websocket::Spec>),
    /// `[[grpc]]`
    Grpc(Box<grpc::Spec>),
    /// `[[icmp]]`
    Icmp(Box<icmp::Spec>),
    /// `[[udp]]`
    Udp(Box<udp::Spec>),
    /// `[[heartbeat]]`
    Heartbeat(Box<heartbeat::Spec>),
}

impl Spec {
    /// The port that a forward takes on its outer side.
    #[must_use]
    pub fn outer_port(&self) -> Option<u16> {
        match self {
            Self::Forward(spec) => Some(spec.from.port),
            Self::Tcp(_)
            | Self::Http(_)
            | Self::Tls(_)
            | Self::Sites(_)
            | Self::Dns(_)
            | Self::Certificate(_)
            | Self::Port(_)
            | Self::Acme(_)
            | Self::Journey(_)
            | Self::Websocket(_)
            | Self::Grpc(_)
            | Self::Icmp(_)
            | Self::Udp(_)
            | Self::Heartbeat(_) => None,
        }
    }
}

impl Check {
    /// Enters the certificates that were seen into the ledger of those in use.
    pub(crate) fn note_certificates(&self, net: &Net, facts: &Facts) {
        net.certificates.note(&self.frame.name, facts, self.spec.caa_name());
    }
}

impl Spec {
    /// What is expected of the renewal of the certificates that are looked at, if any are.
    fn renewal(&self) -> Option<renewal::Wanted<'_>> {
        let (expected, expiring, server_name, file) = match self {
            Self::Tls(spec) => {
                (&spec.renewal, &spec.expiring, &*spec.server_name, spec.file.as_deref())
            }
            Self::Sites(spec) => {
                let place = spec.beside.as_deref();
                let name = place.map_or("", |place| &*place.server_name);
                let file = place.and_then(|place| place.file.as_deref());
                (&spec.renewal, &spec.expiring, name, file)
            }
            Self::Certificate(spec) => (&spec.renewal, &spec.expiring, "", None),
            Self::Tcp(_)
            | Self::Http(_)
            | Self::Dns(_)
            | Self::Port(_)
            | Self::Forward(_)
            | Self::Acme(_)
            | Self::Journey(_)
            | Self::Websocket(_)
            | Self::Grpc(_)
            | Self::Icmp(_)
            | Self::Udp(_)
            | Self::Heartbeat(_) => return None,
        };
        Some(renewal::Wanted { expected, expiring, server_name, file })
    }

    /// The name by which CAA records call the CA of what is looked at, where the plan says it.
    fn caa_name(&self) -> Option<&str> {
        match self {
            Self::Tls(spec) => spec.issuer.as_deref(),
            Self::Sites(spec) => spec.beside.as_ref()?.issuer.as_deref(),
            Self::Tcp(_)
            | Self::Http(_)
            | Self::Dns(_)
            | Self::Certificate(_)
            | Self::Port(_)
            | Self::Forward(_)
            | Self::Acme(_)
            | Self::Journey(_)
            | Self::Websocket(_)
            | Self::Grpc(_)
            | Self::Icmp(_)
            | Self::Udp(_)
            | Self::Heartbeat(_) => None,
        }
    }
}

/// What a kind's `observe` hands back; the frame around it is the same for all.
#[derive(Debug, Default)]
pub struct Sight {
    /// What was seen.
    pub facts: Facts,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// Runs one probe. Always returns within the check's timeout and a little: every kind keeps the
/// deadline of its stopwatch itself, so that it can say which phase hung.
pub async fn run(check: &Check, net: &Net) -> Observation {
    let at = crate::clock::now();
    let mut watch = Stopwatch::start(check.frame.timeout);
    // In boxes, except the smallest and most frequent: a task is as large as its largest part, and is
    // moved as a whole when it is started.
    let mut sight = match &check.spec {
        Spec::Tcp(spec) => tcp::observe(spec, net, &mut watch).await,
        Spec::Http(spec) => Box::pin(http::observe(spec, net, &mut watch)).await,
        Spec::Tls(spec) => Box::pin(tls::observe(spec, net, &mut watch, at)).await,
        Spec::Sites(spec) => Box::pin(tls::sites::observe(spec, net, &mut watch, at)).await,
        Spec::Dns(spec) => Box::pin(dns::observe(spec, net, &mut watch)).await,
        Spec::Certificate(spec) => Box::pin(certificate::observe(spec, &mut watch, at)).await,
        Spec::Port(spec) => Box::pin(port::observe(spec, net, &mut watch)).await,
        Spec::Forward(spec) => Box::pin(forward::observe(spec, net, &mut watch)).await,
        Spec::Acme(spec) => Box::pin(acme::observe(spec, net, &mut watch, at)).await,
        Spec::Journey(spec) => Box::pin(journey::observe(spec, net, &mut watch)).await,
        Spec::Websocket(spec) => Box::pin(websocket::observe(spec, net, &mut watch)).await,
        Spec::Grpc(spec) => Box::pin(grpc::observe(spec, net, &mut watch)).await,
        Spec::Icmp(spec) => Box::pin(icmp::observe(spec, net, &mut watch)).await,
        Spec::Udp(spec) => Box::pin(udp::observe(spec, net, &mut watch)).await,
        Spec::Heartbeat(spec) => heartbeat::observe(spec, net, &mut watch),
    };
    if let Some(wanted) = check.spec.renewal() {
        Box::pin(renewal::attend(&wanted, net, &watch, &mut sight, at)).await;
    }
    check.note_certificates(net, &sight.facts);
    Observation {
        at,
        duration: watch.elapsed(),
        phases: watch.into_phases(),
        facts: sight.facts,
        findings: sight.findings,
    }
}

/// How long after its deadline a probe is cut off from outside.
const GRACE: Duration = Duration::from_secs(2);

/// Runs one probe; one that crashes, or outlives its own deadline, becomes a finding.
pub async fn guarded(check: &Check, net: &Net) -> Observation {
    let at = crate::clock::now();
    let watch = Stopwatch::start(check.frame.timeout);
    let mut probe = std::pin::pin!(AssertUnwindSafe(run(check, net)).catch_unwind());
    let mut ended = tokio::time::timeout(check.frame.timeout + GRACE, probe.as_mut()).await;
    if ended.is_err() {
        // After a suspension every deadline has passed at once; the probe has to see its own first.
        ended = tokio::time::timeout(GRACE, probe).await;
    }
    let failure = match ended {
        Ok(Ok(observation)) => return observation,
        Ok(Err(panic)) => panic_words(panic.as_ref()),
        Err(_) => "it did not end at its deadline".to_owned(),
    };
    let name = &*check.frame.name;
    tracing::error!(check = name, failure, "a probe crashed");
    let finding = Finding::new(
        Code::AgentPanic,
        name,
        text!("the probe itself crashed: {failure}", "검사 프로그램 자체가 비정상 종료했습니다: {failure}"),
        text!(
            "This is a bug in portwarden, not in what it looked at. Please report it with the log and this check of the plan.",
            "검사 대상이 아니라 portwarden의 버그입니다. 로그와 해당 검사 설정을 함께 제보해 주세요."
        ),
    )
    .evidence("panic", failure.clone());
    Observation {
        at,
        duration: watch.elapsed(),
        phases: health::Phases::default(),
        facts: Facts::default(),
        findings: vec![finding],
    }
}

fn panic_words(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().map(|words| (*words).to_owned());
    words
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic".to_owned())
}
