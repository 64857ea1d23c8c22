//! `[[tls]]` and `[[certificate]]`

mod sites;

use health::Kind;
use rustls_pki_types::ServerName;

use super::authority;
use super::frame::{self, Pace};
use super::names::{Hosts, Names};
use super::notes::Wrong;
use super::row::Row;
use super::{receivers, renewal, road, values};
use crate::probe::tcp::speaks::Password;
use crate::probe::tls::starttls::Starttls;
use crate::probe::tls::{EveryAddress, Pin};
use crate::probe::{self, certificate, tls};
use crate::renewal::certbots_file_about;
use crate::tls::{Expiring, ProtocolFloor, Remaining};

/// Reads one `[[tls]]`.
pub(super) fn check(
    row: &Row<'_>,
    pace: &Pace,
    hosts: &Hosts,
    names: &mut Names,
) -> Option<probe::Check> {
    let named = frame::named(row, names);
    let pace = pace.overridden(row);
    let nginx = sites::configuration(row);
    let address = row.text("address");
    let address = if row.has("nginx") { address } else { row.need("address", address) };
    let starttls = row.choice("starttls").and_then(Starttls::named);
    let port = starttls.map_or(443, Starttls::port);
    let target =
        address.as_ref().and_then(|text| frame::endpoint(row, "address", text, hosts, Some(port)));
    let port = target.as_ref().map(|dialled| dialled.endpoint.port);
    let connect =
        row.text("connect").and_then(|text| frame::endpoint(row, "connect", &text, hosts, port));
    let dialled = connect.as_ref().or(target.as_ref());
    let source = frame::source(row, dialled.map(|dialled| &dialled.endpoint.host));
    let owner = dialled.and_then(|dialled| dialled.owner.clone());
    let server_name = row.parsed("server_name", server_name).map(|at| at.value);
    let sends_name = row.switch("sni").unwrap_or(true);
    let every_address =
        row.choice("every_address").map_or_else(EveryAddress::default, |word| match word {
            "valid" => EveryAddress::Valid,
            "off" => EveryAddress::Off,
            _ => EveryAddress::Same,
        });
    let pins = pins(row);
    let min_version = row.choice("min_version").map(|version| match version {
        "1.0" => ProtocolFloor::Tls10,
        "1.1" => ProtocolFloor::Tls11,
        "1.3" => ProtocolFloor::Tls13,
        _ => ProtocolFloor::Tls12,
    });
    let file = row.text("file").and_then(|text| frame::path(row, "file", &text));
    let issuer = row.parsed("issuer", caa_name).map(|at| at.value);
    let revocation = authority::revocation(row);
    let expiring = expiring(row).unwrap_or_default();
    let renewal = renewal::served(row);
    let renewer = renewal.renewer.clone().or_else(|| certbots_file_about(file.as_deref()?));
    let ari = authority::ari(row, renewer);
    let alpn = applications(row);
    let client = road::client(row);
    let roots = pace.roots(row);
    let instance = address.as_ref().map(|at| at.value).or(nginx.as_ref().map(|at| at.written));
    let frame = named.frame(&pace, Kind::Tls, instance?, owner)?;
    let has_name = server_name.is_some();
    let connect = connect.map(|dialled| dialled.endpoint);
    let roots = roots?;
    let place = target.map(|target| tls::Spec {
        server_name: server_name.unwrap_or(target.host),
        target: target.endpoint,
        connect: connect.clone(),
        source,
        sends_name,
        every_address,
        pins,
        file,
        issuer,
        expiring,
        renewal: renewal.clone(),
        min_version,
        revocation,
        ari,
        starttls,
        alpn,
        client,
        roots: roots.clone(),
    });
    let spec = match nginx {
        None => probe::Spec::Tls(place?),
        Some(nginx) => {
            let all = tls::sites::Spec {
                configuration: nginx.path,
                connect,
                source,
                expiring,
                renewal,
                revocation,
                roots,
                beside: None,
            };
            probe::Spec::Sites(Box::new(sites::beside(all, place, has_name)))
        }
    };
    Some(probe::Check { frame, spec })
}

/// Reads one `[[certificate]]`.
pub(super) fn files(row: &Row<'_>, pace: &Pace, names: &mut Names) -> Option<probe::Check> {
    let named = frame::named(row, names);
    let pace = pace.overridden(row);
    let written = row.need("path", row.text("path"));
    let path = written.as_ref().and_then(|text| {
        row.understood("path", text, |text| {
            row.reading.path(text)?;
            absolute_pattern(row, text)
        })
    });
    let key = row.text("key").and_then(|text| frame::path(row, "key", &text));
    frame::exclusive(row, &["password_env", "password_file"]);
    let password = receivers::outside(row, "password_env", "password_file");
    let password = password.map(|(text, _)| Password(text.into()));
    let expiring = expiring(row).unwrap_or_default();
    let renewal = renewal::stored(row);
    let (written, path) = (written?, path?);
    let frame = named.frame(&pace, Kind::Certificate, written.value, None)?;
    let spec = certificate::Spec { path: path.value, key, password, expiring, renewal };
    Some(probe::Check { frame, spec: probe::Spec::Certificate(spec) })
}

