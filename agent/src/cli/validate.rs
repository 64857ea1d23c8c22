//! `validate`: every mistake of the plan at once.

use std::path::Path;

use super::{Format, Outcome, paint};

pub(super) fn execute(config: &Path, format: Format) -> Outcome {
    match (crate::plan::load(config), format) {
        (Ok(plan), Format::Text) => {
            paint::line(&format!(
                "{}: {} hosts, {} checks, {} receivers: no mistakes",
                config.display(),
                plan.hosts.len(),
                plan.checks.len(),
                plan.receivers.len()
            ));
            Outcome::Well
        }
        (Ok(plan), Format::Json) => {
            let counts = serde_json::json!({
                "file": config.display().to_string(),
                "mistakes": [],
                "hosts": plan.hosts.len(),
                "checks": plan.checks.len(),
                "receivers": plan.receivers.len(),
            });
            paint::line(&counts.to_string());
            Outcome::Well
        }
        (Err(mistakes), Format::Text) => {
            paint::line(format!("{mistakes:#}").trim_end());
            Outcome::Failed
        }
        (Err(mistakes), Format::Json) => {
            let report = serde_json::json!({
                "file": config.display().to_string(),
                "mistakes": mistakes.list(),
                "count": mistakes.count(),
            });
            paint::line(&report.to_string());
            Outcome::Failed
        }
    }
}
