//! The real binary watching a tree of real servers, and what it says of it.

use std::net::SocketAddr;

use tempfile::TempDir;

use crate::support::agent::{Agent, eventually};

/// A running agent whose checks on DNS are looked at.
pub struct Watched {
    pub agent: Agent,
    _folder: TempDir,
}

impl Watched {
    /// Starts it on checks that look every 300 ms and believe the first sight.
    pub async fn start(plan: &str) -> Self {
        Self::start_with("interval = \"300ms\"\ntimeout = \"1s\"\nfail_after = 1", plan).await
    }

    /// Starts it with these `[defaults]`.
    pub async fn start_with(defaults: &str, plan: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let plan = format!("[defaults]\n{defaults}\n{plan}");
        Self { agent: Agent::start(folder.path(), "", &plan).await, _folder: folder }
    }

    /// Waits until the findings are exactly these: a code, and what their subject contains.
    pub async fn says(&self, expected: &[(&str, &str)]) {
        let fits = |found: &[(String, String, String)]| {
            found.len() == expected.len()
                && expected.iter().all(|(code, subject)| {
                    found.iter().any(|(_, known, at)| known == code && at.contains(subject))
                })
        };
        let mut last = Vec::new();
        eventually(&format!("exactly {expected:?} is found"), async || {
            let found = self.agent.findings().await;
            if found != last {
                // Shown with the output of a test that fails.
                println!("{found:?}");
                last.clone_from(&found);
            }
            fits(&found)
        })
        .await;
    }

    /// Waits until nothing is wrong, and every check has been looked at.
    pub async fn is_well(&self) {
        self.says(&[]).await;
        eventually("every check is up", async || {
            let checks = self.agent.api("/checks").await;
            let checks = checks["checks"].as_array().unwrap();
            !checks.is_empty() && checks.iter().all(|check| check["state"] == "up")
        })
        .await;
    }

    /// Waits until a check has been looked at this many times more.
    pub async fn looks_again(&self, check: &str, times: usize) {
        for _ in 0..times {
            let before = self.agent.check(check).await["last"]["at"].clone();
            eventually("it looks again", async || {
                self.agent.check(check).await["last"]["at"] != before
            })
            .await;
        }
    }

    /// How many incidents there were so far.
    pub async fn incidents(&self) -> usize {
        self.agent.api("/incidents").await["incidents"].as_array().unwrap().len()
    }
}

/// Addresses as a plan lists them.
pub fn listed(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(|address| format!("\"{address}\"")).collect::<Vec<_>>().join(", ")
}
