//! The servers of the zone above, as the agent's resolver knows them. Deliberately absent: asking
//! those servers.

use std::net::SocketAddr;

use futures_util::future::join_all;
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::time::{Instant, timeout_at};

use super::{MOST_NAMESERVERS, MOST_PARENTS, Parent};
use crate::net::Net;
use crate::probe::dns::server::{USUAL_PORT, resolve};
use crate::probe::dns::values::render_name;

/// The servers of the nearest name above that has NS records.
///
/// # Errors
/// The name at which the search ended, and why.
pub(super) async fn parent(
    zone: &Name,
    net: &Net,
    deadline: Instant,
) -> Result<Parent, (Name, String)> {
    let mut above = zone.base_name();
    above.set_fqdn(true);
    loop {
        let lookup = net.resolver().lookup(above.clone(), RecordType::NS);
        let failure = match timeout_at(deadline, lookup).await {
            Ok(Ok(lookup)) => {
                let names: Vec<String> = lookup
                    .answers()
                    .iter()
                    .filter_map(|record| match &record.data {
                        RData::NS(server) => Some(render_name(&server.0)),
                        _ => None,
                    })
                    .take(MOST_NAMESERVERS)
                    .collect();
                if !names.is_empty() {
                    return match addresses(&names, net, deadline).await {
                        Ok(servers) => Ok(Parent { zone: above, servers }),
                        Err(error) => Err((above, error)),
                    };
                }
                None
            }
            Ok(Err(error)) if error.is_no_records_found() => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("the resolver does not answer in time".to_owned()),
        };
        match failure {
            None if !above.is_root() => above = above.base_name(),
            None => return Err((above, "no NS records".to_owned())),
            Some(error) => return Err((above, error)),
        }
    }
}

async fn addresses(
    names: &[String],
    net: &Net,
    deadline: Instant,
) -> Result<Vec<SocketAddr>, String> {
    let found = join_all(names.iter().map(|name| resolve(name, USUAL_PORT, net, deadline))).await;
    let mut failure = String::from("no address");
    let mut addresses = Vec::new();
    for each in found {
        match each {
            Ok(some) => addresses.extend(some.addresses),
            Err(error) => failure = error,
        }
    }
    addresses.truncate(MOST_PARENTS);
    if addresses.is_empty() { Err(failure) } else { Ok(addresses) }
}
