//! The quiet of the demo: once the agent runs, somebody silences a certificate and is on an incident, as they
//! would with `portwarden silence` and `portwarden acknowledge`.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::cli::running::{base, client};
use crate::plan::Agent;
use crate::token;

/// Between two tries, until there is something to be on.
const PAUSE: Duration = Duration::from_secs(2);
/// What is not there by then never will be.
const TRIES: u32 = 60;

/// Asks for it in the background; the demo goes on without, should it fail.
pub(super) fn ask(agent: &Agent) {
    let agent = agent.clone();
    tokio::spawn(async move {
        for _ in 0..TRIES {
            sleep(PAUSE).await;
            match asked(&agent).await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => tracing::debug!(%error, "the demo cannot ask for quiet yet"),
            }
        }
    });
}

/// Whether everything that is to be asked for has been.
async fn asked(agent: &Agent) -> anyhow::Result<bool> {
    let (client, base) = (client()?, base(agent.listen));
    let token = token::read(agent)?;
    let read = async |path: &str| -> anyhow::Result<Value> {
        let answer = client.get(format!("{base}{path}")).send().await?;
        Ok(serde_json::from_slice(&answer.bytes().await?)?)
    };
    let tell = async |path: &str, what: Value| -> anyhow::Result<()> {
        let request = client.post(format!("{base}{path}")).bearer_auth(token.expose());
        request.body(what.to_string()).send().await?.error_for_status()?;
        Ok(())
    };
    if read("/silences").await?["silences"].as_array().is_some_and(Vec::is_empty) {
        let silence = json!({
            "about": { "check": ["blog certificate"] },
            "for": "4h",
            "author": "kim",
            "reason": "the blog moves to another machine this afternoon",
        });
        tell("/silences", silence).await?;
    }
    let incidents = read("/incidents").await?;
    let mut open = incidents["incidents"].as_array().into_iter().flatten();
    let Some(id) = open.find_map(|incident| {
        (incident["check"] == "api certificate").then(|| incident["id"].as_str()).flatten()
    }) else {
        return Ok(false);
    };
    let said = json!({ "author": "lee", "note": "reloading the gateway after lunch" });
    tell(&format!("/incidents/{id}/acknowledgement"), said).await?;
    Ok(true)
}
