//! `notify RECEIVER`: a sample, sent once by the way that every message takes, and what came of it.

use std::path::Path;
use std::sync::Arc;

use alerts::Bundling;
use anyhow::bail;
use clap::{Args, ValueEnum};
use health::{Event, Language};

use super::{Outcome, paint};
use crate::clock;

/// `notify`
#[derive(Debug, Args)]
pub struct Notify {
    /// Name of the receiver.
    pub receiver: String,
    /// What to send: a test, or a message about a made-up incident that is called `sample`. Default: where
    /// people read it, that it opened; where programs do, a test.
    #[arg(long, value_enum)]
    pub event: Option<Sent>,
}

/// What `notify` sends.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Sent {
    /// A message that is about no incident.
    Test,
    /// The sample is there.
    Opened,
    /// It has changed.
    Updated,
    /// It is still there.
    Reminder,
    /// It is over.
    Resolved,
}

impl Sent {
    const fn event(self) -> Event {
        match self {
            Self::Test => Event::Test,
            Self::Opened => Event::Opened,
            Self::Updated => Event::Updated,
            Self::Reminder => Event::Reminder,
            Self::Resolved => Event::Resolved,
        }
    }
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
    // A program might act on an incident that is none; people want to see what one looks like.
    let by_default = match receiver.channel.bundling() {
        Bundling::Window => Event::Opened,
        Bundling::Burst | Bundling::Never => Event::Test,
    };
    let message = match notify.event.map_or(by_default, Sent::event) {
        Event::Test => alerts::Notification::test(&policy, &receiver.name, clock::now()),
        event => alerts::Notification::sample(&policy, &receiver.name, event, clock::now()),
    };
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
