//! `notify RECEIVER`: a test message, sent once, and what came of it.

use std::path::Path;
use std::sync::Arc;

use anyhow::bail;
use clap::Args;
use health::Language;

use super::{Outcome, paint};
use crate::clock;

/// `notify`
#[derive(Debug, Args)]
pub struct Notify {
    /// Name of the receiver.
    pub receiver: String,
}

pub(super) fn execute(
    notify: &Notify,
    config: &Path,
    language: Language,
) -> anyhow::Result<Outcome> {
    let Some(plan) = super::load(config) else { return Ok(Outcome::Failed) };
    let Some(receiver) = plan.receivers.iter().find(|known| known.name == notify.receiver) else {
        if plan.receivers.is_empty() {
            bail!("the plan has no receivers; add a [[receiver]] to {}", config.display());
        }
        let names: Vec<&str> = plan.receivers.iter().map(|known| &*known.name).collect();
        let asked = &notify.receiver;
        bail!("the plan has no receiver named {asked:?}; it has: {}", names.join(", "));
    };
    let policy = crate::main_loop::policy(&plan);
    let message = alerts::Notification::test(&policy, &receiver.name, clock::now());
    let message = alerts::Bundle::of(message);
    let client = alerts::client(crate::tls::client_settings().map_err(anyhow::Error::msg)?)?;
    let receiver = Arc::clone(receiver);
    let outcome = super::runtime()?
        .block_on(async { alerts::deliver(&client, &receiver, &message, clock::now()).await });
    let delivered = outcome.is_delivered();
    let words = match (delivered, language) {
        (true, Language::En) => "delivered",
        (true, Language::Ko) => "전달됨",
        (false, Language::En) => "not delivered",
        (false, Language::Ko) => "전달되지 않음",
    };
    paint::line(&format!(
        "{}: {words} ({})",
        receiver.name,
        paint::printable(&outcome.to_string())
    ));
    Ok(if delivered { Outcome::Well } else { Outcome::Failed })
}
