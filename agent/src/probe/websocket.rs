//! A WebSocket: upgraded, spoken over, pinged and closed (RFC 6455).
//!
//! Deliberately absent: extensions such as compression, which nobody has to offer, binary messages
//! to send, and connections kept from probe to probe.

use std::sync::Arc;

use alerts::Secret;
use regex::Regex;

use super::http::{self, Upgraded, upgrade};
use super::{Sight, Stopwatch};
use crate::net::Net;

mod conversation;
mod judge;
#[cfg(test)]
mod tests;

use judge::Place;

/// `[[websocket]]` after validation.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The request that asks for the upgrade: http for ws, https for wss.
    pub request: http::Spec,
    /// Subprotocols offered, preferred first.
    pub subprotocols: Vec<String>,
    /// What is said over it.
    pub steps: Vec<Step>,
    /// Ping it when that has been said, and expect the pong.
    pub ping: bool,
}

/// One step of a conversation.
#[derive(Clone, Debug)]
pub struct Step {
    /// Sent as one text message, where there is something to send.
    pub send: Option<Words>,
    /// One of the messages that come afterwards must match.
    pub expect: Option<Regex>,
}

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Words {
    /// As it stands in the plan.
    Plain(Arc<str>),
    /// From outside the plan, and shown to nobody.
    Secret(Secret),
}

impl Words {
    fn text(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Secret(Secret(bytes)) => str::from_utf8(bytes).unwrap_or_default(),
        }
    }
}

/// Runs one probe.
pub async fn observe(spec: &Spec, net: &Net, watch: &mut Stopwatch) -> Sight {
    let upgraded = match upgrade(&spec.request, &spec.subprotocols, net, watch).await {
        Ok(upgraded) => *upgraded,
        Err(sight) => return *sight,
    };
    let Upgraded { mut sight, line, surplus, subprotocol } = upgraded;
    let heard = conversation::hold(line, surplus, spec, watch).await;
    let place = Place {
        url: http::socket_subject(&spec.request),
        address: sight.facts.address,
        timeout: watch.timeout(),
    };
    sight.findings.extend(judge::judge(spec, &place, &heard));
    let mut facts = heard.facts;
    facts.subprotocol = subprotocol;
    sight.facts.websocket = Some(Box::new(facts));
    http::veil(&http::masked(secrets(spec)), &mut sight);
    sight
}

fn secrets(spec: &Spec) -> Vec<String> {
    let sent = spec.steps.iter().filter_map(|step| match &step.send {
        Some(words @ Words::Secret(_)) => Some(words.text().to_owned()),
        Some(Words::Plain(_)) | None => None,
    });
    sent.chain(http::secrets(&spec.request.headers)).collect()
}
