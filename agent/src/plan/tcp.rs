//! `[[tcp]]`

use health::Kind;

use super::frame::{self, Pace};
use super::names::{Hosts, Names};
use super::notes::{At, Wrong, shown};
use super::receivers;
use super::row::Row;
use crate::probe::tcp::speaks::{Login, Password, Speaks};
use crate::probe::{self, tcp};
use crate::ssh::Fingerprint;

/// Reads one `[[tcp]]`.
pub(super) fn check(
    row: &Row<'_>,
    pace: &Pace,
    hosts: &Hosts,
    names: &mut Names,
) -> Option<probe::Check> {
    let named = frame::named(row, names);
    let pace = pace.overridden(row);
    let address = row.need("address", row.text("address"));
    let target =
        address.as_ref().and_then(|text| frame::endpoint(row, "address", text, hosts, None));
    let source = frame::source(row, target.as_ref().map(|dialled| &dialled.endpoint.host));
    let expect_closed = row.switch("expect_closed").unwrap_or(false);
    let mut steps = Vec::new();
    if let Some(text) = row.text("expect") {
        let expect = frame::byte_pattern(row, "expect", &text);
        steps.push(tcp::Step { send: Vec::new(), expect });
    }
    steps.extend(row.rows("step").iter().map(step));
    if expect_closed && !steps.is_empty() {
        let wrong = Wrong::new("a port that must be closed says nothing")
            .help("remove `expect` and the steps, or `expect_closed`");
        row.note_key("expect_closed", &row.span_of("expect_closed"), wrong);
    }
    let speaks = speaks(row);
    let (address, target) = (address?, target?);
    let frame = named.frame(&pace, Kind::Tcp, address.value, target.owner)?;
    let spec = tcp::Spec { target: target.endpoint, source, expect_closed, steps, speaks };
    Some(probe::Check { frame, spec: probe::Spec::Tcp(spec) })
}

/// The hello of `speaks`, with the keys that it needs.
fn speaks(row: &Row<'_>) -> Option<Speaks> {
    let word = |key| row.parsed(key, word).map(|at| at.value.into());
    frame::exclusive(row, &["password_env", "password_file"]);
    let password = receivers::outside(row, "password_env", "password_file");
    let password = password.map(|(text, _)| Password(text.into()));
    let login = Login { user: word("user"), database: word("database"), password };
    let mut protocol = row.choice("speaks").and_then(|name| Speaks::named(name, login));
    let takes_login = protocol.as_ref().is_some_and(|protocol| protocol.login().is_some());
    // A wrong name has been noted already.
    if !takes_login && (protocol.is_some() || !row.has("speaks")) {
        for key in ["user", "database"].into_iter().filter(|key| row.has(key)) {
            let wrong = Wrong::new("only a hello to a database has one")
                .help("with speaks = \"postgres\" or \"mysql\"");
            row.note_key(key, &row.span_of(key), wrong);
        }
    }
    let is_postgres = matches!(protocol, Some(Speaks::Postgres(_)));
    for key in ["password_env", "password_file"].into_iter().filter(|key| row.has(key)) {
        let help = "with speaks = \"postgres\" and `user`";
        if !is_postgres || !row.has("user") {
            let wrong = Wrong::new("only a user of PostgreSQL can prove a password").help(help);
            row.note_key(key, &row.span_of(key), wrong);
        }
    }
    let written = host_keys(row);
    match &mut protocol {
        Some(Speaks::Ssh { host_keys }) => *host_keys = written,
        _ if row.has("host_key") => {
            let wrong =
                Wrong::new("only an SSH server has a host key").help("with speaks = \"ssh\"");
            row.note_key("host_key", &row.span_of("host_key"), wrong);
        }
        _ => {}
    }
    for other in ["expect", "step", "expect_closed"] {
        frame::exclusive(row, &["speaks", other]);
    }
    protocol
}

/// Fingerprints as `ssh-keygen -l` prints them.
fn host_keys(row: &Row<'_>) -> Vec<Fingerprint> {
    let read = |text: At<&str>| {
        let read = Fingerprint::parse(text.value);
        if read.is_none() {
            let wrong = Wrong::new(format!("{} is no fingerprint of a host key", shown(text.value)))
                .help(
                    "SHA256: and 43 characters: `ssh-keyscan -p PORT HOST | ssh-keygen -lf -` or `portwarden probe tcp HOST:PORT --speaks ssh` prints it",
                );
            row.note_key("host_key", &text.span, wrong);
        }
        read
    };
    row.texts("host_key").unwrap_or_default().into_iter().filter_map(read).collect()
}

/// The name of a user or a database.
fn word(text: &str) -> Result<&str, Wrong> {
    match text {
        "" => Err(Wrong::new("the name is empty")),
        _ if text.contains('\0') => Err(Wrong::new(format!("{text:?} holds a control character"))),
        _ if text.len() > 255 => Err(Wrong::new("the name is too long").help("at most 255 bytes")),
        _ => Ok(text),
    }
}

fn step(row: &Row<'_>) -> tcp::Step {
    let send = row.text("send").map(|at| at.value.as_bytes().to_vec()).unwrap_or_default();
    let expect = row.text("expect").and_then(|text| frame::byte_pattern(row, "expect", &text));
    if !row.has("send") && !row.has("expect") {
        row.note_missing("the step does nothing".to_owned(), "`send`, `expect`, or both");
    }
    tcp::Step { send, expect }
}
