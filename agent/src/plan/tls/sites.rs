//! `nginx` on `[[tls]]`: every server of a configuration, alone or beside one place.

use std::path::PathBuf;

use crate::plan::Target;
use crate::plan::frame;
use crate::plan::notes::Wrong;
use crate::plan::row::Row;
use crate::probe::tls::{self, sites};

/// What is said of one place, and of none where every server has its own.
const OF_ONE_PLACE: [&str; 9] = [
    "server_name",
    "file",
    "issuer",
    "min_version",
    "starttls",
    "alpn",
    "pin",
    "sni",
    "every_address",
];

/// The configuration.
pub(super) struct Nginx<'a> {
    pub(super) written: &'a str,
    pub(super) path: PathBuf,
}

/// Reads `nginx`, and notes what makes no sense with it alone.
pub(super) fn configuration<'a>(row: &Row<'a>) -> Option<Nginx<'a>> {
    let is_alone = row.has("nginx") && !row.has("address");
    for key in OF_ONE_PLACE.into_iter().filter(|&key| is_alone && row.has(key)) {
        let wrong = Wrong::new("it says something of one place, and there is no `address`")
            .help("every server of `nginx` has a name and a file of its own");
        row.note_key(key, &row.span_of(key), wrong);
    }
    let text = row.text("nginx")?;
    Some(Nginx { written: text.value, path: frame::path(row, "nginx", &text)? })
}

/// With the place that is named as well. An address without a name is where nginx is met, and no site of
/// its own.
pub(super) fn beside(all: sites::Spec, place: Option<tls::Spec>, has_name: bool) -> sites::Spec {
    match place {
        Some(place) if has_name || matches!(place.target.host, Target::Name(_)) => {
            sites::Spec { beside: Some(Box::new(place)), ..all }
        }
        place => {
            let met_at = all.connect.clone().or(place.map(|place| place.target));
            sites::Spec { connect: met_at, ..all }
        }
    }
}
