//! Hellos to real servers: well, full, starting, closed to us, and somebody else on the port.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its servers fails")]

#[path = "../support/mod.rs"]
mod support;

mod outage;
mod postgres;
mod servers;

use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;

use support::command::portwarden;

/// What `portwarden probe tcp ADDRESS --speaks …` sees, as JSON.
#[track_caller]
fn probe(address: SocketAddr, speaks: &[&str]) -> Value {
    let address = address.to_string();
    let mut arguments = vec!["probe", "tcp", &address, "--format", "json", "--speaks"];
    arguments.extend(speaks);
    let ended = portwarden(Path::new("/"), &arguments);
    assert!(matches!(ended.code, 0 | 1), "{ended:?}");
    ended.json()
}

/// Fails unless nothing is wrong, and hands back version and answer.
#[track_caller]
fn well(seen: &Value) -> (&str, &str) {
    assert_eq!(seen["findings"], Value::Array(Vec::new()), "{seen:#}");
    let hello = &seen["facts"]["hello"];
    (hello["version"].as_str().unwrap_or_default(), hello["answer"].as_str().unwrap())
}

/// Fails unless exactly this was found, with this severity, and hands back its summary.
#[track_caller]
fn found<'a>(seen: &'a Value, code: &str, severity: &str) -> &'a str {
    assert_eq!(seen["findings"].as_array().unwrap().len(), 1, "{seen:#}");
    let finding = &seen["findings"][0];
    assert_eq!(
        (&finding["code"], &finding["severity"]),
        (&code.into(), &severity.into()),
        "{seen:#}"
    );
    finding["summary"].as_str().unwrap()
}
