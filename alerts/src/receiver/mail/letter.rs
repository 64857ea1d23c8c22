//! A message as a letter (RFC 5322): headers that make one conversation of one incident, and the words
//! as plain text and as HTML.

use std::fmt::Write as _;
use std::time::SystemTime;

use health::{Event, Language};
use jiff::Timestamp;
use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{MultiPart, SinglePart};

use super::super::chat::escaped;
use super::Mail;
use crate::prose::{self, Line, Prose, Role, Style, Tone};
use crate::telling::Telling;

/// Incidents that a letter refers to.
const MOST_REFERENCES: usize = 20;

/// The whole letter, as it is handed over.
///
/// # Errors
/// Why it cannot be written.
pub(super) fn write(mail: &Mail, telling: &Telling, now: Timestamp) -> Result<Vec<u8>, String> {
    let words = prose::of(telling);
    let mut builder = Message::builder()
        .from(mail.from.0.clone())
        .date(SystemTime::from(now))
        .message_id(Some(message_id(mail, telling)))
        .subject(words.title.clone());
    for to in &mail.to {
        builder = builder.to(to.0.clone());
    }
    let roots = roots(mail, telling);
    if let Some(first) = roots.first() {
        builder = builder.in_reply_to(first.clone()).references(roots.join(" "));
    }
    let event = telling.event.label();
    // Nobody on holiday answers a machine (RFC 3834, section 5).
    for (name, value) in [("Auto-Submitted", "auto-generated"), ("X-Portwarden-Event", event)] {
        let name = HeaderName::new_from_ascii_str(name);
        builder = builder.raw_header(HeaderValue::new(name, value.to_owned()));
    }
    let parts = MultiPart::alternative()
        .singlepart(SinglePart::plain(words.plain()))
        .singlepart(SinglePart::html(html(&words)));
    let letter = builder.multipart(parts).map_err(|error| error.to_string())?;
    Ok(letter.formatted())
}

/// That of the first letter about an incident is the incident's, so that all later ones answer it; of
/// any other, the message's. Sent again it is the same, by which mailboxes know a copy.
fn message_id(mail: &Mail, telling: &Telling) -> String {
    match (telling.event, telling.incidents.as_slice()) {
        (Event::Opened, [one]) => in_brackets(&one.id, mail),
        _ => in_brackets(&telling.id, mail),
    }
}

/// The letters that this one answers.
fn roots(mail: &Mail, telling: &Telling) -> Vec<String> {
    match (telling.event, telling.incidents.as_slice()) {
        (Event::Test | Event::Missed, _) | (Event::Opened, [_]) => Vec::new(),
        (_, incidents) => {
            incidents.iter().take(MOST_REFERENCES).map(|one| in_brackets(&one.id, mail)).collect()
        }
    }
}

fn in_brackets(id: &str, mail: &Mail) -> String {
    format!("<{id}@{}>", mail.from.0.email.domain())
}

/// The words in HTML: no pictures, no styles from elsewhere, nothing that a name could break out of.
fn html(words: &Prose) -> String {
    let colour = match words.tone {
        Tone::Critical => "#b42318",
        Tone::Warning => "#b54708",
        Tone::Good => "#067647",
        Tone::Neutral => "#344054",
    };
    let language = match words.language {
        Language::En => "en",
        Language::Ko => "ko",
    };
    let mut html = format!(
        "<!doctype html>\n<html lang=\"{language}\"><head><meta charset=\"utf-8\"></head>\n\
         <body style=\"font-family: system-ui, sans-serif; line-height: 1.5; max-width: 42em\">\n\
         <h2 style=\"color: {colour}; font-size: 1.2em\">{}</h2>\n",
        escaped(&words.title)
    );
    for line in words.lines(words.detail(), words.items.len()) {
        let _ = writeln!(html, "{}", paragraph(&line));
    }
    html += "</body></html>\n";
    html
}

fn paragraph(line: &Line) -> String {
    let style = match line.role {
        Role::Heading => "margin: 1em 0 0.2em; font-weight: 600",
        Role::Remedy => "margin: 0.4em 0; padding-left: 0.7em; border-left: 3px solid #98a2b3",
        Role::Fact | Role::Evidence => "margin: 0.1em 0; color: #475467",
        Role::Consequence => "margin: 0.1em 0 0.1em 1em",
        Role::Footer => "margin: 1.5em 0 0; color: #667085; font-size: 0.85em",
        Role::Lead | Role::Summary | Role::More | Role::Link => "margin: 0.6em 0",
    };
    let mut html = format!("<p style=\"{style}\">{}", line.mark());
    for piece in &line.pieces {
        let words = escaped(&piece.words);
        let _ = match &piece.style {
            Style::Plain => write!(html, "{words}"),
            Style::Strong => write!(html, "<strong>{words}</strong>"),
            Style::Code => write!(html, "<code>{words}</code>"),
            Style::Link(url) if url.starts_with("http://") || url.starts_with("https://") => {
                write!(html, "<a href=\"{}\">{words}</a>", escaped(url))
            }
            Style::Link(_) => write!(html, "{words}"),
        };
    }
    html + "</p>"
}
