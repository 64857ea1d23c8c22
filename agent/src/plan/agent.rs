//! `[agent]`: this vantage point.

use std::net::SocketAddr;

use alerts::Hidden;
use health::Language;

use super::notes::{At, Wrong};
use super::reading::Reading;
use super::row::Row;
use super::{Agent, frame, receivers, values};
use crate::metrics::Vocabulary;

const LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9740);

/// Shorter ones can be guessed.
const SHORTEST_TOKEN: usize = 16;

/// Reads `[agent]`, or makes one of defaults alone where there is none.
pub(super) fn agent(plan: &Row<'_>) -> Agent {
    let machine = machine_name(plan.reading);
    let Some(row) = plan.row("agent") else {
        return Agent {
            url: url_of(LISTEN, &machine),
            name: machine.into(),
            listen: LISTEN,
            store: plan.reading.folder.join("portwarden.db"),
            language: Language::En,
            resolver: None,
            hints: Vec::new(),
            probes_in_flight: 512,
            metrics_also: Vec::new(),
            token: None,
        };
    };
    let listen = row.parsed("listen", values::socket).map_or(LISTEN, |at| at.value);
    let name = row.parsed("name", values::name).map_or_else(|| machine.clone(), |at| at.value);
    let store = row.text("store").and_then(|text| {
        refuse_server(&row, &text)?;
        frame::path(&row, "store", &text)
    });
    Agent {
        url: row
            .parsed("url", super::http::url)
            .map_or_else(|| url_of(listen, &machine), |at| at.value.to_string())
            .trim_end_matches('/')
            .to_owned(),
        name: name.into(),
        listen,
        store: store.unwrap_or_else(|| plan.reading.folder.join("portwarden.db")),
        language: row.choice("language").map_or(Language::En, frame::language),
        resolver: row.parsed("resolver", |text| server(text, 53)).map(|at| at.value),
        hints: servers(&row, "hints"),
        probes_in_flight: row
            .whole("probes_in_flight")
            .and_then(|at| usize::try_from(at.value).ok())
            .unwrap_or(512),
        metrics_also: vocabularies(&row),
        token: token(&row),
    }
}

/// What lets somebody silence and acknowledge.
fn token(row: &Row<'_>) -> Option<Hidden> {
    frame::exclusive(row, &["token_env", "token_file"]);
    let (text, span) = receivers::outside(row, "token_env", "token_file")?;
    let token = text.trim();
    if token.len() < SHORTEST_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let wrong = format!("a token has at least {SHORTEST_TOKEN} visible ASCII characters");
        row.note(&span, Wrong::secret(&wrong).help("make one: openssl rand -hex 32"));
        return None;
    }
    Some(Hidden::new(token))
}

fn vocabularies(row: &Row<'_>) -> Vec<Vocabulary> {
    let texts = row.texts("metrics_also").unwrap_or_default();
    let read = |text: &At<_>| Some(row.understood("metrics_also", text, vocabulary)?.value);
    texts.iter().filter_map(read).collect()
}

fn vocabulary(text: &str) -> Result<Vocabulary, Wrong> {
    Vocabulary::ALL.into_iter().find(|known| known.label() == text).ok_or_else(|| {
        let known = Vocabulary::ALL.map(|known| format!("\"{}\"", known.label())).join(", ");
        Wrong::new(format!("{text:?} is not an exporter whose names are known"))
            .help(format!("accepted: {known}"))
    })
}

/// A DNS server by its address, where the port may be left out.
pub(super) fn server(text: &str, usual_port: u16) -> Result<SocketAddr, Wrong> {
    let (host, port) = values::host_and_port(text, Some(usual_port))?;
    Ok(SocketAddr::new(values::ip(host)?, port))
}

/// DNS servers by their addresses.
pub(super) fn servers(row: &Row<'_>, key: &'static str) -> Vec<SocketAddr> {
    let texts = row.texts(key).unwrap_or_default();
    let read = |text: &At<_>| row.understood(key, text, |text| server(text, 53)).map(|at| at.value);
    texts.iter().filter_map(read).collect()
}

/// A database server may come later; it must not be taken for the name of a file.
fn refuse_server(row: &Row<'_>, text: &At<&str>) -> Option<()> {
    let Some((scheme, _)) = text.value.split_once("://") else { return Some(()) };
    let wrong = match scheme {
        "postgres" | "postgresql" => {
            Wrong::secret("`store`: PostgreSQL is not supported yet by this version")
        }
        _ => Wrong::secret("`store` is a file, not a URL"),
    };
    row.note(&text.span, wrong.help("write the path of an SQLite file such as \"portwarden.db\""));
    None
}

fn machine_name(reading: &Reading<'_>) -> String {
    let own = reading.surroundings.machine_name();
    own.and_then(|own| values::name(&own).ok()).unwrap_or_else(|| "portwarden".to_owned())
}

/// Where people find the dashboard: an address that means every address is no link.
fn url_of(listen: SocketAddr, machine: &str) -> String {
    if listen.ip().is_unspecified() {
        format!("http://{machine}:{}", listen.port())
    } else {
        format!("http://{listen}")
    }
}
