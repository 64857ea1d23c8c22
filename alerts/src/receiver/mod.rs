//! Whom notifications go to, and one attempt to deliver one.
//!
//! Deliberately absent: when to try again (see [`crate::retry`]).

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::Notification;

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
}

/// How a receiver is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Channel {
    /// A webhook by the Standard Webhooks specification.
    Webhook(webhook::Webhook),
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

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delivered { status } => write!(f, "{status}"),
            Self::Answered { status, excerpt, .. } if excerpt.is_empty() => write!(f, "{status}"),
            Self::Answered { status, excerpt, .. } => write!(f, "{status}: {excerpt}"),
            Self::Lost { reason } | Self::Unsendable { reason } => f.write_str(reason),
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

/// Makes one attempt at one notification. `now` is the moment that is signed.
pub async fn deliver(
    client: &reqwest::Client,
    receiver: &Receiver,
    notification: &Notification,
    now: Timestamp,
) -> Outcome {
    match &receiver.channel {
        Channel::Webhook(webhook) => webhook.post(client, notification, now).await,
    }
}
