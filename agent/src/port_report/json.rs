//! The report as JSON: the body of `GET /api/v1/ports`.

use std::sync::Arc;

use health::finding::View;
use health::snapshot::CheckStanding;
use health::{Language, PortKey};
use serde_json::{Value, json};

use super::ordered;

/// `{"ports":[…]}`: claims and undeclared listeners alike, every port on its own.
#[must_use]
pub fn json(checks: &[Arc<CheckStanding>], language: Language) -> Value {
    let ports: Vec<Value> =
        ordered(checks).into_iter().map(|(key, standing)| port(key, standing, language)).collect();
    json!({ "ports": ports })
}

fn port(key: &PortKey, standing: &CheckStanding, language: Language) -> Value {
    let claim = standing.claim.as_deref();
    let observed = standing.observed();
    let first = observed.and_then(|observed| observed.owners.first());
    json!({
        "host": key.host,
        "port": key.port,
        "protocol": key.protocol,
        "service": claim.map_or("", |claim| &claim.service),
        "description": claim.map_or("", |claim| &claim.description),
        "claim": claim.map(|claim| claim.claim),
        "exposure": claim.and_then(|claim| claim.exposure),
        "observed": {
            "listening": observed.and_then(|observed| observed.listening),
            "bind": observed.map(|observed| &*observed.bind).unwrap_or_default(),
            "also_v4": observed.and_then(|observed| observed.also_v4),
            "process": first.map(|process| &process.name),
            "pid": first.map(|process| process.pid),
            "reachable": observed.and_then(|observed| observed.reachable),
            "exposure": observed.and_then(|observed| observed.exposure),
            "owners": observed.map(|observed| &*observed.owners).unwrap_or_default(),
            "owner_unknown": observed.and_then(|observed| observed.owner_unknown.as_deref()),
        },
        "state": standing.state,
        "since": standing.since,
        "findings": standing
            .findings
            .iter()
            .map(|finding| View::new(&standing.check.name, standing.check.kind, finding, language))
            .collect::<Vec<_>>(),
    })
}
