//! `revocation` and `ari`: what a CA is asked.

use std::path::PathBuf;

use toml::de::DeValue;

use super::notes::Wrong;
use super::row::Row;
use crate::authority::{Directory, Inquiry};

/// `revocation = "crl" | "staple" | "off"`
pub(super) fn revocation(row: &Row<'_>) -> Inquiry {
    match row.choice("revocation") {
        Some("off") => Inquiry::Off,
        Some("staple") => Inquiry::Staple,
        _ => Inquiry::Lists,
    }
}

/// `ari = "https://…/directory"`, or `true` where a file of certbot's own is known.
pub(super) fn ari(row: &Row<'_>, renewer: Option<PathBuf>) -> Option<Directory> {
    match row.value("ari")?.get_ref() {
        DeValue::Boolean(false) => None,
        DeValue::Boolean(true) => {
            if renewer.is_none() {
                let wrong = Wrong::new("true needs a file that certbot keeps")
                    .help("file = \"/etc/letsencrypt/live/NAME/fullchain.pem\", or here the URL of the CA's ACME directory");
                row.note_key("ari", &row.span_of("ari"), wrong);
            }
            renewer.map(Directory::NamedIn)
        }
        _ => row.parsed("ari", directory).map(|at| at.value),
    }
}

fn directory(text: &str) -> Result<Directory, Wrong> {
    match reqwest::Url::parse(text) {
        Ok(url) if url.scheme() == "https" => Ok(Directory::At(text.to_owned())),
        _ => Err(Wrong::new(format!("{text:?} is not the URL of an ACME directory"))
            .help("such as \"https://acme-v02.api.letsencrypt.org/directory\"")),
    }
}
