//! `[[receiver]]` and `[[route]]`: who is told, of what; and secrets, which are never in the file.

use std::collections::HashMap;
use std::sync::Arc;

use alerts::{Channel, Receiver, Route, Secret, Webhook};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use health::Severity;

use super::notes::{Notes, Span, Wrong, listed, shown};
use super::row::Row;
use super::{frame, http, values};

/// Reads every `[[receiver]]`, and hands back their names, those of broken ones included.
pub(super) fn receivers(plan: &Row<'_>) -> (Vec<Arc<Receiver>>, HashMap<String, Span>) {
    let mut taken: HashMap<String, Span> = HashMap::new();
    let mut receivers = Vec::new();
    for row in plan.rows("receiver") {
        let name = row.need("name", row.parsed("name", values::name));
        if let Some(name) = &name {
            if let Some(first) = taken.get(&name.value) {
                let wrong = Wrong::new(format!("there is another receiver {}", shown(&name.value)))
                    .help("receiver names are unique");
                row.reading.notes.note_both(&name.span, wrong, "it is first used here", first);
            } else {
                taken.insert(name.value.clone(), name.span.clone());
            }
        }
        let webhook = row.need("webhook", row.row("webhook").and_then(|row| webhook(&row)));
        if let (Some(name), Some(webhook)) = (name, webhook) {
            let channel = Channel::Webhook(webhook);
            receivers.push(Arc::new(Receiver { name: name.value, channel }));
        }
    }
    (receivers, taken)
}

fn webhook(row: &Row<'_>) -> Option<Webhook> {
    let url = row.need("url", row.parsed("url", http::url));
    frame::exclusive(row, &["secret_env", "secret_file"]);
    let secret = outside(row, "secret_env", "secret_file")
        .map(|(text, span)| signing_key(&text).map_err(|wrong| row.note(&span, wrong)).ok());
    let secret = match secret {
        Some(found) => Some(found?),
        None => None,
    };
    Some(Webhook { url: url?.value.to_string(), secret })
}

/// What an environment variable or a file holds, named by one of two keys. An empty one is a
/// mistake: it would sign with nothing, or log in as nobody.
pub(super) fn outside(
    row: &Row<'_>,
    env: &'static str,
    file: &'static str,
) -> Option<(String, Span)> {
    let from_variable = row.text(env).and_then(|name| {
        let held = row.understood(env, &name, |name| {
            if name.is_empty() || name.contains(['=', '\0', '$', ' ']) {
                return Err(Wrong::new(format!("{name:?} is not the name of a variable"))
                    .help("the name alone, such as \"OPS_WEBHOOK_SECRET\""));
            }
            let held = row.reading.surroundings.variable(name);
            held.ok_or_else(|| {
                Wrong::new(format!("the environment variable {} is not set", shown(name)))
                    .help("set it where portwarden is started")
            })
        });
        held.map(|held| (env, held))
    });
    let from_file = row.text(file).and_then(|name| {
        let path = frame::path(row, file, &name)?;
        let held = row.understood(file, &name, |_| {
            row.reading.surroundings.text_file(&path).map_err(|words| {
                Wrong::new(format!("{} cannot be read: {words}", shown(&path.to_string_lossy())))
            })
        });
        held.map(|held| (file, held))
    });
    let (key, held) = from_variable.or(from_file)?;
    let text = held.value.trim_end_matches(['\r', '\n']).to_owned();
    if text.trim().is_empty() {
        row.note_key(key, &held.span, Wrong::new("it is there, but empty"));
        return None;
    }
    Some((text, held.span))
}

/// Plain text, or `whsec_` and base64 (Standard Webhooks). The secret is never part of a message.
fn signing_key(text: &str) -> Result<Secret, Wrong> {
    let Some(encoded) = text.strip_prefix("whsec_") else {
        return Ok(Secret(text.as_bytes().to_vec()));
    };
    match STANDARD.decode(encoded.trim()) {
        Ok(bytes) if !bytes.is_empty() => Ok(Secret(bytes)),
        _ => Err(Wrong::new("after whsec_ the secret has to be base64, and it is not")
            .help("make one: echo whsec_$(openssl rand -base64 32)")),
    }
}

/// Reads every `[[route]]`.
pub(super) fn routes(plan: &Row<'_>, receivers: &HashMap<String, Span>) -> Vec<Route> {
    let mut routes = Vec::new();
    let mut widest: Option<(Severity, Span)> = None;
    for row in plan.rows("route") {
        let severity = row.choice("severity").map(|severity| match severity {
            "critical" => Severity::Critical,
            _ => Severity::Warning,
        });
        // Notices open no incident, so a route without a severity begins at warnings.
        let from = severity.unwrap_or(Severity::Warning);
        match &widest {
            Some((earlier, span)) if *earlier <= from => {
                let wrong = Wrong::new("no incident ever comes to this route")
                    .help("the first route that matches wins: put the narrower one first");
                row.reading.notes.note_both(&row.span, wrong, "this one takes them all", span);
            }
            _ => widest = Some((from, row.span.clone())),
        }
        let names = row.need("receivers", row.texts("receivers")).unwrap_or_default();
        for name in &names {
            if !receivers.contains_key(name.value) {
                let wrong = unknown(name.value, receivers, &row.reading.notes);
                row.note_key("receivers", &name.span, wrong);
            }
        }
        let receivers = names.iter().map(|name| name.value.to_owned()).collect();
        routes.push(Route { severity, receivers });
    }
    routes
}

fn unknown(name: &str, receivers: &HashMap<String, Span>, notes: &Notes<'_>) -> Wrong {
    let wrong = Wrong::missing(format!("there is no receiver {}", shown(name)));
    let mut known: Vec<&str> = receivers.keys().map(String::as_str).collect();
    known.sort_unstable();
    match notes.nearest(name, known.iter().copied()) {
        Some(near) => wrong.help(format!("did you mean \"{near}\"?\nthere are: {}", listed(known))),
        None if known.is_empty() => wrong.help("there is no [[receiver]] at all"),
        None => wrong.help(format!("there are: {}", listed(known))),
    }
}
