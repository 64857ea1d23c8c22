//! `explain CODE`: the page of a finding.

use clap::Args;
use health::{Code, Language};

use super::{Outcome, paint};

/// Less alike than this (Jaro-Winkler), a word is no slip of the finger.
const ALIKE: f64 = 0.75;

/// `explain`
#[derive(Debug, Args)]
pub struct Explain {
    /// Such as tls.not-reloaded; without one, the list of all.
    pub code: Option<String>,
}

pub(super) fn execute(explain: &Explain, language: Language) -> anyhow::Result<Outcome> {
    let Some(label) = &explain.code else {
        for code in Code::ALL {
            paint::line(&format!("{:<26} {}", code.label(), code.meaning()));
        }
        return Ok(Outcome::Well);
    };
    let Some(code) = Code::from_label(&label.to_lowercase()) else {
        let near = |code: &Code| strsim::jaro_winkler(code.label(), &label.to_lowercase());
        let nearest = Code::ALL.iter().max_by(|a, b| near(a).total_cmp(&near(b)));
        let advice = match nearest.filter(|code| near(code) > ALIKE) {
            Some(code) => format!("did you mean {code}? "),
            None => String::new(),
        };
        anyhow::bail!(
            "no finding has the code {label:?}; {advice}`portwarden explain` lists them all"
        );
    };
    paint::line(crate::explain::page(code, language).trim_end());
    Ok(Outcome::Well)
}
