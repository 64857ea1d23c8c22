//! `acknowledge`: tells the running agent that somebody is on an incident.

use std::path::Path;

use anyhow::bail;
use clap::Args;
use health::Language;
use reqwest::Method;
use serde_json::{Value, json};

use super::running::{Running, Talk, own_name, segment};
use super::{Format, Outcome, paint};

/// `acknowledge`
#[derive(Debug, Args)]
pub struct Acknowledge {
    /// The incident's id, or the name of the check that has one open.
    #[arg(value_name = "INCIDENT|CHECK")]
    pub which: String,
    /// What to say beside it.
    #[arg(long)]
    pub note: Option<String>,
    /// Who is on it; default: whoever types it.
    #[arg(long)]
    pub author: Option<String>,
    /// Nobody is on it any more.
    #[arg(long, conflicts_with_all = ["note", "author"])]
    pub withdraw: bool,
    /// How the outcome is written.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

pub(super) fn execute(
    acknowledge: &Acknowledge,
    config: &Path,
    language: Language,
) -> anyhow::Result<Outcome> {
    let Some(agent) = Running::of(config, Talk::Changes)? else { return Ok(Outcome::Failed) };
    let answer = agent.ask(Method::GET, "/incidents", None)?;
    let incident = wanted(&answer, &acknowledge.which)?;
    let id = segment(incident["id"].as_str().unwrap_or_default())?;
    let check = paint::printable(incident["check"].as_str().unwrap_or_default());
    let path = format!("/incidents/{id}/acknowledgement");
    let (said, words) = if acknowledge.withdraw {
        agent.ask(Method::DELETE, &path, None)?;
        let words = match language {
            Language::En => format!("{check} ({id}): nobody is on it any more"),
            Language::Ko => format!("{check} ({id}): 확인을 취소했습니다"),
        };
        (json!({ "incident": id, "acknowledged": null }), words)
    } else {
        let author = acknowledge.author.clone().unwrap_or_else(own_name);
        let mut asked = json!({ "author": author });
        if let Some(note) = &acknowledge.note {
            asked["note"] = note.as_str().into();
        }
        let said = agent.ask(Method::POST, &path, Some(&asked))?;
        let author = paint::printable(&author);
        let words = match language {
            Language::En => {
                format!("{check} ({id}): {author} is on it; no reminders, and no escalation")
            }
            Language::Ko => {
                format!(
                    "{check} ({id}): {author}님이 처리 중입니다. 재알림과 상위 알림을 보내지 않습니다"
                )
            }
        };
        (said, words)
    };
    match acknowledge.format {
        Format::Json => paint::line(&serde_json::to_string_pretty(&said)?),
        Format::Text => paint::line(&words),
    }
    Ok(Outcome::Well)
}

/// The open incident with this id, or that of the check with this name.
fn wanted<'a>(answer: &'a Value, which: &str) -> anyhow::Result<&'a Value> {
    let open: Vec<&Value> = answer["incidents"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|incident| incident["resolved_at"].is_null())
        .collect();
    let by = |key: &str| open.iter().find(|incident| incident[key] == which).copied();
    if let Some(found) = by("id").or_else(|| by("check")) {
        return Ok(found);
    }
    if open.is_empty() {
        bail!("no incident is open");
    }
    let names = open.iter().take(20).map(|incident| {
        let word = |key: &str| paint::printable(incident[key].as_str().unwrap_or_default());
        format!("{} ({})", word("id"), word("check"))
    });
    let names: Vec<String> = names.collect();
    let rest = match open.len().saturating_sub(names.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    bail!(
        "no open incident has this id, or is of a check with this name; open are: {}{rest}",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_goes_by_its_id_or_by_its_check() {
        let answer = json!({ "incidents": [
            { "id": "2", "check": "web", "resolved_at": null },
            { "id": "3", "check": "2", "resolved_at": null },
            { "id": "1", "check": "web", "resolved_at": "2026-03-14T09:00:00Z" },
        ] });
        for (which, id) in [("2", "2"), ("web", "2"), ("3", "3")] {
            assert_eq!(wanted(&answer, which).unwrap()["id"], id);
        }
        let why = wanted(&answer, "1").unwrap_err().to_string();
        assert!(why.ends_with("open are: 2 (web), 3 (2)"), "{why}");
    }
}
