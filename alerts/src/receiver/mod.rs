//! Whom notifications go to, and one attempt to deliver one.
//!
//! Deliberately absent: when to try again (see [`crate::retry`]).

use std::fmt;
use std::time::Duration;

use health::Language;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::telling::Telling;
use crate::{Bundle, prose};

pub(crate) mod alertmanager;
pub(crate) mod chat;
pub(crate) mod login;
pub(crate) mod mail;
pub(crate) mod pager;
mod posting;
pub(crate) mod program;
pub(crate) mod push;
pub(crate) mod template;
pub(crate) mod webhook;

/// The bound on one attempt, from connecting to the last byte read.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// Somebody to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// Unique among receivers.
    pub name: String,
    /// How.
    pub channel: Channel,
    /// In which language.
    pub language: Language,
    /// Whose clocks tell the times.
    pub timezone: TimeZone,
    /// Which incidents share a message.
    pub bundling: Bundling,
}

impl Receiver {
    /// In English and UTC, and as its channel likes it.
    #[must_use]
    pub fn new(name: impl Into<String>, channel: Channel) -> Self {
        let bundling = channel.bundling();
        let (language, timezone) = (Language::En, TimeZone::UTC);
        Self { name: name.into(), channel, language, timezone, bundling }
    }
}

/// Which incidents share a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bundling {
    /// Each goes alone: whoever reads wants each by its id.
    Never,
    /// Only where very many wait at once.
    Burst,
    /// What belongs together and comes within a while.
    Window,
}

/// How a receiver is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Channel {
    /// A webhook by the Standard Webhooks specification.
    Webhook(webhook::Webhook),
    /// Chat services: people read it.
    Chat(chat::Chat),
    /// Alertmanager, or all of a cluster of them.
    Alertmanager(alertmanager::Alertmanager),
    /// A webhook whose body is the reader's own.
    Template(template::Template),
    /// A program, with the message on its standard input.
    Program(program::Program),
    /// E-mail.
    Mail(mail::Mail),
    /// Services that wake a telephone.
    Push(push::Push),
    /// Services that keep who is on duty.
    Pager(pager::Pager),
}

impl Channel {
    /// The name used in the plan, pages and the API.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Chat(chat) => chat.label(),
            Self::Alertmanager(_) => "alertmanager",
            Self::Template(_) => "template",
            Self::Program(_) => "program",
            Self::Mail(_) => "mail",
            Self::Push(push) => push.label(),
            Self::Pager(pager) => pager.label(),
        }
    }

    /// Which incidents share a message where the plan does not say.
    #[must_use]
    pub const fn bundling(&self) -> Bundling {
        match self {
            Self::Webhook(_) | Self::Alertmanager(_) | Self::Template(_) | Self::Program(_) => {
                Bundling::Burst
            }
            Self::Chat(_) | Self::Mail(_) | Self::Push(_) => Bundling::Window,
            Self::Pager(_) => Bundling::Never,
        }
    }
}

/// What came of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Taken.
    Delivered {
        /// A 2xx.
        status: u16,
    },
    /// Answered, but not taken.
    Answered {
        /// Anything but a 2xx; redirects are not followed.
        status: u16,
        /// The beginning of the answer's body, printable.
        excerpt: String,
        /// How long the receiver asks to wait.
        retry_after: Option<SignedDuration>,
    },
    /// Taken by something that does not answer as HTTP does: a mail server, a program, a cluster.
    Taken {
        /// What it said.
        words: String,
    },
    /// Not taken by such a one now; perhaps later.
    Deferred {
        /// What it said.
        reason: String,
    },
    /// Not taken by such a one, and never will be.
    Refused {
        /// What it said.
        reason: String,
    },
    /// No answer: no connection, no TLS, cut, or too slow.
    Lost {
        /// Why.
        reason: String,
    },
    /// Never sent, and never will be: the request itself cannot be made.
    Unsendable {
        /// Why.
        reason: String,
    },
}

impl Outcome {
    /// It arrived.
    #[must_use]
    pub const fn is_delivered(&self) -> bool {
        matches!(self, Self::Delivered { .. } | Self::Taken { .. })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delivered { status } => write!(f, "{status}"),
            Self::Answered { status, excerpt, .. } if excerpt.is_empty() => write!(f, "{status}"),
            Self::Answered { status, excerpt, .. } => write!(f, "{status}: {excerpt}"),
            Self::Taken { words } => f.write_str(words),
            Self::Deferred { reason }
            | Self::Refused { reason }
            | Self::Lost { reason }
            | Self::Unsendable { reason } => f.write_str(reason),
        }
    }
}

/// The one client for every delivery: no redirects, ten seconds, the agent's own TLS settings. The
/// `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` variables are honoured.
///
/// # Errors
/// When the TLS settings are not usable.
pub fn client(tls: rustls::ClientConfig) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .timeout(ATTEMPT_TIMEOUT)
        .user_agent(concat!("portwarden/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Makes one attempt at one message. `now` is the moment that is signed.
pub async fn deliver(
    client: &reqwest::Client,
    receiver: &Receiver,
    bundle: &Bundle,
    now: Timestamp,
) -> Outcome {
    match &receiver.channel {
        Channel::Webhook(webhook) => {
            posted(client, webhook.compose(bundle, now), posting::Answer::by_status, now).await
        }
        Channel::Chat(chat) => match Telling::read(bundle, receiver) {
            Ok(telling) => {
                posted(client, chat.compose(&prose::of(&telling)), chat::judge, now).await
            }
            Err(reason) => Outcome::Unsendable { reason },
        },
        Channel::Alertmanager(cluster) => cluster.deliver(client, receiver, bundle, now).await,
        Channel::Template(template) => match template.compose(bundle, receiver) {
            Ok(posting) => posted(client, posting, posting::Answer::by_status, now).await,
            Err(reason) => Outcome::Unsendable { reason },
        },
        Channel::Program(program) => program.run(bundle).await,
        Channel::Mail(mail) => match Telling::read(bundle, receiver) {
            Ok(telling) => mail.send(&telling, now).await,
            Err(reason) => Outcome::Unsendable { reason },
        },
        Channel::Push(push) => match Telling::read(bundle, receiver) {
            Ok(telling) => {
                let posting = push.compose(&telling, &prose::of(&telling));
                posted(client, posting, posting::Answer::by_status, now).await
            }
            Err(reason) => Outcome::Unsendable { reason },
        },
        Channel::Pager(pager) => match Telling::read(bundle, receiver) {
            Ok(telling) => pager.deliver(client, &telling, now).await,
            Err(reason) => Outcome::Unsendable { reason },
        },
    }
}

/// Sends one request and judges its answer.
async fn posted(
    client: &reqwest::Client,
    posting: posting::Posting,
    judge: fn(&posting::Answer, Timestamp) -> Outcome,
    now: Timestamp,
) -> Outcome {
    match posting.send(client).await {
        Ok(answer) => judge(&answer, now),
        Err(outcome) => outcome,
    }
}

#[cfg(test)]
mod tests;
