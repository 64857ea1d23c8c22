//! Looks at one check before it is written: through a plan of its own, by the probe that will look
//! later.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use health::Observation;

use super::entry::Entry;
use crate::net::Net;
use crate::plan::{self, Plan, Surroundings, ThisMachine};
use crate::probe;
use crate::tls::Roots;

/// Reads small plans and runs their probes. Trusted roots are read once, not once a plan.
pub(super) struct Scout {
    pub(super) net: Net,
    roots: Mutex<HashMap<Vec<PathBuf>, Roots>>,
}

impl Scout {
    pub(super) fn new(net: Net) -> Self {
        Self { net, roots: Mutex::default() }
    }

    /// One probe of one check; or why it is none.
    pub(super) async fn look(&self, entry: &Entry) -> Result<Observation, String> {
        let plan = self.plan(&entry.toml())?;
        let check = plan.checks.first().ok_or("it is no check")?;
        Ok(probe::guarded(check, &self.net).await)
    }

    /// The plan that a text is; or the first mistake in it.
    pub(super) fn plan(&self, text: &str) -> Result<Plan, String> {
        plan::parse(text, Path::new("discovered"), Path::new("/"), self).map_err(|mistakes| {
            let first = mistakes.list().first().map(|mistake| mistake.message.clone());
            first.unwrap_or_default()
        })
    }
}

impl Surroundings for Scout {
    fn variable(&self, name: &str) -> Option<String> {
        ThisMachine.variable(name)
    }

    fn text_file(&self, path: &Path) -> Result<String, String> {
        ThisMachine.text_file(path)
    }

    fn roots(&self, files: &[PathBuf]) -> Result<Roots, String> {
        let known = || self.roots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(roots) = known().get(files) {
            return Ok(roots.clone());
        }
        let roots = ThisMachine.roots(files)?;
        known().insert(files.to_vec(), roots.clone());
        Ok(roots)
    }

    fn machine_name(&self) -> Option<String> {
        ThisMachine.machine_name()
    }
}