/// The pattern with the plan's folder before it, where it is relative; the folder's own name may
/// hold characters that a pattern would understand.
fn absolute_pattern(row: &Row<'_>, text: &str) -> Result<String, Wrong> {
    glob::Pattern::new(text).map_err(|error| {
        Wrong::new(format!("{text:?} is not a pattern: {}", error.msg))
            .help("* stands for any part of a name, ** for any folders, [[] for a bracket")
    })?;
    if text.starts_with('/') {
        return Ok(text.to_owned());
    }
    let folder = row.reading.folder.to_str().ok_or_else(|| {
        Wrong::new("the plan's folder is not UTF-8").help("write an absolute path")
    })?;
    Ok(format!("{}/{text}", glob::Pattern::escape(folder).trim_end_matches('/')))
}

/// `alpn = […]`: names as RFC 7301 has them, of 1 to 255 bytes.
fn applications(row: &Row<'_>) -> Vec<String> {
    let names = row.texts("alpn").unwrap_or_default();
    let understood = names.iter().filter_map(|text| {
        row.understood("alpn", text, |name| match name.len() {
            1..=255 => Ok(name.to_owned()),
            _ => Err(Wrong::new("an application protocol has a name of 1 to 255 bytes")
                .help("such as \"h2\", \"http/1.1\", \"mqtt\", \"postgresql\"")),
        })
    });
    understood.map(|at| at.value).collect()
}

fn server_name(text: &str) -> Result<String, Wrong> {
    let name = text.strip_suffix('.').unwrap_or(text);
    match ServerName::try_from(name) {
        Ok(_) => Ok(name.to_ascii_lowercase()),
        Err(_) => Err(Wrong::new(format!("{text:?} is neither a domain name nor an address"))
            .help("such as \"shop.example\", without a port and without *")),
    }
}

/// `pin = ["sha256/…", …]`
fn pins(row: &Row<'_>) -> Vec<Pin> {
    let read = |text: &str| {
        Pin::read(text).ok_or_else(|| {
            Wrong::new(format!("{text:?} is neither the SHA-256 of a key nor of a certificate"))
                .help("\"sha256/\" and the base64 of a public key's digest, as `portwarden probe tls` shows it, or a certificate's SHA-256 fingerprint in hex")
        })
    };
    let texts = row.texts("pin").unwrap_or_default();
    texts.iter().filter_map(|text| row.understood("pin", text, read)).map(|at| at.value).collect()
}

/// The domain name by which CAA records call a CA (RFC 8659 §4.2).
fn caa_name(text: &str) -> Result<String, Wrong> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_name = name.contains('.')
        && name.len() < 254
        && name.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        });
    if is_name {
        return Ok(name.to_ascii_lowercase());
    }
    Err(Wrong::new(format!("{text:?} is not the name of a CA as CAA records have it")).help(
        "the domain that the CA gives for CAA: \"letsencrypt.org\", \"sectigo.com\", \"pki.goog\"",
    ))
}

/// `expiring_within = [warning, critical]`
pub(super) fn expiring(row: &Row<'_>) -> Option<Expiring> {
    let texts = row.texts("expiring_within")?;
    let parts: Vec<_> = texts
        .iter()
        .filter_map(|text| row.understood("expiring_within", text, values::remaining))
        .collect();
    let span = row.span_of("expiring_within");
    if texts.len() != 2 {
        let wrong = Wrong::new("two values are needed: warning, critical")
            .help("such as [\"33%\", \"10%\"] or [\"21d\", \"7d\"]");
        row.note_key("expiring_within", &span, wrong);
    }
    let [warning, critical] = &parts[..] else { return None };
    let (warning, critical) = (warning.value, critical.value);
    let backwards = match (warning, critical) {
        (Remaining::Share(warning), Remaining::Share(critical)) => warning < critical,
        (Remaining::Time(warning), Remaining::Time(critical)) => warning < critical,
        // A share of a lifetime not known yet and a time cannot be compared.
        _ => false,
    };
    if backwards {
        let wrong = Wrong::new("the warning would come after it is critical")
            .help("the first value is the warning's and the larger one");
        row.note_key("expiring_within", &span, wrong);
    }
    Some(Expiring { warning, critical })
}
