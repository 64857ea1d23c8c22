//! How the servers of a zone are asked, as the plan says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::exchange::{Arrival, Errand, Loss};
use super::question::Question;
use super::server::Server;
use super::{Spec, over_tls};
use crate::net::Net;
use crate::plan::{Endpoint, Target};
use crate::tls::Roots;

/// How the servers of a zone are asked.
#[derive(Clone, Debug)]
pub struct Asking {
    /// An answer later than this is a slow one.
    pub slow_after: Duration,
    /// Servers that are asked over TLS; all others over UDP, and over TCP where that is called for.
    pub over_tls: Vec<OverTls>,
}

/// A nameserver or resolver that is asked over TLS (RFC 7858).
#[derive(Clone, Debug)]
pub struct OverTls {
    /// Whom.
    pub endpoint: Endpoint,
    /// What its certificate must be valid for; `None`: any certificate will do, as nothing says
    /// which is right (RFC 7858 §4.1).
    pub name: Option<Arc<str>>,
    /// Who may have issued it, where there is a name.
    pub roots: Roots,
}

/// Puts questions to a server as the plan says; what `digest` makes of the answers comes in the order
/// of the questions. Ends at the deadline.
pub(super) async fn put<T>(
    spec: &Spec,
    net: &Net,
    server: &Server,
    questions: &[Question],
    deadline: Instant,
    digest: impl Fn(&Question, Result<Arrival, Loss>) -> T,
) -> Vec<T> {
    let Some(address) = server.address else {
        return questions.iter().map(|asked| digest(asked, Err(Loss::Unresolved))).collect();
    };
    let (source, role) = (spec.source, server.role);
    let errand = Errand { server: address, source, role, questions, deadline };
    let wire = &net.dns.wire;
    match spec.asking.over_tls(server) {
        None => wire.ask(errand, digest).await,
        Some(over_tls) => Box::pin(over_tls::ask(errand, over_tls, &wire.peers, digest)).await,
    }
}

impl Default for Asking {
    fn default() -> Self {
        Self { slow_after: Duration::from_millis(500), over_tls: Vec::new() }
    }
}

impl PartialEq for Asking {
    /// The same but for the trusted roots.
    fn eq(&self, other: &Self) -> bool {
        let Self { slow_after, over_tls } = self;
        *slow_after == other.slow_after
            && over_tls.len() == other.over_tls.len()
            && over_tls.iter().zip(&other.over_tls).all(|(one, other)| {
                let OverTls { endpoint, name, roots: _ } = one;
                *endpoint == other.endpoint && *name == other.name
            })
    }
}

impl Asking {
    /// How to ask a server over TLS, where that is to be done.
    pub(super) fn over_tls(&self, server: &Server) -> Option<&OverTls> {
        let address = server.address?;
        self.over_tls.iter().find(|asked| asked.is(&server.name, address))
    }
}

impl OverTls {
    fn is(&self, name: &str, address: SocketAddr) -> bool {
        let Endpoint { host, port } = &self.endpoint;
        *port == address.port()
            && match host {
                Target::Address(ip) => *ip == address.ip(),
                Target::Name(host) => host.trim_end_matches('.').eq_ignore_ascii_case(name),
            }
    }
}
