//! Plans, and what was told held against what happened.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;
use tokio::net::TcpStream;

use super::support::agent::Agent;
use super::support::receiver::{Heard, Receiver};

/// Holds everything the receiver took against the incidents the agent knows of, all of which must be
/// resolved; says how many there are.
pub(crate) fn judge(receiver: &Receiver, incidents: &[Value]) -> usize {
    let known: BTreeSet<&str> =
        incidents.iter().map(|incident| incident["id"].as_str().unwrap()).collect();
    let taken = receiver.taken();
    let mut told: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    let mut bodies: BTreeMap<&str, &[u8]> = BTreeMap::new();
    for heard in &taken {
        let first = bodies.entry(heard.id()).or_insert(&heard.body);
        assert_eq!(*first, &heard.body[..], "one id, two messages");
        for message in parts(heard) {
            let incident = message["id"].as_str().unwrap();
            assert!(known.contains(incident), "an incident nobody knows: {message}");
            let messages = told.entry(incident).or_default();
            // A repeat of the last message is what a kill before its record makes; of an earlier one not.
            if messages.last().is_none_or(|(last, _)| *last != heard.id()) {
                messages.push((heard.id(), message["type"].as_str().unwrap()));
            }
        }
    }
    assert_eq!(told.len(), known.len(), "incidents nobody was told of");
    for (incident, messages) in told {
        let kinds: Vec<&str> = messages.iter().map(|(_, kind)| *kind).collect();
        let (first, last) = (kinds.first().unwrap(), kinds.last().unwrap());
        assert_eq!((*first, *last), ("incident.opened", "incident.resolved"), "{incident}");
        let between = &kinds[1..kinds.len() - 1];
        assert!(between.iter().all(|kind| *kind == "incident.updated"), "{incident}: {kinds:?}");
    }
    known.len()
}

/// What one message says of each incident that it tells of.
fn parts(heard: &Heard) -> impl Iterator<Item = &Value> {
    let others = heard.message["others"].as_array();
    std::iter::once(&heard.message).chain(others.into_iter().flatten())
}

pub(crate) fn ids(heard: &[Heard]) -> BTreeSet<String> {
    heard.iter().map(|heard| heard.id().to_owned()).collect()
}

pub(crate) async fn incidents(agent: &Agent) -> Vec<Value> {
    agent.api("/incidents").await["incidents"].as_array().unwrap().clone()
}

/// Every incident that the agent ever wrote down; it has ended.
pub(crate) fn written_incidents(store: &Path) -> Vec<Value> {
    let connection = rusqlite::Connection::open(store).unwrap();
    let mut statement = connection.prepare("SELECT body FROM incident ORDER BY opened_at").unwrap();
    let bodies = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    bodies.map(|body| serde_json::from_str(&body.unwrap()).unwrap()).collect()
}

/// The value of a metric without labels.
pub(crate) async fn metric(agent: &Agent, name: &str) -> Option<f64> {
    let (_, text) = agent.fetch("/metrics").await?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.parse().ok()
}

/// Checks of these addresses that are looked at all the time, and one receiver.
pub(crate) fn plan<'a>(
    receiver: SocketAddr,
    doors: impl IntoIterator<Item = (&'a str, SocketAddr)>,
) -> String {
    let mut plan = format!(
        "[defaults]\ninterval = \"150ms\"\ntimeout = \"1s\"\nfail_after = 1\n\
         [[receiver]]\nname = \"ops\"\nwebhook = {{ url = \"http://{receiver}/hook\" }}\n"
    );
    for (name, address) in doors {
        plan.push_str(&format!("[[tcp]]\nname = \"{name}\"\naddress = \"{address}\"\n"));
    }
    plan
}

/// The first piece of a request, as text.
pub(crate) async fn first_bytes(connection: &TcpStream) -> String {
    let mut bytes = vec![0; 4096];
    loop {
        connection.readable().await.unwrap();
        if let Ok(length) = connection.try_read(&mut bytes) {
            return String::from_utf8_lossy(&bytes[..length]).into_owned();
        }
    }
}
