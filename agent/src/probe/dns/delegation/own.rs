//! What a zone's own servers say of its nameservers' addresses, to be held against the glue. Asked
//! when the delegation is looked up, not at each probe.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::time::Instant;

use super::{Asker, Delegation};
use crate::clock::monotonic;
use crate::probe::dns::exchange::Arrival;
use crate::probe::dns::question::Question;
use crate::probe::dns::server::absolute;

/// Addresses of the zone's servers that are asked.
const MOST_ASKED: usize = 8;
/// Nameservers within the zone that are asked for.
const MOST_NAMES: usize = 16;
/// A probe may have to wait for this the first time: servers that are slower are left out.
const ANSWERED_WITHIN: Duration = Duration::from_secs(1);

/// The addresses of one kind of a nameserver within its own zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::probe::dns) struct Own {
    /// Lower case, without the final dot.
    pub(in crate::probe::dns) name: Arc<str>,
    /// A or AAAA.
    pub(in crate::probe::dns) record_type: RecordType,
    /// What most of the zone's servers say, sorted; empty: no such record.
    pub(in crate::probe::dns) addresses: Vec<IpAddr>,
    /// One that says so.
    pub(in crate::probe::dns) server: SocketAddr,
}

/// Asks the delegated servers for the addresses of those among them that lie within the zone.
pub(super) async fn ask(zone: &Name, delegation: &Delegation, asker: Asker) -> Vec<Own> {
    let Some(norm) = delegation.norm().filter(|norm| !norm.is_from_zone) else {
        return Vec::new();
    };
    let within = norm.servers.iter().filter_map(|server| {
        let name = absolute(&server.name).ok().filter(|name| zone.zone_of(name))?;
        Some((server.name.clone(), name))
    });
    let within: Vec<(Arc<str>, Name)> = within.take(MOST_NAMES).collect();
    if within.is_empty() {
        return Vec::new();
    }
    let kinds = [RecordType::A, RecordType::AAAA];
    let questions: Vec<Question> = within
        .iter()
        .flat_map(|(_, name)| kinds.map(|record_type| Question::new(name, record_type)))
        .collect();
    let soon = Instant::from_std(monotonic()) + ANSWERED_WITHIN;
    let asker = Asker { deadline: asker.deadline.min(soon), ..asker };
    // One address of each server before the second of any.
    let mut addresses: Vec<(usize, SocketAddr)> = delegation
        .servers
        .iter()
        .flat_map(|server| server.addresses.iter().copied().enumerate())
        .collect();
    addresses.sort_by_key(|&(nth, _)| nth);
    addresses.truncate(MOST_ASKED);
    let rows = addresses.iter().map(async |&(_, server)| {
        let arrivals = asker.put(server, &questions).await.into_iter();
        let said: Vec<Option<Vec<IpAddr>>> = arrivals
            .zip(&questions)
            .map(|(arrival, question)| said(&arrival.ok()?, question))
            .collect();
        (server, said)
    });
    let rows = join_all(rows).await;
    let names = within.iter().flat_map(|(name, _)| kinds.map(|kind| (name, kind)));
    names
        .enumerate()
        .filter_map(|(index, (name, record_type))| {
            let column: Vec<(SocketAddr, &Vec<IpAddr>)> = rows
                .iter()
                .filter_map(|(server, said)| Some((*server, said.get(index)?.as_ref()?)))
                .collect();
            let (server, addresses) = most(&column)?;
            let addresses = addresses.clone();
            Some(Own { name: name.clone(), record_type, addresses, server })
        })
        .collect()
}

/// The answer that most servers give, the first of those given as often.
fn most<'a>(column: &[(SocketAddr, &'a Vec<IpAddr>)]) -> Option<(SocketAddr, &'a Vec<IpAddr>)> {
    let weight = |one: &Vec<IpAddr>| column.iter().filter(|(_, other)| one == *other).count();
    column.iter().rev().max_by_key(|(_, one)| weight(one)).copied()
}

/// The addresses in an answer with authority; `None` for anything else.
fn said(arrival: &Arrival, question: &Question) -> Option<Vec<IpAddr>> {
    let message = &arrival.message;
    let is_answer =
        matches!(message.metadata.response_code, ResponseCode::NoError | ResponseCode::NXDomain);
    if !is_answer || !message.metadata.authoritative {
        return None;
    }
    let records =
        message.answers.iter().filter(|record| record.name.eq_ignore_root(&question.name));
    let mut addresses: Vec<IpAddr> = records
        .filter_map(|record| match &record.data {
            RData::A(address) => Some(address.0.into()),
            RData::AAAA(address) => Some(address.0.into()),
            _ => None,
        })
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    Some(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_most_servers_counts() {
        let ip = |last: u8| vec![IpAddr::from([192, 0, 2, last])];
        let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let (one, two) = (ip(1), ip(2));
        assert_eq!(most(&[]), None);
        assert_eq!(most(&[(at(1), &one), (at(2), &two)]), Some((at(1), &one)));
        assert_eq!(most(&[(at(1), &one), (at(2), &two), (at(3), &two)]), Some((at(2), &two)));
    }
}
