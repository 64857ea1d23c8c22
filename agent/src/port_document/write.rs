//! The document as Markdown: host by host in the order of the plan, then by port.

use std::net::SocketAddr;
use std::sync::Arc;

use health::{Claim, ClaimKind, Host, Language, PortKey};

use super::entry::owners;
use super::wording::{self, COMMAND, Wording, wording};
use super::{Align, Run, firewall, lined_up};
use crate::free_ports::run_words;
use crate::port_report::escape;

/// Somebody who listens without a claim, for the section that is written only when asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// On which port of which host.
    pub key: PortKey,
    /// Where it is bound.
    pub binds: Vec<SocketAddr>,
    /// The name of the process, or why it is not known.
    pub owner: String,
}

/// The document. `strangers`, where it is there, adds what listens without a claim, which is the
/// one thing in it that does not come from the plan.
#[must_use]
pub fn write(hosts: &[Arc<Host>], language: Language, strangers: Option<&[Stranger]>) -> String {
    let words = wording(language);
    let mut out = format!("# {}\n\n{}\n", words.title, words.preface);
    for host in hosts {
        out.push_str(&format!(
            "\n## {}\n\n{}: {}",
            escape(&host.name),
            words.address,
            escape(&host.address)
        ));
        if host.local {
            out.push_str(&format!(" ({})", words.this_machine));
        }
        out.push('\n');
        if host.claims.is_empty() {
            out.push_str(&format!("\n{}\n", words.no_claims));
        }
        for kind in [ClaimKind::Allocated, ClaimKind::System, ClaimKind::Reserved] {
            write_claims(&mut out, host, kind, language);
        }
        if let Some(strangers) = strangers.filter(|_| host.local) {
            write_strangers(&mut out, host, strangers, words);
        }
        write_firewall(&mut out, host, language);
    }
    out
}

/// What is known of a document that [`write()`] made, edited since or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// In which language.
    pub language: Language,
    /// It says what listens without a claim, too.
    pub with_strangers: bool,
}

/// Whether a text is a document that [`write()`] made; `None` for one that was not.
#[must_use]
pub fn written(text: &str) -> Option<Written> {
    text.lines().take(16).any(|line| line.contains(COMMAND)).then(|| {
        let heading = format!("# {}", wording(Language::Ko).title);
        let is_korean = text.lines().next().is_some_and(|line| line.trim_end() == heading);
        let language = if is_korean { Language::Ko } else { Language::En };
        let section = format!("### {}", wording(language).undeclared);
        let with_strangers = text.lines().any(|line| line.trim_end() == section);
        Written { language, with_strangers }
    })
}

fn write_claims(out: &mut String, host: &Host, kind: ClaimKind, language: Language) {
    let words = wording(language);
    let rows: Vec<[String; 6]> = folded(host, kind)
        .into_iter()
        .map(|(run, claim)| {
            [
                run_words(run),
                claim.key.protocol.label().to_owned(),
                escape(&claim.service),
                claim.exposure.map_or("", |it| wording::exposure(it, language)).to_owned(),
                escape(&owners(claim).join(", ")),
                escape(&claim.description),
            ]
        })
        .collect();
    if rows.is_empty() {
        return;
    }
    out.push_str(&format!("\n### {}\n\n", wording::section(kind, language)));
    out.push_str(&lined_up(with_number_first(words.headings), &rows));
}

/// The claims of one kind by port, those of one row of the plan as one.
pub(super) fn folded(host: &Host, kind: ClaimKind) -> Vec<(Run, &Claim)> {
    let mut claims: Vec<&Claim> =
        host.claims.iter().map(|claim| &**claim).filter(|claim| claim.claim == kind).collect();
    claims.sort_by_key(|claim| (claim.key.port, claim.key.protocol));
    let mut rows: Vec<(Run, &Claim)> = Vec::with_capacity(claims.len());
    for claim in claims {
        let port = claim.key.port;
        // Another protocol's claims may stand between two ports of one range.
        let open = rows.iter_mut().rev().take(2).find(|(run, first)| {
            first.range == claim.range
                && first.key.protocol == claim.key.protocol
                && run.1.checked_add(1) == Some(port)
        });
        match open {
            Some((run, _)) => run.1 = port,
            None => rows.push(((port, port), claim)),
        }
    }
    rows
}

fn write_strangers(out: &mut String, host: &Host, strangers: &[Stranger], words: &Wording) {
    let rows: Vec<[String; 4]> = strangers
        .iter()
        .filter(|stranger| stranger.key.host == host.name)
        .map(|stranger| {
            let binds: Vec<String> =
                stranger.binds.iter().map(|bind| bind.ip().to_string()).collect();
            [
                stranger.key.port.to_string(),
                stranger.key.protocol.label().to_owned(),
                escape(&binds.join(", ")),
                escape(&stranger.owner),
            ]
        })
        .collect();
    out.push_str(&format!("\n### {}\n\n", words.undeclared));
    if rows.is_empty() {
        out.push_str(&format!("{}\n", words.nobody_undeclared));
    } else {
        out.push_str(&lined_up(with_number_first(words.undeclared_headings), &rows));
    }
}

fn write_firewall(out: &mut String, host: &Host, language: Language) {
    let words = wording(language);
    let rows: Vec<[String; 4]> = firewall::rules(host)
        .into_iter()
        .map(|rule| {
            let ports: Vec<String> = rule.ports.iter().copied().map(run_words).collect();
            [
                rule.zone.words(host, language),
                rule.protocol.label().to_owned(),
                ports.join(", "),
                rule.zone.action(language).to_owned(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        out.push_str(&format!("\n### {}\n\n", words.firewall));
        out.push_str(&lined_up(
            words.firewall_headings.map(|heading| (heading, Align::Left)),
            &rows,
        ));
    }
}

fn with_number_first<const N: usize>(headings: [&str; N]) -> [(&str, Align); N] {
    std::array::from_fn(|at| (headings[at], if at == 0 { Align::Right } else { Align::Left }))
}
