//! A gRPC service that is asked for its health: `grpc.health.v1.Health/Check`.
//!
//! Deliberately absent: other methods, reflection and streams. The two messages of the health protocol
//! are small enough to be written and read by hand.

use health::Finding;
use health::facts::GrpcFacts;

use super::http::{self, Called, Uncalled, call};
use super::{Sight, Stopwatch};
use crate::net::Net;

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod judge;
mod message;

pub(crate) use message::{PATH, check_request};

/// `[[grpc]]` after validation.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The whole call: method, path, headers and message.
    pub request: http::Spec,
    /// The service asked about; empty: the server as a whole.
    pub service: String,
}

/// Runs one probe.
pub async fn observe(spec: &Spec, net: &Net, watch: &mut Stopwatch) -> Sight {
    let by_hand = judge::by_hand(spec);
    let called = match call(&spec.request, &by_hand, net, watch).await {
        Ok(called) => *called,
        Err(uncalled) => return not_called(spec, *uncalled),
    };
    let Called { mut sight, status, headers, trailers, body, peer } = called;
    let said = message::Said::of(status, &headers, &trailers, &body);
    sight.facts.grpc = Some(Box::new(GrpcFacts {
        service: spec.service.clone(),
        serving: said.serving().map(ToOwned::to_owned),
        grpc_status: said.grpc_status,
        message: said.message.clone(),
    }));
    let finding = judge::judge(spec, &said, &peer);
    sight.findings.extend(finding.map(|finding| finding.evidence("by_hand", by_hand)));
    http::veil(&http::masked(http::secrets(&spec.request.headers)), &mut sight);
    sight
}

fn not_called(spec: &Spec, uncalled: Uncalled) -> Sight {
    let Uncalled { mut sight, speaks_http1 } = uncalled;
    if speaks_http1 && let Some(finding) = sight.findings.pop() {
        let Finding { evidence, .. } = finding;
        let mut finding = judge::old_http(spec);
        finding.evidence.extend(evidence);
        sight.findings.push(finding);
    }
    sight
}

#[cfg(test)]
mod tests {
    use super::Spec;
    use crate::probe::http::tests;

    /// A check of the health of this service.
    pub(super) fn spec(url: &str, service: &str) -> Spec {
        Spec { request: tests::spec(url), service: service.to_owned() }
    }
}
