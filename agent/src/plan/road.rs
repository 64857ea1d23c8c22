//! How a server is reached beside `connect` and `source`: proxy, family, resolver, our certificate.

use std::sync::Arc;

use alerts::Secret;

use super::names::{Hosts, target};
use super::notes::{At, Wrong, shown};
use super::row::Row;
use super::schema::PROXY;
use super::{Endpoint, Target, agent, frame, receivers, values};
use crate::net::{Family, Proxy, Resolver, Road, Talk};
use crate::tls::ClientCertificate;

/// Reads the keys of a road; `None` where none is written. `dialled` is whom `source` and
/// `ip_version` have to fit.
pub(super) fn road(row: &Row<'_>, dialled: Option<&Target>, hosts: &Hosts) -> Option<Arc<Road>> {
    let proxy = proxy(row, hosts);
    let dialled = match &proxy {
        Some(proxy) if proxy.talk != Talk::Socks5 => Some(&proxy.endpoint.host),
        _ => dialled,
    };
    let road = Road {
        family: family(row, dialled),
        resolver: row
            .parsed("resolver", |text| agent::server(text, 53))
            .map(|at| Resolver::at(at.value)),
        client: client(row),
        proxy,
    };
    (!road.is_ordinary()).then(|| Arc::new(road))
}

/// `client_certificate` and `client_key`.
pub(super) fn client(row: &Row<'_>) -> Option<Arc<ClientCertificate>> {
    let file = |key| row.text(key).and_then(|text| frame::path(row, key, &text));
    let (certificate, key) = (file("client_certificate"), file("client_key"));
    if row.has("client_key") && !row.has("client_certificate") {
        let wrong = Wrong::new("a key alone shows nothing").help("with `client_certificate`");
        row.note_key("client_key", &row.span_of("client_key"), wrong);
    }
    Some(Arc::new(ClientCertificate::new(certificate?, key)))
}

fn family(row: &Row<'_>, dialled: Option<&Target>) -> Option<Family> {
    let version = row.whole("ip_version")?;
    let family = if version.value == 4 { Family::V4 } else { Family::V6 };
    if let Some(Target::Address(address)) = dialled
        && !family.includes(*address)
    {
        let wrong = Wrong::new(format!("{address} is no {} address", family.label()));
        row.note_key("ip_version", &version.span, wrong.help("remove one of the two"));
    }
    Some(family)
}

/// `proxy = "http://HOST:PORT"`, or a table with a user.
fn proxy(row: &Row<'_>, hosts: &Hosts) -> Option<Proxy> {
    let value = row.value("proxy")?;
    if let Some(text) = value.get_ref().as_str() {
        let text = At { value: text, span: value.span() };
        let (talk, endpoint) = row.understood("proxy", &text, |text| address(text, hosts))?.value;
        return Some(Proxy { talk, endpoint, user: None });
    }
    if !value.get_ref().is_table() {
        row.mismatch("proxy", value);
        return None;
    }
    let row = row.open_row(&PROXY, "proxy", value)?;
    let found = row.need("url", row.parsed("url", |text| address(text, hosts)));
    let user = row.parsed("user", |user| match user.len() {
        1..=255 if !user.contains(':') => Ok(user.to_owned()),
        _ => Err(Wrong::new("a user has 1 to 255 bytes, and no colon")),
    });
    frame::exclusive(&row, &["password_env", "password_file"]);
    let password = receivers::outside(&row, "password_env", "password_file");
    if let Some((text, span)) = &password
        && text.len() > 255
    {
        row.note(span, Wrong::new("what it holds is longer than 255 bytes"));
    }
    if row.has("user") != (row.has("password_env") || row.has("password_file")) {
        row.note_missing(
            "a user and a password go together".to_owned(),
            "user, and password_env or password_file",
        );
    }
    let (talk, endpoint) = found?.value;
    let user = user.zip(password);
    let user = user.map(|(user, (text, _))| (user.value, Secret(text.into_bytes())));
    Some(Proxy { talk, endpoint, user })
}

fn address(text: &str, hosts: &Hosts) -> Result<(Talk, Endpoint), Wrong> {
    let accepted = "accepted: http://HOST:PORT, socks5://HOST:PORT, socks5h://HOST:PORT";
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(Wrong::new(format!("{} is not a proxy's URL", shown(text))).help(accepted));
    };
    if rest.contains('@') {
        return Err(Wrong::secret("a URL here has no user and password").help(
            "a secret is never in the file: proxy = { url = \"…\", user = \"…\", password_env = \"NAME\" }",
        ));
    }
    let (talk, port) = match scheme {
        "http" => (Talk::Http, None),
        "socks5" => (Talk::Socks5, Some(1080)),
        "socks5h" => (Talk::Socks5Names, Some(1080)),
        "https" => {
            return Err(Wrong::new("a proxy that is spoken to in TLS cannot be used here")
                .help("most of them also take http://"));
        }
        _ => return Err(Wrong::new(format!("{scheme:?} is no kind of proxy")).help(accepted)),
    };
    let place = rest.strip_suffix('/').unwrap_or(rest);
    // As a host of the plan, else as an address or a name.
    let endpoint = match hosts.endpoint(place, port) {
        Ok(dialled) => dialled.endpoint,
        Err(_) => {
            let (host, port) = values::host_and_port(place, port)?;
            Endpoint { host: target(host)?, port }
        }
    };
    Ok((talk, endpoint))
}
