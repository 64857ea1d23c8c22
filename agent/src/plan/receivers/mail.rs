//! `mail = { to = "…", from = "…", server = "…" }`

use alerts::{Address, Channel, Mail, Roots, Security, Taken};

use super::{frame, login};
use crate::plan::notes::{Wrong, shown};
use crate::plan::row::Row;
use crate::plan::values;

pub(super) fn mail(row: &Row<'_>) -> Option<Channel> {
    let security = match row.choice("security") {
        Some("tls") => Security::Tls,
        Some("none") => Security::Plain,
        _ => Security::Starttls,
    };
    let usual_port = match security {
        Security::Tls => 465,
        Security::Starttls => 587,
        Security::Plain => 25,
    };
    let server = row.need(
        "server",
        row.parsed("server", |text| {
            values::host_and_port(text, Some(usual_port))
                .map(|(host, port)| (host.trim_matches(['[', ']']).to_owned(), port))
        }),
    );
    let from = row.need("from", row.parsed("from", address));
    let to = row.need("to", row.texts("to")).map(|texts| {
        let read = |text| row.understood("to", text, address);
        texts.iter().map(read).map(|at| at.map(|at| at.value)).collect::<Option<Vec<_>>>()
    });
    let roots = roots(row);
    let login = login::credentials(row).ok()?;
    if login.is_some() && security == Security::Plain {
        let wrong = Wrong::new("the password would be sent in the clear")
            .help("security = \"starttls\" or \"tls\"; or no user and password");
        row.note_key("user", &row.span_of("user"), wrong);
        return None;
    }
    let (server, port) = server?.value;
    Some(Channel::Mail(Mail {
        server,
        port,
        security,
        login,
        from: from?.value,
        to: to??,
        roots: roots?,
        taken: Taken::default(),
    }))
}

fn address(text: &str) -> Result<Address, Wrong> {
    text.parse().map_err(|_| {
        Wrong::new(format!("{} is not an address", shown(text)))
            .help("such as \"ops@shop.example\" or \"Ops <ops@shop.example>\"")
    })
}

/// The roots that `ca` names; `None` when one of them cannot be used, which is noted.
fn roots(row: &Row<'_>) -> Option<Roots> {
    if !row.has("ca") {
        return Some(Roots::default());
    }
    let mut pem = Vec::new();
    for text in row.texts("ca")? {
        let path = frame::path(row, "ca", &text)?;
        let read = row.understood("ca", &text, |_| {
            let surroundings = row.reading.surroundings;
            // Says what is wrong with a file in which there is no certificate.
            surroundings.roots(std::slice::from_ref(&path)).map_err(Wrong::new)?;
            surroundings.bytes_file(&path).map_err(|words| {
                Wrong::new(format!("{} cannot be read: {words}", shown(&path.to_string_lossy())))
            })
        });
        pem.push(read?.value);
    }
    let roots = Roots::with(pem).map_err(|words| {
        row.note_key("ca", &row.span_of("ca"), Wrong::new(words));
    });
    roots.ok()
}
