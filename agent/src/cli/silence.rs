//! `silence`: asks the running agent for quiet, lists what is quiet, and ends it.

use std::path::Path;

use anyhow::bail;
use clap::{Args, Subcommand};
use health::{Language, Severity};
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::columns::columns;
use super::running::{Running, Talk, own_name, segment};
use super::{Format, Outcome, paint};

/// `silence`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct SilenceCommand {
    /// What to do; without anything: list.
    #[command(subcommand)]
    pub what: Option<What>,
    /// How the outcome is written.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// What to do about quiet.
#[derive(Debug, Subcommand)]
pub enum What {
    /// Hold back messages about some incidents until a moment. What is still wrong then is told then.
    Add(Box<Add>),
    /// Silences that hold or will, and maintenance windows of the plan.
    List(List),
    /// End a silence before its time.
    End(End),
}

/// `silence add`
#[derive(Debug, Args)]
pub struct Add {
    /// Names of checks; `*` for anything: "web*".
    #[arg(required_unless_present_any = ["host", "kind", "code", "severity", "label"])]
    pub check: Vec<String>,
    /// Names of hosts. May be repeated.
    #[arg(long)]
    pub host: Vec<String>,
    /// Kinds of checks: tls, dns. May be repeated.
    #[arg(long)]
    pub kind: Vec<String>,
    /// Codes of findings: tls.not-reloaded, "dns.*". May be repeated.
    #[arg(long)]
    pub code: Vec<String>,
    /// At least this severity.
    #[arg(long, value_parser = severity)]
    pub severity: Option<Severity>,
    /// A label with its value: team=shop. May be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = label)]
    pub label: Vec<(String, String)>,
    /// How long: 30m, 4h, 1d.
    #[arg(long = "for", value_name = "DURATION", required_unless_present = "until")]
    pub span: Option<String>,
    /// Until when: 2026-03-14T18:00:00+09:00; without an offset, as the agent's machine tells time.
    #[arg(long, value_name = "TIME", conflicts_with = "span")]
    pub until: Option<String>,
    /// From when; default: now.
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Why; whoever wonders reads it.
    #[arg(long)]
    pub reason: String,
    /// Who asks; default: whoever types it.
    #[arg(long)]
    pub author: Option<String>,
    /// How the outcome is written.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `silence list`
#[derive(Debug, Args)]
pub struct List {
    /// Also those that are over.
    #[arg(long)]
    pub all: bool,
    /// How the outcome is written.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `silence end`
#[derive(Debug, Args)]
pub struct End {
    /// Its id, as `silence list` prints it.
    pub id: String,
}

fn severity(word: &str) -> Result<Severity, String> {
    [Severity::Warning, Severity::Critical]
        .into_iter()
        .find(|severity| severity.label() == word)
        .ok_or_else(|| "warning or critical".to_owned())
}

fn label(word: &str) -> Result<(String, String), String> {
    let (name, value) = word.split_once('=').ok_or("NAME=VALUE, such as team=shop")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(super) fn execute(
    silence: SilenceCommand,
    config: &Path,
    language: Language,
) -> anyhow::Result<Outcome> {
    match silence.what {
        Some(What::Add(add)) => self::add(&add, config, language),
        Some(What::List(list)) => self::list(&list, config, language),
        Some(What::End(end)) => self::end(&end, config, language),
        None => list(&List { all: false, format: silence.format }, config, language),
    }
}

fn add(add: &Add, config: &Path, language: Language) -> anyhow::Result<Outcome> {
    let Some(agent) = Running::of(config, Talk::Changes)? else { return Ok(Outcome::Failed) };
    let made = agent.ask(Method::POST, "/silences", Some(&asked(add)))?;
    if add.format == Format::Json {
        paint::line(&serde_json::to_string_pretty(&made)?);
        return Ok(Outcome::Well);
    }
    let (id, until) = (word(&made, "id"), local(&made["ends_at"]));
    let matching = made["open_incidents"].as_u64().unwrap_or_default();
    paint::line(&match language {
        Language::En => {
            format!("{id}: quiet until {until}; open incidents it is about: {matching}")
        }
        Language::Ko => {
            format!("{id}: {until}까지 알림을 중지합니다. 해당하는 진행 중 장애: {matching}건")
        }
    });
    Ok(Outcome::Well)
}

/// What is sent: conditions that were named, and nothing for those that were not.
fn asked(add: &Add) -> Value {
    let mut about = Map::new();
    let lists =
        [("check", &add.check), ("host", &add.host), ("kind", &add.kind), ("code", &add.code)];
    for (name, words) in lists {
        if !words.is_empty() {
            about.insert(name.to_owned(), json!(words));
        }
    }
    if let Some(severity) = add.severity {
        about.insert("severity".to_owned(), json!(severity));
    }
    if !add.label.is_empty() {
        let labels = add.label.iter().map(|(name, value)| (name.clone(), json!(value)));
        about.insert("label".to_owned(), Value::Object(labels.collect()));
    }
    let mut asked = json!({
        "about": about,
        "reason": add.reason,
        "author": add.author.clone().unwrap_or_else(own_name),
    });
    for (name, words) in [("for", &add.span), ("until", &add.until), ("from", &add.from)] {
        if let Some(words) = words {
            asked[name] = words.as_str().into();
        }
    }
    asked
}

fn list(list: &List, config: &Path, language: Language) -> anyhow::Result<Outcome> {
    let Some(agent) = Running::of(config, Talk::Looks)? else { return Ok(Outcome::Failed) };
    let mut answer = agent.ask(Method::GET, "/silences", None)?;
    if !list.all
        && let Some(silences) = answer["silences"].as_array_mut()
    {
        silences.retain(|silence| silence["state"] != "ended");
    }
    if list.format == Format::Json {
        paint::line(&serde_json::to_string_pretty(&answer)?);
        return Ok(Outcome::Well);
    }
    let ko = language == Language::Ko;
    let rows = |name: &str| answer[name].as_array().cloned().unwrap_or_default();
    let silences: Vec<[String; 6]> = rows("silences")
        .iter()
        .map(|one| {
            let text = |name: &str| word(one, name);
            [
                text("id"),
                state(&text("state"), language).to_owned(),
                local(&one["ends_at"]),
                conditions(&one["about"]),
                text("author"),
                text("reason"),
            ]
        })
        .collect();
    let head = match ko {
        false => ["ID", "STATE", "UNTIL", "ABOUT", "WHO", "WHY"],
        true => ["ID", "상태", "종료", "대상", "요청", "사유"],
    };
    match silences.is_empty() {
        true => paint::line(if ko {
            "알림을 중지한 사람이 없습니다."
        } else {
            "Nobody asked for quiet."
        }),
        false => paint::line(columns(head, &silences, "").trim_end()),
    }
    let windows: Vec<[String; 4]> = rows("maintenance")
        .iter()
        .map(|window| {
            let (from, until) = (local(&window["from"]), local(&window["until"]));
            [word(window, "name"), from, until, conditions(&window["about"])]
        })
        .collect();
    if !windows.is_empty() {
        let head = match ko {
            false => ["MAINTENANCE", "FROM", "UNTIL", "ABOUT"],
            true => ["유지보수", "시작", "종료", "대상"],
        };
        paint::line("");
        paint::line(columns(head, &windows, "").trim_end());
    }
    Ok(Outcome::Well)
}

fn end(end: &End, config: &Path, language: Language) -> anyhow::Result<Outcome> {
    let Some(agent) = Running::of(config, Talk::Changes)? else { return Ok(Outcome::Failed) };
    let id = segment(&end.id)?;
    if agent.ask(Method::DELETE, &format!("/silences/{id}"), None)? != Value::Null {
        bail!("the agent answers something else than expected");
    }
    paint::line(&match language {
        Language::En => format!("{id}: ended; what is still wrong is told now"),
        Language::Ko => format!("{id}: 끝냈습니다. 아직 문제가 있으면 지금 알립니다"),
    });
    Ok(Outcome::Well)
}

fn state(label: &str, language: Language) -> &str {
    match (language, label) {
        (Language::Ko, "active") => "적용 중",
        (Language::Ko, "upcoming") => "예정",
        (Language::Ko, "ended") => "끝남",
        _ => label,
    }
}

/// What a silence is about, in a line: `check=web* kind=tls`.
fn conditions(about: &Value) -> String {
    let words = |value: &Value| match value {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
        Value::Object(labels) => labels
            .iter()
            .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
            .collect::<Vec<_>>()
            .join(","),
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    let all = about.as_object().into_iter().flatten();
    let all: Vec<String> = all.map(|(name, value)| format!("{name}={}", words(value))).collect();
    if all.is_empty() { "*".to_owned() } else { all.join(" ") }
}

fn word(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

/// A moment as clocks here tell it.
pub(super) fn local(at: &Value) -> String {
    let words = at.as_str().unwrap_or_default();
    words.parse::<Timestamp>().map_or_else(
        |_| words.to_owned(),
        |at| {
            let zoned = at.to_zoned(jiff::tz::TimeZone::system());
            zoned.strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_silence_is_about_fits_a_line() {
        let table = [
            (json!({}), "*"),
            (json!({"check": ["web*", "db"]}), "check=web*,db"),
            (
                json!({"severity": "critical", "label": {"team": "shop"}}),
                "severity=critical label=team=shop",
            ),
        ];
        for (about, expected) in table {
            assert_eq!(conditions(&about), expected);
        }
    }
}
