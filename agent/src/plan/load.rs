//! From text to plan, or to every mistake in it.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use toml::de::DeTable;

use super::frame::Pace;
use super::matching::Known;
use super::mistakes::Mistakes;
use super::names::{Hosts, Names};
use super::notes::{Notes, Wrong};
use super::reading::Reading;
use super::row::Row;
use super::schema::PLAN;
use super::surroundings::{Surroundings, ThisMachine, bounded};
use super::{
    Agent, Plan, acme, agent, alerting, dns, forward, grpc, heartbeat, hosts, http, icmp, journey,
    maintenance, receivers, routes, tcp, tls, udp, websocket,
};
use crate::probe;

/// Largest plan that is read, in bytes: some hundred thousand checks.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Reads a plan from a file.
///
/// # Errors
/// Every mistake in it; or one about the file as a whole, when it cannot be read.
pub fn load(path: &Path) -> Result<Plan, Mistakes> {
    open(path, |text, folder| parse(text, path, folder, &ThisMachine))
}

/// Reads `[agent]` of a plan alone: for commands that talk to a running agent, whoever runs them has
/// no secrets of receivers, and a mistake elsewhere is none of theirs.
///
/// # Errors
/// Every mistake in that table; or one about the file as a whole.
pub fn load_agent(path: &Path) -> Result<Agent, Mistakes> {
    open(path, |text, folder| understand(text, path, folder, &ThisMachine, agent::agent))
}

/// Hands the text of a file, and its folder, to whoever understands it.
fn open<T>(
    path: &Path,
    read: impl FnOnce(&str, &Path) -> Result<T, Mistakes>,
) -> Result<T, Mistakes> {
    let shown = path.display().to_string();
    let bytes = match bounded(path, LARGEST) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            let message = format!("larger than {} MiB", LARGEST / 1024 / 1024);
            return Err(Mistakes::of_file(&shown, message, "this is not a plan"));
        }
        Err(error) => {
            let help = "name the plan with --config FILE; the probes.toml that comes with portwarden shows every key";
            return Err(Mistakes::of_file(&shown, format!("cannot be read: {error}"), help));
        }
    };
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = absolute.parent().unwrap_or(Path::new("/"));
    match String::from_utf8(bytes) {
        Ok(text) => read(&text, folder),
        Err(error) => {
            let text = String::from_utf8_lossy(error.as_bytes());
            let notes = Notes::new(&shown, &text);
            // Up to the first bad byte the text is as it was, so the place is the same.
            let bad = error.utf8_error().valid_up_to();
            notes.note(&(bad..bad + 1), Wrong::new("not UTF-8").help("save the file as UTF-8"));
            Err(notes.into_mistakes().unwrap_or_else(|| {
                Mistakes::of_file(&shown, "not UTF-8".to_owned(), "save the file as UTF-8")
            }))
        }
    }
}

/// Makes a plan of a text: a function of that text and its surroundings. `path` is what messages
/// call the file, `folder` (absolute) what relative paths in it are relative to.
///
/// # Errors
/// Every mistake in it.
pub fn parse(
    text: &str,
    path: &Path,
    folder: &Path,
    surroundings: &dyn Surroundings,
) -> Result<Plan, Mistakes> {
    understand(text, path, folder, surroundings, |root| read(root, path))
}

fn understand<T>(
    text: &str,
    path: &Path,
    folder: &Path,
    surroundings: &dyn Surroundings,
    read: impl FnOnce(&Row<'_>) -> T,
) -> Result<T, Mistakes> {
    let shown = path.display().to_string();
    let (document, errors) = DeTable::parse_recoverable(text);
    let reading = Reading {
        notes: Notes::new(&shown, text),
        surroundings,
        folder,
        roots: RefCell::default(),
        patterns: RefCell::default(),
        byte_patterns: RefCell::default(),
        labels: RefCell::default(),
    };
    errors.iter().for_each(|error| reading.notes.note_syntax(error));
    let understood = read(&Row::open(&reading, &PLAN, document.get_ref(), 0..0));
    match reading.notes.into_mistakes() {
        Some(mistakes) => Err(mistakes),
        None => Ok(understood),
    }
}

/// Reads everything; worth something only if no mistake was noted on the way.
fn read(root: &Row<'_>, path: &Path) -> Plan {
    let agent = agent::agent(root);
    let builtin = Pace::builtin();
    let pace = root.row("defaults").map_or_else(|| builtin.clone(), |row| builtin.overridden(&row));
    let (mut names, mut known) = (Names::default(), Hosts::default());
    let machines = hosts::machines(root, &agent, pace, &mut names, &mut known);
    let pace = machines.pace;
    let mut checks = machines.checks;
    checks.extend(others(root, &agent, &pace, &known, &mut names).into_iter().map(Arc::new));
    let alerting = alerting::alerting(root);
    let by_default =
        receivers::Reader { language: agent.language, timezone: alerting.timezone.clone() };
    let (receivers, receiver_names) = receivers::receivers(root, &by_default);
    let all = Known { names: &names, hosts: &known };
    let routes = routes::routes(root, &receiver_names, all, &alerting.timezone);
    let maintenance = maintenance::maintenance(root, all, &alerting.timezone);
    names.judge_ports(&root.reading.notes, &known);
    names.judge_dependencies(&root.reading.notes, &known);
    Plan {
        path: path.to_owned(),
        agent,
        hosts: machines.hosts,
        checks,
        sweeps: machines.sweeps,
        receivers,
        routes,
        maintenance,
        alerting,
    }
}

/// Every check that is not a claim, in the order of the file.
fn others(
    root: &Row<'_>,
    agent: &Agent,
    pace: &Pace,
    known: &Hosts,
    names: &mut Names,
) -> Vec<probe::Check> {
    let kinds = [
        "tcp",
        "http",
        "tls",
        "certificate",
        "dns",
        "forward",
        "acme",
        "journey",
        "websocket",
        "grpc",
        "icmp",
        "udp",
        "heartbeat",
    ];
    let mut rows: Vec<(&str, Row<'_>)> = kinds
        .iter()
        .flat_map(|&kind| root.rows(kind).into_iter().map(move |row| (kind, row)))
        .collect();
    rows.sort_by_key(|(_, row)| row.span.start);
    let mut checks = Vec::with_capacity(rows.len());
    for (kind, row) in &rows {
        checks.extend(match *kind {
            "tcp" => tcp::check(row, pace, known, names),
            "http" => http::check(row, pace, known, names),
            "tls" => tls::check(row, pace, known, names),
            "certificate" => tls::files(row, pace, names),
            "forward" => forward::check(row, pace, known, names),
            "acme" => acme::check(row, pace, known, names),
            "journey" => journey::check(row, pace, known, names),
            "websocket" => websocket::check(row, pace, known, names),
            "grpc" => grpc::check(row, pace, known, names),
            "icmp" => icmp::check(row, pace, known, names),
            "udp" => udp::check(row, pace, known, names),
            "heartbeat" => heartbeat::check(row, agent, pace, names),
            _ => dns::check(row, pace, known, names, &agent.hints),
        });
    }
    checks
}
