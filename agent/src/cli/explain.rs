//! `explain CODE`: the page of a finding.

use clap::Args;
use health::{Code, Language};

use super::{Outcome, paint};

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
    let Some(code) = Code::from_label(label) else {
        let nearest = Code::ALL
            .iter()
            .max_by(|a, b| {
                let near = |code: &Code| strsim::jaro_winkler(code.label(), label);
                near(a).total_cmp(&near(b))
            })
            .map_or("", |code| code.label());
        anyhow::bail!(
            "no finding has the code {label:?}; did you mean {nearest}? All of them: portwarden explain"
        );
    };
    paint::line(crate::explain::page(code, language).trim_end());
    Ok(Outcome::Well)
}
