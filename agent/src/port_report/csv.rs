//! The report as CSV (RFC 4180). Column names are the same in every language: programs read them.

use super::{OwnerCell, Presence, Row};
use crate::csv::{field, record};

const HEADINGS: &str = "host,port,protocol,service,description,claim,exposure,listening,bind,process,pid,owner_unknown,reachable,state,findings";

/// The report as CSV, a record for each row.
#[must_use]
pub fn csv(rows: &[Row]) -> String {
    let mut out = format!("{HEADINGS}\r\n");
    for row in rows {
        let listening = match row.presence {
            Presence::Bound(_) | Presence::Answers => "true",
            Presence::Nobody => "false",
            Presence::Unknown => "",
        };
        let bind = match &row.presence {
            Presence::Bound(binds) => {
                binds.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
            }
            Presence::Nobody | Presence::Answers | Presence::Unknown => String::new(),
        };
        let (process, pid, owner_unknown) = match &row.owner {
            OwnerCell::Process { name, pid, .. } => (field(name), pid.to_string(), ""),
            OwnerCell::Nobody => (String::new(), String::new(), ""),
            OwnerCell::Hidden => (String::new(), String::new(), "permission"),
            OwnerCell::Kernel => (String::new(), String::new(), "kernel"),
        };
        let reachable = row.reachable.map(|yes| yes.to_string()).unwrap_or_default();
        let codes: Vec<&str> = row.findings.iter().map(|(code, _)| code.label()).collect();
        let fields = [
            field(&row.host),
            row.port_words(),
            row.protocol.label().to_owned(),
            field(&row.service),
            field(&row.description),
            row.claim.map_or("", |claim| claim.label()).to_owned(),
            row.exposure.map_or("", |exposure| exposure.label()).to_owned(),
            listening.to_owned(),
            bind,
            process,
            pid,
            owner_unknown.to_owned(),
            reachable,
            row.state.label().to_owned(),
            codes.join(" "),
        ];
        out.push_str(&record(&fields));
    }
    out
}
