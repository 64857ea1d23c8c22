//! `ports --check`: where an allocation document no longer holds, against the plan and against what
//! is there now.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use health::finding::View;
use health::snapshot::CheckStanding;
use health::{Finding, Language, PortKey};
use serde_json::{Value, json};

use super::super::{Outcome, paint};
use super::{Against, Format, Ports};
use crate::plan::Plan;
use crate::port_document::{self, Compared, Difference};
use crate::small_file;

/// A document beside the plan and the machine.
struct Judged {
    file: String,
    differences: Vec<Difference>,
    lines: HashMap<PortKey, usize>,
    rows: usize,
    /// What its ports look like now; `None` when nobody looked.
    standings: Option<Vec<Arc<CheckStanding>>>,
}

pub(super) fn execute(
    ports: &Ports,
    path: &Path,
    plan: &Plan,
    language: Language,
) -> anyhow::Result<Outcome> {
    let judged = judge(ports, path, plan)?;
    match ports.format {
        Format::Json => paint::line(&judged.json(language).to_string()),
        Format::Table | Format::Markdown | Format::Csv => judged.print(language),
    }
    if let Some(standings) = &judged.standings {
        super::tell_limits(plan, standings, language);
    }
    Ok(if judged.holds() { Outcome::Well } else { Outcome::Findings })
}

fn judge(ports: &Ports, path: &Path, plan: &Plan) -> anyhow::Result<Judged> {
    let file = path.display().to_string();
    let bytes = small_file::bytes(path, port_document::LARGEST_MIB)
        .map_err(|reason| anyhow!("{file} cannot be read: {reason}"))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let names: Vec<&str> = plan.hosts.iter().map(|host| &*host.name).collect();
    if let Some(host) = ports.host.as_deref().filter(|host| !names.contains(host)) {
        bail!("the plan has no host {host:?}; it has {}", names.join(", "));
    }
    let document = port_document::read(path, bytes, &names).with_context(|| file.clone())?;
    let Compared { mut differences, lines } =
        port_document::differences(&document, &plan.hosts, ports.host.as_deref());
    let standings = match ports.against {
        Against::Both => Some(super::look(plan)?.0),
        Against::Plan => None,
    };
    // What stands between the tables matters only in what was written here.
    if differences.is_empty()
        && let Some(written) = port_document::written(&text)
    {
        let strangers = standings
            .as_ref()
            .filter(|_| written.with_strangers)
            .map(|standings| super::strangers(standings, written.language));
        // Who listens without a claim can be held against nothing when nobody has looked.
        if strangers.is_some() || !written.with_strangers {
            let now = port_document::write(&plan.hosts, written.language, strangers.as_deref());
            differences.extend(port_document::outdated(&text, &now));
        }
    }
    Ok(Judged { file, differences, lines, rows: document.entries.len(), standings })
}

impl Judged {
    fn holds(&self) -> bool {
        // A notice is worth a line, and nothing that a document would have to be changed for.
        self.differences.is_empty()
            && self.findings().all(|(.., finding)| finding.severity == health::Severity::Notice)
    }

    /// What is wrong with the ports now, each with the line that names the port.
    fn findings(&self) -> impl Iterator<Item = (Option<usize>, &CheckStanding, &Finding)> {
        self.standings.iter().flatten().flat_map(|standing| {
            let line = standing.port.as_ref().and_then(|key| self.lines.get(key)).copied();
            standing.findings.iter().map(move |found| (line, &**standing, &*found.finding))
        })
    }

    fn print(&self, language: Language) {
        let file = paint::printable(&self.file);
        for difference in &self.differences {
            let (line, fault) = (difference.line, difference.fault.words(language));
            let words = paint::printable(difference.text.in_language(language));
            paint::line(&format!("{file}:{line}: {fault}: {words}"));
        }
        let mut findings = 0;
        for (line, _, finding) in self.findings() {
            findings += 1;
            let place = line.map_or_else(|| file.clone(), |line| format!("{file}:{line}"));
            let summary = paint::printable(finding.summary.in_language(language));
            paint::line(&format!("{place}: {}: {summary}", finding.code));
            let remedy = paint::printable(finding.remedy.in_language(language));
            paint::line(&format!("    → {remedy}"));
        }
        paint::line(&self.verdict(&file, findings, language));
    }

    fn verdict(&self, file: &str, findings: usize, language: Language) -> String {
        let (rows, differences) = (self.rows, self.differences.len());
        let looked = self.standings.is_some();
        match (language, looked) {
            _ if differences == 0 && findings == 0 => match (language, looked) {
                (Language::En, true) => {
                    format!("{file}: {rows} rows hold, in the plan and on the machine")
                }
                (Language::En, false) => format!("{file}: {rows} rows hold, in the plan"),
                (Language::Ko, true) => {
                    format!("{file}: {rows}개 행이 모두 계획과 현실에 맞습니다")
                }
                (Language::Ko, false) => format!("{file}: {rows}개 행이 모두 계획에 맞습니다"),
            },
            (Language::En, true) => format!(
                "{file}: {rows} rows; {differences} differ from the plan, {findings} findings on the machine"
            ),
            (Language::En, false) => {
                format!("{file}: {rows} rows; {differences} differ from the plan")
            }
            (Language::Ko, true) => format!(
                "{file}: {rows}개 행 중 계획과 다른 곳 {differences}개, 현실과 어긋난 곳 {findings}개"
            ),
            (Language::Ko, false) => {
                format!("{file}: {rows}개 행 중 계획과 다른 곳 {differences}개")
            }
        }
    }

    fn json(&self, language: Language) -> Value {
        let differences = self.differences.iter().map(|difference| {
            let ports = difference.ports;
            json!({
                "line": difference.line,
                "fault": difference.fault,
                "host": difference.host,
                "first": ports.map(|((first, _), _)| first),
                "last": ports.map(|((_, last), _)| last),
                "protocol": ports.map(|(_, protocol)| protocol),
                "message": difference.text.in_language(language),
            })
        });
        let findings = self.standings.iter().flatten().flat_map(|standing| {
            let line = standing.port.as_ref().and_then(|key| self.lines.get(key));
            standing.findings.iter().map(move |found| {
                let view = View::new(&standing.check.name, standing.check.kind, found, language);
                let mut view = json!(view);
                view["line"] = json!(line);
                view
            })
        });
        json!({
            "file": self.file,
            "rows": self.rows,
            "holds": self.holds(),
            "differences": differences.collect::<Vec<_>>(),
            "findings": findings.collect::<Vec<_>>(),
            "looked_at_the_machine": self.standings.is_some(),
        })
    }
}
