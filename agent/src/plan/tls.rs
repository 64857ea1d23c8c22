//! `[[tls]]` and `[[certificate]]`

use health::Kind;
use rustls_pki_types::ServerName;

use super::frame::{self, Pace};
use super::names::{Hosts, Names};
use super::notes::Wrong;
use super::row::Row;
use super::{Target, receivers, values};
use crate::probe::tcp::speaks::Password;
use crate::probe::{self, certificate, tls};
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
    let nginx =
        row.text("nginx").and_then(|text| Some((text.value, frame::path(row, "nginx", &text)?)));
    let address = row.text("address");
    let alone = ["server_name", "file", "min_version"].into_iter();
    for key in alone.filter(|key| row.has("nginx") && !row.has("address") && row.has(key)) {
        let wrong = Wrong::new("it says something of one place, and there is no `address`")
            .help("every server of `nginx` has names and files of its own");
        row.note_key(key, &row.span_of(key), wrong);
    }
    let address = if row.has("nginx") { address } else { row.need("address", address) };
    let target =
        address.as_ref().and_then(|text| frame::endpoint(row, "address", text, hosts, Some(443)));
    let port = target.as_ref().map(|dialled| dialled.endpoint.port);
    let connect =
        row.text("connect").and_then(|text| frame::endpoint(row, "connect", &text, hosts, port));
    let dialled = connect.as_ref().or(target.as_ref());
    let source = frame::source(row, dialled.map(|dialled| &dialled.endpoint.host));
    let owner = dialled.and_then(|dialled| dialled.owner.clone());
    let server_name = row.parsed("server_name", server_name).map(|at| at.value);
    let min_version = row.choice("min_version").map(|version| match version {
        "1.3" => ProtocolFloor::Tls13,
        _ => ProtocolFloor::Tls12,
    });
    let file = row.text("file").and_then(|text| frame::path(row, "file", &text));
    let issuer = row.parsed("issuer", caa_name).map(|at| at.value);
    let expiring = expiring(row).unwrap_or_default();
    let roots = pace.roots(row);
    let roots = roots?;
    let instance =
        address.as_ref().map(|text| text.value).or(nginx.as_ref().map(|(text, _)| *text));
    let frame = named.frame(&pace, Kind::Tls, instance?, owner)?;
    let endpoint = target.as_ref().map(|dialled| dialled.endpoint.clone());
    let connect = connect.map(|dialled| dialled.endpoint);
    let beside = target.map(|target| tls::Spec {
        server_name: server_name.clone().unwrap_or(target.host),
        target: target.endpoint,
        connect: connect.clone(),
        source,
        file,
        issuer,
        expiring,
        min_version,
        roots: roots.clone(),
    });
    let Some((_, configuration)) = nginx else {
        return Some(probe::Check { frame, spec: probe::Spec::Tls(beside?) });
    };
    // An address without a name is where nginx is met, and no site of its own.
    let is_site =
        |spec: &tls::Spec| matches!(spec.target.host, Target::Name(_)) || server_name.is_some();
    let beside = beside.filter(is_site).map(Box::new);
    let connect = connect.or_else(|| endpoint.filter(|_| beside.is_none()));
    let spec = tls::sites::Spec { configuration, connect, source, expiring, roots, beside };
    Some(probe::Check { frame, spec: probe::Spec::Sites(Box::new(spec)) })
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
    let (written, path) = (written?, path?);
    let frame = named.frame(&pace, Kind::Certificate, written.value, None)?;
    let spec = certificate::Spec { path: path.value, key, password, expiring };
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

fn server_name(text: &str) -> Result<String, Wrong> {
    let name = text.strip_suffix('.').unwrap_or(text);
    match ServerName::try_from(name) {
        Ok(_) => Ok(name.to_ascii_lowercase()),
        Err(_) => Err(Wrong::new(format!("{text:?} is neither a domain name nor an address"))
            .help("such as \"shop.example\", without a port and without *")),
    }
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
