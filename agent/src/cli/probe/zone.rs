//! Which zone a name lies in, where the arguments do not say.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_proto::rr::{Name, RecordType};

use crate::net::Net;

/// How long the whole search may take.
const WITHIN: Duration = Duration::from_secs(5);

/// The nearest zone at or above a name: the first with an SOA record of its own. Asks the first
/// nameserver given as an address, else `via`, else the system's resolver.
///
/// # Errors
/// A sentence for people: nobody knows, or nobody answers.
pub(in crate::cli) fn of(
    name: &str,
    nameservers: &[String],
    via: Option<&str>,
) -> Result<String, String> {
    let told = nameservers.iter().map(String::as_str).chain(via).find_map(address);
    let mut above =
        Name::from_utf8(name).map_err(|error| format!("{name:?} is no name: {error}"))?;
    above.set_fqdn(true);
    let advice = "Give the zone: --zone ZONE".to_owned();
    let runtime = crate::cli::runtime().map_err(|error| error.to_string())?;
    let whom = told.map_or_else(|| "the system's resolver".to_owned(), |told| told.to_string());
    let search = async { tokio::time::timeout(WITHIN, nearest(above, told)).await };
    let failure = match runtime.block_on(search) {
        Ok(Ok(Some(zone))) => return Ok(zone),
        Ok(Ok(None)) => {
            return Err(format!("{whom} knows no zone that {name} could lie in. {advice}"));
        }
        Ok(Err(failure)) => failure,
        Err(_) => format!("no answer within {} s", WITHIN.as_secs()),
    };
    Err(format!(
        "the zone of {name} is not known, for {whom} could not be asked: {failure}. {advice}"
    ))
}

/// The first name from here upwards that has an SOA record; the last failure, where none has.
async fn nearest(mut above: Name, told: Option<SocketAddr>) -> Result<Option<String>, String> {
    let net = Net::new(told)?;
    let mut failure = None;
    while !above.is_root() {
        match net.resolver().lookup(above.clone(), RecordType::SOA).await {
            // Behind a CNAME the SOA is that of another name.
            Ok(lookup)
                if lookup.answers().iter().any(|record| {
                    record.record_type() == RecordType::SOA && record.name == above
                }) =>
            {
                return Ok(Some(above.to_utf8().trim_end_matches('.').to_owned()));
            }
            Ok(_) => {}
            Err(error) if error.is_no_records_found() => {}
            Err(error) => failure = Some(error.to_string()),
        }
        above = above.base_name();
    }
    failure.map_or(Ok(None), Err)
}

fn address(written: &str) -> Option<SocketAddr> {
    let bare = || Some(SocketAddr::new(written.parse::<IpAddr>().ok()?, 53));
    written.parse().ok().or_else(bare)
}
